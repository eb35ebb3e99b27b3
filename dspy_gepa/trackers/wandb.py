"""``GEPA(use_wandb=True)``: a run of Weights & Biases for every compile.

A run that is active already is written into, and left open, unless `wandb_init_kwargs` ask for one of its
own. Names begin with ``gepa/``, and ``gepa/step`` is the axis. ``WANDB_MODE=offline`` needs neither key nor
network.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.program.log import log_failure
from dspy_gepa.trackers.tracker import LiveReport, Tracker, import_tracker, refusal

OPTION = "use_wandb"


def load_wandb() -> Any:
    """Import the package.

    Raises:
        ConfigurationError: It is not installed.
    """
    return import_tracker(lambda: import_module("wandb"), OPTION, "wandb")


@dataclass(frozen=True)
class OpenWandb:
    """Opens a callback that writes into a run of Weights & Biases, as a context manager.

    Attributes:
        api_key: The key, or None for the one that is set up; never shown.
        init_kwargs: Arguments of `wandb.init`; not shown either, since they may hold a key.

    Raises:
        ConfigurationError: When it is called: wandb is not installed, or opens no run.
    """

    api_key: str | None = field(default=None, repr=False)
    init_kwargs: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __call__(self, report: LiveReport) -> AbstractContextManager[Tracker]:
        """Open the run, and return the callback that writes it, in a ``with``.

        Args:
            report: Makes the report at the end.
        """
        return self._open(report)

    @contextmanager
    def _open(self, report: LiveReport) -> Iterator[Tracker]:
        wandb = load_wandb()
        borrowed = wandb.run if not self.init_kwargs else None
        run = borrowed or self._init(wandb)
        record, failed = WandbRun(run), 1
        try:
            yield Tracker(record, report)
            failed = 0
        finally:
            _close(wandb, record, None if borrowed else failed)

    def _init(self, wandb: Any) -> Any:
        given = dict(self.init_kwargs)
        if wandb.run is not None:
            given.setdefault("reinit", "create_new")  # the other run stays as it is
        try:
            if self.api_key is not None:
                # Not by wandb.login, which would write the key into a file in the home directory.
                given["settings"] = _with_key(wandb, given.get("settings"), self.api_key)
            return wandb.init(**given)
        except Exception as error:
            # The error of wandb may contain the key, so it is not shown as the cause.
            raise refusal(OPTION, error, self.api_key) from None


def check_wandb(init_kwargs: Any) -> None:
    """Check the arguments for `wandb.init`.

    Raises:
        ConfigurationError: They are no dict, or wandb is not installed.
    """
    if init_kwargs is not None and not isinstance(init_kwargs, Mapping):
        kind = type(init_kwargs).__name__
        raise ConfigurationError(
            f"wandb_init_kwargs is {kind}; it must be a dict of arguments of wandb.init, "
            "e.g. {'project': 'x'}."
        )
    load_wandb()


def _with_key(wandb: Any, settings: Any, key: str) -> Any:
    if settings is None or isinstance(settings, Mapping):
        return wandb.Settings(**{**(settings or {}), "api_key": key})
    return settings.model_copy(update={"api_key": key})


def _close(wandb: Any, record: WandbRun, exit_code: int | None) -> None:
    """Upload the prompts, and finish the run if it was opened here."""
    # The search is over and paid for: its result is not lost for a server that is down, nor is a run left
    # open for prompts that could not be handed over.
    try:
        record.hand_over(wandb)
    except Exception:
        log_failure("the prompts could not be handed over to Weights & Biases")
    try:
        if exit_code is not None:
            record.run.finish(exit_code=exit_code)
    except Exception:
        log_failure("the run of Weights & Biases could not be finished")


class WandbRun:
    """A run of Weights & Biases.

    Args:
        run: The run of the package.
    """

    def __init__(self, run: Any) -> None:
        self.run = run
        self._texts: dict[str, str] = {}
        run.define_metric("gepa/step")
        run.define_metric("gepa/*", step_metric="gepa/step")

    def params(self, values: Mapping[str, Any]) -> None:
        """Log the settings of the run as ``gepa`` in its configuration."""
        self.run.config.update({"gepa": dict(values)}, allow_val_change=True)

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Log the numbers of one step."""
        self.run.log({"gepa/step": step} | {f"gepa/{name}": value for name, value in values.items()})

    def text(self, name: str, text: str) -> None:
        """Keep a text for the artifact."""
        self._texts[name] = text

    def result(self, values: Mapping[str, Any]) -> None:
        """Log how the run ended in its summary."""
        self.run.summary.update({f"gepa/{name}": value for name, value in values.items()})

    def hand_over(self, wandb: Any) -> None:
        """Log all texts as one artifact."""
        if not self._texts:
            return
        artifact = wandb.Artifact("gepa-prompts", type="prompts")  # and the report
        for name, text in self._texts.items():
            with artifact.new_file(name, encoding="utf-8") as file:
                file.write(text)
        self.run.log_artifact(artifact)
