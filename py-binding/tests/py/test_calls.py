"""A few arguments of a native function, objects and plain values: the quick way, and where it ends."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

import tieback
from tieback import dataclasses as dc
from tieback.testing import use_count
from test_functions import Frozen, Inner

QUICK = [
    0,
    -1,
    2**63 - 1,
    -(2**63),
    2.5,
    float("inf"),
    True,
    False,
    None,
    Inner(1),
    Frozen(2),
    "text",
    b"bytes",
]


class Whole(int):
    """Not an int itself: it crosses by the way of all values."""


@pytest.mark.parametrize("count", range(5))
def test_a_few_arguments_arrive_as_they_are(count: int) -> None:
    """Objects, plain values, and both: what came is what a native function hands on to one of Python's."""
    through = tieback.convert(lambda *args: tieback.convert(list(args)))
    picks = (
        itertools.product(QUICK, repeat=count)
        if count < 3
        else (random.Random(seed).choices(QUICK, k=count) for seed in range(300))
    )
    for pick in picks:
        got = through(*pick)
        assert len(got) == count
        for sent, came in zip(pick, got):
            assert type(came) is type(sent) and came == sent
            if isinstance(sent, dc.Object):
                assert came is sent and use_count(sent) >= 1
    before = use_count(QUICK[9])
    for place in range(count):
        args: list[Any] = [QUICK[9]] * count
        args[place] = 2**63
        with pytest.raises(
            OverflowError, match=f"argument {place + 1}: expected an int of 64 bits"
        ):
            through(*args)
        args[place] = Whole(7)
        assert through(*args)[place] == 7
        moved = Inner(5)
        moved._move()
        args[place] = moved
        with pytest.raises(ValueError, match="moved"):
            through(*args)
    assert use_count(QUICK[9]) == before
    QUICK[9]._move()  # nobody has it on loan
    QUICK[9] = Inner(1)
