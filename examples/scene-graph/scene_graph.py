"""A scene that Rust and Python build, change and draw together.

    python scene_graph.py [--library FOLDER] [--svg scene.svg]

The library (scene-graph, plain Rust) has the nodes. This program hangs some itself and lets Rust hang
others, moves them from both sides with callbacks, drops most wrappers, and draws what is reached from the
root: the colour of a node is the state of the tie between the object and its Python wrapper.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from pathlib import Path

import tieback
from tieback import seeing

STATES = ("active", "inactive", "detached")


def find_library(folder: str | None) -> Path:
    """The scene-graph library: where cargo puts it, or in the folder that was named."""
    names = {"win32": "scene_graph.dll", "darwin": "libscene_graph.dylib"}
    name = names.get(sys.platform, "libscene_graph.so")
    if folder is not None:
        return Path(folder) / name
    target = Path(os.environ.get("CARGO_TARGET_DIR", Path(__file__).parents[2] / "target"))
    for profile in ("release", "debug"):
        if (target / profile / name).exists():
            return target / profile / name
    raise SystemExit("scene_graph: build the library first: cargo build --release -p scene-graph")


class Scene:
    """The library: its class of nodes, with what Python adds to it, and its functions."""

    def __init__(self, library: Path) -> None:
        tieback.load_library(library)

        @tieback.register_object("scene_graph.Node")
        class Node(tieback.Object):
            """A node, with what Python adds to it."""

            __slots__ = ()

            def __repr__(self) -> str:
                return f"Node({self.name!r})"

            def walk(self):
                """This node and all under it."""
                yield self
                for child in self.children or ():
                    yield from child.walk()

        self.Node = Node
        self.grow = tieback.get_global_func("scene_graph.grow")
        self.shake = tieback.get_global_func("scene_graph.shake")


def build(lib: Scene):
    """A tree: Python hangs the first row, Rust what is under it."""
    scene = lib.Node("scene", 600.0, 60.0)
    for at, name in enumerate(("sun", "house", "tree")):
        scene.add(lib.Node(name, 400.0 * (at - 1), 70.0))
    sun, house, tree = scene.children
    assert lib.grow(house, 2, 3) == 12
    # From one parent to another, by Python; the node stays itself.
    window = house.children[0]
    tree.add(window)
    window.x = 0.0
    assert window.parent is tree and window not in list(house.children)
    try:
        window.add(tree)
    except ValueError as error:
        assert str(error) == "a node cannot hang under itself"
    else:
        raise AssertionError("a cycle was made")
    return scene


def change(lib: Scene, scene) -> int:
    """Rust moves every node; those with a callback tell. How many did."""
    told = []
    listeners = [node for node in scene.walk() if node.name.startswith("house")]
    for node in listeners:
        node.on_change = told.append
    before = {node: node.x for node in listeners}
    lib.shake(scene, 5.0)
    assert set(told) == set(listeners), told
    assert all(node.x == before[node] + 5.0 for node in listeners)
    # Python moves one: Rust's method, Python's callback, the very same object.
    told.clear()
    listeners[0].move(0.0, 10.0)
    assert told[0] is listeners[0]

    def refuse(node) -> None:
        raise ValueError(f"{node.name} stays where it is")

    listeners[0].on_change = refuse
    try:
        listeners[0].move(1.0, 0.0)
    except ValueError as error:
        assert str(error) == "house stays where it is"
    else:
        raise AssertionError("the callback's error was lost")
    for node in listeners:
        node.on_change = None
    return len(listeners)


def look(scene) -> tuple[seeing.Graph, list[seeing.Node]]:
    """All that is reached from the scene, and of that its nodes; no wrapper is made by looking."""
    graph = tieback.graph(scene)
    return graph, [node for node in graph.nodes if node.type_key == "scene_graph.Node"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--library", help="the folder of the scene-graph library")
    parser.add_argument("--svg", default="scene.svg", help="where the picture goes")
    args = parser.parse_args()

    lib = Scene(find_library(args.library))
    before = tieback.stats()
    scene = build(lib)
    listeners = change(lib, scene)
    gc.collect()

    # Python has seen all of them and holds one. The others can be parts of cycles, so that their wrappers live
    # as long as they do; without a GIL they are kept, to be revived.
    _, nodes = look(scene)
    assert {node.state for node in nodes[1:]} in ({"active"}, {"inactive"})
    assert all(node.owned for node in nodes[1:] if node.state == "active")

    # It fetches some again, and lets Rust hang two that Python has never seen.
    held = [node for node in scene.walk() if node.name.startswith("tree")]
    ids = {node.name: id(node) for node in held}
    assert lib.grow(held[0], 1, 2) == 2
    graph, nodes = look(scene)
    count = {state: [node.state for node in nodes].count(state) for state in STATES}
    assert count["detached"] == 2 and count["active"] >= 1 + len(held), count
    # Each but the root is held by its parent's array and knows its parent, weakly.
    assert len([edge for edge in graph.edges if edge.weak]) == len(nodes) - 1
    picture = graph.to_svg()
    assert all(picture.count(f'<g class="{state}">') >= n for state, n in count.items())
    Path(args.svg).write_text(picture, encoding="utf-8")

    # Dropped and fetched: the same wrapper at the same address, though others came in between.
    del held
    others = [lib.Node("other") for _ in range(100)]
    held = [node for node in scene.walk() if node.name in ids]
    assert {node.name: id(node) for node in held} == ids
    assert held[0] is next(node for node in scene.walk() if node.name == held[0].name)

    print(f"{len(nodes)} nodes, {listeners} of them told Python that they moved")
    print("tie states: " + ", ".join(f"{n} {state}" for state, n in count.items()))
    print(f"picture: {args.svg}")

    del held, others, scene
    gc.collect()
    after = tieback.stats()
    assert after == before, f"left behind: {before} -> {after}"
    print("all nodes are gone with the scene")


if __name__ == "__main__":
    main()
