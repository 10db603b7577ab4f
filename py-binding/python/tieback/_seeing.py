"""``tieback.graph``: what is reached from an object, natively and through Python."""

from __future__ import annotations

import collections
import types
from dataclasses import dataclass, field, replace
from typing import Any, Iterator

from tieback import _core
from tieback._reach import class_name, is_plain, links, short, state_links, type_name

__all__ = ["Edge", "Graph", "Node", "graph"]


@dataclass(frozen=True)
class Node:
    """An object: a native one, with its wrapper if it has one, or one of Python's.

    ``type_key``, ``strong`` and ``weak`` (the native counts) are None for Python's objects;
    ``python_class`` is None where no wrapper lives. ``state`` is the tie's: "active" (a wrapper
    shows it), "inactive" (its wrapper died and is kept, to be revived), "detached" (there is none),
    "untied" (it can have none that lasts), or "python" for an object that is no native one.
    ``owned``: the object owns its wrapper, which so lives on without Python. ``address`` is the
    native object's, or the Python object's ``id``. ``depth`` is how far from the first object it
    is, ``left_out`` how much it holds that was not followed. ``label`` is for people: the class, or
    the type where there is no wrapper, and the first of its fields that is a string.
    """

    index: int
    type_key: str | None
    python_class: str | None
    state: str
    strong: int | None
    weak: int | None
    owned: bool
    address: int
    depth: int
    label: str
    left_out: int = 0


@dataclass(frozen=True)
class Edge:
    """One reference, from ``source`` to ``target``, both indices into ``Graph.nodes``.

    ``label`` is what it is called: ``.field``, ``[3]``, ``['key']``, ``.attribute``. ``native``
    ones are held by the native object, the others by its wrapper or by a Python object. ``weak``
    ones keep nothing alive.
    """

    source: int
    target: int
    label: str
    native: bool
    weak: bool = False


@dataclass
class Graph:
    """What ``tieback.graph`` found: ``nodes`` (the first is the object itself) and ``edges``.

    ``left_out`` counts the objects that were seen and not entered, because of ``depth`` or
    ``max_nodes``. A notebook shows the picture.
    """

    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    left_out: int = 0

    @property
    def note(self) -> str:
        """What was left out, for people; empty if nothing was."""
        if not self.left_out:
            return ""
        more = "object was" if self.left_out == 1 else "objects were"
        return f"{self.left_out} more {more} seen and left out: raise depth= or max_nodes="

    def to_dot(self) -> str:
        """The graph in Graphviz's language."""
        from tieback._drawing import draw_dot  # not before somebody draws

        return draw_dot(self)

    def to_svg(self) -> str:
        """The picture; colours tell the state of the tie."""
        from tieback._drawing import draw_svg

        return draw_svg(self)

    def _repr_svg_(self) -> str:
        return self.to_svg()

    def __repr__(self) -> str:
        more = f", {self.left_out} left out" if self.left_out else ""
        return f"<Graph of {len(self.nodes)} nodes and {len(self.edges)} edges{more}>"


# At most so many references of one object are followed.
_MOST = 10_000


def native_label(kind: str, name: object) -> str:
    """What a native edge is called."""
    if kind in ("field", "weak"):
        return f".{name}"
    if kind == "item":
        return f"[{name}]"
    if kind == "value":
        return "value" if name is None else f"[{short(name)}]"
    return kind


class _Walk:
    """One walk. Every object that it comes by is kept until it ends, so that addresses hold."""

    def __init__(self, depth: int | None, max_nodes: int) -> None:
        self.look = _core.Look()
        self.depth = depth
        self.max_nodes = max_nodes
        self.known: dict[tuple[str, int], int] = {}
        self.outside: set[tuple[str, int]] = set()
        self.kept: list[object] = []
        self.queue: collections.deque[tuple[int, tuple[str, int], object]] = collections.deque()
        self.nodes: list[Node] = []
        self.edges: list[Edge] = []

    def key_of(self, target: object) -> tuple[str, int]:
        """By which an object is known: a wrapper stands for the native object it shows."""
        address = self.look.add(target) if is_wrapper(target) else None
        return ("python", id(target)) if address is None else ("native", address)

    def enter(self, key: tuple[str, int], target: object, depth: int) -> int | None:
        """The object's node, made if there is room for it; None if there is not."""
        if key in self.known:
            return self.known[key]
        too_deep = self.depth is not None and depth > self.depth
        if too_deep or len(self.nodes) >= self.max_nodes:
            self.outside.add(key)
            self.kept.append(target)
            return None
        index = self.known[key] = len(self.nodes)
        self.kept.append(target)
        kind, address = key
        if kind == "python":
            self.nodes.append(_python_node(index, target, depth))
        else:
            type_key, strong, weak, tie, owned, wrapper, _, name = self.look.facts(address)
            shown = None if wrapper is None else type_name(type(wrapper))
            label = type_key if wrapper is None else class_name(type(wrapper))
            label += f" {short(name)}" if name is not None else ""
            self.nodes.append(
                Node(index, type_key, shown, tie, strong, weak, owned, address, depth, label)
            )
            self.kept.append(wrapper)
        self.queue.append((index, key, target))
        return index

    def expand(self, index: int, key: tuple[str, int], target: object) -> None:
        depth = self.nodes[index].depth + 1
        for label, to, found, native, weak in self.references(index, key, target):
            at = self.enter(to, found, depth)
            if at is not None:
                self.edges.append(Edge(index, at, label, native, weak))

    def references(
        self, index: int, key: tuple[str, int], target: object
    ) -> Iterator[tuple[str, tuple[str, int], object, bool, bool]]:
        kind, address = key
        if kind == "python":
            found = links(target)
        else:
            edges, left = self.look.edges(address, _MOST)
            for name_kind, name, to in edges:
                label = native_label(name_kind, name)
                yield label, ("native", to), None, True, name_kind == "weak"
            self.leave(index, left)
            wrapper, carried = self.look.facts(address)[5:7]
            if carried is not None and not is_plain(carried[0]):
                self.kept.append(carried[0])
                yield "holds", self.key_of(carried[0]), carried[0], True, False
            if wrapper is None:
                return
            self.kept.append(wrapper)
            found = state_links(wrapper)
        for at, link in enumerate(found):
            if is_plain(link.target):
                continue
            if at >= _MOST:
                self.leave(index, 1)
                continue
            self.kept.append(link.target)
            yield link.label, self.key_of(link.target), link.target, False, link.weak

    def leave(self, index: int, count: int) -> None:
        if count:
            node = self.nodes[index]
            self.nodes[index] = replace(node, left_out=node.left_out + count)

    def run(self, obj: object) -> Graph:
        try:
            self.enter(self.key_of(obj), obj, 0)
            while self.queue:
                self.expand(*self.queue.popleft())
            # No generator expression: without memory for its function CPython 3.12 and 3.13 release
            # its code twice (python/cpython#122752).
            left = len(self.outside - self.known.keys()) + sum([n.left_out for n in self.nodes])
            return Graph(self.nodes, self.edges, left)
        finally:
            self.kept.clear()
            self.queue.clear()
            self.look.close()


def is_wrapper(target: object) -> bool:
    """Whether it is a wrapper; by its class, so that nothing of its own is asked."""
    return issubclass(type(target), _core.Object)


def _python_node(index: int, target: Any, depth: int) -> Node:
    cls = type(target)
    label = class_name(cls)
    if issubclass(cls, (dict, list, tuple, set, frozenset)):
        base: Any = next(b for b in (dict, list, tuple, set, frozenset) if issubclass(cls, b))
        label += f" of {base.__len__(target)}"
    elif issubclass(cls, _core.Object):
        label += " (empty)"
    else:
        name = getattr(target, "__qualname__", None) if cls in _NAMED else None
        label += f" {name}" if isinstance(name, str) else ""
    return Node(
        *(index, None, type_name(cls), "python", None, None, False, id(target), depth, label)
    )


_NAMED = (types.FunctionType, types.BuiltinFunctionType)


def graph(obj: Any, *, depth: int | None = None, max_nodes: int = 200) -> Graph:
    """Everything that is reached from ``obj``: native objects, by the fields, items and keys that
    hold them, and Python objects, by attributes, closures and containers.

    Nothing is changed by looking: no native object gets a wrapper, none is revived, counts are as
    they were, and no code of the objects' classes runs. Other threads may go on: each object is
    seen as it was at one moment. Not seen: native fields that are not reflected, what Rust closures
    captured. Modules, classes and frames are not entered.

    ``depth``: at most so many steps from ``obj``; ``max_nodes``: at most so many objects, nearest
    first. ``Graph.note`` says what was left out.

    Raises ValueError for a negative ``depth`` or ``max_nodes`` below 1.
    """
    if depth is not None and depth < 0:
        raise ValueError(f"graph expects a depth of 0 or more, or None for all, got {depth}")
    if max_nodes < 1:
        raise ValueError(f"graph expects max_nodes of 1 or more, got {max_nodes}")
    return _Walk(depth, max_nodes).run(obj)
