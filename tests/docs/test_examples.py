"""Every Python block of the documentation runs, or says why it cannot."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dspy
import pytest

from dspy_gepa.search.adaptive import AUTO_TRIALS, Adaptive
from dspy_gepa.testing import Prompt, ScriptedLM
from tests.docs import support_stage as stage
from tests.support import SINCE_3_5
from tests.support_docs import ROOT, python_blocks

PAGES = sorted((ROOT / "docs").rglob("*.md"))
# A block that is not run is fenced as ```py, below a comment with the reason.
NOT_RUN = re.compile(r"^<!-- not run: \S.* -->\n```py$", re.MULTILINE)
ELSEWHERE = ("extending.md", "mcp.md")  # tests/docs/test_extending.py and tests/inputs/test_mcp.py run them
RUN = [
    page for page in PAGES if page.name not in ELSEWHERE and python_blocks(page.read_text(encoding="utf-8"))
]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dict[str, Any]]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dspy, "LM", stage.model)
    before = {name: dspy.settings.get(name) for name in ("lm", "adapter")}
    dspy.configure(lm=stage.model("task"))  # for good, as pages do
    yield stage.names_of_examples()
    dspy.configure(**before)


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.stem)
def test_the_examples_of_a_page_run(page: Path, names: dict[str, Any]) -> None:
    for block in python_blocks(page.read_text(encoding="utf-8")):
        exec(compile(block, page, "exec", dont_inherit=True), names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT / "docs").as_posix())
def test_a_block_that_does_not_run_says_why(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert len(re.findall(r"^```py$", text, flags=re.MULTILINE)) == len(NOT_RUN.findall(text))


def test_the_classifier_learns_what_its_page_says(
    names: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    page = ROOT / "docs" / "classifier.md"
    for block in python_blocks(page.read_text(encoding="utf-8")):
        exec(compile(block, page, "exec", dont_inherit=True), names)
    said = capsys.readouterr().out
    assert "about 9 trials, at most 100 rollouts, " in said
    assert "0.5 1.0" in said
    assert "+ Only what stops everybody is high." in said


@pytest.mark.parametrize("kind", ["ReAct"] if SINCE_3_5 else ["ReAct", "ReActV2"])
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
def test_the_metric_of_agents_reads_the_calls_of_every_form(kind: str, names: dict[str, Any]) -> None:
    def search(word: str) -> str:
        """Finds it."""
        return "found"

    def says(prompt: Prompt) -> dict[str, Any]:
        done = "found" in prompt.text
        name, args = ("submit", {"answer": "x"}) if done else ("search", {"word": "cats"})
        if "tool_calls" in prompt.outputs:
            return {"next_thought": "t", "tool_calls": {"tool_calls": [{"name": name, "args": args}]}}
        if "next_tool_name" in prompt.outputs:
            return {"next_thought": "t", "next_tool_name": "finish" if done else name, "next_tool_args": args}
        return {"reasoning": "r", "answer": "x"}

    page = ROOT / "docs" / "metrics.md"
    (block,) = [b for b in python_blocks(page.read_text(encoding="utf-8")) if "def calls_of" in b]
    exec(compile(block, page, "exec", dont_inherit=True), names)
    with dspy.context(lm=ScriptedLM(says)):
        pred = getattr(dspy, kind)("question -> answer", tools=[search])(question="where?")
    first, last = names["calls_of"](pred)
    assert first == ("search", {"word": "cats"})
    assert last[0] in ("finish", "submit")
    assert names["looks_it_up"](dspy.Example(answer="x"), pred)["score"] == 1.0


def test_the_page_of_the_adaptive_strategy_names_its_options_with_their_defaults() -> None:
    text = " ".join((ROOT / "docs" / "adaptive.md").read_text(encoding="utf-8").split())
    shown = {name: float(value) for name, value in re.findall(r"`(\w+)` \(([\d.]+)", text)}
    assert {"first_rows", "champion_after", "finals_share", "tie"} <= set(shown)
    assert shown == {name: getattr(Adaptive(), name) for name in shown}


def test_the_table_of_auto_budgets_has_the_rollouts_that_they_stand_for() -> None:
    text = (ROOT / "docs" / "budgets.md").read_text(encoding="utf-8")
    rows = re.findall(r'^\| `"(\w+)"` \| (\d+) \| ([\d,]+) \|$', text, flags=re.MULTILINE)
    shown = {name: (int(trials), int(rollouts.replace(",", ""))) for name, trials, rollouts in rows}
    for train, val in [(8, 8), (50, 20), (200, 300)]:
        found = {
            name: (trials, Adaptive().auto_rollouts(name, train, val, components=1))
            for name, trials in AUTO_TRIALS.items()
        }
        assert shown == found


def test_the_skill_file_of_its_page_is_improved(names: dict[str, Any]) -> None:
    page = ROOT / "docs" / "text.md"
    first, drafted, *_ = python_blocks(page.read_text(encoding="utf-8"))
    exec(compile(first, page, "exec", dont_inherit=True), names)
    assert stage.RULE in names["result"].text
    assert names["result"].interval[0] > 0.7
    exec(compile(drafted, page, "exec", dont_inherit=True), names)
    assert names["result"].text == stage.RULE.strip()
