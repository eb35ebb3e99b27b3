"""AIME items: a whole number of three digits, which must stand within the last 50 characters.

LiveBench looks for the three digits anywhere in that end, so that 047 is also found in 1047; here the number
must be whole. Leading zeros are part of the answer, as the questions say.
"""

from __future__ import annotations

import re

from benchmarks.scorers.livebench.verdict import Found, Verdict

END = 50
_NUMBER = re.compile(r"\d+")


def score_whole_number(truth: str, answer: str) -> Verdict:
    """1.0 when one of the whole numbers near the end of `answer` is written as `truth`, else 0.0."""
    answer = answer.strip()
    cut = max(0, len(answer) - END)
    numbers = [match[0] for match in _NUMBER.finditer(answer) if match.end() > cut]
    if not numbers:
        return Verdict(0.0, None)
    right = truth.strip() in numbers
    taken = truth.strip() if right else numbers[-1]
    return Verdict(float(right), Found(taken, f"the last {END} characters"))
