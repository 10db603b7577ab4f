"""copy, deepcopy and pickle of py_class objects: sharing, cycles, subclasses, and what cannot be."""

import copy
import pickle
from typing import Any, Optional

import pytest

import tieback
from tieback import Array, Dict, List, Map, Object, Weak
from tieback.dataclasses import FrozenInstanceError, InitVar, field, py_class
from tieback.testing import use_count


@py_class
class Inner(Object):
    v: int


@py_class
class Pair(Object):
    a: Inner
    b: Any


@py_class(eq=False)
class Node(Object):
    name: str
    parent: "Weak[Node]" = None
    children: Array = ()
    link: Any = None


@py_class(frozen=True)
class Secret(Object):
    a: int
    seed: InitVar[int]
    made: int = field(init=False, default=0)

    def __post_init__(self, seed):
        self.made = seed
        CALLS.append(seed)


CALLS: list = []


class Loose(Pair):
    """Not decorated: it has a ``__dict__``."""

    def __init__(self, *args):
        super().__init__(*args)
        self.note = ["note"]


class Slotted(Pair):
    __slots__ = ("cache", "__private", "unset")

    def __init__(self, *args):
        super().__init__(*args)
        self.cache, self.__private = [1], 2

    def private(self):
        return self.__private


class Strict(Loose):
    def __setattr__(self, name, value):
        if name == "forbidden":
            raise AttributeError("no")
        super().__setattr__(name, value)


class Reduced(Inner):
    def __reduce__(self):
        return Reduced, (self.v + 1,)


class Asking(Inner):
    """What it overrides it asks the next class for."""

    def __reduce__(self):
        return super().__reduce__()


class Mixin:
    def __reduce__(self):
        return super().__reduce__()


class Mixed(Mixin, Loose):
    pass


@py_class(frozen=True)
class Stateful(Object):
    a: int
    b: int

    def __getstate__(self):
        return {"both": (self.a, self.b)}

    def __setstate__(self, state):
        self.a, self.b = state["both"]


@py_class(frozen=True)
class Frozen(Object):
    a: int = 0


class OwnState(Frozen):
    """An ordinary class, whose ``__setstate__`` asks nobody else."""

    def __getstate__(self):
        return (self.a,)

    def __setstate__(self, state):
        (self.a,) = state


class BelowOwnState(OwnState):
    pass


class More(OwnState):
    def __setstate__(self, state):
        super().__setstate__(state)
        self.a += 1


class StateMixin:
    __slots__ = ()
    __getstate__, __setstate__ = OwnState.__getstate__, OwnState.__setstate__


class MixedIn(StateMixin, Frozen):
    pass


@py_class(frozen=True)
class MadeOfMixin(StateMixin, Object):
    a: int = 0


class Given(Frozen):
    __getstate__ = OwnState.__getstate__
    given = []
    __setstate__ = staticmethod(given.append)


@py_class
class Forgetful(Object):
    a: int = 0
    b: Any = None

    def __getstate__(self):
        return None


class Row(Array):
    """Of Python's: what a container keeps besides its items is in its ``__dict__``."""

    def __init__(self, *args):
        self.note = ["made"]


class Rows(List):
    def __init__(self, *args):
        super().__init__(*args)
        self.note = ["made"]


class Table(Map):
    __init__ = Row.__init__


class Tables(Dict):
    def __init__(self, *args):
        super().__init__(*args)
        self.note = ["made"]


PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def pickled(protocol):
    return lambda value: pickle.loads(pickle.dumps(value, protocol))


DEEP = [*(pickled(p) for p in PROTOCOLS), copy.deepcopy]
DEEP_IDS = [*(f"pickle{p}" for p in PROTOCOLS), "deepcopy"]
deep = pytest.mark.parametrize("again", DEEP, ids=DEEP_IDS)
every = pytest.mark.parametrize("again", [*DEEP, copy.copy], ids=[*DEEP_IDS, "copy"])


@every
def test_the_constructor_does_not_run(again):
    CALLS.clear()
    made = Secret(1, 5)
    other = again(made)
    assert CALLS == [5]
    assert (other.a, other.made) == (1, 5)
    assert other == made
    with pytest.raises(FrozenInstanceError):
        other.a = 2
    with pytest.raises(TypeError, match="initialised already"):
        other.__setstate__({"a": 3})


@deep
def test_sharing_is_kept(again):
    inner = Inner(1)
    pair = Pair(inner, [inner, {1}, (inner,)])
    other = again(pair)
    assert other.a is other.b[0] is other.b[2][0]
    assert other.a is not inner
    assert other.b[1] == {1}
    assert use_count(other.a) == 4  # the field, two arrays, this wrapper
    one, two = again((pair, pair))
    assert one is two


def test_a_shallow_copy_shares_its_fields():
    pair = Pair(Inner(1), (1, 2))
    other = copy.copy(pair)
    assert not other.same_as(pair)
    assert other.a is pair.a
    assert other.b is pair.b
    assert use_count(pair.a) == 3


def tree():
    root = Node("root")
    root.children = [Node("left", root), Node("right", root)]
    return root


@deep
def test_weak_parents(again):
    root = again(tree())
    assert [child.name for child in root.children] == ["left", "right"]
    assert all(child.parent is root for child in root.children)
    assert use_count(root) == 1
    child = root.children[0]
    del root
    assert child.parent is None
    # Beginning at a child: with its parent, which nothing but the pair keeps.
    root = tree()
    child, parent = again((root.children[1], root))
    assert child.parent is parent
    assert parent.children[1] is child
    assert again(root.children[1]).parent is None


@deep
def test_cycles_through_any(again):
    node = Node("self")
    node.link = node
    other = again(node)
    assert other.link is other
    a, b = Node("a"), Node("b")
    a.link, b.link = b, [a, b]
    c = again(a)
    assert c.link.link[0] is c
    assert c.link.link[1] is c.link
    for each in (node, other, a, b, c.link, c):
        each.link = None  # what only natives hold in a cycle, the collector does not see


@deep
def test_a_cycle_that_begins_at_an_array(again):
    node = Node("n")
    array = tieback.convert([node, 1])
    node.link = array
    other = again(array)
    assert other[0].link is other
    node.link = None
    other[0].link = None


@every
def test_python_subclasses_keep_their_state(again):
    made = Loose(Inner(1), 2)
    made.more = made.note
    other = again(made)
    assert type(other) is Loose
    assert (other.a.v, other.b) == (1, 2)
    assert other.__dict__ == {"note": ["note"], "more": ["note"]}
    assert other.more is other.note
    vars(made)["b"] = "shadowed by the field"
    assert again(made).b == made.b == 2
    made = Slotted(Inner(1), 2)
    other = again(made)
    assert (other.cache, other.private(), other.b) == ([1], 2, 2)
    assert not hasattr(other, "unset")
    made = Strict(Inner(1), 2)
    made.__dict__["forbidden"] = 1
    assert again(made).forbidden == 1


@deep
def test_a_cycle_through_a_dict(again):
    made = Loose(Inner(1), 2)
    made.me = made
    other = again(made)
    assert other.me is other
    del made.me, other.me


@every
def test_reduce_and_state_of_the_class_s_own(again):
    assert again(Reduced(1)).v == 2
    asked = again(Asking(3)), again(Mixed(Inner(3), 4))
    assert [type(made) for made in asked] == [Asking, Mixed]
    assert (asked[0].v, asked[1].b, asked[1].note) == (3, 4, ["note"])
    other = again(Stateful(1, 2))
    assert (other.a, other.b) == (1, 2)
    with pytest.raises(FrozenInstanceError):
        other.a = 3


@every
@pytest.mark.parametrize("cls", [OwnState, BelowOwnState, More, MixedIn, MadeOfMixin])
def test_whosever_setstate_fills_a_frozen_object_it_is_frozen_then(again, cls):
    for _ in range(2):
        other = again(cls(3))
        assert (type(other), other.a) == (cls, 3 + (cls is More))
        assert not tieback._core.is_building(other)
        with pytest.raises(FrozenInstanceError):
            other.a = 5
    assert StateMixin.__setstate__ is STATE  # not ours to change


STATE = StateMixin.__setstate__


@every
def test_a_setstate_that_is_no_method(again):
    other = again(Given(3))
    assert Given.given.pop() == (3,) and not Given.given
    assert not tieback._core.is_building(other)


@deep
def test_values_at_the_edges(again):
    values = [2**63 - 1, -(2**63), float("inf"), -0.0, "", "x" * 1000, b"\0" * 99, None, True]
    other = again(Pair(Inner(0), values))
    assert list(other.b) == values
    assert str(other.b[3]) == "-0.0"
    nan = again(Pair(Inner(0), float("nan"))).b
    assert nan != nan


def test_a_thousand_round_trips_leave_nothing():
    pair = Pair(Inner(1), [Inner(2)])
    assert pair == copy.deepcopy(pair)  # from here on storage is kept for what was looked at
    before = tieback.stats()
    for _ in range(1000):
        again = pickle.loads(pickle.dumps(pair))
        assert again == pair
    del again
    assert tieback.stats() == before


@every
def test_a_class_that_keeps_no_state(again):
    made = again(Forgetful(1, [2]))
    assert not tieback._core.is_building(made)
    assert (type(made), made.a, made.b) == (Forgetful, 0, None)
    with pytest.raises(TypeError, match="initialised already"):
        made.__setstate__({"a": 3})


@every
@pytest.mark.parametrize("cls", [Row, Rows, Table, Tables])
def test_containers_that_python_derived(again, cls):
    made = cls([(1, (2,)), (3, "four")])
    made.note = ["kept"]
    other = again(made)
    assert type(other) is type(made) and other == made
    assert other is not made and other.note == ["kept"]


@deep
def test_derived_containers_share_and_end_cycles(again):
    inner, rows = Inner(1), Rows()
    row = Row([inner, inner, rows])
    rows.append(row)
    row.me = row
    other = again(row)
    assert other[0] is other[1] is not inner
    assert other[2][0] is other is other.me
    del row.me, other.me
    rows.clear()
    other[2].clear()


# --- what cannot be ---


def test_moved_objects():
    made = Inner(1)
    made._move()
    for use in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(ValueError, match="this 'Inner' was moved"):
            use(made)


def test_a_field_that_cannot_be_pickled():
    pair = Pair(Inner(1), lambda: 1)
    before = tieback.stats()
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(pair)
    assert tieback.stats() == before
    assert copy.deepcopy(pair).b is pair.b


def test_broken_pickles():
    data = pickle.dumps(Inner(1))
    for old, new, error in [
        (b"Inner", b"Gone!", AttributeError),
        (b"test_pyclass_copies", b"test_pyclass_c0pies", ModuleNotFoundError),
    ]:
        assert old in data
        with pytest.raises(error, match=new.decode()):
            pickle.loads(data.replace(old, new))
    with pytest.raises(TypeError, match="'Inner' has no field 'w': its layout has changed"):
        pickle.loads(data.replace(b"\x01v", b"\x01w"))
    before = tieback.stats()
    new = tieback._core.new_unfilled
    with pytest.raises(TypeError, match="'Array' objects are made by native code"):
        new(Array)
    with pytest.raises(TypeError, match="'Object' objects are made by native code"):
        new(Object)
    with pytest.raises(TypeError, match="'Inner' has no field 'w'"):
        new(Inner).__setstate__({"w": 1})
    with pytest.raises(TypeError, match="expects a dict of fields, got tuple"):
        new(Inner).__setstate__((1,))
    with pytest.raises(TypeError, match="field 'v' of 'Inner': expected int, got str"):
        new(Inner).__setstate__({"v": "x"})
    assert tieback.stats() == before


def test_the_class_is_looked_up_by_name():
    @py_class
    class Local(Object):
        a: Optional[int] = None

    with pytest.raises((pickle.PicklingError, AttributeError), match="Local"):
        pickle.dumps(Local())
    assert copy.deepcopy(Local(3)).a == 3


@pytest.mark.parametrize("twin", [copy.copy, lambda x: pickle.loads(pickle.dumps(x))], ids=["copy", "pickle"])
def test_attributes_that_are_set_meanwhile(twin):
    """Here by a name that is compared; by another thread, as likely. What was there is copied, as of any object."""
    x = Loose(Inner(1), 2)

    class Name(str):
        __hash__ = str.__hash__

        def __eq__(self, other):
            x.__dict__[f"number {len(x.__dict__)}"] = 1
            return str.__eq__(self, other)

        def __reduce__(self):
            return str, (str(self),)

    x.__dict__[Name("mine")] = 3
    y = twin(x)
    assert (y.a.v, y.b, y.note, y.mine) == (1, 2, ["note"], 3)


class Counted(Inner):
    """Made again by a call, with what a dict keeps beside its fields."""

    def __reduce__(self):
        return type(self), (self.v,), self.__dict__


def test_a_reduce_that_gives_a_call_and_the_dict():
    for attributes in ({}, {"note": [1]}):
        made = Counted(3)
        made.__dict__.update(attributes)
        for again in (copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
            assert type(again) is Counted and again.v == 3 and again.__dict__ == attributes
    for state in ({"v": 4}, {"note": 2, "v": 4}, [("note", 2)], None):
        with pytest.raises(TypeError, match="initialised already"):
            made.__setstate__(state)
    assert made.v == 3 and made.note == [1]
    with pytest.raises(TypeError, match="initialised already"):
        Inner(1).__setstate__({"note": 1})
    made._move()
    with pytest.raises(ValueError, match="moved"):
        made.__setstate__({"note": 2})
