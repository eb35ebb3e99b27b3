"""GRPO by `dspy.GRPO`, with the paper's settings; it trains the model, for which a GPU server is needed."""

from __future__ import annotations

from typing import Any

import dspy
from dspy.clients.provider import Provider

from benchmarks.harness.meter import CountingMetric
from benchmarks.harness.setting import Found, RefusedError, Setting, quiet

ENVIRONMENT = "DSPY_GEPA_GPU_SERVER"
GROUP, EXAMPLES, STEPS, VALIDATE_EVERY = 12, 4, 500, 20
CONTEXT = 8_192  # tokens of prompt and answer together, in training and in serving (artifact)
# The paper's training, under the names of its server (Arbor). The artifact gives `max_context_length` to the
# optimizer of its own DSPy; that of today hands on what it is given to the server.
TRAINING: dict[str, Any] = {
    "max_context_length": CONTEXT,
    "temperature": 0.6,
    "per_device_train_batch_size": 1,
    "gradient_checkpointing": True,
    "gradient_checkpointing_kwargs": {"use_reentrant": False},
    "scale_rewards": True,
    "beta": 0.01,
    "learning_rate": 1e-5,
    "max_grad_norm": 0.1,
    "gradient_accumulation_steps": 20,
    "lr_scheduler_type": "constant_with_warmup",
    "bf16": True,
    "lora_config": {
        "lora_alpha": 64,
        "lora_dropout": 0.05,
        "r": 16,
        "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj", "up_proj", "down_proj", "gate_proj"],
    },
}


def grpo(setting: Setting, metric: CountingMetric) -> Found:
    """Train the task's model: 48 rollouts a step, as many steps as the budget pays (the paper: 500).

    Raises:
        RefusedError: There is no GPU server, or no client for it.
    """
    provider = provider_of(setting.gpu_server)
    return train(setting, metric, provider, STEPS if setting.paper else steps_within(setting.budget))


def steps_within(budget: int) -> int:
    """Return the number of steps that a budget pays for, at least one."""
    return max(1, budget // (GROUP * EXAMPLES))


def train(setting: Setting, metric: CountingMetric, provider: Provider, steps: int) -> Found:
    """Run the training, on the server of `provider`."""
    from dspy.teleprompt.grpo import GRPO

    asked = dspy.settings.lm
    # What it is served by now, with a key of its own, gives way to the server that trains it.
    options = {**asked.kwargs, "api_base": setting.gpu_server, "api_key": "none"}
    lm = dspy.LM(asked.model, provider=provider, **options)
    program = setting.task.program()
    program.set_lm(lm)
    optimizer = GRPO(
        metric=metric.number,
        multitask=True,
        # The artifact says False, for which today's DSPy has no support. It is the same: no program here has
        # demonstrations.
        exclude_demos=True,
        train_kwargs={**TRAINING},
        num_threads=setting.threads,
        num_train_steps=steps,
        num_dspy_examples_per_grpo_step=EXAMPLES,
        num_rollouts_per_grpo_step=GROUP,
        num_steps_for_val=VALIDATE_EVERY,
        use_train_as_val=False,
        report_train_scores=False,
        variably_invoked_predictor_grouping_mode="fill",
        variably_invoked_predictor_fill_strategy="randint",
        seed=setting.seed,
    )
    with quiet():
        trained = optimizer.compile(program, trainset=setting.task.train, valset=setting.task.val)
    return Found(trained, {"settings": {"steps": steps}})


def provider_of(server: str | None) -> Provider:
    """Return the client of the server. Raises RefusedError if either is missing."""
    if server is None:
        raise RefusedError(
            "grpo trains the model itself and needs a server with a GPU that can do so (Arbor). Start one, "
            f"and give its address as --gpu-server or in {ENVIRONMENT}; or leave grpo out: the report has "
            "its published figures."
        )
    try:
        from arbor import ArborProvider
    except ImportError as error:
        raise RefusedError(
            "grpo speaks to its server through the package arbor-ai, which is not installed: "
            "pip install arbor-ai, on Linux with a GPU."
        ) from error
    provider: Provider = ArborProvider()
    return provider
