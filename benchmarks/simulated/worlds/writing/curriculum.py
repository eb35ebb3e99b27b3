"""What a reflection model can learn and say about following instructions, judged by feedback in words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from benchmarks.simulated.evidence import Evidence, failed
from benchmarks.simulated.worlds.habits import HabitCurriculum
from benchmarks.simulated.worlds.writing.skills import SKILLS, stage_of_fields

_FAMILIES: Mapping[str, tuple[str, ...]] = {
    "count": (
        "Count words, sentences and occurrences before you finish.",
        "Keep to the exact number of words or sentences that is asked for.",
        "Mind how many and how often: counts must be right.",
    ),
    "keywords": (
        "Use every required word, and none that is forbidden.",
        "Include the keywords just as they are given.",
        "Put words that must occur where they are asked for.",
    ),
    "case": (
        "Write in capitals or in lower case where the query says so.",
        "Follow demands on upper-case letters strictly.",
        "Mind capital letters.",
    ),
    "marks": (
        "Do not use commas when told so.",
        "Obey demands on punctuation to the letter.",
        "Put the whole text in quotation marks if that is wanted.",
    ),
    "layout": (
        "Give the text the required format, with bullets, sections and titles as asked.",
        "Make as many paragraphs, bullets or highlighted parts as wanted.",
        "Follow the prescribed layout exactly.",
    ),
    "frame": (
        "Begin and end with the exact phrase that is asked for.",
        "Repeat the request first when the query says so.",
        "Mind what the first words and the last words have to be.",
    ),
    "language": (
        "Answer in the language that is asked for.",
        "Keep to the language that the query names.",
    ),
    "letters": (
        "Check each word for its letters and syllables where that is asked.",
        "Go word by word when the query makes demands on every word.",
    ),
    "only": (
        "Give only the response, nothing around it.",
        "Leave out introductions and remarks.",
        "Write just the text that is asked for.",
    ),
}
LESSONS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "write": {
        **_FAMILIES,
        "list": (
            "First list all constraints of the query, then write.",
            "Identify every requirement before you begin.",
            "Note each condition in the query and satisfy them all.",
        ),
    },
    "ensure": {
        **_FAMILIES,
        "recheck": (
            "Check the response against each constraint of the query.",
            "Go through the requirements one by one and mend what is broken.",
            "Verify every condition again before you answer.",
        ),
        "keep": (
            "Keep what is already right.",
            "Only change what breaks a rule.",
            "Leave the rest of the text as it is.",
        ),
    },
}
_BAD = (
    "Greet the user and introduce your answer.",
    "Explain which constraints you followed and how.",
    "Be friendly and polite.",
    "Make the text vivid and engaging.",
    "Improve the style so that it reads more natural.",
)
MISTAKES: Mapping[str, tuple[str, ...]] = {"write": _BAD, "ensure": _BAD}

_MISSED = re.compile(r"Missed constraints:\n((?:- .*\n?)+)")
# What the words of a constraint call for; a reader takes the first that fits.
_CUES: tuple[tuple[str, str], ...] = (
    ("language", r"\blanguage\b|\bin English and\b"),
    ("case", r"\bcapital letters\b|\bsmall letters\b|\btitle case\b"),
    ("marks", r"\bcomma\b|\bquotation\b|\bquotes\b|\bemoji\b|\bparenthes\w+|\bmarks \. , "),
    ("keywords", r"\b[Ww]ords?:? '|\bthese words\b|\bnames at least\b|' once\b"),
    (
        "frame",
        r"\b(?:begins|ends) with\b|\btwo different answers\b|\bwhole answer\b|\brequest\b|\bholds one of",
    ),
    (
        "layout",
        r"\bparagraphs?\b|\bbullet|\bsections?\b|\btitle\b|\bJSON\b|\[placeholders\]|\*highlighted\*|\bCSV\b",
    ),
    (
        "letters",
        r"\b(?:[Ee]ach|[Ee]very) word\b|\bsyllables\b|\bvowels\b|\bletters? of\b|\balphabet\b|\bpalindrome",
    ),
    ("count", r"\bexactly\b|\bat least\b|\bless than\b|\bat most\b|\bwords\b|\bsentences?\b|\btimes\b"),
)
_CHATTY = re.compile(r"^\W*(?:of course|sure|certainly|hello|here is)\b", re.IGNORECASE)


def lessons_in(stage: str, example: Evidence) -> frozenset[str]:
    """Habits whose lack a failed example shows: by the constraints it missed, and by its own text."""
    if not failed(example):
        return frozenset()
    return frozenset(_lessons(stage, example))


def _lessons(stage: str, example: Evidence) -> Iterator[str]:
    missed = [line for block in _MISSED.findall(example.feedback) for line in block.splitlines()]
    for line in missed:
        yield from [name for name, cue in _CUES if re.search(cue, line)][:1]
    response, final = example.fields.get("response", ""), example.fields.get("final_response", "")
    output = final if stage == "ensure" else response
    if _CHATTY.search(output):
        yield "only"
    if stage == "ensure" and missed:
        yield "recheck"
        if response and len(final) > len(response) and response[-40:] in final:
            yield "keep"
    if stage == "write" and missed:
        yield "list"


INSTRUCTIONS = HabitCurriculum(
    name="instructions",
    skills=dict(SKILLS),
    lessons=LESSONS,
    mistakes=MISTAKES,
    stage_of_fields=stage_of_fields,
    lessons_in=lessons_in,
)
