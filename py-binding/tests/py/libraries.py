"""Where the tests' native libraries are: in the folder that TIEBACK_TEST_LIBRARIES names, or else
where ``cargo build`` puts them in this workspace."""

from __future__ import annotations

import functools
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import tieback

VARIABLE = "TIEBACK_TEST_LIBRARIES"
_WORKSPACE = Path(__file__).resolve().parents[3]


def file_name(name: str) -> str:
    """What the platform calls the shared library of a crate."""
    if sys.platform == "win32":
        return f"{name}.dll"
    return f"lib{name}.dylib" if sys.platform == "darwin" else f"lib{name}.so"


def path(name: str) -> Path:
    """The library's file, the newest there is; a failure that says what to do if there is none."""
    wanted = file_name(name)
    given = os.environ.get(VARIABLE)
    folders = (
        [Path(given)] if given else [_WORKSPACE / "target" / kind for kind in ("debug", "release")]
    )
    found = [folder / wanted for folder in folders if (folder / wanted).is_file()]
    if not found:
        pytest.fail(
            f"{wanted} is not in {' or '.join(map(str, folders))}: run 'cargo build -p "
            f"{name.replace('_', '-')}' first, or name its folder in {VARIABLE}",
            pytrace=False,
        )
    return max(found, key=lambda file: file.stat().st_mtime)


@functools.cache
def load(name: str) -> Any:
    """Loads a library; its functions as attributes: ``load("test_library").echo(1)``.

    Call it when a test module is imported: what a library registers for good must be there before
    a test counts objects.
    """
    tieback.load_library(path(name))
    names = [full for full in tieback.list_global_func_names() if full.startswith(f"{name}.")]
    library = SimpleNamespace(
        **{full.removeprefix(f"{name}."): tieback.get_global_func(full) for full in names}
    )
    if name == "test_library":
        # Showing a type the first time makes its class, which keeps the wrappers of its methods.
        for made in (
            library.point(0, 0),
            library.point3(0, 0, 0),
            library.chain(1),
            library.fields(0, "", None, None),
            library.frozen_fields(0, "", None, None),
            library.foreign(0),
        ):
            setattr(library, type(made).__name__, type(made))
    return library
