"""Objects that are built twice, not at all, or as something else: each is refused or safe."""

import abc
import copy
import gc
import pickle
from typing import Any, Optional

import pytest

import tieback
from tieback import Array, Object, Weak
from tieback.dataclasses import FrozenInstanceError, field, py_class
from tieback.testing import tie_state, use_count

ECHO = tieback.get_global_func("testing.echo")


@py_class
class Inner(Object):
    v: int


@py_class
class Outer(Object):
    x: Inner
    n: int = 0


@py_class
class All(Object):
    i: int
    f: float
    b: bool
    s: str
    y: bytes
    o: Inner
    p: Optional[Inner]
    w: Weak[Inner]
    a: Any
    r: Array


class Loose(Outer):
    """Not decorated: constructed the long way."""


# --- a second time ---


@pytest.mark.parametrize(
    ("make", "name"), [(lambda: Inner(1), "v"), (lambda: Loose(Inner(2), 1), "n")], ids=["own", "sub"]
)
def test_a_second_init_or_setstate(make, name):
    made = make()
    cls, handle, count = type(made), made.__chandle__(), use_count(made)
    fields = copy.copy(made)
    for again in (
        lambda: made.__init__(5),
        lambda: cls.__init__(made, 5),
        lambda: made.__ffi_init__(5),
        lambda: Object.__init__(made),
        lambda: made.__setstate__({name: 5}),
        lambda: made.__init_handle_by_constructor__(ECHO, Inner(3)),
    ):
        with pytest.raises(TypeError, match="initialised already"):
            again()
    assert made.__chandle__() == handle
    assert use_count(made) == count
    assert tie_state(made) == "active"
    assert fields == made


def test_init_of_another_class():
    other = Outer.__new__(Outer)
    with pytest.raises(TypeError, match="Inner.__init__.. expects an instance of its class"):
        Inner.__init__(other, 1)
    with pytest.raises(TypeError, match="expects an instance of its class first, got int"):
        Inner.__init__(3, 1)


def test_a_moved_object_is_not_initialised_again():
    made = Inner(1)
    moved = made._move()
    for again in (lambda: made.__init__(2), lambda: Object.__init__(made)):
        with pytest.raises((TypeError, ValueError), match="moved|initialised already"):
            again()
    assert repr(made) == "<Inner (moved)>"
    assert ECHO(moved).v == 1


def test_post_init_may_move():
    @py_class
    class Made(Object):
        a: int

        def __post_init__(self):
            kept.append(ECHO(self._move()))

    kept = []
    with pytest.raises(ValueError, match="was moved"):
        Made(1).a
    assert kept.pop().a == 1


@pytest.mark.parametrize("meta", [type, abc.ABCMeta])
@pytest.mark.parametrize("decorated", [True, False])
def test_what_escapes_a_failed_init_is_frozen_all_the_same(meta, decorated):
    @py_class(frozen=True)
    class Made(Object):
        a: int = 1

    def init(self, a):
        self.a = a
        kept.append(self)
        raise LookupError(a)

    kept = []
    if decorated:
        cls = meta("Own", (Object,), {"__annotations__": {"a": int}, "__init__": init})
        cls = py_class(frozen=True)(cls)
    else:
        cls = type("Own", (Made,), {"__init__": init})
    # A subclass may try again.
    second = meta("Second", (cls,), {"__init__": lambda self: tries(self)})

    def tries(self):
        with pytest.raises(LookupError):
            cls.__init__(self, 2)
        self.a += 1
        cls.__init__(self, 3)

    for make, a in ((lambda: cls(2), 2), (second, 3)):
        if make is second and meta is not type:
            continue  # nothing sees the end of its class call
        with pytest.raises(LookupError):
            make()
        assert kept[-1].a == a
        with pytest.raises(FrozenInstanceError):
            kept[-1].a = 5
        with pytest.raises(TypeError, match="initialised already"):
            kept[-1].__setstate__({"a": 5})
    kept.clear()


# --- unfilled ---


def test_unfilled_objects_are_safe_in_every_use():
    made = All.__new__(All)
    assert repr(made) == (
        "All(i=0, f=0.0, b=False, s=<not set>, y=<not set>, o=<not set>, p=None, w=None, a=None, "
        "r=<not set>)"
    )
    assert made.__chandle__() != 0
    assert made.same_as(made)
    assert made == made
    assert ECHO(made) is made
    for name in "syor":
        with pytest.raises(AttributeError, match=f"field '{name}' of 'All' was not set yet"):
            getattr(made, name)
    other = All.__new__(All)
    with pytest.raises(AttributeError):
        made == other
    assert repr(copy.copy(made)) == repr(made)
    assert repr(copy.deepcopy(made)) == repr(made)
    assert repr(pickle.loads(pickle.dumps(made))) == repr(made)
    assert use_count(made) == 1
    box = py_class(type("Box", (Object,), {"__annotations__": {"x": All}}))(made)
    assert box.x is made
    inner = Inner(1)
    made.s, made.o, made.w, made.r = "s", inner, inner, [made.i]
    assert (made.s, made.o, made.w, list(made.r)) == ("s", inner, inner, [0])
    made.__init__(1, 2.0, True, "t", b"u", inner, None, None, 3, ())
    assert made.y == b"u"
    with pytest.raises(TypeError, match="initialised already"):
        made.__init__(1, 2.0, True, "t", b"u", inner, None, None, 3, ())


def test_what_an_init_leaves_alone_has_its_default():
    made = []

    @py_class(frozen=True)
    class Base(Object):
        a: int = 3
        b: str = "b"
        c: Array = (1, 2)
        d: Any = None
        e: float = field(default=1.5, init=False)
        f: list = field(default_factory=lambda: made.append(1) or [1])
        g: int = 0

        def __init__(self, g):
            self.g = g

    class Below(Base):
        def __init__(self):
            pass

    @py_class(kw_only=True)
    class Further(Base):
        h: int
        b: str = "other"

    @py_class
    class Generated(Object):
        a: int = 7
        b: Optional[str] = "b"

    class Silent(Generated):
        def __init__(self):
            pass

    one = Base(5)
    assert (one.a, one.b, [*one.c], one.d, one.e, one.g) == (3, "b", [1, 2], None, 1.5, 5)
    assert (Below().a, Below().b, Below().g) == (3, "b", 0)
    assert (Further.__new__(Further).b, Further.__new__(Further).a) == ("other", 3)
    assert (Silent().a, Silent().b) == (7, "b")
    assert not made  # as in the library: no value is the factory's until somebody calls it
    with pytest.raises(AttributeError, match="field 'f' of 'Base' was not set yet"):
        one.f
    with pytest.raises(FrozenInstanceError):
        one.a = 4
    # A pickle from before there was the field.
    old = Generated.__new__(Generated)
    old.__setstate__({"a": 1})
    assert (old.a, old.b) == (1, "b")


def test_an_unfilled_frozen_object_freezes_when_it_is_filled():
    @py_class(frozen=True)
    class Made(Object):
        a: int

    made = Made.__new__(Made)
    with pytest.raises(TypeError, match="missing"):
        made.__init__()
    made.__init__(3)
    with pytest.raises(FrozenInstanceError):
        made.a = 4
    assert hash(made) == hash(Made(3))


def test_object_and_plain_subclasses_of_it_cannot_be_made():
    class Empty(Object):
        pass

    for cls in (Object, Empty):
        with pytest.raises(TypeError, match=f"cannot create '{cls.__name__}' instances"):
            cls()


def test_object_new_is_refused():
    with pytest.raises(TypeError, match="not safe"):
        object.__new__(Inner)


# --- one line of native bases ---


def test_two_native_bases_are_refused():
    with pytest.raises(TypeError, match="'Both' cannot have two native bases: 'Inner' and 'Outer'"):

        class Both(Inner, Outer):
            pass

    class Mixed(Loose, Outer):
        pass

    assert Mixed(Inner(1)).x.v == 1

    @py_class
    class Derived(Outer):
        m: int = 9

    class Diamond(Loose, Derived):
        pass

    made = Diamond(Inner(1), 2, 3)
    assert (made.n, made.m) == (2, 3)


def test_fields_are_only_read_in_objects_that_have_them():
    @py_class
    class Number(Object):
        number: int

    @py_class
    class Text(Object):
        text: str

    class Silent(Object):
        def __init_subclass__(cls, **options):  # does not call super
            pass

    @py_class
    class Left(Silent):
        left: int

    @py_class
    class Right(Silent):
        right: str

    class Both(Left, Right):
        pass

    made = Both(5)
    for use in (
        lambda: made.right,
        lambda: setattr(made, "right", "x"),
        lambda: Right.__init__(Both.__new__(Both), "x"),
    ):
        with pytest.raises(TypeError, match="belongs to|expects a native"):
            use()
    with pytest.raises(TypeError, match="two native bases"):
        py_class(type("Third", (Left, Right), {"__annotations__": {"z": int}}))
    number = Number(1)
    number.__class__ = Text  # Python sees no difference
    with pytest.raises(TypeError, match="field 'text' belongs to '.*Text'"):
        number.text
    with pytest.raises(TypeError, match="field 'text' belongs to"):
        number.text = "x"
    number.__class__ = Number
    assert number.number == 1


# --- abstract classes ---


def test_abstract_classes():
    @py_class
    class Base(Object, abc.ABC):
        a: int

        @abc.abstractmethod
        def second(self): ...

        @abc.abstractmethod
        def first(self): ...

    @py_class
    class OneLeft(Base):
        def first(self): ...

    before = tieback.stats()
    for cls in (Base, OneLeft):
        library = type(cls.__name__, (abc.ABC,), {n: getattr(cls, n) for n in ("first", "second")})
        with pytest.raises(TypeError) as as_told:
            library()
        for make in (lambda: cls(1), lambda: cls.__new__(cls)):
            with pytest.raises(TypeError) as told:
                make()
            assert str(told.value) == str(as_told.value)
    assert tieback.stats() == before

    @py_class(frozen=True)
    class Concrete(Base):
        b: int

        def __init__(self, a, b):
            super().__init__(a)
            self.b = b

        def first(self):
            return self.a

        def second(self):
            return self.b

    made = Concrete(1, 2)
    assert (made.first(), made.second()) == (1, 2)
    with pytest.raises(FrozenInstanceError):
        made.b = 3

    class Loose(Concrete):
        pass

    made = Loose(1, 2)
    with pytest.raises(FrozenInstanceError):
        made.b = 3
    del made
    gc.collect()
