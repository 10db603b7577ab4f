"""Where there is no memory to say why something is refused, or to show what a container holds: MemoryError, which
``except Exception`` catches. A panic would be the process's end in a slot, and PyO3's own exception elsewhere.
"""

from __future__ import annotations

import abc
import dataclasses
import gc
from typing import Any, Callable

import pytest

import tieback
from tie_support import Box, Leaf
from tieback import _core
from tieback.dataclasses import py_class
from tieback.testing import tie_state


_testcapi = pytest.importorskip(
    "_testcapi", reason="this Python has no _testcapi: no allocation hook"
)

SURROGATE = "\ud800"
# Not made where there is no memory: free-threaded 3.13 frees what it has not written yet, if a list's items cannot be
# had. Nor is a function made there (a lambda, a generator expression): see `test_faults.py`.
SURROGATES, VALUES = [SURROGATE], [2**40, 2.5, 3]


class Own(Exception):
    pass


class Refuses:
    def __index__(self) -> int:
        raise Own


@py_class(frozen=True)
class Frozen(tieback.Object):
    number: int


@py_class
class Abstract(abc.ABC, tieback.Object):
    number: int = 0

    @abc.abstractmethod
    def method(self) -> None: ...


FROZEN, LEAF, BOX = Frozen(1), Leaf(1), Box(1)
echo = tieback.get_global_func("testing.echo")


def delete() -> None:
    del FROZEN.number


REFUSED: dict[str, tuple[type[Exception], Callable[[], Any]]] = {
    "frozen": (dataclasses.FrozenInstanceError, lambda: setattr(FROZEN, "number", 2)),
    "deleted": (dataclasses.FrozenInstanceError, delete),
    "an exception of its own": (Own, lambda: setattr(LEAF, "number", Refuses())),
    "that, constructing": (Own, lambda: Leaf(Refuses())),
    "abstract": (TypeError, Abstract),
    "a surrogate set": (UnicodeEncodeError, lambda: setattr(BOX, "value", SURROGATE)),
    "a surrogate passed": (UnicodeEncodeError, lambda: echo(SURROGATE)),
    "a surrogate in a list": (UnicodeEncodeError, lambda: tieback.List(SURROGATES)),
    "a surrogate as a key": (UnicodeEncodeError, lambda: tieback.Dict({SURROGATE: 1})),
    "a surrogate from a callable": (UnicodeEncodeError, tieback.convert(lambda: SURROGATE)),
    # By functions that PyO3 calls.
    "no List": (TypeError, lambda: _core.list_read(1)),
    "no Map": (TypeError, lambda: _core.map_read(1)),
    "no Error": (TypeError, lambda: _core.error_parts(LEAF)),
    "no Function": (TypeError, lambda: _core.function_about(LEAF)),
    "no callable": (TypeError, lambda: tieback.register_global_func("test_faults.f", 1)),
    "no handle": (ValueError, lambda: tie_state(0)),
    "no object": (TypeError, lambda: _core.is_building(1)),
    "not looked at": (KeyError, lambda: LOOK.facts(1)),
    "no type": (ValueError, lambda: _core.register_class(Leaf, 2**30)),
    "no key": (ValueError, lambda: _core.register_type("", "", 0, [], False)),
    "no parent": (TypeError, lambda: _core.register_class(Frozen, LEAF_INDEX)),
    "no py_class": (TypeError, lambda: _core.new_unfilled(tieback.List)),
    "no instance": (TypeError, lambda: _core.init_fields(Frozen, LEAF, (), {})),
    "a name that is not there": (ValueError, lambda: tieback.get_global_func("test_faults.none")),
}

LOOK = _core.Look()
LEAF_INDEX = _core.class_type_index(Leaf)
ERROR = tieback.Error("KeyError", "text", "a frame", tieback.Error("ValueError", "why"))
LOOKED_AT = [LOOK.add(object) for object in (BOX, ERROR, tieback.List([LEAF]), echo)]
LIST, DICT = tieback.List(VALUES), tieback.Dict({1: 2.5, "text": 2**40})

SHOWN: dict[str, Callable[[], Any]] = {
    "repr of a List": lambda: repr(LIST),
    "repr of a Dict": lambda: repr(DICT),
    "Lists compared": lambda: LIST == VALUES,
    "Dicts compared": lambda: DICT == {1: 2.5, "text": 2**40},
    "sorted": LIST.sort,
    "the last pair": lambda: tieback.Dict({1: 2.5}).popitem(),
    "pairs": lambda: list(DICT.items()),
    "an Error's message": lambda: ERROR.message + ERROR.traceback,
    "stats": tieback.stats,
    "names of global functions": tieback.list_global_func_names,
    "a function's doc": lambda: echo.__doc__ + echo.__text_signature__,
    "tie_state": lambda: tie_state(BOX),
    "a class's type": lambda: _core.type_key(_core.class_type_index(Leaf)),
    "a graph": lambda: tieback.graph(BOX),
    "standing functions": lambda: _core.Look().standing(),
    "looked at": lambda: [(LOOK.facts(at), LOOK.edges(at, 9)) for at in LOOKED_AT],
    "why_alive": lambda: tieback.why_alive(BOX),
}


def failed(act: Callable[[], Any]) -> list[type[BaseException] | None]:
    """What came of it, for each of the first allocations."""
    act_twice(act)
    came: list[type[BaseException] | None] = []
    for n in range(70):
        raised: type[BaseException] | None = None
        _testcapi.set_nomemory(n, n + 1)
        try:
            act()
        except BaseException as error:
            _testcapi.remove_mem_hooks()
            raised = type(error)
            # CPython's own, where the frame of a traceback cannot be made.
            if raised is SystemError and "without" in str(error):
                raised = MemoryError
        else:
            _testcapi.remove_mem_hooks()
        came.append(raised)
    gc.collect()
    return came


def act_twice(act: Callable[[], Any]) -> None:
    """What is made once is made."""
    for _ in range(2):
        try:
            act()
        except Exception:
            pass


@pytest.mark.parametrize("what", REFUSED)
def test_refused_without_memory(what: str):
    kind, act = REFUSED[what]
    with pytest.raises(kind):
        act()
    assert set(failed(act)) == {kind, MemoryError}


# CPython 3.11 and 3.12 go round for ever at a `finally` that they have no memory to enter.
ENDLESS = {"a graph"}


@pytest.mark.parametrize("what", [kind for kind in (*SHOWN, *REFUSED) if kind not in ENDLESS])
def test_nothing_panics_when_all_memory_is_gone(what: str):
    """From one allocation on there is none: nor for the exception that a panic would become."""
    kind, act = REFUSED[what] if what in REFUSED else (MemoryError, SHOWN[what])
    act_twice(act)
    either = (MemoryError, kind)  # made while there is memory for it
    for n in range(40):
        _testcapi.set_nomemory(n, 0)
        try:
            act()
        except either:
            pass
        finally:
            _testcapi.remove_mem_hooks()


@pytest.mark.parametrize("what", SHOWN)
def test_shown_without_memory(what: str):
    came = set(failed(SHOWN[what]))
    assert MemoryError in came and came <= {None, MemoryError}
