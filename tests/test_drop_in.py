"""What a user of `dspy.GEPA` finds when only the import has changed: every parameter and every field.

Parameters are tested by their effects where the parts are tested that they belong to; `EFFECTS` names these
tests. Results are compared with those of a real run of `dspy.GEPA` on the same program, data and models.
"""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dspy
import pytest
from dspy.teleprompt import Teleprompter
from dspy.teleprompt.gepa.gepa import DspyGEPAResult

from dspy_gepa import GEPA
from dspy_gepa.testing import Prompt, ScriptedLM
from tests.support import TwoHops, is_right, knows_words, learns_words, word_rows

TESTS = Path(__file__).parent

EFFECTS = {
    "metric": "test_every_form_of_metric_leads_to_a_better_program",
    "auto": "test_auto_buys_a_run",
    "max_full_evals": "test_max_full_evals_buys_passes_over_all_rows",
    "max_metric_calls": "test_no_budget_is_overshot_and_no_rollout_is_paid_twice",
    "reflection_minibatch_size": "test_reflection_minibatch_size_sets_the_rows_of_a_mutation",
    "candidate_selection_strategy": ("test_candidate_selection_current_best_always_improves_on_the_best"),
    "reflection_lm": "test_the_reflection_lm_keeps_its_own_settings",
    "skip_perfect_score": "test_perfect_minibatches_are_skipped_on_demand",
    "add_format_failure_as_feedback": (
        "test_outputs_that_could_not_be_parsed_are_evidence_unless_turned_off"
    ),
    "instruction_proposer": "test_the_references_own_proposer_can_be_handed_over",
    "code_proposer": ("test_a_code_proposer_writes_the_sources_and_the_reflection_lm_the_rest"),
    "component_selector": "test_component_selector_all_rewrites_every_component_at_once",
    "use_merge": "test_use_merge_turns_merging_off",
    "max_merge_invocations": "test_max_merge_invocations_limits_merges",
    "num_threads": "test_one_thread_runs_one_rollout_at_a_time",
    "failure_score": "test_an_exception_in_forward_is_feedback_and_gets_the_failure_score",
    "perfect_score": "test_perfect_score_says_what_is_perfect",
    "log_dir": "test_a_run_that_crashes_anywhere_goes_on_as_if_it_had_not",
    "track_stats": "test_results_are_attached_on_demand_only",
    "use_wandb": "test_wandb_receives_everything_once_per_step",
    "wandb_api_key": "test_the_key_goes_nowhere_else",
    "wandb_init_kwargs": ("test_with_arguments_of_its_own_a_run_is_opened_beside_the_active_one"),
    "track_best_outputs": "test_the_best_outputs_have_the_best_score",
    "warn_on_score_mismatch": ("test_a_metric_that_scores_otherwise_with_pred_name_is_warned_of_once"),
    "use_mlflow": "test_mlflow_receives_everything_once_per_step",
    "seed": "test_another_seed_is_another_search",
    "gepa_kwargs": "test_keys_of_gepa_kwargs_with_an_equivalent_are_translated",
}


# Parameters -----------------------------------------------------------------------------------------------


def test_every_parameter_of_the_reference_has_a_test_of_its_effect() -> None:
    assert list(EFFECTS) == list(inspect.signature(dspy.GEPA.__init__).parameters)[1:]
    sources = [path.read_text(encoding="utf-8") for path in TESTS.rglob("test_*.py")]
    missing = [name for name in EFFECTS.values() if not any(f"def {name}(" in source for source in sources)]
    assert missing == []


def test_defaults_are_those_of_the_reference_but_for_what_the_table_says() -> None:
    page = (TESTS.parent / "docs" / "migration.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|$", page, flags=re.MULTILINE))
    ours = inspect.signature(GEPA.__init__).parameters
    for name, theirs in inspect.signature(dspy.GEPA.__init__).parameters.items():
        if name not in ("self", "metric") and ours[name].default != theirs.default:
            assert re.search("default|on by default", told[name]), name
        if name != "self":
            assert (ours[name].kind is inspect.Parameter.KEYWORD_ONLY) == (
                theirs.kind is inspect.Parameter.KEYWORD_ONLY
            )


# Results --------------------------------------------------------------------------------------------------


def rewrites(prompt: Prompt) -> dict[str, str]:
    """The reflection model for both: adds a word that was asked for, whatever its output field is called."""
    asked = re.findall(r"needs (w\d)", prompt.text)
    known = re.findall(r"know (w\d)\.", prompt.text)
    words = dict.fromkeys([*known, next((w for w in asked if w not in known), "w0")])
    return dict.fromkeys(prompt.outputs, "Answer. " + " ".join(f"know {word}." for word in words))


def with_everything(
    gold: dspy.Example, pred: Any, trace: Any = None, pred_name: Any = None, pred_trace: Any = None
) -> dspy.Prediction:
    score = is_right(gold, pred)
    return dspy.Prediction(score=score, feedback="x", objective_scores={"right": score, "brief": 1.0})


def compiled(optimizer: type[Teleprompter], log_dir: Path) -> dspy.Module:
    gepa = optimizer(
        metric=with_everything,
        max_metric_calls=80,
        reflection_lm=ScriptedLM(rewrites, "scripted/reflection"),
        num_threads=2,
        log_dir=str(log_dir),
        track_stats=True,
        track_best_outputs=True,
        seed=0,
        gepa_kwargs={"use_cloudpickle": True},  # without it the reference cannot write its log_dir
    )
    with dspy.context(lm=ScriptedLM(knows_words, "scripted/task")):
        return gepa.compile(TwoHops(), trainset=word_rows(12), valset=word_rows(6, start=100))


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> DspyGEPAResult:
    result = compiled(dspy.GEPA, tmp_path_factory.mktemp("theirs")).detailed_results
    assert len(result.candidates) > 1
    return result


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> dspy.Module:
    found = compiled(GEPA, tmp_path_factory.mktemp("ours"))
    assert len(found.detailed_results.candidates) > 1
    return found


FIELDS = [f.name for f in dataclasses.fields(DspyGEPAResult)]
PROPERTIES = [name for name, value in vars(DspyGEPAResult).items() if isinstance(value, property)]


def shape(value: Any) -> Any:
    """The types that a value is made of, however many there are of each."""
    if isinstance(value, Mapping) and not isinstance(value, dspy.Example):
        return dict, {shape(key) for key in value}, {repr(shape(entry)) for entry in value.values()}
    if isinstance(value, (list, tuple, set)):
        return type(value), {repr(shape(entry)) for entry in value} - {repr(type(None))}
    return type(value)


@pytest.mark.parametrize("name", [*FIELDS, *PROPERTIES])
def test_every_field_has_the_type_it_has_there(
    name: str, theirs: DspyGEPAResult, program: dspy.Module
) -> None:
    given, expected = getattr(program.detailed_results, name), getattr(theirs, name)
    assert expected is not None
    assert shape(given) == shape(expected)


def test_to_dict_has_the_same_keys_with_data_of_the_same_types(
    theirs: DspyGEPAResult, program: dspy.Module
) -> None:
    ours, expected = program.detailed_results.to_dict(), theirs.to_dict()
    for key in set(expected) - {"best_outputs_valset"}:  # predictions there, plain data here
        assert shape(ours[key]) == shape(expected[key]), key
    assert set(ours["best_outputs_valset"]) == set(expected["best_outputs_valset"])


# DSPy's conventions ---------------------------------------------------------------------------------------


def optimizer(**options: Any) -> GEPA:
    return GEPA(is_right, max_metric_calls=30, reflection_lm=ScriptedLM(learns_words), **options)


def test_the_parameters_are_named_as_teleprompters_name_them() -> None:
    gepa = optimizer(seed=3, wandb_api_key="secret-0123456789")
    assert isinstance(gepa, Teleprompter)
    params = gepa.get_params()
    assert (params["seed"], params["max_metric_calls"]) == (3, 30)
    shown = set(inspect.signature(GEPA.__init__).parameters) - {"self", "wandb_api_key", "wandb_init_kwargs"}
    assert shown <= set(params)
    assert "secret-0123456789" not in repr(params)


def test_an_optimizer_can_be_copied_pickled_and_used_again() -> None:
    gepa = optimizer(track_stats=True)
    found = []
    for one in (gepa, copy.deepcopy(gepa), pickle.loads(pickle.dumps(gepa)), gepa):
        with dspy.context(lm=ScriptedLM(knows_words)):
            better = one.compile(TwoHops(), trainset=word_rows(12), valset=word_rows(6, start=100))
        found.append(better.detailed_results.to_dict())
    assert found[0] == found[1] == found[2] == found[3]
