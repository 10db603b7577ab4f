"""What wrong use is told: what was expected, and what came."""

from __future__ import annotations

import functools
import re
import sys
from typing import Any, Callable, Optional

import pytest

import tieback
from tie_support import Leaf
from tieback import Array, Error, Function, Object, Weak, convert
from tieback.dataclasses import field, py_class
from tieback.testing import tie_state

echo = tieback.get_global_func("testing.echo")
use_count = tieback.get_global_func("testing.object_use_count")
LONE = "\ud800"


@py_class("test_messages.Node")
class Node(Object):
    name: str = ""
    value: Any = None
    items: Array = field(default_factory=list)


@py_class("test_messages.Bare")
class Bare(Object):
    pass


@py_class("test_messages.Two")
class Two(Object):
    a: int
    b: int


WRONG: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: tieback.get_global_func(3), TypeError, "get_global_func expects a name, got int"),
    (lambda: tieback.remove_global_func(3), TypeError, "remove_global_func expects a name, got int"),
    (
        lambda: tieback.register_global_func(functools.partial(len)),
        TypeError,
        r"register_global_func expects a name first: functools.partial\(.*\) has none",
    ),
    (lambda: tieback.register_global_func(3), TypeError, "expects a name, got int"),
    (
        lambda: tieback.register_object(3),
        TypeError,
        r"register_object expects a type key \(str\) or the class itself, got int",
    ),
    (
        lambda: tieback.register_error(3),
        TypeError,
        r"register_error expects a kind \(str\) or an exception class, got int",
    ),
    (lambda: tieback.register_error(), TypeError, "register_error expects .*, got NoneType"),
    (lambda: tieback.register_error(int), TypeError, "an exception class, got <class 'int'>"),
    (lambda: Function(3), TypeError, r"Function\(\) takes one callable, got int"),
    (lambda: Function(), TypeError, r"Function\(\) takes one callable, got 0 arguments"),
    (lambda: Function(callable=len), TypeError, r"Function\(\) takes no keyword arguments"),
    (lambda: Array(1, 2), TypeError, r"Array\(\) takes one iterable, got 2 arguments"),
    (lambda: Array(iterable=[1]), TypeError, r"Array\(\) takes no keyword arguments"),
    (lambda: Error("a", 1), TypeError, r"Error\(\) argument 'message': expected str, got int"),
    (lambda: echo(), TypeError, r"testing.echo\(\) takes 1 argument, got 0"),
    (lambda: echo(1, 2), TypeError, r"testing.echo\(\) takes 1 argument, got 2"),
    (lambda: echo(x=1), TypeError, "a native Function takes no keyword arguments"),
    (lambda: tie_state("a"), TypeError, "expected a tieback.Object, got str"),
    (lambda: tie_state(0), ValueError, "handle 0 is no object's"),
    (lambda: tie_state(-1), ValueError, "handle -1 is no object's"),
    (lambda: tie_state(2**70), ValueError, f"handle {2**70} is no object's"),
    # A str that UTF-8 cannot hold: where it was.
    (lambda: echo(1, LONE), UnicodeEncodeError, "argument 2: surrogates not allowed"),
    (lambda: echo([1, [LONE]]), UnicodeEncodeError, "argument 1: item 1: item 0: surrogates"),
    (lambda: convert([LONE]), UnicodeEncodeError, "item 0: surrogates not allowed"),
    (lambda: Node(LONE), UnicodeEncodeError, r"Node.__init__\(\) field 'name': surrogates"),
    (lambda: Node(value=[LONE]), UnicodeEncodeError, "field 'value': item 0: surrogates"),
    (lambda: Node(items=[LONE]), UnicodeEncodeError, "field 'items': item 0: surrogates"),
    (lambda: setattr(Node(), "name", LONE), UnicodeEncodeError, "field 'name' of 'Node': surr"),
    (lambda: convert(lambda: LONE)(), UnicodeEncodeError, "result of a Python callable: surr"),
    (lambda: use_count(5), TypeError, r"object_use_count\(\) takes an object, got int$"),
    (lambda: use_count(), TypeError, r"object_use_count\(\) takes an object, got no argument$"),
    (
        lambda: setattr(echo, "__name__", "q"),
        AttributeError,
        "^__name__ of a 'Function' is read-only: it is what was registered with it",
    ),
    (lambda: setattr(echo, "__doc__", "q"), AttributeError, "^__doc__ of a 'Function' is read-"),
    (lambda: setattr(echo, "other", 1), AttributeError, "'other'"),
    (lambda: Bare(1), TypeError, r"takes 0 positional arguments, but 1 was given$"),
    (lambda: Two(1, 2, 3), TypeError, r"takes 2 positional arguments, but 3 were given$"),
    (lambda: Node(1, 2, 3, 4), TypeError, "takes at most 3 positional arguments, but 4 were given"),
]


@pytest.mark.parametrize(("use", "error", "words"), WRONG)
def test_wrong_use_is_told_what_was_expected(
    use: Callable[[], Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words) as raised:
        use()
    assert type(raised.value) is error


@pytest.mark.parametrize("key", ["", "a\0b"])
def test_a_type_key_is_a_name(key: str) -> None:
    with pytest.raises(ValueError, match="a key is not empty and has no NUL in it"):
        py_class(key)(type("Nameless", (Object,), {}))


LAYOUTS: list[tuple[dict[str, Any], str]] = [
    ({"x": str}, r"(x: str)"),
    ({"x": float, "y": Any}, r"(x: float, y: any value)"),
    ({"x": Optional[int]}, r"(x: int or None)"),
    ({"x": Node}, r"(x: test_messages.Node)"),
    ({"x": Weak[Node]}, r"(x: Weak[test_messages.Node])"),
    ({"x": bool}, r"(x: bool)"),
    ({}, r"()"),
]


@pytest.mark.parametrize(("fields", "words"), LAYOUTS, ids=[words for _, words in LAYOUTS])
def test_another_layout_is_told_by_its_types(fields: dict[str, Any], words: str) -> None:
    def declare(fields: dict[str, Any], base: type = Object, **options: Any) -> None:
        body = {"__annotations__": fields, "__module__": __name__}
        py_class("test_messages.Twice", **options)(type("Twice", (base,), body))

    declare({"x": int})
    text = "another layout: it has the fields (x: int), this class declares "
    with pytest.raises(ValueError, match=re.escape(text + words + "; use another key")):
        declare(fields)
    with pytest.raises(ValueError, match=re.escape(text + "(frozen x: int);")):
        declare({"x": int}, frozen=True)
    text = (
        "(x: int) below 'tieback.Object', this class declares (x: int) below 'test_messages.Bare';"
    )
    with pytest.raises(ValueError, match=re.escape(text)):
        declare({"x": int}, Bare)


def test_a_forward_reference_is_named_as_it_stands() -> None:
    with pytest.raises(TypeError, match=r"cannot store the annotation 'set\[Nowhere\]'"):

        @py_class
        class Holder(Object):
            nowhere: "Optional[set[Nowhere]]" = None  # noqa: F821


def test_weak_is_named_as_it_is_imported() -> None:
    assert repr(Weak[Node]) == f"tieback.Weak[{__name__}.Node]"
    assert Weak.__module__ == "tieback"


def test_an_exception_that_cannot_be_shown_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is told besides that its text was asked for in vain."""

    class Own(Exception):
        def __str__(self) -> str:
            raise LookupError

    class Refuses:
        def __index__(self) -> int:
            raise Own

    told: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    with pytest.raises(Own) as raised:
        Leaf(1).number = Refuses()  # type: ignore[assignment]
    monkeypatch.undo()
    assert not told and raised.value.__notes__ == ["in field 'number' of 'Leaf'"]
