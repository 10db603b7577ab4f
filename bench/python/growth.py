"""Graphs of shared objects, a thousand to ten million of them: walked once and again, kept and dropped.

Nanoseconds and bytes an object at each size, beside plain classes with __slots__. Each size of each
subject has a process of its own, and its turn several times; small graphs are made several times in
each. The least time counts. `growth.py OUT MOST`; `growth.py one SUBJECT SIZE` is such a process.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from typing import Any

import subjects

ALL_TOGETHER = 200_000  # Objects that are made at least, in one graph or more.
TURNS = 3  # Processes of each size and subject, one after the others: what disturbs one misses the next.
TIMES = ("once", "again", "keep", "drop")


class Mallinfo(ctypes.Structure):
    """glibc's `struct mallinfo2`: what malloc has given out is `uordblks`, and `hblkhd` by mmap."""

    _fields_ = [(name, ctypes.c_size_t) for name in (
        "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost",
    )]  # fmt: skip


def malloc_bytes() -> int | None:
    """What malloc has given out; None where it does not say."""
    try:
        mallinfo = ctypes.CDLL(None).mallinfo2
    except (AttributeError, OSError):
        return None
    mallinfo.restype = Mallinfo
    found = mallinfo()
    return int(found.uordblks + found.hblkhd)


def python_bytes() -> int | None:
    """What the interpreter's own allocator has given out; None where it does not say."""
    with tempfile.TemporaryFile("w+") as file:
        sys.stderr.flush()
        saved = os.dup(2)
        try:
            os.dup2(file.fileno(), 2)
            sys._debugmallocstats()
        finally:
            os.dup2(saved, 2)
            os.close(saved)
        file.seek(0)
        found = re.search(r"bytes in allocated blocks\s*=\s*([\d,]+)", file.read())
    return int(found[1].replace(",", "")) if found else None


def in_use() -> tuple[int | None, int | None]:
    return malloc_bytes(), python_bytes()


def resident() -> int | None:
    """Bytes of this process in memory, if the system says."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return None


def walk(outers: Any) -> None:
    for outer in outers:
        outer.x  # noqa: B018 (fetched, and dropped)


def timed(work: Any, *args: Any) -> float:
    started = time.perf_counter()
    work(*args)
    return time.perf_counter() - started


def measure(subject: subjects.Subject, size: int, trim: Any) -> dict[str, Any]:
    """One graph: times of the whole of it, bytes given out at each step."""
    make, inner = subject.outer, subject.inner
    assert make is not None
    kept = [None] * size
    rooms = [in_use()]
    outers = [make(inner(0)) for _ in range(size)]
    rooms.append(in_use())
    given_back = trim() if trim else 0
    rooms.append(in_use())
    times = {"once": timed(walk, outers), "again": timed(walk, outers)}
    rooms.append(in_use())

    def keep() -> None:
        for at, outer in enumerate(outers):
            kept[at] = outer.x

    def drop() -> None:
        for at in range(size):
            kept[at] = None

    times["keep"] = timed(keep)
    rooms.append(in_use())
    times["drop"] = timed(drop)
    before = resident()
    if trim:
        trim()
    after = resident()
    rooms.append(in_use())
    return {
        "times": times,
        "rooms": rooms,
        "given_back": given_back,
        "resident": None if before is None or after is None else before - after,
    }


def one(name: str, size: int) -> dict[str, Any]:
    subject = getattr(subjects, name)()
    trim = None
    if name == "tieback":
        import tieback

        trim = tieback.trim
    gc.collect()
    gc.disable()  # It would walk the plain objects again and again while they are made.
    measured = [measure(subject, size, trim) for _ in range(max(1, ALL_TOGETHER // size))]
    per = 1e9 / size
    found: dict[str, Any] = {
        key: min(each["times"][key] for each in measured) * per for key in TIMES
    }
    last = measured[-1]

    def bytes_between(first: int, second: int, which: int) -> float | None:
        a, b = last["rooms"][first][which], last["rooms"][second][which]
        return None if a is None or b is None else (b - a) / size

    found["malloc_made"] = bytes_between(0, 1, 0)
    found["python_made"] = bytes_between(0, 1, 1)
    found["kept"] = bytes_between(2, 3, 1)
    found["live"] = bytes_between(2, 4, 1)
    found["left"] = bytes_between(2, 5, 1)
    found["given_back"] = last["given_back"] / size
    found["resident"] = None if last["resident"] is None else last["resident"] / size
    return found


def main() -> None:
    if sys.argv[1] == "one":
        print(json.dumps(one(sys.argv[2], int(sys.argv[3]))))
        return
    out, most = sys.argv[1], float(sys.argv[2])
    result: dict[str, Any] = {}
    for turn in range(1, TURNS + 1):
        for size in [10**power for power in range(3, 8) if 10**power <= most]:
            for name in ("tieback", "slots"):
                if sys.stderr.isatty():
                    print(f"turn {turn} of {TURNS}, {size:,} objects: {name}", file=sys.stderr)
                command = [sys.executable, __file__, "one", name, str(size)]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                found = json.loads(done.stdout)
                before = result.setdefault(str(size), {}).setdefault(name, found)
                before.update({key: min(before[key], found[key]) for key in TIMES})
    with open(out, "w") as file:
        json.dump(result, file, indent=1)


if __name__ == "__main__":
    main()
