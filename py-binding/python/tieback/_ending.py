"""The end of the main module, where the runtime keeps something of it.

The runtime keeps classes and callables that are registered as long as the process lives, and with
their functions the namespace of the module that they are of: the interpreter drops the module and
leaves what is in it alone, files that were not closed among it. So what is in the namespace is let go
of here, when the modules go: last in, first out, and no class, function, module or plain value, so
that a ``__del__`` that runs meanwhile finds what it needs.

Of the main module alone: what others keep, the main program's objects may still want in their end.
"""

from __future__ import annotations

import sys
import types
from typing import Any, Callable

__all__ = ["end_with"]

_NAME = "tieback._end_of_main"

# What `__del__` methods call and ask, and what has no end of its own to wait for.
_STAYS = (
    *(types.ModuleType, type, types.FunctionType, types.BuiltinFunctionType, types.MethodType),
    *(int, float, complex, str, bytes, type(None)),
)


class _End(types.ModuleType):
    """Dies when the interpreter takes the modules away, which begins with ``sys.modules``."""

    namespace: dict[str, Any]

    def __del__(
        self, is_finalizing: Callable[[], bool] = sys.is_finalizing, stays: Any = _STAYS
    ) -> None:
        if not is_finalizing():
            return  # somebody has emptied `sys.modules`
        namespace = self.namespace
        for name in reversed(list(namespace)):
            # Whatever names somebody has put there.
            if isinstance(name, str) and name[:2] == name[-2:] == "__":
                continue
            # What ends may take others away.
            if not issubclass(type(namespace.get(name)), stays):
                namespace[name] = None


def end_with(kept: object) -> None:
    """The runtime keeps ``kept``, a class or a callable, from here on."""
    if getattr(kept, "__module__", None) != "__main__" or _NAME in sys.modules:
        return
    end = _End(_NAME)
    end.namespace = sys.modules["__main__"].__dict__
    sys.modules[_NAME] = end
