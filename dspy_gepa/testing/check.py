"""Check a function or object of your own before a run relies on it.

A check hands the part to `practice_run`, which calls it as any search does, and watches every call: it is
asked twice and must give the same answer, an answer of the right form, and leave its arguments unchanged. The
run is repeated with several threads and must end with the same result.
"""

from __future__ import annotations

import copy
import hashlib
import itertools
import reprlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field, fields, is_dataclass
from functools import partial
from random import Random
from typing import Any

import dspy
import numpy as np

from dspy_gepa.errors import (
    ConfigurationError,
    ContractError,
    InfrastructureError,
    MetricError,
    RunInterrupted,
)
from dspy_gepa.events import TOPICS, Event
from dspy_gepa.events.dispatch import check_callbacks, handlers_of
from dspy_gepa.program.checks import nearest
from dspy_gepa.program.dspy_api import BaseCallback
from dspy_gepa.program.metric import Judgement, Metric
from dspy_gepa.reflection.proposer import ProposerRunner, call_proposer
from dspy_gepa.reflection.rules import TextRules, clean_text, objection_to
from dspy_gepa.result import GEPAResult
from dspy_gepa.runtime.executors import AsyncExecutor
from dspy_gepa.search.choices.components import ComponentContext
from dspy_gepa.search.pool import Pool
from dspy_gepa.setup.reference import reference_selector
from dspy_gepa.testing.practice import forgets_words, practice_run
from dspy_gepa.testing.scripted import Prompt, ScriptedLM
from dspy_gepa.texts import counted, name_of
from dspy_gepa.types import Candidate, Reflect, Reflection, TextKind

THREADS = 8
WHOLE = (int, np.integer)
STRATEGIES = ("adaptive", "paper")
# Values that language models now and then return where something else was asked for.
ODD = (None, "", "日本語 and more. " * 2_000)


def check(option: str, part: Any, **details: Any) -> None:
    """Check a function or object before passing it to `GEPA` as this option.

        check("candidate_selection_strategy", newest)
        check("metric", metric, example=row, good=dspy.Prediction(...), bad=dspy.Prediction(...))

    The options and their details:

    - ``candidate_selection_strategy``, ``component_selector``, ``batch_sampler``: `strategy`, one of
      ``"adaptive"`` and ``"paper"``; default both.
    - ``acceptance``, ``stop``, ``callbacks`` (one callback): none.
    - ``instruction_proposer``, ``code_proposer``: `lm` answers the proposer's questions, default a
      `ScriptedLM` that writes a new text for each; `deterministic=False` for proposers that draw at random.
    - ``metric``: `example`, and for it a `good` and a `bad` prediction. `perfect_score` and `failure_score`
      as passed to `GEPA`. `feedback=False` if it gives none, `deterministic=False` if its scores vary.
      `odd`: values that replace each field of the good prediction in turn; the metric must score them.
      `program`: the program whose predictors a metric with `pred_name` knows.
    - ``executor``: `patience`, seconds after which a task counts as lost; default 30.

    Raises:
        ContractError: The part breaks a rule. The message states the rule, the finding and the remedy.
        ConfigurationError: There is no check for this option.
    """
    __tracebackhide__ = True
    if option not in _CHECKS:
        raise ConfigurationError(f"There is no check for {option!r}. {nearest(option, _CHECKS)}")
    form, run = _CHECKS[option]
    run(_Contract(option, part, form), **details)


@dataclass(frozen=True)
class _Contract:
    """A part under check, with its option and the form in which it is called."""

    option: str
    part: Any
    form: str

    def require(self, holds: bool, *, rule: str, found: str, remedy: str) -> None:
        if not holds:
            raise self.broken(rule=rule, found=found, remedy=remedy)

    def broken(self, *, rule: str, found: str, remedy: str) -> ContractError:
        what = f"The {self.option} {name_of(self.part)}"
        return ContractError(what, rule=rule, found=found, remedy=remedy)

    def require_callable(self) -> None:
        self.require(
            callable(self.part) and not isinstance(self.part, type),
            rule=f"it is called as {self.form}",
            found=repr(self.part),
            remedy="pass a function, or an object with a method __call__",
        )

    def call(self, case: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            raise self.broken(
                rule=f"it is called as {self.form} and raises nothing",
                found=f"{type(error).__name__}: {error} ({case})",
                remedy="see the cause of this error, above, for the line",
            ) from error

    def require_same(self, first: Any, second: Any, case: str) -> None:
        self.require(
            first == second,
            rule="equal questions get equal answers, so that a run can be repeated and resumed",
            found=f"{first!r}, and {second!r} when asked again ({case})",
            remedy="keep no state between calls, and draw random numbers only from an rng it is called with",
        )


Verify = Callable[..., Any]
"""Called with the contract, the case, the answer and the arguments; returns the answer in one form."""


@dataclass(eq=False)
class _Watched:
    """The part as a run calls it; every call is verified.

    A run handles some errors of parts itself, so the first one is kept.
    """

    contract: _Contract
    function: Callable[..., Any]
    verify: Verify
    deterministic: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)
    answers: list[Any] = field(default_factory=list)
    error: ContractError | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        plain = [f"{name}={value!r}" for name, value in self.options.items() if isinstance(value, (str, int))]
        case = ", ".join([f"call {len(self.answers) + 1} of a practice run", *plain])
        try:
            answer = self._ask(case, args, kwargs)
            if self.deterministic:
                self.contract.require_same(answer, self._ask(case, args, kwargs), case)
        except ContractError as error:
            self.error = self.error or error
            raise
        self.answers.append(answer)
        return answer

    def _ask(self, case: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        before = _contents(args)
        own = [copy.copy(arg) if isinstance(arg, Random) else arg for arg in args]
        answer = self.contract.call(case, self.function, *own, **kwargs)
        changed = [name for name, content in _contents(args).items() if before[name] != content]
        self.contract.require(
            not changed,
            rule="it leaves its arguments as they are",
            found=f"{' and '.join(changed)} changed ({case})",
            remedy="work on copies",
        )
        return self.verify(self.contract, case, answer, *args, **kwargs)

    def practise(self, **options: Any) -> GEPAResult:
        """Run twice, with one thread and with several, and return the result."""
        results = []
        for threads in (1, THREADS):
            self.options, self.answers = options, []
            try:
                results.append(practice_run(num_threads=threads, **{self.contract.option: self}, **options))
            except Exception as error:
                if self.error:
                    raise self.error from self.error.__cause__
                raise self.contract.broken(
                    rule="a run with it ends normally",
                    found=f"{type(error).__name__}: {error}",
                    remedy="see the cause of this error, above, for the line",
                ) from error
            if self.error:
                raise self.error
        if self.deterministic:
            _require_equal(self.contract, *results, what=f"with {THREADS} threads")
        return results[0]


def _contents(args: Iterable[Any]) -> dict[str, Any]:
    """Everything that a part could change, by name."""
    found: dict[str, Any] = {}
    for arg in args:
        if is_dataclass(arg) and not isinstance(arg, type):
            found |= {f"{type(arg).__name__}.{f.name}": _frozen(getattr(arg, f.name)) for f in fields(arg)}
    return found


def _frozen(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tobytes()
    if is_dataclass(value) and not isinstance(value, type):
        return [_frozen(getattr(value, f.name)) for f in fields(value)]
    if isinstance(value, Mapping):
        return [(name, _frozen(part)) for name, part in value.items()]
    if isinstance(value, (tuple, list)):
        return [_frozen(part) for part in value]
    return value


def _require_equal(contract: _Contract, one: GEPAResult, other: GEPAResult, *, what: str) -> None:
    before, after = one.to_dict(), other.to_dict()
    different = [name for name in before if repr(before[name]) != repr(after[name])]
    contract.require(
        not different,
        rule="runs with it find the same, whatever the number of threads",
        found=f"different {', '.join(different[:5])} {what}",
        remedy="keep what it works with in local variables, not on the object or in the module",
    )


# Parts that decide ----------------------------------------------------------------------------------------


def _check_parent_choice(contract: _Contract, strategy: str | None = None) -> None:
    contract.require_callable()
    for name in (strategy,) if strategy else STRATEGIES:
        watched = _Watched(contract, contract.part, _member)
        watched.practise(strategy=name, max_metric_calls=120)
        contract.require(
            any(watched.answers),
            rule="of several members it does not always choose the original, or no finding is improved on",
            found=f"it returned 0 in all of {counted(len(watched.answers), 'call')} with strategy={name!r}",
            remedy="with strategy='adaptive' no member is validated and pool.means are NaN: use pool.belief",
        )


def _member(contract: _Contract, case: str, answer: Any, pool: Pool, rng: Random) -> int:
    contract.require(
        isinstance(answer, WHOLE) and not isinstance(answer, bool) and answer in range(len(pool)),
        rule=f"it returns the index of a member, here a whole number from 0 to {len(pool) - 1}",
        found=f"{answer!r} ({case})",
        remedy="return an index into pool.members; 0 is the original, len(pool) their number",
    )
    return int(answer)


def _check_component_choice(contract: _Contract, strategy: str | None = None) -> None:
    contract.require_callable()
    for name in (strategy,) if strategy else STRATEGIES:
        watched = _Watched(contract, reference_selector(contract.part), _components)
        watched.practise(strategy=name)
        contract.require(
            any(watched.answers),
            rule="it names a component now and then, or the search never proposes anything",
            found=f"no name in {counted(len(watched.answers), 'call')} with strategy={name!r}",
            remedy="return names from context.components",
        )


def _components(contract: _Contract, case: str, answer: Any, context: ComponentContext) -> list[str]:
    names = _several(contract, case, answer)
    unknown = [name for name in names if name not in context.components]
    contract.require(
        not unknown and len(set(names)) == len(names),
        rule=f"it names components of the program, each once, here of {', '.join(context.components)}",
        found=f"{names!r} ({case})",
        remedy="return names from context.components, without duplicates",
    )
    return names


def _check_row_choice(contract: _Contract, strategy: str | None = None) -> None:
    contract.require_callable()
    for name in (strategy,) if strategy else STRATEGIES:
        for size in (1, 8):
            watched = _Watched(contract, contract.part, _rows)
            watched.practise(strategy=name, reflection_minibatch_size=size)


def _rows(contract: _Contract, case: str, answer: Any, pool: Pool, _: int, size: int, rng: Random) -> Any:
    positions, count = _several(contract, case, answer), len(pool.train_rows)
    contract.require(
        bool(positions) and all(isinstance(p, WHOLE) and p in range(count) for p in positions),
        rule=f"it returns one or more positions of train rows, here whole numbers from 0 to {count - 1}",
        found=f"{positions!r} ({case})",
        remedy="return indices into pool.train_rows",
    )
    contract.require(
        len(set(positions)) <= size,
        rule="it returns at most `size` rows, which the forecast counts on",
        found=f"{counted(len(set(positions)), 'row')} where size is {size} ({case})",
        remedy="return no more than size, which is reflection_minibatch_size",
    )
    return [int(p) for p in positions]


def _several(contract: _Contract, case: str, answer: Any) -> list[Any]:
    contract.require(
        isinstance(answer, Iterable) and not isinstance(answer, (str, bytes)),
        rule="it returns a sequence",
        found=f"{answer!r} ({case})",
        remedy="return a list, also for a single entry",
    )
    return list(answer)


def _check_acceptance(contract: _Contract) -> None:
    contract.require_callable()
    watched = _Watched(contract, contract.part, _verdict)
    for rows in (1, 3):
        failed, perfect = (0.0,) * rows, (1.0,) * rows
        contract.require(
            watched(failed, perfect),
            rule="a child that is perfect on every row on which its parent failed is kept",
            found=f"it was rejected (before={failed}, after={perfect})",
            remedy="the first argument is the parent's scores, the second the child's",
        )
    watched.practise(strategy="paper")


def _verdict(contract: _Contract, case: str, answer: Any, before: Any, after: Any) -> bool:
    contract.require(
        isinstance(answer, (bool, np.bool_)),
        rule="it returns True or False",
        found=f"{answer!r} ({case})",
        remedy="return a comparison, such as sum(after) > sum(before)",
    )
    return bool(answer)


def _check_stop(contract: _Contract) -> None:
    contract.require_callable()
    watched = _Watched(contract, contract.part, _reason)
    watched.practise()
    contract.require(
        watched.answers[0] is None,
        rule="it lets a run begin that has its whole budget left",
        found=f"{watched.answers[0]!r} before the first trial",
        remedy="compare with the state: trials, spent, seconds, score, trials_since_best",
    )


def _reason(contract: _Contract, case: str, answer: Any, state: Any) -> str | None:
    contract.require(
        answer is None or (isinstance(answer, str) and bool(answer.strip())),
        rule="it returns None, or the reason to stop in words",
        found=f"{answer!r} ({case})",
        remedy='return "why" if ... else None',
    )
    return answer  # type: ignore[no-any-return]


# Proposers ------------------------------------------------------------------------------------------------

SOURCE = """
class Answer(dspy.Module):
    def __init__(self):
        super().__init__()
        self.answer = dspy.Predict("question -> answer")

    def forward(self, question):
        return self.answer(question=question)
"""


def _check_instruction_proposer(
    contract: _Contract, lm: dspy.BaseLM | None = None, deterministic: bool = True
) -> None:
    contract.require_callable()
    watched = _proposing(contract, "instructions", deterministic)
    # Every component of a step is asked for side by side.
    result = watched.practise(reflection_lm=lm or ScriptedLM(_sentence), component_selector="all")
    contract.require(
        any(proposal.candidate for proposal in result.proposals[1:]),
        rule="some of its texts are tried in a run",
        found=f"none; the last was left out because {result.proposals[-1].reason}",
        remedy="return a text for every component that is asked for",
    )


def _check_code_proposer(
    contract: _Contract, lm: dspy.BaseLM | None = None, deterministic: bool = True
) -> None:
    """Ask for the source of one `dspy.Flex` module, from several threads. The source is never run."""
    contract.require_callable()
    watched = _proposing(contract, "module", deterministic)
    request = Reflect(
        component="flex",
        current_text=SOURCE,
        program="",
        evidence="",
        texts=Candidate.of({"flex": SOURCE}),
        records='[{"Inputs": {"question": "When?"}, "Generated Outputs": "?", "Feedback": "No answer."}]',
        kind="module",
        subject="question -> answer",
        context="The source may use dspy.Predict.",
    )
    runner = ProposerRunner(lm or ScriptedLM(_source), propose_code=watched)
    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(runner, [request] * 2 * THREADS))
    if watched.error:
        raise watched.error
    for answer in answers:
        assert isinstance(answer, Reflection)
        if deterministic:
            contract.require_same(answers[0], answer, f"from {THREADS} threads")


def _proposing(contract: _Contract, kind: TextKind, deterministic: bool) -> _Watched:
    """Watch a proposer, which is called by name or by position, and raise nothing that a run objects to."""

    def call(**given: Any) -> Any:
        return call_proposer(contract.part, copy.deepcopy(given), guidance="Be plain.")

    def verify(contract: _Contract, case: str, answer: Any, **given: Any) -> dict[str, str]:
        (name,) = given["components_to_update"]
        contract.require(
            isinstance(answer, Mapping) and isinstance(answer.get(name), str),
            rule="it returns a mapping with a string for the component that is asked for",
            found=f"{answer!r} ({case}, component {name!r})",
            remedy="return {name: text for name in components_to_update}",
        )
        objection = objection_to(
            clean_text(answer[name]),
            current=given["candidate"][name],
            truncated=False,
            rules=TextRules(),
            training_texts=(),
            kind=kind,
        )
        contract.require(
            objection is None,
            rule="its text can be tried",
            found=f"{answer[name]!r} ({case}, component {name!r})",
            remedy=f"a run objects: {objection}",
        )
        return {name: answer[name]}

    return _Watched(contract, call, verify, deterministic)


def _sentence(prompt: Prompt) -> dict[str, str] | str:
    sentence = f"Answer with care, see note {_digest(prompt)}."
    return dict.fromkeys(prompt.outputs, sentence) or sentence


def _source(prompt: Prompt) -> dict[str, str] | str:
    source = f"{SOURCE.strip()}\n# Version {_digest(prompt)}."
    return dict.fromkeys(prompt.outputs, source) or source


def _digest(prompt: Prompt) -> str:
    return hashlib.sha256(f"{prompt.system}\n{prompt.text}".encode()).hexdigest()[:8]


# Metrics --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _MetricCase:
    """An example with a good and a bad prediction, and the promises of the metric that is tried on them."""

    contract: _Contract
    example: dspy.Example
    good: dspy.Prediction
    bad: dspy.Prediction
    perfect_score: float = 1.0
    failure_score: float = 0.0
    feedback: bool = True
    deterministic: bool = True
    odd: Sequence[Any] = ODD
    program: dspy.Module | None = None

    def run(self, metric: Metric) -> None:
        given = {"the good prediction": self.good, "the bad prediction": self.bad}
        better, worse = (self.judge(metric, case, pred) for case, pred in given.items())
        self.require_scale(better.score, worse.score)
        wanted = self.feedback and worse.score < self.perfect_score
        self.require_words(worse.feedback, wanted, "the bad prediction")
        for name, value in itertools.product(self.good.keys(), self.odd):
            changed = copy.deepcopy(self.good)
            changed[name] = value
            self.judge(metric, f"{name} = {reprlib.repr(value)}", changed)
        if metric.takes_pred_name:
            for name, predictor in self.predictors().items():
                self.require_words(self.words_on(metric, name, predictor), wanted, f"pred_name={name!r}")
        with ThreadPoolExecutor(THREADS) as pool:
            tasks = [
                (case, pool.submit(copy_context().run, self.judge, metric, case, pred))
                for case, pred in list(given.items()) * THREADS
            ]
            for case, task in tasks:
                first, again = better if case == "the good prediction" else worse, task.result()
                if self.deterministic:
                    self.contract.require_same(first, again, f"{case}, from {THREADS} threads")

    def judge(self, metric: Metric, case: str, pred: dspy.Prediction) -> Judgement:
        gold, own = copy.deepcopy((self.example, pred))
        trace = [(predictor, dict(gold.inputs()), own) for predictor in self.predictors().values()]
        try:
            answer = self.call(case, metric.judge, gold, own, trace)
        except ContractError as error:
            if not isinstance(error.__cause__, MetricError):
                raise
            raise self.contract.broken(
                rule="it returns a score",
                found=f"{error.__cause__} ({case})",
                remedy="return a number, or {'score': number, 'feedback': text}",
            ) from error
        self.require_unchanged(gold, own, pred, case)
        return answer  # type: ignore[no-any-return]

    def words_on(self, metric: Metric, name: str, predictor: Any) -> str | None:
        gold, own = copy.deepcopy((self.example, self.bad))
        trace = [(predictor, dict(gold.inputs()), own)]
        case = f"pred_name={name!r}"
        words = self.call(case, metric.component_feedback, gold, own, trace, name, trace)
        self.require_unchanged(gold, own, self.bad, case)
        return words  # type: ignore[no-any-return]

    def call(self, case: str, *args: Any) -> Any:
        """Call on a thread of its own, as a run does: an async metric needs one without an event loop."""
        work = partial(self.contract.call, case, *args)
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(copy_context().run, work).result()

    def predictors(self) -> dict[str, Any]:
        if self.program is not None:
            return dict(self.program.named_predictors())
        inputs, outputs = ", ".join(self.example.inputs().keys()), ", ".join(self.good.keys())
        return {"predict": dspy.Predict(f"{inputs} -> {outputs}")}

    def require_unchanged(self, gold: Any, own: Any, pred: Any, case: str) -> None:
        pairs = {"gold": (gold, self.example), "pred": (own, pred)}
        changed = [name for name, (now, before) in pairs.items() if now != before]
        self.contract.require(
            not changed,
            rule="it leaves the example and the prediction as they are, which are read again later",
            found=f"{' and '.join(changed)} changed ({case})",
            remedy="work on copies",
        )

    def require_scale(self, good: float, bad: float) -> None:
        self.contract.require(
            good > bad,
            rule="it scores a good prediction higher than a bad one",
            found=f"{good:g} for the good one, {bad:g} for the bad one",
            remedy="higher is better; for an error or a distance return its negative, or 1 / (1 + distance)",
        )
        self.contract.require(
            self.failure_score <= bad and good <= self.perfect_score,
            rule="scores lie between failure_score, for a program that fails, and perfect_score",
            found=f"{bad:g} and {good:g}, where failure_score is {self.failure_score:g} and perfect_score is "
            f"{self.perfect_score:g}",
            remedy="scale the score, or pass failure_score and perfect_score to GEPA and to this check",
        )

    def require_words(self, words: str | None, wanted: bool, case: str) -> None:
        self.contract.require(
            bool(words and words.strip()) or not wanted,
            rule="it explains a score that is not perfect: the reflection model learns from that",
            found=f"no feedback ({case})",
            remedy="return {'score': ..., 'feedback': 'what was expected, and which rule was broken'}; or "
            "pass feedback=False to this check",
        )


def _check_metric(contract: _Contract, **details: Any) -> None:
    contract.require_callable()
    try:
        metric = Metric(contract.part, warn_on_mismatch=False)
    except ConfigurationError as error:
        rule = f"it can be called as {contract.form}"
        raise contract.broken(rule=rule, found=str(error), remedy=f"write {contract.form}") from error
    _MetricCase(contract=contract, **details).run(metric)


# Callbacks ------------------------------------------------------------------------------------------------


def _check_callback(contract: _Contract) -> None:
    """Send it the events of an adaptive run, a run with merges, and one that its provider ends."""
    try:
        check_callbacks([contract.part])
    except ConfigurationError as error:
        raise contract.broken(
            rule="it can be called with an event, or has a method named after one",
            found=str(error),
            remedy="write callback(event), or pass an object with methods such as on_finished(self, event)",
        ) from error
    _require_known_methods(contract)
    errors: list[ContractError] = []
    handlers = handlers_of(contract.part)

    def watched(event: Event) -> None:
        called = [handlers[topic] for topic in event.topics if topic in handlers]
        if errors or not called:
            return
        before = event.to_dict()
        try:
            for handler in called:
                contract.call(type(event).__name__, handler, event)
            contract.require(
                event.to_dict() == before,
                rule="it leaves events as they are, which others read after it",
                found=f"{type(event).__name__} changed",
                remedy="work on event.to_dict(), which is a copy",
            )
        except ContractError as error:
            errors.append(error)

    merging = {"strategy": "paper", "reflection_lm": ScriptedLM(forgets_words), "max_metric_calls": 150}
    failing = {"reflection_lm": ScriptedLM(_refuse)}
    for options in ({}, merging, failing):
        with suppress(RunInterrupted, InfrastructureError):  # a KeyboardInterrupt is a way to stop a run
            practice_run(callbacks=[watched], **options)
        if errors:
            raise errors[0]


def _refuse(prompt: Prompt) -> dspy.LMError:
    return dspy.LMAuthError("the key is wrong", model="scripted/reflection", provider="scripted")


def _require_known_methods(contract: _Contract) -> None:
    known = [f"on_{topic}" for topic in TOPICS]
    methods = [] if callable(contract.part) else [m for m in dir(contract.part) if m.startswith("on_")]
    for name in methods:
        contract.require(
            name in known or hasattr(BaseCallback, name),
            rule="every method on_... is named after an event, or it is never called",
            found=f"a method {name}",
            remedy=nearest(name, known),
        )


# Executors ------------------------------------------------------------------------------------------------


def _check_executor(contract: _Contract, patience: float = 30.0) -> None:
    """Run single tasks on it, then a practice run, which must find the same as on threads."""
    executor: Executor = contract.part

    def submit(*args: Any, **kwargs: Any) -> Future[Any]:
        # An event loop takes coroutine functions.
        run = _acall if isinstance(executor, AsyncExecutor) else _call
        future = contract.call("a task", executor.submit, run, *args, **kwargs)
        called: Future[None] = Future()
        contract.require(
            isinstance(future, Future),
            rule="it returns a concurrent.futures.Future at once",
            found=type(future).__name__,
            remedy="return a Future, and set its result or exception when the task ends",
        )
        future.add_done_callback(lambda done: called.set_result(None))
        contract.require(
            bool(wait([called], patience).done),
            rule="every task ends, and its future calls those who wait for it (add_done_callback)",
            found=f"no call within {patience:g} seconds",
            remedy="call Future.set_result or Future.set_exception in any case",
        )
        return future  # type: ignore[no-any-return]

    for number in range(3):
        answer = submit(_double, number, plus=1)
        contract.require(
            answer.exception() is None and answer.result() == 2 * number + 1,
            rule="each result arrives in the future of its own task, called with all its arguments",
            found=f"{answer.exception() or answer.result()!r}, where {2 * number + 1} belongs",
            remedy="make one future for each call of submit, and call function(*args, **kwargs)",
        )
        error = submit(_fail, "on purpose").exception()
        contract.require(
            isinstance(error, LookupError) and "on purpose" in str(error),
            rule="the exception of a task arrives in its future as it was raised, and the next task runs",
            found=f"{error!r}, where LookupError('on purpose') belongs",
            remedy="catch what the function raises, and call Future.set_exception(error)",
        )
    here = practice_run(num_threads=2)
    try:
        there = practice_run(num_threads=2, executor=executor)
    except Exception as error:
        raise contract.broken(
            rule="a run with it ends normally",
            found=f"{type(error).__name__}: {error}",
            remedy="see the cause of this error, above; other processes must be able to import dspy_gepa",
        ) from error
    _require_equal(contract, here, there, what="than on threads of this process")


def _call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return function(*args, **kwargs)


async def _acall(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return function(*args, **kwargs)


def _double(number: int, *, plus: int) -> int:
    return 2 * number + plus


def _fail(message: str) -> None:
    raise LookupError(message)


# By option: the form in which its part is called, and its check.
_CHECKS: dict[str, tuple[str, Callable[..., None]]] = {
    "metric": ("metric(gold, pred, trace=None, pred_name=None, pred_trace=None)", _check_metric),
    "candidate_selection_strategy": ("choice(pool, rng) -> index", _check_parent_choice),
    "component_selector": ("choice(context) -> names", _check_component_choice),
    "batch_sampler": ("choice(pool, parent, size, rng) -> positions", _check_row_choice),
    "acceptance": ("accept(before, after) -> bool", _check_acceptance),
    "instruction_proposer": (
        "propose(candidate, reflective_dataset, components_to_update) -> texts",
        _check_instruction_proposer,
    ),
    "code_proposer": (
        "propose(candidate, reflective_dataset, components_to_update, task_descriptions, context_blurbs) "
        "-> sources",
        _check_code_proposer,
    ),
    "stop": ("stop(state) -> reason or None", _check_stop),
    "callbacks": ("callback(event)", _check_callback),
    "executor": ("submit(function, *args, **kwargs) -> Future", _check_executor),
}
