"""``py_class``: dataclasses whose fields live in a native object.

The class is described as with the standard library's ``dataclasses``, which does the describing
here too: order and defaults of fields, ``KW_ONLY``, ``InitVar``, ``ClassVar``, comparison, repr,
``__match_args__``. What differs is where the values are: each field is stored natively by its
annotation, in an object that Rust, C and Python share.

==========================  =========================================================
annotation                  stored as
==========================  =========================================================
int, float, bool            64-bit integer, double, byte
str, bytes                  native string, bytes
a class, Object             a reference to an object of that class
Array, tuple                a reference to an Array (lists and tuples are converted)
Function, Callable          a reference to a Function (callables are carried)
Weak[T]                     a weak reference: the object, or None once it is gone
Optional[T], T | None       the same, or None
Any, object, other unions   any value that can cross; unions are checked
"quoted" names              looked up when first needed
==========================  =========================================================
"""

from __future__ import annotations

import dataclasses as _std
import functools
import inspect
import sys
from dataclasses import KW_ONLY, MISSING, FrozenInstanceError, InitVar
from typing import Any, Callable, TypeVar, dataclass_transform

from tieback import _core
from tieback._annotations import describe
from tieback._core import Object
from tieback._rebuild import without_dict

__all__ = [
    "KW_ONLY",
    "MISSING",
    "FrozenInstanceError",
    "InitVar",
    "Object",
    "field",
    "fields",
    "py_class",
]

C = TypeVar("C", bound=type)

fields = _std.fields

_FROZEN, _OPTIONAL = 1, 2


def field(
    *,
    default: Any = MISSING,
    default_factory: Any = MISSING,
    init: bool = True,
    repr: bool = True,
    compare: bool = True,
    hash: bool | None = None,
    kw_only: Any = MISSING,
    frozen: bool | None = None,
    doc: str | None = None,
) -> Any:
    """One field, as ``dataclasses.field``; ``frozen`` and ``doc`` are this field's own."""
    if default is not MISSING and default_factory is not MISSING:
        raise ValueError("cannot specify both default and default_factory")
    if default_factory is not MISSING and not callable(default_factory):
        raise TypeError(
            f"default_factory must be a callable, got {type(default_factory).__name__}"
        )
    kw_only = MISSING if kw_only is None else kw_only
    made = _std.field(
        default=default,
        default_factory=default_factory,
        init=init,
        repr=repr,
        compare=compare,
        hash=hash,
        kw_only=kw_only,
        metadata={"tieback.frozen": frozen, "tieback.doc": doc or ""},
    )
    return made


@dataclass_transform(field_specifiers=(field,))
def py_class(
    type_key: str | type | None = None,
    /,
    *,
    init: bool = True,
    eq: bool = True,
    order: bool = False,
    repr: bool = True,
    unsafe_hash: bool = False,
    frozen: bool = False,
    kw_only: bool = False,
    match_args: bool = True,
    weakref_slot: bool = False,
    **options: Any,
) -> Any:
    """Makes a subclass of ``tieback.Object`` a native type with the fields it annotates.

    Usable as ``@py_class``, ``@py_class("library.Name")`` and ``@py_class(frozen=True)``. Without a
    type key the class's module and name are the key. The class is made anew without ``__dict__``,
    as ``dataclass(slots=True)`` does, so that its wrappers keep their id when they are dropped and
    fetched again; a subclass without ``py_class`` is an ordinary Python class and has one.

    Raises TypeError for an annotation or default that cannot be, ValueError for a type key that is
    taken by another layout.
    """
    if "type_key" in options:
        if type_key is not None:
            raise TypeError("py_class got the type key twice")
        type_key = options.pop('type_key')
    if options:
        raise TypeError(f"py_class got an unexpected option {next(iter(options))!r}")
    if order and not eq:
        raise ValueError("order=True requires eq=True")
    if not (type_key is None or isinstance(type_key, (str, type))):
        raise TypeError(f"py_class: expected str or type, got {type(type_key)}")

    def make(cls: type) -> type:
        key = type_key if isinstance(type_key, str) else None
        return _make(
            cls, key, init, eq, order, repr, unsafe_hash, frozen, kw_only, match_args, weakref_slot
        )

    return make(type_key) if isinstance(type_key, type) else make


def _make(
    cls: type,
    key: str | None,
    init: bool,
    eq: bool,
    order: bool,
    repr: bool,
    unsafe_hash: bool,
    frozen: bool,
    kw_only: bool,
    match_args: bool,
    weakref_slot: bool,
) -> type:
    if not isinstance(cls, type) or not issubclass(cls, Object):
        name = getattr(cls, "__name__", cls)
        raise TypeError(
            f"{name} must inherit from a registered tieback type (tieback.Object or a py_class)"
        )
    parent = _core.class_type_index(cls)
    inherited = {f.name for f in _native_fields(cls.__mro__[1:])}
    own_names = [n for n in _annotations(cls) if n not in inherited]
    _forget_inherited_defaults(cls, inherited)
    own_body = set(cls.__dict__)
    own_init = "__init__" in own_body
    own_hash = "__hash__" in cls.__dict__ and not (
        cls.__dict__["__hash__"] is None and "__eq__" in cls.__dict__
    )
    described = _std.dataclass(  # type: ignore[call-overload]
        init=True,
        repr=repr,
        eq=eq,
        order=order,
        # A frozen class compares by value for good, so it hashes by value, as in the library.
        unsafe_hash=unsafe_hash or (eq and frozen and not own_hash),
        frozen=False,
        match_args=match_args,
        kw_only=kw_only,
    )(cls)
    table = described.__dataclass_fields__
    own = [table[n] for n in own_names if n in table and table[n]._field_type is _std._FIELD]  # type: ignore[attr-defined]
    types = {f.name: describe(f, cls) for f in own}
    args = []
    for f in own:
        kind = types[f.name]
        wish = f.metadata.get("tieback.frozen")
        flags = (_FROZEN if (frozen if wish is None else wish) else 0) | (
            _OPTIONAL if kind.optional else 0
        )
        args.append(kind.argument(f.name, f.metadata.get("tieback.doc", ""), flags))
    _check_defaults(own, types)
    signature = None if own_init else inspect.signature(described.__init__)
    if not own_init:
        del described.__init__
    new = without_dict(described, drop=[f.name for f in own], weakref_slot=weakref_slot)
    auto = key is None
    index = _core.register_type(
        key or f"{cls.__module__}.{cls.__qualname__}", cls.__doc__ or "", parent, args, auto
    )
    _core.register_class(new, index)
    _core.add_fields(new, args)
    for kind in types.values():
        kind.settle(new)
    if repr and "__repr__" not in own_body:
        new.__repr__ = _repr_unless_moved(new.__repr__)  # type: ignore[method-assign]
    names = [f.name for f in table.values() if f._field_type is _std._FIELD]  # type: ignore[attr-defined]
    new.__tieback_fields__ = names  # type: ignore[attr-defined]
    new.__tieback_py_class__ = True  # type: ignore[attr-defined]
    new.__tieback_type_key__ = _core.type_key(index)  # type: ignore[attr-defined]
    new.__replace__ = _std.replace if sys.version_info >= (3, 13) else _replace  # type: ignore[attr-defined]
    _plan(new, table, signature, init and not own_init)
    return new


def _annotations(cls: type) -> dict[str, Any]:
    return inspect.get_annotations(cls)


def _native_fields(classes: Any) -> list[_std.Field[Any]]:
    for base in classes:
        table = base.__dict__.get("__dataclass_fields__")
        if table is not None:
            return [f for f in table.values() if f._field_type is _std._FIELD]
    return []


def _forget_inherited_defaults(cls: type, inherited: set[str]) -> None:
    """A field declared again is the parent's, with another default; without one it has none, and
    must not find the parent's descriptor as its default."""
    for name in _annotations(cls):
        if name in inherited and name not in cls.__dict__:
            setattr(cls, name, _std.field())


def _check_defaults(own: list[_std.Field[Any]], types: dict[str, Any]) -> None:
    for f in own:
        if f.default is not MISSING:
            types[f.name].check_default(f.name, f.default)


def _repr_unless_moved(generated: Callable[[Any], str]) -> Callable[[Any], str]:
    @functools.wraps(generated)
    def __repr__(self: Any) -> str:
        return generated(self) if self.__chandle__() else Object.__repr__(self)

    return __repr__


def _replace(self: Any, /, **changes: Any) -> Any:
    return _std.replace(self, **changes)


def _plan(
    cls: type, table: dict[str, Any], signature: inspect.Signature | None, generate: bool
) -> None:
    """Tells the class call how to construct: parameters, defaults, and the generated __init__."""
    positional: list[Any] = []
    keyword: list[Any] = []
    preset: list[Any] = []
    for f in table.values():
        if f._field_type is _std._FIELD_CLASSVAR:  # type: ignore[attr-defined]
            continue
        is_field = f._field_type is _std._FIELD  # type: ignore[attr-defined]
        if f.default is not MISSING:
            default = ("value", f.default)
        elif f.default_factory is not MISSING:
            default = ("factory", f.default_factory)
        else:
            default = ("required", None)
        entry = (f.name, *default, is_field, f.init)
        (preset if not f.init else keyword if f.kw_only else positional).append(entry)
    count = len(positional)
    params = positional + keyword + preset

    def fill(self: Any, /, *args: Any, **kwargs: Any) -> None:
        _core.init_fields(cls, self, args, kwargs)

    fill.__qualname__ = f"{cls.__qualname__}.__init__"
    fill.__module__ = cls.__module__
    cls.__ffi_init__ = fill  # type: ignore[attr-defined]
    if signature is not None:
        fill.__signature__ = signature  # type: ignore[attr-defined]
    if generate:
        fill.__name__ = "__init__"
        cls.__init__ = fill  # type: ignore[misc]
    elif signature is not None:

        def refuse(self: Any, /, *args: Any, **kwargs: Any) -> None:
            raise TypeError(
                f"'{cls.__name__}' cannot be constructed directly: it was declared with "
                "init=False and defines no __init__"
            )

        cls.__init__ = refuse  # type: ignore[misc]
    _core.set_plan(cls, cls.__name__, params, count, fill)
