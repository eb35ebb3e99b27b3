"""Messages under the logger "dspy_gepa"; keys are hidden in them."""

from __future__ import annotations

import logging
import traceback

_logger = logging.getLogger("dspy_gepa")


def log_warning(message: str) -> None:
    """A warning that concerns the whole run."""
    _logger.warning("%s", message)


def log_failure(message: str) -> None:
    """Log the exception that is being handled with its traceback, without the keys that it may hold."""
    # Here, because it brings DSPy, for which the command line would wait before it draws a run.
    from dspy_gepa.program.faults import redact

    _logger.error("%s\n%s", message, redact(traceback.format_exc()))
