"""Containers that change while they are iterated, sorted, or looked into."""

from __future__ import annotations

import gc
import math
import operator
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from interpreter import FREE
import tieback
from tieback import Array, Dict, List, Map
from test_containers import Node
from tie_support import lib


@pytest.mark.parametrize(
    ("make", "changes", "harmless"),
    [
        (
            lambda: List([1, 2, 3]),
            [lambda it: it.append(1), lambda it: it.pop(), lambda it: it.reverse(),
             lambda it: it.clear(), lambda it: it.insert(0, 1)],
            lambda it: operator.setitem(it, 2, 9),
        ),
        (
            lambda: Dict({1: 1, 2: 2, 3: 3}),
            [lambda it: operator.setitem(it, 9, 1), lambda it: it.pop(3), lambda it: it.popitem(),
             lambda it: it.clear(), lambda it: operator.delitem(it, 1)],
            lambda it: operator.setitem(it, 3, 9),
        ),
    ],
    ids=["List", "Dict"],
)  # fmt: skip
def test_iterating_while_mutating_raises(make: Any, changes: Any, harmless: Any) -> None:
    def over(it: Any) -> list[Any]:
        views = [] if isinstance(it, List) else [it.keys(), it.values(), it.items()]
        return [it, *views]

    for n in range(len(over(make()))):
        for change in changes:
            for begin in (iter, reversed):
                it = make()
                iterator = begin(over(it)[n])
                next(iterator)
                change(it)
                with pytest.raises(RuntimeError, match="changed while it was iterated"):
                    next(iterator)
                    next(iterator)
        it = make()
        for _ in over(it)[n]:
            harmless(it)
        iterator = iter(over(it)[n])
        assert operator.length_hint(iterator) == 3
        assert len([*iterator]) == 3 and [*iterator] == []
        assert operator.length_hint(iterator) == 0


@pytest.mark.parametrize("begin", [iter, reversed])
@pytest.mark.parametrize("make", [lambda: List([1]), lambda: Dict({1: 1})], ids=["List", "Dict"])
def test_what_comes_behind_the_last_entry_is_not_passed_over(make: Any, begin: Any) -> None:
    def add(it: Any) -> None:
        it.append(2) if isinstance(it, List) else it.update({2: 2})

    it = make()
    seen = []
    with pytest.raises(RuntimeError, match="changed while it was iterated"):
        for entry in begin(it):
            seen.append(entry)
            add(it)
    assert seen == [1] and len(it) == 2
    it = make()
    through = begin(it)
    assert [*through] == [1]
    add(it)
    assert [*through] == []  # it is through for good


def test_an_iterator_keeps_what_it_iterates() -> None:
    iterator = iter(List([Node(1), Node(2)]))
    assert [node.v for node in iterator] == [1, 2]
    items = iter(Dict({"a": Node(3)}).items())
    ((key, node),) = items
    assert (key, node.v) == ("a", 3)


class Kept:
    """Holds whatever it is given, and can be referred to weakly."""

    def __init__(self, to: Any = None) -> None:
        self.to = to


MAKERS: list[Callable[[Any], Any]] = [
    lambda value: List([value]),
    lambda value: Array([value]),
    lambda value: Dict(a=value),
    lambda value: Map(a=value),
    lambda value: Dict(a=value).keys(),
    lambda value: Dict(a=value).values(),
    lambda value: Map(a=value).items(),
]
ITERATORS: dict[str, Callable[[Any], Iterator[Any]]] = {
    "iter": iter,
    "reversed": reversed,
    "zip": lambda it: zip(it, it),
    "enumerate": enumerate,
    "map": lambda it: map(str, it),
    "generator": lambda it: (item for item in it),
}


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("begin", ITERATORS.values(), ids=ITERATORS)
def test_a_cycle_through_an_iterator_is_collected(begin: Any, make: Any, begun: bool) -> None:
    gc.collect()
    before = tieback.stats()
    middle = Kept()
    middle.to = begin(make(middle))
    if begun:
        next(middle.to)
    gone = weakref.ref(middle)
    del middle
    gc.collect()
    assert gone() is None
    assert tieback.stats() == before


def test_an_iterator_in_its_own_container_is_collected() -> None:
    gc.collect()
    before = tieback.stats()
    for begin in ITERATORS.values():
        items: Any = List([1])
        items.append(begin(items))
        map: Any = Dict(a=1)
        for n, view in enumerate((map, map.keys(), map.values(), map.items())):
            map[f"{n}"] = begin(view)
        del items, map, view
    gc.collect()
    assert tieback.stats() == before


def test_what_an_iterator_holds_is_not_collected() -> None:
    items: Any = List([Kept(), None])
    items[1] = iter(items)
    there, iterator = weakref.ref(items[0]), items[1]
    del items
    gc.collect()
    assert next(iterator) is there() and next(iterator) is iterator
    assert next(iterator, None) is None


@pytest.mark.skipif(
    FREE,
    reason="without a GIL an iterator keeps its container, as those of Python's do",
)
@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("begin", [iter, reversed])
def test_an_iterator_that_is_through_lets_go(begin: Any, make: Any) -> None:
    value = Kept()
    over, gone = make(value), weakref.ref(value)
    iterator = begin(over)
    del over, value
    assert next(iterator, None) is not None and gone() is not None
    assert next(iterator, None) is None and gone() is None
    assert next(iterator, None) is None
    assert operator.length_hint(iterator) == 0


@pytest.mark.parametrize("make", MAKERS)
def test_moved_while_it_is_iterated(make: Any) -> None:
    over = make(1)
    iterator = iter(over)
    moved = getattr(over, "_mapping", over)
    lib.swallow(moved._move())
    with pytest.raises(ValueError, match="was moved"):
        next(iterator)


def test_a_deep_chain_of_iterators_is_freed() -> None:
    chain: Any = List()
    for _ in range(100_000):
        chain = List([iter(chain)])
    del chain
    gc.collect()


def test_sorting_what_changes_meanwhile() -> None:
    it = List([3, 1, 2])

    def key(value: int) -> int:
        it.append(0)
        return value

    with pytest.raises(ValueError, match="changed while it was sorted"):
        it.sort(key=key)
    assert sorted(it) == [0, 0, 0, 1, 2, 3]
    with pytest.raises(TypeError):
        List([1, "a"]).sort()


class Meddler:
    """Changes a container when it is compared or dropped."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.work = work

    def __eq__(self, other: object) -> bool:
        self.work()
        return False

    __hash__ = object.__hash__

    def __del__(self) -> None:
        self.work()


def test_code_that_runs_in_the_middle() -> None:
    it, map = List(), Dict()
    for _ in range(3):
        it[:] = [1, Meddler(lambda: it.clear()), 3]
        assert 7 not in it and it.count(7) == 0
        it.append(Meddler(lambda: it.append(5)))
        it[len(it) - 1] = 0
        it.clear()
        map["a"] = Meddler(lambda: map.update(b=1))
        map["a"] = 1
        map["c"] = Meddler(map.clear)
        assert map != {"c": 1, "d": 2}
        map.clear()
        it.clear()


class Meddles:
    """Equals nothing, and changes the list that it is looked for in."""

    def __init__(self, change: Callable[[Any], Any]) -> None:
        self.change, self.within, self.asked = change, [], 0

    def __eq__(self, other: object) -> bool:
        self.asked += 1
        self.change(self.within)
        return False


MEDDLING: list[Callable[[Any], Any]] = [
    lambda items: items.clear(),
    lambda items: items.pop() if items else None,
    lambda items: items.pop(0) if items else None,
    lambda items: items.append(1) if len(items) < 9 else None,
    lambda items: items.insert(0, 1) if len(items) < 9 else None,
    lambda items: items.__setitem__(slice(None), [7]),
]
LOOKING: list[Callable[[Any, Any], Any]] = [
    lambda items, sought: sought in items,
    lambda items, sought: items.count(sought),
    lambda items, sought: items.index(sought),
    lambda items, sought: items.index(sought, -3, -1),
]


@pytest.mark.parametrize("look", LOOKING)
@pytest.mark.parametrize("change", MEDDLING)
def test_looking_for_what_changes_the_list(
    look: Callable[[Any, Any], Any], change: Callable[[Any], Any]
) -> None:
    """As in a ``list``: each item in its turn, as it is then."""

    def come(kind: Any) -> tuple[Any, int, list[Any]]:
        sought = Meddles(change)
        sought.within = items = kind([1, 2, 3, 4, 5])
        try:
            answer = look(items, sought)
        except ValueError:
            answer = ValueError
        sought.within = []
        return answer, sought.asked, [*items]

    assert come(List) == come(list)


@pytest.mark.parametrize("look", LOOKING[:2])
def test_looking_shows_one_item_at_a_time(look: Callable[[Any, Any], Any]) -> None:
    points = List([lib.point(at, 0) for at in range(100)])
    sought = Meddles(lambda seen: seen.append(tieback.stats()["wrappers"]))
    before = tieback.stats()["wrappers"]
    assert not look(points, sought)
    assert len(sought.within) == 100 and max(sought.within) <= before + 2


def test_where_things_are() -> None:
    nan = float("nan")
    for kind in (List, Array):
        items = kind([1, "a", 2.0, nan, None, 1])
        assert [items.index(each) for each in (1, "a", 2, nan, None)] == [0, 1, 2, 3, 4]
        assert [items.count(each) for each in (1, 2, float("nan"), "b")] == [2, 1, 1, 0]
        assert items.index(1, 1) == items.index(1, -1) == items.index(1, 1, 99) == 5
        assert nan in items and 2 in items and "b" not in items and math.inf not in items
        for places in ((1, 5), (6,), (-5, -1), (0, 0), (3, 1)):
            with pytest.raises(ValueError, match="^1 is not in the (List|Array)$"):
                items.index(1, *places)
