"""The agent task's tools and rows: real look-ups, conversions, calendars and sums."""

from __future__ import annotations

import copy
import random
from datetime import date

import pytest

from benchmarks.tasks.agent_rows import make_depot, make_rows
from benchmarks.tasks.depot import Depot, Item, Order, calculate, convert, due, shift

DEPOT = Depot(
    {"KX-204": Item("KX-204", 1250, 3400, 420)},
    {"000417": Order("000417", "KX-204", 7, date(2025, 3, 3))},
)


def test_entries_are_found_by_their_exact_keys_and_numbers_have_no_units() -> None:
    assert DEPOT.fetch("KX-204") == "KX-204: price 1250, weight 3400, width 420"
    assert DEPOT.find("000417") == "000417: item KX-204, quantity 7, left on 03.03.2025"
    for key in ("kx-204", "KX204", "000417"):
        assert DEPOT.fetch(key) == f"No entry {key!r}."
    assert DEPOT.find("417") == "No entry '417'."


def test_units_are_converted_by_their_symbols() -> None:
    assert convert(3400, "g", "lb") == "7.50"
    assert convert(420, "mm", "in") == "16.54"
    assert convert(2, "kg", "g") == "2000.00"
    assert convert(1, "pounds", "kg") == "Unknown unit 'pounds'."
    assert convert(1, "g", "mm") == "g is a weight, mm is a length."


def test_one_calendar_counts_all_days_and_the_other_working_days() -> None:
    assert shift("2025-03-07", 3) == "2025-03-10"
    assert due("2025-03-07", 3) == "2025-03-12"
    assert due("2025-03-08", 0) == "2025-03-08"
    assert shift("03.03.2025", 1) == due("03.03.2025", 1) == "Cannot read the date '03.03.2025'."
    assert shift("2025-01-01", 10**9) == "1000000000 days are too many."
    assert due("2025-01-01", -1) == "-1 days are too many or too few."


@pytest.mark.parametrize(
    ("expression", "value"),
    [("7 * 3400", "23800"), ("(1 + 2) / 4", "0.75"), ("-2 - 3.5", "-5.5")],
)
def test_expressions_are_worked_out(expression: str, value: str) -> None:
    assert calculate(expression) == value


@pytest.mark.parametrize(
    "expression",
    [
        "7 x 3",
        "",
        "1 / 0",
        "2 ** 9999",
        "__import__('os')",
        "1e308 * 1e308",
        "x + 1",
        "1 +" * 500,
        "'a' * 3",
    ],
)
def test_what_is_no_arithmetic_is_refused_in_words(expression: str) -> None:
    assert calculate(expression).startswith("Cannot work out ")


def test_rows_are_different_repeatable_and_of_all_kinds_alike() -> None:
    depot = make_depot(random.Random("x"))
    rows = make_rows(depot, 60, random.Random("y"))
    assert rows == make_rows(make_depot(random.Random("x")), 60, random.Random("y"))
    assert len({row.question for row in rows}) == 60
    assert {row.kind: sum(r.kind == row.kind for r in rows) for row in rows} == dict.fromkeys(
        ("cost", "weight", "width", "total", "arrival", "later"), 10
    )
    assert all(row.code in depot.items for row in rows)


def test_copies_of_a_program_share_the_tables() -> None:
    assert copy.deepcopy(DEPOT) is DEPOT
