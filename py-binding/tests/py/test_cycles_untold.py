"""Objects that nobody but their wrapper holds, which was not told: a thread gave the last other reference back between
two of its instructions, while bit 63 was set (``object-core/src/halves.rs``). The collector takes them apart."""

from __future__ import annotations

import ctypes
import gc
import weakref
from typing import Any

import pytest

import tieback
from cycle_support import Opaque
from test_cycles_stateless import Node
from tie_support import Leaf, crowd, lib, state_of
from tieback import dataclasses as dc
from tieback.testing import use_count

pytestmark = pytest.mark.usefixtures("nothing_by_itself")

finalized: list[int] = []


class Plain(Node):
    """With state of its own."""


class Del(Node):
    """With a finalizer."""

    def __del__(self) -> None:
        finalized.append(self.number)


class LeafWithState(Leaf):
    """Its object holds nothing."""


@dc.py_class("test_cycles_untold.LeafWithDel")
class LeafWithDel(dc.Object):
    """The same, and nothing but a finalizer is its state."""

    number: int = 0

    def __del__(self) -> None:
        finalized.append(self.number)


def untold(x: list[Any]) -> Any:
    """The one of the list, after native code took a reference to its object, and gave it back without a word."""
    handle, number = x[0].__chandle__(), lib.hold(x[0])
    # One without state is its object's from when Python lets go of it.
    x.clear()
    shown = lib.held(number)
    strong = ctypes.c_uint32.from_address(handle)
    strong.value += 1
    lib.release(number)
    strong.value -= 1
    assert strong.value == 1 and state_of(handle) == "active"
    return shown


@pytest.mark.parametrize("kind", [Node, Plain, Del, LeafWithState, LeafWithDel])
class TestUntold:
    def test_it_is_collected(self, kind: type):
        gc.collect()
        before = tieback.stats()
        finalized.clear()
        x = untold([kind(7)])
        weak = weakref.ref(x) if hasattr(x, "__weakref__") else None
        del x
        assert tieback.stats()["owned"] == before["owned"] + 1, "nobody was told"
        others = crowd(10)
        gc.collect()
        del others
        assert tieback.stats() == before
        assert weak is None or weak() is None
        assert finalized == ([7] if hasattr(kind, "__del__") else [])

    def test_who_has_it_in_python_keeps_it(self, kind: type):
        before = tieback.stats()
        x = untold([kind(7)])
        where = id(x)
        gc.collect()
        assert use_count(x) == 1 and tieback.stats()["owned"] == before["owned"] + 1
        assert id(x) == where and x.number == 7
        # Whoever comes by it and leaves again, is.
        lib.release(lib.hold(x))
        assert tieback.stats()["owned"] == before["owned"]
        del x
        gc.collect()
        assert tieback.stats() == before

    def test_who_holds_it_natively_keeps_it(self, kind: type):
        x = kind(7)
        where, number, other = id(x), lib.hold(x), lib.hold(x)
        lib.release(other)
        del x
        gc.collect()
        x = lib.held(number)
        assert (type(x), id(x), x.number) == (kind, where, 7)
        lib.release(number)


class Late:
    """Asks a weak reference of native code while the dead are taken apart."""

    __slots__ = ()
    weak = 0
    got: list[Any] = []

    def __del__(self) -> None:
        self.got.append(lib.weak_get(self.weak))


class TestWithOthers:
    """What else is part of it."""

    @pytest.mark.parametrize("how", ["untold", "waiting"])
    @pytest.mark.parametrize("kind", [Node, Plain])
    def test_what_a_weak_reference_gets_is_whole(self, kind: type, how: str):
        gc.collect()
        before = tieback.stats()
        Late.got.clear()
        late = Late()
        gc.freeze()  # Else it would be finalized before anything is taken apart.
        given = [kind(7)]
        Late.weak, number = lib.weak_hold(given[0]), 0
        if how == "untold":
            x = untold(given)
        else:
            number = lib.hold(given[0])
            given.clear()
            x = lib.held(number)
        between, payload, other = Opaque(), Opaque(), Opaque()
        between.to, between.last, between.late = between, payload, late
        payload.to, payload.last = x, payload
        x.any, other.to = other, payload
        del x, payload, other, between, late
        if how == "untold":
            gc.collect()
        else:
            # The last reference goes on a thread that is not attached, and is not settled yet.
            lib.drop_then([number], [[gc.collect]])
        assert len(Late.got) == 1
        for x in filter(None, Late.got):
            assert type(x.any) is Opaque and type(x.any.to) is Opaque, "it was taken apart"
        x = None
        Late.got.clear()
        gc.unfreeze()
        lib.weak_release(Late.weak)
        gc.collect()
        gc.collect()
        assert tieback.stats() == before

    def test_a_weak_reference_of_native_code_gets_it(self):
        gc.collect()
        before = tieback.stats()
        given = [Plain(7)]
        weak = lib.weak_hold(given[0])
        x = untold(given)
        x.mark = "mine"
        del x
        x = lib.weak_get(weak)
        assert x.mark == "mine"
        del x
        gc.collect()
        assert lib.weak_get(weak) is None
        lib.weak_release(weak)
        assert tieback.stats() == before

    @pytest.mark.parametrize("kind", [Node, Plain, Del])
    def test_it_leads_back_to_itself(self, kind: type):
        gc.collect()
        before = tieback.stats()
        x, payload = untold([kind(7)]), Opaque()
        payload.to, x.any = x, payload
        gone = weakref.ref(payload)
        del x, payload
        gc.collect()
        gc.collect()
        assert gone() is None and tieback.stats() == before

    def test_a_living_one_leads_to_it(self):
        gc.collect()
        before = tieback.stats()
        keeper = [untold([Plain(7)])]
        gc.collect()
        assert keeper[0].number == 7
        keeper.clear()
        gc.collect()
        assert tieback.stats() == before

    def test_its_finalizer_brings_it_back(self):
        gc.collect()
        before = tieback.stats()
        kept: list[Any] = []

        class Back(Node):
            def __del__(self) -> None:
                kept.append(self)

        x = untold([Back(7)])
        x.mark = "mine"
        del x
        gc.collect()
        assert kept[0].mark == "mine" and use_count(kept[0]) == 1
        gc.collect()
        assert kept[0].number == 7
        kept.clear()
        gc.collect()
        assert tieback.stats()["objects"] == before["objects"]
