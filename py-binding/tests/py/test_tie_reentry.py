"""Hazard 7, re-entry: whatever a tie does may run code that does something to the very same object."""

from __future__ import annotations

import contextlib
import gc
import pickle
import sys
import weakref
from typing import Any, Callable, Iterator

import pytest

import tieback
from tie_support import (
    SHARED_LIFE,
    Box,
    Heir,
    Leaf,
    Node,
    OnDrop,
    Opaque,
    Point,
    Referable,
    Slotted,
    lib,
)
from tieback import dataclasses as dc

use_count = tieback.testing.use_count


class Hook:
    """Calls a function when it is freed."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self.call = call

    def __del__(self) -> None:
        self.call()


@pytest.fixture(autouse=True)
def nothing_unraisable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a destructor raises ends nowhere: here it fails the test."""
    seen: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda info: seen.append(repr(info.exc_value)))
    yield
    assert seen == []


@contextlib.contextmanager
def collecting() -> Iterator[None]:
    """The collector at every allocation."""
    old = gc.get_threshold()
    gc.set_threshold(1)
    try:
        yield
    finally:
        gc.set_threshold(*old)


@dc.py_class("test_tie_reentry.Plain")
class Plain(dc.Object):
    number: int = 0
    to: Any = None


class WithDict(Plain):
    pass


class WithSlots(Plain):
    __slots__ = ("extra",)


class WithWeak(Plain):
    __slots__ = ("__weakref__",)


class WithDel(Plain):
    __slots__ = ()
    seen: list[Any] = []

    def __del__(self) -> None:
        if self.__chandle__():  # it was not moved out
            self.seen.append(self.number)


CLASSES = [Plain, Slotted, WithDict, WithSlots, WithWeak, WithDel, Referable, Heir]


@pytest.fixture(params=CLASSES, ids=lambda cls: cls.__name__)
def cls(request: pytest.FixtureRequest) -> Iterator[type]:
    yield request.param
    WithDel.seen.clear()


def actions(number: int) -> dict[str, Callable[[], Any]]:
    """What a destructor does to the object that Rust holds under ``number``."""

    def keep(into: list[Any]) -> Callable[[], Any]:
        return lambda: into.append(lib.held(number))

    def move() -> None:
        moved = lib.held(number)._move()
        del moved

    def echo() -> None:
        x = lib.held(number)
        assert lib.echo(x) is x

    def collect() -> None:
        lib.held(number)
        gc.collect()

    def drop_on_thread() -> None:
        lib.release_on_thread(lib.hold(lib.held(number)))

    def deep() -> None:
        lib.call(lambda x: lib.call(lambda y: y is x, lib.held(number)), lib.held(number))

    def pickled() -> None:
        x = lib.held(number)
        with contextlib.suppress(AttributeError):  # what a subclass keeps may not be picklable
            assert pickle.loads(pickle.dumps(x)).number == x.number

    def used() -> None:
        x = lib.held(number)
        assert x is lib.held(number)
        x.number = 77

    kept: list[Any] = []
    return {
        "fetches": lambda: lib.held(number),
        "keeps": keep(kept),
        "moves": move,
        "echoes": echo,
        "collects": collect,
        "drops on a thread": drop_on_thread,
        "calls back": deep,
        "pickles": pickled,
        "uses": used,
    }


ACTIONS = list(actions(0))


@pytest.mark.skipif(SHARED_LIFE, reason="where life is shared, what Rust holds is not torn down")
@pytest.mark.parametrize("action", ACTIONS)
class TestTheObjectTornDown:
    """Its wrapper is being torn down while it is fetched, kept, dropped, moved, pickled. (Where life is shared:
    ``test_shared_life``.)"""

    def test_by_an_attributes_destructor(self, action: str):
        x = WithDict(5)
        number = lib.hold(x)
        do = actions(number)[action]
        x.hook = Hook(do)
        del x
        self.settled(number, 77 if action == "uses" else 5)

    def test_by_a_slots_destructor(self, action: str):
        x = WithSlots(5)
        number = lib.hold(x)
        x.extra = Hook(actions(number)[action])
        del x
        self.settled(number, 77 if action == "uses" else 5)

    def test_by_a_weak_references_callback(self, action: str):
        x = WithWeak(5)
        number = lib.hold(x)
        do = actions(number)[action]
        ref = weakref.ref(x, lambda _: do())
        del x
        assert ref() is None
        self.settled(number, 77 if action == "uses" else 5)

    def test_by_its_own_del(self, action: str):
        done: list[int] = []

        class Mine(Plain):
            def __del__(self) -> None:
                if not done:
                    done.append(1)
                    actions(number)[action]()

        x = Mine(5)
        number = lib.hold(x)
        del x
        assert done == [1]
        self.settled(number, 77 if action == "uses" else 5)

    def test_by_the_collector(self, action: str):
        x = WithDict(5)
        number = lib.hold(x)
        x.hook = Hook(actions(number)[action])
        x.itself = x
        del x
        gc.collect()
        self.settled(number, 77 if action == "uses" else 5)

    @staticmethod
    def settled(number: int, value: int) -> None:
        """The object is well, and has one wrapper."""
        gc.collect()
        x = lib.held(number)
        assert x is lib.held(number) and x.number == value and lib.echo(x) is x
        assert use_count(x) == 2
        del x
        lib.release(number)


class TestNativeDestructors:
    """OnDrop calls back while it is being deleted: what it names is fetched, moved and dropped."""

    @pytest.mark.parametrize("action", ACTIONS)
    def test_of_an_owner(self, action: str, cls: type):
        inner = cls(5)
        number = lib.hold(inner)
        do = actions(number)[action]
        owner = OnDrop(lambda _: do(), inner)
        del inner
        owner2 = Box(owner)
        del owner
        del owner2
        TestTheObjectTornDown.settled(number, 77 if action == "uses" else 5)

    def test_of_the_last_reference(self):
        """The callback gets the argument, which nobody else holds any more, and keeps it."""
        kept: list[Any] = []
        first = OnDrop(kept.append, leaf := Leaf(3))
        where = id(leaf)
        del leaf, first
        assert [x.number for x in kept] == [3] and id(kept[0]) == where
        assert use_count(kept[0]) == 1
        kept.clear()

    def test_a_weak_upgrade_of_the_dying(self):
        seen: list[Any] = []
        x = OnDrop(lambda _: seen.append(lib.weak_get(weak)), None)
        weak = lib.weak_hold(x)
        del x
        assert seen == [None]
        lib.weak_release(weak)

    def test_dropped_on_a_thread(self):
        """The callback attaches; the drop itself does not wait, so it is done in the background."""
        seen: list[Any] = []
        lib.release_in_background(lib.hold(OnDrop(seen.append, Leaf(4))))
        lib.join_threads()
        assert [x.number for x in seen] == [4]
        seen.clear()

    def test_in_the_middle_of_setting_a_field(self):
        box = Box()
        box.value = OnDrop(lambda _: setattr(box, "value", Leaf(1)), None)
        box.value = Leaf(2)
        assert box.value.number == 1, (
            "the destructor of the old value ran after the new one was there"
        )
        node = Node("n")
        node.payload = OnDrop(lambda _: setattr(node, "payload", 5), None)
        node.payload = None
        assert node.payload == 5

    @pytest.mark.parametrize("depth", [1, 40, 50, 60, 200])
    def test_nested(self, depth: int):
        """Each destructor drops the next one: the interpreter parks what is nested too deep."""
        ends: list[int] = []
        x: Any = Leaf(0)
        for n in range(depth):
            x = OnDrop(lambda inner, n=n: ends.append(n), [x, Opaque()])
        del x
        gc.collect()
        assert sorted(ends) == list(range(depth))

    @pytest.mark.parametrize("depth", [40, 50, 60, 500])
    @pytest.mark.parametrize("kind", ["dict", "slots", "list", "plain"])
    def test_chains_of_wrappers(self, kind: str, depth: int):
        """wrapper -> Python state -> wrapper -> ..., dropped from its head; each is held natively, so
        that storage and take-over are in play."""
        numbers = []
        x: Any = None
        for n in range(depth):
            if kind == "dict":
                one: Any = WithDict(n)
                one.next = x
            elif kind == "slots":
                one = WithSlots(n)
                one.extra = [x]
            elif kind == "list":
                one = WithDict(n, [x])
                one.next = [[x]]
            else:
                one = Plain(n, x)
            numbers.append(lib.hold(one))
            x = one
            del one
        del x
        for n, number in enumerate(numbers):
            again = lib.held(number)
            assert again.number == n and again is lib.held(number)
            del again
        for number in numbers:
            lib.release(number)

    @pytest.mark.parametrize("depth", [40, 60])
    def test_chains_whose_ends_fetch_their_neighbours(self, depth: int):
        """Every teardown fetches an object whose wrapper is dying or parked."""
        numbers: list[int] = []
        seen: list[int] = []

        class Fetching(Plain):
            def __del__(self) -> None:
                for number in numbers:
                    x = lib.held(number)
                    assert x is lib.held(number)
                seen.append(self.number)

        x: Any = None
        for n in range(depth):
            one = Fetching(n)
            one.next = x
            numbers.append(lib.hold(one))
            x = one
            del one
        del x
        gc.collect()
        if SHARED_LIFE:
            assert seen == []
            while numbers:
                number = numbers.pop(depth // 2 % len(numbers))
                lib.release(number)  # it and what only it holds; each fetches those that are left
            assert sorted(seen) == list(range(depth))
            return
        assert sorted(seen) == list(range(depth))
        mine, numbers[:] = list(numbers), []
        for n, number in enumerate(mine):
            assert lib.held(number).number == n
            assert use_count(lib.held(number)) == 2
            lib.release(number)

    def test_a_very_long_chain(self):
        x: Any = None
        for n in range(100_000):
            x = Plain(n, x)
        del x
        x = None
        for n in range(30_000):
            x = Plain(n, Hook(lambda: None) if n % 100 == 0 else [x])
        del x


class TestCollectorAtEveryAllocation:
    def test_making_and_dropping(self, cls: type):
        with collecting():
            for n in range(200):
                x = cls(n)
                number = lib.hold(x)
                assert lib.held(number) is x
                del x
                assert lib.held(number).number == n
                lib.release(number)

    def test_with_garbage_that_fetches(self, cls: type):
        """A collection inside of a wrap shows the very object that is being wrapped."""
        x = cls(5)
        number = lib.hold(x)
        del x
        fetched: list[Any] = []

        def litter() -> None:
            ring: list[Any] = [Hook(lambda: fetched.append(lib.held(number)))]
            ring.append(ring)

        with collecting():
            for _ in range(100):
                litter()
                x = lib.held(number)
                assert x.number == 5 and x is lib.held(number)
                assert all(one is x for one in fetched)
                fetched.clear()
                del x
        gc.collect()
        fetched.clear()
        WithDel.seen.clear()
        lib.release(number)

    def test_calls_back(self, cls: type):
        with collecting():
            x = cls(1)
            for _ in range(50):
                assert lib.call(lambda y: tieback.Array([y, [y]])[1][0], x) is x
                assert pickle.loads(pickle.dumps(x)).number == 1


def test_a_callback_that_drops_its_own_argument():
    cell: list[Any] = [Leaf(1)]

    def drop(x: Any) -> int:
        cell.clear()
        number = x.number
        del x
        gc.collect()
        return number

    assert lib.call(drop, cell[0]) == 1
    assert lib.apply(lambda *a: len(a), *[Point(1, 2) for _ in range(12)]) == 12


def test_a_callback_that_drops_its_own_function():
    def drop() -> int:
        lib.clear_function()
        return 4

    lib.store_function(lambda _: drop())
    assert lib.call_stored(None) == 4


def test_a_constructor_that_shows_the_object_first():
    """adopt meets Active: the class call answers the wrapper that is there."""

    class Mine(Point):
        __slots__ = ()

        def __init__(self, number: int) -> None:
            self.__init_handle_by_constructor__(
                tieback.get_global_func("test_library.held"), number
            )

    p = Point(3, 4)
    number = lib.hold(p)
    assert Mine(number) is p, "Active"
    where = id(p)
    del p
    assert id(Mine(number)) == where and type(Mine(number)) is Point, "Inactive"
    moved = lib.held(number)._move()
    made = Mine(number)
    assert type(made) is Mine and made.x == 3 and lib.held(number) is made, "Detached"
    del made, moved
    lib.release(number)
