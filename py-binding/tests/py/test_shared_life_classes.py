"""Shared life: what works in every Python class works in a class below a py_class, and lives with the object."""

from __future__ import annotations

import abc
import functools
import gc
from typing import Any, Generic, TypeVar

import pytest

from tie_support import lib
from test_shared_life import Base

T = TypeVar("T")


class TestOrdinaryPython:
    """What works in every Python class works in a class below a py_class (and lives with the object)."""

    def kept(self, x: Any) -> Any:
        """Dropped by Python, and fetched."""
        number, where = lib.hold(x), id(x)
        del x
        gc.collect()
        again = lib.held(number)
        assert id(again) == where
        lib.release(number)
        return again

    def test_attributes_set_in_init(self):
        class Mine(Base):
            def __init__(self, number: int) -> None:
                super().__init__(number)
                self.names = ["a", "b"]

        x = self.kept(Mine(3))
        assert x.names == ["a", "b"] and x.number == 3 and vars(x) == {"names": ["a", "b"]}

    def test_cached_property(self):
        class Mine(Base):
            @functools.cached_property
            def made(self) -> list[int]:
                return [self.number]

        x = Mine(3)
        first = x.made
        assert self.kept(x).made is first

    def test_abc(self):
        class Shape(Base, abc.ABC):
            @abc.abstractmethod
            def area(self) -> int: ...

        class Square(Shape):
            def area(self) -> int:
                return self.number**2

        with pytest.raises(TypeError, match="abstract"):
            Shape(1)
        x = Square(3)
        x.unit = "m"
        assert self.kept(x).area() == 9 and x.unit == "m"

    def test_generic(self):
        class Of(Base, Generic[T]):
            pass

        x = Of[int](3)
        x.note = 1
        assert self.kept(x).note == 1 and x.__orig_class__ == Of[int]

    def test_init_subclass_mixins_and_super(self):
        made: list[type] = []

        class Mixin:
            def __init__(self, *args: Any) -> None:
                super().__init__(*args)
                self.mixed = True

            def __init_subclass__(cls, **kwargs: Any) -> None:
                made.append(cls)
                super().__init_subclass__(**kwargs)

        class Mine(Mixin, Base):
            def __init__(self, number: int) -> None:
                super().__init__(number)
                self.mine = True

        x = self.kept(Mine(3))
        assert made == [Mine] and (x.mixed, x.mine, x.number) == (True, True, 3)

    def test_two_bases_with_state(self):
        class Left(Base):
            pass

        class Right(Base):
            pass

        class Both(Left, Right):
            pass

        x = Both(3)
        x.note = 1
        assert self.kept(x).note == 1
