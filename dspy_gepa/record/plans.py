"""Decisions of the search in the journal: a resumed run reads them and does not make them again."""

from __future__ import annotations

import json
from typing import Any

from dspy_gepa.errors import JournalError
from dspy_gepa.record.conform import check_type
from dspy_gepa.record.file import MALFORMED, REMEDY
from dspy_gepa.record.journal import Journal
from dspy_gepa.record.rows import read_rows, rows_text
from dspy_gepa.search.edit_history import KnownEdit
from dspy_gepa.search.plans import Decision, Plan


class RecordedPlans:
    """The plans of a search in the journal of its run.

    Args:
        journal: The journal.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def recall(self, step: int) -> Plan | None:
        """Return the plan of a step, or None.

        Raises:
            JournalError: The record is damaged.
        """
        data = self._journal.plan(step)
        try:
            return None if data is None else _plan(json.loads(data))
        except MALFORMED as error:
            where = f"The plan of step {step} in {self._journal.path}"
            raise JournalError(f"{where} cannot be read: {str(error)[:300]}. {REMEDY}") from error

    def record(self, step: int, plan: Plan | None) -> None:
        """Record the plan of a step; if it differs from the one on record, it replaces all from there on."""
        data = None if plan is None else json.dumps(_data(plan), separators=(",", ":"))
        self._journal.record_plan(step, data)


def _data(plan: Plan) -> dict[str, Any]:
    """Return a plan as JSON-like data; what is empty is left out."""
    decision = plan.decision
    data = {
        "kind": decision.kind,
        "members": decision.members,
        "rows": rows_text(decision.rows),
        "trial_rows": rows_text(decision.trial_rows),
        "turn": decision.turn,
        "edits": dict(decision.edits),
        "sources": decision.sources,
        "course": plan.course,
        "bound": plan.bound,
    }
    ancestor = {} if decision.ancestor is None else {"ancestor": decision.ancestor}
    return {name: value for name, value in data.items() if value} | ancestor | {"committed": plan.committed}


def _plan(data: dict[str, Any]) -> Plan:
    """Return the plan that `_data` wrote.

    Raises:
        KeyError, TypeError, ValueError: The data is not that of a plan.
    """
    decision = Decision(
        kind=data["kind"],
        members=tuple(data["members"]),
        rows=read_rows(data.get("rows", "")),
        trial_rows=read_rows(data.get("trial_rows", "")),
        turn=data.get("turn", 0),
        edits={
            name: tuple(KnownEdit(*edit) for edit in edits) for name, edits in data.get("edits", {}).items()
        },
        ancestor=data.get("ancestor"),
        sources=tuple(data.get("sources", ())),
    )
    plan = Plan(decision, data["committed"], data.get("course", ""), data.get("bound", False))
    check_type(plan, Plan)
    return plan
