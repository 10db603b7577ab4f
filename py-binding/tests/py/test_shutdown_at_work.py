"""Hazard 8, while others are at work: daemon threads and Rust threads in the middle of something when the
interpreter ends. Each program runs in an interpreter of its own, many times over; the exit code is 0 and
nothing is on stderr.

``TIEBACK_STRESS`` multiplies how often.
"""

from __future__ import annotations

import os
import sys

import pytest

from tie_support import ran_cleanly, run_python

TIMES = int(os.environ.get("TIEBACK_STRESS", "1"))

BEGIN = """
import atexit, gc, sys, threading
from tie_support import *
"""

# A callback that is in the middle of Python code when the interpreter ends. Before 3.14 CPython ends its
# thread there and then, by an unwinding that no Rust frame survives.
BUSY = (
    BEGIN
    + """
begun = threading.Event()
def busy(*_):
    begun.set()
    while True: pass
"""
)


class Drops:
    BUSY = """
class Busy:
    def __del__(self): busy()
"""


@pytest.mark.parametrize(
    "work",
    {
        "rust thread": "lib.call_until_stopped(busy)",
        "daemon": "threading.Thread(target=lib.call, args=(busy, 1), daemon=True).start()",
        "rust thread of a daemon": "threading.Thread(target=lib.call_on_thread, args=(busy, 1), daemon=True).start()",
        "nested": "threading.Thread(target=lib.nested, args=(busy, 5), daemon=True).start()",
        "an object's end, in a callback": Drops.BUSY
        # Made where it ends: without a GIL an object of another thread's ends when that one next looks.
        + "def drop(_): lib.release(lib.hold(Busy()))\n"
        "threading.Thread(target=lib.call_on_thread, args=(drop, 1), daemon=True).start()",
        "a result's end": Drops.BUSY
        + "threading.Thread(target=lib.call, args=(lambda _: [Busy()], 1), daemon=True).start()",
        "a native destructor": "def end(): OnDrop(busy, 1)\n"
        "threading.Thread(target=end, daemon=True).start()",
    }.values(),
    ids=lambda work: work.rpartition("\n")[2][:60],
)
def test_a_callback_under_way(work: str):
    for _ in range(2 * TIMES):
        assert ran_cleanly(BUSY + work + "\nbegun.wait()\n") == ""


def test_a_callback_that_waits():
    """It never comes back; nobody waits for it."""
    for _ in range(2 * TIMES):
        ran_cleanly(
            BEGIN
            + """
begun = threading.Event()
def wait():
    begun.set()
    threading.Event().wait()
lib.call_until_stopped(wait)
begun.wait()
"""
        )


def test_daemons_get_a_last_turn():
    """The closer of the gate waits for Rust threads that are attaching, and lets go of the interpreter
    meanwhile: daemon threads that run then hold it, closed gate or not."""
    for _ in range(6 * TIMES):
        ran_cleanly(
            BEGIN
            + """
begun = threading.Barrier(9)
def work():
    begun.wait()
    while True:
        lib.call(lambda x: x, 1)
        lib.release(lib.hold(Box(Opaque())))
        lib.held(held)
held = lib.hold(Leaf(1))
for _ in range(8):
    threading.Thread(target=work, daemon=True).start()
begun.wait()
def last():  # Rust threads want to attach; the interpreter is not given up until the gate is closed
    for _ in range(4): lib.call_until_stopped(lambda: None)
    sys.setswitchinterval(0.05)
    for _ in range(100_000): pass
atexit.register(last)
"""
        )


@pytest.mark.parametrize(
    "thing",
    [
        "Opaque()",
        "lambda: 1",
        "ValueError(Opaque())",
        "Leaf(n)",
        "Box(Opaque())",
        "tieback.convert(lambda: 1)",
        "Slotted(n)",
    ],
)
def test_rust_threads_that_drop_while_it_finalizes(thing: str):
    """They own the last references to thousands of objects, and drop them from before the gate is
    closed until after the interpreter is gone."""
    for _ in range(2 * TIMES):
        ran_cleanly(
            BEGIN
            + f"""
held = [lib.hold([{thing} for n in range(10_000)]) for _ in range(3)]
gc.collect()
atexit.register(lambda: [lib.release_in_background(number) for number in held])
"""
        )
        ran_cleanly(
            BEGIN
            + f"""
for _ in range(3):
    lib.release_in_background(lib.hold([{thing} for n in range(10_000)]))
"""
        )


def test_rust_threads_that_come_and_go():
    """Each attaches for a moment, from before finalization begins until it is over."""
    for _ in range(10 * TIMES):
        ran_cleanly(
            BEGIN
            + """
begun = threading.Event()
def called():
    begun.set()
for _ in range(4):
    lib.call_until_stopped(called)
begun.wait()
kept = [Leaf(n) for n in range(3000)]
class Last:
    def __del__(self): [Leaf(n) for n in range(1000)]
last = Last()
"""
        )


def test_an_exception_at_import():
    """A module that fails half-way, with things of every kind made: exit code 1 and its traceback, nothing
    else."""
    done = run_python(
        BEGIN
        + """
import types, importlib.util
kept = [lib.hold(x()) for x in TIED.values()]
lib.store_function(lambda x: x)
raise RuntimeError("half-way")
"""
    )
    assert done.returncode == 1
    shown = done.stderr.splitlines()
    if sys.version_info >= (3, 13):
        # From here on CPython shows the line itself of a program given by -c, too.
        assert shown.pop(2) == '    raise RuntimeError("half-way")', done
    assert shown[0].startswith("Traceback") and shown[-1] == "RuntimeError: half-way", done
    assert len(shown) == 3, done


def test_before_and_after_the_bindings_own_atexit():
    """Callbacks registered before the import run after the gate is closed, and the other way round."""
    out = ran_cleanly(
        """
import atexit, sys, threading
def use(when):
    from tie_support import lib, Leaf, Box, Opaque, tieback
    x = Leaf(5)
    number = lib.hold(x)
    assert lib.held(number) is x
    del x
    assert lib.held(number).number == 5
    lib.release_on_thread(number)
    lib.release_on_thread(lib.hold(Box(Opaque())))
    assert lib.call(lambda y: y + 1, 1) == 2
    print(when)
atexit.register(use, "registered before")
import tie_support
atexit.register(use, "registered after")
"""
    )
    assert out == "registered after\nregistered before\n"
