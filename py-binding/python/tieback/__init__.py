"""One stable Python face for reference-counted native objects.

An object lives in native code; the first time Python looks at it, it gets one wrapper, and keeps it:
``a.x is a.x``, ``id(a.x)`` stays the same after the wrapper was dropped and fetched again, and
``f(x) is x`` through any native function.
"""

from tieback._core import Array, Dict, Function, List, Map, Object, PanicError, __version__
from tieback._containers import *  # noqa: F403 - completes the containers
from tieback._errors import Error, register_error
from tieback._functions import *  # noqa: F403 - completes Function
from tieback._pickling import *  # noqa: F403 - completes Object
from tieback._registry import (
    convert,
    get_global_func,
    init_ffi_api,
    list_global_func_names,
    load_library,
    register_global_func,
    register_object,
    remove_global_func,
    stats,
    trim,
)
from tieback._seeing import graph
from tieback._weak import Weak
from tieback._why import why_alive
from tieback import _leaks, dataclasses, seeing, testing

__all__ = [
    "Array",
    "Dict",
    "Error",
    "Function",
    "List",
    "Map",
    "Object",
    "PanicError",
    "Weak",
    "__version__",
    "convert",
    "dataclasses",
    "get_global_func",
    "graph",
    "init_ffi_api",
    "list_global_func_names",
    "load_library",
    "register_error",
    "register_global_func",
    "register_object",
    "remove_global_func",
    "seeing",
    "stats",
    "testing",
    "trim",
    "why_alive",
]

_leaks.watch()
