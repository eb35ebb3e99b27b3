"""Judging whose fault a failure is."""

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

from dspy_gepa.program.faults import is_filtered, is_infrastructure, is_too_long, is_wrong_parameter

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


def test_errors_that_refer_to_each_other_end() -> None:
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    assert not is_infrastructure(one)


TOO_LONG = [
    (400, "This endpoint's maximum context length is 4096 tokens. However, you requested about 5840 tokens."),
    (400, "The decoder prompt (length 5840) is longer than the maximum model length of 4096."),
    (400, "prompt is too long: 210000 tokens > 200000 maximum"),
    (400, "the request exceeds the available context size, try increasing it"),
    (422, "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096; input length 5000"),
    (400, "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."),
    (413, "Payload refused"),
    (
        413,
        "Request too large for model on tokens per minute: Limit 1500, Requested 4800, reduce your message.",
    ),
]
FILTERED = [
    (400, "The prompt was blocked by the content management policy."),
    (400, "Your request was flagged as potentially violating our usage policy."),
    (400, "Input data may contain inappropriate content. code: data_inspection_failed"),
]
WRONG_PARAMETER = [
    (400, "Unsupported value: 'temperature' does not support 0.0 with this model."),
    (400, "Unknown parameter: 'reasoning_effort'."),
    (422, "body.top_k: Extra inputs are not permitted"),
    (400, "Invalid schema for response_format 'Answer'"),
    (404, "model_not_found: the model `x` is not supported"),
]


@pytest.mark.parametrize(("status", "message"), TOO_LONG)
def test_a_prompt_that_is_too_long_is_known_in_any_words(status: int, message: str) -> None:
    error = LMInvalidRequestError(message, status=status)
    assert (is_too_long(error), is_filtered(error), is_wrong_parameter(error)) == (True, False, False)
    assert not is_infrastructure(error)


@pytest.mark.parametrize(("status", "message"), FILTERED)
def test_a_filter_is_known_by_its_words(status: int, message: str) -> None:
    error = LMInvalidRequestError(message, status=status)
    assert (is_too_long(error), is_filtered(error), is_wrong_parameter(error)) == (False, True, False)


@pytest.mark.parametrize(("status", "message"), WRONG_PARAMETER)
def test_a_wrong_parameter_is_known_by_the_words_of_the_refusal(status: int, message: str) -> None:
    error = LMInvalidRequestError(message, status=status)
    assert (is_too_long(error), is_filtered(error), is_wrong_parameter(error)) == (False, False, True)


def test_a_request_over_a_limit_per_minute_is_too_long_and_not_a_rate_limit() -> None:
    error = LMRateLimitError("Request too large for model on tokens per minute: Limit 1500, Requested 4800")
    assert is_too_long(error)
    assert not is_infrastructure(error)
    assert not is_too_long(LMRateLimitError("Rate limit reached: Limit 6000, Used 5900, Requested 300"))
