"""A library of native objects. The library itself, beside this file, knows nothing of Python."""

import sys
from pathlib import Path

import tieback

_NAME = {"win32": "my_library.dll", "darwin": "libmy_library.dylib"}.get(
    sys.platform, "libmy_library.so"
)
tieback.load_library(Path(__file__).with_name(_NAME))

count = tieback.get_global_func("my_library.count")


@tieback.register_object("my_library.Counter")
class Counter(tieback.Object):
    """A number that only grows. Methods written here are added to the native ones."""
