"""``register_object``: Python's classes for native types, and constructors that answer objects somebody knows."""

from __future__ import annotations

import gc
from typing import Any

import pytest

import libraries
import tieback
from tieback.testing import tie_state, use_count
from test_library_fields import fields

lib = libraries.load("test_library")
_core = tieback._core


@pytest.fixture
def restored():
    """Types that a test registers show as before afterwards."""
    before: list[tuple[type, int]] = []

    def remember(key: str) -> str:
        index = _core.type_index_by_key(key)
        shown = _core.class_of_type(index)
        if shown is not None:
            before.append((shown, index))
        return key

    yield remember
    for shown, index in before:
        _core.register_class(shown, index)
    gc.collect()


POINT = "test_library.Point"


def test_register_object(restored: Any) -> None:
    @tieback.register_object(restored(POINT))
    class MyPoint(tieback.Object):
        """Mine."""

        def norm2(self) -> float:
            return (self.x**2 + self.y**2) ** 0.5

        @property
        def sum(self) -> int:
            return self.x + self.y

        @classmethod
        def diagonal(cls, at: int) -> Any:
            return cls(at, at)

    point = lib.point(3, 4)
    assert type(point) is MyPoint
    assert (point.norm2(), point.sum, point.norm1(), point.x) == (5.0, 7, 7, 3)
    assert MyPoint.diagonal(2).sum == 4
    assert MyPoint.__doc__ == "Mine."
    assert lib.echo(point) is point
    made = MyPoint(1, 2)
    assert type(made) is MyPoint and made.me() is made


def test_register_object_without_slots_keeps_the_id(restored: Any) -> None:
    """The class is made anew without ``__dict__``: dropped wrappers are revived in place."""

    @tieback.register_object(restored(POINT))
    class MyPoint(tieback.Object):
        pass

    owner = fields(lib.point(1, 2))
    assert type(owner.point) is MyPoint and not hasattr(owner.point, "__dict__")
    first = id(owner.point)
    assert tie_state(owner.point) == "active"
    keep = [lib.point(i, i) for i in range(200)]
    assert id(owner.point) == first
    assert len(keep) == 200
    with pytest.raises(AttributeError):
        owner.point.new = 1


def test_register_object_with_empty_slots_is_the_class(restored: Any) -> None:
    class MyPoint(tieback.Object):
        __slots__ = ()

    assert tieback.register_object(restored(POINT))(MyPoint) is MyPoint
    owner = fields(lib.point(1, 2))
    first, keep = id(owner.point), [lib.point(i, i) for i in range(200)]
    assert id(owner.point) == first and len(keep) == 200


def test_register_object_with_slots_of_its_own(restored: Any) -> None:
    """State in slots lives as long as the object."""

    @tieback.register_object(restored(POINT))
    class MyPoint(tieback.Object):
        __slots__ = ("note",)

    owner = fields(lib.point(1, 2))
    point = owner.point
    point.note = ["mine"]
    assert owner.point is point and owner.point.note == ["mine"]
    del point
    assert owner.point.note == ["mine"]
    assert owner.point.x == 1


def test_register_object_with_super_and_class_cells(restored: Any) -> None:
    @tieback.register_object(restored(POINT))
    class MyPoint(tieback.Object):
        def __init__(self, x: int) -> None:
            super().__init__(x, 10 * x)

        def own(self) -> type:
            return __class__  # type: ignore[name-defined] # noqa: F821

    point = MyPoint(2)
    assert (point.x, point.y) == (2, 20)
    assert point.own() is MyPoint is type(lib.point(0, 0))


def test_a_user_overrides_a_field_and_a_method(restored: Any) -> None:
    @tieback.register_object(restored(POINT))
    class MyPoint(tieback.Object):
        @property
        def x(self) -> str:
            return "mine"

        def norm1(self) -> str:
            return "mine too"

        y = "a constant"

    point = lib.point(3, 4)
    assert (point.x, point.norm1(), point.y) == ("mine", "mine too", "a constant")
    assert point.add(point) is not point  # what it does not define is there
    assert lib.sum_x([point]) == 3  # native code sees the native field


def test_register_object_for_an_heir(restored: Any) -> None:
    restored("test_library.Point3")

    @tieback.register_object(restored(POINT))
    class MyPoint(tieback.Object):
        def twice(self) -> int:
            return 2 * self.x

    @tieback.register_object("test_library.Point3")
    class MyPoint3(MyPoint):
        pass

    heir = lib.point3(1, 2, 3)
    assert type(heir) is MyPoint3 and isinstance(heir, MyPoint)
    assert (heir.twice(), heir.z, heir.depth(), heir.norm1()) == (2, 3, 3, 3)
    assert MyPoint3(4, 5, 6).z == 6


def test_registered_twice_old_wrappers_keep_their_class(restored: Any) -> None:
    @tieback.register_object(restored(POINT))
    class First(tieback.Object):
        pass

    owner = fields(lib.point(1, 2))
    dropped, kept = fields(lib.point(3, 4)), owner.point
    first_id = id(dropped.point)

    @tieback.register_object(POINT)
    class Second(tieback.Object):
        def new(self) -> str:
            return "new"

    assert type(kept) is First and owner.point is kept and type(kept.me()) is First
    assert type(dropped.point) is First and id(dropped.point) == first_id  # its storage has a class
    assert type(lib.point(5, 6)) is Second and lib.point(5, 6).new() == "new"
    assert type(First(1, 2)) is First  # the old class still constructs its own
    del kept
    assert type(owner.point) is First


def test_a_detached_object_shows_as_the_new_class(restored: Any) -> None:
    held = lib.hold(lib.point(1, 2)._move())

    @tieback.register_object(restored(POINT))
    class Second(tieback.Object):
        pass

    assert type(lib.held(held)) is Second
    lib.release(held)


@pytest.mark.parametrize("key", ["test_library.Nope", "", "nope"])
def test_register_object_unknown_key(key: str) -> None:
    class MyPoint(tieback.Object):
        pass

    with pytest.raises(ValueError, match=f"Cannot find object type '{key}'"):
        tieback.register_object(key)(MyPoint)


@pytest.mark.parametrize(
    "bad", [object, int, 5, None, lambda: 1], ids=["object", "int", "5", "None", "a function"]
)
def test_register_object_wrong_class(bad: Any) -> None:
    with pytest.raises(TypeError, match="expects a subclass of tieback.Object"):
        tieback.register_object(POINT)(bad)


def test_register_object_wrong_base(restored: Any) -> None:
    """A class below another type's class cannot show this one."""
    Node = type(lib.chain(1))
    with pytest.raises((TypeError, ValueError)) as raised:
        tieback.register_object(restored(POINT))(type("MyPoint", (Node,), {"__slots__": ()}))
    assert "test_library.Node" in str(raised.value) or "Node" in str(raised.value)
    assert type(lib.point(0, 0)) is not Node


@pytest.mark.parametrize("bad", [3, b"key", ["key"]], ids=repr)
def test_register_object_wrong_key(bad: Any) -> None:
    class MyPoint(tieback.Object):
        pass

    with pytest.raises(TypeError):
        tieback.register_object(bad)(MyPoint)


def test_register_object_bare(restored: Any) -> None:
    """Without a key the class's name is the key: no library has one that is so short."""
    with pytest.raises(ValueError, match="Cannot find object type 'Unknown'"):

        @tieback.register_object
        class Unknown(tieback.Object):
            pass


# A constructor that answers an object somebody knows already ----------------------------------------


def remembers(restored: Any) -> Any:
    @tieback.register_object(restored(POINT))
    class Remembers(tieback.Object):
        __slots__ = ()

        def __init__(self, function: Any, *args: Any) -> None:
            self.__init_handle_by_constructor__(function, *args)

    return Remembers


def test_a_class_call_returns_the_wrapper_there_is(restored: Any) -> None:
    Remembers, point = remembers(restored), None
    point = lib.point(1, 2)
    assert Remembers(lib.echo, point) is point
    assert use_count(point) == 1


def test_a_class_call_revives_the_wrapper_there_was(restored: Any) -> None:
    Remembers = remembers(restored)
    held = lib.hold(lib.point(7, 8))
    first = id(lib.held(held))
    keep = [lib.point(i, i) for i in range(200)]
    again = Remembers(lib.held, held)
    assert id(again) == first and again.x == 7
    assert len(keep) == 200
    lib.release(held)


def test_a_class_call_binds_a_new_object(restored: Any) -> None:
    Remembers = remembers(restored)
    made = Remembers(lib.point, 5, 6)
    assert type(made) is Remembers and made.me() is made and use_count(made) == 1


def test_a_constructor_that_makes_something_else(restored: Any) -> None:
    Remembers = remembers(restored)
    for function, args in [(lib.chain, (1,)), (lib.echo, (5,)), (lib.nop, ())]:
        with pytest.raises(TypeError, match="must make a 'test_library.Point', it made"):
            Remembers(function, *args)


def test_a_constructor_that_raises(restored: Any) -> None:
    Remembers, before = remembers(restored), lib.live()
    with pytest.raises(TypeError, match="expected int, got str"):
        Remembers(lib.point, "1", 2)
    with pytest.raises(TypeError, match="expects a native Function first"):
        Remembers(len)
    assert lib.live() == before


def test_init_alone_cannot_return_another_wrapper(restored: Any) -> None:
    Remembers, point = remembers(restored), lib.point(1, 2)
    empty = Remembers.__new__(Remembers)
    with pytest.raises(TypeError, match="has a wrapper .*already"):
        empty.__init_handle_by_constructor__(lib.echo, point)
    assert empty.__chandle__() == 0 and use_count(point) == 1


def test_bound_once(restored: Any) -> None:
    Remembers = remembers(restored)
    made = Remembers(lib.point, 5, 6)
    with pytest.raises(TypeError, match="initialised already"):
        made.__init_handle_by_constructor__(lib.point, 1, 2)
    assert made.x == 5


# Odd ends -------------------------------------------------------------------------------------------


def test_objects_without_a_header() -> None:
    """Hazard 1: wrapped, usable, equal and hashable by object, never probed."""
    one = lib.immortal_foreign()
    other = lib.immortal_foreign()
    assert one == other and hash(one) == hash(other) and len({one, other}) == 1
    assert tie_state(one) == "untied"
    assert one.twice() == -2
    assert lib.foreign(1) != lib.foreign(1)
