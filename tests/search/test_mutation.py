"""Algorithm 1, lines 8 to 17: one reflective mutation, step by step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.reflection.rules import TextRules
from dspy_gepa.reflection.settings import ReflectionSettings
from dspy_gepa.search import Paper, Problem
from dspy_gepa.search.choices.acceptance import Acceptance, improves
from dspy_gepa.search.choices.components import ComponentChoice, ComponentContext
from dspy_gepa.search.mutation import Mutation, edits_to_show, mutate
from dspy_gepa.search.pool import Pool
from dspy_gepa.steps import Proposal
from dspy_gepa.types import Effect, Outcome, Reflect, Reflection, Result, Rollout, Row, TraceStep
from tests.support import TRAIN_SIZE, Entry, drive, pool_of, train_rows

SEED = {"a": "first text", "b": "second text"}
Texts = Sequence[Reflection | str]


@dataclass
class World:
    """Scores of parent and child by train row, and the reflector's answers one after another."""

    before: tuple[float, ...] = (0.0, 1.0, 0.0)
    after: tuple[float, ...] = (1.0, 1.0, 0.0)
    answers: Texts = ("a new text",)
    called: tuple[str, ...] = ("a", "b")
    requests: list[Reflect] = field(default_factory=list)

    def __call__(self, effect: Effect) -> Result:
        if isinstance(effect, Reflect):
            self.requests.append(effect)
            answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
            return answer if isinstance(answer, Reflection) else Reflection(text=answer)
        scores = self.before if dict(effect.candidate) == SEED else self.after
        steps = tuple(TraceStep(name, {"q": f"question {effect.row}"}, {"r": "x"}) for name in self.called)
        return Outcome("scored", score=scores[effect.row.position], feedback="do better", trace=steps)


def seeded() -> Pool:
    return pool_of(Entry(SEED, (0.0, 0.0)))


def run(
    world: Callable[[Effect], Result],
    *,
    components: Sequence[str] = ("a",),
    choose: ComponentChoice | None = None,
    pool: Pool | None = None,
    rules: TextRules | None = None,
    perfect_score: float | None = 1.0,
    show_history: bool = False,
    trial_rows: Sequence[Row] | None = None,
    accept: Acceptance | None = improves,
) -> tuple[Proposal, list[list[Effect]]]:
    pool = pool or seeded()
    reflection = ReflectionSettings("- a: q -> r", rules=rules or TextRules())
    problem = Problem(pool.members[0].candidate, list(SEED), TRAIN_SIZE, pool.val_rows, reflection)
    strategy = Paper(
        choose_components=choose or (lambda context: components),
        perfect_score=perfect_score,
        show_history=show_history,
    )
    rows = train_rows(3)
    mutation = Mutation(
        parent=pool.members[0],
        turn=0,
        rows=rows,
        trial_rows=tuple(rows if trial_rows is None else trial_rows),
        edits=edits_to_show(problem, strategy, pool),
    )
    step = mutate(problem, strategy, pool, mutation, accept)
    return drive(step, world)


def shape(asked: list[list[Effect]]) -> list[str]:
    """Batches in words: what was run on how many rows, or how many texts were asked for."""
    words = []
    for batch in asked:
        if isinstance(batch[0], Rollout):
            who = "parent" if dict(batch[0].candidate) == SEED else "child"
            words.append(f"{who} on {len(batch)} {batch[0].row.split}")
        else:
            words.append(f"reflect on {len(batch)}")
    return words


def test_a_better_child_is_accepted() -> None:
    proposal, asked = run(World())
    assert shape(asked) == ["parent on 3 train", "reflect on 1", "child on 3 train"]
    assert proposal.verdict == "accepted"


@pytest.mark.parametrize("after", [(0.0, 1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 0.0)])
def test_a_child_that_is_not_strictly_better_in_sum_is_rejected(after: tuple[float, ...]) -> None:
    proposal, asked = run(World(after=after))
    assert proposal.verdict == "rejected"
    assert shape(asked)[-1] == "child on 3 train"


def test_parent_and_child_are_run_on_the_same_rows() -> None:
    _, asked = run(World())
    assert [e.row for e in asked[0] if isinstance(e, Rollout)] == list(train_rows(3))
    assert [e.row for e in asked[2] if isinstance(e, Rollout)] == list(train_rows(3))


def test_a_proposal_records_what_was_tried_on_what_and_what_came_of_it() -> None:
    proposal, _ = run(World())
    assert proposal.kind == "mutation"
    assert proposal.parents == (0,)
    assert proposal.rows == train_rows(3)
    assert (proposal.before, proposal.after) == ((0.0, 1.0, 0.0), (1.0, 1.0, 0.0))
    assert proposal.changed == ("a",)
    assert proposal.reason == "minibatch score went from 1 to 2"
    assert proposal.reflections == 1
    assert "question train/0" in proposal.evidence["a"]


def test_only_the_chosen_component_changes() -> None:
    proposal, _ = run(World())
    assert proposal.candidate is not None
    assert dict(proposal.candidate) == {"a": "a new text", "b": "second text"}


def test_all_chosen_components_are_reflected_on_at_once() -> None:
    proposal, asked = run(World(answers=("new a", "new b")), components=("a", "b"))
    assert shape(asked)[1] == "reflect on 2"
    assert proposal.candidate is not None
    assert dict(proposal.candidate) == {"a": "new a", "b": "new b"}


def test_a_perfect_minibatch_is_skipped_without_reflection() -> None:
    proposal, asked = run(World(before=(1.0, 1.0, 1.0)))
    assert (proposal.verdict, proposal.reason) == ("skipped", "every row of the minibatch is perfect already")
    assert shape(asked) == ["parent on 3 train"]


def test_without_a_perfect_score_no_minibatch_is_skipped() -> None:
    _, asked = run(World(before=(1.0, 1.0, 1.0)), perfect_score=None)
    assert shape(asked)[1] == "reflect on 1"


def test_one_imperfect_row_is_reason_enough_to_reflect() -> None:
    _, asked = run(World(before=(1.0, 1.0, 0.99)))
    assert shape(asked)[1] == "reflect on 1"


def test_a_component_that_no_rollout_called_is_rejected_without_reflection() -> None:
    proposal, asked = run(World(called=("b",)))
    assert (proposal.verdict, proposal.reason) == ("rejected", "no rollout called a")
    assert shape(asked) == ["parent on 3 train"]


def test_components_that_were_called_are_reflected_on_beside_one_that_was_not() -> None:
    proposal, asked = run(World(called=("b",)), components=("a", "b"))
    assert shape(asked)[1] == "reflect on 1"
    assert proposal.changed == ("b",)


def test_an_unusable_text_is_asked_for_once_more_with_the_reason() -> None:
    world = World(answers=("", "a new text"))
    proposal, asked = run(world)
    assert shape(asked)[1:3] == ["reflect on 1", "reflect on 1"]
    assert [r.objection for r in world.requests] == ["", "The answer was empty. Write the full text."]
    assert proposal.verdict == "accepted"
    assert proposal.reflections == 2


def test_only_the_component_with_the_unusable_text_is_asked_for_again() -> None:
    world = World(answers=("new a", "", "new b"))
    proposal, _ = run(world, components=("a", "b"))
    assert [r.component for r in world.requests] == ["a", "b", "b"]
    assert proposal.candidate is not None
    assert dict(proposal.candidate) == {"a": "new a", "b": "new b"}


def test_a_text_that_stays_as_it_is_beside_one_that_changes_is_not_asked_for_again() -> None:
    world = World(answers=("first text", "new b"))
    proposal, _ = run(world, components=("a", "b"))
    assert [r.component for r in world.requests] == ["a", "b"]
    assert proposal.changed == ("b",)
    assert proposal.verdict == "accepted"


def test_a_component_without_a_usable_text_does_not_hold_up_the_others() -> None:
    proposal, _ = run(World(answers=("new a", "", "")), components=("a", "b"))
    assert proposal.changed == ("a",)
    assert proposal.verdict == "accepted"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "The answer was empty"),
        ("first text", "equals the current text"),
        (Reflection(text="a new", truncated=True), "cut off"),
        (Reflection(error="AdapterParseError: no field"), "AdapterParseError: no field"),
        ("x" * 51, "has 51 characters, more than the 50"),
    ],
)
def test_without_any_usable_text_no_child_is_run_and_the_reason_is_reported(
    answer: Reflection | str, reason: str
) -> None:
    proposal, asked = run(World(answers=(answer,)), rules=TextRules(max_chars=50))
    assert proposal.verdict == "rejected"
    assert proposal.candidate is None
    assert proposal.reason.startswith("a: ")
    assert reason in proposal.reason
    assert shape(asked) == ["parent on 3 train", "reflect on 1", "reflect on 1"]


def test_a_child_that_was_tried_before_is_not_run_again() -> None:
    first, _ = run(World(after=(0.0, 0.0, 0.0)))
    proposal, asked = run(World(), pool=seeded().commit(first, spent=8))
    assert (proposal.verdict, proposal.candidate) == ("rejected", None)
    assert "tried before" in proposal.reason
    assert shape(asked) == ["parent on 3 train", "reflect on 1", "reflect on 1"]


def test_the_reflector_is_shown_the_program_the_text_and_the_evidence() -> None:
    world = World()
    run(world)
    request = world.requests[0]
    assert (request.component, request.current_text, request.program) == ("a", "first text", "- a: q -> r")
    assert request.evidence.count("do better") == 3


def test_earlier_edits_are_shown_on_demand_only() -> None:
    first, _ = run(World(answers=("a bad text",), after=(0.0, 0.0, 0.0)))
    pool = seeded().commit(first, spent=8)
    for show, shown in ((True, True), (False, False)):
        world = World()
        run(world, pool=pool, show_history=show)
        assert ("a bad text" in world.requests[0].history) is shown


def test_a_text_that_was_tried_before_is_asked_for_once_more_with_the_reason() -> None:
    first, _ = run(World(after=(0.0, 0.0, 0.0)))
    world = World(answers=("a new text", "another text"))
    proposal, _ = run(world, pool=seeded().commit(first, spent=8))
    assert proposal.candidate is not None
    assert proposal.candidate["a"] == "another text"


def test_without_an_acceptance_rule_every_child_is_kept() -> None:
    proposal, _ = run(World(after=(0.0, 0.0, 0.0)), accept=None)
    assert proposal.verdict == "accepted"


def test_a_child_can_be_tried_on_other_rows_than_those_reflected_on() -> None:
    world = World(before=(0.0,) * 5, after=(0.0, 0.0, 0.0, 1.0, 0.5))
    proposal, asked = run(world, trial_rows=train_rows(5)[3:], accept=None)
    assert [e.row for e in asked[2] if isinstance(e, Rollout)] == list(train_rows(5)[3:])
    assert (proposal.rows, proposal.trial_rows) == (train_rows(3), train_rows(5)[3:])
    assert proposal.after == (1.0, 0.5)
    assert proposal.reason == "scored 1.5 on 2 rows"


def test_the_components_are_chosen_with_the_parents_outcomes_at_hand() -> None:
    seen: list[float] = []

    def choose(occasion: ComponentContext) -> list[str]:
        seen.extend(outcome.score for outcome in occasion.outcomes)
        return ["b"]

    proposal, _ = run(World(), choose=choose)
    assert (seen, proposal.changed) == ([0.0, 1.0, 0.0], ("b",))


def test_choosing_no_component_ends_the_step_before_it_costs_a_reflection() -> None:
    proposal, asked = run(World(), choose=lambda occasion: ())
    assert (proposal.verdict, proposal.reason) == ("rejected", "no component was chosen")
    assert shape(asked) == ["parent on 3 train"]


def test_choosing_a_component_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(ConfigurationError, match=r"component_selector chose 'c'; the components are a, b\."):
        run(World(), choose=lambda occasion: ["c"])
