"""The simulated models of the agent task: one works with tools, one rewrites what they say of themselves."""

from benchmarks.simulated.agent.coach import AgentCoach, CoachKnobs
from benchmarks.simulated.agent.worker import AgentWorker

__all__ = ["AgentCoach", "AgentWorker", "CoachKnobs"]
