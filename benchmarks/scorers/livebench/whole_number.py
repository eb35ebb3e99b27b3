"""AIME items: the three digits of the truth must stand within the last 50 characters, in a number or not.

So 1042 is right for 042, and 42 is wrong. (LiveBench today takes a solution tag that holds one character,
too, which no truth of three digits can be.)
"""

from __future__ import annotations

import re

from benchmarks.scorers.verdict import Found, Verdict

END = 50


def score_whole_number(truth: str, answer: str) -> Verdict:
    """1.0 if `truth` stands near the end of `answer`, else 0.0."""
    end, place = answer[-END:], f"the last {END} characters"
    if truth in end:
        return Verdict(1.0, Found(truth, place))
    numbers = re.findall(r"\d+", end)
    return Verdict(0.0, Found(numbers[-1], place) if numbers else None)
