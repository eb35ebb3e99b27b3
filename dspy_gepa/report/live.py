"""The report of a run in progress, built from its events."""

from __future__ import annotations

import time
from pathlib import Path

from dspy_gepa.events import Event
from dspy_gepa.record.builder import RecordBuilder
from dspy_gepa.report.page import render_html


class ReportKeeper:
    """A callback that makes the report of the events so far at any time.

    Args:
        log_dir: Directory of the run's journal, or None.
    """

    def __init__(self, log_dir: Path | None) -> None:
        self._log_dir = None if log_dir is None else str(log_dir)
        self._build = RecordBuilder()
        self._began = time.monotonic()

    def __call__(self, event: Event) -> None:
        """Add an event."""
        self._build(event)

    def html(self) -> str:
        """Return the report as HTML.

        Raises:
            ConfigurationError: jinja2 is not installed.
        """
        seconds = time.monotonic() - self._began
        return render_html(self._build.record(seconds=seconds, log_dir=self._log_dir))
