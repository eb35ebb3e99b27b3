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

from dspy_gepa.program.faults import is_infrastructure

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
