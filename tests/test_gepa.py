"""The optimizer end to end, with scripted language models."""

from __future__ import annotations

import asyncio
import json
import math
import os
import re
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dspy
import pytest
from dspy.utils.callback import BaseCallback
from hypothesis import given, settings
from hypothesis import strategies as st

from dspy_gepa import (
    GEPA,
    ConfigurationError,
    GEPAResult,
    MetricError,
    ProgramError,
    ReflectionError,
    RetryPolicy,
)
from dspy_gepa.program.build import read_candidate
from dspy_gepa.steps import Proposal
from tests.support import (
    OneHop,
    Prompt,
    Script,
    TwoHops,
    forgets_words,
    is_right,
    knows_words,
    learns_words,
    prompts_of,
    scripted_lm,
    word_rows,
)

ROOT = Path(__file__).parent.parent
TRAIN, VAL = word_rows(12), word_rows(8, start=100)


@dataclass
class Run:
    """A finished run and all that was seen of it from outside."""

    student: dspy.Module
    program: dspy.Module
    task: dspy.LM
    reflection: dspy.LM

    @property
    def result(self) -> GEPAResult:
        result = self.program.detailed_results
        assert isinstance(result, GEPAResult)
        return result

    @property
    def mutations(self) -> list[Proposal]:
        return [p for p in self.result.proposals if p.kind == "mutation"]

    @property
    def merges(self) -> list[Proposal]:
        return [p for p in self.result.proposals if p.kind == "merge"]

    @property
    def evidence(self) -> str:
        return "\n".join(prompt.user for prompt in prompts_of(self.reflection))


def compile_words(
    student: dspy.Module | None = None,
    *,
    metric: Any = is_right,
    task: Script = knows_words,
    reflection: Script = learns_words,
    trainset: Any = TRAIN,
    valset: Any = VAL,
    **options: Any,
) -> Run:
    """One run in the world of words."""
    student = student or TwoHops()
    task_lm, reflection_lm = scripted_lm(task), scripted_lm(reflection, "scripted/reflection")
    settings = {"strategy": "paper", "max_metric_calls": 120, "num_threads": 2, "track_stats": True}
    options = settings | options
    options = {name: value for name, value in options.items() if value != "unset"}
    with dspy.context(lm=task_lm):
        optimizer = GEPA(metric, reflection_lm=reflection_lm, **options)
        program = optimizer.compile(student, trainset=trainset, valset=valset)
    return Run(student, program, task_lm, reflection_lm)


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
        if proposal.kind == "mutation" and proposal.verdict != "skipped":
            (parent,) = proposal.parents
            if proposal.changed:
                assert proposal.changed == (("a", "b")[turns[parent] % 2],)
            turns[parent] += 1
        if proposal.verdict == "accepted":
            turns.append(max((turns[parent] for parent in proposal.parents), default=0))


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


# The budget -----------------------------------------------------------------------------------------------


@settings(max_examples=25)
@given(
    train=st.integers(1, 7),
    val=st.integers(1, 6),
    extra=st.integers(0, 40),
    minibatch=st.integers(1, 4),
    width=st.integers(1, 3),
    seed=st.integers(0, 100),
)
def test_no_budget_is_overshot_and_no_rollout_is_paid_twice(
    train: int, val: int, extra: int, minibatch: int, width: int, seed: int
) -> None:
    judged: list[str] = []

    def metric(gold: Any, pred: Any) -> float:
        judged.append(gold.question)
        return is_right(gold, pred)

    run = compile_words(
        OneHop(),
        metric=metric,
        reflection=forgets_words,
        trainset=word_rows(train, components="b"),
        valset=word_rows(val, components="b", start=50),
        max_metric_calls=val + extra,
        reflection_minibatch_size=minibatch,
        width=width,
        seed=seed,
    )
    assert len(judged) <= val + extra
    assert run.result.total_metric_calls == len(judged)
    prompts = [prompt.system + prompt.user for prompt in prompts_of(run.task)]
    assert len(prompts) == len(set(prompts)) == len(judged)


def test_a_budget_of_one_validation_pass_returns_the_program_as_it_was() -> None:
    run = compile_words(max_metric_calls=len(VAL))
    assert run.result.total_metric_calls == len(VAL)
    assert run.result.texts == [dict(read_candidate(run.student))]
    assert not prompts_of(run.reflection)


def test_a_run_says_why_it_ended() -> None:
    assert compile_words(max_metric_calls=30).result.stop_reason.startswith("budget: ")


def test_a_run_with_nothing_left_to_try_ends_before_its_budget() -> None:
    result = compile_words(max_metric_calls=10_000).result
    assert result.stop_reason.startswith("nothing left to try")
    assert max(result.val_aggregate_scores) == 1.0


def test_reflections_are_counted(run: Run) -> None:
    assert run.result.reflection_calls == len(prompts_of(run.reflection))


# The same again -------------------------------------------------------------------------------------------


def told(**options: Any) -> dict[str, Any]:
    return compile_words(reflection=forgets_words, seed=1, **options).result.to_dict()


@pytest.mark.parametrize("width", [1, 3])
def test_the_outcome_does_not_depend_on_the_number_of_threads(width: int) -> None:
    one, eight, again = (told(num_threads=threads, width=width) for threads in (1, 8, 8))
    assert len(one["candidates"]) > 2
    assert one == eight == again


HASH_SEED_RUN = """
import json
from tests.test_gepa import told
print(json.dumps(told(), sort_keys=True))
"""


def test_the_outcome_does_not_depend_on_pythons_hash_seed() -> None:
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", HASH_SEED_RUN],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in ("0", "1")
    ]
    outputs = [run.communicate()[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    here = json.loads(json.dumps(told()))
    assert [json.loads(output.splitlines()[-1]) for output in outputs] == [here, here]


def test_another_seed_is_another_search() -> None:
    one, other = (compile_words(max_metric_calls=30, seed=seed).mutations[0].rows for seed in (0, 1))
    assert one != other


def test_a_seed_that_was_drawn_is_recorded_and_repeats_the_run() -> None:
    drawn = compile_words(max_metric_calls=40, seed=None).result
    assert compile_words(max_metric_calls=40, seed=drawn.seed).result.to_dict() == drawn.to_dict()


# Metrics --------------------------------------------------------------------------------------------------


def plain(gold: Any, pred: Any) -> bool:
    return gold.answer == pred.answer


def with_feedback(gold: Any, pred: Any, trace: Any, pred_name: Any, pred_trace: Any) -> dspy.Prediction:
    return dspy.Prediction(score=is_right(gold, pred), feedback=f"Told to {pred_name}. {gold.question}")


async def awaited(gold: Any, pred: Any, trace: Any = None) -> dict[str, Any]:
    return {"score": is_right(gold, pred), "feedback": "Awaited feedback.", "objective_scores": {"tone": 0.5}}


class CallableMetric:
    def __call__(self, *args: Any) -> float:
        return is_right(args[0], args[1])


@pytest.mark.parametrize("metric", [plain, is_right, with_feedback, awaited, CallableMetric()])
def test_every_form_of_metric_leads_to_a_better_program(metric: Any) -> None:
    assert max(compile_words(metric=metric).result.val_aggregate_scores) == 1.0


def test_feedback_of_a_component_reaches_its_reflection() -> None:
    run = compile_words(metric=with_feedback, max_metric_calls=40)
    told_to = {p.field("component"): p.field("examples_with_feedback") for p in prompts_of(run.reflection)}
    assert "Told to a." in told_to["a"]
    assert "Told to None." not in told_to["a"]


def test_feedback_of_the_whole_reaches_every_reflection() -> None:
    assert "Awaited feedback." in compile_words(metric=awaited, max_metric_calls=40).evidence


def test_without_feedback_the_reflector_is_told_score_expected_and_given_fields() -> None:
    evidence = compile_words(max_metric_calls=40).evidence
    assert 'The score of this output is 0. Expected: answer = "right". Given: answer = "wrong".' in evidence


def test_a_metric_of_five_is_called_once_more_per_called_component_of_train_rows_only() -> None:
    calls: list[tuple[str, str | None]] = []

    def metric(gold: Any, pred: Any, trace: Any, pred_name: Any, pred_trace: Any) -> float:
        calls.append((gold.question, pred_name))
        return is_right(gold, pred)

    run = compile_words(metric=metric, max_metric_calls=40)
    whole = [question for question, name in calls if name is None]
    train = [question for question in whole if question in {row.question for row in TRAIN}]
    assert len(whole) == run.result.total_metric_calls
    assert sorted(question for question, name in calls if name == "a") == sorted(train)
    assert sorted(question for question, name in calls if name == "b") == sorted(train)


def raises(gold: Any, pred: Any) -> float:
    raise AttributeError("no field named anser")


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        (raises, "AttributeError: no field named anser"),
        (lambda gold, pred: None, "gave None"),
        (lambda gold, pred: float("nan"), "gave nan"),
        (lambda gold, pred: "good", "gave 'good'"),
        (lambda gold, pred: {"feedback": "x"}, "has no 'score'"),
    ],
    ids=["raises", "None", "NaN", "string", "no score"],
)
def test_a_broken_metric_is_reported_after_one_rollout_with_the_example(metric: Any, words: str) -> None:
    called: list[str] = []

    def counted(gold: Any, pred: Any) -> Any:
        called.append(gold.question)
        return metric(gold, pred)

    with pytest.raises(MetricError, match=re.escape(words)) as caught:
        compile_words(metric=counted)
    assert called == [VAL[0].question]
    assert VAL[0].question in str(caught.value)


@pytest.mark.parametrize("answer", [None, float("nan"), "good", {"feedback": "x"}])
def test_an_answer_that_is_no_score_is_reported_with_the_remedy(answer: Any) -> None:
    with pytest.raises(MetricError, match=r"Return a finite number, a bool, a dict like"):
        compile_words(metric=lambda gold, pred: answer)


# Programs -------------------------------------------------------------------------------------------------


class AsyncOnly(dspy.Module):
    def __init__(self) -> None:
        super().__init__()
        self.b = dspy.Predict("question -> answer")

    async def aforward(self, question: str) -> dspy.Prediction:
        return await self.b.acall(question=question)


class Nested(dspy.Module):
    def __init__(self) -> None:
        super().__init__()
        self.hops = [TwoHops()]

    def forward(self, question: str) -> dspy.Prediction:
        return self.hops[0](question=question)


class Copies(dspy.Module):
    def __init__(self) -> None:
        super().__init__()
        self.best = dspy.BestOfN(
            OneHop(), N=2, reward_fn=lambda args, pred: float(pred.answer == "right"), threshold=1.0
        )

    def forward(self, question: str) -> dspy.Prediction:
        return self.best(question=question)


def by_last_name(script: Script) -> Script:
    """For programs whose components have longer names: the script sees the last part of a name."""

    def answer(prompt: Prompt) -> Any:
        user = re.sub(r"(## component ## \]\]\n)\S*\.(\w+)", r"\1\2", prompt.user)
        return script(Prompt(prompt.system, user, prompt.text))

    return answer


B_ROWS = {"trainset": word_rows(12, components="b"), "valset": word_rows(6, components="b", start=100)}


@pytest.mark.parametrize(
    ("student", "data"),
    [(AsyncOnly(), B_ROWS), (Nested(), {}), (Copies(), B_ROWS), (OneHop(), B_ROWS)],
    ids=["async only", "nested", "deep copies", "one predictor"],
)
def test_every_kind_of_program_gets_better(student: dspy.Module, data: dict[str, Any]) -> None:
    run = compile_words(student, reflection=by_last_name(learns_words), max_metric_calls=150, **data)
    assert max(run.result.val_aggregate_scores) == 1.0


@pytest.mark.parametrize("student", [TwoHops(), AsyncOnly()])
def test_compiling_works_inside_a_running_event_loop(student: dspy.Module) -> None:
    async def notebook() -> Run:
        return compile_words(student, max_metric_calls=60)

    result = asyncio.run(notebook()).result
    assert result.val_aggregate_scores[result.best_idx] > result.val_aggregate_scores[0]


class Twins(dspy.Module):
    """Two predictors with one signature; each hears its own word."""

    def __init__(self) -> None:
        super().__init__()
        self.one = dspy.Predict("question -> answer")
        self.two = dspy.Predict("question -> answer")

    def forward(self, question: str) -> dspy.Prediction:
        self.two(question=f"for two: {question}")
        return self.one(question=f"for one: {question}")


def test_reflections_on_twin_predictors_see_their_own_calls_only() -> None:
    run = compile_words(Twins(), max_metric_calls=60)
    seen = {p.field("component"): p.field("examples_with_feedback") for p in prompts_of(run.reflection)}
    assert "for one" in seen["one"]
    assert "for two" not in seen["one"]
    assert "for two" in seen["two"]
    assert "for one" not in seen["two"]


class Repeats(dspy.Module):
    """Calls one predictor twice and the other never."""

    def __init__(self) -> None:
        super().__init__()
        self.idle = dspy.Predict("question -> answer")
        self.b = dspy.Predict("question -> answer")

    def forward(self, question: str) -> dspy.Prediction:
        self.b(question=f"first: {question}")
        return self.b(question=f"second: {question}")


def test_all_calls_of_a_predictor_are_reflected_on_and_one_never_called_does_no_harm() -> None:
    run = compile_words(Repeats(), **B_ROWS)
    assert {p.field("component") for p in prompts_of(run.reflection)} == {"b"}
    assert "## Inputs (call 1)" in run.evidence
    assert "## Inputs (call 2)" in run.evidence
    assert "no rollout called idle" in {p.reason for p in run.mutations}
    assert max(run.result.val_aggregate_scores) == 1.0


def mumbles(prompt: Prompt) -> Any:
    """Gives an answer that can be parsed only when the instructions ask for care."""
    return knows_words(prompt) if "Be careful." in prompt.system else "Well, who knows?"


def cautious(prompt: Prompt) -> dict[str, str]:
    return {"new_instruction": prompt.field("current_instruction") + " Be careful."}


def test_outputs_that_cannot_be_parsed_are_shown_with_raw_text_and_expected_format() -> None:
    run = compile_words(OneHop(), task=mumbles, reflection=cautious, **B_ROWS, failure_score=-1.0)
    assert "raw text was:\nWell, who knows?" in run.evidence
    assert "[[ ## answer ## ]]\n{answer}" in run.evidence
    assert run.result.val_aggregate_scores == [-1.0, 0.0]


def test_an_exception_in_forward_is_feedback_and_gets_the_failure_score() -> None:
    class Fragile(OneHop):
        def forward(self, question: str) -> dspy.Prediction:
            prediction = super().forward(question=question)
            if prediction.answer != "right" and question[0] in "02468":
                raise ValueError("wrong answers hurt")
            return prediction

    rows = {"trainset": word_rows(12, components="b"), "valset": word_rows(4, components="b")}
    run = compile_words(Fragile(), **rows, failure_score=-1.0)
    assert list(run.result.val_subscores[0].values()) == [-1.0, 0.0, -1.0, 0.0]
    assert "ValueError: wrong answers hurt" in run.evidence


def test_a_reflector_that_talks_rubbish_first_is_asked_again() -> None:
    def hesitant(prompt: Prompt) -> Any:
        return learns_words(prompt) if "## objection ##" in prompt.user else "Let me think about it."

    run = compile_words(reflection=hesitant)
    assert max(run.result.val_aggregate_scores) > 0
    assert any("AdapterParseError" in p.field("objection") for p in prompts_of(run.reflection))


# DSPy's settings ------------------------------------------------------------------------------------------


class Listener(BaseCallback):
    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def on_lm_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        self.seen.append((instance.model, threading.current_thread().name))


def test_callbacks_of_the_context_hear_the_calls_on_worker_threads() -> None:
    listener = Listener()
    with dspy.context(callbacks=[listener]):
        run = compile_words(max_metric_calls=40)
    models = [model for model, _ in listener.seen]
    assert models.count("scripted/task") == len(prompts_of(run.task))
    assert models.count("scripted/reflection") == len(prompts_of(run.reflection)) > 0
    assert threading.main_thread().name not in {name for _, name in listener.seen}


def test_the_adapter_of_the_context_formats_tasks_and_reflections() -> None:
    def in_json(prompt: Prompt) -> str:
        return json.dumps(dict.fromkeys(("hint", "answer", "new_instruction"), "text"))

    with dspy.context(adapter=dspy.JSONAdapter()):
        run = compile_words(task=in_json, reflection=in_json, max_metric_calls=40)
    prompts = prompts_of(run.task) + prompts_of(run.reflection)
    assert prompts_of(run.reflection)
    assert all("JSON object" in prompt.system for prompt in prompts)


def test_a_usage_tracker_around_the_run_sees_task_and_reflection() -> None:
    with dspy.track_usage() as tracker:
        run = compile_words(max_metric_calls=40)
    counts = {model: len(entries) for model, entries in tracker.usage_data.items()}
    assert counts == {
        "scripted/task": len(prompts_of(run.task)),
        "scripted/reflection": len(prompts_of(run.reflection)),
    }


def test_the_reflection_lm_keeps_its_own_settings() -> None:
    reflection = dspy.LM(
        "scripted/reflection", engine=scripted_lm(learns_words).engine, cache=False, temperature=0.9
    )
    with dspy.context(lm=scripted_lm(knows_words)):
        GEPA(is_right, reflection_lm=reflection, max_metric_calls=40, strategy="paper").compile(
            TwoHops(), trainset=TRAIN, valset=VAL
        )
    assert {prompt.temperature for prompt in prompts_of(reflection)} == {0.9}


# Options --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 5])
def test_reflection_minibatch_size_sets_the_rows_of_a_mutation(size: int) -> None:
    run = compile_words(max_metric_calls=50, reflection_minibatch_size=size)
    assert {len(p.rows) for p in run.mutations} == {size}


def test_max_full_evals_buys_passes_over_all_rows() -> None:
    total = compile_words(max_metric_calls="unset", max_full_evals=3).result.total_metric_calls
    assert 2 * 20 < total <= 3 * 20


@pytest.mark.parametrize("auto", ["light", "medium"])
def test_auto_buys_a_run(auto: str) -> None:
    result = compile_words(max_metric_calls="unset", auto=auto).result
    assert max(result.val_aggregate_scores) == 1.0


def test_component_selector_all_rewrites_every_component_at_once() -> None:
    run = compile_words(component_selector="all", max_metric_calls=60)
    assert run.mutations[0].changed == ("a", "b")
    assert len(run.mutations[0].evidence) == 2


def test_candidate_selection_current_best_always_improves_on_the_best() -> None:
    run = compile_words(
        reflection=forgets_words, candidate_selection_strategy="current_best", use_merge=False
    )
    scores = run.result.val_aggregate_scores
    found = 0
    for proposal in run.result.proposals:
        if proposal.kind == "mutation":
            assert proposal.parents == (scores[:found].index(max(scores[:found])),)
        found += proposal.verdict == "accepted"


def test_perfect_minibatches_are_skipped_on_demand() -> None:
    always = {"metric": lambda gold, pred: 1.0, "max_metric_calls": 40}
    assert not prompts_of(compile_words(**always).reflection)
    assert prompts_of(compile_words(**always, skip_perfect_score=False).reflection)


def test_perfect_score_says_what_is_perfect() -> None:
    half = {"metric": lambda gold, pred: 0.5, "max_metric_calls": 40}
    assert prompts_of(compile_words(**half).reflection)
    assert not prompts_of(compile_words(**half, perfect_score=0.5).reflection)


def test_use_merge_turns_merging_off(merging: Run) -> None:
    assert merging.merges
    assert not compile_words(reflection=forgets_words, seed=1, use_merge=False).merges


def test_max_merge_invocations_limits_merges() -> None:
    options = {"reflection": forgets_words, "seed": 8, "max_metric_calls": 160}
    assert len(compile_words(**options).merges) > 1
    assert len(compile_words(**options, max_merge_invocations=1).merges) == 1


def test_texts_longer_than_max_chars_are_objected_to() -> None:
    run = compile_words(max_chars=20, max_metric_calls=40)
    assert len(run.result.candidates) == 1
    assert "at most 20 are allowed" in prompts_of(run.reflection)[1].field("objection")


def test_one_thread_runs_one_rollout_at_a_time() -> None:
    under_way = threading.Lock()
    overlaps: list[str] = []

    def alone(prompt: Prompt) -> Any:
        if not under_way.acquire(blocking=False):
            overlaps.append(prompt.user)
            return knows_words(prompt)
        try:
            return knows_words(prompt)
        finally:
            under_way.release()

    compile_words(task=alone, num_threads=1)
    assert not overlaps


def test_several_threads_run_rollouts_side_by_side() -> None:
    # Four rollouts must be under way at once for any of them to go on; the first row runs alone.
    barrier = threading.Barrier(4)

    def together(prompt: Prompt) -> Any:
        if VAL[0].question not in prompt.user:
            barrier.wait(timeout=30)
        return knows_words(prompt)

    run = compile_words(OneHop(), task=together, valset=VAL[:5], max_metric_calls=5, num_threads=4)
    assert run.result.total_metric_calls == 5


@pytest.mark.parametrize("width", [1, 3])
def test_width_is_the_number_of_steps_begun_before_the_first_is_done(width: int) -> None:
    run = compile_words(width=width, seed=1)
    assert [p.verdict for p in run.mutations[:1]] == ["accepted"]
    from_seed = [p.parents == (0,) for p in run.mutations]
    assert from_seed.index(False) == width


# Errors ---------------------------------------------------------------------------------------------------

LM = scripted_lm(learns_words)


def optimizer(**options: Any) -> GEPA:
    settings = {"reflection_lm": LM, "max_metric_calls": 100, "strategy": "paper"}
    return GEPA(is_right, **(settings | options))


def test_a_missing_reflection_lm_is_refused_with_an_example_of_one() -> None:
    with pytest.raises(ConfigurationError, match=r"reflection_lm is missing.*e.g. reflection_lm=dspy.LM\("):
        optimizer(reflection_lm=None)


def test_no_budget_is_refused_with_the_three_there_are() -> None:
    with pytest.raises(
        ConfigurationError, match="one budget of auto, max_full_evals, max_metric_calls; none was"
    ):
        optimizer(max_metric_calls=None)


def test_several_budgets_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="got auto='light', max_metric_calls=100"):
        optimizer(auto="light")


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"max_metric_cals": 5}, "no option 'max_metric_cals'. Did you mean 'max_metric_calls'?"),
        ({"threads": 5}, "no option 'threads'. Did you mean 'num_threads'?"),
        ({"component_selector": "al"}, "component_selector='al' is not known. Did you mean 'all'?"),
        ({"candidate_selection_strategy": "paretto"}, "Did you mean 'pareto'?"),
        ({"strategy": "papers"}, "strategy='papers' is not known. Did you mean 'paper'?"),
        ({"auto": "lite", "max_metric_calls": None}, "auto='lite' is not known. Did you mean 'light'?"),
    ],
)
def test_unknown_options_and_values_are_refused_with_the_near_one(option: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(words)):
        optimizer(**option)


@pytest.mark.parametrize(
    "option",
    [
        {"max_metric_calls": -1},
        {"max_metric_calls": None, "max_full_evals": -1},
        {"reflection_minibatch_size": 0},
        {"max_merge_invocations": -1},
        {"max_chars": 0},
        {"num_threads": 0},
        {"width": 0},
        {"width": 1.5},
    ],
)
def test_numbers_that_make_no_sense_are_refused_with_the_rule(option: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="must be a whole number of at least"):
        optimizer(**option)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"initial_candidates": {"a": "x"}}, "must be several mappings of texts, or programs"),
        ({"initial_candidates": ["a"]}, "initial_candidates holds 'a'"),
        ({"freeze": None}, "freeze=None must be several names"),
        ({"optimize": [1]}, "optimize holds 1"),
        ({"keep": None}, "keep=None must be several texts"),
        ({"keep": ["x", ""]}, "keep holds an empty text"),
        ({"log_dir": 3}, "log_dir=3 must be a path"),
        ({"executor": "threads"}, "must be a concurrent.futures.Executor"),
        ({"retry": 3}, "retry=3 must be a dspy_gepa.RetryPolicy"),
        ({"gepa_kwargs": ["frontier_type"]}, "gepa_kwargs=['frontier_type'] must be a dict"),
        ({"use_merge": "no"}, "use_merge='no' must be True or False"),
        ({"seed": 1.5}, "seed=1.5 must be a whole number"),
        ({"frontier_type": 3}, "frontier_type=3 is not known. Known are: cartesian"),
        ({"resume": True}, "resume=True is not known. Known are: auto"),
        ({"strategy": dict}, "strategy=<class 'dict'> is not known. Known are: adaptive, paper"),
        ({"stop": 3}, "stop=3 must be a function"),
        ({"callbacks": None}, "callbacks=None must be a list"),
    ],
)
def test_arguments_of_another_type_are_refused_at_once(option: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(words)):
        optimizer(**option)


@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        ({}, None),
        ({"retry": RetryPolicy(timeout=5.0)}, 5.0),
        ({"retry": RetryPolicy(timeout=5.0), "rollout_timeout": 2.0}, 2.0),
    ],
)
def test_the_time_limit_of_a_rollout_is_that_of_the_retry_policy_unless_it_is_given(
    options: dict[str, Any], seconds: float | None
) -> None:
    policy = optimizer(**options, failure_score=-1.0).options.retry_policy
    assert (policy.timeout, policy.timeout_score) == (seconds, -1.0)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"trainset": []}, "trainset is empty"),
        ({"valset": []}, "valset is empty"),
        ({"trainset": [dspy.Example(q=1)]}, "trainset[0] does not say which fields are inputs"),
        ({"valset": [VAL[0], dspy.Example(q=1)]}, "valset[1] does not say which fields are inputs"),
        ({"teacher": OneHop()}, "no use for a teacher"),
        ({"valset": word_rows(101)}, "allows 100 rollouts, fewer than the 101 that"),
        ({"student": dspy.Module()}, "The program Module has no predictor"),
    ],
)
def test_data_and_programs_that_cannot_be_used_are_refused_before_any_call(
    data: dict[str, Any], words: str
) -> None:
    arguments = {"student": OneHop(), "trainset": TRAIN, "valset": VAL} | data
    lm = scripted_lm(knows_words)
    with dspy.context(lm=lm), pytest.raises(ConfigurationError, match=re.escape(words)):
        optimizer().compile(**arguments)
    assert not prompts_of(lm)


def test_a_configuration_error_is_a_value_error() -> None:
    assert issubclass(ConfigurationError, ValueError)


def test_a_program_that_raises_on_every_row_is_reported_with_its_error() -> None:
    class Broken(OneHop):
        def forward(self, question: str) -> dspy.Prediction:
            return self.c(question=question)

    with pytest.raises(ProgramError, match=r"raised on each of 8 rows.*has no attribute 'c'"):
        compile_words(Broken())


# Reflection models and metrics that do not do their part --------------------------------------------------


def test_the_name_of_a_reflection_model_is_no_model() -> None:
    with pytest.raises(ConfigurationError, match=r"'openai/gpt-5' is no language model. Pass a dspy.LM"):
        GEPA(is_right, reflection_lm="openai/gpt-5", max_metric_calls=10)


@pytest.mark.parametrize("answer", ["rubbish", {"new_instruction": ""}])
def test_a_reflection_model_that_never_gives_a_text_stops_the_run(answer: Any) -> None:
    with pytest.raises(ReflectionError, match="10 unusable answers in a row") as caught:
        compile_words(reflection=lambda prompt: answer)
    assert isinstance(caught.value.program, TwoHops)


def test_a_metric_that_fails_on_every_call_with_pred_name_stops_the_run_with_the_row() -> None:
    def metric(gold: Any, pred: Any, trace: Any, pred_name: str | None, pred_trace: Any) -> float:
        if pred_name:
            raise KeyError("hint")
        return float(pred.answer == gold.answer)

    with pytest.raises(MetricError, match=r"(?s)Called with pred_name.*KeyError.*The example \(train/"):
        compile_words(metric=metric)


def test_merges_in_flight_count_as_merges_tried() -> None:
    for seed in range(4):
        run = compile_words(
            reflection=forgets_words, seed=seed, max_metric_calls=400, max_merge_invocations=1, width=4
        )
        assert len(run.merges) <= 1


def test_usage_is_told_by_phase_and_model_and_adds_up(learned: Run) -> None:
    usage = learned.result.usage
    assert set(usage) == {"reflection", "train rollouts", "validation rollouts"}
    assert set(usage["reflection"].tokens) == {"scripted/reflection"}
    assert set(usage["train rollouts"].tokens) == {"scripted/task"}
    assert sum(used.total_tokens for used in usage.values()) == learned.result.total_tokens
    assert usage["reflection"].calls == learned.result.reflection_calls
