"""What crosses, how it comes back, and what refuses it: a row for each kind of Python value.

Columns: ``convert``; through a native echo; into a Python callback and back; in an Array; each of the
library's typed functions. Containers come back as Arrays, so identity is asked of what keeps it.
"""

from __future__ import annotations

import enum
import functools
import math
import numbers
import operator
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Callable, NamedTuple

import pytest

import libraries
import tieback
from tieback import dataclasses as dc

lib = libraries.load("test_library")
own_echo = tieback.get_global_func("testing.echo")


@dc.py_class("test_convert_table.Pair")
class Pair(dc.Object):
    left: int
    right: int


@dc.py_class("test_convert_table.Caller")
class Caller(dc.Object):
    by: int

    def __call__(self, value: int) -> int:
        return self.by + value


class Plain:
    """Nothing native knows of it: it crosses in a carrier."""


class Slotted:
    __slots__ = ("x",)


class CallableInstance:
    def __call__(self, *args: object) -> int:
        return len(args)

    def method(self) -> str:
        return "bound"


class OwnError(Exception):
    def __init__(self, code: int, *, hint: str) -> None:
        super().__init__(code)
        self.hint = hint


class IntChild(int):
    pass


class FloatChild(float):
    pass


class StrChild(str):
    pass


class BytesChild(bytes):
    pass


class BytearrayChild(bytearray):
    pass


class ListChild(list):  # type: ignore[type-arg]
    pass


class TupleChild(tuple):  # type: ignore[type-arg]
    pass


class DictChild(dict):  # type: ignore[type-arg]
    pass


class SetChild(set):  # type: ignore[type-arg]
    pass


class Named(NamedTuple):
    a: int
    b: str


class Colour(enum.Enum):
    RED = 1


class Number(enum.IntEnum):
    SEVEN = 7


class Integral:
    """An int of another library's, as numpy's are."""

    def __index__(self) -> int:
        return 12


numbers.Integral.register(Integral)


class Indexable:
    """Has ``__index__`` but is no number: it stays what it is."""

    def __index__(self) -> int:
        return 12


SAME = "the very same object"
EQUAL = "a wrapper of the very same object"


@dataclass(frozen=True)
class Row:
    name: str
    make: Callable[[], Any]
    native: str
    """The type key of the native value."""
    back: Any = SAME
    """What comes back: ``SAME``, ``EQUAL`` for what cannot be tied, or what it is equal to (and exactly of that type)."""
    shown: Any = None
    """The class of what ``convert`` answers, where that is another than what comes back."""


def an_array(*values: object) -> tieback.Array:
    return tieback.Array(values)


LONG = "\N{GREEK SMALL LETTER LAMDA} " * 5000

ROWS = [
    Row("none", lambda: None, "None"),
    Row("true", lambda: True, "bool"),
    Row("false", lambda: False, "bool"),
    Row("int", lambda: 12345, "int", 12345),
    Row("int_zero", lambda: 0, "int", 0),
    Row("int_largest", lambda: 2**63 - 1, "int", 2**63 - 1),
    Row("int_smallest", lambda: -(2**63), "int", -(2**63)),
    Row("int_subclass", lambda: IntChild(5), "int", 5),
    Row("int_enum", lambda: Number.SEVEN, "int", 7),
    Row("integral", Integral, "int", 12),
    Row("float", lambda: 1.5, "float", 1.5),
    Row("float_infinite", lambda: -math.inf, "float", -math.inf),
    Row("float_nan", lambda: math.nan, "float", math.nan),
    Row("float_minus_zero", lambda: -0.0, "float", -0.0),
    Row("float_subclass", lambda: FloatChild(2.5), "float", 2.5),
    Row("str_empty", lambda: "", "str", ""),
    Row("str_short", lambda: "seven.7", "str", "seven.7"),
    Row("str_eight", lambda: "eight..8", "str", "eight..8"),
    Row("str_long", lambda: LONG, "str", LONG),
    Row("str_nul", lambda: "a\0b\0", "str", "a\0b\0"),
    Row("str_astral", lambda: "\U0001f980", "str", "\U0001f980"),
    Row("str_subclass", lambda: StrChild("child"), "str", "child"),
    Row("bytes_empty", lambda: b"", "bytes", b""),
    Row("bytes", lambda: b"\0\xff", "bytes", b"\0\xff"),
    Row("bytes_long", lambda: bytes(range(256)) * 100, "bytes", bytes(range(256)) * 100),
    Row("bytes_subclass", lambda: BytesChild(b"child"), "bytes", b"child"),
    Row("bytearray", lambda: bytearray(b"array"), "bytes", b"array"),
    Row("bytearray_subclass", lambda: BytearrayChild(b"array"), "bytes", b"array"),
    Row("list_empty", lambda: [], "tieback.Array", an_array),
    Row("list", lambda: [1, "two", None], "tieback.Array", lambda: an_array(1, "two", None)),
    Row("list_nested", lambda: [[1], []], "tieback.Array", lambda: an_array([1], [])),
    Row("list_subclass", lambda: ListChild([1]), "tieback.Array", lambda: an_array(1)),
    Row("tuple_empty", lambda: (), "tieback.Array", an_array),
    Row("tuple", lambda: (1, 2.5), "tieback.Array", lambda: an_array(1, 2.5)),
    Row("tuple_subclass", lambda: TupleChild((1,)), "tieback.Array", lambda: an_array(1)),
    Row("namedtuple", lambda: Named(1, "b"), "tieback.Array", lambda: an_array(1, "b")),
    Row("dict_empty", dict, "tieback.Map", tieback.Map),
    Row("dict", lambda: {1: "two", "x": None}, "tieback.Map", lambda: tieback.Map({1: "two", "x": None})),
    Row("dict_nested", lambda: {"a": {1: [2]}}, "tieback.Map", lambda: tieback.Map(a={1: [2]})),
    Row("dict_subclass", lambda: DictChild(a=1), "tieback.Map", lambda: tieback.Map(a=1)),
    Row("ordered_dict", lambda: OrderedDict(b=1, a=2), "tieback.Map", lambda: tieback.Map(b=1, a=2)),
    Row("function", lambda: an_array, "tieback.Function", shown=tieback.Function),
    Row("lambda", lambda: lambda *args: args, "tieback.Function", shown=tieback.Function),
    Row("builtin", lambda: len, "tieback.Function", shown=tieback.Function),
    Row("bound_method", lambda: CallableInstance().method, "tieback.Function", shown=tieback.Function),
    Row("builtin_method", lambda: [].append, "tieback.Function", shown=tieback.Function),
    Row("partial", lambda: functools.partial(max, 1), "tieback.Function", shown=tieback.Function),
    Row("class", lambda: Plain, "tieback.Function", shown=tieback.Function),
    Row("builtin_class", lambda: int, "tieback.Function", shown=tieback.Function),
    Row("py_class_class", lambda: Pair, "tieback.Function", shown=tieback.Function),
    Row("callable_instance", CallableInstance, "tieback.Function", shown=tieback.Function),
    Row("exception", lambda: ValueError("bad"), "tieback.Error", shown=tieback.Error),
    Row("exception_subclass", lambda: OwnError(3, hint="h"), "tieback.Error", shown=tieback.Error),
    Row("base_exception", lambda: KeyboardInterrupt(), "tieback.Error", shown=tieback.Error),
    Row("group", lambda: ExceptionGroup("g", [KeyError(1)]), "tieback.Error", shown=tieback.Error),
    Row("wrapper_library", lambda: lib.point(1, 2), "test_library.Point"),
    Row("wrapper_foreign", lambda: lib.foreign(1), "test_library.Foreign", EQUAL),
    Row("wrapper_array", lambda: an_array(1, 2), "tieback.Array"),
    Row("wrapper_list", lambda: tieback.List([1]), "tieback.List"),
    Row("wrapper_map", lambda: tieback.Map({1: 2}), "tieback.Map"),
    Row("wrapper_dict", lambda: tieback.Dict({1: 2}), "tieback.Dict"),
    Row("wrapper_function", lambda: tieback.convert(len), "tieback.Function"),
    Row("wrapper_error", lambda: tieback.Error("ValueError", "bad"), "tieback.Error"),
    Row("wrapper_of_exception", lambda: tieback.convert(KeyError(1)), "tieback.Error"),
    Row("py_class", lambda: Pair(1, 2), "test_convert_table.Pair"),
    Row("py_class_callable", lambda: Caller(1), "test_convert_table.Caller"),
    Row("opaque", Plain, "tieback.Opaque"),
    Row("opaque_slots", Slotted, "tieback.Opaque"),
    Row("opaque_object", object, "tieback.Opaque"),
    Row("opaque_set", lambda: {1}, "tieback.Opaque"),
    Row("opaque_set_subclass", lambda: SetChild({1}), "tieback.Opaque"),
    Row("opaque_frozenset", lambda: frozenset({1}), "tieback.Opaque"),
    Row("opaque_complex", lambda: 1j, "tieback.Opaque"),
    Row("opaque_range", lambda: range(3), "tieback.Opaque"),
    Row("opaque_memoryview", lambda: memoryview(b"m"), "tieback.Opaque"),
    Row("opaque_iterator", lambda: iter([1]), "tieback.Opaque"),
    Row("opaque_ellipsis", lambda: ..., "tieback.Opaque"),
    Row("opaque_not_implemented", lambda: NotImplemented, "tieback.Opaque"),
    Row("opaque_module", lambda: math, "tieback.Opaque"),
    Row("opaque_enum", lambda: Colour.RED, "tieback.Opaque"),
    Row("opaque_index", Indexable, "tieback.Opaque"),
    Row("opaque_unhashable", lambda: DictView({}), "tieback.Opaque"),
]


class DictView:
    """Equal to everything, hashable by nothing: nobody must compare or hash what is carried."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, of: object) -> None:
        self.of = of

    def __eq__(self, other: object) -> bool:
        raise AssertionError("compared")


each_row = pytest.mark.parametrize("row", ROWS, ids=operator.attrgetter("name"))


def check_back(row: Row, value: Any, back: Any) -> None:
    if row.back is SAME:
        assert back is value
        return
    if row.back is EQUAL:
        assert type(back) is type(value) and back == value and hash(back) == hash(value)
        assert back.same_as(value)
        return
    expected = row.back() if callable(row.back) else row.back
    assert type(back) is type(expected)
    if isinstance(expected, float) and math.isnan(expected):
        assert math.isnan(back)
    else:
        assert back == expected
        if isinstance(expected, float):
            assert math.copysign(1, back) == math.copysign(1, expected)


@each_row
def test_in(row: Row) -> None:
    assert lib.type_key(row.make()) == row.native


@each_row
def test_out(row: Row) -> None:
    value = row.make()
    check_back(row, value, lib.echo(value))


@each_row
def test_out_of_the_bindings_own_echo(row: Row) -> None:
    value = row.make()
    check_back(row, value, own_echo(value))


@each_row
def test_convert(row: Row) -> None:
    value = row.make()
    shown = tieback.convert(value)
    if row.shown is None:
        check_back(row, value, shown)
    else:
        assert type(shown) is row.shown
        # Once made explicit, it stays: an object like any other.
        assert lib.echo(shown) is shown
        assert tieback.convert(shown) is shown
        assert lib.type_key(shown) == row.native


@each_row
def test_into_a_callback(row: Row) -> None:
    value, seen = row.make(), []
    lib.call(lambda *args: seen.extend(args), value)
    assert len(seen) == 1
    check_back(row, value, seen[0])


@each_row
def test_out_of_a_callback(row: Row) -> None:
    value = row.make()
    check_back(row, value, lib.nested(lambda: value, 0))


@each_row
def test_through_callbacks_in_callbacks(row: Row) -> None:
    value = row.make()
    check_back(row, value, lib.nested(lambda: lib.nested(lambda: lib.echo(value), 1), 1))


@each_row
def test_in_an_array(row: Row) -> None:
    value = row.make()
    array = tieback.convert([value, "beside"])
    check_back(row, value, array[0])
    assert lib.type_key(array[0]) == row.native
    check_back(row, value, lib.item((0, value), 1))
    if row.back is SAME:
        assert array[0] is array[0]
        assert lib.echo(array)[0] is value


@each_row
def test_held_by_native_code(row: Row) -> None:
    value = row.make()
    held = lib.hold(value)
    try:
        check_back(row, value, lib.held(held))
    finally:
        lib.release(held)


@each_row
def test_in_an_any_field(row: Row) -> None:
    value = row.make()
    node = lib.chain(1)
    node.payload = value
    check_back(row, value, node.payload)


TYPED = {
    # A typed function, what it takes by type key, and what its errors call that.
    "echo_none": ({"None"}, "None"),
    "echo_bool": ({"bool"}, "bool"),
    "echo_int": ({"int", "bool"}, "int"),
    "echo_float": ({"float", "int", "bool"}, "float"),
    "echo_str": ({"str"}, "str"),
    "echo_optional_str": ({"str", "None"}, "str or None"),
    "echo_bytes": ({"bytes"}, "bytes"),
    "echo_array": ({"tieback.Array"}, "tieback.Array"),
    "echo_function": ({"tieback.Function"}, "tieback.Function"),
    "echo_point": ({"test_library.Point"}, "test_library.Point"),
    "echo_optional_point": ({"test_library.Point", "None"}, "test_library.Point or None"),
    "echo_object": (None, "tieback.Object"),
}
NO_OBJECTS = {"None", "bool", "int", "float", "str", "bytes"}
WIDENED = {"echo_int": int, "echo_float": float}


@pytest.mark.parametrize("function", TYPED)
@each_row
def test_typed(row: Row, function: str) -> None:
    """A typed function takes its type and nothing else, and says what it wanted and what came."""
    takes, called = TYPED[function]
    fits = row.native not in NO_OBJECTS if takes is None else row.native in takes
    value = row.make()
    if not fits:
        with pytest.raises(TypeError) as raised:
            getattr(lib, function)(value)
        want = f"test_library.{function}() argument 1: expected {called}, got {row.native}"
        assert str(raised.value) == want
        return
    back = getattr(lib, function)(value)
    if function in WIDENED:
        expected = WIDENED[function](lib.echo(value))
        assert type(back) is type(expected)
        assert back == expected or math.isnan(expected)
    else:
        check_back(row, value, back)


@pytest.mark.parametrize("identity", [row for row in ROWS if row.back is SAME], ids=lambda r: r.name)
def test_identity_is_no_accident(identity: Row) -> None:
    """Two that are alike stay two."""
    first, second = identity.make(), identity.make()
    array = tieback.convert([first, second, first])
    assert array[0] is first and array[1] is second and array[2] is first


# What does not cross ------------------------------------------------------------------------------

REFUSED = {
    "int_above": (lambda: 2**63, OverflowError, r"64 bits \(i64\), got one above 2\*\*63-1"),
    "int_below": (lambda: -(2**63) - 1, OverflowError, r"64 bits \(i64\), got one below -2\*\*63"),
    "int_huge": (lambda: 1 << 5000, OverflowError, "64 bits"),
    "int_subclass_above": (lambda: IntChild(2**64), OverflowError, "64 bits"),
    "surrogate": (lambda: "a\ud800b", UnicodeEncodeError, "surrogates not allowed"),
}

PLACES = {
    "convert": (tieback.convert, ""),
    "echo": (lib.echo, "argument 1: "),
    "second_argument": (lambda value: lib.pair(1, value), "argument 2: "),
    "tenth_argument": (lambda value: lib.apply(max, *range(8), value), "argument 10: "),
    "list_item": (lambda value: tieback.convert([1, value]), "item 1: "),
    "dict_key": (lambda value: tieback.convert({1: 2, value: 3}), "key 1: "),
    "dict_value": (lambda value: lib.echo({"k": value}), 'argument 1: value of the key "k": '),
    "list_append": (lambda value: tieback.List().append(value), ""),
    "dict_set": (lambda value: tieback.Dict().__setitem__(value, 1), "key: "),
    "list_in_call": (lambda value: lib.echo(["x", ["y", value]]), "argument 1: item 1: item 1: "),
    "array_item": (lambda value: tieback.Array([value]), "item 0: "),
    "callback_result": (lambda value: lib.nested(lambda: value, 2), "result of a Python callable: "),
    "any_field": (
        lambda value: setattr(lib.chain(1), "payload", value),
        "field 'payload' of 'Node': ",
    ),
    "array_field": (
        lambda value: setattr(lib.fields(1, "", None, None), "array", [value]),
        "field 'array' of 'Fields': item 0: ",
    ),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("refused", REFUSED)
def test_refused(refused: str, place: str) -> None:
    """Said with the place where the value was; nothing is left of the half that had crossed."""
    make, error, text = REFUSED[refused]
    enter, prefix = PLACES[place]
    with pytest.raises(error, match=text) as raised:
        enter(make())
    if error is not UnicodeEncodeError:
        assert str(raised.value).startswith(prefix)
