"""The tie's invariants and hazards by name (design, section 5): I1 to I4, I7, hazards 1, 4, 5, 6.

Hazard 7 is in test_tie_reentry.py, 8 and 9 in test_tie_shutdown.py; I5 and I6 are the Rust tests'."""

from __future__ import annotations

import contextlib
import copy
import ctypes
import faulthandler
import gc
import operator
import pickle
import sys
import threading
import weakref
from typing import Any, Callable, Iterator

import pytest

import tieback
from tie_support import (
    Aligned,
    Box,
    Foreign,
    Heir,
    Leaf,
    Node,
    Numbers,
    OnDrop,
    Opaque,
    Point,
    Point3,
    Referable,
    Slotted,
    Wide,
    crowd,
    lib,
    ran_cleanly,
    state_of,
)
from tieback import _core

use_count = tieback.testing.use_count

TIED: dict[str, Callable[[], Any]] = {
    "rust object": lambda: Point(1, 2),
    "rust heir": lambda: Point3(1, 2, 3),
    "in-place items": lambda: Numbers(5),
    "in-place items of 64 bytes": lambda: Wide(3),
    "body aligned to a page": lambda: Aligned(7),
    "py_class": lambda: Leaf(1),
    "py_class heir": lambda: Heir(1, "x"),
    "subclass without state": lambda: Slotted(1),
    "py_class with weak references": lambda: Referable(1),
    "function": lambda: lib.adder(3),
    "function of a callable": lambda: tieback.convert(lambda: 1),
    "error": lambda: tieback.Error("ValueError", "text"),
    "array": lambda: tieback.Array([1]),
}
STATEFUL = {"py_class with weak references"}


@pytest.fixture(params=TIED.values(), ids=TIED.keys())
def make(request: pytest.FixtureRequest) -> Callable[[], Any]:
    return request.param


@pytest.fixture(params=[TIED[n] for n in TIED if n not in STATEFUL], ids=set(TIED) - STATEFUL)
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
        number = lib.hold(make_stateless())
        before = tieback.stats()
        lib.held(number)
        lib.release(number)
        after = tieback.stats()
        assert after["kept"] == before["kept"] - 1

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
        del array
        assert tieback.stats()["kept"] == start["kept"] + 101
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
        where, handle = id(x), x.__chandle__()
        number = lib.hold(x)
        for _ in range(3):
            assert (back_word(handle), state_of(handle)) == (where, "active")
            del x
            assert (back_word(handle), state_of(handle)) == (where | 1, "inactive")
            x = lib.held(number)
        moved = x._move()
        assert (back_word(handle), state_of(handle)) == (0, "detached")
        del moved
        lib.release(number)

    def test_stateful_wrappers_leave_the_word_empty(self):
        x = Referable(1)
        handle = x.__chandle__()
        number = lib.hold(x)
        assert back_word(handle) == id(x)
        del x
        assert (back_word(handle), state_of(handle)) == (0, "detached")
        x = lib.held(number)
        assert back_word(handle) == id(x)
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


class TestHazard1:
    """Objects without a header, or with another frontend's, are wrapped, usable, equal and hashable
    by object, and never probed."""

    def test_usable(self):
        x = lib.foreign(21)
        assert (type(x), x.value, x.twice(), state_of(x)) == (Foreign, 21, 42, "untied")
        assert isinstance(x, tieback.Object) and x.__chandle__() != 0

    def test_equal_and_hashable_by_object(self):
        x, other = lib.foreign(1), lib.foreign(1)
        again = lib.echo(x)
        assert again == x and hash(again) == hash(x) and again.same_as(x)
        assert other != x and not other.same_as(x)
        assert {x: "here"}[again] == "here" and other not in {x}
        assert use_count(x) == 2  # two wrappers, one reference each
        del again
        assert use_count(x) == 1

    def test_in_containers_fields_and_callbacks(self):
        x = lib.foreign(3)
        assert tieback.Array([x])[0] == x and Box(x).value == x
        assert lib.call(lambda y: y.value + 1, x) == 4
        assert lib.call(lambda y: y, x) == x

    def test_dropped_where_the_interpreter_is_not(self):
        before = lib.live()
        lib.release_on_thread(lib.hold(lib.foreign(5)))
        assert lib.live() == before

    def test_moved(self):
        x = lib.foreign(6)
        assert lib.echo(x._move()).value == 6
        with pytest.raises(ValueError, match="was moved"):
            x.value

    def test_many(self):
        """Whatever lies in front of them is not theirs."""
        before = lib.live()
        many = [lib.foreign(n) for n in range(2000)]
        assert [lib.echo(x).value for x in many] == list(range(2000))
        del many
        assert lib.live() == before

    def test_never_ending_ones(self):
        one = lib.immortal_foreign()
        assert one == lib.immortal_foreign() and one.value == -1


class TestHazard4:
    """tp_traverse touches no reference count."""

    def test_collections_and_questions_leave_counts_alone(self):
        class Mine(Leaf):
            pass

        leaf = Leaf(1)
        mine, referable = Mine(2), Referable(3)
        mine.to = leaf
        for x in (mine, referable):
            cls = type(x)

            def counts() -> tuple[int, ...]:
                return (sys.getrefcount(x), sys.getrefcount(cls), use_count(x), use_count(leaf))

            assert gc.is_tracked(x)
            before = counts()
            for _ in range(20):
                gc.collect()
                gc.get_referents(x)
                gc.get_referrers(leaf)
            assert counts() == before
        del cls, x

    def test_plain_wrappers_are_not_the_collectors(self):
        assert not gc.is_tracked(Leaf(1)) and not gc.is_tracked(Point(1, 2))

    def test_kept_storage_is_not_the_collectors(self):
        """A class that Python made is collected, with state or without."""
        x = Slotted(1)
        assert gc.is_tracked(x)
        where, number = id(x), lib.hold(x)
        for _ in range(5):
            del x
            assert where not in map(id, gc.get_objects())
            gc.collect()
            x = lib.held(number)
            assert id(x) == where and gc.is_tracked(x)
        lib.release(number)

    def test_cycles_through_pythons_state_are_collected(self):
        class Mine(Leaf):
            pass

        gc.collect()
        before = tieback.stats()
        for _ in range(50):
            mine = Mine(1)
            mine.itself = mine
            mine.other = [mine, Leaf(2)]
        del mine
        gc.collect()
        assert tieback.stats() == before

    def test_classes_count_their_instances_right(self):
        class Mine(Leaf):
            __slots__ = ()

        class Stateful(Leaf):
            pass

        for cls in (Mine, Stateful):
            before = sys.getrefcount(cls)
            for _ in range(100):
                number = lib.hold(cls(1))
                lib.held(number)
                lib.release(number)
            kept = [cls(n) for n in range(10)]
            assert sys.getrefcount(cls) == before + 10
            del kept
            assert sys.getrefcount(cls) == before


class TestHazard5:
    """Storage whose class would die first; classes registered anew and larger."""

    def test_kept_storage_keeps_its_class(self):
        class Mine(Leaf):
            __slots__ = ()

        x = Mine(5)
        first, alive = id(x), weakref.ref(Mine)
        number = lib.hold(x)
        del x, Mine
        gc.collect()
        others = crowd()
        assert alive() is not None, "the class died before the storage it describes"
        x = lib.held(number)
        assert type(x) is alive() and id(x) == first and x.number == 5
        del x
        lib.release(number)
        gc.collect()
        assert alive() is None, "and it goes with it"
        del others

    def test_the_class_goes_with_storage_that_a_thread_dropped(self):
        class Mine(Leaf):
            __slots__ = ()

        alive = weakref.ref(Mine)
        number = lib.hold(Mine(5))
        del Mine
        lib.release_on_thread(number)
        assert tieback.stats()["deferred"] == 0
        gc.collect()
        assert alive() is None

    @pytest.mark.parametrize("slots", [("extra",), ("a", "b", "c"), ("__weakref__",), ("__dict__",)])
    def test_registered_anew_and_larger(self, slots: tuple[str, ...]):
        key = "test_library.Numbers"
        old = [lib.hold(Numbers(n)) for n in range(20)]
        ids = [id(lib.held(n)) for n in old]
        Larger = type("Larger", (tieback.Object,), {"__slots__": slots})
        try:
            tieback.register_object(key)(Larger)
            kept = [id(lib.held(n)) for n in old]
            assert kept == ids and all(type(lib.held(n)) is Numbers for n in old)
            fresh = [Larger(n) for n in range(20)]
            for number, x in enumerate(fresh):
                for name in slots:
                    if not name.startswith("__"):
                        setattr(x, name, [number])
                assert x.sum() == sum(range(number))
            del fresh, x
        finally:
            tieback.register_object(key)(Numbers)
            for n in old:
                lib.release(n)


USES: dict[str, Callable[[Any], Any]] = {
    "get": lambda x: x.number,
    "set": lambda x: setattr(x, "number", 1),
    "hash": tieback.Object.__hash__,
    "eq": lambda x: x == Leaf(1),
    "eq to itself": lambda x: operator.eq(x, x),
    "same_as": lambda x: x.same_as(x),
    "same_as of another": lambda x: Leaf(1).same_as(x),
    "pass": lib.echo,
    "pass second": lambda x: lib.pair(1, x),
    "answer of a callback": lambda x: lib.call(lambda _: x, 1),
    "item": lambda x: tieback.Array([x]),
    "nested item": lambda x: tieback.Array([[x]]),
    "field": lambda x: Box(x),
    "set into a field": lambda x: setattr(Box(), "value", x),
    "convert": tieback.convert,
    "move": lambda x: x._move(),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": pickle.dumps,
    "use_count": use_count,
    "tie_state": tieback.testing.tie_state,
    "setattr": lambda x: setattr(x, "number", "text"),
}


class TestHazard6:
    """Move: the native reference is handed over, the wrapper is empty."""

    def test_handed_over(self, make: Callable[[], Any]):
        x = make()
        handle, first = x.__chandle__(), id(x)
        assert lib.consume(x._move()) == 1, "the only reference there is"
        assert x.__chandle__() == 0 and "moved" in tieback.Object.__repr__(x)
        del x
        x = make()
        number = lib.hold(x._move())
        again = lib.held(number)
        assert again is not x and id(again) != id(x)
        assert use_count(again) == 2
        lib.release(number)
        del handle, first

    @pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
    def test_every_other_use_says_that_it_was_moved(self, use: Callable[[Any], Any]):
        x = Leaf(1)
        x._move()
        with pytest.raises(ValueError, match="was moved"):
            use(x)

    @pytest.mark.parametrize(
        "use",
        [len, list, lambda a: a[0], lambda a: a[:], lambda a: 1 in a, lambda a: a + [1], hash],
    )
    def test_moved_arrays(self, use: Callable[[Any], Any]):
        array = tieback.Array([1, 2])
        array._move()
        with pytest.raises(ValueError, match="was moved"):
            use(array)
        assert repr(array) == "<Array (moved)>"

    def test_moved_functions_and_errors(self):
        f = lib.adder(1)
        f._move()
        with pytest.raises(ValueError, match="was moved"):
            f(1)
        e = tieback.Error("ValueError", "text")
        e._move()
        for use in (lambda: e.kind, lambda: str(e), e.py_error):
            with pytest.raises(ValueError, match="was moved"):
                use()

    def test_a_moved_reference_is_passed_once(self):
        x = Leaf(1)
        moved = x._move()
        back = lib.echo(moved)
        assert back.number == 1 and back is not x
        with pytest.raises(ValueError, match="passed on already"):
            lib.echo(moved)

    def test_a_moved_reference_that_nobody_takes(self):
        weak = lib.weak_hold(x := Leaf(1))
        moved = x._move()
        assert lib.weak_get(weak) is not None
        del moved
        assert lib.weak_get(weak) is None
        lib.weak_release(weak)

    def test_a_lent_wrapper_is_not_moved(self):
        x = Leaf(1)
        errors: list[str] = []

        def move(_: object) -> None:
            with pytest.raises(ValueError, match="is lent to a native call") as caught:
                x._move()
            errors.append(str(caught.value))

        lib.call(move, x)
        lib.apply(lambda *_: lib.call(move, x), x, x)
        assert len(errors) == 2 and use_count(x) == 1
        assert lib.echo(x._move()).number == 1, "when the calls are over it can be"

    def test_a_failed_call_ends_the_loan(self):
        x = Leaf(1)
        for wrong in (lambda: lib.echo(x, 2**70), lambda: lib.add(x, 1), lambda: lib.echo_str(x)):
            with pytest.raises((OverflowError, TypeError)):
                wrong()
        x._move()

    def test_a_function_that_runs_is_not_moved(self):
        seen: list[Any] = []

        def move() -> int:
            with pytest.raises(ValueError, match="is lent"):
                seen[0]._move()
            return 5

        seen.append(tieback.convert(move))
        assert seen[0]() == 5
        seen[0]._move()
        seen.clear()

    def test_a_wrapper_whose_field_is_set_is_not_moved(self):
        x = Leaf(1)

        class Evil:
            def __index__(self) -> int:
                x._move()
                return 7

        with pytest.raises(ValueError, match="is lent"):
            x.number = Evil()
        assert x.number == 1

    def test_a_wrapper_under_construction_is_not_moved(self):
        made: list[Any] = []

        class Evil:
            def __index__(self) -> int:
                made[0]._move()
                return 7

        class Mine(Leaf):
            def __init__(self) -> None:
                made.append(self)
                super().__init__(Evil())

        with pytest.raises(ValueError, match="is lent"):
            Mine()
        made.clear()

    def test_states_of_another_wrapper_are_left_alone(self):
        """A wrapper that was taken over or never canonical empties itself only."""
        x = lib.foreign(1)
        again = lib.echo(x)
        again._move()
        assert x.value == 1 and use_count(x) == 1


class TestTypeConfusion:
    """Python lets classes be assigned and bases be mixed by what they look like to it: it is the
    native object that is asked for its type."""

    def test_an_assigned_class(self):
        x, holder = Leaf(2**40), Box("text")
        x.__class__ = Box
        with pytest.raises(TypeError, match="field 'value' is one of 'tie_support.Box' objects"):
            x.value
        with pytest.raises(TypeError, match="field 'value'"):
            x.value = 1
        x.__class__ = tieback.Array
        for use in (len, lambda a: a[0], lambda a: a[:]):
            with pytest.raises(TypeError, match="expected a native Array"):
                use(x)
        x.__class__ = tieback.Error
        with pytest.raises(TypeError, match="expected a tieback.Error"):
            x.kind
        x.__class__ = Leaf
        assert x.number == 2**40
        del holder

    def test_mixed_bases(self):
        class Mixed(Leaf, Box):
            __slots__ = ()

        x = Mixed(3)
        assert x.number == 3
        with pytest.raises(TypeError, match="field 'value'"):
            x.value
        with pytest.raises(TypeError, match=r"Box.__init__\(\) expects"):
            Box.__init__(x, 1)

    def test_what_only_says_it_is_an_instance(self):
        class Fake:
            __class__ = Leaf

        assert isinstance(Fake(), Leaf)
        for use in (
            lambda: Leaf.__init__(Fake(), 1),
            lambda: Leaf.number.__get__(Fake()),
            lambda: Leaf.__setstate__(Fake(), {}),
            lambda: tieback.Object.__chandle__(Fake()),
            lambda: use_count(Fake()),
        ):
            with pytest.raises(TypeError):
                use()
