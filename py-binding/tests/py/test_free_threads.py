"""One wrapper per object, a stable id and exact counts while threads are at the very same object. On
builds with a GIL these take turns; on free-threaded ones they do not."""

from __future__ import annotations

import os
import sys
import gc
import threading
from collections.abc import Callable
from typing import Any

import pytest
from interpreter import FREE
import tie_support

import tieback
from tieback import _core, testing
from tieback.dataclasses import py_class

ROUNDS = int(os.environ.get("TIEBACK_ROUNDS", "2000" if FREE else "400"))
THREADS = 8
echo = tieback.get_global_func("testing.echo")


@py_class("free_threads.Inner")
class Inner(tieback.Object):
    val: int


@py_class("free_threads.Outer", frozen=True)
class Outer(tieback.Object):
    x: Inner


@py_class("free_threads.Frozen", frozen=True)
class Frozen(tieback.Object):
    number: int

    def __init__(self, publish: Callable[[Any], None]) -> None:
        self.number = 1
        publish(self)


@py_class("free_threads.Box")
class Box(tieback.Object):
    x: Inner
    text: str
    any: object


def together(*works: Callable[[], None]) -> None:
    """Runs each on a thread of its own, all at once; the first error is raised here."""
    barrier = threading.Barrier(len(works))
    errors: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        barrier.wait()
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_the_gil_stays_as_it_was() -> None:
    if sys.version_info >= (3, 13) and "t" in sys.abiflags:
        assert FREE, "importing tieback switched the GIL on"


def test_one_face_while_all_fetch_and_drop() -> None:
    outer = Outer(Inner(1))
    before = id(outer.x)
    others = [Inner(i) for i in range(200)]  # no address comes back by chance

    def fetch() -> None:
        for _ in range(ROUNDS):
            one, two = outer.x, outer.x
            assert one is two and echo(one) is one and id(one) == before
            del one, two

    together(*[fetch] * THREADS)
    assert testing.use_count(outer.x) == 2  # the field's and the wrapper's
    del others


def test_one_face_of_what_has_none_yet() -> None:
    for _ in range(ROUNDS // 10):
        array = tieback.convert([Inner(1), Inner(2)])
        seen: list[list[Any]] = [[] for _ in range(4)]
        together(*[lambda mine=mine: mine.extend(array) for mine in seen])
        assert all(a is b for mine in seen for a, b in zip(mine, array, strict=True))


def test_fields_replaced_while_they_are_read() -> None:
    box = Box(Inner(0), "the first of many long texts", None)

    def write() -> None:
        for i in range(ROUNDS):
            box.x, box.any = Inner(i), Inner(i)
            box.text = f"the text of round {i}, which is no short one"

    def read() -> None:
        for _ in range(ROUNDS):
            assert box.x.val >= 0 and box.text.startswith("the ")
            any = box.any
            assert any is None or any.val >= 0  # type: ignore[attr-defined]

    together(*[write, read] * (THREADS // 2))


def test_a_move_while_others_use_the_wrapper() -> None:
    """Who comes too late is told that it was moved; who came first is served."""
    for _ in range(ROUNDS // 20):
        inner = Inner(7)
        outer = Outer(inner)
        told: list[str] = []

        def use(inner: Inner = inner, told: list[str] = told) -> None:
            try:
                for _ in range(20):
                    assert inner.val == 7 and echo(inner) is inner
            except ValueError as error:
                told.append(str(error))

        def move(inner: Inner = inner, told: list[str] = told) -> None:
            try:
                echo(inner._move())
            except ValueError as error:
                told.append(str(error))

        together(use, use, move, move)
        assert all("was moved" in text or "is lent" in text for text in told), told
        assert outer.x.val == 7 and outer.x is outer.x


def test_a_moved_reference_is_passed_on_once() -> None:
    for _ in range(ROUNDS // 20):
        moved = Inner(3)._move()
        got: list[Any] = []

        def take(moved: Any = moved, got: list[Any] = got) -> None:
            try:
                got.append(echo(moved))
            except ValueError as error:
                assert "passed on already" in str(error)

        together(*[take] * 4)
        assert [one.val for one in got] == [3]


def test_an_emptied_wrapper_stays_moved() -> None:
    """A use that is refused leaves no loan behind."""
    inner = Inner(1)
    inner._move()
    for _ in range(3):
        with pytest.raises(ValueError, match="was moved"):
            _ = inner.val
        with pytest.raises(ValueError, match="was moved"):
            echo(inner)
        with pytest.raises(ValueError, match="was moved"):
            inner._move()
        with pytest.raises(ValueError, match="was moved"):
            inner.val = 1
        assert "(moved)" in repr(inner) and inner.__chandle__() == 0


def test_global_functions_keep_their_face() -> None:
    seen: list[set[int]] = [set() for _ in range(4)]
    kept: list[Any] = []

    def look(mine: set[int]) -> None:
        for _ in range(ROUNDS // 4):
            function = tieback.get_global_func("testing.nop")
            kept.append(function) if not mine else None
            mine.add(id(function))

    together(*[lambda mine=mine: look(mine) for mine in seen])
    assert len(set.union(*seen)) == 1


def test_initialised_once_whoever_tries() -> None:
    """A native constructor called on one empty wrapper by several threads binds it once."""
    for _ in range(ROUNDS // 40):
        point = tie_support.Point.__new__(tie_support.Point)
        done: list[str] = []

        def init(point: Any = point, done: list[str] = done) -> None:
            try:
                point.__init_handle_by_constructor__(tie_support.lib.point, 1, 2)
                done.append("made")
            except TypeError as error:
                done.append(str(error))

        together(*[init] * 4)
        assert done.count("made") == 1, done
        assert all(text == "made" or "initialised already" in text for text in done), done


def test_a_fetch_in_del_finds_the_one_that_dies() -> None:
    """On whatever thread: also on one that has shown nothing before."""
    seen: list[tuple[bool, int]] = []

    class Mine(Inner):
        def __del__(self) -> None:
            seen.append((echo(self) is self, testing.use_count(self)))

    Mine(1)
    assert seen == [(True, 1)]
    kept = [Mine(2)]
    together(kept.clear)
    assert seen == [(True, 1)] * 2
    Inner.__del__ = Mine.__del__  # type: ignore[attr-defined]
    try:
        Inner(3)
        kept = [Inner(4)]  # type: ignore[list-item]
        together(kept.clear)
        assert seen == [(True, 1)] * 4
    finally:
        del Inner.__del__  # type: ignore[attr-defined]


def test_what_goes_after_del_does_not_find_the_one_that_died() -> None:
    seen: list[bool] = []

    class Probe:
        def __init__(self, outer: Any, where: int) -> None:
            self.outer, self.where = outer, where

        def __del__(self) -> None:
            seen.append(id(self.outer.x) == self.where)

    class Mine(Inner):
        def __del__(self) -> None:
            pass

    mine = Mine(1)
    mine.probe = Probe(Outer(mine), id(mine))  # type: ignore[attr-defined]
    del mine
    # What holds it natively is part of a cycle, which is finalized while it is whole.
    gc.collect()
    assert seen == [True]


@pytest.mark.parametrize("late", [True, False])
def test_a_frozen_field_is_not_set_once_its_object_is_built(late: bool) -> None:
    """Nor by a setter that began before: readers of built objects take no lock."""
    shared: list[Any] = []
    shown, begun, built, written = (threading.Event() for _ in range(4))
    raised: list[BaseException] = []

    class Slow:
        def __index__(self) -> int:
            begun.set()
            assert built.wait(60) if late else True
            return 2

    def publish(it: Any) -> None:
        shared.append(it)
        shown.set()
        assert begun.wait(60) and (late or written.wait(60))

    def construct() -> None:
        frozen = Frozen(publish)
        assert frozen.number == (1 if late else 2)
        built.set()
        assert written.wait(60) and frozen.number == (1 if late else 2)

    def write() -> None:
        assert shown.wait(60)
        try:
            shared[0].number = Slow()
        except AttributeError as error:
            raised.append(error)
        written.set()

    together(construct, write)
    assert [type(error).__name__ for error in raised] == ["FrozenInstanceError"] * late


def test_classes_of_the_same_name_get_types_of_their_own() -> None:
    """Made by one function on several threads at once, each is another type."""
    parent = _core.class_type_index(tieback.Object)
    assert parent is not None
    seen: list[int] = []

    def register() -> None:
        for _ in range(100):
            seen.append(_core.register_type("free_threads.Same", "", parent, [], True))

    together(*[register] * 4)
    assert len(set(seen)) == len(seen)


def test_bases_assigned_while_instances_are_made() -> None:
    class Left(Inner):
        pass

    class Right(Inner):
        pass

    class Mine(Left):
        pass

    class Heir(Mine):
        pass

    def assign() -> None:
        for _ in range(ROUNDS // 4):
            Mine.__bases__ = (Right,)
            Mine.__bases__ = (Left,)

    def make() -> None:
        for i in range(ROUNDS // 4):
            assert Heir(i).val == i

    together(assign, make, make)


def test_a_class_is_made_once_whoever_shows_its_type_first() -> None:
    out = tie_support.ran_cleanly(
        """
        import sys, threading
        import tieback
        tieback.load_library(sys.argv[1])
        point = tieback.get_global_func("test_library.point")
        chain = tieback.get_global_func("test_library.chain")
        seen, ready = [], threading.Barrier(8)
        def show():
            ready.wait()
            seen.append((type(point(1, 2)), type(chain(1))))
        threads = [threading.Thread(target=show) for _ in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print([len(set(kind)) for kind in zip(*seen)])
        """
    )
    assert out == "[1, 1]\n"


@pytest.mark.skipif(not FREE, reason="with a GIL nobody else counts")
def test_nobody_counts_what_is_there_for_ever() -> None:
    """Registered classes and their fields' descriptors: a count that every thread writes to at each `a.x` would have
    them all wait for one another. Immortal (3.13), or counted on the threads' own stacks (3.14): the number is none
    that anybody reaches by counting."""
    point = tie_support.Point
    for each in (Outer, vars(Outer)["x"], vars(Inner)["val"], point, vars(point)["x"], tieback.Array):
        assert sys.getrefcount(each) > 2**20, each


@pytest.mark.skipif(not FREE, reason="with a GIL nobody is put aside there")
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a thread is put aside as Linux can")
def test_one_face_while_a_thread_is_put_aside_in_the_middle() -> None:
    """As a busy machine does it: one of the threads that drop the wrapper gets a few instructions done between two
    signals, whose handler sleeps. The others wait for it, and no wrapper takes the place of the one that it drops."""
    tie_support.ran_cleanly(
        """
        import ctypes, signal, threading, time
        from tie_support import Point, lib
        libc = ctypes.CDLL(None)
        libc.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
        libc.signal.restype = ctypes.c_void_p
        number = signal.SIGRTMIN + 20  # of those that wait behind one another
        libc.signal(number, ctypes.cast(libc.usleep, ctypes.c_void_p))  # so many microseconds as its number
        held = lib.hold(Point(1, 2))
        where, done, wrong = id(lib.held(held)), threading.Event(), []
        def fetch():
            while not done.is_set():
                for _ in range(100):
                    if id(lib.held(held)) != where:
                        wrong.append(True)
                        done.set()
        threads = [threading.Thread(target=fetch) for _ in range(3)]
        for thread in threads: thread.start()
        ends = time.monotonic() + 6
        while time.monotonic() < ends and not done.is_set():
            for _ in range(100): signal.pthread_kill(threads[0].ident, number)
            time.sleep(0.01)
        done.set()
        for thread in threads: thread.join()
        assert not wrong
        lib.release(held)
        """
    )
