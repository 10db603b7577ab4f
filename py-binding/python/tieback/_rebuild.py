"""A class made anew without ``__dict__`` and ``__weakref__``, so that its wrappers carry no state."""

from __future__ import annotations

import inspect
import types
from typing import Any, Iterable, Iterator, TypeVar

from tieback import _core

C = TypeVar("C", bound=type)


def without_dict(
    cls: C, drop: Iterable[str] = (), weakref_slot: bool = False, reaches_python: bool = True
) -> C:
    """``cls`` again, with ``__slots__ = ()`` and without the attributes in ``drop``.

    A class whose body says what its ``__slots__`` are is returned as it is (less ``drop``).
    """
    has_slot = cls.__base__ is not None and cls.__base__.__weakrefoffset__ != 0
    if "__slots__" in cls.__dict__:
        if weakref_slot and not cls.__weakrefoffset__:
            raise TypeError(
                f"{cls.__name__}: weakref_slot=True needs '__weakref__' in the __slots__ that the "
                "class defines"
            )
        for name in drop:
            if name in cls.__dict__:
                delattr(cls, name)
        return cls
    dropped = {"__dict__", "__weakref__", *drop}
    body = {name: value for name, value in cls.__dict__.items() if name not in dropped}
    weakref_slot = weakref_slot and not has_slot
    body["__slots__"] = ("__weakref__",) if weakref_slot else ()
    body["__qualname__"] = cls.__qualname__
    new = None
    if len(cls.__bases__) == 1 and type(cls) is type and not weakref_slot:
        new = _plain(cls, body, reaches_python)
    if new is None:
        new = type(cls)(cls.__name__, cls.__bases__, body)
    _point_super_at(cls, new)
    return new  # type: ignore[return-value]


def _plain(cls: type, body: dict[str, Any], reaches_python: bool) -> type | None:
    """The class with the tie's own teardown, if its base allows that; without a collector header unless its
    objects can reach Python objects, or its wrappers live as long as those."""
    name = f"{cls.__module__}.{cls.__name__}"
    new = _core.make_class(cls.__bases__[0], name, reaches_python or "__del__" in body)
    if new is None:
        return None
    new.__name__ = cls.__name__  # without the module, in the interpreter's messages too
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
    # As a class statement would; and as with ``dataclass(slots=True)``, without its arguments.
    make: Any = new
    super(make, make).__init_subclass__()
    return new


def _point_super_at(old: type, new: type) -> None:
    """``super()`` and ``__class__`` in the body's functions mean the new class."""
    seen: set[int] = set()
    for value in list(new.__dict__.values()):
        for function in _functions(value, seen):
            for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
                if name == "__class__":
                    try:
                        if cell.cell_contents is old:
                            cell.cell_contents = new
                    except ValueError:  # an empty cell
                        continue


_WITHIN = ("__func__", "__wrapped__", "func", "fget", "fset", "fdel")


def _functions(value: Any, seen: set[int]) -> Iterator[types.FunctionType]:
    """The functions in an attribute: under decorators, in properties, in closures."""
    if id(value) in seen or isinstance(value, (type, types.ModuleType)):
        return
    seen.add(id(value))
    if isinstance(value, types.FunctionType):
        yield value
        for cell in value.__closure__ or ():
            try:
                content = cell.cell_contents
            except ValueError:  # an empty cell
                continue
            if callable(content):
                yield from _functions(content, seen)
    for name in _WITHIN:
        # Asked statically first: a value may answer to every name.
        if inspect.getattr_static(value, name, None) is not None:
            yield from _functions(getattr(value, name), seen)
