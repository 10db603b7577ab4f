"""The methods by which a ``py_class`` is shown, compared and hashed: the library's, but for what native objects ask."""

from __future__ import annotations

import reprlib
from typing import Any, Callable

from tieback._containers import to_hash
from tieback._core import Object


def put_on(cls: type, method: Any) -> None:
    """Puts a generated method on its class, named as if the body had defined it."""
    method.__qualname__ = f"{cls.__qualname__}.{method.__name__}"
    method.__module__ = cls.__module__
    setattr(cls, method.__name__, method)


def repr_of(names: list[str]) -> Callable[[Any], str]:
    """The library's repr; it also answers for objects that are empty or not filled yet."""

    @reprlib.recursive_repr()
    def __repr__(self: Any) -> str:
        if not self.__chandle__():
            return Object.__repr__(self)
        parts = []
        for name in names:
            try:
                value = getattr(self, name)
            except AttributeError:
                parts.append(f"{name}=<not set>")
            else:
                parts.append(f"{name}={value!r}")
        return f"{type(self).__qualname__}({', '.join(parts)})"

    return __repr__


def hash_of(names: list[str]) -> Callable[[Any], int]:
    """The library's hash, but that it is the same each time where a field is NaN."""

    def __hash__(self: Any) -> int:
        return hash(tuple([to_hash(getattr(self, name)) for name in names]))

    return __hash__


def eq_of(compare: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """An object equals itself, whatever is in it, as in the library from Python 3.13 on; but for a
    moved-from one, which the library would call equal."""

    def __eq__(self: Any, other: Any) -> Any:
        if self is other:
            return self.same_as(other)  # a moved-from object says so
        return compare(self, other)

    return __eq__
