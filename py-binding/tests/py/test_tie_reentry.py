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
from tie_support import Box, Heir, Leaf, Node, OnDrop, Opaque, Point, Referable, Slotted, lib
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


def actions(fetch: Callable[[], Any], kept: list[Any]) -> dict[str, Callable[[], Any]]:
    """What a destructor does to the object that it fetches."""

    def move() -> None:
        moved = fetch()._move()
        del moved

    def echo() -> None:
        x = fetch()
        assert lib.echo(x) is x

    def collect() -> None:
        fetch()
        gc.collect()

    def drop_on_thread() -> None:
        lib.release_on_thread(lib.hold(fetch()))

    def deep() -> None:
        lib.call(lambda x: lib.call(lambda y: y is x, fetch()), fetch())

    def pickled() -> None:
        x = fetch()
        with contextlib.suppress(AttributeError):  # what a subclass keeps may not be picklable
            assert pickle.loads(pickle.dumps(x)).number == x.number

    def used() -> None:
        x = fetch()
        assert x is fetch()
        x.number = 77

    return {
        "fetches": fetch,
        "keeps": lambda: kept.append(fetch()),
        "moves": move,
        "echoes": echo,
        "collects": collect,
        "drops on a thread": drop_on_thread,
        "calls back": deep,
        "pickles": pickled,
        "uses": used,
    }


ACTIONS = list(actions(lambda: None, []))


def of_held(number: int, action: str) -> Callable[[], Any]:
    """The same to what Rust holds."""
    return actions(lambda: lib.held(number), [])[action]


def is_well(number: int, value: int) -> None:
    """The object that Rust holds has one wrapper, and shows what was set."""
    gc.collect()
    x = lib.held(number)
    assert x is lib.held(number) and x.number == value and lib.echo(x) is x
    assert use_count(x) == 2
    del x
    lib.release(number)


class Ending:
    """An object that nobody holds but its wrapper. While that ends, what runs has the object by a weak reference
    of Rust's, as long as it is whole: in ``__del__``, and in what the collector finalizes."""

    def __init__(self, x: Any, action: str) -> None:
        self.weak = lib.weak_hold(x)
        self.done = 0
        self.kept: list[Any] = []
        self.keeps = action == "keeps"
        self.do = actions(self.fetch, self.kept)[action]

    def fetch(self) -> Any:
        x = lib.weak_get(self.weak)
        assert x is not None, "gone while it is whole"
        return x

    def once(self) -> None:
        """The action, the first time; so that what it does to itself ends."""
        self.done += 1
        if self.done == 1:
            self.do()

    def is_over(self, cls: type) -> None:
        """It was finalized once, and is gone; unless it was kept, whole."""
        tieback.stats()  # what was left for the interpreter is done
        gc.collect()
        assert self.done == 1
        if self.keeps:
            x = self.kept.pop()
            assert type(x) is cls and x is self.fetch() and use_count(x) == 1 and x.number == 5
            number = lib.hold(x)
            del x
            assert type(lib.held(number)) is cls
            lib.release(number)
            gc.collect()
        assert lib.weak_get(self.weak) is None and self.done == 1
        lib.weak_release(self.weak)


@pytest.mark.parametrize("action", ACTIONS)
class TestTheObjectTornDown:
    """Its wrapper goes, and it is fetched, kept, dropped, moved, pickled by what runs then."""

    @pytest.mark.parametrize("last", ["python", "native", "a thread that is not attached"])
    def test_by_its_own_del(self, action: str, last: str):
        class Mine(Plain):
            def __del__(self) -> None:
                ending.once()

        x = Mine(5)
        ending = Ending(x, action)
        if last == "python":
            del x
        else:
            number = lib.hold(x)
            del x
            assert ending.done == 0
            (lib.release if last == "native" else lib.release_on_thread)(number)
        ending.is_over(Mine)

    def test_by_the_collector(self, action: str):
        """The destructor of an attribute, in a cycle that is finalized while it is whole."""
        x = WithDict(5)
        ending = Ending(x, action)
        x.hook = Hook(ending.once)
        x.itself = x
        del x
        gc.collect()
        ending.is_over(WithDict)

    def test_by_an_attributes_destructor_after_a_move(self, action: str):
        """The wrapper is an empty one; its object has another, or none."""
        x = WithDict(5)
        number = lib.hold(x)
        x.hook = Hook(of_held(number, action))
        x._move()
        del x
        is_well(number, 77 if action == "uses" else 5)

    @pytest.mark.parametrize("cls", [WithDict, WithSlots])
    def test_by_the_destructor_of_what_is_replaced(self, action: str, cls: Any):
        """By the attribute, while the object lives on; Rust and its wrapper hold it."""
        x = cls(5)
        number = lib.hold(x)
        name = "hook" if cls is WithDict else "extra"
        setattr(x, name, Hook(of_held(number, action)))
        del x
        delattr(lib.held(number), name)
        is_well(number, 77 if action == "uses" else 5)


@pytest.mark.parametrize("where", ["attribute", "slot", "weak reference", "field", "field of a stateless one"])
@pytest.mark.parametrize("last", ["python", "native", "a thread that is not attached"])
def test_what_is_torn_down_is_not_found(where: str, last: str):
    """Past its finalizer nobody gets it any more, by the very weak reference that had it a moment before."""
    seen: list[Any] = []

    def look() -> None:
        seen.append(lib.weak_get(weak))

    x: Any = (Plain if "stateless" in where else WithSlots if where == "slot" else WithDict)(5)
    weak, ref = lib.weak_hold(x), None
    if where == "attribute":
        x.hook = Hook(look)
    elif where == "slot":
        x.extra = Hook(look)
    elif "field" in where:
        x.to = Hook(look)
    else:
        ref = weakref.ref(x, lambda _: look())
    assert lib.weak_get(weak) is x
    if last == "python":
        del x
    else:
        number = lib.hold(x)
        del x
        assert seen == []
        (lib.release if last == "native" else lib.release_on_thread)(number)
        tieback.stats()  # what was left for the interpreter is done
    assert seen == [None] and (ref is None or ref() is None)
    lib.weak_release(weak)


class TestNativeDestructors:
    """OnDrop calls back while it is being deleted: what it names is fetched, moved and dropped."""

    @pytest.mark.parametrize("action", ACTIONS)
    def test_of_an_owner(self, action: str, cls: type):
        inner = cls(5)
        number = lib.hold(inner)
        do = of_held(number, action)
        owner = OnDrop(lambda _: do(), inner)
        del inner
        owner2 = Box(owner)
        del owner
        del owner2
        is_well(number, 77 if action == "uses" else 5)

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
        """Every teardown fetches those that are left, whose wrappers hold one the other."""
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
        assert seen == []
        while numbers:
            number = numbers.pop(depth // 2 % len(numbers))
            lib.release(number)  # it and what only it holds
        assert sorted(seen) == list(range(depth))

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
