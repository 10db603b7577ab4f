"""What works in every Python class works in a ``py_class`` and below one, and lives with the object: each
feature on a decorated class, on a plain class below one, and all of them together.

Each object is dropped by Python while Rust holds it, other wrappers come and go, and it is fetched again.
"""

from __future__ import annotations

import abc
import copy
import dataclasses as stdlib
import functools
import gc
import pickle
import weakref
from typing import Any, Generic, Iterator, Protocol, TypeVar, runtime_checkable
from unittest import mock

import pytest

import tieback
from tie_support import crowd, lib
from tieback import dataclasses as dc

T = TypeVar("T")


def kept(x: Any) -> Any:
    """Dropped by Python, and fetched from Rust: the very same."""
    number, where, cls = lib.hold(x), id(x), type(x)
    del x
    others = crowd(30)
    gc.collect()
    again = lib.held(number)
    del others
    assert id(again) == where and type(again) is cls
    lib.release(number)
    return again


@dc.py_class("test_ordinary.Base")
class Base(dc.Object):
    number: int = 0

    def name(self) -> str:
        return f"Base {self.number}"


class Plain:
    """A mixin with attributes of its own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.mixed = ["mixed"]

    def name(self) -> str:
        return f"Plain {super().name()}"  # type: ignore[misc]


class Bare:
    """A mixin without."""

    __slots__ = ()

    def name(self) -> str:
        return f"Bare {super().name()}"  # type: ignore[misc]


@dc.py_class("test_ordinary.Dicted")
class Dicted(dc.Object):
    """Decorated, with a dict because its body says so."""

    __slots__ = ("__dict__", "__weakref__")
    number: int = 0

    @functools.cached_property
    def made(self) -> list[int]:
        return [self.number]


class Below(Base):
    @functools.cached_property
    def made(self) -> list[int]:
        return [self.number]


class TestCachedProperty:
    @pytest.mark.parametrize("cls", [Dicted, Below])
    def test_it_is_made_once_for_the_object(self, cls: type):
        x = cls(3)
        first = x.made
        x = kept(x)
        assert x.made is first == [3] and vars(x) == {"made": [3]}
        del x.made
        assert kept(x).made == [3] and x.made is not first

    def test_without_a_dict_it_says_so(self):
        @dc.py_class
        class Mine(Base):
            @functools.cached_property
            def made(self) -> int:
                return 1

        with pytest.raises(TypeError, match="__dict__"):
            Mine(1).made


class TestAbstract:
    def make(self, decorated: bool) -> tuple[type, type]:
        decorate = dc.py_class if decorated else lambda cls: cls

        @decorate
        class Shape(Base, abc.ABC):
            @abc.abstractmethod
            def area(self) -> int: ...

            @property
            @abc.abstractmethod
            def sides(self) -> int: ...

        @decorate
        class Square(Shape):
            def area(self) -> int:
                return self.number**2

            sides = 4

        return Shape, Square

    @pytest.mark.parametrize("decorated", [True, False])
    def test_abstract_methods(self, decorated: bool):
        Shape, Square = self.make(decorated)
        with pytest.raises(TypeError, match="abstract"):
            Shape(1)
        x = kept(Square(3))
        assert (x.area(), x.sides) == (9, 4) and isinstance(x, Shape) and isinstance(x, abc.ABC)

    @pytest.mark.parametrize("decorated", [True, False])
    def test_virtual_subclasses_and_protocols(self, decorated: bool):
        Shape, Square = self.make(decorated)
        Shape.register(int)

        @runtime_checkable
        class HasArea(Protocol):
            def area(self) -> int: ...

        assert isinstance(1, Shape) and isinstance(kept(Square(1)), HasArea)
        assert not isinstance(Base(1), (Shape, HasArea))


class TestGeneric:
    @pytest.mark.parametrize("decorated", [True, False])
    def test_parameters(self, decorated: bool):
        decorate = dc.py_class if decorated else lambda cls: cls

        @decorate
        class Of(Base, Generic[T]):
            pass

        @decorate
        class OfInt(Of[int]):
            pass

        assert kept(Of[int](3)).number == 3 == kept(OfInt(3)).number
        assert Of[str].__origin__ is Of and OfInt.__orig_bases__ == (Of[int],)
        if not decorated:
            assert kept(Of[int](3)).__orig_class__ == Of[int]


class TestInitSubclass:
    @pytest.mark.parametrize("decorated", [True, False])
    def test_it_is_called_with_the_options(self, decorated: bool):
        told: list[tuple[str, Any]] = []

        class Told(Base):
            __slots__ = ()

            def __init_subclass__(cls, option: Any = None, **rest: Any) -> None:
                told.append((cls.__name__, option))
                super().__init_subclass__(**rest)
                cls.option = option

        class Mine(Told, option=3):
            pass

        if decorated:
            Mine = dc.py_class(Mine)
        # Made anew it is called again, as by ``dataclass(slots=True)``: without the options.
        assert told == [("Mine", 3), ("Mine", None)][: 1 + decorated]
        assert kept(Mine(1)).option is (None if decorated else 3)

    def test_a_mixins_is_called_too(self):
        told: list[type] = []

        class Registers:
            def __init_subclass__(cls, **options: Any) -> None:
                told.append(cls)
                super().__init_subclass__(**options)

        class Mine(Base, Registers):
            pass

        class Other(Registers, Base):
            pass

        assert told == [Mine, Other]
        assert kept(Mine(1)).number == 1 == kept(Other(1)).number


class TestMixins:
    @pytest.mark.parametrize("first", [True, False])
    def test_with_state(self, first: bool):
        class Mine(*((Plain, Base) if first else (Base, Plain))):
            pass

        x = Mine(3)
        if first:
            x = kept(x)
            assert x.mixed == ["mixed"] and x.name() == "Plain Base 3"
        else:
            x.other = 1
            assert kept(x).other == 1 and x.name() == "Base 3"

    def test_without_state_the_class_stays_on_the_fast_path(self):
        @dc.py_class
        class Mine(Bare, Base):
            text: str = ""

        before = tieback.stats()["stateful"]
        x = kept(Mine(3, "x"))
        assert x.name() == "Bare Base 3" and x.text == "x" and not hasattr(x, "__dict__")
        assert tieback.stats()["stateful"] == before

    def test_a_diamond(self):
        class Left(Base):
            def name(self) -> str:
                return f"Left {super().name()}"

        class Right(Plain, Base):
            def name(self) -> str:
                return f"Right {super().name()}"

        class Both(Left, Right):
            def name(self) -> str:
                return f"Both {super().name()}"

        x = kept(Both(3))
        assert x.name() == "Both Left Right Plain Base 3" and x.mixed == ["mixed"]

    def test_two_native_bases_are_refused(self):
        @dc.py_class
        class Other(dc.Object):
            text: str = ""

        with pytest.raises(TypeError):

            class Both(Base, Other):
                pass


class TestSuper:
    """Without arguments, in everything that a class can have, on a class that was made anew."""

    def make(self, decorated: bool) -> type:
        class Parent(Base):
            __slots__ = ()
            made: int

            def __init__(self, number: int) -> None:
                super().__init__(number)

            def method(self) -> str:
                return "method"

            @property
            def value(self) -> str:
                return "value"

            @classmethod
            def of_class(cls) -> str:
                return f"class {cls.__name__}"

            @staticmethod
            def static() -> str:
                return "static"

            def rows(self) -> Iterator[str]:
                yield "row"

            def __repr__(self) -> str:
                return "Parent()"

            def __eq__(self, other: object) -> bool:
                return self is other

            __hash__ = dc.Object.__hash__

            def __setattr__(self, name: str, value: Any) -> None:
                super().__setattr__(name, value)

        class Mine(Parent):
            def __init__(self, number: int) -> None:
                super().__init__(number + 1)

            def method(self) -> str:
                return "my " + super().method() + (lambda: "")() + "".join(x for x in [super().static()])[:0]

            @property
            def value(self) -> str:
                return "my " + super().value

            @classmethod
            def of_class(cls) -> str:
                return "my " + super().of_class()

            @staticmethod
            def static() -> str:
                return "my " + super(Mine, Mine).static()

            def rows(self) -> Iterator[str]:
                yield from super().rows()
                yield __class__.__name__  # type: ignore[name-defined]

            def __repr__(self) -> str:
                return "My" + super().__repr__()

            def __eq__(self, other: object) -> bool:
                return super().__eq__(other)

            def __hash__(self) -> int:
                return super().__hash__()

            def __setattr__(self, name: str, value: Any) -> None:
                super().__setattr__(name, value + 1)

        return dc.py_class(init=False, eq=False, repr=False)(Mine) if decorated else Mine

    @pytest.mark.parametrize("decorated", [True, False])
    def test_everywhere(self, decorated: bool):
        x = kept(self.make(decorated)(3))
        assert (x.number, x.value, x.of_class()) == (4, "my value", "my class Mine")
        assert list(x.rows()) == ["row", "Mine"] and repr(x) == "MyParent()"
        assert x == x and hash(x) == hash(x)
        assert x.method() == "my method"
        x.number = 5
        assert x.number == 6


class TestDataclassFeatures:
    """Fields and Python-side state side by side."""

    def test_defaults_kw_only_order_and_match(self):
        @dc.py_class(order=True)
        class Made(Base):
            _: dc.KW_ONLY
            names: list = dc.field(default_factory=list)
            text: str = "x"
            hidden: int = dc.field(default=0, repr=False, compare=False)

        class Mine(Made):
            count = 0

            def __post_init__(self) -> None:
                self.seen = [self.number]
                type(self).count += 1

        x = kept(Mine(3, text="y", hidden=9))
        assert (list(x.names), x.text, x.seen, Mine.count) == ([], "y", [3], 1)
        assert repr(x).endswith("Mine(number=3, names=List([]), text='y')") and x < Mine(4)
        match x:
            case Mine(3):
                pass
            case _:
                raise AssertionError("did not match")
        assert [f.name for f in stdlib.fields(x)] == ["number", "names", "text", "hidden"]

    def test_replace_copies_and_pickles_keep_the_attributes(self):
        x = Noted(3)
        x.note = ["kept"]
        x = kept(x)
        assert copy.copy(x).note is x.note and copy.deepcopy(x).note == ["kept"]
        assert copy.deepcopy(x).note is not x.note
        twin = pickle.loads(pickle.dumps(x))
        assert type(twin) is Noted and twin.note == ["kept"] and twin == x
        assert stdlib.replace(x, number=4).number == 4 and stdlib.asdict(x) == {"number": 3}

    def test_frozen_fields_and_free_attributes(self):
        @dc.py_class(frozen=True)
        class Frozen(dc.Object):
            number: int

        class Mine(Frozen):
            pass

        x = Mine(3)
        object.__setattr__(x, "note", 1)
        x = kept(x)
        with pytest.raises(AttributeError):
            x.number = 4
        assert x.note == 1 and x.number == 3

    def test_weakref_slot(self):
        @dc.py_class(weakref_slot=True)
        class Weakly(Base):
            pass

        x = Weakly(3)
        ref = weakref.ref(x)
        x = kept(x)
        assert ref() is x and not hasattr(x, "__dict__")


class Noted(Base):
    """At the module's level, for pickle."""


def test_all_of_it_together():
    """ABC, Generic, mixins on both sides, ``__init_subclass__``, ``cached_property``, slots, ``super()`` in
    all of them, fields of each kind: one class, fetched again with all it had."""
    made: list[str] = []

    class Registers:
        def __init_subclass__(cls, tag: str = "", **rest: Any) -> None:
            super().__init_subclass__(**rest)
            made.append(f"{cls.__name__} {tag}")

    @dc.py_class
    class Root(Base, Registers, abc.ABC, Generic[T], tag="root"):
        items: list[T] = dc.field(default_factory=list, kw_only=True)
        parent: tieback.Weak["Root"] = None  # type: ignore[type-arg]

        @abc.abstractmethod
        def name(self) -> str:
            return f"Root {super().name()}"

    class Leaf(Plain, Root[int], tag="leaf"):
        __slots__ = ("own",)

        def __init__(self, number: int, **kwargs: Any) -> None:
            super().__init__(number, **kwargs)
            self.own = {number}

        @functools.cached_property
        def total(self) -> int:
            return sum(self.items)

        def name(self) -> str:
            return f"Leaf {super().name()}"

        def __del__(self) -> None:
            made.append("end")

    with pytest.raises(TypeError, match="abstract"):
        Root(1)
    x = Leaf(1, items=[1, 2, 3])
    x.parent = x
    ref = weakref.ref(x)
    assert x.total == 6
    x = kept(x)
    assert x.name() == "Leaf Plain Root Base 1"
    assert (x.own, x.mixed, x.__dict__["total"], x.parent is x, ref() is x) == ({1}, ["mixed"], 6, True, True)
    assert made.count("end") == 0 and "Leaf leaf" in made and "Root root" in made
    del x
    assert made.count("end") == 1 and ref() is None


def test_another_object_may_say_that_it_is_equal() -> None:
    @dc.py_class(eq=False)
    class ByObject(dc.Object):
        number: int = 0

    class Plain(ByObject):
        pass

    class Every(ByObject):
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None

    class Never(ByObject):
        __eq__ = None

    plain, every, never = Plain(), Every(), Never()
    for other in (every, mock.ANY):
        assert plain == other and other == plain
        assert not plain != other
    assert plain != Plain() and plain == plain and not plain == Plain()
    assert plain.__eq__(Plain()) is NotImplemented and plain.__ne__(Plain()) is NotImplemented
    with pytest.raises(TypeError):
        never == plain
