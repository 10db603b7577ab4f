"""Every test ends with as many native objects and wrappers as it began with."""

from __future__ import annotations

import gc

import pytest

import tieback


def _counts() -> dict[str, int]:
    # Twice: what the first collection frees may leave garbage of its own.
    gc.collect()
    gc.collect()
    return tieback.stats()


def pytest_collection_finish(session: pytest.Session) -> None:
    """What is alive before the first test stays: the collector need not look at it each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def nothing_left_behind(request: pytest.FixtureRequest):
    """Live objects, live wrappers and kept storage are back to where they were."""
    before = _counts()
    yield
    after = _counts()
    if request.node.stash.get(FAILED, False):
        return  # a failed test's traceback keeps its objects
    assert after == before, f"left behind: {before} -> {after}"


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    outcome = yield
    report = outcome.get_result()
    if report.when == "call" and report.failed:
        item.stash[FAILED] = True
