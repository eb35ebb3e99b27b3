"""The record worlds: a clerk that tidies values of messy records, its curriculum, its judge.

Separate from the multi-hop world: cheap (one call and some regular expressions per predictor), and made to
stress different properties of prompt optimizers. The worlds themselves are in `benchmarks.tasks.worlds`.
"""

from benchmarks.simulated.worlds.records.clerk import Clerk, ClerkKnobs
from benchmarks.simulated.worlds.records.curriculum import RecordCurriculum, ReflectorKnobs
from benchmarks.simulated.worlds.records.judge import RecordJudge

__all__ = ["Clerk", "ClerkKnobs", "RecordCurriculum", "RecordJudge", "ReflectorKnobs"]
