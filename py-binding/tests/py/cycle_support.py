"""What the tests of cycles share."""

from __future__ import annotations

from typing import Any


class Opaque:
    """Crosses in a carrier."""

    def __init__(self, to: Any = None) -> None:
        self.to = to
        self.last: Any = None
