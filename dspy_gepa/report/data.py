"""JSON data that the page's script shows on demand: members, trials with evidence, scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dspy_gepa.program.media import elide, mended, with_media
from dspy_gepa.record.model import Evidence, MemberRecord, RunRecord, Trial
from dspy_gepa.report.diff import gist, segments
from dspy_gepa.texts import finite

# Characters that all texts of members, and all excerpts of rollouts, take up at most: a page of a long run
# stays small, and its texts get shorter instead. The final texts are not counted, and are whole.
ROOM = 1_200_000
SHORTEST_TEXT, SHORTEST_EXCERPT = 1000, 60
# Characters of a reason, which may hold the message of an error.
REASON = 1000
# Digits of numbers that the page itself shows too: rounding both must give the same text.
SHOWN = 6


def payload(record: RunRecord) -> dict[str, Any]:
    """Return all the data; numbers that JSON does not allow are None."""
    texts = _Texts(record)
    data = {
        "components": list(record.components),
        "members": [_member(record, member, texts) for member in record.members],
        "trials": [_trial(record, trial, texts) for trial in record.trials],
        "best": record.best,
        "curve": [
            [
                p.step,
                p.rollouts,
                p.best,
                *(_short(number, SHOWN) for number in (p.score, *p.interval, p.better_than_original)),
            ]
            for p in record.curve
        ],
        "heat": heat(record),
    }
    return dict(finite(data | {"texts": texts.all, "diffs": texts.diffs}))


def heat(record: RunRecord) -> list[dict[str, Any]]:
    """Return the scores by row: rows on which members are compared, then other train rows that were run."""
    compared = record.val_rows
    others = {row for member in record.members for row in member.scores} - set(compared)
    in_sample = bool(record.started.get("in_sample"))
    sets = [("Train rows, which are the validation rows" if in_sample else "Validation rows", list(compared))]
    if others:
        sets.append(("Train rows", sorted(others, key=lambda row: int(row.rpartition("/")[2]))))
    return [
        {
            "name": name,
            "rows": rows,
            "scores": [
                [_short(m.scores[row]) if row in m.scores else None for row in rows] for m in record.members
            ],
        }
        for name, rows in sets
    ]


def is_mean(record: RunRecord) -> bool:
    """Return True if members' scores are validation means, False if they are expected scores."""
    return bool(record.started.get("strategy", {}).get("validates_all", False))


def excerpts(record: RunRecord) -> int:
    """Return the number of characters shown of each feedback and of each row's inputs."""
    count = sum(2 * len(trial.evidence) for trial in record.trials)
    return max(SHORTEST_EXCERPT, ROOM // max(1, count))


def shown(text: str) -> str:
    """Return the text as the page shows it: without media and lone surrogates, which cannot be encoded."""
    return mended(with_media(text, 0))


def excerpt(text: str, chars: int) -> str:
    """Return the text as the page shows it, cut to `chars` characters."""
    return elide(shown(text), chars)


class _Texts:
    """Every text once, and the differences between those that the page compares."""

    def __init__(self, record: RunRecord) -> None:
        self.all: list[str] = []
        self.diffs: dict[str, list[str | int]] = {}
        self._known: dict[str, int] = {}
        whole = record.members[record.best].texts.values() if record.best is not None else ()
        self._whole = frozenset(whole)
        different = {text for texts in _all_texts(record) for text in texts.values()}
        self._longest = max(SHORTEST_TEXT, ROOM // max(1, len(different)))

    def number(self, text: str) -> int:
        if text not in self._known:
            self._known[text] = len(self.all)
            self.all.append(shown(text) if text in self._whole else excerpt(text, self._longest))
        return self._known[text]

    def compare(self, before: str, after: str) -> None:
        old, new = self.number(before), self.number(after)
        if old != new and f"{old}:{new}" not in self.diffs:
            self.diffs[f"{old}:{new}"] = [
                item for op, text in segments(self.all[old], self.all[new]) for item in (op, len(text))
            ]


def _all_texts(record: RunRecord) -> Iterable[Mapping[str, str]]:
    yield from (member.texts for member in record.members)
    yield from (trial.changed for trial in record.trials)


def _member(record: RunRecord, member: MemberRecord, texts: _Texts) -> dict[str, Any]:
    original = record.members[0].texts
    for other in (original, *(record.members[p].texts for p in member.parents)):
        for name, text in member.texts.items():
            texts.compare(other[name], text)
    low, high = member.interval or (None, None)
    parent = record.members[member.parents[0]].texts if member.parents else original
    changed = {name: text for name, text in member.texts.items() if text != parent[name]}
    return {
        "texts": [texts.number(text) for text in member.texts.values()],
        "parents": list(member.parents),
        "step": member.step,
        "at": member.found_at,
        "score": _short(member.believed, SHOWN),
        "mean": _short(member.score, SHOWN) if is_mean(record) else None,
        "low": _short(low, SHOWN),
        "high": _short(high, SHOWN),
        "rows": len(member.scores),
        "what": shown(gist(parent, changed)) if member.index else "your program",
    }


def _trial(record: RunRecord, trial: Trial, texts: _Texts) -> dict[str, Any]:
    before, chars = record.members[trial.parents[0]].texts, excerpts(record)
    for name, text in trial.changed.items():
        texts.compare(before[name], text)
    names = record.components
    return {
        "step": trial.step,
        "kind": trial.kind,
        "parents": list(trial.parents),
        "verdict": trial.verdict,
        "reason": excerpt(trial.reason, REASON),
        "changed": [
            [names.index(name), texts.number(before[name]), texts.number(text)]
            for name, text in trial.changed.items()
        ],
        "evidence": [_evidence(e, chars) for e in sorted(trial.evidence, key=lambda e: e.score)],
        "after": [[row, _short(score)] for row, score in zip(trial.trial_rows, trial.after, strict=True)],
        "member": trial.member,
    }


def _evidence(evidence: Evidence, chars: int) -> list[Any]:
    said = [excerpt(text, chars) for text in (evidence.feedback, evidence.error, evidence.inputs)]
    return [evidence.row, _short(evidence.score), *said]


def _short(number: float | None, digits: int = 4) -> float | None:
    """Round to the digits that distinguish scores."""
    return None if number is None else float(f"{number:.{digits}g}")
