"""Places in which answers stand, in texts as models write them, lost ones too."""

from __future__ import annotations

import pytest

from benchmarks.scorers.livebench.reading import in_tag, plain
from benchmarks.scorers.livebench.score import Kind, score

LOST = ("<solution>", "answer ", "answer\n", "\\text{", "\\boxed{", "$", "1,", "AAAA", "\n", "<solution>\n</")
QUESTION = r"Which? $\textbf{(A)}\ 1 \qquad \textbf{(B)}\ 2$"


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("<solution>A</solution> or <SOLUTION> B </SOLUTION>.", "B"),
        ("<solution>\nA\n</solution>", "A"),
        ("<solution> no, <solution>C</solution>", "C"),
        ("<solution>A</solution> that was it</solution>", "A"),
        ("<solution>A</solution> and <solution>B", "A"),
        ("A</solution>", None),
        ("<solution>A", None),
    ],
)
def test_the_last_closed_tag_counts(text: str, held: str | None) -> None:
    assert in_tag(text) == held


def test_wrappers_are_taken_off_inside_one_another() -> None:
    assert plain(r"**$\text{\textbf{\mathrm{B}}}$**.") == "B"


@pytest.mark.parametrize("piece", LOST)
@pytest.mark.parametrize("kind", ["choice", "whole number", "proof"])
def test_a_text_that_repeats_itself_without_end_is_scored_like_any_other(kind: Kind, piece: str) -> None:
    verdict = score(kind, truth="7", answer=piece * 20_000 + "x", question=QUESTION)
    assert verdict.score < 0.01
