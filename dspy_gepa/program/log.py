"""Messages of the logger "dspy_gepa": without keys, and safe to show on a terminal."""

from __future__ import annotations

import logging
import sys
import traceback

from dspy_gepa.texts import escape_controls

_logger = logging.getLogger("dspy_gepa")


def _make_safe(record: logging.LogRecord) -> bool:
    """Hide keys in a message and show its control characters as escapes, before any handler gets it."""
    message = record.getMessage()
    # Before DSPy is imported, which the command line avoids, there are no models whose keys could be shown.
    if "dspy_gepa.program.redaction" in sys.modules:
        message = sys.modules["dspy_gepa.program.redaction"].redact(message)
    record.msg, record.args = escape_controls(message), ()
    return True


_logger.addFilter(_make_safe)


def log_warning(message: str) -> None:
    """Log a warning about the whole run."""
    _logger.warning("%s", message)


def log_failure(message: str) -> None:
    """Log the exception being handled with its traceback, in which keys are hidden."""
    _logger.error("%s\n%s", message, traceback.format_exc())
