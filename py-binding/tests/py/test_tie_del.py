"""Hazard 7, ``__del__``: once, when the object ends; with resurrection, added and taken away while objects live."""

from __future__ import annotations

import gc
import sys
from typing import Any

import pytest

import tieback
from tie_support import Leaf, Numbers, at_rest, lib
from tieback import dataclasses as dc

use_count = tieback.testing.use_count


@dc.py_class("test_tie_del.Plain")
class Plain(dc.Object):
    number: int = 0
    to: Any = None


class WithDel(Plain):
    __slots__ = ()
    seen: list[Any] = []

    def __del__(self) -> None:
        self.seen.append(self.number)


class TestDel:
    def test_once_when_the_object_dies(self):
        x = WithDel(3)
        number = lib.hold(x)
        del x
        for _ in range(3):
            assert type(lib.held(number)) is WithDel and WithDel.seen == []
        lib.release(number)
        assert WithDel.seen == [3]
        gc.collect()
        assert WithDel.seen == [3]
        WithDel.seen.clear()
        WithDel(4)
        assert WithDel.seen == [4]
        WithDel.seen.clear()

    def test_resurrection(self):
        kept: list[Any] = []
        ends: list[int] = []

        class Mine(Plain):
            def __del__(self) -> None:
                ends.append(self.number)
                if len(ends) < 2:
                    kept.append(self)

        x = Mine(6)
        number, where = lib.hold(x), id(x)
        x.note = "kept"
        del x
        assert ends == [] and lib.held(number).note == "kept"
        lib.release(number)
        assert ends == [6] and id(kept[0]) == where and kept[0].note == "kept"
        number = lib.hold(kept[0])
        assert lib.held(number) is kept[0] and use_count(kept[0]) == 2
        kept.clear()
        gc.collect()
        assert ends == [6], "an object that was finalized is not finalized again"
        assert lib.held(number).number == 6
        lib.release(number)
        assert ends == [6]

    @pytest.mark.parametrize("base", [Leaf, Plain, Numbers], ids=["leaf", "plain", "collected"])
    def test_added_after_registration(self, base: type):
        """A class that was stateless gets a __del__: it runs once, and nothing is revived over it. When it is
        gone again it is as before."""
        ends: list[int] = []
        kept: list[Any] = []
        x = base(8)
        number, where, handle, state = lib.hold(x), id(x), x.__chandle__(), at_rest(x)
        del x
        assert tieback.testing.tie_state(handle) == state
        base.__del__ = lambda self: ends.append(id(self))
        try:
            lib.held(number)
            if state == "active":
                assert ends == [], "its object has it"
                lib.release(number)
                number = lib.hold(base(8))
                handle = lib.held(number).__chandle__()
            else:
                assert tieback.testing.tie_state(handle) == "detached", (
                    "revived once more, and freed"
                )
            assert ends == [where]
            for _ in range(2):
                lib.held(number)
                # The next one has state from the start.
                assert ends == [where] and tieback.testing.tie_state(handle) == "active"
            base.__del__ = lambda self: kept.append(self)
            x = base(9)
            del x
            assert lib.echo(kept[0]) is kept[0] and use_count(kept[0]) == 1
            assert gc.is_tracked(kept[0]) == (base is not Leaf)
        finally:
            del base.__del__
        kept.clear()
        lib.release(number)
        number = lib.hold(base(8))
        x = lib.held(number)
        where = id(x)
        del x
        assert id(lib.held(number)) == where
        lib.release(number)

    def test_that_moves(self):
        class Mine(Plain):
            def __del__(self) -> None:
                numbers.append(lib.hold(self._move()))

        numbers: list[int] = []
        Mine(7)
        assert lib.held(numbers[0]).number == 7 and use_count(lib.held(numbers[0])) == 2
        lib.release(numbers[0])

    def test_that_raises(self, monkeypatch: pytest.MonkeyPatch):
        seen: list[str] = []
        monkeypatch.setattr(sys, "unraisablehook", lambda info: seen.append(str(info.exc_value)))

        class Mine(Plain):
            def __del__(self) -> None:
                raise KeyError("mine")

        x = Mine(1)
        number = lib.hold(x)
        del x
        assert seen == [] and lib.held(number).number == 1
        lib.release(number)
        assert seen == ["'mine'"]
        gc.collect()
