"""What ``Array``, ``List``, ``Map`` and ``Dict`` are besides their slots: ``collections.abc`` in full.

Native sequences compare item by item with each other, with lists and with tuples; native maps with
each other and with dicts, whatever the order.
"""

from __future__ import annotations

import collections.abc
import operator
import reprlib
import sys
import types
from typing import Any, Callable, ClassVar, Iterable, Iterator

from tieback import _core
from tieback._core import Array, Dict, List, Map

__all__: list[str] = []

_END = (1 << 63) - 1
_MISSING = object()
_KEYS, _VALUES, _ITEMS = range(3)


def _methods(*classes: type) -> Callable[[type], None]:
    """Gives each of the classes what the decorated class's body defines."""

    def give(body: type) -> None:
        for name, value in body.__dict__.items():
            if name not in ("__module__", "__dict__", "__weakref__", "__doc__", "__qualname__",
                            "__firstlineno__", "__static_attributes__"):  # fmt: skip
                for cls in classes:
                    own = value
                    if isinstance(value, types.FunctionType):
                        own = types.FunctionType(
                            value.__code__, value.__globals__, name, value.__defaults__,
                            value.__closure__,
                        )  # fmt: skip
                        own.__kwdefaults__ = value.__kwdefaults__
                        own.__doc__ = value.__doc__
                        own.__qualname__ = f"{cls.__name__}.{name}"
                    setattr(cls, name, own)

    return give


def _values(sequence: Any) -> list[Any]:
    """The items at one moment; of one of ours those that are in it, whatever a subclass's ``__iter__`` gives."""
    if isinstance(sequence, List):
        return _core.list_read(sequence)[0]
    return list(_core.iterate_items(sequence, False) if isinstance(sequence, Array) else sequence)


def _places(sequence: Any, value: object, start: int = 0, stop: int = _END) -> Iterator[int]:
    """Where a value is, as a ``list`` looks for it: nothing is copied, and each item is looked at in its turn."""
    while (at := _core.sequence_find(sequence, value, start, stop)) >= 0:
        yield at
        start = at + 1


def _same(a: object, b: object) -> bool:
    return a is b or a == b


def _found(item: object, value: object) -> bool:
    """Whether an item is the value that is looked for. A NaN in a ``list`` is found by its identity; a
    native one has none, and is found by any NaN, as it is among keys."""
    if item is value or item == value:
        return True
    return type(item) is float and isinstance(value, float) and item != item and value != value


_NAN = float("nan")


def to_hash(value: object) -> object:
    """What stands for a value in the hash of what holds it: for any NaN the same one, because Python hashes a NaN by
    its identity, and a native one comes out as another float each time."""
    return _NAN if type(value) is float and value != value else value


def _index(index: Any) -> int:
    """An index as ``list`` takes it: OverflowError beyond 64 bits."""
    index = operator.index(index)
    if not -sys.maxsize - 1 <= index <= sys.maxsize:
        raise OverflowError("Python int too large to convert to an index of 64 bits")
    return _cut(index)


@_methods(Array, List)
class _Sequence:
    def __iter__(self: Any) -> Iterator[Any]:
        return _core.iterate_items(self, False)

    def __reversed__(self: Any) -> Iterator[Any]:
        return _core.iterate_items(self, True)

    def __eq__(self: Any, other: Any) -> Any:
        if self is other:
            return len(self) >= 0  # asked, because a moved-from one has no length
        if isinstance(other, (Array, List, list, tuple)):
            if len(self) != len(other):
                return False
            items, others = _values(self), _values(other)
            return len(items) == len(others) and all(map(_same, items, others))
        self.same_as(other)  # raises if this one was moved
        return NotImplemented

    def __lt__(self: Any, other: object) -> Any:
        return _order(operator.lt, self, other)

    def __le__(self: Any, other: object) -> Any:
        return _order(operator.le, self, other)

    def __gt__(self: Any, other: object) -> Any:
        return _order(operator.gt, self, other)

    def __ge__(self: Any, other: object) -> Any:
        return _order(operator.ge, self, other)

    def __contains__(self: Any, value: object) -> bool:
        return next(_places(self, value), None) is not None

    def count(self: Any, value: object) -> int:
        """How many items equal the value."""
        return sum(1 for _ in _places(self, value))

    def index(self: Any, value: object, start: int = 0, stop: int | None = None) -> int:
        """The first index of the value."""
        first, end, _ = slice(start, stop).indices(len(self))
        for place in _places(self, value, first, _END if stop is None else end):
            return place
        raise ValueError(f"{value!r} is not in the {type(self).__name__}")

    def __add__(self: Any, other: object) -> Any:
        if isinstance(other, (Array, List, list, tuple)):
            return _kind(self)([*_values(self), *_values(other)])
        return NotImplemented

    def __radd__(self: Any, other: object) -> Any:
        if isinstance(other, (list, tuple)):
            return _kind(self)([*other, *_values(self)])
        return NotImplemented

    def __mul__(self: Any, times: object) -> Any:
        if not hasattr(times, "__index__"):
            if isinstance(times, collections.abc.Sequence):
                # Those would say that it is the container that is no int.
                name, got = type(self).__name__, type(times).__name__
                raise TypeError(f"can't multiply a {name} by non-int of type {got!r}")
            return NotImplemented
        return _kind(self)(_values(self) * operator.index(times))

    __rmul__ = __mul__


def _kind(sequence: Any) -> Any:
    """The native class, without what Python derived from it."""
    return List if isinstance(sequence, List) else Array


def _order(compare: Callable[[Any, Any], bool], self: Any, other: object) -> Any:
    if isinstance(other, (Array, List, list, tuple)):
        return compare(_values(self), _values(other))
    return NotImplemented


def _repr_sequence(self: Any) -> str:
    name = type(self).__name__
    if not self.__chandle__():
        return f"<{name} (moved)>"
    return f"{name}([{', '.join(map(repr, _values(self)))}])"


@_methods(Array)
class _Array:
    __repr__ = reprlib.recursive_repr("Array([...])")(_repr_sequence)

    def __hash__(self: Any) -> int:
        return hash(tuple(map(to_hash, _values(self))))  # as the tuple that it equals


@_methods(List)
class _List:
    __hash__: ClassVar[None] = None  # type: ignore[assignment]
    __repr__ = reprlib.recursive_repr("List([...])")(_repr_sequence)

    def insert(self: Any, index: int, value: Any) -> None:
        """Puts a value in front of the one at ``index``."""
        index = _index(index)
        _core.list_splice(self, index, index, (value,))

    def extend(self: Any, values: Iterable[Any]) -> None:
        """Puts values at the end, all in one step."""
        _core.list_splice(self, _END, _END, values)

    def __iadd__(self: Any, values: Iterable[Any]) -> Any:
        _core.list_splice(self, _END, _END, values)
        return self

    def __imul__(self: Any, times: Any) -> Any:
        if not hasattr(times, "__index__"):
            return NotImplemented  # it is the turn of ``*``, and of what ``times`` makes of it
        times = operator.index(times)
        _pick(self, lambda items: [*range(len(items))] * times)
        return self

    def clear(self: Any) -> None:
        """Takes all values out."""
        _core.list_splice(self, 0, _END, ())

    def remove(self: Any, value: Any) -> None:
        """Takes the first value out that equals ``value``."""

        def without(items: list[Any]) -> list[int]:
            for index, item in enumerate(items):
                if _found(item, value):
                    return [*range(index), *range(index + 1, len(items))]
            raise ValueError(f"{value!r} is not in the List")

        _pick(self, without)

    def reverse(self: Any) -> None:
        """Turns the order round."""
        _pick(self, lambda items: [*range(len(items))][::-1])

    def sort(self: Any, *, key: Callable[[Any], Any] | None = None, reverse: bool = False) -> None:
        """Sorts in place; equal items keep their order."""
        items, version = _core.list_read(self)
        keys = items if key is None else [key(item) for item in items]
        order = sorted(range(len(keys)), key=keys.__getitem__, reverse=reverse)
        if not _core.list_pick(self, order, version):
            raise ValueError("List changed while it was sorted")

    def copy(self: Any) -> Any:
        """A new List of the same values."""
        return List.__getitem__(self, slice(None))


def _cut(index: int) -> int:
    """An index as the core takes it: not beyond its integers."""
    return max(min(index, _END), -_END)


def _pick(self: Any, order: Callable[[list[Any]], list[int]]) -> None:
    """Rearranges a List, again if another thread has changed it meanwhile."""
    while True:
        items, version = _core.list_read(self)
        if _core.list_pick(self, order(items), version):
            return


class _View:
    """What the three views share; with what ``collections.abc`` says they are."""

    __slots__ = ()
    _what: ClassVar[int]
    _mapping: Any

    def __iter__(self) -> Iterator[Any]:
        return _core.iterate_map(self._mapping, self._what, False)

    def __reversed__(self) -> Iterator[Any]:
        return _core.iterate_map(self._mapping, self._what, True)

    @property
    def mapping(self) -> types.MappingProxyType[Any, Any]:
        """The map itself, to read."""
        return types.MappingProxyType(self._mapping)

    def __repr__(self) -> str:
        name = ("keys", "values", "items")[self._what]
        return f"{type(self._mapping).__name__}.{name}({list(self)!r})"


class KeysView(_View, collections.abc.KeysView):  # type: ignore[type-arg]
    """The keys of a Map or Dict, as a set."""

    __slots__ = ()
    _what = _KEYS


class ValuesView(_View, collections.abc.ValuesView):  # type: ignore[type-arg]
    """The values of a Map or Dict."""

    __slots__ = ()
    _what = _VALUES

    def __contains__(self, value: object) -> bool:
        return any(_found(there, value) for there in self)


class ItemsView(_View, collections.abc.ItemsView):  # type: ignore[type-arg]
    """The pairs of a Map or Dict, as a set."""

    __slots__ = ()
    _what = _ITEMS

    def __contains__(self, item: object) -> bool:
        if not (isinstance(item, tuple) and len(item) == 2):
            return False  # no pair of a map's
        key, value = item
        mapping = self._mapping
        # The map's own look-up, as a dict's view has it: no ``__missing__`` makes a value.
        there = (Dict if isinstance(mapping, Dict) else Map).get(mapping, key, _MISSING)
        return there is not _MISSING and _found(there, value)


@_methods(Map, Dict)
class _Mapping:
    def __iter__(self: Any) -> Iterator[Any]:
        return _core.iterate_map(self, _KEYS, False)

    def __reversed__(self: Any) -> Iterator[Any]:
        return _core.iterate_map(self, _KEYS, True)

    def keys(self: Any) -> KeysView:
        """The keys, as a set that follows the map."""
        len(self)  # raises if it was moved
        return KeysView(self)

    def values(self: Any) -> ValuesView:
        """The values, as a collection that follows the map."""
        len(self)
        return ValuesView(self)

    def items(self: Any) -> ItemsView:
        """The pairs, as a set that follows the map."""
        len(self)
        return ItemsView(self)

    def __eq__(self: Any, other: Any) -> Any:
        if self is other:
            return len(self) >= 0
        if isinstance(other, (Map, Dict, dict)):
            if len(self) != len(other):
                return False
            for key, value in _core.map_read(self):
                try:
                    there = other.get(key, _MISSING)
                except TypeError:
                    if is_hashable(key):
                        raise  # what some key's own ``__eq__`` says
                    return False  # a dict cannot have it
                if there is _MISSING or not (there is value or there == value):
                    return False
            return True
        self.same_as(other)
        return NotImplemented

    def __or__(self: Any, other: object) -> Any:
        if not isinstance(other, (Map, Dict, dict)):
            return NotImplemented
        return _joined(Dict if isinstance(self, Dict) else Map, self, other)

    def __ror__(self: Any, other: object) -> Any:
        if not isinstance(other, dict):
            return NotImplemented
        return _joined(Dict if isinstance(self, Dict) else Map, other, self)


def is_hashable(key: object) -> bool:
    """Whether a dict can have it as a key."""
    try:
        hash(key)
    except TypeError:
        return False
    return True


def _joined(cls: Any, first: Any, second: Any) -> Any:
    both = Dict(first)
    _core.dict_update(both, second)
    return both if cls is Dict else cls(both)


def _repr_map(self: Any) -> str:
    name = type(self).__name__
    if not self.__chandle__():
        return f"<{name} (moved)>"
    pairs = [f"{key!r}: {value!r}" for key, value in _core.map_read(self)]
    return f"{name}({{{', '.join(pairs)}}})"


@_methods(Map)
class _Map:
    __repr__ = reprlib.recursive_repr("Map({...})")(_repr_map)

    def __hash__(self: Any) -> int:
        pairs = [(to_hash(key), to_hash(value)) for key, value in _core.map_read(self)]
        return hash(("tieback.Map", frozenset(pairs)))


@_methods(Dict)
class _Dict:
    __hash__: ClassVar[None] = None  # type: ignore[assignment]
    __repr__ = reprlib.recursive_repr("Dict({...})")(_repr_map)

    def pop(self: Any, key: Any, default: Any = _MISSING, /) -> Any:
        """Takes a key's value out and returns it; without the key the default, or KeyError."""
        value = _core.dict_pop(self, key, default)
        if value is _MISSING:
            raise KeyError(key)
        return value

    def popitem(self: Any) -> tuple[Any, Any]:
        """Takes the last pair out."""
        pair = _core.dict_popitem(self)
        if pair is None:
            raise KeyError("popitem(): the Dict is empty")
        return pair

    def setdefault(self: Any, key: Any, default: Any = None, /) -> Any:
        """The value of a key; if there is none, the default is put there."""
        return _core.dict_setdefault(self, key, default)

    def update(self: Any, other: Any = (), /, **kwargs: Any) -> None:
        """Puts in all pairs of a mapping or an iterable of pairs."""
        _core.dict_update(self, other)
        if kwargs:
            _core.dict_update(self, kwargs)

    def __ior__(self: Any, other: Any) -> Any:
        _core.dict_update(self, other)
        return self

    def clear(self: Any) -> None:
        """Takes all pairs out."""
        _core.dict_clear(self)

    def copy(self: Any) -> Any:
        """A new Dict of the same pairs."""
        return Dict(self)


def _fromkeys(cls: Any, keys: Iterable[Any], value: Any = None) -> Any:
    """A new one with the keys, all of them with the same value."""
    if cls in (Map, Dict) or not issubclass(cls, Dict):
        return cls([(key, value) for key in keys])
    new = cls()  # what a subclass makes of it, and then as a dict's: item by item
    for key in keys:
        new[key] = value
    return new


_give_each: list[type] = [Array, List, Map, Dict]
for _cls in _give_each:
    if _cls in (Map, Dict):
        setattr(_cls, "fromkeys", classmethod(_fromkeys))
    setattr(_cls, "__class_getitem__", classmethod(types.GenericAlias))

collections.abc.Sequence.register(Array)
collections.abc.MutableSequence.register(List)
collections.abc.Mapping.register(Map)
collections.abc.MutableMapping.register(Dict)
