"""The simulated models of the code tasks.

`CodeCoach` rewrites array functions, faster, right or wrong. `CodeWriter` writes them by the advice in its
prompt, which `CodeAdviser` rewrites.
"""

from benchmarks.simulated.coder.adviser import AdviserKnobs, CodeAdviser
from benchmarks.simulated.coder.coach import CodeCoach, CodeKnobs
from benchmarks.simulated.coder.writer import CodeWriter

__all__ = ["AdviserKnobs", "CodeAdviser", "CodeCoach", "CodeKnobs", "CodeWriter"]
