r"""AMPS_Hard: an expression, compared with the truth as mathematics, or as the ending of the answer.

Read from the last box, else from between the last two dollars; then sympy says whether the two are equal, and
what it cannot read is wrong, the truth itself included. An answer without box and dollars is right if it ends
with the truth, character for character, less one full stop.

LiveBench's authors changed this after the paper: today a model is asked whether two expressions are
equivalent, or negatives of each other, when sympy does not find them equal.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from benchmarks.scorers.livebench.reading import in_box
from benchmarks.scorers.livebench.workers import Comparer, shared_workers
from benchmarks.scorers.verdict import Found, Verdict

# Tells whether a truth and an answer are equivalent, or negatives of each other.
Ask: TypeAlias = Callable[[str, str], bool]

# In this order. An answer is one line after them; the constant of an integral is dropped.
_IN_ANSWER = (
    *((constant, "") for constant in ("+C", "+ C", "+ c", "+c")),
    (r"\\fbox{", r"\\boxed{"),
    (r"\dfrac", r"\frac"),
    (r"\tfrac", r"\frac"),
    *((size, "") for size in (r"\left", r"\right", r"\bigl", r"\bigr", r"\Bigl", r"\Bigr")),
    *((space, "") for space in (r"\,", r"\;", "\n")),
    (r"\cdot", "*"),
)
_IN_TRUTH = ((r"\left", ""), (r"\right", ""), (" ^", "^"), ("\\ ", "*"))
_EITHER = r"\quad \text{or} \quad"
_WRAPPED = (
    *(re.compile(rf"\\{name}\{{(.*?)\}}") for name in ("text", "textbf", "overline")),
    re.compile(r"\\boxed\{(.*)\}"),
)
_BARE_FRACTION = re.compile(r"frac([^{])(.)")
_BARE_ROOT = re.compile(r"sqrt([^{\[])")


def score_expression(
    truth: str, answer: str, workers: Comparer | None = None, ask: Ask | None = None
) -> Verdict:
    """1.0 if the expression in `answer` equals `truth`, else 0.0.

    workers: compare expressions; default: the shared ones.
    ask: asked when they find no equality; None takes that for an answer.
    Raises StopsError as `in_box`.
    """
    truth, answer = _replaced(truth, _IN_TRUTH), _replaced(answer, _IN_ANSWER)
    found = read_expression(answer)
    if found is None:
        ends = bool(truth) and answer.removesuffix(".").endswith(truth)
        return Verdict(1.0, Found(truth, "the end of the answer")) if ends else Verdict(0.0, None)
    outcome = (workers or shared_workers()).compare(truth, found.text)
    if outcome != "equal" and ask is not None:
        return Verdict(float(ask(truth, found.text)), found, "a model was asked whether it is equivalent")
    return Verdict(float(outcome == "equal"), found, "" if outcome in ("equal", "different") else outcome)


def read_expression(answer: str) -> Found | None:
    """The expression an answer of one line gives, and where; None without a box and two dollars."""
    box = in_box(answer)
    if box is not None:  # an empty one, too, is what counts
        return Found(normalise(box), "the box")
    if answer.count("$") < 2:
        return None
    end = answer.rfind("$")
    end -= answer[end - 1] == "$"  # two dollars at the end are one mark
    formula = answer[answer.rfind("$", 0, end) + 1 : end]
    if "=" in formula:
        formula = formula.rpartition("=")[2].strip()
    elif _EITHER in formula:
        formula = formula.rpartition(_EITHER)[2].strip()
    return Found(normalise(formula), "the last formula")


def normalise(text: str) -> str:
    r"""The right side of an equation, without `\text{}` and its like, with the braces `\frac12` lacks."""
    text = text.rpartition("=")[2]
    for pattern in _WRAPPED:
        text = pattern.sub(r"\1", text)
    text = _BARE_FRACTION.sub(r"frac{\1}{\2}", text)
    text = _BARE_ROOT.sub(r"sqrt{\1}", text)
    digits = text.replace(",", "")
    return digits if digits.isdigit() else text


def _replaced(text: str, replacements: tuple[tuple[str, str], ...]) -> str:
    for old, new in replacements:
        text = text.replace(old, new)
    return text
