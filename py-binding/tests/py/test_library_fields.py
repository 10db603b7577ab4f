"""The fields of a library's class, by kind: got, set, refused, let go of."""

from __future__ import annotations

import copy
import math
import pickle
import types
from typing import Any, Callable

import pytest

import libraries
import tieback
from tieback.testing import use_count

lib = libraries.load("test_library")
_core = tieback._core


class Colour:
    """An opaque value."""


class Nine:
    def __index__(self) -> int:
        return 9


class NoIndex:
    def __index__(self) -> int:
        raise KeyError("no index")


INTS = {
    "i8": (-(2**7), 2**7 - 1),
    "i16": (-(2**15), 2**15 - 1),
    "i32": (-(2**31), 2**31 - 1),
    "i64": (-(2**63), 2**63 - 1),
    "u8": (0, 2**8 - 1),
    "u16": (0, 2**16 - 1),
    "u32": (0, 2**32 - 1),
    "u64": (0, 2**63 - 1),
}
KINDS = [*INTS, "f32", "f64", "flag", "text", "blob", "any", "object", "point", "required", "array"]
KINDS += ["function", "weak"]
# Kinds that can be None are as the kind itself, and take None.
MAYBE = {
    "maybe_i8": "i8", "maybe_i64": "i64", "maybe_u64": "u64", "maybe_f32": "f32",
    "maybe_f64": "f64", "maybe_flag": "flag", "maybe_text": "text", "maybe_blob": "blob",
}  # fmt: skip
KINDS += MAYBE


def fields(point: Any = None) -> Any:
    return lib.fields(-5, "a text", 5, point)


def frozen_fields(point: Any = None) -> Any:
    return lib.frozen_fields(-5, "a text", 5, point)


def first_values(point: Any) -> dict[str, Any]:
    return {
        "i8": -8, "i16": -16, "i32": -32, "i64": -5, "u8": 8, "u16": 16, "u32": 32, "u64": 64,
        "f32": 0.5, "f64": 0.25, "flag": True, "text": "a text", "blob": b"blob", "any": 5,
        "object": None, "point": point, "array": tieback.Array([1, 2, 3]), "function": None,
        "weak": point, "maybe_i8": -8, "maybe_i64": None, "maybe_u64": 64, "maybe_f32": None,
        "maybe_f64": 0.25, "maybe_flag": None, "maybe_text": "maybe a text", "maybe_blob": None,
    }  # fmt: skip


@pytest.mark.parametrize("make", [fields, frozen_fields])
@pytest.mark.parametrize("kind", KINDS)
def test_get(make: Callable[[Any], Any], kind: str) -> None:
    point = lib.point(1, 2)
    got = getattr(make(point), kind)
    if kind == "required":
        assert (got.x, got.y) == (1, 2)
        return
    expected = first_values(point)[kind]
    assert got == expected and type(got) is type(expected)
    if kind in ("point", "weak"):
        assert got is point


@pytest.mark.parametrize("make", [fields, frozen_fields])
@pytest.mark.parametrize("kind", ["point", "required", "array", "weak"])
def test_get_keeps_identity_and_id(make: Callable[[Any], Any], kind: str) -> None:
    point = lib.point(1, 2)
    owner = make(point)
    if kind != "weak":
        del point
    assert getattr(owner, kind) is getattr(owner, kind)
    first = id(getattr(owner, kind))
    keep = [lib.point(i, i) for i in range(200)]
    assert id(getattr(owner, kind)) == first
    assert len(keep) == 200


@pytest.mark.parametrize("kind", KINDS)
def test_get_as_the_interpreter_does(kind: str) -> None:
    """Who asks the interpreter's own type of descriptor gets what attribute look-up gives."""
    point = lib.point(1, 2)
    for make in (fields, frozen_fields):
        owner = make(point)
        descriptor = type(owner).__dict__[kind]
        got = types.GetSetDescriptorType.__get__(descriptor, owner, type(owner))
        assert got == getattr(owner, kind) and type(got) is type(getattr(owner, kind))
        if kind in ("point", "required", "array", "weak"):
            assert got is getattr(owner, kind)
        with pytest.raises(TypeError, match="doesn't apply to"):
            types.GetSetDescriptorType.__get__(descriptor, point)
        # As the interpreter's own cannot be.
        for use in (copy.copy, copy.deepcopy, pickle.dumps):
            for one in (descriptor, types.FunctionType.__code__):
                with pytest.raises(TypeError, match="cannot pickle"):
                    use(one)
        del got
        moved = make(point)
        moved._move()
        with pytest.raises(ValueError, match="moved"):
            types.GetSetDescriptorType.__get__(descriptor, moved)


@pytest.mark.parametrize("kind", KINDS)
def test_frozen_refuses(kind: str) -> None:
    owner = frozen_fields()
    before = getattr(owner, kind)
    with pytest.raises(AttributeError, match=f"cannot assign to field '{kind}'"):
        setattr(owner, kind, before)
    assert getattr(owner, kind) == before


@pytest.mark.parametrize("make", [fields, frozen_fields])
@pytest.mark.parametrize("kind", KINDS)
def test_delete_refuses(make: Callable[[Any], Any], kind: str) -> None:
    owner = make()
    with pytest.raises(AttributeError, match=f"cannot delete field '{kind}'"):
        delattr(owner, kind)
    getattr(owner, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_doc(kind: str) -> None:
    assert getattr(type(fields()), kind).__doc__.endswith(".")


FITS: list[tuple[str, str, Callable[[], Any], Any]] = [
    # kind, name, what is set, what it reads as (None: the very same object)
    *((kind, "least", lambda low=low: low, low) for kind, (low, _) in INTS.items()),
    *((kind, "most", lambda high=high: high, high) for kind, (_, high) in INTS.items()),
    *((kind, "true", lambda: True, 1) for kind in INTS),
    *((kind, "index", Nine, 9) for kind in INTS),
    *((kind, name, make, value) for kind in ("f32", "f64") for name, make, value in [
        ("float", lambda: 1.5, 1.5),
        ("int", lambda: 3, 3.0),
        ("large_int", lambda: 2**70, 2.0**70),
        ("true", lambda: True, 1.0),
        ("infinite", lambda: -math.inf, -math.inf),
        ("nan", lambda: math.nan, math.nan),
        ("index", Nine, 9.0),
    ]),
    ("f32", "rounded", lambda: 0.1, 0.10000000149011612),
    ("f64", "exact", lambda: 0.1, 0.1),
    ("flag", "true", lambda: True, True),
    ("flag", "false", lambda: False, False),
    ("text", "short", lambda: "short", "short"),
    ("text", "long", lambda: "long " * 100, "long " * 100),
    ("text", "empty", str, ""),
    ("blob", "bytes", lambda: b"\0\xff" * 50, b"\0\xff" * 50),
    ("blob", "bytearray", lambda: bytearray(b"x"), b"x"),
    ("blob", "empty", bytes, b""),
    ("any", "int", lambda: 7, 7),
    ("any", "str", lambda: "text " * 20, "text " * 20),
    ("any", "list", lambda: [1, [2]], [1, [2]]),
    ("any", "point", lambda: lib.point(1, 2), None),
    ("any", "opaque", Colour, None),
    ("any", "callable", lambda: len, None),
    ("any", "exception", lambda: KeyError("k"), None),
    ("object", "point", lambda: lib.point(1, 2), None),
    ("object", "array", lambda: tieback.Array([1]), None),
    ("object", "function", lambda: tieback.convert(len), None),
    ("object", "error", lambda: tieback.Error("E", "m"), None),
    ("point", "point", lambda: lib.point(1, 2), None),
    ("point", "heir", lambda: lib.point3(1, 2, 3), None),
    ("point", "constructed", lambda: lib.Point(1, 2), None),
    ("required", "point", lambda: lib.point(3, 4), None),
    ("required", "heir", lambda: lib.point3(1, 2, 3), None),
    ("array", "array", lambda: tieback.Array([5]), None),
    ("array", "list", lambda: [1, "two"], [1, "two"]),
    ("array", "tuple", lambda: (1, "two"), [1, "two"]),
    ("function", "function", lambda: tieback.convert(len), None),
    ("function", "native", lambda: lib.echo, None),
    ("function", "callable", lambda: len, None),
    ("function", "class", lambda: Colour, None),
    *((kind, "none", lambda: None, "None") for kind in ("any", "object", "point", "function", "weak")),
]  # fmt: skip
FITS += [(maybe, name, make, value) for maybe, kind in MAYBE.items()
         for of, name, make, value in FITS if of == kind]  # fmt: skip
FITS += [(maybe, "none", lambda: None, "None") for maybe in MAYBE]


@pytest.mark.parametrize(
    ("kind", "make", "expected"),
    [(kind, make, expected) for kind, _, make, expected in FITS],
    ids=[f"{kind}-{name}" for kind, name, _, _ in FITS],
)
def test_set(kind: str, make: Callable[[], Any], expected: Any) -> None:
    owner, value = fields(), make()
    setattr(owner, kind, value)
    got = getattr(owner, kind)
    if expected is None:
        assert got is value
    elif expected == "None":
        assert got is None
    elif isinstance(expected, float) and math.isnan(expected):
        assert math.isnan(got)
    else:
        assert got == expected
        assert isinstance(expected, list) or type(got) is type(expected)


def test_set_weak() -> None:
    owner, point = fields(), lib.point(1, 2)
    owner.weak = point
    assert owner.weak is point and use_count(point) == 1
    del point
    assert owner.weak is None


WRONG = {
    "none": lambda: None,
    "bool": lambda: True,
    "int": lambda: 7,
    "float": lambda: 1.5,
    "str": lambda: "text",
    "bytes": lambda: b"bytes",
    "list": lambda: [1],
    "dict": lambda: {1: 2},
    "callable": lambda: len,
    "exception": lambda: KeyError("k"),
    "opaque": Colour,
    "node": lambda: lib.chain(1),
    "array": lambda: tieback.Array([1]),
}
TAKES: dict[str, tuple[str, set[str]]] = {
    **{kind: ("int", {"bool", "int"}) for kind in INTS},
    "f32": ("float", {"bool", "int", "float"}),
    "f64": ("float", {"bool", "int", "float"}),
    "flag": ("bool", {"bool"}),
    "text": ("str", {"str"}),
    "blob": ("bytes", {"bytes"}),
    "object": ("tieback.Object or None", {"none", "node", "array"}),
    "point": ("test_library.Point or None", {"none"}),
    "required": ("test_library.Point", set()),
    "array": ("tieback.Array", {"list", "array"}),
    "function": ("tieback.Function or None", {"none", "callable"}),
    "weak": ("test_library.Point or None", {"none"}),
}
for maybe, kind in MAYBE.items():
    wanted, takes = TAKES[kind]
    TAKES[maybe] = (f"{wanted} or None", takes | {"none"})
WRONG_CELLS = [
    (kind, what, wanted)
    for kind, (wanted, takes) in TAKES.items()
    for what in WRONG
    if what not in takes
]


@pytest.mark.parametrize(
    ("kind", "what", "wanted"), WRONG_CELLS, ids=[f"{k}-{what}" for k, what, _ in WRONG_CELLS]
)
def test_set_wrong_type(kind: str, what: str, wanted: str) -> None:
    """The message names the field, what it takes and what came; the field keeps its value."""
    owner, value = fields(), WRONG[what]()
    before = getattr(owner, kind)
    with pytest.raises(TypeError) as raised:
        setattr(owner, kind, value)
    got = "None" if value is None else type(value).__name__
    assert str(raised.value) == f"field '{kind}' of 'Fields': expected {wanted}, got {got}"
    assert getattr(owner, kind) == before


OVERFLOWS = [
    *((kind, low - 1) for kind, (low, _) in INTS.items()),
    *((kind, high + 1) for kind, (_, high) in INTS.items()),
    *((kind, 10**30) for kind in INTS),
    *((kind, 10**400) for kind in ("f32", "f64")),
    *(("any", value) for value in (2**63, -(2**63) - 1)),
    ("maybe_i8", 128), ("maybe_i64", 2**63), ("maybe_u64", -1), ("maybe_f32", 1e300),
    ("maybe_f64", 10**400), ("maybe_i8", -(10**30)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "value"), OVERFLOWS, ids=[f"{kind}-{value:.3e}" if abs(value) < 10**300 else f"{kind}-huge" for kind, value in OVERFLOWS]
)  # fmt: skip
def test_set_overflow(kind: str, value: int) -> None:
    owner = fields()
    before = getattr(owner, kind)
    with pytest.raises(OverflowError, match=f"^field '{kind}' of 'Fields': "):
        setattr(owner, kind, value)
    assert getattr(owner, kind) == before


@pytest.mark.parametrize("kind", [*INTS, "f32", "f64", "maybe_i8", "maybe_i64", "maybe_f64"])
def test_set_raises_what_the_value_raises(kind: str) -> None:
    owner = fields()
    with pytest.raises(KeyError, match="no index"):
        setattr(owner, kind, NoIndex())


@pytest.mark.parametrize("kind", ["any", "object", "point", "required", "array", "function"])
def test_a_replaced_value_is_let_go_of(kind: str) -> None:
    owner = fields()
    values = {
        "array": lambda: tieback.Array([1]),
        "function": lambda: tieback.convert(len),
    }
    first, second = (values.get(kind, lambda: lib.point(1, 2))() for _ in range(2))
    setattr(owner, kind, first)
    assert use_count(first) == 2
    setattr(owner, kind, second)
    assert (use_count(first), use_count(second)) == (1, 2)
    del owner
    assert use_count(second) == 1


def test_set_by_a_destructor_of_the_old_value() -> None:
    """The old value's end may set the field again: each value is let go of once."""
    owner = fields()

    class Ends:
        def __del__(self) -> None:
            owner.any = "from the end"

    owner.any = Ends()
    owner.any = 1
    assert owner.any in (1, "from the end")
