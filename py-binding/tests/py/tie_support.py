"""What the tests of the tie share: the libraries' functions and classes, and a crowd of others."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import textwrap
import types
from typing import Any, Callable

import libraries
import tieback
from tieback import _core
from tieback import dataclasses as dc

tieback.load_library(libraries.path("test_library"))
tieback.load_library(libraries.path("crate_graph"))


def _functions(library: str) -> Any:
    """The global functions of a library, as attributes."""
    names = [name for name in tieback.list_global_func_names() if name.startswith(f"{library}.")]
    return types.SimpleNamespace(
        **{name.removeprefix(f"{library}."): tieback.get_global_func(name) for name in names}
    )


lib = _functions("test_library")
graph = _functions("crate_graph")
testing = _functions("testing")


def class_of(key: str) -> type:
    """The class that shows a native type; registers one if nobody has."""
    shown = _core.class_of_type(_core.type_index_by_key(key))
    if shown is not None:
        return shown
    cls = type(key.rpartition(".")[2], (tieback.Object,), {"__slots__": ()})
    return tieback.register_object(key)(cls)


# Showing a type the first time makes its class, which keeps wrappers of its methods: here, before a
# test counts.
lib.point(0, 0), lib.chain(1), lib.foreign(0)  # made from reflection; the rest by `type`
Point = class_of("test_library.Point")
Point3 = class_of("test_library.Point3")
Node = class_of("test_library.Node")
Numbers = class_of("test_library.Numbers")
Wide = class_of("test_library.Wide")
Aligned = class_of("test_library.Aligned")
Loud = class_of("test_library.Loud")
OnDrop = class_of("test_library.OnDrop")
Foreign = class_of("test_library.Foreign")
Fields = class_of("test_library.Fields")
for _key in ("Package", "Graph", "Stats"):
    class_of(f"crate_graph.{_key}")


@dc.py_class("tie_support.Box")
class Box(dc.Object):
    """One object of any kind."""

    value: Any = None


@dc.py_class("tie_support.Leaf")
class Leaf(dc.Object):
    number: int = 0


@dc.py_class("tie_support.Heir")
class Heir(Leaf):
    text: str = ""


@dc.py_class("tie_support.Referable", weakref_slot=True)
class Referable(dc.Object):
    number: int = 0


class Slotted(Leaf):
    """No state, but made by a class statement: the collector follows its instances."""

    __slots__ = ()


class Opaque:
    """A Python object that no native kind fits."""

    def __repr__(self) -> str:
        return "Opaque()"


# Something of every kind that is tied.
TIED: dict[str, Callable[[], Any]] = {
    "rust object": lambda: Point(1, 2),
    "rust heir": lambda: Point3(1, 2, 3),
    "in-place items": lambda: Numbers(5),
    "in-place items of 64 bytes": lambda: Wide(3),
    "body aligned to a page": lambda: Aligned(7),
    "py_class": lambda: Leaf(1),
    "py_class heir": lambda: Heir(1, "x"),
    "subclass without state": lambda: Slotted(1),
    "py_class with weak references": lambda: Referable(1),
    "function": lambda: lib.adder(3),
    "function of a callable": lambda: tieback.convert(lambda: 1),
    "error": lambda: tieback.Error("ValueError", "text"),
    "array": lambda: tieback.Array([1]),
}

STATEFUL = {"py_class with weak references"}


def at_rest(x: Any) -> str:
    """The state of a stateless object's tie when Python lets go of it and others hold it: a wrapper that the
    collector follows lives, one of an object that holds nothing is kept."""
    leaf = isinstance(x, (Leaf, Point, Point3, Numbers, Wide, Aligned))
    return "active" if gc.is_tracked(x) and not leaf else "inactive"


def crowd(count: int = 200) -> list[Any]:
    """Allocates ``count`` wrappers, of every size there is, that are returned, and again as many that
    are dropped: memory that was given back is taken by them."""
    kept: list[Any] = []
    for number in range(count // 2):
        kept.append(Leaf(number))
        Leaf(number)
        kept.append(lib.adder(number))  # callable wrappers are a word larger
        lib.adder(number)
    return kept


def state_of(handle: int) -> str:
    return tieback.testing.tie_state(handle)


def run_python(code: str, *args: str) -> subprocess.CompletedProcess[str]:
    """Runs a program in an interpreter of its own, with the libraries' paths in ``sys.argv``."""
    program = textwrap.dedent(code)
    paths = [str(libraries.path(name)) for name in ("test_library", "crate_graph", "early_host")]
    return subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", program, *paths, *args],
        capture_output=True,
        text=True,
        timeout=float(os.environ.get("TIEBACK_TIMEOUT", "120")),
        env={**os.environ, "PYTHONPATH": os.path.dirname(__file__)},
    )


def ran_cleanly(code: str, *args: str) -> str:
    """As `run_python`; asserts exit code 0 and nothing on stderr, and answers stdout."""
    done = run_python(code, *args)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout
