"""Libraries: loading them, and the classes made of their types."""

from __future__ import annotations

import inspect
import json
import os
import pydoc
import shutil
import subprocess
import sys
import sysconfig
import types
from pathlib import Path
from typing import Any, Callable

import pytest

import libraries
import tieback

lib = libraries.load("test_library")
_core = tieback._core


# Loading ------------------------------------------------------------------------------------------


def names_of(library: str) -> list[str]:
    return [n for n in tieback.list_global_func_names() if n.startswith(f"{library}.")]


def test_a_library_that_is_not_there(tmp_path: Path) -> None:
    missing = tmp_path / "libmissing.so"
    with pytest.raises(OSError, match="does not exist") as raised:
        tieback.load_library(missing)
    assert str(missing) in str(raised.value)


def test_a_folder_is_no_library(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="cannot be loaded as a library"):
        tieback.load_library(tmp_path)


@pytest.mark.parametrize("content", [b"", b"just text\n", b"\x7fELF and no more"], ids=repr)
def test_a_file_that_is_no_library(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "libtext.so"
    file.write_bytes(content)
    with pytest.raises(OSError, match="cannot be loaded as a library") as raised:
        tieback.load_library(str(file))
    assert str(file) in str(raised.value)


def test_a_library_that_is_not_tiebacks(tmp_path: Path) -> None:
    """A shared library without the one symbol: compiled here, by the C compiler of this Python."""
    source, made = tmp_path / "plain.c", tmp_path / libraries.file_name("plain")
    source.write_text("int plain(void) { return 1; }\n")
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    compiler = shutil.which(compiler) or shutil.which("cc") or "cc"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", made, source], check=True)
    with pytest.raises(ImportError, match="no Tieback library.*tieback_library_init"):
        tieback.load_library(made)


@pytest.mark.parametrize("bad", [None, 1, ["x"]], ids=repr)
def test_a_path_that_is_none(bad: Any) -> None:
    with pytest.raises(TypeError):
        tieback.load_library(bad)


def test_a_path_with_a_nul() -> None:
    with pytest.raises((ValueError, OSError)):
        tieback.load_library("lib\0.so")


def test_loading_twice() -> None:
    before, echo = tieback.list_global_func_names(), lib.echo
    tieback.load_library(libraries.path("test_library"))
    tieback.load_library(str(libraries.path("test_library")))
    assert tieback.list_global_func_names() == before
    assert tieback.get_global_func("test_library.echo") is echo


def test_loading_by_a_relative_path(monkeypatch: pytest.MonkeyPatch) -> None:
    path = libraries.path("test_library")
    monkeypatch.chdir(path.parent)
    tieback.load_library(path.name)


def test_a_second_copy_of_a_library_is_refused(tmp_path: Path) -> None:
    """Another file with the same names: nothing of it is registered, the first one stays."""
    copy = shutil.copy(libraries.path("test_library"), tmp_path / libraries.file_name("copied"))
    before = tieback.list_global_func_names()
    with pytest.raises(ValueError, match="already registered"):
        tieback.load_library(copy)
    assert tieback.list_global_func_names() == before
    assert lib.point(1, 2).norm1() == 3


BROKEN = {
    "fail": (ValueError, "the library changed its mind"),
    "panic": (tieback.PanicError, "the library panicked while it registered"),
    "needs": (ImportError, "broken.nobody_has_this"),
    "taken": (ValueError, "'broken.half' is exported twice"),
    "type": (ValueError, "Usurper was refused: .*already registered with another layout"),
    "major": (ImportError, r"speaks ABI 2\.0, this runtime 1\.\d+"),
    "minor": (ImportError, r"speaks ABI 1\.\d+, this runtime 1\.\d+; update the host"),
    "status": (ImportError, "answered the handshake with 77"),
    "not_an_error": (RuntimeError, "failed without an error object"),
    "own_runtime": (ImportError, "already runs its own runtime"),
}


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Loads a copy of its own of the broken library: what it did to itself ends with the test."""
    copy = shutil.copy(libraries.path("broken_library"), tmp_path / libraries.file_name("broken"))

    def load(mode: str) -> None:
        monkeypatch.setenv("TIEBACK_BROKEN", mode)
        tieback.load_library(copy)

    return load


@pytest.mark.parametrize("mode", BROKEN)
def test_a_broken_library(broken: Callable[[str], None], mode: str) -> None:
    error, text = BROKEN[mode]
    before = tieback.list_global_func_names()
    with pytest.raises(error, match=text):
        broken(mode)
    assert tieback.list_global_func_names() == before, "half registered"
    with pytest.raises(error, match=text):
        broken(mode)


@pytest.mark.parametrize("mode", ["fail", "panic", "needs", "taken", "type", "status", "minor"])
def test_a_library_that_is_mended(broken: Callable[[str], None], mode: str) -> None:
    """After a failure the next attempt starts afresh."""
    with pytest.raises(BROKEN[mode][0]):
        broken(mode)
    try:
        broken("")
        assert names_of("broken") == ["broken.half", "broken.mended"]
        assert tieback.get_global_func("broken.mended")() is True
    finally:
        for name in names_of("broken"):
            tieback.remove_global_func(name)


def test_a_missing_test_library_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Never a skip: the message says what to build."""
    monkeypatch.setenv(libraries.VARIABLE, str(tmp_path))
    with pytest.raises(pytest.fail.Exception, match="cargo build -p test-library"):
        libraries.path("test_library")


# Classes made of reflection, in a process where nobody registered one -------------------------------

PRELUDE = """
import gc, json, sys, tieback
from tieback.testing import use_count
tieback.load_library(sys.argv[1])
names = [n for n in tieback.list_global_func_names() if n.startswith("test_library.")]
lib = type("lib", (), {n.split(".", 1)[1]: staticmethod(tieback.get_global_func(n)) for n in names})
def raised(call):
    try:
        return repr(call())
    except Exception as error:
        return f"{type(error).__name__}: {error}"
answer = {}
"""

FACTS = """
point, heir, node = lib.point(1, 2), lib.point3(1, 2, 3), lib.chain(3)
Point, Point3, Node = type(point), type(heir), type(node)
answer["name"] = [Point.__module__, Point.__name__, Point.__qualname__, repr(Point)]
answer["doc"] = [Point.__doc__, Point.x.__doc__, Point3.__doc__, Point3.z.__doc__]
answer["bases"] = [Point.__bases__ == (tieback.Object,), Point3.__bases__ == (Point,)]
answer["one_class"] = type(lib.point(5, 6)) is Point
answer["fields"] = [point.x, point.y, heir.x, heir.y, heir.z]
answer["methods"] = [point.norm1(), heir.norm1(), heir.depth(), point.add(point).x]
answer["me"] = [point.me() is point, heir.me() is heir, type(heir.me()) is Point3]
answer["unbound"] = [Point.norm1(point), Point.norm1(heir), Point3.norm1(heir)]
answer["static"] = [Point.origin().x, point.origin().y]
answer["wrong_self"] = raised(lambda: Point.norm1(5))
answer["wrong_heir"] = raised(lambda: Point3.depth(point))
answer["method_count"] = raised(lambda: point.add())
answer["method_type"] = raised(lambda: point.add(5))
answer["method_keyword"] = raised(lambda: point.add(other=point))
made = Point(3, 4)
answer["constructor"] = [type(made) is Point, made.x, made.norm1(), use_count(made)]
answer["heirs_constructor"] = [type(Point3(1, 2, 3)) is Point3, Point3(1, 2, 3).z]
answer["constructor_count"] = raised(lambda: Point(1))
answer["constructor_type"] = raised(lambda: Point("1", 2))
answer["constructor_keyword"] = raised(lambda: Point(x=1, y=2))
answer["constructor_missing"] = raised(lambda: type(lib.foreign(1))(1))
answer["init_again"] = raised(lambda: made.__init__(5, 6))
answer["frozen"] = raised(lambda: setattr(point, "x", 5))
answer["delete"] = raised(lambda: delattr(point, "x"))
answer["new_attribute"] = raised(lambda: setattr(point, "z", 5))
answer["dict"] = hasattr(point, "__dict__")
answer["isinstance"] = [isinstance(heir, Point), issubclass(Point3, Point), isinstance(point, Point3)]
answer["typed_heir"] = lib.echo_point(heir) is heir
answer["empty"] = raised(lambda: Point.__new__(Point).x)
first = id(node.next())
keep = [lib.point(i, i) for i in range(200)]
answer["stable_id"] = [id(node.next()) == first, node.next() is node.next()]
answer["chain"] = [node.length(), node.next().parent() is node, node.next().next().next() is None]
class Sub(Point):
    def norm2(self):
        return (self.x ** 2 + self.y ** 2) ** 0.5
sub = Sub(3, 4)
sub.own = [1]
answer["subclass"] = [type(sub) is Sub, sub.norm2(), sub.norm1(), lib.echo(sub) is sub, sub.own]
held = lib.hold(sub)
answer["subclass_held"] = lib.held(held) is sub
del sub
answer["subclass_dropped"] = [type(lib.held(held)) is Sub, lib.held(held).x]
lib.release(held)
print(json.dumps(answer))
"""

EXPECTED = {
    "name": ["test_library", "Point", "Point", "<class 'test_library.Point'>"],
    "doc": ["Two numbers.", "To the right.", "A point with a third number.", "To you."],
    "bases": [True, True],
    "one_class": True,
    "fields": [1, 2, 1, 2, 3],
    "methods": [3, 3, 3, 2],
    "me": [True, True, True],
    "unbound": [3, 3, 3],
    "static": [0, 0],
    "wrong_self": "TypeError: test_library.Point.norm1() must be called on a test_library.Point, got int",
    "wrong_heir": "TypeError: test_library.Point3.depth() must be called on a test_library.Point3, "
    "got test_library.Point",
    "method_count": "TypeError: test_library.Point.add() takes 1 argument, got 0",
    "method_type": "TypeError: test_library.Point.add() argument 1: expected test_library.Point, got int",
    "method_keyword": "TypeError: a native Function takes no keyword arguments",
    "constructor": [True, 3, 7, 1],
    "heirs_constructor": [True, 3],
    "constructor_count": "TypeError: test_library.Point() takes 2 arguments, got 1",
    "constructor_type": "TypeError: test_library.Point() argument 1: expected int, got str",
    "constructor_keyword": "TypeError: Point() takes no keyword arguments",
    "constructor_missing": "TypeError: 'Foreign' has no constructor: objects of type "
    "'test_library.Foreign' are made by native code",
    "init_again": "TypeError: this 'Point' is initialised already: __init__ and __setstate__ run once; "
    "make a new object instead",
    "frozen": "FrozenInstanceError: cannot assign to field 'x'",
    "delete": "FrozenInstanceError: cannot delete field 'x'",
    "new_attribute": "AttributeError: 'test_library.Point' object has no attribute 'z'"
    + (" and no __dict__ for setting new attributes" if sys.version_info >= (3, 13) else ""),
    "dict": False,
    "isinstance": [True, True, False],
    "typed_heir": True,
    "empty": "ValueError: this 'Point' has no native object: its __init__ has not run (call "
    "super().__init__(...) in a subclass)",
    "stable_id": [True, True],
    "chain": [3, True, True],
    "subclass": [True, 5.0, 7, True, [1]],
    "subclass_held": True,
    "subclass_dropped": [True, 3],
}


def run_python(code: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + code, str(libraries.path("test_library"))],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONFAULTHANDLER": "1"},
    )
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    return run_python(FACTS)


@pytest.mark.parametrize("fact", EXPECTED)
def test_an_automatic_class(facts: dict[str, Any], fact: str) -> None:
    assert facts[fact] == EXPECTED[fact]


def test_every_fact_is_checked(facts: dict[str, Any]) -> None:
    assert facts.keys() == EXPECTED.keys()


def test_a_method_says_what_the_library_says_of_it():
    """Name and doc. Parameters are not reflected."""
    point, kind = lib.point(1, 2), type(lib.point(1, 2))
    text = "Distance from the origin, by streets."
    assert kind.norm1.__doc__ == point.norm1.__doc__ == inspect.getdoc(point.norm1) == text
    assert (kind.norm1.__name__, kind.norm1.__qualname__) == ("norm1", "Point.norm1")
    assert kind.origin.__doc__ == "The point at 0, 0." and kind.origin.__qualname__ == "Point.origin"
    assert text in pydoc.render_doc(point.norm1) and text in pydoc.render_doc(kind)


def test_a_method_is_called_without_a_bound_one():
    """`a.f(x)` as for methods of the interpreter's own: the class's attribute says that it may be called so."""
    point = lib.point(1, 2)
    Point = type(point)
    method = inspect.getattr_static(Point, "norm1")
    assert type(method).__flags__ & (1 << 17)  # Py_TPFLAGS_METHOD_DESCRIPTOR
    assert inspect.ismethoddescriptor(method) and inspect.isroutine(method)
    assert method(point) == Point.norm1(point) == point.norm1() == 3
    assert method.__get__(point)() == method.__get__(point, Point)() == 3
    # The interpreter from 3.12 on hands it out as it is once the line has been run a few times.
    assert {id(Point.norm1) for _ in range(100)} == {id(method)}
    assert method.__get__(None, Point) is method
    function = method.__func__
    assert isinstance(function, tieback.Function)
    assert method == method == function and hash(method) == hash(function) and method != Point.add
    assert repr(method) == f"<method {function!r}>" in repr(vars(Point))
    assert {method: 1}[function] == 1
    assert tieback.convert([method])[0] is method
    bound = point.norm1
    assert type(bound) is types.MethodType and bound.__self__ is point and bound == point.norm1
    assert method.__doc__ == Point.norm1.__doc__ == bound.__doc__
    assert (method.__name__, method.__qualname__) == ("norm1", "Point.norm1")
    assert getattr(method, "__signature__", "none") == getattr(function, "__signature__", "none")
    with pytest.raises(AttributeError, match="nothing"):
        method.nothing
    with pytest.raises(TypeError, match="takes no keyword arguments"):
        point.norm1(a=1)
    with pytest.raises(TypeError, match=r"norm1\(\) must be called on a test_library.Point, got nothing"):
        method()
    with pytest.raises(TypeError, match="takes no arguments, got 1"):
        point.norm1(1)
    for make in (lambda: type(method)(function), lambda: type("X", (type(method),), {})):
        with pytest.raises(TypeError):
            make()

    class Sub(Point):
        def norm1(self):
            return super().norm1() + 1

    assert Sub(1, 2).norm1() == 4 and Point.norm1(Sub(1, 2)) == 3
