"""What ``Array`` is besides its slots: a ``collections.abc.Sequence``."""

from __future__ import annotations

import collections.abc
import reprlib
import types
from typing import Any, Iterator

from tieback._core import Array

__all__: list[str] = []


def _iter(self: Array) -> Iterator[Any]:
    for index in range(len(self)):
        yield self[index]


def _reversed(self: Array) -> Iterator[Any]:
    for index in range(len(self) - 1, -1, -1):
        yield self[index]


def _eq(self: Array, other: object) -> Any:
    if self is other:
        return len(self) >= 0  # asked, because a moved-from one has no length
    if isinstance(other, (Array, list, tuple)):
        return len(self) == len(other) and all(a is b or a == b for a, b in zip(self, other))
    self.same_as(other)  # raises if this one was moved
    return NotImplemented


def _hash(self: Array) -> int:
    return hash(("tieback.Array", *self))


def _contains(self: Array, value: object) -> bool:
    return any(item is value or item == value for item in self)


def _count(self: Array, value: object) -> int:
    """How many items equal the value."""
    return sum(1 for item in self if item is value or item == value)


def _index(self: Array, value: object, start: int = 0, stop: int | None = None) -> int:
    """The first index of the value."""
    for index in range(*slice(start, stop).indices(len(self))):
        item = self[index]
        if item is value or item == value:
            return index
    raise ValueError(f"{value!r} is not in the Array")


def _add(self: Array, other: object) -> Any:
    if isinstance(other, (Array, list, tuple)):
        return Array([*self, *other])
    return NotImplemented


def _radd(self: Array, other: object) -> Any:
    if isinstance(other, (list, tuple)):
        return Array([*other, *self])
    return NotImplemented


@reprlib.recursive_repr("Array([...])")
def _repr(self: Array) -> str:
    if not self.__chandle__():
        return "<Array (moved)>"
    return f"Array([{', '.join(map(repr, self))}])"


Array.__iter__ = _iter  # type: ignore[method-assign]
Array.__reversed__ = _reversed  # type: ignore[method-assign]
Array.__eq__ = _eq  # type: ignore[method-assign, assignment]
Array.__hash__ = _hash  # type: ignore[method-assign]
Array.__contains__ = _contains  # type: ignore[method-assign]
Array.__add__ = _add  # type: ignore[attr-defined]
Array.__radd__ = _radd  # type: ignore[attr-defined]
Array.__repr__ = _repr  # type: ignore[method-assign]
Array.count = _count  # type: ignore[method-assign]
Array.index = _index  # type: ignore[method-assign, assignment]
Array.__class_getitem__ = classmethod(types.GenericAlias)  # type: ignore[attr-defined]
collections.abc.Sequence.register(Array)
