"""Random edits of a graph of objects, and the same in plain Python: what can be reached is the same in both, and
what cannot be has ended.

``TIEBACK_GRAPH_EDITS`` sets how many there are, ``TIEBACK_GRAPH_SEED`` repeats a run.
"""

from __future__ import annotations

import gc
import os
import random
import sys
from collections.abc import Callable
from typing import Any

import pytest

from interpreter import GIL
import tieback
from cycle_support import Opaque
from test_cycles import Node, Plain
from tie_support import lib
from tieback import dataclasses as dc

pytestmark = pytest.mark.usefixtures("nothing_by_itself")

EDITS = int(os.environ.get("TIEBACK_GRAPH_EDITS", "100000" if GIL else "10000"))
SEED = int(os.environ.get("TIEBACK_GRAPH_SEED", random.randrange(1 << 32)))


class Graph:
    """Nodes with every kind of edge, and the same graph in plain Python."""

    FIELDS = ("to", "any", "list", "dict", "closure", "note", "array")
    # Nodes: so that a check takes as long in the end as it does in the beginning.
    ENOUGH = 500

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.serial = 0
        self.roots: dict[int, Any] = {}
        self.held: dict[int, int] = {}
        self.edges: dict[int, dict[str, list[int]]] = {}
        self.alive: set[int] = set()
        self.crowded = False
        self.largest = 0

    def make(self) -> Any:
        if self.random.random() < 0.5:
            return Counted(self.serial)
        return Marked(self.serial, mark=Mark(self.serial, self.alive.discard))

    def has_attributes(self, x: Any) -> bool:
        return isinstance(x, Counted)

    def new(self) -> Any:
        self.serial += 1
        x = self.make()
        if self.has_attributes(x):
            x.ends = self.alive.discard
        self.alive.add(self.serial)
        self.edges[self.serial] = {}
        return x

    def name(self, x: Any, field: str) -> str:
        """Of the attribute that an edge of this kind goes to."""
        if field == "to":
            return field
        return "note" if field in ("closure", "note") and self.has_attributes(x) else "any"

    def cut(self, x: Any) -> None:
        x.to = x.any = None
        if self.has_attributes(x):
            x.note = None
        self.edges[x.number].clear()

    def link(self, x: Any, field: str, targets: list[Any]) -> None:
        name = self.name(x, field)
        for other in self.FIELDS:
            if self.name(x, other) == name:
                self.edges[x.number].pop(other, None)
        if field in ("to", "any"):
            del targets[1:]
        self.edges[x.number][field] = [one.number for one in targets]
        first = targets[0]
        if field in ("to", "any"):
            setattr(x, field, first)
        elif field == "list":
            x.any = tieback.List(targets)
        elif field == "array":
            x.any = tieback.Array([tieback.Array(targets), 1])
        elif field == "dict":
            x.any = tieback.Dict({str(n): one for n, one in enumerate(targets)})
        elif field == "closure":
            setattr(x, name, lambda targets=targets: targets)
        elif name == "any":
            x.any = Opaque(list(targets))
        else:
            x.note = list(targets)

    def read(self, x: Any, field: str) -> list[Any]:
        """What `link` stored, by way of the very objects."""
        value = getattr(x, self.name(x, field))
        if field == "list":
            return list(value)
        if field == "array":
            return list(value[0])
        if field == "dict":
            return list(value.values())
        if field == "closure":
            return value()
        if isinstance(value, Opaque):
            return value.to
        return value if isinstance(value, list) else [value]

    def follow(self, x: Any) -> list[Any]:
        """What `x` leads to by one of its edges, which are those of the mirror."""
        edges = self.edges[x.number]
        if not edges:
            return []
        field = self.random.choice(list(edges))
        found = self.read(x, field)
        assert [one.number for one in found] == edges[field], (x.number, field)
        return found

    def pick(self) -> Any:
        if not self.roots:
            return self.new()
        x = self.roots[self.random.choice(list(self.roots))]
        for _ in range(self.random.randrange(4)):
            if found := self.follow(x):
                x = self.random.choice(found)
        return x

    def edit(self) -> None:
        what = self.random.random()
        if self.crowded:
            # More goes than comes, and what is let go leads nowhere: else its past is kept, however long.
            what = 0.2 + what * 0.8
            if 0.75 <= what < 0.93:
                self.cut(self.pick())
        if what < 0.2 or len(self.roots) < 3:
            x = self.new()
            self.roots[x.number] = x
        elif what < 0.75:
            targets = [self.pick() for _ in range(self.random.randrange(1, 4))]
            self.link(self.pick(), self.random.choice(self.FIELDS), targets)
        elif what < 0.93:
            x = self.roots.pop(self.random.choice(list(self.roots)))
            if self.crowded:
                self.cut(x)
        elif what < 0.965 and len(self.held) < 20:
            x = self.pick()
            self.held[lib.hold(x)] = x.number
        elif self.held:
            number = self.random.choice(list(self.held))
            del self.held[number]
            self.random.choice([lib.release, lib.release_on_thread, lib.release_in_background])(
                number
            )

    def reachable(self, edges: dict[int, dict[str, list[int]]] | None = None) -> set[int]:
        edges = self.edges if edges is None else edges
        todo = [*self.roots, *self.held.values()]
        seen = set(todo)
        while todo:
            for targets in edges[todo.pop()].values():
                for one in targets:
                    if one not in seen:
                        seen.add(one)
                        todo.append(one)
        return seen

    def check(self) -> None:
        lib.join_threads()
        tieback.stats()
        assert self.reachable() <= self.alive, "collected though it is reachable"
        gc.collect()
        assert self.reachable() == self.alive
        self.forget()

    def forget(self) -> None:
        """What is not alive any more."""
        for number in [number for number in self.edges if number not in self.alive]:
            del self.edges[number]
        self.largest = max(self.largest, len(self.alive))
        self.crowded = len(self.alive) > self.ENOUGH

    def run(self, edits: int) -> None:
        """Checked at intervals; in the end nothing is held, and nothing is left."""
        for n in range(edits):
            self.edit()
            if n % 500 == 499:
                self.check()
            elif n % 50 == 49:
                gc.collect(n % 2)
        self.roots.clear()
        for number in self.held:
            lib.release(number)
        self.held.clear()
        self.check()
        assert not self.alive
        print(f"{self.serial} nodes were made, {self.largest} at most alive", file=sys.stderr)


@dc.py_class("test_cycles_edits.Marked")
class Marked(Plain):
    """Without state; what it holds says when it ends."""

    mark: Any = None


class Mark:
    def __init__(self, number: int, ends: Callable[[int], None]) -> None:
        self.number, self.ends = number, ends

    def __del__(self) -> None:
        self.ends(self.number)


class Counted(Node):
    """Says when it ends, once."""

    def __del__(self) -> None:
        self.ends(self.number)


def test_random_edits_against_plain_python():
    print(f"TIEBACK_GRAPH_SEED={SEED} TIEBACK_GRAPH_EDITS={EDITS}", file=sys.stderr)
    before = tieback.stats()
    Graph(SEED).run(EDITS)
    assert tieback.stats() == before
