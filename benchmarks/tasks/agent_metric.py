"""The agent task's metric: judges the answer, and says call by call where the agent went astray.

It knows the tables and the right way to each answer. What it says is what the owner of such a desk would
say: which tool was the right one, what a tool had understood, in which unit a table counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import dspy

from benchmarks.tasks.agent_rows import Kind
from benchmarks.tasks.depot import UNITS, Depot
from benchmarks.tasks.feedback import text_of

Use = Literal["items", "orders", "arithmetic", "conversions", "working days", "all days"]
TOOL_FOR: Mapping[Use, str] = {
    "items": "fetch",
    "orders": "find",
    "arithmetic": "calculate",
    "conversions": "convert",
    "working days": "due",
    "all days": "shift",
}
# Which tools' work each kind of question takes, in order.
COURSE: Mapping[Kind, tuple[Use, ...]] = {
    "cost": ("items",),
    "weight": ("items", "arithmetic", "conversions"),
    "width": ("items", "conversions"),
    "total": ("orders", "items", "arithmetic"),
    "arrival": ("orders", "working days"),
    "later": ("orders", "all days"),
}
RIGHT_VALUE = 0.5

_CODE = re.compile(r"\b[A-Za-z]{2}[ -]?\d{3}\b")
_DATE = re.compile(r"\d\.\d\d\.\d{4}|\d{4}-\d\d-\d\d")
_NUMBER = re.compile(r"\d")


@dataclass(frozen=True)
class DeskMetric:
    """Scores 1.0 for the answer as expected, 0.5 for its value in another form, else 0.0."""

    depot: Depot

    def __call__(
        self,
        gold: dspy.Example,
        pred: Any,
        trace: Any = None,
        pred_name: str | None = None,
        pred_trace: Any = None,
    ) -> dspy.Prediction:
        """The score, and feedback on the calls, on the final answer, or with no name on both."""
        given = (text_of(pred, "answer") or "").strip()
        score = _score(given, gold.answer)
        lines = [_verdict(given, gold, score)]
        if pred_name is None or "extract" not in pred_name:
            lines += self._course(gold, calls_of(pred), score)
        return dspy.Prediction(score=score, feedback="\n".join(lines))

    def _course(self, gold: dspy.Example, calls: list[Step], score: float) -> Iterator[str]:
        """What was wrong with the calls, right answer or not: detours cost calls, too."""
        for number, call in enumerate(calls, start=1):
            for said in self._on_call(gold, call):
                yield f"Call {number}: {said}"
        uses = COURSE[gold.kind]
        asked = [call.tool for call in calls]
        if "arithmetic" in uses and "calculate" not in asked and TOOL_FOR[uses[0]] in asked:
            yield "The product was worked out without `calculate`, and not exactly."
        if score == 0.0 and calls and calls[-1].tool == "finish" and TOOL_FOR[uses[-1]] not in asked:
            yield "The task was finished before everything was known."
        if score == 0.0 and gold.answer.endswith("EUR") and "fetch" in asked:
            yield "`fetch` gives prices in cents."

    def _on_call(self, gold: dspy.Example, call: Step) -> Iterator[str]:
        use = self._meant(gold, call)
        if use is not None and TOOL_FOR[use] != call.tool:
            yield f"`{call.tool}` was asked for {use}, where `{TOOL_FOR[use]}` is the tool."
            return
        for argument, wanted in self._wanted(gold, call).items():
            given = str(call.args.get(argument, ""))
            if given != wanted:
                yield f"`{call.tool}` was given {argument} '{given}' where it understands '{wanted}'."
        source = call.args.get("source")
        own = "g" if gold.kind == "weight" else "mm"
        if call.tool == "convert" and source in UNITS and source != own:
            what = "weights in grams" if own == "g" else "widths in millimetres"
            yield f"`fetch` gives {what}, not in {source}."

    def _meant(self, gold: dspy.Example, call: Step) -> Use | None:
        """What a call was for, as far as its arguments show."""
        key = str(call.args.get("key", ""))
        if "day" in call.args or _DATE.search(key):
            return next((use for use in COURSE[gold.kind] if use.endswith("days")), None)
        if _CODE.search(key):
            return "items"
        return "orders" if _NUMBER.search(key) else None

    def _wanted(self, gold: dspy.Example, call: Step) -> dict[str, str]:
        """The texts that a call's arguments should have been, for calls that came to nothing."""
        if not call.failed:
            return {}
        if call.tool == "fetch":
            return {"key": gold.code}
        if call.tool == "find":
            return {"key": gold.order}
        if call.tool in ("shift", "due"):
            return {"day": self.depot.orders[gold.order].left.isoformat()} if gold.order else {}
        if call.tool == "calculate":
            return {"expression": _product(str(call.args.get("expression", "")))}
        if call.tool == "convert" and "target" in call.args:
            units = ("g", "lb") if gold.kind == "weight" else ("mm", "in")
            given = (str(call.args.get("source", "")), str(call.args.get("target", "")))
            return {
                name: unit
                for name, unit, said in zip(("source", "target"), units, given, strict=True)
                if said not in UNITS
            }
        return {}


@dataclass(frozen=True)
class Step:
    """One call of a trajectory."""

    tool: str
    args: Mapping[str, Any]
    observation: str

    @property
    def failed(self) -> bool:
        """Whether the tool could not do what it was asked."""
        return self.observation.startswith(("No entry", "Unknown unit", "Cannot", "Execution error"))


def calls_of(pred: Any) -> list[Step]:
    """The calls that a prediction of `dspy.ReAct` tells of; none for a failed run."""
    trajectory = pred.get("trajectory") if isinstance(pred, dspy.Prediction) else None
    if not isinstance(trajectory, Mapping):
        return []
    steps: list[Step] = []
    while f"tool_name_{len(steps)}" in trajectory:
        number = len(steps)
        args = trajectory.get(f"tool_args_{number}")
        args = json.loads(args) if isinstance(args, str) else args
        steps.append(
            Step(
                str(trajectory[f"tool_name_{number}"]),
                args if isinstance(args, Mapping) else {},
                str(trajectory.get(f"observation_{number}", "")),
            )
        )
    return steps


def _verdict(given: str, gold: dspy.Example, score: float) -> str:
    title = {1.0: "Correct", RIGHT_VALUE: "Right value, wrong form"}.get(score, "Wrong")
    return f"{title}: answered '{given}', expected '{gold.answer}'."


def _score(given: str, expected: str) -> float:
    if given == expected:
        return 1.0
    return RIGHT_VALUE if expected.split(" ")[0] in given.strip(".").split(" ") else 0.0


def _product(expression: str) -> str:
    return expression.replace(" x ", " * ")
