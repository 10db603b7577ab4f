"""Python's callables called by native code: re-entry, what a callback drops or replaces, threads."""

from __future__ import annotations

import gc
import threading
from typing import Any

import pytest

import libraries
import tieback
from tieback.testing import use_count
from test_functions import Inner

lib = libraries.load("test_library")


def test_callback_gets_the_very_object() -> None:
    inner = Inner(5)
    assert lib.call(lambda got: got is inner, inner)
    assert lib.call(lambda got: got, inner) is inner


@pytest.mark.parametrize("depth", [0, 1, 2, 3, 50])
def test_nested_calls(depth: int) -> None:
    inner = Inner(depth)
    assert lib.nested(lambda: inner, depth) is inner


def test_recursion_through_native_code() -> None:
    def factorial(n: int) -> int:
        return 1 if n == 0 else n * lib.call(factorial, n - 1)

    assert lib.call(factorial, 18) == 6402373705728000


def test_endless_recursion_is_a_recursion_error() -> None:
    import sys

    def endless(value: object) -> object:
        return lib.call(endless, value)

    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(150 + len_of_stack())
    try:
        with pytest.raises(RecursionError):
            lib.call(endless, 1)
    finally:
        sys.setrecursionlimit(limit)


def len_of_stack() -> int:
    import sys

    frame, depth = sys._getframe(), 0
    while frame is not None:
        frame, depth = frame.f_back, depth + 1  # type: ignore[assignment]
    return depth


def test_callback_drops_its_own_argument() -> None:
    box = [lib.chain(1)]

    def drop(node: Any) -> str:
        box.clear()
        del node
        gc.collect()
        return "gone"

    before = lib.live()
    assert lib.call(drop, box[0]) == "gone"
    assert lib.live() == before - 1


def test_callback_drops_the_last_native_reference_to_its_argument() -> None:
    held = lib.hold(lib.chain(1))
    alive = []

    def drop(node: Any) -> None:
        lib.release(held)
        alive.append(node.name)

    lib.call(drop, lib.held(held))
    assert alive == ["last"]


def test_callback_drops_the_function_that_is_running() -> None:
    box: list[Any] = []

    def run() -> str:
        box.clear()
        gc.collect()
        return "still here"

    box.append(tieback.convert(run))
    del run
    assert box[0]() == "still here"


def test_stored_callback_is_replaced_while_it_runs() -> None:
    ran = []

    def first(value: int) -> str:
        ran.append(value)
        lib.store_function(lambda value: "second")
        gc.collect()
        return "first"

    lib.store_function(first)
    del first
    try:
        assert lib.call_stored(1) == "first"
        assert lib.call_stored(2) == "second"
    finally:
        lib.clear_function()
    assert ran == [1]
    assert lib.stored_function() is None


def test_stored_callback_comes_back_as_itself() -> None:
    def f() -> None: ...

    lib.store_function(f)
    assert lib.stored_function() is f
    lib.clear_function()


def test_global_is_overridden_while_it_runs(name: str) -> None:
    def first() -> str:
        tieback.register_global_func(name, lambda: "second", override=True)
        gc.collect()
        return "first"

    tieback.register_global_func(name, first)
    del first
    assert tieback.get_global_func(name)() == "first"
    assert tieback.get_global_func(name)() == "second"


def test_native_function_is_a_callback_too() -> None:
    assert list(lib.map(lib.adder(10), [1, 2, 3])) == [11, 12, 13]
    assert lib.apply(lib.apply, lib.adder(1), 1) == 2


def test_keeper_keeps_and_frees() -> None:
    inner = Inner(1)
    keeper = lib.keeper(inner)
    assert use_count(inner) == 2
    assert keeper() is inner
    del keeper
    assert use_count(inner) == 1


def test_callback_that_panics_below() -> None:
    """A panic in a callback's own native call is an exception on every frame in between."""
    with pytest.raises(tieback.PanicError, match="deep"):
        lib.nested(lambda: lib.panic("deep"), 3)


def test_callback_runs_while_an_exception_is_on_its_way() -> None:
    """The interpreter clears its stack with the exception set; the destructor calls back."""
    ran: list[Any] = []
    on_drop = registered("test_library.OnDrop")
    with pytest.raises(ZeroDivisionError):
        [on_drop(ran.append, "ran"), 1 / 0]
    assert ran == ["ran"]


def registered(key: str) -> Any:
    """A class for a native type that no other test needs."""
    name = key.rsplit(".", 1)[1]
    return tieback.register_object(key)(type(name, (tieback.Object,), {"__slots__": ()}))


# Threads ------------------------------------------------------------------------------------------


def test_callbacks_on_native_threads() -> None:
    names = lib.call_on_threads(lambda number: (number, threading.get_ident()), 8)
    assert [number for number, _ in names] == list(range(8))
    assert threading.get_ident() not in {ident for _, ident in names}


def test_errors_on_native_threads() -> None:
    raised = KeyError("on a thread")

    def fail(_: object) -> None:
        raise raised

    with pytest.raises(KeyError) as caught:
        lib.call_on_thread(fail, None)
    assert caught.value is raised


def test_releasing_functions_let_others_run() -> None:
    """The gate opens only if this thread lets the other one run while it waits."""
    lib.close_gate()
    opener = threading.Thread(target=lib.open_gate)
    opener.start()
    assert lib.wait_gate(60_000)
    opener.join()


def test_identity_on_native_threads() -> None:
    inner = Inner(3)
    array = tieback.convert([inner])
    seen = lib.call_on_threads(lambda _: array[0] is inner, 8)
    assert list(seen) == [True] * 8


def test_releasing_functions_lend_too() -> None:
    inner = Inner(1)

    def move(got: Inner) -> str:
        with pytest.raises(ValueError, match="is lent"):
            got._move()
        return "refused"

    assert lib.call_on_thread(move, inner) == "refused"
