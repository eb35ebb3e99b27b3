"""Letters of customers, split into a code for the matter and one for the haste: two predictors.

Made from a seed; nothing to download. The codes are the house's own; the haste follows from what the letter
asks for, not from its tone.

A row looks like this (made up):
    letter: "The kettle leaks. I travel tomorrow and need it today."    matter: "RX"    haste: "H1"
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

import dspy

from benchmarks.tasks.small.program import Judge, Judged, first_line

SEEDS = {"sort": "Give the code of the matter.", "rank": "Give the code of the haste."}
SIGNATURES = {"sort": "letter -> matter", "rank": "letter -> haste"}
THINGS = ["kettle", "lamp", "radio", "chair", "clock", "heater", "mixer", "printer"]
MATTERS: Mapping[str, Sequence[str]] = {
    "RX": (
        "The {thing} leaks.",
        "My {thing} stopped after two days.",
        "The switch of the {thing} is loose.",
        "The {thing} makes a grinding noise.",
        "There is a crack in the {thing}.",
    ),
    "PM": (
        "I was charged twice for the {thing}.",
        "The invoice for the {thing} shows the wrong sum.",
        "You still owe me the money for the {thing}.",
        "The discount on the {thing} is missing from my bill.",
        "My card was debited before I bought the {thing}.",
    ),
    "DV": (
        "The {thing} has not arrived.",
        "The parcel with the {thing} went to my old street.",
        "Where is the {thing} that I ordered?",
        "The courier left the {thing} at the wrong door.",
        "The {thing} was due last Friday and is not here.",
    ),
    "AK": (
        "I cannot log in to see my order of the {thing}.",
        "Please change the email address under which I bought the {thing}.",
        "My password fails when I want to rate the {thing}.",
        "Please delete my account; the {thing} was my last order.",
        "The site does not accept my new phone number for the {thing}.",
    ),
}
HASTES: Mapping[str, Sequence[str]] = {
    "H1": (
        "I need an answer today.",
        "Please call within the hour.",
        "My guests come tonight.",
        "I travel tomorrow at six.",
    ),
    "H2": (
        "By the end of the week would do.",
        "Please sort it out before Sunday.",
        "I should like to hear from you in the next days.",
        "I am at home on Thursday.",
    ),
    "H3": (
        "There is no hurry.",
        "Whenever you find the time.",
        "I only wanted you to know.",
        "It can wait until next month.",
    ),
}
TONES = (
    "This is outrageous!",
    "Thank you for your patience.",
    "I have been a customer for years.",
    "Kind regards.",
    "I am really angry!!!",
    "Sorry to trouble you.",
)
MEANING = {
    "RX": "the thing is faulty",
    "PM": "it is about money",
    "DV": "it is about the delivery",
    "AK": "it is about the account or its data",
    "H1": "it is wanted within a day",
    "H2": "it is wanted within days",
    "H3": "it can wait",
}
BEST = {
    "sort": """Answer with one code only: RX, PM, DV or AK.
RX: the thing is broken or faulty. PM: money, bill, charge, refund. DV: delivery, parcel, not arrived.
AK: account, login, password, email address, phone number.
Examples:
The toaster smokes. -> RX
You billed me for two mugs. -> PM
My vase is not here yet. -> DV
I forgot my password. -> AK""",
    "rank": """Answer with one code only: H1, H2 or H3. Ignore whether the letter is angry or polite.
H1: wanted today, tonight, tomorrow or within hours. H2: wanted in some days or this week.
H3: no hurry, it can wait, no date.
Examples:
I need it tonight. -> H1
Before Saturday, please. -> H2
Take your time. -> H3""",
}


def judge_of(field: str) -> Judge:
    """Return what scores one of the two codes, and tells the right one and its meaning."""

    def judge(gold: dspy.Example, given: str) -> Judged:
        answer, wanted = first_line(given), gold[field]
        meaning = f"{wanted}, because {MEANING[wanted]}"
        if answer.upper() == wanted:
            return Judged(1.0, f"Right: the {field} is {meaning}.")
        return Judged(0.0, f"Wrong: '{answer[:60]}'. The {field} is {meaning}.")

    return judge


def rows(rng: Random, size: int) -> list[dspy.Example]:
    """Return letters with their codes, all different."""
    found: dict[str, dspy.Example] = {}
    while len(found) < size:
        row = _row(rng)
        found[row.letter] = row
    return list(found.values())


def _row(rng: Random) -> dspy.Example:
    matter, haste = rng.choice(list(MATTERS)), rng.choice(list(HASTES))
    parts = [rng.choice(MATTERS[matter]).format(thing=rng.choice(THINGS)), rng.choice(HASTES[haste])]
    rng.shuffle(parts)
    parts.insert(rng.randint(0, 2), rng.choice(TONES))
    return dspy.Example(letter=" ".join(parts), matter=matter, haste=haste).with_inputs("letter")
