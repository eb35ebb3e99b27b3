"""Whose fault a failure is, and how it is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dspy
from dspy.utils.exceptions import (
    AdapterParseError,
    ContextWindowExceededError,
    LMAuthError,
    LMBillingError,
    LMConfigurationError,
    LMError,
    LMInvalidRequestError,
    LMRateLimitError,
    LMUnsupportedFeatureError,
    LMUnsupportedModelError,
)

from dspy_gepa.types import Fault

# Trying again cannot mend these.
_FATAL = (
    LMAuthError,
    LMBillingError,
    LMConfigurationError,
    LMUnsupportedFeatureError,
    LMUnsupportedModelError,
)

# Packages whose exceptions mean that a service could not be reached or refused to work. DSPy wraps what
# its own LMs raise; these are met when a program or a metric calls a service by itself.
_SERVICE_PACKAGES = frozenset({"aiohttp", "httpcore", "httpx", "litellm", "openai", "requests", "urllib3"})


def is_infrastructure(error: BaseException) -> bool:
    """Whether a provider or a service, and not the candidate, is to blame for `error`.

    A candidate is to blame for an output that cannot be parsed, for a prompt that is too long, and for a
    request that the provider refuses as malformed. Wrapped errors (`raise ... from`) are looked through.
    """
    for link in _chain(error):
        if isinstance(link, (AdapterParseError, ContextWindowExceededError)):
            return False
        if isinstance(link, LMInvalidRequestError) and not isinstance(link, LMUnsupportedModelError):
            return False
        if isinstance(link, (LMError, ConnectionError, TimeoutError)):
            return True
        if type(link).__module__.split(".")[0] in _SERVICE_PACKAGES:
            return True
    return False


def fault_of(error: BaseException) -> Fault:
    """The fault that an infrastructure error is."""
    origin = next((link for link in _chain(error) if isinstance(link, LMError)), error)
    retry_after = origin.retry_after if isinstance(origin, LMError) else None
    return Fault(
        cause=type(origin).__name__,
        error=describe(origin),
        retry_after=float(retry_after) if retry_after else None,
        overload=isinstance(origin, LMRateLimitError),
        fatal=isinstance(origin, _FATAL),
    )


def describe(error: BaseException, chars: int = 1_000) -> str:
    """An error as one bounded line: its class and message."""
    message = " ".join(str(error).split())
    return f"{type(error).__name__}: {message}"[:chars]


def expected_format(error: BaseException, signature: Any) -> str:
    """A failed predictor call as a reflector reads it: the raw text and the format that was expected."""
    if not isinstance(error, AdapterParseError):
        return f"The call raised {describe(error)}"
    return (
        f"The output could not be parsed. The model's raw text was:\n{error.lm_response}\n\n"
        f"The expected format is:\n{_format_of(signature)}"
    )


def _format_of(signature: Any) -> str:
    adapter = dspy.settings.adapter or dspy.ChatAdapter()
    try:
        return str(adapter.format_field_structure(signature))
    except NotImplementedError:  # adapters without a fixed layout, such as TwoStepAdapter
        return "the output fields " + ", ".join(signature.output_fields)


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    seen: set[int] = set()
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
