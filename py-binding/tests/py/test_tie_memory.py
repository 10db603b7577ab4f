"""Hazard 5: an allocation fails half-way, the n-th, for every n that there is. What was asked for is
done or MemoryError, and nothing is leaked."""

from __future__ import annotations

from functools import partial
from typing import Any, Callable

import _testcapi
import pytest

import tieback
from tie_support import (
    Aligned,
    Box,
    Heir,
    Leaf,
    Node,
    Opaque,
    Point,
    Referable,
    lib,
    testing,
)

use_count = tieback.testing.use_count

# More than any of the calls below makes.
ALLOCATIONS = 60
# As many storages of dead wrappers as are kept for the next ones.
SPARE = 64


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
    # With wrappers in use, so that none finds a storage that is kept for the next: each asks for memory.
    wrappers = [Leaf(0) for _ in range(SPARE)]
    for n in range(ALLOCATIONS):
        wrappers += [Leaf(0) for _ in range(SPARE // 4)]
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


# What is called is native: the interpreter's own frames do not all survive without memory.
OPAQUE = Opaque()
X = Leaf(1)
NESTED: list[Any] = [X, [X, "text"]]


@pytest.mark.parametrize(
    "make",
    [
        partial(Point, 1, 2),
        partial(Aligned, 1),
        partial(Leaf, 1),
        partial(Heir, 1, "text"),
        partial(Referable, 1),
        partial(Box, OPAQUE),
        partial(tieback.Array, ("text", 2.5, b"bytes", None)),
        partial(tieback.convert, len),
        partial(lib.points, 5),
        partial(lib.adder, 2),
        partial(lib.point, 1, 2),
    ],
)
def test_making(make: Callable[[], Any]):
    """Also those that native code makes, which each call shows for the first time."""
    assert failing(make) > 0


def test_showing_a_stateful_one_again_needs_no_memory():
    """Its wrapper is there still."""
    with Held(lambda: Referable(5)) as number:
        assert failing(partial(lib.held, number)) == 0
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
        partial(lib.echo, X),
        partial(lib.echo, "text" * 100),
        partial(lib.echo, NESTED),
        partial(lib.echo, OPAQUE),
        partial(lib.call, len, "text"),
        partial(lib.apply, max, *range(20)),
        partial(lib.pair, X, X),
        partial(getattr, Box(OPAQUE), "value"),
        partial(testing.echo, X),
        partial(tieback.Object.__repr__, X),
        partial(tieback.Array, NESTED),
    ],
)
def test_using(use: Callable[[], Any]):
    before = use_count(X)

    def intact() -> None:
        assert use_count(X) == before and X.number == 1

    failing(use, intact)


def test_setting_a_field():
    box, node = Box(), Node("n")
    for value in (X, NESTED, OPAQUE, "text" * 10, None):
        failing(partial(setattr, box, "value", value))
        failing(partial(setattr, node, "payload", value))


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
