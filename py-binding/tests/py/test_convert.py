"""Conversion beside its table: lists in motion, opaque objects, equality."""

from __future__ import annotations

import numbers
from typing import Any, Callable

import pytest

import libraries
import tieback
from test_convert_table import Pair, Plain

lib = libraries.load("test_library")


def test_a_list_that_contains_itself() -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(RecursionError):
        tieback.convert(endless)
    endless.clear()


def test_index_raises_its_own_error() -> None:
    class Raising:
        def __index__(self) -> int:
            raise TypeError("mine")

    numbers.Integral.register(Raising)
    with pytest.raises(TypeError, match="^mine$"):
        lib.echo([Raising()])


def test_a_list_changed_while_it_is_read() -> None:
    class Shrinks:
        def __index__(self) -> int:
            values.clear()
            return 1

    numbers.Integral.register(Shrinks)
    values: list[object] = [Shrinks(), lib.point(1, 2), Plain()]
    array = tieback.convert(values)
    assert len(array) == 3 and array[0] == 1 and array[1].x == 1


def test_opaque_objects_are_freed() -> None:
    import weakref

    watched = [Plain() for _ in range(50)]
    refs = [weakref.ref(one) for one in watched]
    array = tieback.convert(watched)
    watched.clear()
    assert all(ref() is not None for ref in refs)
    assert array[7] is refs[7]()
    del array
    assert all(ref() is None for ref in refs)


def test_an_opaque_object_costs_one_reference() -> None:
    import sys

    value = Plain()
    before = sys.getrefcount(value)
    held = lib.hold(value)
    assert sys.getrefcount(value) == before + 1
    lib.release(held)
    assert sys.getrefcount(value) == before


@pytest.mark.parametrize("build", [tieback.Array, tieback.convert], ids=["Array", "convert"])
def test_array_compares_by_content(build: Callable[[Any], Any]) -> None:
    one, other = build([1, "a"]), build([1, "a"])
    assert one == other and not one != other
    assert one == [1, "a"] and not one != [1, "a"]
    assert one != [1, "b"] and not one == [1, "b"]
    assert hash(one) == hash(other)
    assert not one.same_as(other)


def test_py_class_not_equal_follows_equal() -> None:
    assert Pair(1, 2) == Pair(1, 2) and not Pair(1, 2) != Pair(1, 2)
    assert Pair(1, 2) != Pair(1, 3)
    assert lib.point(1, 2) != lib.point(1, 2)  # by object
