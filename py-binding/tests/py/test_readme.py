"""What the READMEs show is run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = ["README.md", "py-binding/README.md", "docs/seeing.md"]


def examples() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.S)
        # A block that begins with an import stands alone; the others are parts of a program.
        found += [(f"{page}-{i}", code) for i, code in enumerate(blocks) if code.startswith(("import", "from"))]
    return found


def test_there_are_examples():
    assert {name.split("-")[0] for name, _ in examples()} >= {"README.md", "py", "docs/seeing.md"}


@pytest.mark.parametrize("code", [pytest.param(code, id=name) for name, code in examples()])
def test_example_runs(code: str):
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_first_screen():
    """What it is in three sentences, one example of ten lines, two commands: both at home in the Makefile."""
    title, what, example, _, commands = re.split(r"\n\n(?=[A-Z`])", (ROOT / "README.md").read_text())[:5]
    assert title == "# Tieback"
    assert len(re.findall(r"\.(?=\s|$)", what)) == 3, what
    code = [line for line in example.splitlines() if line and not line.startswith("```")]
    assert len(code) == 10, example
    assert re.findall(r"^make (\w+)", commands, re.M) == ["demo", "test"]
    targets = re.findall(r"^(\w+): ", (ROOT / "Makefile").read_text(), re.M)
    assert {"demo", "test"} <= set(targets)
