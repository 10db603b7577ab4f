"""What each binding library keeps true: every promise asked of every subject, each in a process of its own.

``holds.py OUT.json`` asks all; ``holds.py SUBJECT PROMISE`` asks one, and ends with 0 (it holds), 1 (it does
not), 3 (there is nothing to ask), or by what went wrong. A process that does not end within ten seconds hangs.

Classes are as a user writes them: no `tp_traverse` by hand, no keep-alive policies beyond the documented
defaults of intrusive counts (nanobind), shared pointers (pybind11) and `Py<T>` fields (PyO3).
"""

from __future__ import annotations

import gc
import json
import os
import platform
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

import subjects

PROMISES = {
    "is": "`a.x is a.x`",
    "id": "the same `id` after a drop",
    "echo": "`f(x) is x`",
    "state": "attributes and subclass survive while native code alone holds",
    "weakref": "weak references live as long as the object",
    "del_once": "`__del__` once, when the object ends",
    "cycle": "object -> callback -> object is collected, with nothing written for it",
    "thread": "a native thread drops its reference while the interpreter is held",
    "free_threaded": "one wrapper for all threads without a GIL",
}
SUBJECTS = ("tieback", "nanobind", "pybind11", "pyo3", "tvm_ffi")


def subject_of(name: str) -> subjects.Subject:
    return getattr(subjects, name)()


def crowd(subject: subjects.Subject) -> list[Any]:
    """Others, so that an address that is used again does not pass for a promise."""
    return [subject.inner(i) for i in range(300)]


def ask_is(s: subjects.Subject) -> bool:
    a = s.outer(s.inner(1))
    return a.x is a.x


def ask_id(s: subjects.Subject) -> bool:
    a = s.outer(s.inner(1))
    before = id(a.x)
    others = crowd(s)
    return id(a.x) == before and len(others) > 0


def ask_echo(s: subjects.Subject) -> bool:
    x = s.inner(1)
    return s.echo(x) is x


def ask_state(s: subjects.Subject) -> bool:
    class Sub(s.inner):
        pass

    x = Sub(1)
    x.note = ["mine"]
    a = s.outer(x)
    del x
    gc.collect()
    others = crowd(s)
    return type(a.x) is Sub and a.x.note == ["mine"] and len(others) > 0


def ask_weakref(s: subjects.Subject) -> bool:
    class Sub(s.inner):
        pass

    x = Sub(1)
    ref = weakref.ref(x)
    a = s.outer(x)
    del x
    gc.collect()
    lives = ref() is not None and ref() is a.x
    del a
    gc.collect()
    return lives and ref() is None


def ask_del_once(s: subjects.Subject) -> bool:
    ends = []

    class Sub(s.inner):
        def __del__(self) -> None:
            ends.append(1)

    a = s.outer(Sub(1))
    gc.collect()
    a.x, a.x
    gc.collect()
    early = len(ends)
    del a
    gc.collect()
    return early == 0 and len(ends) == 1


class Token:
    pass


def ask_cycle(s: subjects.Subject) -> bool:
    token = Token()
    ref = weakref.ref(token)
    holder = subjects.holder_of(s.name)()
    holder.callback = lambda holder=holder, token=token: None
    del holder, token
    gc.collect()
    gc.collect()
    return ref() is None


def ask_thread(s: subjects.Subject) -> bool | None:
    functions = subjects.thread_of(s.name)
    if functions is None:
        return None
    hold, drop_on_thread = functions

    class Sub(s.inner):
        pass

    x = Sub(1)
    x.note = 1
    hold(x)
    del x
    drop_on_thread()
    return True


def ask_free_threaded(s: subjects.Subject) -> bool | None:
    if getattr(sys, "_is_gil_enabled", lambda: True)():
        # With 3.13t and later it is off, unless an import has put it on.
        return None if "free-threading" not in sys.version else False
    a = s.outer(s.inner(1))
    wrong, barrier = [], threading.Barrier(4)

    def fetch() -> None:
        for _ in range(200):
            barrier.wait()
            seen = a.x
            barrier.wait()
            found.append(seen)
            barrier.wait()
            if len({id(one) for one in found}) != 1:
                wrong.append(1)
            barrier.wait()
            found.clear()
            del seen

    found: list[Any] = []
    threads = [threading.Thread(target=fetch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return not wrong


def ask(subject: str, promise: str) -> int:
    answer = globals()[f"ask_{promise}"](subject_of(subject))
    return {True: 0, False: 1, None: 3}[answer]


def outcome(subject: str, promise: str) -> str:
    try:
        done = subprocess.run(
            [sys.executable, __file__, subject, promise],
            capture_output=True,
            text=True,
            timeout=float(os.environ.get("HOLDS_TIMEOUT", "10")),
        )
    except subprocess.TimeoutExpired:
        return "hangs"
    if done.returncode in (0, 3):
        return {0: "yes", 3: "not asked"}[done.returncode]
    last = (done.stderr.strip().splitlines() or [""])[-1]
    if done.returncode < 0:
        return f"crash (signal {-done.returncode})"
    return "no" if "Error" not in last else f"no: {last}"


def main() -> None:
    if len(sys.argv) == 3:
        # Past the interpreter's own end: what is left over there is not what is asked.
        code = ask(*sys.argv[1:])
        sys.stderr.flush()
        os._exit(code)
    answers = {
        subject: {promise: outcome(subject, promise) for promise in PROMISES}
        for subject in SUBJECTS
    }
    about = {}
    for subject in SUBJECTS:
        try:
            about[subject] = subject_of(subject).about
        except Exception as error:
            about[subject] = f"missing: {error}"
    result = {"python": platform.python_version(), "version": sys.version, "about": about}
    result["answers"] = answers
    Path(sys.argv[1]).write_text(json.dumps(result, indent=1))
    print(f"CPython {sys.version}")
    for promise, text in PROMISES.items():
        cells = " | ".join(answers[subject][promise] for subject in SUBJECTS)
        print(f"| {text} | {cells} |")


if __name__ == "__main__":
    main()
