"""The collector's passes are told apart, however many there were; and a pass over natives without wrappers comes by
each once, however many ways lead there."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

import tieback
from tie_support import lib, ran_cleanly
from tieback import dataclasses as dc


@dc.py_class("test_cycles_passes.Node")
class Node(dc.Object):
    any: Any = None


class Stateful(Node):
    pass


class Loud:
    """Says when it ends."""

    def __init__(self, ended: list[int]) -> None:
        self.ended = ended

    def __del__(self) -> None:
        self.ended.append(1)


@pytest.fixture(autouse=True)
def nothing_by_itself() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_what_lives_lives_through_thousands_of_collections():
    """New wrappers come by after older ones, in each of more collections than a number of twelve bits counts."""
    ended: list[int] = []
    held, holder = Stateful(), Node()
    held.loud = Loud(ended)
    holder.any, seen = held, weakref.ref(held)
    del held  # its object's, which `holder` holds natively
    gc.collect()
    for _ in range(2**12 + 10):
        new = Node()
        gc.collect(1)
        gc.collect()
        assert seen() is holder.any and not ended
    del new


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
import gc, sys
sys.path.insert(0, sys.argv[2])
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
