"""The options of `python -m benchmarks run`: what they name, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from benchmarks.harness.models import PRESETS, SIMULATED_MODELS, Models
from benchmarks.paper.options import read_models
from benchmarks.paper.run import run


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--optimizer", "textgrad"], "published figures"),
        (["--optimizer", "grpo"], "--gpu-server"),
        (["--optimizer", "sgd"], "known are baseline"),
        (["--budget", "much"], "or paper"),
        (["--models", "qwen3-8b"], "--api-base"),
        (["--api-base", "http://localhost:1/v1"], "simulated"),
        (["--price", "a=b"], "MODEL=IN,OUT"),
        (["--price", "a=nan,1"], "MODEL=IN,OUT"),
        (["--price", "a=1,-1"], "MODEL=IN,OUT"),
        (["--seeds", "3-1"], "names no seed"),
        (["--seeds", "one"], "0-19"),
        (["--val", "0"], "x>=1"),
        (["--threads", "0"], "x>=1"),
        (["--max-cost", "0"], "x>0"),
        (["--models", "gpt-4.1-mini", "--lm", "openai/other"], "leave one of them out"),
        (["--lm", "openai/unheard-of", "--max-cost", "1"], "--price openai/unheard-of=IN,OUT"),
    ],
)
def test_what_cannot_be_run_is_refused_with_the_remedy(options: list[str], told: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(run, ["easy", *options, "--out", str(tmp_path)])
    assert done.exit_code == 2
    assert told in " ".join(done.output.replace("│", " ").split())


def models_of(preset: str | None, **named: str) -> Models:
    unnamed: dict[str, Any] = dict.fromkeys(("task", "reflection", "judge", "both", "api_base"))
    return read_models(preset, engine="auto", **(unnamed | named))


def test_models_are_those_of_the_preset_but_for_those_that_are_named() -> None:
    assert models_of(None) == Models()
    every = models_of(None, both="openai/a", judge="openai/b")
    assert (every.task, every.reflection, every.judge) == ("openai/a", "openai/a", "openai/b")
    judge = every.judge_lm()
    assert judge is not None
    assert judge.model == "openai/b"
    own = models_of("gpt-4.1-mini", task="openai/a")
    assert (own.task, own.reflection, own.judge) == ("openai/a", "openai/a", PRESETS["gpt-4.1-mini"].judge)
    other = models_of("gpt-4.1-mini", reflection="openai/c")
    assert (other.task, other.reflection) == (PRESETS["gpt-4.1-mini"].task, "openai/c")
    assert other.sampling == {"temperature": 1.0}


def test_the_judge_answers_at_temperature_0_with_few_tokens_unless_it_is_a_reasoning_model() -> None:
    for models in (PRESETS["qwen3-8b"], Models(task="openai/x", sampling={"temperature": 1.0})):
        judge = models.judge_lm()
        assert judge is not None
        assert (judge.kwargs["temperature"], judge.kwargs["max_tokens"]) == (0.0, 4_000)
    own = Models(task="openai/x", api_base="http://localhost:1/v1").judge_lm()
    assert own is not None
    assert own.kwargs["api_base"] == "http://localhost:1/v1"
    reasoning = Models(task="openai/x", judge="openai/gpt-5-mini").judge_lm()
    assert reasoning is not None
    assert reasoning.kwargs.get("temperature") is None
    assert SIMULATED_MODELS.judge_lm() is None
