"""What a Python object refers to, by name, found without running any code of its own."""

from __future__ import annotations

import functools
import gc
import types
import weakref
from typing import Any, Iterator, NamedTuple

__all__ = [
    "Link",
    "class_name",
    "dict_of",
    "is_module",
    "is_plain",
    "links",
    "module_name",
    "short",
    "state_links",
    "type_name",
]


class Link(NamedTuple):
    """One reference: what it is called, and what it leads to."""

    label: str
    target: object
    weak: bool = False


# Values, and what everything refers to: nobody wants to see those.
_PLAIN = (
    *(int, float, complex, str, bytes, bytearray, range, slice, type(None), type(...)),
    *(type, types.ModuleType, types.CodeType, types.FrameType, types.TracebackType),
    *(types.GetSetDescriptorType, types.MemberDescriptorType, types.WrapperDescriptorType),
    *(types.MethodDescriptorType, types.GenericAlias, property, classmethod, staticmethod),
)


def is_plain(value: Any) -> bool:
    """Whether the walk ends in front of it: values, modules, classes, code, frames."""
    cls = type(value)
    if issubclass(cls, types.BuiltinFunctionType):
        return is_module(value.__self__)
    # By its class, not isinstance: that would ask the object's own __class__.
    return issubclass(cls, _PLAIN)


def is_module(value: object) -> bool:
    """By its class, as there."""
    return issubclass(type(value), types.ModuleType)


def short(value: object, most: int = 24) -> str:
    """A key for people: values by their text, cut, everything else by its class."""
    if type(value) in (int, float, bool, str, bytes, type(None)):
        text = repr(value)
        return text if len(text) <= most else f"{text[: most - 1]}…"
    return f"<{class_name(type(value))}>"


def class_name(cls: type) -> str:
    """Its name, whatever its metaclass says."""
    return str(type.__dict__["__name__"].__get__(cls))


def type_name(cls: type) -> str:
    """With its module, unless that is builtins."""
    try:
        module = type.__dict__["__module__"].__get__(cls)
    except AttributeError:
        module = None  # `type()` made it where no module is, as in a bare `exec`
    name = str(type.__dict__["__qualname__"].__get__(cls))
    return name if module == "builtins" or not isinstance(module, str) else f"{module}.{name}"


def _class_dict(cls: type) -> Any:
    return type.__dict__["__dict__"].__get__(cls)


def dict_of(value: object) -> dict[str, object] | None:
    """The instance's own dict, if it has one; whatever its class calls ``__dict__`` otherwise. A module's too: to ask
    one of ``importlib.util.LazyLoader``'s for any attribute would load it."""
    for cls in type.__dict__["__mro__"].__get__(type(value)):
        found = _class_dict(cls).get("__dict__")
        if type(found) in (types.GetSetDescriptorType, types.MemberDescriptorType):
            try:
                own = found.__get__(value)
            except (AttributeError, TypeError):
                return None
            return own if isinstance(own, dict) else None
    return None


def module_name(module: object) -> str:
    """What is in its namespace."""
    name = (dict_of(module) or {}).get("__name__")
    return name if type(name) is str else "?"


def _pairs(mapping: Any) -> list[tuple[Any, Any]]:
    """A dict's own, as they are at one moment; whatever its class makes of iteration."""
    for _ in range(100):
        try:
            return list(dict.items(mapping))
        except RuntimeError:
            pass  # without a GIL another thread may come in between
    return []


def state_links(value: object) -> Iterator[Link]:
    """What an instance refers to by its attributes: its dict, then its slots."""
    own = dict_of(value)
    for name, target in _pairs(own) if own is not None else ():
        yield Link(f".{name}", target)
    for cls in type.__dict__["__mro__"].__get__(type(value)):
        for name, member in list(_class_dict(cls).items()):
            if type(member) is types.MemberDescriptorType:
                try:
                    yield Link(f".{name}", member.__get__(value))
                except (AttributeError, TypeError):
                    pass  # not set, or another class's


def _function_links(function: types.FunctionType) -> Iterator[Link]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        try:
            yield Link(f"closure {name}", cell.cell_contents)
        except ValueError:
            pass  # empty
    for value in function.__defaults__ or ():
        yield Link("default", value)
    for name, value in _pairs(function.__kwdefaults__ or {}):
        yield Link(f"default {name}", value)
    yield from (Link(f".{name}", value) for name, value in _pairs(function.__dict__))


def referents_of(value: object) -> list[Any]:
    """What the collector sees an object refer to. Of a module, its namespace alone: `_asyncio` of CPython
    3.12 shows the dead iterators that it keeps for the next, and whoever has looked at one ends it again.
    """
    if not is_module(value):
        return gc.get_referents(value)
    own = dict_of(value)
    return [] if own is None else [own]


def links(value: Any) -> Iterator[Link]:
    """Everything that a Python object refers to, but for its class; by name, where it has one."""
    cls: type = type(value)
    if issubclass(cls, dict):
        for key, target in _pairs(value):
            yield Link(f"[{short(key)}]", target)
            yield Link("key", key)
    elif issubclass(cls, list):
        yield from (Link(f"[{at}]", item) for at, item in enumerate(list.copy(value)))
    elif issubclass(cls, tuple):
        yield from (Link(f"[{at}]", item) for at, item in enumerate(tuple.__iter__(value)))
    elif issubclass(cls, (set, frozenset)):
        own = dict_of(value)
        referents = gc.get_referents(value)
        yield from (Link("in", item) for item in referents if item is not cls and item is not own)
    elif cls is types.FunctionType:
        yield from _function_links(value)
        return
    elif cls is types.MethodType:
        yield Link("__self__", value.__self__)
        yield Link("__func__", value.__func__)
        return
    elif cls is functools.partial:
        yield Link("func", value.func)
        yield Link("args", value.args)
        yield Link("keywords", value.keywords)
        return
    elif cls is types.CellType:
        yield from (Link("contents", target) for target in gc.get_referents(value))
        return
    elif issubclass(cls, weakref.ref):
        target = weakref.ref.__call__(value)
        if target is not None:
            yield Link("weakly", target, weak=True)
    named = set()
    for link in state_links(value):
        named.add(id(link.target))
        yield link
    if issubclass(cls, (dict, list, tuple, set, frozenset)):
        return
    own = dict_of(value)
    for target in referents_of(value):
        if target is not cls and target is not own and id(target) not in named:
            yield Link("refers to", target)
