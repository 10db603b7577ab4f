"""Blocks of small objects that have died are kept for the next ones on the same thread: a few, of the default
backing's only, and none where somebody looks for uses of freed memory."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import Any, Callable

import pytest

from interpreter import FREE
import tieback
from forking import needs_fork
from tie_support import ran_cleanly
from tieback import _core
from tieback.dataclasses import py_class

pytestmark = pytest.mark.usefixtures("nothing_kept_before")

MOST = 15


@py_class("spare_blocks.Two")
class Two(tieback.Object):
    first: int
    second: int


@py_class("spare_blocks.Large")
class Large(tieback.Object):
    a: int
    b: int
    c: int
    d: int
    e: int
    f: int
    g: int
    h: int


@py_class("spare_blocks.Three")
class Three(tieback.Object):
    first: int
    second: float
    third: Two | None


def many(make: Callable[[], Any]) -> list[Any]:
    """So many objects that no block of their size is left over."""
    return [make() for _ in range(100)]


@pytest.fixture(autouse=True)
def nothing_kept():
    tieback.trim()
    assert _core.spare_blocks() == 0


def test_a_few_of_each_size_are_kept_and_trim_gives_them_back():
    objects = many(lambda: Two(1, 2))
    assert _core.spare_blocks() == 0
    objects.clear()
    assert _core.spare_blocks() == MOST
    many(lambda: Three(1, 2.0, None)).clear()
    assert _core.spare_blocks() == 2 * MOST
    tieback.trim()
    assert _core.spare_blocks() == 0


def test_the_next_object_of_that_size_is_made_of_one():
    many(lambda: Two(1, 2)).clear()
    assert _core.spare_blocks() == MOST
    x = Two(3, 4)
    assert _core.spare_blocks() == MOST - 1
    assert (x.first, x.second) == (3, 4)


def test_nothing_of_the_last_object_is_in_the_next():
    for number in range(1, 40):
        Three(number, number / 2, Two(number, -number))
        two, three = Two.__new__(Two), Three.__new__(Three)
        assert (two.first, two.second) == (0, 0)
        assert (three.first, three.second, three.third) == (0, 0.0, None)


def test_large_objects_go_back_at_once():
    Large(1, 2, 3, 4, 5, 6, 7, 8)
    assert _core.spare_blocks() == 0


def test_statistics_count_objects_and_not_blocks():
    before = tieback.stats()["objects"]
    many(lambda: Two(1, 2)).clear()
    assert tieback.stats()["objects"] == before and _core.spare_blocks() > 0


def test_a_shelf_is_its_threads_own():
    there: list[int] = []

    def drop():
        tieback.trim()  # another thread may have ended that had this one's line
        x = [Two(n, n) for n in range(10)]
        x.clear()
        there.append(_core.spare_blocks())
        tieback.trim()
        there.append(_core.spare_blocks())

    thread = threading.Thread(target=drop)
    thread.start()
    thread.join()
    # None where another thread has that line.
    assert there in ([10, 0], [0, 0])
    assert _core.spare_blocks() == 0


PROGRAM = """
import sys, tieback
from tieback import _core
from tieback.dataclasses import py_class

@py_class("spare_blocks.Child")
class Child(tieback.Object):
    number: int

for n in range(100):
    Child(n)
many = [Child(n) for n in range(100)]
del many
print(_core.spare_blocks())
"""


@pytest.mark.parametrize(
    ("setting", "options", "kept"),
    [
        ("", [], MOST),
        ("pymalloc", [], MOST),
        ("malloc", [], 0),
        ("debug", [], 0),
        ("", ["-X", "dev"], 0),
    ],
)
def test_none_are_kept_where_memory_is_watched(setting: str, options: list[str], kept: int):
    if setting.endswith("malloc") and FREE:
        pytest.skip("a build without a GIL has its own allocator only")
    done = subprocess.run(
        [sys.executable, *options, "-c", PROGRAM],
        env={**os.environ, "PYTHONMALLOC": setting},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == kept


@needs_fork
def test_a_forked_child_goes_on_with_its_own_shelf():
    ran_cleanly("""
import gc, os, threading, warnings, tieback
from tieback import _core
from tieback.dataclasses import py_class

warnings.simplefilter("ignore")  # from 3.12 on fork warns where there are threads
gc.disable()  # without a GIL it stops the world, behind a lock that a child can find shut

@py_class("spare_blocks.Forked")
class Forked(tieback.Object):
    number: int

stop = threading.Event()

def work():
    while not stop.is_set():
        many = [Forked(n) for n in range(50)]
        assert [x.number for x in many] == list(range(50))

threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads:
    thread.start()
for _ in range(20):
    child = os.fork()
    if child == 0:
        stop.set()
        for _ in range(3):
            stop.clear()
            again = threading.Thread(target=lambda: (Forked(1), stop.set(), work()))
            again.start()
            again.join()
        many = [Forked(n) for n in range(50)]
        assert [x.number for x in many] == list(range(50))
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
stop.set()
for thread in threads:
    thread.join()
""")
