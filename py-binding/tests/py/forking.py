"""What the tests of forks share."""

from __future__ import annotations

import os

import pytest

from interpreter import FREE

BEGIN = """
import gc, os, sys, threading, warnings
warnings.simplefilter("ignore")  # from 3.12 on fork warns where there are threads
from tie_support import *
def child(work):
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException:
            import traceback
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
        sys.stdout.flush()
        return True
    _, status = os.waitpid(pid, 0)
    assert status == 0, status
    return False
"""

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork")


WAITS = pytest.mark.skipif(
    FREE,
    reason="the child of a free-threaded CPython 3.13 can wait for ever, at its end, for the lock with which "
    "another thread was about to stop the world",
)
