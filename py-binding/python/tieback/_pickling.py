"""Pickle, copy and deepcopy: sharing is kept, and an object is rebuilt before its fields are read,
so that cycles through weak and other fields come out as they went in."""

from __future__ import annotations

import copy
import copyreg
import functools
import inspect
from typing import Any

from tieback import _core
from tieback._core import Array, Dict, Function, List, Map, Object
from tieback._errors import Error

__all__: list[str] = []

# ``cls.__new__(cls, ...)``, as pickles call it; the other one with keyword arguments.
_new: Any = copyreg.__newobj__  # type: ignore[attr-defined]
_new_ex: Any = copyreg.__newobj_ex__  # type: ignore[attr-defined]


def _native_fields(cls: type) -> list[str]:
    return getattr(cls, "__tieback_fields__", [])


def _slots(cls: type) -> list[str]:
    names: list[str] = []
    for base in cls.__mro__:
        slots = base.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__"):
                if name.startswith("__") and not name.endswith("__"):
                    name = f"_{base.__name__.lstrip('_')}{name}"
                names.append(name)
    return names


def _getstate(self: Object) -> dict[str, Any]:
    """The native fields that are set, and what a subclass keeps in ``__dict__`` and slots."""
    cls = type(self)
    self.__reduce_check__()
    state: dict[str, Any] = {}
    own = (*_native_fields(cls), *_slots(cls))
    for name in own:
        try:
            state[name] = getattr(self, name)
        except AttributeError:
            continue
    # By name: without memory, CPython 3.11's iterator over items does not fail, but crashes.
    # Of a copy, made at once: another thread may be setting attributes, and so may a name when it is compared.
    attributes = dict(getattr(self, "__dict__", ()))
    for name in attributes:
        if name not in own:  # there it is shadowed: no attribute access finds it
            state[name] = attributes[name]
    return state


def _setstate(self: Object, state: Any) -> None:
    """Fills an object that is being rebuilt. For any other TypeError, but for what a ``__reduce__`` of the
    class's own gives besides the call that makes the object: attributes of Python's (``self.__dict__``)."""
    if not _core.is_building(self):
        self.same_as(self)  # a moved-from object says so
        if isinstance(state, dict) and hasattr(self, "__dict__"):
            if not {*_native_fields(type(self)), *_slots(type(self))}.intersection(state):
                self.__dict__.update(state)
                return
        raise TypeError(
            f"this {type(self).__name__!r} is initialised already: __init__ and __setstate__ run "
            "once; make a new object instead"
        )
    if not isinstance(state, dict):
        raise TypeError(f"__setstate__ expects a dict of fields, got {type(state).__name__}")
    cls = type(self)
    own = {*_native_fields(cls), *_slots(cls)}
    for name in state:
        if name in own:
            # Not by way of a ``__setattr__`` of the class: nor is ``__init__`` called.
            object.__setattr__(self, name, state[name])
        elif hasattr(self, "__dict__"):
            self.__dict__[name] = state[name]
        else:
            raise TypeError(f"{cls.__name__!r} has no field {name!r}: its layout has changed")
    _core.finish_building(self)


_setstate.__tieback_ends__ = Object  # type: ignore[attr-defined]


def _reduce_check(self: Object) -> None:
    self.same_as(self)  # raises what every use of an empty wrapper raises
    if not getattr(type(self), "__tieback_py_class__", False):
        raise TypeError(
            f"cannot pickle or copy {type(self).__name__!r} objects: their type is defined by "
            "native code, which gives no way to rebuild them"
        )


def _reduce_ex(self: Object, protocol: int) -> tuple[Any, ...]:
    if type(self).__reduce__ is not Object.__reduce__:
        return self.__reduce__()  # type: ignore[return-value]
    return _reduce(self)


def _new_without_state(cls: type[Object]) -> Object:
    """An object whose class keeps no state for a copy: its fields are not set."""
    new = _core.new_unfilled(cls)
    _core.finish_building(new)
    return new


def _reduce(self: Object) -> tuple[Any, ...]:
    """The same for every protocol. Asks no class for another way: one that has it may be asking."""
    self.__reduce_check__()
    state = self.__getstate__()
    if state is None:  # nobody will call __setstate__, which ends the building
        return _new_without_state, (type(self),)
    return _new_for_state, (type(self),), state


def _new_for_state(cls: type[Object]) -> Object:
    """An empty object for its class's ``__setstate__`` to fill, which ends the building, whosever it is."""
    if not hasattr(cls.__setstate__, "__tieback_ends__"):  # type: ignore[attr-defined]
        _let_setstate_end(cls)
    return _core.new_unfilled(cls)


def _let_setstate_end(cls: type[Object]) -> None:
    """Gives the class a ``__setstate__`` that calls the one it has, which knows nothing of building. The copy
    and pickle modules leave no other place: what they call last is a method of the object."""
    own = inspect.getattr_static(cls, "__setstate__")

    @functools.wraps(getattr(own, "__func__", own))
    def __setstate__(self: Object, state: Any) -> None:
        bind = getattr(type(own), "__get__", None)
        (bind(own, self, type(self)) if bind else own)(state)
        # A subclass's own has more to do, and ends it later.
        if getattr(type(self).__setstate__, "__tieback_ends__", None) is cls:  # type: ignore[attr-defined]
            _core.finish_building(self)

    # Two threads may do this at once: either's will do.
    __setstate__.__tieback_ends__ = cls  # type: ignore[attr-defined]
    type.__setattr__(cls, "__setstate__", __setstate__)


def _same(self: Any) -> Any:
    """Immutable: a copy is the object itself."""
    self.same_as(self)  # raises if it was moved
    return self


def _rebuilt(self: Any, memo: dict[int, Any] | None = None) -> Any:
    """A copy of a Python subclass's container, as the library makes one of a subclass of ``list``."""
    self.same_as(self)
    by_others = copyreg.dispatch_table.get(type(self))
    reduced: Any = by_others(self) if by_others else self.__reduce_ex__(4)
    if isinstance(reduced, str):
        return self
    make, arguments, *rest = reduced
    if memo is not None:
        arguments = copy.deepcopy(arguments, memo)
        if id(self) in memo:
            return memo[id(self)]  # an element that leads back here has made the copy already
    made = functools.partial(make, *arguments)
    return copy._reconstruct(self, memo, made, (), *rest)  # type: ignore[attr-defined]


def _copy(self: Any) -> Any:
    """Immutable, but for what a subclass of Python's keeps besides."""
    return _same(self) if type(self) in (Array, Map) else _rebuilt(self)


def _same_deep(self: Any, memo: dict[int, Any]) -> Any:
    """As deep as it may go."""
    return _same(self)


def _copy_mutable(self: Any) -> Any:
    """A new one of the same items; of a subclass, too."""
    if type(self) in (List, Dict):
        return self.copy()
    return _rebuilt(self)


def _deepcopy_array(self: Array[Any], memo: dict[int, Any]) -> Any:
    if type(self) is not Array:
        return _rebuilt(self, memo)
    items = [copy.deepcopy(item, memo) for item in self]
    # An element that leads back here has made the copy already.
    return memo[id(self)] if id(self) in memo else Array(items)


def _deepcopy_map(self: Map[Any, Any], memo: dict[int, Any]) -> Any:
    if type(self) is not Map:
        return _rebuilt(self, memo)
    pairs = [copy.deepcopy(pair, memo) for pair in _core.map_read(self)]
    # As with an Array.
    return memo[id(self)] if id(self) in memo else Map(pairs)


def _reduce_list(self: Any) -> tuple[Any, ...]:
    """Made empty and then filled, so that one that contains itself comes out as it went in."""
    items = iter(_core.list_read(self)[0])
    return *_new_call(self), self.__getstate__(), items


def _reduce_dict(self: Any) -> tuple[Any, ...]:
    """As a List."""
    pairs = iter(_core.map_read(self))
    return *_new_call(self), self.__getstate__(), None, pairs


def _reduce_immutable(self: Any) -> tuple[Any, ...]:
    """Made with what is in it; as of a tuple, ``__init__`` is not called."""
    if type(self) in (Array, Map):
        return type(self), self.__getnewargs__()
    return *_new_call(self), self.__getstate__()


def _new_call(self: Any) -> tuple[Any, tuple[Any, ...]]:
    """The call of ``__new__`` that makes a container again, with the arguments that its class names."""
    cls = type(self)
    if hasattr(cls, "__getnewargs_ex__"):
        arguments, named = self.__getnewargs_ex__()
        if named:
            return _new_ex, (cls, arguments, named)
    else:
        arguments = self.__getnewargs__() if hasattr(cls, "__getnewargs__") else ()
    return _new, (cls, *arguments)


def _newargs_immutable(self: Any) -> tuple[Any, ...]:
    if isinstance(self, Array):
        return (list(_core.iterate_items(self, False)),)
    return (_core.map_read(self),)


def _own_state(self: Any) -> Any:
    """What a subclass of Python's keeps besides, as the library says it."""
    if type(self) in (Array, List, Map, Dict):
        return None
    return object.__getstate__(self)


def _set_own_state(self: Any, state: Any) -> None:
    """As for a class without a ``__setstate__``: a dict, or a pair of one and what is in slots."""
    slots: Any = None
    if isinstance(state, tuple) and len(state) == 2:
        state, slots = state
    if state:
        self.__dict__.update(state)
    for name in slots or ():
        setattr(self, name, slots[name])


def _reduce_error(self: Error) -> tuple[Any, ...]:
    return Error, (self.kind, self.message, self.traceback, self.cause)


def _reduce_function(self: Function, protocol: int) -> Any:
    self.same_as(self)  # raises if it was moved
    raise TypeError("cannot pickle 'Function' objects: look global functions up by name instead")


def _any_protocol(self: Any, protocol: int) -> Any:
    return self.__reduce__()


def _give(cls: type, **methods: Any) -> None:
    for name, method in methods.items():
        setattr(cls, f"__{name}__", method)


_give(
    Object,
    getstate=_getstate,
    setstate=_setstate,
    reduce_check=_reduce_check,
    reduce_ex=_reduce_ex,
    reduce=_reduce,
)
_give(
    Array,
    reduce=_reduce_immutable,
    getnewargs=_newargs_immutable,
    copy=_copy,
    deepcopy=_deepcopy_array,
)
_give(List, reduce=_reduce_list, copy=_copy_mutable)
_give(
    Map,
    reduce=_reduce_immutable,
    getnewargs=_newargs_immutable,
    copy=_copy,
    deepcopy=_deepcopy_map,
)
_give(Dict, reduce=_reduce_dict, copy=_copy_mutable)
for _cls in (Array, List, Map, Dict):
    _give(_cls, reduce_ex=_any_protocol, getstate=_own_state, setstate=_set_own_state)
_give(Function, reduce_ex=_reduce_function, copy=_same, deepcopy=_same_deep)
_give(Error, reduce=_reduce_error, reduce_ex=_any_protocol, copy=_same, deepcopy=_same_deep)
