"""I7: dropping a native reference never waits for the interpreter; what is owed waits on a list that three
doors drain, each on its own here.

``drop_then`` drops on Rust threads that never attached and joins them with the interpreter held, then
takes its steps, all in one native call: no byte code runs in between, so that no pending call does.
"""

from __future__ import annotations

import ctypes
import faulthandler
import os
import threading
from functools import partial
from typing import Any, Callable, Iterator

import pytest

import tieback
from tie_support import TIED, Box, Leaf, Opaque, Slotted, lib, run_python
from tieback import _core

deferred, stats = _core.deferred, tieback.stats


class Noting:
    """Says that it was freed, and where."""

    freed: list[int] = []

    def __del__(self) -> None:
        self.freed.append(threading.get_ident())


@pytest.fixture(autouse=True)
def no_hang() -> Iterator[None]:
    """A drop that waits for the interpreter would wait for ever: end the process instead."""
    faulthandler.dump_traceback_later(120, exit=True)
    Noting.freed.clear()
    yield
    faulthandler.cancel_dump_traceback_later()


def _inactive() -> int:
    """An object whose wrapper died and whose storage is kept; Rust holds the last reference."""
    number = lib.hold(Leaf(1))
    assert type(lib.held(number)) is Leaf
    return number


def _taken(exception: BaseException) -> int:
    return lib.hold(exception)


# What owes something to Python when its last native reference goes, and how much.
OWING: dict[str, tuple[Callable[[], int], int]] = {
    "inactive": (_inactive, 1),
    "inactive, collected class": (lambda: lib.hold(Slotted(1)), 1),
    "callable": (lambda: lib.hold(lambda kept=Noting(): kept), 1),
    "carrier": (lambda: lib.hold(Noting()), 1),
    # A wrapper that lives, and goes where the interpreter is, with all that it has.
    "carrier in a field": (lambda: lib.hold(Box(Noting())), 1),
    "error": (lambda: _taken(ValueError(Noting())), 1),
    "many": (lambda: lib.hold([Noting() for _ in range(50)]), 50),
}


def _detached() -> int:
    return lib.hold(Leaf(1)._move())


@pytest.fixture(params=OWING.values(), ids=OWING.keys())
def owing(request: pytest.FixtureRequest) -> tuple[Callable[[], int], int]:
    return request.param


class TestTheClassicDeadlock:
    """The interpreter is held while the thread that drops is waited for."""

    def test_it_finishes(self, owing: tuple[Callable[[], int], int]):
        make, count = owing
        number = make()
        before = lib.drop_then([], [[deferred]])
        assert before == [0]
        assert list(lib.drop_then([number], [[deferred]])) == [count]
        assert stats()["deferred"] == 0

    def test_what_is_owed_is_freed_where_the_interpreter_is(
        self, owing: tuple[Callable[[], int], int]
    ):
        make, count = owing
        here = threading.get_ident()
        number = make()
        was = Noting.freed.copy()
        lib.drop_then([number], [])
        stats()
        assert all(thread == here for thread in Noting.freed[len(was) :])

    def test_a_detached_one_owes_nothing(self):
        number = _detached()
        before = stats()
        assert list(lib.drop_then([number], [[deferred]])) == [0]
        assert stats()["objects"] == before["objects"] - 1

    @pytest.mark.parametrize("make", TIED.values(), ids=TIED.keys())
    def test_everything_that_is_tied(self, make: Callable[[], Any]):
        numbers = [lib.hold(make()) for _ in range(20)]
        lib.drop_then(numbers, [])
        assert stats()["deferred"] == 0

    def test_from_many_threads_at_once(self):
        """Pushes race each other and the drains of three Python threads."""
        done = threading.Event()

        def drain() -> None:
            while not done.is_set():
                stats()
                Leaf(1)

        drainers = [threading.Thread(target=drain) for _ in range(3)]
        for thread in drainers:
            thread.start()
        for _ in range(30):
            for _ in range(8):
                lib.release_in_background(lib.hold([Opaque(), Leaf(1), lambda: 1, ValueError(1)]))
            assert lib.join_threads() == 8
        done.set()
        for thread in drainers:
            thread.join()
        assert stats()["deferred"] == 0


class TestDrains:
    """Each of the three, with the other two out of reach."""

    def test_the_length_is_seen(self):
        numbers = [lib.hold(Opaque()) for _ in range(7)]
        assert list(lib.drop_then(numbers[:3], [[deferred]])) == [3]
        stats()
        assert list(lib.drop_then(numbers[3:], [[deferred]])) == [4]
        assert stats()["deferred"] == 0

    def test_stats_shows_the_length(self):
        """Of what waits, where it is asked not to end that; by itself it ends it first."""
        numbers = [lib.hold(Opaque()) for _ in range(5)]
        # The builtin: between the byte codes of a Python function the pending call may come.
        look = partial(_core.stats, drain=False)
        answers = list(lib.drop_then(numbers, [[look], [_core.stats], [look]]))
        assert [dict(answer)["deferred"] for answer in answers] == [5, 0, 0]

    def test_an_active_hit_is_none(self):
        """Showing an object whose wrapper is alive drains nothing."""
        x, number = Leaf(1), lib.hold(Opaque())
        assert list(lib.drop_then([number], [[id, x], [deferred]])) == [id(x), 1]

    def test_wraps_slow_path(self):
        number, shown = lib.hold(Noting()), []
        steps = [[deferred], [shown.append, Leaf(5)], [deferred]]
        # The step's argument is shown to a builtin, which keeps it; its first wrapper is dead by then.
        arrays = tieback.Array([tieback.Array(step) for step in steps])
        del steps
        answers = list(lib.drop_then([number], arrays))
        assert answers == [1, None, 0] and len(Noting.freed) == 1
        assert [x.number for x in shown] == [5]
        shown.clear()

    def test_dealloc(self):
        number, dying = lib.hold(Noting()), [Leaf(5)]
        answers = list(lib.drop_then([number], [[deferred], [dying.clear], [deferred]]))
        assert answers == [1, None, 0] and len(Noting.freed) == 1

    def test_the_pending_call(self):
        """Only byte code on the main thread runs it; none of ours comes by. (3.11 looks for calls that
        other threads asked for when it takes the interpreter again, so we let go of it.)"""

        def spin() -> int:
            # No wrapper is made, shown or dropped here.
            rounds = 0
            while not Noting.freed and rounds < 100_000:
                os.stat(".")
                rounds += 1
            return rounds

        number = lib.hold(Noting())
        answers = list(lib.drop_then([number], [[deferred], [spin], [deferred]]))
        assert answers[0] == 1 and answers[1] < 100_000 and answers[2] == 0

    def test_one_pending_call(self):
        """However often the list fills and is drained otherwise: the interpreter's queue has 32 places,
        and is not filled by us."""
        numbers = [lib.hold(Opaque()) for _ in range(100)]
        called: list[int] = []
        callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(lambda _: called.append(1) or 0)
        add = ctypes.pythonapi.Py_AddPendingCall
        add.argtypes, add.restype = [type(callback), ctypes.c_void_p], ctypes.c_int
        drop = tieback.get_global_func("test_library.release_on_thread")
        dying = [[Leaf(n)] for n in range(100)]
        steps: list[list[Any]] = []
        for number, one in zip(numbers, dying):
            steps += [[drop, number], [one.clear]]
        answers = list(lib.drop_then([], [*steps, [add, callback, None]]))
        assert answers[-1] == 0, "the interpreter's queue of pending calls is full"
        while not called:
            os.stat(".")
        assert deferred() == 0

    def test_a_drain_that_defers_again(self):
        """What is freed drops more on threads, in the middle of the drain."""
        seen: list[int] = []

        class Again:
            def __init__(self, left: int) -> None:
                self.left = left

            def __del__(self) -> None:
                seen.append(self.left)
                if self.left:
                    lib.release_on_thread(lib.hold(Again(self.left - 1)))

        lib.release_on_thread(lib.hold(Again(50)))
        while deferred() or len(seen) < 51:
            stats()
        assert seen == list(range(50, -1, -1))

    def test_an_exception_under_way_survives_a_drain(self):
        """A drain inside of an exception's way up neither loses it nor shows it to what is freed."""
        seen: list[Any] = []

        class Looks:
            def __del__(self) -> None:
                import sys

                seen.append(sys.exc_info()[0])
                with pytest.raises(KeyError):
                    {}["mine"]

        def fail(_: Any) -> None:
            x = Leaf(1)
            lib.drop_then([lib.hold(Looks())], [])
            raise IndexError(x.number)

        with pytest.raises(IndexError):
            lib.call(fail, None)
        stats()
        assert seen == [None]


def test_a_thread_that_waits_for_the_dropping_one_in_python():
    """The same with Python's own lock in between: the holder of the interpreter spins natively while two
    threads drop each other's."""
    numbers = [[lib.hold(Box(Opaque())) for _ in range(20)] for _ in range(4)]
    threads = [threading.Thread(target=lib.drop_then, args=(mine, [])) for mine in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stats()["deferred"] == 0


def test_behind_the_closed_gate():
    """What unattached threads drop after the gate was closed is leaked, and nothing is called."""
    done = run_python(
        """
        import atexit, sys
        freed = []
        def after():
            from tie_support import lib, Opaque
            from tieback import _core
            numbers = [lib.hold(Opaque()) for _ in range(5)]
            answers = list(lib.drop_then(numbers, [[_core.deferred]]))
            print(answers)
        atexit.register(after)  # runs after the bindings' own
        import tie_support
        """
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "[0]\n", "")
