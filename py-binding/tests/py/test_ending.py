"""What the main module holds ends with it, also where the runtime keeps classes and functions of it for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from tie_support import ran_cleanly

HEAD = """
import sys, types, weakref
import tieback
from tieback.dataclasses import py_class
"""

KEPT = {
    "nothing": "",
    "py_class": """
@py_class("ending.Kept")
class Kept(tieback.Object):
    x: int
    def method(self):
        return made
made = Kept(1)
""",
    "function": "tieback.register_global_func('ending.kept', lambda: 1)\n",
    "error": """
@tieback.register_error
class Kept(Exception):
    def __str__(self):
        return "kept"
""",
}


# Each says that it ends; then `also` is called.
TOLD = """
class Told:
    def __init__(self, name):
        self.name = name
    def __del__(self):
        print(self.name, end=" ", flush=True)
        also(self.name)
first, second, third = map(Told, ("first", "second", "third"))
"""


@pytest.fixture(params=KEPT.values(), ids=KEPT.keys())
def head(request: pytest.FixtureRequest) -> str:
    return HEAD + request.param


class TestEnding:
    @pytest.mark.parametrize(
        "use",
        ["", "inside = [file]; del file", "import csv; table = csv.writer(file); del file"],
        ids=["a global", "in a list", "in a writer"],
    )
    def test_an_open_file_is_written(self, head: str, use: str, tmp_path: Path):
        path = tmp_path / "written"
        ran_cleanly(f"{head}\nfile = open({str(path)!r}, 'w'); file.write('all of it')\n{use}")
        assert path.read_text() == "all of it"

    def test_finalizers_find_what_they_need(self, head: str):
        """Classes, functions, modules, plain values, and what was there before them."""
        text = ran_cleanly(
            head
            + """
TIMES = 2
early = [1, 2, 3]
def told(text):
    return types.SimpleNamespace(text=text)
class Plain:
    def __del__(self):
        print(told("plain").text * TIMES, sum(early), Plain.__name__, flush=True)
plain = Plain()
"""
        )
        assert text == "plainplain 6 Plain\n"

    def test_last_in_first_out(self, head: str):
        text = ran_cleanly(
            f"""{head}
def also(name):
    pass
{TOLD}"""
        )
        assert sorted(text.split()) == ["first", "second", "third"]
        if len(head) > len(HEAD):
            assert text.split() == ["third", "second", "first"]

    def test_objects_with_state_end_once(self):
        text = ran_cleanly(
            HEAD
            + """
@py_class("ending.Stateful")
class Stateful(tieback.Object):
    x: object = None
class Named(Stateful):
    def __del__(self):
        print("ended", self.name, self.x, end=";", flush=True)
a, b = Named(1), Named(2)
a.name, b.name = "a", "b"
"""
        )
        assert text == "ended b 2;ended a 1;"

    def test_what_ends_may_take_others_away(self, head: str):
        text = ran_cleanly(
            f"""{head}
def also(name):
    globals().pop("second", None)
    globals()["fourth"] = [name]
{TOLD}"""
        )
        assert sorted(text.split()) == ["first", "second", "third"]

    def test_names_may_be_anything(self, head: str):
        text = ran_cleanly(
            f"""{head}
def also(name):
    pass
{TOLD}
globals()[1] = globals()[None] = globals()["",] = Told("fourth")
"""
        )
        assert sorted(text.split()) == ["first", "fourth", "second", "third"]

    def test_not_before_the_end(self, head: str):
        """`sys.modules` can be emptied by anybody."""
        text = ran_cleanly(
            head
            + """
kept = [1]
main = sys.modules["__main__"]
for name in [name for name in sys.modules if name.startswith("tieback.")]:
    del sys.modules[name]
print(kept)
"""
        )
        assert text == "[1]\n"

    def test_after_atexit_and_an_exception(self, head: str, tmp_path: Path):
        path = tmp_path / "written"
        text = ran_cleanly(
            head
            + f"""
import atexit
atexit.register(lambda: print(file.write("!")))
file = open({str(path)!r}, 'w'); file.write('all of it')
sys.exit(0)
"""
        )
        assert text == "1\n" and path.read_text() == "all of it!"
