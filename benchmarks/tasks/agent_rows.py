"""Questions to the desk of an invented warehouse, with answers that the tools' own functions work out."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from benchmarks.tasks.depot import Depot, Item, Order, convert, due, shift

Kind = Literal["cost", "weight", "width", "total", "arrival", "later"]
ITEMS, ORDERS = 80, 120


@dataclass(frozen=True)
class Row:
    """A question, its answer, and what the right way to it runs through.

    Attributes:
        question: Codes and order numbers are spelled as people spell them.
        answer: Value and unit, or a date.
        kind: What is asked.
        code: The article's entry, as the table spells it.
        order: The order's entry, or "".
        count: Pieces or days that the question names.
    """

    question: str
    answer: str
    kind: Kind
    code: str
    order: str = ""
    count: int = 1


def make_depot(rng: random.Random) -> Depot:
    """Tables with codes such as KX-204 and order numbers such as 000417."""
    letters = "ABCDEFGHKLMNPRSTUVWXYZ"
    codes = set[str]()
    while len(codes) < ITEMS:
        codes.add(f"{rng.choice(letters)}{rng.choice(letters)}-{rng.randint(100, 999)}")
    items = {
        code: Item(code, rng.randint(120, 9_999), rng.randint(105, 9_999), rng.randint(35, 1_900))
        for code in sorted(codes)
    }
    orders = {
        number: Order(number, rng.choice(sorted(items)), rng.randint(2, 40), _day(rng))
        for number in (f"{n:06d}" for n in rng.sample(range(101, 9_999), ORDERS))
    }
    return Depot(items, orders)


def _day(rng: random.Random) -> date:
    return date(2025, 1, 1) + timedelta(days=rng.randrange(365))


def make_rows(depot: Depot, count: int, rng: random.Random) -> list[Row]:
    """`count` different questions, all kinds alike often."""
    rows: dict[str, Row] = {}
    makers = list(_MAKERS.values())
    while len(rows) < count:
        row = makers[len(rows) % len(makers)](depot, rng)
        rows.setdefault(row.question, row)
    return list(rows.values())


def _cost(depot: Depot, rng: random.Random) -> Row:
    item = _item(depot, rng)
    question = f"What does one piece of item {_spelled(item.code, rng)} cost?"
    return Row(question, f"{item.price / 100:.2f} EUR", "cost", item.code)


def _weight(depot: Depot, rng: random.Random) -> Row:
    item, count = _item(depot, rng), rng.randint(3, 39)
    question = f"What do {count} pieces of item {_spelled(item.code, rng)} weigh together, in pounds?"
    return Row(question, f"{convert(item.weight * count, 'g', 'lb')} lb", "weight", item.code, count=count)


def _width(depot: Depot, rng: random.Random) -> Row:
    item = _item(depot, rng)
    question = f"How wide is item {_spelled(item.code, rng)}, in inches?"
    return Row(question, f"{convert(item.width, 'mm', 'in')} in", "width", item.code)


def _total(depot: Depot, rng: random.Random) -> Row:
    order = _order(depot, rng)
    price = depot.items[order.code].price * order.quantity
    question = f"What is the total price of order {_short(order.number, rng)}?"
    return Row(question, f"{price / 100:.2f} EUR", "total", order.code, order.number)


def _arrival(depot: Depot, rng: random.Random) -> Row:
    order, count = _order(depot, rng), rng.randint(3, 25)
    question = f"Order {_short(order.number, rng)} takes {count} working days. When does it arrive?"
    return Row(question, due(order.left.isoformat(), count), "arrival", order.code, order.number, count)


def _later(depot: Depot, rng: random.Random) -> Row:
    order, count = _order(depot, rng), rng.randint(3, 60)
    question = f"Which date is {count} days after order {_short(order.number, rng)} left?"
    return Row(question, shift(order.left.isoformat(), count), "later", order.code, order.number, count)


_MAKERS: Mapping[Kind, Callable[[Depot, random.Random], Row]] = {
    "cost": _cost,
    "weight": _weight,
    "width": _width,
    "total": _total,
    "arrival": _arrival,
    "later": _later,
}


def _item(depot: Depot, rng: random.Random) -> Item:
    return depot.items[rng.choice(list(depot.items))]


def _order(depot: Depot, rng: random.Random) -> Order:
    return depot.orders[rng.choice(list(depot.orders))]


def _spelled(code: str, rng: random.Random) -> str:
    """A code as people write it."""
    letters, digits = code.split("-")
    return rng.choice(
        (code, f"{letters}{digits}", f"{letters} {digits}", f"{letters}{digits}".lower(), code.lower())
    )


def _short(number: str, rng: random.Random) -> str:
    return rng.choice(("", "#", "no. ")) + str(int(number))
