"""A class made anew without ``__dict__`` and ``__weakref__``, so that its wrappers carry no state."""

from __future__ import annotations

import types
from typing import Any, Iterable, TypeVar

from tieback import _core

C = TypeVar("C", bound=type)


def without_dict(cls: C, drop: Iterable[str] = (), weakref_slot: bool = False) -> C:
    """``cls`` again, with ``__slots__ = ()`` and without the attributes in ``drop``.

    A class whose body says what its ``__slots__`` are is returned as it is (less ``drop``).
    """
    if "__slots__" in cls.__dict__:
        for name in drop:
            if name in cls.__dict__:
                delattr(cls, name)
        return cls
    dropped = {"__dict__", "__weakref__", *drop}
    body = {name: value for name, value in cls.__dict__.items() if name not in dropped}
    body["__slots__"] = ("__weakref__",) if weakref_slot else ()
    body["__qualname__"] = cls.__qualname__
    new = None
    if len(cls.__bases__) == 1 and type(cls) is type and not weakref_slot:
        new = _plain(cls, body)
    if new is None:
        new = type(cls)(cls.__name__, cls.__bases__, body)
    _point_super_at(cls, new)
    return new  # type: ignore[return-value]


def _plain(cls: type, body: dict[str, Any]) -> type | None:
    """The class without a collector header, if its base allows that."""
    new = _core.make_class(cls.__bases__[0], f"{cls.__module__}.{cls.__name__}")
    if new is None:
        return None
    for name, value in body.items():
        # What a class statement would have made of these names.
        if name in ("__init_subclass__", "__class_getitem__"):
            if isinstance(value, types.FunctionType):
                value = classmethod(value)
        elif name == "__new__" and isinstance(value, types.FunctionType):
            value = staticmethod(value)
        setattr(new, name, value)
    for name, value in body.items():
        set_name = getattr(type(value), "__set_name__", None)
        if set_name is not None:
            set_name(value, new, name)
    return new


def _point_super_at(old: type, new: type) -> None:
    """``super()`` and ``__class__`` in the body's functions mean the new class."""
    for value in new.__dict__.values():
        for function in _functions(value):
            for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
                if name == "__class__":
                    try:
                        if cell.cell_contents is old:
                            cell.cell_contents = new
                    except ValueError:  # an empty cell
                        continue


def _functions(value: Any) -> Iterable[types.FunctionType]:
    if isinstance(value, types.FunctionType):
        yield value
        wrapped = getattr(value, "__wrapped__", None)
        if wrapped is not None:
            yield from _functions(wrapped)
    elif isinstance(value, (classmethod, staticmethod)):
        yield from _functions(value.__func__)
    elif isinstance(value, property):
        for accessor in (value.fget, value.fset, value.fdel):
            yield from _functions(accessor)
    elif hasattr(value, "func"):  # functools.cached_property and its kin
        yield from _functions(value.func)
