"""`optimize_text`: improve any text, without writing a DSPy program."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dspy_gepa.errors import ConfigurationError, ProgramError
from dspy_gepa.gepa import GEPA
from dspy_gepa.program.dspy_api import Example, Module, Prediction
from dspy_gepa.program.text import Text, Written
from dspy_gepa.result import GEPAResult
from dspy_gepa.run import run_search
from dspy_gepa.search.paper import Paper
from dspy_gepa.setup.data import Data, Reading
from dspy_gepa.setup.examples import listed
from dspy_gepa.setup.prepare import prepare
from dspy_gepa.texts import counted, name_of
from dspy_gepa.types import Row

JUDGED = ("score", "feedback", "objective_scores")
# A task by itself: every score of it is known, so that the highest is the best.
SINGLE = Paper(minibatch_size=1, show_history=True, max_merges=0)


@dataclass(frozen=True)
class TextResult:
    """The result of `optimize_text`.

    Attributes:
        texts: The best texts by name; the only one has the name ``"text"``.
        score: Of a single task, the score of these texts on it. Else their expected score on examples like
            those given.
        interval: The interval that contains the expected score with probability 0.9; None for a single task,
            which stands for no others.
        best_by_example: For each example that candidates are compared on, the texts that are best on it.
        result: All else: candidates, lineage, costs, `GEPAResult.report`.
    """

    texts: Mapping[str, str]
    score: float
    interval: tuple[float, float] | None
    best_by_example: tuple[Mapping[str, str], ...]
    result: GEPAResult

    @property
    def text(self) -> str:
        """The best text.

        Raises:
            ConfigurationError: There are several; see `texts`.
        """
        if len(self.texts) > 1:
            raise ConfigurationError(
                f"There are {counted(len(self.texts), 'text')}: .texts[{next(iter(self.texts))!r}]."
            )
        return next(iter(self.texts.values()))


class TextProgram(Module):
    """A program whose run is a call of the user's evaluator.

    Args:
        text: The text, or several by name.
        evaluate: Called with the text, or with all by name, and then with the example, if there is one.
    """

    def __init__(self, text: Text | dict[str, Text], evaluate: Callable[..., Any]) -> None:
        super().__init__()
        self.text = text
        self._evaluate = evaluate

    @property
    def texts(self) -> dict[str, str]:
        """The texts by name."""
        named = self.text if isinstance(self.text, dict) else {"text": self.text}
        return {name: text.value for name, text in named.items()}

    def forward(self, **inputs: Any) -> Prediction:
        """Evaluate the texts: what the evaluator adds to score and feedback is the output, to reflect on."""
        texts = self.texts if isinstance(self.text, dict) else self.text.value
        answer = self._evaluate(texts, *inputs.values())
        answer = asyncio.run(_wait(answer)) if inspect.isawaitable(answer) else answer
        if isinstance(answer, tuple) and len(answer) == 2:
            score, said = answer
            answer = {**(said if isinstance(said, Mapping) else {"feedback": said}), "score": score}
        fields = _fields(answer) if isinstance(answer, (Mapping, Example)) else {"score": answer}
        prediction = Prediction({n: value for n, value in fields.items() if n not in JUDGED})
        prediction._judgement = {name: fields[name] for name in JUDGED if name in fields}
        return prediction


async def _wait(answer: Any) -> Any:
    return await answer


def optimize_text(  # noqa: PLR0913 - each option is a keyword
    texts: str | Text | Mapping[str, str | Text | None] | None,
    evaluate: Callable[..., Any],
    *,
    examples: Iterable[Any] | None = None,
    valset: Iterable[Any] | None = None,
    testset: Iterable[Any] | None = None,
    must_pass: Reading | Iterable[Any] | None = None,
    reflection_lm: Any = None,
    objective: str = "",
    background: str = "",
    kind: Written = "text",
    perfect_score: float | None = None,
    **options: Any,
) -> TextResult:
    """Improve a text, or several at once, by what an evaluator says of it.

    Without `examples` there is a single task. With them each example is a task of its own, and the result has
    the texts that are best on each. With `valset` the texts are to do well on examples that nobody has seen.

        result = optimize_text(kernel, evaluate, reflection_lm=lm, kind="code", max_metric_calls=100)

    Args:
        texts: The text to start from, or a mapping of texts by name. None, also in the mapping, has the
            reflection model write the first one from `objective` and `background`.
        evaluate: ``evaluate(text)``, or ``evaluate(text, example)`` with examples; of a mapping it gets all
            texts by name. It returns a score, ``(score, feedback)``, or a mapping with ``score`` and, if you
            like, ``feedback``, ``objective_scores``, and whatever else is worth seeing, images too. Higher is
            better. Return a low score for a bad text; an exception counts as its failure.
        examples: Tasks of any kind, each passed to `evaluate` as it is.
        valset: Further ones, on which candidates are compared. The reflection model sees none of them.
        testset: Further ones, which decide nothing: the first texts and the best are scored on them once,
            after the search and beside all limits; see `result.test`.
        must_pass: Examples that the best texts may not fail if the first ones pass them: a list of some of
            `examples` and `valset`; or, as in `GEPA`, the name of a field or a function of an example, that
            gives True or the lowest score that passes. True, and a list, stand for `perfect_score`, or for 1.
        reflection_lm: Language model that rewrites the texts.
        objective: What the texts are for, and what makes them good.
        background: What has to be known to write them: rules, interfaces, facts. It is `GEPA`'s guidance.
        kind: Kind of the texts: ``"text"``, or ``"code"`` for Python source. A `Text` has its own.
        perfect_score: Score beyond which nothing is left to improve; None if there is no such score.
        options: Options of `GEPA`: a limit such as `max_metric_calls`, `log_dir`, `seed` and all others.

    Raises:
        ConfigurationError: An argument cannot be used; nothing was run.
        GEPAError: The run had to end. ``error.program.detailed_results`` is the result so far.
    """
    given = {"valset": valset, "testset": testset, "must_pass": must_pass}
    if examples is None and (alone := [name for name, value in given.items() if value is not None]):
        raise ConfigurationError(f"{alone[0]}= without examples=, which a single task has none of.")
    for name, instead in {"metric": "evaluate", "guidance": "background", "track_stats": "result"}.items():
        if name in options:
            raise ConfigurationError(f"{name}= is no option of optimize_text. Use {instead}.")
    _require_arguments(evaluate, 1 if examples is None else 2)
    program = TextProgram(
        {name: _text(text, objective, kind) for name, text in texts.items()}
        if isinstance(texts, Mapping)
        else _text(texts, objective, kind),
        lambda *given: evaluate(*given),  # no object, which would be copied for each rollout
    )

    def judged(gold: Example, pred: Prediction, trace: Any = None) -> Mapping[str, Any]:
        said = pred._judgement
        return {**said, "feedback": said.get("feedback") or f"The score is {said.get('score')}."}

    judged.__qualname__ = name_of(evaluate)  # a journal belongs to one evaluator
    options["guidance"] = background or None
    is_rows = not (must_pass is None or isinstance(must_pass, str) or callable(must_pass))
    options["must_pass"] = _rows("must_pass", must_pass) if is_rows else must_pass
    defaults: dict[str, Any] = (
        {"skip_perfect_score": False} if perfect_score is None else {"perfect_score": perfect_score}
    )
    if examples is None:
        defaults["strategy"] = SINGLE
    if valset is None:
        defaults["max_copied_words"] = None  # these very tasks are what the texts are for
    gepa = GEPA(judged, reflection_lm=reflection_lm, track_stats=True, **{**defaults, **options})
    settings, work = prepare(gepa.options, program, _data(examples, valset, testset))
    try:
        search, record = run_search(settings, work)
    except ProgramError as error:
        error.args = (
            f"{error} The program is here a call of {name_of(evaluate)}: let it return a low score, with "
            "feedback, where the text is bad.",
        )
        raise
    return _read(settings.deliver(search, record), single=examples is None)


def _text(given: str | Text | None, objective: str, kind: Written) -> Text:
    """Return a text of the run's own, with its purpose."""
    own = given if isinstance(given, Text) else Text(given, desc=objective, kind=kind)
    parts = dict.fromkeys(part.strip() for part in (own.desc, objective))
    desc = "\n\n".join(part for part in parts if part)
    return Text(None if own.is_missing else own.value, desc=desc, kind=own.kind)


def _require_arguments(evaluate: Callable[..., Any], count: int) -> None:
    try:
        inspect.signature(evaluate).bind(*range(count))
    except TypeError as error:
        form = "evaluate(text, example)" if count == 2 else "evaluate(text)"
        raise ConfigurationError(f"evaluate={evaluate!r} cannot be called as {form}: {error}.") from error
    except ValueError:  # written in C, without a signature
        return


def _data(
    examples: Iterable[Any] | None, valset: Iterable[Any] | None, testset: Iterable[Any] | None
) -> Data:
    if examples is None:
        only = Row("train", 0)
        return Data({only: Example().with_inputs()}, 1, (only,), 1)
    further = {"valset": valset, "testset": testset}
    found = {name: None if given is None else _rows(name, given) for name, given in further.items()}
    return Data.read(_rows("examples", examples), **found)


def _rows(name: str, given: Any) -> list[Example]:
    """Return a row for each example: it is the input, and its fields, if it has any, can name groups."""
    return [_row(example) for example in listed(name, given)]


def _row(given: Any) -> Example:
    fields = _fields(given) if isinstance(given, (Mapping, Example)) else {}
    return Example(fields | {"example": given}).with_inputs("example")


def _fields(given: Mapping[Any, Any] | Example) -> dict[str, Any]:
    """Return what an evaluator or an example has by name, whatever the keys are."""
    return {str(name): value for name, value in dict(given).items()}


def _read(program: Any, *, single: bool) -> TextResult:
    result: GEPAResult = program.detailed_results
    best = [min(found) for _, found in sorted(result.per_val_instance_best_candidates.items())]
    return TextResult(
        texts=program.texts,
        score=result.val_subscores[result.best_idx][0] if single else result.score,
        interval=None if single else result.interval,
        best_by_example=tuple(result.candidates[member].texts for member in best),
        result=result,
    )
