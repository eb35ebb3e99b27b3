"""Which member brought in which sentence."""

from __future__ import annotations

from dspy_gepa.record.model import Evidence, RunRecord
from dspy_gepa.report.provenance import passages
from dspy_gepa.texts import sentence_parts
from tests.report.support_records import member, trial
from tests.support_reports import made_up_run

SHOWN = (Evidence("train/3", 0.0, feedback="It was too long."),)
RUN = RunRecord(
    state="finished",
    members=(
        member(0, {"a": "Given.\nSeed."}),
        member(1, {"a": "Given.\nFirst."}, [0]),
        member(2, {"a": "Second.\n\nGiven.\nFirst."}, [1]),
        member(3, {"a": "Given.\nOther."}, [0]),
        member(4, {"a": "Second.\n\nGiven.\nFirst."}, [3, 2]),
        member(5, {"a": "Second.\n\nGiven. Given here.\nFirst.\nSeed."}, [4]),
        member(6, {"a": "Brought along.\nGiven."}),
    ),
    trials=(trial(1, [0], {"a": ""}, evidence=SHOWN), trial(2, [1], {"a": ""}), trial(5, [4], {"a": ""})),
)


def origins(index: int) -> list[tuple[str, int]]:
    return [(p.text, p.member) for p in passages(RUN, index, "a")]


def test_a_sentence_comes_from_the_oldest_member_of_the_line_in_which_it_stands() -> None:
    assert origins(2) == [("Second.\n\n", 2), ("Given.\n", 0), ("First.", 1)]


def test_a_merge_brings_in_nothing_of_its_own() -> None:
    assert origins(4) == origins(2)


def test_a_sentence_that_was_dropped_and_came_back_counts_for_who_brought_it_back() -> None:
    assert origins(5)[-1] == ("Seed.", 5)


def test_a_passage_knows_the_trial_and_the_failures_its_proposal_was_shown() -> None:
    last = passages(RUN, 2, "a")[-1]
    assert last.trial is RUN.trials[0]
    assert last.trial.evidence == SHOWN
    assert passages(RUN, 2, "a")[1].trial is None


def test_an_initial_candidate_brings_in_all_its_sentences() -> None:
    assert origins(6) == [("Brought along.\nGiven.", 6)]


def test_passages_are_the_text_whatever_it_is_laid_out_like() -> None:
    run = made_up_run(members=25, rows=3)
    for one in run.members:
        for name, text in one.texts.items():
            assert "".join(p.text for p in passages(run, one.index, name)) == text


def test_every_sentence_that_a_passage_claims_stands_in_its_member_and_in_no_parent_of_it() -> None:
    run = made_up_run(members=25, rows=3, seed=1)
    assert run.best is not None
    for name in run.components:
        for passage in passages(run, run.best, name):
            source = run.members[passage.member]
            older = [run.members[p].texts[name] for p in source.parents]
            for sentence in map(str.strip, sentence_parts(passage.text)):
                assert sentence in source.texts[name]
                assert all(sentence not in map(str.strip, sentence_parts(text)) for text in older)
