"""Lines for goods under rules that a program can check, as in IFEval. Made from a seed; nothing to download.

The rules of the house: at most seven words, no capital letters, the first word is "try", the line ends with
the season and without a full stop. The score is the share of rules kept.

A row looks like this (made up):
    good: "a tin lamp"   season: "autumn"      a good line: "try a warm light for dark autumn"
"""

from __future__ import annotations

from random import Random

import dspy

from benchmarks.tasks.small.program import Judged

SEEDS = {"write": "Write an advertising line."}
SIGNATURES = {"write": "good, season -> line"}
KINDS = [
    "lamp",
    "kettle",
    "blanket",
    "bicycle",
    "radio",
    "teapot",
    "lantern",
    "basket",
    "hammock",
    "umbrella",
    "clock",
    "mirror",
]
MADE_OF = [
    "tin",
    "copper",
    "woollen",
    "wooden",
    "folding",
    "paper",
    "glass",
    "striped",
    "old-fashioned",
    "tiny",
]
SEASONS = ["spring", "summer", "autumn", "winter"]
MOST_WORDS = 7
BEST = {
    "write": """Write one short line of 4 to 7 words, all in lower case.
The first word is "try". The last word is the season. Put no full stop or other mark at the end.
Examples:
good: a red sledge, season: winter -> try a red sledge this winter
good: a straw hat, season: summer -> try cool shade in summer"""
}


def judge(gold: dspy.Example, given: str) -> Judged:
    """Score the share of rules kept, and tell those that are broken."""
    words = given.split()
    if not words:
        return Judged(0.0, "No line was given.")
    rules = {
        f"it has {len(words)} words, at most {MOST_WORDS} are allowed": len(words) <= MOST_WORDS,
        "it has capital letters": given == given.lower(),
        f"its first word is '{words[0]}', not 'try'": words[0] == "try",
        f"it does not end with the season '{gold.season}' alone, without a mark after it": given.endswith(
            f" {gold.season}"
        ),
    }
    broken = [rule for rule, kept in rules.items() if not kept]
    told = f"Rules broken by '{given[:80]}': {'; '.join(broken)}." if broken else "All rules are kept."
    return Judged(1 - len(broken) / len(rules), told)


def rows(rng: Random, size: int) -> list[dspy.Example]:
    """Return goods with a season each, all different."""
    pairs = [(f"a {how} {kind}", season) for how in MADE_OF for kind in KINDS for season in SEASONS]
    return [
        dspy.Example(good=good, season=season).with_inputs("good", "season")
        for good, season in rng.sample(pairs, size)
    ]
