"""What tests ask of the tie."""

from __future__ import annotations

from tieback import _core

__all__ = ["tie_state", "use_count"]

use_count = _core.use_count
tie_state = _core.tie_state
