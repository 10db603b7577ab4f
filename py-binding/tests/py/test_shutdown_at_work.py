"""Hazard 8, while others are at work: daemon threads and Rust threads in the middle of something when the
interpreter ends. Each program runs in an interpreter of its own, many times over; the exit code is 0 and
nothing is on stderr.

``TIEBACK_STRESS`` multiplies how often.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from interpreter import GIL
from tie_support import ran_cleanly, run_python

TIMES = int(os.environ.get("TIEBACK_STRESS", "1"))

BEGIN = """
import atexit, gc, sys, threading
from tie_support import *
"""

# A callback that is in the middle of Python code when the interpreter ends. Before 3.14 CPython ends its
# thread there and then, by an unwinding that no Rust frame survives.
BUSY = (
    BEGIN
    + """
import time
begun = threading.Event()
def busy(*_):
    begun.set()
    while True: pass
class Lasts:
    # The end takes as long as a thread needs to ask for the interpreter.
    def __del__(self, sleep=time.sleep): sleep(0.02)
sys.lasts = Lasts()
"""
)


class Drops:
    BUSY = """
class Busy:
    def __del__(self, busy=busy): busy()
"""


@pytest.mark.parametrize(
    "work",
    {
        "rust thread": "lib.call_until_stopped(busy)",
        "daemon": "threading.Thread(target=lib.call, args=(busy, 1), daemon=True).start()",
        "rust thread of a daemon": "threading.Thread(target=lib.call_on_thread, args=(busy, 1), daemon=True).start()",
        "nested": "threading.Thread(target=lib.nested, args=(busy, 5), daemon=True).start()",
        "an object's end, in a callback": Drops.BUSY
        # Made where it ends: without a GIL an object of another thread's ends when that one next looks.
        + "def drop(_): lib.release(lib.hold(Busy()))\n"
        "threading.Thread(target=lib.call_on_thread, args=(drop, 1), daemon=True).start()",
        "a result's end": Drops.BUSY
        + "threading.Thread(target=lib.call, args=(lambda _: [Busy()], 1), daemon=True).start()",
        "a native destructor": "def end(): OnDrop(busy, 1)\n"
        "threading.Thread(target=end, daemon=True).start()",
    }.values(),
    ids=lambda work: work.rpartition("\n")[2][:60],
)
def test_a_callback_under_way(work: str):
    for _ in range(2 * TIMES):
        assert ran_cleanly(BUSY + work + "\nbegun.wait()\n") == ""


# Python code under every kind of slot and function of ours, on a daemon thread that the interpreter ends.
# `hook` is what it runs; it comes back as what it was made of.
SLOTS = {
    "__index__ of a field": "Leaf(0).number = Hook()",
    "__index__ of a float field": "ratio.ratio = Hook()",
    "__float__ of an int in a float field": "ratio.ratio = Int(1)",
    "__index__ of an argument": "lib.call(len, 1, Numeric())",
    "__index__ of an item": "tieback.Array([1])[Hook()]",
    "__index__ of a slice": "tieback.List([1])[Hook():]",
    "__index__ of an insertion": "tieback.List().insert(Hook(), 1)",
    "__iter__ of a list": "tieback.List(Hook())",
    "__iter__ of an extension": "tieback.List().extend(Hook())",
    "__next__ of an assignment": "tieback.List([1])[:] = (busy() for _ in (1,))",
    "keys of an update": "tieback.Dict().update(Hook())",
    "__eq__ of a search": "tieback.List([Hook()]).index(Hook())",
    "__eq__ of a comparison": "tieback.Array([Hook()]) == tieback.Array([Hook()])",
    "__eq__ that != asks": "Equal() != Equal()",
    "__lt__ of a sort": "tieback.List([Hook(), Hook()]).sort()",
    "__repr__ of an item": "repr(tieback.Map({1: Hook()}))",
    "__hash__ of an item": "hash(tieback.Array([Hook()]))",
    "a default factory": "Made()",
    "__post_init__": "After()",
    "a custom __init__": "Own()",
    "__new__": "New()",
    "__init_subclass__": "type('Sub', (Above,), {})",
    "a class being made": "dc.py_class('busy.Class')(type('Class', (dc.Object,), {'__annotations__': {'x': 'busy()'}}))",
    "__str__ of an exception": "lib.call(fails, 1)",
    "__cause__ of an exception": "raise_from(lambda: lib.call(fails, 1))",
    "__fspath__ of a library": "tieback.load_library(Hook())",
    "__del__ of a wrapper": "Deleted()",
    "__del__ of a value set anew": "box = Box(Dies()); box.value = None",
    "__del__ of a value popped": "tieback.List([Dies()]).pop()",
    "__del__ of a result": "lib.call(lambda _: [Dies()], 1)",
    "__del__ in the collector": "ring = []; ring.append((ring, Dies())); del ring\nmany = [Slotted(n) for n in range(10_000)]; gc.collect()",
    "__reduce__": "import pickle; pickle.dumps(Box(Hook()))",
    "__deepcopy__": "import copy; copy.deepcopy(tieback.List([Hook()]))",
    "a moved argument's end": "x = Box(Dies()); lib.call(len, 1, x._move())",
    "many callbacks": "while True: lib.call(busy_once, 1)",
    "a callback's callback": "lib.nested(lambda *_: Leaf(0).__setattr__('number', Hook()), 3)",
}

HOOKS = """
class Hook:
    def __init__(self, *_): pass
    __index__ = __iter__ = __eq__ = __lt__ = __repr__ = __hash__ = __str__ = busy
    __fspath__ = __reduce_ex__ = __deepcopy__ = busy
import numbers
class Numeric:
    __index__ = busy
numbers.Integral.register(Numeric)
class Dies:
    def __del__(self, busy=busy): busy()
class Fails(Exception):
    __str__ = busy
def fails(*_): raise Fails
def raise_from(call):
    try: call()
    except BaseException as error: raise ValueError from error
class Int(int):
    __float__ = busy
@dc.py_class("busy.Ratio")
class Ratio(dc.Object):
    ratio: float
ratio = Ratio(0.0)
@dc.py_class("busy.Equal")
class Equal(dc.Object):
    n: int = 0
    def __eq__(self, other): return busy()
@dc.py_class("busy.Made")
class Made(dc.Object):
    value: Any = dc.field(default_factory=busy)
@dc.py_class("busy.After")
class After(dc.Object):
    def __post_init__(self): busy()
@dc.py_class("busy.Own", init=False)
class Own(dc.Object):
    def __init__(self): busy()
@dc.py_class("busy.New")
class New(dc.Object):
    def __new__(cls): busy()
class Above(Leaf):
    def __init_subclass__(cls, **_): busy()
@dc.py_class("busy.Deleted")
class Deleted(dc.Object):
    def __del__(self, busy=busy): busy()
def busy_once(*_):
    begun.set()
"""


@pytest.mark.parametrize("work", SLOTS.values(), ids=SLOTS.keys())
def test_python_code_under(work: str):
    """Its thread hangs where it is; nothing is unwound and nothing said."""
    for _ in range(TIMES):
        lines = "\n    ".join(work.splitlines())
        ran_cleanly(
            BUSY + HOOKS + f"def work():\n    {lines}\n"
            "threading.Thread(target=work, daemon=True).start()\nassert begun.wait(60)\n"
        )


# The same on a thread that has called nothing of ours before: what it works on was made by the main thread, so
# that the one slot has to be ready by itself. (Each of these fails where no thread is registered, but for the
# finalizer of a subclass, whose frame owns nothing.)
FRESH = {
    "__index__ of a field": ("x = Leaf(0)", "x.number = Hook()"),
    "__index__ of a float field": ("", "ratio.ratio = Hook()"),
    "__float__ of an int in a float field": ("x = Int(1)", "ratio.ratio = x"),
    "__iter__ of an extension": ("x = tieback.List([1]); y = Hook()", "x.extend(y)"),
    "keys of an update": ("x = tieback.Dict(); y = Hook()", "x.update(y)"),
    "__str__ of an exception": ("", "lib.call(fails, 1)"),
    "__del__ of a py_class": ("x = [Deleted()]", "x.clear()"),
    "__del__ of a subclass": ("x = [Sub(1)]", "x.clear()"),
    "__del__ of a subclass, held": ("n = lib.hold_released(Sub(1))", "lib.release(n)"),
    "__del__ of a subclass, in a field": ("x = Box(Sub(1))", "x.value = None"),
    "an attribute's end, held": ("y = Plain(1); y.on = Dies(); n = lib.hold_released(y); del y", "lib.release(n)"),
    "a field's end": ("x = [Box(Dies())]", "x.clear()"),
    "the end of a value set anew": ("x = Box(Dies())", "x.value = None"),
    "the end of a dict's item": ("x = tieback.Dict({1: Dies()})", "del x[1]"),
    "the end of a dict's items": ("x = tieback.Dict({1: Dies()})", "x.clear()"),
    "the end of a list's items": ("x = tieback.List([Dies()])", "x.clear()"),
    "the end of an item set anew": ("x = tieback.List([Dies()])", "x[0] = 1"),
    "the end of a list's item": ("x = tieback.List([Dies()])", "del x[0]"),
    "the end of an array's items": ("x = [tieback.Array([Dies()])]", "x.clear()"),
    "a callable's end": ("x = [tieback.convert(Dies().method)]", "x.clear()"),
    "an exception's end": ("x = [tieback.convert(ValueError(Dies()))]", "x.clear()"),
    "a moved object's end": ("x = [Box(Dies())._move()]", "x.clear()"),
    "a moved argument's end": ("x = Box(Dies())", "lib.call(len, 1, x._move())"),
    "the end of what waits": ("x = [Leaf(1)]; n = lib.hold(Dies())", "lib.drop_then([n], [[x.clear]])"),
    "an iterator's end": ("x = [iter(tieback.List([Dies()]))]", "x.clear()"),
    "a weak reference's callback": (
        "y = Referable(1); ref = weakref.ref(y, busy); n = lib.hold_released(y); del y",
        "lib.release(n)",
    ),
}

FRESH_HOOKS = """
import weakref
class Plain(Leaf):
    pass
class Sub(Leaf):
    def __del__(self, busy=busy): busy()
Dies.method = lambda self: 1
"""




# Without a GIL what another thread made ends on that one, when it next looks: those need a GIL.
@pytest.mark.parametrize(
    "made, work",
    [
        pytest.param(*one, id=name)
        for name, one in FRESH.items()
        if GIL or name.startswith(("__index__", "__float__", "__iter__", "keys", "__str__"))
    ],
)
def test_python_code_on_a_fresh_thread_under(made: str, work: str):
    for _ in range(TIMES):
        ran_cleanly(
            BUSY + HOOKS + FRESH_HOOKS + made + f"\ndef work():\n    {work}\n"
            "threading.Thread(target=work, daemon=True).start()\nassert begun.wait(60)\n"
        )


def test_threads_that_end_by_themselves():
    """While the interpreter ends and after: what was registered for them is taken back."""
    for _ in range(2 * TIMES):
        ran_cleanly(
            BEGIN
            + """
def work(n):
    lib.keep_in_thread_local(OnDrop(lambda x: Leaf(x), n))
    lib.call(lambda x: x, Leaf(n))
for _ in range(20):
    threads = [threading.Thread(target=work, args=(n,)) for n in range(20)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
for n in range(20):
    threading.Thread(target=work, args=(n,), daemon=True).start()
"""
        )


def test_a_callback_that_waits():
    """It never comes back; nobody waits for it."""
    for _ in range(2 * TIMES):
        ran_cleanly(
            BEGIN
            + """
begun = threading.Event()
def wait():
    begun.set()
    threading.Event().wait()
lib.call_until_stopped(wait)
begun.wait()
"""
        )


def test_daemons_get_a_last_turn():
    """The closer of the gate waits for Rust threads that are attaching, and lets go of the interpreter
    meanwhile: daemon threads that run then hold it, closed gate or not."""
    for _ in range(6 * TIMES):
        ran_cleanly(
            BEGIN
            + """
begun = threading.Barrier(9)
def work():
    begun.wait()
    while True:
        lib.call(lambda x: x, 1)
        lib.release(lib.hold(Box(Opaque())))
        lib.held(held)
held = lib.hold(Leaf(1))
for _ in range(8):
    threading.Thread(target=work, daemon=True).start()
begun.wait()
def last():  # Rust threads want to attach; the interpreter is not given up until the gate is closed
    for _ in range(4): lib.call_until_stopped(lambda: None)
    sys.setswitchinterval(0.05)
    for _ in range(100_000): pass
atexit.register(last)
"""
        )


@pytest.mark.parametrize(
    "thing",
    [
        "Opaque()",
        "lambda: 1",
        "ValueError(Opaque())",
        "Leaf(n)",
        "Box(Opaque())",
        "tieback.convert(lambda: 1)",
        "Slotted(n)",
    ],
)
def test_rust_threads_that_drop_while_it_finalizes(thing: str):
    """They own the last references to thousands of objects, and drop them from before the gate is
    closed until after the interpreter is gone."""
    for _ in range(2 * TIMES):
        ran_cleanly(
            BEGIN
            + f"""
held = [lib.hold([{thing} for n in range(10_000)]) for _ in range(3)]
gc.collect()
atexit.register(lambda: [lib.release_in_background(number) for number in held])
"""
        )
        ran_cleanly(
            BEGIN
            + f"""
for _ in range(3):
    lib.release_in_background(lib.hold([{thing} for n in range(10_000)]))
"""
        )


def test_rust_threads_that_come_and_go():
    """Each attaches for a moment, from before finalization begins until it is over."""
    for _ in range(10 * TIMES):
        ran_cleanly(
            BEGIN
            + """
begun = threading.Event()
def called():
    begun.set()
for _ in range(4):
    lib.call_until_stopped(called)
begun.wait()
kept = [Leaf(n) for n in range(3000)]
class Last:
    # What it needs at hand: module globals may be None by then.
    def __del__(self, Leaf=Leaf): [Leaf(n) for n in range(1000)]
last = Last()
"""
        )


@pytest.mark.parametrize("caught", [True, False])
def test_a_module_whose_import_fails(caught: bool, tmp_path: Path):
    """Half-way, with things of every kind made, in its globals and in Rust: the import system drops the
    module, and what it made dies with it or stays in Rust; what comes after works."""
    (tmp_path / "half_way.py").write_text(
        BEGIN
        + """
class Mine(Leaf):
    def __del__(self, echo=lib.echo): echo(self.number)
kept = [x() for x in TIED.values()] + [Mine(1)]
held = [lib.hold(x()) for x in (*TIED.values(), lambda: Mine(2))]
lib.store_function(lambda x: kept)
tieback.register_global_func("half.way", lambda: kept)
raise RuntimeError("half-way")
"""
    )
    done = run_python(
        f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\n"
        + (
            "for _ in range(3):\n    try: import half_way\n    except RuntimeError: pass\n"
            "    import tieback; tieback.remove_global_func('half.way')\n"
            "import gc; gc.collect()\n"
            "from tie_support import *\nassert lib.call(lambda x: x, 1) == 1 and Leaf(3).number == 3"
            if caught
            else "import half_way"
        )
    )
    if caught:
        assert (done.returncode, done.stderr) == (0, ""), done
    else:
        assert done.returncode == 1 and done.stderr.endswith("\nRuntimeError: half-way\n"), done
        assert done.stderr.count("Traceback") == 1 and "Fatal" not in done.stderr, done


def test_an_exception_at_import():
    """A module that fails half-way, with things of every kind made: exit code 1 and its traceback, nothing
    else."""
    done = run_python(
        BEGIN
        + """
import types, importlib.util
kept = [lib.hold(x()) for x in TIED.values()]
lib.store_function(lambda x: x)
raise RuntimeError("half-way")
"""
    )
    assert done.returncode == 1
    shown = done.stderr.splitlines()
    if sys.version_info >= (3, 13):
        # From here on CPython shows the line itself of a program given by -c, too.
        assert shown.pop(2) == '    raise RuntimeError("half-way")', done
    assert shown[0].startswith("Traceback") and shown[-1] == "RuntimeError: half-way", done
    assert len(shown) == 3, done


def test_before_and_after_the_bindings_own_atexit():
    """Callbacks registered before the import run after the gate is closed, and the other way round."""
    out = ran_cleanly(
        """
import atexit, sys, threading
def use(when):
    from tie_support import lib, Leaf, Box, Opaque, tieback
    x = Leaf(5)
    number = lib.hold(x)
    assert lib.held(number) is x
    del x
    assert lib.held(number).number == 5
    lib.release_on_thread(number)
    lib.release_on_thread(lib.hold(Box(Opaque())))
    assert lib.call(lambda y: y + 1, 1) == 2
    print(when)
atexit.register(use, "registered before")
import tie_support
atexit.register(use, "registered after")
"""
    )
    assert out == "registered after\nregistered before\n"
