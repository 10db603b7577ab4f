"""Lists and dicts that some threads change while others read and iterate: Python's, Rust's, and both."""

from __future__ import annotations

import sys
import threading
from contextlib import suppress
from typing import Any, Callable

import pytest

from tie_support import Point, lib
from tieback import Dict, List, Object
from tieback.dataclasses import py_class

ROUNDS = 300


@py_class
class Item(Object):
    v: int


@pytest.fixture(autouse=True)
def switch_often():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def race(writers: list[Callable[[int], Any]], readers: list[Callable[[], Any]]) -> None:
    """Readers go on until the writers are done; what any of them raises is raised here."""
    failed: list[BaseException] = []
    done = threading.Event()

    def guarded(work: Callable[[], Any]) -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)
            done.set()

    def writing(write: Callable[[int], Any]) -> None:
        for i in range(ROUNDS):
            write(i)

    def reading(read: Callable[[], Any]) -> None:
        while not done.is_set():
            read()

    writing_threads = [threading.Thread(target=guarded, args=(lambda w=w: writing(w),)) for w in writers]
    reading_threads = [threading.Thread(target=guarded, args=(lambda r=r: reading(r),)) for r in readers]
    for thread in writing_threads + reading_threads:
        thread.start()
    for thread in writing_threads:
        thread.join()
    done.set()
    for thread in reading_threads:
        thread.join()
    if failed:
        raise failed[0]


def walk(it: Any, check: Callable[[Any], None]) -> None:
    """An iteration ends, or says that something changed."""
    try:
        for value in it:
            check(value)
    except RuntimeError as error:
        assert "changed while it was iterated" in str(error)


def is_item(value: Any) -> None:
    assert type(value) is Item and value.v >= 0


def test_a_list() -> None:
    it = List(Item(i) for i in range(8))

    def write(i: int) -> None:
        it.append(Item(i))
        it[i % 4] = Item(i)
        it[1:3] = [Item(i), Item(i + 1)]
        it[::2] = [Item(i) for _ in range(len(it[::2]))] if i % 50 == 0 and len(it) == 0 else it[::2]
        it.insert(0, Item(i))
        it.reverse()
        while len(it) > 12:
            it.pop()
            del it[0]

    def tolerant(i: int) -> None:
        try:
            write(i)
        except (IndexError, ValueError):
            pass  # the other writer was there first

    race(
        [tolerant, tolerant],
        [
            lambda: walk(it, is_item),
            lambda: walk(reversed(it), is_item),
            lambda: [is_item(value) for value in it[:]],
            lambda: (repr(it), it == it[:], it.count(3), it.index, len(it.copy())),
        ],
    )
    for value in it:
        is_item(value)


def test_a_dict() -> None:
    it = Dict({i: Item(i) for i in range(8)})

    def write(i: int) -> None:
        it[i % 30] = Item(i)
        it.pop((i * 7) % 30, None)
        it.setdefault(f"a longer key {i % 5}", Item(i))
        it.update({i % 11: Item(i), "x": Item(i)})
        if i % 40 == 0:
            it.clear()
        elif i % 10 == 0:
            with suppress(KeyError):  # the other one may have cleared it
                it.popitem()

    race(
        [write, write],
        [
            lambda: walk(it.values(), is_item),
            lambda: walk(it.items(), lambda pair: is_item(pair[1])),
            lambda: walk(reversed(it), lambda key: it.get(key)),
            lambda: (repr(it), it == dict(it.copy()), it.get(3), 3 in it, it | {1: 2}),
        ],
    )
    for value in it.values():
        is_item(value)


def test_every_append_is_kept() -> None:
    it, counts = List(), Dict()

    def write(i: int) -> None:
        it.append(i)
        it.extend((i, i))
        counts.setdefault(i, 0)

    race([write] * 3, [lambda: len(it)])
    assert len(it) == 9 * ROUNDS
    assert sorted(it) == sorted([*range(ROUNDS)] * 9)
    assert [*counts.values()] == [0] * ROUNDS


def is_point(value: Any) -> None:
    assert type(value) is Point and value.x == -value.y


def change_list(it: List) -> Callable[[int], None]:
    def write(i: int) -> None:
        try:
            it[i % 4] = Point(i, -i)
            it.append(Point(i, -i))
            it[1:3] = [Point(i, -i), Point(i, -i)]
            while len(it) > 12:
                is_point(it.pop())
        except (IndexError, ValueError):
            pass  # another writer was there first

    return write


def change_dict(it: Dict) -> Callable[[int], None]:
    def write(i: int) -> None:
        it[i % 30] = Point(i, -i)
        it.pop(i * 7 % 30, None)
        it.update({i % 5: Point(i, -i)})

    return write


@pytest.mark.parametrize("python", [False, True], ids=["rust threads", "both"])
def test_a_list_of_rust_threads(python: bool) -> None:
    """Threads that never attach set, add and take; whoever reads gets what somebody put there, alive."""
    it = List(Point(n, -n) for n in range(8))
    before = lib.live() - len(it)
    for _ in range(2):
        lib.race_list(it, 100 * ROUNDS)
    if python:
        readers = [lambda: walk(it, is_point), lambda: [is_point(value) for value in it[:]]]
        race([change_list(it)] * 2, readers)
    assert lib.join_threads() == 2
    assert [is_point(value) for value in it] and lib.live() == before + len(it)


@pytest.mark.parametrize("python", [False, True], ids=["rust threads", "both"])
def test_a_dict_of_rust_threads(python: bool) -> None:
    it = Dict({n: Point(n, -n) for n in range(8)})
    before = lib.live() - len(it)
    for _ in range(2):
        lib.race_dict(it, 100 * ROUNDS)
    if python:
        readers = [lambda: walk(it.values(), is_point), lambda: it.get(3) is None or is_point(it.get(4, Point(0, 0)))]
        race([change_dict(it)] * 2, readers)
    assert lib.join_threads() == 2
    for value in it.values():
        is_point(value)
    assert lib.live() == before + len(it)
