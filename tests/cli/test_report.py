"""`dspy-gepa report`: the page where it was asked for, and opened when that was asked."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from dspy_gepa.record.read import read_run
from dspy_gepa.report.page import render_html
from tests.cli.conftest import Call, changed


def test_the_page_is_written_into_the_runs_folder_unless_another_file_is_named(
    call: Call, runs: Path, tmp_path: Path
) -> None:
    run = changed(runs / "first", tmp_path / "run")
    page = render_html(read_run(run))
    for path, options in ((run / "report.html", []), (tmp_path / "x.html", ["-o", tmp_path / "x.html"])):
        result = call("report", run, *options)
        assert (result.exit_code, result.output) == (0, f"{path}\n")
        assert path.read_text(encoding="utf-8") == page


@pytest.mark.parametrize(("status", "code"), [(0, 0), (1, 2)])
def test_it_is_opened_when_asked(
    status: int, code: int, call: Call, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def launch(url: str) -> int:
        opened.append(url)
        return status

    monkeypatch.setattr(click, "launch", launch)
    file = tmp_path / "a page.html"
    call("report", runs / "first", "-o", file)
    assert opened == []
    result = call("report", runs / "first", "-o", file, "--open")
    assert opened == [file.as_uri()]
    assert result.exit_code == code
    assert ("No browser could be started" in result.output) == bool(status)
