"""Events as lines of a journal: JSON data without what is empty, or equal to the line before.

A line stays short however many rows a step has: rows are ranges, and scores with few levels take one
character each. What would make a commit longer than `MOST_CHARS` all the same, such as continuous scores on
hundreds of rows, is a text of its own that the line refers to. New texts of components are part of the line.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from string import ascii_lowercase, digits
from typing import Any, NamedTuple

from dspy_gepa.events import EVENTS, Event, MemberScore, RunStarted, Standing, StepCommitted, StepPlanned
from dspy_gepa.program.media import digest_of
from dspy_gepa.record.conform import check_type
from dspy_gepa.record.rows import read_rows, rows_text
from dspy_gepa.runtime.budget import UNLIMITED, Limits, Spending
from dspy_gepa.runtime.codec import as_json, proposal_data
from dspy_gepa.runtime.forecast import Forecast
from dspy_gepa.steps import Proposal
from dspy_gepa.types import Candidate, HeldOut, Levels, Row

_KINDS = {event.name(): event for event in EVENTS}
# Fields of a commit that are left out if they are equal to those of the commit before.
_LASTING = ("best", "better_than_original", "gain_interval", "contender")
_LEVELS = digits + ascii_lowercase
# Maximum number of characters of a commit without its new texts, and the figures that may leave the line.
MOST_CHARS = 1900
_FIGURES = ("evaluated", "val_means", "scores", "rows", "before", "trial_rows", "after")
# The name that stands before the digest of figures that left the line.
_TEXT = "text"
_NOTHING: Mapping[str, Any] = {"proposal": None, "member": None, "evaluated": {}, "val_means": {}}


class WrittenEvent(NamedTuple):
    """An event as a journal keeps it.

    Attributes:
        data: The line as JSON-like data.
        texts: The texts that it refers to, by digest.
    """

    data: dict[str, Any]
    texts: Mapping[str, str]


def _no_text(digest: str) -> str:
    raise KeyError(digest)


class EventLines:
    """Writes events as lines, and reads them, in the order of a run.

    Lines build on earlier ones: a proposal has the texts that it changes, a commit the figures that changed.

    Args:
        text_of: Returns the text with a digest; raises KeyError or ValueError if there is none.
    """

    def __init__(self, text_of: Callable[[str], str] = _no_text) -> None:
        self._text_of = text_of
        self._candidates: list[Candidate] = []
        self._lasting: dict[str, Any] = {}
        self._scores: dict[int, MemberScore] = {}

    def write(self, event: Event) -> WrittenEvent:
        """Return the line of an event."""
        texts: dict[str, str] = {}
        data = event.to_dict()
        if isinstance(event, (StepPlanned, StepCommitted)):
            name = "spent" if isinstance(event, StepCommitted) else "need"
            data[name] = _filled(data[name])
        if isinstance(event, StepCommitted):
            data = self._commit_data(event, data)
            texts = _shorten(data)
        self._note(event)
        return WrittenEvent(data, texts)

    def _commit_data(self, event: StepCommitted, data: dict[str, Any]) -> dict[str, Any]:
        if event.proposal is not None:
            data["proposal"] = _proposal_line(event.proposal)
        data["evaluated"] = _evaluated_data(event.evaluated)
        data["scores"] = {
            str(member): None if self._scores.get(member) == score else as_json(score)
            for member, score in event.scores.items()
        }
        for name in _LASTING:
            if name in self._lasting and self._lasting[name] == getattr(event, name):
                del data[name]
        if event.estimated_at == event.spent.rollouts:
            del data["estimated_at"]
        return {
            name: value for name, value in data.items() if name not in _NOTHING or value not in (None, {})
        }

    def read(self, data: Mapping[str, Any]) -> Event:
        """Return the event of a line.

        Raises:
            KeyError, TypeError, ValueError: The data is not that of an event.
        """
        kind = _KINDS[data["event"]]
        before = {**_NOTHING, **self._known(data)} if kind is StepCommitted else {}
        read = {f.name: self._value(f.name, data[f.name]) for f in fields(kind) if f.name in data}
        event = kind(**{**before, **read})
        check_type(event, kind)
        self._note(event)
        return event

    def standing(self, data: Mapping[str, Any]) -> Standing:
        """Return the standing after the commit whose line comes next.

        Raises:
            KeyError, TypeError, ValueError: The data is not that of a commit.
        """
        read = {f.name: self._value(f.name, data[f.name]) for f in fields(Standing) if f.name in data}
        standing = Standing(**{**self._known(data), **read})
        check_type(standing, Standing)
        return standing

    def _known(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the figures that the line of a commit leaves out."""
        return {**self._lasting, "estimated_at": data["spent"].get("rollouts", 0)}

    def _note(self, event: Event) -> None:
        """Remember what later lines build on."""
        if isinstance(event, RunStarted):
            self._candidates = list(event.candidates)
        elif isinstance(event, StepCommitted):
            self._lasting = {name: getattr(event, name) for name in _LASTING}
            self._scores |= event.scores
            if event.proposal and event.member is not None:
                self._candidates[event.member :] = [event.proposal.candidate or self._candidates[0]]

    def _value(self, name: str, value: Any) -> Any:
        if name in _FIGURES and isinstance(value, Mapping) and value.keys() == {_TEXT}:
            value = json.loads(self._text_of(value[_TEXT]))
        if name == "proposal":
            return value and self._proposal(value)
        if name == "scores" and isinstance(value, Mapping):
            return {
                int(member): self._scores[int(member)] if score is None else _score(score)
                for member, score in value.items()
            }
        read = _READ.get(name)
        return value if read is None else read(value)

    def _proposal(self, data: Mapping[str, Any]) -> Proposal:
        parents, changed = tuple(data["parents"]), data.get("changed", {})
        candidate = data.get("candidate") and self._candidates[parents[0]].with_texts(changed)
        return Proposal(
            kind=data["kind"],
            parents=parents,
            candidate=candidate,
            verdict=data["verdict"],
            reason=data["reason"],
            changed=tuple(changed),
            rows=self._value("rows", data.get("rows", "")),
            before=self._value("before", data.get("before", ())),
            trial_rows=self._value("trial_rows", data.get("trial_rows", "")),
            after=self._value("after", data.get("after", ())),
            ancestor=data.get("ancestor"),
        )


def _shorten(data: dict[str, Any]) -> dict[str, str]:
    """Let the largest figures leave a commit that is too long; return them as texts by digest."""
    proposal = data.get("proposal") or {}
    left = len(_json(data)) - len(_json([proposal.get("changed"), proposal.get("reason")]))
    figures = [
        (_json(part[name]), part, name) for part in (data, proposal) for name in _FIGURES if name in part
    ]
    texts: dict[str, str] = {}
    for text, part, name in sorted(figures, key=lambda figure: -len(figure[0])):
        if left > MOST_CHARS:
            digest = digest_of(text)
            texts[digest], part[name] = text, {_TEXT: digest}
            left -= len(text) - len(_json(part[name]))
    return texts


def _json(data: Any) -> str:
    return json.dumps(data, separators=(",", ":"))


def _filled(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if value}


def _proposal_line(proposal: Proposal) -> dict[str, Any]:
    data = proposal_data(proposal) | {
        "rows": rows_text(proposal.rows),
        "before": _scores_data(proposal.before),
        "trial_rows": rows_text(proposal.trial_rows),
        "after": _scores_data(proposal.after),
    }
    kept = ("parents", "reason")
    return {name: value for name, value in data.items() if value or value == 0 or name in kept}


def _evaluated_data(evaluated: Mapping[int, Mapping[Row, float]]) -> dict[str, Any]:
    """Return the rows of the member with most of them, and by member its rows and scores.

    Of a member with the first of these rows, as in the finals, only their number is written.
    """
    if not evaluated:
        return {}
    most = max(map(list, evaluated.values()), key=len)
    members = {
        str(member): [
            len(scores) if list(scores) == most[: len(scores)] else rows_text(scores),
            _scores_data(list(scores.values())),
        ]
        for member, scores in evaluated.items()
    }
    return {"rows": rows_text(most), "members": members}


def _read_evaluated(data: Mapping[str, Any]) -> dict[int, dict[Row, float]]:
    if not data:
        return {}
    most = read_rows(data["rows"])
    found = {}
    for member, (rows, scores) in data["members"].items():
        names = most[:rows] if isinstance(rows, int) else read_rows(rows)
        found[int(member)] = dict(zip(names, _read_scores(scores), strict=True))
    return found


def _scores_data(scores: Sequence[float]) -> list[Any]:
    """Return the scores as a list, or one character for each, and then the levels that they stand for."""
    levels = {score: place for place, score in enumerate(dict.fromkeys(scores))}
    if len(scores) < 5 or len(levels) > min(len(_LEVELS), len(scores) // 2):
        return list(scores)
    return ["".join(_LEVELS[levels[score]] for score in scores), *levels]


def _read_scores(data: Sequence[Any]) -> tuple[float, ...]:
    if not data or not isinstance(data[0], str):
        return tuple(data)
    places, *levels = data
    return tuple(levels[_LEVELS.index(place)] for place in places)


def _score(data: Sequence[Any]) -> MemberScore:
    score, interval, believed = data
    return MemberScore(score, tuple(interval), believed)


def _levels(data: Mapping[str, Any]) -> Levels:
    def numbers(named: Mapping[str, Sequence[float | None]]) -> dict[str, tuple[float, ...]]:
        return {name: tuple(math.nan if v is None else v for v in values) for name, values in named.items()}

    return Levels(
        objectives=numbers(data["objectives"]),
        groups=numbers(data["groups"]),
        group_intervals={
            name: tuple(map(_interval, intervals)) for name, intervals in data["group_intervals"].items()
        },
    )


def _interval(data: Sequence[float]) -> tuple[float, float]:
    low, high = data
    return low, high


def _limits(data: Mapping[str, Any]) -> Limits:
    limits = Limits(**data)
    return replace(limits, rollouts=UNLIMITED) if data["rollouts"] is None else limits


def _spending(data: Mapping[str, Any]) -> Spending:
    return Spending(**data)


def _held_out(data: Mapping[str, Any] | None) -> HeldOut | None:
    intervals = ("original_interval", "interval", "gain_interval")
    return (
        None if data is None else HeldOut(**{**data, **{name: _interval(data[name]) for name in intervals}})
    )


# By the name of a field, how its value is read; other values are what they are in JSON.
_READ: Mapping[str, Callable[[Any], Any]] = {
    "after": _read_scores,
    "before": _read_scores,
    "candidate": Candidate.of,
    "candidates": lambda data: tuple(map(Candidate.of, data)),
    "evaluated": _read_evaluated,
    "forecast": lambda data: Forecast(**data),
    "gain_interval": _interval,
    "interval": _interval,
    "levels": _levels,
    "limits": _limits,
    "members": lambda data: tuple(data) if isinstance(data, list) else data,
    "need": _spending,
    "rows": read_rows,
    "scores": lambda data: tuple(map(_score, data)),
    "spent": _spending,
    "test": _held_out,
    "trial_rows": read_rows,
    "val_means": lambda data: {int(member): mean for member, mean in data.items()},
}
