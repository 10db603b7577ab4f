"""Random programs against a model of identities and counts in plain Python.

The model knows nothing of wrappers: it says which objects must live, what each field must hold, how
many strong references each must have, and which id each must show for as long as it lives; and so how
many objects, live wrappers and kept ones there must be. Edges only point to older objects, so that there
are no cycles and counts are exact.

A program is a string of bytes, three a step: what to do, and with which. Hypothesis draws it at once
and shrinks it (step 0 is doing nothing); a step costs what its operation costs.

``TIEBACK_MODEL_PROGRAMS`` sets how many programs run (of 50 steps each), ``TIEBACK_MODEL_SEED`` repeats
a run; the seed is printed.
"""

from __future__ import annotations

import copy
import gc
import os
import pickle
import random
import threading
from dataclasses import dataclass
from typing import Any, Callable, Optional

import hypothesis
from hypothesis import HealthCheck, given, settings, strategies as st

from interpreter import FREE
import tieback
from tie_support import lib
from tieback.dataclasses import py_class
from tieback.testing import tie_state, use_count

ECHO = tieback.get_global_func("testing.echo")
# Each ends with collections, which take long without a GIL: they look at all that pytest has, too.
PROGRAMS = int(os.environ.get("TIEBACK_MODEL_PROGRAMS", "500" if FREE else "2000"))
SEED = int(os.environ.get("TIEBACK_MODEL_SEED", random.randrange(1 << 32)))
STEPS = 50
VARIABLES = 12
PLAIN = [
    None,
    0,
    -9,
    2**40,
    "",
    "text",
    "text that does not fit in place",
    b"bytes",
    b"bytes that do not",
    1.5,
    True,
]


@py_class("model.Node", eq=False)
class Node(tieback.Object):
    serial: int
    left: Optional[Node] = None
    value: Any = None


class Slotted(Node):
    """A subclass without state, which the collector follows: its wrappers are kept."""

    __slots__ = ()


class Stateful(Node):
    """An ordinary subclass: it has a ``__dict__``, and its wrapper lives as long as the object."""


CLASSES = [Node, Node, Slotted, Stateful]
# Deep copies come and go with the class that is registered.
Node(0), Slotted(0), Stateful(0)


@dataclass(eq=False)
class Model:
    """What must be true of one object."""

    serial: int
    cls: type
    left: Model | None = None
    value: Any = None
    natively_held: int = 0
    shown_id: int | None = None
    edges_in: int = 0
    variables: int = 0
    alive: bool = True
    note: Any = None
    #: Its wrapper has no state, but went while others held the object, which can be part of a cycle: the
    #: object has taken it, for as long as others hold it.
    taken: bool = False

    def shares(self) -> bool:
        """Its wrapper has state, and lives as long as it does."""
        return self.cls is Stateful

    def natives(self) -> int:
        return self.edges_in + self.natively_held

    def held(self) -> int:
        return self.natives() + self.variables

    def shown(self) -> bool:
        return self.variables > 0 or self.shares() or self.taken

    def owns(self) -> bool:
        """It owns its wrapper."""
        return (self.shares() or self.taken) and self.natives() > 0

    def count(self) -> int:
        return self.natives() + self.shown()


@dataclass(eq=False)
class Text:
    """A string too long to lie in the field: it is a native object too."""

    value: Any


class Program:
    """One run. Each operation takes two numbers, which choose what it is done with."""

    def __init__(self) -> None:
        self.before = tieback.stats()
        self.serial = 0
        self.variables: list[tuple[Node, Model]] = []
        self.boxes: list[tuple[tieback.Array, Model]] = []
        self.held: list[tuple[int, Model]] = []
        self.models: list[Model] = []
        self.callback = tieback.convert(lambda value: value)

    # -- the model -------------------------------------------------------------------------------

    def new(self, wrapper: Node, model: Model) -> None:
        self.models.append(model)
        self.bind(wrapper, model)

    def bind(self, wrapper: Node, model: Model) -> None:
        assert wrapper.serial == model.serial
        if model.cls is Stateful and model.note is None:
            wrapper.note = model.note = [model.serial]
        assert not model.shares() or wrapper.note is model.note
        if model.shown_id is not None:
            assert id(wrapper) == model.shown_id, "an object changed its id"
        model.shown_id = id(wrapper)
        model.variables += 1
        self.variables.append((wrapper, model))
        if len(self.variables) > VARIABLES:
            self.drop(0, 0)

    def settle(self, model: Model) -> None:
        """Something let go of the object: it dies if nothing holds it, and so may what it pointed to."""
        model.taken &= model.natives() > 0
        if model.held():
            return
        if not model.alive:
            return  # a variable made room for another one, and was the last
        model.alive = False
        self.models.remove(model)
        for child in (model.left, model.value):
            if isinstance(child, Model):
                child.edges_in -= 1
                self.settle(child)

    def pick(self, number: int) -> tuple[Node, Model]:
        return self.variables[number % len(self.variables)]

    def take(self, number: int) -> tuple[Node, Model]:
        wrapper, model = self.variables.pop(number % len(self.variables))
        model.variables -= 1
        model.taken |= model.variables == 0 and model.natives() > 0
        return wrapper, model

    # -- the operations --------------------------------------------------------------------------

    def nothing(self, a: int, b: int) -> None:
        pass

    def make(self, a: int, b: int) -> None:
        cls = CLASSES[a % len(CLASSES)]
        self.serial += 1
        self.new(cls(self.serial), Model(self.serial, cls))

    def fetch(self, a: int, b: int) -> None:
        wrapper, model = self.pick(a)
        name = "value" if b % 2 else "left"
        expected = getattr(model, name)
        if isinstance(expected, Model):
            assert getattr(wrapper, name) is getattr(wrapper, name)
            self.bind(getattr(wrapper, name), expected)
        else:
            found = getattr(wrapper, name)
            if isinstance(expected, Text):
                expected = expected.value
            assert found == expected and type(found) is type(expected)

    def drop(self, a: int, b: int) -> None:
        wrapper, model = self.take(a)
        del wrapper
        self.settle(model)

    def drop_on_another_thread(self, a: int, b: int) -> None:
        last, model = self.take(a)
        holder = [last]
        del last
        thread = threading.Thread(target=holder.clear)
        thread.start()
        thread.join()
        self.settle(model)

    def drop_parent(self, a: int, b: int) -> None:
        """All that names the parent goes, while its child is fetched a moment before."""
        wrapper, model = self.pick(a)
        if isinstance(model.left, Model):
            self.bind(wrapper.left, model.left)
        del wrapper
        for at in reversed(range(len(self.variables))):
            if self.variables[at][1] is model:
                self.take(at)
        self.settle(model)

    def set_field(self, a: int, b: int) -> None:
        (wrapper, model), (target, target_model) = self.pick(a >> 1), self.pick(b)
        if target_model.serial >= model.serial:
            return  # edges point to older objects
        self.assign(wrapper, model, "value" if a & 1 else "left", target, target_model)

    def set_plain(self, a: int, b: int) -> None:
        wrapper, model = self.pick(a)
        value = PLAIN[b % len(PLAIN)]
        long = isinstance(value, (str, bytes)) and len(value) > 7
        self.assign(wrapper, model, "value", value, Text(value) if long else value)

    def clear_field(self, a: int, b: int) -> None:
        wrapper, model = self.pick(a)
        self.assign(wrapper, model, "left", None, None)

    def assign(self, wrapper: Node, model: Model, name: str, value: Any, expected: Any) -> None:
        old = getattr(model, name)
        setattr(wrapper, name, value)
        setattr(model, name, expected)
        if isinstance(expected, Model):
            expected.edges_in += 1
        if isinstance(old, Model):
            old.edges_in -= 1
            self.settle(old)

    def refuse(self, a: int, b: int) -> None:
        wrapper, _ = self.pick(a)
        name, value = [("serial", "text"), ("serial", None), ("left", 1.5), ("left", b"bytes")][
            b % 4
        ]
        try:
            setattr(wrapper, name, value)
        except TypeError:
            return
        raise AssertionError(f"{name} took {value!r}")

    def echo(self, a: int, b: int) -> None:
        wrapper, _ = self.pick(a)
        assert (ECHO if b % 2 else lib.echo)(wrapper) is wrapper
        assert tieback.Array([wrapper])[0] is wrapper

    def call_back(self, a: int, b: int) -> None:
        wrapper, _ = self.pick(a)
        how = b % 3
        if how == 0:
            assert self.callback(wrapper) is wrapper
        elif how == 1:
            assert lib.call(lambda seen: seen is wrapper and wrapper, wrapper) is wrapper
        else:
            assert lib.call_on_thread(lambda seen: seen, wrapper) is wrapper

    def keep_in_a_box(self, a: int, b: int) -> None:
        wrapper, model = self.pick(a)
        if len(self.boxes) < 4:
            self.boxes.append((tieback.Array([wrapper]), model))
            model.natively_held += 1

    def take_from_a_box(self, a: int, b: int) -> None:
        if self.boxes:
            box, model = self.boxes[a % len(self.boxes)]
            self.bind(box[0], model)

    def drop_a_box(self, a: int, b: int) -> None:
        if self.boxes:
            box, model = self.boxes.pop(a % len(self.boxes))
            del box
            model.natively_held -= 1
            self.settle(model)

    def hold(self, a: int, b: int) -> None:
        wrapper, model = self.pick(a)
        if len(self.held) < 4:
            self.held.append((lib.hold(wrapper), model))
            model.natively_held += 1

    def fetch_held(self, a: int, b: int) -> None:
        if self.held:
            number, model = self.held[a % len(self.held)]
            self.bind(lib.held(number), model)

    def release(self, a: int, b: int) -> None:
        """Here, or on a Rust thread that never attached, with the interpreter held."""
        if self.held:
            number, model = self.held.pop(a % len(self.held))
            (lib.release_on_thread if b % 2 else lib.release)(number)
            model.natively_held -= 1
            self.settle(model)

    def move(self, a: int, b: int) -> None:
        wrapper, model = self.take(a)
        if model.variables:  # other variables name the same wrapper: it would be emptied under them
            self.bind(wrapper, model)
            return
        moved = wrapper._move()
        assert wrapper.__chandle__() == 0
        model.shown_id = model.note = None
        model.cls, model.taken = Node, False
        back = ECHO(moved)
        assert type(back) is Node
        self.bind(back, model)

    def copied(self, a: int, b: int) -> None:
        wrapper, model = self.pick(a)
        self.serial += 1
        other = copy.copy(wrapper)
        other.serial = self.serial
        twin = Model(self.serial, type(other), model.left, model.value)
        for child in (twin.left, twin.value):
            if isinstance(child, Model):
                child.edges_in += 1
        if isinstance(twin.value, Text):
            twin.value = Text(twin.value.value)  # strings are copied by way of Python's
        self.new(other, twin)

    def pickled(self, a: int, b: int) -> None:
        wrapper, model = self.pick(a)
        other = pickle.loads(pickle.dumps(wrapper, protocol=2 + b % 4))
        assert type(other) is type(wrapper)
        while model is not None:
            assert other is not wrapper
            assert other.serial == model.serial
            # A graph of its own, dropped here. What was shown to pickle is what is shown now.
            wrapper, other, model = wrapper.left, other.left, model.left
            if model is not None:
                self.seen(wrapper, model)
        assert wrapper is None and other is None

    def seen(self, wrapper: Node, model: Model) -> None:
        if model.shown_id is not None:
            assert id(wrapper) == model.shown_id
        model.shown_id = id(wrapper)

    def collect(self, a: int, b: int) -> None:
        gc.collect(2 if a % 32 == 0 else 0)

    def noise(self, a: int, b: int) -> None:
        """Other wrappers come and go, so that a reused address cannot pass for a stable id."""
        for number in range(20):
            tieback.Array([number])

    ALWAYS = (nothing, make, take_from_a_box, drop_a_box, fetch_held, release, collect, noise)
    WITH_A_VARIABLE = (
        *(make, make, make, fetch, fetch, fetch, drop, drop, drop_on_another_thread, drop_parent),
        *(set_field, set_field, set_field, set_plain, clear_field, refuse, echo, call_back),
        *(keep_in_a_box, hold, hold, move, copied, pickled),
    )
    OPERATIONS: tuple[Callable[[Program, int, int], None], ...] = ALWAYS + WITH_A_VARIABLE

    def step(self, what: int, a: int, b: int) -> None:
        operation = self.OPERATIONS[what % len(self.OPERATIONS)]
        if not self.variables and operation not in self.ALWAYS:
            operation = Program.make
        operation(self, a, b)
        RAN[operation.__name__] = RAN.get(operation.__name__, 0) + 1
        self.check()

    # -- what must hold after every step ---------------------------------------------------------

    def check(self) -> None:
        now = tieback.stats()  # first: what another thread left behind is settled by it
        for wrapper, model in self.variables:
            assert use_count(wrapper) == model.count()
            assert tie_state(wrapper) == "active"
            assert type(wrapper) is model.cls
            assert id(wrapper) == model.shown_id
        texts = {model.value for model in self.models if isinstance(model.value, Text)}
        alive = len(self.models) + len(texts) + len(self.boxes) + 1
        assert now["objects"] == self.before["objects"] + alive
        assert now["deferred"] == 0
        shown = sum(model.shown() for model in self.models)
        shared = sum(model.shares() for model in self.models)
        owned = sum(model.owns() for model in self.models)
        assert now["stateful"] == self.before["stateful"] + shared
        assert now["owned"] == self.before["owned"] + owned
        assert now["wrappers"] == self.before["wrappers"] + shown + len(self.boxes) + 1

    def end(self) -> None:
        for model in self.models:
            assert model.alive
        while self.variables:
            self.drop(0, 0)
        self.boxes.clear()
        while self.held:
            self.release(0, len(self.held))
        self.callback = None
        assert tieback.stats() == self.before


RAN: dict[str, int] = {}


def test_random_programs_keep_the_promises():
    print(f"TIEBACK_MODEL_SEED={SEED} TIEBACK_MODEL_PROGRAMS={PROGRAMS}")

    @hypothesis.seed(SEED)
    @settings(
        max_examples=PROGRAMS, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.binary(min_size=3 * STEPS, max_size=3 * STEPS))
    def run(steps: bytes) -> None:
        program = Program()
        for at in range(0, len(steps), 3):
            program.step(*steps[at : at + 3])
        program.end()

    run()
    print(sum(RAN.values()), "steps:", RAN)
    if PROGRAMS >= 50:
        never = {operation.__name__ for operation in Program.OPERATIONS} - RAN.keys()
        assert not never, f"no program got to {never}"
