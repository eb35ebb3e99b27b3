"""The other tasks' metrics and programs against cases of known outcome, made of their own rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import dspy

from benchmarks.commands.checks.check import Check
from benchmarks.tasks import aime, hotpotqa, hover, pupa
from benchmarks.tasks.task import Task

FINDABLE = 0.95


def check_aime(data_dir: Path) -> Iterator[Check]:
    """The right number scores 1 however it is padded, others and sentences 0; the splits have their sizes."""
    task = aime.load(data_dir)
    rows = _rows(task)
    yield _sizes(task, (45, 45, 150))
    yield _scores("the truth", task, rows, [str(int(row.answer)) for row in rows], 1.0)
    yield _scores("the truth with leading zeros", task, rows, [f" {int(r.answer):03d}\n" for r in rows], 1.0)
    yield _scores("the next number", task, rows, [str(int(row.answer) + 1) for row in rows], 0.0)
    yield _scores("the truth in a sentence", task, rows, [f"It is {row.answer}." for row in rows], 0.0)
    solved = [row for row in task.train if row.solution]
    yield Check("train rows with a worked solution for the feedback", len(task.train), len(solved))


def check_hotpotqa(data_dir: Path) -> Iterator[Check]:
    """The reference answer scores 1, another 0; gold pages have texts, and their sentences are known."""
    task = hotpotqa.load(data_dir)
    rows = _rows(task)
    yield _scores("the truth", task, rows, [row.answer for row in rows], 1.0)
    yield _scores("another answer", task, rows, [f"not {row.answer} but 7" for row in rows], 0.0)
    told = [row for row in rows if all(page["text"] for page in row.gold_pages)]
    yield Check("rows whose gold pages all have a text", len(rows), len(told))
    known = [row for row in task.train if all(page["support"] for page in row.gold_pages)]
    yield Check("train rows whose gold sentences are known", len(task.train), len(known))


def check_hover(data_dir: Path) -> Iterator[Check]:
    """All gold titles score 1, all but one 0; every gold title can be found by its name."""
    task = hover.load(data_dir)
    rows = _rows(task)
    found = [[f"{title} | ..." for title in row.gold_titles] for row in rows]
    yield _retrieved("all gold pages", rows, found, 1.0)
    yield _retrieved("all gold pages but one", rows, [pages[1:] for pages in found], 0.0)
    yield Check("claims with three gold pages", len(rows), sum(len(row.gold_titles) == 3 for row in rows))
    titles = sorted({title for row in rows for title in row.gold_titles})
    retriever = task.program().retriever
    near = [title for title in titles if any(p.startswith(f"{title} |") for p in retriever.search(title, 10))]
    enough = len(near) >= FINDABLE * len(titles)
    what = f"at least {FINDABLE:.0%} of the gold titles are among 10 passages for their own name"
    yield Check(what, 1, int(enough), f"{len(near)} of {len(titles)}")


def check_pupa(data_dir: Path) -> Iterator[Check]:
    """With the simulated judge: the reference answer to a request without private strings scores 1.

    Nothing of a row is printed, not even its strings' length.
    """
    task = pupa.load(data_dir)
    rows = _rows(task)
    with_units = [row for row in rows if pupa.private_strings(row)]
    clean = [_run("Please help.", row.target_response) for row in rows]
    yield _judged("a request that tells nothing, with the reference answer", task, rows, clean, 0.95, 1.01)
    copied = [_run(row.user_query, row.target_response) for row in with_units]
    yield _judged("the query as it is, with the reference answer", task, with_units, copied, 0.5, 0.9)
    poor = [_run(row.user_query, "No.") for row in with_units]
    yield _judged("the query as it is, with a useless answer", task, with_units, poor, 0.0, 0.4)
    failed = [task.metric(row, None).score for row in rows]
    yield Check("a run that failed scores 0", len(rows), failed.count(0.0))


def _run(request: str, response: str) -> dspy.Prediction:
    return dspy.Prediction(llm_request=request, llm_response="", response=response)


def _judged(
    what: str,
    task: Task,
    rows: Sequence[dspy.Example],
    runs: Sequence[dspy.Prediction],
    low: float,
    high: float,
) -> Check:
    """A noisy judge is held to its mean, not to every row."""
    scores = [float(task.metric(row, run).score) for row, run in zip(rows, runs, strict=True)]
    mean = sum(scores) / max(1, len(scores))
    note = f"{mean:.3f} over {len(rows)} rows"
    return Check(f"{what}: mean score in [{low}, {high})", 1, int(low <= mean < high), note)


def _rows(task: Task) -> list[dspy.Example]:
    return [*task.train, *task.val, *task.test]


def _sizes(task: Task, wanted: tuple[int, int, int]) -> Check:
    sizes = (len(task.train), len(task.val), len(task.test))
    return Check(f"train, validation and test have {wanted} rows", 1, int(sizes == wanted), f"{sizes}")


def _scores(
    what: str, task: Task, rows: Sequence[dspy.Example], answers: Sequence[str], wanted: float
) -> Check:
    scores = [
        task.metric(row, dspy.Prediction(answer=answer)).score
        for row, answer in zip(rows, answers, strict=True)
    ]
    return Check(f"{what} scores {wanted:g}", len(rows), scores.count(wanted))


def _retrieved(what: str, rows: Sequence[dspy.Example], found: Sequence[list[str]], wanted: float) -> Check:
    scores = [
        hover.metric(row, dspy.Prediction(retrieved_docs=pages)).score
        for row, pages in zip(rows, found, strict=True)
    ]
    return Check(f"{what} score {wanted:g}", len(rows), scores.count(wanted))
