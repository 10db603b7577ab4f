"""Cycles of objects without Python state: the collector sees a wrapper that Python has let go of while others
hold its object, because the object has taken it. And what that must not change."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections.abc import Callable, Iterator
from typing import Any, Optional

import pytest

import tieback
from tie_support import Box, Leaf, crowd, lib, ran_cleanly, state_of
from tieback import dataclasses as dc
from tieback.testing import use_count


@dc.py_class("test_cycles_stateless.Node")
class Node(dc.Object):
    """Without state."""

    number: int = 0
    any: Any = None
    to: Optional[Node] = None


@dc.py_class("test_cycles_stateless.Parent")
class Parent(dc.Object):
    children: list = dc.field(default_factory=list)
    names: Any = None


@dc.py_class("test_cycles_stateless.Child")
class Child(dc.Object):
    parent: Parent


@dc.py_class("test_cycles_stateless.Frozen", frozen=True)
class Frozen(dc.Object):
    any: Any = None


class Below(Node):
    """An ordinary class that adds nothing: the interpreter tears it down."""

    __slots__ = ()


class Opaque:
    """Crosses in a carrier."""

    def __init__(self, to: Any = None) -> None:
        self.to = to


@pytest.fixture(autouse=True)
def nothing_by_itself() -> Iterator[None]:
    """The collector runs when a test says so, and what it finds says the test."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def parent_and_child() -> Any:
    parent, child = Node(1), Node(2)
    parent.to, child.to = child, parent
    return parent


def parent_and_children() -> Any:
    parent = Parent()
    parent.children = [Child(parent) for _ in range(10)]
    return parent


def children_in_a_list() -> Any:
    parent = Parent()
    parent.children = tieback.List([])
    for _ in range(10):
        parent.children.append(Child(parent))
    return parent


def children_in_a_dict() -> Any:
    parent = Parent()
    parent.names = tieback.Dict()
    for name in "abc":
        parent.names[name] = Child(parent)
    return parent


def children_in_a_map() -> Any:
    parent = Parent()
    parent.names = tieback.Map({name: Child(parent) for name in "abc"})
    return parent


def itself() -> Any:
    x = Node(1)
    x.to = x.any = x
    return x


def itself_in_arrays() -> Any:
    x = Node(1)
    x.any = [[x, [x]], x]
    return x


def a_ring() -> Any:
    first = last = Node(0)
    for n in range(300):
        last.to = Node(n)
        last = last.to
    last.to = first
    return first


def a_list_in_itself() -> Any:
    values = tieback.List([])
    values.append(values)
    return values


def lists_in_each_other() -> Any:
    a, b = tieback.List([]), tieback.List([])
    a.append(b)
    b.append(tieback.Array([1, a]))
    return a


def a_dict_in_itself() -> Any:
    names = tieback.Dict()
    names["me"] = names
    return names


def a_closure() -> Any:
    x = Node(1)
    x.any = lambda: x
    return x


def a_function_that_is_known() -> Any:
    x = Node(1)
    x.any = tieback.convert(lambda: x)
    return x


def a_carrier() -> Any:
    x = Node(1)
    x.any = Opaque([x])
    return x


def through_a_frozen_one() -> Any:
    x = Node(1)
    x.to = Node(2, Frozen(Frozen(x)))
    return x


def all_frozen_but_for_a_list() -> Any:
    values = tieback.List([])
    values.append(Frozen(Frozen(values)))
    return values


def a_plain_subclass() -> Any:
    x = Below(1)
    x.to = Below(2, None, x)
    return x


def a_wrapper_in_python() -> Any:
    """A wrapper that Python never lets go of, and its object, which one of the cycle holds."""
    x, y = Node(1), Node(2)
    x.to, y.to = y, x
    y.any = Opaque([x])
    return y


def two_wrappers_in_python() -> Any:
    x, y = Node(1), Node(2)
    x.any, y.any = Opaque(y), Opaque(x)
    x.to, y.to = x, x
    return x


def held_twice_without_a_wrapper() -> Any:
    """An Array of two nodes that no wrapper ever showed."""
    x, y = Node(1), Node(2)
    shared = tieback.Array([x, lambda: y])
    box = Box(shared)
    del shared
    x.any = [box.value._move()]
    y.any = x.any._move()
    return x


def errors() -> Any:
    x = Node(1)
    x.any = tieback.Error("ValueError", "text")
    x.to = Node(2, [x.any, x])
    return x


def deep_copied() -> Any:
    return copy.deepcopy(parent_and_children())


def pickled() -> Any:
    return pickle.loads(pickle.dumps(parent_and_children()))


def one_of_each_library() -> Any:
    x = Node(1)
    one = lib.chain(1)
    one.payload = x
    x.any = one
    return x


def of_another_library_alone() -> Any:
    one, other = lib.chain(1), lib.chain(1)
    one.payload, other.payload = other, [one]
    return one


def with_a_moved_one() -> Any:
    x, y = Node(1), Node(2)
    x.to = y
    y.to = x
    x.any = [lib.echo(y._move())]
    return x


SHAPES = [
    parent_and_child,
    parent_and_children,
    children_in_a_list,
    children_in_a_dict,
    children_in_a_map,
    itself,
    itself_in_arrays,
    a_ring,
    a_list_in_itself,
    lists_in_each_other,
    a_dict_in_itself,
    a_closure,
    a_function_that_is_known,
    a_carrier,
    through_a_frozen_one,
    all_frozen_but_for_a_list,
    a_plain_subclass,
    a_wrapper_in_python,
    two_wrappers_in_python,
    held_twice_without_a_wrapper,
    errors,
    deep_copied,
    pickled,
    one_of_each_library,
    of_another_library_alone,
    with_a_moved_one,
]


@pytest.fixture(params=SHAPES, ids=lambda make: make.__name__)
def make(request: pytest.FixtureRequest) -> Callable[[], Any]:
    return request.param


class TestEveryShape:
    def test_it_leaves_nothing(self, make: Callable[[], Any]):
        before = tieback.stats()
        make()
        assert tieback.stats()["objects"] > before["objects"], "there is a cycle"
        gc.collect()
        assert tieback.stats() == before

    def test_it_is_whole_while_native_code_holds_it(self, make: Callable[[], Any]):
        before = tieback.stats()
        x = make()
        number = lib.hold(x)
        gc.collect()
        objects, where = tieback.stats()["objects"], id(x)
        del x
        for _ in range(3):
            gc.collect()
        others = crowd(20)
        assert tieback.stats()["objects"] >= objects and id(lib.held(number)) == where
        del others
        assert tieback.stats()["objects"] == objects
        lib.release(number)
        gc.collect()
        assert tieback.stats() == before

    def test_it_is_whole_while_python_holds_it(self, make: Callable[[], Any]):
        before = tieback.stats()
        x = make()
        gc.collect()
        objects = tieback.stats()["objects"]
        for _ in range(3):
            gc.collect()
        assert tieback.stats()["objects"] == objects
        del x
        gc.collect()
        assert tieback.stats() == before

    def test_the_last_native_one_goes_on_another_thread(self, make: Callable[[], Any]):
        before = tieback.stats()
        number = lib.hold(make())
        gc.collect()
        lib.release_on_thread(number)
        gc.collect()
        assert tieback.stats() == before

    def test_the_collector_by_itself(self, make: Callable[[], Any]):
        """Garbage does not grow where the collector runs as often as it can."""
        before = tieback.stats()
        old = gc.get_threshold()
        gc.set_threshold(1)
        gc.enable()
        try:
            for _ in range(3):
                make()
            [[] for _ in range(100)]
        finally:
            gc.disable()
            gc.set_threshold(*old)
        gc.collect()
        assert tieback.stats() == before


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


def test_a_long_chain_goes():
    """Each wrapper was let go of, and is owned; one end lets go of all, without a deep stack."""
    before = tieback.stats()
    first: Optional[Node] = None
    for n in range(200_000):
        first = Node(n, None, first)
    assert tieback.stats()["owned"] == before["owned"] + 199_999
    gc.collect()
    del first
    assert tieback.stats() == before


def test_a_long_ring_goes():
    before = tieback.stats()
    first = last = Node(0)
    for n in range(100_000):
        last.to = Node(n)
        last = last.to
    last.to = first
    del first, last
    gc.collect()
    assert tieback.stats() == before


def test_frozen_by_the_collector():
    """What is in the permanent generation is not collected; what holds it alone goes by counts."""
    before = tieback.stats()
    x = parent_and_child()
    gc.freeze()
    try:
        del x
        gc.collect()
        assert tieback.stats()["objects"] == before["objects"] + 2
    finally:
        gc.unfreeze()
    gc.collect()
    assert tieback.stats() == before


PROGRAM = """
import gc, os, sys
from typing import Any, Optional
import tieback
from tieback.dataclasses import py_class
tieback.load_library(sys.argv[1])
hold, held, release, drop_at_exit = (
    tieback.get_global_func(f"test_library.{name}") for name in ("hold", "held", "release", "drop_at_exit")
)
@py_class
class Node(tieback.Object):
    number: int = 0
    to: Optional["Node"] = None
    any: Any = None
def cycle(number):
    x = Node(number); x.to = Node(number, x); x.any = [x, lambda: x]
    return x
"""


def test_fork():
    ran_cleanly(
        PROGRAM
        + """
cycle(0); gc.collect(); before = tieback.stats(); owned, objects = before['owned'], before['objects']
number = hold(cycle(1))
where = id(held(number))
cycle(2)
child = os.fork()
assert id(held(number)) == where and held(number).to.to is held(number)
gc.collect()
assert held(number).any[1]() is held(number)
del before
release(number)
gc.collect()
assert (tieback.stats()["owned"], tieback.stats()["objects"]) == (owned, objects), tieback.stats()
if child:
    assert os.waitpid(child, 0)[1] == 0
else:
    os._exit(0)
"""
    )


def test_shutdown():
    ran_cleanly(
        PROGRAM
        + """
hold(cycle(1)); drop_at_exit(cycle(2)); cycle(3)
kept = cycle(4)
import atexit
atexit.register(lambda x=cycle(5): hold(x.to))
"""
    )
