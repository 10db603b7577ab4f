"""The tie's invariants by name (design, section 5): I1 to I4 and I7; I5 and I6 are the Rust tests'.

Hazards 1, 4, 5 and 6 are in test_tie_hazards.py, 7 in test_tie_reentry.py, 8 and 9 in
test_tie_shutdown.py."""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import gc
import threading
from typing import Any, Callable, Iterator

import pytest

import tieback
from tie_support import (
    STATEFUL,
    TIED,
    Box,
    Heir,
    Leaf,
    Numbers,
    Point,
    Referable,
    at_rest,
    crowd,
    lib,
    ran_cleanly,
    state_of,
)
from tieback import _core

use_count = tieback.testing.use_count


@pytest.fixture(params=TIED.values(), ids=TIED.keys())
def make(request: pytest.FixtureRequest) -> Callable[[], Any]:
    return request.param


@pytest.fixture(params=[TIED[n] for n in TIED if n not in STATEFUL], ids=[n for n in TIED if n not in STATEFUL])
def make_stateless(request: pytest.FixtureRequest) -> Callable[[], Any]:
    return request.param


def back_word(handle: int) -> int:
    """The word in front of the body and its header's ``delete_space``."""
    return ctypes.c_size_t.from_address(handle - 16).value


class TestI1:
    """When a wrapper goes out of scope its strong reference is released, always."""

    def test_dropped_while_others_hold(self, make: Callable[[], Any]):
        x = make()
        alone = use_count(x)
        number = lib.hold(x)
        assert use_count(x) == alone + 1
        for _ in range(100):
            del x
            x = lib.held(number)
            assert use_count(x) == alone + 1
        lib.release(number)
        assert use_count(x) == alone

    def test_dropped_last(self, make: Callable[[], Any]):
        x = make()
        weak = lib.weak_hold(x)
        assert lib.weak_get(weak) is x
        del x
        assert lib.weak_get(weak) is None
        lib.weak_release(weak)

    def test_dropped_on_a_thread(self, make: Callable[[], Any]):
        cell = [make()]
        weak = lib.weak_hold(cell[0])
        thread = threading.Thread(target=cell.clear)
        thread.start()
        thread.join()
        assert lib.weak_get(weak) is None
        lib.weak_release(weak)

    def test_an_exception_on_the_way(self, make: Callable[[], Any]):
        x = make()
        alone = use_count(x)

        def fail(*_: object) -> None:
            raise KeyError("text")

        for call in (
            lambda: lib.call(fail, x),
            lambda: lib.apply(fail, x, x),
            lambda: lib.echo(x, 2**70),
            lambda: lib.echo_str(x),
            lambda: Leaf(x),
            lambda: Heir(1, x),
            lambda: tieback.Array([x, 2**70]),
        ):
            with pytest.raises((KeyError, TypeError, OverflowError)):
                call()
        assert use_count(x) == alone

    def test_a_constructor_that_answers_a_known_object(self):
        p = Point(1, 2)
        for _ in range(10):
            again = Point.__new__(Point)
            with pytest.raises(TypeError, match="has a wrapper"):
                again.__init_handle_by_constructor__(tieback.convert(lambda: p))
            assert again.__chandle__() == 0
        assert use_count(p) == 1

    def test_a_constructor_that_answers_a_kept_object(self):
        p = Point(1, 2)
        first = id(p)
        number = lib.hold(p)
        del p
        again = Point.__new__(Point)
        with pytest.raises(TypeError, match="has a wrapper"):
            again.__init_handle_by_constructor__(
                tieback.get_global_func("test_library.held"), number
            )
        del again
        assert id(lib.held(number)) == first and use_count(lib.held(number)) == 2
        lib.release(number)

    def test_a_constructor_that_fails(self):
        before = lib.live()
        for wrong in ((), ("x", 1), (1, 2, 3), (2**70, 1)):
            with pytest.raises((TypeError, OverflowError)):
                Point(*wrong)
        assert lib.live() == before

    def test_never_bound(self):
        for cls in (Point, Numbers, tieback.Array, tieback.Function):
            with contextlib.suppress(TypeError):
                cls.__new__(cls)
        Leaf.__new__(Leaf)


class TestI2:
    """When an object dies, the wrapper storage it kept is reclaimed."""

    def test_at_once(self, make_stateless: Callable[[], Any]):
        x = make_stateless()
        count = {"inactive": "kept", "active": "owned"}[at_rest(x)]
        number = lib.hold(x)
        del x
        before = tieback.stats()
        lib.held(number)
        assert tieback.stats() == before
        lib.release(number)
        after = tieback.stats()
        assert after[count] == before[count] - 1

    def test_after_the_last_weak_reference(self, make_stateless: Callable[[], Any]):
        """The block, and with it the storage, stays while there are weak references."""
        start = tieback.stats()["kept"]
        x = make_stateless()
        weak = lib.weak_hold(x)
        del x
        assert tieback.stats()["kept"] == start + 1
        assert lib.weak_get(weak) is None
        lib.weak_release(weak)
        assert tieback.stats()["kept"] == start

    def test_with_its_owner(self):
        start = tieback.stats()
        array = tieback.Array([Leaf(n) for n in range(100)])
        assert tieback.stats()["kept"] == start["kept"] + 100
        box = Box(array)
        count = {"inactive": "kept", "active": "owned"}[at_rest(array)]
        before = tieback.stats()[count]
        del array
        assert tieback.stats()[count] == before + 1
        del box
        assert tieback.stats() == start

    def test_stateful_wrappers_keep_nothing(self):
        start = tieback.stats()["kept"]
        number = lib.hold(Referable(1))
        assert tieback.stats()["kept"] == start
        lib.release(number)

    def test_nothing_is_kept_for_an_object_that_dies_with_its_wrapper(self):
        start = tieback.stats()
        for n in range(100):
            Leaf(n)
        assert tieback.stats() == start


class TestI3:
    """A wrapper's handle is null or a live object it owns one reference to."""

    def test_bound_ones_own_one(self, make: Callable[[], Any]):
        x = make()
        assert x.__chandle__() != 0 and use_count(x) == 1
        number = lib.hold(x)
        assert (use_count(x), lib.use_count(x)) == (2, 2)
        lib.release(number)

    def test_empty_ones_own_none(self):
        p = Point.__new__(Point)
        assert p.__chandle__() == 0
        for use in (hash, lib.echo, use_count, lambda p: p.x, lambda p: p == p):
            with pytest.raises(ValueError, match="no native object"):
                use(p)
        assert "no native object" in repr(p)
        p.__init__(3, 4)
        assert (p.x, p.y, use_count(p)) == (3, 4, 1)
        with pytest.raises(TypeError, match="initialised already"):
            p.__init__(5, 6)
        assert (p.x, p.y, use_count(p)) == (3, 4, 1)

    def test_revived_ones_own_one(self, make: Callable[[], Any]):
        number = lib.hold(make())
        for _ in range(3):
            x = lib.held(number)
            assert use_count(x) == 2
            del x
        lib.release(number)

    @pytest.mark.parametrize("second", [lambda x: x.__init__(1), lambda x: x.__setstate__({})])
    def test_a_second_binding_is_refused(self, second: Callable[[Any], Any]):
        x = Leaf(7)
        handle = x.__chandle__()
        with pytest.raises(TypeError, match="initialised already"):
            second(x)
        assert (x.__chandle__(), x.number, use_count(x)) == (handle, 7, 1)


class TestI4:
    """Only the tie sets or clears tag bits: the word says Active, Inactive, Detached and no more."""

    def test_the_word_through_a_life(self, make_stateless: Callable[[], Any]):
        x = make_stateless()
        where, handle, state = id(x), x.__chandle__(), at_rest(x)
        number = lib.hold(x)
        for _ in range(3):
            assert (back_word(handle), state_of(handle)) == (where, "active")
            del x
            assert (back_word(handle), state_of(handle)) == (where | (state == "inactive"), state)
            x = lib.held(number)
        moved = x._move()
        assert (back_word(handle), state_of(handle)) == (0, "detached")
        del moved
        lib.release(number)

    def test_stateful_wrappers_do_not_die_as_long_as_the_object_lives(self):
        x = Referable(1)
        handle = x.__chandle__()
        number = lib.hold(x)
        assert back_word(handle) == id(x)
        where = id(x)
        del x
        assert (back_word(handle), state_of(handle)) == (where, "active")
        x = lib.held(number)
        assert back_word(handle) == id(x) == where
        lib.release(number)

    def test_wrappers_are_aligned_for_the_tags(self):
        for other in crowd():
            assert id(other) % 8 == 0 and back_word(other.__chandle__()) == id(other)


@pytest.fixture
def no_hang() -> Iterator[None]:
    """A drop that waits for the interpreter would wait for ever: end the process instead."""
    faulthandler.dump_traceback_later(60, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


class Noting:
    """Says on which thread it was freed."""

    freed: list[int] = []

    def __del__(self) -> None:
        self.freed.append(threading.get_ident())


@pytest.mark.usefixtures("no_hang")
class TestI7:
    """Dropping a native reference never waits for the interpreter. ``release_on_thread`` drops on a
    Rust thread and joins it with the interpreter held."""

    @staticmethod
    def drain() -> None:
        assert tieback.stats()["deferred"] == 0
        assert _core.deferred() == 0

    def test_detached(self):
        x = Point(1, 2)
        handle = x.__chandle__()
        number = lib.hold(x._move())
        assert state_of(handle) == "detached"
        before = lib.live()
        lib.release_on_thread(number)
        assert lib.live() == before - 1
        self.drain()

    def test_inactive(self, make: Callable[[], Any]):
        number = lib.hold(make())
        lib.release_on_thread(number)
        self.drain()

    def test_active(self, make: Callable[[], Any]):
        x = make()
        number = lib.hold(x)
        lib.release_on_thread(number)
        assert use_count(x) == 1 and lib.echo(x) is x
        self.drain()

    @pytest.mark.parametrize(
        "wrap",
        [
            lambda o: o,
            lambda o: lambda: o,
            lambda o: tieback.convert(lambda: o),
            lambda o: tieback.Array([o]),
            lambda o: tieback.convert(ValueError(o)),
            lambda o: Box(o),
            lambda o: lib.keeper(o),
            lambda o: tieback.Array([[Box(o)]]),
        ],
        ids=["opaque", "callable", "function", "array", "error", "field", "closure", "nested"],
    )
    def test_what_belongs_to_python_is_freed_attached(self, wrap: Callable[[Any], Any]):
        Noting.freed.clear()
        number = lib.hold(wrap(Noting()))
        gc.collect()
        assert Noting.freed == []
        lib.release_on_thread(number)
        self.drain()
        gc.collect()
        assert Noting.freed == [threading.get_ident()]

    def test_the_list_drains_without_being_asked(self):
        Noting.freed.clear()
        lib.release_on_thread(lib.hold(Noting()))
        for _ in range(1000):
            if Noting.freed:
                break
            Leaf(1)  # doors drain, and pending calls run between them
        assert Noting.freed == [threading.get_ident()]

    def test_many_threads(self):
        Noting.freed.clear()
        for n in range(200):
            lib.release_in_background(lib.hold(Box([Noting(), Leaf(n), ValueError(n)])))
            Leaf(n)
        assert lib.join_threads() == 200
        gc.collect()
        self.drain()
        assert Noting.freed == [threading.get_ident()] * 200

    def test_an_error_under_way_survives_the_drain(self):
        """Draining runs destructors while an exception is being raised."""

        def fail(_: object) -> None:
            for _ in range(20):
                lib.release_on_thread(lib.hold([Noting(), Leaf(1)]))
            raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            lib.call(fail, Leaf(1))
        self.drain()

    def test_a_subinterpreter_does_not_make_everybody_attached(self):
        """``PyGILState_Check`` says yes to every thread once there was one."""
        out = ran_cleanly(
            """
            import threading
            from tie_support import lib
            try:
                import _interpreters as interpreters
            except ImportError:
                import _xxsubinterpreters as interpreters
            one = interpreters.create()
            class Noting:
                def __del__(self):
                    print(threading.current_thread() is threading.main_thread())
            for make in (Noting, lambda: [Noting()], lambda: (lambda o: lambda: o)(Noting())):
                lib.release_on_thread(lib.hold(make()))
            interpreters.destroy(one)
            """
        )
        assert out == "True\n" * 3


def test_counts_of_many_threads_add_up() -> None:
    """More threads at once than have a line of their own to count in, and some that use an older one's."""

    def work() -> None:
        kept = [Leaf(i) for i in range(50)]
        barrier.wait()
        made.extend(kept)  # dropped by another thread than the one that made them

    for _ in range(2):
        before = tieback.stats()
        made: list[Any] = []
        barrier = threading.Barrier(97)
        threads = [threading.Thread(target=work) for _ in range(96)]
        for thread in threads:
            thread.start()
        barrier.wait()
        for thread in threads:
            thread.join()
        during = tieback.stats()
        assert during["objects"] - before["objects"] == 96 * 50
        assert during["wrappers"] - before["wrappers"] == 96 * 50
        made.clear()
        gc.collect()
        assert tieback.stats() == before
