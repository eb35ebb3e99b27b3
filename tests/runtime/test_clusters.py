"""The same compile on threads, on an event loop, in processes, on Dask and on Ray: the same in all.

Dask and Ray are real ones, on the loopback of this machine: two workers, or two nodes.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import dspy
import pytest

from dspy_gepa import GEPA, ConfigurationError, InfrastructureError
from dspy_gepa.program.build import read_candidate
from dspy_gepa.runtime.executors import AsyncExecutor, RayExecutor
from dspy_gepa.runtime.policy import RetryPolicy
from tests.support import OneHop, forgets_words, is_right, knows_words, learns_words, scripted_lm, word_rows

ROOT = Path(__file__).parents[2]
TRAIN, VAL = word_rows(12), word_rows(8, start=100)
B_ROWS = {"trainset": word_rows(6, components="b"), "valset": word_rows(6, components="b", start=100)}
pytestmark = pytest.mark.slow

SOON = RetryPolicy(first_delay=0.01)


class TwoHops(dspy.Module):
    """A class of a test module: workers need not be able to import it."""

    def __init__(self) -> None:
        super().__init__()
        self.a = dspy.Predict("question -> hint")
        self.b = dspy.Predict("question, hint -> answer")

    def forward(self, question: str) -> dspy.Prediction:
        return self.b(question=question, hint=self.a(question=question).hint)


def compiled(student: dspy.Module, metric: Any = is_right, **options: Any) -> dspy.Module:
    data = {name: options.pop(name, rows) for name, rows in (("trainset", TRAIN), ("valset", VAL))}
    options = {
        "reflection_lm": scripted_lm(forgets_words, "scripted/reflection"),
        "max_metric_calls": 100,
        "num_threads": 4,
        "track_stats": True,
        "retry": SOON,
    } | options
    with dspy.context(lm=scripted_lm(knows_words)):
        return GEPA(metric, **options).compile(student, **data)


def contents(student: dspy.Module, metric: Any = is_right, **options: Any) -> tuple[Any, ...]:
    """All that a run found, and the program."""
    program = compiled(student, metric, **options)
    return program.detailed_results.to_dict(), dict(read_candidate(program))


@pytest.fixture(scope="module")
def by_threads() -> tuple[Any, ...]:
    return contents(TwoHops())


# The executors --------------------------------------------------------------------------------------------


@dataclass
class Counting(Executor):
    """Counts tasks, and those that carry the work."""

    executor: Executor
    tasks: int = 0
    payloads: int = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.tasks += 1
        self.payloads += args[1] is not None
        return self.executor.submit(fn, *args, **kwargs)


ON_THE_LOOPBACK = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "silence_logs": 50}


@pytest.fixture
def processes() -> Iterator[Executor]:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


@pytest.fixture
def dask() -> Iterator[Executor]:
    distributed = pytest.importorskip("distributed", reason="Dask is not installed: pip install distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=2, **ON_THE_LOOPBACK) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client.get_executor()


@pytest.fixture
def ray() -> Iterator[Executor]:
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")  # it would be sent over the network
        # Ray's switch for laptops: addresses of the loopback are taken as they are.
        patch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        ray = pytest.importorskip("ray", reason="Ray is not installed: pip install ray")
        from ray.cluster_utils import Cluster

        node = {"num_cpus": 1, "node_ip_address": "127.0.0.1", "object_store_memory": 80_000_000}
        cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
        stack.callback(cluster.shutdown)
        cluster.add_node(**node, resources={"far": 1})
        ray.init(
            address=cluster.address, _node_ip_address="127.0.0.1", log_to_driver=False, logging_level="ERROR"
        )
        stack.callback(ray.shutdown)
        yield RayExecutor(
            num_cpus=0.5, resources={"far": 0.1}
        )  # on the node that is not ours, in two processes


# The same everywhere --------------------------------------------------------------------------------------


def test_an_event_loop_finds_what_threads_find(by_threads: tuple[Any, ...]) -> None:
    with AsyncExecutor() as loop:
        assert contents(TwoHops(), executor=loop) == by_threads


def test_a_pool_of_threads_finds_what_threads_find(by_threads: tuple[Any, ...]) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert contents(TwoHops(), executor=pool) == by_threads


# A cluster takes long to start, and tests of one file may be spread over processes: one test for each.


def test_other_processes_do_what_threads_do(processes: Executor, by_threads: tuple[Any, ...]) -> None:
    find_the_same_and_get_the_work_rarely(processes, by_threads)
    know_the_settings(processes)
    count_usage(processes)


@pytest.mark.parametrize("cluster", ["dask", "ray"])
def test_a_cluster_does_what_threads_do_and_survives_the_loss_of_a_worker(
    cluster: str, by_threads: tuple[Any, ...], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    executor = request.getfixturevalue(cluster)
    find_the_same_and_get_the_work_rarely(executor, by_threads)
    know_the_settings(executor)
    count_usage(executor)
    survive_the_loss_of_a_worker(executor, tmp_path)


def find_the_same_and_get_the_work_rarely(executor: Executor, by_threads: tuple[Any, ...]) -> None:
    counting = Counting(executor)
    assert contents(TwoHops(), executor=counting) == by_threads
    assert counting.tasks > 100
    # Up to 4 at a time for each process that has not got it yet; a busy cluster starts more than its 2.
    assert counting.payloads < counting.tasks / 4


# What the workers know ------------------------------------------------------------------------------------


def in_json(prompt: Any) -> str:
    return json.dumps(dict.fromkeys(("hint", "answer", "new_instruction"), "text"))


def sees_the_settings(gold: dspy.Example, pred: dspy.Prediction) -> float:
    """1.0 where the caller's settings hold, and not in the caller's process."""
    seen = [
        isinstance(dspy.settings.adapter, dspy.JSONAdapter),
        dspy.settings.lm.model == "scripted/task",
        dspy.settings.lm.history == dspy.settings.lm.history[-1:],  # none came along
        dspy.settings.track_usage and pred.get_lm_usage()["scripted/task"]["completion_tokens"] == 3,
        os.getpid() != gold.caller,
    ]
    return sum(seen) / len(seen)


def know_the_settings(executor: Executor) -> None:
    rows = [dspy.Example(question="?", caller=os.getpid()).with_inputs("question") for _ in range(3)]
    lm = scripted_lm(in_json)
    with dspy.context(adapter=dspy.JSONAdapter(), track_usage=True, lm=lm, disable_history=False):
        for _ in range(3):
            dspy.Predict("question -> answer")(question="?")
        optimizer = GEPA(
            sees_the_settings,
            reflection_lm=scripted_lm(in_json),
            max_metric_calls=3,
            strategy="paper",
            executor=executor,
            num_threads=1,
            track_stats=True,
        )
        scores = optimizer.compile(OneHop(), trainset=rows).detailed_results.val_aggregate_scores
    assert len(lm.history) == 3
    assert max(scores) >= 0.8


def count_usage(executor: Executor) -> None:
    totals = []
    for where in (None, executor):
        with dspy.track_usage() as tracker:
            compiled(TwoHops(), executor=where, max_metric_calls=30)
        tokens = ("prompt_tokens", "completion_tokens", "total_tokens")
        usage = tracker.get_total_tokens()
        totals.append({lm: {name: used[name] for name in tokens} for lm, used in usage.items()})
    assert totals[0] == totals[1]
    assert set(totals[0]) == {"scripted/task", "scripted/reflection"}


# Workers that die -----------------------------------------------------------------------------------------


class DiesOnce(OneHop):
    """Takes its process along on the second question of all, once."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = str(folder)

    def forward(self, question: str) -> dspy.Prediction:
        try:
            Path(self.folder, "asked").touch(exist_ok=False)
        except FileExistsError:
            self.die_once()
        return super().forward(question=question)

    def die_once(self) -> None:
        try:
            Path(self.folder, "dead").touch(exist_ok=False)
        except FileExistsError:
            return
        os._exit(1)


def survive_the_loss_of_a_worker(executor: Executor, tmp_path: Path) -> None:
    found = contents(DiesOnce(tmp_path), executor=executor, max_metric_calls=40, **B_ROWS)
    assert (tmp_path / "dead").exists()
    assert found == contents(OneHop(), max_metric_calls=40, **B_ROWS)


def test_a_process_pool_that_breaks_ends_the_run_which_a_new_pool_finishes(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    options = {"log_dir": str(tmp_path / "log"), "max_metric_calls": 40, "num_threads": 1, **B_ROWS}
    with ProcessPoolExecutor(1, mp_context=spawn) as pool, pytest.raises(InfrastructureError) as caught:
        compiled(DiesOnce(tmp_path), executor=pool, **options)
    assert "make a new one for the next compile" in str(caught.value)
    assert "run the same compile again" in str(caught.value)
    assert caught.value.causes == {"BrokenProcessPool": 1}
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        found = contents(DiesOnce(tmp_path), executor=pool, **options)
    assert found[1] == contents(OneHop(), **options | {"log_dir": None})[1]


# What Dask does with futures ------------------------------------------------------------------------------


def test_a_dask_future_reports_errors_and_cancellation_to_its_callbacks(dask: Executor) -> None:
    from distributed import default_client

    nowhere = default_client().get_executor(resources={"a machine that is not there": 1})
    ended: list[Future[Any]] = []
    told_of = threading.Semaphore(0)

    def note(future: Future[Any]) -> None:
        ended.append(future)
        told_of.release()

    failing = dask.submit(int, "no number")
    failing.add_done_callback(note)
    assert told_of.acquire(timeout=30)
    assert isinstance(ended[0].exception(), ValueError)

    waiting = nowhere.submit(int)
    waiting.add_done_callback(note)
    assert waiting.cancel()
    assert told_of.acquire(timeout=30)
    assert ended[1].cancelled()


# What cannot travel ---------------------------------------------------------------------------------------


class Connected(OneHop):
    def __init__(self) -> None:
        super().__init__()
        self.client = {"pool": threading.Lock()}


def with_a_lock(function: Any) -> Any:
    lock = threading.Lock()

    def metric(gold: dspy.Example, pred: dspy.Prediction) -> float:
        with lock:
            return float(function(gold, pred))

    return metric


def lm_with_a_lock() -> dspy.LM:
    lock = threading.Lock()
    return scripted_lm(lambda prompt: {"new_instruction": str(lock)})


LOCKED_ROWS = [dspy.Example(question="?", lock=threading.Lock()).with_inputs("question")]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"student": Connected()}, "the program's client['pool'] cannot be sent"),
        ({"metric": with_a_lock(is_right)}, "the metric (its variable lock) cannot be sent"),
        ({"trainset": LOCKED_ROWS}, "the examples[train/0]"),
        ({"reflection_lm": lm_with_a_lock()}, "reflection_lm"),
    ],
    ids=["program", "metric", "example", "reflection LM"],
)
def test_what_cannot_travel_is_named_before_anything_runs(arguments: dict[str, Any], named: str) -> None:
    with (
        ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool,
        pytest.raises(ConfigurationError) as caught,
    ):
        compiled(**{"student": OneHop(), "executor": pool} | arguments)
    assert named in str(caught.value)
    assert "lock cannot be pickled" in str(caught.value)
    assert not pool._processes  # nothing was submitted


MAIN = """
import dspy, json, multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dspy_gepa import GEPA
from tests.support import knows_words, learns_words, scripted_lm, word_rows

class Program(dspy.Module):
    def __init__(self):
        super().__init__()
        self.b = dspy.Predict("question -> answer")

    def forward(self, question):
        return self.b(question=question)

def metric(gold, pred):
    return gold.answer == pred.answer

rows = word_rows(6, components="b")
# No `if __name__ == "__main__"` around the classes: they travel by value.
if __name__ == "__main__":
    dspy.configure(lm=scripted_lm(knows_words))
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        reflects = scripted_lm(learns_words)
        optimizer = GEPA(
            metric, reflection_lm=reflects, max_metric_calls=60, executor=pool, track_stats=True
        )
        found = optimizer.compile(Program(), trainset=rows).detailed_results
        print(json.dumps(found.val_aggregate_scores))
"""


def test_programs_and_metrics_of_a_script_travel(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(MAIN, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert max(json.loads(done.stdout)) > 0.8


# Programs of only async forward ---------------------------------------------------------------------------


class AsyncOnly(dspy.Module):
    """Notes on which threads it runs, and waits until several rollouts are under way at once."""

    seen: ClassVar[set[str]] = set()
    under_way = 0
    most = 0

    def __init__(self) -> None:
        super().__init__()
        self.b = dspy.Predict("question -> answer")

    async def aforward(self, question: str) -> dspy.Prediction:
        cls = type(self)
        cls.seen.add(threading.current_thread().name)
        cls.under_way += 1
        cls.most = max(cls.most, cls.under_way)
        prediction = await self.b.acall(question=question)
        cls.under_way -= 1
        return prediction


def test_a_program_of_only_async_forward_runs_on_the_loop_and_no_other_thread() -> None:
    with AsyncExecutor() as loop:
        options = {"reflection_lm": scripted_lm(learns_words), "max_metric_calls": 60, "num_threads": 6}
        program = compiled(AsyncOnly(), executor=loop, **options, **B_ROWS)
    assert AsyncOnly.seen == {"dspy_gepa loop"}
    assert program.detailed_results.score > 0.8
