"""Cycles of objects without Python state: the collector sees a wrapper that Python has let go of while others
hold its object, because the object has taken it. And what that must not change."""

from __future__ import annotations

import copy
import gc
import pickle
from collections.abc import Callable
from typing import Any, Optional

import pytest

import tieback
from cycle_support import Opaque
from tie_support import Box, crowd, lib, ran_cleanly
from tieback import dataclasses as dc

pytestmark = pytest.mark.usefixtures("nothing_by_itself")


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
