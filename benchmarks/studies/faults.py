"""`python -m benchmarks faults`: the effect of every fault of a provider on a run, and its messages.

A small program runs over HTTP against the fault-injecting server, by DSPy's own client or by LiteLLM. Each
fault is met twice: in a fifth of all requests, and in every request of the task model from the tenth on. A
run that it stops is finished by a second compile with the same `log_dir` against a sound server.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import click
import dspy

from benchmarks.harness.cell import Rows
from benchmarks.harness.options import AT_LEAST_ONE
from benchmarks.harness.tables import markdown
from benchmarks.scorers.retrieval.retriever import Retriever
from benchmarks.simulated.engine import SimulatedEngine
from benchmarks.simulated.faults import Between, ByPrompt, FaultKind, FaultPlan, OfModel, Randomly, Rule
from benchmarks.simulated.server import SimulatedServer
from benchmarks.tasks import Task, bundled
from dspy_gepa import GEPA, GEPAError, RetryPolicy
from dspy_gepa.program.faults import fault_of, is_infrastructure
from dspy_gepa.record.file import read_journal

Road = Literal["auto", "litellm"]

BUDGET, TRAIN, VAL = 60, 12, 6
SHARE, DIES_AT = 0.2, 10
# These stay with a prompt, however often it is sent.
OF_THE_PROMPT: tuple[FaultKind, ...] = ("context_length", "empty")
RETRY = RetryPolicy(first_delay=0.05)
HEAD = (
    *("fault", "error of DSPy", "judged", "in a fifth of requests", "requests (failed)"),
    *(f"always, from request {DIES_AT} on", "failures", "seconds", "resumed"),
)


class Reader(dspy.Module):
    """Answers from the passages that one search finds, in one call."""

    def __init__(self, retriever: Retriever) -> None:
        super().__init__()
        self.retriever = retriever
        self.final_answer = dspy.ChainOfThought("question, summary_1, summary_2 -> answer")

    def forward(self, question: str) -> dspy.Prediction:
        """A prediction with `answer`."""
        first, *others = self.retriever.search(question, 7)
        answer: dspy.Prediction = self.final_answer(
            question=question, summary_1=first, summary_2="\n".join(others)
        )
        return answer


@dataclass(frozen=True)
class Run:
    """A compile that ended, well or not: what it found, the error it raised, and what it took."""

    found: dict[str, Any]
    error: GEPAError | None
    requests: int
    failed: int
    failures: int
    program_failures: int
    seconds: float


@dataclass(frozen=True)
class Bench:
    """The program, its data and the models behind the server."""

    task: Task
    student: dspy.Module
    engines: dict[str, SimulatedEngine]
    road: Road
    threads: int

    @classmethod
    def build(cls, road: Road, threads: int) -> Bench:
        """The bundled task, cut to a few rows."""
        task = Rows(TRAIN, VAL, None).of(bundled.load(0), seed=0)
        engines = {"task": task.task_lm(seed=0).engine, "reflection": task.reflection_lm(seed=0).engine}
        return cls(task, Reader(task.program().retriever), engines, road, threads)

    def lm(self, server: SimulatedServer, model: str, timeout: float) -> dspy.LM:
        """A client of the server, which does not retry by itself."""
        options = {"api_base": server.url, "api_key": "sk-simulated-0123456789", "timeout": timeout}
        return dspy.LM(f"openai/{model}", engine=self.road, cache=False, num_retries=0, **options)

    def run(self, log_dir: Path, *rules: Rule, timeout: float = 30.0) -> Run:
        """One compile against a server with these rules."""
        started, found, error = time.perf_counter(), {}, None
        with SimulatedServer(self.engines, FaultPlan(rules, retry_after=0.05)) as server:
            try:
                found = self._compile(server, log_dir, timeout)
            except GEPAError as raised:
                error = raised
        with read_journal(log_dir) as db:
            failures = db.execute("SELECT count(*) FROM failures").fetchone()[0]
            blamed = db.execute("SELECT count(*) FROM effects WHERE result LIKE '%program_failed%'")
            program_failures = blamed.fetchone()[0]
        seconds = time.perf_counter() - started
        return Run(found, error, server.count(), server.failed, failures, program_failures, seconds)

    def _compile(self, server: SimulatedServer, log_dir: Path, timeout: float) -> dict[str, Any]:
        with dspy.context(lm=self.lm(server, "task", timeout)):
            optimizer = GEPA(
                self.task.metric,
                reflection_lm=self.lm(server, "reflection", timeout),
                max_metric_calls=BUDGET,
                num_threads=self.threads,
                retry=RETRY,
                log_dir=str(log_dir),
                progress="off",
                track_stats=True,
            )
            program = optimizer.compile(self.student, trainset=self.task.train, valset=self.task.val)
        found: dict[str, Any] = program.detailed_results.to_dict()
        return found | {"log_dir": None}

    def verdict(self, kind: FaultKind) -> tuple[str, str]:
        """The error of DSPy that a fault becomes, and how this package judges it."""
        with SimulatedServer(self.engines, FaultPlan.of(Between(kind))) as server:
            try:
                with dspy.context(lm=self.lm(server, "task", _timeout(kind))):
                    self.student(question="Who?")
            except Exception as error:
                name = type(error).__name__
                if not is_infrastructure(error):
                    return name, "the program's failure"
                return name, "fatal" if fault_of(error).fatal else "retried"
        return "none", "answered"


@click.command()
@click.option("--road", type=click.Choice(get_args(Road)), default="auto", show_default=True)
@click.option("--threads", type=AT_LEAST_ONE, default=8, show_default=True)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Also write the report there.")
def faults(road: Road, threads: int, out: Path | None) -> None:
    """Show the effect of every fault of a provider on a run, as Markdown."""
    with tempfile.TemporaryDirectory() as directory:
        report = write_report(Bench.build(road, threads), Path(directory), click.echo)
    click.echo(report)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(report, encoding="utf-8")


def write_report(bench: Bench, directory: Path, tell: Callable[[str], object]) -> str:
    """The table of all faults, and the messages of the runs that they stopped."""
    sound = bench.run(directory / "sound")
    lines, messages = [], []
    for kind in get_args(FaultKind):
        tell(f"{kind}...")
        line, message = show_fault(bench, kind, sound, directory / kind)
        lines.append(line)
        messages += [f"**{kind}**: `{message}`"] if message else []
    return "\n".join([*_preface(bench, sound), markdown(HEAD, lines), "", *_between_blanks(messages)])


def show_fault(
    bench: Bench, kind: FaultKind, sound: Run, directory: Path
) -> tuple[tuple[object, ...], str | None]:
    """A line of the table, and the message of the run that the fault stopped."""
    rule = (ByPrompt if kind in OF_THE_PROMPT else Randomly)(SHARE, (kind,))
    timeout = _timeout(kind)
    some = bench.run(directory / "some", OfModel("task", rule), timeout=timeout)
    dead = bench.run(directory / "dead", OfModel("task", Between(kind, DIES_AT)), timeout=timeout)
    message, resumed = None, "not stopped"
    if dead.error is not None:
        message = str(dead.error).replace(str(directory / "dead"), "LOG_DIR")
        again = bench.run(directory / "dead")
        same = "same outcome" if again.found == sound.found else "ANOTHER OUTCOME"
        resumed = f"{same}, {again.requests} requests"
    line = (
        *(kind, *bench.verdict(kind), _ending(some, sound), f"{some.requests} ({some.failed})"),
        *(_ending(dead, sound), dead.failures, f"{dead.seconds:.1f}", resumed),
    )
    return line, message


def _ending(run: Run, sound: Run) -> str:
    """Return the end of a run in a few words."""
    if run.error is not None:
        has = "with" if run.error.program is not None else "without"
        return f"{type(run.error).__name__} {has} program"
    if run.program_failures:
        return f"finished; {run.program_failures} rollouts are the program's failures"
    return "same outcome" if run.found == sound.found else "ANOTHER OUTCOME"


def _preface(bench: Bench, sound: Run) -> Iterator[str]:
    yield "# Faults of a provider"
    yield ""
    yield (
        f"Simulated LMs behind an OpenAI-compatible server on the loopback, asked by "
        f"dspy.LM(engine={bench.road!r}, num_retries=0); {bench.threads} threads, {BUDGET} rollouts at most, "
        f"one call each. The run without faults makes {sound.requests} requests in {sound.seconds:.1f} s. "
        f"Only requests to the task model fail. *Failures* are failed attempts as the run counts them, those "
        f"included that were under way when it stopped; *resumed* is a second compile with the same log_dir "
        f"against a sound server, its outcome compared with that of the run without faults."
    )
    yield ""


def _between_blanks(messages: list[str]) -> Iterator[str]:
    if messages:
        yield "Messages of the runs that were stopped:\n"
    for message in messages:
        yield message + "\n"


def _timeout(kind: FaultKind) -> float:
    """Seconds a client waits; a fault that is silence should not cost more than it must."""
    return 0.5 if kind == "timeout" else 30.0
