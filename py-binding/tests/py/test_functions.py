"""Functions both ways: the registry, identity, calls and callbacks, loans and moves."""

from __future__ import annotations

import contextlib
import copy
import gc
import inspect
import pickle
import pydoc
import threading
from typing import Any, Callable

import pytest

import libraries
import tieback
from tieback import _core, dataclasses as dc
from tieback.testing import tie_state, use_count

lib = libraries.load("test_library")
libraries.load("c_library")
own_echo = tieback.get_global_func("testing.echo")
own_nop = tieback.get_global_func("testing.nop")
# Dropped once, it is its object's own from here on (a Function can be part of a cycle): as the counts are
# before the first test, they are after each.
del own_nop
own_nop = tieback.get_global_func("testing.nop")
own_count = tieback.get_global_func("testing.object_use_count")


@dc.py_class("test_functions.Inner")
class Inner(dc.Object):
    val: int


@dc.py_class("test_functions.Frozen", frozen=True)
class Frozen(dc.Object):
    val: int


def others() -> list[Any]:
    """Two hundred other wrappers, so that an address that comes again was not merely free."""
    return [tieback.convert(len) if i % 2 else Inner(i) for i in range(200)]


@pytest.fixture
def name():
    """A global name that is gone after the test."""
    made = "test_functions.name"
    yield made
    tieback.remove_global_func(made)


# The registry -------------------------------------------------------------------------------------


def test_get_missing_names_it() -> None:
    with pytest.raises(ValueError, match=r"Cannot find global function 'test_functions\.nope'"):
        tieback.get_global_func("test_functions.nope")


def test_get_missing_allowed() -> None:
    assert tieback.get_global_func("test_functions.nope", allow_missing=True) is None
    assert tieback.get_global_func("test_functions.nope", True) is None


@pytest.mark.parametrize("bad", [None, 1, b"testing.echo", len], ids=repr)
def test_get_wants_a_name(bad: Any) -> None:
    with pytest.raises(TypeError, match=f"expects a name, got {type(bad).__name__}"):
        tieback.get_global_func(bad)


def test_register_and_call(name: str) -> None:
    function = tieback.register_global_func(name, lambda a, b: a + b)
    assert isinstance(function, tieback.Function)
    assert tieback.get_global_func(name) is function
    assert tieback.get_global_func(name)(1, 2) == 3
    assert name in tieback.list_global_func_names()


def test_register_as_decorator(name: str) -> None:
    @tieback.register_global_func(name)
    def twice(value: int) -> int:
        return 2 * value

    assert isinstance(twice, tieback.Function)
    assert tieback.get_global_func(name) is twice
    assert twice(21) == 42


def test_register_as_bare_decorator() -> None:
    @tieback.register_global_func
    def test_functions_bare() -> str:
        return "bare"

    try:
        assert tieback.get_global_func("test_functions_bare") is test_functions_bare
        assert test_functions_bare() == "bare"
    finally:
        tieback.remove_global_func("test_functions_bare")


def test_register_as_decorator_with_override(name: str) -> None:
    tieback.register_global_func(name, lambda: 1)
    tieback.register_global_func(name, override=True)(lambda: 2)
    assert tieback.get_global_func(name)() == 2


def test_register_taken(name: str) -> None:
    first = tieback.register_global_func(name, lambda: 1)
    with pytest.raises(ValueError, match=name):
        tieback.register_global_func(name, lambda: 2)
    assert tieback.get_global_func(name) is first


def test_override_replaces_the_identity(name: str) -> None:
    first = tieback.register_global_func(name, lambda: 1)
    second = tieback.register_global_func(name, lambda: 2, override=True)
    assert first is not second
    assert tieback.get_global_func(name) is second
    assert (first(), second()) == (1, 2)


def test_remove(name: str) -> None:
    kept = tieback.register_global_func(name, lambda: 1)
    tieback.remove_global_func(name)
    assert tieback.get_global_func(name, allow_missing=True) is None
    assert name not in tieback.list_global_func_names()
    assert kept() == 1
    tieback.remove_global_func(name)  # what is not there is no error


def test_remove_and_register_again(name: str) -> None:
    first = tieback.register_global_func(name, lambda: 1)
    tieback.remove_global_func(name)
    second = tieback.register_global_func(name, lambda: 2)
    assert tieback.get_global_func(name) is second is not first


def test_register_a_function_keeps_it(name: str) -> None:
    function = tieback.convert(lambda: 1)
    assert tieback.register_global_func(name, function) is function
    assert tieback.get_global_func(name) is function


def test_register_a_native_function_under_another_name(name: str) -> None:
    assert tieback.register_global_func(name, lib.echo) is lib.echo


@pytest.mark.parametrize("bad", [1, "text", [len], object()], ids=["int", "str", "list", "object"])
def test_register_wants_a_callable(name: str, bad: Any) -> None:
    with pytest.raises(TypeError, match=f"'{name}'.*expects a callable, got {type(bad).__name__}"):
        tieback.register_global_func(name, bad)
    assert name not in tieback.list_global_func_names()


def test_register_wants_a_callable_object(name: str) -> None:
    with pytest.raises(TypeError, match="expects a callable, got Inner"):
        tieback.register_global_func(name, Inner(1))


def test_list_is_sorted() -> None:
    names = tieback.list_global_func_names()
    assert names == sorted(names)
    assert {"testing.echo", "testing.nop", "test_library.echo"} <= set(names)


@pytest.mark.parametrize("text", ["", "with space", "\N{SNOWMAN}", "nul\0inside", "x" * 300])
def test_any_text_is_a_name(text: str) -> None:
    function = tieback.register_global_func(text, lambda: 1)
    try:
        assert tieback.get_global_func(text) is function
        assert text in tieback.list_global_func_names()
    finally:
        tieback.remove_global_func(text)


# Identity -----------------------------------------------------------------------------------------


def test_global_function_identity() -> None:
    assert tieback.get_global_func("testing.nop") is own_nop


def test_global_function_keeps_its_id_after_a_drop(name: str) -> None:
    """Known fault elsewhere: it changed."""
    first = id(tieback.register_global_func(name, lambda: 1))
    keep = []
    for _ in range(20):
        keep.append(others())
        assert id(tieback.get_global_func(name)) == first


def test_native_global_function_keeps_its_id_after_a_drop() -> None:
    global own_nop
    first = id(own_nop)
    del own_nop
    keep = others()
    own_nop = tieback.get_global_func("testing.nop")
    assert id(own_nop) == first
    assert len(keep) == 200


def test_function_in_a_container_keeps_its_id_after_a_drop() -> None:
    """Known fault elsewhere: it changed."""
    array = tieback.convert([tieback.convert(lambda: 1), 5])
    first = id(array[0])
    keep = []
    for _ in range(20):
        keep.append(others())
        assert id(array[0]) == first
    assert array[0]() == 1


def test_converted_function_keeps_its_id_after_a_drop() -> None:
    function = tieback.convert(lambda: 1)
    first, held = id(function), lib.hold(function)
    assert lib.held(held) is function
    del function
    keep = others()
    assert id(lib.held(held)) == first
    assert len(keep) == 200
    lib.release(held)


def test_native_closure_keeps_its_id_after_a_drop() -> None:
    held = lib.hold(lib.adder(5))
    first, keep = id(lib.held(held)), others()
    assert id(lib.held(held)) == first and lib.held(held)(1) == 6
    assert len(keep) == 200
    lib.release(held)


def test_convert_makes_a_function() -> None:
    def f() -> int:
        return 1

    function = tieback.convert(f)
    assert type(function) is tieback.Function and function() == 1
    assert tieback.convert(function) is function
    assert tieback.convert(f) is not function  # another conversion, another object
    assert lib.echo(f) is f


def test_function_constructor() -> None:
    function = tieback.Function(max)
    assert type(function) is tieback.Function and function(1, 2) == 2
    assert tieback.Function(function) is function
    assert lib.echo(function) is function


class CallableList(list):  # type: ignore[type-arg]
    def __call__(self) -> int:
        return len(self)


class CallableInt(int):
    def __call__(self) -> int:
        return self + 1


class CallableText(str):
    def __call__(self) -> str:
        return self.upper()


class CallableError(Exception):
    def __call__(self) -> str:
        return "called"


@dc.py_class("test_functions.CallableObject")
class CallableObject(dc.Object):
    by: int

    def __call__(self) -> int:
        return self.by


@pytest.mark.parametrize(
    ("make", "result"),
    [
        (lambda: CallableList([1, 2]), 2),
        (lambda: CallableInt(4), 5),
        (lambda: CallableText("up"), "UP"),
        (lambda: CallableError("e"), "called"),
        (lambda: CallableObject(9), 9),
    ],
    ids=["list", "int", "str", "exception", "py_class"],
)
def test_function_of_what_is_callable_besides(
    name: str, make: Callable[[], Any], result: Any
) -> None:
    """``Function()`` and the registry take it as a callable, whatever else it is."""
    function = tieback.Function(make())
    assert type(function) is tieback.Function
    assert lib.type_key(function) == "tieback.Function"
    assert function() == result
    assert tieback.register_global_func(name, make())() == result


@pytest.mark.parametrize("args", [(), (1,), (len, len), ("x",)], ids=repr)
def test_function_constructor_refuses(args: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError, match="takes one callable"):
        tieback.Function(*args)
    with pytest.raises(TypeError):
        tieback.Function(callable=len)


def test_function_has_no_subclasses() -> None:
    with pytest.raises(TypeError, match="not an acceptable base type"):
        type("Sub", (tieback.Function,), {})


# Arguments ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 63, 64, 65, 70, 300])
def test_many_arguments(count: int) -> None:
    """Beyond 8 arguments lists are on the heap, beyond 64 so are the notes on them."""
    values = [[Inner(i), i, f"text {i} that is long", (i,)][i % 4] for i in range(count)]
    seen: list[Any] = []
    tieback.convert(lambda *args: seen.extend(args))(*values)
    assert len(seen) == count
    for value, came in zip(values, seen):
        assert came is value if isinstance(value, Inner) else came == value
    back = tieback.convert(lambda *args: args)(*values)
    assert len(back) == count
    del back
    assert all(use_count(value) == 1 for value in values[::4])


@pytest.mark.parametrize("count", [1, 9, 70])
def test_a_late_argument_is_refused(count: int) -> None:
    """What had been passed before it is let go of."""
    inner = Inner(1)
    with pytest.raises(OverflowError, match=f"^argument {count + 1}: item 0: .* 64 bits"):
        lib.apply(*[inner] * count, [2**63])
    inner._move()


def test_a_call_of_nothing() -> None:
    """The interpreter hands no place for arguments over where it has none: in a debug build that is UB that
    is noticed."""
    assert next(iter(lib.nop, 1)) is None
    assert next(iter(tieback.convert(lambda *args: args), 1)) == tieback.convert(())


@pytest.mark.parametrize("call", [lib.echo, tieback.convert(len), tieback.Function(max)])
def test_keyword_arguments_are_refused(call: Any) -> None:
    with pytest.raises(TypeError, match="takes no keyword arguments"):
        call(value=1)
    with pytest.raises(TypeError, match="takes no keyword arguments"):
        call(1, value=1)
    assert lib.echo(1, **{}) == 1


@pytest.mark.parametrize(
    ("call", "args", "text"),
    [
        (lib.echo, (), "test_library.echo() takes 1 argument, got 0"),
        (lib.echo, (1, 2), "test_library.echo() takes 1 argument, got 2"),
        (lib.nop, (1,), "test_library.nop() takes no arguments, got 1"),
        (lib.add, (1,), "test_library.add() takes 2 arguments, got 1"),
        (own_echo, (), "testing.echo() takes 1 argument, got 0"),
    ],
    ids=["echo_0", "echo_2", "nop_1", "add_1", "own_echo_0"],
)
def test_wrong_number_of_arguments(call: Any, args: tuple[Any, ...], text: str) -> None:
    with pytest.raises(TypeError) as raised:
        call(*args)
    assert str(raised.value) == text


def test_a_callable_says_itself_what_it_takes() -> None:
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'b'"):
        tieback.convert(lambda a, b: None)(1)


def test_wrong_argument_names_function_and_place() -> None:
    with pytest.raises(TypeError) as raised:
        lib.add(1, "2")
    assert str(raised.value) == "test_library.add() argument 2: expected int, got str"


def test_results_too_wide() -> None:
    with pytest.raises(OverflowError):
        lib.too_wide()


# Callbacks ----------------------------------------------------------------------------------------


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


# Loans and moves ----------------------------------------------------------------------------------


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


# What a function says of itself -------------------------------------------------------------------


def test_a_function_of_python_says_what_its_callable_says():
    def price(of: int, /, count: int = 1) -> int:
        """What so many cost."""
        return of * count

    shown = tieback.convert(price)
    assert shown.__doc__ == "What so many cost." and shown.__name__ == "price"
    assert shown.__qualname__ == price.__qualname__ and shown.__wrapped__ is price
    assert inspect.signature(shown) == inspect.signature(price)
    registered = tieback.register_global_func("test_functions.price", price)
    assert registered.__doc__ == "What so many cost." and registered.__name__ == "price"
    tieback.remove_global_func("test_functions.price")
    assert _core.function_about(registered) == (price, None)


def test_a_callable_without_a_name_has_that_of_its_registration():
    class Priced:
        __doc__ = None

        def __call__(self, of: int) -> int:
            return of

    priced = Priced()
    shown = tieback.convert(priced)
    assert shown.__doc__ is None
    for name in ("__name__", "__qualname__", "__text_signature__", "__signature__"):
        with pytest.raises(AttributeError, match=name):
            getattr(shown, name)
    with tieback_name("test_functions.priced", priced) as registered:
        assert registered.__name__ == "priced"
        assert registered.__qualname__ == "test_functions.priced"
        assert str(inspect.signature(registered)) == "(of: 'int') -> 'int'"
    assert not hasattr(registered, "__name__")


@contextlib.contextmanager
def tieback_name(name: str, f: Any) -> Any:
    yield tieback.register_global_func(name, f)
    tieback.remove_global_func(name)


def test_the_class_says_what_it_is():
    assert tieback.Function.__doc__ == "Something that every frontend can call."
    assert tieback.Function.__name__ == tieback.Function.__qualname__ == "Function"
    assert str(inspect.signature(tieback.Function)) == "(callable)"
    with pytest.raises(AttributeError, match="type object .*Function' has no attribute '__wrapped__'"):
        tieback.Function.__wrapped__  # noqa: B018
    nameless = lambda: None  # noqa: E731
    nameless.__doc__ = None
    assert tieback.convert(nameless).__doc__ is None
    with pytest.raises(AttributeError, match="read-only"):
        tieback.convert(nameless).__doc__ = "new"


def test_what_is_registered_is_seen_by_help_and_inspect():
    transfer = tieback.get_global_func("c_library.transfer")
    text = "Moves an amount, in cents, from one account to another."
    assert transfer.__doc__ == text == inspect.getdoc(transfer)
    assert (transfer.__name__, transfer.__qualname__) == ("transfer", "c_library.transfer")
    assert transfer.__text_signature__ == "(source, target, amount, /)"
    assert str(inspect.signature(transfer)) == "(source, target, amount, /)"
    assert not hasattr(transfer, "__wrapped__")
    assert text in pydoc.render_doc(transfer, renderer=pydoc.plaintext)
    assert str(inspect.signature(tieback.get_global_func("c_library.live"))) == "()"
    held = tieback.get_global_func("test_library.hold_released")
    assert held.__doc__ and held.__doc__.startswith("Keeps its argument, which it was lent")
    assert str(inspect.signature(held)) == "(value, /)"
    # One that is not only names is shown, and not understood.
    nop = tieback.get_global_func("testing.nop")
    assert nop.__text_signature__ == "(*args)" and not hasattr(nop, "__signature__")
    assert own_echo.__doc__ == "What it was given." and own_echo.__name__ == "echo"


def test_a_moved_function_says_nothing():
    moved = tieback.convert(lambda: 1)
    moved._move()
    for name in ("__doc__", "__name__", "__signature__"):
        with pytest.raises(ValueError, match="moved"):
            getattr(moved, name)
