"""Functions both ways: the registry, identity, arguments, what a function says of itself."""

from __future__ import annotations

import contextlib
import inspect
import pydoc
import sys
import types
from typing import Any, Callable

import pytest

import libraries
import tieback
from tieback import _core, dataclasses as dc
from tieback.testing import use_count

lib = libraries.load("test_library")
libraries.load("c_library")
own_echo = tieback.get_global_func("testing.echo")
own_nop = tieback.get_global_func("testing.nop")
# Dropped once, it is its object's own from here on (a Function can be part of a cycle): as the counts are
# before the first test, they are after each.
del own_nop
own_nop = tieback.get_global_func("testing.nop")


@dc.py_class("test_functions.Inner")
class Inner(dc.Object):
    val: int


@dc.py_class("test_functions.Frozen", frozen=True)
class Frozen(dc.Object):
    val: int


def others() -> list[Any]:
    """Two hundred other wrappers, so that an address that comes again was not merely free."""
    return [tieback.convert(len) if i % 2 else Inner(i) for i in range(200)]


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


def test_a_namespace_becomes_a_modules(name: str) -> None:
    module = types.ModuleType("a module for init_ffi_api")
    sys.modules[module.__name__] = module
    try:
        function = tieback.register_global_func(f"{name}.one", lambda: 1)
        tieback.register_global_func(f"{name}.inner.two", lambda: 2)
        tieback.init_ffi_api(name, module.__name__)
        assert module.one is function and {key for key in vars(module) if key[0] != "_"} == {"one"}
        module.one = None
        sys.modules[name] = module
        tieback.init_ffi_api(name)
        assert module.one is function
    finally:
        for key in (f"{name}.one", f"{name}.inner.two"):
            tieback.remove_global_func(key)
        for key in (module.__name__, name):
            sys.modules.pop(key, None)
    with pytest.raises(ValueError, match="no module 'no such' is imported; pass its __name__"):
        tieback.init_ffi_api("testing", "no such")
    with pytest.raises(TypeError, match=r"expects a namespace \(str\), got int"):
        tieback.init_ffi_api(1)


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
    assert str(inspect.signature(tieback.Function)) == "(callable, /)"
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
