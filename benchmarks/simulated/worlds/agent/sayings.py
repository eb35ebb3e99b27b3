"""The words a reflection model has for its lessons, and for its mistakes, in an agent's texts.

Each wording can be recognised by the concept it speaks of (`phrases`); a model follows some better than
others, and nobody tells the reflection model which.
"""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.simulated.worlds.agent.goals import Need

PURPOSES: Mapping[Need, tuple[str, ...]] = {
    "item": (
        "Looks up an item of the catalogue: its price, weight and width.",
        "Gives the entry of one article by its code.",
        "Use this one for items: it knows what an article costs, weighs and measures.",
    ),
    "order": (
        "Looks up an order: its item, its quantity and the day it left.",
        "Gives the entry of one shipment by its number.",
        "Use this one for orders, which it knows by number.",
    ),
    "convert": (
        "Converts a value from one unit to another.",
        "Does conversions between units of weight and of length.",
    ),
    "workdays": (
        "Counts working days only.",
        "Moves a date by business days; Saturdays and Sundays do not count.",
        "Use this one where the question speaks of working days.",
    ),
    "days": (
        "Counts all days alike.",
        "Moves a date by calendar days.",
        "Use this one where every day counts.",
    ),
    "arithmetic": (
        "Works out an arithmetic expression.",
        "Calculates exactly; use it for every multiplication.",
    ),
}
NOT_FOR: Mapping[Need, tuple[str, ...]] = {
    "item": ("Not for items.", "Do not ask it for articles."),
    "order": ("Not for orders.", "Do not ask it for shipments."),
    "convert": ("Not for conversions.",),
    "workdays": ("Not for working days.", "Do not use it for business days."),
    "days": ("Not for calendar days.",),
    "arithmetic": ("Not for arithmetic.",),
}
SAID: Mapping[str, tuple[str, ...]] = {
    "capitals": (
        "Write the letters as capitals.",
        "Codes are in upper case.",
        "Two capitals come first.",
    ),
    "hyphen": (
        "A hyphen stands between letters and digits.",
        "Put a dash after the letters.",
        "Letters and number are joined by a hyphen, without blanks.",
    ),
    "digits": (
        "Give six digits.",
        "Fill the number up with zeros from the left.",
        "Numbers have six digits; put leading zeros in front.",
    ),
    "iso": (
        "Write the date as YYYY-MM-DD.",
        "The date comes in ISO form.",
        "Put the year first, then month and day, with hyphens.",
    ),
    "symbols": (
        "Give the symbol of the unit.",
        "Abbreviate the unit, as in 'lb'.",
        "Units go by their symbols, such as 'mm'.",
    ),
    "operators": (
        "Use the operators of a programming language.",
        "Write an asterisk between factors.",
        "The form is 12 * 34.",
    ),
    "cents": ("Prices are in cents.", "A price counts cents and has to be divided by 100."),
    "grams": ("Weights are in grams.", "The weight is given in g."),
    "millimetres": ("Widths are in millimetres.", "The width is given in mm."),
    "calculator": (
        "Leave every multiplication to a tool.",
        "Use the calculator for products.",
        "Let a tool do the arithmetic, however easy it looks.",
    ),
    "patience": (
        "Finish only when the question can be answered in full.",
        "Go on until everything that is needed is known.",
    ),
    "with_unit": (
        "Give the unit or the currency with the value.",
        "A value needs its unit, as in 12.50 EUR.",
    ),
    "bare": (
        "Answer with only the value.",
        "Give the bare result and nothing else.",
        "Write just the figure with what belongs to it.",
    ),
}
MISTAKES: Mapping[str, tuple[str, ...]] = {
    "tool": ("Call it first, whatever is asked.", "Use this tool always, it is the safest."),
    "argument": ("Say it in plain words.", "Give the value with a short explanation."),
    "agent": ("Guess where a tool fails.", "If in doubt, estimate the value."),
    "answer": ("Answer in a full sentence.", "Write complete sentences."),
}
