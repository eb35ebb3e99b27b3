"""Tasks: the program, the metric and its feedback per component, the loaders."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cloudpickle
import dspy
import pytest

from benchmarks.tasks import WITHOUT_PREDICTORS, DataNotFound, Task, hotpotqa, load
from benchmarks.tasks.data import recut
from benchmarks.tasks.multihop import metric
from tests.benchmarks.support_rows import ROW

GOLD = dspy.Example(
    question="In which town was the builder of Ostmere Mill born?",
    answer="Velholm",
    gold_titles=["Ostmere Mill", "Jana Dunek"],
    gold_pages=[
        {
            "title": "Ostmere Mill",
            "text": "It was built by Jana Dunek.",
            "support": ["It was built by Jana Dunek."],
        },
        {"title": "Jana Dunek", "text": "Jana Dunek is from Velholm.", "support": []},
    ],
).with_inputs("question")
FIRST = ["Ostmere Mill | It was built by Jana Dunek.", "Kelwick | A village."]
SECOND = ["Jana Dunek | Jana Dunek is from Velholm.", "Kelwick | A village."]
STEPS: dict[str, tuple[Any, dict[str, Any], dspy.Prediction]] = {
    "summarize1.predict": (None, {"question": "q", "passages": FIRST}, dspy.Prediction(summary="A village.")),
    "create_query_hop2.predict": (
        None,
        {"question": "q", "summary_1": "s"},
        dspy.Prediction(query="Jana Dunek"),
    ),
    "summarize2.predict": (
        None,
        {"question": "q", "context": "s", "passages": SECOND},
        dspy.Prediction(summary="Jana Dunek is from Velholm."),
    ),
    "final_answer.predict": (None, {"question": "q", "summary_1": "s"}, dspy.Prediction(answer="Kelwick")),
}
TRACE = list(STEPS.values())


def feedback(component: str, answer: str = "Kelwick", steps: Any = None) -> str:
    own = [STEPS[component]] if steps is None else steps
    return str(metric(GOLD, dspy.Prediction(answer=answer), TRACE, component, own).feedback)


@pytest.fixture(scope="module")
def bundled() -> Task:
    return load("bundled")


def run(task: Task, program: dspy.Module, rows: Iterable[dspy.Example]) -> float:
    with dspy.context(lm=task.task_lm()):
        scores = [task.metric(row, program(question=row.question)).score for row in rows]
    return sum(scores) / len(scores)


def test_the_metric_is_exact_match_after_normalisation() -> None:
    assert metric(GOLD, dspy.Prediction(answer="the velholm.")).score == 1.0
    assert metric(GOLD, dspy.Prediction(answer="Velholm town")).score == 0.0


def test_a_failed_run_scores_zero_and_says_so() -> None:
    for failed in (dspy.Prediction(), None, "FailedPrediction"):
        outcome = metric(GOLD, failed)
        assert outcome.score == 0.0
        assert "gave no answer" in outcome.feedback


def test_feedback_on_the_answer_gives_the_reference_and_its_pages() -> None:
    text = feedback("final_answer.predict")
    assert "answered 'Kelwick'" in text
    assert "reference answer is 'Velholm'" in text
    assert "- Jana Dunek: Jana Dunek is from Velholm." in text
    assert feedback("final_answer.predict", "Velholm").startswith("Correct")


def test_feedback_on_the_query_counts_needed_pages_before_the_second_search() -> None:
    text = feedback("create_query_hop2.predict")
    assert "found by the first search: 'Ostmere Mill'" in text
    assert "still needed after the first search: 'Jana Dunek'" in text
    assert "brought: 'Jana Dunek'" in text
    assert "missed" not in text


def test_feedback_on_a_query_that_missed_shows_the_missed_page() -> None:
    trace = [
        STEPS["summarize1.predict"],
        (None, {"context": "s", "passages": FIRST}, dspy.Prediction(summary="")),
    ]
    own = [STEPS["create_query_hop2.predict"]]
    text = metric(GOLD, dspy.Prediction(answer=""), trace, "create_query_hop2.predict", own).feedback
    assert "missed 'Jana Dunek'" in text
    assert "Jana Dunek is from Velholm." in text


def test_feedback_on_a_summary_distinguishes_lost_caught_and_unseen() -> None:
    first = feedback("summarize1.predict")
    assert "Your summary lost:\n- Ostmere Mill: It was built by Jana Dunek." in first
    assert "still to be found:\n- Jana Dunek: Jana Dunek is from Velholm." in first
    second = feedback("summarize2.predict")
    assert "Your summary has:\n- Jana Dunek: Jana Dunek is from Velholm." in second
    assert "Never retrieved:\n- Ostmere Mill" in second


@pytest.mark.parametrize("component", STEPS)
def test_feedback_never_needs_a_trace(component: str) -> None:
    outcome = metric(GOLD, dspy.Prediction(), None, component, None)
    assert outcome.score == 0.0
    assert outcome.feedback


@pytest.mark.parametrize("component", STEPS)
def test_feedback_survives_a_failed_step(component: str) -> None:
    broken = [(None, STEPS[component][1], "no prediction at all")]
    assert feedback(component, steps=broken)


def test_the_program_answers_with_four_predictors_and_two_searches(bundled: Task) -> None:
    program, row = bundled.program(), bundled.train[0]
    with dspy.context(lm=bundled.task_lm(), trace=[]):
        program(question=row.question)
        trace = dspy.settings.trace
    assert [name for name, _ in program.named_predictors()] == sorted(STEPS)  # the artifact's order
    assert [len(inputs["passages"]) for _, inputs, _ in trace if "passages" in inputs] == [7, 7]


def test_copies_of_the_program_share_the_retriever_and_can_be_pickled(bundled: Task) -> None:
    program, row = bundled.program(), bundled.train[0]
    assert program.deepcopy().retriever is program.retriever
    again = cloudpickle.loads(cloudpickle.dumps(program))
    with dspy.context(lm=bundled.task_lm()):
        assert again(question=row.question).answer == program(question=row.question).answer


def test_two_runs_of_the_bundled_task_agree(bundled: Task) -> None:
    assert run(bundled, bundled.program(), bundled.test[:20]) == run(
        load("bundled"), load("bundled").program(), bundled.test[:20]
    )


@pytest.mark.slow
def test_answers_and_rewrites_do_not_depend_on_the_hash_seed() -> None:
    script = """
import dspy
from benchmarks.simulated.evidence import Evidence
from benchmarks.simulated.worlds.multihop.curriculum import MULTIHOP
from benchmarks.tasks import aime, load, pupa

query = "Write to Quillon Varga about the lift. He is a welder. Quillon Varga knows."
row = {"user_query": query, "target_response": "Dear Quillon Varga!", "pii_str": "quillon varga||welder"}
problems = [{"problem": f"Find {i}.", "answer": str(i)} for i in range(60)]
nothing = {"train": [], "val": []}
for other in (pupa.build({**nothing, "test": [row]}), aime.build({**nothing, "test": problems})):
    with dspy.context(lm=other.task_lm()):
        for program in (other.program(), other.best_program()):
            print([dict(program(**row.inputs())) for row in other.test[:60]])
task = load("bundled")
with dspy.context(lm=task.task_lm()):
    for program in (task.program(), task.best_program()):
        print([program(question=row.question).answer for row in task.test[:60]])
fields = {"answer": "Around 12 of Ulm, I think.", "summary_1": "Jana of Ulm"}
examples = [Evidence(fields, "Wrong, expected '12 Ulm'.")] * 3
print([MULTIHOP.rewritten("Do it.", examples, str(i), "0") for i in range(40)])
"""
    printed = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[3])},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(printed) == 1


def test_good_instructions_leave_headroom_above_the_seed_program(bundled: Task) -> None:
    assert run(bundled, bundled.program(), bundled.test) + 0.25 < run(
        bundled, bundled.best_program(), bundled.test
    )


def test_splits_do_not_overlap(bundled: Task) -> None:
    questions = [row.question for row in bundled.train + bundled.val + bundled.test]
    assert len(questions) == len(set(questions)) == 300
    assert all(set(row.inputs().keys()) == {"question"} for row in bundled.train)


def test_an_unknown_task_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"'poems'.*bundled.*hotpotqa"):
        load("poems")


@pytest.mark.parametrize("name", ["agent", "bundled", "code", "code-layers", "code-prompt", "easy"])
def test_it_is_known_which_programs_have_no_predictors(name: str) -> None:
    assert (load(name).program().predictors() == []) == (name in WITHOUT_PREDICTORS)


def test_missing_files_are_named_with_both_ways_out(tmp_path: Path) -> None:
    (tmp_path / "hotpotqa").mkdir()
    (tmp_path / "hotpotqa" / "train.jsonl").touch()
    with pytest.raises(
        DataNotFound, match=r"lacks val\.jsonl, test\.jsonl, corpus\.jsonl.*DSPY_GEPA_DATA.*Hugging Face"
    ):
        load("hotpotqa", tmp_path)


def test_a_hub_out_of_reach_is_explained_with_both_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable() -> Iterable[Any]:
        raise ConnectionError("no network")

    monkeypatch.delenv("DSPY_GEPA_DATA", raising=False)
    with pytest.raises(DataNotFound, match=r"(?s)no network.*data_dir.*DSPY_GEPA_DATA") as caught:
        hotpotqa.load(hub=unreachable)
    assert isinstance(caught.value.__cause__, ConnectionError)


def test_local_files_are_found_through_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "hotpotqa"
    folder.mkdir()
    for name in ("train", "val", "test"):
        (folder / f"{name}.jsonl").write_text(json.dumps(ROW) + "\n", encoding="utf-8")
    (folder / "corpus.jsonl").write_text(
        json.dumps({"title": "Mill", "text": "Jana built it."}), encoding="utf-8"
    )
    monkeypatch.setenv("DSPY_GEPA_DATA", str(tmp_path))
    task = load("hotpotqa")
    assert task.train[0].gold_titles == ["Mill", "Jana"]


def test_sentence_ids_that_are_absent_or_wrong_are_left_out() -> None:
    example = hotpotqa.example_of(ROW, {"Mill": "Jana built it. It burned."})
    assert [page["support"] for page in example.gold_pages] == [["Jana built it."], []]


def test_the_hub_rows_follow_the_papers_split_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    def rows() -> Iterable[Any]:
        for i in range(2000):
            facts = {"title": [f"T{i}"], "sent_id": [0]}
            context = {"title": [f"T{i}"], "sentences": [[f"Fact {i}."]]}
            yield {"question": f"Q{i}?", "answer": f"{i}", "supporting_facts": facts, "context": context}

    monkeypatch.delenv("DSPY_GEPA_DATA", raising=False)
    with pytest.warns(UserWarning, match="not the abstracts of Wikipedia"):
        task = hotpotqa.load(hub=rows)
    assert [len(part) for part in (task.train, task.val, task.test)] == [150, 300, 300]
    assert all(int(row.answer) < 800 for row in task.test)
    assert all(800 <= int(row.answer) < 1600 for row in task.val)
    assert task.test[0].gold_pages[0]["support"]


def test_another_seed_recuts_train_and_validation_only() -> None:
    splits = {
        "train": [{"n": i} for i in range(5)],
        "val": [{"n": i} for i in range(5, 15)],
        "test": [{"n": 99}],
    }
    cut = recut(splits, 1)
    assert len(cut["train"]) == 5
    assert sorted(row["n"] for row in cut["train"] + cut["val"]) == list(range(15))
    assert cut["test"] == splits["test"]
    assert cut == recut(splits, 1)


@pytest.mark.slow
@pytest.mark.skipif(
    not (Path(os.environ.get("DSPY_GEPA_DATA", "missing")) / "hotpotqa").is_dir(),
    reason="DSPY_GEPA_DATA is not set",
)
def test_the_real_data_can_be_played() -> None:
    task = load("hotpotqa")
    assert (len(task.train), len(task.val), len(task.test)) == (150, 300, 150)
    assert all(page["support"] for row in task.train for page in row.gold_pages)
    rows = task.test[:40]
    assert run(task, task.program(), rows) < run(task, task.best_program(), rows)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["aime", "hover", "livebench_math", "pupa"])
def test_the_papers_other_tasks_can_be_played_on_real_data(name: str) -> None:
    data = Path(os.environ.get("DSPY_GEPA_DATA", "missing"))
    if not (data / name).is_dir():
        pytest.skip("DSPY_GEPA_DATA is not set")
    task = load(name)
    rows = task.test[:30]
    scores = []
    for program in (task.program(), task.best_program()):
        with dspy.context(lm=task.task_lm()):
            scores.append(sum(task.metric(row, program(**row.inputs())).score for row in rows))
    assert scores[0] < scores[1]
