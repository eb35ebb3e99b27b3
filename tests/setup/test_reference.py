"""What users of `dspy.GEPA` bring along: every key of `gepa_kwargs`, and functions in its form."""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dspy
import gepa
import pytest
from dspy.teleprompt.gepa import InstructionProposer
from gepa.strategies.component_selector import (
    AllReflectionComponentSelector,
    RoundRobinReflectionComponentSelector,
)
from gepa.utils.stop_condition import (
    MaxCandidateProposalsStopper,
    MaxMetricCallsStopper,
    MaxTrackedCandidatesStopper,
    NoImprovementStopper,
    ScoreThresholdStopper,
    TimeoutStopCondition,
)

from dspy_gepa import GEPA, ConfigurationError
from dspy_gepa.result import GEPAResult
from dspy_gepa.search.choices.acceptance import improves, keeps_up
from dspy_gepa.setup.reference import State, translate
from dspy_gepa.testing import practice_run
from tests.support import (
    OneHop,
    Prompt,
    TwoHops,
    is_right,
    knows_words,
    learns_words,
    prompts_of,
    scripted_lm,
    word_rows,
)

ALL_WORDS = "know w0. know w1. know w2."


def compile_words(student: dspy.Module | None = None, **options: Any) -> tuple[dspy.Module, GEPAResult]:
    chosen = {
        "metric": is_right,
        "max_metric_calls": 100,
        "reflection_lm": scripted_lm(learns_words),
        "num_threads": 2,
        "track_stats": True,
    }
    with dspy.context(lm=scripted_lm(knows_words)):
        program = GEPA(**(chosen | options)).compile(
            student or TwoHops(), trainset=word_rows(24), valset=word_rows(12, start=100)
        )
    return program, program.detailed_results


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"acceptance_criterion": "strict_improvement"}, {"acceptance": improves}),
        ({"acceptance_criterion": "improvement_or_equal"}, {"acceptance": keeps_up}),
        ({"batch_sampler": "epoch_shuffled"}, {"batch_sampler": None}),
        ({"module_selector": "all"}, {"component_selector": "all"}),
        ({"run_dir": "runs/1"}, {"log_dir": "runs/1"}),
        ({"cache_evaluation": True, "raise_on_exception": True}, {}),
        ({"use_cloudpickle": False}, {}),
        ({"display_progress_bar": False}, {"progress": "off"}),
        ({"display_progress_bar": True}, {"progress": "auto"}),
        ({"use_cloudpickle": True, "wandb_attach_existing": True}, {}),
        ({"stop_callbacks": None}, {"stop": None}),
        ({"stop_callbacks": []}, {"stop": None}),
        ({}, {}),
    ],
)
def test_keys_of_gepa_kwargs_with_an_equivalent_are_translated(
    given: dict[str, Any], meant: dict[str, Any]
) -> None:
    assert translate(given) == meant


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"cache_evaluation": False}, "cannot be had: a rollout is never paid twice"),
        ({"raise_on_exception": False}, "cannot be had: errors stop the run"),
        ({"use_cloudpickle": "x"}, "never pickles"),
        ({"display_progress_bar": "yes"}, "must be True or False"),
        ({"callbacks": []}, "Pass callbacks="),
        ({"stop_callbacks": ["soon"]}, "holds 'soon', which cannot be called"),
        ({"wandb_attach_existing": False}, "a run that is active is written into"),
        ({"mlflow_tracking_uri": "x"}, r"Call mlflow\.set_tracking_uri"),
        ({"mlflow_experiment_name": "x"}, r"Call mlflow\.set_experiment"),
        ({"mlflow_attach_existing": True}, "nested in the one that is active"),
        ({"tracking_key_prefix": "x"}, "Names begin with gepa/"),
        ({"val_evaluation_policy": "full_eval"}, "strategy='paper' runs"),
        ({"sampling_strategy": object()}, "Pass width="),
        ({"selection_strategy": "all"}, "Pass acceptance="),
        ({"reflection_strategy": object()}, "Pass instruction_proposer="),
        ({"reflection_prompt_template": "x"}, "Pass guidance=.*instruction_proposer="),
        ({"reflection_lm_kwargs": {}}, "Set them on reflection_lm"),
        ({"max_reflection_cost": 1.0}, "Pass max_cost="),
        ({"merge_val_overlap_floor": 5}, "Merges compare"),
        ({"logger": object()}, "logger 'dspy_gepa'"),
        ({"task_lm": "x"}, "dspy.configure"),
        ({"acceptance_criterion": "always"}, "known are 'strict_improvement', 'improvement_or_equal'"),
        ({"batch_sampler": object()}, "pass batch_sampler= to GEPA"),
        ({"frontier": "instance"}, "is not known"),
    ],
)
def test_other_keys_are_refused_with_what_to_use_in_their_place(given: dict[str, Any], words: str) -> None:
    (key,) = given
    with pytest.raises(ConfigurationError, match=words) as caught:
        GEPA(is_right, max_metric_calls=99, reflection_lm=scripted_lm(learns_words), gepa_kwargs=given)
    assert f"gepa_kwargs[{key!r}]" in str(caught.value)


def test_a_refused_key_may_be_none_as_it_is_by_default_there() -> None:
    assert translate({"max_reflection_cost": None, "sampling_strategy": None}) == {}


def test_every_parameter_of_the_gepa_package_is_an_option_or_a_key_that_is_known() -> None:
    ours = {"seed_candidate", "trainset", "valset", *inspect.signature(GEPA.__init__).parameters}

    def is_known(key: str) -> bool:
        try:
            translate({key: object()})
        except ConfigurationError as error:
            return "is not known" not in str(error)
        return True

    theirs = inspect.signature(gepa.optimize).parameters
    assert [name for name in theirs if name not in ours and not is_known(name)] == []
    assert not is_known("no_such_key")


@pytest.mark.parametrize(
    ("stoppers", "ends", "reason"),
    [
        (ScoreThresholdStopper(0.5), lambda r: r.score >= 0.5, "ScoreThresholdStopper"),
        ([NoImprovementStopper(3)], lambda r: 4 < len(r.proposals) < 20, "NoImprovementStopper"),
        ([MaxMetricCallsStopper(40)], lambda r: 40 <= r.total_metric_calls < 60, "MaxMetricCallsStopper"),
        (MaxTrackedCandidatesStopper(3), lambda r: len(r.candidates) == 3, "MaxTrackedCandidatesStopper"),
        (MaxCandidateProposalsStopper(2), lambda r: len(r.proposals) == 3, "MaxCandidateProposalsStopper"),
        ([TimeoutStopCondition(1e9), TimeoutStopCondition(-1)], lambda r: len(r.proposals) == 1, "Timeout"),
    ],
)
def test_stop_callbacks_of_the_gepa_package_end_a_run(stoppers: Any, ends: Any, reason: str) -> None:
    result = practice_run(
        gepa_kwargs={"stop_callbacks": stoppers}, strategy="paper", max_metric_calls=300, width=1
    )
    assert result.stop_reason.startswith(f"stop callback: {reason}")
    assert ends(result)


def test_what_is_set_directly_and_by_gepa_kwargs_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="component_selector= is set twice"):
        compile_words(component_selector="all", gepa_kwargs={"module_selector": "all"})


def test_a_component_selector_written_for_the_reference_gets_what_it_asks_for() -> None:
    seen: list[tuple[State, list[Any], list[float], int, dict[str, str]]] = []

    def second_only(
        state: State,
        trajectories: list[Any],
        subsample_scores: list[float],
        candidate_idx: int,
        candidate: dict[str, str],
    ) -> list[str]:
        seen.append((state, trajectories, subsample_scores, candidate_idx, candidate))
        return [list(candidate)[1]]

    _, result = compile_words(component_selector=second_only, strategy="paper")
    assert {name for p in result.proposals for name in p.changed} == {"b"}
    state, trajectories, scores, index, candidate = seen[-1]
    assert state.program_candidates[index] == candidate
    assert [t["score"] for t in trajectories] == scores
    assert state.parent_program_for_candidate[0] == [None]
    assert set(state.prog_candidate_val_subscores[0]) == set(range(12))
    assert state.i == len(seen) - 1  # trials that ended before this one


@pytest.mark.parametrize(
    ("selector", "name"),
    [
        (RoundRobinReflectionComponentSelector(), "round_robin"),
        (AllReflectionComponentSelector(), "all"),
    ],
)
def test_the_selectors_of_the_gepa_package_can_be_handed_over(selector: Any, name: str) -> None:
    given, meant = (
        practice_run(component_selector=chosen, strategy="paper").to_dict() for chosen in (selector, name)
    )
    assert given["candidates"] == meant["candidates"]


def test_a_selector_with_room_for_more_is_still_one_of_the_reference() -> None:
    def first(
        state: Any, trajectories: Any, subsample_scores: Any, candidate_idx: Any, candidate: Any, **more: Any
    ) -> list[str]:
        return list(candidate)[:1]

    _, result = compile_words(component_selector=first, max_metric_calls=50)
    assert {name for p in result.proposals for name in p.changed} == {"a"}


class Proposer:
    """A proposer in the form of `dspy.GEPA`, which asks DSPy's own LM."""

    def __init__(self) -> None:
        self.asked: list[tuple[dict[str, str], Mapping[str, list[dict[str, Any]]], list[str]]] = []

    def __call__(
        self,
        candidate: dict[str, str],
        reflective_dataset: Mapping[str, list[dict[str, Any]]],
        components_to_update: list[str],
    ) -> dict[str, str]:
        self.asked.append((candidate, reflective_dataset, components_to_update))
        rewrite = dspy.Predict("current, feedback -> better")
        return {
            name: rewrite(current=candidate[name], feedback=str(reflective_dataset[name])).better
            for name in components_to_update
        }


def improves_words(prompt: Prompt) -> dict[str, str]:
    return {"better": prompt.field("current") + " know w0. know w1. know w2."}


def test_an_instruction_proposer_is_called_under_the_reflection_lm_with_texts_evidence_and_names() -> None:
    proposer, reflection = Proposer(), scripted_lm(improves_words)
    program, result = compile_words(instruction_proposer=proposer, reflection_lm=reflection)
    assert result.score > 0.9
    assert "know w2." in program.a.signature.instructions
    assert len(prompts_of(reflection)) == len(proposer.asked) == result.reflection_calls
    candidate, dataset, names = proposer.asked[0]
    assert set(candidate) == {"a", "b"}
    (name,) = names
    assert set(dataset) == {name}
    assert set(dataset[name][0]) == {"Inputs", "Generated Outputs", "Feedback"}


def test_a_proposer_is_called_by_the_names_of_the_reference_where_it_has_them() -> None:
    def by_name(*, components_to_update: Any, reflective_dataset: Any, candidate: Any) -> dict[str, str]:
        assert list(reflective_dataset) == components_to_update
        assert set(candidate) == {"a", "b"}
        return dict.fromkeys(components_to_update, ALL_WORDS)

    program, _ = compile_words(instruction_proposer=by_name, reflection_lm=None)
    assert program.b.signature.instructions == ALL_WORDS


def test_the_references_own_proposer_can_be_handed_over() -> None:
    def improves_in_any_format(prompt: Prompt) -> dict[str, str]:
        return dict.fromkeys(prompt.outputs, ALL_WORDS)

    reflection = scripted_lm(improves_in_any_format)
    program, _ = compile_words(
        instruction_proposer=InstructionProposer(additional_instructions="Use short words."),
        reflection_lm=reflection,
    )
    assert program.b.signature.instructions == ALL_WORDS
    assert "Use short words." in prompts_of(reflection)[0].system + prompts_of(reflection)[0].text


def test_a_proposer_needs_no_reflection_lm() -> None:
    program, _ = compile_words(
        instruction_proposer=lambda candidate, dataset, names: dict.fromkeys(names, ALL_WORDS),
        reflection_lm=None,
    )
    assert program.b.signature.instructions == ALL_WORDS


@pytest.mark.parametrize(
    ("answer", "words"),
    [({}, "gave no text for"), ("text", "gave str, not a mapping"), (ZeroDivisionError("oh"), "oh")],
)
def test_a_proposer_that_gives_no_text_is_shown_why_its_proposal_was_rejected(
    answer: Any, words: str
) -> None:
    calls = iter(range(100))

    def proposer(candidate: Any, dataset: Any, names: list[str]) -> Any:
        if next(calls) >= 2:
            return {n: f"know w0. {next(calls)}" for n in names}
        if isinstance(answer, Exception):
            raise answer
        return answer

    _, result = compile_words(OneHop(), instruction_proposer=proposer, reflection_lm=None, width=1)
    assert words in result.proposals[1].reason


@pytest.mark.parametrize("shown", [True, False])
def test_outputs_that_could_not_be_parsed_are_evidence_unless_turned_off(shown: bool) -> None:
    def speaks_no_format(prompt: Prompt) -> Any:
        if "needs w1" in prompt.user:
            return "I would rather not use your format"
        return knows_words(prompt)

    reflection = scripted_lm(learns_words)
    with dspy.context(lm=scripted_lm(speaks_no_format)):
        GEPA(
            is_right,
            max_metric_calls=40,
            reflection_lm=reflection,
            num_threads=1,
            add_format_failure_as_feedback=shown,
        ).compile(OneHop(), trainset=word_rows(12), valset=word_rows(6, start=50))
    told = [prompt.field("examples_with_feedback") for prompt in prompts_of(reflection)]
    assert any("rather not use your format" in text for text in told) is shown


def test_a_metric_can_score_how_an_answer_came_about() -> None:
    calls: list[list[str]] = []

    def brief(gold: Any, pred: Any, program_trace: Any = None) -> float:
        calls.append([next(iter(outputs.keys())) for _, _, outputs in program_trace])
        return 1.0 / len(program_trace)

    _, result = compile_words(metric=brief, max_metric_calls=30)
    assert result.score == pytest.approx(0.5)
    assert len(calls) == result.total_metric_calls
    assert all(names == ["hint", "answer"] for names in calls)


@pytest.mark.parametrize("warns", [True, False])
def test_a_metric_that_scores_otherwise_with_pred_name_is_warned_of_once(
    warns: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def strict(gold: Any, pred: Any, trace: Any = None, pred_name: Any = None, pred_trace: Any = None) -> Any:
        return {"score": 0.25 if pred_name else is_right(gold, pred), "feedback": "x"}

    with caplog.at_level(logging.WARNING, "dspy_gepa"):
        compile_words(metric=strict, warn_on_score_mismatch=warns, max_metric_calls=30)
    assert sum("0.25 when it was called for the feedback" in line for line in caplog.messages) == int(warns)


def test_a_search_begins_with_the_initial_candidates_too() -> None:
    better = {"a": "Answer. know w0. know w1."}
    best = TwoHops()
    best.b.signature = best.b.signature.with_instructions(ALL_WORDS)
    for strategy in ("adaptive", "paper"):
        _, result = compile_words(initial_candidates=[better, best], strategy=strategy)
        seed = result.texts[0]
        assert result.texts[1] == seed | better
        assert result.texts[2]["b"] == ALL_WORDS
        assert result.parents[:3] == [[None]] * 3
        assert result.total_metric_calls <= 100
        assert result.val_aggregate_scores[0] < result.val_aggregate_scores[2]


def test_initial_candidates_with_other_components_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="texts for 'c'; the components are a, b"):
        compile_words(initial_candidates=[{"c": "x"}])


def test_the_first_rows_of_initial_candidates_must_fit_the_budget() -> None:
    with pytest.raises(ConfigurationError, match="fewer than the 16 that it takes before the search"):
        compile_words(initial_candidates=[{"a": "x"}], max_metric_calls=15)


def test_a_batch_sampler_of_ones_own_chooses_the_rows_to_reflect_on() -> None:
    for strategy in ("adaptive", "paper"):
        _, result = compile_words(
            batch_sampler=lambda pool, parent, size, rng: [3, 5, 3], strategy=strategy, width=1
        )
        shown = [p.rows for p in result.proposals if p.kind == "mutation"]
        assert shown
        assert {tuple(row.position for row in rows) for rows in shown} == {(3, 5)}


@pytest.mark.parametrize(("rows", "words"), [([24], "chose train row 24"), ([], "chose no row")])
def test_a_batch_sampler_that_leaves_the_train_set_is_refused(rows: list[int], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        compile_words(batch_sampler=lambda pool, parent, size, rng: rows)


def test_acceptance_of_ones_own_decides_who_is_kept_and_belongs_to_the_paper() -> None:
    _, result = compile_words(acceptance=lambda before, after: False, strategy="paper")
    assert len(result.candidates) == 1
    assert len(result.proposals) > 1
    with pytest.raises(ConfigurationError, match="Use strategy='paper' with it"):
        compile_words(acceptance=lambda before, after: False)


def test_placeholders_to_keep_stay_in_every_text() -> None:
    student = OneHop()
    student.b.signature = student.b.signature.with_instructions("Answer for {{customer}}.")

    def forgets(prompt: Prompt) -> dict[str, str]:
        text = learns_words(prompt)["new_instruction"]
        return {
            "new_instruction": text if prompt.field("objection") else text.replace("{{customer}}", "them")
        }

    _, result = compile_words(student, keep=["{{customer}}"], reflection_lm=scripted_lm(forgets))
    assert len(result.texts) > 1
    assert all("{{customer}}" in texts["b"] for texts in result.texts)
    _, free = compile_words(student, reflection_lm=scripted_lm(forgets))
    assert any("{{customer}}" not in texts["b"] for texts in free.texts)


def test_the_table_for_those_who_migrate_has_a_row_for_every_parameter_of_the_reference() -> None:
    page = (Path(__file__).parents[2] / "docs" / "migration.md").read_text(encoding="utf-8")
    parameters = page.partition("## Parameters")[2].partition("## Results")[0]
    listed = re.findall(r"^\| `(\w+)`", parameters, flags=re.MULTILINE)
    theirs = list(inspect.signature(dspy.GEPA.__init__).parameters)[1:]
    assert listed == theirs
    ours = inspect.signature(GEPA.__init__).parameters
    assert [name for name in theirs if name not in ours] == []
    new = re.findall(r"`(\w+)`", parameters.partition("New here:")[2])
    assert sorted([*theirs, *new]) == sorted(list(ours)[1:])


def with_objectives(gold: Any, pred: Any) -> dspy.Prediction:
    score = is_right(gold, pred)
    return dspy.Prediction(score=score, feedback="x", objective_scores={"right": score, "wrong": 1.0 - score})


BY_OBJECTIVE = {"frontier_type": "objective"}
FRONTIER = {"candidate_selection_strategy": "pareto"}


@pytest.mark.parametrize("strategy", ["adaptive", "paper"])
@pytest.mark.parametrize("options", [BY_OBJECTIVE, {"gepa_kwargs": BY_OBJECTIVE}])
def test_members_can_compete_by_objectives(strategy: str, options: dict[str, Any]) -> None:
    # By the objective "wrong" the seed is unbeaten, so that it stays a parent for good.
    chosen = FRONTIER | {"metric": with_objectives, "strategy": strategy, "max_metric_calls": 200}
    late = [
        [p.parents[0] for p in compile_words(**more)[1].proposals if p.kind == "mutation"][-8:]
        for more in (chosen | options, chosen)
    ]
    assert late[0].count(0) > late[1].count(0)
    with pytest.raises(ConfigurationError, match="the metric gave none"):
        compile_words(strategy=strategy, **options)


def test_an_unknown_frontier_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"frontier_type='pareto' is not known"):
        compile_words(frontier_type="pareto")
