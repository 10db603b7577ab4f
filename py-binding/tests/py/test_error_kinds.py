"""Native errors by kind, and the exceptions registered for them."""

from __future__ import annotations

import gc
from typing import Any

import pytest

import libraries
import tieback

lib = libraries.load("test_library")
throw_natively = tieback.get_global_func("test_library.raise")


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
