"""The report: sums, intervals, published figures beside, escaping, and the mark of simulated models."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from benchmarks.paper.curves import course, draw
from benchmarks.paper.pages import SIMULATED, html_page, markdown_page, section_of
from benchmarks.paper.published import budgets, tables
from benchmarks.paper.report import report
from benchmarks.paper.results import Group, grouped, run_of, score
from benchmarks.paper.tables import cost_table, lengths_table, scores_table

QWEN = "openai/Qwen/Qwen3-8B"


def result(
    optimizer: str,
    scores: list[float],
    *,
    task: str = "hover",
    seed: int = 0,
    model: str = "simulated",
    **more: Any,
) -> dict[str, Any]:
    used = {"calls": 10, "prompt": 900, "completion": 100, "dollars": 0.5}
    return {
        "cell": {
            "task": task,
            "optimizer": optimizer,
            "seed": seed,
            "budget": 60,
            "paper": False,
            "models": {"task": model, "reflection": model},
        },
        "test_scores_after": scores,
        "test_rows": len(scores),
        "metric_calls": 60,
        "usage": {model: used},
        "forecast": {"metric_calls": 60, "usage": {**used, "calls": 12}},
        "prompt_tokens": 70,
        **more,
    }


def group(*results: dict[str, Any]) -> Group:
    (found,) = grouped(map(run_of, results))
    return found


def line_of(lines: tuple[tuple[str, ...], ...], name: str) -> tuple[str, ...]:
    return next(line for line in lines if line[0].startswith(name))


def test_scores_are_means_over_seeds_with_the_gain_on_the_same_seeds_baseline() -> None:
    found = group(
        result("baseline", [0.0] * 10),
        result("baseline", [1.0] * 5 + [0.0] * 5, seed=1),
        result("gepa", [1.0] * 8 + [0.0] * 2, seed=1),
    )
    lines = scores_table(found).lines
    assert line_of(lines, "baseline")[1].startswith("25.0 [")
    assert line_of(lines, "gepa")[1:] == ("80.0 [49, 94]", "80.0", "+30.0")


def test_where_an_optimizer_is_not_applicable_the_table_says_so_and_why() -> None:
    found = group(
        *(result(name, [0.5] * 10, task="hover") for name in ("baseline", "gepa", "simba")),
        *(result(name, [1.0] * 10, task="code") for name in ("baseline", "gepa")),
    )
    for table in (scores_table(found), lengths_table(found)):
        assert line_of(table.lines, "simba")[2] == "n/a"
        assert "the tasks that all have results for (hover)" in table.note
    note = scores_table(found).note
    assert "n/a: not applicable; simba on code: it works on predictors, and the program has none." in note


def test_means_are_over_the_tasks_that_all_optimizers_have_results_for() -> None:
    found = group(
        *(result(name, [0.0] * 10, task="hover") for name in ("baseline", "gepa", "simba")),
        *(result(name, [1.0] * 10, task="pupa", prompt_tokens=700) for name in ("baseline", "gepa")),
    )
    table = scores_table(found)
    assert line_of(table.lines, "gepa")[2].startswith("100.0")
    assert line_of(table.lines, "gepa")[3:] == ("0.0", "+0.0")
    assert line_of(table.lines, "simba")[2:] == ("-", "0.0", "+0.0")
    assert line_of(table.lines, "published: gepa-paper, Qwen3-8B")[2:] == ("91.8", "52.3", "+17.0")
    assert line_of(lengths_table(found).lines, "gepa")[1:] == ("70", "700", "70")


def test_a_simulated_judge_marks_figures_as_simulated() -> None:
    judged = result("gepa", [1.0], model=QWEN)
    judged["cell"]["models"]["judge"] = "simulated"
    assert group(judged).simulated
    assert not group(result("gepa", [1.0], model=QWEN)).simulated


def test_the_interval_is_wilsons_over_different_rows_and_seeds_do_not_narrow_it() -> None:
    one = [run_of(result("gepa", [1.0] * 8 + [0.0] * 2))]
    two = [*one, run_of(result("gepa", [1.0] * 8 + [0.0] * 2, seed=1))]
    assert score(one).low == pytest.approx(0.4902, abs=1e-4)
    assert score(one).high == pytest.approx(0.9433, abs=1e-4)
    assert (score(two).low, score(two).high) == (score(one).low, score(one).high)
    repeated = [run_of({**result("gepa", [1.0] * 40 + [0.0] * 10), "test_rows": 10})]
    assert score(repeated).low == score(one).low


def test_the_papers_figures_of_the_same_model_stand_beside() -> None:
    lines = scores_table(group(result("gepa", [1.0], model=QWEN))).lines
    assert line_of(lines, "published: gepa-paper, Qwen3-8B")[1:] == ("52.3", "52.3", "+17.0")
    assert not any("GPT" in line[0] for line in lines)
    assert any("GPT" in line[0] for line in scores_table(group(result("gepa", [1.0]))).lines)


def test_a_task_that_was_not_published_has_no_figure_beside_it() -> None:
    lines = scores_table(group(result("gepa", [1.0], task="easy"))).lines
    assert line_of(lines, "published: gepa-paper")[1:] == ("-", "-", "-")


def test_the_published_means_are_those_of_the_paper() -> None:
    means = {
        (model, name): sum(row.values()) / len(row)
        for model, t in tables().items()
        for name, row in t.rows.items()
    }
    assert means["qwen3-8b", "gepa-paper"] == pytest.approx(54.85, abs=0.01)
    assert means["qwen3-8b", "grpo"] == pytest.approx(48.91, abs=0.06)
    assert means["gpt-4.1-mini", "gepa-paper+merge"] == pytest.approx(66.36, abs=0.01)
    assert means["gpt-4.1-mini", "textgrad"] == pytest.approx(59.14, abs=0.06)
    assert means["gpt-4.1-mini", "transfer"] == pytest.approx(62.03, abs=0.01)
    assert sum(budgets().values()) / 6 == pytest.approx(3936, abs=1)


def test_cost_and_length_are_summed_and_set_beside_what_was_foreseen() -> None:
    found = group(result("gepa", [1.0]), result("gepa", [0.0], seed=1), result("simba", [0.0], forecast=None))
    lines = cost_table(found).lines
    assert line_of(lines, "gepa")[1:] == ("120", "20", "24", "2,000", "2,000", "$1.0000", "$1.0000")
    assert line_of(lines, "simba")[3] == "-"
    assert line_of(lengths_table(found).lines, "gepa")[1:] == ("70", "70")


def test_results_of_other_models_or_budgets_are_kept_apart() -> None:
    other = result("gepa", [1.0])
    other["cell"]["budget"] = 600
    found = grouped(map(run_of, [result("gepa", [1.0]), other, result("gepa", [1.0], model=QWEN)]))
    assert [(g.models[0], g.budget) for g in found] == [
        ("simulated", "60 rollouts"),
        ("simulated", "600 rollouts"),
        (QWEN, "60 rollouts"),
    ]


def test_simulated_figures_are_marked_in_every_form_and_real_ones_are_not() -> None:
    curve = [[4, 0.25], [20, 0.5]]
    simulated = section_of(group(result("gepa", [1.0], curve=curve)))
    real = section_of(group(result("gepa", [1.0], model=QWEN, curve=curve)))
    assert SIMULATED in markdown_page([simulated], {(0, "hover"): "x.svg"})
    assert SIMULATED in unescape(html_page([simulated]))
    assert "simulated LM" in simulated.curves["hover"]
    assert "imulated" not in markdown_page([real], {(0, "hover"): "x.svg"}) + html_page([real])


def test_names_from_results_are_escaped_and_the_page_needs_no_other_file() -> None:
    evil = "<script>alert(1)</script>|x"
    section = section_of(group(result(evil, [1.0], task="<b>", model="<i>", curve=[[0, 0.1]])))
    page = html_page([section])
    assert "<script>" not in page
    assert "<b>" not in page
    assert "<i>" not in page
    assert not re.search(r'(?:src|href)="(?!data:)', page)
    text = markdown_page([section], {(0, "<b>"): "x.svg"})
    assert "<script>" not in text
    assert "\\|x" in text


def test_a_curve_is_the_best_so_far_up_to_the_last_rollout() -> None:
    run = run_of(result("gepa", [1.0], curve=[[4, 0.25], [10, 0.5], [20, 0.4]]))
    assert course(run) == ([4.0, 10.0, 20.0, 60.0], [0.25, 0.5, 0.5, 0.5])
    assert draw(group(result("simba", [1.0])), "hover") is None


def test_the_command_writes_what_it_names(tmp_path: Path) -> None:
    folder = tmp_path / "simulated" / "cell"
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(json.dumps(result("gepa", [1.0], curve=[[4, 0.25]])))
    done = CliRunner().invoke(
        report, [str(tmp_path), "--out", str(tmp_path / "made")], catch_exceptions=False
    )
    assert done.exit_code == 0
    assert {file.name for file in (tmp_path / "made").iterdir()} == {
        "report.md",
        "report.html",
        "curve-1-1.svg",
    }
    assert "![hover](curve-1-1.svg)" in (tmp_path / "made" / "report.md").read_text()


def test_a_directory_without_results_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(report, [str(tmp_path)])
    assert done.exit_code == 1
    assert "python -m benchmarks run" in done.output


@pytest.mark.parametrize("text", ["{", "[]", '{"cell": {}}'])
def test_a_file_that_is_no_result_is_named(text: str, tmp_path: Path) -> None:
    folder = tmp_path / "simulated" / "cell"
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(text)
    done = CliRunner().invoke(report, [str(tmp_path)])
    assert done.exit_code == 1
    assert "cell/result.json is no result that can be read here" in "".join(done.output.split("\n"))


def test_scores_by_the_rules_of_today_are_a_column_of_their_own() -> None:
    paper = result("gepa", [1.0], task="ifbench")
    today = {**paper, "cell": {**paper["cell"], "rules": "today"}, "test_scores_after": [0.0]}
    (found,) = grouped([run_of(paper), run_of(today)])
    assert found.tasks == ["ifbench", "ifbench (today)"]
