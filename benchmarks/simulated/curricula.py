"""All curricula of the reflector by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from benchmarks.simulated.curriculum import Curriculum
from benchmarks.simulated.worlds.agent.curriculum import AgentCurriculum, AgentKnobs
from benchmarks.simulated.worlds.coder.advising import AdviceCurriculum, AdviceKnobs
from benchmarks.simulated.worlds.coder.rewriting import CodeCurriculum, CodeKnobs
from benchmarks.simulated.worlds.habits import HabitCurriculum, HabitKnobs
from benchmarks.simulated.worlds.maths.curriculum import MATHS
from benchmarks.simulated.worlds.multihop.curriculum import MULTIHOP
from benchmarks.simulated.worlds.privacy.curriculum import PRIVACY
from benchmarks.simulated.worlds.records.curriculum import RecordCurriculum, ReflectorKnobs
from benchmarks.simulated.worlds.writing.curriculum import INSTRUCTIONS


def _habits(curriculum: HabitCurriculum, **knobs: float) -> Curriculum:
    return replace(curriculum, knobs=HabitKnobs(**knobs))


_CURRICULA: Mapping[str, Callable[..., Curriculum]] = {
    **{each.name: partial(_habits, each) for each in (MULTIHOP, MATHS, PRIVACY, INSTRUCTIONS)},
    RecordCurriculum.name: lambda **knobs: RecordCurriculum(ReflectorKnobs(**knobs)),
    AgentCurriculum.name: lambda **knobs: AgentCurriculum(AgentKnobs(**knobs)),
    CodeCurriculum.name: lambda **knobs: CodeCurriculum(CodeKnobs(**knobs)),
    AdviceCurriculum.name: lambda **knobs: AdviceCurriculum(AdviceKnobs(**knobs)),
}


def curriculum_named(name: str, knobs: Mapping[str, float]) -> Curriculum:
    """Return the curriculum called `name` with the given knobs. Raises ValueError for an unknown name."""
    if name not in _CURRICULA:
        raise ValueError(f"Unknown curriculum {name!r}; expected one of {', '.join(_CURRICULA)}.")
    return _CURRICULA[name](**knobs)
