"""What a benchmark task is: a program to optimize, rows, a metric, and simulated models that can play it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import dspy

from benchmarks.simulated import Role, simulated_lm
from dspy_gepa.program.build import build_program, read_candidate
from dspy_gepa.program.components.selection import select


class Metric(Protocol):
    """A metric in the form GEPA asks for: returns a prediction with `score` (0 to 1) and `feedback`."""

    def __call__(
        self,
        gold: dspy.Example,
        pred: Any,
        trace: Any = None,
        pred_name: str | None = None,
        pred_trace: Any = None,
    ) -> dspy.Prediction:
        """Score `pred`; with `pred_name`, write the feedback for that predictor."""
        ...


@dataclass(frozen=True)
class Task:
    """A task. The three splits are lists because DSPy's optimizers ask for lists; do not change them.

    task_role, reflection_role: what simulated models play, one to run the program, one to improve it; None
        where only real models can.
    best_instructions: a hand-written set of good instructions by predictor name, or of other texts by
        component, to measure the headroom.
    optimize: the kinds of text that are optimized, as `dspy_gepa.GEPA` names them.
    inference_time: whether the rows are the very tasks to be solved, so that train rows are validation rows
        and the best output for each of them is what counts.
    source: where the rows come from: data sets with their revisions, or a directory; "" for made-up rows.
    searched: the corpus that is searched, with its size and, where it is local, its checksum; "" for none.
    substitute: what stands in for the paper's corpus and makes scores incomparable with the paper's; "" where
        nothing does. A run by the paper's budget is refused then.
    conditions: gives what a result rests on besides the rows, by name, in words for people: what is searched,
        what stands around code that is run. Asked once for a run, and kept with its result.
    """

    name: str
    program: Callable[[], dspy.Module]
    metric: Metric
    train: list[dspy.Example]
    val: list[dspy.Example]
    test: list[dspy.Example]
    task_role: Role | None
    reflection_role: Role | None
    best_instructions: dict[str, str]
    optimize: tuple[str, ...] = ("instructions",)
    inference_time: bool = False
    source: str = ""
    searched: str = ""
    substitute: str = ""
    conditions: Callable[[], Mapping[str, str]] = dict

    def task_lm(self, *, seed: int = 0) -> dspy.LM:
        """A simulated model that runs the program."""
        return simulated_lm("simulated/task", self._role(self.task_role), seed=seed)

    def reflection_lm(self, *, seed: int = 0) -> dspy.LM:
        """A simulated model that rewrites instructions."""
        return simulated_lm("simulated/reflection", self._role(self.reflection_role), seed=seed)

    def _role(self, role: Role | None) -> Role:
        if role is None:
            raise ValueError(f"No simulated model plays {self.name}. Use `real` and name models that exist.")
        return role

    def best_program(self) -> dspy.Module:
        """The program under `best_instructions`: near the most that instructions can reach here."""
        return self.program_with(self.best_instructions)

    def program_with(self, texts: Mapping[str, str]) -> dspy.Module:
        """The program with some of its texts replaced, by component."""
        program = self.program()
        return build_program(program, read_candidate(program, select(self.optimize, ())).with_texts(texts))

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits that depend on every row and split, and on the corpus that is searched."""
        rows = [[dict(row.toDict()) for row in part] for part in (self.train, self.val, self.test)]
        data = json.dumps([rows, self.searched], sort_keys=True, default=str)
        return hashlib.sha256(data.encode("utf-8", "backslashreplace")).hexdigest()[:16]

    def texts_of(self, program: dspy.Module) -> dict[str, str]:
        """The texts of `program`, which is this task's or an optimized one, by component.

        Tools are told of where models read of them, in an agent's instructions: whoever rewrote these need
        not have kept them apart.
        """
        kinds = [kind for kind in self.optimize if kind != "tools"]
        return dict(read_candidate(program, select(kinds, ())))
