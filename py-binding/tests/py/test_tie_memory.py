"""Hazard 5: an allocation fails half-way, the n-th, for every n that there is. What was asked for is
done or MemoryError, and nothing is leaked."""

from __future__ import annotations

from typing import Any, Callable

import _testcapi
import pytest

import tieback
from tie_support import Aligned, Box, Heir, Leaf, Node, Opaque, Point, Referable, lib, testing

use_count = tieback.testing.use_count

# More than any of the calls below makes.
ALLOCATIONS = 60


class Held:
    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make

    def __enter__(self) -> int:
        self.number = lib.hold(self.make())
        return self.number

    def __exit__(self, *_: object) -> None:
        lib.release(self.number)


def failing(call: Callable[[], Any], check: Callable[[], None] = lambda: None) -> int:
    """Calls with the n-th of Python's allocations failing, for every n; how many times it failed."""
    call()  # what is made once is made
    failures = 0
    for n in range(ALLOCATIONS):
        before = tieback.stats(), lib.live()
        failed = None
        _testcapi.set_nomemory(n, n + 1)
        try:
            call()
        except BaseException as error:  # looked at below, with memory
            failed = error
        finally:
            _testcapi.remove_mem_hooks()
        if failed is not None:
            failures += 1
            assert isinstance(failed, MemoryError), repr(failed)
            failed = None
        check()
        assert (tieback.stats(), lib.live()) == before, n
    return failures


class Stateful(Leaf):
    pass


@pytest.mark.parametrize(
    "make",
    [
        lambda: Point(1, 2),
        lambda: Aligned(1),
        lambda: Leaf(1),
        lambda: Heir(1, "text"),
        lambda: Referable(1),
        lambda: Stateful(1),
        lambda: Box(Opaque()),
        lambda: tieback.Array([1, 2.5, "text" * 10, Leaf(1)]),
        lambda: tieback.convert(len),
        lambda: tieback.Error("ValueError", "text"),
        lambda: lib.points(5)[3],
        lambda: lib.adder(2)(3),
    ],
)
def test_making(make: Callable[[], Any]):
    assert failing(make) > 0


def test_showing_what_has_no_wrapper():
    """Made natively: each call shows another one for the first time."""
    assert failing(lambda: lib.point(1, 2)) > 0
    assert failing(lambda: lib.adder(1)) > 0


def test_showing_a_stateful_one_again():
    with Held(lambda: Referable(5)) as number:
        assert failing(lambda: lib.held(number)) > 0
        assert use_count(lib.held(number)) == 2


def test_showing_a_kept_one_needs_no_memory():
    with Held(lambda: Point(1, 2)) as number:
        held, first = lib.held, id(lib.held(number))
        for n in range(20):
            _testcapi.set_nomemory(n, 0)  # from the n-th on all fail
            try:
                seen = held(number)
            except MemoryError:
                seen = None
            finally:
                _testcapi.remove_mem_hooks()
            assert seen is None or id(seen) == first
        assert id(seen) == first


@pytest.mark.parametrize(
    "use",
    [
        lambda x: lib.echo(x),
        lambda x: lib.echo("text" * 100),
        lambda x: lib.echo([x, [x, "text"]]),
        lambda x: lib.echo(Opaque()),
        lambda x: lib.call(lambda y: y, x),
        lambda x: lib.apply(lambda *a: len(a), *[x] * 20),
        lambda x: Box(x).value,
        lambda x: testing.echo(x),
        lambda x: repr(x),
        lambda x: tieback.Array([x]) == [x],
    ],
)
def test_using(use: Callable[[Any], Any]):
    x = Leaf(1)

    def intact() -> None:
        assert use_count(x) == 1 and x.number == 1

    failing(lambda: use(x), intact)


def test_setting_a_field():
    box = Box(Leaf(1))
    failing(lambda: setattr(box, "value", Leaf(2)))
    failing(lambda: setattr(box, "value", [1, 2, Leaf(3)]))
    box.value = None
    node = Node("n")
    failing(lambda: setattr(node, "payload", "text" * 10))


def test_moving():
    """It moved, or nothing happened."""
    seen = []
    for n in range(40):
        x = Leaf(n)
        moved = None
        _testcapi.set_nomemory(n, n + 1)
        try:
            moved = x._move()
        except MemoryError:
            pass
        finally:
            _testcapi.remove_mem_hooks()
        if moved is None:
            assert x.number == n and use_count(x) == 1
        else:
            assert x.__chandle__() == 0 and lib.echo(moved).number == n
        seen.append(moved is None)
        del x, moved
    assert any(seen) and not all(seen)


def test_a_move_in_the_middle_of_a_call():
    def call() -> None:
        assert lib.consume(Leaf(1)._move()) == 1

    assert failing(call) > 0


def test_dropping_needs_no_memory():
    """Carriers, closures and errors bring what their end needs."""
    for make in (Opaque, lambda: lambda: 1, lambda: ValueError(1), lambda: [Leaf(1), Opaque()]):
        number = lib.hold(make())
        release = lib.release
        _testcapi.set_nomemory(0, 0)
        try:
            release(number)
        finally:
            _testcapi.remove_mem_hooks()
