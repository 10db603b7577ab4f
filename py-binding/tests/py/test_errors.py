"""Errors both ways: exceptions come back as themselves, panics are exceptions, and nothing is left."""

from __future__ import annotations

import gc
import sys
import traceback
import weakref
from typing import Any, Callable

import pytest

import libraries
import tieback

lib = libraries.load("test_library")
throw_natively = tieback.get_global_func("test_library.raise")


class Own(Exception):
    """A user's own exception: two arguments, state, a message of its own."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(code, text)
        self.code = code
        self.extra = {"kept": [code]}

    def __str__(self) -> str:
        return f"own {self.code}"


class OwnBase(BaseException):
    pass


class Keyworded(Exception):
    def __init__(self, *, needed: str) -> None:
        super().__init__()
        self.needed = needed


class StrRaises(Exception):
    def __str__(self) -> str:
        raise RuntimeError("__str__ failed")


class StrIsNoStr(Exception):
    def __str__(self) -> str:
        return 5  # type: ignore[return-value]


class ReprRaises(Exception):
    def __repr__(self) -> str:
        raise RuntimeError("__repr__ failed")


class Falsy(Exception):
    def __bool__(self) -> bool:
        return False


class Sealed(Exception):
    """Takes no attributes: nothing may be written on it."""

    __slots__ = ()

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("sealed")


class NoEq(Exception):
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise AssertionError("compared")


EXCEPTIONS: dict[str, Callable[[], BaseException]] = {
    "value_error": lambda: ValueError("bad", 2),
    "key_error": lambda: KeyError(("a", 1)),
    "os_error": lambda: FileNotFoundError(2, "no such file", "name"),
    "unicode_error": lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"),
    "stop_iteration": lambda: StopIteration(5),
    "zero_division": lambda: ZeroDivisionError("division"),
    "not_implemented": lambda: NotImplementedError(),
    "memory_error": lambda: MemoryError("made by hand"),
    "recursion_error": lambda: RecursionError("made by hand"),
    "syntax_error": lambda: SyntaxError("bad", ("file.py", 1, 2, "text")),
    "warning": lambda: DeprecationWarning("old"),
    "own": lambda: Own(7, "text"),
    "own_base": lambda: OwnBase("base"),
    "keyworded": lambda: Keyworded(needed="this"),
    "str_raises": lambda: StrRaises(1),
    "str_is_no_str": lambda: StrIsNoStr(1),
    "repr_raises": lambda: ReprRaises(1),
    "falsy": lambda: Falsy("falsy"),
    "sealed": lambda: Sealed("sealed"),
    "no_eq": lambda: NoEq("no eq"),
    "surrogate": lambda: ValueError("a\ud800b"),
    "nul": lambda: ValueError("a\0b"),
    "system_exit": lambda: SystemExit(3),
    "keyboard_interrupt": lambda: KeyboardInterrupt(),
    "generator_exit": lambda: GeneratorExit("out"),
    "base_exception": lambda: BaseException("base"),
    "group": lambda: ExceptionGroup("several", [ValueError(1), Own(1, "x")]),
    "base_group": lambda: BaseExceptionGroup("several", [KeyboardInterrupt()]),
    "panic": lambda: tieback.PanicError("made by hand"),
}

WAYS: dict[str, Callable[[Callable[..., Any]], Any]] = {
    "callback": lambda f: lib.call(f, None),
    "function": lambda f: tieback.convert(f)(),
    "nested_1": lambda f: lib.nested(f, 1),
    "nested_2": lambda f: lib.nested(f, 2),
    "nested_3": lambda f: lib.nested(f, 3),
    "callbacks_2": lambda f: lib.call(lambda _: lib.call(f, None), None),
    "callbacks_3": lambda f: lib.call(
        lambda _: lib.call(lambda _: lib.call(f, None), None), None
    ),
    "thread": lambda f: lib.call_on_thread(f, None),
    "map": lambda f: lib.map(f, [1]),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", EXCEPTIONS)
def test_an_exception_comes_back_as_itself(kind: str, way: str) -> None:
    """Known fault elsewhere: a user's own class came out of two callbacks as RuntimeError."""
    thrown = EXCEPTIONS[kind]()
    args, state = thrown.args, dict(vars(thrown))

    def throw(*_: object) -> None:
        raise thrown

    caught: BaseException | None = None
    try:
        WAYS[way](throw)
    except BaseException as error:
        caught = error
    assert caught is thrown
    assert caught.args is args and vars(caught) == state
    assert caught.__cause__ is None and caught.__context__ is None
    names = [frame.name for frame in traceback.extract_tb(caught.__traceback__)]
    assert names[0] == "test_an_exception_comes_back_as_itself" and names[-1] == "throw"
    assert names.count("throw") == 1
    thrown.with_traceback(None)


def test_the_traceback_has_every_python_frame() -> None:
    def innermost(_: object) -> None:
        raise Own(1, "x")

    def middle(_: object) -> None:
        lib.call(innermost, None)

    def outer(_: object) -> None:
        lib.call(middle, None)

    with pytest.raises(Own) as raised:
        lib.call(outer, None)
    names = [frame.name for frame in traceback.extract_tb(raised.value.__traceback__)]
    assert names[1:] == ["outer", "middle", "innermost"]


def test_cause_context_and_notes() -> None:
    cause, context, notes = KeyError("cause"), ValueError("context"), ["one", "two"]

    def throw() -> None:
        try:
            raise context
        except ValueError:
            error = Own(1, "x")
            for note in notes:
                error.add_note(note)
            raise error from cause

    with pytest.raises(Own) as raised:
        lib.nested(throw, 2)
    assert raised.value.__cause__ is cause
    assert raised.value.__context__ is context
    assert raised.value.__notes__ == notes
    assert raised.value.__suppress_context__
    context.__traceback__ = None


def test_suppressed_context() -> None:
    def throw() -> None:
        try:
            raise ValueError
        except ValueError:
            raise Own(1, "x") from None

    with pytest.raises(Own) as raised:
        lib.nested(throw, 2)
    assert raised.value.__cause__ is None and raised.value.__suppress_context__
    assert isinstance(raised.value.__context__, ValueError)


def test_context_of_an_exception_on_the_way() -> None:
    """Raised while another is handled, it gets that one as its context, as in plain Python."""

    def throw() -> None:
        raise Own(2, "second")

    with pytest.raises(Own) as raised:
        try:
            raise Own(1, "first")
        except Own:
            lib.nested(throw, 1)
    assert isinstance(raised.value.__context__, Own)
    assert raised.value.__context__.code == 1


def test_a_native_error_gets_the_context_too() -> None:
    with pytest.raises(KeyError) as raised:
        try:
            raise Own(1, "first")
        except Own:
            throw_natively("KeyError", "second")
    assert isinstance(raised.value.__context__, Own)


def test_caught_and_raised_again_in_each_callback() -> None:
    thrown = Own(1, "x")

    def level(n: int) -> None:
        if n == 0:
            raise thrown
        try:
            lib.call(level, n - 1)
        except Own as error:
            assert error is thrown
            raise

    with pytest.raises(Own) as raised:
        lib.call(level, 3)
    assert raised.value is thrown
    assert thrown.__context__ is None
    thrown.__traceback__ = None


def test_wrapped_in_each_callback() -> None:
    def level(n: int) -> None:
        try:
            lib.call(level, n - 1) if n else throw_natively("KeyError", "root")
        except Exception as error:
            raise Own(n, "wrapped") from error

    with pytest.raises(Own) as raised:
        lib.call(level, 3)
    codes, at = [], raised.value
    while isinstance(at, Own):
        codes.append(at.code)
        at = at.__cause__  # type: ignore[assignment]
    assert codes == [3, 2, 1, 0]
    assert isinstance(at, KeyError) and at.args == ("root",)


@pytest.mark.parametrize("status", [0, 3, None, "text"], ids=repr)
@pytest.mark.parametrize("depth", [0, 1, 3])
def test_sys_exit_in_a_callback(status: Any, depth: int) -> None:
    """Known fault elsewhere: it became an error."""
    with pytest.raises(SystemExit) as raised:
        lib.nested(lambda: sys.exit(status), depth)
    assert raised.value.code == status


def test_keyboard_interrupt_is_not_caught_by_except_exception() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        try:
            lib.nested(interrupt, 2)
        except Exception:  # pragma: no cover - the fault this is about
            pytest.fail("an interrupt became an Exception")


def test_a_native_callee_sees_kind_and_message() -> None:
    def throw(what: int) -> None:
        raise [Own(4, "x"), KeyError("k"), StrRaises(1), SystemExit(3)][what]

    assert list(lib.catch(throw, 0)) == ["Own", "own 4"]
    assert list(lib.catch(throw, 1)) == ["KeyError", "'k'"]
    assert list(lib.catch(throw, 2)) == ["StrRaises", ""]
    assert list(lib.catch(throw, 3)) == ["SystemExit", "3"]
    assert lib.catch(lambda value: value, 1) is None


def test_an_error_in_a_method() -> None:
    with pytest.raises(OverflowError, match="does not fit 64 bits"):
        lib.point(2**63 - 1, 0).add(lib.point(1, 0))


# Panics -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_a_panic_is_an_exception(depth: int) -> None:
    with pytest.raises(tieback.PanicError, match="oops") as raised:
        lib.nested(lambda: lib.panic("oops"), depth)
    assert isinstance(raised.value, RuntimeError)
    assert "panicked" in str(raised.value)


def test_a_panic_without_text() -> None:
    with pytest.raises(tieback.PanicError, match="no text"):
        lib.panic_without_text()


def test_a_panic_on_a_native_thread() -> None:
    with pytest.raises(tieback.PanicError, match="over there"):
        lib.call_on_thread(lambda _: lib.panic("over there"), None)


def test_a_panic_leaves_nothing_behind() -> None:
    point = lib.point(1, 2)
    with pytest.raises(tieback.PanicError):
        lib.apply(lambda *_: lib.panic("oops"), point, [point], "a text that is long")
    assert tieback.testing.use_count(point) == 1
    point._move()


def test_a_panic_caught_and_raised_again() -> None:
    """It is an ordinary exception from the first Python frame on."""

    def translate(_: object) -> None:
        try:
            lib.panic("oops")
        except tieback.PanicError as error:
            raise Own(1, "x") from error

    with pytest.raises(Own) as raised:
        lib.call(translate, None)
    assert isinstance(raised.value.__cause__, tieback.PanicError)


# Nothing is left ----------------------------------------------------------------------------------


class Watched(Exception):
    pass


@pytest.fixture
def no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("way", WAYS)
def test_no_reference_cycle(no_collector: None, way: str) -> None:
    """The exception dies with its last name, without the collector; so does what it carries."""
    point = lib.point(1, 2)

    def throw(*_: object) -> None:
        local = point  # in the frame that the traceback keeps
        raise Watched(local)

    ref, before = None, sys.getrefcount(point)
    try:
        WAYS[way](throw)
    except Watched as error:
        ref = weakref.ref(error)
        assert error.args[0] is point
    assert ref is not None and ref() is None
    assert sys.getrefcount(point) == before


@pytest.mark.parametrize("kind", ["KeyError", "Nope", "PanicError"])
def test_no_reference_cycle_of_a_native_error(no_collector: None, kind: str) -> None:
    class Local:
        pass

    local = Local()
    ref = weakref.ref(local)

    def run() -> None:
        kept = local  # noqa: F841 - in the frame of the traceback
        try:
            throw_natively(kind, "m")
        except (KeyError, RuntimeError):
            pass

    run()
    del run, local
    assert ref() is None


def test_no_reference_cycle_with_causes(no_collector: None) -> None:
    refs = []

    def throw() -> None:
        try:
            raise Watched("cause")
        except Watched as cause:
            refs.append(weakref.ref(cause))
            error = Watched("error")
            refs.append(weakref.ref(error))
            try:
                raise error from cause
            finally:
                del error

    try:
        lib.nested(throw, 2)
    except Watched:
        pass
    assert [ref() for ref in refs] == [None, None]


def test_converted_exceptions_die_with_their_error(no_collector: None) -> None:
    exception = Watched("x")
    ref = weakref.ref(exception)
    error = tieback.convert(exception)
    del exception
    assert ref() is not None and error.py_error() is ref()
    del error
    assert ref() is None


def test_counts_are_back_after_many_errors() -> None:
    before = tieback.stats()
    for i in range(300):
        with pytest.raises(Own):
            lib.nested(raiser(i), 2)
        with pytest.raises(KeyError):
            throw_natively("KeyError", "k")
    gc.collect()
    assert tieback.stats() == before


def raiser(code: int) -> Callable[[], None]:
    def throw() -> None:
        raise Own(code, "x")

    return throw
