"""Feedback on one component of the multi-hop program, from the gold row, the prediction and the traces only.

The content follows the paper's: the answer and its pages for the last step; the pages found and still needed
for the query; the gold sentences caught and lost for the summaries. One thing is mended: the list of pages
"still needed after the first search" is taken before the second search, not after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dspy
from dspy.evaluate.metrics import normalize_text

Trace = Sequence[tuple[Any, Mapping[str, Any], Any]]


def feedback_for(
    component: str, gold: dspy.Example, pred: Any, solved: bool, trace: Trace, own: Trace
) -> str:
    """Feedback for the predictor named `component`; `own` is that predictor's part of the trace.

    Unknown components get the feedback on the answer.
    """
    if "query" in component:
        return on_query(gold, solved, trace, own)
    if "summarize1" in component or "summarize2" in component:
        return on_summary(gold, solved, "summarize2" in component, trace, own)
    return on_answer(gold, pred, solved)


def on_answer(gold: dspy.Example, pred: Any, solved: bool) -> str:
    """Right or wrong, the reference answer, and the pages that prove it."""
    given = text_of(pred, "answer")
    if solved:
        verdict = f"Correct: the answer '{gold.answer}' matches the reference."
    elif given is None:
        verdict = f"Wrong: the program gave no answer. The reference answer is '{gold.answer}'."
    else:
        verdict = f"Wrong: the program answered '{given}'. The reference answer is '{gold.answer}'."
    pages = "\n".join(f"- {page['title']}: {page['text']}" for page in gold.gold_pages)
    return f"{verdict} Answers are compared word for word.\nPages that settle it:\n{pages}"


def on_query(gold: dspy.Example, solved: bool, trace: Trace, own: Trace) -> str:
    """Which gold pages the first search found, which were needed then, and which the second brought."""
    first = titles_in(inputs_of(trace, "passages", without="context").get("passages"))
    second = titles_in(inputs_of(trace, "passages", "context").get("passages"))
    query = text_of(own[0][2], "query") if own else None
    found = _among(gold.gold_titles, first)
    needed = [title for title in gold.gold_titles if title not in found]
    brought = [title for title in needed if title in _among(gold.gold_titles, second)]
    lost = [title for title in needed if title not in brought]
    parts = [
        f"The question's answer is '{gold.answer}', and the program got it {'right' if solved else 'wrong'}.",
        f"Pages found by the first search: {_listed(found)}.",
        f"Pages still needed after the first search: {_listed(needed)}.",
        f"Of these, the query '{query or ''}' brought: {_listed(brought)}.",
    ]
    if lost:
        texts = "\n".join(
            f"- {page['title']}: {page['text']}" for page in gold.gold_pages if page["title"] in lost
        )
        parts.append(f"It missed {_listed(lost)}. A better query leads from what is known to:\n{texts}")
    return "\n".join(parts)


def on_summary(gold: dspy.Example, solved: bool, second: bool, trace: Trace, own: Trace) -> str:
    """The gold sentences this summary should hold, the ones it caught, the ones it lost, and advice."""
    summary = (text_of(own[0][2], "summary") if own else None) or ""
    shown = own[0][1] if own else inputs_of(trace, "passages")
    retrieved = titles_in(shown.get("passages"))
    available = set(_among(gold.gold_titles, retrieved))
    caught, lost, unseen = [], [], []
    for page in gold.gold_pages:
        for sentence in page["support"] or [page["text"]]:
            line = f"- {page['title']}: {sentence}"
            if page["title"] not in available:
                unseen.append(line)
            elif _carries(summary, page["title"], sentence, gold.answer):
                caught.append(line)
            else:
                lost.append(line)
    outcome = "right" if solved else "wrong"
    parts = [f"The final answer should be '{gold.answer}', and the program got it {outcome}."]
    parts += _section("An ideal summary of these passages says:", caught + lost)
    parts += _section("Your summary has:", caught)
    parts += _section("Your summary lost:", lost)
    parts += _section(
        "Not among these passages, so still to be found:" if not second else "Never retrieved:", unseen
    )
    if lost:
        parts.append("Keep such facts with the names they are about.")
    if unseen and not second:
        parts.append("Leave the next search a trace of what is needed.")
    return "\n".join(parts)


def text_of(prediction: Any, name: str) -> str | None:
    """A text field of a prediction; None for a failed run, which has no fields."""
    if isinstance(prediction, dspy.Prediction | dspy.Example) and name in prediction:
        value = prediction[name]
        return None if value is None else str(value)
    return None


def inputs_of(trace: Trace, name: str, also: str = "", without: str = "") -> Mapping[str, Any]:
    """The inputs of the first step of `trace` that has the field `name`, and `also`, and not `without`."""
    for _, inputs, _ in trace:
        if name in inputs and (not also or also in inputs) and (not without or without not in inputs):
            return inputs
    return {}


def titles_in(passages: Any) -> list[str]:
    """Titles of passages "title | text"; none when there are no passages."""
    if not isinstance(passages, Iterable) or isinstance(passages, str):
        return []
    return [str(passage).partition(" | ")[0] for passage in passages]


def _among(wanted: Iterable[str], titles: Iterable[str]) -> list[str]:
    known = {normalize_text(title) for title in titles}
    return [title for title in wanted if normalize_text(title) in known]


def _carries(summary: str, title: str, sentence: str, answer: str) -> bool:
    """Whether a summary holds the gist of a sentence: most of its words, or the answer it was needed for."""
    held = set(normalize_text(summary).split())
    wanted = normalize_text(sentence).split()
    if normalize_text(answer) in normalize_text(sentence) and normalize_text(answer) not in normalize_text(
        summary
    ):
        return False
    return sum(word in held for word in wanted) >= 0.6 * len(wanted) and normalize_text(
        title
    ) in normalize_text(summary)


def _listed(titles: Sequence[str]) -> str:
    return ", ".join(f"'{title}'" for title in titles) if titles else "none"


def _section(heading: str, lines: Sequence[str]) -> list[str]:
    return [heading, *lines] if lines else []
