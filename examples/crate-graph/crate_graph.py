"""Walks the graph of a Cargo.lock: objects in a Rust library, one face in Python.

    python crate_graph.py [path/to/Cargo.lock]

The library (crate-graph, plain Rust) reads the lock file into shared ``Package`` objects. This
program loads it, gives ``Package`` a Python class with methods of its own, walks the graph both ways,
and reports what holds: one wrapper an object, ids that outlive wrappers, exact counts.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections import deque
from pathlib import Path

import tieback
from tieback.testing import tie_state, use_count

ROUNDS = 1000
NOISE = 200


def find_library(folder: str | None) -> Path:
    """The crate-graph library: where cargo puts it, or in the folder that was named."""
    names = {"win32": "crate_graph.dll", "darwin": "libcrate_graph.dylib"}
    name = names.get(sys.platform, "libcrate_graph.so")
    if folder is not None:
        return Path(folder) / name
    target = Path(os.environ.get("CARGO_TARGET_DIR", Path(__file__).parents[2] / "target"))
    for profile in ("release", "debug"):
        if (target / profile / name).exists():
            return target / profile / name
    raise SystemExit("crate_graph: build the library first: cargo build --release -p crate-graph")


def load(library: Path):
    """Loads the library and gives its packages a Python class."""
    tieback.load_library(library)

    @tieback.register_object("crate_graph.Package")
    class Package(tieback.Object):
        """A package, with what Python adds to it."""

        def __repr__(self) -> str:
            return f"{self.name} {self.version}"

        def walk(self, follow: str = "dependencies"):
            """This package and all it reaches, each once, nearest first."""
            seen, queue = {self}, deque([self])
            while queue:
                package = queue.popleft()
                yield package
                found = getattr(package, follow)
                for other in found() if callable(found) else found:
                    if other not in seen:
                        seen.add(other)
                        queue.append(other)

    return Package, tieback.get_global_func("crate_graph.load")


class Report:
    """Prints each promise with what was seen, and remembers whether all held."""

    def __init__(self) -> None:
        self.broken = 0

    def fact(self, what: str, seen: object) -> None:
        print(f"  {what:<46} {seen}")

    def promise(self, what: str, holds: bool, seen: object) -> None:
        self.broken += not holds
        print(f"  {'kept  ' if holds else 'BROKEN'} {what:<39} {seen}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lock", nargs="?", default="Cargo.lock", help="a Cargo.lock")
    parser.add_argument("--library", help="the folder that holds the crate-graph library")
    options = parser.parse_args()

    package_class, load_graph = load(find_library(options.library))
    try:
        graph = load_graph(options.lock)
    except (OSError, ValueError) as error:
        print(f"crate_graph: {error}", file=sys.stderr)
        return 1

    report = Report()
    print(f"\n{options.lock}: {len(graph.packages)} packages, {graph.edges()} edges")
    at = graph.packages.index(find_root(graph))
    # Each part below holds its wrappers only while it runs.
    walk_both_ways(report, graph, at)
    identities(report, graph, at, package_class)
    alive(report, graph, at)
    del graph, load_graph
    gc.collect()
    left = tieback.get_global_func("crate_graph.stats")()
    report.promise(
        "nothing is left when the graph goes",
        left.packages == 0,
        f"{left.packages} packages",
    )
    report.promise(
        "nothing waits to be freed",
        tieback.stats()["deferred"] == 0,
        tieback.stats()["deferred"],
    )

    print(f"\n{'Every promise kept.' if not report.broken else f'{report.broken} broken.'}")
    return 0 if not report.broken else 1


def find_root(graph):
    """A workspace has several packages that nobody needs: the one that reaches the most is the root."""
    return max(graph.roots, key=lambda package: sum(1 for _ in package.walk()))


def most_shared(graph):
    return max(graph.packages, key=lambda package: len(package.dependents()))


def levels_below(root) -> dict:
    """How far each package is from the root: packages as dict keys."""
    levels = {root: 0}
    for package in root.walk():
        for dependency in package.dependencies:
            levels.setdefault(dependency, levels[package] + 1)
    return levels


def walk_both_ways(report: Report, graph, at: int) -> None:
    root, popular = graph.packages[at], most_shared(graph)
    print(f"\nThe graph, walked from its root, {root!r}")
    depth_one = ", ".join(repr(package) for package in root.dependencies) or "nothing"
    report.fact("the root depends on", shorten(depth_one))
    report.fact("packages reached", len(list(root.walk())))
    report.fact("deepest level below the root", max(levels_below(root).values()))
    report.fact("most shared package", f"{popular!r}, needed by {len(popular.dependents())}")
    up = len(list(popular.walk("dependents"))) - 1
    report.fact("packages that lead to it, walked upward", up)


def identities(report: Report, graph, at: int, package_class: type) -> None:
    print("\nWhat was promised, and what was seen")
    first, root = graph.packages[at], graph.packages[at]
    report.promise("a.x is a.x", first is root, f"id {id(first):#x} twice")
    same = all(p is q for p, q in zip(graph.packages, graph.packages))
    report.promise("... for every package", same, f"{len(graph.packages)} compared")
    shared = most_shared(graph)
    paths = [d for p in graph.packages for d in p.dependencies if d == shared]
    one = all(path is shared for path in paths)
    report.promise("one object however reached", one, f"{shared!r} through {len(paths)} parents")
    levels = levels_below(root)
    keys = levels[first] == 0 and set(levels) == set(root.walk())
    report.promise("packages are dict keys", keys, f"{len(levels)} keys")
    identity = tieback.get_global_func("crate_graph.identity")
    report.promise("f(x) is x", identity(root) is root, "through a Rust function")
    report.promise("its class is ours", type(root) is package_class, type(root).__name__)
    del first, root, shared, paths, levels  # nobody holds a wrapper of the root now
    moved, states = drop_and_refetch(graph, at)
    seen = f"{ROUNDS} rounds, {NOISE} wrappers made between: {moved} moves"
    report.promise("id is stable over drop and refetch", moved == 0, seen)
    # A package can be part of a cycle, so that its wrapper lives as long as it, followed by the collector; where
    # life is not shared (yet: free-threaded builds) its storage is kept, and the wrapper revived in it.
    told = f"tie state {states}"
    report.promise("... though Python had let go of it", states in ({"active"}, {"inactive"}), told)


def alive(report: Report, graph, at: int) -> None:
    print("\nWhat is alive")
    root = graph.packages[at]
    gc.collect()
    stats, library = tieback.stats(), tieback.get_global_func("crate_graph.stats")()
    report.fact("native packages alive", library.packages)
    report.fact("tied objects alive", stats["objects"])
    report.fact("wrappers alive", stats["wrappers"])
    report.fact("... of them owned by their objects", stats["owned"])
    report.fact("storage kept for dropped wrappers", stats["kept"])
    report.fact("references to the root package", use_count(root))


def drop_and_refetch(graph, at: int) -> tuple[int, set[str]]:
    """Fetches a package again and again, with other wrappers made between drop and refetch, so that
    a reused address cannot pass for a stable id. How often it moved, and its states while dropped."""
    handle, expected = graph.packages[at].__chandle__(), id(graph.packages[at])
    states, moved, noise = set(), 0, deque(maxlen=10 * NOISE)
    for number in range(ROUNDS):
        states.add(tie_state(handle))
        noise.extend(tieback.Array([number]) for _ in range(NOISE))
        moved += id(graph.packages[at]) != expected
    return moved, states


def shorten(text: str, width: int = 60) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."


if __name__ == "__main__":
    raise SystemExit(main())
