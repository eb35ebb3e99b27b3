"""What is written down is what comes back."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dspy_gepa.program.media import LONG
from dspy_gepa.runtime.codec import decode, decode_fault, encode, encode_fault
from dspy_gepa.types import MEDIA_END, MEDIA_START, Fault, Outcome, Reflection, TraceStep, Usage

TEXTS = st.text(st.characters())  # lone surrogates, as broken model outputs hold them, included
NUMBERS = st.floats(allow_nan=False) | st.integers()
DATA = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.dictionaries(TEXTS, DATA, max_size=3)
WORDS = st.dictionaries(TEXTS, TEXTS, max_size=3)
COUNTS = st.integers(0, 10**12)
USAGES = st.builds(
    Usage,
    calls=COUNTS,
    tokens=st.dictionaries(TEXTS, st.tuples(COUNTS, COUNTS), max_size=3),
    costs=st.dictionaries(TEXTS, st.floats(0, 1e6), max_size=3),
)
STEPS = st.builds(
    TraceStep, st.none() | TEXTS, FIELDS, FIELDS, st.none() | TEXTS, st.lists(TEXTS, max_size=2).map(tuple)
)
OUTCOMES = st.builds(
    Outcome,
    status=st.sampled_from(["scored", "program_failed"]),
    score=st.floats(allow_nan=False),
    objectives=st.dictionaries(TEXTS, st.floats(allow_nan=False), max_size=3),
    feedback=TEXTS,
    component_feedback=WORDS,
    trace=st.lists(STEPS, max_size=3).map(tuple),
    output=FIELDS,
    error=TEXTS,
    cause=TEXTS,
    metric_failed=st.booleans(),
    usage=USAGES,
)
REFLECTIONS = st.builds(Reflection, TEXTS, st.booleans(), TEXTS, TEXTS, st.booleans(), USAGES)


@given(OUTCOMES | REFLECTIONS)
def test_a_result_comes_back_as_it_was(result: Any) -> None:
    text = encode(result)
    assert text.isascii()
    assert "\n" not in text
    assert decode(text) == result


LONG_TEXTS = st.builds(lambda text, many: (text + "-") * many, TEXTS, st.sampled_from([1, 600]))
MEDIA = LONG_TEXTS.map(lambda text: f"{MEDIA_START}{text}{MEDIA_END}")
MARKED = st.dictionaries(st.sampled_from(["\0", "\0\0", "\0a", "a"]), LONG_TEXTS | MEDIA, max_size=4)
MIXED = st.lists(LONG_TEXTS | MEDIA, max_size=3).map("".join)


@settings(max_examples=50)
@given(OUTCOMES, st.lists(LONG_TEXTS | MEDIA | MIXED | MARKED, max_size=4), MIXED)
def test_long_texts_are_kept_once_and_come_back(outcome: Outcome, parts: list[Any], feedback: str) -> None:
    kept: dict[str, str] = {}

    def keep(text: str) -> str:
        return kept.setdefault(f"digest of {hash(text)}", text) and f"digest of {hash(text)}"

    result = replace(outcome, output={"parts": parts, "again": parts}, feedback=feedback)
    text = encode(result, keep)
    assert decode(text, kept.__getitem__) == result
    assert all(len(long) >= LONG for long in kept.values())


def test_a_medium_in_the_middle_of_a_text_is_kept_by_itself() -> None:
    kept: list[str] = []
    medium = f"{MEDIA_START}{'x' * 900}{MEDIA_END}"
    text = encode(Outcome("scored", feedback=f"Look: {medium}!"), lambda part: kept.append(part) or "d")
    assert kept == [medium]
    assert "Look: " in text
    assert len(text) < 400
    assert decode(text, lambda digest: medium).feedback == f"Look: {medium}!"  # type: ignore[union-attr]


@given(st.builds(Fault, TEXTS, TEXTS, st.none() | st.floats(0, 100), *[st.booleans()] * 3))
def test_a_fault_comes_back_as_it_was(fault: Fault) -> None:
    assert decode_fault(encode_fault(fault)) == fault


def test_not_a_number_and_infinity_are_kept() -> None:
    outcome = decode(encode(Outcome("scored", score=math.inf, output={"p": math.nan})))
    assert isinstance(outcome, Outcome)
    assert outcome.score == math.inf
    assert math.isnan(outcome.output["p"])


def test_what_is_no_data_is_written_as_its_text() -> None:
    outcome = decode(encode(Outcome("scored", output={"path": range(3)})))
    assert isinstance(outcome, Outcome)
    assert outcome.output == {"path": "range(0, 3)"}


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", "7", '{"status": "scored"}', '{"text": "t"}', "{"])
def test_text_that_is_no_result_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a recorded result|Expecting"):
        decode(text)


@given(st.text(st.characters(codec="ascii"), max_size=30), st.integers(0, 10**6))
def test_any_damage_is_refused_or_a_result(noise: str, place: int) -> None:
    text = encode(Outcome("scored", score=0.5, feedback="good", usage=Usage(1, {"m": (5, 3)}, {"m": 0.1})))
    place %= len(text)
    try:
        result = decode(text[:place] + noise + text[place + len(noise) :])
    except ValueError:
        return
    assert isinstance(result, (Outcome, Reflection))


def test_faults_keep_their_usage() -> None:
    fault = Fault(
        "LMServerError",
        "HTTP 500",
        usage=Usage(2, {"m": (3, 4)}, {"m": 0.5}, unreported=1, estimated={"m": 9}),
    )
    assert decode_fault(encode_fault(fault)) == fault


def test_an_outcome_without_a_score_stays_without_one() -> None:
    outcome = decode(encode(Outcome("unavailable", score=math.nan, error="HTTP 500", cause="LMServerError")))
    assert isinstance(outcome, Outcome)
    assert outcome.status == "unavailable"
    assert math.isnan(outcome.score)
