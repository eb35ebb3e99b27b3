"""HoVer: claims that rest on three Wikipedia pages, which a program has to find in three searches.

Data: the training file of https://github.com/hover-nlp/hover, else its copy as Parquet on the hub (the hub's
hover-nlp/hover is a script, which `datasets` does not run), Jiang et al. 2020, https://hover-nlp.github.io.
Licence: MIT. Their claims are searched for in the 2017 Wikipedia abstracts, which `python -m benchmarks
wikipedia` downloads and indexes.

Split rule (the paper's): rows with exactly three different gold titles, shuffled by `random.Random(0)`; test
is the first 40 %, validation the next 40 %, train the rest; then 300, 300 and 150 rows are drawn.

Local files: hover/hover_train_release_v1.1.json, which is cut like the public one; else hover/train.jsonl,
val.jsonl, test.jsonl and corpus.jsonl (title, text), with their own splits. A page of the corpus may have no
text: it can be found by its title and tells a reader nothing.

A row looks like this (made up):
    claim: "The painter of Harbour at Dusk was born in the town that holds the Heron Regatta."
    supporting_facts: [{"key": "Harbour at Dusk", "value": 0}, {"key": "Ilse Maran", "value": 1}, ...]
    label: "SUPPORTED", which the paper's metric does not look at
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import dspy
from dspy.evaluate.metrics import normalize_text

from benchmarks.scorers.retrieval.retriever import Retriever
from benchmarks.scorers.retrieval.wikipedia import IndexNotFound, open_wikipedia
from benchmarks.simulated import AnswerKey
from benchmarks.simulated.reflector import Reflector
from benchmarks.simulated.worlds.multihop.curriculum import MULTIHOP
from benchmarks.simulated.worlds.multihop.reader import MultiHopReader
from benchmarks.tasks.data import (
    DataNotFound,
    Expected,
    Fetch,
    FirstOf,
    HubSet,
    RepositoryFile,
    Row,
    Splits,
    folder_of,
    local_file,
    paper_splits,
    read_files,
    read_hub,
    recut,
)
from benchmarks.tasks.feedback import Trace, inputs_of, text_of, titles_in
from benchmarks.tasks.multihop import BEST_INSTRUCTIONS
from benchmarks.tasks.task import Task

SIZES = {"train": 150, "val": 300, "test": 300}
GOLD_TITLES = 3
ELIGIBLE = Expected(
    6084,
    kept=lambda row: len(gold_titles(row)) == GOLD_TITLES,
    told=f"claims with {GOLD_TITLES} different gold titles",
)
TRAIN_FILE = RepositoryFile(
    "hover-nlp/hover",
    "39b84697f196308f398a251a7aea9b82ae0f0562",
    "data/hover/hover_train_release_v1.1.json",
    "49a36d7eb2f319329264b546cb687f54b8f1990f",
    expected=ELIGIBLE,
)
# No revision of the copy is known to be kept; the number of eligible claims is checked.
PARQUET = HubSet("vincentkoc/hover-parquet", None, expected=ELIGIBLE)
HUB = FirstOf((TRAIN_FILE, PARQUET))
PASSAGES_PER_HOP = (7, 7, 10)
STEPS = ("summarize1", "create_query_hop2", "summarize2")  # shared with the question-answering program


class Searcher(Protocol):
    """What the program needs of a retriever."""

    def search(self, query: str, k: int) -> list[str]:
        """The `k` best passages "title | text", best first."""
        ...


class HoverMultiHop(dspy.Module):
    """Collects 24 passages for a claim in three searches of 7, 7 and 10. Deep copies share the retriever."""

    def __init__(self, retriever: Searcher) -> None:
        super().__init__()
        self.retriever = retriever
        # In the artifact's order: components are rewritten in turn.
        self.create_query_hop2 = dspy.ChainOfThought("claim, summary_1 -> query")
        self.create_query_hop3 = dspy.ChainOfThought("claim, summary_1, summary_2 -> query")
        self.summarize1 = dspy.ChainOfThought("claim, passages -> summary")
        self.summarize2 = dspy.ChainOfThought("claim, context, passages -> summary")

    def forward(self, claim: str) -> dspy.Prediction:
        """A prediction with `retrieved_docs`, the passages of all three searches in order."""
        first, second, third = PASSAGES_PER_HOP
        pages = self.retriever.search(claim, first)
        summary_1 = self.summarize1(claim=claim, passages=pages).summary
        query = self.create_query_hop2(claim=claim, summary_1=summary_1).query
        more = self.retriever.search(query, second)
        summary_2 = self.summarize2(claim=claim, context=summary_1, passages=more).summary
        query = self.create_query_hop3(claim=claim, summary_1=summary_1, summary_2=summary_2).query
        return dspy.Prediction(retrieved_docs=[*pages, *more, *self.retriever.search(query, third)])


def metric(
    gold: dspy.Example, pred: Any, trace: Any = None, pred_name: str | None = None, pred_trace: Any = None
) -> dspy.Prediction:
    """1.0 when every gold title is among the retrieved ones, else 0.0; `gold` needs gold_titles."""
    documents = pred.get("retrieved_docs") if isinstance(pred, dspy.Prediction) else None
    found = {normalize_text(title) for title in titles_in(documents)}
    solved = all(normalize_text(title) in found for title in gold.gold_titles)
    feedback = feedback_for(
        pred_name or "", gold.gold_titles, titles_in(documents), trace or (), pred_trace or ()
    )
    return dspy.Prediction(score=float(solved), feedback=feedback)


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


def load(
    data_dir: str | Path | None = None, seed: int = 0, hub: Fetch = HUB, retriever: Searcher | None = None
) -> Task:
    """The HoVer task.

    data_dir: directory that holds hover/*.jsonl; default: the environment variable DSPY_GEPA_DATA.
    seed: 0 keeps the splits; another value pools train and validation, shuffles, and cuts them anew.
    hub: what gives the public rows when there is no directory.
    retriever: what is searched for public rows; default: the index of the Wikipedia abstracts.
    Raises DataNotFound when rows or index are not to be had.
    """
    folder = folder_of("hover", data_dir)
    if folder and (rows := local_file(folder, TRAIN_FILE)) is not None:
        return build(recut(hub_splits(rows), seed), retriever or _wikipedia())
    if folder:
        splits = read_files(folder, [*SIZES, "corpus"])
        corpus = splits.pop("corpus")
        local = Retriever.from_passages(f"{page['title']} | {page['text'] or ''}" for page in corpus)
        return build(recut(splits, seed), local)
    splits = hub_splits(read_hub("hover", hub))
    return build(recut(splits, seed), retriever or _wikipedia())


def _wikipedia() -> Searcher:
    try:
        return open_wikipedia()
    except IndexNotFound as error:
        raise DataNotFound(str(error)) from error


def hub_splits(rows: Sequence[Row]) -> Splits:
    """The paper's splits of the public rows."""
    chosen = [row for row in rows if len(gold_titles(row)) == GOLD_TITLES]
    random.Random(0).shuffle(chosen)
    return paper_splits(chosen, SIZES)


def build(splits: Mapping[str, Sequence[Row]], retriever: Searcher) -> Task:
    """The task over `splits` (train, val, test)."""
    examples = {name: [example_of(row) for row in rows] for name, rows in splits.items()}
    key = AnswerKey.of(
        (example.claim, "", example.gold_titles) for rows in examples.values() for example in rows
    )
    first, query, second = (BEST_INSTRUCTIONS[f"{name}.predict"] for name in STEPS)
    return Task(
        name="hover",
        program=partial(HoverMultiHop, retriever),
        metric=metric,
        train=examples["train"],
        val=examples["val"],
        test=examples["test"],
        task_role=MultiHopReader(key, recalls=True),
        reflection_role=Reflector(MULTIHOP),
        best_instructions={
            "summarize1.predict": first,
            "create_query_hop2.predict": query,
            "summarize2.predict": f"{second} End with what is still missing.",
            "create_query_hop3.predict": query,
        },
        searched=getattr(retriever, "identity", "a corpus of the caller's"),
    )


def example_of(row: Row) -> dspy.Example:
    """A DSPy example: input `claim`; `gold_titles`."""
    return dspy.Example(claim=row["claim"], gold_titles=gold_titles(row)).with_inputs("claim")


def gold_titles(row: Row) -> list[str]:
    """The different titles a row's claim rests on, in the row's order.

    Copies of the data write a fact as a pair [title, sentence] or as an object with `key` (also `title`), or
    all facts as an object with a list of `key` (also `title`).

    Raises:
        ValueError: The facts are written otherwise.
    """
    facts = row["supporting_facts"]
    if isinstance(facts, Mapping):
        facts = [{"key": title} for title in facts.get("key", facts.get("title", [None]))]
    titles: list[Any] = [
        fact.get("key", fact.get("title")) if isinstance(fact, Mapping) else fact[0] for fact in facts
    ]
    if not all(isinstance(title, str) for title in titles) or any(isinstance(fact, str) for fact in facts):
        raise ValueError(
            f"HoVer's supporting_facts {str(row['supporting_facts'])[:200]} are neither pairs [title, "
            "sentence] nor objects with key, or title."
        )
    return list(dict.fromkeys(titles))
