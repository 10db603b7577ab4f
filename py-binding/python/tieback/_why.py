"""``tieback.why_alive``: a way from something that lives by itself down to an object."""

from __future__ import annotations

import gc
import sys
import threading
import time
import types
from collections import deque
from dataclasses import dataclass
from typing import Any

from tieback import _core
from tieback._reach import (
    dict_of,
    is_module,
    links,
    module_name,
    referents_of,
    short,
    state_links,
    type_name,
)
from tieback._seeing import is_wrapper, native_label

__all__ = ["Reason", "Step", "why_alive"]


@dataclass(frozen=True)
class Step:
    """One object on the way: ``label`` is how the one before it holds it (for the first: what the
    root is), ``what`` says what it is."""

    label: str
    what: str


@dataclass(frozen=True, repr=False)
class Reason:
    """Why an object is alive: ``root`` lives by itself, ``steps`` lead from it to the object.

    ``kind`` is "local" (a variable of a running function), "global", "class" (an attribute of a
    class), "native" (native references that no reflected field explains), "unknown" (held, but by
    nothing that the collector shows), or "cycle": only objects that hold each other keep it, and
    the collector frees them when it comes by.
    """

    kind: str
    root: str
    steps: list[Step]

    def __repr__(self) -> str:
        lines = [self.root]
        for depth, step in enumerate(self.steps):
            label = f"{step.label} -> " if depth and step.label else "-> "
            lines.append(f"{'  ' * min(depth + 1, 20)}{label}{step.what}")
        return "\n".join(lines)


# "native" and an address, or "python" and a number among those kept.
_Key = tuple[str, int]


@dataclass(frozen=True)
class _Root:
    kind: str
    text: str


# So many native objects are walked, and so many objects asked for who refers to them: each time, the
# collector goes through all that it knows, which in a large process alone would take minutes.
_MOST_NATIVES = 1_000_000
_MOST_STEPS = 2_000
_MOST_SECONDS = 20.0

# Flag of a code object: it has fast locals, which ``f_locals`` copies.
_OPTIMIZED = 1


def _is_a(value: Any, *classes: type) -> bool:
    """By its class: ``isinstance`` would ask the object's own ``__class__`` too."""
    return issubclass(type(value), classes)


def _names(referrer: Any, value: Any) -> list[str]:
    """What one object calls another."""
    names = []
    for link in state_links(referrer) if is_wrapper(referrer) else links(referrer):
        if link.target is value:
            names.append(link.label)
    return names


def _unquoted(label: str) -> str:
    """A string key as a name: ``['x']`` is x."""
    return label[2:-2] if label[:2] in ("['", '["') else label


class _Search:
    """Goes backwards from the object, breadth first.

    Python objects are referred to by ``kept`` alone, which is known to be the search's own, and by
    variables of its running functions, which the collector does not show. Everything else here has
    numbers, and no comprehension or function inside another uses such a variable (that makes a
    cell, which is shown), so that the search does not find itself.
    """

    def __init__(self, caller: types.FrameType) -> None:
        self.look = _core.Look()
        self.standing = set(self.look.standing())
        self.kept: list[Any] = []
        self.at: dict[int, int] = {}
        self.holders: dict[int, list[tuple[int, str]]] = {}
        self.carriers: dict[int, list[tuple[int, str]]] = {}
        self.modules = {
            id(dict_of(m)): name for name, m in list(sys.modules.items()) if is_module(m)
        }
        self.caller = caller
        self.untracked: dict[int, list[int]] = {}
        self.locals: dict[int, list[_Root]] = {}
        self.callers: dict[int, list[_Root]] = {}
        # Where its own variables are, if it is a module: those of a function are no globals.
        self.caller_globals = 0 if caller.f_code.co_flags & _OPTIMIZED else id(caller.f_globals)

    def keep(self, value: Any) -> int:
        """The number of a Python object, which lives as long as the search."""
        if id(value) not in self.at:
            self.at[id(value)] = len(self.kept)
            self.kept.append(value)
        return self.at[id(value)]

    # What holds what, natively: known for what wrappers lead to.

    def walk_natives(self) -> None:
        queue = deque(self.standing)
        known = set(self.standing)
        for value in gc.get_objects():
            if value is self.kept:
                continue
            # What is referred to as well: not every wrapper is the collector's.
            for found in (value, *referents_of(value)):
                address = self.look.add(found) if is_wrapper(found) else None
                if address is not None and address not in known:
                    known.add(address)
                    queue.append(address)
                self.note_untracked(found)
        while queue and len(known) < _MOST_NATIVES:
            holder = queue.popleft()
            edges, _ = self.look.edges(holder, _MOST_NATIVES)
            for kind, name, address in edges:
                if kind != "weak":
                    label = native_label(kind, name)
                    self.holders.setdefault(address, []).append((holder, label))
                if address not in known:
                    known.add(address)
                    queue.append(address)
            carried = self.look.facts(holder)[6]
            if carried is not None:
                self.carriers.setdefault(id(carried[0]), []).append((holder, "holds"))

    def note_untracked(self, value: Any) -> None:
        """Tuples and dicts of what the collector does not track are not tracked either, and so are
        referrers that it does not know: those that have wrappers are noted here."""
        if type(value) not in (dict, tuple) or gc.is_tracked(value) or id(value) in self.at:
            return
        for inside in value.values() if type(value) is dict else value:
            if is_wrapper(inside):
                self.untracked.setdefault(id(inside), []).append(self.keep(value))
            elif type(inside) in (dict, tuple):
                self.note_untracked(inside)

    # Variables of running functions.

    def walk_frames(self) -> None:
        names = {thread.ident: thread.name for thread in threading.enumerate()}
        frames = sys._current_frames()
        # From the caller on; our own frames are not interesting, and would refer to themselves.
        frames[threading.get_ident()] = self.caller
        for ident, frame in frames.items():
            at: types.FrameType | None = frame
            while at is not None:
                self.add_locals(at, names.get(ident, str(ident)))
                at = at.f_back

    def add_locals(self, frame: types.FrameType, thread: str) -> None:
        code = frame.f_code
        if not code.co_flags & _OPTIMIZED:
            found = {}  # a module's or a class's: its namespace is found as a dict
            if frame is self.caller:
                found = dict(frame.f_locals)
        else:
            there = frame.f_locals
            found = dict(there)
            # A copy, which the frame would keep, and what is in it, too; unless it is what `locals()` gave
            # somebody, who has it besides the frame and us.
            if sys.version_info < (3, 13) and sys.getrefcount(there) <= 3:
                there.clear()
        where = f"{code.co_qualname}() ({code.co_filename}:{frame.f_lineno}, thread {thread})"
        for name, value in found.items():
            own = frame is self.caller
            kind = "local" if code.co_flags & _OPTIMIZED else "global"
            into = self.callers if own else self.locals
            into.setdefault(id(value), []).append(_Root(kind, f"local {name!r} of {where}"))
            self.note_untracked(value)

    # Backwards.

    def describe(self, key: _Key) -> str:
        kind, number = key
        if kind == "native":
            type_key, strong, weak, state, _, wrapper, _, text = self.look.facts(number)
            name = type_key if wrapper is None else type_name(type(wrapper))
            more = f", weak {weak}" if weak else ""
            called = "" if text is None else f" {short(text)}"
            return f"{name}{called} ({state}, strong {strong}{more})"
        value = self.kept[number]
        if type(value) is types.FunctionType:
            return f"function {value.__qualname__}"
        if type(value) is types.FrameType:
            return f"frame of {value.f_code.co_qualname}()"
        return type_name(type(value))

    def key_of(self, value: Any) -> _Key:
        address = self.look.add(value) if is_wrapper(value) else None
        return ("python", self.keep(value)) if address is None else ("native", address)

    def native_root(self, address: int) -> _Root | None:
        if address in self.standing:
            return _Root("native", "a global function, or a method of a type")
        _, strong, _, _, _, wrapper, *_ = self.look.facts(address)
        more = strong - (wrapper is not None) - len(self.holders.get(address, ()))
        if more <= 0:
            return None
        many = "1 reference" if more == 1 else f"{more} references"
        text = f"held by native code: {many} that no reflected field explains"
        return _Root("native", text)

    def before(self, key: _Key, first: bool) -> tuple[list[_Root], list[tuple[_Key, str]]]:
        """What holds it: roots, and other objects with what they call it. Of the ``first`` the
        caller's own variables do not count."""
        kind, number = key
        roots: list[_Root] = []
        found: list[tuple[_Key, str]] = []
        value = self.shown(key)
        if kind == "native":
            native = self.native_root(number)
            roots += [native] if native else []
            found += [(("native", at), label) for at, label in self.holders.get(number, ())]
            if value is None:
                return roots, found
        at = id(value)
        roots += self.locals.get(at, ())
        if not first:
            roots += self.callers.get(at, ())
        found += [(("native", to), label) for to, label in self.carriers.get(at, ())]
        for referrer in self.referrers(value):
            self.add_referrer(self.kept[referrer], value, first, roots, found)
        return roots, found

    def shown(self, key: _Key) -> Any:
        """The Python object; None for a native one without a wrapper."""
        return self.look.facts(key[1])[5] if key[0] == "native" else self.kept[key[1]]

    def referrers(self, value: Any) -> list[int]:
        """The numbers of what refers to it, without the search itself."""
        found = gc.get_referrers(value)
        numbers = [self.keep(one) for one in found if not self.is_own(one)]
        return numbers + self.untracked.get(id(value), [])

    def is_own(self, value: Any) -> bool:
        if value is self.kept:
            return True
        return type(value) is types.FrameType and value.f_globals is globals()

    def add_referrer(
        self,
        referrer: Any,
        value: Any,
        first: bool,
        roots: list[_Root],
        found: list[tuple[_Key, str]],
    ) -> None:
        names = _names(referrer, value)
        if type(referrer) is dict:
            name = _unquoted(next((name for name in names if name != "key"), "key"))
            module = self.modules.get(id(referrer))
            if module is not None:
                if not first or id(referrer) != self.caller_globals:
                    roots.append(_Root("global", f"global {name!r} of module {module}"))
                return
            owners = self.owners(referrer)
            for owner in owners:
                if _is_a(owner, type):
                    roots.append(_Root("class", f"attribute .{name} of {type_name(owner)}"))
                else:
                    found.append((self.key_of(owner), f".{name}"))
            if owners:
                return
        if _is_a(referrer, types.ModuleType, type):
            kind = "class" if _is_a(referrer, type) else "global"
            called = type_name(referrer) if kind == "class" else f"module {module_name(referrer)}"
            roots.append(_Root(kind, f"held by {called}"))
        elif type(referrer) is types.CellType and (closures := self.closures(referrer)):
            found += closures
        elif names or not is_wrapper(referrer):  # what a wrapper holds natively is known already
            found.append((self.key_of(referrer), names[0] if names else "refers to"))

    def closures(self, cell: types.CellType) -> list[tuple[_Key, str]]:
        """The functions whose closures have a cell, and what they call what is in it."""
        found = []
        for number in self.referrers(cell):
            row: Any = self.kept[number]
            for user in self.referrers(row) if type(row) is tuple else ():
                function: Any = self.kept[user]
                if type(function) is types.FunctionType and function.__closure__ is row:
                    at = [id(one) for one in function.__closure__].index(id(cell))
                    name = function.__code__.co_freevars[at]
                    found.append((self.key_of(function), f"closure {name}"))
        return found

    def owners(self, namespace: dict[Any, Any]) -> list[Any]:
        """The instances and classes whose attributes a dict has."""
        found = []
        for number in self.referrers(namespace):
            owner = self.kept[number]
            if _is_a(owner, type) or (type(owner) is not dict and dict_of(owner) is namespace):
                found.append(owner)
        return found

    def run(self, value: Any) -> Reason:
        try:
            return self.search(value)
        finally:
            self.kept.clear()
            del self.caller
            self.look.close()

    def search(self, value: Any) -> Reason:
        start = self.key_of(value)
        self.walk_natives()
        self.walk_frames()
        onward: dict[_Key, tuple[_Key, str] | None] = {start: None}
        queue = deque([start])
        unknown: _Key | None = None
        steps, began = 0, time.monotonic()
        while queue:
            key = queue.popleft()
            roots, found = self.before(key, key == start)
            if roots:
                return self.reason(roots[0], key, onward)
            if not found and unknown is None and key[0] == "python":
                unknown = key
            steps += 1
            seconds = time.monotonic() - began
            if steps > _MOST_STEPS or seconds > _MOST_SECONDS:
                text = f"no root among the nearest {steps} objects, looked at in {seconds:.0f} s"
                root = _Root("unknown", text)
                return self.reason(root, key, onward)
            for holder, label in found:
                if holder not in onward:
                    onward[holder] = (key, label)
                    queue.append(holder)
        own = self.callers.get(id(value), [])
        if own and unknown in (None, start):
            return self.reason(own[0], start, onward)
        if unknown is not None:
            root = _Root("unknown", "held by nothing that the collector shows")
            return self.reason(root, unknown, onward)
        if len(onward) == 1:
            return self.reason(_Root("unknown", "held by this call alone"), start, onward)
        root = _Root("cycle", "held by a cycle alone: the collector frees it")
        return self.reason(root, start, onward)

    def reason(self, root: _Root, key: _Key, onward: dict[_Key, tuple[_Key, str] | None]) -> Reason:
        steps = [Step("", self.describe(key))]
        while (link := onward[key]) is not None:
            key, label = link
            steps.append(Step(label, self.describe(key)))
        return Reason(root.kind, root.text, steps)


def why_alive(obj: Any) -> Reason:
    """A way from something that lives by itself down to ``obj``: why it is not freed.

    The nearest root is told: a variable of a running function, a global, a class's attribute, or
    native references that no field of a known object explains (a Rust static or a thread, a native
    object that Python never reached). The variables by which the caller itself names ``obj`` do
    not count, unless there is nothing else.

    What it can find: Python objects as far as the collector shows who refers to them (not what
    extension modules keep to themselves, nor what ``gc.freeze`` has set aside), and native objects that are reached, by reflected fields
    and containers, from a living wrapper. It looks through all objects of the process, many times:
    a tool for a debugger's prompt, milliseconds to seconds; after 2,000 objects or 20 seconds it
    says how far it came ("unknown").

    Counts are left as they were. Before Python 3.13, looking at the variables of running functions
    goes through ``f_locals``.
    """
    return _Search(sys._getframe(1)).run(obj)
