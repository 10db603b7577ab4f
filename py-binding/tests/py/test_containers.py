"""List, Map, Dict and Array: ``collections.abc`` in full, next to Python's own."""

from __future__ import annotations

import collections.abc
import copy
import math
import operator
import pickle
import random
from typing import Any, Callable

import pytest

import libraries
from tieback import Array, Dict, List, Map, Object
from tieback.dataclasses import py_class
from tieback.testing import use_count

lib = libraries.load("test_library")


@py_class(eq=False)
class Node(Object):
    v: int


class Plain:
    pass


SEQUENCES = [Array, List]
MAPS = [Map, Dict]


def outcome(work: Callable[[], Any]) -> Any:
    """What it answers, or which exception it raises."""
    try:
        return work()
    except Exception as error:
        return type(error)


# What they are ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cls", "abc", "like"),
    [
        (Array, collections.abc.Sequence, tuple),
        (List, collections.abc.MutableSequence, list),
        (Map, collections.abc.Mapping, None),
        (Dict, collections.abc.MutableMapping, dict),
    ],
)
def test_nothing_of_the_abc_is_missing(cls: Any, abc: Any, like: Any) -> None:
    assert issubclass(cls, abc) and isinstance(cls(), abc)
    names = {name for base in abc.__mro__ for name in vars(base) if name not in vars(object)}
    names -= {"__abstractmethods__", "__slots__", "_abc_impl", "__subclasshook__", "__module__"}
    names -= {"_MutableMapping__marker", "__weakref__", "__dict__", "__annotations__"}
    names -= {"__firstlineno__", "__static_attributes__"}
    missing = {name for name in names if not hasattr(cls, name)}
    if like is not None:
        missing |= {name for name in vars(like) if not hasattr(cls, name)} - {"__getnewargs__"}
    assert not missing
    if cls in (List, Dict):
        assert cls.__hash__ is None
        with pytest.raises(TypeError, match="unhashable"):
            hash(cls())


def test_patterns_match() -> None:
    for cls in SEQUENCES:
        match cls([1, 2, 3]):
            case [first, *rest]:
                assert (first, rest) == (1, [2, 3])
            case _:
                raise AssertionError("no sequence")
    for cls in MAPS:
        match cls(a=1, b=2):
            case {"a": one, **rest}:
                assert (one, rest) == (1, {"b": 2})
            case _:
                raise AssertionError("no mapping")


@pytest.mark.parametrize("cls", SEQUENCES + MAPS)
def test_a_moved_one_says_so(cls: Any) -> None:
    for work in (len, list, str.__len__ and iter, operator.methodcaller("__eq__", 3), reversed,
                 bool, copy.copy, pickle.dumps, lambda it: 3 in it):  # fmt: skip
        it = cls()
        lib.echo(it._move())
        with pytest.raises(ValueError, match="was moved"):
            work(it)
    assert repr(it) == f"<{cls.__name__} (moved)>"


def test_elements_keep_their_identity_and_id() -> None:
    node, plain = Node(1), Plain()
    for holder, key in (
        (Array([node, plain]), 0), (List([node, plain]), 0),
        (Map({0: node, 1: plain}), 0), (Dict({0: node, 1: plain}), 0),
    ):  # fmt: skip
        assert holder[key] is node and holder[key + 1] is plain
    it = List([Node(2)])
    first = id(it[0])
    others = [Node(i) for i in range(5)]
    assert id(it[0]) == first
    del others
    outer = Dict({"inner": it, "map": Map({1: it})})
    assert outer["inner"] is it and outer["map"][1] is it
    assert outer.get("inner") is it and outer.pop("inner") is it
    assert lib.echo(outer) is outer
    assert use_count(it) == 2


def test_a_wrong_class_call() -> None:
    for cls in SEQUENCES:
        with pytest.raises(TypeError, match="takes one iterable, got 2"):
            cls([], [])
        with pytest.raises(TypeError, match="not iterable"):
            cls(3)
        with pytest.raises(OverflowError, match="^item 1: "):
            cls([1, 2**63])
    for cls in MAPS:
        with pytest.raises(TypeError, match="takes one mapping or iterable of pairs, got 2"):
            cls({}, {})
        with pytest.raises(ValueError, match="^pair 1: expected a key and a value, got 3 items"):
            cls([(1, 2), (1, 2, 3)])
        with pytest.raises(TypeError, match="not iterable"):
            cls([1])
        assert cls({"a": 1}, b=2) == cls([("a", 1), ("b", 2)]) == {"a": 1, "b": 2}
        assert cls(collections.UserDict(a=1)) == {"a": 1}


# Like Python's own --------------------------------------------------------------------------------


def list_steps(dice: random.Random, size: int) -> tuple[str, Callable[[Any], Any]]:
    """One thing that can be done to a list, by name."""
    at, other, n = (dice.randint(-size - 2, size + 2) for _ in range(3))
    step = dice.choice([1, 1, 1, 2, -1, -2, 3, None])
    new = [dice.randint(0, 9) for _ in range(dice.randint(0, 4))]
    value = dice.randint(0, 9)
    part = slice(*(dice.choice([at, None]), dice.choice([other, None]), step))

    def set_item(it: Any) -> None:
        it[at] = value

    def set_part(it: Any) -> None:
        it[part] = new

    def del_item(it: Any) -> None:
        del it[at]

    def del_part(it: Any) -> None:
        del it[part]

    steps: dict[str, Callable[[Any], Any]] = {
        f"[{at}]": lambda it: it[at],
        f"[{part}]": lambda it: it[part],
        f"[{at}] = {value}": set_item,
        f"[{part}] = {new}": set_part,
        f"del [{at}]": del_item,
        f"del [{part}]": del_part,
        f"append {value}": lambda it: it.append(value),
        f"insert {at} {value}": lambda it: it.insert(at, value),
        f"extend {new}": lambda it: it.extend(iter(new)),
        "extend itself": lambda it: it.extend(it) if len(it) < 20 else None,
        f"+= {new}": lambda it: operator.iadd(it, new) and None,
        f"pop {at}": lambda it: it.pop(at),
        "pop": lambda it: it.pop(),
        f"remove {value}": lambda it: it.remove(value),
        f"index {value} {at} {other}": lambda it: it.index(value, at, other),
        f"count {value}": lambda it: it.count(value),
        f"in {value}": lambda it: value in it,
        "reverse": lambda it: it.reverse(),
        "reversed": lambda it: [*reversed(it)],
        "sort": lambda it: it.sort(),
        "sort key": lambda it: it.sort(key=lambda v: v % 3, reverse=True),
        f"+ {new}": lambda it: it + new,
        f"{new} +": lambda it: new + it,
        f"* {n % 3}": lambda it: it * (n % 3) if len(it) < 20 else None,
        "clear": lambda it: it.clear() if n == 0 else None,
        f"< {new}": lambda it: (it < new, it <= new, it > new, it >= new, it == new, it != new),
        "copy": lambda it: it.copy(),
        "repr": lambda it: repr([*it]),
    }
    name = dice.choice([*steps])
    return name, steps[name]


@pytest.mark.parametrize("seed", range(60))
def test_a_list_is_a_list(seed: int) -> None:
    dice = random.Random(seed)
    ours, theirs = List(), []
    for _ in range(150):
        name, step = list_steps(dice, len(theirs))
        got, expected = outcome(lambda: step(ours)), outcome(lambda: step(theirs))
        assert got == expected, name
        assert list(ours) == theirs == ours, name
        assert len(ours) == len(theirs)


def number(value: Any) -> str:
    """Of equal numbers either may be in the result of a set operation."""
    return repr(value + 0.0 if isinstance(value, (int, float)) else value)


def dict_steps(dice: random.Random) -> tuple[str, Callable[[Any], Any]]:
    key = dice.choice([0, 1, True, 1.0, -0.0, 2, "a", "a longer key", b"a", None, 2.5, math.nan])
    value = dice.randint(0, 9)
    new = {dice.choice([1, "b", 3, None]): dice.randint(0, 9) for _ in range(3)}

    def set_item(it: Any) -> None:
        it[key] = value

    def del_item(it: Any) -> None:
        del it[key]

    steps: dict[str, Callable[[Any], Any]] = {
        f"[{key!r}]": lambda it: it[key],
        f"[{key!r}] = {value}": set_item,
        f"del [{key!r}]": del_item,
        f"get {key!r}": lambda it: (it.get(key), it.get(key, 7)),
        f"in {key!r}": lambda it: key in it,
        f"pop {key!r}": lambda it: it.pop(key),
        f"pop {key!r} default": lambda it: it.pop(key, 5),
        "popitem": lambda it: it.popitem(),
        f"setdefault {key!r}": lambda it: (it.setdefault(key, value), it.setdefault(key)),
        f"update {new}": lambda it: it.update(new, z=value),
        "update pairs": lambda it: it.update([*new.items()]),
        f"|= {new}": lambda it: operator.ior(it, new) and None,
        f"| {new}": lambda it: [*(it | new).items()],
        f"{new} |": lambda it: [*(new | it).items()],
        "views": lambda it: ([*it.keys()], [*it.values()], [*it.items()], len(it.items())),
        "reversed": lambda it: ([*reversed(it)], [*reversed(it.values())], [*reversed(it.items())]),
        "sets": lambda it: (
            [
                sorted(map(number, made))
                for made in (
                    it.keys() & {1, "b"},
                    it.keys() | {9},
                    it.keys() - {1},
                    it.keys() ^ {1, 77},
                    {1, 2} & it.keys(),
                )
            ],
            it.keys() <= {1},
            it.keys() == {1},
            it.keys().isdisjoint([1, 77]),
            (1, value) in it.items(),
            it.items() >= set(),
            value in it.values(),
        ),  # fmt: skip
        "clear": lambda it: it.clear() if value == 0 else None,
        "copy": lambda it: [*it.copy().items()],
        "==": lambda it: (it == new, it != new, new == it, it == 3),
        "unhashable": lambda it: it[[]],
        "fromkeys": lambda it: [*type(it).fromkeys("aba", value).items()],
    }
    name = dice.choice([*steps])
    return name, steps[name]


@pytest.mark.parametrize("seed", range(60))
def test_a_dict_is_a_dict(seed: int) -> None:
    dice = random.Random(seed)
    ours, theirs = Dict(), {}
    for _ in range(150):
        name, step = dict_steps(dice)
        got, expected = outcome(lambda: step(ours)), outcome(lambda: step(theirs))
        assert repr(got) == repr(expected), name
        assert repr([*ours.items()]) == repr([*theirs.items()]), name
        assert len(ours) == len(theirs) and bool(ours) == bool(theirs)
        # A NaN that was stored is another object when it comes back, so equal to nothing.
        if not any(key != key for key in theirs):
            assert ours == theirs and theirs == ours and Map(theirs) == ours
            assert {**ours} == theirs


def test_a_map_is_what_a_dict_is_and_does_not_change() -> None:
    map, plain = Map({"b": 1, 2: [3], None: 2.5}), {"b": 1, 2: Array([3]), None: 2.5}
    assert map == plain and plain == map and map == Dict(plain) and Dict(plain) == map
    assert [*map.items()] == [*plain.items()] and [*reversed(map)] == [None, 2, "b"]
    assert map.keys() == plain.keys() and map.items() == plain.items()
    assert hash(map) == hash(Map({None: 2.5, 2: map[2], "b": 1})), "whatever the order"
    assert {map: 1}[Map(map)] == 1
    assert isinstance(map | {1: 2}, Map) and isinstance({1: 2} | map, Map)
    assert map != {"b": 1} and map != Map() and map != 3 and not map == [("b", 1)]
    for change in (lambda: operator.setitem(map, 1, 2), lambda: operator.delitem(map, "b"),
                   lambda: map.update({}), lambda: map.pop("b"), lambda: map.clear()):  # fmt: skip
        assert outcome(change) in (TypeError, AttributeError)
    with pytest.raises(TypeError, match="unhashable"):
        hash(Map({1: List()}))
    assert repr(map) == "Map({'b': 1, 2: Array([3]), None: 2.5})"
    assert repr(map.keys()) == "Map.keys(['b', 2, None])"
    assert map.keys().mapping["b"] == 1


def test_equality_is_symmetrical_and_hashes_agree() -> None:
    ones = [Array([1, "a"]), List([1, "a"]), [1, "a"], (1, "a")]
    for left in ones[:2]:
        for right in ones:
            assert left == right and right == left
            assert not left != right and not right != left
    assert hash(Array([1, "a"])) == hash((1, "a"))
    assert {(1, "a"): 2}[Array([1, "a"])] == 2
    assert Array([1]) != Array([2]) and List([1]) != [1, 2] and List() != {} and List() != ""


def test_fromkeys_of_a_subclass() -> None:
    class Counted(Dict):
        def __new__(cls) -> Any:
            return super().__new__(cls, {"kept": 0})

        def __setitem__(self, key: Any, value: Any) -> None:
            super().__setitem__(key, [value])

    assert Counted.fromkeys("ab", 1) == {"kept": 0, "a": [1], "b": [1]}
    assert type(Counted.fromkeys("a")) is Counted


def test_no_number_is_an_index_that_is_none_for_list() -> None:
    class Nine:
        def __index__(self) -> int:
            return 9

    for cls in (list, List):
        it = cls([1, 2])
        for large in (2**63, -(2**63) - 1, 10**30):
            with pytest.raises(OverflowError):
                it.insert(large, 3)
            with pytest.raises(OverflowError):
                it.pop(large)
            with pytest.raises(IndexError):
                it[large]
        assert list(it) == [1, 2]
        it.insert(2**63 - 1, 3)
        it.insert(-(2**63), 0)
        it.insert(Nine(), 4)
        assert list(it) == [0, 1, 2, 3, 4]
        for wrong in ("1", 1.0, None):
            with pytest.raises(TypeError):
                it.insert(wrong, 3)
            with pytest.raises(TypeError):
                it.pop(wrong)


@pytest.mark.parametrize("hint", [10**18, 2**62, -1, 10**30, "x"], ids=str)
def test_what_a_length_hint_claims_is_taken_as_list_takes_it(hint: Any) -> None:
    class Lying:
        def __init__(self) -> None:
            self.left = 2

        def __iter__(self) -> Any:
            return self

        def __next__(self) -> int:
            if self.left == 0:
                raise StopIteration
            self.left -= 1
            return 1

        def __length_hint__(self) -> Any:
            return hint

    raised = []
    for cls in (list, List):
        it = cls([1])
        for take in (it.extend, cls, lambda lying: it.__setitem__(slice(0, 0), lying)):
            with pytest.raises((MemoryError, ValueError, OverflowError, TypeError)) as told:
                take(Lying())
            raised.append(told.type)
        assert list(it) == [1]
    assert raised[:3] == raised[3:]
