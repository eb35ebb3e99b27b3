r"""AMPS_Hard: the last boxed expression, compared with the truth as mathematics.

Read from the last box, else from the last `$...$` of the last line. Equal when the texts agree after
normalisation; when both are constants less than 0.001 apart; when their difference is zero. What differs from
LiveBench: zero is found by evaluating at eight points before anything is simplified, which is quicker and
settles more; `\log` without a base is the natural logarithm, as in the truths, which Mathematica wrote. As
there, an antiderivative must be that of the truth: only a "+ C" is forgiven.
"""

from __future__ import annotations

import re

from benchmarks.scorers.livebench.reading import closing_brace, in_box, last_line
from benchmarks.scorers.livebench.verdict import Found, Verdict
from benchmarks.scorers.livebench.workers import Comparer, shared_workers

LONGEST = 2_000
_BRACED_ARGUMENT = re.compile(
    r"\\(?:ln|a?r?c?(?:sin|cos|tan)h?|sec|csc|cot)\s*(?:\^\s*(?:\d|\{\d+\}))?\s*\{(?=\s*\()"
)
_REPLACED = (
    (re.compile(r"\\(?:left|right|bigl?|bigr?|Bigl?|Bigr?)(?![A-Za-z])"), ""),
    (re.compile(r"\\[dt]frac"), r"\\frac"),
    (re.compile(r"\\operatorname\{(\w+)\}"), r"\\\1"),
    (re.compile(r"\\mathrm\{([ei])\}"), r"\1"),
    (re.compile(r"(?<=\d)\\?,(?=\d{3}\b)"), ""),
    (re.compile(r"\\sqrt\s*(\w)"), r"\\sqrt{\1}"),
    (re.compile(r"\\frac\s*(\w)\s*(\w)"), r"\\frac{\1}{\2}"),
    (re.compile(r"(?<![\d}])\.(?=\d)"), "0."),
    (re.compile(r"\\log(?![\s]*_)"), r"\\ln"),
    # A blank between figures is a product, but the parser would join them.
    (re.compile(r"(?<=[\d}])(?:\\[ ,;!:]|~)\s*(?=[\d\\])"), r" \\cdot "),
    (re.compile(r"\\[,;!:]|\\ |\\q?quad(?![A-Za-z])|~|\$"), " "),
    (re.compile(r"\+\s*(?:\\(?:text|mathrm)\{\s*)?(?:C|c|K|constant)\b\s*\}?\s*$"), ""),
)  # fmt: skip


def score_expression(truth: str, answer: str, workers: Comparer | None = None) -> Verdict:
    """1.0 when the expression in `answer` equals `truth`, else 0.0. `workers` default to the shared ones."""
    found = read_expression(answer)
    if found is None:
        return Verdict(0.0, None)
    if _key(found.text) == _key(truth):
        return Verdict(1.0, found)
    if len(found.text) > LONGEST:
        return Verdict(0.0, found, f"it is longer than {LONGEST} characters")
    outcome = (workers or shared_workers()).compare(normalise(truth), normalise(found.text))
    return Verdict(float(outcome == "equal"), found, "" if outcome in ("equal", "different") else outcome)


def read_expression(answer: str) -> Found | None:
    """The expression an answer gives, and where."""
    box = in_box(answer)
    if box is not None:
        return Found(box, "the box")
    formulas = re.findall(r"\$([^$]+)\$", last_line(answer))
    return Found(formulas[-1].strip(), "the last formula") if formulas else None


def normalise(text: str) -> str:
    r"""`text` as the parser likes it: no sizes and spacing, `\frac`, `\ln`, one side of an equation."""
    text = text.replace("\u2212", "-").replace("\u03c0", r"\pi ").replace("\u03bb", r"\lambda ")
    for pattern, replacement in _REPLACED:
        text = pattern.sub(replacement, text)
    return _without_braces(text).rpartition("=")[2].strip(" .")


def _without_braces(text: str) -> str:
    r"""`\ln{(x)}^2` as `\ln(x)^2`: the parser would take the power for a part of the argument."""
    position = 0
    while match := _BRACED_ARGUMENT.search(text, position):
        start = match.end()
        end = closing_brace(text, start)
        position = start
        if end is not None and text[start:end].strip().endswith(")"):
            text = f"{text[: start - 1]}{text[start:end]}{text[end + 1 :]}"
    return text


def _key(text: str) -> str:
    return "".join(normalise(text).split())
