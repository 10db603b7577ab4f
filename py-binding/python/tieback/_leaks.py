"""``TIEBACK_LEAKS=1``: what is still alive when the program ends, in one table on stderr."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections import Counter, deque
from typing import Any

from tieback import _core
from tieback._reach import dict_of, is_module, is_plain, links, referents_of, state_links
from tieback._seeing import is_wrapper

__all__ = ["watch"]

_HEADS = ("type", "alive", "wrapped", "by native code", "by globals")


class _Survey:
    """Everything tied that is alive, as far as it is found."""

    def __init__(self) -> None:
        self.look = _core.Look()
        self.standing = set(self.look.standing())
        self.holders: Counter[int] = Counter()
        self.found: set[int] = set()

    def walk(self) -> None:
        """All wrappers that anything the collector knows refers to, and what is reached from those."""
        queue: deque[int] = deque()
        for holder in gc.get_objects():
            for value in (holder, *referents_of(holder)):
                if is_wrapper(value):
                    self.meet(self.look.add(value), queue)
        while queue:
            edges, _ = self.look.edges(queue.popleft(), sys.maxsize)
            for kind, _, address in edges:
                self.holders[address] += kind != "weak"
                self.meet(address, queue)

    def meet(self, address: int | None, queue: deque[int]) -> None:
        if address is not None and address not in self.found:
            self.found.add(address)
            queue.append(address)

    def from_globals(self) -> set[int]:
        """What is reached from the modules' global variables."""
        reached: set[int] = set()
        seen: set[int] = set()
        modules = [m for m in list(sys.modules.values()) if is_module(m)]
        queue: deque[Any] = deque(dict_of(m) for m in modules)
        natives: deque[int] = deque()
        while queue or natives:
            if natives:
                address = natives.popleft()
                for kind, _, to in self.look.edges(address, sys.maxsize)[0]:
                    if kind != "weak":
                        self.reach(to, reached, natives)
                wrapper, carried = self.look.facts(address)[5:7]
                queue.extend(link.target for link in state_links(wrapper))
                queue.extend(carried or ())
                continue
            value = queue.popleft()
            if id(value) in seen or is_plain(value):
                continue
            seen.add(id(value))
            if is_wrapper(value):
                self.reach(self.look.add(value), reached, natives)
            else:
                queue.extend(link.target for link in links(value) if not link.weak)
        return reached

    def reach(self, address: int | None, reached: set[int], natives: deque[int]) -> None:
        if address is not None and address not in reached:
            reached.add(address)
            natives.append(address)

    def rows(self) -> list[tuple[str, int, int, int, int]]:
        """By type: how many are alive, have a wrapper, are held by native code for reasons that no
        field explains, and are reached from global variables."""
        self.walk()
        reached = self.from_globals()
        table: dict[str, list[int]] = {}
        for address in self.found - self.standing:
            key, strong, _, tie, _, wrapper, *_ = self.look.facts(address)
            if tie == "untied":
                continue
            row = table.setdefault(key, [0, 0, 0, 0])
            row[0] += 1
            row[1] += wrapper is not None
            row[2] += strong > (wrapper is not None) + self.holders[address]
            row[3] += address in reached
        found = sum(row[0] for row in table.values())
        tied = sum(self.look.facts(address)[3] != "untied" for address in self.standing)
        hidden = _core.stats()["objects"] - tied - found
        rows = [(key, a, w, n, g) for key, (a, w, n, g) in table.items()]
        rows.sort(key=lambda row: (-row[1], row[0]))
        if hidden > 0:
            rows.append(("(seen by native code alone)", hidden, 0, hidden, 0))
        return rows


def report() -> str:
    """The table, or nothing if nothing is alive."""
    gc.collect()
    survey = _Survey()
    try:
        rows = survey.rows()
    finally:
        survey.look.close()
    if not rows:
        return ""
    cells = [_HEADS, *(tuple(map(str, row)) for row in rows)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(_HEADS))]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:]))])
        for row in cells
    ]
    alive = sum(row[1] for row in rows)
    head = f"tieback: {alive} native object{'s are' if alive > 1 else ' is'} alive at exit"
    tail = "what global variables reach is no leak by itself; what native code holds may be meant"
    return "\n".join([head, *(f"  {line}" for line in lines), f"  ({tail})", ""])


def _at_exit() -> None:
    if text := report():
        sys.stderr.write(text)


def watch() -> None:
    """Reports at exit, if the environment asks for it."""
    if os.environ.get("TIEBACK_LEAKS", "0") not in ("", "0"):
        atexit.register(_at_exit)
