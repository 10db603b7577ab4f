"""Errors both ways: exceptions come back as themselves, native errors by their kind."""

from __future__ import annotations

import copy
import gc
import pickle
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


# Native errors by kind ------------------------------------------------------------------------------

@pytest.mark.parametrize(
    "cls",
    [
        ValueError, TypeError, KeyError, IndexError, AttributeError, RuntimeError, OSError,
        FileNotFoundError, ImportError, MemoryError, OverflowError, ZeroDivisionError,
        AssertionError, NotImplementedError, StopIteration, RecursionError, SyntaxError,
        UserWarning, Exception, KeyboardInterrupt, SystemExit,
    ],
    ids=lambda cls: cls.__name__,
)  # fmt: skip
def test_builtin_kinds(cls: type[BaseException]) -> None:
    caught: BaseException | None = None
    try:
        throw_natively(cls.__name__, "the message")
    except BaseException as error:
        caught = error
    assert type(caught) is cls and caught.args == ("the message",)


@pytest.mark.parametrize(
    "kind",
    ["Nope", "library.Fancy", "", "print", "int", "__import__", "None", "\N{SNOWMAN}", "nul\0"]
    # Builtin classes that want more than a message.
    + ["UnicodeDecodeError", "UnicodeEncodeError", "ExceptionGroup", "BaseExceptionGroup"],
    ids=repr,
)
def test_unknown_kinds(kind: str) -> None:
    """A RuntimeError that says the kind."""
    with pytest.raises(RuntimeError) as raised:
        throw_natively(kind, "the message")
    assert type(raised.value) is RuntimeError
    assert str(raised.value) == f"{kind}: the message"


@pytest.fixture
def registered():
    """Registers error classes for the test only."""
    before = dict(tieback._core.error_classes)
    yield tieback.register_error
    tieback._core.error_classes.clear()
    tieback._core.error_classes.update(before)


def test_registered_kind(registered: Any) -> None:
    assert registered("library.Own", OwnKind) is OwnKind
    with pytest.raises(OwnKind, match="the message"):
        throw_natively("library.Own", "the message")


class OwnKind(ValueError):
    pass


def test_registered_by_decorators(registered: Any) -> None:
    @registered
    class Bare(Exception):
        pass

    @registered("library.Named")
    class Named(Exception):
        pass

    for kind, cls in [("Bare", Bare), ("library.Named", Named)]:
        with pytest.raises(cls) as raised:
            throw_natively(kind, "m")
        assert type(raised.value) is cls
        del raised
    gc.collect()


def test_a_registered_kind_wins_over_a_builtin(registered: Any) -> None:
    registered("ValueError", OwnKind)
    with pytest.raises(OwnKind):
        throw_natively("ValueError", "m")


class Two(Exception):
    def __init__(self, a: object, b: object) -> None:
        super().__init__(a, b)


class RaisesInInit(Exception):
    def __init__(self, message: str) -> None:
        raise KeyError("from __init__")


class NoException(Exception):
    def __new__(cls, *args: object) -> Any:
        return 5


@pytest.mark.parametrize("cls", [Two, RaisesInInit, NoException])
def test_a_kind_whose_class_does_not_take_a_message(registered: Any, cls: Any) -> None:
    registered("library.Odd", cls)
    with pytest.raises(RuntimeError, match="(?m)^library.Odd: the message$") as raised:
        throw_natively("library.Odd", "the message")
    assert type(raised.value) is RuntimeError
    assert raised.value.__context__ is None


@pytest.mark.parametrize("bad", [1, int, "text", None, ValueError("x")], ids=repr)
def test_register_error_wants_an_exception_class(bad: Any) -> None:
    with pytest.raises((TypeError, AttributeError)):
        tieback.register_error("library.Bad", bad if bad is not None else 1)
    assert "library.Bad" not in tieback._core.error_classes


def test_native_causes() -> None:
    with pytest.raises(ValueError, match="(?m)^outer$") as raised:
        lib.raise_with_cause("ValueError", "outer", "KeyError", "inner")
    cause = raised.value.__cause__
    assert type(cause) is KeyError and cause.args == ("inner",)
    assert raised.value.__suppress_context__


def test_native_cause_of_an_unknown_kind() -> None:
    with pytest.raises(RuntimeError, match="(?m)^A: outer$") as raised:
        lib.raise_with_cause("A", "outer", "B", "inner")
    assert str(raised.value.__cause__) == "B: inner"


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


# Error objects ------------------------------------------------------------------------------------


def test_an_error_made_by_hand() -> None:
    error = tieback.Error("ValueError", "bad", "  File \"x.rs\", line 3, in load", None)
    assert (error.kind, error.message, error.cause) == ("ValueError", "bad", None)
    assert error.traceback == error.backtrace == "  File \"x.rs\", line 3, in load\n"
    assert repr(error) == "Error('ValueError', 'bad')" and str(error) == "ValueError: bad"
    exception = error.py_error()
    assert type(exception) is ValueError and exception.args == ("bad",)
    assert exception.__notes__ == [
        'native frames, innermost first:\n  File "x.rs", line 3, in load'
    ]


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ((), "missing 1 required positional argument: 'kind'"),
        ((1,), "'kind': expected str, got int"),
        (("K", None), "'message': expected str, got NoneType"),
        (("K", "m", b""), "'traceback': expected str, got bytes"),
        (("K", "m", "", 5), "'cause': expected Error, exception or None, got int"),
        (("K", "m", "", [1]), "'cause': expected Error, exception or None, got list"),
        (("K", "m", "", None, 1), "positional arguments"),
    ],
    ids=["none", "kind", "message", "traceback", "cause", "cause_list", "many"],
)
def test_an_error_made_wrongly(args: tuple[Any, ...], text: str) -> None:
    with pytest.raises(TypeError, match=text):
        tieback.Error(*args)


def test_an_error_with_a_cause() -> None:
    inner = tieback.Error("KeyError", "inner")
    outer = tieback.Error("ValueError", "outer", cause=inner)
    assert outer.cause is inner
    cause = outer.py_error().__cause__
    assert type(cause) is KeyError and cause.args == ("inner",)


def test_an_error_whose_cause_is_an_exception() -> None:
    exception = Own(1, "x")
    outer = tieback.Error("ValueError", "outer", cause=exception)
    assert outer.cause.kind == "Own"
    assert outer.py_error().__cause__ is exception


def test_a_chain_of_causes_of_any_length() -> None:
    error, length = tieback.Error("E", "last"), 50_000
    for i in range(length):
        error = tieback.Error("E", str(i), "", error)
    at, seen = error.py_error(), 0
    while at.__cause__ is not None:
        at, seen = at.__cause__, seen + 1
    assert seen == length and str(at) == "E: last"
    while error.cause is not None:
        error = error.cause


def test_a_cause_that_is_its_own() -> None:
    looped, other = Own(1, "x"), Own(2, "y")
    looped.__cause__, other.__cause__ = other, looped

    def throw() -> None:
        raise looped

    with pytest.raises(Own) as raised:
        lib.nested(throw, 1)
    assert raised.value is looped and looped.__cause__ is other
    assert tieback.convert(looped).cause.cause.kind == "Own"
    looped.__cause__ = other.__cause__ = looped.__traceback__ = None


@pytest.mark.parametrize("kind", EXCEPTIONS)
def test_convert_and_back(kind: str) -> None:
    exception = EXCEPTIONS[kind]()
    error = tieback.convert(exception)
    assert type(error) is tieback.Error
    assert error.kind == type(exception).__name__
    assert error.py_error() is exception
    assert lib.echo(error) is error and lib.echo(exception) is exception
    array = tieback.convert([exception, error])
    assert array[0] is exception and array[1] is error


def test_convert_tells_where_it_was_raised() -> None:
    try:
        lib.nested(lambda: 1 / 0, 1)
    except ZeroDivisionError as error:
        # Not kept: the exception's frame would keep what keeps the exception.
        lines = tieback.convert(error).traceback.splitlines()
    assert lines[0].endswith(", in <lambda>")
    assert lines[-1].endswith(", in test_convert_tells_where_it_was_raised")
    assert all(line.startswith('  File "') for line in lines)


def test_convert_of_an_exception_with_causes() -> None:
    root, middle, top = KeyError("root"), Own(2, "y"), ValueError("top")
    middle.__cause__, top.__cause__ = root, middle
    error = tieback.convert(top)
    assert [error.kind, error.cause.kind, error.cause.cause.kind] == ["ValueError", "Own", "KeyError"]
    assert error.cause.cause.cause is None
    assert error.cause is error.cause
    assert error.cause.py_error() is middle


def test_identity_and_stable_id() -> None:
    held = lib.hold(tieback.convert(Own(1, "x")))
    assert lib.held(held) is lib.held(held)
    first = id(lib.held(held))
    keep = [[tieback.Error("E", str(i)) for i in range(200)]]
    assert id(lib.held(held)) == first
    assert lib.held(held).py_error().code == 1
    del keep
    lib.release(held)


def test_native_errors_have_an_identity_too() -> None:
    error = lib.error("ValueError", "native")
    assert type(error) is tieback.Error and lib.echo(error) is error
    assert (error.kind, error.message) == ("ValueError", "native")
    assert type(error.py_error()) is ValueError


def test_stable_id_of_a_cause() -> None:
    outer = tieback.Error("A", "outer", cause=tieback.Error("B", "inner"))
    first = id(outer.cause)
    keep = [tieback.Error("E", str(i)) for i in range(200)]
    assert id(outer.cause) == first and outer.cause.kind == "B"
    assert len(keep) == 200


def test_equal_and_hash_by_object() -> None:
    one, other = tieback.Error("A", "m"), tieback.Error("A", "m")
    assert one == one and one != other and not one == other
    assert len({one, other, one}) == 2


@pytest.mark.parametrize("copier", [copy.copy, copy.deepcopy])
def test_a_copy_is_the_same(copier: Any) -> None:
    error = tieback.Error("A", "m")
    assert copier(error) is error


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle(protocol: int) -> None:
    error = tieback.Error("A", "m", "a frame", tieback.Error("B", "inner"))
    back = pickle.loads(pickle.dumps(error, protocol))
    assert (back.kind, back.message, back.traceback) == ("A", "m", "a frame\n")
    assert (back.cause.kind, back.cause.message) == ("B", "inner")


def test_an_error_is_no_exception() -> None:
    with pytest.raises(TypeError, match="exceptions must"):
        raise tieback.Error("A", "m")  # type: ignore[misc]


def test_parts_cannot_be_set() -> None:
    error = tieback.Error("A", "m")
    for part in ("kind", "message", "traceback", "cause"):
        with pytest.raises(AttributeError):
            setattr(error, part, "other")


def test_initialised_once() -> None:
    error = tieback.Error("A", "m")
    error.__init__("B", "other")  # type: ignore[misc]
    assert (error.kind, error.message) == ("A", "m")


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
