"""What the library's dataclasses do: each program runs with ``dataclass`` and with ``py_class``, and
must say the same. What differs on purpose is in the docstring of ``tieback.dataclasses``.

The programs are in ``programs/``, with a line ``####`` between them; the first line is the title.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import inspect
import json
import sys
import types
from pathlib import Path
from typing import (
    Annotated,
    Any,
    Callable,
    ClassVar,
    Final,
    Generic,
    Literal,
    LiteralString,
    NewType,
    Optional,
    Self,
    TypeVar,
    get_type_hints,
)

import pytest

from tieback import Array, Dict, Error, Map, Weak
from tieback.dataclasses import (
    Field,
    FrozenInstanceError,
    InitVar,
    Object,
    asdict,
    astuple,
    field,
    fields,
    py_class,
)

T = TypeVar("T")

BOTH = """
import abc, asyncio, copy, enum, functools, gc, inspect, pickle, typing
from typing import *
def err(f, *a, **k):
    try:
        return ("ok", f(*a, **k))
    except Exception as e:
        return (type(e).__name__,)
def errs(source):
    try:
        exec(source, globals())
        return "ok"
    except Exception as e:
        return type(e).__name__
out = []
def o(x):
    out.append(repr(x))
"""
NAMES = (
    "field, KW_ONLY, MISSING, InitVar, fields, asdict, astuple, replace, is_dataclass, "
    "FrozenInstanceError"
)
LIBRARY = f"from dataclasses import dataclass as dec, {NAMES}\nObject = object\n"
OURS = f"from tieback.dataclasses import py_class as dec, Object, {NAMES}\n"

PROGRAMS = [
    program
    for file in sorted((Path(__file__).parent / "programs").glob("*.txt"))
    for program in file.read_text().strip().split("\n####\n")
]


def said(decorator: str, program: str, name: str) -> list[str]:
    module = types.ModuleType(name)
    sys.modules[name] = module
    try:
        exec(compile(decorator + BOTH + program, name, "exec", dont_inherit=True), module.__dict__)
        return module.out
    finally:
        del sys.modules[name]
        module.__dict__.clear()


@pytest.mark.parametrize(
    "program", [pytest.param(p, id=p.splitlines()[0][2:]) for p in PROGRAMS]
)
def test_as_the_library(program: str) -> None:
    assert said(OURS, program, "a_program") == said(LIBRARY, program, "a_program")


def test_what_differs_on_purpose() -> None:
    """Frozen is a property of fields, so that it mixes, and a class keeps its ``__setattr__``."""

    @py_class
    class Open(Object):
        x: int

    @py_class(frozen=True)
    class Frozen(Open):
        y: int

        def __setattr__(self, name: str, value: object) -> None:
            set_names.append(name)
            super().__setattr__(name, value)

    set_names: list[str] = []
    both = Frozen(1, 2)
    both.x = 3
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'y'"):
        both.y = 4
    assert (both.x, both.y, set_names) == (3, 2, ["x", "y"])


def test_a_moved_object_is_not_even_equal_to_itself() -> None:
    @py_class(order=True)
    class Moving(Object):
        x: int

    moving = Moving(1)
    moved = moving._move()
    for use in (
        lambda: moving == moving,
        lambda: moving != moving,
        lambda: moving <= moving,
        lambda: moving.__replace__(x=2),
    ):
        with pytest.raises(ValueError, match="was moved"):
            use()
    del moved


@pytest.mark.parametrize("quoted", [False, True])
@pytest.mark.parametrize("name", ["same_as", "_move", "__chandle__", "__hash__"])
def test_a_field_does_not_hide_what_every_object_has(name: str, quoted: bool) -> None:
    def declared(annotation: Any, *default: Any) -> type:
        annotations = {name: annotation, "other": "int" if quoted else int}
        body = {"__annotations__": annotations, **({name: default[0]} if default else {})}
        return py_class(type("Hiding", (Object,), body))

    defaults: list[tuple[Any, ...]] = [(), (3,), (field(),), (field(default=3, init=False),)]
    for default in defaults:
        for annotation in (int, InitVar[int]):
            with pytest.raises(TypeError, match=f"Hiding: a field '{name}' would hide tieback.Obj"):
                declared(str(annotation) if quoted else annotation, *default)
    # What is no field may.
    kept = declared("ClassVar[Any]" if quoted else ClassVar[Any], getattr(Object, name))
    assert [f.name for f in dataclasses.fields(kept)] == ["other"] and kept(1) == kept(1)


def test_aliases_of_annotations() -> None:
    Name = NewType("Name", str)
    Number = TypeVar("Number", bound=int)
    Either = TypeVar("Either", int, str)

    @py_class
    class Aliased(Object):
        name: Name
        number: Number
        either: Either
        literal: Literal["a", 1, None]
        same: Optional[Self] = None
        final: Final = 5
        noted: Annotated[Optional[str], "kept for others"] = None
        text: LiteralString = ""

    whole = Aliased("n", 1, "e", None)
    whole.same = whole
    whole.either, whole.literal, whole.noted = 2, "b", "x"
    whole.same = None
    for name in ("name", "number", "either", "literal", "same", "noted", "text"):
        with pytest.raises(TypeError, match=f"field '{name}' of 'Aliased': expected "):
            setattr(whole, name, 1.5)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="type statements")
def test_type_statements() -> None:
    made: dict[str, Any] = {"py_class": py_class, "Object": Object, "__name__": __name__}
    exec(
        "type Number = int\n"
        "type Maybe[T] = T | None\n"
        "@py_class\n"
        "class Aliased(Object):\n"
        "    number: Number\n"
        "    maybe: Maybe[str] = None\n",
        made,
    )
    assert made["Aliased"](1, "x").maybe == "x"
    with pytest.raises(TypeError, match="field 'number': expected int, got str"):
        made["Aliased"]("x")


def test_total_ordering_fills_in() -> None:
    @functools.total_ordering
    @py_class
    class Ordered(Object):
        x: int

        def __lt__(self, other: "Ordered") -> bool:
            return self.x < other.x

    assert Ordered(2) >= Ordered(1) and not Ordered(2) <= Ordered(1)
    assert not set(vars(Object)) & {"__lt__", "__le__", "__gt__", "__ge__"}


def test_metadata_is_the_users_own() -> None:
    @py_class
    class Noted(Object):
        plain: int = field(metadata={"unit": "m"}, default=0)
        ours: int = field(metadata={"unit": "s"}, doc="Seconds.", frozen=True, default=0)

    plain, ours = fields(Noted)
    assert dict(plain.metadata) == {"unit": "m"} and ours.metadata["unit"] == "s"
    assert Noted.ours.__doc__ == "Seconds."


def test_generated_methods_look_written() -> None:
    @py_class
    class Looked(Object):
        x: int
        y: "Optional[Looked]" = None

    where = f"{__name__}.test_generated_methods_look_written.<locals>.Looked"
    for name in ("__init__", "__repr__", "__eq__"):
        method = Looked.__dict__[name]
        assert f"{method.__module__}.{method.__qualname__}" == f"{where}.{name}"
    assert Looked.__init__.__annotations__["x"] == "int"
    assert list(inspect.signature(Looked.__init__).parameters) == ["self", "x", "y"]


def test_asdict_goes_into_arrays() -> None:
    @py_class
    class Leaf(Object):
        x: int

    @py_class
    class Tree(Object):
        leaves: Array
        any: Any = None

    tree = Tree([Leaf(1), [Leaf(2)]], Leaf(3))
    assert asdict(tree) == {"leaves": [{"x": 1}, [{"x": 2}]], "any": {"x": 3}}
    assert astuple(tree) == ([(1,), [(2,)]], (3,))
    assert asdict(tree, dict_factory=list)[1] == ("any", [("x", 3)])
    json.dumps(asdict(tree))
    for function in (asdict, astuple):
        for wrong in (Leaf, 3, tree.leaves):
            with pytest.raises(TypeError, match=rf"{function.__name__}\(\) should be called on"):
                function(wrong)


def test_asdict_keeps_keys_what_a_dict_can_hash() -> None:
    @py_class
    class Held(Object):
        o: Any = None

    @dataclasses.dataclass
    class Plain:
        o: dict[Any, Any]

    keyed = Map({1: 2})
    keys = {(1, 2): [3], (1, (2, (3,))): (4, (5,)), keyed: 6, "text": Held((7, 8))}
    plain = {(1, 2): [3], (1, (2, (3,))): [4, [5]], keyed: 6, "text": {"o": [7, 8]}}
    for native in (Map(keys), Dict(keys)):
        assert asdict(Held(native)) == {"o": plain}
        assert all(type(key) in (tuple, str, Map) for key in asdict(Held(native))["o"])
    assert astuple(Held({(1, 2): (3,)})) == ({(1, 2): [3]},)
    made = asdict(Plain({Array([1, (2,)]): Array([3]), (Array([4]), 5): 6}))
    assert made == {"o": {(1, (2,)): [3], ((4,), 5): 6}}


def in_no_module(source: str, name: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": name, "py_class": py_class, "Object": Object}
    exec("from __future__ import annotations\n" + source, names)
    return names


def test_annotations_of_a_module_that_is_not_imported() -> None:
    one = in_no_module("@py_class\nclass Elsewhere(Object):\n  x: int\n", "no_module.one")
    two = in_no_module(
        "from tieback.dataclasses import InitVar as Once, KW_ONLY\n"
        "import typing as t\n"
        "@py_class\n"
        "class Holder(Object):\n"
        "  shared: t.ClassVar[Elsewhere]\n"
        "  seed: Once[int]\n"
        "  child: Elsewhere | None = None\n"
        "  _: KW_ONLY\n"
        "  same: t.Optional[Holder] = None\n"
        "  def __post_init__(self, seed): self.child.x += seed\n",
        "no_module.two",
    )
    made = two["Holder"](4, one["Elsewhere"](7), same=two["Holder"](1, one["Elsewhere"](0)))
    assert made.child.x == 11 and made.same.child.x == 1
    assert [f.type for f in fields(two["Holder"])] == ["Elsewhere | None", "t.Optional[Holder]"]
    assert two["Holder"].__annotations__["seed"] == "Once[int]"
    assert two["Holder"].__init__.__annotations__["seed"] == "Once[int]"


def test_names_that_only_a_function_knows() -> None:
    from tieback.dataclasses import InitVar as Here
    from typing import ClassVar as Shared

    @py_class
    class Local(Object):
        x: int
        seed: Here[int] = 1
        total: Shared[int] = 5

        def __post_init__(self, seed: int) -> None:
            self.x += seed

    assert Local(1, 2).x == 3 and Local.total == 5


def test_a_class_in_a_class_and_of_a_generic_class() -> None:
    @py_class
    class Box(Object, Generic[T]):
        value: Any
        rest: "Optional[Box[int]]" = None

    class Outer:
        @py_class
        class Inner(Object):
            x: int

        @py_class
        class User(Object):
            inner: "Outer.Inner"
            weak: "Weak[Outer.Inner]" = None

    assert Box(1, Box("a")).rest.value == "a"
    inner = Outer.Inner(4)
    assert Outer.User(inner, inner).weak is inner
    with pytest.raises(TypeError, match="field 'inner': expected Outer.Inner, got Box"):
        Outer.User(Box(1))
    assert get_type_hints(Held)["weak"] == Weak[Held]


@py_class
class Held(Object):
    weak: "Weak[Held]" = None


def test_errors_are_of_one_class() -> None:
    class OwnError(Error):
        pass

    with pytest.raises(TypeError, match="cannot create 'OwnError' instances: .*register_error"):
        OwnError("ValueError", "x")


def test_a_class_is_made_once() -> None:
    with pytest.raises(TypeError, match="Held is a py_class already"):
        py_class(Held)


def test_a_callable_object_fits_a_callable_field() -> None:
    @py_class
    class Adder(Object):
        by: int

        def __call__(self, value: int) -> int:
            return self.by + value

    @py_class
    class Holder(Object):
        call: Optional[Callable[[int], int]] = None

    adder = Adder(3)
    holder = Holder(adder)
    assert holder.call is adder and holder.call(4) == 7
    with pytest.raises(TypeError, match="expected Callable"):
        holder.call = Held()


def test_reduce_is_what_pickle_uses() -> None:
    class Row(Array):
        def first(self) -> Any:
            return self[0]

    assert Array([1, 2]).__reduce__() == (Array, ([1, 2],))
    assert copy.deepcopy(Array([1])).__reduce__()[0] is Array
    made, arguments, _ = Row([1, 2]).__reduce__()
    assert made(*arguments).first() == 1 and type(made(*arguments)) is Row
    assert Error("Kind", "text").__reduce__()[1][:2] == ("Kind", "text")


def test_a_field_is_the_library_s_and_says_more() -> None:
    class Units:
        """All that the library asks of metadata."""

        def __getitem__(self, key: str) -> str:
            if key != "unit":
                raise KeyError(key)
            return "m"

    @py_class
    class Way(Object):
        length: int = field(default=1, metadata=Units(), frozen=True, doc="How far.")
        name: str = field(default="", metadata={"a": 1})
        plain: int = 0

    length, name, plain = dataclasses.fields(Way)
    assert length.metadata["unit"] == "m" and Way.length.__doc__ == "How far."
    assert isinstance(length, Field) and (length.frozen, length.doc) == (True, "How far.")
    assert dict(name.metadata) == {"a": 1} and name.frozen is None
    assert not plain.metadata and isinstance(plain, Field)
    assert plain.frozen is plain.doc is None and (plain.name, plain.default) == ("plain", 0)
    with pytest.raises(FrozenInstanceError):
        Way().length = 2
    assert py_class.__dataclass_transform__["field_specifiers"] == (field, Field)
