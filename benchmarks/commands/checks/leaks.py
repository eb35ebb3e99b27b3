"""Rows that stand in two splits, or nearly so: what an optimizer saw in training may then be asked again.

Counted and not mended: the paper's splits have the same leaks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rapidfuzz import fuzz, process

from benchmarks.tasks.data import Row, read_files
from benchmarks.tasks.hover import gold_titles

NEARLY = 80.0
SPLITS = ("train", "val", "test")
FORM = re.compile(r"(?:If you cannot determine|Please think step by step|Please put your final).*", re.DOTALL)


@dataclass(frozen=True)
class Leak:
    """`rows` of `of` rows of one side have a counterpart on the other."""

    what: str
    rows: int
    of: int


def leaks_of(data_dir: Path, task: str) -> Iterator[Leak]:
    """The leaks of a task's local files; none for tasks of which none are known."""
    finder = _FINDERS.get(task)
    if finder is not None:
        yield from finder(data_dir)


def livebench_math(data_dir: Path) -> Iterator[Leak]:
    """Same questions, AMC questions and their updated twins, and AIME problems of the other task."""
    splits = read_files(data_dir / "livebench_math", SPLITS)
    yield from between(splits, "the same question", lambda row: _plain(row["turns"][0]))
    rows = [row for part in splits.values() for row in part]
    old = {row["question_id"]: _stem(row) for row in rows if re.match(r"amc_12[ab]_2023", row["subtask"])}
    new = {row["question_id"]: _stem(row) for row in rows if row["subtask"].startswith("updated_amc")}
    twins = _nearest(new, old)
    yield Leak("updated AMC questions with an older twin anywhere", len(twins), len(new))
    split_of = {row["question_id"]: name for name, part in splits.items() for row in part}
    apart = sum(split_of[one] != split_of[other] for one, other in twins.items())
    yield Leak("of these, twins in another split", apart, len(twins))
    if (data_dir / "aime").is_dir():
        items = {row["question_id"]: _stem(row) for row in rows if row["subtask"].startswith("aime")}
        aime = read_files(data_dir / "aime", ["train", "val"])
        known = {f"{name}/{i}": _plain(row["problem"]) for name in aime for i, row in enumerate(aime[name])}
        yield Leak(
            "AIME questions that the task aime trains or validates on",
            len(_nearest(items, known)),
            len(items),
        )


def hover(data_dir: Path) -> Iterator[Leak]:
    """Same claims, and claims that rest on exactly the same pages."""
    splits = read_files(data_dir / "hover", SPLITS)
    yield from between(splits, "the same claim", lambda row: _plain(row["claim"]))
    yield from between(splits, "a claim on the same pages", lambda row: " | ".join(sorted(gold_titles(row))))


def hotpotqa(data_dir: Path) -> Iterator[Leak]:
    """Same questions, and questions on exactly the same pages."""
    splits = read_files(data_dir / "hotpotqa", SPLITS)
    yield from between(splits, "the same question", lambda row: _plain(row["question"]))
    yield from between(
        splits,
        "a question on the same pages",
        lambda row: " | ".join(sorted({title for title, _ in row["supporting_facts"]})),
    )


def aime(data_dir: Path) -> Iterator[Leak]:
    """Same problems."""
    splits = read_files(data_dir / "aime", ["train", "val", "test_2025"])
    splits["test"] = splits.pop("test_2025")
    yield from between(splits, "the same problem", lambda row: _plain(row["problem"]))


def pupa(data_dir: Path) -> Iterator[Leak]:
    """Same queries."""
    splits = read_files(data_dir / "pupa", SPLITS)
    yield from between(splits, "the same query", lambda row: _plain(row["user_query"]))


def between(splits: Mapping[str, Sequence[Row]], what: str, key: Callable[[Row], str]) -> Iterator[Leak]:
    """Rows of validation and test whose key a train row has, and of test whose key a validation row has."""
    keys = {name: [key(row) for row in rows] for name, rows in splits.items()}
    for early, late in (("train", "val"), ("train", "test"), ("val", "test")):
        shared = set(keys[early])
        count = sum(name in shared for name in keys[late])
        yield Leak(f"{late} rows with {what} in {early}", count, len(keys[late]))


def _nearest(texts: Mapping[str, str], others: Mapping[str, str]) -> dict[str, str]:
    """For each of `texts` the most similar of `others`, where one has nearly the same words."""
    found = {}
    for name, text in texts.items():
        best = process.extractOne(text, others, scorer=fuzz.token_set_ratio, score_cutoff=NEARLY)
        if best is not None:
            found[name] = best[2]
    return found


def _stem(row: Row) -> str:
    """A question without its options and without the words about the form of the answer."""
    text = re.split(r"\$?\s*\\textbf\{\s*\(A\)", row["turns"][0])[0]
    return _plain(FORM.sub("", text))


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[^\w\s]", " ", text.lower()).split())


_FINDERS: Mapping[str, Callable[[Path], Iterator[Leak]]] = {
    "aime": aime,
    "hotpotqa": hotpotqa,
    "hover": hover,
    "livebench_math": livebench_math,
    "pupa": pupa,
}
