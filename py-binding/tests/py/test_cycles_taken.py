"""The wrapper without state that its object took, as ``test_cycles_stateless`` has it: what it is while it lives, and
what holds it."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

import tieback
from cycle_support import Opaque
from test_cycles_stateless import Node, parent_and_child
from tie_support import Leaf, crowd, lib, state_of
from tieback import dataclasses as dc
from tieback.testing import use_count

pytestmark = pytest.mark.usefixtures("nothing_by_itself")


class TestTaken:
    """The wrapper that its object took."""

    def test_it_lives(self):
        x = Node(1)
        where, handle, before = id(x), x.__chandle__(), tieback.stats()
        number = lib.hold(x)
        assert tieback.stats() == before, "nobody has let go of it"
        del x
        assert state_of(handle) == "active" and tieback.stats()["owned"] == before["owned"] + 1
        for _ in range(3):
            others = crowd(30)
            assert id(lib.held(number)) == where and use_count(lib.held(number)) == 2
            del others
        assert tieback.stats() == {**before, "owned": before["owned"] + 1}
        lib.release(number)
        assert tieback.stats()["objects"] == before["objects"] - 1

    def test_it_is_given_up_where_python_holds_it(self):
        x = Node(1)
        number, owned = lib.hold(x), tieback.stats()["owned"]
        del x
        x = lib.held(number)
        assert tieback.stats()["owned"] == owned + 1
        lib.release_on_thread(number)
        assert tieback.stats()["owned"] == owned and use_count(x) == 1
        number = lib.hold(x)
        assert tieback.stats()["owned"] == owned, "only who lets go of it has it taken"
        del x
        assert tieback.stats()["owned"] == owned + 1
        lib.release(number)
        assert tieback.stats()["owned"] == owned

    def test_leaves_are_kept(self):
        x = Leaf(1)
        handle, number, before = x.__chandle__(), lib.hold(x), tieback.stats()
        del x
        assert state_of(handle) == "inactive"
        assert (tieback.stats()["owned"], tieback.stats()["kept"]) == (
            before["owned"],
            before["kept"] + 1,
        )
        lib.release(number)

    def test_only_weak_references_do_not_hold(self):
        before = tieback.stats()
        x = Node(1)
        weak = lib.weak_hold(x)
        del x
        assert lib.weak_get(weak) is None and tieback.stats()["owned"] == before["owned"]
        lib.weak_release(weak)
        assert tieback.stats() == before

    def test_a_weak_reference_gets_it(self):
        x = Node(1)
        where, number, weak = id(x), lib.hold(x), lib.weak_hold(x)
        del x
        assert id(lib.weak_get(weak)) == where
        lib.release(number)
        assert lib.weak_get(weak) is None
        lib.weak_release(weak)

    def test_moved(self):
        x = Node(1)
        number, owned = lib.hold(x), tieback.stats()["owned"]
        del x
        moved = lib.held(number)._move()
        assert tieback.stats()["owned"] == owned
        y = lib.echo(moved)
        assert y is lib.held(number) and y.number == 1
        del y, moved
        assert tieback.stats()["owned"] == owned + 1
        lib.release(number)
        assert tieback.stats()["owned"] == owned

    def test_a_class_that_gets_and_loses_del(self):
        """Judged at each end; and the statistics are what they were."""
        before, ends = tieback.stats(), []
        numbers = [lib.hold(Node(1))]
        Node.__del__ = lambda x: ends.append(x.number)  # type: ignore[attr-defined]
        try:
            numbers.append(lib.hold(Node(2)))
            assert tieback.stats()["stateful"] == before["stateful"] + 1
            x = lib.held(numbers[0])
            assert x.number == 1
            del x
            assert ends == []
            lib.release(numbers[0])
            assert ends == [1]
            y = lib.held(numbers[1])
        finally:
            del Node.__del__
        del y
        z = lib.held(numbers[1])
        assert z.number == 2
        lib.release(numbers[1])
        del z
        assert (ends, tieback.stats()) == ([1], before)

    def test_a_leaf_class_that_gets_and_loses_del(self):
        before = tieback.stats()
        Leaf.__del__ = lambda x: None  # type: ignore[attr-defined]
        try:
            number = lib.hold(Leaf(2))
        finally:
            del Leaf.__del__
        for _ in range(3):
            assert lib.held(number).number == 2
        lib.release(number)
        assert tieback.stats() == before

    def test_dropped_in_the_middle_of_its_init(self):
        numbers: list[int] = []

        @dc.py_class("test_cycles_stateless.Broken", frozen=True)
        class Broken(dc.Object):
            any: Any = None

            def __init__(self) -> None:
                self.any = 1
                numbers.append(lib.hold(self))
                raise KeyError

        with pytest.raises(KeyError):
            Broken()
        with pytest.raises(AttributeError):
            lib.held(numbers[0]).any = 2
        assert lib.held(numbers[0]).any == 1
        lib.release(numbers[0])


class TestHeld:
    """Nothing that native code holds is taken for dead, however its Python side looks."""

    def test_a_wrapper_in_a_cycle_of_pythons(self):
        """Nobody but the dead holds the wrapper; a stranger holds the object, and so all that it holds."""
        x = Node(1)
        x.any = Opaque([x])
        ref = weakref.ref(x.any)
        number = lib.hold(x)
        del x
        for _ in range(3):
            gc.collect()
        assert lib.held(number).any is ref() and ref().to[0] is lib.held(number)
        lib.release(number)
        gc.collect()
        assert ref() is None

    def test_it_and_a_stranger_hold_it(self):
        """All but one of those who hold the object are found."""
        x, y = Node(1), Node(2)
        x.to, y.to = y, x
        x.any = Opaque([x, y])
        ref, number = weakref.ref(x.any), lib.hold(x)
        del x, y
        for _ in range(3):
            gc.collect()
        assert lib.held(number).to.to.any is ref()
        lib.release(number)
        gc.collect()
        assert ref() is None

    def test_it_can_be_reached_through_one_that_was_let_go(self):
        """Python holds one that holds it; its own wrapper is in a cycle alone."""
        x, root = Node(1), Node(2)
        x.any = Opaque([x])
        root.to = x
        ref = weakref.ref(x.any)
        del x
        for _ in range(3):
            gc.collect()
        assert root.to.any is ref() and ref().to[0].number == 1
        del root
        gc.collect()
        assert ref() is None

    def test_a_native_that_two_hold(self):
        """One of two who hold an Array without a wrapper is held: so is what the Array holds."""
        inner = Node(1)
        inner.any = Opaque(inner)
        ref = weakref.ref(inner.any)
        x, y = Node(2), Node(3)
        x.any = [inner]
        del inner
        y.any = x.any._move()
        x.to, y.to = x, y
        number = lib.hold(x)
        del x
        for _ in range(3):
            gc.collect()
        assert lib.held(number).any[0].any is ref()
        del y
        for _ in range(3):
            gc.collect()
        assert lib.held(number).any[0].any is ref()
        lib.release(number)
        gc.collect()
        assert ref() is None

    def test_a_native_weak_reference(self):
        """It can be made a strong one at any time, on any thread: while there is one nothing is dead."""
        before = tieback.stats()
        x = parent_and_child()
        weak = lib.weak_hold(x)
        del x
        gc.collect()
        assert lib.weak_get(weak).to.to.number == 1
        lib.weak_release(weak)
        gc.collect()
        assert tieback.stats() == before

    def test_young_ones_hold_old_ones(self):
        old = Node(1)
        old.any = Opaque([old])
        ref = weakref.ref(old.any)
        root = Node(2)
        root.to = old
        del old
        gc.collect()
        young = parent_and_child()
        young.to.to = root.to
        del young
        for generation in (0, 1, 0, 1, 2, 2):
            gc.collect(generation)
            assert root.to.any is ref()

    def test_by_threads_of_rust(self):
        for _ in range(20):
            x = Node(1)
            x.any = Opaque([x])
            x.to = x
            number = lib.hold(x)
            lib.drop_slowly(x, 3000)
            del x
            for _ in range(5):
                gc.collect()
            assert lib.held(number).any.to[0].to.number == 1
            lib.release(number)
            lib.join_threads()
            gc.collect()
