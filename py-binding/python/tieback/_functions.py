"""What a ``Function`` shows of itself: its name, documentation and signature.

Libraries say these when they register a function. One made of a Python callable shows the callable's.
"""

from __future__ import annotations

import inspect
import re
from typing import Any, Callable

from tieback import _core
from tieback._core import Function

__all__: list[str] = []

_PARAMETERS = re.compile(r"\(((?:\w+, )*)/?\)")


class _Doc:
    """``__doc__`` of the class, and of each Function its own."""

    def __init__(self, of_class: str | None) -> None:
        self.of_class = of_class

    def __get__(self, function: Function | None, owner: type | None = None) -> str | None:
        return self.of_class if function is None else _about(function, "__doc__", 1)


def _about(function: Function, attribute: str, at: int) -> str | None:
    """The callable's own, or what was registered at that place."""
    wrapped, registered = _core.function_about(function)
    own = getattr(wrapped, attribute, None) if wrapped is not None else None
    if isinstance(own, str):
        return own
    return registered[at] or None if registered is not None else None


def _name(function: Function) -> str | None:
    name = _about(function, "__name__", 0)
    return name.rpartition(".")[2] if name is not None else None


def _qualname(function: Function) -> str | None:
    return _about(function, "__qualname__", 0)


def _text_signature(function: Function) -> str | None:
    return _about(function, "__text_signature__", 2)


def _signature(function: Function) -> inspect.Signature | None:
    if _core.function_about(function)[0] is not None:
        return None  # the callable's, which ``inspect`` finds through ``__wrapped__``
    match = _PARAMETERS.fullmatch(_text_signature(function) or "")
    if match is None:
        return None
    names = match[1].split(", ")[:-1]
    try:
        kind = inspect.Parameter.POSITIONAL_ONLY
        return inspect.Signature([inspect.Parameter(name, kind) for name in names])
    except ValueError:  # no names of parameters, whoever wrote them
        return None


def _wrapped(function: Function) -> Any:
    return _core.function_about(function)[0]


_SHOWN: dict[str, Callable[[Function], Any]] = {
    "__name__": _name,
    "__qualname__": _qualname,
    "__text_signature__": _text_signature,
    "__signature__": _signature,
    "__wrapped__": _wrapped,
}


def _getattr(self: Function, name: str) -> Any:
    """What the class does not have: asked of it, these names are the class's own."""
    value = _SHOWN[name](self) if name in _SHOWN else None
    if value is None:
        text = f"'Function' object has no attribute {name!r}"
        raise AttributeError(text, name=name, obj=self)
    return value


def _setattr(self: Function, name: str, value: Any) -> None:
    if name in _SHOWN or name == "__doc__":
        text = f"{name} of a 'Function' is read-only: it is what was registered with it, or its callable's"
        raise AttributeError(text, name=name, obj=self)
    object.__setattr__(self, name, value)


_function: Any = Function
_function.__doc__ = _Doc(Function.__doc__)
_function.__getattr__ = _getattr
_function.__setattr__ = _setattr
