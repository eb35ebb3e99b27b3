"""`PromptOptimizer`: prompts of MLflow's registry, whatever framework uses them.

    from dspy_gepa.facades.mlflow import PromptOptimizer

    mlflow.genai.optimize_prompts(..., optimizer=PromptOptimizer("openai:/gpt-5", max_metric_calls=150))

Importing this module imports MLflow (extra ``mlflow``).
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from importlib import import_module
from random import Random
from threading import Lock
from typing import Any, TypeAlias

from dspy_gepa.errors import ConfigurationError, MetricError
from dspy_gepa.facades.text import TextResult, optimize_text
from dspy_gepa.program.dspy_api import LM
from dspy_gepa.program.text import Text

try:
    import mlflow
    from mlflow.genai.optimize.optimizers import BasePromptOptimizer
    from mlflow.genai.optimize.types import PromptOptimizerOutput
    from mlflow.utils.autologging_utils import AUTOLOGGING_INTEGRATIONS
except ImportError as missing:
    raise ImportError(
        f"PromptOptimizer needs MLflow 3.5 or newer, which cannot be imported ({missing}). Install the extra "
        "mlflow: pip install 'dspy-gepa[mlflow]'."
    ) from missing

# For each evaluation MLflow turns on the tracing of every library that is loaded, and imports under a lock of
# its own. A thread of MLflow that imports something at that moment and this one then wait for each other, for
# ever. What this package loads is left out, unless the user turned it on.
for _library in ("dspy", "litellm", "openai"):
    if _library in sys.modules and _library not in AUTOLOGGING_INTEGRATIONS:
        import_module(f"mlflow.{_library}").autolog(disable=True, silent=True)

Records: TypeAlias = Sequence[Mapping[str, Any]]
Evaluate: TypeAlias = "Callable[[dict[str, str], list[Any]], list[Any]]"

# Fewer rows than this are not split: there would be too few of either kind.
LEAST_TO_SPLIT = 20
SPANS_SHOWN = 12
CHAT = "A chat prompt: a JSON list of messages with `role` and `content`. Keep this form."
# Expressions and, in Jinja templates, tags.
_PLACEHOLDER = re.compile(r"\{\{[^{}\n]+\}\}|\{%[^{}\n]+%\}")
# What MLflow puts in the place of an output that there is none of, and names of providers' errors.
_FAILED = "Failed to invoke the predict_fn"
_PROVIDERS = re.compile(
    r"RateLimit|Connect|Timeout|Unavailable|Overloaded|InternalServer|Authentication|PermissionDenied|LMError"
)


class PromptOptimizer(BasePromptOptimizer):
    """GEPA for `mlflow.genai.optimize_prompts`, with budgets, journal and intervals as everywhere here.

    MLflow registers what it returns as new versions of the prompts. With tracking, a run nested in MLflow's
    has all numbers and the report, and MLflow's own run has the intervals. Placeholders such as
    ``{{question}}`` are kept. A failure of a provider inside ``predict_fn`` is retried and never scored.

    Attributes:
        result: The `TextResult` of the last optimization: intervals, candidates, costs; None before it.

    Args:
        reflection_lm: Language model that rewrites the prompts: a `dspy.LM`, or its name, ``openai:/gpt-5``.
        validation_share: Share of the train data that candidates are compared on and that the reflection
            model does not see. With fewer than 20 rows all serve for both.
        objective: What the prompts are for.
        background: What has to be known to write them.
        options: Options of `GEPA`: a limit such as `max_metric_calls`, which is required, `log_dir`, `seed`
            and all others.

    Raises:
        ConfigurationError: An argument is wrong.
    """

    def __init__(
        self,
        reflection_lm: Any,
        *,
        validation_share: float = 0.5,
        objective: str = "",
        background: str = "",
        **options: Any,
    ) -> None:
        if not 0 <= validation_share < 1:
            raise ConfigurationError(f"validation_share={validation_share!r} must be from 0 to below 1.")
        is_name = isinstance(reflection_lm, str)
        self.reflection_lm = LM(reflection_lm.replace(":/", "/", 1)) if is_name else reflection_lm
        self.validation_share = validation_share
        self.objective, self.background, self.options = objective, background, options
        self.result: TextResult | None = None

    def optimize(
        self,
        eval_fn: Evaluate,
        train_data: list[dict[str, Any]],
        target_prompts: dict[str, str],
        enable_tracking: bool = True,
    ) -> PromptOptimizerOutput:
        """Improve the prompts; called by `mlflow.genai.optimize_prompts`.

        Raises:
            ConfigurationError: There are no train data, no scorers or no prompts.
            GEPAError: The run had to end. The same call resumes it if there is a `log_dir`.
        """
        if eval_fn is None or not train_data or not target_prompts:
            raise ConfigurationError(
                "GEPA learns from scored examples: pass train_data=, scorers= and prompts."
            )
        train, validation = self._split(train_data)
        kept = sorted(placeholders(target_prompts.values()))
        try:
            found = optimize_text(
                {name: self._text(template) for name, template in target_prompts.items()},
                OneByOne(eval_fn),
                examples=train,
                valset=validation or None,
                reflection_lm=self.reflection_lm,
                background=self.background,
                **{"use_mlflow": enable_tracking, "keep": kept, **self.options},
            )
        except MetricError as error:
            error.args = (f"{error} MLflow scores nothing without scorers: pass scorers=[...].",)
            raise
        self.result, result = found, found.result
        if enable_tracking:
            mlflow.log_metrics(_figures(found))
        scorers = result.val_aggregate_subscores or [{} for _ in result.texts]
        return PromptOptimizerOutput(
            optimized_prompts=dict(found.texts),
            initial_eval_score=result.val_aggregate_scores[0],
            final_eval_score=result.val_aggregate_scores[result.best_idx],
            initial_eval_score_per_scorer=dict(scorers[0]),
            final_eval_score_per_scorer=dict(scorers[result.best_idx]),
        )

    def _split(self, data: Records) -> tuple[Records, Records]:
        """Return train rows and validation rows, in their order; for the same number of rows the same."""
        count = round(self.validation_share * len(data)) if len(data) >= LEAST_TO_SPLIT else 0
        chosen = set(Random(0).sample(range(len(data)), count))
        train = [record for i, record in enumerate(data) if i not in chosen]
        return train, [record for i, record in enumerate(data) if i in chosen]

    def _text(self, template: str) -> Text:
        form = CHAT if _is_chat(template) else ""
        return Text(template, desc="\n\n".join(part for part in (self.objective, form) if part))


class OneByOne:
    """Evaluates records one by one with MLflow's function, which takes many and must not run twice at a time.

    Records that wait at the same time and have the same prompts are evaluated together, in MLflow's threads.

    Args:
        eval_fn: MLflow's function.
    """

    def __init__(self, eval_fn: Evaluate) -> None:
        self._eval_fn = eval_fn
        self._turn, self._lock = Lock(), Lock()
        self._waiting: list[tuple[dict[str, str], Any, Future[Any]]] = []

    def __call__(self, prompts: dict[str, str], record: Any) -> dict[str, Any]:
        """Return score, feedback, and what is worth seeing of the run.

        Raises:
            ConnectionError: The provider failed.
            RuntimeError: The function that uses the prompts raised.
        """
        ticket: Future[Any] = Future()
        with self._lock:
            self._waiting.append((prompts, record, ticket))
        with self._turn:
            if not ticket.done():
                self._evaluate(prompts)
        return _read(ticket.result())

    def _evaluate(self, prompts: dict[str, str]) -> None:
        with self._lock:
            batch = [(record, ticket) for given, record, ticket in self._waiting if given == prompts]
            self._waiting = [found for found in self._waiting if found[0] != prompts]
        self._run(prompts, batch)

    def _run(self, prompts: dict[str, str], batch: Sequence[tuple[Any, Future[Any]]]) -> None:
        try:
            results = self._eval_fn(prompts, [record for record, _ in batch])
        except Exception as error:
            if len(batch) == 1:
                batch[0][1].set_exception(error)
                return
            for one in batch:  # a scorer that raises on one record takes the results of all with it
                self._run(prompts, [one])
        else:
            for (_, ticket), result in zip(batch, results, strict=True):
                ticket.set_result(result)


def placeholders(templates: Iterable[str]) -> set[str]:
    """Return what templates have that is filled in: ``{{question}}``, ``{% if question %}``."""
    return {found for template in templates for found in _PLACEHOLDER.findall(template)}


def _read(record: Any) -> dict[str, Any]:
    spans = [] if record.trace is None else record.trace.data.spans
    if isinstance(record.outputs, str) and record.outputs.startswith(_FAILED):
        causes = [str(e.attributes.get("exception.type")) for span in spans for e in span.events]
        kind = ConnectionError if any(map(_PROVIDERS.search, causes)) else RuntimeError
        raise kind(record.outputs.partition("}: ")[2] or record.outputs)
    said = [f"{name}: {words}" for name, words in record.rationales.items() if words]
    expected = json.dumps(record.expectations, ensure_ascii=False, default=str)
    return {
        "score": record.score,
        "feedback": "\n".join([*said, f"Expected: {expected}"]),
        "objective_scores": dict(record.individual_scores),
        "output": record.outputs,
        "steps": [{"name": s.name, "inputs": s.inputs, "outputs": s.outputs} for s in spans[1:SPANS_SHOWN]],
    }


def _is_chat(template: str) -> bool:
    try:
        return isinstance(json.loads(template), list)
    except ValueError:
        return False


def _figures(found: TextResult) -> dict[str, float]:
    result = found.result
    bounds = {} if found.interval is None else dict(zip(("low", "high"), found.interval, strict=True))
    gain = dict(zip(("low", "high"), result.gain_interval, strict=True))
    return {
        **{f"final_eval_score.{name}": bound for name, bound in bounds.items()},
        "gain": result.gain,
        **{f"gain.{name}": bound for name, bound in gain.items()},
        "better_than_original": result.better_than_original,
    }
