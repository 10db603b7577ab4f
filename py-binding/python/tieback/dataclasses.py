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

``Annotated``, ``Final``, ``NewType``, ``Self``, type variables and aliases stand for what is in them,
``Literal`` for the types of its values.

A class in an annotation is one that shows a native type: of a ``py_class``, of ``register_object``
or the package's own. An ordinary subclass of one is refused, for the field would take all that its
parent shows; objects of it are taken where the parent is annotated.

Objects are compared field by field, as in the library from Python 3.13 on: two of a NaN are not equal, be it the same
one. (A native NaN comes out as another float each time; the hash of an object does not show that.)

An annotation says how a field is stored, and so which values it takes. As with dataclasses, what is inside of
a container (``list[int]``, ``Array[Node]``, ``dict[str, int]``) and which values a ``Literal`` names is for type
checkers alone. A mutable container is shared, so that a List is no Array and a Dict no Map: what would be
a silent copy is a TypeError.

Other than in the library, frozen is a property of fields: a frozen class may extend one that is
not, and the other way round, and each field stays as its own class declared it. So a frozen class
may have a ``__setattr__`` of its own. While an object is being made its frozen fields can simply be
assigned, by ``__init__`` and ``__post_init__``; afterwards nothing sets them, ``object.__setattr__``
neither: native code reads them without a lock. The ``__init__`` that a class's body defines is kept; a field
that it leaves alone has its default. The generated one fills fields natively: no ``__setattr__`` of the class is asked.

A copy, and what a pickle brings back, is made empty and filled by ``__setstate__``: the class's
``__new__``, ``__init__`` and ``__getnewargs__`` are not asked. A class whose objects must be made in
another way (of which there is one only, say) defines ``__reduce__``. Frozen fields are frozen when
that ``__setstate__`` returns, whosever it is.

What ends the making of an object is its class call. That of a class with a metaclass (``abc.ABC``)
is the metaclass's: there it ends with the ``__init__`` of the ``py_class``, so that an ordinary
subclass whose ``__init__`` does not ask ``super()`` leaves the frozen fields assignable.
"""

from __future__ import annotations

import dataclasses as _std
import functools
import inspect
from collections.abc import Mapping
from dataclasses import (
    KW_ONLY,
    MISSING,
    FrozenInstanceError,
    InitVar,
    fields,
    is_dataclass,
    replace,
)
from typing import Any, Callable, ClassVar, TypeVar, dataclass_transform, get_origin, overload

from tieback import _core
from tieback._annotations import Kind, describe, quotes_read
from tieback._core import Object
from tieback._ending import end_with
from tieback._generated import eq_of, hash_of, put_on, repr_of
from tieback._rebuild import without_dict
from tieback._values import asdict, astuple

__all__ = [
    "KW_ONLY",
    "MISSING",
    "Field",
    "FrozenInstanceError",
    "InitVar",
    "Object",
    "asdict",
    "astuple",
    "field",
    "fields",
    "is_dataclass",
    "py_class",
    "replace",
]

C = TypeVar("C", bound=type)

_FROZEN, _OPTIONAL = 1, 2


class Field(_std.Field[Any]):
    """One field of a class, as ``dataclasses.fields`` lists it; with what the library's has not."""

    __slots__ = ("frozen", "doc")

    frozen: bool | None
    doc: str | None


def field(
    *,
    default: Any = MISSING,
    default_factory: Any = MISSING,
    init: bool = True,
    repr: bool = True,
    compare: bool = True,
    hash: bool | None = None,
    metadata: Mapping[Any, Any] | None = None,
    kw_only: Any = MISSING,
    frozen: bool | None = None,
    doc: str | None = None,
) -> Any:
    """One field, as ``dataclasses.field``; ``frozen`` and ``doc`` are this field's own.

    ``frozen`` says otherwise than its class, ``doc`` is its descriptor's ``__doc__``.
    """
    if default is not MISSING and default_factory is not MISSING:
        raise ValueError("cannot specify both default and default_factory")
    if default_factory is not MISSING and not callable(default_factory):
        raise TypeError(f"default_factory must be a callable, got {type(default_factory).__name__}")
    kw_only = MISSING if kw_only is None else kw_only
    plain: Any = _std.field(
        default=default,
        default_factory=default_factory,
        init=init,
        repr=repr,
        compare=compare,
        hash=hash,
        metadata=metadata,
        kw_only=kw_only,
    )
    return _own_field(plain, frozen, doc)


def _own_field(plain: _std.Field[Any], frozen: bool | None = None, doc: str | None = None) -> Field:
    own = Field.__new__(Field)
    for name in _std.Field.__slots__:
        setattr(own, name, getattr(plain, name))
    own.frozen, own.doc = frozen, doc
    return own


@overload
def py_class(type_key: C) -> C: ...
@overload
def py_class(
    type_key: str | None = None,
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
) -> Callable[[C], C]: ...


@dataclass_transform(field_specifiers=(field, Field))
def py_class(
    type_key: Any = None,
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
) -> Any:
    """Makes a subclass of ``tieback.Object`` a native type with the fields it annotates.

    Usable as ``@py_class``, ``@py_class("library.Name")`` and ``@py_class(frozen=True)``. Without a
    type key the class's module and name are the key. The class is made anew without ``__dict__``,
    as ``dataclass(slots=True)`` does, so that its wrappers keep their id when they are dropped and
    fetched again; a subclass without ``py_class`` is an ordinary Python class and has one.

    Raises TypeError for an annotation or default that cannot be, ValueError for a type key that is
    taken by another layout.
    """
    if order and not eq:
        raise ValueError("order=True requires eq=True")
    if not (type_key is None or isinstance(type_key, (str, type))):
        got = type(type_key).__name__
        raise TypeError(f"py_class expects a type key (str) or the class itself, got {got}")

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
    if "__tieback_py_class__" in cls.__dict__:
        raise TypeError(f"{cls.__name__} is a py_class already; extend it to add fields")
    parent = _core.class_type_index(cls)
    assert parent is not None  # at least Object's
    inherited: dict[str, Kind] = getattr(cls, "__tieback_kinds__", {})
    own_init = "__init__" in cls.__dict__
    own_eq, own_repr = "__eq__" in cls.__dict__, "__repr__" in cls.__dict__
    own_replace = "__replace__" in cls.__dict__
    own_hash = "__hash__" in cls.__dict__ and not (cls.__dict__["__hash__"] is None and own_eq)
    body = dict(cls.__dict__)
    with quotes_read(cls):
        _check_hidden(cls, inherited)
        described: Any = _std.dataclass(
            init=init,
            repr=repr,
            eq=eq,
            order=order,
            # A frozen class compares by value for good, so it hashes by value, as in the library.
            unsafe_hash=unsafe_hash or (eq and frozen and not own_hash),
            frozen=False,
            match_args=match_args,
            kw_only=kw_only,
        )(cls)
    table: dict[str, _std.Field[Any]] = described.__dataclass_fields__
    for name, f in table.items():
        if not isinstance(f, Field):  # written without ``field()``
            table[name] = _own_field(f)
    all_fields = [f for f in table.values() if f._field_type is _std._FIELD]  # type: ignore[attr-defined]
    own = [f for f in all_fields if f.name not in inherited]
    again = [f for f in all_fields if f.name in inherited and f.name in _annotations(cls)]
    types = {f.name: describe(f, cls) for f in own}
    args = []
    for f in own:
        kind = types[f.name]
        wish = getattr(f, "frozen", None)
        kind.frozen = frozen if wish is None else wish
        flags = (_FROZEN if kind.frozen else 0) | (_OPTIONAL if kind.optional else 0)
        args.append(kind.argument(f.name, getattr(f, "doc", None) or "", flags))
    kinds = {**inherited, **types}
    _check_again(cls, again, inherited)
    for f in own + again:
        _check_descriptor(cls, f.name, body.get(f.name))
        if f.default is not MISSING:
            kinds[f.name].check_default(cls.__name__, f.name, f.default)
    if frozen and eq and not (unsafe_hash or own_hash):
        if not all(kinds[f.name].frozen for f in all_fields if f.compare):
            described.__hash__ = None  # it can change all the same
    if "__hash__" in described.__dict__ and described.__hash__ and not own_hash:
        hashed = [f.name for f in all_fields if (f.compare if f.hash is None else f.hash)]
        if any(kinds[name].kind in ("float", "any") for name in hashed):
            put_on(described, hash_of(hashed))
    if repr and not own_repr:
        put_on(described, repr_of([f.name for f in all_fields if f.repr]))
    if eq and not own_eq:
        put_on(described, eq_of(described.__eq__))
    generate = init and not own_init
    generated = described.__init__ if generate else None
    if generate:
        del described.__init__
    for name in ("__init__", "__setstate__"):
        # ``type`` calls our class call, which ends the building of an object; others do not.
        if name in cls.__dict__ and (name == "__setstate__" or type(cls) is not type):
            setattr(described, name, _finishing(name, cls.__dict__[name]))
    dropped = [f.name for f in own + again]
    reaches_python = any(kind.kind in ("object", "any", "weak") for kind in types.values())
    new: Any = without_dict(described, dropped, weakref_slot, reaches_python)
    index = _core.register_type(
        f"{cls.__module__}.{cls.__qualname__}" if key is None else key,
        cls.__doc__ or "",
        parent,
        args,
        key is None,
    )
    _core.register_class(new, index)
    end_with(new)
    _core.add_fields(new, args)
    for kind in types.values():
        kind.settle(new)
    new.__tieback_fields__ = [f.name for f in all_fields]
    new.__tieback_kinds__ = kinds
    new.__tieback_py_class__ = True
    new.__tieback_type_key__ = _core.type_key(index)
    if not own_replace:
        new.__replace__ = _replace
    _plan(new, table, generated)
    if not (generate or own_init):
        _refuse_call(new)
    made: type = new
    return made


def _annotations(cls: type) -> dict[str, Any]:
    return inspect.get_annotations(cls)


def _check_descriptor(cls: type, name: str, value: object) -> None:
    """In the library a property or another descriptor that sets is asked for the field's value; with ``slots=True``
    the field takes its place, and it is the default. It cannot have been meant."""
    kind = type(value)
    if hasattr(kind, "__set__") or hasattr(kind, "__delete__"):
        raise TypeError(
            f"{cls.__name__}: field {name!r} and a {kind.__name__} of that name: the field is native, and "
            "would never ask it; give one of them another name"
        )


def _check_hidden(cls: type, inherited: dict[str, Kind]) -> None:
    """A field declared again is the parent's, with another default; without one it has none, and
    must not find the parent's descriptor as its default. Anything else hides the field."""
    annotations = _annotations(cls)
    for name, annotation in annotations.items():
        if ClassVar in (annotation, get_origin(annotation)):
            continue  # no field: an attribute of the class, as without the annotation
        if any(name in vars(base) for base in Object.__mro__):
            raise TypeError(
                f"{cls.__name__}: a field {name!r} would hide tieback.Object's own {name!r}; use "
                "another name"
            )
    for name in inherited:
        if name in annotations:
            if name not in cls.__dict__:
                setattr(cls, name, _std.field())
        elif name in cls.__dict__:
            raise TypeError(
                f"{cls.__name__}: {name!r} would hide the inherited field {name!r}; use another "
                "name, or annotate it to change its default"
            )


def _check_again(cls: type, again: list[_std.Field[Any]], inherited: dict[str, Kind]) -> None:
    """A field is stored once, by the class that declared it first: with its type."""
    for f in again:
        known = inherited[f.name]
        kind = describe(f, cls)
        if not kind.takes_the_same(known):
            raise TypeError(
                f"{cls.__name__}: field {f.name!r} is inherited as {known.text} and cannot be "
                f"declared again as {kind.text}"
            )


def _finishing(name: str, function: Any) -> Any:
    """The class's own ``__init__`` or ``__setstate__``, which ends the building of an object.

    The name is that in the class: the function may have another.
    """

    @functools.wraps(function)
    def finishing(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        try:
            answer = function(self, *args, **kwargs)
        except BaseException:
            # A subclass may catch this and try again; where there is none the object stays as it is.
            if name == "__init__" and type(self).__init__ is finishing:
                _core.finish_building(self)
            raise
        # Native classes below have more to build; Python subclasses add nothing native.
        native = next(c for c in type(self).__mro__ if "__tieback_kinds__" in c.__dict__)
        if native.__dict__.get(name) is finishing:
            _core.finish_building(self)
        return answer

    finishing.__tieback_ends__ = None  # type: ignore[attr-defined]  # as a copy asks
    return finishing


def _replace(self: Any, /, **changes: Any) -> Any:
    """A copy with some fields changed (``copy.replace``)."""
    self.same_as(self)  # a moved-from object says so
    return _std.replace(self, **changes)


def _refuse_call(cls: type) -> None:
    """A class with ``init=False`` has an inherited ``__init__`` that somebody wrote, or none."""
    inherited = cls.__init__  # type: ignore[misc]
    if inherited is not Object.__init__ and not hasattr(inherited, "__tieback_made__"):
        return

    def refuse(self: Any, /, *args: Any, **kwargs: Any) -> None:
        raise TypeError(
            f"'{cls.__name__}' cannot be constructed directly: it was declared with init=False "
            "and defines no __init__"
        )

    refuse.__tieback_made__ = True  # type: ignore[attr-defined]
    cls.__init__ = refuse  # type: ignore[misc]


def _plan(cls: type, table: dict[str, Any], generated: Any) -> None:
    """Tells the class call how to construct: parameters, defaults, and the generated __init__."""
    positional: list[Any] = []
    keyword: list[Any] = []
    preset: list[Any] = []
    init_vars = 0
    for f in table.values():
        if f._field_type is _std._FIELD_CLASSVAR:  # type: ignore[attr-defined]
            continue
        place = None
        if f._field_type is _std._FIELD_INITVAR:  # type: ignore[attr-defined]
            place, init_vars = init_vars, init_vars + 1
        if f.default is not MISSING:
            default = ("value", f.default)
        elif f.default_factory is not MISSING:
            default = ("factory", f.default_factory)
        else:
            default = ("required", None)
        entry = (f.name, *default, place, f.init)
        (preset if not f.init else keyword if f.kw_only else positional).append(entry)
    count = len(positional)
    params = positional + keyword + preset

    def fill(self: Any, /, *args: Any, **kwargs: Any) -> None:
        _core.init_fields(cls, self, args, kwargs)

    if generated is None:
        fill.__name__ = "__ffi_init__"
        fill.__qualname__ = f"{cls.__qualname__}.{fill.__name__}"
        fill.__module__ = cls.__module__
    else:
        # Its annotations and, for whoever evaluates them, its module.
        functools.update_wrapper(fill, generated)
        fill.__signature__ = inspect.signature(generated)  # type: ignore[attr-defined]
        cls.__init__ = fill  # type: ignore[misc]
    cls.__ffi_init__ = fill  # type: ignore[attr-defined]
    fill.__tieback_made__ = True  # type: ignore[attr-defined]
    _core.set_plan(cls, cls.__name__, params, count, fill)
