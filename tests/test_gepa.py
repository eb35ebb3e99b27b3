"""The optimizer end to end, with scripted language models: what comes out, and the rules of the paper."""

from __future__ import annotations

import math
from pathlib import Path

import dspy
import pytest

from dspy_gepa.program.build import read_candidate
from tests.support import (
    TwoHops,
    forgets_words,
    is_right,
    knows_words,
    prompts_of,
    scripted_lm,
    word_rows,
)
from tests.support_runs import TRAIN, VAL, Run, compile_words


@pytest.fixture(scope="module")
def learned() -> Run:
    """A run whose reflector learns for good."""
    return compile_words()


@pytest.fixture(scope="module", params=range(4))
def run(request: pytest.FixtureRequest) -> Run:
    """Runs whose reflector forgets, so that children are rejected and members merged."""
    return compile_words(reflection=forgets_words, seed=request.param)


# What goes in and what comes out --------------------------------------------------------------------------


def test_the_program_gets_better_on_rows_that_nobody_has_seen(learned: Run) -> None:
    unseen = word_rows(12, start=500)
    with dspy.context(lm=learned.task):
        before, after = (
            sum(is_right(row, program(**row.inputs())) for row in unseen)
            for program in (learned.student, learned.program)
        )
    assert (before, after) == (0, 12)


def test_the_result_is_a_new_module_and_the_student_stays_as_it_was() -> None:
    student = TwoHops()
    student.b.demos = [dspy.Example(question="q", hint="h", answer="a")]
    before = student.dump_state()
    learned = compile_words(student)
    assert learned.program is not student
    assert type(learned.program) is TwoHops
    assert student.dump_state() == before
    assert not hasattr(student, "detailed_results")
    assert dict(read_candidate(learned.program)) != dict(read_candidate(student))


def test_demos_and_own_lms_of_the_student_are_in_the_result() -> None:
    student, own = TwoHops(), scripted_lm(knows_words, "scripted/own")
    student.b.lm = own
    student.b.demos = [dspy.Example(question="q", hint="h", answer="a")]
    learned = compile_words(student)
    assert learned.program.b.demos == student.b.demos
    assert learned.program.b.lm.model == "scripted/own"
    assert {tuple(prompt.outputs) for prompt in prompts_of(own)} == {("answer",)}
    assert {tuple(prompt.outputs) for prompt in prompts_of(learned.task)} == {("hint",)}


def test_the_returned_program_is_the_best_on_average(learned: Run) -> None:
    result = learned.result
    assert result.val_aggregate_scores[result.best_idx] == max(result.val_aggregate_scores)
    assert dict(read_candidate(learned.program)) == result.texts[result.best_idx]
    assert dict(read_candidate(result.best_candidate)) == result.texts[result.best_idx]


def test_results_are_attached_on_demand_only() -> None:
    program = compile_words(max_metric_calls=len(VAL), track_stats=False).program
    assert not hasattr(program, "detailed_results")


def test_the_returned_program_can_be_saved_and_loaded(learned: Run, tmp_path: Path) -> None:
    path = tmp_path / "program.json"
    learned.program.save(path)
    loaded = TwoHops()
    loaded.load(path)
    assert dict(read_candidate(loaded)) == dict(read_candidate(learned.program))


def test_a_result_has_an_entry_per_candidate_in_every_list(run: Run) -> None:
    result = run.result
    count = len(result.candidates)
    assert count > 1
    for entries in (
        result.texts,
        result.parents,
        result.val_aggregate_scores,
        result.val_subscores,
        result.discovery_eval_counts,
    ):
        assert len(entries) == count
    assert [dict(read_candidate(program)) for program in result.candidates] == result.texts
    assert result.programs[1] is result.programs[-count + 1] is result.programs[:2][1] is result.candidates[1]
    assert result.parents[0] == [None]
    assert result.discovery_eval_counts[0] == 0
    assert result.discovery_eval_counts == sorted(result.discovery_eval_counts)
    assert result.num_full_val_evals == count


def test_reported_scores_are_those_of_the_program_on_the_validation_rows(run: Run) -> None:
    result = run.result
    with dspy.context(lm=run.task):
        again = [is_right(row, run.program(**row.inputs())) for row in VAL]
    assert list(result.val_subscores[result.best_idx].values()) == again
    assert result.val_aggregate_scores[result.best_idx] == sum(again) / len(VAL)


def test_the_best_candidates_of_a_row_have_its_best_score(run: Run) -> None:
    result = run.result
    for row, best in result.per_val_instance_best_candidates.items():
        top = max(scores[row] for scores in result.val_subscores)
        assert best == {i for i, scores in enumerate(result.val_subscores) if scores[row] == top}


def test_no_two_candidates_are_the_same(run: Run) -> None:
    assert len({tuple(texts.items()) for texts in run.result.texts}) == len(run.result.texts)


def test_reflections_are_counted(run: Run) -> None:
    assert run.result.reflection_calls == len(prompts_of(run.reflection))


def test_usage_is_reported_by_phase_and_model_and_adds_up(learned: Run) -> None:
    usage = learned.result.usage
    assert set(usage) == {"reflection", "train rollouts", "validation rollouts"}
    assert set(usage["reflection"].tokens) == {"scripted/reflection"}
    assert set(usage["train rollouts"].tokens) == {"scripted/task"}
    assert sum(used.total_tokens for used in usage.values()) == learned.result.total_tokens
    assert usage["reflection"].calls == learned.result.reflection_calls


# The paper's rules ----------------------------------------------------------------------------------------


def test_mutations_are_tried_on_three_distinct_train_rows(run: Run) -> None:
    for proposal in run.mutations:
        assert len(set(proposal.rows)) == len(proposal.rows) == 3
        assert {row.split for row in proposal.rows} == {"train"}
        assert len(proposal.before) == 3


def test_an_epoch_of_minibatches_covers_the_train_rows(run: Run) -> None:
    first_epoch = run.result.proposals[1:5]
    assert [p.kind for p in first_epoch] == ["mutation"] * 4
    assert {row.position for p in first_epoch for row in p.rows} == set(range(12))


def test_a_mutation_is_accepted_exactly_when_its_sum_is_strictly_better(run: Run) -> None:
    tried = [p for p in run.mutations if p.after]
    assert {p.verdict for p in tried} == {"accepted", "rejected"}
    for proposal in tried:
        assert (proposal.verdict == "accepted") is (math.fsum(proposal.after) > math.fsum(proposal.before))


def test_components_take_turns_along_each_line_of_descent(run: Run) -> None:
    turns: list[int] = []
    for proposal in run.result.proposals:
        if proposal.kind == "mutation":
            (parent,) = proposal.parents
            if proposal.changed:
                assert proposal.changed == (("a", "b")[turns[parent] % 2],)
            turns[parent] += 1
        if proposal.verdict == "accepted":
            inherited = [turns[parent] for parent in proposal.parents]
            turns.append(inherited[0] if len(inherited) == 1 else max((n % 2 for n in inherited), default=0))


def test_every_accepted_candidate_is_run_on_the_whole_validation_set(run: Run) -> None:
    assert all(set(scores) == set(range(len(VAL))) for scores in run.result.val_subscores)


def test_members_that_are_accepted_are_the_candidates_in_order(run: Run) -> None:
    accepted = [p for p in run.result.proposals if p.verdict == "accepted"]
    assert [dict(p.candidate or {}) for p in accepted] == run.result.texts
    assert [list(p.parents) or [None] for p in accepted] == run.result.parents


@pytest.fixture(scope="module")
def merging() -> Run:
    run = compile_words(reflection=forgets_words, seed=1)
    assert run.merges
    return run


def test_members_that_learned_different_things_are_merged(merging: Run) -> None:
    accepted = [p for p in merging.merges if p.verdict == "accepted"]
    assert accepted
    for proposal in accepted:
        first, second = (merging.result.texts[parent] for parent in proposal.parents)
        assert proposal.candidate is not None
        assert dict(proposal.candidate) not in (first, second)
        assert all(text in (first[name], second[name]) for name, text in proposal.candidate.items())


def test_merges_are_tried_on_five_validation_rows_against_the_better_parent(merging: Run) -> None:
    for proposal in merging.merges:
        assert len(set(proposal.rows)) == 5
        assert {row.split for row in proposal.rows} == {"val"}
        scores = [
            math.fsum(merging.result.val_subscores[parent][row.position] for row in proposal.rows)
            for parent in proposal.parents
        ]
        assert math.fsum(proposal.before) == max(scores)
        assert (proposal.verdict == "accepted") is (math.fsum(proposal.after) >= max(scores))


def test_the_reflector_sees_the_train_rows_of_the_minibatch_and_no_validation_row(run: Run) -> None:
    assert not [row.question for row in VAL if row.question in run.evidence]
    first = run.mutations[0]
    assert all(TRAIN[row.position].question in first.evidence["a"] for row in first.rows)


def test_without_a_validation_set_the_train_rows_serve_as_one() -> None:
    result = compile_words(valset=None).result
    assert set(result.val_subscores[0]) == set(range(len(TRAIN)))


def test_use_merge_turns_merging_off(merging: Run) -> None:
    assert merging.merges
    assert not compile_words(reflection=forgets_words, seed=1, use_merge=False).merges
