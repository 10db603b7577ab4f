"""Every subject of the benchmark, by name: how to make its two classes, and what else it has.

Each answers a `Subject`; what it does not have is None, and its cell stays empty.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass
class Subject:
    """`outer(inner(1)).x` is an object; `echo` is a native identity function."""

    name: str
    about: str
    inner: Callable[[int], Any]
    outer: Callable[[Any], Any] | None
    echo: Callable[[Any], Any] | None = None
    array: Callable[[list[Any]], Any] | None = None
    mutable: Callable[[Any], Any] | None = None
    defined_in_rust: Callable[[int], Any] | None = None
    """An outer object of classes that a Rust library defines."""


def limit() -> Subject:
    import limit as module

    return Subject("limit", "a hand-written C type", module.Inner, module.Outer, module.echo)


def slots() -> Subject:
    class Inner:
        __slots__ = ("val",)

        def __init__(self, val: int) -> None:
            self.val = val

    class Outer:
        __slots__ = ("x",)

        def __init__(self, x: Inner) -> None:
            self.x = x

    return Subject("slots", "Python classes with __slots__", Inner, Outer, None, list, Outer)


def tieback() -> Subject:
    import tieback
    from tieback.dataclasses import py_class

    @py_class("bench.Inner")
    class Inner(tieback.Object):
        val: int

    @py_class("bench.Outer", frozen=True)
    class Outer(tieback.Object):
        x: Inner

    @py_class("bench.Mutable")
    class Mutable(tieback.Object):
        x: Inner

    in_rust = None
    if library := os.environ.get("BENCH_LIBRARY"):
        tieback.load_library(library)

        @tieback.register_object("bench.rust.Inner")
        class RustInner(tieback.Object):
            pass

        @tieback.register_object("bench.rust.Outer")
        class RustOuter(tieback.Object):
            pass

        def in_rust(number: int) -> Any:
            return RustOuter(RustInner(number))

    return Subject(
        "tieback",
        f"this project, {tieback.__version__}",
        Inner,
        Outer,
        tieback.get_global_func("testing.echo"),
        tieback.convert,
        Mutable,
        in_rust,
    )


def _module(name: str, about: str) -> Subject:
    module = importlib.import_module(name)
    return Subject(name.removeprefix("peer_"), about, module.Inner, module.Outer, module.echo)


def nanobind() -> Subject:
    import nanobind

    return _module("peer_nanobind", f"nanobind {nanobind.__version__}, intrusive counts")


def pybind11() -> Subject:
    import pybind11

    return _module("peer_pybind11", f"pybind11 {pybind11.__version__}, shared_ptr")


def pyo3() -> Subject:
    return _module("peer_pyo3", "PyO3 0.30, Py<T> field, frozen")


def tvm_ffi() -> Subject:
    import tvm_ffi
    from tvm_ffi.core import Object
    from tvm_ffi.dataclasses import py_class

    @py_class("bench.tvm.Inner")
    class Inner(Object):
        val: int

    @py_class("bench.tvm.Outer", frozen=True)
    class Outer(Object):
        x: Inner

    @py_class("bench.tvm.Mutable")
    class Mutable(Object):
        x: Inner

    echo = tvm_ffi.get_global_func("testing.echo")
    about = f"apache-tvm-ffi {tvm_ffi.__version__} (withdrawn by its makers)"
    return Subject("tvm-ffi", about, Inner, Outer, echo, tvm_ffi.convert, Mutable)


ALL = [limit, slots, tieback, nanobind, pybind11, pyo3, tvm_ffi]


# What `holds.py` asks of besides.


def holder_of(name: str) -> Callable[[], Any]:
    """A class of the subject's with a field for a Python callable."""
    if name == "tieback":
        import tieback
        from tieback.dataclasses import py_class

        @py_class("bench.Holder")
        class Holder(tieback.Object):
            callback: Any = None

        return Holder
    if name == "tvm-ffi":
        from tvm_ffi.core import Object
        from tvm_ffi.dataclasses import py_class

        @py_class("bench.tvm.Holder")
        class TvmHolder(Object):
            callback: Any = None

        return TvmHolder
    return importlib.import_module(f"peer_{name}").Holder


def thread_of(name: str) -> tuple[Callable[[Any], None], Callable[[], None]] | None:
    """Two native functions: one keeps an object, one drops it on a native thread and waits for that
    without giving the interpreter away."""
    if name == "tieback":
        import os

        import tieback

        tieback.load_library(os.environ["TIEBACK_TEST_LIBRARY"])
        hold = tieback.get_global_func("test_library.hold")
        release = tieback.get_global_func("test_library.release_on_thread")
        numbers: list[int] = []
        return lambda x: numbers.append(hold(x)), lambda: release(numbers.pop())
    if name == "tvm-ffi":
        return None  # its wheel has no such function
    module = importlib.import_module(f"peer_{name}")
    return module.hold, module.drop_on_thread
