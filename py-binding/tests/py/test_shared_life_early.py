"""Shared life with a library from before ABI 1.2: its copy of the count code leaves objects with bit 63 to the
runtime's slow functions altogether (``examples/test-library/src/early.rs``)."""

from __future__ import annotations

import gc
import weakref

import pytest

from test_shared_life import WithAll, WithDict, WithWeak
from tie_support import crowd, lib
from tieback.testing import use_count


@pytest.fixture(autouse=True)
def nothing_ended():
    WithAll.ends.clear()
    yield
    WithAll.ends.clear()


def test_held_and_let_go_on_a_thread_of_rust() -> None:
    x = WithAll(7)
    x.note = note = object()
    handle, where, ref = x.__chandle__(), id(x), weakref.ref(x)
    assert lib.early_hold(handle), "bit 63 was not set: the slow function was not asked"
    assert use_count(x) == 2
    held = lib.hold(x)  # today's copy, to fetch it by
    del x
    crowded = crowd()
    gc.collect()
    again = lib.held(held)
    assert (id(again), again.note, ref()) == (where, note, again)
    lib.release(held)
    del again
    crowded += crowd()
    gc.collect()
    assert WithAll.ends == [] and ref() is not None, "what the early copy holds was let go"
    assert lib.early_let_go(handle)
    del crowded  # an attached moment
    assert ref() is None
    assert WithAll.ends == [7]


def test_the_last_one_is_the_early_copys() -> None:
    x = WithAll(8)
    handle = x.__chandle__()
    assert lib.early_hold(handle)
    del x
    assert WithAll.ends == []
    assert lib.early_let_go(handle)
    crowd()
    assert WithAll.ends == [8]


@pytest.mark.parametrize("cls", (WithDict, WithWeak), ids=lambda cls: cls.__name__)
def test_upgraded(cls: type) -> None:
    x = cls(9)
    handle = x.__chandle__()
    lib.early_hold_weakly(handle)
    where = id(x)
    assert lib.early_upgrade(handle) and use_count(x) == 2
    held = lib.hold(x)
    del x
    crowded = crowd()
    assert lib.early_let_go(handle)
    x = lib.held(held)
    assert id(x) == where
    lib.release(held)
    del x, crowded
    assert not lib.early_upgrade(handle), "a dead object was upgraded"
    lib.early_let_go_weakly(handle)


def test_a_cycle_that_it_holds_is_kept_until_it_lets_go() -> None:
    x = WithAll(10)
    x.to = WithAll(11)
    x.to.to = x
    handle = x.__chandle__()
    assert lib.early_hold(handle)
    del x
    gc.collect()
    assert WithAll.ends == []
    assert lib.early_let_go(handle)
    gc.collect()
    assert sorted(WithAll.ends) == [10, 11]
