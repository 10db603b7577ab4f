"""Fault injection: the n-th allocation fails, for every n until the scenario passes without the fault
having happened. Python's allocations through the hook of ``_testcapi``, native ones through a backing of the
test library's. Each time: MemoryError or done, nothing leaked, nothing corrupted, and it works again.
"""

from __future__ import annotations

import ctypes
import gc
import pickle
import sys
import types
from typing import Any, Callable, Iterator

import pytest

from interpreter import FREE
import libraries
import tieback
from tie_support import TIED, Box, Heir, Leaf, Numbers, Opaque, Slotted, lib
from tieback.testing import use_count

_testcapi = pytest.importorskip(
    "_testcapi", reason="this Python has no _testcapi: no allocation hook"
)

X = Leaf(7)
NESTED: list[Any] = [
    X,
    [X, "text that is longer than a place", [1, 2.5, b"bytes" * 4, None, [X]]],
    Opaque(),
]
REVIVED = lib.hold(Leaf(9))
STATEFUL = lib.hold(Box(1))
LIBRARY = str(libraries.path("test_library"))
ECHOED = {
    "none": None,
    "bool": True,
    "int": 2**40,
    "float": 2.5,
    "short text": "text",
    "long text": "text" * 20,
    "bytes": b"bytes" * 20,
    "object": X,
    "function": lib.echo,
    "callable": len,
    "carrier": Opaque(),
    "exception": ValueError("text"),
    "list": NESTED,
    "tuple": (1, ("text" * 9, X)),
    "array": tieback.Array([1, [2, X]]),
}


def raise_(kind: Any) -> Callable[[Any], Any]:
    def fail(_: Any) -> None:
        raise kind("text that is longer than a place")

    return fail


FAIL = raise_(KeyError)


def error_into_native() -> None:
    """Python raises, native code sees its kind and message."""
    kind, message = lib.catch(FAIL, 1)
    if kind == "MemoryError" or "without setting an exception" in message:
        raise MemoryError
    assert kind == "KeyError", (kind, message)


def error_through() -> None:
    """Python raises, native code passes it on, it comes back as itself."""
    try:
        lib.call(FAIL, 1)
    except KeyError:
        return
    raise AssertionError


def error_from_native() -> None:
    try:
        getattr(lib, "raise")("IndexError", "text that is longer than a place")
    except IndexError:
        return
    raise AssertionError


def registered() -> None:
    """Registers a class for a type again; the old one after it."""
    cls = type("Numbers", (tieback.Object,), {"__slots__": ()})
    tieback.register_object("test_library.Numbers")(cls)
    assert type(lib.held(numbers)) in (cls, Numbers)


numbers = lib.hold(Numbers(3))


def pickled() -> None:
    made = pickle.loads(pickle.dumps(Heir(3, "text that is longer")))
    assert (made.number, made.text) == (3, "text that is longer")


def py_class() -> None:
    made = Heir(2**40, "text that is longer than a place")
    assert made.number == 2**40


def revived() -> None:
    assert lib.held(REVIVED).number == 9


def called_back() -> None:
    assert lib.apply(lambda *args: len(args), X, 1, "text that is longer than a place", [1, X]) == 4


def converted() -> None:
    made = tieback.convert(NESTED)
    assert made[0] is X and made[1][2][4][0] is X


def deeply_copied() -> None:
    import copy

    made = copy.deepcopy(Box([Leaf(1), Leaf(2)]))
    assert made.value[1].number == 2


def global_function() -> None:
    tieback.remove_global_func("test_faults.f")
    tieback.register_global_func("test_faults.f", len)
    tieback.remove_global_func("test_faults.f")


SCENARIOS: dict[str, Callable[[], Any]] = {
    "wrap": lambda: lib.points(3),
    "wrap a stateful one": lambda: lib.held(STATEFUL).value,
    "revive": revived,
    "py_class": py_class,
    "subclass": lambda: Slotted(1),
    "callback": called_back,
    "error into native code": error_into_native,
    "error through": error_through,
    "error from native code": error_from_native,
    "pickle": pickled,
    "deep copy": deeply_copied,
    "register_object": registered,
    "convert": converted,
    "load_library": lambda: tieback.load_library(LIBRARY),
    "set a field": lambda: setattr(Box(), "value", NESTED),
    "global function": global_function,
    **{f"echo {kind}": lambda value=value: lib.echo(value) for kind, value in ECHOED.items()},
    **{f"make {kind}": make for kind, make in TIED.items()},
}


def is_memory_error(error: BaseException | None) -> bool:
    """A MemoryError; what was raised while one was handled; or the panic of a Rust constructor that has no
    other way to say it (a library may use the ``try_`` forms), which was caught at the border."""
    while error is not None:
        if isinstance(error, MemoryError) or "no block for a body" in str(error):
            return True
        # CPython's own: a function that raises while the frame of the traceback cannot be made, and
        # pickle's word for an import that failed.
        if isinstance(error, SystemError) and "without setting an exception" in str(error):
            return True
        if isinstance(error, pickle.PicklingError):
            return True
        error = error.__cause__ or error.__context__
    return False


def is_lost_name(error: BaseException) -> bool:
    """From 3.13 on a look-up in a class that has no memory to look answers that there is no such name: it
    is the new class's, which `register_object` has just given that name."""
    text = "type object 'Numbers' has no attribute "
    return (
        isinstance(error, AttributeError)
        and sys.version_info >= (3, 13)
        and str(error).startswith(text)
    )


class NativeFault:
    """The n-th native allocation; the library says whether it came."""

    def begin(self, n: int) -> None:
        lib.fail_allocation(n)

    def end(self, failed: bool) -> bool:
        return lib.fail_allocation(-1)


class PythonFault:
    """The n-th of Python's allocations. The hook does not say whether it came, and some that fail are
    done without: it has stopped coming when the scenario passes a dozen times in a row."""

    def __init__(self) -> None:
        self.passed = 0

    def begin(self, n: int) -> None:
        _testcapi.set_nomemory(n, n + 1)

    def end(self, failed: bool) -> bool:
        _testcapi.remove_mem_hooks()
        self.passed = 0 if failed else self.passed + 1
        return self.passed < 12


def sweep(scenario: Callable[[], Any], fault: NativeFault | PythonFault) -> int:
    """How many n failed, until the fault did not come any more."""
    scenario()  # what is made once is made
    scenario()
    gc.collect()
    failures = 0
    for n in range(20_000):
        before = tieback.stats(), lib.live(), use_count(X)
        failed = None
        fault.begin(n)
        try:
            scenario()
        except BaseException as error:
            came = fault.end(True)
            failed = error
        else:
            came = fault.end(False)
        if failed is not None:
            failures += 1
            ours, text = is_memory_error(failed), repr(failed)
            ours = ours or scenario is registered and is_lost_name(failed)
            del failed
            assert ours, f"allocation {n}: {text}"
        # What the scenario had no memory to undo.
        tieback.register_object("test_library.Numbers")(Numbers)
        tieback.remove_global_func("test_faults.f")
        gc.collect()
        assert (tieback.stats(), lib.live(), use_count(X)) == before, f"allocation {n} leaked"
        assert lib.echo(X) is X and X.number == 7
        if not came:
            return failures
    raise AssertionError("it never passed")


@pytest.fixture(autouse=True, scope="module")
def kept_then_let_go():
    """Storage is kept for what is held natively when the first test begins, also where one before it trimmed."""
    for number in (REVIVED, STATEFUL, numbers):
        lib.held(number)
    yield
    for number in (REVIVED, STATEFUL, numbers):
        lib.release(number)


# From 3.12 on CPython releases the code of a `def` or lambda twice where there is no memory for its function
# (python/cpython#122752): the codes that scenarios make functions of have references to spare.
def codes_made_functions_of(code: types.CodeType) -> Iterator[types.CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from codes_made_functions_of(constant)


for made_in in (*SCENARIOS.values(), tieback.register_object):
    for code in codes_made_functions_of(made_in.__code__):
        for _ in range(100):
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(code))

# CPython itself leaks a call's arguments where the call's frame cannot be made (3.11: a deep copy of
# plain Python objects leaks them too): what `copy.py` passes on in Python code is not counted.
LEAKY = {"deep copy"}

SEEN_ON_3_13: set[str] = set()
# Free-threaded 3.13 corrupts its heap when it pickles plain Python objects without memory: a program that
# does that, and nothing of ours, crashes every time.
if FREE and sys.version_info >= (3, 13):
    SEEN_ON_3_13.add("pickle")


@pytest.mark.parametrize("kind", SCENARIOS)
def test_every_native_allocation(kind: str):
    print("failed:", sweep(SCENARIOS[kind], NativeFault()))


@pytest.mark.parametrize("kind", [kind for kind in SCENARIOS if kind not in LEAKY | SEEN_ON_3_13])
def test_every_allocation_of_pythons(kind: str):
    print("failed:", sweep(SCENARIOS[kind], PythonFault()))
