"""A run's report while the run goes on, for those who hear its events."""

from __future__ import annotations

import time
from pathlib import Path

from dspy_gepa.events import Event
from dspy_gepa.record.builder import RecordBuilder
from dspy_gepa.report.page import render_html


class ReportKeeper:
    """A callback that can tell, at any time, the report of what it has heard.

    Args:
        log_dir: Where the run is recorded, or None.
    """

    def __init__(self, log_dir: Path | None) -> None:
        self._log_dir = None if log_dir is None else str(log_dir)
        self._build = RecordBuilder()
        self._began = time.monotonic()

    def __call__(self, event: Event) -> None:
        """Take in what the event tells."""
        self._build(event)

    def html(self) -> str:
        """The report as HTML.

        Raises:
            ConfigurationError: jinja2 is not installed.
        """
        seconds = time.monotonic() - self._began
        return render_html(self._build.record(seconds=seconds, log_dir=self._log_dir))
