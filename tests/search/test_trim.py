"""Prompt economy: which sentences quote an example, and what their deletion has to show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dspy_gepa import RunInterrupted
from dspy_gepa.events import Event, RolloutDone, StepPlanned
from dspy_gepa.reflection.rules import TextRules
from dspy_gepa.reflection.settings import ReflectionSettings
from dspy_gepa.search import Adaptive, Paper, Problem
from dspy_gepa.search.belief.rows import RowWeights
from dspy_gepa.search.finals import contenders
from dspy_gepa.search.pool import Pool
from dspy_gepa.search.table import Table
from dspy_gepa.search.trim import Trim, find_trim, quotes, trim
from dspy_gepa.steps import Evaluation, Proposal
from dspy_gepa.testing import Prompt
from dspy_gepa.testing.practice import learns_words, practice_run
from dspy_gepa.types import Component, Effect, Outcome, Rollout
from tests.support import Entry, drive, pool_of, scripted_lm, train_rows

ADAPTIVE = Adaptive()
EXAMPLES = ["Korran, Frida lives in Tarwick", "Ebbe, Nils lives in Moradale", *["nobody lives there"] * 30]
GENERAL = "Write the first name first."
QUOTING = "When it reads 'Korran, Frida', write Frida Korran."
TEXT = f"{GENERAL}\n{QUOTING}\nBe short."


def found(*texts: str, keep: tuple[str, ...] = (), seed: str = "Give the name.") -> Trim | None:
    """What is found in the last of the texts, the first of which comes from the seed."""
    members = [Entry({"a": text}, (0.5,), (i,)) for i, text in enumerate(texts)]
    return find_trim(pool_of(Entry({"a": seed}, (0.5,)), *members), len(texts), ["a"], EXAMPLES, keep)


# What quotes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("marks", ["''", '""', "``", "\u2018\u2019", "\u201c\u201d", "\u00ab\u00bb"])
def test_a_sentence_quotes_an_example_when_its_words_stand_between_quotation_marks(marks: str) -> None:
    assert quotes(f"For {marks[0]}Korran, Frida{marks[1]} write Frida.", EXAMPLES)


@pytest.mark.parametrize(
    "sentence",
    [
        "Korran, Frida is turned around.",  # no quotation marks
        "Write 'first name, family name'.",  # stands in no example
        "Names such as 'Korran' are family names.",  # a short word may be a term of the task
        "Say so where 'nobody lives' at a place.",  # stands in most examples
        "Don't write Korran, Frida, it isn't so.",  # apostrophes
        "",
    ],
)
def test_other_sentences_do_not(sentence: str) -> None:
    assert not quotes(sentence, EXAMPLES)


def test_a_long_word_is_a_quote_too_and_a_second_one_is_found_after_one_that_is_none() -> None:
    assert quotes("Not 'a b c d' but 'pseudohypoparathyroidism'.", ["pseudohypoparathyroidism?", "", ""])


def test_what_stands_between_marks_far_apart_is_no_quote() -> None:
    words = "a long tale " * 40
    assert quotes(f"Mind '{words[:300].strip()}'.", [words])
    assert not quotes(f"Mind '{words.strip()}'.", [words])


def test_words_of_the_only_example_are_quoted() -> None:
    assert quotes("Read 'Korran, Frida'.", EXAMPLES[:1])
    assert not quotes("Read 'Korran, Frida'.", [])


# What is dropped ------------------------------------------------------------------------------------------


def test_sentences_that_quote_are_dropped_and_the_rest_stays_as_it_is() -> None:
    assert found(TEXT) == Trim(1, {"a": f"{GENERAL}\nBe short."}, 1)


def test_texts_without_quotes_are_left_alone() -> None:
    assert found(GENERAL) is None


def test_a_text_that_is_all_quotes_is_left_alone() -> None:
    assert found(QUOTING) is None


def test_what_the_user_wrote_stays_even_if_it_quotes() -> None:
    assert found(TEXT, seed=f"Give the name. {QUOTING}") is None


def test_what_must_be_kept_stays_even_in_a_sentence_that_quotes() -> None:
    assert found(TEXT, keep=("Frida Korran",)) is None
    assert found(TEXT, keep=("not there",)) is not None


def test_a_text_that_was_tried_before_is_not_proposed_again() -> None:
    assert found(f"{GENERAL}\nBe short.", TEXT) is None


def test_only_the_components_named_are_looked_through() -> None:
    pool = pool_of(Entry({"a": "", "b": ""}, (0.5,)), Entry({"a": TEXT, "b": TEXT}, (0.5,), (0,)))
    deletion = find_trim(pool, 1, ["b"], EXAMPLES, ())
    assert deletion is not None
    assert list(deletion.texts) == ["b"]


# Its trial ------------------------------------------------------------------------------------------------


def grown(scores: tuple[float, ...], weights: list[float] | None = None) -> Pool:
    """A pool of the seed and one member with a quote, run on the first train rows with these scores."""
    pool = pool_of(Entry({"a": "Give the name."}, (0.0,)), Entry({"a": TEXT}, (1.0,), (0,)))
    filled = pool.scores.copy()
    filled[1, 1 : 1 + len(scores)] = scores
    row_weights = RowWeights(
        None if weights is None else np.array([1.0, *weights, *[1.0] * (9 - len(weights))])
    )
    return replace(pool, table=Table.of(filled), row_weights=row_weights)


def tried(pool: Pool, after: tuple[float, ...]) -> Proposal:
    """The trial of the shorter text where it comes to these scores."""

    def execute(effect: Effect) -> Outcome:
        assert isinstance(effect, Rollout)
        assert QUOTING not in effect.candidate["a"]
        return Outcome("scored", score=after[effect.row.position])

    deletion = find_trim(pool, 1, ["a"], EXAMPLES, ())
    assert deletion is not None
    proposal, _ = drive(trim(deletion, pool, train_rows(len(after))), execute)
    assert isinstance(proposal, Proposal)
    return proposal


@pytest.mark.parametrize(
    ("after", "verdict"), [((1, 0), "accepted"), ((1, 1), "accepted"), ((0, 0), "rejected")]
)
def test_a_shorter_text_is_kept_when_it_does_not_do_worse_on_the_same_rows(after: Any, verdict: str) -> None:
    proposal = tried(grown((0, 1)), after)
    assert (proposal.verdict, proposal.before, proposal.after) == (verdict, (0, 1), after)
    assert (proposal.kind, proposal.parents, proposal.changed) == ("trim", (1,), ("a",))
    assert (proposal.reflections, proposal.rows, proposal.trial_rows) == (0, train_rows(2), train_rows(2))
    assert proposal.reason == (
        f"without a sentence that quotes an example it scored {sum(after)} on 2 rows, with it 1"
    )


def test_rows_count_by_their_weights_there() -> None:
    assert tried(grown((0, 1), [1.5, 0.5]), (1, 0)).verdict == "accepted"
    assert tried(grown((0, 1), [0.5, 1.5]), (1, 0)).verdict == "rejected"


def test_an_accepted_deletion_is_a_child_of_the_member() -> None:
    pool = grown((0, 1)).commit(tried(grown((0, 1)), (1, 1)), spent=9)
    assert pool.members[2].parents == (1,)
    assert pool.members[2].candidate["a"] == f"{GENERAL}\nBe short."
    assert pool.scores[2, 1:3].tolist() == [1, 1]


# When -----------------------------------------------------------------------------------------------------


def problem(**known: Any) -> Problem:
    reflector = ReflectionSettings("a", **known)
    pool = grown(())
    return Problem(pool.members[0].candidate, ["a"], 9, pool.val_rows, reflector, examples=lambda: EXAMPLES)


def planned(room: int, rows: int = 9, **options: Any) -> Any:
    strategy = options.pop("strategy", ADAPTIVE)
    return strategy.planner(problem(**options), 0).trim(grown((1.0,) * rows), room)


@pytest.mark.parametrize(("room", "rollouts"), [(15, 6), (17, 6), (200, 7)])
def test_it_takes_a_share_of_what_is_kept_for_the_finals_and_no_more_rows_than_a_trial(
    room: int, rollouts: int
) -> None:
    strategy = replace(ADAPTIVE, trial_size=6)  # and one more with every second trial
    plan = planned(room, strategy=strategy)
    assert (plan.kind, plan.parents, plan.need.rollouts, plan.need.reflections) == (
        "trim",
        (1,),
        rollouts,
        0,
    )


def test_it_is_run_on_rows_that_the_member_was_run_on() -> None:
    _, asked = drive(planned(100, rows=6).work, lambda effect: Outcome("scored", score=1.0))
    (batch,) = asked
    assert {effect.row for effect in batch if isinstance(effect, Rollout)} == set(train_rows(6))


def test_there_is_none_with_room_for_fewer_than_six_rows_or_on_fewer_known_ones() -> None:
    assert planned(14) is None
    assert planned(100, rows=5) is None


def test_there_is_none_when_the_strategy_has_no_share_for_it() -> None:
    assert planned(100, strategy=replace(ADAPTIVE, trim_share=0.0)) is None
    assert planned(100, strategy=Paper()) is None


def test_source_code_is_not_shortened() -> None:
    assert planned(100, components={"a": Component("a", {}, {}, kind="code")}) is None


def test_the_users_rules_hold_for_it() -> None:
    assert planned(100, rules=TextRules(keep=("Frida Korran",))) is None


# What is believed of it -----------------------------------------------------------------------------------


def test_its_rows_are_no_second_evidence_but_rows_its_parent_was_not_run_on_are() -> None:
    before = grown((1, 1, 1, 1))
    after = before.commit(tried(before, (1, 1, 1, 1)), spent=9)
    assert after.trimmed == (2,)
    assert after.belief.mean[1:].tolist() == pytest.approx([before.belief.mean[1]] * 2)
    assert after.belief.sd(2) >= after.belief.sd(1) == pytest.approx(before.belief.sd(1))
    worse = after.evaluated(Evaluation({2: {row: Outcome("scored", score=0.0) for row in train_rows(9)[5:]}}))
    assert worse.belief.mean[2] < after.belief.mean[2] - 0.05


def test_it_takes_its_parents_place_in_the_finals() -> None:
    before = grown((1, 1))
    assert contenders(before, 5) == [0, 1]
    assert contenders(before.commit(tried(before, (1, 1)), spent=9), 5) == [0, 2]
    assert contenders(before.commit(tried(before, (0, 0)), spent=9), 5) == [0, 1]


# In whole runs --------------------------------------------------------------------------------------------


def quotes_what_it_saw(prompt: Prompt) -> dict[str, str]:
    """A reflection model that learns a word, and tells of the first example it was shown."""
    text = learns_words(prompt)["new_instruction"]
    question = prompt.field("examples_with_feedback").split("### question\n")[1].splitlines()[0]
    return {"new_instruction": f"For '{question}' think twice.\n{text}"}


@pytest.mark.parametrize("share", [ADAPTIVE.trim_share, 0.0])
def test_a_run_returns_texts_without_quotes_unless_that_is_switched_off(share: float) -> None:
    result = practice_run(
        reflection_lm=scripted_lm(quotes_what_it_saw, "scripted/reflection"),
        strategy=replace(ADAPTIVE, trim_share=share),
        max_metric_calls=200,
    )
    deletions = [proposal for proposal in result.proposals if proposal.kind == "trim"]
    assert [proposal.verdict for proposal in deletions] == ["accepted"] * (share > 0)
    assert any("think twice" in text for text in result.texts[result.best_idx].values()) == (share == 0)
    assert result.total_metric_calls <= 200


@pytest.mark.slow
@pytest.mark.parametrize("rollouts", [0, 1, 3])
def test_a_run_that_is_killed_in_its_deletion_ends_as_if_nothing_had_happened(
    rollouts: int, tmp_path: Path
) -> None:
    options = {
        "reflection_lm": scripted_lm(quotes_what_it_saw, "scripted/reflection"),
        "max_metric_calls": 200,
        "seed": 1,
    }

    def killed() -> Callable[[Event], None]:
        left: list[int] = []

        def listen(event: Event) -> None:
            if isinstance(event, StepPlanned) and event.kind == "trim":
                left.append(rollouts)
            elif isinstance(event, RolloutDone) and left:
                left[0] -= 1
            if left and left[0] <= 0:
                raise KeyboardInterrupt

        return listen

    whole = practice_run(**options)
    with pytest.raises(RunInterrupted):
        practice_run(**options, log_dir=tmp_path, callbacks=[killed()])
    resumed = practice_run(**options, log_dir=tmp_path)
    assert [p for p in resumed.proposals if p.kind == "trim"]
    assert resumed.proposals == whole.proposals
    assert (resumed.best_idx, resumed.score, resumed.texts) == (whole.best_idx, whole.score, whole.texts)
