"""LiveBench's scorers: their verdicts against the official ones, and the truths of the rows in many forms."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.commands.checks.check import Check
from benchmarks.commands.checks.official import agreement
from benchmarks.scorers.livebench.choice import NO_VALUE, value_of
from benchmarks.scorers.livebench.score import Kind, kind_of, score
from benchmarks.tasks.data import Row, read_files

# An answer to a row's question; None where the row has no such answer.
Write = Callable[[Row], str | None]

_LETTERS = "ABCDE"


def check(data_dir: Path, most: int | None = None) -> Iterator[Check]:
    """All checks; `most` limits how many rows of a kind are tried, so that a test is quick."""
    yield from agreement("livebench_math", ("paper",), most)
    splits = read_files(data_dir / "livebench_math", ["train", "val", "test"])
    rows: dict[Kind, list[Row]] = {kind: [] for kind in _RIGHT}
    for row in (row for part in splits.values() for row in part):
        rows[kind_of(row["task"], row["subtask"])].append(row)
    for kind, chosen in rows.items():
        yield from _scored(kind, chosen[:most], _RIGHT[kind], "scores 1", lambda value: value == 1.0)
        yield from _scored(kind, chosen[:most], _WRONG[kind], "scores 0", lambda value: value == 0.0)
        yield from _scored(kind, chosen[:most], {"no answer": lambda _: ""}, "scores 0", lambda v: v == 0.0)
    swapped = {"the truth with two neighbours swapped": _swapped}
    yield from _scored("proof", rows["proof"][:most], swapped, "scores between", lambda v: 0.0 < v < 1.0)


def _scored(
    kind: Kind, rows: Sequence[Row], ways: Mapping[str, Write], wanted: str, holds: Callable[[float], bool]
) -> Iterator[Check]:
    for name, write in ways.items():
        answers = [(row, answer) for row in rows if (answer := write(row)) is not None]
        failed = [row["question_id"] for row, answer in answers if not holds(_score(kind, row, answer))]
        note = f"questions {_short(failed)}" if failed else _left_out(len(rows) - len(answers))
        yield Check(f"{kind}: {name} {wanted}", len(answers), len(answers) - len(failed), note)


def _score(kind: Kind, row: Row, answer: str) -> float:
    return score(kind, truth=row["ground_truth"], answer=answer, question=row["turns"][0]).score


def _short(identifiers: Iterable[str]) -> str:
    return ", ".join(identifier[:8] for identifier in list(identifiers)[:5])


def _left_out(count: int) -> str:
    return f"{count} rows have no such answer" if count else ""


def _value(row: Row) -> str | None:
    value = value_of(row["ground_truth"], row["turns"][0])
    return None if value == NO_VALUE else f"Hence it is {value}."


def _other_letters(shift: int) -> Write:
    return lambda row: _LETTERS[(_LETTERS.index(row["ground_truth"]) + shift) % 5] * 5


def _next_number(row: Row) -> str:
    return f"So it is {(int(row['ground_truth']) + 1) % 1000:03d}."


def _without_zeros(row: Row) -> str | None:
    number = str(int(row["ground_truth"]))
    return f"So it is {number}." if len(number) < len(row["ground_truth"]) else None


def _swapped(row: Row) -> str | None:
    items = _numbers(row)
    if len(items) < 3:
        return None
    return "Answer: " + ", ".join(map(str, [items[1], items[0], *items[2:]]))


def _strangers(row: Row) -> str:
    items = _numbers(row)
    return "Answer: " + ", ".join(str(max(items) + 1 + i) for i in range(len(items)))


def _named(row: Row) -> str:
    return "Answer: " + ", ".join(f"<expression {number}>" for number in _numbers(row))


def _numbers(row: Row) -> list[int]:
    return [int(number) for number in row["ground_truth"].split(",")]


def _boxed(row: Row) -> str | None:
    return None if row["question_id"][:8] in _NOT_READ else rf"\boxed{{{row['ground_truth']}}}"


def _in_formula(row: Row) -> str | None:
    return None if row["question_id"][:8] in _NOT_READ else f"So the answer is ${row['ground_truth']}$."


def _at_the_end(row: Row) -> str | None:
    # LiveBench rewrites the first two in the truth alone, so that no answer ends with it, and reads dollars.
    other = any(mark in row["ground_truth"] for mark in (" ^", "\\ ", "$"))
    return None if other else f"It is {row['ground_truth']}."


def _framed(frame: str) -> Write:
    return lambda row: frame.replace("TRUTH", row["ground_truth"])


# Questions of which the official scorer cannot read the truth itself, in a box or in a formula.
_NOT_READ = frozenset(["0850642f", "98aafbc5", "c3043e58", "390df766", "0af12624", "81774be8", "22a38bfb"])
_RIGHT: dict[Kind, dict[str, Write]] = {
    "choice": {
        "the letter five times": lambda row: row["ground_truth"] * 5,
        "the letter in a box": _framed(r"\boxed{\text{TRUTH}}"),
        "the letter in a solution tag": _framed("<solution>TRUTH</solution>"),
        "the letter in parentheses on the last line": _framed("It follows.\nThe answer is **(TRUTH)**."),
        "the option's value at the end": _value,
    },
    "whole number": {
        "the truth at the end": _framed("So it is TRUTH."),
        "the truth in a box at the end": _framed(r"Therefore $m+n=\boxed{TRUTH}$."),
        "the truth as part of a longer number": _framed("So it is 1TRUTH."),
    },
    "proof": {
        "the truth after the word answer": _framed("Answer: TRUTH"),
        "the truth as names of expressions": _named,
        "the truth in a box": _framed(r"\boxed{TRUTH}"),
        "the truth on the last line": _framed("They match as follows.\nTRUTH"),
    },
    "expression": {
        "the truth in a box": _boxed,
        "the truth in a formula at the end": _in_formula,
        "the truth at the end, without box and dollars,": _at_the_end,
    },
}
_WRONG: dict[Kind, dict[str, Write]] = {
    "choice": {f"letter {shift} further on": _other_letters(shift) for shift in range(1, 5)},
    "whole number": {"the next number": _next_number, "the truth without its zeros": _without_zeros},
    "proof": {"a list of other numbers": _strangers},
    "expression": {
        "the truth plus 1": _framed(r"\boxed{TRUTH + 1}"),
        "the truth and a blank, without box and dollars,": _framed("It is TRUTH "),
    },
}
