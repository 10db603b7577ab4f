"""Loans and moves: what is lent to a call stays, what is moved is gone from its wrapper."""

from __future__ import annotations

import copy
import gc
import pickle
from typing import Any, Callable

import pytest

import libraries
import tieback
from tieback.testing import tie_state, use_count
from test_functions import Frozen, Inner, others
from tie_support import Aligned

lib = libraries.load("test_library")
own_count = tieback.get_global_func("testing.object_use_count")


@pytest.mark.parametrize("make", [lambda: Inner(1), lambda: tieback.convert([1]), lambda: lib.point(1, 2)])
def test_a_lent_object_cannot_be_moved(make: Callable[[], Any]) -> None:
    lent = make()

    def move(got: Any) -> None:
        got._move()

    with pytest.raises(ValueError, match="is lent to a native call that is still running"):
        lib.call(move, lent)
    assert lent.__chandle__() != 0
    lib.swallow(lent._move())  # the loan is over


def test_loans_are_counted() -> None:
    inner = Inner(1)

    def again(got: Inner) -> None:
        lib.swallow(got)  # a loan inside a loan ends
        with pytest.raises(ValueError, match="is lent"):
            got._move()

    lib.call(again, inner)
    lib.apply(lambda *_: None, inner, inner, inner)
    lib.swallow(inner._move())


def test_a_loan_ends_with_an_error() -> None:
    inner = Inner(1)
    with pytest.raises(ZeroDivisionError):
        lib.call(lambda _: 1 / 0, inner)
    with pytest.raises(TypeError):
        lib.apply(inner, {})
    inner._move()


def test_a_running_function_cannot_be_moved() -> None:
    function: Any = None

    def move() -> None:
        function._move()

    function = tieback.convert(move)
    with pytest.raises(ValueError, match="is lent"):
        function()
    function._move()


def test_an_object_whose_field_is_set_cannot_be_moved() -> None:
    """Converting the value runs Python code, which would free what is written to."""
    inner = Inner(1)

    class Moves:
        def __index__(self) -> int:
            lib.swallow(inner._move())
            return 5

    with pytest.raises(ValueError, match="is lent"):
        inner.val = Moves()  # type: ignore[assignment]
    assert inner.val == 1


def test_consumed_alone() -> None:
    """What was moved is the callee's alone: ``consume`` says how many references there are."""
    assert lib.consume(Inner(1)) == 2  # the wrapper's, and the callee's own
    assert lib.consume(Inner(1)._move()) == 1
    kept = Inner(1)
    held = lib.hold(kept)
    assert lib.consume(kept._move()) == 2
    assert lib.held(held).val == 1
    lib.release(held)


def test_moved_into_a_callback() -> None:
    def callback(got: Inner, expected: int) -> Any:
        gc.collect()
        assert own_count(got) == expected
        return got.val

    function = tieback.convert(callback)
    inner = Inner(7)
    assert function(inner, 1) == 7
    assert function(inner._move(), 1) == 7
    assert inner.__chandle__() == 0


def test_moved_into_a_callback_and_on() -> None:
    function = tieback.convert(lambda got: got._move())
    inner = Inner(7)
    back = function(inner._move())
    assert back is not inner and back.val == 7 and use_count(back) == 1
    assert inner.__chandle__() == 0


def test_moved_and_returned_gets_a_new_wrapper() -> None:
    inner = Inner(7)
    handle = inner.__chandle__()
    back = lib.echo(inner._move())
    assert back.__chandle__() == handle and back is not inner
    assert inner.__chandle__() == 0 and back.val == 7


def test_a_field_stays_when_its_wrapper_is_moved() -> None:
    node = lib.chain(1)
    node.payload = Inner(5)
    lib.swallow(node.payload._move())
    assert node.payload.val == 5
    assert node.payload is node.payload


def test_moved_twice() -> None:
    inner = Inner(1)
    inner._move()
    with pytest.raises(ValueError, match="was moved"):
        inner._move()


def test_a_moved_reference_is_passed_once() -> None:
    moved = Inner(1)._move()
    lib.swallow(moved)
    with pytest.raises(ValueError, match="^argument 1: this moved reference was passed on already"):
        lib.swallow(moved)


def test_a_moved_reference_twice_in_one_call() -> None:
    moved = Inner(1)._move()
    with pytest.raises(ValueError, match="^argument 2: this moved reference was passed on already"):
        lib.pair(moved, moved)


def test_a_moved_reference_is_used_up_by_a_refusal() -> None:
    moved = Inner(1)._move()
    with pytest.raises(TypeError, match="expected int, got moved object"):
        lib.echo_int(moved)
    with pytest.raises(ValueError, match="passed on already"):
        lib.echo(moved)


def test_a_moved_reference_is_never_passed() -> None:
    Inner(1)._move()  # freed with what holds it


def test_moved_and_unmoved_in_one_call() -> None:
    inner = Inner(1)
    with pytest.raises(ValueError, match="^argument 2: this 'Inner' was moved"):
        lib.pair(inner._move(), inner)


def test_moved_in_a_list() -> None:
    inner = Inner(9)
    array = lib.echo([inner._move(), 1])
    assert array[0].val == 9 and use_count(array[0]) == 2
    moved = Inner(1)._move()
    with pytest.raises(ValueError, match="item 1: this moved reference was passed on already"):
        lib.echo([moved, moved])


def test_moved_into_an_array_a_field_and_convert() -> None:
    assert tieback.Array([Inner(2)._move()])[0].val == 2
    assert tieback.convert(Inner(3)._move()).val == 3
    node = lib.chain(1)
    node.payload = Inner(4)._move()
    assert node.payload.val == 4


def test_moved_function_and_error() -> None:
    function = tieback.convert(lambda: 5)
    assert lib.apply(function._move()) == 5
    error = tieback.convert(KeyError("k"))
    assert lib.echo(error._move()).kind == "KeyError"


def test_moved_from_a_callback() -> None:
    held = lib.hold(Inner(4))
    assert lib.nested(lambda: lib.held(held)._move(), 1).val == 4
    assert lib.held(held).val == 4
    lib.release(held)


def test_moved_on_several_threads() -> None:
    """One reference, eight threads: one gets it."""
    moved = Inner(1)._move()

    def take(_: int) -> bool:
        try:
            return lib.echo(moved).val == 1
        except ValueError:
            return False

    assert sorted(lib.call_on_threads(take, 8)) == [False] * 7 + [True]


MOVED: dict[str, Callable[[], Any]] = {
    "py_class": lambda: Inner(1),
    "py_class_frozen": lambda: Frozen(1),
    "library": lambda: lib.point(1, 2),
    "array": lambda: tieback.convert([1, 2]),
    "function": lambda: tieback.convert(len),
    "error": lambda: tieback.convert(ValueError("x")),
    "native_error": lambda: tieback.Error("ValueError", "x"),
    "foreign": lambda: lib.foreign(1),
}

USES: dict[str, tuple[Callable[[Any], Any], set[str] | None]] = {
    # What is done, and to which of the above it can be done at all (None: to all).
    "==": (lambda o: o == o, None),
    "!=": (lambda o: o != o, None),
    "==_other": (lambda o: o == 1, set(MOVED) - {"py_class", "py_class_frozen"}),
    "reflected_==": (lambda o: lib.point(0, 0) == o, None),
    "same_as": (lambda o: o.same_as(o), None),
    "same_as_other": (lambda o: o.same_as(1), None),
    "other_same_as": (lambda o: lib.point(0, 0).same_as(o), None),
    "hash": (hash, set(MOVED) - {"py_class"}),
    "pass": (lib.echo, None),
    "pass_in_a_list": (lambda o: lib.echo([o]), None),
    "convert": (tieback.convert, None),
    "field": (lambda o: setattr(lib.chain(1), "payload", o), None),
    "callback_result": (lambda o: lib.nested(lambda: o, 0), None),
    "move": (lambda o: o._move(), None),
    "pickle": (pickle.dumps, None),
    "copy": (copy.copy, None),
    "deepcopy": (copy.deepcopy, None),
    "use_count": (use_count, None),
    "tie_state": (tie_state, None),
    "register": (lambda o: tieback.register_global_func("test_functions.moved", o), None),
    "getattr": (lambda o: o.val, {"py_class", "py_class_frozen"}),
    "getattr_library": (lambda o: o.x, {"library"}),
    "getattr_foreign": (lambda o: o.value, {"foreign"}),
    "getattr_error": (lambda o: o.kind, {"error", "native_error"}),
    "str_error": (str, {"error", "native_error"}),
    "py_error": (lambda o: o.py_error(), {"error", "native_error"}),
    "setattr": (lambda o: setattr(o, "val", 2), {"py_class", "py_class_frozen"}),
    "method": (lambda o: o.norm1(), {"library"}),
    "call": (lambda o: o(), {"function"}),
    "Function": (tieback.Function, {"function"}),
    "len": (len, {"array"}),
    "bool": (bool, {"array"}),
    "index": (lambda o: o[0], {"array"}),
    "slice": (lambda o: o[:1], {"array"}),
    "iter": (list, {"array"}),
    "reversed": (lambda o: list(reversed(o)), {"array"}),
    "in": (lambda o: 1 in o, {"array"}),
    "==_list": (lambda o: o == [1, 2], {"array"}),
    "add": (lambda o: o + [1], {"array"}),
    "radd": (lambda o: [1] + o, {"array"}),
    "Array": (tieback.Array, {"array"}),
    "as_self": (lambda o: lib.Point.norm1(o), {"library"}),
    "constructor": (
        lambda o: o.__init_handle_by_constructor__(lib.point, 1, 2),
        {"library", "py_class"},
    ),
}

CELLS = [(kind, use) for use, (_, fits) in USES.items() for kind in MOVED if not fits or kind in fits]


@pytest.mark.parametrize(("kind", "use"), CELLS, ids=lambda part: part)
def test_a_moved_object_refuses(kind: str, use: str) -> None:
    """Known fault elsewhere: any use was a crash."""
    moved = MOVED[kind]()
    lib.swallow(moved._move())
    with pytest.raises(ValueError, match="was moved"):
        USES[use][0](moved)


@pytest.mark.parametrize("kind", MOVED)
def test_a_moved_object_still_answers(kind: str) -> None:
    moved = MOVED[kind]()
    lib.swallow(moved._move())
    assert moved.__chandle__() == 0
    assert repr(moved) == f"<{type(moved).__name__} (moved)>"


def test_an_object_gets_a_new_id_after_a_move() -> None:
    inner = Inner(1)
    held = lib.hold(inner)
    lib.swallow(inner._move())
    again = lib.held(held)
    assert again is not inner and again.val == 1
    first = id(again)
    del again
    keep = others()
    assert id(lib.held(held)) == first
    assert len(keep) == 200
    lib.release(held)


def test_moved_into_a_method() -> None:
    """A method borrows its object from the call; one that was moved in ends with it."""
    fetched = Aligned(7)
    address = fetched.__chandle__()
    assert Aligned.is_aligned(fetched) and own_count(fetched) == 1
    kept = tieback.convert([fetched])
    assert Aligned.is_aligned(fetched._move())
    assert kept[0].__chandle__() == address and own_count(kept[0]) == 2
    with pytest.raises(ValueError, match="moved"):
        fetched.is_aligned()
    moved = kept[0]._move()
    assert Aligned.is_aligned(moved) and own_count(kept[0]) == 2
    with pytest.raises(ValueError, match="passed on already"):
        Aligned.is_aligned(moved)
    with pytest.raises(
        TypeError, match=r"is_aligned\(\) must be called on a test_library.Aligned, got"
    ):
        Aligned.is_aligned(Inner(1)._move())
