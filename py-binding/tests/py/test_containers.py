"""List, Map, Dict and Array: ``collections.abc`` in full, next to Python's own; keys; fields."""

from __future__ import annotations

import collections.abc
import copy
import math
import operator
import pickle
import random
import threading
from typing import Any, Callable, Optional

import pytest

import libraries
import tieback
from tieback import Array, Dict, List, Map, Object
from tieback.dataclasses import field, py_class
from tieback.testing import use_count

lib = libraries.load("test_library")


@py_class(eq=False)
class Node(Object):
    v: int


class Plain:
    pass


SEQUENCES = [Array, List]
MAPS = [Map, Dict]


def outcome(work: Callable[[], Any]) -> Any:
    """What it answers, or which exception it raises."""
    try:
        return work()
    except Exception as error:
        return type(error)


# What they are ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cls", "abc", "like"),
    [
        (Array, collections.abc.Sequence, tuple),
        (List, collections.abc.MutableSequence, list),
        (Map, collections.abc.Mapping, None),
        (Dict, collections.abc.MutableMapping, dict),
    ],
)
def test_nothing_of_the_abc_is_missing(cls: Any, abc: Any, like: Any) -> None:
    assert issubclass(cls, abc) and isinstance(cls(), abc)
    names = {name for base in abc.__mro__ for name in vars(base) if name not in vars(object)}
    names -= {"__abstractmethods__", "__slots__", "_abc_impl", "__subclasshook__", "__module__"}
    names -= {"_MutableMapping__marker", "__weakref__", "__dict__", "__annotations__"}
    names -= {"__firstlineno__", "__static_attributes__"}
    missing = {name for name in names if not hasattr(cls, name)}
    if like is not None:
        missing |= {name for name in vars(like) if not hasattr(cls, name)} - {"__getnewargs__"}
    assert not missing
    if cls in (List, Dict):
        assert cls.__hash__ is None
        with pytest.raises(TypeError, match="unhashable"):
            hash(cls())


def test_patterns_match() -> None:
    for cls in SEQUENCES:
        match cls([1, 2, 3]):
            case [first, *rest]:
                assert (first, rest) == (1, [2, 3])
            case _:
                raise AssertionError("no sequence")
    for cls in MAPS:
        match cls(a=1, b=2):
            case {"a": one, **rest}:
                assert (one, rest) == (1, {"b": 2})
            case _:
                raise AssertionError("no mapping")


@pytest.mark.parametrize("cls", SEQUENCES + MAPS)
def test_a_moved_one_says_so(cls: Any) -> None:
    for work in (len, list, str.__len__ and iter, operator.methodcaller("__eq__", 3), reversed,
                 bool, copy.copy, pickle.dumps, lambda it: 3 in it):  # fmt: skip
        it = cls()
        lib.echo(it._move())
        with pytest.raises(ValueError, match="was moved"):
            work(it)
    assert repr(it) == f"<{cls.__name__} (moved)>"


def test_elements_keep_their_identity_and_id() -> None:
    node, plain = Node(1), Plain()
    for holder, key in (
        (Array([node, plain]), 0), (List([node, plain]), 0),
        (Map({0: node, 1: plain}), 0), (Dict({0: node, 1: plain}), 0),
    ):  # fmt: skip
        assert holder[key] is node and holder[key + 1] is plain
    it = List([Node(2)])
    first = id(it[0])
    others = [Node(i) for i in range(5)]
    assert id(it[0]) == first
    del others
    outer = Dict({"inner": it, "map": Map({1: it})})
    assert outer["inner"] is it and outer["map"][1] is it
    assert outer.get("inner") is it and outer.pop("inner") is it
    assert lib.echo(outer) is outer
    assert use_count(it) == 2


def test_a_wrong_class_call() -> None:
    for cls in SEQUENCES:
        with pytest.raises(TypeError, match="takes one iterable, got 2"):
            cls([], [])
        with pytest.raises(TypeError, match="not iterable"):
            cls(3)
        with pytest.raises(OverflowError, match="^item 1: "):
            cls([1, 2**63])
    for cls in MAPS:
        with pytest.raises(TypeError, match="takes one mapping or iterable of pairs, got 2"):
            cls({}, {})
        with pytest.raises(ValueError, match="^pair 1: expected a key and a value, got 3 items"):
            cls([(1, 2), (1, 2, 3)])
        with pytest.raises(TypeError, match="not iterable"):
            cls([1])
        assert cls({"a": 1}, b=2) == cls([("a", 1), ("b", 2)]) == {"a": 1, "b": 2}
        assert cls(collections.UserDict(a=1)) == {"a": 1}


# Like Python's own --------------------------------------------------------------------------------


def list_steps(dice: random.Random, size: int) -> tuple[str, Callable[[Any], Any]]:
    """One thing that can be done to a list, by name."""
    at, other, n = (dice.randint(-size - 2, size + 2) for _ in range(3))
    step = dice.choice([1, 1, 1, 2, -1, -2, 3, None])
    new = [dice.randint(0, 9) for _ in range(dice.randint(0, 4))]
    value = dice.randint(0, 9)
    part = slice(*(dice.choice([at, None]), dice.choice([other, None]), step))

    def set_item(it: Any) -> None:
        it[at] = value

    def set_part(it: Any) -> None:
        it[part] = new

    def del_item(it: Any) -> None:
        del it[at]

    def del_part(it: Any) -> None:
        del it[part]

    steps: dict[str, Callable[[Any], Any]] = {
        f"[{at}]": lambda it: it[at],
        f"[{part}]": lambda it: it[part],
        f"[{at}] = {value}": set_item,
        f"[{part}] = {new}": set_part,
        f"del [{at}]": del_item,
        f"del [{part}]": del_part,
        f"append {value}": lambda it: it.append(value),
        f"insert {at} {value}": lambda it: it.insert(at, value),
        f"extend {new}": lambda it: it.extend(iter(new)),
        "extend itself": lambda it: it.extend(it) if len(it) < 20 else None,
        f"+= {new}": lambda it: operator.iadd(it, new) and None,
        f"pop {at}": lambda it: it.pop(at),
        "pop": lambda it: it.pop(),
        f"remove {value}": lambda it: it.remove(value),
        f"index {value} {at} {other}": lambda it: it.index(value, at, other),
        f"count {value}": lambda it: it.count(value),
        f"in {value}": lambda it: value in it,
        "reverse": lambda it: it.reverse(),
        "reversed": lambda it: [*reversed(it)],
        "sort": lambda it: it.sort(),
        "sort key": lambda it: it.sort(key=lambda v: v % 3, reverse=True),
        f"+ {new}": lambda it: it + new,
        f"{new} +": lambda it: new + it,
        f"* {n % 3}": lambda it: it * (n % 3) if len(it) < 20 else None,
        "clear": lambda it: it.clear() if n == 0 else None,
        f"< {new}": lambda it: (it < new, it <= new, it > new, it >= new, it == new, it != new),
        "copy": lambda it: it.copy(),
        "repr": lambda it: repr([*it]),
    }
    name = dice.choice([*steps])
    return name, steps[name]


@pytest.mark.parametrize("seed", range(60))
def test_a_list_is_a_list(seed: int) -> None:
    dice = random.Random(seed)
    ours, theirs = List(), []
    for _ in range(150):
        name, step = list_steps(dice, len(theirs))
        got, expected = outcome(lambda: step(ours)), outcome(lambda: step(theirs))
        assert got == expected, name
        assert list(ours) == theirs == ours, name
        assert len(ours) == len(theirs)


def number(value: Any) -> str:
    """Of equal numbers either may be in the result of a set operation."""
    return repr(value + 0.0 if isinstance(value, (int, float)) else value)


def dict_steps(dice: random.Random) -> tuple[str, Callable[[Any], Any]]:
    key = dice.choice([0, 1, True, 1.0, -0.0, 2, "a", "a longer key", b"a", None, 2.5, math.nan])
    value = dice.randint(0, 9)
    new = {dice.choice([1, "b", 3, None]): dice.randint(0, 9) for _ in range(3)}

    def set_item(it: Any) -> None:
        it[key] = value

    def del_item(it: Any) -> None:
        del it[key]

    steps: dict[str, Callable[[Any], Any]] = {
        f"[{key!r}]": lambda it: it[key],
        f"[{key!r}] = {value}": set_item,
        f"del [{key!r}]": del_item,
        f"get {key!r}": lambda it: (it.get(key), it.get(key, 7)),
        f"in {key!r}": lambda it: key in it,
        f"pop {key!r}": lambda it: it.pop(key),
        f"pop {key!r} default": lambda it: it.pop(key, 5),
        "popitem": lambda it: it.popitem(),
        f"setdefault {key!r}": lambda it: (it.setdefault(key, value), it.setdefault(key)),
        f"update {new}": lambda it: it.update(new, z=value),
        "update pairs": lambda it: it.update([*new.items()]),
        f"|= {new}": lambda it: operator.ior(it, new) and None,
        f"| {new}": lambda it: [*(it | new).items()],
        f"{new} |": lambda it: [*(new | it).items()],
        "views": lambda it: ([*it.keys()], [*it.values()], [*it.items()], len(it.items())),
        "reversed": lambda it: ([*reversed(it)], [*reversed(it.values())], [*reversed(it.items())]),
        "sets": lambda it: (
            [
                sorted(map(number, made))
                for made in (
                    it.keys() & {1, "b"},
                    it.keys() | {9},
                    it.keys() - {1},
                    it.keys() ^ {1, 77},
                    {1, 2} & it.keys(),
                )
            ],
            it.keys() <= {1},
            it.keys() == {1},
            it.keys().isdisjoint([1, 77]),
            (1, value) in it.items(),
            it.items() >= set(),
            value in it.values(),
        ),  # fmt: skip
        "clear": lambda it: it.clear() if value == 0 else None,
        "copy": lambda it: [*it.copy().items()],
        "==": lambda it: (it == new, it != new, new == it, it == 3),
        "unhashable": lambda it: it[[]],
        "fromkeys": lambda it: [*type(it).fromkeys("aba", value).items()],
    }
    name = dice.choice([*steps])
    return name, steps[name]


@pytest.mark.parametrize("seed", range(60))
def test_a_dict_is_a_dict(seed: int) -> None:
    dice = random.Random(seed)
    ours, theirs = Dict(), {}
    for _ in range(150):
        name, step = dict_steps(dice)
        got, expected = outcome(lambda: step(ours)), outcome(lambda: step(theirs))
        assert repr(got) == repr(expected), name
        assert repr([*ours.items()]) == repr([*theirs.items()]), name
        assert len(ours) == len(theirs) and bool(ours) == bool(theirs)
        # A NaN that was stored is another object when it comes back, so equal to nothing.
        if not any(key != key for key in theirs):
            assert ours == theirs and theirs == ours and Map(theirs) == ours
            assert {**ours} == theirs


def test_a_map_is_what_a_dict_is_and_does_not_change() -> None:
    map, plain = Map({"b": 1, 2: [3], None: 2.5}), {"b": 1, 2: Array([3]), None: 2.5}
    assert map == plain and plain == map and map == Dict(plain) and Dict(plain) == map
    assert [*map.items()] == [*plain.items()] and [*reversed(map)] == [None, 2, "b"]
    assert map.keys() == plain.keys() and map.items() == plain.items()
    assert hash(map) == hash(Map({None: 2.5, 2: map[2], "b": 1})), "whatever the order"
    assert {map: 1}[Map(map)] == 1
    assert isinstance(map | {1: 2}, Map) and isinstance({1: 2} | map, Map)
    assert map != {"b": 1} and map != Map() and map != 3 and not map == [("b", 1)]
    for change in (lambda: operator.setitem(map, 1, 2), lambda: operator.delitem(map, "b"),
                   lambda: map.update({}), lambda: map.pop("b"), lambda: map.clear()):  # fmt: skip
        assert outcome(change) in (TypeError, AttributeError)
    with pytest.raises(TypeError, match="unhashable"):
        hash(Map({1: List()}))
    assert repr(map) == "Map({'b': 1, 2: Array([3]), None: 2.5})"
    assert repr(map.keys()) == "Map.keys(['b', 2, None])"
    assert map.keys().mapping["b"] == 1


def test_equality_is_symmetrical_and_hashes_agree() -> None:
    ones = [Array([1, "a"]), List([1, "a"]), [1, "a"], (1, "a")]
    for left in ones[:2]:
        for right in ones:
            assert left == right and right == left
            assert not left != right and not right != left
    assert hash(Array([1, "a"])) == hash((1, "a"))
    assert {(1, "a"): 2}[Array([1, "a"])] == 2
    assert Array([1]) != Array([2]) and List([1]) != [1, 2] and List() != {} and List() != ""


# Keys ---------------------------------------------------------------------------------------------


def test_keys_are_pythons() -> None:
    node, other, plain = Node(1), Node(1), Plain()
    keys = [
        1, True, 1.0, 0, 0.0, -0.0, False, 2**53, float(2**53), 2**53 + 1, 2**62, 2.0**62,
        "a", b"a", "longer than seven", b"longer than seven", None, 1.5, -1, -1.0, math.inf,
        node, other, plain, len, 2**63 - 1, -(2**63), -(2.0**63), 1e300, "", b"",
    ]  # fmt: skip
    theirs: dict[Any, int] = {}
    ours = Dict()
    for n, key in enumerate(keys):
        theirs[key] = n
        ours[key] = n
    assert [*ours.items()] == [*theirs.items()]
    assert [type(key) for key in ours] == [type(key) for key in theirs], "the first key stays"
    for cls in MAPS:
        assert cls(theirs) == theirs
        for key in keys:
            assert cls(theirs)[key] == theirs[key]
    # Past 64 bits there is no such key, unless a float is that number.
    far = Dict({2.0**70: 1})
    assert far[2.0**70] == far[2**70] == 1 and 2**70 + 1 not in far and 1 << 5000 not in far
    assert far.get(2**71, "no") == "no"
    with pytest.raises(KeyError, match="1180591620717411303425"):
        far[2**70 + 1]
    nan = Dict({math.nan: 1})
    assert nan[math.nan] == 1 and nan[-math.nan] == 1 and len(nan | {math.nan: 2}) == 1


def test_what_is_no_key() -> None:
    it = Dict({"a": 1})
    for key in ([], {}, bytearray(b"a")):
        with pytest.raises(TypeError, match=f"unhashable type: '{type(key).__name__}'"):
            it[key]
        with pytest.raises(TypeError, match="unhashable"):
            it[key] = 1
        with pytest.raises(TypeError, match="unhashable"):
            key in it  # noqa: B015
    with pytest.raises(KeyError) as raised:
        it[1, 2]
    assert raised.value.args == ((1, 2),), "the key itself, not as several arguments"
    with pytest.raises(KeyError):
        del it["b"]
    with pytest.raises(OverflowError, match="^key: expected an int of 64 bits"):
        it[2**64] = 1
    with pytest.raises(IndexError, match="index 5 is out of range for a List of 1 items"):
        List([1])[5]
    with pytest.raises(TypeError, match="List indices must be integers or slices, not str"):
        List([1])["a"]
    with pytest.raises(ValueError, match="sequence of size 1 to extended slice of size 2"):
        List([1, 2, 3])[::2] = [1]


# Iteration ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "changes", "harmless"),
    [
        (
            lambda: List([1, 2, 3]),
            [lambda it: it.append(1), lambda it: it.pop(), lambda it: it.reverse(),
             lambda it: it.clear(), lambda it: it.insert(0, 1)],
            lambda it: operator.setitem(it, 2, 9),
        ),
        (
            lambda: Dict({1: 1, 2: 2, 3: 3}),
            [lambda it: operator.setitem(it, 9, 1), lambda it: it.pop(3), lambda it: it.popitem(),
             lambda it: it.clear(), lambda it: operator.delitem(it, 1)],
            lambda it: operator.setitem(it, 3, 9),
        ),
    ],
    ids=["List", "Dict"],
)  # fmt: skip
def test_iterating_while_mutating_raises(make: Any, changes: Any, harmless: Any) -> None:
    def over(it: Any) -> list[Any]:
        views = [] if isinstance(it, List) else [it.keys(), it.values(), it.items()]
        return [it, *views]

    for n in range(len(over(make()))):
        for change in changes:
            for begin in (iter, reversed):
                it = make()
                iterator = begin(over(it)[n])
                next(iterator)
                change(it)
                with pytest.raises(RuntimeError, match="changed while it was iterated"):
                    next(iterator)
                    next(iterator)
        it = make()
        for _ in over(it)[n]:
            harmless(it)
        iterator = iter(over(it)[n])
        assert operator.length_hint(iterator) == 3
        assert len([*iterator]) == 3 and [*iterator] == []
        assert operator.length_hint(iterator) == 0


def test_an_iterator_keeps_what_it_iterates() -> None:
    iterator = iter(List([Node(1), Node(2)]))
    assert [node.v for node in iterator] == [1, 2]
    items = iter(Dict({"a": Node(3)}).items())
    ((key, node),) = items
    assert (key, node.v) == ("a", 3)


def test_sorting_what_changes_meanwhile() -> None:
    it = List([3, 1, 2])

    def key(value: int) -> int:
        it.append(0)
        return value

    with pytest.raises(ValueError, match="changed while it was sorted"):
        it.sort(key=key)
    assert sorted(it) == [0, 0, 0, 1, 2, 3]
    with pytest.raises(TypeError):
        List([1, "a"]).sort()


class Meddler:
    """Changes a container when it is compared or dropped."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.work = work

    def __eq__(self, other: object) -> bool:
        self.work()
        return False

    __hash__ = object.__hash__

    def __del__(self) -> None:
        self.work()


def test_code_that_runs_in_the_middle() -> None:
    it, map = List(), Dict()
    for _ in range(3):
        it[:] = [1, Meddler(lambda: it.clear()), 3]
        assert 7 not in it and it.count(7) == 0
        it.append(Meddler(lambda: it.append(5)))
        it[len(it) - 1] = 0
        it.clear()
        map["a"] = Meddler(lambda: map.update(b=1))
        map["a"] = 1
        map["c"] = Meddler(map.clear)
        assert map != {"c": 1, "d": 2}
        map.clear()
        it.clear()


# Nested, cyclic, copied ---------------------------------------------------------------------------


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


def test_fromkeys_of_a_subclass() -> None:
    class Counted(Dict):
        def __new__(cls) -> Any:
            return super().__new__(cls, {"kept": 0})

        def __setitem__(self, key: Any, value: Any) -> None:
            super().__setitem__(key, [value])

    assert Counted.fromkeys("ab", 1) == {"kept": 0, "a": [1], "b": [1]}
    assert type(Counted.fromkeys("a")) is Counted


def test_a_tuple_is_a_key_that_is_found_again() -> None:
    inner = tieback.convert([1])
    made = {(1, 2): "pair", (): "none", (1, ("a", 2.0)): "deep", (len, inner): "carried"}
    for cls in (Dict, Map):
        native = cls(made)
        assert native == made and len(native) == 4
        for key, value in made.items():
            assert native[key] == native[tuple(key)] == value and key in native
        assert native[(True, 2.0)] == native[Array([1, 2])] == "pair"
        assert native.get((2, 1)) is None
        assert cls([((1, 2), 3), (Array([1, 2]), 4)]) == {(1, 2): 4}
        plain = cls({key: value for key, value in made.items() if len not in key})
        assert copy.deepcopy(plain) == plain == pickle.loads(pickle.dumps(plain))
    grid = Dict()
    grid[0, 1] = "x"
    grid[0, 1] = "y"
    assert grid.pop((0, 1)) == "y" and not grid


@pytest.mark.parametrize("key", [[1], {"a": 1}, (1, [2]), ({},)], ids=str)
def test_what_can_change_is_no_key(key: Any) -> None:
    native: Any = Dict({"a": 1})
    uses: list[Callable[[], Any]] = [
        lambda: native[key],
        lambda: key in native,
        lambda: native.get(key),
        lambda: native.pop(key, 1),
        lambda: native.setdefault(key, 1),
        lambda: native.__setitem__(key, 1),
        lambda: native.__delitem__(key),
        lambda: Map([(key, 1)]),
        lambda: Dict([(key, 1)]),
        lambda: Map({"a": 1}).get(key),
        lambda: native.update([(key, 1)]),
        lambda: key in native.keys(),
    ]
    for use in uses:
        with pytest.raises(TypeError, match="unhashable type: '(list|dict)' cannot be a key"):
            use()
    assert native == {"a": 1}


def test_no_number_is_an_index_that_is_none_for_list() -> None:
    class Nine:
        def __index__(self) -> int:
            return 9

    for cls in (list, List):
        it = cls([1, 2])
        for large in (2**63, -(2**63) - 1, 10**30):
            with pytest.raises(OverflowError):
                it.insert(large, 3)
            with pytest.raises(OverflowError):
                it.pop(large)
            with pytest.raises(IndexError):
                it[large]
        assert list(it) == [1, 2]
        it.insert(2**63 - 1, 3)
        it.insert(-(2**63), 0)
        it.insert(Nine(), 4)
        assert list(it) == [0, 1, 2, 3, 4]
        for wrong in ("1", 1.0, None):
            with pytest.raises(TypeError):
                it.insert(wrong, 3)
            with pytest.raises(TypeError):
                it.pop(wrong)


@pytest.mark.parametrize("hint", [10**18, 2**62, -1, 10**30, "x"], ids=str)
def test_what_a_length_hint_claims_is_taken_as_list_takes_it(hint: Any) -> None:
    class Lying:
        def __init__(self) -> None:
            self.left = 2

        def __iter__(self) -> Any:
            return self

        def __next__(self) -> int:
            if self.left == 0:
                raise StopIteration
            self.left -= 1
            return 1

        def __length_hint__(self) -> Any:
            return hint

    raised = []
    for cls in (list, List):
        it = cls([1])
        for take in (it.extend, cls, lambda lying: it.__setitem__(slice(0, 0), lying)):
            with pytest.raises((MemoryError, ValueError, OverflowError, TypeError)) as told:
                take(Lying())
            raised.append(told.type)
        assert list(it) == [1]
    assert raised[:3] == raised[3:]


def test_a_nan_is_found() -> None:
    nan = math.nan
    for cls in (list, List, Array):
        it = cls([1, nan, "nan"])
        assert nan in it and it.count(nan) == 1 and it.index(nan) == 1
        assert nan not in cls([1.0]) and "x" not in it
    it = List([1, nan, 2])
    it.remove(float("nan"))
    assert list(it) == [1, 2]
    with pytest.raises(ValueError, match="nan is not in the List"):
        it.remove(nan)
    assert nan in Map({1: nan}).values() and nan in Dict({1: nan}).values()


class Called:
    def __call__(self) -> int:
        return 1


def test_a_callable_in_a_tuple_is_found_in_copies_and_pickles() -> None:
    called = Called()
    made = {(len, 1): "f", ((called, (Called,)), "x"): "deep", (tieback.convert(len),): "explicit"}
    for cls in (Dict, Map):
        native = cls(made)
        copied = copy.deepcopy(cls({(len, 1): "f", ((1, (Called,)), "x"): "deep"}))
        again = pickle.loads(pickle.dumps(cls({(len, 1): "f", ((1, (Called,)), "x"): "deep"})))
        for it in (copied, again):
            assert it[(len, 1)] == it[Array([len, 1])] == "f" and (len, 2) not in it
            assert it[((1, (Called,)), "x")] == "deep"
        key = ((called, (Called,)), "x")
        assert native[key] == native[Array(key)] == "deep"
        shown = next(k for k in native if len(k) == 1)
        assert native[shown] == "explicit" and shown[0] is not len
        assert native.get((len,)) is None
