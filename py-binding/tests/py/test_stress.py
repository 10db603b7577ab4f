"""Many threads on one object, and on a graph of shared objects. Counts are exact at the end, compared after
the threads were joined and the collector ran, never after a sleep.

Rounds a thread: 20,000 without a GIL, 2,000 with one, which is made to change hands all the time.
``TIEBACK_STRESS_ROUNDS`` sets another number, ``TIEBACK_STRESS_SECONDS=3600`` repeats each test for an
hour, ``TIEBACK_STRESS_SEED`` repeats a run (as far as threads do).
"""

from __future__ import annotations

import copy
import gc
import os
import pickle
import random
import sys
import threading
import time
from typing import Any, Callable, Iterator

import pytest

from interpreter import GIL
import tieback
from tie_support import Box, Leaf, Numbers, Opaque, Point, Slotted, lib
from tieback.testing import use_count

ROUNDS = int(os.environ.get("TIEBACK_STRESS_ROUNDS", 2_000 if GIL else 20_000))
SECONDS = float(os.environ.get("TIEBACK_STRESS_SECONDS", 0))
SEED = int(os.environ.get("TIEBACK_STRESS_SEED", random.randrange(1 << 32)))
THREADS = 16

Work = Callable[[random.Random, int], None]


@pytest.fixture(autouse=True)
def restless() -> Iterator[None]:
    """The interpreter changes hands as often as it can."""
    old = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(old)


def at_once(work: Work, rounds: int = ROUNDS) -> None:
    """``work(random, round)`` that many times on each of the threads, which begin together; the first
    failure of any ends them all."""
    failed: list[BaseException] = []
    barrier = threading.Barrier(THREADS)

    def run(number: int) -> None:
        choose = random.Random(SEED + number)
        barrier.wait()
        try:
            for at in range(rounds):
                if failed:
                    return
                work(choose, at)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gc.collect()
    if failed:
        raise failed[0]


def again(work: Callable[[], None]) -> None:
    """Once, or until the time is over."""
    print(f"TIEBACK_STRESS_SEED={SEED} TIEBACK_STRESS_ROUNDS={ROUNDS}")
    end = time.monotonic() + SECONDS
    work()
    while time.monotonic() < end:
        work()


@pytest.mark.parametrize(
    "make", [lambda: Leaf(5), lambda: Point(1, 2), lambda: Slotted(5), lambda: Numbers(5)],
    ids=["py_class", "rust object", "collected class", "in-place items"],
)
def test_one_object(make: Callable[[], Any]):
    """Its wrapper is dropped and revived all the time, and is one and the same."""

    def run() -> None:
        number = lib.hold(make())
        first = lib.held(number)
        where, kind = id(first), type(first)
        del first

        def work(choose: random.Random, at: int) -> None:
            x = lib.held(number)
            assert id(x) == where and type(x) is kind, "not the one wrapper"
            what = choose.randrange(8)
            if what == 0:
                assert lib.held(number) is x
            elif what == 1:
                assert lib.echo(x) is x
            elif what == 2:
                lib.release(lib.hold(x))
            elif what == 3:
                assert tieback.Array([x])[0] is x
            elif what == 4:
                assert lib.call(lambda y: y is x and y, x) is x
            elif what == 5:
                other = lib.hold(x)
                del x
                lib.release_on_thread(other) if at % 16 == 0 else lib.release(other)
            elif what == 6:
                box = Box(x)
                del x
                assert id(box.value) == where

        at_once(work)
        assert use_count(lib.held(number)) == 2
        lib.release(number)

    again(run)


def test_a_moved_object():
    """Threads take the object out of a place, move it through a call, and put it back."""

    def run() -> None:
        place = [Leaf(7)]
        lock = threading.Lock()
        passed = [0]

        def work(choose: random.Random, at: int) -> None:
            with lock:
                x = place.pop()
            back = lib.echo(x._move())
            assert x.__chandle__() == 0 and back is not x and back.number == 7
            assert use_count(back) == 1
            with lock:
                place.append(back)
                passed[0] += 1

        def guarded(choose: random.Random, at: int) -> None:
            while True:
                try:
                    return work(choose, at)
                except IndexError:
                    continue  # another thread has it

        at_once(guarded, max(ROUNDS // 20, 1))
        assert passed[0] == THREADS * max(ROUNDS // 20, 1) and use_count(place[0]) == 1

    again(run)


def test_objects_that_die_while_they_are_shown():
    """The last references go on all threads at once, wrappers' and native ones."""

    def run() -> None:
        places: list[Any] = [None] * 8

        def work(choose: random.Random, at: int) -> None:
            here = choose.randrange(len(places))
            what = choose.randrange(4)
            if what == 0:
                places[here] = Leaf(at)
            elif what == 1:
                places[here] = Box(places[choose.randrange(len(places))])
            elif what == 2:
                x = places[here]
                if x is not None:
                    assert lib.echo(x) is x
            else:
                x = places[here]
                while type(x) is Box:
                    x = x.value

        at_once(work)
        places.clear()

    again(run)


def test_a_graph_of_shared_objects():
    """Boxes that name shared leaves: read, replaced, copied, pickled, dropped, here and on Rust
    threads. Every leaf's count is known at the end, by whom it is still named."""

    def run() -> None:
        leaves = [Leaf(n) for n in range(16)]
        numbers = [lib.hold(leaf) for leaf in leaves]
        ids = [id(leaf) for leaf in leaves]
        boxes = [Box(leaves[n % 16]) for n in range(48)]
        leaves.clear()

        def work(choose: random.Random, at: int) -> None:
            box = boxes[choose.randrange(48)]
            what = choose.randrange(10)
            if what < 3:
                leaf = box.value
                assert id(leaf) == ids[leaf.number], "another wrapper for a shared leaf"
            elif what < 6:
                box.value = lib.held(numbers[choose.randrange(16)])
            elif what == 6:
                other = copy.copy(box)
                assert type(other.value) is Leaf
            elif what == 7:
                array = tieback.Array([box, box.value])
                assert array[0] is box
            elif what == 8:
                lib.release_on_thread(lib.hold([box.value, Opaque()])) if at % 16 == 0 else None
            elif at % 8 == 0:
                assert type(pickle.loads(pickle.dumps(box)).value) is Leaf

        at_once(work)
        assert lib.join_threads() == 0 and tieback.stats()["deferred"] == 0
        named = [0] * 16
        for box in boxes:
            named[box.value.number] += 1
        for n, number in enumerate(numbers):
            leaf = lib.held(number)
            assert id(leaf) == ids[n] and use_count(leaf) == named[n] + 2
            del leaf
            lib.release(number)
        del box
        boxes.clear()

    again(run)


def test_rust_threads_call_back_with_shared_objects():
    """Sixteen Rust threads attach and come back, with arguments and results that everybody shares."""

    def run() -> None:
        leaves = [Leaf(n) for n in range(4)]
        rounds = max(ROUNDS // 20, 1)

        def called(number: int) -> Any:
            for at in range(rounds):
                x = leaves[(number + at) % 4]
                assert lib.echo(x) is x
                assert lib.call(lambda y: y, x) is x
            return leaves[number % 4]

        results = list(lib.call_on_threads(called, THREADS))
        assert all(x is leaves[n % 4] for n, x in enumerate(results))
        del results
        gc.collect()
        assert [use_count(x) for x in leaves] == [1] * 4

    again(run)
