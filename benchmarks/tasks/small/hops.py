"""Two search queries for a question, the second in view of what the first found: two predictors.

Data: questions and corpus of HotpotQA where local files are given (see `tasks.hotpotqa`), else of the
invented world. Searched and shown are a page's title and the beginning of its text. A search finds one page:
the one that the query is the title of, else the one that fits best. The score is the share of the gold pages
that the two searches found.

A row looks like this (made up):
    question: "When was the painter of Harbour at Dusk born?"    titles: ["Harbour at Dusk", "Ilse Maran"]
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from random import Random
from typing import Any

import dspy

from benchmarks.scorers.retrieval.retriever import Retriever
from benchmarks.simulated.worlds.multihop.world import build_world
from benchmarks.tasks.data import folder_of, read_files
from benchmarks.tasks.feedback import text_of
from benchmarks.tasks.small.program import first_line
from benchmarks.tasks.small.queues import short_rows

SEEDS = dict.fromkeys(("first", "second"), "Write a search query for the question.")
SIGNATURES = {"first": "question -> query", "second": "question, found -> next_query"}
FOUND = {"first": "found", "second": "found_next"}  # the field of what each query found
LONGEST = 100  # characters of a question, so that an answer of 20 tokens can hold it
WORDS = 40  # of a page, its title with them, that are searched and shown
_NOTE = re.compile(r" \([^()]*\)$")  # in a title, as in "Vell (river)"
_SEPARATOR = " | "  # between title and text, as in the passages of a retriever
BEST = {
    "first": """Copy the question word for word. Do not answer it.
Examples:
When was the painter of Harbour at Dusk born? -> When was the painter of Harbour at Dusk born
Are Ilse Maran and Otto Dorn both painters? -> Are Ilse Maran and Otto Dorn both painters
The singer Nora Finch played in which film? -> The singer Nora Finch played in which film""",
    "second": """Two pages are needed for the question, and one is found. Write the name of the other only.
1. Does the question name another thing, which is not the found one? Write that name.
2. Else write the person, place or work in the text of the found page that the question leads to.
Never write the title of the found page.
Examples:
Asked "Which is older, the Vell Mill or the Tarn Kiln?", found "Vell Mill": write Tarn Kiln
Asked "Are Ilse Maran and Otto Dorn both painters?", found "Otto Dorn": write Ilse Maran
Asked "When was the painter of Harbour at Dusk born?", found "Harbour at Dusk | a painting by Ilse Maran": \
write Ilse Maran
Asked "Which team did the winner of the 1950 Halm Cup coach?", found "1950 Halm Cup | a race in Vell, won by \
Emil Lowe": write Emil Lowe
Asked "Which singer of Blue Lamp was in the film Night Ferry?", found "Night Ferry": write Blue Lamp""",
}


@dataclass(frozen=True)
class Search:
    """Finds one page by its title, else by BM25. titles: pages by title in lower case."""

    retriever: Retriever
    titles: Mapping[str, str]

    @classmethod
    def over(cls, pages: Iterable[tuple[str, str]]) -> Search:
        """Return the search over pages (title, text). A title also counts without the note in brackets."""
        passages = {
            unescape(title): _beginning(unescape(f"{title}{_SEPARATOR}{text}")) for title, text in pages
        }
        exact = {title.lower(): passage for title, passage in passages.items()}
        bare = {_NOTE.sub("", title): passage for title, passage in exact.items()}
        return cls(Retriever.from_passages(passages.values()), bare | exact)

    def __call__(self, answer: str) -> str:
        """Return the page that the first line of an answer finds; nothing for an empty one."""
        query = first_line(answer)
        if not query:
            return ""
        return self.titles.get(query.lower()) or self.retriever.search(query, 1)[0]

    def __deepcopy__(self, memo: dict[int, Any]) -> Search:
        # Optimizers copy programs all the time, and the pages never change.
        return self

    @property
    def follows(self) -> Mapping[str, tuple[str, Search]]:
        """The search after each predictor, as `SmallProgram` takes it."""
        return {name: (field, self) for name, field in FOUND.items()}


def metric(
    gold: dspy.Example, pred: Any, trace: Any = None, pred_name: str | None = None, pred_trace: Any = None
) -> dspy.Prediction:
    """Score the share of gold pages found, and tell what each search found and what is missing.

    The feedback on the first query leaves out the second search.
    """
    known: list[str] = []
    told = []
    for name, field in FOUND.items():
        title = (text_of(pred, field) or "").partition(_SEPARATOR)[0]
        told.append(f"The {name} search found {_judged(title, gold.titles, known)}.")
        known.append(title)
        told.append(f"Gold pages not found yet: {_quoted(_missing(gold.titles, known))}.")
    score = 1 - len(_missing(gold.titles, known)) / len(gold.titles)
    return dspy.Prediction(score=score, feedback=" ".join(told[:2] if pred_name == "first" else told))


def _missing(gold: Sequence[str], known: Sequence[str]) -> list[str]:
    return [title for title in gold if title not in known]


def _judged(title: str, gold: Sequence[str], known: Sequence[str]) -> str:
    if not title:
        return "nothing"
    if title in known:
        return f"'{title}' again"
    return f"'{title}', {'a' if title in gold else 'no'} gold page"


def _quoted(titles: Sequence[str]) -> str:
    return ", ".join(f"'{title}'" for title in titles) or "none"


def search(data_dir: str | Path | None) -> Search:
    """Return the search over the pages that belong to the rows."""
    folder = folder_of("hotpotqa", data_dir)
    if folder is None:
        pages = [(article.title, article.text) for article in build_world(0).articles]
    else:
        pages = [(page["title"], page["text"]) for page in read_files(folder, ["corpus"])["corpus"]]
    return Search.over(pages)


def _beginning(passage: str) -> str:
    return " ".join(passage.split()[:WORDS])


def rows(rng: Random, size: int, data_dir: str | Path | None) -> list[dspy.Example]:
    """Return questions with the titles of their gold pages, all different."""
    found = {question: list(dict.fromkeys(map(unescape, titles))) for question, titles in _asked(data_dir)}
    made = [
        dspy.Example(question=question, titles=titles).with_inputs("question")
        for question, titles in found.items()
    ]
    return rng.sample(made, min(size, len(made)))


def _asked(data_dir: str | Path | None) -> list[tuple[str, list[str]]]:
    folder = folder_of("hotpotqa", data_dir)
    if folder is None:
        return [(asked.text, [title for title, _ in asked.support]) for asked in build_world(0).questions]
    return [
        (row["question"], [title for title, _ in row["supporting_facts"]])
        for row in short_rows(folder, LONGEST)
    ]
