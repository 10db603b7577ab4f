"""A graph as a picture: DOT for Graphviz, and SVG by a layered layout of its own.

Colours tell the state of the tie; solid lines keep alive, dashed ones are weak. Texts that are too long are cut,
and stand whole in the tooltip.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tieback._layout import Line, lay_out

if TYPE_CHECKING:
    from tieback._seeing import Edge, Graph, Node

__all__ = ["draw_dot", "draw_svg"]


class Look(NamedTuple):
    line: str
    fill: str
    meaning: str


STATES = {
    "active": Look("#2b8a3e", "#ebfbee", "active: a wrapper shows it, which Python holds"),
    "owned": Look("#0b7285", "#e3fafc", "active: its wrapper is the object's own"),
    "inactive": Look("#e67700", "#fff9db", "inactive: its wrapper died and is kept, to be revived"),
    "detached": Look("#868e96", "#f1f3f5", "detached: Python has no wrapper of it"),
    "untied": Look("#862e9c", "#f8f0fc", "untied: it cannot keep a wrapper"),
    "python": Look("#1864ab", "#e7f5ff", "an object of Python's"),
}
NATIVE, PYTHON = "#495057", "#4dabf7"

# All in the picture's units; the text is 12 high.
CHAR = 6.7  # a character of the head
SMALL = 5.6  # one of the smaller lines
HEIGHT = 44.0
LABEL_MOST = 22
TEXT_MOST = 30


def escape(text: str) -> str:
    """As text of XML. (The library's own comes with the whole of ``urllib``.)"""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def look_of(node: Node) -> Look:
    """How a node is drawn: by its state, and by whose its wrapper is."""
    return STATES["owned" if node.owned else node.state]


def cut(text: str, most: int) -> str:
    """``text``, with its middle left out where it is longer."""
    if len(text) <= most:
        return text
    head = (most - 1) // 2
    return f"{text[:head]}…{text[len(text) - (most - 1 - head) :]}"


def lines_of(node: Node) -> tuple[str, str, str]:
    """What stands in a node's box: its name, its type, its counts."""
    if node.type_key is None:
        kind = node.python_class or ""
        return cut(node.label, TEXT_MOST), cut(kind, TEXT_MOST), ""
    counts = f"strong {node.strong}"
    if node.weak:
        counts += f", weak {node.weak}"
    if node.owned:
        counts += ", owns its wrapper"
    # The key's last part; what follows is the object's own name.
    key, space, name = node.label.partition(" ")
    return (
        cut(key.rpartition(".")[2] + space + name, TEXT_MOST),
        cut(node.type_key, TEXT_MOST),
        counts,
    )


def merged(edges: list[Edge]) -> dict[tuple[int, int, bool, bool], list[str]]:
    """Edges by where they lead and of which kind they are, each with its names."""
    found: dict[tuple[int, int, bool, bool], list[str]] = {}
    for edge in edges:
        key = (edge.source, edge.target, edge.native, edge.weak)
        found.setdefault(key, []).append(edge.label)
    return found


def named(labels: list[str]) -> str:
    """Several names of one edge in the picture."""
    text = ", ".join(labels[:3])
    more = f" +{len(labels) - 3}" if len(labels) > 3 else ""
    return cut(text, LABEL_MOST - len(more)) + more


def draw_dot(graph: Graph) -> str:
    """The graph in Graphviz's language."""

    def text(value: str) -> str:
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'

    lines = ["digraph tieback {", "  rankdir=LR;", "  node [shape=box, style=filled];"]
    for node in graph.nodes:
        look = look_of(node)
        label = "\n".join(line for line in lines_of(node) if line)
        tie = text(node.state)
        colours = f"color={text(look.line)}, fillcolor={text(look.fill)}"
        lines.append(f"  n{node.index} [label={text(label)}, tooltip={tie}, {colours}];")
    for (source, target, native, weak), labels in merged(graph.edges).items():
        style = "dashed" if weak else "solid"
        colour = text(NATIVE if native else PYTHON)
        told = f"label={text(named(labels))}, style={style}, color={colour}"
        lines.append(f"  n{source} -> n{target} [{told}];")
    if graph.note:
        lines.append(f"  label={text(graph.note)};")
    return "\n".join([*lines, "}", ""])


class Box(NamedTuple):
    """Where a node's box is: its left edge, its middle, its size."""

    x: float
    y: float
    width: float
    height: float


class Picture:
    """The places of everything: boxes by node, and the layers' left and right edges."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.merged = merged(graph.edges)
        edges = [(source, target, weak) for source, target, _, weak in self.merged]
        self.layout = lay_out(len(graph.nodes), edges, HEIGHT)
        spots = self.layout.spots
        top = min((s.y - s.height / 2 for s in spots), default=0.0) - 34
        for spot in spots:
            spot.y -= top
        # Room for the longest name in front of each layer.
        room = [0] * len(self.layout.layers)
        for line, names in zip(self.layout.lines, self.merged.values()):
            behind = spots[line.target].layer
            room[behind] = max(room[behind], len(named(names)))
        self.boxes: list[Box] = [Box(0, 0, 0, 0)] * len(graph.nodes)
        self.edges_of_layers: list[tuple[float, float]] = []
        left = 30.0
        for at, layer in enumerate(self.layout.layers):
            # Many lines side by side need a slope.
            steep = min(len(layer), 60) * 2.0
            left += 0 if at == 0 else 58 + steep + room[at] * SMALL
            right = left
            for index in layer:
                if index < len(graph.nodes):
                    rows = lines_of(graph.nodes[index])
                    width = max(len(rows[0]) * CHAR, *(len(row) * SMALL for row in rows[1:])) + 24
                    spot = spots[index]
                    self.boxes[index] = Box(left, spot.y, width, spot.height)
                    right = max(right, left + width)
            self.edges_of_layers.append((left, right))
            left = right
        self.width = left + 60
        self.height = max((s.y + s.height / 2 for s in spots), default=0.0) + 44

    def path(self, line: Line) -> tuple[str, float, float]:
        """A line's curve from box to box, and where its name stands (by its right end)."""
        source, target = self.boxes[line.source], self.boxes[line.target]
        if line.source == line.target:
            x, y = source.x + source.width - 28, source.y - source.height / 2
            return f"M{x:.1f} {y:.1f}c-8 -24 28 -24 16 -1", x - 6, y - 6
        spots = self.layout.spots
        if spots[line.source].layer == spots[line.target].layer:
            x1, x2 = source.x + source.width, target.x + target.width
            out = max(x1, x2) + 22 + min(abs(source.y - target.y) * 0.1, 30)
            y1, y2 = source.y, target.y
            ends = [(x1, y1), (out, y1), (out, y2), (x2, y2)]
            return _curve(ends), out + 8, (y1 + y2) / 2
        x, y = source.x + source.width, source.y
        points = [(x, y)]
        for index in line.through:
            left, right = self.edges_of_layers[spots[index].layer]
            there = spots[index].y
            points += [*_bend(points[-1], (left, there)), (left, there)]
            points += [(left, there), (right, there), (right, there)]
        end = (target.x, target.y + line.port)
        before = points[-1]
        points += [*_bend(before, end), end]
        # At the target's end, where lines stand apart.
        return _curve(points[::-1] if line.back else points), end[0] - 13, end[1]


def _bend(start: tuple[float, float], end: tuple[float, float]) -> list[tuple[float, float]]:
    """The inner points of a curve that leaves and comes level."""
    middle = (start[0] + end[0]) / 2
    return [(middle, start[1]), (middle, end[1])]


def _curve(points: list[tuple[float, float]]) -> str:
    first, *rest = (f"{x:.1f} {y:.1f}" for x, y in points)
    return f"M{first}C" + " ".join(rest)


def _edges(picture: Picture) -> tuple[list[str], list[str]]:
    """The curves, and their names, which stand above everything."""
    curves, names = [], []
    for line, (key, labels) in zip(picture.layout.lines, picture.merged.items()):
        curve, x, y = picture.path(line)
        kind = "native" if key[2] else "py"
        dash = ' stroke-dasharray="5 4"' if key[3] else ""
        curves.append(f'<path class="{kind}" d="{curve}" marker-end="url(#{kind})"{dash}/>')
        told = escape(", ".join(labels))
        names.append(
            f'<text class="name" x="{x:.1f}" y="{y - 2:.1f}">{escape(named(labels))}'
            f"<title>{told}</title></text>"
        )
    return curves, names


def _node(node: Node, box: Box) -> str:
    look = look_of(node)
    head, kind, counts = lines_of(node)
    top, y = box.y - box.height / 2, box.y - HEIGHT / 2
    more = f", {node.left_out} left out" if node.left_out else ""
    full = escape(f"{node.type_key or node.python_class}: {node.state}, {node.address:#x}{more}")
    corner = 10 if node.state == "python" else 3
    thick = 2.4 if node.index == 0 else 1.2
    rows = [(13.5, "head", head), (26, "kind", kind), (38, "kind", counts)]
    if not counts:
        rows = [(19, "head", head), (33, "kind", kind)]
    text = "".join(
        f'<text class="{name}" x="{box.x + 12:.1f}" y="{y + down:.1f}">{escape(row)}</text>'
        for down, name, row in rows
    )
    return (
        f'<g class="{node.state}"><title>{full}</title>'
        f'<rect x="{box.x:.1f}" y="{top:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" '
        f'rx="{corner}" fill="{look.fill}" stroke="{look.line}" stroke-width="{thick}"/>{text}</g>'
    )


def _legend(graph: Graph, y: float) -> tuple[list[str], float, float]:
    """What the colours and lines mean that the picture has; its size."""
    used = [look_of(node) for node in graph.nodes]
    shown = [look for look in STATES.values() if look in used]
    rows = []
    for look in shown:
        corner = 5 if look is STATES["python"] else 2
        rows.append(
            f'<rect x="30" y="{y - 9:.1f}" width="16" height="11" rx="{corner}" fill="{look.fill}" '
            f'stroke="{look.line}"/><text class="legend" x="56" y="{y:.1f}">{look.meaning}</text>'
        )
        y += 18
    wide = max((len(look.meaning) for look in shown), default=0)
    for kind, weak, meaning in (
        ("native", False, "held by the native object"),
        ("py", False, "held by Python"),
        ("", True, "weak: keeps nothing alive"),
    ):
        if any(e.weak == weak and (weak or e.native == (kind == "native")) for e in graph.edges):
            dash = ' stroke-dasharray="5 4"' if weak else ""
            rows.append(
                f'<path class="{kind or "native"}" d="M28 {y - 4:.1f}h20"{dash}/>'
                f'<text class="legend" x="56" y="{y:.1f}">{meaning}</text>'
            )
            y += 18
    if graph.note:
        rows.append(f'<text class="legend" x="30" y="{y:.1f}">{escape(graph.note)}</text>')
        y += 18
    return rows, max(wide, len(graph.note)) * SMALL + 86, y


STYLE = f"""
text {{ font-family: "DejaVu Sans", Verdana, sans-serif; fill: #212529 }}
.head {{ font-size: 11px; font-weight: bold }}
.kind {{ font-size: 9px; fill: #495057 }}
.legend {{ font-size: 10px; fill: #495057 }}
.name {{ font-size: 9px; text-anchor: end; paint-order: stroke; stroke: white; stroke-width: 3px }}
path {{ fill: none; stroke-width: 1.2 }}
path.native {{ stroke: {NATIVE} }}
path.py {{ stroke: {PYTHON} }}
"""


def draw_svg(graph: Graph) -> str:
    """The picture as SVG, complete in itself."""
    picture = Picture(graph)
    curves, names = _edges(picture)
    legend, wide, height = _legend(graph, picture.height)
    width = max(picture.width, wide)
    markers = "".join(
        f'<marker id="{kind}" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="7" markerHeight="7" '
        f'orient="auto"><path d="M0 0.8L8 4L0 7.2z" style="fill:{colour};stroke:none"/></marker>'
        for kind, colour in (("native", NATIVE), ("py", PYTHON))
    )
    nodes = [_node(node, box) for node, box in zip(graph.nodes, picture.boxes)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
            f'width="{width:.0f}" height="{height:.0f}">',
            f"<style>{STYLE}</style><defs>{markers}</defs>",
            f'<rect width="{width:.0f}" height="{height:.0f}" fill="white"/>',
            *curves,
            *nodes,
            *names,
            *legend,
            "</svg>",
            "",
        ]
    )
