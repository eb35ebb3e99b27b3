"""HotpotQA: multi-hop questions over Wikipedia paragraphs.

Data: https://huggingface.co/datasets/hotpotqa/hotpot_qa (configuration "fullwiki", split "train"),
Yang et al. 2018, https://hotpotqa.github.io. Licence: CC BY-SA 4.0.

Split rule (the paper's): of the list in its order, test is the first 40 %, validation the next 40 %, train
the rest; then 300, 300 and 150 rows are drawn with `random.Random(1).sample`.

Local files: a directory with hotpotqa/train.jsonl, val.jsonl, test.jsonl and corpus.jsonl, found through the
argument `data_dir` or the environment variable DSPY_GEPA_DATA. They are used with their own splits.

What is searched is the local corpus, or for rows from the hub the union of their own context paragraphs.
Both are far smaller, and so far easier, than the 2017 Wikipedia abstracts of the paper; the full index is a
later addition.

A row looks like this (made up):
    question: "In which year was the painter of Harbour at Dusk born?"   answer: "1871"
    supporting_facts: [["Harbour at Dusk", 0], ["Ilse Maran", 0]]        type: "bridge"
    context: [["Ilse Maran", ["Ilse Maran (born 1871) was a painter.", "She lived in Vell."]], ...]
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import dspy

from benchmarks.retrieval import Retriever
from benchmarks.simulated import AnswerKey
from benchmarks.simulated.multihop import MultiHopReader
from benchmarks.simulated.reflection import Reflector
from benchmarks.tasks.exact_match import metric
from benchmarks.tasks.multihop import BEST_INSTRUCTIONS, program_factory
from benchmarks.tasks.task import Task

ENVIRONMENT = "DSPY_GEPA_DATA"
SIZES = {"train": 150, "val": 300, "test": 300}
Row = Mapping[str, Any]
Pages = Mapping[str, str]


class DataNotFound(FileNotFoundError):  # noqa: N818 - reads as what happened
    """Neither local files nor the hub could give the data; the message names both ways."""


def load(
    data_dir: str | Path | None = None, seed: int = 0, hub: Callable[[], Iterable[Row]] | None = None
) -> Task:
    """The HotpotQA task.

    data_dir: directory that holds hotpotqa/*.jsonl; default: the environment variable DSPY_GEPA_DATA.
    seed: 0 keeps the splits; another value pools train and validation, shuffles, and cuts them anew.
    hub: what gives the hub's rows when there is no directory; default: the `datasets` library.
    Raises DataNotFound when the rows are to be had in neither way.
    """
    chosen = data_dir if data_dir is not None else os.environ.get(ENVIRONMENT)
    if chosen:
        splits, pages = read_local(Path(chosen) / "hotpotqa")
    else:
        splits, pages = read_hub(hub or hub_rows)
    if seed:
        splits = recut(splits, seed)
    return build(splits, pages)


def build(splits: Mapping[str, Sequence[Row]], pages: Pages) -> Task:
    """The task over `splits` (train, val, test) and the corpus `pages` (title -> text)."""
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
        reflection_role=Reflector(),
        best_instructions=BEST_INSTRUCTIONS,
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


def read_local(folder: Path) -> tuple[dict[str, list[Row]], dict[str, str]]:
    """Splits and corpus from JSON-lines files. Raises DataNotFound when a file is missing."""
    names = [*SIZES, "corpus"]
    absent = [f"{name}.jsonl" for name in names if not (folder / f"{name}.jsonl").is_file()]
    if absent:
        raise DataNotFound(
            f"{folder} lacks {', '.join(absent)}. Either give a directory that holds "
            f"hotpotqa/train.jsonl, val.jsonl, "
            f"test.jsonl and corpus.jsonl as data_dir or in the environment variable "
            f"{ENVIRONMENT}, or give neither "
            "and install `datasets`, and the rows come from the Hugging Face hub."
        )
    rows = {name: _read_lines(folder / f"{name}.jsonl") for name in names}
    corpus = {page["title"]: page["text"] for page in rows.pop("corpus")}
    return dict(rows), corpus


def _read_lines(path: Path) -> list[Row]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def read_hub(fetch: Callable[[], Iterable[Row]]) -> tuple[dict[str, list[Row]], dict[str, str]]:
    """Splits by the paper's rule from the hub's rows, and the union of their paragraphs as the corpus.

    Raises DataNotFound when `fetch` fails, with its error as the cause.
    """
    try:
        rows = [_from_hub(row) for row in fetch()]
    except (ImportError, OSError, ValueError) as error:
        raise DataNotFound(
            "No HotpotQA rows: the Hugging Face hub gave none (see the cause). Either install "
            "`datasets` and allow "
            "network access, or give a directory that holds hotpotqa/*.jsonl as data_dir or in "
            "the environment "
            f"variable {ENVIRONMENT}."
        ) from error
    splits = paper_splits(rows)
    pages = {
        title: " ".join(line.strip() for line in sentences)
        for part in splits.values()
        for row in part
        for title, sentences in row["context"]
    }
    return splits, pages


def hub_rows() -> Iterable[Row]:
    """The hub's rows, through the `datasets` library. Raises ImportError when it is not installed."""
    import datasets  # imported here because only this road needs it

    rows: Iterable[Row] = datasets.load_dataset("hotpotqa/hotpot_qa", "fullwiki", split="train")
    return rows


def paper_splits(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """First 40 % test, next 40 % validation, the rest train, then a fixed sample of each."""
    first, second = int(0.4 * len(rows)), int(0.8 * len(rows))
    parts = {"train": rows[second:], "val": rows[first:second], "test": rows[:first]}
    return {name: _sample(part, SIZES[name]) for name, part in parts.items()}


def recut(splits: Mapping[str, Sequence[Row]], seed: int) -> dict[str, list[Row]]:
    """Train and validation pooled, shuffled by `seed` and cut again at their old sizes; test stays."""
    pool = [*splits["train"], *splits["val"]]
    random.Random(seed).shuffle(pool)
    size = len(splits["train"])
    return {"train": pool[:size], "val": pool[size:], "test": list(splits["test"])}


def _sample(rows: Sequence[Row], size: int) -> list[Row]:
    return random.Random(1).sample(list(rows), size) if len(rows) > size else list(rows)


def _from_hub(row: Row) -> Row:
    facts, context = row["supporting_facts"], row["context"]
    return {
        "question": row["question"],
        "answer": row["answer"],
        "supporting_facts": list(zip(facts["title"], facts["sent_id"], strict=True)),
        "context": list(zip(context["title"], context["sentences"], strict=True)),
    }
