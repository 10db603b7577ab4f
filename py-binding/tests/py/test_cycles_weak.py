"""Native weak references and the collector: a tree whose children know their parents weakly, and hold what leads
back to them, is collected; what a weak reference that lives can bring back is not.

``TIEBACK_GRAPH_EDITS`` and ``TIEBACK_GRAPH_SEED`` as in test_cycles.
"""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Callable
from typing import Any, Optional

import pytest

import tieback
from cycle_support import Opaque
from test_cycles_edits import EDITS, GIL, SEED, Counted, Graph, Mark
from tie_support import lib
from tieback import dataclasses as dc

pytestmark = pytest.mark.usefixtures("nothing_by_itself")


@dc.py_class("test_cycles_weak.Node")
class Node(dc.Object):
    """Without state."""

    number: int = 0
    parent: tieback.Weak[Node] = None  # type: ignore[assignment]
    children: Any = None
    payload: Any = None


class Stateful(Node):
    """With attributes of its own."""


@dc.py_class("test_cycles_weak.Tip")
class Tip(dc.Object):
    """Holds nothing but weakly."""

    parent: tieback.Weak[Node] = None  # type: ignore[assignment]


class StatefulTip(Tip):
    pass


@dc.py_class("test_cycles_weak.Last")
class Last(dc.Object):
    """Put aside by `gc.freeze`: it ends where what held it is cleared, not before."""

    number: int = 0

    @staticmethod
    def look() -> None: ...

    def __del__(self) -> None:
        self.look()


def adopt(parent: Any, *children: Any) -> Any:
    for child in children:
        child.parent = parent
    parent.children = tieback.List(children)
    return parent


def the_root_as_payload(cls: type, tip: type) -> Any:
    child = cls(2)
    parent = adopt(cls(1), child, cls(3))
    child.payload = Opaque(parent)
    return parent


def the_root_in_a_closure(cls: type, tip: type) -> Any:
    child = cls(2)
    parent = adopt(cls(1), cls(0), child)
    child.payload = lambda: parent
    return parent


def its_own_handler(cls: type, tip: type) -> Any:
    """As a view that is called back: each node holds a closure over itself."""
    nodes = [adopt(cls(n), tip(), cls(-n)) for n in range(5)]
    for one in nodes:
        one.payload = lambda one=one: one.parent
    return adopt(nodes[0], *nodes[1:])


def the_parent_has_it(cls: type, tip: type) -> Any:
    parent = adopt(cls(1), cls(2), cls(3))
    parent.payload = lambda: parent
    return parent


def three_levels(cls: type, tip: type) -> Any:
    """What is in the middle is held natively and weakly."""
    last = cls(3)
    root = adopt(cls(1), adopt(cls(2), last), cls(4))
    last.payload = [lambda: root]
    return root


def each_level(cls: type, tip: type) -> Any:
    at = root = cls(0)
    for n in range(1, 50):
        below = cls(n)
        below.payload = Opaque([at, below])
        at = adopt(at, below, cls(-n)).children[0]
    return root


def a_ring_with_parents(cls: type, tip: type) -> Any:
    nodes = [cls(n) for n in range(20)]
    for n, one in enumerate(nodes):
        one.payload, one.parent = nodes[(n + 1) % 20], nodes[n - 1]
    return nodes[0]


def tips(cls: type, tip: type) -> Any:
    """Those hold nothing but weakly: their wrappers are gone, or in a closure of the cycle."""
    parent = cls(1)
    some = [tip(parent) for _ in range(3)]
    parent.children = tieback.List([*some, tip(parent)])
    parent.payload = lambda: (parent, some)
    return parent


def itself(cls: type, tip: type) -> Any:
    x = cls(1)
    x.parent, x.payload = x, Opaque(x)
    return x


def a_native_cycle(cls: type, tip: type) -> Any:
    a, b = cls(1), cls(2)
    a.payload, b.payload = b, a
    a.parent, b.parent = b, a
    return a


def held_thrice(cls: type, tip: type) -> Any:
    x, y = cls(1), cls(2)
    x.payload = [y, y, {"y": y}]
    y.payload, y.parent, x.parent = x, x, y
    return x


CYCLES: list[Callable[[type, type], Any]] = [
    the_root_as_payload,
    the_root_in_a_closure,
    its_own_handler,
    the_parent_has_it,
    three_levels,
    each_level,
    a_ring_with_parents,
    tips,
    itself,
    a_native_cycle,
    held_thrice,
]
KINDS = [(Node, Tip), (Stateful, StatefulTip), (Node, StatefulTip), (Stateful, Tip)]
kinds = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "-".join(c.__name__ for c in kind))
cycles = pytest.mark.parametrize("make", CYCLES, ids=lambda make: make.__name__)


@kinds
@cycles
def test_a_tree_leaves_nothing(make: Callable[..., Any], kind: Any):
    before = tieback.stats()
    make(*kind)
    assert tieback.stats() != before, "there is a cycle"
    gc.collect()
    assert tieback.stats() == before


@kinds
@cycles
def test_held_by_a_strong_reference_it_loses_nothing(make: Callable[..., Any], kind: Any):
    number = lib.hold(make(*kind))
    for _ in range(3):
        gc.collect()
    root = lib.held(number)
    whole = picture(root)
    for _ in range(3):
        gc.collect()
    assert picture(root) == whole and whole == picture(make(*kind))
    lib.release(number)
    del root
    gc.collect()


@kinds
@cycles
def test_held_by_a_weak_reference_of_rusts_it_is_found_whole(make: Callable[..., Any], kind: Any):
    """One that no object has: it is not accounted for. An object whose life its wrapper alone shares may go, as it
    may behind a weak reference of Python's; another stays."""
    root = make(*kind)
    whole = picture(root)
    alone = isinstance(root, Stateful) and use_count(root) == 1
    number = lib.weak_hold(root)
    del root
    for _ in range(3):
        gc.collect()
    found = lib.weak_get(number)
    assert (found is None) == alone
    assert found is None or picture(found) == whole
    lib.weak_release(number)
    del found
    gc.collect()


def use_count(x: Any) -> int:
    return tieback.testing.use_count(x)


def picture(root: Any) -> list[Any]:
    """What is there, in the order in which it is come by."""
    seen: list[Any] = []
    numbers: list[Any] = []
    todo = [root]
    while todo:
        x = todo.pop()
        if isinstance(x, (tieback.Array, tieback.List, list, tuple)):
            todo.extend(x)
        elif isinstance(x, (tieback.Dict, tieback.Map)):
            todo.extend(x.values())
        elif isinstance(x, Opaque):
            todo.append(x.to)
        elif callable(x):
            todo += x.__defaults__ or [cell.cell_contents for cell in x.__closure__]
        elif isinstance(x, (Node, Tip)) and not any(x is one for one in seen):
            seen.append(x)
            up = x.parent
            numbers.append((getattr(x, "number", None), up and up.number))
            todo.append(up)
            if isinstance(x, Node):
                todo += [x.children, x.payload]
    return numbers


class TestAlive:
    """Through a weak reference that lives, natively, the object is there as long as somebody may come for it."""

    def test_of_an_object_that_python_holds(self):
        child = Node(2)
        parent = Node(1, None, None, [])
        child.parent = parent
        parent.payload = lambda parent=parent: parent
        del parent
        gc.collect()
        assert child.parent.payload() is child.parent and child.parent.number == 1
        before = tieback.stats()["objects"]
        child.parent = None
        gc.collect()
        assert tieback.stats()["objects"] < before

    def test_of_an_object_that_rust_holds(self):
        child, other = Node(2), Node(3)
        parent = adopt(Node(1), other)
        child.parent = parent
        other.payload = Opaque(parent)
        number = lib.hold(child)
        del parent, child, other
        gc.collect()
        assert lib.held(number).parent.children[0].payload.to.number == 1
        lib.release(number)
        gc.collect()

    def test_nothing_of_it_is_finalized(self):
        """It is not even taken for dead for a while: Python's weak references to it are alive."""
        ended: list[int] = []

        class Loud(Stateful):
            def __del__(self) -> None:
                ended.append(self.number)

        child, parent = Node(2), Loud(1)
        child.parent, parent.payload = parent, adopt(Loud(0), parent)
        parent.payload.payload = parent
        seen = weakref.ref(parent), weakref.ref(parent.payload)
        number = lib.hold(child)
        del parent, child
        for _ in range(3):
            gc.collect()
            assert [one().number for one in seen] == [1, 0] and ended == []
        lib.release(number)
        gc.collect()
        assert [one() for one in seen] == [None, None] and sorted(ended) == [0, 1]

    def test_with_state_and_held_by_itself_alone_it_goes(self):
        """As behind a weak reference of Python's: nobody comes by it without attaching."""
        child, parent = Node(2), Stateful(1)
        child.parent = parent
        parent.me = parent
        seen = [parent.number]
        del parent
        gc.collect()
        assert child.parent is None and seen == [1]

    def test_in_a_living_object_of_a_dead_tree(self):
        """A child is kept, of a parent that is dead but for it."""
        child = Node(2)
        parent = adopt(Stateful(1), child, Node(3))
        parent.up = adopt(Stateful(0), parent)
        child.payload = Opaque(parent)
        del parent
        gc.collect()
        assert child.parent.up.children[0] is child.payload.to
        child.payload = None
        gc.collect()

    def test_a_finalizer_that_keeps_a_child(self):
        """Seen again after the finalizers: what the child can come by lives on, whole."""
        kept: list[Any] = []

        class Keeper(Stateful):
            def __del__(self) -> None:
                kept.append(self.children[0])

        child, grandchild = Node(2), Node(3)
        parent = adopt(Keeper(1), adopt(child, grandchild))
        above = adopt(Node(0), parent)
        grandchild.payload, parent.payload = Opaque(parent), above
        del parent, child, grandchild, above
        gc.collect()
        parent = kept[0].parent
        assert parent.children[0] is kept[0] and parent.payload.children[0] is parent
        assert kept[0].children[0].payload.to is parent and parent.parent is parent.payload
        del parent
        kept.clear()
        gc.collect()
        assert not kept, "finalized once"

    @pytest.mark.parametrize("cls", [Node, Stateful])
    def test_while_a_thread_of_rusts_makes_strong_references_of_weak_ones(self, cls: type):
        for _ in range(30):
            child = cls(2)
            parent = adopt(cls(1), child)
            above = adopt(cls(0), parent)
            child.payload = Opaque(above)
            lib.upgrade_repeatedly(parent, 2000)
            number = lib.hold(child)
            del parent, child, above
            for _ in range(5):
                gc.collect()
                again = lib.held(number)
                assert again.parent.parent.children[0].children[0] is again
                del again
            lib.release(number)
            lib.join_threads()
        gc.collect()

    def test_what_refers_weakly_does_not_refer(self):
        child, parent = Node(2), Node(1)
        child.parent = parent
        assert not any(one is parent for one in gc.get_referents(child))


def test_weak_references_to_the_dead_are_none():
    """In an object that lives on; the space of the dead goes with the last of them."""
    child, parent = Node(2), Node(1)
    child.parent = parent
    del parent
    gc.collect()
    assert child.parent is None
    gc.collect()


def test_nothing_is_found_that_is_being_taken_apart(monkeypatch: pytest.MonkeyPatch):
    """What a dead cycle drops runs `__del__` in the middle of it: no weak reference leads there any more. (The
    interpreter relies on that: 3.11 crashes where somebody reads the `__dict__` that it is clearing.)"""
    child = Node(2)
    found: list[Any] = []

    def look() -> None:
        parent = child.parent
        found.append((parent, weak(), parent and (parent.payload, parent.__dict__)))

    monkeypatch.setattr(Last, "look", staticmethod(look))
    for first in (True, False):
        lasts = [Last(), Last()]
        gc.freeze()
        payload = Opaque() if first else None
        parent = Stateful(1)
        payload = payload or Opaque()
        payload.last, payload.to = [lasts.pop()], parent
        parent.payload, parent.own = payload, [lasts.pop()]
        child.parent, weak = parent, weakref.ref(parent)
        del parent, payload
        gc.collect()
        gc.unfreeze()
        assert found == [(None, None, None)] * 2
        assert child.parent is None
        found.clear()


def test_again_and_again():
    """Collected again and again, with what lives beside it: nothing is come by twice."""
    living = the_root_as_payload(Node, Tip)
    whole = picture(living)
    before = tieback.stats()
    for n in range(300 if GIL else 60):  # each a collection of all that pytest has, too
        for make in CYCLES[n % 3 :: 3]:
            make(*KINDS[n % 4])
        gc.collect()
    gc.collect()
    assert tieback.stats() == before and picture(living) == whole


@dc.py_class("test_cycles_weak.Weakly")
class Weakly(dc.Object):
    """As test_cycles.Plain, with a weak reference."""

    number: int = 0
    any: Any = None
    to: Optional[dc.Object] = None
    back: tieback.Weak[dc.Object] = None  # type: ignore[assignment]
    mark: Any = None


class WeaklyCounted(Weakly):
    """With attributes; says when it ends, once."""

    __del__ = Counted.__del__


class WeakGraph(Graph):
    """Nodes are weakly referred to besides."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.back: dict[int, int] = {}

    def make(self) -> Any:
        if self.random.random() < 0.5:
            return WeaklyCounted(self.serial, mark=None)
        return Weakly(self.serial, mark=Mark(self.serial, self.alive.discard))

    def has_attributes(self, x: Any) -> bool:
        return isinstance(x, WeaklyCounted)

    def edit(self) -> None:
        if self.random.random() < 0.2 and len(self.roots) > 3:
            x, y = self.pick(), self.pick()
            x.back = y
            self.back[x.number] = y.number
        else:
            super().edit()

    def follow(self, x: Any) -> list[Any]:
        if (back := self.back.get(x.number)) is not None:
            found = x.back
            if found is None:
                assert back not in self.reachable()
                del self.back[x.number]
            else:
                assert found.number == back
                if self.random.random() < 0.3:
                    return [found]
        return super().follow(x)

    def check(self) -> None:
        """What is reachable is alive; what is alive was reachable, if weak references count, too."""
        lib.join_threads()
        tieback.stats()
        assert self.reachable() <= self.alive, "collected though it is reachable"
        weak = {x: dict(edges) for x, edges in self.edges.items()}
        for x, back in self.back.items():
            if x in weak and back in self.alive:
                weak[x]["back"] = [back]
        most = self.reachable(weak)
        gc.collect()
        assert self.reachable() <= self.alive, "collected though it is reachable"
        assert self.alive <= most, "not collected"
        self.forget()
        for x in [x for x in self.back if x not in self.alive]:
            del self.back[x]


def test_random_edits_against_plain_python():
    print(f"TIEBACK_GRAPH_SEED={SEED} TIEBACK_GRAPH_EDITS={EDITS}", file=sys.stderr)
    before = tieback.stats()
    WeakGraph(SEED).run(EDITS)
    assert tieback.stats() == before
