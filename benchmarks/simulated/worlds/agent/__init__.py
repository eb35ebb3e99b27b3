"""The agent task's world: a model that works with tools, and the curriculum of their descriptions."""

from benchmarks.simulated.worlds.agent.curriculum import AgentCurriculum, AgentKnobs
from benchmarks.simulated.worlds.agent.worker import AgentWorker

__all__ = ["AgentCurriculum", "AgentKnobs", "AgentWorker"]
