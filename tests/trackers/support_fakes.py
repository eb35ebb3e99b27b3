"""Stand-ins for MLflow and Weights & Biases that keep what they receive."""

from __future__ import annotations

import io
import math
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any


@dataclass
class FakeRun:
    """A run of MLflow."""

    run_id: str
    parent: str | None
    params: dict[str, str] = field(default_factory=dict)
    metrics: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    dicts: dict[str, Any] = field(default_factory=dict)
    status: str = "RUNNING"

    @property
    def info(self) -> SimpleNamespace:
        return SimpleNamespace(run_id=self.run_id)


class FakeMLflow(ModuleType):
    """The part of MLflow that is used, with the rules of its stack of active runs."""

    def __init__(self) -> None:
        super().__init__("mlflow")
        self.runs: dict[str, FakeRun] = {}
        self.stack: list[FakeRun] = []
        self.broken: Exception | None = None  # raised when a run is opened
        self.broken_from = math.inf  # the step from which on metrics are refused
        self.answers = threading.Event()  # no metrics are taken before it is set
        self.answers.set()
        self.entities = SimpleNamespace(
            Param=lambda key, value: (key, value),
            Metric=lambda key, value, timestamp, step: (key, value, step),
        )

    def active_run(self) -> FakeRun | None:
        return self.stack[-1] if self.stack else None

    def start_run(self, run_name: str | None = None, nested: bool = False) -> FakeRun:
        if self.broken is not None:
            raise self.broken
        if self.stack and not nested:
            raise RuntimeError("a run is active")
        run = FakeRun(f"run{len(self.runs)}", self.stack[-1].run_id if self.stack else None)
        self.runs[run.run_id] = run
        self.stack.append(run)
        return run

    def end_run(self, status: str = "FINISHED") -> None:
        self.stack.pop().status = status

    def MlflowClient(self) -> FakeMLflow:  # noqa: N802  # their name
        return self

    def log_batch(self, run_id: str, metrics: Any = (), params: Any = ()) -> None:
        self.answers.wait(timeout=30)
        if metrics and metrics[0][2] >= self.broken_from:
            raise ConnectionError("gone")
        if len(metrics) > 1_000 or len(params) > 100:
            raise ValueError("a server takes 1,000 metrics and 100 params at most")
        self.runs[run_id].params |= dict(params)
        if metrics:
            step = metrics[0][2]
            self.runs[run_id].metrics.append((step, {key: value for key, value, _ in metrics}))

    def log_text(self, run_id: str, text: str, name: str) -> None:
        self.runs[run_id].texts[name] = text

    def log_dict(self, run_id: str, values: dict[str, Any], name: str) -> None:
        self.runs[run_id].dicts[name] = values

    def set_terminated(self, run_id: str, status: str) -> None:
        self.runs[run_id].status = status


class FakeArtifact:
    def __init__(self, name: str, type: str) -> None:  # their name
        self.name, self.type, self.files = name, type, dict[str, str]()

    @contextmanager
    def new_file(self, name: str, encoding: str) -> Any:
        with io.StringIO() as file:
            yield file
            self.files[name] = file.getvalue()


class FakeWandbRun:
    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        self.settings_of_config: dict[str, Any] = {}
        self.config = SimpleNamespace(update=self._configure)
        self.summary: dict[str, Any] = {}
        self.logged: list[dict[str, Any]] = []
        self.artifacts: list[FakeArtifact] = []
        self.axes: dict[str, str | None] = {}
        self.exit_code: int | None = None

    def _configure(self, values: dict[str, Any], allow_val_change: bool) -> None:
        self.settings_of_config |= values

    def define_metric(self, name: str, step_metric: str | None = None) -> None:
        self.axes[name] = step_metric

    def log(self, values: dict[str, Any]) -> None:
        self.logged.append(values)

    def log_artifact(self, artifact: FakeArtifact) -> None:
        self.artifacts.append(artifact)

    def finish(self, exit_code: int) -> None:
        self.exit_code = exit_code


class FakeSettings(SimpleNamespace):
    def model_copy(self, update: dict[str, Any]) -> FakeSettings:
        return FakeSettings(**{**vars(self), **update})


class FakeWandb(ModuleType):
    """The part of Weights & Biases that is used."""

    Artifact = FakeArtifact
    Settings = FakeSettings

    def __init__(self, active: FakeWandbRun | None = None) -> None:
        super().__init__("wandb")
        self.run = active
        self.opened: list[FakeWandbRun] = []
        self.broken: Exception | None = None

    def init(self, **options: Any) -> FakeWandbRun:
        if self.broken is not None:
            raise self.broken
        self.opened.append(FakeWandbRun(options))
        return self.opened[-1]
