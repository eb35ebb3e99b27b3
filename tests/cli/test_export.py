"""`dspy-gepa export`: exact texts in a form that other programs read."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from dspy_gepa.record.read import read_run
from tests.cli.conftest import HOSTILE, Call, changed


def test_json_is_component_to_text(call: Call, runs: Path) -> None:
    record = read_run(runs / "first")
    assert record.best
    assert json.loads(call("export", runs / "first", "--format", "json").output) == dict(
        record.members[record.best].texts
    )


def test_any_member_can_be_had(call: Call, runs: Path) -> None:
    seed = json.loads(call("export", runs / "first", "--format", "json", "--member", 0).output)
    assert seed == dict(read_run(runs / "first").members[0].texts)


def test_a_member_that_is_not_there_is_refused_with_those_that_are(call: Call, runs: Path) -> None:
    result = call("export", runs / "first", "--candidate", 99)
    last = len(read_run(runs / "first").members) - 1
    assert result.exit_code == 2
    assert f"There is no candidate 99; candidates are 0, the original program, to {last}." in result.output


def test_a_run_without_members_is_refused(call: Call, runs: Path, tmp_path: Path) -> None:
    run = changed(
        runs / "first", tmp_path / "run", "DELETE FROM events", "DELETE FROM meta WHERE name = 'run_started'"
    )
    result = call("export", run)
    assert result.exit_code == 2
    assert "no candidate yet" in result.output


def test_markdown_has_every_text_in_a_block_of_its_own(call: Call, runs: Path) -> None:
    record = read_run(runs / "first")
    assert record.best
    page = call("export", runs / "first").output
    assert page.startswith("# Instructions\n")
    assert re.findall(r"^## (.*)$", page, flags=re.MULTILINE) == list(record.components)
    for text in record.members[record.best].texts.values():
        assert f"```text\n{text}\n```" in page
    assert f"- Texts of: candidate {record.best}, one of {len(record.members)} candidates\n" in page
    seed = call("export", runs / "first", "--candidate", 0).output
    assert f"- Texts of: your program, one of {len(record.members)} candidates\n" in seed


def test_messages_are_the_instructions_of_each_predictor(call: Call, runs: Path) -> None:
    record = read_run(runs / "first")
    assert record.best
    messages = json.loads(call("export", runs / "first", "--format", "messages").stdout)
    texts = record.members[record.best].texts
    assert messages == {name: [{"role": "system", "content": text}] for name, text in texts.items()}


def test_what_is_no_predictors_instructions_is_no_message_and_is_named(
    call: Call, runs: Path, tmp_path: Path
) -> None:
    rename = "replace({0}, '\"a\":', '\"a/fields/hint\":')"
    run = changed(
        runs / "first",
        tmp_path / "run",
        f"UPDATE meta SET value = {rename.format('value')} WHERE name = 'run_started'",
        f"UPDATE events SET data = {rename.format('data')}",
    )
    result = call("export", run, "--format", "messages", "--member", 0)
    assert list(json.loads(result.stdout)) == ["b"]
    assert result.stderr == "Left out, as no predictor's instructions: a/fields/hint.\n"


@pytest.mark.parametrize("form", ["json", "messages"])
def test_a_pipe_and_a_file_get_the_exact_texts(form: str, call: Call, hostile: Path, tmp_path: Path) -> None:
    record = read_run(hostile)
    assert record.best
    texts = dict(record.members[record.best].texts)
    assert HOSTILE in "".join(texts.values())
    expected = texts if form == "json" else {n: [{"role": "system", "content": t}] for n, t in texts.items()}
    file = tmp_path / "texts.json"
    assert json.loads(call("export", hostile, "--format", form).stdout) == expected
    assert call("export", hostile, "--format", form, "-o", file).stdout == ""
    assert json.loads(file.read_text(encoding="utf-8")) == expected


def test_folders_that_a_file_needs_are_made(call: Call, runs: Path, tmp_path: Path) -> None:
    file = tmp_path / "new" / "folder" / "texts.json"
    assert call("export", runs / "first", "--format", "json", "-o", file).exit_code == 0
    assert list(json.loads(file.read_text(encoding="utf-8"))) == ["a", "b"]
