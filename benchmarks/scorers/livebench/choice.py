"""Multiple choice (AMC 12 and SMC): whether an answer means the right letter, A to E.

It does if any of these says so: the last solution tag, which holds the letter and nothing else; the letter
four times in a row, anywhere; the last box; the value of the right option near the end; the last line, which
is the letter or has it in its first parentheses. The case of a letter matters only where it is repeated. So
an answer with two letters may be right by one of them, and "The answer is C." is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from benchmarks.scorers.livebench.reading import in_box, in_tag
from benchmarks.scorers.verdict import Found, Verdict

_LETTERS = "ABCDE"
_REPEATS = 4
_REPEATED = re.compile(r"([A-E])\1{3}")
_OPTION = re.compile(r"\\textbf{\(([A-E])\)\s?}(.*?)(?:\\qquad|\$)")
_BEFORE_VALUE = 20  # characters of the end that are searched, beside as many as the value has
# LiveBench looks for this word where a question does not give the value of its right option.
NO_VALUE = "FAILURE"


def score_choice(truth: str, answer: str, question: str) -> Verdict:
    """1.0 if `answer` means the letter `truth`, else 0.0; `question` holds the options.

    Raises ValueError for a truth that is no letter from A to E, and StopsError as `in_box`.
    """
    if len(truth) != 1 or truth not in _LETTERS:
        raise ValueError(f"The truth of a multiple choice question is a letter from A to E, not {truth!r}.")
    first = None
    for found, right in _readings(truth, answer, question):
        if right:
            return Verdict(1.0, found)
        first = first or found
    return Verdict(0.0, first)


def _readings(truth: str, answer: str, question: str) -> Iterator[tuple[Found, bool]]:
    """What can be read, in LiveBench's order, and whether it is right; to be read up to the first that is."""
    tag = in_tag(answer)
    if tag is not None:
        yield Found(tag, "the solution tag"), len(set(tag)) == 1 and tag[0].lower() == truth.lower()
    if truth * _REPEATS in answer:
        yield Found(truth, "the repeated letter"), True
    elif repeated := _REPEATED.findall(answer):
        yield Found(repeated[-1], "the repeated letter"), False
    box = in_box(answer.replace(r"\\fbox{", r"\\boxed{"))
    if box is not None:
        bare = box.replace(r"\text{", "").replace("}", "").replace("\\", "").lower()
        yield Found(box, "the box"), bare == truth.lower()
    value = value_of(truth, question)
    if value in answer[-(_BEFORE_VALUE + len(value)) :]:
        yield Found(value, "the option's value near the end"), True
    line = answer.strip().split("\n")[-1]
    bare = line.strip().replace("*", "")
    if bare.lower() != truth.lower() and "(" in line and ")" in line:
        bare = line.split("(")[1].split(")")[0]
    if bare.upper() in list(_LETTERS):
        yield Found(bare, "the last line"), bare.lower() == truth.lower()


def value_of(letter: str, question: str) -> str:
    """The value of the option `letter` in the LaTeX list of `question`; FAILURE if it has none."""
    values = {found: value.strip() for found, value in _OPTION.findall(question)}
    return (values.get(letter) or NO_VALUE).strip("$").strip("~")
