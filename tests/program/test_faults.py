"""Whose fault a failure is."""

from __future__ import annotations

import dspy
import httpx
import pytest
from dspy.utils.exceptions import (
    AdapterParseError,
    ContextWindowExceededError,
    LMAuthError,
    LMInvalidRequestError,
    LMRateLimitError,
    LMServerError,
    LMTimeoutError,
    LMTransportError,
    LMUnsupportedModelError,
)

from dspy_gepa.program.faults import describe, expected_format, is_infrastructure
from tests.support import scripted_lm

SIGNATURE = dspy.Signature("question -> answer")
UNPARSED = AdapterParseError("ChatAdapter", SIGNATURE, "gibberish")


def wrapped(outer: Exception, inner: Exception, *, explicit: bool) -> Exception:
    """`outer` as it is when raised while `inner` is handled, with or without ``from``."""
    try:
        try:
            raise inner
        except Exception as caught:
            if explicit:
                raise outer from caught
            raise outer  # noqa: B904  # what programs do
    except Exception as error:
        return error


@pytest.mark.parametrize(
    "error",
    [
        LMRateLimitError("slow down"),
        LMServerError("500"),
        LMTimeoutError("late"),
        LMTransportError("reset"),
        LMAuthError("bad key"),
        LMUnsupportedModelError("no such model"),
        ConnectionResetError(),
        TimeoutError(),
        httpx.ReadTimeout("late"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_providers_and_services_are_to_blame_for_their_errors(error: Exception) -> None:
    assert is_infrastructure(error)


@pytest.mark.parametrize(
    "error",
    [
        UNPARSED,
        ContextWindowExceededError(message="too long"),
        LMInvalidRequestError("malformed"),
        ValueError("no number"),
        KeyError("x"),
        RuntimeError("of the program"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_the_candidate_is_to_blame_for_the_rest(error: Exception) -> None:
    assert not is_infrastructure(error)


@pytest.mark.parametrize("explicit", [True, False])
def test_errors_around_a_providers_error_are_looked_through(explicit: bool) -> None:
    assert is_infrastructure(
        wrapped(RuntimeError("step failed"), LMRateLimitError("slow"), explicit=explicit)
    )
    assert not is_infrastructure(wrapped(RuntimeError("step failed"), UNPARSED, explicit=explicit))


def test_a_provider_that_fails_while_a_parse_error_is_handled_is_to_blame() -> None:
    assert is_infrastructure(wrapped(LMRateLimitError("slow"), UNPARSED, explicit=False))


def test_an_error_that_hides_its_origin_stands_for_itself() -> None:
    error = wrapped(ValueError("plain"), LMRateLimitError("slow"), explicit=False)
    error.__suppress_context__ = True
    assert not is_infrastructure(error)


def test_errors_that_refer_to_each_other_come_to_an_end() -> None:
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    assert not is_infrastructure(one)


def test_an_error_is_described_in_one_bounded_line() -> None:
    assert describe(ValueError("two\n  lines")) == "ValueError: two lines"
    assert len(describe(ValueError("x" * 5_000))) == 1_000


def test_a_parse_failure_shows_the_raw_text_and_the_expected_format() -> None:
    told = expected_format(UNPARSED, SIGNATURE)
    assert "The model's raw text was:\ngibberish" in told
    assert "[[ ## answer ## ]]\n{answer}" in told


def test_the_expected_format_is_that_of_the_adapter_in_use() -> None:
    with dspy.context(adapter=dspy.XMLAdapter()):
        assert "<answer>\n{answer}\n</answer>" in expected_format(UNPARSED, SIGNATURE)


def test_an_adapter_without_a_layout_has_its_output_fields_named() -> None:
    with dspy.context(adapter=dspy.TwoStepAdapter(dspy.LM("unused/model"))):
        assert "the output fields answer" in expected_format(UNPARSED, SIGNATURE)


def test_a_parse_failure_tells_what_is_missing_or_wrong() -> None:
    assert "It lacks answer." in expected_format(UNPARSED, SIGNATURE)
    wrong = AdapterParseError("XMLAdapter", SIGNATURE, "x", message="Failed to parse field answer")
    assert "could not be parsed. Failed to parse field answer The model's" in expected_format(
        wrong, SIGNATURE
    )


def test_the_first_try_is_told_where_another_adapter_was_asked_next() -> None:
    lm = scripted_lm(
        lambda prompt: "first words" if "[[ ## answer ## ]]" in prompt.system else "second words"
    )
    with pytest.raises(AdapterParseError) as caught, dspy.context(lm=lm):
        dspy.Predict(SIGNATURE)(question="why?")
    assert caught.value.lm_response == "second words"
    assert "raw text was:\nfirst words" in expected_format(caught.value, SIGNATURE)


def test_another_error_of_a_call_is_told_as_it_is() -> None:
    assert expected_format(ValueError("odd"), SIGNATURE) == "The call raised ValueError: odd"
