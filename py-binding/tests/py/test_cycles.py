"""The collector sees through native objects: cycles that leave nothing, and things held that lose nothing.

``TIEBACK_GRAPH_EDITS`` sets how many random edits of a graph are checked against a graph in plain Python,
``TIEBACK_GRAPH_SEED`` repeats a run.
"""

from __future__ import annotations

import functools
import gc
import os
import random
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any, Optional

import pytest

import tieback
from tie_support import lib, ran_cleanly
from tieback import dataclasses as dc
from tieback.testing import use_count

# Without a GIL each collection is a full one.
GIL = getattr(sys, "_is_gil_enabled", lambda: True)()
EDITS = int(os.environ.get("TIEBACK_GRAPH_EDITS", "100000" if GIL else "10000"))
SEED = int(os.environ.get("TIEBACK_GRAPH_SEED", random.randrange(1 << 32)))


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


class Graph:
    """Nodes with every kind of edge, and the same graph in plain Python."""

    FIELDS = ("to", "any", "list", "dict", "closure", "note", "array")
    # Nodes: so that a check takes as long in the end as it does in the beginning.
    ENOUGH = 500

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.serial = 0
        self.roots: dict[int, Any] = {}
        self.held: dict[int, int] = {}
        self.edges: dict[int, dict[str, list[int]]] = {}
        self.alive: set[int] = set()
        self.crowded = False
        self.largest = 0

    def make(self) -> Any:
        if self.random.random() < 0.5:
            return Counted(self.serial)
        return Marked(self.serial, mark=Mark(self.serial, self.alive.discard))

    def has_attributes(self, x: Any) -> bool:
        return isinstance(x, Counted)

    def new(self) -> Any:
        self.serial += 1
        x = self.make()
        if self.has_attributes(x):
            x.ends = self.alive.discard
        self.alive.add(self.serial)
        self.edges[self.serial] = {}
        return x

    def name(self, x: Any, field: str) -> str:
        """Of the attribute that an edge of this kind goes to."""
        if field == "to":
            return field
        return "note" if field in ("closure", "note") and self.has_attributes(x) else "any"

    def cut(self, x: Any) -> None:
        x.to = x.any = None
        if self.has_attributes(x):
            x.note = None
        self.edges[x.number].clear()

    def link(self, x: Any, field: str, targets: list[Any]) -> None:
        name = self.name(x, field)
        for other in self.FIELDS:
            if self.name(x, other) == name:
                self.edges[x.number].pop(other, None)
        if field in ("to", "any"):
            del targets[1:]
        self.edges[x.number][field] = [one.number for one in targets]
        first = targets[0]
        if field in ("to", "any"):
            setattr(x, field, first)
        elif field == "list":
            x.any = tieback.List(targets)
        elif field == "array":
            x.any = tieback.Array([tieback.Array(targets), 1])
        elif field == "dict":
            x.any = tieback.Dict({str(n): one for n, one in enumerate(targets)})
        elif field == "closure":
            setattr(x, name, lambda targets=targets: targets)
        elif name == "any":
            x.any = Opaque(list(targets))
        else:
            x.note = list(targets)

    def read(self, x: Any, field: str) -> list[Any]:
        """What `link` stored, by way of the very objects."""
        value = getattr(x, self.name(x, field))
        if field == "list":
            return list(value)
        if field == "array":
            return list(value[0])
        if field == "dict":
            return list(value.values())
        if field == "closure":
            return value()
        if isinstance(value, Opaque):
            return value.to
        return value if isinstance(value, list) else [value]

    def follow(self, x: Any) -> list[Any]:
        """What `x` leads to by one of its edges, which are those of the mirror."""
        edges = self.edges[x.number]
        if not edges:
            return []
        field = self.random.choice(list(edges))
        found = self.read(x, field)
        assert [one.number for one in found] == edges[field], (x.number, field)
        return found

    def pick(self) -> Any:
        if not self.roots:
            return self.new()
        x = self.roots[self.random.choice(list(self.roots))]
        for _ in range(self.random.randrange(4)):
            if found := self.follow(x):
                x = self.random.choice(found)
        return x

    def edit(self) -> None:
        what = self.random.random()
        if self.crowded:
            # More goes than comes, and what is let go leads nowhere: else its past is kept, however long.
            what = 0.2 + what * 0.8
            if 0.75 <= what < 0.93:
                self.cut(self.pick())
        if what < 0.2 or len(self.roots) < 3:
            x = self.new()
            self.roots[x.number] = x
        elif what < 0.75:
            targets = [self.pick() for _ in range(self.random.randrange(1, 4))]
            self.link(self.pick(), self.random.choice(self.FIELDS), targets)
        elif what < 0.93:
            x = self.roots.pop(self.random.choice(list(self.roots)))
            if self.crowded:
                self.cut(x)
        elif what < 0.965 and len(self.held) < 20:
            x = self.pick()
            self.held[lib.hold(x)] = x.number
        elif self.held:
            number = self.random.choice(list(self.held))
            del self.held[number]
            self.random.choice([lib.release, lib.release_on_thread, lib.release_in_background])(
                number
            )

    def reachable(self, edges: dict[int, dict[str, list[int]]] | None = None) -> set[int]:
        edges = self.edges if edges is None else edges
        todo = [*self.roots, *self.held.values()]
        seen = set(todo)
        while todo:
            for targets in edges[todo.pop()].values():
                for one in targets:
                    if one not in seen:
                        seen.add(one)
                        todo.append(one)
        return seen

    def check(self) -> None:
        lib.join_threads()
        tieback.stats()
        assert self.reachable() <= self.alive, "collected though it is reachable"
        gc.collect()
        assert self.reachable() == self.alive
        self.forget()

    def forget(self) -> None:
        """What is not alive any more."""
        for number in [number for number in self.edges if number not in self.alive]:
            del self.edges[number]
        self.largest = max(self.largest, len(self.alive))
        self.crowded = len(self.alive) > self.ENOUGH

    def run(self, edits: int) -> None:
        """Checked at intervals; in the end nothing is held, and nothing is left."""
        for n in range(edits):
            self.edit()
            if n % 500 == 499:
                self.check()
            elif n % 50 == 49:
                gc.collect(n % 2)
        self.roots.clear()
        for number in self.held:
            lib.release(number)
        self.held.clear()
        self.check()
        assert not self.alive
        print(f"{self.serial} nodes were made, {self.largest} at most alive", file=sys.stderr)


@dc.py_class("test_cycles.Marked")
class Marked(Plain):
    """Without state; what it holds says when it ends."""

    mark: Any = None


class Mark:
    def __init__(self, number: int, ends: Callable[[int], None]) -> None:
        self.number, self.ends = number, ends

    def __del__(self) -> None:
        self.ends(self.number)


class Counted(Node):
    """Says when it ends, once."""

    def __del__(self) -> None:
        self.ends(self.number)


def test_random_edits_against_plain_python():
    print(f"TIEBACK_GRAPH_SEED={SEED} TIEBACK_GRAPH_EDITS={EDITS}", file=sys.stderr)
    before = tieback.stats()
    Graph(SEED).run(EDITS)
    assert tieback.stats() == before


def test_counts_do_not_change_by_looking():
    x = Node(1)
    x.to, x.any = x, [x, lambda: x]
    before = use_count(x), sys.getrefcount(x)
    for _ in range(3):
        gc.collect()
    assert (use_count(x), sys.getrefcount(x)) == before
    x.to = x.any = None
