"""``asdict`` and ``astuple``: as the library's, into native containers too."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, overload

from tieback._core import Object

T = TypeVar("T")


@overload
def asdict(obj: Any) -> dict[str, Any]: ...
@overload
def asdict(obj: Any, *, dict_factory: Callable[[list[tuple[str, Any]]], T]) -> T: ...


def asdict(obj: Any, *, dict_factory: Callable[[list[tuple[str, Any]]], Any] = dict) -> Any:
    """The fields as a dict, those of objects in them too; native containers become Python's."""
    return _fields(obj, "asdict", dict_factory)


@overload
def astuple(obj: Any) -> tuple[Any, ...]: ...
@overload
def astuple(obj: Any, *, tuple_factory: Callable[[list[Any]], T]) -> T: ...


def astuple(obj: Any, *, tuple_factory: Callable[[list[Any]], Any] = tuple) -> Any:
    """The values of the fields, those of objects in them too; native containers become Python's."""
    return _fields(obj, "astuple", lambda pairs: tuple_factory([value for _, value in pairs]))


def _fields(obj: Any, name: str, factory: Callable[[list[tuple[str, Any]]], Any]) -> Any:
    if isinstance(obj, type) or not dataclasses.is_dataclass(obj):
        raise TypeError(f"{name}() should be called on dataclass instances")
    return _plain(obj, factory)


def _plain(
    value: Any, factory: Callable[[list[tuple[str, Any]]], Any], is_key: bool = False
) -> Any:
    """``is_key``: a dict must be able to hash what comes out."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return factory([(f.name, _plain(getattr(value, f.name), factory)) for f in fields])
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*[_plain(item, factory, is_key) for item in value])
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(item, factory, is_key) for item in value)
    if isinstance(value, Object) and isinstance(value, Sequence):
        items = [_plain(item, factory, is_key) for item in value]
        return tuple(items) if is_key else items
    if isinstance(value, dict):
        pairs = [(_plain(key, factory, True), _plain(item, factory)) for key, item in value.items()]
        if hasattr(value, "default_factory"):
            made = type(value)(value.default_factory)
            made.update(pairs)
            return made
        return type(value)(pairs)
    if isinstance(value, Object) and isinstance(value, Mapping) and not is_key:
        return {_plain(key, factory, True): _plain(item, factory) for key, item in value.items()}
    return copy.deepcopy(value)
