"""Every test ends with as many native objects and wrappers as it began with."""

from __future__ import annotations

import gc
import os
import random
import sys

import pytest

from interpreter import GIL
import tieback


# The collector at (nearly) every allocation, during every test.
COLLECT = "TIEBACK_COLLECT" in os.environ


def _counts(expected: dict[str, int]) -> dict[str, int]:
    # Again: what the first collection frees may leave garbage of its own.
    gc.collect()
    if tieback.stats() != expected:
        gc.collect()
    return tieback.stats()



if sys.version_info < (3, 14) and not GIL:
    # Free-threaded 3.13 makes functions and classes immortal as soon as there is a second thread, and
    # with them whatever a test's own functions refer to. 3.14 does not any more.
    import _testinternalcapi

    _testinternalcapi.suppress_immortalization(True)


# What random tests begin with. Chosen here, where no test has begun: workers inherit it, and it is printed
# whether they pass or not.
SEEDS = ("TIEBACK_MODEL_SEED", "TIEBACK_STRESS_SEED")
for _seed in SEEDS:
    os.environ.setdefault(_seed, str(random.randrange(1 << 32)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(" ".join(f"{name}={os.environ[name]}" for name in SEEDS))


def pytest_collection_finish(session: pytest.Session) -> None:
    """What is alive before the first test stays: the collector need not look at it each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def nothing_left_behind(request: pytest.FixtureRequest):
    """Live objects, live wrappers and kept storage are back to where they were."""
    # Nothing is collected before: the test before this one ended with a collection, and without a GIL each
    # looks at what is frozen too, tens of milliseconds that took longer than most tests. With one, what the
    # tests before left (their reports, above all) is frozen, which costs nothing.
    before = tieback.stats()
    if GIL:
        gc.freeze()
    old = gc.get_threshold()
    if COLLECT:
        gc.set_threshold(1)
    yield
    gc.set_threshold(*old)
    after = _counts(before)
    if request.node.stash.get(FAILED, False):
        return  # a failed test's traceback keeps its objects
    assert after == before, f"left behind: {before} -> {after}"


@pytest.fixture(scope="module")
def nothing_kept_before():
    """What other modules' objects have kept is no business of the counts of tests that trim."""
    tieback.trim()


@pytest.fixture
def nothing_by_itself():
    """The collector runs when a test says so, and what it finds says the test."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    outcome = yield
    report = outcome.get_result()
    if report.when == "call" and report.failed:
        item.stash[FAILED] = True


@pytest.fixture
def name(request: pytest.FixtureRequest):
    """A global name that is gone after the test."""
    made = f"{request.module.__name__}.name"
    yield made
    tieback.remove_global_func(made)
