"""The published figures, with their sources: what a reproduction is set beside."""

from __future__ import annotations

from benchmarks.published.figures import Scores, budget_of, lengths_of, published, sources, tables

__all__ = ["Scores", "budget_of", "lengths_of", "published", "sources", "tables"]
