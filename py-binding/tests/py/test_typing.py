"""What a type checker finds: the stubs and signatures are complete and true."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

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
