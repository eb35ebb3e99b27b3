"""What a run will come to, before it is paid for."""

from __future__ import annotations

from dataclasses import dataclass

from dspy_gepa.runtime.budget import Limits

# Share of proposals that pass the trial: 17 to 30 % in the paper's own runs (its search trees).
ACCEPTED = 0.3
# Tokens of a reflection besides its evidence: the task description, the current text, the answer.
REFLECTION_TOKENS = 1_500


@dataclass(frozen=True)
class Sample:
    """What one rollout took.

    Attributes:
        tokens: Of all its language model calls, judge calls included.
        cost: US dollars, or None where no price is known.
        seconds: From start to end.
    """

    tokens: int
    cost: float | None
    seconds: float


@dataclass(frozen=True)
class Shape:
    """The sizes that decide what a step costs.

    Attributes:
        val_size: Validation rows.
        minibatch_size: Train rows of a mutation.
        components: Components of the program.
        rewritten: Components that one mutation rewrites.
        threads: Rollouts at a time.
        reflection_price: US dollars per token of the reflection LM, or None where it is not known.
    """

    val_size: int
    minibatch_size: int
    components: int
    rewritten: int
    threads: int
    reflection_price: float | None = None


@dataclass(frozen=True)
class Forecast:
    """What a run is expected to come to; figures that cannot be known are None.

    Attributes:
        steps: Proposals.
        rollouts: Runs of the program; the only figure that is also a promise: it is never exceeded.
        reflections: Answers of the reflection LM.
        tokens: Of all language models together.
        cost: US dollars.
        seconds: Wall-clock time.
    """

    steps: int
    rollouts: int
    reflections: int
    tokens: int | None = None
    cost: float | None = None
    seconds: float | None = None

    def __str__(self) -> str:
        parts = [f"about {self.steps} steps", f"at most {self.rollouts:,} rollouts"]
        parts.append(f"about {self.reflections:,} reflections")
        parts += [f"{self.tokens:,} tokens"] if self.tokens is not None else []
        parts += [f"${self.cost:,.2f}"] if self.cost is not None else []
        parts += [f"{self.seconds / 60:.1f} minutes"] if self.seconds is not None else []
        return ", ".join(parts)


def forecast(limits: Limits, shape: Shape, sample: Sample | None = None) -> Forecast:
    """The run that `limits` allow, from the sizes and, if there was one, a pre-flight rollout.

    A limit in dollars, tokens, seconds or reflections shortens the run it would otherwise be.
    """
    per_step = 2 * shape.minibatch_size + ACCEPTED * shape.val_size
    rollouts = limits.rollouts
    for _ in range(4):  # each pass applies every limit once; they are all but independent
        steps = max(0.0, (rollouts - shape.val_size) / per_step)
        reflections = steps * shape.rewritten
        found = _with_sample(steps, rollouts, reflections, shape, sample)
        share = min(
            1.0,
            _share(limits.reflections, found.reflections),
            _share(limits.tokens, found.tokens),
            _share(limits.cost, found.cost),
            _share(limits.seconds, found.seconds),
        )
        rollouts = min(rollouts, max(shape.val_size, int(rollouts * share)))
    return found


def _with_sample(
    steps: float, rollouts: int, reflections: float, shape: Shape, sample: Sample | None
) -> Forecast:
    if sample is None:
        return Forecast(round(steps), rollouts, round(reflections))
    evidence = shape.minibatch_size * sample.tokens / shape.components
    reflecting = reflections * (evidence + REFLECTION_TOKENS)
    priced = sample.cost is not None and shape.reflection_price is not None
    cost = rollouts * (sample.cost or 0.0) + reflecting * (shape.reflection_price or 0.0) if priced else None
    # A step waits for its parent's rollouts, the reflection and the child's rollouts one after another.
    waves = 2 * -(-shape.minibatch_size // shape.threads) + 1 + ACCEPTED * -(-shape.val_size // shape.threads)
    seconds = sample.seconds * (-(-shape.val_size // shape.threads) + steps * waves)
    return Forecast(
        steps=round(steps),
        rollouts=rollouts,
        reflections=round(reflections),
        tokens=round(rollouts * sample.tokens + reflecting),
        cost=cost,
        seconds=seconds,
    )


def _share(limit: float | None, expected: float | None) -> float:
    if limit is None or not expected:
        return 1.0
    return limit / expected
