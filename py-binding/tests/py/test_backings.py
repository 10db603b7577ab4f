"""A Python program whose native objects lie in an arena or on mimalloc: ties, revival and identity
hold, and every block goes back where it came from, as it was asked for.

Each program is a process of its own, because the backing is the process's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import libraries

PATHS = [str(libraries.path("backings")), str(libraries.path("test_library"))]

PROGRAM = """
import gc, sys
import tieback
from tieback import get_global_func as get
from tieback.dataclasses import Object, field, py_class

def classes():
    def shown(key):
        return tieback.register_object(key)(type(key, (tieback.Object,), {"__slots__": ()}))
    return shown("backings.Thing"), shown("backings.Page")

def counts(name):
    gc.collect()
    c = get("backings.counts")(name)
    assert c.wrong == 0, (name, c.wrong)
    return c.alive

def work(n):
    "Objects of every size and alignment, tied, dropped, revived, moved between threads."
    made = []
    for i in range(n):
        thing = Thing("name " * (i % 40), [i, "text " * (i % 30)])
        page = Page(i)
        assert page.is_aligned() and page.number == i
        holder = Thing("holder", page)
        first = id(page)
        del page
        others = [Thing(), Page()]
        assert id(holder.other) == first and holder.other is holder.other
        assert tieback.testing.tie_state(holder.other) == "active"
        holder.name = "renamed " * (i % 9)
        holder.other = thing
        made.append((holder, tieback.convert((i, "x" * i, thing)), tieback.convert(lambda: holder)))
        assert made[-1][1][2] is thing and made[-1][0].other is thing
    return made

@py_class("test_backings.Own")
class Own(Object):
    name: str
    next: object = None
"""

AFTER = (
    PROGRAM
    + """
use = get("backings.use") if tieback.load_library(sys.argv[1]) is None else get("backings.use")
Thing, Page = classes()
work(2)  # every type that is made is known
get("backings.counts")("arena")
BEFORE = work(20)
before_ids = [id(holder.other) for holder, *_ in BEFORE]
"""
)


def ran(text: str) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", text, *PATHS],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "" and done.stdout == "done\n"


@pytest.mark.parametrize("name", ["arena", "general"])
def test_set_while_the_program_runs(name: str) -> None:
    ran(
        AFTER
        + f"""
NAME = {name!r}
assert use(NAME) == "default"
start = counts(NAME)
during = work(100)
owns = [Own("own " * i, Own("next")) for i in range(50)]
assert counts(NAME) - start > 700
assert use("default") == NAME
# Old objects and new ones know each other.
assert [id(holder.other) for holder, *_ in BEFORE] == before_ids
BEFORE[0][0].other = during[0][0]
during[0][0].other = BEFORE[1][0]
assert BEFORE[0][0].other is during[0][0] and during[0][0].other is BEFORE[1][0]
identity = id(during[5][0].other)
del BEFORE[5]
assert id(during[5][0].other) == identity
BEFORE[0][0].other = None
del during, owns
assert counts(NAME) == start, (counts(NAME), start)
del BEFORE
gc.collect()
again = work(5)
del again
assert counts(NAME) == start
print("done")
"""
    )


def test_two_at_once_stay_apart() -> None:
    ran(
        AFTER
        + """
use("arena")
arena = work(30)
use("general")
general = work(30)
for (a, *_), (g, *_) in zip(arena, general):
    a.other, g.other = g.other, a.other
use("default")
out = counts("arena"), counts("general")
assert min(out) > 150, out
del arena
assert 0 < counts("arena") < out[0] and counts("general") == out[1]
del general, a, g, _, BEFORE
gc.collect()
assert (counts("arena"), counts("general")) == (0, 0)
print("done")
"""
    )


def test_objects_die_on_other_threads() -> None:
    ran(
        AFTER
        + """
import threading
use("general")
shared = work(50)
def drop():
    while shared:
        try:
            shared.pop()
        except IndexError:
            pass
threads = [threading.Thread(target=drop) for _ in range(4)]
for t in threads: t.start()
for t in threads: t.join()
use("default")
assert counts("general") == 0
print("done")
"""
    )


def test_set_before_python_was_there() -> None:
    ran(
        """
import ctypes, sys
api = ctypes.pythonapi
host = ctypes.CDLL(sys.argv[1])
host.backings_early.restype = ctypes.c_void_p
table = host.backings_early()
assert table
api.PyInterpreterState_Get.restype = ctypes.c_void_p
api.PyInterpreterState_GetDict.restype = ctypes.c_void_p
api.PyInterpreterState_GetDict.argtypes = [ctypes.c_void_p]
api.PyCapsule_New.restype = ctypes.py_object
api.PyCapsule_New.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
place = api.PyInterpreterState_GetDict(api.PyInterpreterState_Get())
name = b"tieback.runtime"
ctypes.cast(place, ctypes.py_object).value["tieback.runtime"] = api.PyCapsule_New(table, name, None)
"""
        + PROGRAM
        + """
early = get("backings.early")()
assert early.name == "made before Python was there"
assert tieback.testing.tie_state(early) == "untied"
Thing, Page = classes()
work(2)
start = counts("general")
assert start > 0
early.other = Page(5)  # an old, untied one holds a new one, tied
first = id(early.other)
more = [Page() for _ in range(50)]
assert id(early.other) == first and early.other.number == 5
made = work(50)
assert counts("general") > start + 350
early.other = None
del made, more
assert counts("general") == start, (counts("general"), start)
assert get("backings.use")("default") == "general"
print("done")
"""
    )
