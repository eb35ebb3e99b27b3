"""The record worlds: they load, never change between runs, and each stresses what it says it does."""

from __future__ import annotations

import pickle
import random
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache

import dspy
import pytest

from benchmarks.harness.models import Models
from benchmarks.simulated import SimulatedEngine
from benchmarks.simulated.engine import load_role
from benchmarks.simulated.server import SimulatedServer
from benchmarks.simulated.text import sentences
from benchmarks.simulated.worlds.records.conventions import HARMS
from benchmarks.simulated.worlds.records.faults import DESKS
from benchmarks.studies.calibration import Bench, acceptance, best_of, draw_winner, halfway, start
from benchmarks.tasks import WORLD_NAMES, Task, load
from benchmarks.tasks.worlds import TUNING, world_named

PLAIN = [name for name in WORLD_NAMES if not name.endswith(TUNING)]
ROWS = 50


@cache
def bench(name: str) -> Bench:
    return Bench(load(name), 0)


def scores(name: str, texts: Mapping[str, str], rows: Sequence[dspy.Example] | None = None) -> list[float]:
    world = bench(name)
    with dspy.context(lm=world.task.task_lm()):
        return world.scores(texts, world.task.test[:ROWS] if rows is None else rows)


def score(name: str, texts: Mapping[str, str], rows: Sequence[dspy.Example] | None = None) -> float:
    return statistics.fmean(scores(name, texts, rows))


def edited(texts: Mapping[str, str], change: Callable[[str], str]) -> dict[str, str]:
    return {kind: change(text) for kind, text in texts.items()}


# All worlds -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WORLD_NAMES)
def test_every_world_has_its_rows_once(name: str) -> None:
    task = load(name)
    rows = [*task.train, *task.val, *task.test]
    assert (len(task.train), len(task.val), len(task.test)) == (100, 100, 200)
    assert len({row.record for row in rows}) == 400
    assert set(task.best_instructions) == set(start(task))


@pytest.mark.parametrize("name", WORLD_NAMES)
def test_a_world_is_the_same_every_time_and_another_for_another_seed(name: str) -> None:
    one, same, other = load(name, seed=3), load(name, seed=3), load(name, seed=4)
    assert one.train == same.train
    assert one.best_instructions == same.best_instructions
    assert one.train != other.train


@pytest.mark.parametrize("name", PLAIN)
def test_the_variant_for_tuning_is_another_world(name: str) -> None:
    plain, tuning = world_named(name), world_named(name + TUNING)
    assert plain.clerk != tuning.clerk
    assert plain.reflector != tuning.reflector
    assert plain.demands != tuning.demands
    assert (plain.scoring, plain.start, plain.stresses) == (tuning.scoring, tuning.start, tuning.stresses)


@pytest.mark.parametrize("name", [name for name in WORLD_NAMES if "headroom0" not in name])
def test_the_right_instructions_do_much_better_than_the_seed_prompt(name: str) -> None:
    world = bench(name).task
    assert score(name, world.best_instructions) > score(name, start(world)) + 0.2


@pytest.mark.parametrize("name", WORLD_NAMES)
def test_roles_survive_json(name: str) -> None:
    task = load(name)
    for role in (task.task_role, task.reflection_role):
        assert load_role(role.to_json()) == role
    assert SimulatedEngine.load_state(task.task_lm(seed=5).engine.dump_state()).seed == 5


def test_a_program_and_a_metric_can_be_sent_to_another_process() -> None:
    task = load("judge")
    row = task.train[0]
    metric, program = pickle.loads(pickle.dumps((task.metric, task.program)))
    with dspy.context(lm=task.task_lm()):
        assert metric(row, program()(**row.inputs())) == task.metric(row, task.program()(**row.inputs()))


SHOWN = """
import dspy
from benchmarks.tasks import load
task = load("specialists", seed=1)
with dspy.context(lm=task.task_lm()):
    shown = repr([dict(task.program()(**row.inputs())) for row in task.train[:8]])
"""


@pytest.mark.slow
def test_answers_do_not_depend_on_the_hash_seed_of_the_process() -> None:
    here: dict[str, str] = {}
    exec(SHOWN, here)
    there = subprocess.run(
        [sys.executable, "-c", SHOWN + "print(shown)"],
        env={"PYTHONHASHSEED": "12345", "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=True,
    )
    assert there.stdout.strip() == here["shown"]


def test_a_world_is_played_over_http_as_it_is_directly() -> None:
    task = load("judge")
    row, direct = task.train[0], Models().task_lm(task, 0)
    with SimulatedServer({"task": SimulatedEngine.load_state(direct.engine.dump_state())}) as server:
        served = dspy.LM("openai/task", api_base=server.url, api_key="any", cache=False)
        answers = []
        for lm in (direct, served):
            with dspy.context(lm=lm):
                answers.append(dict(task.program()(**row.inputs())))
    assert answers[0] == answers[1]


def test_a_failed_run_scores_zero_and_the_feedback_says_so() -> None:
    task = load("easy")
    result = task.metric(task.train[0], None, None, "date")
    assert result.score == 0.0
    assert "Nothing was given" in result.feedback


def test_feedback_on_one_predictor_is_about_its_value_and_never_gives_a_rule_away() -> None:
    task = load("wide")
    with dspy.context(lm=task.task_lm()):
        said = {
            kind: task.metric(row, task.program()(**row.inputs()), None, kind).feedback
            for row in task.train[:5]
            for kind in task.best_instructions
        }
    for kind, feedback in said.items():
        assert feedback.startswith(f"Value clean_{kind}:")
        assert not any(line in feedback for line in sentences(task.best_instructions[kind])[1:])


@pytest.mark.parametrize("name", ["wide", "noisy"])
def test_the_bench_answers_as_the_program_does(name: str) -> None:
    task = bench(name).task
    program, texts = task.best_program(), task.best_instructions
    with dspy.context(lm=task.task_lm()):
        answers = [dict(program(**row.inputs())) for row in task.train[:20]]
    assert answers == [dict(bench(name).prediction(texts, row)) for row in task.train[:20]]


# One by one -----------------------------------------------------------------------------------------------


def test_easy_is_easy() -> None:
    task = bench("easy").task
    with dspy.context(lm=task.task_lm()):
        assert acceptance(bench("easy"), start(task), 3, 20, every=False).share > 0.45
    assert score("easy", task.best_instructions) > 0.8


def test_wide_has_many_components_each_a_small_part_of_the_score() -> None:
    task = bench("wide").task
    first, best = start(task), task.best_instructions
    assert len(first) == 6
    gains = [score("wide", {**first, kind: best[kind]}) - score("wide", first) for kind in first]
    assert all(0.0 < gain < 0.2 for gain in gains)


def test_noisy_changes_many_rows_for_no_reason() -> None:
    world = bench("noisy")
    rows = world.task.test[:ROWS]
    columns = []
    for seed in (0, 1):
        with dspy.context(lm=world.task.task_lm(seed=seed)):
            columns.append(Bench(world.task, seed).scores(world.task.best_instructions, rows))
    assert set(columns[0]) == {0.0, 1.0}
    assert statistics.fmean(a != b for a, b in zip(*columns, strict=True)) > 0.25


def test_the_same_prompt_gets_the_same_answer_in_the_noisy_world() -> None:
    texts = start(bench("noisy").task)
    first = scores("noisy", texts)
    bench("noisy").known.clear()
    assert scores("noisy", texts) == first


def test_specialists_gain_at_one_desk_what_they_cost_the_others() -> None:
    task = bench("specialists").task
    rows = {
        home: [row for row in task.test if row.record.startswith(DESKS[0]) == home] for home in (True, False)
    }
    only = f"For records of the {DESKS[0]} desk only, "
    conditional = task.best_instructions
    general = edited(conditional, lambda text: "\n".join(s for s in sentences(text) if only not in s))
    everywhere = edited(
        conditional, lambda text: "\n".join(s.removeprefix(only).capitalize() for s in sentences(text))
    )
    at_home, abroad = (
        {name: score("specialists", texts, rows[home]) for name, texts in (
            ("general", general), ("everywhere", everywhere), ("conditional", conditional))}
        for home in (True, False)
    )  # fmt: skip
    assert at_home["everywhere"] > at_home["general"] + 0.2
    assert abroad["everywhere"] < abroad["general"] - 0.2
    assert score("specialists", everywhere) < score("specialists", general) + 0.02
    assert at_home["conditional"] > at_home["general"] + 0.2
    assert abroad["conditional"] > abroad["general"] - 0.05


def test_hard_rejects_most_rewrites_on_three_rows() -> None:
    task = bench("hard").task
    with dspy.context(lm=task.task_lm()):
        found = [acceptance(bench("hard"), t, 3, 30, every=False).share for t in (start(task), halfway(task))]
    assert 0.1 < statistics.fmean(found) < 0.35


def test_nothing_beats_the_seed_prompt_where_there_is_no_headroom() -> None:
    name = "headroom0"
    task = bench(name).task
    first = start(task)
    assert first == task.best_instructions
    rows = task.test[:100]
    with dspy.context(lm=task.task_lm()):
        rewrites = [
            {kind: bench(name).rewritten(kind, first, task.train[8 * i : 8 * i + 8], i) for kind in first}
            for i in range(6)
        ]
    changes = [score(name, texts, rows) - score(name, first, rows) for texts in rewrites]
    assert statistics.fmean(changes) < 0.01
    assert max(changes) < 0.07


def test_a_judge_grades_and_its_noise_is_its_own() -> None:
    task = bench("judge").task
    exact = replace(task.metric, noise=0.0)
    texts = halfway(task)
    with dspy.context(lm=task.task_lm()):
        pairs = [
            (task.metric(row, seen).score, exact(row, seen).score)
            for row in task.test[:ROWS]
            for seen in [bench("judge").prediction(texts, row)]
        ]
    assert len({noisy for noisy, _ in pairs}) > 20
    assert 0.08 < statistics.stdev(noisy - true for noisy, true in pairs) < 0.2


def test_the_judges_call_is_no_step_of_the_program() -> None:
    task = load("judge")
    row = task.train[0]
    with dspy.context(lm=task.task_lm(), trace=[]):
        task.metric(row, task.program()(**row.inputs()))
        assert len(dspy.settings.trace) == len(task.best_instructions)


def test_a_defective_seed_prompt_is_helped_by_removal_and_not_by_additions_alone() -> None:
    task = bench("defective").task
    first, best = start(task), task.best_instructions
    added = {kind: f"{text}\n{best[kind]}" for kind, text in first.items()}
    never = [f"Never {wording[0].lower()}{wording[1:]}" for harm in HARMS for wording in harm.wordings]
    forbidden = edited(added, lambda text: "\n".join([text, *never]))
    removed = edited(first, lambda text: sentences(text)[0])
    assert score("defective", removed) > score("defective", first) + 0.05
    assert score("defective", best) > score("defective", added) + 0.3
    assert score("defective", best) > score("defective", forbidden) + 0.3


def test_a_remark_on_one_example_helps_that_row_and_hurts_others() -> None:
    task = bench("overfit").task
    first, kind = start(task), next(iter(task.best_instructions))
    rows = [row for row in task.train if score("overfit", first, [row]) < 1.0][:10]
    remarks = [said.split("'") for row in rows for said in [feedback(task, row, kind)] if "expected" in said]
    text = "\n".join([first[kind], *(f"When the entry reads '{r[3]}', write '{r[5]}'." for r in remarks)])
    best = {**task.best_instructions}
    flattered = {**first, kind: text}
    assert score("overfit", flattered, rows) > score("overfit", first, rows) + 0.2
    spoilt = {**best, kind: best[kind] + "\n" + text}
    assert score("overfit", spoilt) < score("overfit", best) - 0.1


def feedback(task: Task, row: dspy.Example, kind: str) -> str:
    with dspy.context(lm=task.task_lm()):
        prediction = bench("overfit").prediction(start(task), row)
    return str(task.metric(row, prediction, None, kind).feedback)


def test_gates_on_the_reflected_rows_are_flattered_in_the_overfit_world() -> None:
    task = bench("overfit").task
    with dspy.context(lm=task.task_lm()):
        found = acceptance(bench("overfit"), start(task), 3, 16, every=False)
    assert found.seen_gain > found.true_gain + 0.1


def test_demonstrations_lift_no_ceiling_where_there_is_no_headroom() -> None:
    task = bench("headroom0").task
    program = task.program()
    for name, predictor in program.named_predictors():
        predictor.demos = [
            dspy.Example(record=row.record, **{f"clean_{name}": row[f"clean_{name}"]})
            for row in task.train[:6]
        ]
    with dspy.context(lm=task.task_lm()):
        shown = statistics.fmean(task.metric(row, program(**row.inputs())).score for row in task.test[:100])
    assert shown < score("headroom0", start(task), task.test[:100]) + 0.06


def test_demonstrations_teach_conventions() -> None:
    task = bench("easy").task
    program = task.program()
    for name, predictor in program.named_predictors():
        predictor.demos = [
            dspy.Example(record=row.record, **{f"clean_{name}": row[f"clean_{name}"]})
            for row in task.train[:8]
        ]
    with dspy.context(lm=task.task_lm()):
        shown = statistics.fmean(task.metric(row, program(**row.inputs())).score for row in task.test[:ROWS])
    assert shown > score("easy", start(task)) + 0.1


def test_the_bare_search_draws_parents_from_winners_that_nobody_covers() -> None:
    columns = [[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    drawn = [draw_winner(columns, random.Random(seed)) for seed in range(40)]
    assert set(drawn) == {1, 2}
    assert drawn.count(1) > drawn.count(2)
    assert best_of(columns) == 1
