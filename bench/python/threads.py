"""Fetches by one, two and four threads: of objects of their own, and of one object. On a build of CPython
without a GIL, beside plain classes with __slots__. `threads.py OUT`."""

from __future__ import annotations

import json
import os
import platform
import sys
import threading
import time
from typing import Any

import subjects

ROUNDS = 300_000
REPEATS = 5
COUNTS = (1, 2, 4)


def rate(outers: list[Any]) -> float:
    """Fetches a microsecond, of all together; a thread for each object of the list."""
    ready = threading.Barrier(len(outers) + 1)
    spans: list[tuple[float, float]] = []

    def work(outer: Any) -> None:
        ready.wait()
        started = time.perf_counter()
        for _ in range(ROUNDS):
            outer.x  # noqa: B018
        spans.append((started, time.perf_counter()))

    workers = [threading.Thread(target=work, args=(outer,)) for outer in outers]
    for worker in workers:
        worker.start()
    ready.wait()
    for worker in workers:
        worker.join()
    taken = max(end for _, end in spans) - min(start for start, _ in spans)
    return len(outers) * ROUNDS / taken / 1e6


def measure(subject: subjects.Subject) -> dict[str, dict[str, dict[str, float]]]:
    """Of wrappers that live, and of ones that are dropped each time."""
    make, inner = subject.outer, subject.inner
    assert make is not None
    answer: dict[str, dict[str, dict[str, float]]] = {}
    for life in ("alive", "dropped"):
        answer[life] = {"distinct": {}, "one": {}}
        for count in COUNTS:
            own = [make(inner(number)) for number in range(count)]
            held = [outer.x for outer in own] if life == "alive" else []
            for kind, outers in (("distinct", own), ("one", own[:1] * count)):
                answer[life][kind][str(count)] = max(rate(outers) for _ in range(REPEATS))
            del held
    return answer


def main() -> None:
    result = {
        "python": platform.python_version(),
        "free_threaded": not getattr(sys, "_is_gil_enabled", lambda: True)(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "subjects": {make.__name__: measure(make()) for make in (subjects.tieback, subjects.slots)},
    }
    with open(sys.argv[1], "w") as file:
        json.dump(result, file, indent=1)


if __name__ == "__main__":
    main()
