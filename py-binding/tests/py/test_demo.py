"""The demo: every promise kept on a real lock file; one clear line and exit code 1 on a bad one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PROGRAM = ROOT / "examples" / "crate-graph" / "crate_graph.py"


def run(*args: str) -> subprocess.CompletedProcess[str]:
    libraries = os.environ.get("TIEBACK_TEST_LIBRARIES")
    options = ["--library", libraries] if libraries else []
    return subprocess.run(
        [sys.executable, str(PROGRAM), *args, *options], capture_output=True, text=True, cwd=ROOT
    )


def test_every_promise_is_kept_on_this_repository():
    done = run("Cargo.lock")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "Every promise kept." in done.stdout
    assert "BROKEN" not in done.stdout
    assert done.stdout.count("  kept   ") >= 10


PACKAGE = '[[package]]\nname = "{}"\nversion = "0.1.0"\ndependencies = [{}]\n'


@pytest.mark.parametrize(
    "packages",
    [
        pytest.param([("a", "")], id="alone"),
        pytest.param([("a", '"a"')], id="needs itself"),
        pytest.param([("a", '"b"'), ("b", '"a"')], id="need each other"),
        pytest.param([("a", ""), ("b", "")], id="strangers"),
        pytest.param([("a", '"c"'), ("b", '"c"'), ("c", "")], id="shared"),
    ],
)
def test_every_promise_is_kept_on_small_graphs(tmp_path: Path, packages: list[tuple[str, str]]):
    lock = tmp_path / "Cargo.lock"
    lock.write_text("version = 4\n\n" + "\n".join(PACKAGE.format(*package) for package in packages))
    done = run(str(lock))
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "Every promise kept." in done.stdout


def test_a_missing_file_is_one_line():
    done = run("no/such/Cargo.lock")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1 and "no/such/Cargo.lock" in done.stderr


@pytest.mark.parametrize("content", ["", "garbage", "version = 99999\n", "\x00\x01"])
def test_a_broken_file_is_one_line(tmp_path: Path, content: str):
    lock = tmp_path / "Cargo.lock"
    lock.write_text(content)
    done = run(str(lock))
    assert done.returncode == 1, done.stdout
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1 and str(lock) in done.stderr
