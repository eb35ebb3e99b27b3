"""The options command: what it runs and prints, and what its reflection model adopts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.simulated.prompt import Field, Prompt
from benchmarks.studies.options import DEFAULT, OPTIONS, Following, is_named, options, read, rules_of
from benchmarks.tasks import load

SIZES = {"seeds": 1, "budget": 24, "train": 20, "val": 10, "test": 10, "processes": 1}
TINY = ["--worlds=easy", *(f"--{name}={value}" for name, value in SIZES.items())]


class Parrot:
    """A role that writes one text."""

    def answer(self, prompt: Prompt, seed: str) -> dict[str, str]:
        return {"new_text": "Be brief."} if prompt.outputs else {}

    def to_json(self) -> dict[str, str]:
        return {}


def prompt(**inputs: str) -> Prompt:
    return Prompt("chat", "", inputs, (Field("new_text"),), (), "")


def test_the_command_writes_a_line_for_each_option_paired_with_the_defaults(tmp_path: Path) -> None:
    done = CliRunner().invoke(options, [*TINY, "--options", "must_pass", "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    kept = json.loads((tmp_path / "easy" / "must_pass-seed0.json").read_text())["point"]
    assert kept["metric_calls"] <= 24
    assert 0 == kept["lost"] <= kept["guarded"]
    assert read(tmp_path).arms == [DEFAULT, "must_pass"]
    table = (tmp_path / "table.md").read_text()
    assert "--options default,must_pass --budget 24" in table
    assert [line.split(" | ")[0] for line in table.splitlines() if line.startswith("| ")][2:] == [
        "| default",
        "| must_pass",
    ]


def test_an_option_that_is_not_known_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(options, [*TINY, "--options", "musst_pass", "--out", str(tmp_path)])
    assert done.exit_code != 0
    assert "musst_pass" in done.output


def test_every_option_but_the_defaults_changes_something() -> None:
    task = load("easy", seed=0)
    given = {name: make(task) for name, make in OPTIONS.items()}
    assert given.pop(DEFAULT) == {}
    assert all(given.values())


def test_about_a_fifth_of_the_rows_is_named() -> None:
    rows = load("easy", seed=0).train
    assert 0.1 < sum(map(is_named, rows)) / len(rows) < 0.3


def test_rules_are_sentences_of_the_hand_written_texts() -> None:
    task = load("easy", seed=0)
    for name, rule in rules_of(task, 1).items():
        assert rule
        assert rule in task.best_instructions[name]
        assert rule not in task.texts_of(task.program()).get(name, "")


@pytest.mark.parametrize("field", ["guidance", "additional_instructions"])
def test_a_rule_is_adopted_in_most_answers_whatever_optimizer_gives_it(field: str) -> None:
    role = Following(Parrot())
    texts = [
        role.answer(prompt(**{field: "Write in capitals."}), str(seed))["new_text"] for seed in range(50)
    ]
    assert set(texts) == {"Be brief.", "Be brief.\nWrite in capitals."}
    assert sum("capitals" in str(text) for text in texts) > 35


def test_without_rules_the_answer_is_the_roles_own() -> None:
    assert Following(Parrot()).answer(prompt(examples="Write in capitals."), "0") == {"new_text": "Be brief."}
