"""Global functions, registered classes, libraries."""

from __future__ import annotations

import os
import sys
from typing import Any, Callable, Literal, TypeVar, overload

from tieback import _core
from tieback._core import Function
from tieback._ending import end_with
from tieback._rebuild import without_dict

__all__ = [
    "convert",
    "get_global_func",
    "init_ffi_api",
    "list_global_func_names",
    "load_library",
    "register_global_func",
    "register_object",
    "remove_global_func",
    "stats",
    "trim",
]

C = TypeVar("C", bound=type)

convert = _core.convert
list_global_func_names = _core.global_names


@overload
def get_global_func(name: str, allow_missing: Literal[False] = False) -> Function: ...
@overload
def get_global_func(name: str, allow_missing: bool) -> Function | None: ...


def get_global_func(name: str, allow_missing: bool = False) -> Function | None:
    """The function of that name that any frontend or library has registered.

    Raises ValueError if there is none, or returns None with ``allow_missing``.
    """
    if not isinstance(name, str):
        raise TypeError(f"get_global_func expects a name, got {type(name).__name__}")
    function = _core.find_global_func(name)
    if function is None and not allow_missing:
        raise ValueError(
            f"Cannot find global function {name!r}: no library has registered it (load_library "
            "first, or see list_global_func_names())"
        )
    return function


@overload
def register_global_func(
    name: str, f: None = None, override: bool = False
) -> Callable[[Callable[..., Any]], Function]: ...
@overload
def register_global_func(name: str, f: Callable[..., Any], override: bool = False) -> Function: ...
@overload
def register_global_func(
    name: Callable[..., Any], f: None = None, override: bool = False
) -> Function: ...


def register_global_func(
    name: str | Callable[..., Any], f: Callable[..., Any] | None = None, override: bool = False
) -> Any:
    """Gives a callable a name that every frontend can look up; returns its ``Function``.

    Usable as a decorator: ``@register_global_func("my.name")``, or without a name: then it is the
    function's own. Raises ValueError if the name is taken and ``override`` is not set.
    """
    if f is None and callable(name) and not isinstance(name, str):
        f, name = name, getattr(name, "__name__", None)  # type: ignore[assignment]
        if name is None:
            raise TypeError(f"register_global_func expects a name first: {f!r} has none of its own")
    if not isinstance(name, str):
        raise TypeError(f"register_global_func expects a name, got {type(name).__name__}")
    key: str = name
    if f is None:
        return lambda f: _register(key, f, override)
    return _register(key, f, override)


def _register(name: str, f: Callable[..., Any], override: bool) -> Function:
    # Other frontends see the text; Python looks at the callable.
    doc = getattr(f, "__doc__", None)
    end_with(f)
    return _core.register_global(name, f, override, doc if isinstance(doc, str) else None)


def init_ffi_api(namespace: str, target_module_name: str | None = None) -> None:
    """Makes the global functions ``namespace.name`` attributes ``name`` of a module.

    The module is the one of that name, which is imported already, or the one called ``namespace``.
    Names with further dots are other namespaces', and left out. A package calls it once its library
    is loaded: ``tieback.init_ffi_api("library", __name__)``.
    """
    if not isinstance(namespace, str):
        got = type(namespace).__name__
        raise TypeError(f"init_ffi_api expects a namespace (str), got {got}")
    called = namespace if target_module_name is None else target_module_name
    module = sys.modules.get(called)
    if module is None:
        raise ValueError(f"init_ffi_api: no module {called!r} is imported; pass its __name__")
    for name in list_global_func_names():
        prefix, _, own = name.rpartition(".")
        if prefix == namespace:
            setattr(module, own, get_global_func(name))


def remove_global_func(name: str) -> None:
    """Takes a name out. A name that is not there is no error."""
    if not isinstance(name, str):
        raise TypeError(f"remove_global_func expects a name, got {type(name).__name__}")
    _core.remove_global(name)


@overload
def register_object(type_key: C, /) -> C: ...
@overload
def register_object(type_key: str | None = None) -> Callable[[C], C]: ...


def register_object(type_key: Any = None) -> Any:
    """Registers the Python class that shows a native type.

    ``@register_object("library.Type")`` above a subclass of ``tieback.Object``. Fields and methods
    that the library reflects are added to the class; names the class defines stay. A class whose
    body has no ``__slots__`` is made anew without ``__dict__``, as ``dataclass(slots=True)`` does:
    then its wrappers keep their id when they are dropped and fetched again.

    Wrappers that exist keep the class they have. Raises ValueError for a key that no library has
    registered.
    """
    if isinstance(type_key, type):
        return register_object(type_key.__name__)(type_key)
    if not (type_key is None or isinstance(type_key, str)):
        got = type(type_key).__name__
        raise TypeError(f"register_object expects a type key (str) or the class itself, got {got}")

    def register(cls: C) -> C:
        if not isinstance(cls, type) or not issubclass(cls, _core.Object):
            raise TypeError(f"register_object expects a subclass of tieback.Object, got {cls!r}")
        key = cls.__name__ if type_key is None else type_key
        index = _core.type_index_by_key(key)
        if index is None:
            raise ValueError(
                f"Cannot find object type {key!r}: no library has registered it (load_library "
                "first)"
            )
        new = without_dict(cls, reaches_python=_core.type_reaches_python(index))
        _core.register_class(new, index)
        end_with(new)
        return new

    return register


def load_library(path: str | os.PathLike[str]) -> None:
    """Loads a native library that was built with Tieback: its types and functions are there then.

    Loading it again does nothing. Raises OSError if it is not there or no library, ImportError if
    it is no Tieback library or speaks another ABI version.
    """
    _core.load_library(os.path.abspath(os.fspath(path)))


def stats(*, drain: bool = True) -> dict[str, int]:
    """Counts of this process: tied ``objects`` alive, ``wrappers`` alive, wrapper storage ``kept`` for objects
    that live, ``deferred`` frees that wait for an attached thread.

    This thread is one: it does what waits before it counts, unless ``drain`` is false."""
    return _core.stats(drain=drain)


def trim() -> int:
    """Gives the storage kept for wrappers that are not alive back to the system; answers how many it was of.

    While an object lives, the storage of its dropped wrapper is kept, so that ``id(a.x)`` is the same when
    it is fetched again. This gives that up, on purpose, for every object without a live wrapper: each gets a
    wrapper, and an id, of its own again when it is next fetched. The objects stay as they are, and so do
    wrappers that are alive, and their ids. Worth calling after a walk over millions of objects that are not
    looked at again.
    """
    return _core.trim()
