"""Questions sorted into four invented queues, by rules that only feedback tells.

Data: questions of HotpotQA where local files are given (see `tasks.hotpotqa`), else of the invented world.
The queue follows from the question's own words, see `QUEUES`: the first whose rule fits.

A row looks like this (made up):
    question: "Which is older, the mill or the kiln?"    queue: "amber"
"""

from __future__ import annotations

import re
from itertools import zip_longest
from pathlib import Path
from random import Random

import dspy

from benchmarks.simulated.worlds.multihop.world import build_world
from benchmarks.tasks.data import Row, folder_of, read_files
from benchmarks.tasks.small.program import Judged, first_line

LONGEST = 160  # characters of a question
SEEDS = {"sort": "Sort the question into its queue."}
SIGNATURES = {"sort": "question -> queue"}
_CHOICE = re.compile(r"^(is|are|was|were|do|does|did|has|have|can)\b|\b(both|either|or)\b", re.IGNORECASE)
_NUMBER = re.compile(
    r"\b(when|how (many|much|long|old|far|large|tall|high|big)|(what|which) (year|date|month|day|decade|"
    r"century|age|number|season|percentage|population))\b",
    re.IGNORECASE,
)
_PERSON = re.compile(r"\b(who|whom|whose)\b", re.IGNORECASE)
QUEUES = {
    "amber": "it begins with a verb such as is, are or did, or has the word both, either or or",
    "cobalt": "it asks for a time or a number, with words such as when, what year or how many",
    "ivory": "it has the word who, whom or whose",
    "slate": "no other queue takes it",
}
BEST = {
    "sort": """Answer with one word: amber, cobalt, ivory or slate. Check in this order:
1. amber: the question begins with Is, Are, Was, Were, Do, Does or Did, or has the word both, either or or.
2. cobalt: it asks for a time or a number (when, what year, how many, how old).
3. ivory: it has the word who, whom or whose.
4. slate: everything else.
Examples:
Who painted the harbour at dusk? ivory
In what year did the mill burn? cobalt
Are Oslo and Bergen ports? amber
Which band recorded the song? slate
What city lies on the river? slate
Which opened first, the mill or the kiln? amber
The man who built the mill was born where? ivory"""
}


def queue_of(question: str) -> str:
    """Return the queue of a question."""
    for queue, rule in (("amber", _CHOICE), ("cobalt", _NUMBER), ("ivory", _PERSON)):
        if rule.search(question):
            return queue
    return "slate"


def judge(gold: dspy.Example, given: str) -> Judged:
    """Score a queue, and tell the right one and its rule."""
    answer = first_line(given)
    reason = QUEUES[gold.queue]
    if answer.lower() == gold.queue:
        return Judged(1.0, f"Right: the queue is {gold.queue}, because {reason}.")
    return Judged(0.0, f"Wrong: '{answer[:60]}'. The queue is {gold.queue}, because {reason}.")


def rows(rng: Random, size: int, data_dir: str | Path | None) -> list[dspy.Example]:
    """Return questions with their queues, the queues in turn as long as a queue has some."""
    made = [
        dspy.Example(question=text, queue=queue_of(text)).with_inputs("question")
        for text in _questions(data_dir)
    ]
    found = list({row.question: row for row in made}.values())
    rng.shuffle(found)
    by_queue = [[row for row in found if row.queue == queue] for queue in QUEUES]
    return [row for turn in zip_longest(*by_queue) for row in turn if row is not None][:size]


def _questions(data_dir: str | Path | None) -> list[str]:
    folder = folder_of("hotpotqa", data_dir)
    if folder is None:
        return [question.text for question in build_world(0).questions]
    return [str(row["question"]) for row in short_rows(folder, LONGEST)]


def short_rows(folder: Path, longest: int) -> list[Row]:
    """Return the rows of HotpotQA's local files whose questions have fewer than `longest` characters."""
    splits = read_files(folder, ["train", "val", "test"])
    return [row for part in splits.values() for row in part if len(row["question"]) < longest]
