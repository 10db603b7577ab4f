"""The tie's hazards by name (design, section 5): 1, 3, 4, 5, 6, and what Python lets one mix up."""

from __future__ import annotations

import copy
import gc
import pickle
import sys
import weakref
from typing import Any, Callable

import pytest

import tieback
from tieback import dataclasses as dc
from tie_support import (
    TIED,
    Box,
    Foreign,
    Leaf,
    Numbers,
    Point,
    Referable,
    Slotted,
    at_rest,
    crowd,
    lib,
    state_of,
)

use_count = tieback.testing.use_count


@pytest.fixture(params=TIED.values(), ids=TIED.keys())
def make(request: pytest.FixtureRequest) -> Callable[[], Any]:
    return request.param


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

    def test_a_header_in_front_of_them_is_not_theirs(self, make: Callable[[], Any]):
        """Whoever looked would find a whole header of ours there, and another object's wrapper."""
        model = make()
        x = lib.disguised_foreign(model, 8)
        again = lib.echo(x)
        assert (type(x), x.value, state_of(x)) == (Foreign, 8, "untied")
        assert again == x and again.same_as(x) and again != model and use_count(x) == 2
        del x, again
        assert use_count(model) == 1

    def test_never_ending_ones(self):
        one = lib.immortal_foreign()
        assert one == lib.immortal_foreign() and one.value == -1


class TestHazard3:
    """A wrapper that dies is untracked before anything else: nobody who looks meets what is not alive."""

    @pytest.mark.parametrize(
        "make_collected",
        [
            pytest.param(lambda: Slotted(1), id="leaf"),
            pytest.param(lambda: Box(1), id="py_class"),
            pytest.param(lambda: tieback.Array([1]), id="array"),
            pytest.param(lambda: tieback.List([1]), id="list"),
            pytest.param(lambda: tieback.convert(len), id="function"),
        ],
    )
    def test_kept_storage(self, make_collected: Callable[[], Any]):
        """Storage is not the collector's; a wrapper that its object has taken is alive, and is."""
        x = make_collected()
        assert gc.is_tracked(x)
        lives = at_rest(x) == "active"
        where, number = id(x), lib.hold(x)
        for _ in range(5):
            del x
            assert (where in map(id, gc.get_objects())) == lives
            gc.collect()
            x = lib.held(number)
            assert id(x) == where and gc.is_tracked(x)
        lib.release(number)

    def test_kept_storage_of_a_class_statement(self):
        """A registered class that Python made: tracked by Python, torn down by us alone."""
        key = "test_library.Numbers"
        Own = type("Own", (tieback.Object,), {"__slots__": ()})
        try:
            x = tieback.register_object(key)(Own)(3)
            assert gc.is_tracked(x)
            where, number = id(x), lib.hold(x)
            for _ in range(5):
                del x
                assert where not in map(id, gc.get_objects())
                x = lib.held(number)
                assert id(x) == where and gc.is_tracked(x)
            lib.release(number)
            del x
        finally:
            tieback.register_object(key)(Numbers)


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

    @pytest.mark.parametrize(
        "slots", [("extra",), ("a", "b", "c"), ("__weakref__",), ("__dict__",)]
    )
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


@dc.py_class("test_tie_hazards.Paired")
class Paired(dc.Object):
    number: int = 0
    other: Any = None


class TestTypeConfusion:
    """Python lets classes be assigned and bases be mixed by what they look like to it: it is the
    native object that is asked for its type."""

    def test_an_assigned_class(self):
        x, holder = Paired(2**40), Box("text")  # both are followed by the collector
        x.__class__ = Box
        with pytest.raises(TypeError, match="field 'value' belongs to 'tie_support.Box'"):
            x.value
        with pytest.raises(TypeError, match="field 'value'"):
            x.value = 1
        x.__class__ = tieback.Array
        for use in (len, lambda a: a[0], lambda a: a[:]):
            with pytest.raises(
                TypeError,
                match="expected a native tieback.Array, got a native 'test_tie_hazards.Paired'",
            ):
                use(x)
        x.__class__ = tieback.Error
        with pytest.raises(TypeError, match="expected a tieback.Error"):
            x.kind
        x.__class__ = Paired
        assert x.number == 2**40
        del holder

    def test_mixed_bases(self):
        with pytest.raises(TypeError, match="cannot have two native bases"):

            class Mixed(Leaf, Box):
                __slots__ = ()

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
