"""Spans of runs, as OpenTelemetry's exporter in memory has them."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import dspy
import pytest

from dspy_gepa import GEPA, ConfigurationError, InfrastructureError, RetryPolicy, RunInterrupted, otel
from dspy_gepa.events import Event, RolloutDone, RunStarted
from dspy_gepa.otel import Spans
from dspy_gepa.testing import EventRecorder, practice_run
from tests.support import Prompt, TwoHops, is_right, knows_words, learns_words, scripted_lm
from tests.support_runs import TRAIN, VAL, Words

trace = pytest.importorskip("opentelemetry.trace")
pytest.importorskip("opentelemetry.sdk")

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider  # noqa: E402
from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: E402
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter  # noqa: E402

KEY = "sk-proj-0123456789abcdef"


class Memory:
    """A provider, and the spans that ended."""

    def __init__(self) -> None:
        self.exporter, self.provider = InMemorySpanExporter(), TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    def spans(self, **options: Any) -> Spans:
        return Spans(self.provider, **options)

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.exporter.get_finished_spans() if span.name == name]

    def one(self, name: str) -> ReadableSpan:
        (span,) = self.named(name)
        return span

    def values(self) -> str:
        found = self.exporter.get_finished_spans()
        return "\n".join(str(value) for span in found for value in (span.attributes or {}).values())


@pytest.fixture
def memory() -> Memory:
    return Memory()


def parent_of(span: ReadableSpan) -> int | None:
    return None if span.parent is None else span.parent.span_id


def id_of(span: ReadableSpan) -> int:
    assert span.context is not None
    return span.context.span_id


def test_a_run_is_a_tree_of_spans_below_the_callers(memory: Memory) -> None:
    with memory.provider.get_tracer("caller").start_as_current_span("caller") as caller:
        result = practice_run(callbacks=[memory.spans()])
        assert trace.get_current_span() is caller
    run = memory.one("gepa.run")
    assert parent_of(run) == caller.get_span_context().span_id
    steps = [*memory.named("gepa.trial"), *memory.named("gepa.step")]
    assert {parent_of(step) for step in steps} == {id_of(run)}
    effects = [*memory.named("gepa.rollout"), *memory.named("gepa.reflection")]
    assert {parent_of(effect) for effect in effects} <= {id_of(step) for step in steps}
    assert len(memory.named("gepa.rollout")) == result.total_metric_calls
    assert len(memory.named("gepa.reflection")) == result.reflection_calls
    assert len(memory.named("gepa.trial")) == len(result.proposals) - 1  # the first is the original
    for span in memory.exporter.get_finished_spans():
        assert span.start_time is not None
        assert span.end_time is not None
        assert span.start_time <= span.end_time
        if span.name != "caller":
            assert span.status.status_code is trace.StatusCode.OK


def test_attributes_are_those_of_openinference(memory: Memory) -> None:
    result = practice_run(callbacks=[memory.spans()])
    run = dict(memory.one("gepa.run").attributes or {})
    assert run["openinference.span.kind"] == "CHAIN"
    assert json.loads(str(run["input.value"])) == result.texts[0]
    assert json.loads(str(run["output.value"])) == result.texts[result.best_idx]
    assert run["output.mime_type"] == "application/json"
    assert run["gepa.best.score"] == result.score
    assert run["gepa.limits.rollouts"] == 60

    reflection = dict(memory.named("gepa.reflection")[0].attributes or {})
    assert reflection["openinference.span.kind"] == "LLM"
    assert reflection["llm.model_name"] == "scripted/reflection"
    assert (reflection["llm.token_count.prompt"], reflection["llm.token_count.total"]) == (5, 8)
    assert "know w" in str(reflection["output.value"])

    rollouts = [dict(span.attributes or {}) for span in memory.named("gepa.rollout")]
    first = next(r for r in rollouts if str(r["gepa.row"]).startswith("train"))
    assert "needs w" in str(first["input.value"])
    assert json.loads(str(first["output.value"]))["answer"] in ("right", "wrong")
    assert {r["gepa.score"] for r in rollouts} == {0.0, 1.0}
    trials = [dict(span.attributes or {}) for span in memory.named("gepa.trial")]
    assert {str(t["gepa.verdict"]) for t in trials} >= {"accepted"}
    assert all("openinference.span.kind" in t for t in trials)


def test_spans_of_other_instrumentation_become_children_of_the_run(memory: Memory) -> None:
    seen: set[int] = set()

    def answers(prompt: Prompt) -> dict[str, str]:
        seen.add(trace.get_current_span().get_span_context().span_id)
        return learns_words(prompt)

    practice_run(callbacks=[memory.spans()], reflection_lm=scripted_lm(answers))
    assert seen == {id_of(memory.one("gepa.run"))}


def test_an_error_ends_all_spans_with_it(memory: Memory) -> None:
    def refuses(prompt: Prompt) -> Exception:
        return dspy.LMAuthError(f"Incorrect API key provided: {KEY}")

    with pytest.raises(InfrastructureError):
        practice_run(
            callbacks=[memory.spans()],
            reflection_lm=scripted_lm(refuses),
            retry=RetryPolicy(first_delay=0.0),
        )
    run = memory.one("gepa.run")
    assert run.status.status_code is trace.StatusCode.ERROR
    assert "InfrastructureError" in str(run.status.description)
    assert {event.name for event in run.events} == {"attempt failed"}
    (open_trial,) = [s for s in memory.named("gepa.trial") if s.status.status_code is trace.StatusCode.ERROR]
    assert parent_of(open_trial) == id_of(run)
    assert trace.get_current_span() is trace.INVALID_SPAN
    shown = str([(event.attributes or {}) for event in run.events]) + str(run.status.description)
    assert KEY not in shown


def test_ctrl_c_ends_all_spans(memory: Memory) -> None:
    def interrupts(event: Event) -> None:
        if isinstance(event, RolloutDone):
            raise KeyboardInterrupt

    with pytest.raises(RunInterrupted):
        practice_run(callbacks=[memory.spans(), interrupts])
    run = memory.one("gepa.run")
    assert dict(run.attributes or {})["gepa.interrupted"] is True
    assert run.status.status_code is trace.StatusCode.ERROR
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_a_program_that_fails_is_an_error_of_its_rollout_only(memory: Memory) -> None:
    def metric(gold: dspy.Example, pred: dspy.Prediction, trace: Any = None) -> float:
        if "5:" in gold.question:
            raise ValueError(f"password={KEY}")
        return 1.0

    practice_run(callbacks=[memory.spans()], metric=metric, skip_perfect_score=False)
    failed = [s for s in memory.named("gepa.rollout") if s.status.status_code is trace.StatusCode.ERROR]
    assert failed
    assert "ValueError" in str(failed[0].status.description)
    assert memory.one("gepa.run").status.status_code is trace.StatusCode.OK
    assert KEY not in memory.values() + str([s.status.description for s in failed])


def test_texts_are_bounded_and_have_no_keys_or_can_be_left_out(memory: Memory) -> None:
    def writes(prompt: Prompt) -> dict[str, str]:
        text = learns_words(prompt)["new_instruction"]
        return {"new_instruction": f"{text} {KEY} {'long ' * 500}"}

    practice_run(callbacks=[memory.spans(max_chars=300)], reflection_lm=scripted_lm(writes))
    assert KEY not in memory.values()
    assert max(map(len, memory.values().splitlines())) <= 300
    bare = Memory()
    practice_run(callbacks=[bare.spans(texts=False)])
    names = {name for span in bare.exporter.get_finished_spans() for name in (span.attributes or {})}
    assert not names & {"input.value", "output.value", "gepa.feedback", "input.mime_type"}
    assert "needs w" not in bare.values()
    assert "gepa.score" in names


def test_a_resumed_run_has_spans_of_what_it_executes(memory: Memory, tmp_path: Path) -> None:
    words, first = Words(tmp_path / "run"), Memory()
    words.compile(callbacks=[first.spans()])
    before = len(first.named("gepa.rollout"))
    words.compile(callbacks=[memory.spans()])
    assert [span.name for span in memory.exporter.get_finished_spans()] == ["gepa.run"]
    extended = Memory()
    result = words.compile(callbacks=[extended.spans()], max_metric_calls=130, resume="extend")
    assert len(extended.named("gepa.rollout")) == result.total_metric_calls - before > 0
    run = extended.one("gepa.run")
    effects = [*extended.named("gepa.rollout"), *extended.named("gepa.reflection")]
    owners = {id_of(s) for s in [run, *extended.named("gepa.trial"), *extended.named("gepa.step")]}
    assert {parent_of(effect) for effect in effects} <= owners


def test_one_object_can_watch_several_runs(memory: Memory) -> None:
    spans = memory.spans()
    for _ in range(2):
        practice_run(callbacks=[spans])
    assert len(memory.named("gepa.run")) == 2


def test_runs_in_several_threads_have_spans_of_their_own() -> None:
    found = [Memory(), Memory()]
    threads = [threading.Thread(target=practice_run, kwargs={"callbacks": [m.spans()]}) for m in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(m.named("gepa.run")) for m in found] == [1, 1]


def test_one_object_can_watch_runs_at_the_same_time(memory: Memory, caplog: pytest.LogCaptureFixture) -> None:
    spans = memory.spans()

    async def run() -> None:
        lm = scripted_lm(learns_words)
        gepa = GEPA(is_right, reflection_lm=lm, max_metric_calls=20, callbacks=[spans])
        with dspy.context(lm=scripted_lm(knows_words)):
            await gepa.acompile(TwoHops(), trainset=TRAIN, valset=VAL)

    async def both() -> None:
        await asyncio.gather(run(), run())

    asyncio.run(both())
    runs = memory.named("gepa.run")
    assert [run.status.status_code.name for run in runs] == ["OK", "OK"]
    parents = Counter(parent_of(step) for step in [*memory.named("gepa.trial"), *memory.named("gepa.step")])
    assert set(parents) == set(map(id_of, runs))
    assert len(set(parents.values())) == 1
    assert [record for record in caplog.records if record.name.startswith("opentelemetry")] == []


def test_the_api_without_a_provider_costs_nothing_and_breaks_nothing() -> None:
    assert practice_run(callbacks=[Spans()]).total_metric_calls <= 60


def test_without_the_package_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(otel, "import_module", missing)
    with pytest.raises(ConfigurationError, match=r"dspy-gepa\[otel\]"):
        Spans()


def test_the_package_does_not_import_it_unasked() -> None:
    script = "import sys, dspy_gepa.otel; assert 'opentelemetry.sdk' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parent.parent)


@pytest.mark.parametrize("chars", [0, -1, "x", 1.5])
def test_a_bound_that_bounds_nothing_is_refused(chars: Any) -> None:
    with pytest.raises(ConfigurationError, match="max_chars"):
        Spans(max_chars=chars)


def test_a_run_that_never_reported_its_end_ends_with_an_error(memory: Memory) -> None:
    spans, recorder = memory.spans(), EventRecorder()
    practice_run(callbacks=[recorder])
    spans(recorder.one(RunStarted))
    practice_run(callbacks=[spans])
    assert [s.status.status_code.name for s in memory.named("gepa.run")] == ["ERROR", "OK"]
