"""A warehouse's tables and its desk's tools: two look-ups, a unit converter, two calendars, a calculator.

The tools are real and strict. They answer in plain words when they cannot do what they are asked, and they
never say what to do instead: that is what their descriptions are for.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

GRAMS_PER_POUND = 453.59237
# Size of a unit in the base unit of its kind.
UNITS: Mapping[str, tuple[str, float]] = {
    "g": ("weight", 1.0),
    "kg": ("weight", 1000.0),
    "lb": ("weight", GRAMS_PER_POUND),
    "mm": ("length", 1.0),
    "cm": ("length", 10.0),
    "m": ("length", 1000.0),
    "in": ("length", 25.4),
}
MOST_DAYS = 10_000
LONGEST_EXPRESSION = 200

_OPERATORS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


@dataclass(frozen=True)
class Item:
    """An article: price in cents, weight in grams, width in millimetres."""

    code: str
    price: int
    weight: int
    width: int


@dataclass(frozen=True)
class Order:
    """An order of one article, under a number of six digits."""

    number: str
    code: str
    quantity: int
    left: date


@dataclass(frozen=True)
class Depot:
    """The tables, and the tools as methods. Nothing in it changes, so copies of a program may share it."""

    items: Mapping[str, Item]
    orders: Mapping[str, Order]

    def __deepcopy__(self, memo: dict[int, object]) -> Depot:
        return self

    def fetch(self, key: str) -> str:
        """The entry of an article, numbers without units, as the warehouse's old system prints it."""
        item = self.items.get(key)
        if item is None:
            return f"No entry {key!r}."
        return f"{item.code}: price {item.price}, weight {item.weight}, width {item.width}"

    def find(self, key: str) -> str:
        """The entry of an order; its date is written day first."""
        order = self.orders.get(key)
        if order is None:
            return f"No entry {key!r}."
        return f"{order.number}: item {order.code}, quantity {order.quantity}, left on {order.left:%d.%m.%Y}"


def convert(value: float, source: str, target: str) -> str:
    """`value` in another unit of the same kind, to two decimals."""
    for unit in (source, target):
        if unit not in UNITS:
            return f"Unknown unit {unit!r}."
    (kind, size), (other, other_size) = UNITS[source], UNITS[target]
    if kind != other:
        return f"{source} is a {kind}, {target} is a {other}."
    return f"{value * size / other_size:.2f}"


def shift(day: str, count: int) -> str:
    """The date `count` days later."""
    start = _date(day)
    if isinstance(start, str):
        return start
    if abs(count) > MOST_DAYS:
        return f"{count} days are too many."
    return (start + timedelta(days=count)).isoformat()


def due(day: str, count: int) -> str:
    """The date `count` working days later, Monday to Friday."""
    start = _date(day)
    if isinstance(start, str):
        return start
    if not 0 <= count <= MOST_DAYS:
        return f"{count} days are too many or too few."
    while count > 0:
        start += timedelta(days=1)
        count -= start.weekday() < 5
    return start.isoformat()


def calculate(expression: str) -> str:
    """The value of an expression of numbers, + - * / and parentheses."""
    try:
        if len(expression) > LONGEST_EXPRESSION:
            raise ValueError("too long")
        value = _value(ast.parse(expression, mode="eval").body)
        if not math.isfinite(value):
            raise OverflowError("too large")
    except (ValueError, SyntaxError, ZeroDivisionError, OverflowError, RecursionError):
        return f"Cannot work out {expression[:LONGEST_EXPRESSION]!r}."
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _date(text: str) -> date | str:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return f"Cannot read the date {text!r}."


def _value(node: ast.expr) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_value(node.left), _value(node.right))
    raise ValueError("not arithmetic")
