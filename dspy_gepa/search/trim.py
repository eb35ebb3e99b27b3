"""Trimming: sentences about a single example are dropped if nothing is lost by it.

A reflection model that saw an entry fail may write how this very entry should have been read. Such a
sentence helps with the example it quotes and with few others, yet every later text inherits it and every
call pays for it. A few hundred rollouts do not show which sentences of a text are idle. But sentences that
quote an example can be found, and these are tried together.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from dspy_gepa.search.choices.acceptance import keeps_up
from dspy_gepa.search.must_pass import NOTHING_GUARDED, MustPass
from dspy_gepa.search.pool import Pool
from dspy_gepa.steps import Proposal, Step, Verdict, available, objectives_of, rollouts
from dspy_gepa.texts import counted, sentence_parts
from dspy_gepa.types import Row, not_passed, passed

# Text between quotation marks, straight or curly; an apostrophe within a word is not one. The bound on its
# length keeps the time linear in that of the text.
_QUOTED = re.compile(r"(?<!\w)['\"`\u2018\u201c\u00ab](?=\S)(.{6,400}?)['\"`\u2019\u201d\u00bb](?!\w)")
# A single word of an example may be a term of the task, as may words that many examples have.
LONG_WORD = 12
MOST_EXAMPLES = 0.1


@dataclass(frozen=True)
class Trim:
    """A shorter version of a member that is worth a trial.

    Attributes:
        parent: Index of the member.
        texts: The shorter texts, by component.
        dropped: Number of sentences dropped.
    """

    parent: int
    texts: dict[str, str]
    dropped: int


def find_trim(
    pool: Pool, parent: int, components: Sequence[str], examples: Sequence[str], keep: Sequence[str]
) -> Trim | None:
    """Return the member without sentences that quote an example; None if there are none, or it is known.

    Sentences that the user wrote stay, as do those that contain a text that must be kept.

    Args:
        pool: The current pool.
        parent: Index of the member.
        components: Names of the components made of sentences that may be rewritten.
        examples: Inputs of each train row, as text.
        keep: Placeholders and sentences that texts must keep.
    """
    candidate = pool.members[parent].candidate
    roots = [member.candidate for member in pool.members if not member.parents]
    texts, dropped = {}, 0
    for name in components:
        own = [*(root[name] for root in roots), *keep]
        parts = sentence_parts(candidate[name])
        kept = [part for part in parts if _is_own(part, own) or not quotes(part, examples)]
        if kept and len(kept) < len(parts):
            texts[name] = "".join(kept).strip()
            dropped += len(parts) - len(kept)
    if not texts or pool.knows(candidate.with_texts(texts)):
        return None
    return Trim(parent, texts, dropped)


def _is_own(sentence: str, own: Sequence[str]) -> bool:
    return any(sentence.strip() in text or text in sentence for text in own if text)


def quotes(sentence: str, examples: Sequence[str]) -> bool:
    """Return True if the sentence quotes words that only one example, or a few, contain."""
    most = max(1.0, MOST_EXAMPLES * len(examples))
    spans = [s for s in _QUOTED.findall(sentence) if len(s.split()) > 1 or len(s) >= LONG_WORD]
    return any(0 < sum(span in example for example in examples) <= most for span in spans)


def trim(found: Trim, pool: Pool, rows: Sequence[Row], must_pass: MustPass = NOTHING_GUARDED) -> Step:
    """Run the shorter candidate on rows its parent was run on; accept it unless it does worse there.

    It is also rejected if it fails a row that must pass and that its parent passes.

    Two candidates that differ in idle sentences score alike on most rows, so that a comparison on the same
    rows is more precise than one on others.
    """
    child = pool.members[found.parent].candidate.with_texts(found.texts)
    outcomes = yield from rollouts(child, rows)
    rows, outcomes = available(rows, outcomes)
    columns = pool.columns(rows)
    before = tuple(float(score) for score in pool.table.at(found.parent, columns))
    after = pool.scores_of(outcomes)
    was, now = pool.row_weights.weigh(columns, before), pool.row_weights.weigh(columns, after)
    what = "a sentence that quotes an example"
    if found.dropped > 1:
        what = f"{counted(found.dropped, 'sentence')} that quote examples"
    guarded = passed(must_pass, dict(zip(rows, before, strict=True)))
    lost = not_passed(guarded, dict(zip(rows, after, strict=True)))
    verdict: Verdict = "accepted" if after and keeps_up(was, now) and not lost else "rejected"
    return Proposal(
        kind="trim",
        parents=(found.parent,),
        candidate=child,
        changed=tuple(found.texts),
        rows=tuple(rows),
        before=before,
        trial_rows=tuple(rows),
        after=after,
        after_objectives=objectives_of(outcomes),
        verdict=verdict,
        reason=f"without {what} it scored {math.fsum(now):g} on {counted(len(rows), 'row')}, "
        f"with it {math.fsum(was):g}",
    )
