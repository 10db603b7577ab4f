"""The py_class table: every kind of field against everything a dataclass can do with a field.

One test a column, one parameter a row, so that each cell is a test by name. Where the standard
library has an answer, a dataclass with the same fields (``twin``) is asked for it.
"""

from __future__ import annotations

import copy
import dataclasses
import inspect
import operator
import pickle
from dataclasses import dataclass
from typing import Any, Callable, Optional

import pytest

import tieback
from tieback import Array, List, Object, Weak
from tieback.dataclasses import FrozenInstanceError, field, py_class
from tieback.testing import use_count


@py_class(frozen=True, order=True)
class Point(Object):
    v: int


@py_class
class Stranger(Object):
    v: int = 0


P1 = Point(1)  # defaults are kept by their class for ever
NOTHING: Any = object()


@dataclass
class Row:
    """One kind of field. Values are made anew by each call; ``one`` is less than ``two``."""

    id: str
    annotation: Any
    one: Callable[[], Any]
    two: Callable[[], Any]
    wrong: Any
    expected: str
    default: Any
    none: bool = False
    error: type[Exception] = TypeError

    @property
    def name(self) -> str:
        return f"Holder_{self.id}"

    def make(self, spec: Any = NOTHING, annotation: Any = None, **options: Any) -> Any:
        """A py_class with one field ``x`` of this kind."""
        body = self.body(spec, annotation)
        return publish(py_class(**options)(type(self.name, (Object,), body)))

    def twin(self, spec: Any = NOTHING, **options: Any) -> Any:
        """The same as a dataclass."""
        return dataclass(**options)(type(self.name, (), self.body(spec)))

    def body(self, spec: Any, annotation: Any = None) -> dict[str, Any]:
        body = {
            "__module__": __name__,
            "__qualname__": self.name,
            "__annotations__": {"x": annotation or self.annotation},
        }
        return body if spec is NOTHING else {**body, "x": spec}

    def same(self, left: Any, right: Any) -> bool:
        """An object comes back as itself; another value as an equal one of its type."""
        if isinstance(right, Object):
            return left is right
        if isinstance(right, (list, tuple)):
            native = List if self.id == "list" else Array
            return isinstance(left, native) and left == right
        return type(left) is type(right) and left == right


def publish(cls: type) -> type:
    globals()[cls.__qualname__] = cls  # where pickle looks
    return cls


class Inherited(Row):
    """The field is the parent's; the child adds one with a default."""

    def make(self, spec: Any = NOTHING, annotation: Any = None, **options: Any) -> Any:
        body = self.body(spec, annotation)
        parent = py_class(**options)(type("Parent", (Object,), body))
        own = {
            "__module__": __name__,
            "__qualname__": self.name,
            "__annotations__": {"y": int},
            "y": field(default=7, kw_only=True),
        }
        return publish(py_class(**options)(type(self.name, (parent,), own)))

    def twin(self, spec: Any = NOTHING, **options: Any) -> Any:
        parent = dataclass(**options)(type("Parent", (), self.body(spec)))
        own = {
            "__qualname__": self.name,
            "__annotations__": {"y": int},
            "y": dataclasses.field(default=7, kw_only=True),
        }
        return dataclass(**options)(type(self.name, (parent,), own))


class Forward(Row):
    """The field names a class that is not there when the one with the field is made."""

    def make(self, spec: Any = NOTHING, annotation: Any = None, **options: Any) -> Any:
        there = globals().pop("Later", None)
        made = super().make(spec, annotation, **options)
        if there is None:
            body = {"__module__": __name__, "__qualname__": "Later", "__annotations__": {"v": int}}
            there = py_class(frozen=True, order=True)(type("Later", (Object,), body))
        publish(there)
        return made


def later(v: int) -> Any:
    if "Later" not in globals():
        Forward.make(ROWS[-1])
    return globals()["Later"](v)


ROWS = [
    Row("int", int, lambda: 1, lambda: 2**63 - 1, "1", "int", -5),
    Row("float", float, lambda: -1.5, lambda: 1e300, "1", "float", 2.5),
    Row("bool", bool, lambda: False, lambda: True, 1, "bool", True),
    Row("str", str, lambda: "a", lambda: "späte Grüße \0 🎈", b"a", "str", "dflt"),
    Row("bytes", bytes, lambda: b"a", lambda: b"b" * 100, "a", "bytes", b"dflt"),
    Row("object", Point, lambda: Point(1), lambda: Point(2), Stranger, "Point", P1),
    Row(
        "optional",
        Optional[Point],
        lambda: Point(1),
        lambda: Point(2),
        Stranger,
        "Point | None",
        None,
        none=True,
    ),
    Row("weak", Weak[Point], lambda: Point(1), lambda: Point(2), Stranger, "Point", P1, none=True),
    Row(
        "any",
        Any,
        lambda: 1,
        lambda: 2.5,
        2**70,
        "64 bits",
        "dflt",
        none=True,
        error=OverflowError,
    ),
    Row("array", Array, lambda: [1, "a"], lambda: (2, None), 3, "Array", (1, 2)),
    Row("list", list, lambda: [1, "a"], lambda: [2, None], 3, "list", (1, 2)),
    Inherited("inherited", int, lambda: 1, lambda: 2, "1", "int", 5),
    Forward("forward", '"Later"', lambda: later(1), lambda: later(2), Stranger, "Later", None),
]

# A default of a class that is not there yet can only be None.
FORWARD_DEFAULT = '"Later | None"'


def column(test: Callable[..., None]) -> Any:
    return pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)(test)


def annotation_for_default(row: Row) -> Any:
    return FORWARD_DEFAULT if row.id == "forward" else None


def outcome(function: Callable[..., Any], *args: Any) -> Any:
    """What a call answers, or the class of what it raises."""
    try:
        return function(*args)
    except Exception as error:
        return type(error)


def wrong_value(row: Row) -> Any:
    return row.wrong() if isinstance(row.wrong, type) else row.wrong


@column
def test_init(row: Row) -> None:
    cls = row.make()
    one, two = row.one(), row.two()
    by_position, by_name = cls(one), cls(x=two)
    assert row.same(by_position.x, one)
    assert row.same(by_name.x, two)
    if isinstance(one, Object):
        assert use_count(one) == (1 if row.id == "weak" else 2)
        assert by_position.x is by_position.x
    by_position.x = two
    assert row.same(by_position.x, two)
    if isinstance(one, Object):
        assert use_count(one) == 1
    with pytest.raises(TypeError, match=rf"{row.name}.__init__\(\) missing .*'x'"):
        cls()


@column
def test_default(row: Row) -> None:
    cls = row.make(row.default, annotation_for_default(row))
    assert row.same(cls().x, row.default)
    assert row.same(cls().x, row.default), "a default is there again and again"
    two = row.two()
    assert row.same(cls(two).x, two)
    assert dataclasses.fields(cls)[0].default is row.default
    assert inspect.signature(cls).parameters["x"].default is row.default
    assert cls.__dict__.get("x") != row.default
    if row.id != "any":
        wrong = wrong_value(row)
        if getattr(type(wrong), "__hash__", None) is None:
            wrong = 3  # an unhashable default is refused for that, as in the library
        with pytest.raises(TypeError, match=f"{row.name}|Parent.*'x'.*expected a default"):
            row.make(wrong, annotation_for_default(row))
    else:
        with pytest.raises(OverflowError, match="'x'.*64 bits"):
            row.make(2**70)


@column
def test_default_factory(row: Row) -> None:
    made = []
    kept = []

    def factory() -> Any:
        made.append(1)
        kept[:] = [row.two()]  # alive for the weak row
        return kept[0]

    cls = row.make(field(default_factory=factory))
    first = cls()
    assert row.same(first.x, kept[0])
    second = cls()
    assert row.same(second.x, kept[0])
    assert len(made) == 2, "once a construction"
    one = row.one()
    assert row.same(cls(one).x, one)
    assert len(made) == 2, "not when a value is passed"
    kept.clear()


@column
def test_kw_only(row: Row) -> None:
    cls = row.make(field(kw_only=True))
    whole = row.make(kw_only=True)
    one = row.one()
    for made in (cls, whole):
        assert row.same(made(x=one).x, one)
        with pytest.raises(TypeError, match="takes 0 positional arguments, but 1 was given"):
            made(one)
        with pytest.raises(TypeError, match="missing required keyword-only argument: 'x'"):
            made()
        kind = inspect.signature(made).parameters["x"].kind
        assert kind is inspect.Parameter.KEYWORD_ONLY
        assert made.__match_args__ == ()


@column
def test_frozen(row: Row) -> None:
    one, two = row.one(), row.two()
    for cls in (row.make(frozen=True), row.make(field(frozen=True))):
        made = cls(one)
        with pytest.raises(FrozenInstanceError, match="cannot assign to field 'x'"):
            made.x = two
        with pytest.raises(FrozenInstanceError, match="cannot delete field 'x'"):
            del made.x
        with pytest.raises(FrozenInstanceError):
            object.__setattr__(made, "x", two)
        assert row.same(made.x, one)
        if row.id != "weak":
            assert row.same(dataclasses.replace(made, x=two).x, two)
    free = row.make()(one)
    with pytest.raises(AttributeError, match="cannot delete field 'x'") as caught:
        del free.x
    assert caught.type is AttributeError, "nothing about it is frozen"


@column
def test_repr(row: Row) -> None:
    cls, twin = row.make(), row.twin()
    one, two = row.one(), row.two()
    made = cls(one)
    assert repr(made) == repr(twin(made.x))
    made = cls(two)
    assert repr(made) == str(made) == repr(twin(made.x))
    hidden = row.make(field(repr=False))
    assert repr(hidden(one)) == repr(row.twin(dataclasses.field(repr=False))(one))
    without = row.make(repr=False)
    assert repr(without(one)).startswith(f"<{row.name} object at 0x")


@column
def test_eq(row: Row) -> None:
    cls = row.make()
    one, equal, two = row.one(), row.one(), row.two()
    left, right, other = cls(one), cls(equal), cls(two)
    assert left == left
    assert left == right
    assert not left != right
    assert left != other
    assert left != one
    assert left != row.twin()(one), "another class is never equal"
    assert left.__eq__(one) is NotImplemented
    unequal = row.make(field(compare=False))
    assert unequal(one) == unequal(two)
    by_object = row.make(eq=False)
    left, right = by_object(one), by_object(one)
    assert left == left
    assert left != right
    assert {left: 1}[left] == 1


@column
def test_order(row: Row) -> None:
    cls, twin = row.make(order=True), row.twin(order=True)
    one, equal, two = row.one(), row.one(), row.two()
    made = [cls(value) for value in (one, equal, two)]
    twins = [twin(each.x) for each in made]
    for compare in (operator.lt, operator.le, operator.gt, operator.ge):
        for i in range(3):
            for j in range(3):
                ours = outcome(compare, made[i], made[j])
                theirs = outcome(compare, twins[i], twins[j])
                assert ours is theirs, (compare, i, j)
        with pytest.raises(TypeError):
            compare(made[0], one)
        with pytest.raises(TypeError):
            plain = row.make()
            compare(plain(one), plain(two))
    if row.id != "array":  # an Array has no order, so neither has what holds one
        assert made[0] < made[2]
        assert sorted(made[::-1])[2] is made[2]


@column
def test_hash(row: Row) -> None:
    one, equal, two = row.one(), row.one(), row.two()
    if row.id == "list":  # what changes does not hash, as in the twin
        for cls in (row.make(frozen=True), row.twin(frozen=True)):
            with pytest.raises(TypeError, match="unhashable"):
                hash(cls(one))
        return
    for options in ({"frozen": True}, {"unsafe_hash": True}):
        cls, twin = row.make(**options), row.twin(**options)
        made = cls(one)
        assert hash(made) == hash(cls(equal)) == hash(twin(made.x))
        assert {made: 1}[cls(equal)] == 1
        assert cls(two) not in {made}
    with pytest.raises(TypeError, match="unhashable"):
        hash(row.make()(one))
    left_out = row.make(field(hash=False), frozen=True)
    assert hash(left_out(one)) == hash(left_out(two))
    changing = row.make(field(frozen=False), frozen=True)
    with pytest.raises(TypeError, match="unhashable"):
        hash(changing(one))


@column
def test_pickle(row: Row) -> None:
    cls = row.make(frozen=True)
    for value in (row.one(), row.two()):
        made = cls(value)
        # With what it points to: a weak reference alone keeps nothing.
        pair = (made.x, made)
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            x, again = pickle.loads(pickle.dumps(pair, protocol))
            assert type(again) is cls
            assert again == made
            assert not again.same_as(made)
            assert row.same(again.x, x)
            with pytest.raises(FrozenInstanceError):
                again.x = value
        x, deep = copy.deepcopy(pair)
        assert deep == made
        assert row.same(deep.x, x)
        shallow = copy.copy(made)
        assert row.same(shallow.x, made.x)
        assert not shallow.same_as(made)


@column
def test_wrong_type(row: Row) -> None:
    cls = row.make()
    one = row.one()
    made = cls(one)
    before = tieback.stats()["objects"]
    wrong = wrong_value(row)
    got = "larger|above" if row.id == "any" else type(wrong).__name__
    with pytest.raises(row.error, match=rf"{row.name}.__init__\(\) field 'x'.*{row.expected}") as e:
        cls(wrong)
    assert any(word in str(e.value) for word in got.split("|"))
    with pytest.raises(row.error, match=rf"field 'x' of '{row.name}'.*{row.expected}"):
        made.x = wrong
    with pytest.raises(row.error, match=rf"{row.name}.__init__\(\) field 'x'"):
        row.make(field(default_factory=lambda: wrong))()
    assert row.same(made.x, one), "the old value stays"
    del wrong, e
    assert tieback.stats()["objects"] == before


@column
def test_none(row: Row) -> None:
    cls = row.make()
    one = row.one()
    made = cls(one)
    if row.none:
        assert cls(None).x is None
        made.x = None
        assert made.x is None
        assert row.make(None)().x is None
        assert cls(None) == made
        assert repr(made) == f"{row.name}(x=None)"
        return
    expected = rf"field 'x'.*expected {row.expected}, got None"
    with pytest.raises(TypeError, match=rf"{row.name}.__init__\(\) {expected}"):
        cls(None)
    with pytest.raises(TypeError, match=rf"of '{row.name}': expected {row.expected}, got None"):
        made.x = None
    assert row.same(made.x, one)
    with pytest.raises(TypeError, match="expected a default"):
        row.make(None)
