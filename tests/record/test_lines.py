"""Lines of a journal: short whatever the step, and the same event again."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspy_gepa.events import Event, MemberScore, StepCommitted
from dspy_gepa.record.lines import EventLines
from dspy_gepa.runtime.budget import Spending
from dspy_gepa.steps import Proposal
from dspy_gepa.types import Candidate, Row

LOW = MemberScore(1 / 3, (0.123456789012345, 0.765432109876543), 0.4444444444444444)
HIGH = MemberScore(2 / 3, (0.5, 0.9), 0.7)
COMMIT = StepCommitted(
    step=7,
    kind="finals",
    proposal=None,
    member=None,
    evaluated={},
    val_means={},
    scores={0: LOW, 1: HIGH},
    members=2,
    best=1,
    score=2 / 3,
    interval=(0.5, 0.9),
    better_than_original=0.987654321,
    gain=1 / 3,
    gain_interval=(0.1, 0.4),
    contender=None,
    estimated_at=600,
    spent=Spending(600, 40),
)


def lines(*events: StepCommitted) -> tuple[list[str], list[Event]]:
    """The lines of events, and the events that are read from them."""
    kept: dict[str, str] = {}
    written, again = EventLines(), EventLines(kept.__getitem__)
    texts = []
    for event in events:
        data, own = written.write(event)
        kept |= own
        texts.append(json.dumps(data, separators=(",", ":")))
    return texts, [again.read(json.loads(text)) for text in texts]


scores = st.dictionaries(
    st.builds(Row, st.sampled_from(["train", "val"]), st.integers(0, 30)),
    st.sampled_from([0.0, 0.5, 1.0]) | st.floats(-1, 1),
    max_size=20,
)


@given(st.dictionaries(st.integers(0, 3), scores, max_size=3))
def test_scores_are_read_back_to_the_last_digit(evaluated: dict[int, dict[Row, float]]) -> None:
    event = replace(COMMIT, evaluated=evaluated, val_means=dict.fromkeys(evaluated, 0.5))
    _, (again,) = lines(event)
    assert again == event


def test_a_validation_on_many_rows_is_a_short_line() -> None:
    rng = Random(0)
    event = replace(COMMIT, evaluated={1: {Row("val", i): float(rng.randrange(2)) for i in range(500)}})
    (text,), (again,) = lines(event)
    assert again == event
    assert len(text) < 1_200


def test_finals_that_share_their_rows_are_a_short_line() -> None:
    rng = Random(0)
    order = [Row("val", i) for i in rng.sample(range(200), 200)]
    evaluated = {
        member: {row: float(rng.randrange(2)) for row in order[:count]}
        for member, count in enumerate((120, 30, 30, 60, 60, 120))
    }
    (text,), (again,) = lines(replace(COMMIT, evaluated=evaluated))
    assert isinstance(again, StepCommitted)
    assert again.evaluated == evaluated
    assert len(text) < 2_000


def test_a_trial_is_a_short_line_without_its_texts() -> None:
    rows = [Row("train", i) for i in Random(0).sample(range(1000), 24)]
    child = Candidate.of({"a": "new"})
    trial = Proposal(
        "mutation",
        (0,),
        child,
        "accepted",
        "scored 8 on 16 rows",
        changed=("a",),
        rows=tuple(rows[:8]),
        before=(0.0,) * 8,
        trial_rows=tuple(rows[8:]),
        after=(0.0, 1.0) * 8,
    )
    event = replace(COMMIT, kind="mutation", proposal=trial, member=1)
    assert len(json.dumps(EventLines().write(event).data)) < 1_000


@given(st.integers(0, 10**6))
def test_a_commit_is_short_whatever_its_rows_and_its_scores(seed: int) -> None:
    rng = Random(seed)
    order = [Row("val", i) for i in rng.sample(range(500), 500)]
    evaluated = {member: {row: rng.random() for row in order[: rng.randint(1, 500)]} for member in range(6)}
    rows = tuple(Row("train", i) for i in rng.sample(range(500), 500))
    before, after = (tuple(rng.random() for _ in rows) for _ in range(2))
    trial = Proposal("mutation", (0,), None, "rejected", "worse", (), rows, before, rows[::-1], after)
    score = {member: MemberScore(rng.random(), (rng.random(), 1.0), rng.random()) for member in range(19)}
    means = dict.fromkeys(evaluated, 1 / 3)
    finals = replace(COMMIT, evaluated=evaluated, val_means=means, scores=score)
    mutation = replace(COMMIT, kind="mutation", proposal=trial, scores=score)
    texts, again = lines(finals, mutation)
    assert again == [finals, mutation]
    assert max(map(len, texts)) < 2_000


def test_a_line_whose_text_is_missing_is_refused() -> None:
    rows = {Row("val", i): i / 7 for i in range(500)}
    data, texts = EventLines().write(replace(COMMIT, evaluated={1: rows}))
    assert len(texts) == 1
    with pytest.raises(KeyError):
        EventLines().read(data)


def test_what_did_not_change_is_not_written_again() -> None:
    changed = replace(COMMIT, step=9, best=0, contender=1, scores={0: LOW, 1: replace_score(HIGH, 0.7)})
    (first, second, third), again = lines(COMMIT, replace(COMMIT, step=8), changed)
    assert again == [COMMIT, replace(COMMIT, step=8), changed]
    assert len(second) < len(first) - 100
    assert json.loads(second)["scores"] == {"0": None, "1": None}
    assert json.loads(third)["contender"] == 1
    assert json.loads(third)["scores"]["0"] is None


def replace_score(score: MemberScore, value: float) -> MemberScore:
    return score._replace(score=value)


@pytest.mark.parametrize("name", ["best", "gain_interval", "contender", "spent"])
def test_a_first_line_with_a_gap_is_refused(name: str) -> None:
    data, _ = EventLines().write(COMMIT)
    del data[name]
    with pytest.raises((KeyError, TypeError)):
        EventLines().read(data)


def test_the_scores_of_a_commit_are_read_before_its_event_is_written_again() -> None:
    texts, _ = lines(COMMIT, replace(COMMIT, step=8))
    log = EventLines()
    for text, event in zip(texts, (COMMIT, replace(COMMIT, step=8)), strict=True):
        standing = log.standing(json.loads(text))
        assert (standing.best, standing.scores) == (event.best, event.scores)
        assert json.dumps(log.write(event).data, separators=(",", ":")) == text
