"""Containers in containers, in themselves, in fields; copied, pickled, given back."""

from __future__ import annotations

import collections.abc
import copy
import pickle
import threading
from typing import Any, Optional

import pytest

import tieback
from tieback import Array, Dict, List, Map, Object
from tieback.dataclasses import field, py_class
from tieback.testing import use_count
from test_containers import Node


def test_cycles_print_and_copy() -> None:
    it, map = List([1]), Dict(a=1)
    it.append(it)
    map["me"], map["list"] = map, it
    it.append(Array([map]))
    try:
        assert (
            repr(it)
            == "List([1, List([...]), Array([Dict({'a': 1, 'me': Dict({...}), 'list': List([...])})])])"
        )
        for copied in (copy.deepcopy(it), copy.deepcopy(map)["list"]):
            assert copied is not it and copied[1] is copied
            assert copied[2][0]["list"] is copied and copied[2][0]["me"] is copied[2][0]
            copied[2][0].clear()
            copied.clear()
    finally:
        map.clear()
        it.clear()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_keeps_sharing_and_cycles(protocol: int) -> None:
    shared = List([1, "two"])
    whole = Dict(
        {"a": shared, "map": Map({1: shared, "x": (1, 2)}), "all": [shared, {"k": shared}]}
    )
    again = pickle.loads(pickle.dumps(whole, protocol))
    assert again == whole and type(again) is Dict
    assert again["a"] is again["map"][1] is again["all"][0] is again["all"][1]["k"]
    assert [type(again[key]) for key in again] == [List, Map, Array]
    loop = List()
    loop.append(Dict(me=loop))
    again = pickle.loads(pickle.dumps(loop, protocol))
    assert again[0]["me"] is again
    loop.clear()
    again.clear()


def test_copies() -> None:
    node = Node(1)
    for cls in (List, Dict):
        it = cls({node: node})
        shallow, deep = copy.copy(it), copy.deepcopy(it)
        assert shallow == it and not shallow.same_as(it) and type(deep) is cls
        assert node in [*shallow]
        assert node not in [*deep]
    map, array = Map({1: node}), Array([node])
    assert copy.copy(map) is map and copy.copy(array) is array
    assert copy.deepcopy(map)[1].v == 1 and copy.deepcopy(map)[1] is not node

    class Own(List):
        pass

    own = Own([1, 2])
    own.name = "n"
    again = copy.copy(copy.deepcopy(own))
    assert again == [1, 2]
    assert copy.deepcopy(own).name == "n"


# Fields -------------------------------------------------------------------------------------------


@py_class
class Shop(Object):
    names: list[str] = field(default_factory=list)
    stock: dict[str, int] = field(default_factory=dict)
    fixed: Map[str, int] | None = None
    row: Optional[List[int]] = None
    many: list[int] | dict[str, int] | int = 0
    pair: tuple[int, int] = (1, 2)
    seen: collections.abc.Mapping[str, int] = field(default_factory=dict)


def test_fields_of_containers() -> None:
    shop, other = Shop(), Shop(["a"], {"b": 1}, {"c": 2}, (1, 2), [3])
    assert [type(getattr(other, name)) for name in ("names", "stock", "fixed", "row", "many")] == [
        List, Dict, Map, List, List,
    ]  # fmt: skip
    names = shop.names
    names.append("x")
    shop.stock["k"] = 1
    assert shop.names is names and shop.names == ["x"] and shop.stock == {"k": 1}
    assert Shop().names == [], "each has its own"
    assert other == Shop(["a"], {"b": 1}, {"c": 2}, (1, 2), [3]) and other != shop
    other.many = {"z": 1}
    assert type(other.many) is Dict
    other.many = 5
    other.names = names
    assert other.names is names is shop.names
    plain = ["p"]
    other.names = plain
    plain.append("q")
    assert other.names == ["p"], "a Python list is copied in"
    assert copy.deepcopy(shop) == shop and pickle.loads(pickle.dumps(shop)) == shop
    assert repr(shop).startswith("Shop(names=List(['x']), stock=Dict({'k': 1}), fixed=None")
    for name, value, words in (
        ("names", 3, r"field 'names' of 'Shop': expected list\[str\], got int"),
        ("names", {}, r"expected list\[str\], got dict"),
        ("stock", [], r"expected dict\[str, int\], got list"),
        ("stock", Map(), r"expected dict\[str, int\], got Map"),
        ("fixed", Dict(), r"expected tieback.Map\[str, int\] \| None, got Dict"),
        ("many", "a", r"got str"),
    ):
        with pytest.raises(TypeError, match=words):
            setattr(shop, name, value)
    with pytest.raises(OverflowError, match="field 'names' of 'Shop': item 0: "):
        shop.names = [2**63]
    with pytest.raises(OverflowError, match="field 'stock' of 'Shop': value of the key \"k\": "):
        shop.stock = {"k": 2**63}


@pytest.mark.parametrize("kind", ["list", "tuple", "dict", "key"])
def test_what_contains_itself_or_is_too_deep_is_refused(kind: str) -> None:
    loop: Any = {} if kind == "dict" else []
    inner: Any = (loop,) if kind == "tuple" else loop
    loop.update(me=inner) if kind == "dict" else loop.append(inner)
    wrap: Any = {"list": lambda it: [it], "dict": lambda it: {"k": it}}.get(kind, lambda it: (it,))
    deep: Any = 1
    for _ in range(100_000):
        deep = wrap(deep)

    def use(value: Any) -> Any:
        # As a pair: a dict would hash it, and CPython does so without a limit.
        return Dict([(value, 1)]) if kind == "key" else tieback.convert(value)

    def on_a_thread() -> None:
        with pytest.raises(RecursionError, match="while converting nested"):
            use(deep)
        done.append(kind)

    done: list[str] = []
    on_a_thread()
    thread = threading.Thread(target=on_a_thread)
    thread.start()
    thread.join()
    assert done == [kind, kind]
    if kind != "key":
        with pytest.raises(RecursionError, match="while converting nested"):
            use(inner)
    loop.clear()
    shallow: Any = 1
    for _ in range(300):
        shallow = wrap(shallow)
    assert len(use(shallow)) == 1
    while not isinstance(deep, int):
        deep = deep["k"] if kind == "dict" else deep[0]


def test_memory_is_given_back() -> None:
    nodes = [Node(i) for i in range(50)]
    for cls in (List, Array):
        it = cls(nodes)
        assert [use_count(node) for node in nodes] == [2] * 50
        del it
    it = Dict(zip(nodes, nodes))
    assert use_count(nodes[0]) == 3
    it.pop(nodes[0])
    assert use_count(nodes[0]) == 1
    it |= {nodes[0]: 1}
    del it
    assert [use_count(node) for node in nodes] == [1] * 50
