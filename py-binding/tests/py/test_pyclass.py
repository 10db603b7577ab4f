"""py_class beside the table: how it is called, type keys, and what it shares with dataclasses."""

import dataclasses
import inspect
from typing import Any, ClassVar, Optional

import pytest

import tieback
from tieback import Array, List, Object, Weak
from tieback.dataclasses import (
    KW_ONLY,
    MISSING,
    InitVar,
    field,
    py_class,
)


@py_class
class Inner(Object):
    v: int


@py_class
class Outer(Object):
    x: Inner


def key(cls: Any) -> str:
    return cls.__tieback_type_key__


# --- how it is called ---


def test_bare_called_and_with_a_key():
    @py_class
    class Bare(Object):
        a: int

    @py_class()
    class Called(Object):
        a: int

    @py_class("forms.Keyed")
    class Keyed(Object):
        a: int

    @py_class(type_key="forms.Named", eq=False)
    class Named(Object):
        a: int

    for cls in (Bare, Called, Keyed, Named):
        assert cls(1).a == 1
    assert (key(Keyed), key(Named)) == ("forms.Keyed", "forms.Named")
    assert key(Bare) == f"{__name__}.{Bare.__qualname__}"


@pytest.mark.parametrize(
    ("args", "options", "error", "words"),
    [
        ((3,), {}, TypeError, "expects a type key .str. or the class itself, got int"),
        (("k",), {"type_key": "l"}, TypeError, "multiple values for argument .type_key."),
        ((), {"colour": "red"}, TypeError, "unexpected keyword argument 'colour'"),
        ((), {"order": True, "eq": False}, ValueError, "order=True requires eq=True"),
    ],
)
def test_wrong_calls(args, options, error, words):
    with pytest.raises(error, match=words):
        py_class(*args, **options)


def test_it_wants_a_subclass_of_object():
    with pytest.raises(TypeError, match="Plain must inherit from"):

        @py_class
        class Plain:
            a: int

    with pytest.raises(TypeError, match="must inherit from"):
        py_class()(lambda: 1)


# --- type keys ---


def make(type_key=None, **annotations):
    body = {"__annotations__": annotations, "__module__": __name__, "__qualname__": "Made"}
    return py_class(type_key)(type("Made", (Object,), body))


def test_an_auto_key_that_is_taken_gets_a_suffix():
    first, second, third = (make(a=kind) for kind in (int, int, str))
    base = f"{__name__}.Made"
    keys = [key(cls) for cls in (first, second, third)]
    assert keys[0].startswith(base)
    assert len(set(keys)) == 3
    assert keys[1].startswith(f"{base}#")
    # Alike or not, each is a type of its own.
    box = py_class(type("Box", (Object,), {"__annotations__": {"x": first}}))
    assert box(first(1)).x.a == 1
    with pytest.raises(TypeError, match="expected Made, got Made"):
        box(second(1))


def test_a_key_registered_again_with_the_same_layout():
    first = make("again.Same", a=int, b=str)
    old = first(1, "x")
    second = make("again.Same", a=int, b=str)
    assert first.__tieback_type_key__ == second.__tieback_type_key__
    assert second(2, "y").b == "y"
    assert type(old) is first
    assert old.a == 1
    holder = py_class(type("Holder", (Object,), {"__annotations__": {"x": second}}))
    assert type(holder(old).x) is first, "a wrapper keeps its class"


@pytest.mark.parametrize(
    "other",
    [{"a": str}, {"a": int, "b": int}, {"b": int}, {}],
    ids=["another type", "one more", "another name", "none"],
)
def test_a_key_registered_again_with_another_layout(other):
    first = make("again.Other", a=int)
    with pytest.raises(ValueError, match=r"'again.Other' is already registered.*fields \(a: int\)"):
        make("again.Other", **other)
    assert first(1).a == 1
    assert make("again.Other", a=int)(2).a == 2


def test_a_refused_class_leaves_no_type_behind():
    for i, (annotation, value) in enumerate(
        [(set, MISSING), (int, "x"), (int, 2**70), (Weak[int], MISSING), (list, 5)]
    ):
        type_key = f"refused.{i}"
        body = {"__annotations__": {"x": annotation}}
        if value is not MISSING:
            body["x"] = value
        with pytest.raises((TypeError, OverflowError), match="'x'"):
            py_class(type_key)(type("Refused", (Object,), body))
        assert tieback._core.type_index_by_key(type_key) is None
        assert make(type_key, a=str)("free").a == "free"


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (set, "cannot store the annotation"),
        (complex, "cannot store the annotation"),
        (Weak[int], "only objects can be weakly referred to"),
        ("nonsense +", "cannot be read"),
    ],
)
def test_annotations_that_cannot_be(annotation, words):
    with pytest.raises(TypeError, match=words) as caught:
        py_class(type("Wrong", (Object,), {"__annotations__": {"x": annotation}}))
    assert "Wrong" in str(caught.value)


def test_an_unregistered_class_as_annotation():
    class Unregistered(Object):
        pass

    with pytest.raises(TypeError, match="field 'x': Unregistered is not registered"):
        make(x=Unregistered)


@pytest.mark.parametrize("parent", [Inner, List])
def test_an_ordinary_subclass_as_annotation(parent):
    class Below(parent):
        pass

    words = f"field 'x': .*is not registered but an ordinary subclass of '{parent.__name__}'; decor"
    for annotation in (Below, Optional[Below], Below | int, Weak[Below]):
        with pytest.raises(TypeError, match=words):
            make(x=annotation)


# --- as the standard library has it ---


def test_library_functions_work():
    assert dataclasses.is_dataclass(Inner)
    assert [f.name for f in dataclasses.fields(Outer)] == ["x"]
    assert dataclasses.fields(Inner)[0].type is int
    outer = Outer(Inner(3))
    assert dataclasses.asdict(outer) == {"x": {"v": 3}}
    assert dataclasses.astuple(outer) == ((3,),)
    again = dataclasses.replace(outer, x=Inner(4))
    assert again.x.v == 4
    assert outer.x.v == 3
    assert outer.__replace__(x=Inner(5)).x.v == 5
    with pytest.raises(TypeError, match="unexpected keyword argument 'y'"):
        dataclasses.replace(outer, y=1)
    assert tieback.dataclasses.replace is dataclasses.replace


def test_kw_only_marker_and_match_args():
    @py_class
    class Mixed(Object):
        a: int
        _: KW_ONLY
        b: int
        c: int = 3

    made = Mixed(1, b=2)
    assert (made.a, made.b, made.c) == (1, 2, 3)
    with pytest.raises(TypeError, match="takes 1 positional argument, but 2 were given"):
        Mixed(1, 2)
    assert Mixed.__match_args__ == ("a",)
    assert not hasattr(Mixed, "_")
    match made:
        case Mixed(a):
            assert a == 1
        case _:
            pytest.fail("it matches by position")

    @py_class(match_args=False)
    class Unmatched(Object):
        a: int

    assert "__match_args__" not in Unmatched.__dict__


def test_init_vars_reach_post_init_in_the_order_of_the_class():
    @py_class
    class Made(Object):
        first: InitVar[int] = field(kw_only=True)
        x: int
        second: InitVar[Any] = "two"
        total: int = field(init=False, default=0)

        def __post_init__(self, first, second):
            seen.append((first, second))
            self.total = self.x + first

    seen = []
    assert Made(1, first=10).total == 11
    assert Made(1, "zwei", first=20).total == 21
    assert seen == [(10, "two"), (20, "zwei")]
    assert [f.name for f in dataclasses.fields(Made)] == ["x", "total"]
    assert Made.second == "two"
    with pytest.raises(TypeError, match="missing required keyword-only argument: 'first'"):
        Made(1)
    with pytest.raises((TypeError, ValueError), match="InitVar 'first' must be specified"):
        dataclasses.replace(Made(1, first=1))


def test_post_init_is_inherited_and_its_errors_pass():
    @py_class
    class Parent(Object):
        x: int

        def __post_init__(self):
            if self.x < 0:
                raise LookupError("negative")
            self.x += 1

    @py_class
    class Child(Parent):
        y: int = 0

        def __post_init__(self):
            super().__post_init__()
            self.y = self.x * 2

    assert Parent(1).x == 2
    assert (Child(1).x, Child(1).y) == (2, 4)
    before = tieback.stats()
    for cls in (Parent, Child):
        with pytest.raises(LookupError, match="negative"):
            cls(-1)
    assert tieback.stats() == before


def test_class_vars_and_plain_attributes_stay_on_the_class():
    @py_class
    class Made(Object):
        a: int
        shared: ClassVar[list] = []
        quoted: "ClassVar[int]" = 4
        plain = "attribute"

    assert [f.name for f in dataclasses.fields(Made)] == ["a"]
    made = Made(1)
    assert made.shared is Made.shared
    assert (made.quoted, made.plain) == (4, "attribute")
    with pytest.raises(AttributeError):
        made.plain = "no"


def test_mutable_defaults_are_refused():
    for annotation, default in ((Array, [1]), (Any, {}), (Inner, Inner(1))):
        with pytest.raises(ValueError, match="mutable default .* for field x is not allowed"):
            py_class(type("M", (Object,), {"__annotations__": {"x": annotation}, "x": default}))
        default = None


def test_a_default_cannot_be_followed_by_none():
    with pytest.raises(TypeError, match="non-default argument 'b' follows default argument"):

        @py_class
        class Wrong(Object):
            a: int = 1
            b: int

    @py_class(init=False)
    class Unordered(Object):
        a: int = 1
        b: int

    assert [f.name for f in dataclasses.fields(Unordered)] == ["a", "b"]


def test_field_arguments():
    with pytest.raises(ValueError, match="both default and default_factory"):
        field(default=1, default_factory=int)
    with pytest.raises(TypeError, match="default_factory must be a callable, got int"):
        field(default_factory=3)

    @py_class
    class Made(Object):
        a: int = field(doc="how many", init=False, default=3)
        b: int = field(init=False)
        c: int = field(default=1, repr=False, compare=False)

    made = Made()
    assert (made.a, made.b) == (3, 0)
    assert repr(made).endswith("Made(a=3, b=0)")
    assert Made.a.__doc__ == "how many"
    assert made == Made(c=9)
    with pytest.raises(TypeError, match="unexpected keyword argument 'a'; it takes 'c'"):
        Made(a=1)


def test_signatures_are_the_librarys():
    def describe(decorate, base):
        @decorate
        class Made(base):
            a: int
            b: str = "b"
            c: float = dataclasses.field(default_factory=float)
            d: bool = dataclasses.field(kw_only=True)

        return str(inspect.signature(Made)), str(inspect.signature(Made.__init__)), Made.__doc__

    assert describe(py_class, Object) == describe(dataclasses.dataclass, object)


def test_inherited_fields_come_first_and_keep_their_place():
    @py_class
    class Parent(Object):
        a: int
        b: int = 2

    @py_class
    class Child(Parent):
        c: int = 3

    @py_class
    class Grandchild(Child):
        b: int = 20
        d: int = 4

    assert [f.name for f in dataclasses.fields(Grandchild)] == ["a", "b", "c", "d"]
    made = Grandchild(1)
    assert (made.a, made.b, made.c, made.d) == (1, 20, 3, 4)
    assert Grandchild(1, 5).b == 5
    assert Child(1).b == 2
    assert isinstance(made, Child)
    box = py_class(type("Box", (Object,), {"__annotations__": {"x": Parent}}))
    assert type(box(made).x) is Grandchild
    with pytest.raises(TypeError, match="expected Parent, got Inner"):
        box(Inner(1))


def test_a_field_declared_again_without_a_default_is_required():
    @py_class
    class Parent(Object):
        a: int = 1

    @py_class
    class Child(Parent):
        a: int

    with pytest.raises(TypeError, match="missing required argument: 'a'"):
        Child()
    assert Child(3).a == 3


def test_a_field_cannot_be_declared_again_with_another_type_or_be_hidden():
    with pytest.raises(TypeError, match="field 'v' is inherited as int .* again as str"):

        @py_class
        class Retyped(Inner):
            v: str

    with pytest.raises(TypeError, match="'v' would hide the inherited field 'v'"):

        @py_class
        class Hidden(Inner):
            def v(self):
                return 1

    with pytest.raises(TypeError, match="field 'v'.*expected a default of type int, got str"):

        @py_class
        class WrongDefault(Inner):
            v: int = "x"


def test_fields_of_a_dataclass_mixin_become_native():
    @dataclasses.dataclass
    class Mixin:
        m: int = 5

        def double(self):
            return 2 * self.m

    @py_class
    class Made(Mixin, Object):
        a: int = 1

    made = Made()
    assert (made.m, made.a, made.double()) == (5, 1, 10)
    with pytest.raises(TypeError, match="expected int, got str"):
        made.m = "x"
