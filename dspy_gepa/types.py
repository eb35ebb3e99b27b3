"""The vocabulary of the optimizer: immutable values that every other module passes around.

Nothing here has an effect. All values are plain data (strings, numbers, mappings), so that they can be
recorded, compared and sent to another process.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar

# What DSPy's adapters cut out of a message and send as an image or another medium.
MEDIA_START = "<<CUSTOM-TYPE-START-IDENTIFIER>>"
MEDIA_END = "<<CUSTOM-TYPE-END-IDENTIFIER>>"

Split: TypeAlias = Literal["train", "val", "test"]
Status: TypeAlias = Literal["scored", "program_failed", "unavailable"]
TextKind: TypeAlias = Literal["instructions", "field", "tool", "argument", "text", "code", "module"]

# Phases of the language model use of rollouts, by the set of their row.
PHASES = {"train": "train rollouts", "val": "validation rollouts", "test": "test rollouts"}

# Maximum absolute score: beyond it, sums of squares overflow.
LARGEST_SCORE = 1e100

# Scores may miss or exceed a limit by this much, from rounding.
SCORE_SLACK = 1e-6

Key = TypeVar("Key")


def passed(lowest: Mapping[Key, float], scores: Mapping[Key, float]) -> dict[Key, float]:
    """Return the rows that reach their lowest score, with it; none without a score, or with NaN."""
    return {row: low for row, low in lowest.items() if scores.get(row, math.nan) >= low - SCORE_SLACK}


def not_passed(lowest: Mapping[Key, float], scores: Mapping[Key, float]) -> tuple[Key, ...]:
    """Return the rows whose scores are below their lowest one; none without a score, or with NaN."""
    return tuple(row for row, low in lowest.items() if scores.get(row, math.nan) < low - SCORE_SLACK)


# `TraceStep.component` of the step that stands for the whole program.
PROGRAM = ""


class Row(NamedTuple):
    """One example of a data set. Rows of different sets never share an identity."""

    split: Split
    position: int

    def __str__(self) -> str:
        return f"{self.split}/{self.position}"


@dataclass(frozen=True)
class Candidate(Mapping[str, str]):
    """An immutable mapping from component name to text. Two candidates with equal texts are equal."""

    texts: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, texts: Mapping[str, str]) -> Candidate:
        """Return the candidate with these texts, components in the mapping's order."""
        return cls(tuple(texts.items()))

    @cached_property
    def id(self) -> str:
        """Sixteen hex digits that depend on the content alone."""
        canonical = json.dumps(sorted(self.texts), ensure_ascii=False)
        return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()[:16]

    @cached_property
    def _by_name(self) -> dict[str, str]:
        return dict(self.texts)

    def with_texts(self, changes: Mapping[str, str]) -> Candidate:
        """Return the candidate with some components rewritten; the order of components is kept."""
        return Candidate(tuple((name, changes.get(name, text)) for name, text in self.texts))

    def __getitem__(self, name: str) -> str:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self.texts)

    def __hash__(self) -> int:
        return hash(self.id)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Candidate) and self.id == other.id


@dataclass(frozen=True)
class Component:
    """A text of the program that can be rewritten, and its role there.

    Attributes:
        name: Path of the predictor in the program, as in `named_predictors`, with a suffix for texts that
            belong to a predictor: ``answer/fields/question``. For texts and sources, their own path.
        inputs: Input field names with their descriptions.
        outputs: Output field names with their descriptions.
        purpose: The original instructions, or the purpose that the user gave.
        kind: Kind of text: instructions, the description of a field, a tool or a tool's argument, a text,
            Python code, or a Python module.
        callers: Predictors whose calls show the text's effect; none if whole rollouts do.
        tool: Name of the tool that it describes.
        part: Name of the field or argument that it describes.
        lists_tools: True for instructions with placeholders for descriptions of tools.
        context: Further facts that its author has to know.
        missing: True if there is no text yet; the reflection model writes the first one.
    """

    name: str
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    purpose: str = ""
    kind: TextKind = "instructions"
    callers: tuple[str, ...] = ()
    tool: str = ""
    part: str = ""
    lists_tools: bool = False
    context: str = ""
    missing: bool = False


@dataclass(frozen=True)
class TraceStep:
    """One call of one predictor during a rollout.

    Attributes:
        component: The predictor's name, None for a predictor that is not a component of the program, or
            `PROGRAM` where the step is the whole program's run.
        inputs: Field values as plain data.
        outputs: Field values as plain data; empty when the call failed.
        failure: None, or the error with the raw text and the format that was expected.
        texts: Of the whole program's run, the `dspy_gepa.Text` components that it read.
    """

    component: str | None
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    failure: str | None = None
    texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Usage:
    """Language model use of one effect, summed over its calls.

    Attributes:
        calls: Answers received, cached ones included.
        tokens: Prompt and completion tokens per model: ``{"openai/x": (120, 40)}``.
        costs: US dollars per model; a model whose price is not known is left out.
        unreported: Number of answers whose provider reported no tokens.
        estimated: Tokens of these by model, estimated from the length of prompts and answers. They are no
            part of `tokens`; their price is part of `costs` if it is known.
    """

    calls: int = 0
    tokens: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    costs: Mapping[str, float] = field(default_factory=dict)
    unreported: int = 0
    estimated: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: Usage) -> Usage:
        tokens, costs = dict(self.tokens), dict(self.costs)
        estimated: dict[str, int] = {}
        if self.estimated or other.estimated:
            estimated = dict(Counter(self.estimated) + Counter(other.estimated))
        for model, (asked, answered) in other.tokens.items():
            before = tokens.get(model, (0, 0))
            tokens[model] = (before[0] + asked, before[1] + answered)
        for model, cost in other.costs.items():
            costs[model] = costs.get(model, 0.0) + cost
        unreported = self.unreported + other.unreported
        return Usage(self.calls + other.calls, tokens, costs, unreported, estimated)

    @property
    def cost(self) -> float:
        """US dollars of all models, as far as prices are known."""
        return sum(self.costs.values(), 0.0)

    @property
    def total_tokens(self) -> int:
        """Prompt and completion tokens of all models, as they were reported."""
        return sum(asked + answered for asked, answered in self.tokens.values())

    @property
    def spent_tokens(self) -> int:
        """Tokens of all models, estimated where none were reported."""
        return self.total_tokens + sum(self.estimated.values())


@dataclass(frozen=True)
class Outcome:
    """The result of one rollout; if a provider failed, there is a `Fault` instead.

    Attributes:
        status: `scored`, or `program_failed`: the candidate's fault, which has a score and feedback too, or
            `unavailable`: a provider failed in every attempt while other rollouts succeeded.
        score: The metric's score; higher is better. NaN if unavailable.
        objectives: Further named scores from the metric, if any.
        feedback: Text for the whole rollout.
        component_feedback: Text per component, when the metric takes `pred_name`.
        trace: The predictors' calls in order; kept for train rows only.
        output: The program's prediction as plain data.
        error: The exception that ended a failed rollout, or that the metric raised, as one line.
        cause: Class name of that exception.
        metric_failed: True when the metric raised it. With `scored` it is only feedback that is missing.
        usage: Language model use, judge calls in the metric included.
    """

    status: Status
    score: float = 0.0
    objectives: Mapping[str, float] = field(default_factory=dict)
    feedback: str = ""
    component_feedback: Mapping[str, str] = field(default_factory=dict)
    trace: tuple[TraceStep, ...] = ()
    output: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    cause: str = ""
    metric_failed: bool = False
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True)
class Fault:
    """An attempt at an effect that failed because of a provider. It is retried and never scored.

    Attributes:
        cause: Class name of the error.
        error: The error as one line.
        retry_after: Seconds the provider asked to wait, or None.
        overload: The provider wants fewer requests at a time (HTTP 429).
        fatal: Trying again cannot help, e.g. a wrong API key or an unknown model.
        timeout: The rollout's own time limit ran out.
        refused: The provider answered, but not with a completion: its content filter refused.
        unreachable: No server was reached: the connection was refused, or no host has the name.
        usage: Language model use until the failure.
    """

    cause: str
    error: str
    retry_after: float | None = None
    overload: bool = False
    fatal: bool = False
    timeout: bool = False
    refused: bool = False
    unreachable: bool = False
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True)
class Rollout:
    """Effect: run one candidate on one row. Executed at most once per run for each key.

    Attributes:
        candidate: The candidate.
        row: The row.
        past_cache: True to ask the provider, whatever DSPy's cache holds.
    """

    candidate: Candidate
    row: Row
    past_cache: bool = False

    @cached_property
    def key(self) -> str:
        """Text that is equal for equal candidates and rows."""
        return f"{self.candidate.id}:{self.row}:0"


@dataclass(frozen=True)
class Reflect:
    """Effect: ask the reflection language model for a new text of one component.

    Attributes:
        component: Name of the component.
        current_text: Current text of the component.
        program: The program's components and their purposes.
        evidence: Rollouts of this component with their feedback, as Markdown; "" asks for a first text.
        history: Earlier edits of this component and their effects, or "".
        objection: Reason why the model's previous answer could not be used, or "".
        texts: The parent's texts; only for a proposer of the user's own.
        records: The evidence as JSON data; only for a proposer of the user's own.
        kind: Kind of text.
        subject: The text's role in words; "" for instructions.
        context: Further facts that its author has to know, or "".
        published: Ask as the artifact does: its evidence is in that form; of the other fields, only the
            guidance is shown.
        past_cache: True to ask the provider, whatever DSPy's cache holds.
        guidance: Rules of the user that hold for every new text, or "".
    """

    component: str
    current_text: str
    program: str
    evidence: str
    history: str = ""
    objection: str = ""
    texts: Candidate | None = None
    records: str = ""
    kind: TextKind = "instructions"
    subject: str = ""
    context: str = ""
    published: bool = False
    past_cache: bool = False
    guidance: str = ""

    @cached_property
    def digest(self) -> str:
        """Sixteen hex digits that depend on everything that is asked."""
        # Without flags and guidance that are not set: journals from before them hold such digests.
        names = [f.name for f in fields(self) if getattr(self, f.name) is not False]
        names = [name for name in names if name != "guidance" or self.guidance]
        asked = json.dumps([getattr(self, name) for name in names], default=dict)
        return hashlib.sha256(asked.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Reflection:
    """An answer of the reflection language model; if its provider failed, there is a `Fault` instead.

    Attributes:
        text: The proposed text as it came; unchecked.
        truncated: True when the provider cut the answer off at its length limit.
        error: Reason why the answer contains no text, or "".
        cause: Class name of the exception behind `error`.
        unavailable: True if the provider failed in every attempt while it answered other prompts.
        usage: Language model use.
    """

    text: str = ""
    truncated: bool = False
    error: str = ""
    cause: str = ""
    unavailable: bool = False
    usage: Usage = field(default_factory=Usage)


Effect: TypeAlias = Rollout | Reflect
Result: TypeAlias = Outcome | Reflection


@dataclass(frozen=True)
class Levels:
    """Levels of the members by objective and by group, each by name and then by member.

    Attributes:
        objectives: Levels by objective; empty if the metric reports none.
        groups: Scores by group of examples; empty without groups. NaN for members that were not run there.
        group_intervals: Intervals that contain the expected scores there with probability 0.9.
    """

    objectives: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    groups: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    group_intervals: Mapping[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class HeldOut:
    """Scores on the test set, on which nothing was decided. Intervals hold with probability 0.9.

    Attributes:
        rows: Number of rows that both programs were scored on.
        original: Mean score of the original program.
        original_interval: Interval that contains its expected score.
        score: Mean score of the returned program.
        interval: Interval that contains its expected score.
        gain: Mean difference of the two, row by row.
        gain_interval: Interval that contains the expected difference.
    """

    rows: int
    original: float
    original_interval: tuple[float, float]
    score: float
    interval: tuple[float, float]
    gain: float
    gain_interval: tuple[float, float]
