"""The language models of a run: simulated ones, or any that LiteLLM can reach."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import dspy
from dspy.utils.exceptions import LMConfigurationError

from benchmarks.tasks import Task

SIMULATED = "simulated"
MAX_TOKENS = 16_384
# DSPy's defaults when the paper's runs were made, which its judge and outside model had.
JUDGING: Mapping[str, Any] = {"temperature": 0.0, "max_tokens": 4_000}
Engine: TypeAlias = Literal["auto", "litellm"]


@dataclass(frozen=True)
class Models:
    """Names of the models of a run: `simulated` or a LiteLLM name such as `openai/gpt-4.1-mini`.

    Attributes:
        task: Runs the program.
        reflection: Rewrites instructions.
        judge: Judge and outside model, in tasks with such models; None for the task's.
        sampling: Sampling options of the first two, as for `dspy.LM`.
        api_base: Server of the first two, if not the provider's own; its key is OPENAI_API_KEY, which such
            servers seldom require.
        engine: Client of the provider: DSPy's choice, or always LiteLLM.
    """

    task: str = SIMULATED
    reflection: str = SIMULATED
    judge: str | None = None
    sampling: Mapping[str, Any] = field(default_factory=dict, hash=False)
    api_base: str | None = None
    engine: Engine = "auto"

    def task_lm(self, task: Task, seed: int) -> dspy.LM:
        """Return the model that runs the program."""
        return task.task_lm(seed=seed) if self.task == SIMULATED else self._served(self.task)

    def reflection_lm(self, task: Task, seed: int) -> dspy.LM:
        """Return the model that rewrites instructions."""
        return (
            task.reflection_lm(seed=seed) if self.reflection == SIMULATED else self._served(self.reflection)
        )

    def judge_lm(self) -> dspy.LM | None:
        """Return the model that judges, at temperature 0; None leaves it to the task's simulated ones."""
        name = self.judge or self.task
        if name == SIMULATED:
            return None
        server = self._server() if self.judge is None else {}
        try:
            return dspy.LM(name, **JUDGING, **server)
        except LMConfigurationError:  # a reasoning model has no temperature, and thinks in more tokens
            return dspy.LM(name, temperature=None, max_tokens=None, **server)

    @property
    def simulated(self) -> bool:
        """True if any of the models is simulated."""
        return SIMULATED in (self.task, self.reflection, self.judge)

    @property
    def named(self) -> list[str]:
        """The models that are not simulated."""
        names = dict.fromkeys((self.task, self.reflection, self.judge))
        return [name for name in names if name not in (None, SIMULATED)]

    @property
    def label(self) -> str:
        """Heading for figures made with these models."""
        if self.simulated:
            return "simulated LM: compares search algorithms, says nothing about any real model"
        return f"{self.task}, reflection by {self.reflection}"

    def _served(self, name: str) -> dspy.LM:
        return dspy.LM(name, **{"max_tokens": MAX_TOKENS, **self.sampling}, **self._server())

    def _server(self) -> dict[str, Any]:
        options: dict[str, Any] = {"engine": self.engine}
        if self.api_base is not None:
            options |= {"api_base": self.api_base, "api_key": os.environ.get("OPENAI_API_KEY", "none")}
        return options


SIMULATED_MODELS = Models()
GPT = "openai/gpt-4.1-mini-2025-04-14"
QWEN = "openai/Qwen/Qwen3-8B"
# The paper's two models, each reflecting on itself. PUPA's judge and outside model are GPT-4.1 mini for both.
PRESETS: Mapping[str, Models] = {
    "gpt-4.1-mini": Models(GPT, GPT, GPT, sampling={"temperature": 1.0}),
    "qwen3-8b": Models(
        QWEN,
        QWEN,
        GPT,
        # Qwen's settings for thinking, which is the model's default: like the artifact, no switch is sent.
        # top_k is not one of OpenAI's parameters: sent in the request's body, or it would be dropped.
        sampling={"temperature": 0.6, "top_p": 0.95, "extra_body": {"top_k": 20}},
    ),
}
NEED_SERVER = ("qwen3-8b",)
