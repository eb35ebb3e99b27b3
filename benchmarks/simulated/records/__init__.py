"""The record worlds' simulated models: a clerk that tidies values of messy records, its coach, its judge.

A family apart from the multi-hop world: cheap (one call and some regular expressions per predictor), and made
to stress different properties of prompt optimizers. The worlds themselves are in `benchmarks.tasks.worlds`.
"""

from benchmarks.simulated.records.clerk import Clerk, ClerkKnobs
from benchmarks.simulated.records.judge import Judge
from benchmarks.simulated.records.reflector import RecordReflector, ReflectorKnobs

__all__ = ["Clerk", "ClerkKnobs", "Judge", "RecordReflector", "ReflectorKnobs"]
