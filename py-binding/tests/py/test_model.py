"""Random programs against a model of identities and counts in plain Python.

The model knows nothing of wrappers: it says which objects must live, what each field must hold, how
many strong references each must have, and which id each must show for as long as it lives. Edges only
point to older objects, so that there are no cycles and counts are exact.

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
from dataclasses import dataclass, field as std_field
from typing import Any, Optional

import hypothesis
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

import tieback
from tieback.dataclasses import py_class
from tieback.testing import tie_state, use_count

ECHO = tieback.get_global_func("testing.echo")
PROGRAMS = int(os.environ.get("TIEBACK_MODEL_PROGRAMS", "50"))
SEED = int(os.environ.get("TIEBACK_MODEL_SEED", random.randrange(1 << 32)))


@py_class("model.Node", eq=False)
class Node(tieback.Object):
    serial: int
    left: Optional[Node] = None
    value: Any = None


class Stateful(Node):
    """An ordinary subclass: it has a ``__dict__``, and its wrappers are not kept."""


@dataclass
class Model:
    """What must be true of one object."""

    serial: int
    cls: type
    left: Model | None = None
    value: Any = None
    natively_held: int = 0
    shown_id: int | None = None
    edges_in: int = 0
    tags: set[str] = std_field(default_factory=set)


class Programs(RuleBasedStateMachine):
    held = Bundle("held")

    def __init__(self) -> None:
        super().__init__()
        self.before = tieback.stats()
        self.serial = 0
        self.variables: dict[int, tuple[Node, Model]] = {}
        self.next_variable = 0
        self.boxes: list[tuple[tieback.Array, Model]] = []
        self.callback = tieback.convert(lambda value: value)

    # -- the model -------------------------------------------------------------------------------

    def hold(self, wrapper: Node, model: Model) -> int:
        assert wrapper.serial == model.serial
        if model.shown_id is not None:
            assert id(wrapper) == model.shown_id, "an object changed its id"
        model.shown_id = id(wrapper)
        variable, self.next_variable = self.next_variable, self.next_variable + 1
        self.variables[variable] = (wrapper, model)
        return variable

    def wrappers_of(self, model: Model) -> int:
        return any(m is model for _, m in self.variables.values())

    def drop_edges(self, model: Model) -> None:
        """The object dies if nothing holds it any more; so may what it pointed to."""
        if model.edges_in or model.natively_held or self.wrappers_of(model):
            if model.cls is Stateful and not self.wrappers_of(model):
                model.shown_id = None  # its wrapper was freed for real
                model.cls = Node  # and the next one is of the registered class
            return
        for child in (model.left, model.value):
            if isinstance(child, Model):
                child.edges_in -= 1
                self.drop_edges(child)

    def expected_count(self, model: Model) -> int:
        return model.edges_in + model.natively_held + self.wrappers_of(model)

    # -- the rules -------------------------------------------------------------------------------

    @rule(target=held, cls=st.sampled_from([Node, Node, Stateful]))
    def make(self, cls: type) -> int:
        self.serial += 1
        return self.hold(cls(self.serial), Model(self.serial, cls))

    @rule(target=held, parent=held)
    def fetch(self, parent: int) -> Any:
        wrapper, model = self.variables[parent]
        if model.left is None:
            assert wrapper.left is None
            return multiple()
        assert wrapper.left is wrapper.left
        return self.hold(wrapper.left, model.left)

    @rule(target=held, parent=held)
    def fetch_value(self, parent: int) -> Any:
        wrapper, model = self.variables[parent]
        if not isinstance(model.value, Model):
            assert wrapper.value == model.value
            return multiple()
        return self.hold(wrapper.value, model.value)

    @rule(variable=consumes(held))
    def drop(self, variable: int) -> None:
        _, model = self.variables.pop(variable)
        self.drop_edges(model)

    @rule(variable=consumes(held))
    def drop_on_another_thread(self, variable: int) -> None:
        _, model = self.variables[variable]
        last = [self.variables.pop(variable)[0]]
        thread = threading.Thread(target=last.clear)
        thread.start()
        thread.join()
        self.drop_edges(model)

    @rule(parent=held, child=held, name=st.sampled_from(["left", "value"]))
    def set_field(self, parent: int, child: int, name: str) -> None:
        (wrapper, model), (target, target_model) = self.variables[parent], self.variables[child]
        if target_model.serial >= model.serial:
            return  # edges point to older objects
        old = getattr(model, name)
        setattr(wrapper, name, target)
        setattr(model, name, target_model)
        target_model.edges_in += 1
        if isinstance(old, Model):
            old.edges_in -= 1
            self.drop_edges(old)

    @rule(parent=held, value=st.one_of(st.none(), st.integers(-9, 9), st.text(max_size=12)))
    def set_plain(self, parent: int, value: Any) -> None:
        wrapper, model = self.variables[parent]
        old, model.value = model.value, value
        wrapper.value = value
        if isinstance(old, Model):
            old.edges_in -= 1
            self.drop_edges(old)

    @rule(variable=held, value=st.sampled_from(["text", b"bytes", 1.5, None]))
    def refuse(self, variable: int, value: Any) -> None:
        wrapper, model = self.variables[variable]
        for name in ("serial", "left"):
            if name == "left" and value is None:
                continue
            try:
                setattr(wrapper, name, value)
            except TypeError:
                continue
            raise AssertionError(f"{name} took {value!r}")

    @rule(variable=held)
    def through_calls(self, variable: int) -> None:
        wrapper, _ = self.variables[variable]
        assert ECHO(wrapper) is wrapper
        assert self.callback(wrapper) is wrapper
        assert tieback.Array([wrapper])[0] is wrapper

    @rule(variable=held)
    def keep_in_a_box(self, variable: int) -> None:
        wrapper, model = self.variables[variable]
        self.boxes.append((tieback.Array([wrapper]), model))
        model.natively_held += 1

    @rule(target=held)
    def take_from_a_box(self) -> Any:
        if not self.boxes:
            return multiple()
        box, model = self.boxes[0]
        return self.hold(box[0], model)

    @rule()
    def drop_a_box(self) -> None:
        if self.boxes:
            _, model = self.boxes.pop(0)
            model.natively_held -= 1
            self.drop_edges(model)

    @rule(target=held, variable=consumes(held))
    def move(self, variable: int) -> Any:
        wrapper, model = self.variables[variable]
        if sum(m is model for _, m in self.variables.values()) > 1:
            # Other variables name the same wrapper: it would be emptied under them.
            return self.hold(wrapper, model) if self.variables.pop(variable) else multiple()
        moved = wrapper._move()
        assert wrapper.__chandle__() == 0
        del self.variables[variable]
        model.shown_id = None
        model.cls = Node
        back = ECHO(moved)
        assert type(back) is Node
        return self.hold(back, model)

    @rule(target=held, variable=held, how=st.sampled_from([copy.copy, None]))
    def copied(self, variable: int, how: Any) -> Any:
        wrapper, model = self.variables[variable]
        if how is None:
            other = pickle.loads(pickle.dumps(wrapper))
            assert other is not wrapper and other.serial == wrapper.serial
            return multiple()  # a deep copy: a graph of its own, dropped here
        other = copy.copy(wrapper)
        self.serial += 1
        other.serial = self.serial
        twin = Model(self.serial, type(other), model.left, model.value)
        for child in (twin.left, twin.value):
            if isinstance(child, Model):
                child.edges_in += 1
        return self.hold(other, twin)

    @rule(full=st.integers(0, 9))
    def collect(self, full: int) -> None:
        gc.collect(2 if full == 0 else 0)

    @rule()
    def noise(self) -> None:
        """Other wrappers come and go, so that a reused address cannot pass for a stable id."""
        for number in range(50):
            tieback.Array([number])

    # -- what must hold after every step ---------------------------------------------------------

    @invariant()
    def counts_are_exact(self) -> None:
        for wrapper, model in self.variables.values():
            assert use_count(wrapper) == self.expected_count(model)
            assert tie_state(wrapper) == "active"
            assert type(wrapper) is model.cls

    def teardown(self) -> None:
        self.boxes.clear()
        self.variables.clear()
        self.callback = None
        gc.collect()
        assert tieback.stats() == self.before


def test_random_programs_keep_the_promises():
    print(f"TIEBACK_MODEL_SEED={SEED} TIEBACK_MODEL_PROGRAMS={PROGRAMS}")
    run = settings(
        max_examples=PROGRAMS,
        stateful_step_count=50,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    machine = hypothesis.seed(SEED)(Programs)
    hypothesis.stateful.run_state_machine_as_test(machine, settings=run)
