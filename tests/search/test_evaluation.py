"""Running members on validation rows; the first time, whether program and metric work at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from dspy_gepa.errors import ConfigurationError, InfrastructureError, MetricError, ProgramError
from dspy_gepa.search.evaluation import evaluate, evaluate_original
from dspy_gepa.steps import Evaluation
from dspy_gepa.types import Candidate, Effect, Outcome, Result, Rollout
from tests.support import Entry, drive, pool_of, val_rows

SEED = pool_of(Entry({"a": "one"}, (0.0,))).members[0]


def try_seed(*outcomes: Outcome, objectives: Sequence[str] = ()) -> tuple[Evaluation, list[list[Effect]]]:
    def execute(effect: Effect) -> Result:
        assert isinstance(effect, Rollout)
        return outcomes[effect.row.position]

    return drive(evaluate_original(SEED, val_rows(len(outcomes)), objectives), execute)


FINE = Outcome("scored", score=0.5)
PARSE_ERROR = Outcome("program_failed", error="AdapterParseError: no", cause="AdapterParseError")
BUG = Outcome("program_failed", error="KeyError: 'x'", cause="KeyError")
BAD_METRIC = Outcome(
    "program_failed", error="The metric gave None. Return a number.", cause="MetricError", metric_failed=True
)


def test_the_seed_is_run_on_one_row_first_and_on_the_others_then() -> None:
    evaluation, asked = try_seed(FINE, FINE, FINE)
    assert [len(batch) for batch in asked] == [1, 2]
    assert {member: set(found) for member, found in evaluation.outcomes.items()} == {0: set(val_rows(3))}


def test_a_metric_that_fails_on_the_first_row_stops_the_run_there() -> None:
    step = evaluate_original(SEED, val_rows(3))
    step.send(None)  # type: ignore[arg-type]
    with pytest.raises(MetricError, match=r"The metric gave None\. Return a number"):
        step.send([BAD_METRIC])


def test_a_metric_that_fails_on_the_first_row_it_is_called_for_stops_the_run() -> None:
    with pytest.raises(MetricError, match="The metric gave None"):
        try_seed(PARSE_ERROR, BAD_METRIC, PARSE_ERROR)


def test_a_metric_that_fails_on_a_later_row_is_taken_to_dislike_that_output() -> None:
    evaluation, _ = try_seed(FINE, BAD_METRIC)
    assert evaluation.outcomes[0][val_rows(2)[1]] is BAD_METRIC


def test_a_program_that_raises_on_every_row_stops_the_run_with_the_first_error() -> None:
    with pytest.raises(ProgramError, match=r"raised on each of 2 rows; the first time: KeyError: 'x'"):
        try_seed(BUG, BUG)


def test_a_program_that_works_on_some_row_is_worth_the_search() -> None:
    assert try_seed(BUG, FINE)[0].outcomes[0][val_rows(2)[1]] is FINE


def test_outputs_that_cannot_be_parsed_are_for_the_search_to_mend() -> None:
    assert len(try_seed(PARSE_ERROR, PARSE_ERROR)[0].outcomes[0]) == 2


def test_a_later_member_is_run_on_the_rows_it_is_asked_for_at_once() -> None:
    pool = pool_of(Entry({"a": "one"}, (0.0, 0.0)), Entry({"a": "two"}, (1.0, 1.0), (0,)))
    rows = val_rows(3)[1:]
    evaluation, asked = drive(evaluate(pool.members[1], rows), lambda effect: BUG)
    assert asked == [[Rollout(Candidate.of({"a": "two"}), row) for row in rows]]
    assert evaluation == Evaluation({1: dict.fromkeys(rows, BUG)})


MEASURED = replace(FINE, objectives={"cost": -0.1, "latency": -2.0})


def test_an_objective_that_cannot_be_measured_stops_the_run_after_one_row() -> None:
    step = evaluate_original(SEED, val_rows(3), ["latency", "cost"])
    step.send(None)  # type: ignore[arg-type]
    with pytest.raises(
        ConfigurationError, match=r"names 'cost', which cannot be measured .* No price is known"
    ):
        step.send([replace(FINE, objectives={"latency": -2.0})])


def test_an_objective_is_looked_for_on_the_first_row_that_the_program_does_not_fail_on() -> None:
    with pytest.raises(ConfigurationError, match="cache=False"):
        try_seed(PARSE_ERROR, FINE, PARSE_ERROR, objectives=["latency"])
    evaluation, _ = try_seed(PARSE_ERROR, PARSE_ERROR, objectives=["latency"])
    assert len(evaluation.outcomes[0]) == 2


def test_an_objective_may_be_missing_on_a_later_row() -> None:
    evaluation, _ = try_seed(MEASURED, FINE, objectives=["cost", "latency"])
    assert evaluation.outcomes[0][val_rows(2)[1]] is FINE


REFUSED = Outcome(
    "program_failed", error="LMInvalidRequestError: no temperature", cause="LMInvalidRequestError"
)


def test_a_provider_that_refuses_the_first_rows_for_a_reason_that_no_text_mends_stops_the_run() -> None:
    asked = []

    def execute(effect: Effect) -> Result:
        asked.append(effect)
        return REFUSED

    with pytest.raises(InfrastructureError, match="no temperature"):
        drive(evaluate_original(SEED, val_rows(50)), execute)
    assert len(asked) == 4


@pytest.mark.parametrize(
    "other", [FINE, BUG, replace(REFUSED, error="LMInvalidRequestError: blocked by the content filter")]
)
def test_refusals_on_some_rows_or_of_contents_do_not_stop_the_run(other: Outcome) -> None:
    evaluation, _ = try_seed(REFUSED, REFUSED, other, REFUSED, REFUSED)
    assert len(evaluation.outcomes[0]) == 5
