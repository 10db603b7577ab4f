"""One wrapper per object, a stable id and exact counts while threads are at the very same object. On
builds with a GIL these take turns; on free-threaded ones they do not."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
import tie_support

import tieback
from tieback import testing
from tieback.dataclasses import py_class

FREE = not getattr(sys, "_is_gil_enabled", lambda: True)()
ROUNDS = int(os.environ.get("TIEBACK_ROUNDS", "2000" if FREE else "400"))
THREADS = 8
echo = tieback.get_global_func("testing.echo")


@py_class("free_threads.Inner")
class Inner(tieback.Object):
    val: int


@py_class("free_threads.Outer", frozen=True)
class Outer(tieback.Object):
    x: Inner


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
