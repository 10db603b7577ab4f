"""Forward references: annotations that name classes which are not there yet."""

from __future__ import annotations

import gc
import sys
import types
import weakref
from typing import TYPE_CHECKING, Any, Callable, Optional, Set, Union

import pytest

from tieback import Array, Object, Weak
from tieback.dataclasses import py_class

if TYPE_CHECKING:
    from nowhere import Nothing


@py_class
class Tree(Object):
    value: int
    left: Optional[Tree] = None
    right: Tree | None = None
    up: Weak[Tree] = None


@py_class
class Chicken(Object):
    egg: Egg | None = None


@py_class
class Egg(Object):
    chicken: Optional["Chicken"] = None


def test_a_class_that_names_itself():
    leaf = Tree(1)
    root = Tree(2, leaf, right=Tree(3))
    leaf.up = root
    assert root.left is leaf
    assert leaf.up is root
    with pytest.raises(TypeError, match=r"field 'left': expected Tree \| None, got Egg"):
        Tree(1, Egg())
    with pytest.raises(TypeError, match="field 'up' of 'Tree': expected Tree.*, got int"):
        leaf.up = 3


def test_classes_that_name_each_other():
    chicken = Chicken(Egg(Chicken()))
    assert chicken.egg.chicken.egg is None
    with pytest.raises(TypeError, match=r"expected Egg \| None, got Chicken"):
        Chicken(chicken)
    with pytest.raises(TypeError, match="field 'chicken'.*got Egg"):
        Egg(chicken.egg)


def pair():
    @py_class
    class Left(Object):
        right: Right | None = None

    @py_class
    class Right(Object):
        left: Left | None = None

    return Left, Right


def test_classes_in_functions_mean_their_own_generation():
    first, second = pair(), pair()
    for left, right in (second, first):
        assert right(left(right())).left.right.left is None
    for (left, _), (_, other) in ((first, second), (second, first)):
        with pytest.raises(TypeError, match=r"Left.__init__\(\) field 'right'.*got Right"):
            left(other())


def test_a_name_around_the_function():
    def inner():
        @py_class
        class Holder(Object):
            x: Local

        return Holder

    @py_class
    class Local(Object):
        v: int = 1

    assert inner()(Local()).x.v == 1


def test_locals_of_other_functions_are_not_seen():
    @py_class
    class OnlyHere(Object):
        v: int = 1

    hidden = 3  # noqa: F841
    holder = make_holder()
    with pytest.raises(TypeError, match="forward reference 'hidden' means nothing yet"):
        holder(OnlyHere())


def make_holder():
    @py_class
    class Holder(Object):
        x: hidden  # noqa: F821

    return Holder


def test_a_reference_that_never_means_anything():
    @py_class
    class Broken(Object):
        x: Nothing
        y: int = 1

    for _ in range(2):
        with pytest.raises(
            TypeError, match="field 'x' of 'Broken': the forward reference 'Nothing' means nothing"
        ):
            Broken(Chicken())
    unfilled = Broken.__new__(Broken)
    with pytest.raises(TypeError, match="'Nothing'"):
        unfilled.x = Chicken()
    assert unfilled.y == 1


def test_a_reference_to_something_else():
    @py_class
    class Wrong(Object):
        x: Ordinary

    with pytest.raises(TypeError, match="'Ordinary' means nothing yet; define the class before"):
        Wrong(1)
    globals()["Ordinary"] = type("Ordinary", (), {})
    try:
        with pytest.raises(TypeError, match="'Ordinary' is no native class"):
            Wrong(Chicken())
        globals()["Ordinary"] = type("Ordinary", (Egg,), {})
        with pytest.raises(
            TypeError, match="'Ordinary' is not registered but an ordinary subclass of 'Egg'"
        ):
            Wrong(Egg())
        # Defined in time after all.
        globals()["Ordinary"] = Egg
        assert type(Wrong(Egg()).x) is Egg
    finally:
        del globals()["Ordinary"]


def test_none_needs_no_class():
    @py_class
    class Made(Object):
        x: Optional[NotThereYet] = None  # noqa: F821

    assert Made().x is None
    assert repr(Made()).endswith("Made(x=None)")


def test_quoted_builtins_and_aliases():
    Alias = Union[int, str]

    @py_class
    class Made(Object):
        a: int
        b: Alias
        c: Callable[[int], int]
        d: Array[int]
        e: Any

    made = Made(1, "x", len, [1], None)
    assert (made.a, made.b, made.d[0], made.c) == (1, "x", 1, len)
    with pytest.raises(TypeError, match="field 'b'.*got float"):
        Made(1, 1.5, len, [], None)
    with pytest.raises(TypeError, match="cannot store the annotation"):

        @py_class
        class Wrong(Object):
            a: Set[int]


def test_a_module_that_is_not_imported():
    @py_class
    class Wrong(Object):
        a: nowhere.Thing  # noqa: F821

    with pytest.raises(TypeError, match="forward reference 'nowhere.Thing' means nothing yet"):
        Wrong(Wrong.__new__(Wrong))


def test_a_class_of_a_module_that_was_made_by_hand():
    module = types.ModuleType("made_by_hand")
    sys.modules["made_by_hand"] = module
    try:
        source = """
from __future__ import annotations
from tieback import Object
from tieback.dataclasses import py_class

@py_class
class Ab(Object):
    b: Ba | None = None

@py_class
class Ba(Object):
    a: Ab | None = None
"""
        exec(source, vars(module))
        assert module.Ab(module.Ba(module.Ab())).b.a.b is None
    finally:
        del sys.modules["made_by_hand"]


def test_looking_names_up_keeps_no_locals():
    class Canary:
        pass

    def define(canary):
        @py_class
        class Made(Object):
            x: Optional[Unseen] = None  # noqa: F821

        return Made, weakref.ref(canary)

    made, ref = define(Canary())
    gc.collect()
    assert ref() is None
    assert made().x is None
