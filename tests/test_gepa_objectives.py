"""Several objectives from end to end: measured, competed by, recorded; and who is returned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dspy
import pytest

from dspy_gepa import GEPA, ConfigurationError, GEPAResult, JournalError, RunInterrupted
from dspy_gepa.record.file import read_journal
from tests.support import (
    TOKENS_IN,
    TOKENS_OUT,
    PricedLM,
    TwoHops,
    forgets_words,
    is_right,
    knows_words,
    learns_words,
    prompts_of,
    scripted_lm,
    word_rows,
)

TRAIN, VAL = word_rows(12), word_rows(8, start=100)
STRATEGIES = pytest.mark.parametrize("strategy", ["adaptive", "paper"])
KINDS = ["instance", "objective", "hybrid", "cartesian"]
SETTINGS: dict[str, Any] = {"max_metric_calls": 150, "num_threads": 2, "track_stats": True, "seed": 1}


def compiled(
    metric: Any = is_right, *, reflection: Any = None, lm: Any = None, **options: Any
) -> dspy.Module:
    reflection = reflection or scripted_lm(forgets_words, "scripted/reflection")
    optimizer = GEPA(metric, **({"reflection_lm": reflection} | SETTINGS | options))
    with dspy.context(lm=lm or scripted_lm(knows_words)):
        return optimizer.compile(TwoHops(), trainset=TRAIN, valset=VAL)


def result_of(metric: Any = is_right, **options: Any) -> GEPAResult:
    result = compiled(metric, **options).detailed_results
    assert isinstance(result, GEPAResult)
    return result


@pytest.mark.slow
@STRATEGIES
def test_what_is_only_measured_changes_nothing_in_what_is_found(strategy: str) -> None:
    plain = result_of(strategy=strategy)
    measured = result_of(strategy=strategy, objectives=["tokens", "latency", "length"])
    found = [
        [(p.candidate, p.before, p.after, p.evidence) for p in result.proposals]
        for result in (plain, measured)
    ]
    assert found[0] == found[1]
    assert (measured.best_idx, measured.score) == (plain.best_idx, plain.score)
    assert (plain.objective_pareto_front, plain.val_aggregate_subscores) == (None, None)
    assert set(measured.objective_pareto_front or ()) == {"tokens", "latency", "length"}


@STRATEGIES
def test_the_levels_are_in_the_units_that_are_named(strategy: str) -> None:
    result = result_of(strategy=strategy, objectives=["tokens", "latency", "length"])
    assert result.val_aggregate_subscores is not None
    for texts, levels in zip(result.texts, result.val_aggregate_subscores, strict=True):
        assert levels["length"] == -sum(map(len, texts.values()))
        assert levels["tokens"] == pytest.approx(-2 * (TOKENS_IN + TOKENS_OUT))
        assert levels["latency"] < 0
    lengths = [levels["length"] for levels in result.val_aggregate_subscores]
    assert result.per_objective_best_candidates is not None
    assert result.per_objective_best_candidates["length"] == {
        i for i, value in enumerate(lengths) if value == max(lengths)
    }


@STRATEGIES
def test_members_that_compete_by_length_stay_parents_for_being_short(strategy: str) -> None:
    # Every rewrite adds a sentence, so that the seed is the shortest of all.
    options = {"reflection": scripted_lm(learns_words), "strategy": strategy, "objectives": ["length"]}
    options |= {"candidate_selection_strategy": "pareto", "max_metric_calls": 250}
    seed = {
        kind: sum(p.parents == (0,) for p in result_of(frontier_type=kind, **options).proposals)
        for kind in ("instance", "hybrid", "objective")
    }
    assert seed["objective"] > seed["hybrid"] > seed["instance"]


@pytest.mark.parametrize(("kind", "told"), [("instance", False), ("hybrid", True)])
def test_the_reflector_is_shown_what_members_compete_by(kind: str, told: bool) -> None:
    lm = scripted_lm(forgets_words)
    result_of(reflection=lm, frontier_type=kind, objectives=["length"], max_metric_calls=40)
    asked = [prompt for prompt in prompts_of(lm) if prompt.asks_for_reflection]
    assert {"characters of all texts together" in prompt.text for prompt in asked} == {told}


def test_without_ready_objectives_the_reflector_is_shown_nothing_of_them() -> None:
    def metric(gold: Any, pred: Any) -> dict[str, Any]:
        return {"score": is_right(gold, pred), "objective_scores": {"own": 1.0}}

    lm = scripted_lm(forgets_words)
    result_of(metric, reflection=lm, frontier_type="hybrid", max_metric_calls=40)
    assert not any("less is better" in prompt.text for prompt in prompts_of(lm))


class Interrupting:
    """Ctrl-C at the so-many-th rollout."""

    def __init__(self, rollouts: int) -> None:
        self.left = rollouts

    def on_rollout_done(self, event: Any) -> None:
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


@STRATEGIES
def test_a_resumed_run_answers_latencies_from_the_journal(tmp_path: Path, strategy: str) -> None:
    options = {"objectives": ["latency"], "frontier_type": "hybrid", "strategy": strategy}
    options |= {"log_dir": str(tmp_path), "max_metric_calls": 80}
    with pytest.raises(RunInterrupted):
        result_of(callbacks=[Interrupting(30)], **options)
    measured = latencies_on_record(tmp_path)
    resumed = result_of(**options)
    assert measured.items() < latencies_on_record(tmp_path).items()
    assert len(measured) >= 30
    assert result_of(**options).to_json() == resumed.to_json()
    elsewhere = result_of(**(options | {"log_dir": None}))
    assert elsewhere.val_aggregate_subscores != resumed.val_aggregate_subscores


def latencies_on_record(log_dir: Path) -> dict[str, float]:
    with read_journal(log_dir) as journal:
        found = journal.execute("SELECT key, result FROM effects WHERE kind = 'rollout'").fetchall()
    return {key: json.loads(result)["objectives"]["latency"] for key, result in found}


def test_a_run_is_not_resumed_with_other_objectives(tmp_path: Path) -> None:
    result_of(log_dir=str(tmp_path), max_metric_calls=40)
    with pytest.raises(JournalError, match=r"objectives was null and is now \[\"length\"\]"):
        result_of(log_dir=str(tmp_path), max_metric_calls=40, objectives=["length"])


# DSPy prices no custom engine, so the model with a price is of the older kind, deprecated in 3.4.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@STRATEGIES
def test_a_cost_is_in_dollars_of_the_program_and_not_of_its_judge(strategy: str) -> None:
    judge = PricedLM(lambda prompt: "yes", 5.0, "priced/judge")

    def judged(gold: Any, pred: Any) -> float:
        judge(messages=[{"role": "user", "content": "is it right?"}])
        return is_right(gold, pred)

    result = result_of(judged, lm=PricedLM(knows_words, 0.01), objectives=["cost"], strategy=strategy)
    assert result.objective_pareto_front == {"cost": pytest.approx(-0.02)}  # two predictors
    assert result.total_cost > 5.0 * result.total_metric_calls
    assert "Objectives: cost" in result.to_markdown()


def test_a_cost_that_cannot_be_measured_ends_the_run_after_one_rollout() -> None:
    with pytest.raises(ConfigurationError, match=r"names 'cost'.* No price is known .*'tokens' needs"):
        result_of(objectives=["cost"])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("cost", "objectives='cost'"),
        ([len], "objectives holds"),
        (["costs"], "objectives='costs' is not known. Did you mean 'cost'"),
    ],
)
def test_other_objectives_are_refused(given: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        GEPA(is_right, reflection_lm=scripted_lm(learns_words), objectives=given, **SETTINGS)


# Who is returned ------------------------------------------------------------------------------------------


def right_or_brief(gold: Any, pred: Any, trace: Any = None, name: Any = None, own: Any = None) -> Any:
    """By the objectives, to be wrong is as good as to be right."""
    score = is_right(gold, pred)
    return dspy.Prediction(score=score, objective_scores={"right": score, "wrong": 1 - score})


@STRATEGIES
@pytest.mark.parametrize("kind", KINDS)
def test_the_score_alone_decides_who_is_returned(kind: str, strategy: str) -> None:
    result = result_of(
        right_or_brief, frontier_type=kind, strategy=strategy, reflection=scripted_lm(learns_words)
    )
    assert result.best_idx > 0
    scores = result.val_aggregate_scores
    if strategy == "paper":
        assert scores[result.best_idx] == max(scores)
    else:  # the shortest of those that cannot be told from the best
        low, high = result.gain_interval
        assert result.gain > 0
        assert max(scores) - result.score < high - low


def propose_all_words(candidate: Any, reflective_dataset: Any, components_to_update: Any) -> dict[str, str]:
    return {name: f"{candidate[name]} know w0. know w1. know w2." for name in components_to_update}


@pytest.mark.parametrize("kind", KINDS)
def test_the_reference_returns_the_best_score_too(kind: str) -> None:
    with dspy.context(lm=scripted_lm(knows_words)):
        program = dspy.GEPA(
            right_or_brief,
            reflection_lm=scripted_lm(learns_words),
            instruction_proposer=propose_all_words,
            use_merge=False,  # it raises when the common ancestor scores nothing
            max_metric_calls=60,
            num_threads=1,
            track_stats=True,
            gepa_kwargs={"frontier_type": kind},
        ).compile(TwoHops(), trainset=TRAIN, valset=VAL)
    result = program.detailed_results
    scores = result.val_aggregate_scores
    assert len(scores) > 1
    assert scores[result.best_idx] == max(scores)


@STRATEGIES
def test_trade_offs_are_the_candidates_that_no_other_beats(strategy: str) -> None:
    result = result_of(strategy=strategy, objectives=["length"], reflection=scripted_lm(learns_words))
    assert result.val_aggregate_subscores is not None
    points = [
        (score, objectives["length"])
        for score, objectives in zip(result.val_aggregate_scores, result.val_aggregate_subscores, strict=True)
    ]
    beaten = {
        i
        for i, mine in enumerate(points)
        if any(other != mine and other[0] >= mine[0] and other[1] >= mine[1] for other in points)
    }
    assert sorted(result.trade_offs) == [i for i in range(len(points)) if i not in beaten]
    assert 0 in result.trade_offs  # nothing is shorter than the seed
    assert len(result.trade_offs) > 1
    scores = [result.val_aggregate_scores[i] for i in result.trade_offs]
    assert scores == sorted(scores, reverse=True)
    assert result.to_dict()["trade_offs"] == result.trade_offs


def test_without_objectives_the_trade_offs_are_the_best_by_score() -> None:
    result = result_of(strategy="paper")
    best = max(result.val_aggregate_scores)
    assert result.trade_offs == [i for i, score in enumerate(result.val_aggregate_scores) if score == best]
