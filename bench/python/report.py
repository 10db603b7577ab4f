"""docs/benchmarks.md and its chart, from what was measured."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

OPERATIONS = {
    "live_hit": "`a.x`, wrapper alive, frozen field",
    "live_hit_mutable": "`a.x`, wrapper alive, mutable field",
    "revive": "`a.x`, dropped each time",
    "echo": "`f(i)`, a native identity function",
    "construct": "`Inner(1)`",
    "field_int": "`i.val`",
    "array_get": "`arr[0]`",
}
# operation -> (what it is measured against, at most so many times that)
MUSTS = {
    "live_hit": ("limit", "live_hit", 1.1),
    "live_hit_mutable": ("limit", "live_hit", 1.3),
    "revive": ("limit", "live_hit", 2.0),
    "echo": ("limit", "echo", 2.6),
    "construct": ("limit", "construct", 0.8),
    "field_int": ("limit", "field_int", 1.1),
    "array_get": ("slots", "array_get", 2.5),
}
RUST_MUSTS = {
    "new_drop_32": ("Arc", 1.2),
    "clone_drop": ("Arc", 1.05),
    "deref": ("Arc", 1.05),
    "array_16_u64": ("Arc<[u64]>", 1.15),
}
OWN = "tieback"


def table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in lines)


def python_part(python: dict[str, Any]) -> str:
    found = python["subjects"]
    ns = {subject["name"]: subject["ns"] for subject in found}
    echo_must = 2.6 if python["python"].startswith(("3.11", "3.12")) else 2.0
    rows, musts = [], []
    for operation, text in OPERATIONS.items():
        cells = [ns[s["name"]].get(operation) for s in found]
        rows.append([text, *("" if cell is None else f"{cell:.1f}" for cell in cells)])
        beside, other, most = MUSTS[operation]
        if operation == "echo":
            most = echo_must
        ratio = ns[OWN][operation] / ns[beside][other]
        held = "yes" if ratio <= most else "**no**"
        musts.append([text, f"{most} x {beside}'s {other}", f"{ratio:.2f}", held])
    marks = {True: "yes", False: "no", None: ""}
    promises = [
        [s["name"], s["about"], *(marks[s["promises"][key]] for key in ("is", "id", "echo"))]
        for s in found
    ]
    missing = "".join(
        f"\n{name} could not be measured: {why}\n" for name, why in python["missing"].items()
    )
    return f"""## From Python

Nanoseconds, minimum of {python["repeats"]} repeats of {python["loops"]:,} each, the subjects taking
turns in one process{"" if python["core"] is None else " pinned to one core"}.
{missing}
{table(["operation", *(s["name"] for s in found)], rows)}

![the same as a chart](benchmarks.svg)

{table(["operation", "must be at most", "is", "held"], musts)}

What each subject promises, asked in the same process: `a.x is a.x`; the same `id` after the wrapper was
dropped, 200 others made, and it was fetched again; `f(x) is x`.

{table(["subject", "what it is", "is", "id", "echo"], promises)}
"""


def growth_part(growth: dict[str, Any]) -> str:
    heads = [
        "objects",
        "subject",
        "walk once",
        "again",
        "keep",
        "drop",
        "bytes made",
        "+ walked",
        "+ live",
    ]
    keys = ["walk_once", "walk_again", "keep", "drop", "bytes_made", "bytes_walked", "bytes_live"]
    rows = [
        [f"{int(size):,}", name, *(f"{measured[key]:.0f}" for key in keys)]
        for size, both in growth["sizes"].items()
        for name, measured in both.items()
    ]
    counts = ["1", "2", "4"]
    threads = [[kind, *(f"{by[n]:.1f}" for n in counts)] for kind, by in growth["threads"].items()]
    build = "free-threaded" if growth["free_threaded"] else "with a GIL"
    return f"""## Growth

Nanoseconds and bytes per object: `outer.x` of as many pairs of objects, once (each wrapper is made) and
again (each is revived), then kept and dropped. Bytes are the process's own, so that small graphs show
little.

{table(heads, rows)}

Fetches of `a.x` per microsecond by so many threads (this CPython is {build}):

{table(["objects", *counts], threads)}
"""


def rust_part(text: str) -> str:
    """criterion's lines: a name, then `time: [low middle high]`."""
    units = {"ps": 1e-3, "ns": 1.0, "µs": 1e3, "us": 1e3, "ms": 1e6}
    pattern = re.compile(r"^(\S+)/(.+?)\s+time:\s+\[\S+ \S+ (\S+) (\S+)", re.MULTILINE)
    text = re.sub(r"\n\s+time:", " time:", text)
    times: dict[str, dict[str, float]] = {}
    for group, name, value, unit in pattern.findall(text):
        times.setdefault(group, {})[name.strip()] = float(value) * units[unit]
    rows = []
    for group, by in times.items():
        own = next(iter(by.values()))
        cells = ", ".join(f"{name} {ns:.1f}" for name, ns in by.items())
        beside, most = RUST_MUSTS.get(group, ("", 0.0))
        verdict = ""
        if beside in by:
            ratio = own / by[beside]
            verdict = (
                f"{ratio:.2f} of {beside} (at most {most}: {'yes' if ratio <= most else '**no**'})"
            )
        rows.append([group, cells, verdict])
    return f"## From Rust\n\nNanoseconds, criterion's middle estimate.\n\n{table(['what', 'ns', 'ratio'], rows)}\n"


def chart(python: dict[str, Any]) -> str:
    """Bars by operation, one colour a subject."""
    colours = ["#9aa0a6", "#c9ccd1", "#d1495b", "#00798c", "#edae49", "#66a182", "#8d6a9f"]
    found = python["subjects"]
    cap = 250.0  # longer bars are cut, and say how long they are
    left, wide, bar, gap = 230, 560, 11, 16
    parts, y = [], 44
    for i, subject in enumerate(found):
        x = left + i * 92
        parts.append(f'<rect x="{x}" y="12" width="10" height="10" fill="{colours[i]}"/>')
        parts.append(f'<text x="{x + 14}" y="21">{subject["name"]}</text>')
    for operation in OPERATIONS:
        shown = [(i, s["ns"][operation]) for i, s in enumerate(found) if operation in s["ns"]]
        middle = y + len(shown) * bar / 2 + 4
        parts.append(f'<text x="{left - 8}" y="{middle:.0f}" text-anchor="end">{operation}</text>')
        for i, ns in shown:
            length = min(ns, cap) / cap * wide
            parts.append(
                f'<rect x="{left}" y="{y}" width="{length:.1f}" height="{bar - 2}" fill="{colours[i]}"/>'
            )
            text = f"{ns:.0f}" + ("" if ns <= cap else " ...")
            parts.append(
                f'<text x="{left + length + 4:.1f}" y="{y + 8}" font-size="9">{text}</text>'
            )
            y += bar
        y += gap
    body = "\n".join(parts)
    width, height = left + wide + 70, y
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="12">\n'
        f'<rect width="{width}" height="{height}" fill="white"/>\n{body}\n</svg>\n'
    )


def main() -> None:
    work, docs = Path(sys.argv[1]), Path(sys.argv[2])
    python = json.loads((work / "python.json").read_text())
    growth = json.loads((work / "growth.json").read_text())
    page = f"""# Benchmarks

Made by `make bench` on {python["date"]}: {python["processor"]} ({python["machine"]}), CPython
{python["python"]}, {python["compiler"]}. Compare within this page only: the ratios are what counts.

{python_part(python)}
{rust_part((work / "rust.txt").read_text())}
{growth_part(growth)}"""
    (docs / "benchmarks.md").write_text(page)
    (docs / "benchmarks.svg").write_text(chart(python))
    print(page)


if __name__ == "__main__":
    main()
