"""The report that trackers get: that of the run whose events they received."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from dspy_gepa.report.live import ReportKeeper
from dspy_gepa.report.page import render_html
from dspy_gepa.testing.practice import practice_run


def timeless(page: str) -> str:
    """The page without how long the run took."""
    return re.sub(r"\d+(\.\d+)? s\b", "a while", page)


def test_it_is_the_report_of_the_run_whose_events_it_received(tmp_path: Path) -> None:
    keeper = ReportKeeper(tmp_path)
    result = practice_run(callbacks=[keeper], max_metric_calls=30)
    record = replace(result.record, log_dir=str(tmp_path))
    assert timeless(keeper.html()) == timeless(render_html(record))
