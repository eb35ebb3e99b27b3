"""What comes out of a run: the result's fields, its texts, and the program it hangs on."""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import math
import re
from pathlib import Path
from typing import Any

import cloudpickle
import dspy
import numpy as np
import pytest
from dspy.teleprompt.gepa.gepa import DspyGEPAResult
from hypothesis import given, settings
from hypothesis import strategies as st

from dspy_gepa import GEPA, ConfigurationError, GEPAResult
from dspy_gepa.program.build import read_candidate
from tests.support import (
    OneHop,
    TwoHops,
    forgets_words,
    is_right,
    knows_words,
    learns_words,
    prompts_of,
    scripted_lm,
    word_rows,
)

TRAIN, VAL = word_rows(12), word_rows(6, start=100)


def with_objectives(gold: dspy.Example, pred: dspy.Prediction, trace: Any = None) -> dict[str, Any]:
    objectives = {"right": is_right(gold, pred), "brief": 1 / len(pred.answer)}
    if gold.question.startswith("10"):  # a metric may leave one out
        del objectives["brief"]
    return {"score": is_right(gold, pred), "objective_scores": objectives}


def compiled(
    student: dspy.Module | None = None,
    *,
    metric: Any = is_right,
    trainset: Any = TRAIN,
    valset: Any = VAL,
    reflection: Any = forgets_words,
    task: dspy.LM | None = None,
    **options: Any,
) -> dspy.Module:
    chosen = {"strategy": "paper", "max_metric_calls": 60, "num_threads": 2, "track_stats": True} | options
    with dspy.context(lm=task or scripted_lm(knows_words)):
        optimizer = GEPA(metric, reflection_lm=scripted_lm(reflection, "scripted/reflection"), **chosen)
        return optimizer.compile(student or TwoHops(), trainset=trainset, valset=valset)


def result_of(program: dspy.Module) -> GEPAResult:
    result = program.detailed_results
    assert isinstance(result, GEPAResult)
    return result


@pytest.fixture(scope="module", params=["paper", "adaptive"])
def result(request: pytest.FixtureRequest) -> GEPAResult:
    return result_of(compiled(metric=with_objectives, strategy=request.param, track_best_outputs=True))


# Fields ---------------------------------------------------------------------------------------------------


def test_every_field_and_property_of_the_reference_is_there(result: GEPAResult) -> None:
    names = {f.name for f in dataclasses.fields(DspyGEPAResult)}
    names |= {name for name, value in vars(DspyGEPAResult).items() if isinstance(value, property)}
    assert [name for name in names if not hasattr(result, name)] == []


def test_to_dict_has_the_keys_of_the_reference(result: GEPAResult) -> None:
    fields = {f.name: getattr(result, f.name) for f in dataclasses.fields(DspyGEPAResult)}
    assert set(DspyGEPAResult(**fields).to_dict()) <= set(result.to_dict())


def test_lists_go_by_candidate(result: GEPAResult) -> None:
    by_candidate = (
        *(result.parents, result.val_aggregate_scores, result.intervals, result.coverage, result.texts),
        *(result.val_subscores, result.discovery_eval_counts, result.val_aggregate_subscores),
    )
    assert {len(entries) for entries in by_candidate if entries is not None} == {len(result.candidates)}
    assert len(result.candidates) > 1


def test_subscores_and_best_candidates_agree(result: GEPAResult) -> None:
    for row in range(len(VAL)):
        reached = {i: s[row] for i, s in enumerate(result.val_subscores) if row in s}
        top = max(reached.values(), default=None)
        best = {i for i, score in reached.items() if score == top}
        assert result.per_val_instance_best_candidates.get(row, set()) == best
        assert result.highest_score_achieved_per_val_task.get(row) == top


def test_rows_run_on_are_counted_with_train_rows(result: GEPAResult) -> None:
    assert all(n >= len(s) for n, s in zip(result.coverage, result.val_subscores, strict=True))
    assert max(result.coverage) <= len(TRAIN) + len(VAL)


def test_objectives_have_their_best_candidates(result: GEPAResult) -> None:
    assert result.val_aggregate_subscores is not None
    assert result.objective_pareto_front is not None
    assert result.per_objective_best_candidates is not None
    assert set(result.objective_pareto_front) == {"right", "brief"}
    for name, best in result.objective_pareto_front.items():
        levels = [scores[name] for scores in result.val_aggregate_subscores]
        assert best == max(levels)
        assert result.per_objective_best_candidates[name] == {i for i, v in enumerate(levels) if v == best}


def test_without_objectives_these_fields_are_none() -> None:
    found = result_of(compiled(max_metric_calls=20))
    assert found.val_aggregate_subscores is None
    assert found.per_objective_best_candidates is None
    assert found.objective_pareto_front is None
    assert found.best_outputs_valset is None


def test_the_mean_of_an_objective_is_over_the_validation_rows_where_all_have_it() -> None:
    found = result_of(compiled(metric=with_objectives))
    means = [sum(scores.values()) / len(scores) for scores in found.val_subscores]
    assert found.val_aggregate_subscores is not None
    assert [scores["right"] for scores in found.val_aggregate_subscores] == pytest.approx(means)


def test_the_best_candidate_is_the_program_that_was_returned() -> None:
    program = compiled(reflection=learns_words)
    found = result_of(program)
    assert found.best_idx > 0
    assert read_candidate(found.best_candidate) == read_candidate(program)
    assert dict(read_candidate(program)) == found.texts[found.best_idx]


def test_the_gain_is_of_the_program_returned_over_the_seed(result: GEPAResult) -> None:
    low, high = result.gain_interval
    assert low <= result.gain <= high
    if result.best_idx == 0:
        assert result.gain == low == high == 0.0


def test_a_lineage_begins_with_the_seed_and_holds_all_parents(result: GEPAResult) -> None:
    for candidate in range(len(result.candidates)):
        line = result.lineage(candidate)
        assert (line[0], line[-1]) == (0, candidate)
        assert all(p in line for i in line for p in result.parents[i] if p is not None)


def test_what_was_rejected_is_shown_with_the_reason(result: GEPAResult) -> None:
    assert len(result.rejected) + len(result.candidates) == len(result.proposals)
    assert all(proposal.reason for proposal in result.rejected)


def test_lengths_are_of_the_texts(result: GEPAResult) -> None:
    assert result.seed_length.characters == sum(map(len, result.texts[0].values()))
    assert result.best_length.tokens == math.ceil(result.best_length.characters / 4)


# Inference-time search ------------------------------------------------------------------------------------


def test_the_best_outputs_are_those_of_the_best_candidates(result: GEPAResult) -> None:
    outputs = result.best_outputs_valset
    assert outputs is not None
    assert {row: {i for i, _ in best} for row, best in outputs.items()} == (
        result.per_val_instance_best_candidates
    )


def test_the_best_outputs_have_the_best_score(result: GEPAResult) -> None:
    for row, best in (result.best_outputs_valset or {}).items():
        for _, output in best:
            assert isinstance(output, dspy.Prediction)
            assert is_right(VAL[row], output) == result.highest_score_achieved_per_val_task[row]


@settings(max_examples=10)
@given(seed=st.integers(0, 1000), strategy=st.sampled_from(["paper", "adaptive"]), in_sample=st.booleans())
def test_best_outputs_and_subscores_agree_in_any_run(seed: int, strategy: str, in_sample: bool) -> None:
    rows = word_rows(5, components="b")
    data = {"trainset": rows, "valset": rows if in_sample else word_rows(4, components="b", start=50)}
    options = {"max_metric_calls": 30, "seed": seed, "strategy": strategy, "track_best_outputs": True}
    found = result_of(compiled(OneHop(), **data, **options))
    assert found.best_outputs_valset
    for row, best in found.best_outputs_valset.items():
        top = max(scores[row] for scores in found.val_subscores if row in scores)
        assert all(found.val_subscores[i][row] == top for i, _ in best)
        assert all(is_right(data["valset"][row], output) == top for _, output in best)


def test_the_best_outputs_are_there_after_a_resume(tmp_path: Path) -> None:
    options = {"log_dir": str(tmp_path), "track_best_outputs": True}
    first = result_of(compiled(**options))
    task = scripted_lm(knows_words)
    again = result_of(compiled(task=task, **options))
    assert prompts_of(task) == []
    assert again.to_dict()["best_outputs_valset"] == first.to_dict()["best_outputs_valset"]
    assert isinstance(again.best_outputs_valset, dict)
    assert again.best_outputs_valset[0][0][1].answer in ("right", "wrong")


def test_outputs_without_statistics_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="Add track_stats=True"):
        compiled(track_stats=False, track_best_outputs=True)


# Validation rows that are the train rows ------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["paper", "adaptive"])
@pytest.mark.parametrize("valset", [None, TRAIN, [row.copy() for row in TRAIN]])
def test_what_is_one_task_is_paid_once(valset: Any, strategy: str, caplog: pytest.LogCaptureFixture) -> None:
    ran: list[tuple[Any, ...]] = []

    class Counting(dspy.Module):
        def __init__(self) -> None:
            super().__init__()
            self.b = dspy.Predict("question -> answer")

        def forward(self, question: str) -> dspy.Prediction:
            ran.append((question, self.b.signature.instructions))
            return self.b(question=question)

    with caplog.at_level(logging.WARNING, "dspy_gepa"):
        program = compiled(Counting(), valset=valset, strategy=strategy, reflection=learns_words)
    found = result_of(program)
    assert len(ran) == len(set(ran)) == found.total_metric_calls <= 60
    assert found.score_is_in_sample
    assert len([r for r in caplog.records if "very rows that were reflected on" in r.message]) == 1


def test_a_small_train_set_alone_does_not_end_the_search_early() -> None:
    rows = word_rows(6, components="b")
    program = compiled(
        OneHop(),
        trainset=rows,
        valset=None,
        strategy="adaptive",
        reflection=learns_words,
        max_metric_calls=120,
    )
    with dspy.context(lm=scripted_lm(knows_words)):
        assert all(is_right(row, program(**row.inputs())) for row in rows)


@pytest.mark.parametrize("valset", [VAL, TRAIN[:-1], [*TRAIN[1:], TRAIN[0]]])
def test_other_validation_rows_are_rows_of_their_own(valset: list[dspy.Example]) -> None:
    assert not result_of(compiled(valset=valset, max_metric_calls=30)).score_is_in_sample


# Out again ------------------------------------------------------------------------------------------------


def test_json_is_strict_and_holds_what_to_dict_holds(result: GEPAResult) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    data = json.loads(result.to_json(), parse_constant=refuse)
    assert set(data) == set(result.to_dict())
    assert data["candidates"] == result.texts
    assert data["best_outputs_valset"].keys() == {str(i) for i in result.best_outputs_valset or {}}


def test_numbers_that_json_does_not_know_are_null(result: GEPAResult) -> None:
    known = result.val_aggregate_scores[2:]
    odd = dataclasses.replace(result, val_aggregate_scores=[math.nan, math.inf, *known])
    assert json.loads(odd.to_json())["val_aggregate_scores"] == [None, None, *known]


def test_markdown_shows_gain_cost_stop_reason_and_the_final_texts() -> None:
    found = result_of(
        compiled(reflection=lambda p: {"new_instruction": learns_words(p)["new_instruction"] + "\n```\n# x"})
    )
    shown = found.to_markdown()
    assert "Gain over your program" in shown
    assert "with probability 0.9 between" in shown
    for text in found.texts[found.best_idx].values():
        assert f"````text\n{text}\n````" in shown or f"```text\n{text}\n```" in shown


def test_a_diff_is_of_seed_and_winner_unless_others_are_named() -> None:
    found = result_of(compiled(reflection=learns_words))
    assert found.best_idx > 0
    assert re.search(r"^\+ .*know w", found.diff(), re.MULTILINE)
    assert re.search(r"^- .*know w", found.diff(found.best_idx, 0), re.MULTILINE)
    assert found.diff(1, 1) == "a\n  (unchanged)\n\nb\n  (unchanged)"


def test_a_candidate_may_be_named_by_numpys_numbers(result: GEPAResult) -> None:
    best = np.argmax(result.val_aggregate_scores)
    assert result.lineage(best)[-1] == best
    assert result.diff(0, best) == result.diff(0, int(best))


@pytest.mark.parametrize("candidate", [-1, 99, True, "seed", 1.0])
def test_a_candidate_that_is_not_there_is_refused(result: GEPAResult, candidate: Any) -> None:
    with pytest.raises(ConfigurationError, match="There is no candidate"):
        result.diff(candidate)
    with pytest.raises(ConfigurationError, match=r"0 is your program, \d"):
        result.to_messages(VAL[0], candidate)


def test_messages_of_a_program_with_one_predictor_are_a_list() -> None:
    found = result_of(compiled(OneHop(), reflection=learns_words))
    messages = found.to_messages(VAL[0])
    assert isinstance(messages, list)
    assert found.texts[found.best_idx]["b"].split("\n")[-1] in messages[0]["content"]
    assert found.to_messages(VAL[0], 0) != messages


def test_messages_of_several_predictors_go_by_name_and_say_what_is_missing(
    result: GEPAResult, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "dspy_gepa"):
        assert set(result.to_messages(VAL[0])) == {"a"}
    assert "b lacks hint" in caplog.text
    assert set(result.to_messages({"question": "why?", "hint": "because"})) == {"a", "b"}
    with pytest.raises(ConfigurationError, match="a lacks question; b lacks question, hint"):
        result.to_messages({"word": "x"})


# The program it hangs on ----------------------------------------------------------------------------------


def test_a_program_with_its_result_is_saved_and_loaded(tmp_path: Path) -> None:
    program = compiled(track_best_outputs=True)
    program.save(tmp_path / "program.json")
    loaded = TwoHops()
    loaded.load(tmp_path / "program.json")
    assert read_candidate(loaded) == read_candidate(program)
    assert set(program.dump_state()) == {"a", "b"}


def test_a_program_with_its_result_is_pickled_and_saved_whole(tmp_path: Path) -> None:
    program = compiled(metric=with_objectives, track_best_outputs=True)
    again = cloudpickle.loads(cloudpickle.dumps(program))
    assert again.detailed_results.to_dict() == program.detailed_results.to_dict()
    program.save(tmp_path / "whole", save_program=True)
    whole = dspy.load(str(tmp_path / "whole"), allow_pickle=True)
    assert whole.detailed_results.to_json() == program.detailed_results.to_json()
    assert read_candidate(whole) == read_candidate(program)


def test_copies_of_a_program_share_its_result() -> None:
    program = compiled(max_metric_calls=20)
    assert copy.deepcopy(program).detailed_results is program.detailed_results


@pytest.mark.parametrize("track_stats", [True, False])
def test_a_second_compile_does_not_carry_the_first_ones_result_on(track_stats: bool) -> None:
    first = compiled(max_metric_calls=20)
    second = compiled(first, max_metric_calls=20, track_stats=track_stats)
    assert hasattr(second, "detailed_results") is track_stats
    assert vars(second).get("detailed_results") is not first.detailed_results
    if track_stats:
        assert not [p for p in result_of(second).candidates if hasattr(p, "detailed_results")]


def test_an_output_that_is_no_prediction_is_kept_as_one() -> None:
    class Bare(dspy.Module):
        def __init__(self) -> None:
            super().__init__()
            self.b = dspy.Predict("question -> answer")

        def forward(self, question: str) -> Any:
            return self.b(question=question).answer

    def metric(gold: dspy.Example, pred: Any, trace: Any = None) -> float:
        return float(pred == gold.answer)

    found = result_of(compiled(Bare(), metric=metric, track_best_outputs=True))
    assert found.best_outputs_valset is not None
    assert {o.output for best in found.best_outputs_valset.values() for _, o in best} <= {"right", "wrong"}


def test_a_result_is_shown_on_one_line_and_in_a_notebook_as_a_table() -> None:
    found = result_of(compiled(reflection=learns_words))
    for shown in (repr(found), str(found), repr(found.record), repr(found.report())):
        assert len(shown) < 1000
        assert "\n" not in shown
    assert found.choice_reason in repr(found)
    page = found._repr_html_()
    assert "<table><tr><th>Gain over your program</th>" in page
    assert "know w" in page


def test_a_result_without_a_gain_has_no_interval_of_it() -> None:
    found = result_of(compiled(reflection=lambda p: {"new_instruction": "Nothing. " + p.user[:20]}))
    assert found.best_idx == 0
    assert "- Gain over your program: none\n" in found.to_markdown()
    assert "Gain over your program: none\\n" in found.report().to_html()


def test_where_means_decide_the_expected_scores_of_the_line_are_named_so() -> None:
    paper, adaptive = (
        result_of(compiled(reflection=learns_words, strategy=s)) for s in ("paper", "adaptive")
    )
    assert paper.best_idx
    assert f"expected {paper.record.members[0].believed:.2f} -> {paper.score:.2f}" in repr(paper)
    assert "best mean on all" in repr(paper)
    assert "expected" not in repr(adaptive)


def test_no_text_of_a_model_is_read_as_html_in_a_notebook() -> None:
    found = result_of(compiled(reflection=lambda p: {"new_instruction": "<script>x</script> know w1."}))
    assert "<script>" not in found._repr_html_()
