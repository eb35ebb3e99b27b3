"""Orders out of short messages, brought into a house's format. Made from a seed; nothing to download.

The card is `NAME/AMOUNT/DAY`: the family name in capitals, the amount as digits and a unit of one letter,
the day as month and day in digits, `mmdd`.

A row looks like this (made up):
    note: "Marta Quill here. Send two boxes of pears by 4 May."    card: "QUILL/2B/0504"
"""

from __future__ import annotations

from random import Random

import dspy

from benchmarks.tasks.small.program import Judged, first_line

SEEDS = {"write": "Write the card for the note."}
SIGNATURES = {"write": "note -> card"}
FIRST = [
    "Marta",
    "Ilse",
    "Jonas",
    "Petra",
    "Oskar",
    "Lena",
    "Viktor",
    "Nora",
    "Emil",
    "Hanna",
    "Tomas",
    "Greta",
]
LAST = [
    "Quill",
    "Maran",
    "Dorn",
    "Vesper",
    "Halm",
    "Kessel",
    "Brandt",
    "Lowe",
    "Tarn",
    "Ostrow",
    "Finch",
    "Aldane",
]
UNITS = {"boxes": "B", "crates": "C", "sacks": "S", "jars": "J", "dozen": "D"}
GOODS = ["pears", "apples", "candles", "nails", "onions", "cups", "plums", "tiles", "walnuts", "lamps"]
WORDS = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "twelve"]
NUMBERS = (2, 3, 4, 5, 6, 7, 8, 9, 10, 12)
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
SHAPES = (
    "{first} {last} here. Send {amount} {unit} of {goods} by {day} {month}.",
    "Please have {amount} {unit} of {goods} ready on {month} {day}. Regards, {first} {last}",
    "We need {amount} {unit} of {goods} for {first} {last}, not later than {day} {month}, thank you.",
    "On {month} {day} {first} {last} comes for the {goods}: {amount} {unit}.",
    "Could you deliver to {first} {last}? It is about {amount} {unit} of {goods}, due {day} {month}.",
)
PARTS = ("name", "amount", "day")
RULES = {
    "name": "the family name alone, in capitals",
    "amount": "the amount in digits, then the first letter of the unit as a capital",
    "day": "month and day as four digits, the month first",
}
BEST = {
    "write": """Write the card as NAME/AMOUNT/DAY and nothing else.
NAME: the family name only, in capital letters.
AMOUNT: the number in digits, then a capital letter for the unit: B boxes, C crates, S sacks, J jars, D dozen.
DAY: two digits for the month, then two digits for the day.
Examples:
Marta Quill here. Send two boxes of pears by 4 May. -> QUILL/2B/0504
On November 21 Oskar Dorn comes for the tiles: seven crates. -> DORN/7C/1121
Please have 12 dozen of cups ready on March 9. Regards, Nora Finch -> FINCH/12D/0309"""
}


def judge(gold: dspy.Example, given: str) -> Judged:
    """Score the share of right parts, and tell what each should be."""
    answer = first_line(given)
    have, want = answer.split("/"), gold.card.split("/")
    if len(have) != len(want):
        told = f"Wrong: '{answer[:80]}' is no card of three parts, / between them. The card is {gold.card}."
        return Judged(0.0, told)
    right = [a.strip() == b for a, b in zip(have, want, strict=True)]
    if all(right):
        return Judged(1.0, f"Right: the card is {gold.card}.")
    wrong = [
        f"{part} is '{want[place]}', not '{have[place][:30]}' ({RULES[part]})"
        for place, part in enumerate(PARTS)
        if not right[place]
    ]
    return Judged(sum(right) / len(right), f"The card is {gold.card}: {'; '.join(wrong)}.")


def rows(rng: Random, size: int) -> list[dspy.Example]:
    """Return notes with their cards, all different."""
    found: dict[str, dspy.Example] = {}
    while len(found) < size:
        row = _row(rng)
        found[row.note] = row
    return list(found.values())


def _row(rng: Random) -> dspy.Example:
    place, month, day = rng.randrange(len(NUMBERS)), rng.randrange(12), rng.randint(1, 28)
    unit, last = rng.choice(list(UNITS)), rng.choice(LAST)
    note = rng.choice(SHAPES).format(
        first=rng.choice(FIRST),
        last=last,
        amount=rng.choice([WORDS[place], str(NUMBERS[place])]),
        unit=unit,
        goods=rng.choice(GOODS),
        day=day,
        month=MONTHS[month],
    )
    card = f"{last.upper()}/{NUMBERS[place]}{UNITS[unit]}/{month + 1:02d}{day:02d}"
    return dspy.Example(note=note, card=card).with_inputs("note")
