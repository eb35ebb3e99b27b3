"""The study of ways to ask: its cells, what it counts, and its table, with a loopback server for models."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from dspy.lm15 import Request, Response

from benchmarks.simulated.server import SimulatedServer
from benchmarks.studies.prompts import (
    OF_ANOTHER,
    SHOWN,
    VARIANTS,
    all_seen,
    as_drawn,
    failures_first,
    prompts,
    with_successes,
)
from dspy_gepa.types import Outcome
from tests.benchmarks.support_served import LineWriter, RuleTeller, reply


@dataclass(frozen=True)
class Mute:
    """Answers with nothing that could be a text."""

    def complete(self, request: Request) -> Response:
        return reply(request, " ")


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatedServer]:
    with SimulatedServer({"writer": LineWriter(), "teller": RuleTeller(), "mute": Mute()}) as running:
        yield running


def command(server: SimulatedServer, out: Path, reflection: str, *options: str) -> Result:
    fixed = [
        "--task-lm",
        "openai/writer",
        "--reflection-lm",
        f"openai/{reflection}",
        "--api-base",
        server.url,
    ]
    small = ["--tasks", "lines", "--test", "4", "--threads", "1", "--draws", "1", "--out", str(out)]
    return CliRunner().invoke(prompts, [*fixed, *small, *options])


def outcomes(scores: Sequence[float]) -> list[Outcome]:
    return [Outcome("scored", score, feedback=str(place)) for place, score in enumerate(scores)]


def places(shown: Sequence[Outcome]) -> list[int]:
    return [int(outcome.feedback) for outcome in shown]


def test_a_variant_is_measured_from_the_seed_and_from_its_own_text(
    server: SimulatedServer, tmp_path: Path
) -> None:
    done = command(server, tmp_path, "teller", "--variants", "failures,quoted")
    assert done.exit_code == 0, done.output
    for variant in ("failures", "quoted"):
        cell = json.loads((tmp_path / "lines" / f"{variant}-{SHOWN}-seed0.json").read_text())
        first, second = cell["generations"]
        assert (first["before"], first["after"], second["before"]) == (0.25, 1.0, 1.0)
        assert (first["answers"], first["unusable"], first["quoted"]) == (1, 0, 0)
    assert "| quoted | 1 | 1.000 | 1.000 | 100% | +0.000" in done.output

    asked = server.count()
    assert command(server, tmp_path, "teller", "--variants", "failures,quoted").exit_code == 0
    assert server.count() == asked


def test_answers_that_cannot_be_used_are_counted_and_the_text_stays(
    server: SimulatedServer, tmp_path: Path
) -> None:
    done = command(server, tmp_path, "mute", "--variants", "failures")
    assert done.exit_code == 0, done.output
    cell = json.loads((tmp_path / "lines" / f"failures-{SHOWN}-seed0.json").read_text())
    assert [g["unusable"] for g in cell["generations"]] == [2, 2]
    assert [g["answers"] for g in cell["generations"]] == [2, 2]
    assert [g["after"] for g in cell["generations"]] == [0.25, 0.25]


def test_an_unknown_variant_is_refused(server: SimulatedServer, tmp_path: Path) -> None:
    refused = command(server, tmp_path, "teller", "--variants", "louder")
    assert refused.exit_code == 2
    assert "louder" in refused.output


def test_variants_ask_for_the_same_fields_in_other_words() -> None:
    default = VARIANTS["failures"].signature
    for name, variant in VARIANTS.items():
        assert list(variant.signature.fields) == list(default.fields), name
    texts = [variant.signature.instructions for variant in VARIANTS.values()]
    assert len(set(texts)) == 4  # of the others, the evidence or the whole prompt differs


def test_variants_with_another_ending_may_mention_the_examples() -> None:
    forbids = {name: "mention the examples" in v.signature.instructions for name, v in VARIANTS.items()}
    assert [name for name, forbidden in forbids.items() if not forbidden] == ["quoted", "many", "brief"]


def test_a_report_without_results_is_refused(server: SimulatedServer, tmp_path: Path) -> None:
    refused = command(server, tmp_path, "teller", "--report-only")
    assert refused.exit_code == 1
    assert str(tmp_path) in refused.output


def test_a_view_shows_failures_or_successes_beside_them() -> None:
    run = outcomes([1, 0, 0.5, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    assert places(failures_first(run)) == [1, 2, 4, 7, 8, 9, 10, 11]
    assert places(with_successes(run)) == [1, 2, 4, 7, 8, 0, 3, 5]
    assert len(all_seen(run)) == len(run)
    assert places(as_drawn(run)) == list(range(SHOWN))
    assert places(failures_first(outcomes([1, 1]))) == [0, 1]
    assert places(with_successes(outcomes([0, 1, 1, 1, 1, 1]))) == [0, 1, 2, 3, 4, 5]


def test_calls_of_earlier_texts_are_shown_beside_those_of_the_second_parent_and_marked(
    server: SimulatedServer, tmp_path: Path
) -> None:
    done = command(server, tmp_path, "teller", "--variants", "earlier")
    assert done.exit_code == 0, done.output
    with sqlite3.connect(tmp_path / "record.sqlite") as record:
        bodies = [body for (body,) in record.execute("SELECT body FROM calls") if "# Example 1" in body]
    marked = {body.count("# Example "): body.count(OF_ANOTHER) for body in bodies}
    assert marked == {SHOWN: 0, 2 * SHOWN: SHOWN}
