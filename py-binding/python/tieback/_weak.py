"""``Weak[T]``: a field that points to an object without keeping it alive."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any, ClassVar, Optional, TypeVar


class _Weak:
    """Marks a field of a ``py_class`` as a weak reference: ``parent: Weak[Node]``.

    The field reads as the object while it lives, and as None afterwards. It takes an object or
    None. Parents, owners and observers are what it is for: a tree of children and weak parents is
    freed when its root is, and by the collector if something in it leads back to the root.

    What is part of such a cycle is not collected while an object that lives refers to it weakly:
    native code could come by it there at any moment. An object with attributes of its own that
    nothing native holds is; the field is None then.
    """

    __slots__ = ()

    def __new__(cls, *args: object, **kwargs: object) -> Any:
        raise TypeError(
            "Weak is an annotation for py_class fields, as in 'parent: Weak[Node]'; "
            "assign the object itself"
        )

    __class_getitem__: ClassVar[Any] = classmethod(types.GenericAlias)


_Weak.__name__ = _Weak.__qualname__ = "Weak"
_Weak.__module__ = "tieback"

if TYPE_CHECKING:
    _T = TypeVar("_T")
    Weak = Optional[_T]  # what such a field reads as, and what it takes
else:
    Weak = _Weak
