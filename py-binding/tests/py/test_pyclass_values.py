"""py_class beside the table: comparing, freezing, and what is held by whom."""

import gc
import weakref
from typing import Any, Optional

import pytest

import tieback
from tieback import Object
from tieback.dataclasses import FrozenInstanceError, py_class
from tieback.testing import use_count


@py_class
class Inner(Object):
    v: int


@py_class
class Outer(Object):
    x: Inner


# --- eq, hash, frozen: what the table does not ask ---


def test_own_methods_are_kept():
    @py_class(order=False)
    class Made(Object):
        a: int

        def __eq__(self, other):
            return isinstance(other, Made) and self.a % 10 == other.a % 10

        def __hash__(self):
            return self.a % 10

        def __repr__(self):
            return f"<{self.a}>"

    assert Made(1) == Made(11)
    assert not Made(1) != Made(11)
    assert hash(Made(23)) == 3
    assert repr(Made(4)) == "<4>"


def test_an_object_equals_itself_whatever_is_in_it():
    @py_class
    class Made(Object):
        a: float

    nan = Made(float("nan"))
    assert nan == nan
    assert not nan != nan
    assert Made(0.0) == Made(-0.0)


@pytest.mark.parametrize("kind", [float, Any, "float | None"])
def test_a_nan_is_hashed_alike_and_equals_none(kind: Any):
    """As in the library from Python 3.13 on, which compares field by field: two objects of a NaN differ, be it the
    very same. One object has one hash, though its NaN is another float each time."""

    @py_class(frozen=True)
    class Made(Object):
        a: kind  # type: ignore[valid-type]

    nan = float("nan")
    one, other = Made(nan), Made(nan)
    assert one == one and one != other and hash(one) == hash(other)
    made: list[Any] = [one, tieback.Array([nan]), tieback.Map({1: nan}), tieback.Map({nan: 1})]
    found = {each: index for index, each in enumerate(made)}
    held = [one.a for _ in range(100)]  # so that the next NaN has another place
    assert [found.get(each) for each in made] == [0, 1, 2, 3] and len(held) == 100
    assert hash(Made(1.5)) == hash((1.5,)) and hash(tieback.Array([1.5])) == hash((1.5,))


def test_parent_and_child_are_never_equal():
    @py_class
    class Child(Inner):
        pass

    assert Child(1) != Inner(1)
    assert Inner(1) != Child(1)


def test_frozen_is_each_class_s_own():
    @py_class(frozen=True)
    class Parent(Object):
        a: int

    @py_class
    class Child(Parent):
        b: int

    made = Child(1, 2)
    made.b = 3
    with pytest.raises(FrozenInstanceError):
        made.a = 3
    assert (made.a, made.b) == (1, 3)

    @py_class(frozen=True)
    class FrozenChild(Child):
        c: int

    made = FrozenChild(1, 2, 3)
    with pytest.raises(FrozenInstanceError):
        made.c = 4
    made.b = 9
    with pytest.raises(TypeError, match="unhashable"):
        hash(made)  # b can change


def test_unknown_attributes():
    made = Inner(1)
    with pytest.raises(AttributeError, match="'Inner' object has no attribute 'w'"):
        made.w = 1
    with pytest.raises(AttributeError):
        made.w
    assert not hasattr(made, "__dict__")


# --- what is held ---


def test_a_parent_of_a_temporary_child_leaks_nothing():
    before = tieback.stats()
    parents = []
    for i in range(1000):
        parents.append(Outer(Inner(i)))
        assert use_count(parents[-1]) == 1
        assert use_count(parents[-1].x) == 2  # the field and this wrapper
    held = tieback.stats()
    assert held["objects"] == before["objects"] + 2000
    assert held["wrappers"] == before["wrappers"] + 1000
    assert parents[5].x.v == 5
    parents.clear()
    gc.collect()
    assert tieback.stats() == before


def test_replaced_children_are_let_go():
    before = tieback.stats()["objects"]
    outer = Outer(Inner(0))
    for i in range(1000):
        outer.x = Inner(i)
    assert tieback.stats()["objects"] == before + 2
    child = outer.x
    outer.x = Inner(1)
    assert use_count(child) == 1


def test_weak_references_and_the_slot_for_them():
    with pytest.raises(TypeError, match="cannot create weak reference to 'Inner' object"):
        weakref.ref(Inner(1))

    @py_class(weakref_slot=True)
    class Watched(Object):
        a: int

    @py_class(weakref_slot=True)
    class Child(Watched):
        b: int = 0

    @py_class(weakref_slot=True)
    class Slotted(Object):
        __slots__ = ("__weakref__",)
        a: int

    for cls in (Watched, Child, Slotted):
        made = cls(1)
        ref = weakref.ref(made)
        assert ref() is made
        del made
        assert ref() is None
    with pytest.raises(TypeError, match="weakref_slot=True needs '__weakref__'"):

        @py_class(weakref_slot=True)
        class Slotless(Object):
            __slots__ = ()
            a: int


def test_unions():
    @py_class
    class Made(Object):
        a: "int | str"
        b: Optional[float] = None
        c: "Inner | bytes | None" = None

    made = Made("x", 1)
    assert (made.a, made.b, made.c) == ("x", 1.0, None)
    assert type(made.b) is float
    inner = Inner(1)
    made.c = inner
    assert made.c is inner
    for name, value, words in [
        ("a", 1.5, r"expected int \| str, got float"),
        ("a", None, r"expected int \| str, got None"),
        ("b", "x", "got str"),
        ("c", made, "got Made"),
    ]:
        with pytest.raises(TypeError, match=f"field '{name}' of 'Made'.*{words}"):
            setattr(made, name, value)
