"""What a question asks for, what the trajectory has brought so far, and what is needed next.

This stands in for a model's understanding of language: it reads the question and the tools' answers in the
prompt, and knows nothing of the tables behind them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.simulated.worlds.agent.reading import Call

GoalKind = Literal["cost", "weight", "width", "total", "arrival", "later"]
Need = Literal["item", "order", "arithmetic", "convert", "workdays", "days"]

_CODE = r"item (?P<code>[A-Za-z]{2}[ -]?\d{3})\b"
_ORDER = r"order (?P<order>(?:#|no\. )?\d+)\b"
_QUESTIONS: dict[GoalKind, re.Pattern[str]] = {
    "weight": re.compile(rf"(?P<count>\d+) pieces of {_CODE} weigh", re.IGNORECASE),
    "cost": re.compile(rf"one piece of {_CODE} cost", re.IGNORECASE),
    "width": re.compile(rf"how wide is {_CODE}", re.IGNORECASE),
    "total": re.compile(rf"price of {_ORDER}", re.IGNORECASE),
    "arrival": re.compile(rf"{_ORDER} takes (?P<count>\d+) working days", re.IGNORECASE),
    "later": re.compile(rf"(?P<count>\d+) days after {_ORDER}", re.IGNORECASE),
}
_ITEM_ENTRY = re.compile(r"^[A-Z]{2}-\d{3}: price (\d+), weight (\d+), width (\d+)$")
_ORDER_ENTRY = re.compile(r"^\d{6}: item ([A-Z]{2}-\d{3}), quantity (\d+), left on (\d\d\.\d\d\.\d{4})$")
_NUMBER = re.compile(r"^-?\d+(?:\.\d+)?$")
_DATE = re.compile(r"^\d{4}-\d\d-\d\d$")


@dataclass(frozen=True)
class Goal:
    """A question as it was understood; code and order stand as they were spelled."""

    kind: GoalKind
    code: str = ""
    order: str = ""
    count: int = 1


@dataclass(frozen=True)
class Known:
    """What the calls so far brought. None is not known yet.

    Attributes:
        item: Price, weight and width of the article, without units.
        order: Code, quantity and date of the order.
        numbers: Numbers that a tool answered, in order.
        date: The last date that a tool answered.
        failures: Calls since the last one that brought something.
    """

    item: tuple[int, int, int] | None = None
    order: tuple[str, int, str] | None = None
    numbers: tuple[float, ...] = ()
    date: str = ""
    failures: tuple[Call, ...] = ()


def read_goal(question: str) -> Goal | None:
    """What `question` asks for; None when it is no question of this desk."""
    for kind, pattern in _QUESTIONS.items():
        found = pattern.search(question)
        if found:
            parts = found.groupdict()
            return Goal(kind, parts.get("code", ""), parts.get("order", ""), int(parts.get("count") or 1))
    return None


def what_is_known(calls: Sequence[Call]) -> Known:
    """The sum of what the tools answered."""
    item, order, numbers, date = None, None, [], ""
    failures: list[Call] = []
    for call in calls:
        said = call.observation.strip()
        failures.append(call)
        if found := _ITEM_ENTRY.match(said):
            item = (int(found[1]), int(found[2]), int(found[3]))
        elif found := _ORDER_ENTRY.match(said):
            order = (found[1], int(found[2]), found[3])
        elif _DATE.match(said):
            date = said
        elif _NUMBER.match(said):
            numbers.append(float(said))
        else:
            continue
        failures.clear()
    return Known(item, order, tuple(numbers), date, tuple(failures))


def next_need(goal: Goal, known: Known, *, by_head: bool) -> Need | None:
    """What has to be found out next; None when all is known. `by_head` multiplies without a tool."""
    if goal.kind in ("total", "arrival", "later") and known.order is None:
        return "order"
    if goal.kind in ("arrival", "later"):
        return None if known.date else "workdays" if goal.kind == "arrival" else "days"
    if known.item is None:
        return "item"
    products = 0 if by_head else 1
    if goal.kind in ("weight", "total") and len(known.numbers) < products:
        return "arithmetic"
    if goal.kind == "total" or goal.kind == "cost":
        return None
    done = products if goal.kind == "weight" else 0
    return "convert" if len(known.numbers) <= done else None


def factors(goal: Goal, known: Known) -> tuple[int, int]:
    """The two numbers that have to be multiplied."""
    price, weight, _ = known.item or (0, 0, 0)
    if goal.kind == "weight":
        return goal.count, weight
    return (known.order or ("", 1, ""))[1], price
