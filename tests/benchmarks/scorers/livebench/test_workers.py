"""The comparing processes: reused, killed when they take too long, replaced when they die."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.scorers.livebench.score import score
from benchmarks.scorers.livebench.workers import Workers

pytestmark = pytest.mark.slow  # they share a process, in their order

FOREVER = r"(99999999!)!"


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    # One for all tests, in their order: starting a process means to import sympy.
    workers = Workers(count=1, seconds=1)
    yield workers
    workers.close()


def test_one_process_serves_many_comparisons(workers: Workers) -> None:
    assert workers.compare("x", "x+0") == "equal"
    assert workers.compare("x", "x+1") == "different"
    assert workers.compare("x", r"\{1,2\}") not in ("equal", "different")
    assert workers.started == 1


def test_a_comparison_that_takes_too_long_is_killed_and_the_next_one_served(workers: Workers) -> None:
    verdict = score("expression", truth="1", answer=rf"\boxed{{{FOREVER}}}", question="", workers=workers)
    assert verdict.score == 0.0
    assert "more than 1 seconds" in verdict.note
    assert workers.compare("1", "3-2") == "equal"
    assert workers.started == 2


def test_a_pair_is_compared_once_a_time_out_too(workers: Workers) -> None:
    workers.close()
    assert workers.compare("x", "x+1") == "different"
    assert "more than 1 seconds" in workers.compare("1", FOREVER)
    assert workers.started == 2


def test_senseless_limits_are_refused() -> None:
    with pytest.raises(ValueError, match="count >= 1 and seconds > 0, got 0 and 8"):
        Workers(count=0)
    with pytest.raises(ValueError, match="got 1 and 0"):
        Workers(count=1, seconds=0)
