"""Executes effects: rollouts and reflections, here or in another process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import dspy

from dspy_gepa.program.rollout import RolloutRunner
from dspy_gepa.reflection.proposer import ProposerRunner
from dspy_gepa.reflection.reflector import ReflectionRunner
from dspy_gepa.types import Effect, Fault, Result, Rollout

# Settings that belong to this process and would not survive the journey.
_LOCAL_SETTINGS = frozenset(
    {
        "trace",
        "callbacks",
        "caller_modules",
        "caller_predict",
        "send_stream",
        "stream_listeners",
        "usage_tracker",
    }
)


class Worker:
    """Executes one effect at a time per call; calls may come from many threads.

    Args:
        rollouts: Runs rollouts.
        reflections: Runs reflections, by the reflection LM or by a proposer of the user's own.
        settings: DSPy settings to run under, where they are not the caller's own.
    """

    def __init__(
        self,
        rollouts: RolloutRunner,
        reflections: ReflectionRunner | ProposerRunner,
        settings: dict[str, Any] | None = None,
    ) -> None:
        self._rollouts = rollouts
        self._reflections = reflections
        self._settings = settings or {}

    def __call__(self, effect: Effect) -> Result | Fault:
        """The effect's result, or the provider's failure."""
        with dspy.context(**self._settings):
            return self._rollouts(effect) if isinstance(effect, Rollout) else self._reflections(effect)

    async def arun(self, effect: Effect) -> Result | Fault:
        """The same on an event loop; what cannot be awaited runs in a helper thread."""
        if isinstance(effect, Rollout):
            return await self._rollouts.arun(effect)
        return await asyncio.to_thread(self._reflections, effect)

    def portable(self) -> Worker:
        """A worker to pickle: wherever it is unpickled, it runs under this process's DSPy settings."""
        settings = {k: v for k, v in dspy.settings.config.items() if k not in _LOCAL_SETTINGS}
        return Worker(self._rollouts, self._reflections, settings)


def report_usage_to() -> Callable[[Result], None]:
    """What tells a `dspy.track_usage` around this call of usage that it cannot see, in other processes."""
    tracker = dspy.settings.usage_tracker

    def credit(result: Result) -> None:
        for lm, (asked, answered) in result.usage.tokens.items():
            used = {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}
            tracker.add_usage(lm, used)

    return (lambda result: None) if tracker is None else credit
