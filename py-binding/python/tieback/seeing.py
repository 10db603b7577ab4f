"""Seeing what is there: ``graph`` and ``why_alive``, which are in ``tieback`` too, and what they return.

``docs/seeing.md`` shows them at work.
"""

from __future__ import annotations

from tieback._seeing import Edge, Graph, Node, graph
from tieback._why import Reason, Step, why_alive

__all__ = ["Edge", "Graph", "Node", "Reason", "Step", "graph", "why_alive"]
