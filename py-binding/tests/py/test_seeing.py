"""``tieback.graph``: what it finds, that it changes nothing, and that the picture is whole."""

from __future__ import annotations

import functools
import gc
import random
import re
import threading
import weakref
import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest

import tieback
from tie_support import Box, Heir, Leaf, Opaque, lib, ran_cleanly, state_of
from tieback import dataclasses as dc
from tieback._layout import lay_out
from tieback.testing import use_count


@dc.py_class("test_seeing.Part", eq=False)
class Part(dc.Object):
    name: str = ""
    parent: tieback.Weak["Part"] = None
    held: Any = None


class Noted(Part):
    """An ordinary subclass: it keeps attributes."""


class Slotted(Part):
    __slots__ = ("note", "unset")


def edges(graph: Any) -> set[tuple[str, str, str]]:
    """Each edge by the labels of its ends."""
    label = [kind(node) for node in graph.nodes]
    return {(label[edge.source], edge.label, label[edge.target]) for edge in graph.edges}


def kind(node: Any) -> str:
    """The label, less a native object's name."""
    return node.label if node.type_key is None else node.label.partition(" ")[0].rpartition(".")[2]


def node(graph: Any, label: str) -> Any:
    found = [node for node in graph.nodes if kind(node) == label]
    assert len(found) == 1, (label, graph.nodes)
    return found[0]


class TestWhatIsFound:
    def test_fields(self):
        inner = Leaf(1)
        graph = tieback.graph(Box(inner))
        first, second = graph.nodes
        assert (first.type_key, first.python_class) == ("tie_support.Box", "tie_support.Box")
        assert (first.state, first.strong, first.weak, first.owned) == ("active", 1, 0, False)
        assert (second.state, second.strong, second.depth) == ("active", 2, 1)
        assert second.address == inner.__chandle__()
        (edge,) = graph.edges
        assert (edge.source, edge.target, edge.label, edge.native, edge.weak) == (0, 1, ".value", True, False)

    @pytest.mark.parametrize(
        "name, inside, label",
        [
            ("Array", lambda x: [0, x], "[1]"),
            ("List", lambda x: [0, "text", x], "[2]"),
            ("Map", lambda x: {"key": x}, "['key']"),
            ("Dict", lambda x: {3: x}, "[3]"),
            ("Dict", lambda x: {Part("key", None, x): 1}, "key"),
        ],
        ids=["Array", "List", "Map", "Dict", "key"],
    )
    def test_containers(self, name: str, inside: Any, label: str):
        made = getattr(tieback, name)(inside(Leaf(1)))
        graph = tieback.graph(made)
        assert [(e.source, e.target, e.label) for e in graph.edges][:1] == [(0, 1, label)]
        assert graph.nodes[-1].type_key == "tie_support.Leaf" and node(graph, name) is graph.nodes[0]

    def test_fields_of_every_kind_of_a_rust_type(self):
        point = lib.point(1, 2)
        fields = lib.fields(1, "a text that is an object", point, None)
        fields.function = lambda: None
        fields.object = point
        found = {edge.label: edge for edge in tieback.graph(fields).edges if edge.source == 0}
        assert {".required", ".array", ".function", ".object"} <= found.keys()
        assert not {".text", ".blob", ".i64"} & found.keys()

    def test_weak_fields(self):
        parent, child = Part("parent"), Part("child")
        child.parent = parent
        graph = tieback.graph(child)
        assert [(e.label, e.weak, e.native) for e in graph.edges] == [(".parent", True, True)]
        assert graph.nodes[1].weak == 1 and graph.nodes[1].strong == 1
        del parent
        assert tieback.graph(child).edges == []

    def test_names(self):
        """A native object is called by its first string: behind its class where a wrapper lives, behind its
        type's key where none does."""
        assert tieback.graph(Part("tea")).nodes[0].label == "Part 'tea'"
        taken = [Part("tea"), Part(""), Part("a name that is much too long")]
        held = tieback.Array([*taken, Heir(1, "cup"), Part("milk")._move()])
        del taken
        assert [(n.label, n.state) for n in tieback.graph(held).nodes[1:]] == [
            ("Part 'tea'", "active"),
            ("Part", "active"),
            ("Part 'a name that is much to…", "active"),
            ("tie_support.Heir 'cup'", "inactive"),
            ("test_seeing.Part 'milk'", "detached"),
        ]

    def test_cycles_and_self_loops(self):
        x = Noted("x")
        x.held = tieback.List([x])
        x.me = x
        graph = tieback.graph(x)
        assert edges(graph) == {("Noted", ".held", "List"), ("List", "[0]", "Noted"), ("Noted", ".me", "Noted")}
        x.held = x.me = None

    def test_attributes_and_slots(self):
        x = Noted("x")
        x.note = [1, Leaf(1), "text"]
        x.number = 3
        y = Slotted("y", None, x)
        y.note = x
        graph = tieback.graph(y)
        assert edges(graph) == {
            ("Slotted", ".held", "Noted"),
            ("Slotted", ".note", "Noted"),
            ("Noted", ".note", "list of 3"),
            ("list of 3", "[1]", "Leaf"),
        }
        assert [e.native for e in graph.edges if e.source == 0] == [True, False]

    def test_functions_carriers_and_errors(self):
        leaf = Leaf(1)
        carried = Opaque()
        carried.leaf = leaf

        def call() -> Any:
            return leaf

        cause = tieback.Error("KeyError", "below")
        error = tieback.Error("ValueError", "text", "", cause)
        graph = tieback.graph(tieback.Array([call, carried, error]))
        assert ("Function", "holds", "function TestWhatIsFound") not in edges(graph)
        names = {(a, name) for a, name, _ in edges(graph)}
        assert {("Function", "holds"), ("Opaque", ".leaf"), ("Error", "cause")} <= names
        assert any(name == "closure leaf" for _, name, _ in edges(graph))
        holder = next(n for n in graph.nodes if n.python_class == "tie_support.Opaque")
        assert holder.state == "python" and holder.strong is None and holder.address == id(carried)
        del carried.leaf

    def test_closures_partials_methods_sets_and_weak_references(self):
        leaf = Noted("leaf")

        def inner(*, at: Any = leaf) -> Any:
            return leaf, at

        things = {
            "inner": inner,
            "partial": functools.partial(inner, leaf, key=leaf),
            "method": leaf.same_as,
            "set": {leaf},
            "weak": weakref.ref(leaf),
            "tuple": (leaf,),
        }
        graph = tieback.graph(things)
        into = {e.label: e.weak for e in graph.edges if kind(graph.nodes[e.target]) == "Noted"}
        assert {"closure leaf", "default at", "['key']", "in", "weakly", "[0]", "refers to"} == into.keys()
        assert [label for label, weak in into.items() if weak] == ["weakly"]

    def test_any_object_can_be_the_first(self):
        assert tieback.graph(3).nodes[0].state == "python"
        moved = Leaf(1)
        lib.echo(moved._move())
        assert [n.label for n in tieback.graph([moved]).nodes] == ["list of 1", "Leaf (empty)"]

    def test_who_owns_whom(self):
        x = Noted("x")
        assert tieback.graph(x).nodes[0].owned is False
        number = lib.hold(x)
        assert tieback.graph(x).nodes[0].owned is True
        y = Box(x)
        del x
        seen = node(tieback.graph(y), "Noted")
        assert (seen.owned, seen.state, seen.strong) == (True, "active", 3)
        assert "active: its wrapper is the object's own" in tieback.graph(y).to_svg()
        lib.release(number)


class TestNothingIsChanged:
    def test_no_wrapper_is_made_or_revived(self):
        box = Box(tieback.convert([Leaf(1), {"k": Leaf(2)}, [Leaf(3)]]))
        chain = lib.fields(1, "", None, None)  # its array and its point were never shown
        for x in (box, chain):
            tieback.graph(x)
            before = tieback.stats()
            first = tieback.graph(x)
            assert tieback.stats() == before
            again = tieback.graph(x)
            assert (first.nodes, first.edges) == (again.nodes, again.edges)
            states = [node.state for node in first.nodes]
            assert all(node.owned for node in first.nodes[1:] if node.state == "active")
            assert states[0] == "active"
            assert [state_of(node.address) for node in first.nodes if node.address] == states
        assert "detached" in [node.state for node in tieback.graph(chain).nodes]

    def test_counts_are_as_they_were_and_as_they_are_told(self):
        x = Noted("x")
        box = Box(tieback.Dict({"a": x, x: Box(x)}))
        told = node(tieback.graph(box), "Noted")
        assert use_count(x) == told.strong == 4
        assert use_count(box) == 1 == tieback.graph(box).nodes[0].strong

    def test_nothing_is_kept(self):
        x = Noted("x")
        gone = weakref.ref(x)
        x.note = [x.__class__]
        graph = tieback.graph(x)
        del x
        gc.collect()
        assert gone() is None and len(graph.nodes) == 2

    def test_no_code_of_the_classes_runs(self):
        class Hostile:
            def __init__(self) -> None:
                self.leaf = Leaf(1)

            def refuse(self, *args: Any) -> Any:
                raise AssertionError("looked at by its own code")

            __repr__ = __len__ = __iter__ = __getattribute__ = __hash__ = __eq__ = refuse
            __class__ = property(refuse)  # type: ignore[assignment]
            __bool__ = __getattr__ = __getitem__ = __dir__ = refuse

        class Pairs(dict):
            __iter__ = __getitem__ = items = keys = copy = __len__ = Hostile.refuse

        class Row(list):
            __iter__ = __getitem__ = copy = __len__ = Hostile.refuse

        things = [Hostile(), Pairs(), Row()]
        dict.__setitem__(things[1], "k", things[0])
        list.append(things[2], things[0])
        graph = tieback.graph(things)
        assert {n.label for n in graph.nodes} == {"list of 3", "Hostile", "Pairs of 1", "Row of 1", "Leaf"}
        assert graph.to_svg() and graph.to_dot()

    def test_others_go_on_meanwhile(self):
        """Python threads change what is looked at, Rust threads take and drop references to it."""
        shelf = tieback.List([Leaf(n) for n in range(20)])
        names = tieback.Dict({"a": Leaf(1)})
        first = Noted("first", None, tieback.Array([shelf, names]))
        done = threading.Event()
        failed: list[BaseException] = []

        def change(seed: int) -> None:
            pick = random.Random(seed)
            try:
                while not done.is_set():
                    shelf[pick.randrange(20)] = Noted("new", first, [Leaf(1)])
                    names[str(pick.randrange(50))] = Box(Leaf(2))
                    if len(names) > 40:
                        names.clear()
                    first.note = {pick.randrange(9): Box(shelf)}
                    first.extra = [first]
                    first.__dict__.pop("extra", None)
            except BaseException as error:
                failed.append(error)

        threads = [threading.Thread(target=change, args=(seed,)) for seed in range(2)]
        for thread in threads:
            thread.start()
        for _ in range(60):
            lib.drop_slowly(shelf, 50)
            graph = tieback.graph(first)
            assert kind(graph.nodes[0]) == "Noted" and len(graph.nodes) > 20
        done.set()
        for thread in threads:
            thread.join()
        lib.join_threads()
        assert not failed, failed
        first.note = None
        shelf.clear()


class TestLimits:
    def test_depth(self):
        x: Any = None
        for _ in range(10):
            x = Box(x)
        graph = tieback.graph(x, depth=3)
        assert [n.depth for n in graph.nodes] == [0, 1, 2, 3] and graph.left_out == 1
        assert "1 more object was seen and left out" in graph.note
        assert graph.note in graph.to_svg() and graph.note in graph.to_dot()
        assert tieback.graph(x).note == "" and len(tieback.graph(x).nodes) == 10
        assert len(tieback.graph(x, depth=0).nodes) == 1

    def test_max_nodes_takes_the_nearest(self):
        x = tieback.Array([Box(tieback.Array([Leaf(n)])) for n in range(300)])
        graph = tieback.graph(x, max_nodes=50)
        assert len(graph.nodes) == 50 and {n.depth for n in graph.nodes} == {0, 1}
        assert graph.left_out == 251 + 49 and repr(graph) == "<Graph of 50 nodes and 49 edges, 300 left out>"
        assert len(tieback.graph(x, max_nodes=1000).nodes) == 901

    def test_very_many_references_of_one_object(self):
        leaf = Leaf(1)
        graph = tieback.graph(tieback.List([leaf] * 12_000), max_nodes=5)
        assert graph.nodes[0].left_out == 2_000 == graph.left_out

    @pytest.mark.parametrize(
        "limits, text",
        [
            ({"depth": -1}, "graph expects a depth of 0 or more, or None for all, got -1"),
            ({"max_nodes": 0}, "graph expects max_nodes of 1 or more, got 0"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, limits: dict[str, int], text: str):
        with pytest.raises(ValueError, match=re.escape(text)):
            tieback.graph(Leaf(1), **limits)


SVG = "{http://www.w3.org/2000/svg}"


class TestThePicture:
    def make(self) -> Any:
        x = Noted("x <&\"'> " + "long " * 20)
        x.held = tieback.Dict({"a key <&> that is much longer than the picture has room for": Leaf(1)})
        x.parent = x
        x.note = Box(lib.adder(1))
        return tieback.graph(x)

    def test_svg_is_whole_and_says_all(self):
        graph = self.make()
        root = ElementTree.fromstring(graph.to_svg())
        groups = [g.get("class") for g in root.iter(f"{SVG}g")]
        assert groups == [n.state for n in graph.nodes]
        curves = [p for p in root.findall(f"{SVG}path") if p.get("marker-end")]
        assert len(curves) == len(graph.edges)
        assert len([p for p in curves if p.get("stroke-dasharray")]) == 1
        texts = [t.text for t in root.iter(f"{SVG}text")]
        assert "active: a wrapper shows it, which Python holds" in texts and "weak: keeps nothing alive" in texts
        assert "untied: it cannot keep a wrapper" not in texts
        assert all(len(t or "") <= 60 for t in texts)
        assert graph._repr_svg_() == graph.to_svg()

    def test_importing_tieback_does_not_pay_for_it(self):
        code = "import sys, tieback; print({'tieback._drawing', 'urllib.request', 'xml'} & {*sys.modules})"
        assert ran_cleanly(code).strip() == "set()"

    def test_dot_is_well_formed(self):
        graph = self.make()
        lines = graph.to_dot().splitlines()
        assert lines[0] == "digraph tieback {" and lines[-1] == "}"
        text = r'"(?:[^"\\]|\\.)*"'
        nodes = [li for li in lines if re.fullmatch(rf"  n\d+ \[label={text}, tooltip={text}, color={text}, fillcolor={text}\];", li)]
        drawn = [li for li in lines if re.fullmatch(rf"  n\d+ -> n\d+ \[label={text}, style=(?:solid|dashed), color={text}\];", li)]
        assert (len(nodes), len(drawn)) == (len(graph.nodes), len(graph.edges))

    @pytest.mark.parametrize("seed", range(30))
    def test_boxes_stand_apart(self, seed: int):
        """Whatever the graph: no two in a layer overlap, and every line leads on from layer to layer."""
        pick = random.Random(seed)
        count = pick.randrange(1, 60)
        pairs = {
            (pick.randrange(count), pick.randrange(count), pick.random() < 0.2)
            for _ in range(pick.randrange(4 * count))
        }
        layout = lay_out(count, sorted(pairs), 44.0)
        assert sorted(i for layer in layout.layers for i in layer) == list(range(len(layout.spots)))
        for layer in layout.layers:
            rows = [layout.spots[i] for i in layer]
            for above, below in zip(rows, rows[1:]):
                assert below.y - below.height / 2 >= above.y + above.height / 2 + 17
        for line in layout.lines:
            way = [layout.spots[i].layer for i in (line.source, *line.through, line.target)]
            if line.through:
                assert way == list(range(way[0], way[-1] + 1))
            assert way[0] <= way[-1]

    def test_a_class_of_no_module(self):
        """As `type()` makes one in a bare `exec`."""
        names: dict[str, Any] = {}
        exec("nowhere = type('Nowhere', (), {})()", names)
        box = Box([names["nowhere"]])
        assert [node.python_class for node in tieback.graph(box).nodes][-1] == "Nowhere"
        box.value = None
        names["nowhere"].box = box
        assert "Nowhere" in repr(tieback.why_alive(box))

    def test_long_chains_are_drawn_without_a_deep_stack(self):
        x: Any = None
        for _ in range(3000):
            x = Box(x)
        graph = tieback.graph(x, max_nodes=3000)
        assert len(graph.nodes) == 3000 and len(graph.to_svg()) > 3000
