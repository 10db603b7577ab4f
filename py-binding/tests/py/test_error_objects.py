"""Error objects: made by hand, converted and back, copied, with causes."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

import libraries
import tieback
from test_errors import EXCEPTIONS, Own

lib = libraries.load("test_library")


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
