"""Simulated models of the instruction-following task: a writer, and who rewrites its instructions."""

from benchmarks.simulated.worlds.writing.asked import ConstraintKey
from benchmarks.simulated.worlds.writing.curriculum import INSTRUCTIONS
from benchmarks.simulated.worlds.writing.writer import Writer

__all__ = ["INSTRUCTIONS", "ConstraintKey", "Writer"]
