"""Hazards 8 and 9: the end of the process, and objects from before the frontend. Each program runs in
an interpreter of its own; the exit code is as it should be and nothing is on stderr."""

from __future__ import annotations

import pytest

from tie_support import ran_cleanly, run_python

BEGIN = """
import atexit, gc, sys, threading, weakref
import tieback
from tie_support import *
"""

# A program's objects, by what they are; the last line of each program below uses them.
THINGS = """
class WithDict(Leaf):
    pass
class WithDel(Leaf):
    def __del__(self, echo=lib.echo):
        assert self.__chandle__() == 0 or echo(self.number) == self.number
class Hook:
    # What it needs at hand: at the very end module globals are None.
    def __del__(self, Leaf=Leaf, Opaque=Opaque, echo=lib.echo, stats=tieback._core.stats):
        Leaf(1), echo(Opaque()), stats()
def things():
    with_dict = WithDict(1)
    with_dict.hook, with_dict.itself = Hook(), with_dict
    return [
        Leaf(1), Heir(1, "x"), Slotted(1), Referable(1), WithDict(2), WithDel(3), with_dict, Box(Hook()),
        Point(1, 2), Numbers(3), Aligned(4), Node("n"), lib.foreign(5),
        Opaque(), Hook(), lambda: 1, len, ValueError("text"), [Leaf(1), [Hook()]],
        tieback.convert(lambda: Hook()), tieback.convert(ValueError(Hook())), lib.adder(1), lib.keeper(Hook()),
        tieback.Array([Hook(), Leaf(2)]), tieback.Error("ValueError", "text"), "text" * 10, 5, None,
        OnDrop(lambda x: lib.echo(x), Leaf(6)),
    ]
"""

KEEPERS = {
    "rust static": "for x in things(): lib.hold(x)",
    "rust static, wrappers alive": "kept = things()\nfor x in kept: lib.hold(x)",
    "rust static, weakly": "kept = [x for x in things() if isinstance(x, tieback.Object)]\n"
    "for x in kept: lib.weak_hold(x)",
    "thread local of the main thread": "for x in things(): lib.keep_in_thread_local(x)",
    "thread local of a thread that ends": """
def keep():
    for x in things(): lib.keep_in_thread_local(x)
thread = threading.Thread(target=keep)
thread.start()
thread.join()
tieback.stats()
""",
    "thread local of a daemon": """
begun = threading.Event()
def keep():
    for x in things(): lib.keep_in_thread_local(x)
    begun.set()
    threading.Event().wait()
threading.Thread(target=keep, daemon=True).start()
begun.wait()
""",
    "dropped by C's atexit": "for x in things(): lib.drop_at_exit(x)",
    "module globals": "kept = things(); also = kept[0]; sys.modules['made_up'] = things()",
    "class attributes and defaults": """
class Keeps:
    kept = things()
    def method(self, kept=things()): pass
""",
    "cycles": """
def ring():
    kept = things()
    kept.append(kept)
    mine = WithDict(1)
    mine.itself, mine.kept, mine.hook = mine, kept, Hook()
    return mine
gc.disable()
keep = ring()
ring()
""",
    "native cycles": """
for x in things():
    box = Box()
    box.value = lambda box=box, x=x: box
""",
    "a stored function": "lib.store_function(lambda x, kept=things(): x)",
    "global functions": "tieback.register_global_func('made.up', lambda kept=things(): 1)",
    "an exception under way when it ends": """
kept = things()
def fail(_): sys.exit(0)
lib.call(fail, kept[0])
""",
    "atexit, registered after the import": """
kept = things()
def last():
    kept.extend(things())
    assert lib.call(lambda x: x, kept[0]) is kept[0]
    kept.clear()
    lib.release_on_thread(lib.hold(Hook()))
    tieback.stats()
atexit.register(last)
""",
    "moved references": "kept = [x._move() for x in things() if isinstance(x, tieback.Object)]",
    "a thread that waits in native code": """
threading.Thread(target=lib.wait_gate, args=(100_000,), daemon=True).start()
kept = things()
""",
    "drops in the background": """
for x in things(): lib.release_in_background(lib.hold(x))
del x
""",
    "unraisable at the end": "kept = OnDrop(lambda x: x, None)",
}


class TestHazard8:
    """Shutdown."""

    @pytest.mark.parametrize("keep", KEEPERS.values(), ids=KEEPERS.keys())
    def test_kept_until_the_end_by(self, keep: str):
        assert ran_cleanly(BEGIN + THINGS + keep) == ""

    def test_atexit_registered_before_the_import(self):
        """It runs when the gate is closed: on the finalizing thread everything works all the same."""
        out = ran_cleanly(
            """
            import atexit, threading
            def last():
                from tie_support import Box, Leaf, Opaque, lib, tieback
                import gc
                class Hook:
                    def __del__(self):
                        print("freed")
                x = Leaf(5)
                assert lib.call(lambda y: y, x) is x
                box = Box(Hook())
                del box
                gc.collect()
                number = lib.hold(Leaf(7))
                assert lib.held(number).number == 7
                lib.release(number)
                print(lib.catch(lambda y: [][y], 1)[0])
            atexit.register(last)
            import tie_support
            """
        )
        assert out == "freed\nIndexError\n"

    @pytest.mark.parametrize(
        "work",
        [
            "lib.echo(Leaf(1))",
            "lib.call(lambda x: x, Leaf(1))",
            "lib.call_on_thread(lambda x: x, Leaf(1))",
            "lib.release_on_thread(lib.hold(Box(Opaque())))",
            "lib.release_in_background(lib.hold(Box(Opaque())))",
            "lib.wait_gate(1)",
        ],
    )
    def test_daemon_threads_at_work(self, work: str):
        for _ in range(3):
            out = ran_cleanly(
                BEGIN
                + f"""
begun = threading.Barrier(4)
def work():
    begun.wait()
    while True:
        {work}
for _ in range(3):
    threading.Thread(target=work, daemon=True).start()
begun.wait()
kept = [Leaf(n) for n in range(1000)]
"""
            )
            assert out == ""

    def test_rust_threads_that_call_python_until_the_end(self):
        for _ in range(5):
            ran_cleanly(
                BEGIN
                + """
begun = threading.Event()
def called():
    begun.set()
    Leaf(1)
    return Box(Opaque())
for _ in range(3):
    lib.call_until_stopped(called)
begun.wait()
"""
            )

    @pytest.mark.parametrize("code", [0, 3])
    def test_the_exit_code_is_the_programs(self, code: int):
        done = run_python(BEGIN + THINGS + f"kept = things()\nlib.hold(kept)\nsys.exit({code})")
        assert (done.returncode, done.stderr) == (code, "")

    def test_an_exit_from_a_callback(self):
        done = run_python(
            BEGIN + THINGS + "kept = things()\nlib.call(lambda x: lib.call(sys.exit, x), 7)"
        )
        assert (done.returncode, done.stderr) == (7, "")

    def test_threads_that_end_leave_nothing(self):
        """What a thread kept in its own storage goes when the thread has no interpreter any more."""
        out = ran_cleanly(
            BEGIN
            + THINGS
            + """
def keep(_):
    for x in things(): lib.keep_in_thread_local(x)
lib.call_on_thread(keep, None)
gc.collect()
before = tieback.stats()
for _ in range(5):
    lib.call_on_thread(keep, None)
    gc.collect()
    print(tieback.stats() == before)
"""
        )
        assert out == "True\n" * 5


EARLY = """
import ctypes, sys
api = ctypes.pythonapi
early = ctypes.CDLL(sys.argv[3])
early.early_host_runtime.restype = ctypes.c_void_p
table = early.early_host_runtime()
api.PyInterpreterState_Get.restype = ctypes.c_void_p
api.PyInterpreterState_GetDict.restype = ctypes.c_void_p
api.PyInterpreterState_GetDict.argtypes = [ctypes.c_void_p]
api.PyCapsule_New.restype = ctypes.py_object
api.PyCapsule_New.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
place = api.PyInterpreterState_GetDict(api.PyInterpreterState_Get())
anchor = ctypes.cast(place, ctypes.py_object).value
name = b"tieback.runtime"
anchor["tieback.runtime"] = api.PyCapsule_New(table, name, None)
import gc
import tieback
from tieback import get_global_func as get
from tie_support import *
echo = get("early_host.echo")
state = tieback.testing.tie_state
"""


class TestHazard9:
    """Objects made before the frontend was loaded."""

    def test_functions_keep_their_identity_by_name(self):
        ran_cleanly(
            EARLY
            + """
assert state(echo) == "untied"
first = id(echo)
del echo
others = crowd()
echo = get("early_host.echo")
assert id(echo) == first and get("early_host.echo") is echo
assert echo(5) == 5 and echo("text") == "text"
for x in TIED.values():
    x = x()
    assert echo(x) is x
"""
        )

    def test_override_and_remove_end_it(self):
        ran_cleanly(
            EARLY
            + """
tieback.register_global_func("early_host.echo", lambda x: "other", override=True)
other = get("early_host.echo")
assert other is not echo and other(1) == "other" and echo(1) == 1
assert get("early_host.echo") is other
tieback.remove_global_func("early_host.echo")
assert get("early_host.echo", allow_missing=True) is None
make = get("early_host.make")
tieback.remove_global_func("early_host.make")
assert get("early_host.make", allow_missing=True) is None
assert list(make()) == [4, 5]
"""
        )

    def test_a_moved_function_is_fetched_anew(self):
        ran_cleanly(
            EARLY
            + """
moved = echo._move()
again = get("early_host.echo")
assert again is not echo and again(3) == 3 and get("early_host.echo") is again
try:
    echo(1)
except ValueError as error:
    assert "was moved" in str(error)
else:
    raise AssertionError
"""
        )

    def test_objects_are_usable_equal_and_hashable(self):
        ran_cleanly(
            EARLY
            + """
kept = get("early_host.kept")()
again = get("early_host.kept")()
assert state(kept) == "untied" and again.same_as(kept)
assert len(kept) == 4 and list(kept[0]) == [1, 2, 3] and kept[3] == "text"
assert state(kept[0]) == "untied" and kept[0].same_as(again[0]) and kept[0] == again[0]
assert kept[1](1, 2) == 3 and kept[1] == again[1] and hash(kept[1]) == hash(again[1])
assert kept[2].kind == "ValueError" and kept[2].same_as(echo(kept[2]))
assert tieback.testing.use_count(kept[1]) >= 2
"""
        )

    def test_what_is_made_afterwards_is_tied(self):
        """By the application itself, too: its runtime is the one that has the frontend now."""
        ran_cleanly(
            EARLY
            + """
made = get("early_host.make")()
assert state(made) == "active"
first = id(made)
get("early_host.keep")(made)
del made
others = crowd()
assert id(get("early_host.kept")()) == first
assert lib.echo(get("early_host.kept")()) is get("early_host.kept")()
"""
        )

    def test_they_die_as_they_were_made(self):
        ran_cleanly(
            EARLY
            + """
get_kept, keep = get("early_host.kept"), get("early_host.keep")
before = tieback.stats()
kept = get_kept()
inner = kept[0]
keep(None)
del kept
gc.collect()
assert list(inner) == [1, 2, 3]
number = lib.hold(inner)
del inner
lib.release_on_thread(number)
assert tieback.stats() == before, (before, tieback.stats())
"""
        )
