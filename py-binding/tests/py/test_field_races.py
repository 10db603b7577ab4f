"""Hazard 11: fields read and replaced at once, on Python threads, on Rust threads, and on both. Whoever
reads gets the old value or the new one, alive and whole."""

from __future__ import annotations

import os
import struct
import sys
import threading
from typing import Any, Callable, Optional

import pytest

from interpreter import GIL
import tieback
from tie_support import Box, Leaf, Node, Opaque, Point, lib
from tieback.dataclasses import py_class

ROUNDS = int(os.environ.get("TIEBACK_FIELD_ROUNDS", 3_000 if GIL else 10_000))
BYTES = (0x41, 0x42, 0x43)
TEXTS = ["", "a", "b" * 7, "c" * 28]  # as Rust's side does


def whole(value: int, size: int) -> bool:
    return value in [int.from_bytes(bytes([byte]) * size, "little") for byte in BYTES]


def as_float(byte: int) -> float:
    return struct.unpack("<d", bytes([byte]) * 8)[0]


FLOATS = [as_float(byte) for byte in BYTES]
SCALARS = {"i64": 8, "i32": 4, "u16": 2}


def start() -> Any:
    fields = lib.fields(int.from_bytes(b"A" * 8, "little"), "", None, None)
    fields.i32, fields.u16, fields.f64 = 0x41414141, 0x4141, FLOATS[0]
    return fields


def write(fields: Any, round: int) -> None:
    byte = BYTES[round % 3]
    for name, size in SCALARS.items():
        setattr(fields, name, int.from_bytes(bytes([byte]) * size, "little"))
    fields.f64 = as_float(byte)
    fields.text = TEXTS[round % 4]
    fields.point = Point(round, -round) if round % 5 else None
    fields.required = Point(round, -round)
    if round % 2:
        fields.any, fields.object = Point(round, -round), Point(round, -round)
    else:
        fields.any, fields.object = TEXTS[3], None


def read(fields: Any) -> None:
    for name, size in SCALARS.items():
        assert whole(getattr(fields, name), size), name
    assert fields.f64 in FLOATS
    assert fields.text in TEXTS
    point = fields.point
    assert point is None or point.x == -point.y
    required = fields.required
    assert required.x == -required.y or (required.x, required.y) == (1, 2)
    any_value = fields.any
    assert any_value in (None, TEXTS[3]) or any_value.x == -any_value.y
    value = fields.object
    assert value is None or value.x == -value.y


def race(*works: Callable[[int], None]) -> None:
    failed: list[BaseException] = []
    barrier = threading.Barrier(len(works))

    def run(work: Callable[[int], None]) -> None:
        try:
            barrier.wait()
            for round in range(ROUNDS):
                if failed:
                    return
                work(round)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    old = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(old)
    if failed:
        raise failed[0]


def test_python_threads():
    fields = start()
    race(*[lambda n: write(fields, n)] * 2, *[lambda n: read(fields)] * 2)


def test_rust_threads():
    fields = start()
    fields.required = Point(1, -1)
    for _ in range(3):
        lib.race_fields(fields, 6 * ROUNDS)
    assert lib.join_threads() == 3
    read(fields)


def test_both():
    fields = start()
    fields.required = Point(1, -1)
    for _ in range(2):
        lib.race_fields(fields, 6 * ROUNDS)
    race(lambda n: write(fields, n), lambda n: read(fields))
    assert lib.join_threads() == 2
    read(fields)


def test_a_reference_under_fire():
    """Nothing but one field: Rust threads replace it as fast as they can, Python reads and replaces it."""
    node = Node("n")
    node.payload = Point(0, 0)
    before = lib.live()
    for _ in range(2):
        lib.race_payload(node, 30 * ROUNDS)
    for n in range(10 * ROUNDS):
        point = node.payload
        assert point.x == -point.y
        if n % 4 == 0:
            node.payload = Point(n, -n)
    assert lib.join_threads() == 2
    node.payload = None
    del point
    assert lib.live() == before - 1


@py_class("test_field_races.Mixed", eq=False)
class Mixed(tieback.Object):
    number: int = 0
    ratio: float = 0.0
    text: str = ""
    child: Optional[Leaf] = None
    value: Any = None


VALUES: list[Callable[[int], Any]] = [
    lambda n: Leaf(n),
    lambda n: Opaque(),
    lambda n: "text that is longer than a place",
    lambda n: [n, [n]],
    lambda n: (lambda: n),
    lambda n: ValueError(n),
    lambda n: None,
    lambda n: 2**40 + n,
]


@pytest.mark.parametrize("holder", [Mixed, Box])
def test_any_holds_old_or_new(holder: type):
    """Values of every kind replace each other; what is read can be used."""
    x = holder()

    def check(n: int) -> None:
        value = x.value
        assert isinstance(
            value, (Leaf, Opaque, str, tieback.Array, ValueError, type(None), int)
        ) or callable(value)
        if callable(value):
            assert value() >= 0
        elif isinstance(value, Leaf):
            assert value.number >= 0
        elif isinstance(value, tieback.Array):
            assert value[0] == value[1][0]

    race(*[lambda n: setattr(x, "value", VALUES[n % 8](n))] * 2, *[check] * 2)


def test_scalars_and_text_of_a_py_class():
    x = Mixed(0x4141414141414141, FLOATS[0])

    def put(n: int) -> None:
        x.number = int.from_bytes(bytes([BYTES[n % 3]]) * 8, "little")
        x.ratio = FLOATS[n % 3]
        x.text = TEXTS[n % 4]
        x.child = Leaf(n) if n % 2 else None

    def look(n: int) -> None:
        assert whole(x.number, 8) and x.ratio in FLOATS and x.text in TEXTS
        child = x.child
        assert child is None or child.number % 2 == 1

    race(put, put, look, look)


def test_a_field_and_its_owner():
    """The owner dies on one thread while another reads its field: it is alive as long as it is named."""
    place = [Box(Leaf(0))]

    def put(n: int) -> None:
        place[0] = Box(Leaf(n))

    def look(n: int) -> None:
        assert place[0].value.number >= 0

    race(put, put, look, look)
    place.clear()
