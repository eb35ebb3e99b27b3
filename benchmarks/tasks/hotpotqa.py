"""HotpotQA: multi-hop questions over Wikipedia paragraphs.

Data: https://huggingface.co/datasets/hotpotqa/hotpot_qa (configuration "fullwiki", split "train"),
Yang et al. 2018, https://hotpotqa.github.io. Licence: CC BY-SA 4.0.

Split rule (the paper's): of the list in its order, test is the first 40 %, validation the next 40 %, train
the rest; then 300, 300 and 150 rows are drawn with `random.Random(1).sample`.

Local files: a directory with hotpotqa/train.jsonl, val.jsonl, test.jsonl and corpus.jsonl, found through the
argument `data_dir` or the environment variable DSPY_GEPA_DATA. They are used with their own splits.

What is searched is the local corpus; for rows from the hub the 2017 Wikipedia abstracts, as in the paper,
where `python -m benchmarks wikipedia` has indexed them, else the union of the rows' own context paragraphs,
with a warning. Local corpus and paragraphs are far smaller than the abstracts, and so far easier.

A row looks like this (made up):
    question: "In which year was the painter of Harbour at Dusk born?"   answer: "1871"
    supporting_facts: [["Harbour at Dusk", 0], ["Ilse Maran", 0]]        type: "bridge"
    context: [["Ilse Maran", ["Ilse Maran (born 1871) was a painter.", "She lived in Vell."]], ...]
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import dspy

from benchmarks.scorers.retrieval.retriever import Retriever
from benchmarks.scorers.retrieval.wikipedia import is_built, open_wikipedia
from benchmarks.simulated import AnswerKey
from benchmarks.simulated.reflector import Reflector
from benchmarks.simulated.worlds.multihop.curriculum import MULTIHOP
from benchmarks.simulated.worlds.multihop.reader import MultiHopReader
from benchmarks.tasks.data import (
    Fetch,
    HubSet,
    Row,
    Splits,
    folder_of,
    paper_splits,
    read_files,
    read_hub,
    recut,
)
from benchmarks.tasks.multihop import BEST_INSTRUCTIONS, metric, program_factory
from benchmarks.tasks.task import Task

HUB = HubSet("hotpotqa/hotpot_qa", "1908d6afbbead072334abe2965f91bd2709910ab", "fullwiki")
SIZES = {"train": 150, "val": 300, "test": 300}
Pages = Mapping[str, str]


def load(data_dir: str | Path | None = None, seed: int = 0, hub: Fetch = HUB) -> Task:
    """The HotpotQA task.

    data_dir: directory that holds hotpotqa/*.jsonl; default: the environment variable DSPY_GEPA_DATA.
    seed: 0 keeps the splits; another value pools train and validation, shuffles, and cuts them anew.
    hub: what gives the hub's rows when there is no directory.
    Raises DataNotFound when the rows are to be had in neither way.
    """
    folder = folder_of("hotpotqa", data_dir)
    if folder:
        splits = read_files(folder, [*SIZES, "corpus"])
        local_pages = {page["title"]: page["text"] for page in splits.pop("corpus")}
        return build(recut(splits, seed), local_pages)
    splits, pages = read_hub_splits(hub)
    if is_built():
        return build(recut(splits, seed), pages, open_wikipedia())
    substitute = (
        f"it searches only the {len(pages):,} paragraphs that come with its own rows, where gold pages are "
        "easy to find, and not the abstracts of Wikipedia, which have no index here: "
        "`python -m benchmarks wikipedia` makes it"
    )
    warnings.warn(f"hotpotqa: {substitute}.", stacklevel=2)
    return replace(build(recut(splits, seed), pages), substitute=substitute)


def build(splits: Mapping[str, Sequence[Row]], pages: Pages, retriever: Retriever | None = None) -> Task:
    """The task over `splits` (train, val, test) and the corpus `pages` (title -> text).

    retriever: what is searched instead of `pages`.
    """
    if retriever is None:
        retriever = Retriever.from_passages(f"{title} | {text}" for title, text in pages.items())
    examples = {name: [example_of(row, pages) for row in rows] for name, rows in splits.items()}
    everything = [example for rows in examples.values() for example in rows]
    answers = AnswerKey.of((example.question, example.answer, example.gold_titles) for example in everything)
    return Task(
        name="hotpotqa",
        program=program_factory(retriever),
        metric=metric,
        train=examples["train"],
        val=examples["val"],
        test=examples["test"],
        task_role=MultiHopReader(answers),
        reflection_role=Reflector(MULTIHOP),
        best_instructions=BEST_INSTRUCTIONS,
        searched=retriever.identity,
    )


def example_of(row: Row, pages: Pages) -> dspy.Example:
    """A DSPy example: input `question`; `answer`, `gold_titles`, `gold_pages` (title, text, support).

    `support` holds the gold sentences, and is empty where a row does not tell which sentences they are.
    """
    context = dict(row["context"] or [])
    support: dict[str, list[str]] = {}
    for title, number in row["supporting_facts"]:
        lines = support.setdefault(title, [])
        if number is not None and title in context and 0 <= number < len(context[title]):
            lines.append(context[title][number].strip())
    gold = [
        {"title": title, "text": pages.get(title) or " ".join(context.get(title, [])), "support": lines}
        for title, lines in support.items()
    ]
    return dspy.Example(
        question=row["question"], answer=row["answer"], gold_titles=list(support), gold_pages=gold
    ).with_inputs("question")


def read_hub_splits(fetch: Fetch) -> tuple[Splits, dict[str, str]]:
    """Splits by the paper's rule from the hub's rows, and the union of their paragraphs as the corpus."""
    splits = paper_splits([_from_hub(row) for row in read_hub("hotpotqa", fetch)], SIZES)
    pages = {
        title: " ".join(line.strip() for line in sentences)
        for part in splits.values()
        for row in part
        for title, sentences in row["context"]
    }
    return splits, pages


def _from_hub(row: Row) -> Row:
    facts, context = row["supporting_facts"], row["context"]
    return {
        "question": row["question"],
        "answer": row["answer"],
        "supporting_facts": list(zip(facts["title"], facts["sent_id"], strict=True)),
        "context": list(zip(context["title"], context["sentences"], strict=True)),
    }
