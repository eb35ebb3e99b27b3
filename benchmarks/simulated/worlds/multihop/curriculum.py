"""The reflector's knowledge of multi-hop programs."""

from __future__ import annotations

from benchmarks.simulated.worlds.habits import HabitCurriculum
from benchmarks.simulated.worlds.multihop import diagnosis, lessons, skills
from benchmarks.simulated.worlds.multihop.skills import Stage


def multihop_stage(names: set[str]) -> Stage | None:
    """Return the stage of a step whose fields have these names; None for a step of another program."""
    if "passages" in names:
        if "context" not in names:
            return "summary1"
        return "between" if "claim" in names else "summary2"
    if "claim" in names and "summary_1" in names:
        return "query"
    if "summary_2" in names or ("answer" in names and "summary_1" in names):
        return "answer"
    if "query" in names:
        return "query"
    return None


MULTIHOP = HabitCurriculum(
    name="multihop",
    skills=skills.SKILLS,
    lessons=lessons.LESSONS,
    mistakes=lessons.MISTAKES,
    stage_of_fields=multihop_stage,
    lessons_in=diagnosis.lessons_in,
)
