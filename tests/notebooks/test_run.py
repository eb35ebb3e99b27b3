"""The notebooks are run, cell by cell in one process, and come to what they say."""

from __future__ import annotations

import os
import runpy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import dspy
import matplotlib as mpl
import pytest

from notebooks.build import sources

mpl.use("agg")
from matplotlib import pyplot as plt

pytestmark = pytest.mark.slow

SOURCES = {source.stem: source for source in sources()}

Play = Callable[[str], dict[str, Any]]


@contextmanager
def settings_kept() -> Iterator[None]:
    """Whatever `dspy.configure` sets inside is set back."""
    settings = dspy.settings.copy()
    try:
        yield
    finally:
        dspy.configure(**settings)


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Play]:
    """Runs a notebook in a namespace of its own and gives that. A source is the notebook's cells in a row."""
    monkeypatch.chdir(tmp_path)

    def run(name: str) -> dict[str, Any]:
        found: dict[str, Any] = runpy.run_path(str(SOURCES[name]))
        figures = [plt.figure(number) for number in plt.get_fignums()]
        titles = [[f.get_suptitle(), *(axes.get_title() for axes in f.axes)] for f in figures]
        assert all(any("simulated LM" in title for title in of_one) for of_one in titles), titles
        assert os.listdir(tmp_path) == [], "a notebook removes what it writes"
        return found

    with settings_kept(), mpl.rc_context(), patch.dict(os.environ):
        yield run
    plt.close("all")


def mean(scores: list[float]) -> float:
    return sum(scores) / len(scores)


def test_models_that_a_notebook_configures_are_gone_after_it() -> None:
    before = dspy.settings.copy()
    with settings_kept():
        dspy.configure(lm=dspy.LM("openai/none"), num_threads=3)
    assert dspy.settings.copy() == before


def test_quickstart_ends_with_a_better_program(play: Play) -> None:
    found = play("01_quickstart")
    assert found["result"].total_metric_calls <= 300
    assert mean(found["after"]) > mean(found["before"]) + 0.1
    assert found["gain"].low > 0


def test_feedback_gives_equal_scores_in_other_words_and_shows_them_to_the_reflection_model(
    play: Play,
) -> None:
    found = play("02_feedback")
    scores, right = found["scores"], found["with_facts"]
    assert mean(scores["with facts"]) > mean(scores["as given"]) + 10
    assert set(scores) == {"number", "with facts", "by component", "as given"}
    gold, wrong = found["example"], found["bad"]
    assert (
        right(gold, wrong).score == found["number"](gold, wrong) == found["by_component"](gold, wrong).score
    )
    shown = found["first_feedback"](
        found["compile_with"](found["by_component"], 0, 40), "create_query_hop2.predict"
    )
    assert "A better one leads from what is known to" in shown


def test_anatomy_draws_and_prints_what_the_events_hold(play: Play) -> None:
    found = play("03_anatomy")
    result, scores = found["result"], found["scores"]
    assert scores.shape == (len(result.texts), 70)
    # Each member's picture has as many rows as the result says it was run on.
    assert [int(n) for n in (scores == scores).sum(axis=1)] == result.coverage
    assert found["spent"][-1] == result.total_metric_calls <= 300
    assert found["merges"], "no merge was tried, and the section on merges is empty"
    assert len(plt.get_fignums()) == 3


def test_tools_get_new_descriptions_and_the_agent_answers_more(play: Play) -> None:
    found = play("04_tools")
    result = found["result"]
    first, last = result.texts[0], result.texts[result.best_idx]
    assert [name for name in first if "/tools/" in name and first[name] != last[name]]
    assert "extract.predict" not in first
    assert found["gain"].low > 0
    assert mean(found["after"]) > mean(found["before"]) + 0.1


def test_code_gets_faster_for_every_task_and_is_right_on_cases_that_the_search_has_not_seen(
    play: Play,
) -> None:
    found = play("05_code")
    result = found["result"]
    best = result.highest_score_achieved_per_val_task
    assert all(best[row] >= first for row, first in result.val_subscores[0].items())
    assert sum(best.values()) > sum(result.val_subscores[0].values())
    assert found["report"].share_right == 1.0
    assert set(found["best_code"]) == set(found["kernels"])


def test_miprov2_and_gepa_are_compared_at_about_equal_metric_calls(play: Play) -> None:
    found = play("06_miprov2")
    calls = {arm: found["column"](arm, "calls") for arm in found["ARMS"]}
    assert calls["as given"] == [0] * 4
    assert all(spent <= found["BUDGET"] for spent in calls["GEPA"])
    assert all(0.8 * found["BUDGET"] <= spent <= 1.4 * found["BUDGET"] for spent in calls["MIPROv2"])
    given, better = found["column"]("as given", "score"), found["column"]("GEPA", "score")
    assert mean(better) > mean(given) + 5
    assert max(found["column"]("GEPA", "tokens")) < min(found["column"]("MIPROv2", "tokens"))


def test_a_paper_row_is_foreseen_run_and_reported(play: Play, capsys: pytest.CaptureFixture[str]) -> None:
    found = play("07_paper_row")
    assert "Only a rollout a task was run" in capsys.readouterr().out
    assert found["result"]["metric_calls"] <= 120
    assert found["result"]["test_after"] > found["result"]["test_before"]
    table = found["page"].split("### Prompt lengths")[0]
    assert "Simulated LM: these figures compare search algorithms" in table
    assert "| gepa-paper | " in table
    assert "| published: gepa-paper, GPT-4.1 mini" in table


def test_a_proposer_of_ones_own_keeps_its_contract_and_writes_fewer_single_cases(play: Play) -> None:
    found = play("08_proposer")
    texts = {
        name: " ".join(" ".join(result.texts[result.best_idx].values()) for result, _ in ended)
        for name, ended in found["runs"].items()
    }
    cases = {name: text.count("For instance") for name, text in texts.items()}
    assert cases["general rules"] < cases["built in"]
    assert all(result.total_metric_calls <= 120 for ended in found["runs"].values() for result, _ in ended)
    with pytest.raises(found["ContractError"], match="numbered breaks its contract"):
        found["check"]("instruction_proposer", found["numbered"])
