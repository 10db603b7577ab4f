"""Checked by mypy, not run: behind ``# :`` stands the type it must find, behind ``# !`` its error."""

from __future__ import annotations

from typing import Any, Callable, ClassVar

import tieback
from tieback import Array, Error, Function, Object, Weak, convert, dataclasses as dc
from tieback.dataclasses import KW_ONLY, InitVar, field, py_class


@py_class("typed.Inner")
class Inner(dc.Object):
    val: int


@py_class("typed.Outer", frozen=True, order=True)
class Outer(dc.Object):
    x: Inner
    parent: Weak[Outer]
    items: Array[Inner]
    name: str = "a"
    call: Callable[[int], int] | None = None
    anything: Any = None
    seed: InitVar[int] = 0
    total: ClassVar[int] = 0
    _: KW_ONLY
    kw: int = 3


@py_class
class Bare(Object):
    a: int
    b: float = field(default=1.0, doc="doc", frozen=True, metadata={"unit": "m"})


outer = Outer(Inner(1), None, Array([Inner(2)]), kw=4)
reveal_type(outer.x)  # : typed.Inner
reveal_type(outer.parent)  # : typed.Outer | None
reveal_type(outer.items)  # : tieback._core.Array[typed.Inner]
reveal_type(outer.items[0])  # : typed.Inner
reveal_type(outer.items[0:1])  # : tieback._core.Array[typed.Inner]
reveal_type([item for item in outer.items])  # : list[typed.Inner]
reveal_type(outer.items + [Inner(3)])  # : tieback._core.Array[typed.Inner]
reveal_type(outer.items == [1])  # : bool
reveal_type(Bare(1).b)  # : float
reveal_type(Bare)  # : def (a: int, b: float =) -> typed.Bare
Inner("a")  # ! arg-type
Bare()  # ! call-arg
Bare(1, c=3)  # ! call-arg
outer.x = Inner(2)  # ! misc
outer < outer
Inner(1) < Inner(2)  # ! operator
py_class("k", colour="red")  # ! call-overload

reveal_type(tieback.get_global_func("a"))  # : tieback._core.Function
reveal_type(tieback.get_global_func("a")(1))  # : Any
reveal_type(tieback.get_global_func("a", True))  # : tieback._core.Function | None
reveal_type(tieback.register_global_func("g", lambda: 3, override=True))  # : tieback._core.Function


@tieback.register_global_func("typed.double")
def double(x: int) -> int:
    return 2 * x


@tieback.register_global_func
def treble(x: int) -> int:
    return 3 * x


reveal_type(double)  # : tieback._core.Function
reveal_type(treble)  # : tieback._core.Function
reveal_type(Function(len)([1]))  # : Any
reveal_type(convert(len))  # : Any

error = Error("ValueError", "m", cause=ValueError("x"))
reveal_type(error.kind)  # : str
reveal_type(error.cause)  # : tieback._core.Error | None
reveal_type(error.py_error())  # : BaseException


@tieback.register_object("library.Type")
class Type(Object):
    q: int


@tieback.register_error
class OwnError(Exception): ...


@tieback.register_error("Other")
class OtherError(Exception): ...


reveal_type(Type)  # : def () -> typed.Type
reveal_type(OwnError("x"))  # : typed.OwnError
reveal_type(OtherError("x"))  # : typed.OtherError
reveal_type(tieback.stats())  # : dict[str, int]
reveal_type(tieback.list_global_func_names())  # : list[str]
reveal_type(tieback.testing.use_count(outer))  # : int
reveal_type(tieback.testing.tie_state(3))  # : str
reveal_type(outer.same_as(3))  # : bool
reveal_type(outer.__chandle__())  # : int
reveal_type(dc.replace(outer, name="b"))  # : typed.Outer
reveal_type(dc.asdict(outer))  # : dict[str, Any]
