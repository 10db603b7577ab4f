"""One process, one runtime: two Rust libraries, a C library, two PyO3 extension modules and classes
defined in Python. Every object passed through every other: ``is`` holds, counts are exact.

The libraries are built without Python and load into every version. The extension modules belong to one:
without one for this interpreter (TIEBACK_WITHOUT_EXTENSIONS says that this is meant) the rest runs.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import itertools
import os
import subprocess
import sys

import pytest
from libraries import load, path

import tieback
from tieback.dataclasses import py_class
from tieback.testing import tie_state, use_count

c = load("c_library")
first = load("test_library")
second = load("peer_library")
second_box = type(second.box(None))
account_class = type(c.open("first", 0))


def _extension(name: str):
    """Extension modules as cargo names them, loaded from where the libraries are."""
    module_file = path(name)
    spec = importlib.util.spec_from_file_location(name, module_file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules[name] = module
    return module


WITHOUT = os.environ.get("TIEBACK_WITHOUT_EXTENSIONS") == "1"
if not WITHOUT:
    extension = _extension("extension_module")
    other_extension = _extension("peer_extension")


@py_class("test_one_runtime.Holder")
class Holder(tieback.Object):
    content: object


class Plain:
    """An ordinary Python object: it crosses in a carrier."""


_python_holder = Holder(None)


def _python_put(value):
    old, _python_holder.content = _python_holder.content, value
    return old


_slots: list[int] = []


def _first_put(value):
    old = _first_held()
    if _slots:
        first.release(_slots.pop())
    _slots.append(first.hold(value))
    return old


def _first_held():
    return first.held(_slots[-1]) if _slots else None


PEERS = {
    "c": (c.put, c.held),
    "rust": (_first_put, _first_held),
    "second rust": (second.put, second.held),
    "python": (_python_put, lambda: _python_holder.content),
}
MAKERS = {
    "c": lambda: c.open("Ada", 1),
    "rust": lambda: first.point(1, 2),
    "second rust": lambda: second.box("content"),
    "python": lambda: Holder("h"),
    "function": lambda: tieback.convert(lambda value: value),
    "array": lambda: tieback.convert([1, "two"]),
}
if not WITHOUT:
    PEERS["extension"] = (extension.put, extension.held)
    PEERS["second extension"] = (other_extension.put, other_extension.held)
    MAKERS["extension"] = lambda: extension.read("s", 20.5)


@pytest.fixture(autouse=True)
def nothing_alive():
    yield
    for put, _ in PEERS.values():
        put(None)
    if _slots:
        first.release(_slots.pop())
    gc.collect()
    assert c.live() == second.live() == 0
    assert WITHOUT or extension.live() == 0


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("peer", PEERS)
def test_each_object_through_each_peer(maker, peer):
    put, held = PEERS[peer]
    thing = MAKERS[maker]()
    assert put(thing) is None
    assert held() is thing and use_count(thing) == 2
    assert tie_state(thing) == "active"
    number = id(thing)
    del thing
    gc.collect()
    others = [make() for make in MAKERS.values() for _ in range(3)]
    thing = held()
    assert id(thing) == number
    assert put(others) is thing and use_count(thing) == 1
    assert put(None) is not None
    assert use_count(thing) == 1


@pytest.mark.parametrize("maker", MAKERS)
def test_held_by_all_at_once(maker):
    thing = MAKERS[maker]()
    for put, _ in PEERS.values():
        put(thing)
    assert use_count(thing) == 1 + len(PEERS)
    assert all(held() is thing for _, held in PEERS.values())
    for n, (put, _) in enumerate(PEERS.values()):
        assert put(None) is thing and use_count(thing) == len(PEERS) - n


def test_an_object_in_an_object_in_an_object():
    made = {name: make() for name, make in MAKERS.items()}
    for inner, outer in itertools.permutations(made, 2):
        boxed = second.box(made[inner])
        held = Holder(boxed)
        assert held.content is boxed and held.content.content is made[inner]
        boxed.content = made[outer]
        assert held.content.content is made[outer]
        del boxed, held
    assert {use_count(thing) for thing in made.values()} == {1}


def test_a_plain_python_object_comes_back_as_itself():
    plain = Plain()
    before = sys.getrefcount(plain)
    for put, held in PEERS.values():
        put(plain)
        assert held() is plain
        assert put(None) is plain
    assert sys.getrefcount(plain) == before


def test_calls_through_everything():
    """A Python function, called by C, called by Rust, called by an extension module."""
    seen = []

    def function(value):
        seen.append(value)
        return value

    for make in MAKERS.values():
        thing = make()
        assert second.call(first.echo, thing) is thing
        assert second.call(function, thing) is thing and seen.pop() is thing
        assert c.guarded(function, thing) is thing and seen.pop() is thing
        assert c.guarded(first.echo, thing) is thing
        if not WITHOUT:
            assert other_extension.call(first.echo, thing) is thing
            assert other_extension.call(function, thing) is thing and seen.pop() is thing
            assert extension.call("test_library.echo", thing) is thing
        assert use_count(thing) == 1


def test_an_exception_through_everything_is_the_same():
    raised = LookupError("the one")

    def failing(_):
        raise raised

    for call in [
        lambda: c.sum(1, failing),
        lambda: second.call(failing, 1),
        lambda: second.call(lambda n: c.sum(n, failing), 1),
        *([] if WITHOUT else [lambda: other_extension.call(lambda n: c.sum(n, failing), 1)]),
    ]:
        with pytest.raises(LookupError) as caught:
            call()
        assert caught.value is raised
    raised.__traceback__ = None


def test_each_library_knows_the_others_types():
    with pytest.raises(TypeError, match="expected c_library.Account, got peer_library.Box"):
        c.transfer(second.box(1), c.open("x", 1), 1)
    account = c.open("x", 1)
    with pytest.raises(TypeError, match="c_library.Account"):
        account.backup = second.box(1)
    assert type(second.box(1)) is second_box and type(account) is account_class
    assert issubclass(second_box, tieback.Object)


@pytest.mark.skipif(WITHOUT, reason="no extension module for this interpreter")
class TestExtensionModules:
    def test_none_ties_or_runs_a_runtime_of_its_own(self):
        assert other_extension.state() == "Adopted"
        # Its whole copy of tieback._core is in there, and refuses to be a second one.
        spec = importlib.util.spec_from_file_location("other._core", path("peer_extension"))
        with pytest.raises(ImportError, match="cannot tie"):
            spec.loader.exec_module(importlib.util.module_from_spec(spec))

    def test_its_own_type(self):
        reading = extension.read("a long name of a sensor", 20.5)
        assert type(reading) is extension.Reading
        assert (reading.sensor, reading.celsius) == ("a long name of a sensor", 20.5)
        assert reading.fahrenheit() == pytest.approx(68.9)
        warm = extension.read("w", 30.0)
        assert extension.warmest([reading, warm]) is warm
        assert use_count(warm) == 1

    def test_borrow_says_what_it_expected(self):
        with pytest.raises(TypeError, match="expected extension_module.Reading, got c_library.Acc"):
            extension.warmest([c.open("x", 1)])
        with pytest.raises(TypeError, match="expected a tieback.Object, got str"):
            extension.warmest(["text"])
        reading = extension.read("s", 1.0)
        second.put(reading._move())
        with pytest.raises(ValueError, match="was moved"):
            extension.warmest([reading])
        with pytest.raises(OverflowError, match="64 bits"):
            extension.put(2**70)

    def test_errors_are_exceptions_and_back(self):
        with pytest.raises(TypeError, match=r"c_library.open\(\) takes 2 arguments, got 1"):
            extension.call("c_library.open", 1)
        with pytest.raises(ValueError, match="nobody registered 'no.such'"):
            extension.call("no.such", 1)
        raised = KeyError("k")
        assert extension.round_trip(raised) is raised

    def test_a_class_of_ones_own_for_its_type(self):
        before = extension.Reading

        class Shown(tieback.Object):
            __slots__ = ()

            def rounded(self):
                return round(self.celsius)

        with pytest.raises(TypeError, match="no parent"):
            extension.show_readings_as(type("Wrong", (account_class,), {"__slots__": ()}))
        try:
            extension.show_readings_as(Shown)
            reading = extension.read("s", 20.6)
            assert type(reading) is Shown and reading.rounded() == 21
            assert extension.warmest([reading]) is reading
        finally:
            extension.show_readings_as(before)
        assert type(extension.read("s", 1.0)) is before

    @pytest.mark.parametrize(
        ("offset", "value", "message"),
        [
            (0, 2, "has version 2.0, this module needs 1.0; rebuild one of the two"),
            (4, 16, "has 16 bytes, but its version says at least 72"),
        ],
    )
    def test_another_version_of_the_capsule_is_refused(self, offset, value, message):
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                OTHER_VERSION,
                str(path("extension_module")),
                str(offset),
                str(value),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert message in done.stdout


# Puts a capsule with a changed table in the place of the real one.
OTHER_VERSION = """
import ctypes, importlib.util, sys
import tieback
from tieback import _core

file, offset, value = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
api = ctypes.pythonapi
api.PyCapsule_GetPointer.restype = ctypes.c_void_p
api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
api.PyCapsule_New.restype = ctypes.py_object
api.PyCapsule_New.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
name = ctypes.create_string_buffer(b"tieback._core._table")
table = ctypes.create_string_buffer(ctypes.string_at(api.PyCapsule_GetPointer(_core._table, name), 72))
kind = ctypes.c_uint16 if offset == 0 else ctypes.c_uint32
kind.from_buffer(table, offset).value = value
_core._table = api.PyCapsule_New(ctypes.addressof(table), name, None)
spec = importlib.util.spec_from_file_location("extension_module", file)
try:
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
except ImportError as refused:
    print(refused)
"""
