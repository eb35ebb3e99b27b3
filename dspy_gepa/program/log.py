"""Messages of the logger "dspy_gepa", with keys hidden."""

from __future__ import annotations

import logging
import traceback

_logger = logging.getLogger("dspy_gepa")


def log_warning(message: str) -> None:
    """Log a warning about the whole run."""
    _logger.warning("%s", message)


def log_failure(message: str) -> None:
    """Log the exception being handled with its traceback, in which keys are hidden."""
    # Imported here because it imports DSPy, which would delay the command line.
    from dspy_gepa.program.redaction import redact

    _logger.error("%s\n%s", message, redact(traceback.format_exc()))
