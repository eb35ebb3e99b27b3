"""What the pool knows of a component's earlier edits."""

from __future__ import annotations

import pytest

from dspy_gepa.reflection.edit_history import Edit
from dspy_gepa.search.edit_history import edits_of, known_edits
from dspy_gepa.search.pool import Pool
from dspy_gepa.steps import Proposal
from dspy_gepa.types import Candidate
from tests.support import Entry, pool_of, train_rows

SEED = {"a": "Be brief. Be kind.", "b": "Think."}


def tried(pool: Pool, texts: dict[str, str], after: tuple[float, ...], *, kept: bool = True) -> Pool:
    rows = train_rows(2 * len(after))
    shown, trial = rows[: len(after)], rows[len(after) :]
    proposal = Proposal(
        "mutation",
        (0,),
        Candidate.of(SEED | texts),
        "accepted" if kept else "rejected",
        "no better",
        changed=tuple(texts),
        rows=shown,
        before=(0.0,) * len(after),
        trial_rows=trial,
        after=after,
    )
    return pool.commit(proposal, spent=9)


def seeded() -> Pool:
    return pool_of(Entry(SEED, (0.0, 0.0, 0.0, 1.0)))


def edits_shown(pool: Pool, component: str) -> list[Edit]:
    return edits_of(pool, component, known_edits(pool, component, 6))


def test_an_edit_shows_what_was_added_and_removed_and_what_it_is_believed_to_do() -> None:
    pool = tried(seeded(), {"a": "Be kind. Be exact."}, (1.0, 1.0, 1.0))
    (edit,) = edits_shown(pool, "a")
    (known,) = known_edits(pool, "a", 6)
    assert (edit.added, edit.removed) == (("Be exact.",), ("Be brief.",))
    assert known.gain == pytest.approx(pool.belief.mean[1] - pool.belief.mean[0], abs=1e-4)
    assert known.helped == pytest.approx(pool.belief.probability_better(1, 0), abs=1e-4)
    assert f"changed the score by {known.gain:+.2f}" in edit.effect


def test_an_edit_that_was_not_kept_is_shown_with_the_reason() -> None:
    pool = tried(seeded(), {"a": "Be long."}, (0.0, 0.0, -0.9), kept=False)
    assert known_edits(pool, "a", 6) == ((1, -0.3, None),)
    assert edits_shown(pool, "a")[0].effect == "rejected: no better"


def test_only_edits_of_the_component_are_shown_and_what_changed_beside_it_is_named() -> None:
    pool = tried(seeded(), {"b": "Think twice."}, (1.0,))
    pool = tried(pool, {"a": "Be exact.", "b": "Guess."}, (1.0,))
    assert [edit.added for edit in edits_shown(pool, "a")] == [("Be exact.",)]
    assert edits_shown(pool, "a")[0].effect.endswith("(together with edits of b)")
    assert len(edits_shown(pool, "b")) == 2


def test_of_many_edits_the_most_harmful_and_the_most_helpful_are_shown() -> None:
    pool = seeded()
    for number, score in enumerate((0.2, 1.0, -1.0, 0.4)):
        pool = tried(pool, {"a": f"Try {number}."}, (score,), kept=False)
    assert [known.trial for known in known_edits(pool, "a", 2)] == [2, 3]
