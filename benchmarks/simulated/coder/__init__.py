"""The simulated model of the code task: a coach that writes array functions, faster, right or wrong."""

from benchmarks.simulated.coder.coach import CodeCoach, CodeKnobs

__all__ = ["CodeCoach", "CodeKnobs"]
