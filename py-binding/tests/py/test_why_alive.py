"""``tieback.why_alive`` and the report of ``TIEBACK_LEAKS``: what holds objects, and that asking changes
nothing."""

from __future__ import annotations

import functools
import gc
import os
import subprocess
import sys
import threading
import types
import weakref
from pathlib import Path
from typing import Any, Callable

import pytest

import libraries
import tieback
from tie_support import Box, Leaf, lib
from tieback.testing import use_count


@pytest.fixture(autouse=True)
def thawed():
    """The collector shows nothing of what was there when the test began, which it has frozen."""
    gc.unfreeze()


class Noted(Box):
    """With attributes."""

    __hash__ = tieback.Object.__hash__

    def note(self, x: Any) -> Any:
        self.note = x
        return self


class Opaque:
    def __init__(self, x: Any) -> None:
        self.x = x


class Holder:
    """A class that keeps things."""


SHELF: list[Any] = []


def labels(reason: Any) -> list[str]:
    """The way, by what each calls the next."""
    return [step.label for step in reason.steps[1:]]


def asked(make: Callable[[], Any]) -> Any:
    """`why_alive` of what is held elsewhere; this frame's own variable does not count."""
    x = make()
    reason = tieback.why_alive(x)
    del x
    return reason


class TestRoots:
    def test_a_global(self):
        SHELF.append(Leaf(1))
        reason = asked(lambda: SHELF[0])
        SHELF.clear()
        assert (reason.kind, reason.root) == ("global", "global 'SHELF' of module test_why_alive")
        assert labels(reason) == ["[0]"] and reason.steps[0].what == "list"
        assert reason.steps[1].what == "tie_support.Leaf (active, strong 1)"
        assert repr(reason) == (
            "global 'SHELF' of module test_why_alive\n  -> list\n    [0] -> tie_support.Leaf (active, strong 1)"
        )

    def test_a_local_of_another_function(self):
        def outer() -> Any:
            kept = {"key": Leaf(1)}
            return asked(lambda: kept["key"])

        reason = outer()
        assert reason.kind == "local" and reason.root.startswith("local 'kept' of")
        assert "outer() (" in reason.root and f"{Path(__file__).name}:" in reason.root
        assert labels(reason) == ["['key']"]

    def test_a_local_of_another_thread(self):
        box, here, go = [Leaf(1)], threading.Event(), threading.Event()

        def wait(mine: Any) -> None:
            here.set()
            go.wait()

        thread = threading.Thread(target=wait, args=(box[0],), name="the other")
        thread.start()
        here.wait()
        x = box.pop()
        reason = tieback.why_alive(x)
        go.set()
        thread.join()
        assert "local 'mine' of" in reason.root and "thread the other" in reason.root

    def test_an_attribute_of_a_class(self):
        Holder.it = Leaf(1)
        reason = asked(lambda: Holder.it)
        del Holder.it
        assert (reason.kind, reason.root) == ("class", "attribute .it of test_why_alive.Holder")

    def test_native_code(self):
        number = lib.hold(Leaf(1))
        reason = asked(lambda: lib.held(number))
        lib.release(number)
        assert reason.kind == "native"
        assert reason.root == "held by native code: 1 reference that no reflected field explains"

    def test_native_code_through_fields(self):
        """A native object that Python reaches is walked: its holder is told, with the field's name."""
        SHELF.append(Noted(tieback.List([0, Leaf(1)])))
        reason = asked(lambda: SHELF[0].value[1])
        SHELF.clear()
        assert labels(reason) == ["[0]", ".value", "[1]"]
        assert [step.what.split(" ")[0] for step in reason.steps] == [
            *("list", "test_why_alive.Noted", "tieback.List", "tie_support.Leaf")
        ]

    def test_a_global_function(self):
        leaf = Leaf(1)

        @tieback.register_global_func("test_why_alive.kept", override=True)
        def kept() -> Any:
            return leaf

        del kept
        x, leaf = leaf, None
        leaf = x  # the cell has it
        reason = tieback.why_alive(x)
        tieback.remove_global_func("test_why_alive.kept")
        assert reason.root == "a global function, or a method of a type"
        assert labels(reason) == ["holds", "closure leaf"]

    def test_a_cycle_alone(self):
        def make() -> Any:
            x = Noted(1)
            x.me = {"x": x}
            return x

        reason = tieback.why_alive(make())
        assert (reason.kind, reason.root) == ("cycle", "held by a cycle alone: the collector frees it")
        reason = tieback.why_alive(Leaf(1))
        assert reason.root == "held by this call alone"

    @pytest.mark.parametrize("bound, most", [("_MOST_STEPS", 3), ("_MOST_SECONDS", 0.0)])
    def test_a_search_ends_in_time(self, bound: str, most: float, monkeypatch: pytest.MonkeyPatch):
        """Far from any root it says how far it came, instead of walking a large process for minutes."""
        SHELF.append(functools.reduce(lambda inside, _: [inside], range(20), Leaf(1)))
        monkeypatch.setattr(tieback._why, bound, most)
        reason = asked(lambda: functools.reduce(lambda outside, _: outside[0], range(20), SHELF[0]))
        SHELF.clear()
        assert reason.kind == "unknown" and reason.root.startswith("no root among the nearest ")
        assert len(reason.steps) < 6 and reason.steps[-1].what == "tie_support.Leaf (active, strong 1)"

    def test_the_callers_own_variable_is_told_last(self):
        x = Leaf(1)
        assert tieback.why_alive(x).root.startswith("local 'x' of")
        SHELF.append(x)
        assert tieback.why_alive(x).root == "global 'SHELF' of module test_why_alive"
        SHELF.clear()


    def test_a_global_of_the_callers_own_module(self):
        """Another function's name for it is none of the caller's variables."""
        global KEPT
        KEPT = Leaf(1)
        reason = tieback.why_alive(KEPT)
        del KEPT
        assert (reason.kind, reason.root) == ("global", "global 'KEPT' of module test_why_alive")

    def test_a_module_is_not_asked_what_it_keeps_to_itself(self):
        """`_asyncio` of CPython 3.12 keeps dead iterators for the next: who refers to one, ends it again."""
        program = """
import asyncio, gc
import tieback

async def wait_for_many():
    loop = asyncio.get_running_loop()
    futures = [loop.create_future() for _ in range(30)]
    async def one(future):
        return await future
    tasks = [asyncio.create_task(one(future)) for future in futures]
    await asyncio.sleep(0)
    for future in futures:
        future.set_result(1)
    await asyncio.gather(*tasks)

def ask():
    made = [tieback.List([1])]
    assert tieback.why_alive(made[0]).kind == "local"
    tieback.graph(asyncio)

for _ in range(3):
    asyncio.run(wait_for_many())
    ask()
gc.collect()
"""
        done = subprocess.run([sys.executable, "-c", program], timeout=120, capture_output=True, text=True)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


class TestWays:
    @pytest.mark.parametrize(
        "put, way",
        [
            (lambda x: Opaque(x), [".x"]),
            (lambda x: (x,), ["[0]"]),
            (lambda x: {"a": {"b": ((x,), 1)}}, ["['a']", "['b']", "[0]", "[0]"]),
            (lambda x: {x}, ["in"]),
            (lambda x: lambda: x, ["closure x"]),
            (lambda x: functools.partial(print, x), ["args", "[0]"]),
            (lambda x: Noted(x), [".value"]),
            (lambda x: Noted(Leaf(x and 1)).note(x), [".note"]),
            (lambda x: tieback.Array([lambda: x]), ["[0]", "holds", "closure x"]),
            (lambda x: tieback.Dict({"a": [0, x]}), ["['a']", "[1]"]),
            (lambda x: Noted(Opaque(x)), [".value", "holds", ".x"]),
        ],
        ids=lambda value: None if callable(value) else " ".join(value),
    )
    def test_ways(self, put: Any, way: list[str]):
        SHELF.append(put(Noted(0)))
        gc.collect()  # the collector leaves tuples alone that have nothing for it

        def find(x: Any) -> Any:
            for step in way:
                if step == "holds":
                    continue
                if step.startswith("."):
                    x = getattr(x, step[1:])
                elif step == "in":
                    (x,) = x
                elif step == "closure x":
                    x = x.__closure__[0].cell_contents
                elif step == "args":
                    x = x.args
                else:
                    x = x[eval(step)[0]]
            return x

        reason = asked(lambda: find(SHELF[0]))
        SHELF.clear()
        assert reason.root == "global 'SHELF' of module test_why_alive"
        assert labels(reason) == ["[0]", *way]

    def test_what_the_collector_does_not_track(self):
        """A dict of nothing but untracked things is none of the collector's; it is found all the same."""
        SHELF.append({"a": {"b": Leaf(1)}})
        assert not gc.is_tracked(SHELF[0]["a"]) or sys.version_info >= (3, 14)
        reason = asked(lambda: SHELF[0]["a"]["b"])
        SHELF.clear()
        assert labels(reason) == ["[0]", "['a']", "['b']"]

    def test_a_suspended_generator(self):
        def rows(x: Any):
            while True:
                yield x

        SHELF.append(rows(Leaf(1)))
        reason = asked(lambda: next(SHELF[0]))
        SHELF.clear()
        assert reason.root == "global 'SHELF' of module test_why_alive"
        assert reason.steps[1].what == "generator"

    def test_weak_references_hold_nothing(self):
        x = Noted(1)
        ref = weakref.ref(x)
        keys = weakref.WeakKeyDictionary()
        SHELF.append(ref)
        assert tieback.why_alive(x).root.startswith("local 'x' of")
        SHELF.clear()
        del keys


class TestNothingIsChanged:
    def test_counts_and_wrappers(self):
        x = Noted(tieback.List([Leaf(1)]))
        number = lib.hold(x)
        before = (tieback.stats(), use_count(x), sys.getrefcount(x))
        for _ in range(3):
            tieback.why_alive(x)
        assert (tieback.stats(), use_count(x), sys.getrefcount(x)) == before
        lib.release(number)

    def test_variables_of_running_functions_are_not_kept(self):
        def inner(x: Any) -> weakref.ref[Any]:
            tieback.why_alive(x)
            return weakref.ref(x)

        def outer() -> bool:
            x = Noted(1)
            ref = inner(x)
            del x
            return ref() is None

        assert outer()

    def test_no_code_of_the_classes_runs(self):
        class Hostile:
            def refuse(self, *args: Any) -> Any:
                raise AssertionError("looked at by its own code")

            __repr__ = __len__ = __iter__ = __getattribute__ = __hash__ = __eq__ = refuse
            __class__ = property(refuse)  # type: ignore[assignment]

        hostile = Hostile()
        object.__setattr__(hostile, "x", Leaf(1))
        SHELF.append(hostile)
        x = object.__getattribute__(hostile, "__dict__")["x"]
        del hostile
        reason = tieback.why_alive(x)
        SHELF.clear()
        assert labels(reason) == ["[0]", ".x"]


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    prelude = "import sys, tieback\nfrom tie_support import Box, Leaf, lib\n"
    return subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", prelude + code],
        capture_output=True,
        text=True,
        timeout=120,
        env={
            **os.environ,
            "PYTHONPATH": os.path.dirname(__file__),
            libraries.VARIABLE: str(libraries.path("test_library").parent),
            **environment,
        },
    )


def table(text: str) -> dict[str, tuple[int, ...]]:
    """The report's rows."""
    rows = {}
    for line in text.splitlines()[2:-1]:
        name, *counts = line.rsplit(None, 4)
        rows[name.strip()] = tuple(map(int, counts))
    return rows


class Closed(types.ModuleType):
    """Answers nothing, as what loads itself at a first attribute must not be asked."""

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(f"asked for {name}")


class Posing(list):  # type: ignore[type-arg]
    """Says that it is something else, which only asking its class avoids."""

    @property
    def __class__(self) -> Any:
        raise AssertionError("asked for its class")


class TestNothingIsAsked:
    @pytest.fixture(autouse=True)
    def closed(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        module = Closed("closed")
        monkeypatch.setitem(sys.modules, "closed", module)
        return module

    def test_of_modules(self, closed: Any):
        x = Leaf(1)
        types.ModuleType.__setattr__(closed, "x", x)
        holds = [x]
        assert tieback.why_alive(x).root in ("global 'x' of module closed", "held by module closed")
        from tieback import _leaks

        assert "tie_support.Leaf" in _leaks.report()
        assert tieback.graph(Box([closed, Posing().append])).nodes
        del holds
        types.ModuleType.__delattr__(closed, "x")

    def test_what_locals_gave_is_kept(self):
        x = Leaf(1)
        given = locals()
        before = given.keys() - {"given", "before"}
        tieback.why_alive(x)
        assert before and before <= given.keys() and given["x"] is x


class TestLeaks:
    def test_nothing_alive_prints_nothing(self):
        done = run("x = Box(Leaf(1)); del x", TIEBACK_LEAKS="1")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    @pytest.mark.parametrize("value", ["", "0"])
    def test_nothing_is_printed_unless_asked_for(self, value: str):
        done = run("x = Leaf(1)", TIEBACK_LEAKS=value)
        assert (done.returncode, done.stderr) == (0, "")

    def test_the_table(self):
        done = run(
            "kept = Box([Leaf(1), Leaf(2)])\n"
            "lib.hold(Leaf(3))\n"
            "x = Leaf(4); lib.hold(x)\n"
            "@tieback.register_global_func('mine')\ndef mine(): pass\n",
            TIEBACK_LEAKS="1",
        )
        lines = done.stderr.splitlines()
        assert lines[0] == "tieback: 6 native objects are alive at exit"
        assert lines[1].split("  ")[1] == "type"
        assert lines[-1].startswith("  (what global variables reach is no leak by itself;")
        # type: alive, wrapped, by native code, by globals
        assert table(done.stderr) == {
            "tie_support.Leaf": (3, 1, 1, 3),
            "tie_support.Box": (1, 1, 0, 1),
            "tieback.Array": (1, 0, 0, 1),
            "(seen by native code alone)": (1, 0, 1, 0),
        }
        assert done.returncode == 0

    def test_what_native_code_alone_holds_of_a_class_with_state(self):
        done = run("class Mine(Box): pass\nlib.hold(Mine(Leaf(1)))", TIEBACK_LEAKS="1")
        assert table(done.stderr) == {"tie_support.Box": (1, 1, 1, 0), "tie_support.Leaf": (1, 0, 0, 0)}

    def test_cycles_are_collected_first(self):
        done = run("class Mine(Box): pass\nx = Mine(); x.me = x; del x", TIEBACK_LEAKS="1")
        assert done.stderr == ""

    def test_an_error_at_exit_is_not_hidden(self):
        done = run("x = Leaf(1); raise SystemExit(3)", TIEBACK_LEAKS="1")
        assert done.returncode == 3 and table(done.stderr) == {"tie_support.Leaf": (1, 1, 0, 1)}
