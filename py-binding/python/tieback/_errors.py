"""``Error``: what an exception is while it crosses native code."""

from __future__ import annotations

from typing import Any, Callable, TypeVar, overload

from tieback import _core
from tieback._core import Error as Error
from tieback._ending import end_with

__all__ = ["Error", "register_error"]

E = TypeVar("E", bound=type[BaseException])


def _new(
    cls: type[Error],
    kind: str,
    message: str = "",
    traceback: str = "",
    cause: Error | BaseException | None = None,
) -> Error:
    if cls is not Error:
        raise TypeError(
            f"cannot create {cls.__name__!r} instances: native errors are tieback.Error; to have a "
            "kind raised as a class of your own, register_error it"
        )
    for name, value in (("kind", kind), ("message", message), ("traceback", traceback)):
        if not isinstance(value, str):
            raise TypeError(f"Error() argument '{name}': expected str, got {type(value).__name__}")
    if isinstance(cause, BaseException):
        caused_by: Error | None = _core.convert(cause)
    elif cause is None or isinstance(cause, Error):
        caused_by = cause
    else:
        got = type(cause).__name__
        raise TypeError(f"Error() argument 'cause': expected Error, exception or None, got {got}")
    return _core.make_error(kind, message, traceback, caused_by)


_new.__qualname__ = "Error"  # what a call with missing arguments names


def _init(self: Error, *args: object, **kwargs: object) -> None:
    """``__new__`` has made the error."""


def _part(index: int, doc: str) -> property:
    def get(self: Error) -> Any:
        return _core.error_parts(self)[index]

    return property(get, doc=doc)


def _py_error(self: Error) -> BaseException:
    """The exception this error is raised as: the very one it was made of, or a new one."""
    return _core.error_exception(self)


def _repr(self: Error) -> str:
    if not self.__chandle__():
        return "<Error (moved)>"
    kind, message, _, _ = _core.error_parts(self)
    return f"Error({kind!r}, {message!r})"


def _str(self: Error) -> str:
    kind, message, _, _ = _core.error_parts(self)
    return f"{kind}: {message}"


for _name, _member in {
    "__doc__": "Error(kind, message='', traceback='', cause=None): an error as native code holds it.",
    "__new__": staticmethod(_new),
    "__init__": _init,
    "kind": _part(0, "The name of the exception's type."),
    "message": _part(1, "Its text."),
    "traceback": (
        _frames := _part(2, "The frames it came through, innermost first; empty if none are known.")
    ),
    "backtrace": _frames,
    "cause": _part(3, "The Error that caused it, or None."),
    "py_error": _py_error,
    "__repr__": _repr,
    "__str__": _str,
}.items():
    setattr(Error, _name, _member)


@overload
def register_error(name_or_class: E) -> E: ...
@overload
def register_error(name_or_class: str) -> Callable[[E], E]: ...
@overload
def register_error(name_or_class: str, cls: E) -> E: ...


def register_error(name_or_class: Any = None, cls: Any = None) -> Any:
    """Registers the exception class that native errors of a kind are raised as.

    Exceptions that Python code raises come back as themselves anyway; this is for errors that
    native code makes. Usable as ``@register_error``, ``@register_error("Kind")`` or
    ``register_error("Kind", cls)``.
    """
    if cls is None and isinstance(name_or_class, type):
        name_or_class, cls = name_or_class.__name__, name_or_class
    if not isinstance(name_or_class, str):
        got = type(name_or_class).__name__
        raise TypeError(f"register_error expects a kind (str) or an exception class, got {got}")

    def register(cls: Any) -> Any:
        if not (isinstance(cls, type) and issubclass(cls, BaseException)):
            raise TypeError(f"register_error expects an exception class, got {cls!r}")
        _core.error_classes[name_or_class] = cls
        end_with(cls)
        return cls

    return register if cls is None else register(cls)
