"""What a finished run tells: the fields of `dspy.GEPA`'s result under their names, and our own."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from operator import index
from pathlib import Path
from typing import Any, SupportsIndex

import dspy

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.program.log import log_warning
from dspy_gepa.program.messages import Messages, messages_by_predictor
from dspy_gepa.program.plain import to_plain
from dspy_gepa.record.model import RunRecord
from dspy_gepa.record.pareto import undominated
from dspy_gepa.report.page import TITLE, Report
from dspy_gepa.runtime.codec import proposal_data
from dspy_gepa.steps import Proposal
from dspy_gepa.texts import (
    IN_SAMPLE,
    Length,
    diff_texts,
    finite,
    length_of_texts,
    render_against_original,
    render_estimate,
)
from dspy_gepa.texts import report as markdown
from dspy_gepa.types import Usage


@dataclass(frozen=True)
class GEPAResult:
    """Everything a run found. Lists are in order of discovery; the seed program is candidate 0.

    A validation row goes by its index in `valset`. Where that was left out, or is equal to the train set,
    `score_is_in_sample` is True. Copies of a program share the result; it is a record and does not change.

    Attributes:
        candidates: The programs in the pool.
        texts: Their texts, component name to instruction.
        parents: Indices of each candidate's parents; ``[None]`` for the seed.
        val_aggregate_scores: Mean validation score of each candidate; with a strategy that does not run all
            of them on the validation set, what each is believed to score on rows like these.
        intervals: For each the interval that holds what it is worth on rows like these with probability 0.9.
        coverage: How many different rows each was run on, train rows included.
        val_subscores: Score of each candidate by validation row it was run on.
        per_val_instance_best_candidates: By validation row, the candidates that are best on it. Rows that no
            candidate was run on are left out.
        best_outputs_valset: By validation row, the best candidates with what they gave there, fields as
            plain data; no fields where the program failed. None without `track_best_outputs`.
        discovery_eval_counts: Rollouts spent when each candidate was found, before its validation.
        val_aggregate_subscores: By candidate, each objective's mean over the validation rows where all were
            run on the same ones; else what each is believed to reach, since raw means over different rows
            cannot be compared. None when the metric gives no objectives.
        per_objective_best_candidates: By objective, the candidates for which that is highest; or None.
        objective_pareto_front: By objective, the highest of them; or None.
        group_scores: By candidate, its score in each group of examples, from rows of that group alone and
            reckoned as in `val_aggregate_subscores`. None without `groups`.
        group_intervals: For each the interval that holds this with probability 0.9; or None.
        total_metric_calls: Rollouts executed.
        num_full_val_evals: Candidates that were run on the whole validation set.
        log_dir: Where files were written, or None.
        seed: The run's seed.
        best_idx: Index of the candidate that `compile` returned.
        score: What it is expected to score on rows like these.
        interval: The interval that holds this with probability 0.9.
        score_is_in_sample: True when the validation rows are those that were reflected on. The score then
            flatters the program on other rows.
        gain: What it is expected to score more than the seed.
        gain_interval: The interval that holds this with probability 0.9.
        better_than_original: Probability that it is better than the program as it was given.
        choice_reason: Why it was returned.
        proposals: What every step came to, rejected proposals with their reasons included.
        reflection_calls: Answers asked of the reflection LM.
        total_tokens: Prompt and completion tokens of all language models, judges in the metric included.
        total_cost: US dollars, as far as prices are known.
        usage: The same by phase: `reflection`, `train rollouts` and `validation rollouts`.
        stop_reason: Why the search ended.
        record: How the run went, step by step: what reports are made of.
    """

    candidates: list[dspy.Module]
    texts: list[dict[str, str]]
    parents: list[list[int | None]]
    val_aggregate_scores: list[float]
    intervals: list[tuple[float, float]]
    coverage: list[int]
    val_subscores: list[dict[int, float]]
    per_val_instance_best_candidates: dict[int, set[int]]
    best_outputs_valset: dict[int, list[tuple[int, dspy.Prediction]]] | None
    discovery_eval_counts: list[int]
    val_aggregate_subscores: list[dict[str, float]] | None
    per_objective_best_candidates: dict[str, set[int]] | None
    objective_pareto_front: dict[str, float] | None
    group_scores: list[dict[str, float]] | None
    group_intervals: list[dict[str, tuple[float, float]]] | None
    total_metric_calls: int
    num_full_val_evals: int
    log_dir: str | None
    seed: int
    best_idx: int
    score: float
    interval: tuple[float, float]
    score_is_in_sample: bool
    gain: float
    gain_interval: tuple[float, float]
    better_than_original: float
    choice_reason: str
    proposals: tuple[Proposal, ...]
    reflection_calls: int
    total_tokens: int
    total_cost: float
    usage: dict[str, Usage]
    stop_reason: str
    record: RunRecord

    def __deepcopy__(self, memo: dict[int, Any]) -> GEPAResult:
        # Else whoever copies a program copies all its candidates, and a second compile does so for each.
        return self

    @property
    def best_candidate(self) -> dspy.Module:
        """The program that `compile` returned, as a module of its own."""
        return self.candidates[self.best_idx]

    @property
    def highest_score_achieved_per_val_task(self) -> dict[int, float]:
        """By validation row, the best score that any candidate reached."""
        best = self.per_val_instance_best_candidates
        return {row: self.val_subscores[min(members)][row] for row, members in best.items()}

    @property
    def trade_offs(self) -> list[int]:
        """The candidates worth choosing from, the highest score first.

        No other candidate is at least as good as one of these in score and in every objective, and better in
        one. Without objectives these are the candidates with the highest score.
        """
        objectives = self.val_aggregate_subscores or [{} for _ in self.texts]
        points = [[s, *o.values()] for s, o in zip(self.val_aggregate_scores, objectives, strict=True)]
        kept = [i for i in undominated(points) if not math.isnan(self.val_aggregate_scores[i])]
        return sorted(kept, key=lambda i: -self.val_aggregate_scores[i])

    @property
    def rejected(self) -> tuple[Proposal, ...]:
        """The proposals that came to nothing, each with its `reason`."""
        return tuple(proposal for proposal in self.proposals if proposal.verdict != "accepted")

    @property
    def seed_length(self) -> Length:
        """How long the texts of the program were as it was given."""
        return length_of_texts(self.texts[0])

    @property
    def best_length(self) -> Length:
        """How long the texts of the program are that `compile` returned."""
        return length_of_texts(self.texts[self.best_idx])

    def lineage(self, candidate: int | None = None) -> list[int]:
        """The candidate with all that it descends from, oldest first; default the one that was returned.

        Raises:
            ConfigurationError: There is no such candidate.
        """
        return list(self.record.lineage(self._index(candidate)))

    def diff(self, first: int = 0, second: int | None = None) -> str:
        """What changed from one candidate to another, by component, a sentence to a line.

        Args:
            first: Index of the candidate to start from; default the seed.
            second: Index of the other one; default the one that was returned.

        Raises:
            ConfigurationError: There is no such candidate.
        """
        return diff_texts(self.texts[self._index(first)], self.texts[self._index(second)])

    def report(self, path: str | Path | None = None, *, title: str = TITLE) -> Report:
        """The run as a page of HTML, which a notebook shows; with `path` it is written as one file.

        Args:
            path: Where to write it; default nowhere. An older file is replaced.
            title: The page's title.

        Raises:
            ConfigurationError: jinja2 is not installed, see the extra ``report``.
            OSError: The file cannot be written.
        """
        report = Report(self.record, title)
        if path is not None:
            report.save(path)
        return report

    def to_markdown(self) -> str:
        """A report: gain, cost, why the run ended, and the final texts, each in a code block."""
        return markdown(TITLE, self._facts(), self.texts[self.best_idx])

    def to_messages(
        self, example: dspy.Example | Mapping[str, Any], candidate: int | None = None
    ) -> Messages | dict[str, Messages]:
        """The chat messages that a candidate sends for an example, for use without DSPy.

        They are as the configured adapter (default `dspy.ChatAdapter`) writes them for a model without native
        tools or reasoning.

        Args:
            example: A `dspy.Example`, or a mapping of input fields, which may hold those that one predictor
                hands on to another.
            candidate: Its index; default the one that was returned.

        Returns:
            For a program with one predictor, its messages. For one with several, the messages of those whose
            inputs are there, by name; a warning is logged that names what the others lack.

        Raises:
            ConfigurationError: There is no such candidate, or no predictor has all its inputs.
        """
        program = self.candidates[self._index(candidate)]
        found, missing = messages_by_predictor(program, example)
        lacking = "; ".join(f"{name} lacks {', '.join(fields)}" for name, fields in missing.items())
        remedy = "Pass them as a mapping, to_messages({'field': value, ...})"
        if not found:
            raise ConfigurationError(f"No messages can be written: {lacking}. {remedy}.")
        if missing:
            log_warning(f"messages are written of {', '.join(found)} only: {lacking}. {remedy}")
        return next(iter(found.values())) if len(found) + len(missing) == 1 else found

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON-like data, with texts in place of programs. Keys as in `dspy.GEPA`, and ours."""
        data = {
            name: getattr(self, name) for name in self.__dataclass_fields__ if name not in ("texts", "record")
        }
        data["candidates"] = self.texts
        for name in ("per_val_instance_best_candidates", "per_objective_best_candidates"):
            data[name] = data[name] and {key: sorted(best) for key, best in data[name].items()}
        outputs = self.best_outputs_valset
        data["best_outputs_valset"] = outputs and {
            row: [(member, to_plain(output)) for member, output in best] for row, best in outputs.items()
        }
        data["intervals"] = [list(interval) for interval in self.intervals]
        data["group_intervals"] = self.group_intervals and [
            {group: list(interval) for group, interval in own.items()} for own in self.group_intervals
        ]
        data["interval"], data["gain_interval"] = list(self.interval), list(self.gain_interval)
        data["proposals"] = [proposal_data(p) for p in self.proposals]
        data["usage"] = {phase: asdict(used) | {"cost": used.cost} for phase, used in self.usage.items()}
        data["lineage"], data["trade_offs"] = self.lineage(), self.trade_offs
        data["length"] = {"seed": self.seed_length._asdict(), "best": self.best_length._asdict()}
        return data

    def to_json(self, indent: int | None = None) -> str:
        """`to_dict` as strict JSON: numbers that JSON does not know, such as NaN, are null."""
        return json.dumps(finite(self.to_dict()), allow_nan=False, indent=indent)

    def _index(self, candidate: SupportsIndex | None) -> int:
        if candidate is None:
            return self.best_idx
        # numpy's whole numbers too: candidates are often found by argmax.
        whole = isinstance(candidate, SupportsIndex) and not isinstance(candidate, bool)
        if not whole or index(candidate) not in range(len(self.texts)):
            raise ConfigurationError(
                f"There is no candidate {candidate!r}; candidates are 0, the seed, to {len(self.texts) - 1}."
            )
        return index(candidate)

    def _facts(self) -> list[tuple[str, str]]:
        before, after = self.seed_length, self.best_length
        tokens = f"about {before.tokens:,} tokens before, {after.tokens:,} now"
        facts = [
            ("Gain over the seed", f"{render_estimate(self.gain, self.gain_interval)}; {self.choice_reason}"),
            (
                "Score",
                render_estimate(self.score, self.interval) + (IN_SAMPLE if self.score_is_in_sample else ""),
            ),
            ("By group", render_against_original(self.group_scores, self.best_idx)),
            ("Objectives", render_against_original(self.val_aggregate_subscores, self.best_idx)),
            ("Candidates", f"{len(self.texts)}; lineage: {', '.join(map(str, self.lineage()))}"),
            ("Rollouts", f"{self.total_metric_calls:,}; reflections: {self.reflection_calls:,}"),
            ("Tokens", f"{self.total_tokens:,}; US dollars, where prices are known: {self.total_cost:,.4f}"),
            ("Length", f"{before.characters:,} characters before, {after.characters:,} now: {tokens}"),
            ("Stopped because", self.stop_reason),
        ]
        return [(label, value) for label, value in facts if value]
