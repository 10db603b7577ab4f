"""Where the boxes and curves of a picture go: a layered layout, from left to right.

A node stands one layer behind the last of those that hold it, as far as cycles allow. An edge that is longer
than one layer is led through free places in those between, so that it runs beside the boxes and not
under them; one that leads back is drawn like one that leads on, with its head at the other end.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Layout", "Line", "Spot", "lay_out"]

# A line through more layers than this is drawn straight: its places would cost more than they are worth.
_LONGEST = 12
_GAP = 18.0  # between two boxes of a layer
_PORT = 12.0  # between two lines that end at one box


@dataclass
class Spot:
    """A box, or a place that a line goes through: its middle and its height; the width is the drawer's."""

    layer: int
    height: float
    near: list[int] = field(default_factory=list)
    y: float = 0.0


@dataclass
class Line:
    """From the box nearer to the first layer to the one farther; ``back``: the edge leads the other way.

    ``through``: the spots between. ``port``: how far from the middle of the farther box it ends.
    """

    source: int
    target: int
    back: bool
    through: list[int] = field(default_factory=list)
    port: float = 0.0


@dataclass
class Layout:
    """``spots`` begins with the nodes, in their order; ``lines`` are in the order of the edges."""

    spots: list[Spot]
    lines: list[Line]
    layers: list[list[int]]


def _ranks(count: int, strong: list[tuple[int, int]]) -> list[int]:
    """How many layers each node is behind the first: the longest way to it that goes round no circle."""
    after: list[list[int]] = [[] for _ in range(count)]
    for source, target in strong:
        after[source].append(target)
    state = [0] * count  # 1: on the way, 2: through
    order: list[int] = []
    onward: list[list[int]] = [[] for _ in range(count)]
    for first in range(count):
        if state[first]:
            continue
        state[first] = 1
        way = [(first, iter(after[first]))]
        while way:
            node, rest = way[-1]
            for target in rest:
                if state[target] != 1:
                    onward[node].append(target)
                if state[target] == 0:
                    state[target] = 1
                    way.append((target, iter(after[target])))
                    break
            else:
                state[node] = 2
                order.append(node)
                way.pop()
    rank = [0] * count
    for node in reversed(order):
        for target in onward[node]:
            rank[target] = max(rank[target], rank[node] + 1)
    return rank


def _sort(spots: list[Spot], layers: list[list[int]]) -> None:
    """Orders each layer so that few lines cross: by the mean place of the neighbours, to and fro."""
    place = {i: at - (len(layer) - 1) / 2 for layer in layers for at, i in enumerate(layer)}
    for sweep in range(10):
        step = -1 if sweep % 2 == 0 else 1

        def mean(index: int) -> float:
            beside = [
                place[n]
                for n in spots[index].near
                if (spots[n].layer - spots[index].layer) * step > 0
            ]
            return sum(beside) / len(beside) if beside else place[index]

        for layer in layers if step < 0 else reversed(layers):
            layer.sort(key=mean)
            for at, index in enumerate(layer):
                place[index] = at - (len(layer) - 1) / 2


def _spread(spots: list[Spot], layers: list[list[int]]) -> None:
    """How high each spot is: near to its neighbours, and apart from the others of its layer."""

    def apart(above: int, below: int) -> float:
        return (spots[above].height + spots[below].height) / 2 + _GAP

    for layer in layers:
        y = 0.0
        for at, index in enumerate(layer):
            y += apart(layer[at - 1], index) if at else 0.0
            spots[index].y = y
        for index in layer:
            spots[index].y -= y / 2
    for _ in range(40):
        for layer in layers:
            wanted = [
                0.75 * sum(spots[n].y for n in spots[i].near) / len(spots[i].near)
                + 0.25 * spots[i].y
                if spots[i].near
                else spots[i].y
                for i in layer
            ]
            # As near to what is wanted as the distances allow: once from above, once from below.
            down, up = list(wanted), list(wanted)
            for at in range(1, len(layer)):
                down[at] = max(down[at], down[at - 1] + apart(layer[at - 1], layer[at]))
            for at in range(len(layer) - 2, -1, -1):
                up[at] = min(up[at], up[at + 1] - apart(layer[at], layer[at + 1]))
            for at, index in enumerate(layer):
                spots[index].y = (down[at] + up[at]) / 2


def _ports(spots: list[Spot], lines: list[Line], count: int) -> None:
    """Lines end at one box apart from each other, in the order in which they come."""
    ending: dict[int, list[Line]] = {}
    for line in lines:
        if spots[line.source].layer != spots[line.target].layer:
            ending.setdefault(line.target, []).append(line)
    for target, those in ending.items():
        those.sort(key=lambda line: spots[line.through[-1] if line.through else line.source].y)
        step = min(_PORT, (spots[target].height - 8) / max(len(those) - 1, 1))
        for at, line in enumerate(those):
            line.port = (at - (len(those) - 1) / 2) * step


def lay_out(count: int, edges: list[tuple[int, int, bool]], height: float) -> Layout:
    """A layout of ``count`` nodes and edges ``(source, target, weak)``; boxes are ``height`` high at least."""
    rank = _ranks(count, [(s, t) for s, t, weak in edges if not weak and s != t])
    lines = [Line(s, t, False) if rank[s] <= rank[t] else Line(t, s, True) for s, t, weak in edges]
    ends = [0] * count
    for line in lines:
        ends[line.target] += rank[line.source] != rank[line.target]
    spots = [Spot(rank[i], max(height, min(ends[i], 40) * _PORT + 6)) for i in range(count)]
    layers: list[list[int]] = [[] for _ in range(max(rank, default=0) + 1)]
    for index in range(count):
        layers[rank[index]].append(index)
    for line in lines:
        first, last = rank[line.source], rank[line.target]
        if last - first <= _LONGEST:
            for layer in range(first + 1, last):
                layers[layer].append(len(spots))
                line.through.append(len(spots))
                spots.append(Spot(layer, 4.0))
        way = [line.source, *line.through, line.target]
        for one, other in zip(way, way[1:]):
            if one != other:
                spots[one].near.append(other)
                spots[other].near.append(one)
    _sort(spots, layers)
    _spread(spots, layers)
    _ports(spots, lines, count)
    return Layout(spots, lines, layers)
