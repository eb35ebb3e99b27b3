"""Simulated models of the instruction-following task: a writer, and who rewrites its instructions."""

from benchmarks.simulated.writing.asked import ConstraintKey
from benchmarks.simulated.writing.curriculum import INSTRUCTIONS
from benchmarks.simulated.writing.writer import Writer

__all__ = ["INSTRUCTIONS", "ConstraintKey", "Writer"]
