"""copy, deepcopy and pickle of containers that Python derived: each as of a subclass of list, dict or tuple."""

import copy
import copyreg
import pickle

import pytest

from tieback import Array, Dict, List, Map

PROTOCOLS = range(2, pickle.HIGHEST_PROTOCOL + 1)  # before 2 the library forgets slots

WAYS = {
    **{f"pickle{p}": lambda value, p=p: pickle.loads(pickle.dumps(value, p)) for p in PROTOCOLS},
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}
every = pytest.mark.parametrize("again", WAYS.values(), ids=WAYS)


class Private:
    __slots__ = ()

    def private(self, *value):
        if value:
            (self.__private,) = value
        return getattr(self, "_Private__private", None)


class SlottedList(Private, List):
    __slots__ = ("a", "_Private__private", "unset")


class SlottedDict(Private, Dict):
    __slots__ = ("a", "_Private__private", "unset")


class SlottedArray(Private, Array):
    __slots__ = ("a", "_Private__private", "unset")


class SlottedMap(Private, Map):
    __slots__ = ("a", "_Private__private", "unset")


class SlottedBuiltin(Private, list):
    __slots__ = ("a", "_Private__private", "unset")


class Both(SlottedArray):
    """Slots and a ``__dict__``."""


SLOTTED = [SlottedList, SlottedDict, SlottedArray, SlottedMap, SlottedBuiltin, Both]


@every
@pytest.mark.parametrize("cls", SLOTTED)
def test_slots_are_kept(again, cls):
    made = cls([(1, 2)])
    assert not hasattr(again(made), "a")
    made.a = ["kept"]
    made.private("too")
    if cls is Both:
        made.b = made.a
    other = again(made)
    assert type(other) is cls and other == made and other is not made
    assert (other.a, other.private(), hasattr(other, "unset")) == (["kept"], "too", False)
    assert (other.a is made.a) == (again is copy.copy)
    if cls is Both:
        assert other.b is other.a and vars(other) == {"b": ["kept"]}


class Spoken:
    """Says how it is made again and what it keeps."""

    def __new__(cls, *args, doubled):
        made = super().__new__(cls, *args)
        made.doubled = doubled
        return made

    def __init__(self, *args, doubled):
        pass

    def __getnewargs_ex__(self):
        return ((list(self),) if isinstance(self, (Array, tuple)) else ()), {"doubled": 1}

    def __getstate__(self):
        return self.doubled

    def __setstate__(self, state):
        assert self.doubled == 1
        self.doubled = 2 * state


class SpokenList(Spoken, List):
    pass


class SpokenArray(Spoken, Array):
    pass


class SpokenTuple(Spoken, tuple):
    pass


@every
@pytest.mark.parametrize("cls", [SpokenList, SpokenArray, SpokenTuple])
def test_what_a_class_says_of_itself_counts(again, cls):
    other = again(cls([1, 2], doubled=5))
    assert (type(other), list(other), other.doubled) == (cls, [1, 2], 10)


class Couple(Array):
    def __new__(cls, one, two):
        return super().__new__(cls, [one, two])

    def __getnewargs__(self):
        return self[0], self[1]


class Forgetful(Dict):
    def __getstate__(self):
        return None

    def __setstate__(self, state):
        raise AssertionError("there is no state")


class Asking(List):
    def __reduce__(self):
        return super().__reduce__()

    def __getstate__(self):
        return super().__getstate__()

    def __setstate__(self, state):
        super().__setstate__(state)


class Tripled(List):
    def __reduce__(self):
        return Tripled, (list(self) * 3,)


class Counting(List):
    """The items come in by ``append``, or all at once from a pickle."""

    counted = 0

    def append(self, item):
        super().append(item)
        self.counted = self.counted + 1


@every
def test_new_arguments_state_and_reduce(again):
    assert list(again(Couple(1, [2]))) == [1, [2]]
    made = Forgetful(a=1)
    made.note = 1
    assert (again(made), vars(again(made))) == ({"a": 1}, {})
    made = Asking([1])
    made.note = 1
    assert (again(made), again(made).note) == ([1], 1)
    assert again(Tripled([1])) == [1, 1, 1]
    if again in (copy.copy, copy.deepcopy):
        assert again(Counting([1, 2])).counted == 2


class Named(Map):
    def __reduce_ex__(self, protocol):
        return "NAMED"


NAMED = None


@every
def test_a_name_is_found_again(again):
    global NAMED
    NAMED = Named(a=1)
    assert again(NAMED) is NAMED
    NAMED = None


def test_a_way_that_is_registered_for_the_class():
    class Row(List):
        pass

    made = Row([1])
    copyreg.pickle(Row, lambda row: (Row, ([*row, "registered"],)))
    try:
        assert copy.copy(made) == copy.deepcopy(made) == [1, "registered"]
    finally:
        del copyreg.dispatch_table[Row]


@every
def test_the_containers_themselves(again):
    for made in (Array([1]), List([1]), Dict(a=1), Map(a=1)):
        other = again(made)
        assert type(other) is type(made) and other == made
    assert not [cls for cls in (Array, List, Dict, Map) if "__slotnames__" in vars(cls)]
