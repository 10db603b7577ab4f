"""The collector sees through native objects: cycles that leave nothing, and things held that lose nothing."""

from __future__ import annotations

import functools
import gc
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any, Optional

import pytest

import tieback
from cycle_support import Opaque
from tie_support import lib, ran_cleanly
from tieback import dataclasses as dc
from tieback.testing import use_count

# Without a GIL each collection is a full one.

pytestmark = pytest.mark.usefixtures("nothing_by_itself")


@dc.py_class("test_cycles.Plain")
class Plain(dc.Object):
    """Without state; it can reach Python objects, so the collector follows its wrappers."""

    number: int = 0
    any: Any = None
    to: Optional[Plain] = None


class Node(Plain):
    """With attributes of its own."""


@dc.py_class("test_cycles.Referable", weakref_slot=True, eq=False)
class Referable(dc.Object):
    number: int = 0
    to: Optional[Referable] = None


def callback(cls: type) -> None:
    x = cls(1)
    x.any = lambda: x


def bound_method(cls: type) -> None:
    x = cls(1)
    x.any = x.same_as


def partial(cls: type) -> None:
    x = cls(1)
    x.any = [functools.partial(print, x)]


def itself(cls: type) -> None:
    x = cls(1)
    x.any = x
    if cls is Plain:
        x.any = Opaque(x)


def dict_of_itself(cls: type) -> None:
    d = tieback.Dict()
    d["x"] = Opaque(d)


def list_of_itself(cls: type) -> None:
    values = tieback.List([])
    values.append(Opaque(values))


def array_in_a_carrier(cls: type) -> None:
    o = Opaque()
    o.to = tieback.Array([1, [o, {"o": o}]])


def map_in_a_carrier(cls: type) -> None:
    o = Opaque()
    o.to = tieback.Map({"x": o, "y": o})


def function_of_itself(cls: type) -> None:
    cell: list[Any] = []
    cell.append(tieback.convert(lambda: cell))


def error_of_its_exception(cls: type) -> None:
    try:
        raise ValueError("text")
    except ValueError as raised:
        error = tieback.convert(raised) if False else raised
        raised.box = cls(1)  # type: ignore[attr-defined]
        raised.box.any = error  # type: ignore[attr-defined]


def through_a_native_chain(cls: type) -> None:
    x = cls(1)
    x.to = Plain(2, tieback.List([tieback.Dict({"k": tieback.Array([Plain(3, lambda: x)])})]))


def through_two_libraries(cls: type) -> None:
    node = lib.chain(1)
    x = cls(1)
    node.payload = x
    x.any = Opaque(node)


def parent_and_child(cls: type) -> None:
    parent, child = Node(1), Node(2)
    parent.to, child.to = child, parent


def parent_and_children(cls: type) -> None:
    parent = Node(1)
    parent.any = [Node(n, None, parent) for n in range(10)]


def weak_reference_slots(cls: type) -> None:
    a, b = Referable(1), Referable(2)
    a.to, b.to = b, a


def held_twice_by_one(cls: type) -> None:
    x = Node(1)
    x.any, x.to = [x, x, x], x


def attributes_and_fields(cls: type) -> None:
    a, b, c = Node(1), Node(2), Node(3)
    a.to, b.note, c.any = b, c, {"a": a}


def a_ring(cls: type) -> None:
    first = last = Node(0)
    for n in range(1000):
        last.to = Node(n)
        last = last.to
    last.to = first


CYCLES: list[Callable[[type], None]] = [
    callback,
    bound_method,
    partial,
    itself,
    dict_of_itself,
    list_of_itself,
    array_in_a_carrier,
    map_in_a_carrier,
    function_of_itself,
    error_of_its_exception,
    through_a_native_chain,
    through_two_libraries,
    parent_and_child,
    parent_and_children,
    weak_reference_slots,
    held_twice_by_one,
    attributes_and_fields,
    a_ring,
]


@pytest.mark.parametrize("cls", [Plain, Node], ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("make", CYCLES, ids=lambda make: make.__name__)
def test_a_cycle_leaves_nothing(make: Callable[[type], None], cls: type):
    before = tieback.stats()
    make(cls)
    assert tieback.stats() != before, "there is a cycle"
    gc.collect()
    assert tieback.stats() == before


def test_frames_and_generators():
    before = tieback.stats()

    def generator(x: Node) -> Iterator[Node]:
        while True:
            yield x

    x = Node(1)
    x.any = generator(x)
    next(x.any)
    del x
    gc.collect()
    assert tieback.stats() == before


class TestHeld:
    """What native code holds loses nothing, however dead its Python side looks."""

    def test_by_rust(self):
        x = Referable(1)
        y = Referable(2, x)
        x.to = y
        ref, other = weakref.ref(x), weakref.ref(y)
        keys: Any = weakref.WeakKeyDictionary({x: "x", y: "y"})
        number = lib.hold(x)
        del x, y
        for _ in range(3):
            gc.collect()
        assert ref() is lib.held(number) and other() is lib.held(number).to
        assert sorted(keys.values()) == ["x", "y"]
        lib.release(number)
        gc.collect()
        assert ref() is other() is None and not keys

    def test_by_a_thread_of_rust(self):
        for _ in range(20):
            x = Node(1)
            x.note = [x]
            x.any = lambda x=x: x
            x.to = x
            ends: list[int] = []
            weakref.finalize(x.any(), ends.append, 1) if Node.__weakrefoffset__ else None
            number = lib.hold(x)
            lib.drop_slowly(x, 3000)
            del x
            for _ in range(5):
                gc.collect()
            assert lib.held(number).note[0].any().to.number == 1 and ends == []
            lib.release(number)
            lib.join_threads()
            gc.collect()

    def test_by_a_node_in_the_middle(self):
        """Held in the middle, a ring lives whole."""
        first = Node(0)
        last = first
        for n in range(1, 20):
            last.to = Node(n)
            last.note = n
            last = last.to
        last.to = first
        number = lib.hold(last)
        del first, last
        gc.collect()
        x = lib.held(number).to
        assert [x.number, x.note, x.to.note] == [0, 1, 2]
        del x
        lib.release(number)

    def test_through_a_native_object_that_is_shared(self):
        """Documented: a cycle through something without a wrapper that is held twice is not collected."""
        before = tieback.stats()
        x, y = Node(1), Node(2)
        between = tieback.List([x])
        x.any = y.any = between
        number = lib.hold(y)
        del x, y, between
        gc.collect()
        assert tieback.stats()["stateful"] == before["stateful"] + 2
        lib.held(number).any = None
        gc.collect()
        assert tieback.stats()["stateful"] == before["stateful"] + 1
        lib.release(number)
        gc.collect()

    def test_by_the_frame_that_calls(self):
        x = Node(1)
        x.any = lambda x=x: gc.collect()
        call = x.any
        del x
        call()
        call()

    def test_a_finalizer_that_keeps_one_of_them(self):
        kept: list[Any] = []

        class Keeper(Node):
            def __del__(self) -> None:
                kept.append(self.to)

        a, b = Keeper(1), Node(2)
        a.to, b.to, b.note = b, a, "mine"
        del a, b
        gc.collect()
        assert kept[0].note == "mine" and kept[0].to.to is kept[0]
        kept.clear()
        gc.collect()
        assert kept == []


def test_what_is_referred_to_is_shown():
    x = Node(1)
    x.any = target = Opaque()
    x.to = other = Node(2)
    assert target in gc.get_referents(x)
    del other
    assert any(one is x.to for one in gc.get_referents(x))


def test_the_collector_never_blocks_on_a_lock():
    """Rust threads write the fields of the objects that are looked at."""
    nodes = [Node(n) for n in range(20)]
    for one in nodes:
        one.to, one.any = nodes[0], [nodes[1]]
    done = threading.Event()

    def collect() -> None:
        while not done.is_set():
            gc.collect()

    thread = threading.Thread(target=collect)
    thread.start()
    for n in range(3000):
        nodes[n % 20].any = [nodes[n % 7]]
    done.set()
    thread.join()
    for one in nodes:
        one.to = one.any = None


def test_what_rust_threads_drop_is_not_looked_into(monkeypatch: pytest.MonkeyPatch):
    """Rust threads that never attach replace what an object holds, all of it its own, while the collector
    walks through it."""
    monkeypatch.setenv("MALLOC_PERTURB_", "165")  # glibc: what is freed is unlike anything
    ran_cleanly("""
        import gc, threading
        from tie_support import lib, tieback
        class Node(tieback.get_global_func("test_library.chain")(1).__class__):
            pass
        gc.collect()
        gc.freeze()
        node = Node("with attributes of its own")
        for _ in range(2): lib.race_lists(node, 10_000)
        done = threading.Event()
        def wait():
            lib.join_threads()
            done.set()
        threading.Thread(target=wait).start()
        while not done.is_set(): gc.collect()
    """)


def test_counts_do_not_change_by_looking():
    x = Node(1)
    x.to, x.any = x, [x, lambda: x]
    before = use_count(x), sys.getrefcount(x)
    for _ in range(3):
        gc.collect()
    assert (use_count(x), sys.getrefcount(x)) == before
    x.to = x.any = None
