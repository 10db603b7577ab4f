"""One wrapper per object, however it is reached, and the same id after it was dropped and fetched
again, for everything that can carry an object. Other wrappers are allocated between drop and fetch,
so that no allocator's reuse of an address makes a test pass."""

from __future__ import annotations

import gc
import random
import sys
import threading
from pathlib import Path
from typing import Any, Callable

import pytest

import tieback
from tie_support import (
    Aligned,
    Box,
    Heir,
    Leaf,
    Node,
    Numbers,
    Opaque,
    Point,
    Point3,
    Slotted,
    Wide,
    at_rest,
    crowd,
    graph,
    lib,
    testing,
)

LOCK_FILE = Path(__file__).resolve().parents[3] / "Cargo.lock"


def package() -> Any:
    return graph.load(str(LOCK_FILE)).root


TIED: dict[str, Callable[[], Any]] = {
    "rust object": lambda: Point(1, 2),
    "rust heir": lambda: Point3(1, 2, 3),
    "rust node": lambda: Node("n"),
    "in-place items": lambda: Numbers(5),
    "in-place items of 64 bytes": lambda: Wide(3),
    "body aligned to a page": lambda: Aligned(7),
    "object of another library": package,
    "py_class": lambda: Leaf(1),
    "py_class heir": lambda: Heir(1, "x"),
    "subclass without state": lambda: Slotted(1),
    "py_class that holds": lambda: Box(Leaf(2)),
    "native closure": lambda: lib.adder(3),
    "function of a callable": lambda: tieback.convert(lambda: 1),
    "function of a native lambda": lambda: lib.keeper(Leaf(3)),
    "error": lambda: tieback.Error("ValueError", "text"),
    "error of a library": lambda: lib.error("ValueError", "text"),
    "error of an exception": lambda: tieback.convert(ValueError("text")),
    "array": lambda: tieback.Array([1, "two", Leaf(3)]),
    "empty array": lambda: tieback.Array(),
    "array of a library": lambda: lib.points(3),
}

# Come back as themselves because native code holds the Python object itself.
CARRIED: dict[str, Callable[[], Any]] = {
    "opaque": Opaque,
    "class": lambda: type("Made", (), {}),
    "module": lambda: sys,
    "callable": lambda: lambda: 1,
    "bound method": lambda: [].append,
    "exception": lambda: KeyError("k"),
    "exception of a class of its own": lambda: type("Mine", (Exception,), {})(1, 2),
    "generator": lambda: (i for i in range(2)),
}

EVERYTHING = {**TIED, **CARRIED}

# Ways to a native call and back.
THROUGH: list[Callable[[Any], Any]] = [
    lambda x: testing.echo(x),
    lambda x: lib.echo(x),
    lambda x: lib.call(lambda y: y, x),
    lambda x: lib.apply(lambda *a: a[1], 1, x, 2),
    lambda x: lib.call_on_thread(lambda y: y, x),
    lambda x: lib.call_twice(lambda y: y, x),
    lambda x: lib.pair(1, x)[1],
    lambda x: lib.map(lambda y: y, [1, x])[1],
    lambda x: lib.item(tieback.Array([0, x]), 1),
    lambda x: tieback.Array([x])[0],
    lambda x: tieback.Array([[x]])[0][0],
    lambda x: list(tieback.Array((x,)))[0],
    lambda x: tieback.Array([x, 1])[0:1][0],
    lambda x: lib.keeper(x)(),
    lambda x: Box(x).value,
    lambda x: Box([x]).value[0],
    lambda x: testing.echo(lib.echo(x)),
]


@pytest.fixture(params=TIED.values(), ids=TIED.keys())
def make(request: pytest.FixtureRequest) -> Callable[[], Any]:
    return request.param


@pytest.fixture(params=EVERYTHING.values(), ids=EVERYTHING.keys())
def make_any(request: pytest.FixtureRequest) -> Callable[[], Any]:
    return request.param


class Held:
    """Something that a Rust static keeps while Python does not."""

    def __init__(self, value: Any) -> None:
        self.number = lib.hold(value)

    def __enter__(self) -> Held:
        return self

    def __exit__(self, *_: object) -> None:
        lib.release(self.number)

    def fetch(self) -> Any:
        return lib.held(self.number)


class TestWhileAlive:
    def test_every_fetch_is_the_same(self, make_any: Callable[[], Any]):
        x = make_any()
        with Held(x) as held:
            assert held.fetch() is x
            assert held.fetch() is held.fetch()

    def test_through_a_call(self, make_any: Callable[[], Any]):
        x = make_any()
        for number, through in enumerate(THROUGH):
            assert through(x) is x, number

    def test_callbacks_see_it(self, make_any: Callable[[], Any]):
        x = make_any()
        seen: list[Any] = []
        lib.call(seen.append, x)
        lib.call_on_thread(seen.append, x)
        assert seen[0] is x and seen[1] is x

    def test_attributes(self):
        b = Box(Leaf(1))
        assert b.value is b.value
        p = Point(1, 2)
        assert p.me() is p and p.me() is p.me()
        n = Node("a")
        n.payload = p
        assert n.payload is p

    def test_an_heir_is_its_own_type_wherever_it_comes_from(self):
        p = Point3(1, 2, 3)
        assert lib.echo_point(p) is p
        with Held(Point3(1, 2, 3)) as held:
            assert type(held.fetch()) is Point3

    def test_raised_errors(self):
        raised = KeyError("mine")

        def fail(_: object) -> None:
            raise raised

        with pytest.raises(KeyError) as caught:
            lib.call(lambda x: lib.call(fail, x), 1)
        assert caught.value is raised
        raised.__traceback__ = None

    def test_fetched_by_many_threads(self):
        with Held(Point(1, 2)) as held:
            for _ in range(20):
                seen: list[Any] = []
                barrier = threading.Barrier(8)

                def fetch() -> None:
                    barrier.wait()
                    seen.append(held.fetch())

                threads = [threading.Thread(target=fetch) for _ in range(8)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                assert len(seen) == 8 and all(one is seen[0] for one in seen)
                del seen

    def test_a_subclass_of_pythons(self):
        """Its wrapper has state, and lives as long as the object."""

        class Mine(Leaf):
            pass

        mine = Mine(5)
        mine.note = "kept"
        with Held(mine) as held:
            assert held.fetch() is mine and held.fetch().note == "kept"
            del mine
            again = held.fetch()
            assert type(again) is Mine and again.number == 5 and again.note == "kept"
            assert held.fetch() is again


class TestDroppedAndFetched:
    ROUNDS = 2

    def test_the_id_stays(self, make: Callable[[], Any]):
        x = make()
        first, cls, handle, state = id(x), type(x), x.__chandle__(), at_rest(x)
        with Held(x) as held:
            del x
            for _ in range(self.ROUNDS):
                others = crowd()
                assert tieback.testing.tie_state(handle) == state
                assert all(id(other) != first for other in others), "kept storage was given away"
                x = held.fetch()
                assert (id(x), type(x), x.__chandle__()) == (first, cls, handle)
                assert tieback.testing.tie_state(x) == "active"
                del x, others

    def test_with_the_collector_in_between(self, make: Callable[[], Any]):
        x = make()
        first = id(x)
        with Held(x) as held:
            del x
            others = crowd()
            gc.collect()
            assert id(held.fetch()) == first
            del others

    def test_in_an_array(self, make: Callable[[], Any]):
        array = tieback.Array([make(), [make()]])
        ids = id(array[0]), id(array[1]), id(array[1][0])
        others = crowd()
        assert (id(array[0]), id(array[1]), id(array[1][0])) == ids
        del others

    def test_in_a_field(self, make: Callable[[], Any]):
        box, node = Box(make()), Node("n")
        node.payload = box
        ids = id(box.value), id(node.payload)
        del box
        others = crowd()
        assert (id(node.payload.value), id(node.payload)) == ids
        del others

    def test_in_a_closure(self, make: Callable[[], Any]):
        keeper = lib.keeper(make())
        first = id(keeper())
        others = crowd()
        assert id(keeper()) == first
        del others

    def test_global_functions(self):
        for made in (lambda x: x, lib.adder(1), tieback.convert(lambda: 2)):
            first = id(tieback.register_global_func("test_identity.made", made))
            del made
            others = crowd()
            assert id(tieback.get_global_func("test_identity.made")) == first
            tieback.remove_global_func("test_identity.made")
            del others

    def test_a_function_that_a_library_stores(self):
        lib.store_function(tieback.convert(lambda x: x))
        first = id(lib.stored_function())
        others = crowd()
        assert id(lib.stored_function()) == first
        lib.clear_function()
        del others

    def test_many_are_revived_in_any_order(self):
        points = lib.points(1000)
        kept = list(points)
        ids = [id(point) for point in kept]
        assert len(set(ids)) == 1000
        del kept
        others = crowd()
        order = list(range(1000))
        for shuffle in (list.reverse, random.Random(3).shuffle):
            shuffle(order)
            alive = {at: points[at] for at in order}
            assert [id(alive[at]) for at in range(1000)] == ids
            assert [alive[at].x for at in range(1000)] == list(range(1000))
            del alive
        del others

    def test_a_graph_between_two_libraries(self):
        """crate_graph's packages in test_library's nodes, and back."""
        root = package()
        first, dependencies = id(root), [id(p) for p in root.dependencies]
        node = Node("n")
        node.payload = tieback.Array([root, *root.dependencies])
        del root
        others = crowd()
        root = node.payload[0]
        assert id(root) == first and graph.identity(root) is root and lib.echo(root) is root
        assert [id(p) for p in node.payload][1:] == dependencies
        assert [id(p) for p in root.dependencies] == dependencies
        assert root.dependencies[0] is node.payload[1]
        del others

    def test_a_thousand_rounds(self):
        box = Box(Leaf(1))
        first = id(box.value)
        kept: list[Any] = []
        for number in range(1000):
            kept.append(Leaf(number))
            Leaf(number)
            assert id(box.value) == first
        assert len(kept) == 1000

    def test_dropped_on_another_thread(self):
        with Held(Point(3, 4)) as held:
            first: list[int] = []
            thread = threading.Thread(target=lambda: first.append(id(held.fetch())))
            thread.start()
            thread.join()
            others = crowd()
            assert id(held.fetch()) == first[0]
            del others

    def test_the_last_weak_upgrade(self):
        p = Point(1, 2)
        number, first = lib.weak_hold(p), id(p)
        with Held(p):
            del p
            others = crowd()
            assert id(lib.weak_get(number)) == first
        assert lib.weak_get(number) is None
        lib.weak_release(number)
        del others


class TestClasses:
    def test_a_revived_wrapper_keeps_its_class(self):
        """Registered anew meanwhile: objects that have storage keep class and id, others get the new
        one."""
        key = "test_library.Wide"

        class Wider(tieback.Object):
            __slots__ = ()

        seen, unseen = lib_hold(Wide(2)), lib_hold(Wide(3))
        first = id(seen.fetch())
        lib_unsee(unseen)
        try:
            tieback.register_object(key)(Wider)
            others = crowd()
            assert type(seen.fetch()) is Wide and id(seen.fetch()) == first
            assert seen.fetch().sum() == 1
            fresh = Wider(4)
            assert type(fresh) is Wider and fresh.sum() == 6
            assert type(lib.echo(fresh)) is Wider
            assert type(unseen.fetch()) is Wider and unseen.fetch().sum() == 3
            del fresh, others
        finally:
            tieback.register_object(key)(Wide)
            seen.__exit__()
            unseen.__exit__()

    def test_unregistered_types_get_a_class_of_their_own(self):
        assert Point.__mro__[1] is tieback.Object
        assert issubclass(Point3, tieback.Object)
        assert type(lib.point(1, 2)) is Point


def lib_hold(value: Any) -> Held:
    return Held(value)


def lib_unsee(held: Held) -> None:
    """Takes the object's wrapper away: a move hands its reference to native code."""
    number = lib.hold(held.fetch()._move())
    lib.release(held.number)
    held.number = number
