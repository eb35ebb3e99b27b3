"""Counts of agreement, and the table that tells them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.ifbench.agreement.reasons import REASONS

_HEAD = """# Checkers beside public ones

Made by `python -m benchmarks.ifbench.agreement`: every constraint of the 294 test prompts of IFBench against
evalscope 1.14.1, and of the 541 prompts of IFEval against lm-eval 0.4.13, on about thirty answers for each
(never fewer than twenty) that follow the constraint, nearly follow it, or do not. No text is kept here, only
counts.

Both sides use the same Punkt model, Penn Treebank tokens, stop word list and language detector (seeded),
since the public ones would download theirs: these parts are not compared. `words:start_verb` is not compared
at all, as it needs NLTK's tagger. `custom:character_reverse` is in no prompt. The 29 constraints of IFTrain
are in neither package.
"""
_COLUMNS = (
    "constraint", "texts", "followed", "only theirs follows", "only ours follows", "theirs raised",
    "agreement, strict", "agreement, loose",
)  # fmt: skip


@dataclass
class Tally:
    """How two checkers judged the same texts.

    Attributes:
        followed: Texts that ours says follow.
        compared: Texts that both judged.
        stricter: Texts that only theirs says follow.
        looser: Texts that only ours says follow.
        raised: Texts that theirs raised on, or does not judge.
    """

    followed: int = 0
    compared: int = 0
    stricter: int = 0
    looser: int = 0
    raised: int = 0

    @property
    def differ(self) -> int:
        """Texts on which they disagree."""
        return self.stricter + self.looser

    def add(self, ours: bool, theirs: bool | None) -> bool:
        """Count one text, and tell whether they disagree on it."""
        self.followed += ours
        if theirs is None:
            self.raised += 1
            return False
        self.compared += 1
        self.stricter += theirs and not ours
        self.looser += ours and not theirs
        return ours != theirs


def table(strict: Mapping[str, Tally], loose: Mapping[str, Tally]) -> str:
    """The page in Markdown. A disagreement without a known reason is marked as one."""
    differ = [id for id in sorted(strict) if strict[id].differ or loose[id].differ]
    unknown = [id for id in differ if id not in REASONS]
    lines = [
        _HEAD,
        f"By the strict rule {_total(strict)};",
        f"by the loose rule {_total(loose)}.",
        f"Constraints with a disagreement that is not explained: {', '.join(unknown) or 'none'}.",
        "",
        f"| {' | '.join(_COLUMNS)} |",
        f"|{'---|' * len(_COLUMNS)}",
        *(_row(id, strict[id], loose[id]) for id in sorted(strict)),
        "",
        "The counts are by the strict rule. Where theirs raised an error there is nothing to compare.",
        "",
        "## Disagreements explained",
        "",
        *(f"- `{id}`: {REASONS.get(id, 'not explained')}" for id in differ),
        "",
    ]
    return "\n".join(lines)


def _total(tallies: Mapping[str, Tally]) -> str:
    compared = sum(tally.compared for tally in tallies.values())
    differ = sum(tally.differ for tally in tallies.values())
    return f"{compared} judgements compared and {differ} disagreements ({differ / max(1, compared):.2%})"


def _row(id: str, strict: Tally, loose: Tally) -> str:
    texts = strict.compared + strict.raised
    cells = (f"`{id}`", texts, strict.followed, strict.stricter, strict.looser, strict.raised)
    shares = (_share(strict), _share(loose))
    return f"| {' | '.join(map(str, [*cells, *shares]))} |"


def _share(tally: Tally) -> str:
    return f"{1 - tally.differ / tally.compared:.1%}" if tally.compared else "not compared"
