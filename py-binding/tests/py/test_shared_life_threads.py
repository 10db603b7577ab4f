"""Shared life while threads are at the very same objects: whoever drops, fetches, takes, moves on or finalizes,
state is there as long as anybody holds the object, and `__del__` runs once. On builds with a GIL the threads take
turns; on free-threaded ones they do not. The same under every interleaving: ``share_loom.rs``."""

from __future__ import annotations

import gc
import random
import threading
import weakref
from typing import Any

import pytest

import tieback
from test_shared_life import CLASSES, Base, WithAll, WithDel, WithDict, WithSlots, WithWeak
from test_stress import ROUNDS, THREADS, again, at_once, restless
from tie_support import lib, ran_cleanly
from tieback.testing import use_count

__all__ = ["restless"]  # of every test here

NOTED = (WithDict, WithSlots, WithAll)


class Note:
    """What an attribute holds: counted by appending, which any number of threads may do at once."""

    begun: list[None] = []
    ended: list[None] = []

    def __init__(self) -> None:
        self.begun.append(None)

    def __del__(self) -> None:
        self.ended.append(None)


@pytest.fixture(autouse=True)
def nothing_is_noted():
    yield
    for one in CLASSES:
        one.__dict__.get("ends", []).clear()
    gc.collect()
    assert len(Note.begun) == len(Note.ended)
    Note.begun.clear()
    Note.ended.clear()


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_one_object(cls: type):
    """Held by Rust alone, again and again: always the same wrapper, with what is on it."""

    def run() -> None:
        x = cls(5)
        if cls in NOTED:
            x.note = Note()
        ref = weakref.ref(x) if cls.__weakrefoffset__ else None
        where, note = id(x), id(x.note) if cls in NOTED else None
        number = lib.hold(x)
        del x

        def work(choose: random.Random, at: int) -> None:
            x = lib.held(number)
            assert id(x) == where and type(x) is cls and x.number == 5
            what = choose.randrange(8)
            if cls in NOTED:
                assert id(x.note) == note
            if what == 0:
                assert lib.held(number) is x
            elif what == 1:
                assert lib.echo(x) is x
            elif what == 2:
                lib.release(lib.hold(x))
            elif what == 3:
                lib.release(lib.hold_released(x))
            elif what == 4:
                other = lib.hold(x)
                del x
                lib.release_on_thread(other) if at % 16 == 0 else lib.release(other)
            elif what == 5:
                x.to = tieback.List([choose.random()])
            elif what == 6 and isinstance(x, WithDict):
                x.extra = (x.number, at)
            elif what == 7 and ref:
                assert ref() is x

        at_once(work)
        assert use_count(lib.held(number)) == 2 and cls.__dict__.get("ends", []) == []
        before = tieback.stats()["stateful"]
        lib.release(number)
        gc.collect()
        assert tieback.stats()["stateful"] == before - 1
        assert cls.__dict__.get("ends", [5]) == [5]
        cls.__dict__.get("ends", []).clear()

    again(run)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_places_that_come_and_go(cls: type):
    """Objects are put into places of Rust's and taken out by other threads, which are often the last to
    hold them: what was put there comes out, and each ends once."""
    lock = threading.Lock()
    places: list[tuple[int, int, int | None]] = []
    made = [0]

    def work(choose: random.Random, at: int) -> None:
        if choose.randrange(2) or not places:
            x = cls(at)
            note = None
            if cls in NOTED:
                x.note = Note()
                note = id(x.note)
            where = id(x)
            number = lib.hold_released(x) if at % 2 else lib.hold(x)
            if at % 3 == 0:
                x.to = x  # found by the collector alone, in the end
            del x
            with lock:
                places.append((number, where, note))
                made[0] += 1
        else:
            with lock:
                if not places:
                    return
                number, where, note = places.pop(choose.randrange(len(places)))
            if choose.randrange(4) == 0:
                lib.release_on_thread(number) if at % 16 == 0 else lib.release(number)
                return
            x = lib.held(number)
            lib.release(number)
            assert id(x) == where and type(x) is cls
            assert cls not in NOTED or id(x.note) == note
            x.to = None

    at_once(work, ROUNDS // 4)
    for number, _, _ in places:
        lib.release(number)
    places.clear()
    gc.collect()
    lib.join_threads()
    gc.collect()
    assert len(cls.__dict__.get("ends", [None] * made[0])) == made[0]


def test_native_threads_against_python():
    """Threads that never attach cross the level to and fro while Python fetches, drops and collects."""
    x = WithAll(9)
    x.note = Note()
    where = id(x)
    number = lib.hold(x)
    for _ in range(4):
        lib.drop_slowly(x, ROUNDS)
    del x

    def work(choose: random.Random, at: int) -> None:
        x = lib.held(number)
        assert id(x) == where and x.note
        if at % 256 == 0:
            gc.collect(0)
        lib.release(lib.hold(x))

    at_once(work, ROUNDS // 8)
    lib.join_threads()
    assert WithAll.ends == [] and use_count(lib.held(number)) == 2
    lib.release(number)
    gc.collect()
    assert WithAll.ends == [9]


def test_weak_upgrades_against_the_end():
    """What is had of a weak reference is whole: the wrapper, and what is on it."""
    rounds = max(ROUNDS // 100, 20)
    for at in range(rounds):
        x = WithAll(at)
        x.note = Note()
        where, weak = id(x), lib.weak_hold(x)
        kept = [x]
        del x
        barrier = threading.Barrier(4)
        bad: list[Any] = []

        def look() -> None:
            barrier.wait()
            x = lib.weak_get(weak)
            if x is not None and (id(x) != where or not isinstance(x.note, Note)):
                bad.append(x)
            del x

        def drop() -> None:
            barrier.wait()
            kept.clear()

        threads = [threading.Thread(target=one) for one in (look, look, look, drop)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert bad == []
        gc.collect(0)
        assert lib.weak_get(weak) is None
        lib.weak_release(weak)
        assert WithAll.ends == [at]
        WithAll.ends.clear()


def test_a_del_that_hands_itself_to_another_thread():
    """Who gets the object in `__del__` keeps it by Rust alone: it is resurrected, wrapper and all."""
    import queue

    handed: queue.Queue[Any] = queue.Queue()
    numbers: list[int] = []

    class Mine(WithDict):
        def __del__(self) -> None:
            done = threading.Event()
            handed.put((self, done))
            assert done.wait(60)

    def serve() -> None:
        while True:
            item, done = handed.get()
            if item is None:
                return
            numbers.append(lib.hold(item))
            del item
            done.set()

    thread = threading.Thread(target=serve)
    thread.start()
    for at in range(max(ROUNDS // 100, 20)):
        x = Mine(at)
        x.note, where = at, id(x)
        del x
        number = numbers.pop()
        again = lib.held(number)
        assert id(again) == where and type(again) is Mine and again.note == at
        del again
        lib.release(number)
    handed.put((None, None))
    thread.join()
    gc.collect()


def test_cycles_die_while_others_are_used():
    """The collector takes dead cycles apart, of Python and Rust together, and nothing else."""
    kept = Base(1)
    kept.to = tieback.List([WithDict(n) for n in range(50)])
    for n, one in enumerate(kept.to):
        one.note = n
    del one
    before = tieback.stats()["stateful"]

    def work(choose: random.Random, at: int) -> None:
        x, y = WithAll(1), WithWeak(2)
        x.to, y.to = tieback.List([y]), lambda x=x: x
        x.note = [y]
        del x, y
        n = choose.randrange(50)
        assert kept.to[n].note == n
        if at % 64 == 0:
            gc.collect()

    at_once(work, max(ROUNDS // 40, 50))
    gc.collect()
    assert tieback.stats()["stateful"] == before
    assert len(WithAll.ends) == THREADS * max(ROUNDS // 40, 50)
    assert [one.note for one in kept.to] == list(range(50))


def test_classes_with_del_alone():
    """Not collected, so that the interpreter keeps no note of finalizers: ours does."""
    rounds = max(ROUNDS // 20, 50)

    def work(choose: random.Random, at: int) -> None:
        number = lib.hold_released(WithDel(at))
        assert type(lib.held(number)) is WithDel
        lib.release(number)

    at_once(work, rounds)
    assert len(WithDel.ends) == THREADS * rounds


def test_thread_locals_end_with_threads_of_rust():
    """A thread that is Python's for one call only, and whose thread locals call back in their end."""
    ran_cleanly(
        """
        import contextvars, threading
        from tie_support import *
        local, variable = threading.local(), contextvars.ContextVar("variable")
        ended = []
        class Ends(Box):
            def __del__(self):
                lib.call(ended.append, self.value)
        def work(n):
            local.ends, local.destructor = Ends(1), OnDrop(lambda n: lib.call(ended.append, n), n)
            variable.set(Ends(2))
        for _ in range(20):
            lib.call_on_thread(work, 1)
            lib.call_on_threads(work, 4)
        tieback.stats()
        assert len(ended) == 20 * 5 * 3, len(ended)
        """
    )
