"""The IFBench task: program, metric, feedback per module, loaders."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import dspy
import pytest

from benchmarks.commands.checks.ifbench import check as checks_of
from benchmarks.tasks import DataNotFound, Task, ifbench, load
from benchmarks.tasks.ifbench import metric

QUERY = "Describe a lighthouse. Use no commas and end with the word sea."
ROW = {
    "key": "7",
    "prompt": QUERY,
    "instruction_id_list": ["punctuation:no_comma", "startend:end_checker"],
    "kwargs": [{"end_phrase": None}, {"end_phrase": "sea"}],
}
GOLD = ifbench.example_of(ROW)
NAMES = ["generate_response.predict", "ensure_correct_response.predict"]


def answered(text: str) -> dspy.Prediction:
    return dspy.Prediction(final_response=text)


def rows(count: int, start: int = 0) -> list[dict[str, Any]]:
    return [{**ROW, "key": number, "prompt": f"{QUERY} {number}"} for number in range(start, start + count)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ifbench").mkdir()
    for name, part in (("train_ifeval", rows(160)), ("val_ifeval", rows(5, 200)), ("test", rows(4, 300))):
        text = "".join(json.dumps(row) + "\n" for row in part)
        (tmp_path / "ifbench" / f"{name}.jsonl").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("text", "score"),
    [("A tower by the sea", 1.0), ("A tower, by the sea", 0.5), ("A tower, tall", 0.0), ("", 0.0)],
)
def test_the_score_is_the_share_of_constraints_followed(text: str, score: float) -> None:
    assert metric(GOLD, answered(text)).score == score


def test_the_score_is_by_the_loose_rule() -> None:
    assert metric(GOLD, answered("Well, here it is:\nA tower by the *sea*\nI hope, it helps.")).score == 1.0


@pytest.mark.parametrize("failed", [dspy.Prediction(), None, "FailedPrediction"])
def test_a_failed_run_scores_zero_and_says_so(failed: Any) -> None:
    outcome = metric(GOLD, failed)
    assert outcome.score == 0.0
    assert outcome.feedback.startswith("Wrong: there was no response.")


def test_feedback_distinguishes_followed_from_missed_in_words() -> None:
    assert metric(GOLD, answered("A tower, by the sea")).feedback == (
        "Wrong: not all that was asked was done.\n"
        "Followed constraints:\n- The answer ends with 'sea'.\n"
        "Missed constraints:\n- There is no comma in the answer."
    )
    assert metric(GOLD, answered("A tower by the sea")).feedback.startswith("Correct: all 2 constraints")


def test_feedback_on_a_module_is_on_its_own_output_and_the_score_on_the_final_one() -> None:
    first = (None, {"query": QUERY}, dspy.Prediction(response="A tower, by the sea"))
    second = (None, {"query": QUERY, "response": "x"}, answered("A tower by the sea"))
    on_first = metric(GOLD, second[2], [first, second], NAMES[0], [first])
    on_second = metric(GOLD, second[2], [first, second], NAMES[1], [second])
    assert (on_first.score, on_second.score) == (1.0, 1.0)
    assert "Missed constraints:\n- There is no comma" in on_first.feedback
    assert on_second.feedback.startswith("Correct")


@pytest.mark.parametrize("name", NAMES)
def test_feedback_survives_a_failed_step(name: str) -> None:
    broken = [(None, {"query": QUERY}, "no prediction at all")]
    assert metric(GOLD, dspy.Prediction(), None, name, broken).feedback.startswith("Wrong")


def test_nulls_among_the_parameters_are_left_out() -> None:
    assert GOLD.constraints == [("punctuation:no_comma", {}), ("startend:end_checker", {"end_phrase": "sea"})]
    assert set(GOLD.inputs().keys()) == {"query"}


def test_the_program_writes_and_then_goes_over_it(folder: Path) -> None:
    task = load("ifbench", folder)
    program = task.program()
    with dspy.context(lm=task.task_lm(), trace=[]):
        prediction = program(query=task.test[0].query)
        trace = dspy.settings.trace
    assert [name for name, _ in program.named_predictors()] == NAMES == list(task.best_instructions)
    assert trace[1][1] == {"query": task.test[0].query, "response": trace[0][2].response}
    assert prediction.final_response == trace[1][2].final_response


def test_local_files_give_the_papers_sizes_at_most(folder: Path) -> None:
    task = load("ifbench", folder)
    assert (len(task.train), len(task.val), len(task.test)) == (150, 5, 4)
    assert {row.query for row in load("ifbench", folder, 1).test} == {row.query for row in task.test}


def test_another_seed_recuts_train_and_validation(folder: Path) -> None:
    one, other = load("ifbench", folder), load("ifbench", folder, 1)
    assert [row.query for row in one.train] != [row.query for row in other.train]
    assert len(other.train) == 150


def test_a_hub_out_of_reach_is_explained_with_both_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable() -> Iterable[Any]:
        raise ConnectionError("no network")

    monkeypatch.delenv("DSPY_GEPA_DATA", raising=False)
    with pytest.raises(DataNotFound, match=r"(?s)ifbench.*no network.*data_dir.*DSPY_GEPA_DATA"):
        ifbench.load(hub=unreachable)


def test_missing_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "ifbench").mkdir()
    with pytest.raises(DataNotFound, match=r"lacks train_ifeval\.jsonl, val_ifeval\.jsonl, test\.jsonl"):
        load("ifbench", tmp_path)


@pytest.mark.skipif(
    not (Path(os.environ.get("DSPY_GEPA_DATA", "missing")) / "ifbench").is_dir(),
    reason="DSPY_GEPA_DATA is not set",
)
def test_the_real_data_can_be_played() -> None:
    task: Task = load("ifbench")
    assert (len(task.train), len(task.val), len(task.test)) == (150, 300, 294)
    means = []
    for program in (task.program(), task.best_program()):
        with dspy.context(lm=task.task_lm()):
            scores = [task.metric(row, program(query=row.query)).score for row in task.val[:60]]
        means.append(sum(scores) / len(scores))
    assert means[0] + 0.1 < means[1]


def test_the_rule_set_decides_where_the_checkers_differ(folder: Path) -> None:
    title = ifbench.example_of({**ROW, "instruction_id_list": ["format:title_case"], "kwargs": [{}]})
    paper, today = load("ifbench", folder), load("ifbench", folder, rules="today")
    assert paper.metric(title, answered("A Dog a Day")).score == 1.0
    assert today.metric(title, answered("A Dog a Day")).score == 0.0


def test_a_response_on_which_a_checker_of_the_paper_raises_scores_nothing_at_all() -> None:
    pair = ["punctuation:no_comma", "words:paragraph_last_first"]
    gold = ifbench.example_of({**ROW, "instruction_id_list": pair, "kwargs": [{}, {}]})
    raising = answered("Tea is tea\n---\nSo it is so\n---\nTea is tea")
    assert metric(gold, raising).score == 0.0
    assert "Followed constraints:\n- There is no comma" in metric(gold, raising).feedback
    assert metric(gold, raising, rules="today").score == 1.0


def test_verification_tries_the_checkers_and_the_rows(folder: Path) -> None:
    (folder / "ifbench" / "test.jsonl").write_text(
        json.dumps({**ROW, "instruction_id_list": ["count:sheep", "startend:end_checker"]}) + "\n",
        encoding="utf-8",
    )
    checks = {check.what: check for check in checks_of(folder)}
    failed = {what for what, check in checks.items() if not check.ok}
    assert checks["verdicts of the official scorer, rules paper"].ok
    assert checks["verdicts of the official scorer, rules today"].ok
    assert checks["cases of the checkers without official verdicts"].ok
    assert "constraints with a checker and the parameters it takes" in failed
    assert "train, validation and test have (150, 300, 294) rows" in failed
