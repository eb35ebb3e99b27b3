"""``GEPA(use_mlflow=True)``: a run of MLflow for every compile, nested under the active run, if there is one.

Parameters of the run, numbers by step, every member's prompts under ``prompts/``, the result as
``result.json`` and a report as ``report.html`` are logged. The run that was active before stays active, and
only the run opened here is ended.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from dspy_gepa.program.log import log_failure
from dspy_gepa.trackers.tracker import LiveReport, Tracker, import_tracker, refusal

OPTION = "use_mlflow"

# Older servers of MLflow refuse longer values.
_LONGEST_PARAM = 500
# Servers refuse requests with more metrics.
_MOST_METRICS = 1_000


def load_mlflow() -> Any:
    """Import the package.

    Raises:
        ConfigurationError: It is not installed.
    """
    return import_tracker(lambda: import_module("mlflow"), OPTION, "mlflow")


@contextmanager
def open_mlflow(report: LiveReport) -> Iterator[Tracker]:
    """Open a run in the current experiment of MLflow, and return the callback that writes it.

    Args:
        report: Makes the report at the end.

    Raises:
        ConfigurationError: MLflow is not installed, or opens no run.
    """
    mlflow = load_mlflow()
    try:
        run = mlflow.start_run(run_name="dspy_gepa", nested=mlflow.active_run() is not None)
    except Exception as error:
        raise refusal(OPTION, error) from error
    run_id, status = run.info.run_id, "FAILED"
    try:
        yield Tracker(MLflowRun(mlflow, run_id), report)
        status = "FINISHED"
    except KeyboardInterrupt:
        status = "KILLED"
        raise
    finally:
        _end(mlflow, run_id, status)


def _end(mlflow: Any, run_id: str, status: str) -> None:
    """End this run. A run that was started on top of it and left open stays open."""
    try:
        active = mlflow.active_run()
        if active is not None and active.info.run_id == run_id:
            mlflow.end_run(status)
        else:
            mlflow.MlflowClient().set_terminated(run_id, status)
    except Exception:  # the search is over and paid for: its result is not lost for a server that is down
        log_failure(f"the run {run_id} of MLflow could not be ended")


class MLflowRun:
    """A run of MLflow, written by its id: it does not matter which run is active.

    Args:
        mlflow: The package.
        run_id: The run.
    """

    def __init__(self, mlflow: Any, run_id: str) -> None:
        self._entities = mlflow.entities
        self._client = mlflow.MlflowClient()
        self._run_id = run_id

    def params(self, values: Mapping[str, Any]) -> None:
        """Log the settings of the run."""
        params = [self._entities.Param(name, str(value)[:_LONGEST_PARAM]) for name, value in values.items()]
        self._client.log_batch(self._run_id, params=params)

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Log the numbers of one step, in one request unless a server would refuse that many."""
        now = int(time.time() * 1000)
        metrics = [self._entities.Metric(name, float(value), now, step) for name, value in values.items()]
        for first in range(0, len(metrics), _MOST_METRICS):
            self._client.log_batch(self._run_id, metrics=metrics[first : first + _MOST_METRICS])

    def text(self, name: str, text: str) -> None:
        """Save a text as an artifact."""
        self._client.log_text(self._run_id, text, name)

    def result(self, values: Mapping[str, Any]) -> None:
        """Save how the run ended as an artifact."""
        self._client.log_dict(self._run_id, dict(values), "result.json")
