"""Python's subclasses of the containers do as subclasses of ``list`` and ``dict`` do."""

from __future__ import annotations

import abc
import collections
import copy
import inspect
import pickle
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

import tieback
from tieback import Array, Dict, List, Map

Base: Any


def classes(list_: Any, dict_: Any) -> dict[str, Any]:
    """The same classes below Python's two and below ours: what is called, and what is seen."""

    class Tagged(list_):
        def __init__(self, items: Iterable[Any], tag: str) -> None:
            super().__init__(items)
            self.tag = tag

    class Counting(list_):
        def __init__(self, n: int) -> None:
            super().__init__(range(n))

    class Forgotten(list_):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            pass

    class ByName(list_):
        def __init__(self, *, items: Iterable[Any] = ()) -> None:
            super().__init__(items)

    class Mixin:
        def __init__(self, *args: Any, note: str = "none") -> None:
            super().__init__(*args)
            self.note = note

    class Mixed(Mixin, list_):
        pass

    class Below(Tagged):
        pass

    class Abstract(list_, abc.ABC):
        pass

    class Call(type):
        def __call__(cls, *args: Any, **kwargs: Any) -> Any:
            return super().__call__(*args, **kwargs)

    class Meta(list_, metaclass=Call):
        pass

    class Named(dict_):
        def __init__(self, name: str, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.name = name

    class Plain(dict_):
        pass

    class Default(dict_):
        def __missing__(self, key: Any) -> Any:
            self[key] = made = [key]
            return made

    return {name: cls for name, cls in locals().items() if isinstance(cls, type)}


def both(use: Any) -> None:
    """What a use of the classes answers is what it answers of Python's, errors by their class."""

    def answer(classes: dict[str, Any]) -> Any:
        try:
            return use(**classes)
        except (TypeError, ValueError, KeyError) as raised:
            return type(raised)

    ours = answer(classes(List, Dict) | {"list": List, "dict": Dict})
    assert ours == answer(classes(list, dict) | {"list": list, "dict": dict})


def seen(made: Any) -> Any:
    return [*made], getattr(made, "__dict__", None)


def once() -> Iterator[int]:
    yield from (1, 2, 3)


def again(made: Any, *args: Any, **kwargs: Any) -> Any:
    answer = made.__init__(*args, **kwargs)
    assert answer is None
    return (dict(made) if hasattr(made, "keys") else seen(made)), len(made)


USES: list[Any] = [
    lambda Tagged, **_: seen(Tagged([1], "t")),
    lambda Tagged, **_: seen(Tagged(once(), tag="t")),
    lambda Tagged, **_: Tagged([1]),
    lambda Below, **_: seen(Below([1], "t")),
    lambda Counting, **_: seen(Counting(3)),
    lambda Counting, **_: Counting([1]),
    lambda Forgotten, **_: seen(Forgotten([1], 2, a=3)),
    lambda ByName, **_: seen(ByName(items=once())),
    lambda Mixed, **_: seen(Mixed(once(), note="n")),
    lambda Mixed, **_: seen(Mixed()),
    lambda Mixed, **_: Mixed([1], [2]),
    lambda Abstract, **_: seen(Abstract(once())),
    lambda Meta, **_: seen(Meta(once())),
    lambda list, **_: seen(list(once())),
    lambda list, **_: seen(type.__call__(list, once())),
    lambda list, **_: again(list([1]), [5, 6]),
    lambda list, **_: again(list([1]), once()),
    lambda list, **_: again(list([1])),
    lambda list, **_: again(list(), [1]),
    lambda list, **_: again(list.__new__(list), [1]),
    lambda list, **_: again(list.__new__(list, [1]), [2]),
    lambda list, **_: again(list.__new__(list, [1])),
    lambda list, **_: seen(list.__new__(list, 1, a=2)),
    lambda Below, **_: seen(Below.__new__(Below, [1])),
    lambda list, **_: again(list([1]), [2], [3]),
    lambda list, **_: again(list([1]), 5),
    lambda list, **_: again(list([1]), iterable=[2]),
    lambda Tagged, **_: again(Tagged([1], "t"), [2], "u"),
    lambda Named, **_: seen(Named("n", {"a": 1}, b=2)),
    lambda Named, **_: seen(Named("n", [("a", 1)])),
    lambda Named, **_: Named("n", 1, 2),
    lambda Plain, **_: seen(Plain({"a": 1}, b=2)),
    lambda dict, **_: again(dict(a=1), {"b": 2}, c=3),
    lambda dict, **_: again(dict(a=1)),
    lambda dict, **_: again(dict(a=1), a=2),
    lambda dict, **_: again(dict.__new__(dict), {"b": 2}),
    lambda dict, **_: again(dict.__new__(dict, {"a": 1}), {"b": 2}),
    lambda dict, **_: again(dict.__new__(dict, {"a": 1})),
    lambda dict, **_: again(dict(a=1), [("a", 1, 2)]),
    lambda Default, **_: (Default(a=1)["a"], Default()["b"]),
    lambda Default, **_: (Default().get("b"), "b" in Default(), Default().pop("b", 1)),
    lambda Default, **_: Default().pop("b"),
    lambda Default, **_: Default().__delitem__("b"),
    lambda Default, **_: [("b", ["b"]) in Default().items(), *Default().items()],
    lambda Default, **_: Default()[[]],
]


@pytest.mark.parametrize("use", USES)
def test_as_pythons_do(use: Any) -> None:
    both(use)


def test_an_immutable_one_is_what_new_made() -> None:
    """As a tuple: whatever its ``__init__`` is given."""
    array, map_ = Array.__new__(Array, [1]), Map.__new__(Map, a=1)
    assert array.__init__([2]) is map_.__init__(b=2) is None  # type: ignore[misc]
    assert array == [1] and map_ == {"a": 1}


def test_missing_is_asked_of_the_class() -> None:
    class Always(Dict):
        @staticmethod
        def __missing__(key: Any) -> Any:
            raise LookupError(f"no {key}")

    class Never(Dict):
        pass

    with pytest.raises(LookupError, match="^no 1$"):
        Always()[1]
    never = Never()
    never.__missing__ = lambda key: key  # type: ignore[attr-defined]
    with pytest.raises(KeyError):
        never[1]

    class Fallback(Map):
        def __missing__(self, key: Any) -> Any:
            return key

    assert Fallback(a=1)["a"] == 1 and Fallback(a=1)["b"] == "b"


def test_a_new_of_ones_own_fills() -> None:
    """What it passes on is meant, and its ``__init__`` of ours does not undo it."""

    class Pair(List):
        def __new__(cls, a: Any, b: Any) -> Any:
            return super().__new__(cls, [a, b])

    class Late(List):
        def __new__(cls, a: Any, b: Any) -> Any:
            made = super().__new__(cls)
            made.append(a)
            return made

    class Both(List):
        def __new__(cls, a: Any, b: Any) -> Any:
            return super().__new__(cls, [a, b])

        def __init__(self, a: Any, b: Any) -> None:
            super().__init__()
            self.sum = a + b

    class Pairs(Dict):
        def __new__(cls, a: Any, b: Any) -> Any:
            return super().__new__(cls, {a: b})

    assert [*Pair(1, 2)] == [1, 2] and [*Late(1, 2)] == [1] and Pairs(1, 2) == {1: 2}
    made = Both(1, 2)
    assert [*made] == [1, 2] and made.sum == 3


def test_copies_do_not_call_init() -> None:
    made = Named("n", a=1)
    for other in (copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert type(other) is Named and other == {"a": 1} and other.name == "n"
    tags = Tagged([1, [2]], "t")
    for copied in (copy.copy(tags), copy.deepcopy(tags), pickle.loads(pickle.dumps(tags))):
        assert type(copied) is Tagged and copied == [1, [2]] and copied.tag == "t"


class Named(Dict):
    def __init__(self, name: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = name


class Tagged(List):
    def __init__(self, items: Iterable[Any], tag: str) -> None:
        super().__init__(items)
        self.tag = tag


def test_a_refill_is_a_change() -> None:
    items = List([1, 2])
    iterator = iter(items)
    next(iterator)
    items.__init__([1, 2])  # type: ignore[misc]
    with pytest.raises(RuntimeError, match="changed while it was iterated"):
        next(iterator)
    with pytest.raises(ZeroDivisionError):
        items.__init__(1 // n for n in (1, 0))  # type: ignore[misc]
    assert items == [1, 2], "all or nothing"
    moved = List([1])
    moved._move()
    with pytest.raises(ValueError, match="was moved"):
        moved.__init__([2])  # type: ignore[misc]


@pytest.mark.parametrize("cls", [Dict, Map])
def test_what_is_no_pair_is_not_among_the_items(cls: Any) -> None:
    theirs = {"a": 1, "b": (2,)}
    ours = cls(theirs)
    others: list[Any] = [
        5, "ab", (), ("a",), ("a", 1), ("a", 1, 2), ["a", 1], ("a", 2), ("c", 1), ("b", (2,)), None,
        collections.namedtuple("Two", "x y")("a", 1), ("\ud800", 1),
    ]  # fmt: skip
    for item in others:
        assert (item in ours.items()) == (item in theirs.items()), item
    items, pairs = ours.items(), theirs.items()
    for other in ([5], {5}, [("a", 1), 5], {("a", 1)}):
        assert items & other == pairs & other
        assert items.isdisjoint(other) == pairs.isdisjoint(other)
    assert not items >= {5} and items >= {("a", 1)} and {5} - items == {5} - pairs == {5}
    assert 5 not in ours.keys() and not ours.keys() & [5]
    with pytest.raises(TypeError, match="unhashable"):
        ([], 1) in items  # noqa: B015
    assert ("n", float("nan")) in cls(n=float("nan")).items(), "found by any, as among values"


@pytest.mark.parametrize("key", ["\ud800", ("a", "\ud800"), ("a", ("\ud800",))])
def test_what_cannot_be_a_key_is_not_there(key: Any) -> None:
    for cls in (Dict, Map):
        it = cls({"a": 1})
        assert key not in it and it.get(key) is None and it.get(key, 2) == 2
        assert key not in it.keys() and (key, 1) not in it.items()
        with pytest.raises(KeyError) as raised:
            it[key]
        assert raised.value.args == (key,)
        assert it != {key: 1} and {key: 1} != it
    it = Dict({"a": 1})
    assert it.pop(key, None) is None
    for use in (it.pop, it.__delitem__):
        with pytest.raises(KeyError):
            use(key)
    for put in (lambda: it.setdefault(key, 1), lambda: it.__setitem__(key, 1)):
        with pytest.raises(UnicodeEncodeError):
            put()
    far = Dict({2.0**70: 1})
    assert far.pop(2**70 + 1, None) is None and far.pop(2**70) == 1 and not far
    with pytest.raises(KeyError):
        del far[2**70]


def test_signatures_say_what_is_positional() -> None:
    for cls in (Array, List, Map, Dict, tieback.Function):
        for parameter in inspect.signature(cls).parameters.values():
            assert parameter.kind in (parameter.POSITIONAL_ONLY, parameter.VAR_KEYWORD), cls


@pytest.mark.parametrize("cls", [List, Array])
def test_multiplied_by_what_is_no_int(cls: Any) -> None:
    for other in ("a", b"a", [1], (1,)):
        name = type(other).__name__
        with pytest.raises(TypeError, match=f"^can't multiply a {cls.__name__} by non-int of type '{name}'$"):
            cls([1]) * other
    with pytest.raises(TypeError, match=r"unsupported operand type\(s\) for \*: .* and 'float'"):
        cls([1]) * 1.5

    class Theirs:
        def __rmul__(self, other: Any) -> str:
            return "theirs"

    assert cls([1]) * Theirs() == "theirs"


class Doubled:
    """Gives something else than what is in it."""

    def __iter__(self) -> Iterator[Any]:
        return (2 * item for item in super().__iter__())  # type: ignore[misc]


class DoubledTuple(Doubled, tuple):  # type: ignore[type-arg]
    pass


class DoubledArray(Doubled, Array[Any]):
    pass


def test_what_is_in_an_array_counts_not_what_iteration_gives() -> None:
    """As with a tuple: in comparisons, hashes, sums, searches and copies."""
    for it in (DoubledTuple([1, 2]), DoubledArray([1, 2])):
        assert [*it] == [2, 4] and it == (1, 2) and (1, 2) == it and it < (1, 3)
        assert hash(it) == hash((1, 2)) and {(1, 2): 5}[it] == 5
        assert (it + (3,), (3,) + it, 2 * it) == ((1, 2, 3), (3, 1, 2), (1, 2, 1, 2))
        assert 1 in it and 4 not in it and it.count(1) == 1 and it.index(2) == 1
        for copied in (copy.copy(it), copy.deepcopy(it), pickle.loads(pickle.dumps(it))):
            assert copied == (1, 2), copied


def test_a_list_is_copied_as_it_is() -> None:
    class Fixed(list):  # type: ignore[type-arg]
        def __getitem__(self, at: Any) -> Any:
            return 7

    class Ours(List[Any]):
        __getitem__ = Fixed.__getitem__

    assert Ours([1, 2]).copy() == Fixed([1, 2]).copy() == [1, 2]


def test_multiplied_in_place_by_what_is_no_int() -> None:
    class Theirs:
        def __rmul__(self, other: Any) -> str:
            return "theirs"

    for list_ in (list, List):
        it: Any = list_([1])
        it *= Theirs()
        assert it == "theirs"
        for wrong in (1.5, None, "a"):
            it = list_([1])
            with pytest.raises(TypeError):
                it *= wrong
        for many in (2**80, -(2**80)):
            with pytest.raises(OverflowError):
                it *= many
        it *= -2
        assert it == []
