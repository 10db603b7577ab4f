"""Graphs of shared objects, a thousand to as many as asked: walked once and again, kept and dropped.
Nanoseconds and bytes per object at each size, beside a plain list of objects with __slots__."""

from __future__ import annotations

import gc
import json
import sys
import threading
import time
from typing import Any

import subjects


def resident() -> int:
    """Bytes of this process in memory; 0 where the system does not say."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096
    except OSError:
        return 0


def walk(outers: Any) -> None:
    for outer in outers:
        outer.x  # noqa: B018 (fetched, and dropped)


def fetch_all(outers: Any) -> list[Any]:
    return [outer.x for outer in outers]


def timed(work: Any, *args: Any) -> tuple[float, Any]:
    started = time.perf_counter()
    answer = work(*args)
    return time.perf_counter() - started, answer


def sizes(most: float) -> list[int]:
    return [10**power for power in range(3, 8) if 10**power <= most]


def measure(subject: subjects.Subject, size: int, own: bool) -> dict[str, float]:
    assert subject.outer is not None
    gc.collect()
    start = resident()
    outers = [subject.outer(subject.inner(i)) for i in range(size)]
    per = 1e9 / size
    made = resident()
    once, _ = timed(walk, outers)
    again, _ = timed(walk, outers)
    walked = resident()
    keep, kept = timed(fetch_all, outers)
    live = resident()
    drop, _ = timed(kept.clear)
    result = {
        "walk_once": once * per,
        "walk_again": again * per,
        "keep": keep * per,
        "drop": drop * per,
        "bytes_made": (made - start) / size,
        "bytes_walked": (walked - made) / size,
        "bytes_live": (live - walked) / size,
    }
    if own:
        import tieback

        if hasattr(tieback, "trim"):
            before = tieback.stats()["kept"]
            tieback.trim()
            result["trimmed"] = (before - tieback.stats()["kept"]) / size
    del outers
    gc.collect()
    return result


def threads(subject: subjects.Subject, rounds: int) -> dict[str, dict[int, float]]:
    """Fetches per microsecond by 1, 2 and 4 threads: of objects of their own, and of one object."""
    answer: dict[str, dict[int, float]] = {"distinct": {}, "one": {}}
    assert subject.outer is not None
    shared = subject.outer(subject.inner(1))
    for count in (1, 2, 4):
        for kind, outers in (
            ("distinct", [subject.outer(subject.inner(i)) for i in range(count)]),
            ("one", [shared] * count),
        ):
            barrier = threading.Barrier(count + 1)

            def work(outer: Any, barrier: threading.Barrier = barrier) -> None:
                barrier.wait()
                for _ in range(rounds):
                    outer.x  # noqa: B018

            workers = [threading.Thread(target=work, args=(outer,)) for outer in outers]
            for worker in workers:
                worker.start()
            barrier.wait()
            started = time.perf_counter()
            for worker in workers:
                worker.join()
            taken = time.perf_counter() - started
            answer[kind][count] = count * rounds / taken / 1e6
    return answer


def main() -> None:
    out, most = sys.argv[1], float(sys.argv[2])
    own, plain = subjects.tieback(), subjects.slots()
    result: dict[str, Any] = {"sizes": {}, "threads": threads(own, 200_000)}
    result["free_threaded"] = not getattr(sys, "_is_gil_enabled", lambda: True)()
    for size in sizes(most):
        if sys.stderr.isatty():
            print(f"{size} objects", file=sys.stderr)
        result["sizes"][size] = {
            "tieback": measure(own, size, True),
            "slots": measure(plain, size, False),
        }
    with open(out, "w") as file:
        json.dump(result, file, indent=1)


if __name__ == "__main__":
    main()
