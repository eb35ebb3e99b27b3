"""The result of a run: the fields of `dspy.GEPA`'s result under their names, and our own."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from html import escape
from operator import index
from pathlib import Path
from typing import Any, SupportsIndex, TypeVar, overload

import numpy as np

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.program.dspy_api import Example, Module, Prediction
from dspy_gepa.program.log import log_warning
from dspy_gepa.program.messages import Messages, messages_by_predictor
from dspy_gepa.program.plain import as_prediction, to_plain
from dspy_gepa.record.model import RunRecord
from dspy_gepa.record.pareto import pareto_front
from dspy_gepa.report.page import TITLE, Report
from dspy_gepa.runtime.codec import as_json, proposal_data
from dspy_gepa.runtime.failures import render_causes
from dspy_gepa.search.belief.summary import best_members
from dspy_gepa.search.loop import Search
from dspy_gepa.steps import Proposal
from dspy_gepa.texts import (
    IN_SAMPLE,
    Length,
    candidate_among,
    candidate_name,
    counted,
    diff_texts,
    escape_controls,
    finite,
    length_of_texts,
    render_against_original,
    render_estimate,
    render_gain,
    render_report,
)
from dspy_gepa.types import PHASES, Candidate, HeldOut, Row, Usage
from dspy_gepa.views.words import measured_text, must_pass_text, summary_text, test_text

T = TypeVar("T")

# The name under which `dspy.GEPA` attaches its result.
DETAILS = "detailed_results"


class Programs(Sequence[Module]):
    """The programs of candidates. Each is built when it is first asked for: a long run has thousands.

    Pickled, they are a list.

    Args:
        candidates: The candidates.
        build: Makes the program of a candidate.
    """

    def __init__(self, candidates: Sequence[Candidate], build: Callable[[Candidate], Module]) -> None:
        self._candidates, self._build = candidates, build
        self._built: dict[int, Module] = {}

    def __len__(self) -> int:
        return len(self._candidates)

    @overload
    def __getitem__(self, index: SupportsIndex) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> list[Module]: ...
    def __getitem__(self, index: SupportsIndex | slice) -> Module | list[Module]:
        places = range(len(self))[index]
        if isinstance(places, range):
            return [self[place] for place in places]
        if places not in self._built:
            self._built.setdefault(places, self._build(self._candidates[places]))
        return self._built[places]

    def __reduce__(self) -> tuple[type[list[Module]], tuple[list[Module]]]:
        return list, (list(self),)

    def __repr__(self) -> str:
        return f"<programs of {counted(len(self), 'candidate')}>"


@dataclass(frozen=True)
class GEPAResult:
    """Everything a run found. Lists are in order of discovery; candidate 0 is the original program.

    A validation row is named by its index in `valset`. If that was omitted, or equals the train set,
    `score_is_in_sample` is True. Copies of a program share the result; it is a record and does not change.

    Attributes:
        programs: The programs in the pool, each built when it is first asked for.
        texts: Their texts, from component name to text.
        parents: Indices of each candidate's parents; ``[None]`` for the original and initial candidates.
        val_aggregate_scores: Score of each candidate: with ``"paper"`` its mean over the validation rows;
            with ``"adaptive"``, which does not run every candidate on all of them, its expected score.
        intervals: For each candidate, the interval that holds this score with probability 0.9.
        coverage: Number of different rows each candidate was run on, train rows included.
        val_subscores: Score of each candidate on each validation row it was run on.
        per_val_instance_best_candidates: For each validation row that was run, its best candidates.
        best_outputs_valset: For each validation row, the best candidates with their outputs as plain data; an
            output has no fields if the program failed. None without `track_best_outputs`.
        discovery_eval_counts: Rollouts spent when each candidate was found, before its validation.
        val_aggregate_subscores: For each candidate, its level of every objective: the mean over the
            validation rows if all candidates were run on the same ones, else the expected value, since means
            over different rows cannot be compared. None if the metric gives no objectives.
        per_objective_best_candidates: For each objective, the candidates with the highest level; or None.
        objective_pareto_front: For each objective, the highest level; or None.
        group_scores: For each candidate, its score in every group of examples, from the rows of that group
            alone, computed as in `val_aggregate_subscores`. None without `groups`.
        group_intervals: The intervals that hold these scores with probability 0.9; or None.
        total_metric_calls: Number of rollouts executed.
        num_full_val_evals: Number of candidates that were run on the whole validation set.
        log_dir: Directory of the run's files, or None.
        seed: Random seed of the run.
        best_idx: Index of the candidate that `compile` returned.
        score: Its expected score on rows like these.
        interval: The interval that holds this score with probability 0.9.
        score_is_in_sample: True if the validation rows are the train rows. The score is then optimistic on
            other rows.
        gain: Expected improvement of the score over the original program.
        gain_interval: The interval that holds this gain with probability 0.9.
        better_than_original: Probability that the returned candidate is better than the original program.
        choice_reason: Reason for returning this candidate.
        proposals: Outcome of every step, rejected proposals with their reasons included.
        reflection_calls: Number of reflection LM calls.
        total_tokens: Prompt and completion tokens of all language models, judges in the metric included;
            those of answers without usage are estimated, see `Usage.estimated`.
        total_cost: US dollars, for the models whose prices are known.
        usage: The same by phase: `reflection`, `train rollouts`, `validation rollouts` and `test rollouts`.
            Those of the test set are in no total.
        test: Scores of your program and the returned one on `testset`, with intervals; None without one.
        regressions: For each candidate, the rows of `must_pass` that it fails and your program passes, by
            name (``train/3``); None for one that was not run on all of them. None without `must_pass`.
        failed_rollouts: Number of rollouts that gave no answer, by cause: an exception of the program, or a
            provider's that failed in every attempt.
        stop_reason: Reason for the end of the search.
        record: The course of the run, step by step: the data of its reports.
    """

    programs: Sequence[Module]
    texts: list[dict[str, str]]
    parents: list[list[int | None]]
    val_aggregate_scores: list[float]
    intervals: list[tuple[float, float]]
    coverage: list[int]
    val_subscores: list[dict[int, float]]
    per_val_instance_best_candidates: dict[int, set[int]]
    best_outputs_valset: dict[int, list[tuple[int, Prediction]]] | None
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
    test: HeldOut | None
    regressions: list[list[str] | None] | None
    failed_rollouts: dict[str, int]
    stop_reason: str
    record: RunRecord

    @classmethod
    def of(cls, search: Search, record: RunRecord, build: Callable[[Candidate], Module]) -> GEPAResult:
        """Return the result of a search that ended; `build` makes the program of a candidate."""
        pool, spent, choice = search.pool, search.budget.spent, search.choice
        stand, reached = search.summary, search.levels
        scores = pool.scores[:, : len(pool.val_rows)]
        known = ~np.isnan(scores)
        return cls(
            programs=Programs([m.candidate for m in pool.members], build),
            texts=[dict(m.candidate) for m in pool.members],
            parents=[list(m.parents) or [None] for m in pool.members],
            val_aggregate_scores=list(stand.scores),
            intervals=list(stand.intervals),
            coverage=(~np.isnan(pool.scores)).sum(axis=1).tolist(),
            val_subscores=[
                {int(c): float(line[c]) for c in np.flatnonzero(seen)}
                for line, seen in zip(scores, known, strict=True)
            ],
            per_val_instance_best_candidates={r.position: set(b) for r, b in best_members(pool).items()},
            best_outputs_valset=None if search.best_outputs is None else _predictions(search.best_outputs),
            discovery_eval_counts=[m.discovered_at for m in pool.members],
            val_aggregate_subscores=by_member(reached.objectives) or None,
            per_objective_best_candidates=best_by_level(reached.objectives) or None,
            objective_pareto_front={name: max(found) for name, found in reached.objectives.items()} or None,
            group_scores=by_member(reached.groups) or None,
            group_intervals=by_member(reached.group_intervals) or None,
            total_metric_calls=spent.rollouts,
            num_full_val_evals=int(known.all(axis=1).sum()),
            log_dir=record.log_dir,
            seed=search.seed,
            best_idx=choice.member,
            score=choice.score,
            interval=choice.interval,
            score_is_in_sample=pool.in_sample,
            gain=stand.gain,
            gain_interval=stand.gain_interval,
            better_than_original=choice.better_than_original,
            choice_reason=choice.reason,
            proposals=pool.proposals,
            reflection_calls=spent.reflections,
            total_tokens=spent.tokens,
            total_cost=spent.cost,
            usage={**search.usage, **{p: used for p, used in record.usage.items() if p == PHASES["test"]}},
            test=record.test,
            regressions=_regressions(record),
            failed_rollouts=dict(record.failed_rollouts),
            stop_reason=search.stop_reason,
            record=record,
        )

    def __repr__(self) -> str:
        """Describe the result on one line; `to_markdown`, `report` and `to_dict` show more."""
        returned = f"returned: {candidate_among(self.best_idx, len(self.texts))}"
        return f"<GEPAResult {summary_text(self.record)}; {returned}, {self.choice_reason}>"

    def _repr_html_(self) -> str:
        facts = "".join(
            f"<tr><th>{escape(label)}</th><td>{escape(value)}</td></tr>" for label, value in self._facts()
        )
        changes = escape(escape_controls(self.diff()))
        return f"<table>{facts}</table><details open><summary>Changes</summary><pre>{changes}</pre></details>"

    def __deepcopy__(self, memo: dict[int, Any]) -> GEPAResult:
        # Else whoever copies a program copies all its candidates, and a second compile does so for each.
        return self

    @cached_property
    def candidates(self) -> list[Module]:
        """The programs in the pool, as a list."""
        return list(self.programs)

    @property
    def best_candidate(self) -> Module:
        """A copy of the program that `compile` returned."""
        return self.programs[self.best_idx]

    @property
    def highest_score_achieved_per_val_task(self) -> dict[int, float]:
        """Best score of any candidate on each validation row."""
        best = self.per_val_instance_best_candidates
        return {row: self.val_subscores[min(members)][row] for row, members in best.items()}

    @property
    def trade_offs(self) -> list[int]:
        """Candidates that no other candidate dominates, the highest score first.

        A candidate dominates another if it is at least as good in score and in every objective, and better in
        one. Without objectives these are the candidates with the highest score.
        """
        objectives = self.val_aggregate_subscores or [{} for _ in self.texts]
        points = [[s, *o.values()] for s, o in zip(self.val_aggregate_scores, objectives, strict=True)]
        kept = [i for i in pareto_front(points) if not math.isnan(self.val_aggregate_scores[i])]
        return sorted(kept, key=lambda i: -self.val_aggregate_scores[i])

    @property
    def rejected(self) -> tuple[Proposal, ...]:
        """Proposals that were rejected or skipped, each with its `reason`."""
        return tuple(proposal for proposal in self.proposals if proposal.verdict != "accepted")

    @property
    def seed_length(self) -> Length:
        """Length of all texts of the original program together."""
        return length_of_texts(self.texts[0])

    @property
    def best_length(self) -> Length:
        """Length of all texts of the returned program together."""
        return length_of_texts(self.texts[self.best_idx])

    def lineage(self, candidate: int | None = None) -> list[int]:
        """Return a candidate and all its ancestors, oldest first; default the returned candidate.

        Raises:
            ConfigurationError: There is no such candidate.
        """
        return list(self.record.lineage(self._index(candidate)))

    def diff(self, first: int = 0, second: int | None = None) -> str:
        """Return the changes from one candidate to another, by component, one sentence per line.

        Args:
            first: Index of the candidate to start from; default the original program.
            second: Index of the other candidate; default the returned one.

        Raises:
            ConfigurationError: There is no such candidate.
        """
        return diff_texts(self.texts[self._index(first)], self.texts[self._index(second)])

    def report(self, path: str | Path | None = None, *, title: str = TITLE) -> Report:
        """Return the run as a page of HTML, which a notebook displays; with `path`, also write it to a file.

        Args:
            path: File to write, replacing an older one; None writes none.
            title: Title of the page.

        Raises:
            ConfigurationError: jinja2 is not installed, see the extra ``report``.
            OSError: The file cannot be written.
        """
        report = Report(self.record, title)
        if path is not None:
            report.save(path)
        return report

    def to_markdown(self) -> str:
        """Return a report: gain, cost, reason for the end, and the final texts, each in a code block."""
        return render_report(TITLE, self._facts(), self.texts[self.best_idx])

    def to_messages(
        self, example: Example | Mapping[str, Any], candidate: int | None = None
    ) -> Messages | dict[str, Messages]:
        """Return the chat messages that a candidate sends for an example, for use without DSPy.

        The configured adapter (default `dspy.ChatAdapter`) formats them for a model without native tools or
        reasoning.

        Args:
            example: A `dspy.Example`, or a mapping of input fields, which may include fields that one
                predictor passes to another.
            candidate: Index of the candidate; default the returned one.

        Returns:
            For a program with one predictor, its messages. For one with several, the messages by name of
            those whose inputs are present; a warning names the inputs that the others lack.

        Raises:
            ConfigurationError: There is no such candidate, or no predictor has all its inputs.
        """
        program = self.programs[self._index(candidate)]
        found, missing = messages_by_predictor(program, example)
        lacking = "; ".join(f"{name} lacks {', '.join(fields)}" for name, fields in missing.items())
        remedy = "Pass them as a mapping, to_messages({'field': value, ...})"
        if not found:
            raise ConfigurationError(f"No messages can be written: {lacking}. {remedy}.")
        if missing:
            log_warning(f"messages are written of {', '.join(found)} only: {lacking}. {remedy}")
        return next(iter(found.values())) if len(found) + len(missing) == 1 else found

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-like data under the keys of `dspy.GEPA`, and more; texts take the place of programs."""
        left = [name for name in self.__dataclass_fields__ if name not in ("programs", "texts", "record")]
        data = {"candidates": self.texts} | {name: getattr(self, name) for name in left}
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
        data["test"] = self.test and as_json(self.test)
        data["lineage"], data["trade_offs"] = self.lineage(), self.trade_offs
        data["length"] = {"seed": self.seed_length._asdict(), "best": self.best_length._asdict()}
        return data

    def to_json(self, indent: int | None = None) -> str:
        """Return `to_dict` as strict JSON: numbers that JSON does not allow, such as NaN, become null."""
        return json.dumps(finite(self.to_dict()), allow_nan=False, indent=indent)

    def _index(self, candidate: SupportsIndex | None) -> int:
        if candidate is None:
            return self.best_idx
        # numpy's whole numbers too: candidates are often found by argmax.
        whole = isinstance(candidate, SupportsIndex) and not isinstance(candidate, bool)
        if not whole or index(candidate) not in range(len(self.texts)):
            raise ConfigurationError(
                f"There is no candidate {candidate!r}; 0 is your program, {len(self.texts) - 1} the last."
            )
        return index(candidate)

    def _tokens(self) -> str:
        estimated = sum(sum(usage.estimated.values()) for usage in self.usage.values())
        return f"{self.total_tokens:,}" + (f", {estimated:,} of them estimated" if estimated else "")

    def _dollars(self) -> str:
        is_known = any(usage.costs for usage in self.usage.values())
        return f"{self.total_cost:,.4f}" if is_known else "none are known"

    def _facts(self) -> list[tuple[str, str]]:
        before, after = self.seed_length, self.best_length
        tokens = f"about {counted(before.tokens, 'token')} before, {after.tokens:,} now"
        facts = [
            ("Gain over your program", render_gain(self.best_idx, self.gain, self.gain_interval)),
            ("Returned", f"{candidate_name(self.best_idx)}: {self.choice_reason}"),
            (
                "Expected score",
                render_estimate(self.score, self.interval) + (IN_SAMPLE if self.score_is_in_sample else ""),
            ),
            ("Measured", measured_text(self.record)),
            ("On the test set", test_text(self.record)),
            ("Rows that must pass", must_pass_text(self.record)),
            ("By group", render_against_original(self.group_scores, self.best_idx)),
            ("Objectives", render_against_original(self.val_aggregate_subscores, self.best_idx)),
            ("Candidates", f"{len(self.texts)}; lineage: {', '.join(map(str, self.lineage()))}"),
            ("Rollouts", f"{self.total_metric_calls:,}; reflections: {self.reflection_calls:,}"),
            ("Tokens", f"{self._tokens()}; US dollars, where prices are known: {self._dollars()}"),
            ("Length", f"{before.characters:,} characters before, {after.characters:,} now: {tokens}"),
            ("Failed rollouts", render_causes(self.failed_rollouts)),
            ("Stopped because", self.stop_reason),
        ]
        return [(label, value) for label, value in facts if value]


def deliver(
    search: Search,
    record: RunRecord,
    build: Callable[[Candidate], Module],
    *,
    track_stats: bool,
) -> Module:
    """Return the best program, a new module; with `track_stats`, its ``detailed_results`` hold the result."""
    program = build(search.pool.members[search.choice.member].candidate)
    if track_stats:
        setattr(program, DETAILS, GEPAResult.of(search, record, build))
    return program


def best_by_level(levels: Mapping[str, Sequence[float]]) -> dict[str, set[int]]:
    """Return, for each objective, the members with the highest level."""
    highest = {name: max(reached) for name, reached in levels.items()}
    return {
        name: {member for member, level in enumerate(reached) if level == highest[name]}
        for name, reached in levels.items()
    }


def _regressions(record: RunRecord) -> list[list[str] | None] | None:
    if not record.started.get("must_pass"):
        return None
    found = [record.regressions(member.index) for member in record.members]
    return [None if rows is None else list(rows) for rows in found]


def by_member(named: Mapping[str, Sequence[T]]) -> list[dict[str, T]]:
    """Return the values of each member by name; an empty list if there are no names."""
    return [dict(zip(named, values, strict=True)) for values in zip(*named.values(), strict=True)]


def _predictions(
    outputs: Mapping[Row, list[tuple[int, Any]]],
) -> dict[int, list[tuple[int, Prediction]]]:
    return {row.position: [(m, as_prediction(o)) for m, o in best] for row, best in outputs.items()}
