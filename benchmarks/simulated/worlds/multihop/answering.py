"""The last stage: an answer out of two summaries, right or wrong, in better or worse form."""

from __future__ import annotations

import re

from benchmarks.simulated.knobs import Fact
from benchmarks.simulated.text import holds, names, normalise, pick, unit
from benchmarks.simulated.worlds.multihop.reading import has_figures, is_yes_no

LUCKY_WITHOUT_CARE = 0.7


def answer(question: str, text: str, fact: Fact | None, obeyed: frozenset[str], seed: str) -> str:
    """The model's answer to `question` given `text`, the summaries of its prompt.

    It is the fact's answer if `text` supports it, else a guess from `text`; then the form is decided by the
    rules obeyed. Without care for the evidence a supported answer is now and then missed all the same.
    """
    known = fact is not None and supports(text, question, fact)
    careful = "evidence" in obeyed or unit(seed, "care", normalise(question)) < LUCKY_WITHOUT_CARE
    if fact is not None and known and careful:
        found = fact.answer
    elif "hedge" in obeyed:
        return "Unknown, there is not enough information."
    else:
        found = guess(question, text, fact, seed)
    return in_form(found, question, obeyed)


def supports(text: str, question: str, fact: Fact) -> bool:
    """Whether `text` holds what is needed: the answer itself, or all pages' names when it is a comparison."""
    if normalise(fact.answer) in ("yes", "no") or holds(question, fact.answer):
        return all(holds(text, _subject(title)) for title in fact.titles)
    return holds(text, fact.answer)


def _subject(title: str) -> str:
    return re.sub(r"\s*\([^)]*\)\s*$", "", title)


def guess(question: str, text: str, fact: Fact | None, seed: str) -> str:
    """Something plausible: yes or no, or a name from `text` which is not the answer."""
    if is_yes_no(question) and " or " not in question:
        return pick(("yes", "no"), seed, "coin", question)
    right = normalise(fact.answer) if fact else ""
    options = [name for name in names(text) if normalise(name) != right]
    unasked = [name for name in options if not holds(question, name)] or options
    return pick(unasked[:5], seed, "guess", question) if unasked else "not stated"


def in_form(found: str, question: str, obeyed: frozenset[str]) -> str:
    """`found` as the model writes it: a bare phrase, or wrapped, cut or reworded by bad habits."""
    plain = normalise(found)
    if plain in ("yes", "no"):
        bare = "yes_no" in obeyed and "explain" not in obeyed
        return (
            plain
            if bare
            else f"{plain.capitalize()}, according to the summaries, {question.rstrip('?')[:60]}."
        )
    if has_figures(found):
        if "as_written" not in obeyed:
            found = f"around {found}"
    elif "full_name" not in obeyed and len(found.split()) > 1:
        found = found.split()[-1]
    if "short" in obeyed and "explain" not in obeyed:
        return found
    return f"The answer is {found}, because the summaries say so."
