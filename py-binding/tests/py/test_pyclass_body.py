"""What a class body may hold: the class is made anew, and everything in it means the new one."""

import abc
import contextlib
import dataclasses
import functools
from typing import Any, Generic, TypeVar

import pytest

import tieback
from tieback import Object
from tieback.dataclasses import field, py_class
from tieback.testing import tie_state

T = TypeVar("T")


def plain_decorator(function):
    def call(*args):
        return function(*args)

    return call


@py_class
class Base(Object):
    a: int

    def name(self):
        return "Base"


def test_every_kind_of_method():
    @py_class
    class Made(Base):
        b: int = 2

        constant = 7

        def name(self):
            return "Made" + super().name()

        @property
        def total(self):
            assert super().name() == "Base"
            return self.a + self.b

        @total.setter
        def total(self, value):
            self.b = value - self.a

        @staticmethod
        def double(value):
            return __class__(value * 2)

        @classmethod
        def make(cls, a):
            assert super().__new__(cls).a == 0
            return cls(a)

        @plain_decorator
        def decorated(self):
            return super().name()

        @functools.lru_cache
        def cached(self):
            return super().name()

        @contextlib.contextmanager
        def manager(self):
            yield super().name()

        @functools.singledispatchmethod
        def dispatch(self, value):
            return super().name()

        partial = functools.partialmethod(lambda self, value: (self.a, value), 5)

        def this(self):
            return __class__

        def __call__(self, x):
            return x + self.a

        def __len__(self):
            return self.b

        def __getattr__(self, name):
            return f"no {name}"

        def __contains__(self, value):
            return value == self.a

    made = Made(1)
    assert made.name() == "MadeBase"
    assert made.total == 3
    made.total = 10
    assert made.b == 9
    assert type(Made.double(4)) is Made
    assert Made.make(3).a == 3
    assert made.decorated() == made.dispatch(1) == "Base"
    assert made.partial() == (1, 5)
    assert made.this() is Made
    assert made(5) == 6
    assert len(made) == 9
    assert made.anything == "no anything"
    assert 1 in made
    assert made.constant == 7
    with made.manager() as value:
        assert value == "Base"
    hashable = py_class(eq=False)(type("H", (Base,), {"cached": Made.__dict__["cached"]}))
    with pytest.raises(TypeError):
        hashable(1).cached()  # not a Made: super() says so
    assert tieback.convert(made) is made, "callable or not, it is an object"


def test_its_names_are_the_class_s_own():
    @py_class
    class Made(Object):
        """Documented."""

        a: int

    assert Made.__name__ == "Made"
    assert Made.__qualname__ == "test_its_names_are_the_class_s_own.<locals>.Made"
    assert Made.__module__ == __name__
    assert Made.__doc__ == "Documented."
    assert Made.__slots__ == ()
    assert "__dict__" not in Made.__dict__
    assert "__new__" not in Made.__dict__
    assert repr(Made) == f"<class '{__name__}.{Made.__qualname__}'>"
    assert isinstance(Made(1), Object)


def test_generic_classes():
    @py_class
    class Box(Object, Generic[T]):
        x: Any

    assert Box(1).x == 1
    assert Box[int](2).x == 2
    assert type(Box[int](2)) is Box
    assert not hasattr(Box(1), "__dict__")

    @py_class
    class Child(Box[int]):
        y: int = 0

    assert Child(1).x == 1


def test_mixins():
    class Plain:
        __slots__ = ()

        def hello(self):
            return self.a

    class Greets(abc.ABC):
        @abc.abstractmethod
        def hello(self): ...

    @py_class
    class Made(Plain, Base):
        b: int = 1

    @py_class
    class Abstract(Base, abc.ABC):
        @property
        @abc.abstractmethod
        def size(self): ...

    @py_class
    class Sized(Abstract):
        @property
        def size(self):
            return self.a

    assert Made(3).hello() == 3
    assert not hasattr(Made(3), "__dict__")
    assert Sized(2).size == 2
    Greets.register(Made)
    assert isinstance(Made(1), Greets)


def test_python_subclasses_are_ordinary_classes():
    class Sub(Base):
        def __init__(self, a, extra):
            super().__init__(a)
            self.extra = extra

        def name(self):
            return "Sub" + super().name()

    class SubSub(Sub):
        pass

    for cls in (Sub, SubSub):
        made = cls(1, "e")
        assert (made.a, made.extra, made.name()) == (1, "e", "SubBase")
        made.anything = 1
        assert made.__dict__ == {"extra": "e", "anything": 1}
        box = py_class(type("Box", (Object,), {"__annotations__": {"x": Base}}))(made)
        assert box.x is made
        assert box.x.extra == "e"


def test_a_py_class_below_a_python_subclass():
    class Middle(Base):
        def middle(self):
            return self.a

    @py_class
    class Below(Middle):
        b: int = 2

    made = Below(1)
    assert (made.middle(), made.b) == (1, 2)
    made.note = "there is a __dict__, Middle's"
    assert isinstance(made, Middle)


def test_slots_by_the_user():
    @py_class
    class Empty(Object):
        __slots__ = ()
        a: int = 1

    @py_class
    class Extra(Object):
        __slots__ = ("cache", "__private")
        a: int = 1

        def hide(self, value):
            self.__private = value
            return self.__private

    made = Empty()
    with pytest.raises(AttributeError):
        made.b = 1
    assert tie_state(made) == "active"
    assert Empty.a.__get__(made) == made.a == 1
    made = Extra(4)
    made.cache = [1]
    assert (made.a, made.cache, made.hide(3)) == (4, [1], 3)
    with pytest.raises(AttributeError):
        made.other = 1


@pytest.mark.parametrize("bases", [(), (Generic[T],), (abc.ABC,)], ids=["plain", "generic", "abc"])
def test_the_id_outlives_the_wrapper_where_there_is_no_state(bases):
    @py_class
    class Made(Object, *bases):
        a: int

    holder = py_class(type("Box", (Object,), {"__annotations__": {"x": Object}}))(Made(1))
    handle, first = holder.x.__chandle__(), id(holder.x)
    state = tie_state(handle)
    others = [Made(i) for i in range(50)]
    again = id(holder.x)
    assert (state, again) == ("inactive", first)
    assert len(others) == 50


def test_new_is_inherited():
    @py_class
    class Parent(Object):
        a: int

        def __new__(cls, *args):
            made.append(cls)
            return super().__new__(cls)

    @py_class
    class Child(Parent):
        b: int = 0

    made = []
    assert (Parent(1).a, Child(2).a) == (1, 2)
    assert made == [Parent, Child]
    assert "__new__" not in Child.__dict__


def test_init_subclass_and_set_name_see_the_new_class():
    seen = []

    class Named:
        def __set_name__(self, owner, name):
            seen.append((owner, name))

    @py_class
    class Parent(Object):
        def __init_subclass__(cls, **options):
            super().__init_subclass__(**options)
            classes.append(cls)

    classes = []

    @py_class
    class Child(Parent):
        a: int = 0
        named = Named()

    assert classes[-1] is Child
    assert seen[-1] == (Child, "named")
    seen.clear()


def test_a_metaclass_is_kept():
    class Meta(type):
        def __call__(cls, *args):
            calls.append(args)
            return super().__call__(*args)

    calls = []

    @py_class(frozen=True)
    class Made(Object, metaclass=Meta):
        a: int

        def __init__(self, a):
            self.a = a

    made = Made(1)
    assert type(Made) is Meta
    assert calls == [(1,)]
    with pytest.raises(AttributeError):
        made.a = 2
    assert made.a == 1


def test_a_finalizer_runs_once_a_drop():
    @py_class
    class Made(Object):
        a: int

        def __del__(self):
            dropped.append(self.a)

    dropped = []
    for i in range(3):
        Made(i)
    assert dropped == [0, 1, 2]

    @py_class
    class Failing(Made):
        b: int = field(default=0)

        def __post_init__(self):
            raise LookupError

    with pytest.raises(LookupError):
        Failing(7)
    assert dropped == [0, 1, 2, 7]


class Sets:
    def __get__(self, instance, owner=None):
        return 5

    def __set__(self, instance, value):
        raise AssertionError("it is never asked")


class Gets:
    def __get__(self, instance, owner=None):
        return 5


@pytest.mark.parametrize("descriptor", [property(lambda self: 5), Sets()], ids=["property", "sets"])
@pytest.mark.parametrize("kind", [Any, int])
def test_a_descriptor_that_sets_is_no_field(descriptor, kind):
    """The library's would be asked for the value, or be the default itself (``slots=True``)."""
    with pytest.raises(TypeError, match=r"^Made: field 'a' and a (property|Sets) of that name: "):

        @py_class
        class Made(Object):
            a: kind = descriptor

    with pytest.raises(TypeError, match="^Child: field 'a' and a "):

        @py_class
        class Child(Base):
            a: int = descriptor


@pytest.mark.parametrize("descriptor", [Gets(), len, staticmethod(len), classmethod(len)])
def test_any_other_is_a_default_as_in_the_library(descriptor):
    def made(how, base):
        class Made(base):
            a: Any = descriptor

        return how(Made)

    ours, theirs = made(py_class, Object), made(dataclasses.dataclass, object)
    assert ours(1).a == theirs(1).a == 1
    # Not the value itself: a classmethod gives a new method each time, of its own class.
    assert type(ours().a) is type(theirs().a)
    assert ours().a == theirs().a or isinstance(descriptor, classmethod)
