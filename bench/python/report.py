"""docs/benchmarks.md and its chart, from what was measured. `report.py WORK DOCS`: WORK has
`python-VERSION.json`, `growth.json`, `threads.json` and criterion's folders, `samples/ALLOCATOR/TURN`; of what is
missing the page says so."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

OPERATIONS = {
    "live_hit": "`a.x`, wrapper alive, frozen field",
    "live_hit_mutable": "`a.x`, wrapper alive, mutable field",
    "revive": "`a.x`, dropped each time",
    "revive_rust": "`a.x`, dropped each time, classes of Rust",
    "echo": "`f(i)`, a native identity function",
    "construct": "`Inner(1)`",
    "field_int": "`i.val`",
    "array_get": "`arr[0]`",
}
# What must hold: an operation, at most so many times another subject's, by version where they differ.
OWN = "tieback"
MUSTS: list[tuple[str, float | dict[str, float], str, str]] = [
    ("live_hit", 1.1, "limit", "live_hit"),
    ("live_hit", 1.0, "nanobind", "live_hit"),
    ("live_hit_mutable", 1.3, "limit", "live_hit"),
    ("revive_rust", 1.6, "limit", "live_hit"),
    ("revive", 2.0, "limit", "live_hit"),
    ("echo", {"3.11": 2.6, "3.13": 2.0}, "limit", "echo"),
    ("echo", 1.0, "nanobind", "echo"),
    ("construct", 0.8, "limit", "construct"),
    ("construct", 1.05, "nanobind", "construct"),
    ("construct", 0.5, "slots", "construct"),
    ("field_int", 1.1, "limit", "field_int"),
    ("array_get", 2.5, "slots", "array_get"),
]
RUST_MUSTS = {
    "new_drop_32": ("Arc", 1.2),
    "clone_drop": ("Arc", 1.05),
    "deref": ("Arc", 1.05),
    "array_16_u64": ("Arc<[u64]>", 1.15),
}
RUST_OPERATIONS = {
    "new_drop_32": "new and drop, 32 bytes",
    "clone_drop": "clone and drop",
    "deref": "deref of 100 handles",
    "downgrade_upgrade": "downgrade, upgrade, drop both",
    "array_16_u64": "in-place array of 16 u64, made and dropped",
    "walk_1000": "sum over 100 nodes of a shared graph",
    "call_two_ints": "a call with two integers",
    "map_get": "look-up in a map of 100",
}
KEPT_MOST = 48.0
MARKS = {True: "yes", False: "**no**", None: ""}


def table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in lines)


def number(value: float | None, digits: int = 1) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


class Musts:
    """Every must, where it was measured, and whether it holds."""

    def __init__(self) -> None:
        self.rows: list[list[str]] = []
        self.missed = 0

    def add(self, what: str, where: str, most: str, found: str, held: bool) -> None:
        self.missed += not held
        self.rows.append([what, where, most, found, MARKS[held]])

    def python(self, measured: dict[str, Any]) -> None:
        where = f"CPython {measured['python']}"
        short = ".".join(measured["python"].split(".")[:2])
        ns = {subject["name"]: subject["ns"] for subject in measured["subjects"]}
        for operation, most, beside, other in MUSTS:
            least = most[short] if isinstance(most, dict) else most
            if operation not in ns[OWN] or other not in ns.get(beside, {}):
                continue
            ratio = ns[OWN][operation] / ns[beside][other]
            target = f"{beside}'s" + ("" if other == operation else f" {other}")
            self.add(
                OPERATIONS[operation], where, f"{least} x {target}", f"{ratio:.2f}", ratio <= least
            )

    def rust(self, times: dict[str, dict[str, float]]) -> None:
        for group, (beside, most) in RUST_MUSTS.items():
            if beside in times.get(group, {}):
                ratio = times[group]["ObjectArc"] / times[group][beside]
                what = RUST_OPERATIONS[group]
                self.add(what, "Rust", f"{most} x `{beside}`", f"{ratio:.2f}", ratio <= most)

    def growth(self, growth: dict[str, Any]) -> None:
        sizes = sorted(growth, key=int)
        first, last = growth[sizes[0]], growth[sizes[-1]]

        def walks(found: dict[str, Any]) -> float:
            return float(found["once"] + found["again"])

        ours, plain = (walks(last[name]) / walks(first[name]) for name in (OWN, "slots"))
        span = f"{int(sizes[0]):,} to {int(sizes[-1]):,}"
        self.add(
            f"walk, once and again: growth of ns an object, {span}",
            "growth",
            f"that of a list of slots objects, {plain:.2f}",
            f"{ours:.2f}",
            ours <= plain,
        )
        if (kept := last[OWN]["kept"]) is not None:
            self.add(
                "kept storage an inactive object, bytes",
                "growth",
                f"{KEPT_MOST:.0f}",
                f"{kept:.1f}",
                kept <= KEPT_MOST,
            )
            left = last[OWN]["left"]
            self.add("of it left after `tieback.trim()`", "growth", "0", f"{left:.1f}", left < 0.5)


def python_part(measured: dict[str, Any]) -> str:
    found = measured["subjects"]
    rows = [
        [text, *(number(subject["ns"].get(operation)) for subject in found)]
        for operation, text in OPERATIONS.items()
    ]
    missing = "".join(
        f"\n{name} could not be measured: {why}\n" for name, why in measured["missing"].items()
    )
    return f"""### CPython {measured["python"]}
{missing}
{table(["operation", *(s["name"] for s in found)], rows)}
"""


def promises_part(measured: dict[str, Any]) -> str:
    marks = {True: "yes", False: "no", None: ""}
    promises = [
        [s["name"], s["about"], *(marks[s["promises"][key]] for key in ("is", "id", "echo"))]
        for s in measured["subjects"]
    ]
    return f"""What each subject promises, asked in the same process: `a.x is a.x`; the same `id` after the wrapper was
dropped, 200 others made, and it was fetched again; `f(x) is x`.

{table(["subject", "what it is", "is", "id", "echo"], promises)}
"""


def growth_part(growth: dict[str, Any]) -> str:
    times, rooms = [], []
    for size, both in growth.items():
        for name, found in both.items():
            head = [f"{int(size):,}", name]
            times.append(
                [*head, *(number(found[key], 0) for key in ("once", "again", "keep", "drop"))]
            )
        ours, slots = both[OWN], both["slots"]
        native = None if ours["malloc_made"] is None else ours["malloc_made"] / 2
        plain = None if slots["python_made"] is None else (slots["python_made"] - 8) / 2
        rooms.append(
            [
                f"{int(size):,}",
                *(
                    number(each)
                    for each in (native, ours["live"], ours["kept"], ours["left"], plain)
                ),
            ]
        )
    return f"""## Growth

As many pairs as the first column says: an object of an object field, shown to Python all the time, and one of a number,
which it holds. `outer.x` of all of them in turn: once (no inner object has a wrapper: each is made), again (each is revived), kept, and dropped. Nanoseconds an object;
each size of each subject has processes of its own, without the cyclic collector, and the least of them counts.

{table(["objects", "subject", "walk once", "again", "keep", "drop"], times)}

Bytes an object, by the allocators' own counts: the native object, its wrapper while it lives, the storage kept for it
when the wrapper is dropped, what is left of that after `tieback.trim()`; beside them one plain object.

{table(["objects", "native", "+ live wrapper", "+ kept storage", "after trim()", "slots object"], rooms)}
"""


def threads_part(threads: dict[str, Any] | None) -> str:
    if threads is None:
        return "## Threads\n\nNot measured: there is no free-threaded CPython here.\n"
    rows = []
    for life, text in (("alive", "alive"), ("dropped", "dropped each time")):
        for kind, where in (("distinct", "an object each"), ("one", "one object")):
            for name, found in threads["subjects"].items():
                by = found[life][kind]
                rows.append([text, where, name, *(number(by[n]) for n in ("1", "2", "4"))])
    build = "free-threaded" if threads["free_threaded"] else "with a GIL"
    return f"""## Threads

Fetches of `a.x` a microsecond, by so many threads together: CPython {threads["python"]}, {build}, {threads["cores"]} cores.
(Plain slots objects have no wrappers to drop: a fetch is the same.)

{table(["wrapper", "of", "subject", "1", "2", "4"], rows)}
"""


def rust_times(turns: Path) -> dict[str, dict[str, float]]:
    """Nanoseconds: the least of criterion's samples, of all turns. In the order in which they were taken."""
    times: dict[str, dict[str, float]] = {}
    for about in sorted(turns.rglob("new/benchmark.json"), key=lambda path: path.stat().st_mtime):
        named = json.loads(about.read_text())
        sample = json.loads(about.with_name("sample.json").read_text())
        ns = min(took / done for took, done in zip(sample["times"], sample["iters"], strict=True))
        by, name = times.setdefault(named["group_id"], {}), named["function_id"]
        by[name] = min(ns, by.get(name, ns))
    return times


def rust_part(
    system: dict[str, dict[str, float]], mimalloc: dict[str, dict[str, float]], turns: str
) -> str:
    """With the system's allocator, and in brackets with mimalloc for the whole program."""
    rows = []
    for group, by in system.items():
        other = mimalloc.get(group, {})
        cells = [
            f"{name} {ns:.1f}" + (f" ({other[name]:.1f})" if name in other else "")
            for name, ns in by.items()
        ]
        rows.append([RUST_OPERATIONS.get(group, group), ", ".join(cells)])
    return f"""## From Rust

Nanoseconds, the least of criterion's samples, of {turns} turns in which the blocks lie elsewhere each time; in brackets with mimalloc as the program's allocator.
The tvm-ffi crate takes its memory where the library it links does for calls and maps.

{table(["what", "ns (mimalloc)"], rows)}
"""


def chart(measured: dict[str, Any]) -> str:
    """Bars by operation, one colour a subject."""
    colours = ["#9aa0a6", "#c9ccd1", "#d1495b", "#00798c", "#edae49", "#66a182", "#8d6a9f"]
    found = measured["subjects"]
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
    title = f"CPython {measured['python']}: nanoseconds an operation"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="12">\n<title>{title}</title>\n'
        f'<rect width="{width}" height="{height}" fill="white"/>\n{body}\n</svg>\n'
    )


def page(work: Path) -> tuple[str, str]:
    """The page and the chart."""
    versions = sorted(work.glob("python-*.json"), key=lambda path: path.stem)
    measured = [json.loads(path.read_text()) for path in versions]
    first = measured[0]
    growth = json.loads((work / "growth.json").read_text())
    threads = work / "threads.json"
    found = json.loads(threads.read_text()) if threads.exists() else None
    system, mimalloc = (rust_times(work / "samples" / of) for of in ("rust", "rust-mimalloc"))
    about = json.loads((work / "about.json").read_text())
    musts = Musts()
    for each in measured:
        musts.python(each)
    musts.rust(system)
    musts.growth(growth)
    left_out = "".join(f"\n{each}\n" for each in about["left_out"])
    text = f"""# Benchmarks

Made by `make bench` on {first["date"]}, in {about["minutes"]} minutes, at commit {about["commit"]}: {first["processor"]} ({first["machine"]}),
{about["cores"]} cores, {about["system"]}; {", ".join(f"CPython {each['python']} ({each['compiler']})" for each in measured)}; {about["rustc"]}.
Compare within this page only: the ratios are what counts. The load of the machine was {about["load_before"]} when the measuring began.
{left_out}
## What must hold

{len(musts.rows) - musts.missed} of {len(musts.rows)} do.

{table(["operation", "where", "at most", "is", "held"], musts.rows)}

## From Python

Nanoseconds, the least of {first["repeats"]} repeats of {first["loops"]:,} each, the subjects taking turns in one
process{"" if first["core"] is None else " pinned to one core"}.

{chr(10).join(python_part(each) for each in measured)}
![the first table as a chart](benchmarks.svg)

{promises_part(first)}
{rust_part(system, mimalloc, about["turns"])}
{growth_part(growth)}
{threads_part(found)}"""
    return text, chart(first)


def main() -> None:
    work, docs = Path(sys.argv[1]), Path(sys.argv[2])
    text, picture = page(work)
    (docs / "benchmarks.md").write_text(text)
    (docs / "benchmarks.svg").write_text(picture)
    print(text)


if __name__ == "__main__":
    main()
