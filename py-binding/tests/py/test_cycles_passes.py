"""The collector's passes are told apart, however many there were; and a pass over natives without wrappers comes by
each once, however many ways lead there."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import pytest

import tieback
from tie_support import lib, ran_cleanly
from tieback import dataclasses as dc

pytestmark = pytest.mark.usefixtures("nothing_by_itself")


@dc.py_class("test_cycles_passes.Node")
class Node(dc.Object):
    any: Any = None


class Stateful(Node):
    pass


def test_what_lives_lives_through_thousands_of_collections():
    """New wrappers come by after older ones, in each of more collections than a number of twelve bits counts.
    In an interpreter of its own, where there is little to collect."""
    ran_cleanly(
        """
import gc, weakref
from typing import Any
from tieback import dataclasses as dc

@dc.py_class("test_cycles_passes.Node")
class Node(dc.Object):
    any: Any = None

class Stateful(Node):
    pass

class Loud:
    def __del__(self): ended.append(1)

gc.disable()
gc.freeze()
ended = []
held, holder = Stateful(), Node()
held.loud = Loud()
holder.any, seen = held, weakref.ref(held)
del held  # its object's, which `holder` holds natively
gc.collect()
for _ in range(2**12 + 10):
    new = Node()
    gc.collect(1)
    gc.collect()
    assert seen() is holder.any and not ended
seen().loud = None
assert ended == [1]
"""
    )


def test_what_lives_while_the_dead_are_saved():
    """Nothing is heard of what goes to `gc.garbage`: that must not make two passes one."""
    held, holder = Stateful(), Node()
    held.state = [1]
    holder.any, seen = held, weakref.ref(held)
    del held
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for _ in range(5):
            dead, also = Stateful(), Stateful()
            dead.itself, also.any = dead, also
            del dead, also
            gc.collect(), gc.collect()
            assert seen() is holder.any and holder.any.state == [1]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()


class Rescuer:
    """Has native code hold what it is in a dead cycle with, and lets go of it."""

    def __init__(self, node: Node) -> None:
        self.itself, self.node, self.numbers = self, node, numbers

    def __del__(self) -> None:
        self.numbers += [lib.hold(self.node), lib.hold(self.node.any)]
        self.node = None  # its wrapper is its object's from here on


numbers: list[int] = []


def test_a_wrapper_that_is_taken_between_two_passes():
    node, held = Node(), Stateful()
    node.any, held.state = held, [1]
    Rescuer(node)
    del node, held
    gc.collect()
    node, held = (lib.held(number) for number in numbers)
    assert node.any is held and held.state == [1]
    while numbers:
        lib.release(numbers.pop())


@pytest.mark.parametrize("who", ["itself", "another"])
def test_a_wrapper_whose_count_the_collector_finds_to_be_0(who: str):
    """Without a GIL: made on a thread that waits, let go of on another. Its object takes it, and it is whole."""
    before = tieback.stats()
    holder, box, made, done = Node(), [], threading.Event(), threading.Event()

    def make() -> None:
        box.append(Node([1, [2]]))
        if who == "itself":
            box[0].any = [box[0], box[0]]
        else:
            holder.any = box[0]
        made.set()
        done.wait()

    thread = threading.Thread(target=make)
    thread.start()
    made.wait()
    box.pop()
    gc.collect()
    if who == "another":
        assert tieback.stats()["owned"] == before["owned"] + 1
        assert list(holder.any.any[1]) == [2]
    done.set()
    thread.join()
    gc.collect()
    gc.collect()
    holder.any = None
    del holder
    assert tieback.stats() == before


def pairs(bottom: Any, depth: int) -> Any:
    """An Array that holds the next one twice, and so on; none but the first has a wrapper."""
    number = lib.hold(tieback.Array([bottom])._move())
    for _ in range(depth):
        top = lib.drop_then([], [[lib.held, number]] * 2)
        lib.release(number)
        number = lib.hold(top._move())
    top = lib.held(number)
    lib.release(number)
    return top


def test_what_natives_lead_to_by_ways_of_different_length():
    held = Stateful()
    seen = weakref.ref(held)
    middle = pairs(held, 60)
    number = lib.hold(middle._move())
    del middle, held
    long_way = lib.drop_then([], [[lib.held, number]])
    short_way = lib.drop_then([], [[lib.held, number]])
    lib.release(number)
    long_way = pairs(long_way, 30)
    for _ in range(3):
        gc.collect()
        assert seen() is not None
    del long_way
    gc.collect()
    assert seen() is not None
    del short_way
    gc.collect()
    assert seen() is None


PROGRAM = """
import gc
from test_cycles_passes import Node, pairs, tieback
before = tieback.stats()
x = Node()
x.any = pairs(x, 80)
gc.collect()
del x
gc.collect()
assert tieback.stats() == before, (before, tieback.stats())
"""


def test_a_number_of_ways_that_nobody_can_go():
    """2^80 of them lead from a wrapper to itself."""
    ran_cleanly(PROGRAM)


class Below(Node):
    """The interpreter tears it down, and parks it when there are too many teardowns one in the other."""

    __slots__ = ()


class Nested:
    """Lets go of a wrapper first, of what looks for it then, of the next one last."""

    __slots__ = ("first", "look", "next")

    def __init__(self, node: Any, look: Any, next: Any) -> None:
        self.first, self.look, self.next = node, look, next


class Look:
    """Has native code make a strong reference of its weak one, and asks what that leads to."""

    def __init__(self, weak: int, found: list[Any]) -> None:
        self.weak, self.found = weak, found

    def __del__(self) -> None:
        holder = lib.drop_then([], [[lib.weak_get, self.weak]])
        self.found += [holder, *gc.get_referents(holder)]
        lib.weak_release(self.weak)


PARKED = """
import gc, sys
from test_cycles_passes import Below, Look, Nested, lib, tieback
found, top = [], None
for n in range(200):
    node = Below(n)
    top = Nested(node, Look(lib.weak_hold(node), found), top)
    del node
del top
arrays = [one for one in found if isinstance(one, tieback.Array)]
assert len(arrays) == 200 and not [one for one in found if isinstance(one, Below)]
parked = [array[0].any for array in arrays if array[0] is not None]
# Later versions park when the stack is nearly full.
assert parked or sys.version_info >= (3, 13), "none was parked"
assert set(parked) <= set(range(200))
found.clear(), arrays.clear()
gc.collect()
"""


def test_what_is_parked_in_its_teardown_is_referred_to_by_nobody():
    ran_cleanly(PARKED)


class Ends(Stateful):
    """Says what it has when it ends."""

    ended: list[Any] = []

    def __del__(self) -> None:
        self.ended.append(getattr(self, "note", None))


@pytest.mark.parametrize("field", [False, True], ids=["held by Python", "held by a field"])
def test_what_somebody_held_for_the_time_of_its_finalizer_alone(field: bool):
    """It is not finalized then, and not held any more when the collector looks again: it lives until the next
    collection, and ends whole."""
    held: list[int] = []
    count = 30

    class Neighbour(Stateful):
        """The first one holds all that are not finalized yet, the last one lets go of them."""

        left = count

        def __del__(self) -> None:
            if Neighbour.left == count:
                held.extend(lib.hold(x) for x in self.all if x.note not in Ends.ended)
            Neighbour.left -= 1
            if not Neighbour.left:
                while held:
                    lib.release(held.pop())

    all: list[Any] = []
    for number in range(count):
        x, y = Ends(), Neighbour()
        x.note, x.itself, x.back, y.all = number, x, y, all
        all.append(x)
        if field:
            y.any = x
    del x, y, all
    for _ in range(3):
        gc.collect()
    assert not Neighbour.left and not held
    assert sorted(Ends.ended) == list(range(count))
    Ends.ended.clear()


def test_what_was_kept_in_its_finalizer_is_finalized_before_it_is_taken_apart():
    """Long ago, and its object has owned it ever since."""
    x = Ends()
    x.note, handle, cell = "whole", x.__chandle__(), [x]
    then = tieback.convert(cell.clear)
    del x
    number = lib.hold_elsewhere_then(handle, then)
    del then
    assert not cell and not Ends.ended
    y = Node(lib.held(number))
    y.any.itself, y.any.back = y.any, y
    lib.release(number)
    gc.collect()
    assert y.any.note == "whole" and not Ends.ended
    del y
    gc.collect()
    assert Ends.ended == ["whole"]
    Ends.ended.clear()
