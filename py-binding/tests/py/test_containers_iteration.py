"""Containers that change while they are iterated, sorted, or looked into."""

from __future__ import annotations

import operator
from typing import Any, Callable

import pytest

from tieback import Dict, List
from test_containers import Node


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


def test_an_iterator_keeps_what_it_iterates() -> None:
    iterator = iter(List([Node(1), Node(2)]))
    assert [node.v for node in iterator] == [1, 2]
    items = iter(Dict({"a": Node(3)}).items())
    ((key, node),) = items
    assert (key, node.v) == ("a", 3)


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
