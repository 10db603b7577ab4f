"""The operations of every subject in one process on one core: the minimum of several repeats, the
subjects taking turns; and for each whether the promises hold. Writes JSON to the file it is given.

Short repeats, and many: the least of them is not that of a moment when something else ran. Every statement
stands ten times in the loop's body, so that the loop itself does not count.
"""

from __future__ import annotations

import gc
import json
import os
import platform
import sys
import time
import timeit
from typing import Any

import subjects

REPEATS = int(os.environ.get("REPEATS", "300"))
LOOPS = int(os.environ.get("LOOPS", "1000"))
UNROLLED = 10

OPERATIONS = {
    "live_hit": "a.x",
    "live_hit_mutable": "m.x",
    "revive": "a.x",
    "revive_rust": "r.x",
    "echo": "f(i)",
    "construct": "Inner(1)",
    "field_int": "i.val",
    "array_get": "arr[0]",
}


def pin() -> int | None:
    """To one core, where the system lets a process say so."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return core


def names(subject: subjects.Subject) -> dict[str, dict[str, Any]]:
    """For each operation the subject has: the names its statement uses."""
    inner = subject.inner(1)
    found: dict[str, dict[str, Any]] = {
        "construct": {"Inner": subject.inner},
        "field_int": {"i": inner},
    }
    if subject.outer is not None:
        outer = subject.outer(inner)
        found["live_hit"] = {"a": outer, "kept": outer.x}
        found["revive"] = {"a": subject.outer(subject.inner(2))}
    if subject.defined_in_rust is not None:
        found["revive_rust"] = {"r": subject.defined_in_rust(2)}
    if subject.mutable is not None:
        mutable = subject.mutable(inner)
        found["live_hit_mutable"] = {"m": mutable, "kept": mutable.x}
    if subject.echo is not None:
        found["echo"] = {"f": subject.echo, "i": inner}
    if subject.array is not None:
        array = subject.array([inner])
        found["array_get"] = {"arr": array, "kept": array[0]}
    return found


def promises(subject: subjects.Subject) -> dict[str, bool | None]:
    """What holds: identity while alive, the id after a drop, identity through a call."""
    if subject.outer is None:
        return {"is": None, "id": None, "echo": None}
    outer = subject.outer(subject.inner(1))
    same = outer.x is outer.x
    before = id(outer.x)
    others = [subject.inner(i) for i in range(200)]  # address reuse must not pass for a promise
    stable = id(outer.x) == before
    del others
    x = outer.x
    through = subject.echo(x) is x if subject.echo is not None else None
    return {"is": same, "id": stable, "echo": through}


def progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def main() -> None:
    out = sys.argv[1]
    core = pin()
    found, missing = [], {}
    for make in subjects.ALL:
        try:
            found.append(make())
        except Exception as error:
            missing[make.__name__] = f"{type(error).__name__}: {error}"
    timers: dict[tuple[str, str], timeit.Timer] = {}
    for subject in found:
        for operation, given in names(subject).items():
            statement = "; ".join([OPERATIONS[operation]] * UNROLLED)
            # Local names, as in a function: looked-up globals would be half of the time.
            setup = "; ".join(f"{name} = given_{name}" for name in given)
            known = {f"given_{name}": value for name, value in given.items()}
            timers[subject.name, operation] = timeit.Timer(statement, setup, globals=known)
    best: dict[tuple[str, str], float] = {}
    gc.collect()
    gc.disable()
    for repeat in range(REPEATS):
        progress(f"repeat {repeat + 1} of {REPEATS}")
        for key, timer in timers.items():
            taken = timer.timeit(LOOPS) / (LOOPS * UNROLLED) * 1e9
            best[key] = min(taken, best.get(key, taken))
    gc.enable()
    progress("")
    results = {
        "machine": platform.machine(),
        "processor": _processor(),
        "core": core,
        "python": platform.python_version(),
        "compiler": platform.python_compiler(),
        "date": time.strftime("%Y-%m-%d"),
        "repeats": REPEATS,
        "loops": LOOPS * UNROLLED,
        "missing": missing,
        "subjects": [
            {
                "name": subject.name,
                "about": subject.about,
                "promises": promises(subject),
                "ns": {op: ns for (name, op), ns in best.items() if name == subject.name},
            }
            for subject in found
        ],
    }
    with open(out, "w") as file:
        json.dump(results, file, indent=1)


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            lines = [line for line in file if line.startswith("model name")]
        return lines[0].partition(":")[2].strip()
    except (OSError, IndexError):
        return platform.processor() or "unknown"


if __name__ == "__main__":
    main()
