"""Pickle, copy and deepcopy: sharing is kept, and an object is rebuilt before its fields are read,
so that cycles through weak and other fields come out as they went in."""

from __future__ import annotations

import copy
from typing import Any

from tieback import _core
from tieback._core import Array, Dict, Function, List, Map, Object
from tieback._errors import Error

__all__: list[str] = []


def _native_fields(cls: type) -> list[str]:
    return getattr(cls, "__tieback_fields__", [])


def _slots(cls: type) -> list[str]:
    names: list[str] = []
    for base in cls.__mro__:
        slots = base.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__"):
                if name.startswith("__") and not name.endswith("__"):
                    name = f"_{base.__name__.lstrip('_')}{name}"
                names.append(name)
    return names


def _getstate(self: Object) -> dict[str, Any]:
    """The native fields that are set, and what a subclass keeps in ``__dict__`` and slots."""
    cls = type(self)
    self.__reduce_check__()
    state: dict[str, Any] = {}
    for name in (*_native_fields(cls), *_slots(cls)):
        try:
            state[name] = getattr(self, name)
        except AttributeError:
            continue
    state.update(getattr(self, "__dict__", {}))
    return state


def _setstate(self: Object, state: Any) -> None:
    """Fills an object that is being rebuilt; TypeError for any other."""
    if not _core.is_building(self):
        raise TypeError(
            f"this {type(self).__name__!r} is initialised already: __init__ and __setstate__ run "
            "once; make a new object instead"
        )
    if not isinstance(state, dict):
        raise TypeError(f"__setstate__ expects a dict of fields, got {type(state).__name__}")
    cls = type(self)
    own = {*_native_fields(cls), *_slots(cls)}
    for name, value in state.items():
        if name in own:
            # Not by way of a ``__setattr__`` of the class: nor is ``__init__`` called.
            object.__setattr__(self, name, value)
        elif hasattr(self, "__dict__"):
            self.__dict__[name] = value
        else:
            raise TypeError(f"{cls.__name__!r} has no field {name!r}: its layout has changed")
    _core.finish_building(self)


def _reduce_check(self: Object) -> None:
    self.same_as(self)  # raises what every use of an empty wrapper raises
    if not getattr(type(self), "__tieback_py_class__", False):
        raise TypeError(
            f"cannot pickle or copy {type(self).__name__!r} objects: their type is defined by "
            "native code, which gives no way to rebuild them"
        )


def _reduce_ex(self: Object, protocol: int) -> tuple[Any, ...]:
    reduce = type(self).__reduce__
    if reduce is not Object.__reduce__:
        return reduce(self)  # type: ignore[return-value]
    self.__reduce_check__()
    return _core.new_unfilled, (type(self),), self.__getstate__()


def _reduce(self: Object) -> tuple[Any, ...]:
    return _reduce_ex(self, 4)


def _same(self: Any) -> Any:
    """Immutable: a copy is the object itself."""
    self.same_as(self)  # raises if it was moved
    return self


def _same_deep(self: Any, memo: dict[int, Any]) -> Any:
    """As deep as it may go."""
    return _same(self)


def _deepcopy_array(self: Array, memo: dict[int, Any]) -> Array:
    items = [copy.deepcopy(item, memo) for item in self]
    # An element that leads back here has made the copy already.
    return memo[id(self)] if id(self) in memo else Array(items)


def _deepcopy_map(self: Map, memo: dict[int, Any]) -> Map:
    pairs = [copy.deepcopy(pair, memo) for pair in _core.map_read(self)]
    # As with an Array.
    return memo[id(self)] if id(self) in memo else Map(pairs)


def _reduce_list(self: Any) -> tuple[Any, ...]:
    """Made empty and then filled, so that one that contains itself comes out as it went in."""
    items = iter(_core.list_read(self)[0])
    return type(self), (), _own_state(self), items


def _reduce_dict(self: Any) -> tuple[Any, ...]:
    """As a List."""
    pairs = iter(_core.map_read(self))
    return type(self), (), _own_state(self), None, pairs


def _own_state(self: Any) -> dict[str, Any] | None:
    """What a subclass of Python's keeps besides."""
    return getattr(self, "__dict__", None) or None


def _set_own_state(self: Any, state: dict[str, Any]) -> None:
    self.__dict__.update(state)


Object.__getstate__ = _getstate  # type: ignore[attr-defined]
Object.__setstate__ = _setstate  # type: ignore[attr-defined]
Object.__reduce_check__ = _reduce_check  # type: ignore
Object.__reduce_ex__ = _reduce_ex  # type: ignore[assignment, method-assign]
Object.__reduce__ = _reduce  # type: ignore[assignment, method-assign]


def _reduce_array(self: Array) -> tuple[Any, ...]:
    return type(self), (list(self),)


def _reduce_error(self: Error) -> tuple[Any, ...]:
    return Error, (self.kind, self.message, self.traceback, self.cause)


Array.__reduce__ = _reduce_array  # type: ignore
Array.__reduce_ex__ = lambda self, protocol: self.__reduce__()  # type: ignore
Array.__copy__ = _same  # type: ignore
Array.__deepcopy__ = _deepcopy_array  # type: ignore

List.__reduce__ = _reduce_list  # type: ignore
List.__reduce_ex__ = lambda self, protocol: self.__reduce__()  # type: ignore
List.__setstate__ = _set_own_state  # type: ignore[attr-defined]
List.__copy__ = lambda self: self.copy()  # type: ignore

Map.__reduce__ = lambda self: (Map, (_core.map_read(self),))  # type: ignore
Map.__reduce_ex__ = lambda self, protocol: self.__reduce__()  # type: ignore
Map.__copy__ = _same  # type: ignore
Map.__deepcopy__ = _deepcopy_map  # type: ignore

Dict.__reduce__ = _reduce_dict  # type: ignore
Dict.__reduce_ex__ = lambda self, protocol: self.__reduce__()  # type: ignore
Dict.__setstate__ = _set_own_state  # type: ignore[attr-defined]
Dict.__copy__ = lambda self: self.copy()  # type: ignore

Function.__copy__ = _same  # type: ignore
Function.__deepcopy__ = _same_deep  # type: ignore


def _reduce_function(self: Function, protocol: int) -> Any:
    self.same_as(self)  # raises if it was moved
    raise TypeError("cannot pickle 'Function' objects: look global functions up by name instead")


Function.__reduce_ex__ = _reduce_function  # type: ignore

Error.__copy__ = _same  # type: ignore
Error.__deepcopy__ = _same_deep  # type: ignore
Error.__reduce__ = _reduce_error  # type: ignore
Error.__reduce_ex__ = lambda self, protocol: self.__reduce__()  # type: ignore
