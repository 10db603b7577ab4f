"""Design section 6: Python state lives as long as the object, whoever holds it, and goes with it.

The table: {`__dict__`, slots, weak references, `__del__`, a subclass's attributes} x what happens to the
wrapper. Cycles are in ``test_cycles``.
"""

from __future__ import annotations

import copy
import gc
import inspect
import pickle
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any, Optional

import pytest

import test_shared_life_processes as processes
import tieback
from tie_support import Leaf, OnDrop, crowd, lib, state_of
from tieback import dataclasses as dc
from tieback.testing import use_count

@dc.py_class("test_shared_life.Base")
class Base(dc.Object):
    number: int = 0
    to: Any = None


class WithDict(Base):
    pass


class WithSlots(Base):
    __slots__ = ("note",)


@dc.py_class("test_shared_life.WithWeak", weakref_slot=True, eq=False)
class WithWeak(dc.Object):
    number: int = 0
    to: Any = None


class WithDel(Base):
    __slots__ = ()
    ends: list[int] = []

    def __del__(self) -> None:
        self.ends.append(self.number)


class WithAll(WithDict):
    ends: list[int] = []

    def __del__(self) -> None:
        self.ends.append(self.number)


class Subclass(WithDict):
    """A class that nobody registered, two below the one that was."""

    def __init__(self, number: int = 0, unit: str = "m") -> None:
        super().__init__(number)
        self.unit = unit

    def text(self) -> str:
        return f"{self.number} {self.unit}"


# The table's rows: what keeps state.
ROWS = {
    "dict": WithDict,
    "slots": WithSlots,
    "weakref": WithWeak,
    "del": WithDel,
    "subclass": Subclass,
    "all": WithAll,
}
CLASSES = list(ROWS.values())
REFERENCED: list[Any] = []


class Note:
    """What an attribute holds: it is known by identity, and when it goes."""

    count = 0

    def __init__(self) -> None:
        Note.count += 1

    def __reduce__(self) -> Any:
        return Note, ()

    def __del__(self) -> None:
        Note.count -= 1


def dress(x: Any) -> Callable[[Any], None]:
    """Gives an object what state its class has; answers what checks that it is there."""
    where, cls, number = id(x), type(x), x.number
    if cls in (WithDict, WithSlots, WithAll, Subclass):
        note = x.note = Note()
        known = id(note)
        del note
    else:
        known = None
    ends = cls.__dict__.get("ends", [])
    seen = len(ends)
    ref = weakref.ref(x) if cls.__weakrefoffset__ else None

    def check(again: Any) -> None:
        assert (id(again), type(again), again.number) == (where, cls, number)
        if known is not None:
            assert id(again.note) == known
        if cls is Subclass:
            assert again.text() == "5 m"
        assert ref is None or ref() is again
        assert len(ends) == seen, "finalized while it lived"

    return check


@pytest.fixture(params=ROWS.values(), ids=ROWS)
def cls(request: pytest.FixtureRequest) -> Iterator[type]:
    notes = Note.count
    yield request.param
    for one in CLASSES:
        one.__dict__.get("ends", []).clear()
    gc.collect()
    assert Note.count == notes


class Ends:
    """That an object ended, once."""

    def __init__(self, x: Any) -> None:
        self.ends = type(x).__dict__.get("ends")
        self.before = tieback.stats()["stateful"]
        self.handle = x.__chandle__()

    def check(self) -> None:
        assert tieback.stats()["stateful"] == self.before - 1
        assert self.ends is None or len(self.ends) == 1


class TestTheTable:
    def test_drop_and_fetch(self, cls: type):
        x = cls(5)
        check, number, ends = dress(x), lib.hold(x), Ends(x)
        del x
        for _ in range(3):
            others = crowd(50)
            check(lib.held(number))
            del others
        gc.collect()
        check(lib.held(number))
        lib.release(number)
        ends.check()

    def test_by_a_field_and_a_container(self, cls: type):
        x = cls(5)
        check, ends = dress(x), Ends(x)
        holder = Base(1, x)
        del x
        check(holder.to)
        holder.to = tieback.List([holder.to])
        check(holder.to[0])
        holder.to[0] = tieback.Dict({"x": holder.to[0]})
        check(holder.to[0]["x"])
        del holder
        ends.check()

    def test_drop_while_a_rust_thread_holds(self, cls: type):
        x = cls(5)
        check, ends, number = dress(x), Ends(x), lib.hold(x)
        for _ in range(4):
            lib.drop_slowly(x, 2000)
        del x
        for _ in range(20):
            check(lib.held(number))
            gc.collect(0)
        lib.release(number)
        lib.join_threads()
        ends.check()

    def test_collect_while_held(self, cls: type):
        x = cls(5)
        x.to = [x]  # a cycle through Python and through the object
        check, number = dress(x), lib.hold(x)
        if hasattr(x, "__dict__"):
            x.itself = lambda x=x: x
        del x
        for generation in (0, 1, 2, 2):
            gc.collect(generation)
        again = lib.held(number)
        check(again)
        ends = Ends(again)
        del again
        gc.collect()
        lib.release(number)
        gc.collect()
        ends.check()

    @pytest.mark.parametrize("how", ["release_on_thread", "release_in_background"])
    def test_last_native_drop_on_an_unattached_thread(self, cls: type, how: str):
        x = cls(5)
        check, ends, number = dress(x), Ends(x), lib.hold(x)
        del x
        check(lib.held(number))
        getattr(lib, how)(number)
        lib.join_threads()
        ends.check()

    def test_drop_on_a_thread_and_take_again(self, cls: type):
        """A give-up that waits and a take that comes before it is settled cancel."""
        x = cls(5)
        check, ends = dress(x), Ends(x)
        where = lib.hold(x)
        step = tieback.convert(lambda: lib.hold(x))
        answers = lib.drop_then([where], [[step]])
        del step
        check(x)
        del x
        check(lib.held(answers[0]))
        lib.release(answers[0])
        ends.check()

    def test_held_without_a_word_when_python_lets_go(self, cls: type):
        """A thread that is not attached has come to hold the object a moment ago, and nothing of Python's has run
        since: the wrapper's finalizer is where the object takes it, whole."""
        x = cls(5)
        check, ends, handle, cell = dress(x), Ends(x), x.__chandle__(), [x]
        then = tieback.convert(cell.clear)
        del x
        number = lib.hold_elsewhere_then(handle, then)
        assert cell == []
        for _ in range(2):
            check(lib.held(number))
            gc.collect()
        lib.release(number)
        ends.check()
        del then

    def test_what_a_lent_argument_is_kept_of(self, cls: type):
        x = cls(5)
        check, ends = dress(x), Ends(x)
        number = lib.hold_released(x)
        del x
        gc.collect()
        check(lib.held(number))
        lib.release(number)
        ends.check()

    def test_move(self, cls: type):
        x = cls(5)
        dress(x)
        number = lib.hold(x)
        handle = x.__chandle__()
        back = lib.echo(x._move())
        registered = WithWeak if cls is WithWeak else Base
        assert type(back) is registered and back.number == 5 and back is not x
        assert x.__chandle__() == 0 and state_of(handle) == "active"
        assert back is lib.held(number) and use_count(back) == 2
        # What Python kept on the emptied wrapper is there as long as that.
        assert not hasattr(type(x), "note") or x.note is not None
        if cls in (WithDel, WithAll):
            with pytest.MonkeyPatch.context() as patch:
                raised: list[str] = []
                patch.setattr(sys, "unraisablehook", lambda info: raised.append(str(info.exc_value)))
                del x
            assert len(raised) == 1 and "was moved" in raised[0]
        lib.release(number)

    def test_moved_while_a_thread_drops(self, cls: type):
        if cls in (WithDel, WithAll):
            pytest.skip("its __del__ uses an emptied wrapper")
        for _ in range(50):
            x = cls(5)
            lib.drop_slowly(x, 20)
            y = lib.echo(x._move())
            assert y.number == 5
        del x, y
        lib.join_threads()

    def test_pickle(self, cls: type):
        """While Rust alone holds it: the twin has what the class keeps, the object itself loses nothing."""
        self.twice(cls, lambda x: pickle.loads(pickle.dumps(x)))

    @pytest.mark.parametrize("make", [copy.copy, copy.deepcopy])
    def test_copy(self, cls: type, make: Callable[[Any], Any]):
        self.twice(cls, make)

    def twice(self, cls: type, make: Callable[[Any], Any]) -> None:
        x = cls(5)
        check, ends, number = dress(x), Ends(x), lib.hold(x)
        where = id(x)
        del x
        twin = make(lib.held(number))
        assert type(twin) is cls and twin.number == 5 and id(twin) != where
        assert cls in (WithWeak, WithDel) or type(twin.note) is Note
        assert cls is not Subclass or twin.text() == "5 m"
        del twin  # an object of its own: it ends by itself
        assert ends.ends in (None, [5])
        type(lib.held(number)).__dict__.get("ends", []).clear()
        check(lib.held(number))
        lib.release(number)
        ends.check()


    def test_the_table_is_whole(self):
        """Every column is a test of every row; fork and shutdown are in processes of their own."""
        rows = {"dict", "slots", "weakref", "del", "subclass"}
        columns = {
            "drop_and_fetch": TestTheTable,
            "drop_while_a_rust_thread_holds": TestTheTable,
            "collect_while_held": TestTheTable,
            "last_native_drop_on_an_unattached_thread": TestTheTable,
            "move": TestTheTable,
            "pickle": TestTheTable,
            "fork": processes.TestProcesses,
            "shutdown": processes.TestProcesses,
        }
        assert rows <= ROWS.keys() and rows <= processes.SOURCES.keys()
        for column, where in columns.items():
            test = getattr(where, f"test_{column}")
            assert {"cls", "kind"} & set(inspect.signature(test).parameters), column


class TestOnce:
    def test_weak_keys_and_sets(self):
        keys: Any = weakref.WeakKeyDictionary()
        those: Any = weakref.WeakSet()
        gone: list[int] = []
        x = WithWeak(1)
        keys[x] = "value"
        those.add(x)
        ref = weakref.ref(x, lambda _: gone.append(1))
        number = lib.hold(x)
        del x
        gc.collect()
        assert list(keys.values()) == ["value"] and len(those) == 1 and gone == []
        assert keys[lib.held(number)] == "value" and lib.held(number) in those
        lib.release_in_background(number)
        lib.join_threads()
        tieback.stats()
        assert (len(keys), len(those), gone, ref()) == (0, 0, [1], None)

    def test_a_resurrected_one_is_finalized_once(self):
        kept: list[Any] = []

        class Mine(WithDict):
            def __del__(self) -> None:
                kept.append(self)

        x = Mine(3)
        x.note = "kept"
        del x
        assert kept[0].note == "kept" and use_count(kept[0]) == 1
        number = lib.hold(kept.pop())
        assert lib.held(number).note == "kept"
        lib.release(number)
        assert kept == []

    def test_del_that_hands_itself_to_rust(self):
        numbers: list[int] = []

        class Mine(WithDict):
            def __del__(self) -> None:
                numbers.append(lib.hold(self))

        x = Mine(4)
        x.note = "kept"
        del x
        assert lib.held(numbers[0]).note == "kept" and type(lib.held(numbers[0])) is Mine
        lib.release(numbers.pop())
        assert numbers == []

    def test_a_weak_upgrade(self):
        """At strong 1 only the wrapper holds the object: a weak reference gets it as long as that lives."""
        x = WithDict(1)
        x.note = "mine"
        weak = lib.weak_hold(x)
        assert use_count(x) == 1 and lib.weak_get(weak) is x
        number = lib.hold(lib.weak_get(weak))
        del x
        assert lib.weak_get(weak).note == "mine"
        lib.release(number)
        assert lib.weak_get(weak) is None
        lib.weak_release(weak)

    def test_a_weak_upgrade_of_what_was_moved_out(self):
        """Rust alone holds it then: no wrapper has to be asked."""
        x = WithDict(1)
        weak = lib.weak_hold(x)
        number = lib.hold(x._move())
        assert lib.weak_get(weak).number == 1
        lib.release(number)
        assert lib.weak_get(weak) is None
        lib.weak_release(weak)
        del x

    def test_native_destructors_that_call(self):
        """The destructor of the last native holder runs Python code, in which the wrapper goes."""
        seen: list[Any] = []
        x = WithAll(7)
        owner = OnDrop(lambda inner: seen.append(inner.note), x)
        x.note = "there"
        del x
        holder = Base(1, owner)
        del owner
        del holder
        assert seen == ["there"] and WithAll.ends == [7]
        WithAll.ends.clear()

    def test_long_chains(self):
        x: Any = None
        for n in range(20_000):
            one = WithDict(n, x)
            one.note = n
            x = one
            del one
        del x


class TestStatistics:
    def test_both_kinds_are_counted(self):
        before = tieback.stats()
        x, y = WithDict(1), Leaf(2)
        held = [lib.hold(x), lib.hold(y)]
        del x, y
        now = tieback.stats()
        assert now["stateful"] == before["stateful"] + 1 == now["wrappers"] - before["wrappers"] + before["stateful"]
        assert now["owned"] == before["owned"] + 1 and now["kept"] == before["kept"] + 1
        for number in held:
            lib.release(number)

    def test_stateless_objects_are_counted_in_place(self):
        x = Leaf(1)
        number = lib.hold(x)
        before = tieback.stats()["owned"]
        assert before == tieback.stats()["owned"] and use_count(x) == 2
        lib.release(number)


@pytest.mark.parametrize("rounds", [200])
def test_everything_at_once(rounds: int):
    """Rust threads take, drop and upgrade while Python drops, fetches, moves and collects."""
    stop = threading.Event()
    failed: list[BaseException] = []
    shelf: list[int] = []

    def python(seed: int) -> None:
        try:
            for n in range(rounds):
                x: Optional[Any] = WithDict(n)
                x.note = [n]
                x.me = x if n % 2 else None
                weak = lib.weak_hold(x)
                lib.upgrade_repeatedly(x, 300)
                lib.drop_slowly(x, 30)
                number = lib.hold(x)
                if n % 5 == seed % 5:
                    gc.collect(n % 3)
                x = None
                again = lib.held(number)
                assert again.note == [n]
                if n % 7 == 0 and n % 2 == 0:
                    moved = again._move()
                    again = lib.echo(moved)
                    assert again.number == n
                (lib.release_in_background if n % 3 else lib.release)(number)
                found = lib.weak_get(weak)
                assert found is again
                found = again = None
                lib.weak_release(weak)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=python, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    lib.join_threads()
    gc.collect()
    assert not failed and not shelf, failed
