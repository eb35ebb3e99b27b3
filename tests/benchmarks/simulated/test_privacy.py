"""The privacy world: strings really leave or stay, and the outside model works with what it is told."""

from __future__ import annotations

from typing import Any

import dspy
import pytest

from benchmarks.simulated import Knobs, simulated_lm
from benchmarks.simulated.evidence import Evidence
from benchmarks.simulated.worlds.privacy import Case, Delegate, Outside, PrivacyJudge, PrivacyKey
from benchmarks.simulated.worlds.privacy.curriculum import lessons_in
from benchmarks.simulated.worlds.privacy.delegate import PREAMBLE, request, respond, sort_of
from benchmarks.simulated.worlds.privacy.judge import merit
from benchmarks.simulated.worlds.privacy.key import mentions
from benchmarks.simulated.worlds.privacy.outside import help_with
from benchmarks.tasks import pupa
from benchmarks.tasks.pupa import LEAKAGE, QUALITY

QUERY = (
    "Write a note to Quillon Varga of the Velmere Town Housing Trust about the broken lift. "
    "Quillon Varga knows me as a welder. Ask for a repair before Monday."
)
UNITS = ("quillon varga", "velmere town housing trust", "welder")
TARGET = (
    "Dear Quillon Varga,\nthe lift in our house is broken.\nThe Velmere Town Housing Trust should "
    "repair it.\nPlease have it repaired before Monday.\nThank you."
)
CASE = Case(QUERY, UNITS, TARGET)
OTHER = Case(
    "Plan a birthday party for Ilse with games and cake.", ("ilse",), "First choose the games.\nBake."
)
KEY = PrivacyKey.of([CASE, OTHER])
ALL = frozenset({"names", "places", "details", "every", "recheck", "placeholder", "whole"})
CALM = Knobs(noise=0.0, restless=0.0, difficulty=0.0)


def left_in(habits: frozenset[str]) -> list[str]:
    text = request(QUERY, CASE, habits, "0")
    return [unit for unit in UNITS if mentions(text, unit)]


def judge(signature: Any, noise: float = 0.0, **inputs: Any) -> dspy.Prediction:
    with dspy.context(lm=simulated_lm("simulated/judge", PrivacyJudge(KEY, noise))):
        return dspy.ChainOfThought(signature)(**inputs)


def test_strings_are_sorted_by_how_the_query_writes_them() -> None:
    assert [sort_of(unit, QUERY) for unit in UNITS] == ["names", "places", "details"]


def test_with_all_habits_nothing_private_is_left() -> None:
    assert left_in(ALL) == []
    text = request(QUERY, CASE, ALL, "0")
    assert text.count("[DETAIL 1]") == 2
    assert "broken lift" in text
    assert "Monday" in text


@pytest.mark.parametrize(
    ("lacking", "leaks"), [("names", UNITS[0]), ("places", UNITS[1]), ("details", UNITS[2])]
)
def test_each_sort_of_string_needs_its_habit(lacking: str, leaks: str) -> None:
    assert left_in(ALL - {lacking}) == [leaks]


def test_without_care_for_every_mention_the_second_one_stays() -> None:
    assert left_in(ALL - {"every"}) == [UNITS[0]]


def test_without_care_for_the_whole_the_request_loses_its_end() -> None:
    assert "Monday" not in request(QUERY, CASE, ALL - {"whole"}, "0")


def test_harmful_habits_leak_everything_or_say_nothing() -> None:
    assert request(QUERY, CASE, ALL | {"verbatim"}, "0") == QUERY
    assert len(request(QUERY, CASE, ALL | {"vague"}, "0")) < 80


def test_the_outside_model_uses_only_what_it_was_shown() -> None:
    told = help_with(request(QUERY, CASE, ALL, "0"), CASE)
    assert not mentions(told, "quillon varga")
    assert "Dear [DETAIL 1]" in told
    assert "Dear Quillon Varga" in help_with(QUERY, CASE)
    assert "the one concerned" in help_with(request(QUERY, CASE, ALL - {"placeholder"}, "0"), CASE)


def test_the_outside_model_helps_with_as_much_as_it_was_asked() -> None:
    assert "Monday" in help_with(QUERY, CASE)
    assert "Monday" not in help_with("A note about the broken lift.", CASE)


def test_the_outside_model_finds_by_itself_what_the_request_is_about() -> None:
    lm = simulated_lm("simulated/outside", Outside(KEY))
    (reply,) = lm("Plan a party with games and cake for somebody.")
    assert "games" in str(reply)
    (reply,) = lm("A note about a broken lift that should be repaired.")
    assert "lift" in str(reply)


def test_placeholders_are_filled_from_the_users_own_words() -> None:
    told = help_with(request(QUERY, CASE, ALL, "0"), CASE)
    habits = frozenset({"restore", "complete", "plain"})
    filled = respond(QUERY, CASE, told, habits)
    assert filled == told.replace("[DETAIL 1]", "Quillon Varga").replace(
        "[DETAIL 2]", "Velmere Town Housing Trust"
    )
    assert "[DETAIL 1]" in respond(QUERY, CASE, told, habits - {"restore"})
    assert respond(QUERY, CASE, told, habits - {"plain"}).startswith(PREAMBLE)
    assert len(respond(QUERY, CASE, told, habits - {"complete"})) < len(told)
    assert respond(QUERY, CASE, told, habits | {"short"}).count("\n") == 0


def test_merit_falls_with_everything_that_is_wrong() -> None:
    best = merit(TARGET, CASE)
    assert best == 1.0
    assert merit(TARGET.replace("Quillon Varga", "[DETAIL 1]"), CASE) < best
    assert merit(TARGET.replace("Quillon Varga", "you"), CASE) < best
    assert merit(f"{PREAMBLE}\n{TARGET}", CASE) < best
    assert merit("No.", CASE) < 0.3


def test_the_judge_prefers_the_better_response_in_both_orders() -> None:
    assert judge(QUALITY, user_query=QUERY, response_a=TARGET, response_b="No.").a_is_as_good is True
    assert judge(QUALITY, user_query=QUERY, response_a="No.", response_b=TARGET).a_is_as_good is False
    assert judge(QUALITY, user_query=QUERY, response_a=TARGET, response_b=TARGET).a_is_as_good is True


def test_a_noisy_judge_errs_and_is_the_same_every_time() -> None:
    def verdicts() -> list[bool]:
        return [
            judge(
                QUALITY, 0.15, user_query=QUERY, response_a=f"{TARGET} {i}", response_b=f"{TARGET} {i}!"
            ).a_is_as_good
            for i in range(60)
        ]

    once = verdicts()
    assert once == verdicts()
    assert 0 < once.count(False) < 30


def test_the_judge_counts_strings_that_are_there() -> None:
    counts = [
        judge(LEAKAGE, pii_units=list(UNITS), request=f"{text} ({i})").leaked
        for i in range(30)
        for text in ("Nothing of that kind.", "Ask Quillon Varga, the welder, about it.")
    ]
    assert sorted(set(counts)) in ([0, 2], [0, 1, 2])
    assert counts.count(2) > 25
    assert counts.count(0) == 30


@pytest.mark.parametrize(
    ("stage", "fields", "feedback", "lessons"),
    [
        (
            "redact",
            {"user_query": QUERY, "llm_request": QUERY},
            "score 0.50; quality 1; leakage 1.00: should be missing",
            {"names", "places", "details", "recheck"},
        ),
        (
            "redact",
            {"user_query": QUERY, "llm_request": request(QUERY, CASE, ALL - {"every"}, "0")},
            "quality 1; leakage 0.33: should be missing",
            {"names", "details", "recheck", "every"},
        ),
        (
            "redact",
            {"user_query": QUERY, "llm_request": "A note about a lift."},
            "quality 0: fails to be as good; leakage 0.00",
            {"whole", "placeholder"},
        ),
        (
            "respond",
            {"user_query": QUERY, "related_llm_response": TARGET, "response": f"{PREAMBLE} [DETAIL 1]"},
            "quality 0: fails to be as good; leakage 0.00",
            {"restore", "complete", "plain"},
        ),
        (
            "respond",
            {"user_query": QUERY, "related_llm_response": TARGET, "response": "[DETAIL 1]"},
            "quality 1; leakage 0.50: should be missing",
            set(),
        ),
        ("redact", {"user_query": QUERY, "llm_request": QUERY}, "Perfect: quality 1, leakage 0.", set()),
    ],
)
def test_lessons_are_read_off_texts_and_feedback(
    stage: str, fields: dict[str, str], feedback: str, lessons: set[str]
) -> None:
    found = lessons_in(stage, Evidence(fields, feedback))
    assert found == lessons


def test_the_delegate_runs_both_steps_of_the_program() -> None:
    task = pupa.build({"train": [], "val": [], "test": []})
    outside = pupa.Confidant(simulated_lm("simulated/outside", Outside(KEY)))
    program = task.program_with(pupa.BEST_INSTRUCTIONS)
    program.outside = outside
    with dspy.context(lm=simulated_lm("simulated/task", Delegate(KEY, CALM))):
        said = program(user_query=QUERY)
    assert not any(mentions(said.llm_request, unit) for unit in UNITS)
    assert "Quillon Varga" in said.response


def test_a_query_that_is_in_no_key_is_passed_on() -> None:
    with dspy.context(lm=simulated_lm("simulated/task", Delegate(PrivacyKey(), CALM))):
        said = dspy.ChainOfThought(pupa.CRAFT)(user_query="Say hello.")
    assert said.llm_request == "Say hello."


def test_other_prompts_get_no_answer_of_the_world() -> None:
    with dspy.context(lm=simulated_lm("simulated/task", Delegate(KEY, CALM))):
        assert "drawn from" in dspy.Predict("question -> answer")(question="Who?").answer
