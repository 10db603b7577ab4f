"""What a type checker finds: the stubs and signatures are complete and true."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import tieback

pytest.importorskip("mypy")
PROGRAM = Path(__file__).parent / "programs" / "typed.py"


def test_mypy_finds_what_stands_there(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", f"--cache-dir={tmp_path}"]
        + [PROGRAM.name],
        cwd=PROGRAM.parent,
        capture_output=True,
        text=True,
    )
    wanted = {}
    for number, line in enumerate(PROGRAM.read_text().splitlines(), 1):
        if found := re.search(r"  # (:|!) (.*)$", line):
            wanted[number] = found.groups()
    got = {}
    for line in (told.stdout + told.stderr).splitlines():
        found = re.match(r'typed.py:(\d+): note: Revealed type is "(.*)"$', line)
        if found:
            got[int(found[1])] = (":", found[2])
        elif found := re.match(r"typed.py:(\d+): error: .*\[([a-z-]+)\]$", line):
            got[int(found[1])] = ("!", found[2])
        elif " note: " not in line:
            got[line] = ("?", line)
    assert got == wanted


def test_the_package_itself_is_clean(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", f"--cache-dir={tmp_path}", "-p", "tieback"],
        cwd=Path(tieback.__file__).parents[1],
        capture_output=True,
        text=True,
    )
    assert (told.returncode, told.stderr) == (0, ""), told.stdout


# What the stubs say otherwise than what is there, on purpose.
ALLOWED = r"""
# Not for a checker to see: an extension module's list of all names; what Generic gives already.
tieback\._core\.__all__
tieback\._core\.(Array|List|Map|Dict)\.__class_getitem__
# The arguments stand at __new__, which takes them; __init__ looks at none.
tieback\._core\.(Object|Array|List|Map|Dict|Function|Error)\.__init__
# The default None of the overloads that Mapping has.
tieback\._core\.(Map|Dict)\.get
# A disjoint base; older checkers do not know the mark.
tieback\._core\.Object
"""


def test_the_core_is_what_its_stubs_say(tmp_path: Path) -> None:
    allowed = tmp_path / "allowed"
    allowed.write_text(ALLOWED)
    told = subprocess.run(
        # Native functions take keywords as well; the stubs keep to positions, so that nobody uses them.
        [sys.executable, "-m", "mypy.stubtest", "--concise", "--ignore-positional-only"]
        + [f"--allowlist={allowed}", "--ignore-unused-allowlist", "tieback._core"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (told.returncode, told.stderr) == (0, ""), told.stdout
