"""One operation, over and over: what callgrind counts. `operations.py NAME TIMES`."""

import sys

import tieback
from tieback.dataclasses import py_class


@py_class("budget.Inner")
class Inner(tieback.Object):
    val: int


@py_class("budget.Outer", frozen=True)
class Outer(tieback.Object):
    x: Inner


outer, inner, array = Outer(Inner(1)), Inner(3), tieback.convert([Inner(2)])
identity = tieback.get_global_func("testing.echo")
nop = tieback.get_global_func("testing.nop")


def loop(times):
    for _ in range(times):
        pass


def live_hit(times):
    held = outer.x
    for _ in range(times):
        outer.x
    assert outer.x is held


def revive(times):
    for _ in range(times):
        outer.x


def echo(times):
    for _ in range(times):
        identity(inner)
    assert identity(inner) is inner


def call_mixed(times):
    for _ in range(times):
        nop(inner, 2)


def construct(times):
    for _ in range(times):
        Inner(1)


def field_int(times):
    for _ in range(times):
        inner.val


def array_get(times):
    held = array[0]
    for _ in range(times):
        array[0]
    assert array[0] is held


def main():
    name, times = sys.argv[1:]
    operations = (loop, live_hit, revive, echo, call_mixed, construct, field_int, array_get)
    {operation.__name__: operation for operation in operations}[name](int(times))


if __name__ == "__main__":
    main()
