"""Feedback on one component of the HoVer program: what its search found, and which pages are still missing.

The content follows the paper's. A summary and the query made of it get the same feedback, on the search that
follows them: it compares what was found before that search with what was found by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dspy.evaluate.metrics import normalize_text

from benchmarks.tasks.feedback import Trace, inputs_of, text_of, titles_in

SECOND_HALF = ("summarize2", "create_query_hop3")


def feedback_for(
    component: str, gold: Sequence[str], retrieved: Sequence[str], trace: Trace, own: Trace
) -> str:
    """Feedback for the predictor named `component`, from the titles wanted and those retrieved in all.

    own: that predictor's part of `trace`. Unknown components get the feedback on the program as a whole.
    """
    missing = _lacking(gold, retrieved)
    if not missing:
        return "Solved: all pages the claim rests on were found. This step did its part; keep what it does."
    first = titles_in(inputs_of(trace, "passages", without="context").get("passages"))
    second = titles_in(inputs_of(trace, "passages", "context").get("passages"))
    third = list(retrieved)[len(first) + len(second) :]
    late = any(name in component for name in SECOND_HALF)
    before, brought = ([*first, *second], third) if late else (first, second)
    after = _lacking(gold, [*before, *brought])
    known = _among(gold, before)
    new = [title for title in _among(gold, brought) if title not in known]
    said = text_of(own[0][2], "query") if own else None
    source = f"the query '{said}'" if said else "the search that followed"
    parts = [
        "Not solved: some pages the claim rests on were never found.",
        f"Found before this step's search: {_listed(known)}.",
        f"Brought by {source}: {_listed(new)}.",
    ]
    if after:
        parts += ["Still to be found after it:", *(f"- {title}" for title in after)]
        parts.append(
            "Look in the passages and in what is known for whatever links them to these pages, name the link "
            "in the summary, and search for it by name."
        )
    else:
        parts.append("This step's search had what it needed.")
    return "\n".join(parts)


def _lacking(wanted: Iterable[str], titles: Iterable[str]) -> list[str]:
    known = {normalize_text(title) for title in titles}
    return [title for title in wanted if normalize_text(title) not in known]


def _among(wanted: Iterable[str], titles: Iterable[str]) -> list[str]:
    known = {normalize_text(title) for title in titles}
    return [title for title in wanted if normalize_text(title) in known]


def _listed(titles: Sequence[str]) -> str:
    return ", ".join(f"'{title}'" for title in titles) if titles else "none"
