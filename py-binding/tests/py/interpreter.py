"""Which interpreter the tests run on, as far as that changes what they ask."""

from __future__ import annotations

import sys

GIL: bool = getattr(sys, "_is_gil_enabled", lambda: True)()
FREE = not GIL
