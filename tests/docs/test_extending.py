"""The page for authors of parts: its examples run, and there is one for every part that GEPA takes."""

from __future__ import annotations

import re
from random import Random

import numpy as np
import pytest

from dspy_gepa import testing
from dspy_gepa.search.pool import Pool
from tests.support_docs import ROOT, python_blocks

PAGE = ROOT / "docs" / "extending.md"
TEXT = PAGE.read_text(encoding="utf-8")


@pytest.mark.slow
def test_every_example_of_the_page_runs_and_passes_its_check() -> None:
    names: dict[str, object] = {"__name__": "extending"}
    blocks = python_blocks(TEXT)
    assert len(blocks) == 11
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)


def test_the_page_names_everything_that_is_public_in_testing() -> None:
    assert [name for name in testing.__all__ if not re.search(rf"\b{name}\b", TEXT)] == []


def greedy(pool: Pool, rng: Random) -> int:
    pool.scores[np.isnan(pool.scores)] = 0.0
    return int(pool.scores.sum(axis=1).argmax())


def test_the_message_on_the_page_is_what_a_check_says() -> None:
    with pytest.raises(testing.ContractError) as caught:
        testing.check("candidate_selection_strategy", greedy)
    assert f"```text\n{caught.value}\n```" in TEXT
