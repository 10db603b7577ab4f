"""A checkout on a machine that lacks something: one line says what, and nothing was begun."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
# What every Linux or macOS has, and a machine without Rust, Python or a compiler too.
ALWAYS = ["bash", "dirname", "sort", "head", "cat"]
TOOLS = {
    "cargo": "#!/bin/sh\necho 'cargo 1.85.0 (d73d2caf9 2024-12-31)'\n",
    "cc": "#!/bin/sh\n",
    "python3": f'#!/bin/sh\nexec "{sys.executable}" "$@"\n',
}

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the scripts are a POSIX shell's")


def run(
    folder: Path, script: str, tools: dict[str, str], **env: str
) -> subprocess.CompletedProcess[str]:
    """The script, in a checkout of the scripts alone, with these tools on the PATH."""
    tree, path = folder / "a checkout", folder / "bin"
    shutil.copytree(ROOT / "ci", tree / "ci", ignore=shutil.ignore_patterns("target"))
    path.mkdir()
    for name in ALWAYS:
        (path / name).symlink_to(str(shutil.which(name)))
    for name, text in tools.items():
        (path / name).write_text(text)
        (path / name).chmod(0o755)
    before = sorted(tree.rglob("*"))
    done = subprocess.run(
        [str(path / "bash"), str(tree / "ci" / script)],
        capture_output=True,
        text=True,
        env={"PATH": str(path), "HOME": os.environ.get("HOME", "/"), **env},
    )
    assert sorted(tree.rglob("*")) == before
    return done


OLD_PYTHON = '#!/bin/sh\n[ "$1" = --version ] && echo Python 3.10.2\nexit 1\n'
NO_VENV = '#!/bin/sh\ncase "$2" in *venv*) exit 1;; esac\n'
MACHINES = {
    "no cargo": ({"cargo": ""}, {}, "cargo is missing: install Rust 1.85"),
    "cargo that does not run": (
        {"cargo": "#!/bin/sh\necho 'error: no default toolchain' >&2\necho help >&2\nexit 1\n"},
        {},
        "cargo does not run: error: no default toolchain",
    ),
    "an old Rust": (
        {"cargo": "#!/bin/sh\necho cargo 1.63.0\n"},
        {},
        "Rust 1.85 or newer is needed, 1.63.0 was found",
    ),
    "no compiler": ({"cc": ""}, {}, "cc is missing: install a C compiler"),
    "no Python": ({"python3": ""}, {}, "python3 is missing: install Python 3.11"),
    "another Python that is not there": (
        {},
        {"PYTHON": "/no/such/python"},
        "/no/such/python is missing",
    ),
    "an old Python": (
        {"python3": OLD_PYTHON},
        {},
        "Python 3.11 or newer is needed, Python 3.10.2 was found",
    ),
    "no venv": ({"python3": NO_VENV}, {}, "Python's venv module is missing"),
}


@pytest.mark.parametrize("script", ["demo.sh", "test.sh"])
@pytest.mark.parametrize("machine", MACHINES)
def test_one_line_says_what_is_missing(tmp_path: Path, machine: str, script: str):
    tools, env, text = MACHINES[machine]
    there = {name: code for name, code in (TOOLS | tools).items() if code}
    done = run(tmp_path, script, there, **env)
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stderr.startswith(f"tieback: {text}"), done.stderr
    assert done.stderr.count("\n") == 1 and done.stdout == ""


def test_a_kernel_says_what_it_lacks(tmp_path: Path):
    done = run(tmp_path, "kernel.sh", {"cargo": TOOLS["cargo"], "cc": TOOLS["cc"]})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("tieback: qemu-system-x86_64 is missing: install QEMU")
    assert done.stderr.count("\n") == 1
