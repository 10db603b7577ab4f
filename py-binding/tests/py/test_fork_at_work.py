"""Hazard 10: a process forks while its other threads are at work, and while others have to do with the fork."""

from __future__ import annotations

import sys

import pytest

from forking import BEGIN, WAITS, needs_fork
from tie_support import ran_cleanly

# Threads that attach all the time, where memory is traced.
TRACED = """
import time, tracemalloc
lib.call_on_thread(lambda y: y, 1)
tracemalloc.start()
for _ in range(3):
    lib.call_until_stopped(lambda: None)
took = []
"""


@needs_fork
class TestForkAtWork:
    @WAITS
    def test_while_threads_attach_for_the_first_time(self):
        """CPython 3.11's child waits for its list of threads if one was being put there in the moment of the
        fork; one that attaches through us is not. The child's own threads attach as well."""
        ran_cleanly(
            BEGIN
            + """
for _ in range(3):
    lib.call_until_stopped(lambda: None)
for n in range(600):
    pid = os.fork()
    if pid == 0:
        if n % 4 == 0:
            assert lib.call_on_thread(lambda y: y, n) == n
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
lib.stop()
"""
        )

    @WAITS
    def test_while_threads_attach_and_memory_is_traced(self):
        """tracemalloc waits for the GIL in the middle of an attachment: a fork lets it have it, and the
        child has everything whole. (On a busy machine, where threads are put aside wherever they are.)"""
        ran_cleanly(
            BEGIN
            + """
import signal
busy = []
for _ in range(2):
    busy.append(os.fork())
    if busy[-1] == 0:
        os.setsid()  # a share of the machine of its own
        signal.alarm(100)
        while True:
            pass
"""
            + TRACED
            + """
for n in range(500):
    began = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        tracemalloc.stop()
        assert lib.call_on_thread(lambda y: y, n) == n
        os._exit(0)
    took.append(time.perf_counter() - began)
    assert os.waitpid(pid, 0)[1] == 0
lib.stop()
for pid in busy:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
assert sorted(took)[250] < 1, took
"""
        )

    @WAITS
    @pytest.mark.parametrize("traced", [False, True])
    def test_in_hooks_of_others(self, traced):
        """What others run before a fork may wait for threads that attach, and may fork: nobody waits for long."""
        ran_cleanly(
            """
import os, time, tracemalloc
if %s:
    tracemalloc.start()
hooks, took = [], []
def before():  # registered before ours, and so run after it
    if hooks:
        hook, began = hooks.pop(), time.perf_counter()
        hook()
        took.append(time.perf_counter() - began)
os.register_at_fork(before=before)
from tie_support import *
def forked():
    pid = os.fork()
    if pid == 0:
        assert lib.call_on_thread(lambda y: y, 2) == 2
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
def attach():
    for n in range(20):
        assert lib.call_on_thread(lambda y: y, n) == n
for hook in (attach, forked):
    hooks.append(hook)
    forked()
    attach()  # nothing was left shut
assert took[0] < 3 and took[1] < 1, took
"""
            % traced
        )

    @WAITS
    def test_that_the_interpreter_does_not_announce(self):
        """`subprocess` forks with the GIL, for which whoever attaches where memory is traced may wait."""
        ran_cleanly(
            """
import os, subprocess
from tie_support import *
"""
            + TRACED
            + """
for n in range(40):
    began = time.perf_counter()
    subprocess.run(["true"], user=os.getuid(), check=True)
    took.append(time.perf_counter() - began)
lib.stop()
assert max(took) < 2, took
"""
        )

    @pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's name for it is called")
    def test_of_two_threads_at_the_same_time(self):
        """A newer glibc lets another thread fork while one stands between two functions that are called before a
        fork: what the one holds is not given up by the other."""
        ran_cleanly(
            """
import ctypes, sys, threading
c = ctypes.CDLL(None)
try:
    watch = c["__register_atfork"]
except AttributeError:
    sys.exit()  # another C library
stands, forked = threading.Event(), threading.Event()
@ctypes.CFUNCTYPE(None)
def before():  # registered before ours, and so called after it
    if threading.current_thread().name == "slow" and not stands.is_set():
        stands.set()
        assert forked.wait(30)
watch(before, None, c._exit, None)  # a child ends at once
from tie_support import *
x = Referable(1)
number = lib.hold(x)
def fork():
    assert c.fork() > 0
slow = threading.Thread(target=fork, name="slow")
slow.start()
assert stands.wait(30)
fork()
forked.set()
slow.join()
lib.release_on_thread(number)  # waits in the queue whose lock forks take
y = Referable(2)
"""
        )

    @WAITS
    def test_while_threads_are_in_the_gate(self):
        """Rust threads attach and drop all the time; in the child they are gone, wherever they were, and
        the gate is open and empty: it uses everything, and ends."""
        ran_cleanly(
            BEGIN
            + """
for _ in range(3):
    lib.call_until_stopped(lambda: None)
def use():
    for n in range(50):
        x = Leaf(n)
        assert lib.echo(x) is x
        lib.release_on_thread(lib.hold(Box(Opaque())))
        assert lib.call_on_thread(lambda y: y, x) is x
    assert tieback.stats()["deferred"] == 0
mine = False
for _ in range(10):
    mine = child(use)
    if mine:
        break
if not mine:
    lib.stop()
"""
        )
