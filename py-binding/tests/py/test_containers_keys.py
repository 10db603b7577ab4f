"""What is a key of ``Map`` and ``Dict``, and when two are the same."""

from __future__ import annotations

import copy
import math
import numbers
import pickle
from typing import Any, Callable

import pytest

import tieback
from tieback import Array, Dict, List, Map
from test_containers import MAPS, Node, Plain


def test_keys_are_pythons() -> None:
    node, other, plain = Node(1), Node(1), Plain()
    keys = [
        1, True, 1.0, 0, 0.0, -0.0, False, 2**53, float(2**53), 2**53 + 1, 2**62, 2.0**62,
        "a", b"a", "longer than seven", b"longer than seven", None, 1.5, -1, -1.0, math.inf,
        node, other, plain, len, 2**63 - 1, -(2**63), -(2.0**63), 1e300, "", b"",
    ]  # fmt: skip
    theirs: dict[Any, int] = {}
    ours = Dict()
    for n, key in enumerate(keys):
        theirs[key] = n
        ours[key] = n
    assert [*ours.items()] == [*theirs.items()]
    assert [type(key) for key in ours] == [type(key) for key in theirs], "the first key stays"
    for cls in MAPS:
        assert cls(theirs) == theirs
        for key in keys:
            assert cls(theirs)[key] == theirs[key]
    # Past 64 bits there is no such key, unless a float is that number.
    far = Dict({2.0**70: 1})
    assert far[2.0**70] == far[2**70] == 1 and 2**70 + 1 not in far and 1 << 5000 not in far
    assert far.get(2**71, "no") == "no"
    with pytest.raises(KeyError, match="1180591620717411303425"):
        far[2**70 + 1]

    class Integer:
        """As numpy's are: of 64 bits without a sign."""

        def __index__(self) -> int:
            return 2**63

    numbers.Integral.register(Integer)
    for cls in MAPS:
        far = cls({(2.0**70, "a"): 1, ("b", (1, 2.0**64)): 2, 2.0**63: 3})
        assert far[2**70, "a"] == 1 and far["b", (1, 2**64)] == 2 and far[Integer()] == 3
        for key in ((2**70 + 1, "a"), ("b", (1, 1 << 5000)), (2**70, "\ud800"), (Integer(),)):
            assert key not in far and far.get(key) is None
            with pytest.raises(KeyError):
                far[key]
    nan = Dict({math.nan: 1})
    assert nan[math.nan] == 1 and nan[-math.nan] == 1 and len(nan | {math.nan: 2}) == 1


def test_what_is_no_key() -> None:
    it = Dict({"a": 1})
    for key in ([], {}, bytearray(b"a")):
        with pytest.raises(TypeError, match=f"unhashable type: '{type(key).__name__}'"):
            it[key]
        with pytest.raises(TypeError, match="unhashable"):
            it[key] = 1
        with pytest.raises(TypeError, match="unhashable"):
            key in it  # noqa: B015
    with pytest.raises(KeyError) as raised:
        it[1, 2]
    assert raised.value.args == ((1, 2),), "the key itself, not as several arguments"
    with pytest.raises(KeyError):
        del it["b"]
    with pytest.raises(OverflowError, match="^key: expected an int of 64 bits"):
        it[2**64] = 1
    with pytest.raises(IndexError, match="index 5 is out of range for a List of 1 items"):
        List([1])[5]
    with pytest.raises(TypeError, match="List indices must be integers or slices, not str"):
        List([1])["a"]
    with pytest.raises(ValueError, match="sequence of size 1 to extended slice of size 2"):
        List([1, 2, 3])[::2] = [1]


def test_a_tuple_is_a_key_that_is_found_again() -> None:
    inner = tieback.convert([1])
    made = {(1, 2): "pair", (): "none", (1, ("a", 2.0)): "deep", (len, inner): "carried"}
    for cls in (Dict, Map):
        native = cls(made)
        assert native == made and len(native) == 4
        for key, value in made.items():
            assert native[key] == native[tuple(key)] == value and key in native
        assert native[(True, 2.0)] == native[Array([1, 2])] == "pair"
        assert native.get((2, 1)) is None
        assert cls([((1, 2), 3), (Array([1, 2]), 4)]) == {(1, 2): 4}
        plain = cls({key: value for key, value in made.items() if len not in key})
        assert copy.deepcopy(plain) == plain == pickle.loads(pickle.dumps(plain))
    grid = Dict()
    grid[0, 1] = "x"
    grid[0, 1] = "y"
    assert grid.pop((0, 1)) == "y" and not grid


@pytest.mark.parametrize("key", [[1], {"a": 1}, (1, [2]), ({},)], ids=str)
def test_what_can_change_is_no_key(key: Any) -> None:
    native: Any = Dict({"a": 1})
    uses: list[Callable[[], Any]] = [
        lambda: native[key],
        lambda: key in native,
        lambda: native.get(key),
        lambda: native.pop(key, 1),
        lambda: native.setdefault(key, 1),
        lambda: native.__setitem__(key, 1),
        lambda: native.__delitem__(key),
        lambda: Map([(key, 1)]),
        lambda: Dict([(key, 1)]),
        lambda: Map({"a": 1}).get(key),
        lambda: native.update([(key, 1)]),
        lambda: key in native.keys(),
    ]
    for use in uses:
        with pytest.raises(TypeError, match="unhashable type: '(list|dict)' cannot be a key"):
            use()
    assert native == {"a": 1}


def test_a_nan_is_found() -> None:
    nan = math.nan
    for cls in (list, List, Array):
        it = cls([1, nan, "nan"])
        assert nan in it and it.count(nan) == 1 and it.index(nan) == 1
        assert nan not in cls([1.0]) and "x" not in it
    it = List([1, nan, 2])
    it.remove(float("nan"))
    assert list(it) == [1, 2]
    with pytest.raises(ValueError, match="nan is not in the List"):
        it.remove(nan)
    assert nan in Map({1: nan}).values() and nan in Dict({1: nan}).values()


class Called:
    def __call__(self) -> int:
        return 1


def test_a_callable_in_a_tuple_is_found_in_copies_and_pickles() -> None:
    called = Called()
    made = {(len, 1): "f", ((called, (Called,)), "x"): "deep", (tieback.convert(len),): "explicit"}
    for cls in (Dict, Map):
        native = cls(made)
        copied = copy.deepcopy(cls({(len, 1): "f", ((1, (Called,)), "x"): "deep"}))
        again = pickle.loads(pickle.dumps(cls({(len, 1): "f", ((1, (Called,)), "x"): "deep"})))
        for it in (copied, again):
            assert it[(len, 1)] == it[Array([len, 1])] == "f" and (len, 2) not in it
            assert it[((1, (Called,)), "x")] == "deep"
        key = ((called, (Called,)), "x")
        assert native[key] == native[Array(key)] == "deep"
        shown = next(k for k in native if len(k) == 1)
        assert native[shown] == "explicit" and shown[0] is not len
        assert native.get((len,)) is None


def test_compared_with_a_dict_of_keys_that_raise() -> None:
    class Raises:
        def __hash__(self) -> int:
            return hash("a")

        def __eq__(self, other: object) -> bool:
            raise TypeError("mine")

    for cls in (*MAPS, dict):
        for one, two in ((cls({"a": 1}), {Raises(): 1}), ({Raises(): 1}, cls({"a": 1}))):
            with pytest.raises(TypeError, match="^mine$"):
                one == two  # noqa: B015
        assert cls({"a": 1}) != {"b": 1}
    assert Dict([(List(), 1)]) != {"a": 1}
