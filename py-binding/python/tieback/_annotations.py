"""What an annotation means for a native field."""

from __future__ import annotations

import builtins
import collections.abc
import contextlib
import inspect
import operator
import sys
import types
import typing
from collections.abc import Iterator
from dataclasses import KW_ONLY, Field, InitVar, dataclass, field as std_field
from typing import Any, Callable, ClassVar, Union

from tieback import _core
from tieback._core import Array, Dict, Error, Function, List, Map, Object
from tieback._containers import is_hashable
from tieback._weak import Weak

NONE, BOOL, INT, FLOAT, STR, BYTES = (1 << bit for bit in range(6))
ALL = (1 << 32) - 1
_ROOT = 64
_ALIAS: Any = getattr(typing, "TypeAliasType", None)  # what a ``type`` statement makes
_UNRESOLVED = -1

_SCALARS: dict[Any, tuple[str, int]] = {
    int: ("int", INT),
    float: ("float", FLOAT | INT),
    bool: ("bool", BOOL),
    str: ("str", STR),
    bytes: ("bytes", BYTES),
}


# What is stored for an annotation: mutable ones so that every holder sees them change.
_CONTAINERS: dict[Any, type] = {
    tuple: Array,
    collections.abc.Sequence: Array,
    list: List,
    collections.abc.MutableSequence: List,
    collections.abc.Mapping: Map,
    dict: Dict,
    collections.abc.MutableMapping: Dict,
}


class Later:
    """A name in an annotation that means nothing yet; with dots, of a class in a class."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, name: str) -> Later:
        if name.startswith("__"):
            raise AttributeError(name)
        return Later(f"{self.name}.{name}")

    def __getitem__(self, arguments: Any) -> Later:
        return self  # of a generic class it is the class that counts

    def __or__(self, other: Any) -> Any:
        return Union[typing.ForwardRef(self.name), other]

    def __ror__(self, other: Any) -> Any:
        return Union[other, typing.ForwardRef(self.name)]

    def __call__(self) -> None:  # typing takes callables for types
        raise TypeError(self.name)

    def __repr__(self) -> str:
        return self.name


class _Names(dict[str, Any]):
    """Looks names up as the module would, and makes unknown ones ``Later``."""

    def __init__(self, cls: type, namespaces: list[dict[str, Any]]) -> None:
        super().__init__()
        self.cls = cls
        self.namespaces = namespaces

    def __missing__(self, name: str) -> Any:
        if name == self.cls.__name__:
            return Later(name)
        for names in self.namespaces:
            if name in names:
                return names[name]
        if hasattr(builtins, name):
            return getattr(builtins, name)
        return Later(name)


@dataclass
class Kind:
    """How one field is stored, and what it takes."""

    kind: str
    text: str
    optional: bool = False
    type_index: int = _ROOT
    mask: int = ALL
    objects: list[int] = std_field(default_factory=list)
    later: str | None = None
    name: str = ""
    owner: type | None = None
    frozen: bool = False

    def argument(self, name: str, doc: str, flags: int) -> Any:
        """The field as ``_core`` takes it."""
        self.name = name
        argument = types.SimpleNamespace(
            name=name,
            doc=doc,
            kind=self.kind,
            flags=flags,
            type_index=_UNRESOLVED if self.later else self.type_index,
            mask=self.mask,
            objects=self.objects,
            text=self.text,
            resolver=self.resolve if self.later else None,
        )
        return argument

    def settle(self, cls: type) -> None:
        """The class exists now: its own name means it."""
        self.owner = cls

    def resolve(self) -> int:
        """The type number of a forward reference; called when the field is first set."""
        assert self.later is not None and self.owner is not None
        found = _find(self.later, self.owner)
        if found is None:
            raise TypeError(
                f"field {self.name!r} of {self.owner.__name__!r}: the forward reference "
                f"{self.later!r} means nothing yet; define the class before the field is set"
            )
        index = _class_index(found)
        wrong = "is no native class" if index is None else _unregistered(found, index)
        if index is None or wrong:
            raise TypeError(
                f"field {self.name!r} of {self.owner.__name__!r}: {self.later!r} {wrong}; decorate "
                "it with py_class or register_object"
            )
        return index

    def takes_the_same(self, other: Kind) -> bool:
        """Whether both are stored alike and take the same values."""

        def what(kind: Kind) -> Any:
            return (
                kind.kind, kind.optional, kind.type_index, kind.mask, kind.objects, kind.later
            )  # fmt: skip

        return bool(what(self) == what(other))

    def check_default(self, cls: str, name: str, default: Any) -> None:
        """A default of the wrong type is an error of the class, not of each construction."""
        if not self._accepts_default(default):
            raise TypeError(
                f"{cls}: field {name!r}: expected a default of type {self.text}, got "
                f"{type(default).__name__} ({default!r})"
            )
        is_int = self.kind == "int" or self.kind == "any" and isinstance(default, int)
        if is_int and not -(2**63) <= operator.index(default) < 2**63:
            raise OverflowError(
                f"{cls}: field {name!r}: expected a default of 64 bits (i64), got a larger one"
            )

    def _accepts_default(self, default: Any) -> bool:
        if default is None:
            return self.optional or self.kind == "any" and bool(self.mask & NONE)
        if self.kind == "int":
            return hasattr(default, "__index__")
        if self.kind == "float":
            return isinstance(default, float) or hasattr(default, "__index__")
        if self.kind == "bool":
            return isinstance(default, bool)
        if self.kind == "str":
            return isinstance(default, str)
        if self.kind == "bytes":
            return isinstance(default, (bytes, bytearray))
        if self.kind in ("object", "weak") and not isinstance(default, Object):
            if self.type_index in (_index(Array), _index(List)):
                return isinstance(default, (list, tuple))
            if self.type_index in (_index(Map), _index(Dict)):
                return isinstance(default, dict)
            if self.type_index == _index(Function):
                return callable(default)
            return self.type_index == _index(Error) and isinstance(default, BaseException)
        return True  # which object, and what fits a union: checked at each construction


def _find(name: str, owner: type) -> Any:
    """The class that a forward reference of ``owner`` means."""
    if name == owner.__name__:
        return owner
    found: Any = sys.modules.get(owner.__module__)
    for part in name.split("."):
        found = getattr(found, part, None)
    if isinstance(found, type):
        return found
    # A class defined in a function is found among the registered ones: the next one defined
    # beside the owner (a function that ran twice has defined it twice), else the last one there
    # or in the module, else the only one there is.
    named = sorted(
        (_core.class_type_index(cls) or 0, cls)
        for cls in {*_all_subclasses(Object)}
        if f".{cls.__qualname__}".endswith(f".{name}") and "__tieback_py_class__" in cls.__dict__
    )
    here = [pair for pair in named if pair[1].__module__ == owner.__module__]
    beside = [pair for pair in here if _around(pair[1]) == _around(owner)]
    index = _core.class_type_index(owner) or 0
    after = [pair for pair in beside if pair[0] > index]
    if after:
        return after[0][1]
    for candidates in (beside, here, named if len(named) == 1 else []):
        if candidates:
            return candidates[-1][1]
    return None


def _around(cls: type) -> str:
    """The qualified name of what a class is defined in."""
    return cls.__qualname__.rpartition(".")[0]


def _all_subclasses(cls: type) -> list[type]:
    found = []
    for sub in cls.__subclasses__():
        found.append(sub)
        found.extend(_all_subclasses(sub))
    return found[::-1]


def _class_index(cls: Any) -> int | None:
    if not isinstance(cls, type) or not issubclass(cls, Object):
        return None
    return _core.class_type_index(cls)


def _unregistered(cls: type, index: int) -> str | None:
    """What is wrong with a class that shows no native type of its own: a field is checked by the
    object's type, and would take all that the class's parent shows."""
    if _core.class_of_type(index) is cls:
        return None
    for base in cls.__bases__:
        if issubclass(base, Object) and _core.class_type_index(base) == index:
            parent = "" if index == _ROOT else f" but an ordinary subclass of {base.__name__!r}"
            return f"is not registered{parent}"
    return None


def describe(field: Field[Any], cls: type) -> Kind:
    """The kind of a field's annotation, looked up where the class was defined."""
    annotation = field.type
    if isinstance(annotation, str):
        annotation = _evaluate(annotation, cls)
    kind = _kind(annotation, cls, field.name)
    kind.owner = cls
    return kind


def _scopes(cls: type) -> list[dict[str, Any]]:
    """Where names in annotations are looked up: the functions around the class, innermost first,
    which run while it is defined, then its module."""
    scopes = []
    parts = cls.__qualname__.split(".")
    around = {".".join(parts[:i]) for i in range(1, len(parts)) if parts[i - 1] != "<locals>"}
    frame = sys._getframe(1)
    namespace = None  # the globals of the class's code, which may be no module's
    while frame is not None:
        is_here = frame.f_globals.get("__name__") == cls.__module__
        if is_here and namespace is None:
            namespace = frame.f_globals
        if is_here and frame.f_code.co_qualname in around:
            scopes.append(frame.f_locals)
        frame = frame.f_back  # type: ignore[assignment]
    module = sys.modules.get(cls.__module__)
    if namespace is not None:
        scopes.append(namespace)
    if module is not None:
        scopes.append(vars(module))
    return scopes


def _evaluate(text: str, cls: type) -> Any:
    try:
        return eval(text, {"__builtins__": {}}, _Names(cls, _scopes(cls)))
    except Exception as error:
        raise TypeError(
            f"{cls.__name__}: the annotation {text!r} cannot be read: {error}"
        ) from None


class _Quoted:
    """An annotation in quotes that is no ClassVar, InitVar or KW_ONLY, for the library, which looks
    for these in less places than we do. It shows as the quoted text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return repr(self.text)


@contextlib.contextmanager
def quotes_read(cls: type) -> Iterator[None]:
    """While this lasts the library need not read the annotations in quotes."""
    as_written = inspect.get_annotations(cls)
    read: dict[str, Any] = {}
    for name, annotation in as_written.items():
        read[name] = annotation
        if isinstance(annotation, str):
            try:
                value = _evaluate(annotation, cls)
            except TypeError:
                value = None  # said when the field is described
            origin = typing.get_origin(value)
            special = value in (KW_ONLY, InitVar, ClassVar) or origin is ClassVar
            read[name] = value if special or isinstance(value, InitVar) else _Quoted(annotation)
    if not any(isinstance(annotation, str) for annotation in as_written.values()):
        yield
        return
    cls.__annotations__ = read
    try:
        yield
    finally:
        cls.__annotations__ = as_written
        for name, field in cls.__dict__.get("__dataclass_fields__", {}).items():
            field.type = as_written[name] if name in as_written else field.type
        init = cls.__dict__.get("__init__")
        for name, annotation in getattr(init, "__annotations__", {}).items():
            if isinstance(annotation, (_Quoted, InitVar)) and name in as_written:
                init.__annotations__[name] = as_written[name]


def _text(annotation: Any) -> str:
    if isinstance(annotation, Later):
        return annotation.name
    if isinstance(annotation, typing.ForwardRef):
        return annotation.__forward_arg__
    if annotation is None or annotation is type(None):
        return "None"
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return annotation.__name__
    members = _members(annotation)
    if members is not None:
        return " | ".join(_text(member) for member in members)
    return str(annotation).replace("typing.", "")


def _members(annotation: Any) -> tuple[Any, ...] | None:
    """The alternatives of a union; None for anything else."""
    if typing.get_origin(annotation) in (Union, types.UnionType):
        return typing.get_args(annotation)
    return None


def _bare(annotation: Any, cls: type) -> Any:
    """What an annotation stands for: without qualifiers, aliases and names that are not classes."""
    while True:
        origin = typing.get_origin(annotation)
        if isinstance(annotation, str):
            annotation = _evaluate(annotation, cls)
        elif isinstance(annotation, typing.ForwardRef):
            annotation = _evaluate(annotation.__forward_arg__, cls)
        elif origin in (typing.Annotated, typing.Final):
            annotation = typing.get_args(annotation)[0]
        elif annotation is typing.Final:
            return Any
        elif isinstance(annotation, typing.NewType):
            annotation = annotation.__supertype__
        elif _ALIAS is not None and isinstance(origin, _ALIAS):  # first: it passes for the other
            annotation = origin.__value__[typing.get_args(annotation)]
        elif _ALIAS is not None and isinstance(annotation, _ALIAS):
            annotation = annotation.__value__
        elif isinstance(annotation, typing.TypeVar):
            if annotation.__constraints__:
                return Union[annotation.__constraints__]
            bound = annotation.__bound__
            annotation = Any if bound is None else bound
        elif origin is typing.Literal:
            types_of = dict.fromkeys(type(value) for value in typing.get_args(annotation))
            return Union[tuple(types_of)]
        elif annotation is typing.Self:
            return Later(cls.__name__)
        elif annotation is typing.LiteralString:
            return str
        else:
            return annotation


def _kind(annotation: Any, cls: type, name: str) -> Kind:
    annotation = _bare(annotation, cls)
    text = _text(annotation)
    if annotation in (Any, object):
        return Kind("any", text, optional=True)
    if isinstance(annotation, Later):
        return Kind("object", text, later=annotation.name)
    scalar = _SCALARS.get(annotation) if is_hashable(annotation) else None
    if scalar is not None:
        return Kind(scalar[0], text)
    if annotation is None or annotation is type(None):
        return Kind("any", text, optional=True, mask=NONE)
    members = _members(annotation)
    if members is not None:
        return _union(members, text, cls, name)
    origin = typing.get_origin(annotation) or annotation
    if origin is Weak:
        arguments = typing.get_args(annotation)
        target = _kind(arguments[0] if arguments else Object, cls, name)
        if target.kind != "object":
            raise TypeError(
                f"{cls.__name__}: field {name!r}: Weak[{_text(arguments[0])}]: only objects can be "
                "weakly referred to"
            )
        target.kind, target.text, target.optional = "weak", target.text, True
        return target
    native = _CONTAINERS.get(origin) if is_hashable(origin) else None
    if native is not None:
        return Kind("object", text, type_index=_index(native))
    if origin in (Function, Callable, collections.abc.Callable):
        return Kind("object", text, type_index=_index(Function))
    if isinstance(origin, type) and issubclass(origin, BaseException):
        return Kind("object", text, type_index=_index(Error))
    index = _class_index(origin)
    if index is not None:
        if wrong := _unregistered(origin, index):
            raise TypeError(
                f"{cls.__name__}: field {name!r}: {text} {wrong}; decorate it with py_class or "
                "register_object first"
            )
        return Kind("object", text, type_index=index)
    hint = (
        "use int, float, bool, str, bytes, list, dict, tuple, a native class, Weak, Callable, a "
        "union of them, or Any"
    )
    raise TypeError(
        f"{cls.__name__}: field {name!r}: cannot store the annotation {text!r} natively; {hint}"
    )


def _index(cls: type) -> int:
    index = _core.class_type_index(cls)
    assert index is not None
    return index


def _union(members: tuple[Any, ...], text: str, cls: type, name: str) -> Kind:
    none = any(member is type(None) or member is None for member in members)
    kinds = [
        _kind(member, cls, name)
        for member in members
        if not (member is type(None) or member is None)
    ]
    if len(kinds) == 1:
        only = kinds[0]
        only.text = text
        if only.kind in ("object", "weak", "str", "bytes"):
            only.optional = only.optional or none
            return only
    mask, objects = NONE if none else 0, []
    for kind in kinds:
        if kind.kind == "any" and kind.mask == ALL:
            return Kind("any", text, optional=True)
        if kind.later is not None:
            # Which objects is known too late for a union: take any.
            objects.append(_ROOT)
        elif kind.kind in ("object", "weak"):
            objects.append(kind.type_index)
        elif kind.kind == "any":
            mask |= kind.mask
            objects.extend(kind.objects)
        else:
            mask |= {"int": INT, "float": FLOAT, "bool": BOOL, "str": STR, "bytes": BYTES}[
                kind.kind
            ]
    return Kind("any", text, optional=none, mask=mask, objects=objects)
