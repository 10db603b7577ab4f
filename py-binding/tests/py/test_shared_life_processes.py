"""Design section 6 in processes of their own: a fork, and the end of the interpreter."""

from __future__ import annotations

import pytest

from tie_support import ran_cleanly

# The classes of ``test_shared_life``. Each has a line to say at its end that `END` stands for.
SOURCES = {
    "dict": "class Mine(Base): pass",
    "slots": "class Mine(Base): __slots__ = ('note',)",
    "weakref": "class Mine(Base): __slots__ = ('__weakref__', 'note')",
    "del": "class Mine(Base):\n    __slots__ = ()\n    END",
    "subclass": "class Between(Base):\n    def __init__(self, number): super().__init__(number); self.unit = 'm'\n"
    "class Mine(Between): pass",
    "all": "class Mine(Base):\n    END",
}
END = "def __del__(self, write=os.write): write(1, f'end {self.number}\\n'.encode())"
PRELUDE = """
import gc, os, sys, weakref
from typing import Any
import tieback
from tieback.dataclasses import py_class
tieback.load_library(sys.argv[1])
hold, held, release, drop_at_exit = (
    tieback.get_global_func(f"test_library.{name}") for name in ("hold", "held", "release", "drop_at_exit")
)
@py_class
class Base(tieback.Object):
    number: int = 0
    to: Any = None
"""


@pytest.mark.parametrize("kind", SOURCES)
class TestProcesses:
    def program(self, kind: str, code: str) -> list[str]:
        return sorted(ran_cleanly(PRELUDE + SOURCES[kind].replace("END", END) + code).split("\n"))

    def test_fork(self, kind: str):
        """The child has the object, its wrapper, and what is on it; each process ends its own."""
        lines = self.program(
            kind,
            """
x = Mine(3); where = id(x)
if kind != "del":
    x.note = [1]
ref = weakref.ref(x) if Mine.__weakrefoffset__ else lambda: held(number)
number = hold(x)
del x
child = os.fork()
assert id(held(number)) == where and type(held(number)) is Mine and ref() is held(number)
assert kind == "del" or held(number).note == [1]
assert kind != "subclass" or held(number).unit == "m"
gc.collect()
assert ref() is held(number)
release(number)
assert tieback.stats()["stateful"] == 0
if child:
    assert os.waitpid(child, 0)[1] == 0
else:
    os._exit(0)
""".replace("kind", repr(kind)),
        )
        assert lines == ["", *["end 3"] * (2 if kind in ("del", "all") else 0)]

    def test_shutdown(self, kind: str):
        """Held by Rust, dropped by Rust when Python is gone, and by nobody, in cycles, when it ends."""
        lines = self.program(
            kind,
            """
x = Mine(1); x.to = x; hold(x)
y = Mine(2)
z = Mine(3); z.to = lambda z=z: z
w = Mine(4); w.to = Base(5, w)
drop_at_exit(Mine(6))
if kind != "del":
    x.note, y.note = [x], [y]
    y.note.clear()
del x, y, z, w
""".replace("kind", repr(kind)),
        )
        assert lines == ["", *["end 2", "end 3", "end 4"] * (kind in ("del", "all"))]
