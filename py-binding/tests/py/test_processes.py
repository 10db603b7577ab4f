"""Hazard 10, and what programs do with processes and loops: fork, multiprocessing, futures, asyncio,
subinterpreters."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from forking import BEGIN, needs_fork
import tie_support
from tie_support import Box, Leaf, Node, OnDrop, Point, lib, ran_cleanly, run_python
from tieback.testing import use_count


@needs_fork
class TestFork:
    def test_live_ties_are_the_childs_too(self):
        """Alive, kept and detached ones: each goes on in both processes as it was."""
        ran_cleanly(
            BEGIN
            + """
alive = {key: make() for key, make in TIED.items()}
held = {key: lib.hold(x) for key, x in alive.items()}
ids = {key: id(x) for key, x in alive.items()}
dead = lib.hold(Leaf(3))
dead_id = id(lib.held(dead))
moved = lib.hold(Leaf(4)._move())
def use():
    for key, x in alive.items():
        assert lib.held(held[key]) is x and id(x) == ids[key], key
    assert id(lib.held(dead)) == dead_id
    assert lib.held(moved).number == 4
    alive.clear()
    others = crowd()
    for key, number in held.items():
        if key not in STATEFUL:
            assert id(lib.held(number)) == ids[key], key
    before = tieback.stats()["objects"]
    for number in held.values():
        lib.release_on_thread(number)
    assert tieback.stats()["deferred"] == 0 and tieback.stats()["objects"] < before
    box = Box(Opaque())
    assert lib.call(lambda x: x, box) is box
    assert lib.call_on_thread(lambda x: x, box) is box
if not child(use):
    use()
"""
        )

    def test_what_waited_is_freed_in_both(self):
        """The list is not empty when the process forks."""
        ran_cleanly(
            BEGIN
            + """
from tieback import _core
class Noting:
    def __del__(self): freed.append(1)
freed = []
pids = []
numbers = [lib.hold(Noting()) for _ in range(5)]
answers = list(lib.drop_then(numbers, [[_core.deferred], [os.fork]]))
assert answers[0] == 5
tieback.stats()
assert len(freed) == 5 and _core.deferred() == 0, (freed, _core.deferred())
lib.release_on_thread(lib.hold(Noting()))
tieback.stats()
assert len(freed) == 6 and _core.deferred() == 0
if answers[1]:
    assert os.waitpid(answers[1], 0)[1] == 0
"""
        )

    def test_no_lock_of_ours_is_shut_in_the_child(self):
        """Threads register classes and names and look them up; the child, which has none of them, does the
        same. It ends by `os._exit`: the interpreter's own end may wait for its own locks. Without a GIL those
        are many: each dict and class that threads share has one, which the child can find shut. So there all
        use our functions alone."""
        ran_cleanly(
            BEGIN
            + """
import signal
from tieback.dataclasses import py_class
done = False
def names(who, n):
    name = f"test_processes.{who}.{n % 8}"
    tieback.register_global_func(name, len, override=True)
    assert tieback.get_global_func(name)("ab") == 2
    tieback.remove_global_func(name)
def classes(who, n):
    made = type("Made", (tieback.Object,), {"__slots__": (), "__annotations__": {"x": int}})
    assert py_class(f"test_processes.Made.{who}.{n}")(made)(n).x == n
def numbers(who, n):
    kind = type("Seen", (Leaf,), {"__slots__": ()})
    assert kind(n).number == n and tieback.get_global_func("testing.nop")() is None
def at_work(work, who):
    n = 0
    while not done:
        work(who, n)
        n += 1
if not getattr(sys, "_is_gil_enabled", lambda: True)():
    from tieback import _core
    gc.disable()  # it stops the world, behind a lock
    parent, nop = _core.class_type_index(tieback.Object), tieback.get_global_func("testing.nop")
    def names(who, n, register=_core.register_global, find=_core.find_global_func, remove=_core.remove_global):
        name = f"test_processes.{who}.{n % 8}"
        register(name, len, True, None)
        assert find(name)("ab") == 2
        remove(name)
    def classes(who, n, register=_core.register_type, find=_core.type_index_by_key):
        name = f"test_processes.Made.{who}.{n % 500}"
        assert register(name, "", parent, [], False) == find(name)
    def numbers(who, n):
        assert Leaf(n).number == n and nop() is None
threads = [threading.Thread(target=at_work, args=(work, who)) for who, work in
           enumerate([names, names, classes, classes, numbers])]
for thread in threads:
    thread.start()
def forked(n):
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1]
    signal.alarm(20)
    try:
        for work in (names, classes, numbers):
            work("child", n)
    except BaseException:
        os._exit(1)
    os._exit(0)
try:
    for n in range(30):
        status = forked(n)
        assert status == 0, (n, status)
finally:
    done = True
    for thread in threads:
        thread.join()
"""
        )

    def test_grandchildren(self):
        ran_cleanly(
            BEGIN
            + """
x = Leaf(1)
number = lib.hold(x)
def use():
    assert lib.held(number) is x
    if not child(lambda: None):
        lib.release_on_thread(lib.hold(lambda: 1))
        tieback.stats()
child(use)
"""
        )


WORKERS = """
import multiprocessing, os, sys
sys.path.insert(0, os.environ["PYTHONPATH"])
from tie_support import Box, Heir, Leaf, Opaque, lib, tieback

shared = Leaf(100)
number = lib.hold(shared)

def work(x):
    assert lib.echo(x) is x
    y = lib.call(lambda z: Box([z, Heir(x.number, "text")]), x)
    lib.release_on_thread(lib.hold(Box(Opaque())))
    assert lib.held(number) is shared and shared.number == 100
    assert tieback.stats()["deferred"] == 0
    return y

def fail(x):
    getattr(lib, "raise")("ValueError", "text")

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    with context.Pool(2) as pool:
        made = pool.map(work, [Leaf(n) for n in range(20)])
        assert [box.value[0].number for box in made] == list(range(20))
        assert all(type(box.value[1]) is Heir for box in made)
        try:
            pool.apply(fail, (1,))
        except Exception as error:
            assert "text" in repr(error), repr(error)
        else:
            raise AssertionError
    pool.join()
    process = context.Process(target=work, args=(shared,))
    process.start()
    process.join()
    assert process.exitcode == 0
"""


@pytest.mark.parametrize(
    "how", ["spawn", *(["fork", "forkserver"] if hasattr(os, "fork") else [])]
)
def test_multiprocessing(how: str, tmp_path: Path):
    program = tmp_path / "workers.py"
    program.write_text(WORKERS)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(program), how],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": os.path.dirname(tie_support.__file__)},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), done


class TestFutures:
    def test_threads(self):
        shared = [Leaf(n) for n in range(8)]
        ids = [id(x) for x in shared]
        numbers = [lib.hold(x) for x in shared]
        shared.clear()

        def work(n: int) -> Any:
            x = lib.held(numbers[n % 8])
            assert lib.call(lambda y: y, x) is x
            return x

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for n, x in enumerate(pool.map(work, range(400))):
                assert id(x) == ids[n % 8]
            futures = [pool.submit(lib.call_on_thread, lambda y: y + 1, n) for n in range(50)]
            assert sorted(future.result() for future in futures) == list(range(1, 51))
            failed = pool.submit(getattr(lib, "raise"), "KeyError", "k")
            assert isinstance(failed.exception(), KeyError)
        for number in numbers:
            lib.release(number)
        del x, futures, failed

    def test_a_future_set_by_a_rust_thread(self):
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        x = Leaf(5)
        lib.release_in_background(lib.hold(OnDrop(future.set_result, x)))
        # Not by `result`, which sleeps in a lock: what waits to be freed wakes nobody. Nor by byte code alone:
        # up to 3.12, CPython looks for another thread's pending calls when it takes its lock again.
        ends = time.monotonic() + 60
        while not future.done():
            assert time.monotonic() < ends
            time.sleep(0)
        assert future.result() is x
        lib.join_threads()


class TestAsyncio:
    def test_callbacks_on_the_loop(self):
        async def main() -> None:
            x = Leaf(1)
            seen: list[Any] = []
            lib.call(lambda y: asyncio.get_running_loop().call_soon(seen.append, y), x)
            await asyncio.sleep(0)
            assert seen[0] is x
            seen.clear()

        asyncio.run(main())

    def test_woken_by_a_rust_thread(self):
        async def main() -> None:
            loop = asyncio.get_running_loop()
            future = loop.create_future()
            x = Leaf(2)
            back = await loop.run_in_executor(
                None,
                lib.call_on_thread,
                lambda y: loop.call_soon_threadsafe(future.set_result, y) and None,
                x,
            )
            assert back is None and await asyncio.wait_for(future, 60) is x

        asyncio.run(main())

    def test_many_tasks_on_shared_objects(self):
        async def main() -> None:
            loop = asyncio.get_running_loop()
            shared = Box(Point(1, 2))

            async def one(n: int) -> None:
                for _ in range(5):
                    point = shared.value
                    await asyncio.sleep(0)
                    assert shared.value is point
                    assert await loop.run_in_executor(None, lib.echo, point) is point

            await asyncio.gather(*(one(n) for n in range(20)))
            assert use_count(shared.value) == 2

        asyncio.run(main())

    def test_a_coroutine_function_through_native_code(self):
        """A native call hands the coroutine out; it is awaited by Python."""

        async def later(x: Any) -> Any:
            await asyncio.sleep(0)
            return x

        async def main() -> None:
            x = Node("n")
            assert await lib.call(later, x) is x
            results = await asyncio.gather(*lib.map(later, [1, 2, 3]))
            assert results == [1, 2, 3]

        asyncio.run(main())

    def test_an_exception_through_a_call_in_a_task(self):
        class Mine(Exception):
            pass

        def fail(x: Any) -> None:
            raise Mine(x)

        async def main() -> None:
            with pytest.raises(Mine):
                lib.call(fail, 1)
            with pytest.raises(asyncio.CancelledError):
                lib.call(lambda _: (_ for _ in ()).throw(asyncio.CancelledError()), 1)

        asyncio.run(main())


SUBINTERPRETERS = """
import os, sys
def run(kind):
    code = '''if True:
        import os
        try:
            import tieback
        except ImportError as error:
            os.write(1, (str(error).replace(chr(10), " ") + chr(10)).encode())
        else:
            os.write(1, b"imported" + bytes([10]))
        '''
    try:
        import _interpreters as interpreters
        made = interpreters.create(kind)
    except ImportError:
        import _xxsubinterpreters as interpreters
        made = interpreters.create(isolated=kind == "isolated")
    failed = interpreters.run_string(made, code)
    assert failed is None, failed
    interpreters.destroy(made)
"""


@pytest.mark.parametrize("kind", ["legacy", "isolated"])
@pytest.mark.parametrize("first", ["main", "sub"])
def test_subinterpreters_are_refused(kind: str, first: str):
    """With an ImportError that says so; the main interpreter's tie goes on. (From 3.12 on an isolated one
    has a GIL of its own.)"""
    use = """
from tie_support import *
x = Leaf(1)
number = lib.hold(x)
assert lib.held(number) is x
assert lib.call_on_thread(lambda y: y, x) is x
lib.release_on_thread(lib.hold(Box(Opaque())))
assert tieback.stats()["deferred"] == 0
"""
    mine = f"run({kind!r})\n"
    code = SUBINTERPRETERS + (use + mine + use + mine if first == "main" else mine + mine + use)
    done = run_python(code)
    assert (done.returncode, done.stderr) == (0, ""), done
    for line in done.stdout.splitlines():
        assert "interpreter" in line and "imported" != line, line
    assert done.stdout.count("\n") == 2, done.stdout
