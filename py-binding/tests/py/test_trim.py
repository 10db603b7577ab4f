"""`tieback.trim()`: storage kept for wrappers that are not alive goes back; objects stay, and so does whatever
is alive."""

from __future__ import annotations

import gc
import os
import sys
import threading
import weakref
from typing import Any, Callable

import pytest

from interpreter import FREE
import tieback
from forking import needs_fork
from tie_support import TIED, STATEFUL, Leaf, Slotted, at_rest, crowd, lib, ran_cleanly, state_of

pytestmark = pytest.mark.usefixtures("nothing_kept_before")

MANY = 20_000
STATELESS = [name for name in TIED if name not in STATEFUL]


def inactive(make: Callable[[], Any]) -> tuple[int, int]:
    """Under which number an object without a live wrapper is held, and its handle."""
    made = make()
    return lib.hold(made), made.__chandle__()


class TestTrim:
    def test_gives_back_what_is_kept_and_answers_how_many(self):
        array = tieback.Array([Leaf(number) for number in range(MANY)])
        assert tieback.stats()["kept"] == MANY
        blocks, wrappers = sys.getallocatedblocks(), tieback.stats()["wrappers"]
        assert tieback.trim() == MANY
        assert tieback.stats()["kept"] == 0
        assert tieback.stats()["wrappers"] == wrappers
        if not FREE:  # there the interpreter counts otherwise
            assert blocks - sys.getallocatedblocks() > MANY * 0.99
        assert tieback.trim() == 0
        assert sum(leaf.number for leaf in array) == sum(range(MANY))
        assert tieback.stats()["kept"] == MANY

    @pytest.mark.parametrize("name", STATELESS)
    def test_an_object_of_any_kind_is_usable_afterwards_and_its_new_id_is_stable(self, name: str):
        x = TIED[name]()
        number, handle, state, where = lib.hold(x), x.__chandle__(), at_rest(x), id(x)
        del x
        assert state_of(handle) == state
        # A wrapper that can be in a cycle is alive, and its object's: it is not given back.
        assert tieback.trim() == (state == "inactive")
        assert state_of(handle) == ("detached" if state == "inactive" else "active")
        assert state == "inactive" or id(lib.held(number)) == where
        others = crowd()
        x = lib.held(number)
        assert x.__chandle__() == handle and lib.held(number) is x
        first = id(x)
        del x
        others += crowd()
        assert id(lib.held(number)) == first
        lib.release(number)
        assert tieback.stats()["deferred"] == 0

    def test_what_is_alive_stays_as_it_is(self):
        array = tieback.Array([Leaf(number) for number in range(100)])
        held = {number: array[number] for number in range(0, 100, 3)}
        ids = {number: id(leaf) for number, leaf in held.items()}
        assert tieback.trim() == 100 - len(held)
        others = crowd()
        assert {number: id(array[number]) for number in held} == ids
        assert all(array[number] is leaf for number, leaf in held.items())
        # What was trimmed once can be kept and trimmed again.
        assert [leaf.number for leaf in array] == list(range(100))
        assert tieback.trim() == 100 - len(held)
        del others

    def test_storage_that_was_revived_is_alive(self):
        number, _ = inactive(lambda: Leaf(1))
        x = lib.held(number)
        first = id(x)
        assert tieback.trim() == 0
        assert lib.held(number) is x and id(x) == first
        lib.release(number)

    def test_a_class_goes_with_the_last_storage_that_has_it(self):
        class Mine(Leaf):
            __slots__ = ()

        told: list[int] = []
        number, _ = inactive(lambda: Mine(5))
        # A class's end runs Python code: it trims, and looks at the object.
        gone = weakref.ref(Mine, lambda _: told.append(tieback.trim() + lib.held(number).number))
        del Mine
        gc.collect()
        assert gone() is not None
        assert tieback.trim() == 1
        gc.collect()
        assert gone() is None and told == [5]
        assert type(lib.held(number)) is Leaf
        lib.release(number)

    def test_an_object_that_dies_afterwards_leaves_nothing(self):
        numbers = [
            inactive(make)[0] for make in (lambda: Leaf(1), lambda: Slotted(2)) for _ in range(50)
        ]
        assert tieback.trim() == 100
        for number in numbers:
            lib.release(number)

    def test_an_object_kept_by_a_weak_reference_alone(self):
        x = Leaf(1)
        number, weak = lib.hold(x), lib.weak_hold(x)
        del x
        lib.release(number)
        assert lib.weak_get(weak) is None
        assert tieback.trim() in (0, 1)  # its block is there, and may keep storage
        lib.weak_release(weak)

    def test_the_system_gets_it(self):
        """Half a million wrappers' storage is many megabytes."""
        if FREE or not os.path.exists("/proc/self/statm"):
            pytest.skip("the allocator or the system does not show it")
        said = ran_cleanly("""
            import gc, resource
            import tie_support, tieback
            from tie_support import Leaf
            def resident():
                with open("/proc/self/statm") as file:
                    return int(file.read().split()[1]) * resource.getpagesize()
            array = tieback.convert([Leaf(number) for number in range(500_000)])
            gc.collect()
            before = resident()
            kept = tieback.stats()["kept"]
            assert kept == tieback.trim() == 500_000
            print(before - resident())
        """)
        size = sys.getsizeof(Leaf(0))
        assert int(said) > 500_000 * size * 0.8


class TestThreads:
    def test_objects_die_on_native_threads_meanwhile(self):
        """They are dropped where no interpreter is held: a trim may be looking at them."""
        ended = threading.Event()

        def trims() -> None:
            while not ended.is_set():
                tieback.trim()

        trimmer = threading.Thread(target=trims)
        trimmer.start()
        try:
            for round in range(300):
                array = tieback.Array([Leaf(number) for number in range(200)])
                number = lib.hold(array)
                del array
                lib.release_on_thread(number)
        finally:
            ended.set()
            trimmer.join()
        assert tieback.stats()["deferred"] == 0

    def test_wrappers_are_fetched_and_dropped_meanwhile(self):
        array = tieback.Array([Leaf(number) for number in range(64)])
        ended = threading.Event()
        wrong: list[Any] = []

        def fetches() -> None:
            while not ended.is_set():
                for number, leaf in enumerate(array):
                    if leaf.number != number or array[number] is not leaf:
                        wrong.append((number, leaf))

        def trims() -> None:
            while not ended.is_set():
                tieback.trim()

        workers = [threading.Thread(target=work) for work in (fetches, fetches, trims, trims)]
        for worker in workers:
            worker.start()
        ended.wait(2.0)
        ended.set()
        for worker in workers:
            worker.join()
        assert wrong == []
        assert [leaf.number for leaf in array] == list(range(64))


class TestProcesses:
    @needs_fork
    def test_in_a_forked_child(self):
        assert (
            ran_cleanly("""
            import gc, os, threading, warnings
            warnings.simplefilter("ignore")
            import tieback
            from tie_support import Leaf, lib
            gc.disable()  # without a GIL it stops the world, behind a lock that a child can find shut
            array = tieback.convert([Leaf(number) for number in range(1000)])
            ended = threading.Event()
            def work():
                while not ended.is_set():
                    lib.release_on_thread(lib.hold(tieback.convert([Leaf(1), Leaf(2)])))
            def trims():
                while not ended.is_set():
                    tieback.trim()
            workers = [threading.Thread(target=each) for each in (work, trims)]
            for worker in workers: worker.start()
            for round in range(30):
                pid = os.fork()
                if not pid:
                    assert sum(leaf.number for leaf in array) == sum(range(1000))
                    tieback.trim()
                    assert sum(leaf.number for leaf in array) == sum(range(1000))
                    os._exit(0)
                assert os.waitpid(pid, 0)[1] == 0, round
            ended.set()
            for worker in workers: worker.join()
            print("done")
        """)
            == "done\n"
        )

    def test_behind_the_closed_gate(self):
        """Registered before tieback is imported, so that it runs when nobody is waited for any more: what was
        dropped meanwhile by threads that are not attached cannot be told from what lives."""
        assert (
            ran_cleanly("""
            import atexit
            def last():
                import tieback
                lib.release_on_thread(number)
                print(tieback.trim())
            atexit.register(last)
            from tie_support import Leaf, lib
            number = lib.hold(Leaf(1))
        """)
            == "0\n"
        )
