"""An error on its way through both languages keeps its type, message, cause and every frame."""

from __future__ import annotations

from typing import Any

import pytest

import libraries
import tieback

lib = libraries.load("test_library")


def frames(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines()]


def test_rust_to_python_to_rust() -> None:
    def in_python(_: Any) -> None:
        deeper()

    def deeper() -> None:
        lib.raise_with_cause("ValueError", "no such price", "KeyError", "shelf 3")

    (kind, message, trace), cause = lib.caught(in_python, None)
    assert (kind, message) == ("ValueError", "no such price")
    assert list(cause)[:2] == ["KeyError", "'shelf 3'"]
    lines = frames(trace)
    # Innermost first: where it was raised in Rust, then Python's own frames.
    assert lines[0] == "Rust, in test_library.raise_with_cause()"
    assert [line.rpartition(" in ")[2] for line in lines[1:]] == ["deeper", "in_python"]
    assert all(f'File "{__file__}"' in line for line in lines[1:])


def test_rust_functions_between_add_theirs() -> None:
    def raises(_: Any) -> None:
        raise LookupError("lost")

    ((kind, message, trace),) = lib.caught(lambda x: lib.call(raises, x), None)
    assert (kind, message) == ("LookupError", "lost")
    names = [line.rpartition(" in ")[2] for line in frames(trace)]
    assert names[0] == "raises" and names[-1] == "<lambda>"

    # A Rust function that calls a Rust function: no Python between them.
    ((kind, message, trace),) = lib.caught(
        tieback.get_global_func("test_library.nested_raise"), "deep"
    )
    assert (kind, message) == ("ValueError", "deep")
    assert frames(trace) == [
        "Rust, in test_library.raise()",
        "Rust, in test_library.nested_raise()",
    ]


def test_python_to_rust_to_python_is_the_very_exception() -> None:
    thrown = LookupError("lost")
    thrown.__cause__ = OSError("disk")

    def raises(_: Any) -> None:
        raise thrown

    with pytest.raises(LookupError) as raised:
        lib.call(raises, None)
    assert raised.value is thrown and raised.value.__cause__.args == ("disk",)
    assert not hasattr(thrown, "__notes__")
    thrown.__traceback__ = None
    del raised


def test_native_frames_are_a_note_in_python() -> None:
    with pytest.raises(ValueError) as raised:
        getattr(lib, "raise")("ValueError", "bad")
    assert str(raised.value) == "bad"
    note = "native frames, innermost first:\n  Rust, in test_library.raise()"
    assert raised.value.__notes__ == [note]
    # Arguments that do not fit are the caller's: the message names the function already.
    with pytest.raises(TypeError) as refused:
        lib.echo_int("text")
    assert not hasattr(refused.value, "__notes__")


def test_methods_and_constructors_name_their_type() -> None:
    point = lib.point(2**62, 0)
    with pytest.raises(OverflowError) as raised:
        point.add(point)
    assert raised.value.__notes__[0].endswith("Rust, in test_library.Point.add()")


def test_an_error_raised_again_and_again_stops_growing() -> None:
    raise_kept = lib.raiser("ValueError", "kept")
    for _ in range(1000):
        with pytest.raises(ValueError) as raised:
            raise_kept()
    assert 5_000 < len(raised.value.__notes__[0]) < 10_000
