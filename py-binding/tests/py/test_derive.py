"""A type that Rust's derive made: every kind of field x default, get, set, None and wrong type."""

from __future__ import annotations

import gc
import struct
from typing import Any, Callable

import pytest

import libraries
import tieback
from tie_support import class_of
from tieback.dataclasses import py_class

lib = libraries.load("test_library")
Defaults = class_of("test_library.Defaults")


def echo(x: Any = None) -> Any:
    return x


FUNCTION = tieback.convert(echo)

# kind, default, what is set, takes None, what does not fit, and how that is refused
TABLE: list[tuple[str, Any, Callable[[], Any], bool, Any, type[Exception]]] = [
    ("i8", -8, lambda: 127, False, 128, OverflowError),
    ("i16", -16, lambda: -32768, False, -32769, OverflowError),
    ("i32", -32, lambda: 5, False, 2**31, OverflowError),
    ("i64", -64, lambda: -(2**63), False, "1", TypeError),
    ("u8", 8, lambda: 255, False, -1, OverflowError),
    ("u16", 16, lambda: 65535, False, 65536, OverflowError),
    ("u32", 32, lambda: 2**32 - 1, False, 1.5, TypeError),
    ("u64", 64, lambda: 2**63 - 1, False, -1, OverflowError),
    ("f32", 0.5, lambda: 1.5, False, "1", TypeError),
    ("f64", 0.25, lambda: 1e300, False, b"1", TypeError),
    ("flag", True, lambda: False, False, "yes", TypeError),
    ("text", "a text in an object", lambda: "new", False, b"new", TypeError),
    ("blob", b"blob", lambda: b"x" * 100, False, "x", TypeError),
    ("any", None, lambda: (1, "two"), True, None, TypeError),
    ("object", None, lambda: lib.point(1, 2), True, 5, TypeError),
    ("required", None, lambda: lib.point(3, 4), False, lib.chain, TypeError),
    ("own", None, Defaults, True, "other", TypeError),
    ("weak", None, Defaults, True, 3, TypeError),
    ("array", [1, 2, 3], lambda: tieback.convert([4]), False, "abc", TypeError),
    ("list", [1, 2], lambda: tieback.List([4]), False, "abc", TypeError),
    ("map", {"a": 1}, lambda: tieback.Map({1: 2}), False, 3, TypeError),
    ("dict", None, lambda: tieback.Dict({1: 2}), True, 3, TypeError),
    ("function", None, lambda: FUNCTION, True, 3, TypeError),
    ("maybe_i32", -8, lambda: 2**31 - 1, True, 2**31, OverflowError),
    ("maybe_u64", None, lambda: 2**63 - 1, True, -1, OverflowError),
    ("maybe_f32", 0.5, lambda: 1.5, True, "1", TypeError),
    ("maybe_flag", True, lambda: False, True, 1, TypeError),
    ("maybe_text", "maybe", lambda: "new " * 9, True, b"new", TypeError),
    ("maybe_blob", None, lambda: b"x" * 100, True, "x", TypeError),
]
KINDS = [row[0] for row in TABLE]


def same(got: Any, wanted: Any) -> bool:
    if isinstance(wanted, (list, dict)):
        return type(wanted)(got) == wanted
    return got == wanted and type(got) is type(wanted)


@pytest.mark.parametrize("row", TABLE, ids=KINDS)
def test_default_get_set_none_and_wrong_type(row: Any) -> None:
    kind, default, make, takes_none, wrong, refusal = row
    made = Defaults()
    got = getattr(made, kind)
    if kind == "required":
        assert (got.x, got.y) == (1, 2)
    else:
        assert same(got, default)

    value = make()
    setattr(made, kind, value)
    kept = getattr(made, kind)
    assert kept is value if isinstance(value, tieback.Object) else kept == value

    if refusal is not None and not (takes_none and wrong is None):
        with pytest.raises(refusal) as raised:
            setattr(made, kind, wrong)
        assert f"'{kind}'" in str(raised.value) and "expected" in str(raised.value)
        assert getattr(made, kind) == kept

    if takes_none:
        setattr(made, kind, None)
        assert getattr(made, kind) is None
    else:
        with pytest.raises(TypeError, match=f"'{kind}'.*None"):
            setattr(made, kind, None)
        assert getattr(made, kind) == kept


@pytest.mark.parametrize("row", TABLE, ids=KINDS)
def test_the_constructor_takes_the_fields_in_order(row: Any) -> None:
    kind, _, make, _, wrong, refusal = row
    at = KINDS.index(kind)
    plain = Defaults()
    before = [getattr(plain, name) for name in KINDS[:at]]
    value = make()
    made = Defaults(*before, value)
    kept = getattr(made, kind)
    assert kept is value if isinstance(value, tieback.Object) else kept == value
    if wrong is not None:
        with pytest.raises(
            refusal, match=rf"test_library.Defaults\(\) argument {at + 1} \('{kind}'\)"
        ):
            Defaults(*before, wrong)


def test_names_documentation_and_frozen_fields() -> None:
    made = Defaults()
    assert made.renamed == 7 and not hasattr(made, "named") and not hasattr(made, "_tally")
    assert type(made).renamed.__doc__ == "Called otherwise in Rust."
    with pytest.raises(AttributeError, match="cannot assign to field 'renamed'"):
        made.renamed = 8
    with pytest.raises(TypeError, match=r"takes 0 to 30 arguments, got 31"):
        Defaults(*range(31))
    f32 = struct.unpack("f", struct.pack("f", 0.1))[0]
    made.f32 = 0.1
    assert made.f32 == f32
    for large in (1e300, -1e39, 3.4028235677973366e38):
        with pytest.raises(OverflowError):
            struct.pack("<f", large)
        with pytest.raises(OverflowError, match=r"field 'f32' of .*: expected a float of 32 bits"):
            made.f32 = large
    assert made.f32 == f32
    for large in (3.4028234663852886e38, float("-inf")):
        made.f32 = large
        assert made.f32 == large


def test_a_field_of_its_own_type_and_a_weak_one() -> None:
    parent, child = Defaults(), Defaults()
    parent.own, child.weak = child, parent
    first = id(child)
    del child
    gc.collect()
    others = [Defaults() for _ in range(50)]
    assert id(parent.own) == first and parent.own.weak is parent
    child = parent.own
    with pytest.raises(TypeError, match="expected test_library.Defaults"):
        child.weak = lib.point(1, 2)
    del parent, others
    gc.collect()
    assert child.weak is None


def test_live_counts() -> None:
    before = lib.live()
    made = Defaults()
    assert lib.live() == before + 2  # and the point it holds
    with pytest.raises(TypeError):
        Defaults("no int")
    del made
    assert lib.live() == before


# The same field from a class of Python's -------------------------------------------------------------


@py_class("test_derive.Maybe")
class Maybe(tieback.Object):
    whole: int | None
    broken: float | None
    flag: bool | None
    text: str | None
    blob: bytes | None
    either: int | str | None


@pytest.mark.parametrize(
    ("name", "good", "bad", "expected"),
    [
        ("whole", 5, "5", "int or None, got str"),
        ("whole", True, 1.5, "int or None, got float"),
        ("broken", 1.5, "1.5", "float or None, got str"),
        ("broken", 2, b"2", "float or None, got bytes"),
        ("flag", False, 1, "bool or None, got int"),
        ("text", "new", 5, "str or None, got int"),
        ("blob", b"new", "new", "bytes or None, got str"),
    ],
)
def test_rust_keeps_the_annotations_of_python(name: str, good: Any, bad: Any, expected: str):
    maybe = Maybe(None, None, None, None, None, None)
    assert lib.field(maybe, name) is None
    lib.set_field(maybe, name, good)
    assert getattr(maybe, name) == good == lib.field(maybe, name)
    with pytest.raises(TypeError, match=expected):
        lib.set_field(maybe, name, bad)
    with pytest.raises(TypeError, match=f"field '{name}'"):
        setattr(maybe, name, bad)
    assert getattr(maybe, name) == good
    lib.set_field(maybe, name, None)
    assert getattr(maybe, name) is None
    # What is one of several kinds is anything to Rust.
    lib.set_field(maybe, "either", b"neither")
    assert maybe.either == b"neither"


def test_what_counts_as_an_int_does_so_where_none_does_too():
    class Nine:
        def __index__(self) -> int:
            return 9

    maybe = Maybe(Nine(), Nine(), None, None, None, None)
    assert (maybe.whole, maybe.broken) == (9, 9.0) and type(maybe.broken) is float
    with pytest.raises(TypeError, match="field 'whole'.*expected int | None, got str"):
        Maybe("9", None, None, None, None, None)
    with pytest.raises(OverflowError, match="field 'whole'"):
        maybe.whole = 2**63
    assert maybe.whole == 9
