"""What a reflection model can learn and say about redacting requests and finishing answers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from benchmarks.simulated.evidence import Evidence, failed
from benchmarks.simulated.text import names
from benchmarks.simulated.worlds.habits import HabitCurriculum
from benchmarks.simulated.worlds.privacy.delegate import NAME_WORDS
from benchmarks.simulated.worlds.privacy.skills import REDACT, RESPOND, SKILLS, stage_of_fields

LESSONS = {
    REDACT: {
        "names": (
            "Remove the names of persons from the request.",
            "Replace every personal name before anything is sent.",
            "Redact names; they must not reach the other model.",
        ),
        "places": (
            "Leave out organizations and places that point to the user.",
            "Replace companies, institutions and addresses by what kind of thing they are.",
            "Anonymize the titles of organizations and works too.",
        ),
        "details": (
            "Drop dates, numbers, jobs and other details that identify somebody.",
            "Generalize identifying details such as nationality.",
            "Think of what identifies a person indirectly and take it out.",
        ),
        "every": (
            "Do so at every mention and not only the first.",
            "Treat all occurrences alike.",
            "Be consistent throughout the text.",
        ),
        "recheck": (
            "Check the request again for anything private before you give it.",
            "Reread the text before sending, in search of what is left.",
            "Go over the request once more and see that nothing personal is left.",
        ),
        "placeholder": (
            "Use numbered placeholders such as [DETAIL 1].",
            "Put a placeholder where something was taken out.",
            "Write bracketed labels in place of what is private.",
        ),
        "whole": (
            "Keep the whole task and its context otherwise.",
            "Include all the requirements of the query.",
            "State the full request, so that nothing else is lost.",
        ),
    },
    RESPOND: {
        "restore": (
            "Fill in the placeholders with the details of the user's query.",
            "Put back the original names.",
            "Replace placeholders by what the user wrote.",
        ),
        "complete": (
            "Keep the whole response of the other model.",
            "Do not shorten what it says.",
            "Give the full answer, all of the text.",
        ),
        "plain": (
            "Do not mention the redaction.",
            "Never speak of placeholders or of the other model.",
            "Write as if you had answered directly.",
        ),
    },
}
MISTAKES = {
    REDACT: (
        "Pass on the query word for word, so that nothing is lost.",
        "Keep the request as vague as possible.",
        "Name only the general topic.",
        "Put it in very general terms.",
    ),
    RESPOND: (
        "Summarize the response.",
        "Answer in one short sentence.",
        "Be as brief as possible.",
    ),
}
_LEAKED = re.compile(r"\bleak\w*\D{0,20}(0?\.\d*[1-9]|1)", re.IGNORECASE)
_POOR = re.compile(r"\bquality\D{0,20}0(?!\.\d*[1-9])", re.IGNORECASE)
_OPEN = re.compile(r"\[[A-Z][A-Z _]*\d*\]")


def lessons_in(stage: str, example: Evidence) -> frozenset[str]:
    """Habits whose lack a failed example shows, from its texts and from what its feedback says in words."""
    if not failed(example):
        return frozenset()
    poor, leaked = (pattern.search(example.feedback) is not None for pattern in (_POOR, _LEAKED))
    if stage == REDACT:
        return frozenset(_on_request(example, poor, leaked))
    return frozenset(_on_response(example)) if poor else frozenset()


def _on_request(example: Evidence, poor: bool, leaked: bool) -> Iterator[str]:
    query, request = example.fields.get("user_query", ""), example.fields.get("llm_request", "")
    if leaked:
        stays = Counter({name: request.count(name) for name in names(query) if name in request})
        short = [name for name in stays if len(name.split()) <= NAME_WORDS]
        yield from (["names"] if short else []) + (["places"] if len(short) < len(stays) else [])
        yield from ("details", "recheck")
        if any(0 < request.count(name) < query.count(name) for name in stays):
            yield "every"
    if poor:
        if len(request) < 0.8 * len(query):
            yield "whole"
        if not _OPEN.search(request):
            yield "placeholder"


def _on_response(example: Evidence) -> Iterator[str]:
    told, response = example.fields.get("related_llm_response", ""), example.fields.get("response", "")
    if _OPEN.search(response):
        yield "restore"
    if len(response) < 0.85 * len(told):
        yield "complete"
    if re.search(r"\bredact|\bplaceholder", response, re.IGNORECASE):
        yield "plain"


PRIVACY = HabitCurriculum(
    name="privacy",
    skills=SKILLS,
    lessons=LESSONS,
    mistakes=MISTAKES,
    stage_of_fields=stage_of_fields,
    lessons_in=lessons_in,
)
