"""Constructing: arguments, ``__init__`` of the user's own, unfilled objects, and what goes wrong."""

import gc
import inspect
import sys
from typing import Any, Optional

import pytest

import tieback
from tieback import Array, Object
from tieback.dataclasses import FrozenInstanceError, field, py_class


@py_class
class Inner(Object):
    v: int


@py_class
class Outer(Object):
    x: Inner
    n: int = 0


class Loose(Outer):
    """Not decorated: constructed the long way."""


# --- arguments ---


@pytest.mark.parametrize("cls", [Outer, Loose])
@pytest.mark.parametrize(
    ("args", "kwargs", "words"),
    [
        ((), {}, r"missing required argument: 'x' \(Inner\)"),
        ((), {"n": 1}, "missing required argument: 'x'"),
        ((Inner, 1, 2), {}, "takes at most 2 positional arguments, but 3 were given"),
        ((Inner,), {"m": 1}, "got an unexpected keyword argument 'm'; it takes 'x', 'n'"),
        ((Inner,), {"x": 1}, "got multiple values for argument 'x'"),
        ((3,), {}, "field 'x': expected Inner, got int"),
        ((None,), {}, "field 'x': expected Inner, got None"),
        ((Inner, "1"), {}, "field 'n': expected int, got str"),
        ((Inner, 1.0), {}, "field 'n': expected int, got float"),
    ],
)
def test_arguments_that_do_not_fit(cls, args, kwargs, words):
    before = tieback.stats()
    args = [Inner(1) if arg is Inner else arg for arg in args]
    with pytest.raises(TypeError, match=rf"Outer.__init__\(\) {words}"):
        cls(*args, **kwargs)
    args.clear()
    assert tieback.stats() == before


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 10**30])
def test_an_int_out_of_i64(value):
    for cls in (Inner, py_class(type("Opt", (Object,), {"__annotations__": {"v": Optional[int]}}))):
        with pytest.raises(OverflowError, match=r"__init__\(\) field 'v': expected an int of 64"):
            cls(value)
        made = cls(5)
        with pytest.raises(OverflowError, match="field 'v' of .*64 bits"):
            made.v = value
        assert made.v == 5
    assert Inner(2**63 - 1).v == 2**63 - 1
    assert Inner(-(2**63)).v == -(2**63)


def test_errors_in_conversions_name_the_field():
    holder = py_class(type("H", (Object,), {"__annotations__": {"r": Array, "f": float}}))
    with pytest.raises(OverflowError, match=r"H.__init__\(\) field 'r': .*64 bits"):
        holder([1, 2**70], 1.0)
    with pytest.raises(OverflowError, match="field 'f': int too large"):
        holder([], 10**400)
    moved = Inner(1)
    moved._move()
    outer = Outer(Inner(2))
    with pytest.raises(ValueError, match="field 'x' of 'Outer': this 'Inner' was moved"):
        outer.x = moved
    assert outer.x.v == 2

    class Broken:
        def __index__(self):
            raise LookupError("index")

    with pytest.raises(LookupError) as caught:
        Inner(Broken())
    assert caught.value.args == ("index",)
    assert caught.value.__notes__ == ["in Inner.__init__() field 'v'"]
    with pytest.raises(UnicodeEncodeError) as caught:
        py_class(type("S", (Object,), {"__annotations__": {"s": str}}))("\ud800")
    assert caught.value.__notes__ == ["in S.__init__() field 's'"]


def test_values_that_stand_for_others():
    class Index:
        def __index__(self):
            return 7

    class Text(str):
        pass

    made = py_class(type("V", (Object,), {"__annotations__": {"i": int, "f": float, "s": str}}))
    value = made(Index(), True, Text("text"))
    assert (value.i, value.f, value.s) == (7, 1.0, "text")
    assert (type(value.f), type(value.s)) == (float, str)
    assert Inner(True).v == 1


def test_many_parameters():
    names = [f"a{i}" for i in range(40)]
    cls = py_class(type("Many", (Object,), {"__annotations__": dict.fromkeys(names, int)}))
    made = cls(*range(20), **{name: i for i, name in enumerate(names) if i >= 20})
    assert [getattr(made, name) for name in names] == list(range(40))
    with pytest.raises(TypeError, match="missing required argument: 'a39'"):
        cls(*range(39))


# --- factories ---


def test_a_factory_that_raises_or_makes_the_wrong_thing():
    class Mine(Exception):
        pass

    def fail():
        raise Mine("no")

    @py_class
    class Made(Object):
        first: Inner
        second: Any = field(default_factory=fail)

    @py_class
    class Wrong(Object):
        first: Inner
        second: int = field(default_factory=str)
        third: int = field(default_factory=str, init=False)

    before = tieback.stats()
    for _ in range(10):
        with pytest.raises(Mine, match="no"):
            Made(Inner(1))
        with pytest.raises(TypeError, match=r"Wrong.__init__\(\) field 'second'.* got str"):
            Wrong(Inner(1))
        with pytest.raises(TypeError, match="field 'third': expected int, got str"):
            Wrong(Inner(1), 2)
    assert tieback.stats() == before
    assert Made(Inner(1), 2).second == 2


# --- __init__ by hand ---


@pytest.mark.parametrize("frozen", [False, True])
def test_an_init_of_the_user_s_own(frozen):
    @py_class(frozen=frozen)
    class Made(Object):
        a: int
        b: str = "unused"

        def __init__(self, text):
            """Splits."""
            self.a, self.b = int(text[:1]), text[1:]
            self.a += 1

    made = Made("1x")
    assert (made.a, made.b) == (2, "x")
    assert str(inspect.signature(Made)) == "(text)"
    assert Made.__init__.__doc__ == "Splits."
    if frozen:
        for attempt in (lambda: setattr(made, "a", 3), lambda: made.__init__("5y")):
            with pytest.raises(FrozenInstanceError):
                attempt()
        assert (made.a, made.b) == (2, "x")
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'text'"):
        Made()
    before = tieback.stats()
    with pytest.raises(ValueError, match="invalid literal"):
        Made("xx")
    assert tieback.stats() == before


def test_init_chains():
    @py_class
    class A(Object):
        a: int

        def __init__(self, a):
            super().__init__()
            self.a = a

    @py_class
    class B(A):
        b: int

        def __init__(self, a, b):
            super().__init__(a)
            self.b = b

    @py_class(frozen=True)
    class C(B):
        c: int

        def __init__(self, a, b, c):
            super().__init__(a, b)
            self.c = c

    class Loose(C):
        def __init__(self):
            super().__init__(4, 5, 6)
            self.d = 7

    made = C(1, 2, 3)
    assert (made.a, made.b, made.c) == (1, 2, 3)
    with pytest.raises(FrozenInstanceError):
        made.c = 9
    made = Loose()
    assert (made.a, made.b, made.c, made.d) == (4, 5, 6, 7)
    with pytest.raises(FrozenInstanceError):
        made.c = 9


def test_a_generated_init_below_and_above_one_by_hand():
    @py_class
    class Parent(Object):
        a: int
        b: int = 2

    @py_class
    class ByHand(Parent):
        c: int = 3

        def __init__(self, c):
            super().__init__(10)
            self.c = c

    @py_class
    class Generated(ByHand):
        d: int = 4

    made = ByHand(3)
    assert (made.a, made.b, made.c) == (10, 2, 3)
    made = Generated(1, 2, 3)
    assert (made.a, made.b, made.c, made.d) == (1, 2, 3, 4)


def test_ffi_init_fills_with_defaults():
    @py_class(frozen=True)
    class Made(Object):
        a: int
        b: str = "dflt"
        c: Any = field(default_factory=lambda: 5)

        def __init__(self, text):
            self.__ffi_init__(len(text), c=text)

    made = Made("abc")
    assert (made.a, made.b, made.c) == (3, "dflt", "abc")
    with pytest.raises(TypeError, match="initialised already"):
        made.__ffi_init__(1)
    assert made.a == 3


def test_init_false():
    @py_class(init=False)
    class NoInit(Object):
        a: int = 3

    with pytest.raises(TypeError, match="'NoInit' cannot be constructed directly"):
        NoInit()

    @py_class(init=False)
    class ByHand(NoInit):
        b: int

        def __init__(self, b):
            self.b = b

    @py_class(init=False)
    class Below(ByHand):
        c: int

    assert (ByHand(2).a, ByHand(2).b) == (3, 2)
    assert (Below(2).b, Below(2).c) == (2, 0)

    @py_class(init=False)
    class BelowGenerated(Inner):
        c: int

    with pytest.raises(TypeError, match="'BelowGenerated' cannot be constructed directly"):
        BelowGenerated(1)


def test_a_constructor_replaced_later():
    @py_class
    class Made(Object):
        a: int = 1

    class Below(Made):
        pass

    assert (Made().a, Below().a) == (1, 1)
    Made.__post_init__ = lambda self: setattr(self, "a", 5)
    assert (Made().a, Below().a) == (5, 5)
    del Made.__post_init__
    assert (Made().a, Below().a) == (1, 1)
    generated = Made.__init__

    def init(self, a):
        generated(self, a * 2)

    Made.__init__ = init
    assert (Made(4).a, Below(4).a) == (8, 8)
    Made.__init__ = generated
    assert (Made(4).a, Below(4).a) == (4, 4)

    def new(cls, *args):
        return Inner(1)

    Made.__new__ = new
    assert type(Made()) is Inner


def test_new_by_the_user():
    @py_class
    class Made(Object):
        a: int

        def __new__(cls, a):
            made.append(cls)
            return super().__new__(cls)

    made = []
    assert Made(3).a == 3
    assert made == [Made]
    box = py_class(type("Box", (Object,), {"__annotations__": {"x": Made}}))(Made(4))
    assert box.x.a == 4
    assert made == [Made] * 2, "a wrapper made later runs no __new__"


@pytest.mark.parametrize("base", [Outer, Loose])
def test_asking_for_post_init_raises(base):
    """What `__post_init__` raises when it is looked up is raised, not taken for its absence."""

    class Asked(base):
        def __init__(self, x):
            Outer.__init__(self, x)

        @property
        def __post_init__(self):
            raise ValueError("asked")

    with pytest.raises(ValueError, match="asked"):
        Asked(Inner(1))


@pytest.mark.parametrize("init", ["inherited", "own"])
@pytest.mark.parametrize("decorated", [False, True])
def test_post_init_is_the_class_s_whatever_an_instance_answers(init, decorated):
    @py_class
    class Counted(Object):
        k: int = 0

        def __post_init__(self):
            self.k += 1

    def below(base):
        body = {"__getattr__": lambda self, name: answer(self, name)}
        if init == "own":
            body["__init__"] = lambda self, *args: base.__init__(self, *args)
        made = type("Below", (base,), body)
        return py_class(made) if decorated and init == "inherited" else made

    @py_class
    class Proxy(Object):
        x: Any

    def answer(self, name):
        if name == "__post_init__":
            raise ValueError("asked")
        return getattr(self.x, name)

    counted = Counted()
    assert (below(Proxy)(counted).k, counted.k) == (1, 1)

    def answer(self, name):  # noqa: F811
        return getattr(self.x, name)

    assert (below(Proxy)(counted).k, counted.k) == (1, 1)
    # One of the class's own, found there as any attribute is, and called once.
    for wrapped in (lambda f: f, classmethod, staticmethod):
        calls = []
        Proxy.__post_init__ = wrapped(lambda *args: calls.append(len(args)))
        assert below(Proxy)(counted).k == 1
        assert calls == [int(wrapped is not staticmethod)]


def test_post_init_of_a_metaclass():
    """As the library: it is asked for on the class, and called on the instance."""

    class Meta(type):
        dropped = None

        def __getattr__(cls, name):
            if name == "__post_init__":
                Meta.dropped.__class__ = Other
                gc.collect()
            raise AttributeError(name)

    class Asked(Inner, metaclass=Meta):
        def __init__(self, v):
            Meta.dropped = self
            super().__init__(v)

    class Other(Inner):
        pass

    assert type(Asked(3)) is Other
    Meta.dropped = None


def test_asking_for_keys_raises():
    class Asked:
        @property
        def keys(self):
            raise ValueError("asked")

        def __iter__(self):
            return iter([(1, 2)])

    with pytest.raises(ValueError, match="asked"):
        tieback.Map(Asked())


def test_arguments_are_kept_whatever_converting_one_does():
    """A generated ``__init__`` that is called as a method has its named arguments in a dict that can be come by."""

    @py_class
    class Pair(Object):
        first: int
        second: Any

    class Forgets:
        def __index__(self) -> int:
            frame: Any = sys._getframe()
            while "kwargs" not in frame.f_locals:
                frame = frame.f_back
            frame.f_locals["kwargs"].clear()
            self.others = [[n] for n in range(100)]
            return 1

    class Sub(Pair):
        def __init__(self) -> None:
            super().__init__(first=Forgets(), second=[2, 3])

    assert [[*Sub().second] for _ in range(5)] == [[2, 3]] * 5
