"""Native destructors that call Python while the collector takes a cycle apart. What lives is called, and what dies
with the cycle but does not lead to it. What leads to the cycle may be cleared already, and a function that was
cleared ends the process when it is called: that is refused."""

from __future__ import annotations

import gc
import sys
import weakref
from typing import Any, Callable

import pytest

import tieback
from tie_support import Box, Node, OnDrop, lib

CALLED: list[Any] = []
REFUSED = "ReferenceError: the collector takes this Python object apart"


class WithDict(Box):
    pass


def note(x: Any) -> None:
    CALLED.append(lib.echo(x))


def call(x: Any) -> None:
    CALLED.append(x())


def call_value(x: Any) -> None:
    CALLED.append(x.value())


def call_first(x: Any) -> None:
    CALLED.append(x[0]())


def call_payload(nodes: Any) -> None:
    CALLED.append(nodes[0].payload())


def call_deep_attribute(x: Any) -> None:
    while not isinstance(x, WithDict):
        x = x[0] if isinstance(x, tieback.Array) else x.value
    CALLED.append(x.f())


def call_attribute(x: Any) -> None:
    CALLED.append(x.f())


class Ring:
    """A cycle of a Box; and a function that dies with it, made before: with a GIL it is cleared first."""

    def __init__(self, leads: bool) -> None:
        way: list[Any] = []
        self.f = lambda *_: len(way) + lib.echo(1)
        self.box = WithDict()
        self.box.itself = tieback.List([self.box])
        if leads:
            way.append(self.box)

    def close(self, callback: Any, argument: Any) -> None:
        self.box.value = OnDrop(callback, argument)


def callback(ring: Ring) -> None:
    ring.close(ring.f, 1)


def method(ring: Ring) -> None:
    class Local:
        def method(self, _: Any) -> int:
            return ring.f()

    ring.close(Local().method, 1)


def called_by_the_callback(ring: Ring) -> None:
    f = ring.f
    ring.close(lambda _: f(), 1)


def argument(ring: Ring) -> None:
    ring.close(call, ring.f)


def in_an_argument(ring: Ring) -> None:
    ring.close(call_value, Box(ring.f))


def in_an_array(ring: Ring) -> None:
    ring.close(call_first, tieback.Array([ring.f]))


def in_pythons_list(ring: Ring) -> None:
    ring.close(call_first, [ring.f])


def in_a_native_without_a_wrapper(ring: Ring) -> None:
    node = Node("inner")
    node.payload = ring.f
    ring.close(call_payload, tieback.Array([node]))


def explicit(ring: Ring) -> None:
    ring.close(tieback.convert(ring.f), 1)


def attribute(ring: Ring) -> None:
    ring.box.f = ring.f
    ring.close(call_attribute, ring.box)


WAYS = (
    *(callback, called_by_the_callback, argument, in_an_argument, in_an_array),
    *(in_pythons_list, in_a_native_without_a_wrapper, explicit),
)
# An object of the cycle is no argument if it can lead to others.
SHOWN = [way for way in WAYS if not way.__name__.startswith(("in_an_", "in_a_"))]


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch):
    texts: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda about: texts.append(str(about.exc_value)))
    yield texts
    CALLED.clear()


@pytest.mark.usefixtures("nothing_by_itself")
class TestDestructors:
    @pytest.mark.parametrize("way", (*WAYS, method, attribute))
    def test_what_leads_to_the_cycle_is_not_called(
        self, way: Callable[[Ring], None], said: list[str]
    ):
        for _ in range(3):
            way(Ring(leads=True))
            gc.collect()
        assert CALLED == []
        assert len(said) == 3 and all(REFUSED in text for text in said), said

    @pytest.mark.parametrize("way", SHOWN)
    def test_what_dies_with_it_alone_is(self, way: Callable[[Ring], None], said: list[str]):
        for _ in range(3):
            ring = Ring(leads=False)
            f, ended = ring.f, []
            ring.f = lambda *_, f=f: ended.append(f())
            watched = weakref.ref(ring.f)
            way(ring)
            del ring, f
            gc.collect()
            assert (ended, watched()) == ([1], None)
        assert said == []

    @pytest.mark.parametrize("value", [1, "text", Box])
    def test_what_lives_is(self, value: Any, said: list[str]):
        Ring(leads=True).close(note, value)
        gc.collect()
        Ring(leads=True).close(CALLED.append, value)
        gc.collect()
        assert (CALLED, said) == ([value, value], [])

    @pytest.mark.parametrize("show", [lambda x: x, Box, lambda x: tieback.Array([Box(x)])])
    def test_nor_by_the_attribute_of_another_one(self, show: Callable[[Any], Any], said: list[str]):
        ring, other = Ring(leads=True), WithDict()
        other.f, other.itself = ring.f, ring.box
        ring.box.kept = tieback.List([OnDrop(call_deep_attribute, show(other)), other])
        ring.box.value, ring.box.kept = ring.box.kept, None
        del other, ring
        gc.collect()
        assert CALLED == []
        assert len(said) == 1 and REFUSED in said[0], said

    def test_an_exception_is_shown_as_another_one(self, said: list[str]):
        class Local(Exception):
            def __str__(self) -> str:
                return str(self.args[0]())

        ring = Ring(leads=True)
        ring.close(note, Local(ring.f))
        del Local, ring
        gc.collect()
        assert [type(error) for error in CALLED] == [tieback.Error]
        assert said == []

    @pytest.mark.parametrize("way", (*WAYS, method, attribute))
    def test_all_is_where_the_cycle_is_opened_by_hand(
        self, way: Callable[[Ring], None], said: list[str]
    ):
        ring = Ring(leads=True)
        way(ring)
        ring.box.value = None
        assert said == []

    @pytest.mark.parametrize("way", (*WAYS, method, attribute))
    def test_what_a_finalizer_brings_back_is(self, way: Callable[[Ring], None], said: list[str]):
        """The collector had taken it for dead, and it lives."""
        kept = []

        class Keeps:
            def __init__(self, box: Any) -> None:
                self.box, self.itself = box, self

            def __del__(self) -> None:
                kept.append(self.box)

        ring = Ring(leads=True)
        way(ring)
        Keeps(ring.box)
        del ring
        gc.collect()
        kept.pop().value = None
        gc.collect()
        assert said == []
