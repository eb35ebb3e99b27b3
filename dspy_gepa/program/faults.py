"""Judges whose fault a failure is: the candidate's, or that of a provider or another service."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from traceback import walk_tb
from typing import Any

from dspy import (
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

from dspy_gepa.errors import GEPAError, InternalError
from dspy_gepa.program.redaction import describe
from dspy_gepa.program.usage import FilteredAnswerError
from dspy_gepa.types import Fault

# Errors that a retry cannot fix.
_FATAL = (
    LMAuthError,
    LMBillingError,
    LMConfigurationError,
    LMUnsupportedFeatureError,
    LMUnsupportedModelError,
)

# Packages whose exceptions mean that a service was unreachable or refused to work. DSPy wraps the errors of
# its own LMs; these occur when a program or a metric calls a service itself.
_SERVICE_PACKAGES = frozenset(
    {
        *("aiohttp", "httpcore", "httpx", "litellm", "openai", "requests", "urllib3"),
        *("http", "socket", "ssl", "urllib"),
    }
)

# The 4xx statuses that are not about the content of the request.
_NOT_ABOUT_THE_REQUEST = frozenset({401, 402, 403, 407, 408, 409, 423, 425, 429})
_OVERLOADED = frozenset({429, 529})  # 503 may as well mean that the service is down
# The words of providers, gateways and local servers for three reasons to refuse a request.
_TOO_LONG = re.compile(
    r"context[\s_-]*(?:length|window|size|limit)|maximum (?:context|model|sequence|input|prompt)|n_ctx"
    r"|max(?:imum)?[\s_]*(?:model|seq|input|prompt)[\s_]*len|string_above_max_length|input length"
    r"|\btoo (?:long|large|many (?:input )?tokens)\b|longer than (?:the )?(?:maximum|max|allowed|model)"
    r"|exceed\w* (?:the )?[^.]{0,60}(?:token|context|length|characters)"
    r"|reduce (?:the |your )?(?:length|size|message|prompt|input)",
    re.IGNORECASE,
)
_FILTERED = re.compile(
    r"content[\s_-]*(?:filter|management|policy|moderation|violation)|responsible[\s_]*ai|usage polic"
    r"|safety (?:system|filter|policy|setting)|flagged|blocked by|was blocked|moderation|prohibited content"
    r"|sensitive (?:content|words?)|data_inspection_failed|harm(?:ful|_category)",
    re.IGNORECASE,
)
_WRONG_PARAMETER = re.compile(
    r"unsupported[\s_](?:value|parameter|country|model)|(?:does|do) not support|(?:not|n't) supported"
    r"|(?:unknown|unrecognized|unexpected|invalid|extra|missing) "
    r"(?:field|parameter|argument|input|request|model|schema|name|value|required)|extra (?:inputs|fields)"
    r"|not permitted|is not a valid model|invalid[\s_]schema|response_format|only the default|model_not_found"
    r"|must be (?:one of|less|greater|between|at (?:least|most))",
    re.IGNORECASE,
)
_UNREACHABLE = re.compile(
    r"connection refused|actively refused|connect call failed|name or service not known|getaddrinfo failed"
    r"|nodename nor servname|name resolution",
    re.IGNORECASE,
)
_OWN = "dspy_gepa."  # names of this package's modules begin so
# Errors for addresses that are no addresses: the program made them up.
_BAD_ADDRESSES = frozenset({"InvalidURL", "InvalidSchema", "MissingSchema", "UnsupportedProtocol"})


def is_infrastructure(error: BaseException) -> bool:
    """Return True if a provider or a service, and not the candidate, is to blame for `error`.

    The candidate is to blame for an output that cannot be parsed, for a prompt that is too long, and for a
    request that the provider, or a service that its program calls, refuses as malformed (HTTP 400, 404, 422
    and so on). The causes of the error (`raise ... from`) are examined too.
    """
    if is_too_long(error):
        return False
    for cause in causes_of(error):
        if isinstance(cause, (AdapterParseError, ContextWindowExceededError)):
            return False
        if isinstance(cause, LMInvalidRequestError) and not isinstance(cause, LMUnsupportedModelError):
            return False
        if isinstance(cause, (LMError, ConnectionError, TimeoutError)):
            return True
        if _is_of_a_service(cause):
            return not _is_about_the_request(cause)
    return False


def is_refusal(error: BaseException) -> bool:
    """Return True if a provider refused the content of a request, so that another request may succeed."""
    return any(
        isinstance(cause, (LMInvalidRequestError, LMUnsupportedFeatureError))
        or (_is_of_a_service(cause) and _is_about_the_request(cause))
        for cause in causes_of(error)
    )


def is_too_long(error: BaseException) -> bool:
    """Return True if a prompt exceeded what the model or its server accepts, in any provider's words."""
    return any(
        isinstance(cause, ContextWindowExceededError)
        or (_refuses(cause) and _TOO_LONG.search(str(cause)) is not None)
        or _status_of(cause) == 413
        for cause in causes_of(error)
    )


def is_filtered(error: BaseException) -> bool:
    """Return True if a provider's filter refused the content of a prompt, or ended the answer to it."""
    return any(
        isinstance(cause, FilteredAnswerError) or (_refuses(cause) and _FILTERED.search(str(cause)))
        for cause in causes_of(error)
    )


def is_about_content(message: str) -> bool:
    """Return True if a provider's message says that a prompt is too long, or that a filter refused it."""
    return bool(_TOO_LONG.search(message) or _FILTERED.search(message))


def is_wrong_parameter(error: BaseException) -> bool:
    """Return True if a provider refused the form of a request, which no other text can change."""
    return any(
        _refuses(cause) and _WRONG_PARAMETER.search(str(cause)) for cause in causes_of(error)
    ) and not (is_too_long(error) or is_filtered(error))


def _refuses(error: BaseException) -> bool:
    """Return True for an error with which a provider answers a request that it will not take.

    A request over a limit per minute is refused as a rate limit, although waiting cannot help.
    """
    if isinstance(error, LMRateLimitError):
        return re.search(r"too large", str(error), re.IGNORECASE) is not None
    return isinstance(error, (LMInvalidRequestError, LMUnsupportedFeatureError)) or (
        (isinstance(error, LMError) or _is_of_a_service(error)) and _is_about_the_request(error)
    )


def blame(error: BaseException) -> Fault | None:
    """Return the fault of the provider or the service that is to blame for an error; None for the candidate.

    A content filter objects to a row or a text, which says nothing of how well the candidate does.
    """
    return fault_of(error) if is_infrastructure(error) or is_filtered(error) else None


def is_raised_here(error: BaseException) -> bool:
    """Return True if this package's own code raised the error, and did not mean to."""
    places = _places(error)
    return not isinstance(error, GEPAError) and bool(places) and places[-1].startswith(_OWN)


def _places(error: BaseException) -> list[str]:
    frames = walk_tb(error.__traceback__)
    return [f"{frame.f_globals.get('__name__')}, line {line}" for frame, line in frames]


def bug(error: BaseException, doing: str) -> InternalError:
    """Return the error to raise for one that this package's own code raised, with the place where it did."""
    own = [place for place in _places(error) if place.startswith(_OWN)]
    return InternalError(
        f"dspy_gepa failed {doing}, which is no fault of the program, the metric or a model: "
        f"{describe(error)} ({own[-1] if own else 'no traceback'}). Please report it with the traceback."
    )


def fault_of(error: BaseException) -> Fault:
    """Return the `Fault` of a provider's or a service's error."""
    origin = next((cause for cause in causes_of(error) if isinstance(cause, LMError)), error)
    statuses = [status for cause in causes_of(error) if (status := _status_of(cause)) is not None]
    refused = is_filtered(error)
    return Fault(
        cause=type(origin).__name__,
        error=describe(origin),
        retry_after=_retry_after(error),
        overload=isinstance(origin, LMRateLimitError) or (bool(statuses) and statuses[0] in _OVERLOADED),
        fatal=isinstance(origin, _FATAL) and not refused,
        refused=refused,
        unreachable=any(_is_unreachable(cause) for cause in causes_of(error)),
    )


def _is_unreachable(error: BaseException) -> bool:
    """Return True if no server was reached. Clients put the reason of the system into their messages."""
    if isinstance(error, ConnectionRefusedError):
        return True
    is_of_transport = isinstance(error, (LMError, OSError)) or _is_of_a_service(error)
    return is_of_transport and _UNREACHABLE.search(str(error)) is not None


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """Yield the error, its cause, the cause of that, and so on."""
    cause: BaseException | None = error
    seen: set[int] = set()
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)


def _is_of_a_service(error: BaseException) -> bool:
    return type(error).__module__.split(".")[0] in _SERVICE_PACKAGES


def _status_of(error: BaseException) -> int | None:
    """Return the HTTP status of an error of DSPy or of a service's client."""
    if isinstance(error, LMError):
        return error.status  # type: ignore[no-any-return]
    if not _is_of_a_service(error):
        return None
    # openai and litellm keep it as status_code, aiohttp as status, urllib as code, others in the response.
    known = vars(error)
    found = [known.get(name) for name in ("status_code", "status", "code")]
    found += (
        [vars(known["response"]).get("status_code")] if hasattr(known.get("response"), "__dict__") else []
    )
    return next((status for status in found if isinstance(status, int)), None)


def _is_about_the_request(error: BaseException) -> bool:
    """Return True if a service objects to the request; False if it is unavailable."""
    status = _status_of(error)
    refused = status is not None and 400 <= status < 500 and status not in _NOT_ABOUT_THE_REQUEST
    return refused or type(error).__name__ in _BAD_ADDRESSES


def _retry_after(error: BaseException) -> float | None:
    """Return the seconds that the provider asked to wait.

    LiteLLM drops the header when it wraps an error; the error of the provider's SDK still has it.
    """
    for cause in causes_of(error):
        if isinstance(cause, LMError) and cause.retry_after:
            return float(cause.retry_after)
        headers = _headers_of(cause)
        seconds = _seconds(headers.get("retry-after") or headers.get("Retry-After"))
        if seconds:
            return seconds
    return None


def _headers_of(error: BaseException) -> Mapping[str, str]:
    if not _is_of_a_service(error):
        return {}
    response: Any = vars(error).get("response")
    headers = response.headers if hasattr(response, "headers") else vars(error).get("headers")
    return headers if isinstance(headers, Mapping) else {}


def _seconds(header: str | None) -> float:
    """Return the seconds of a Retry-After header, a number or a date; 0 if it cannot be read."""
    if not header:
        return 0.0
    try:
        seconds = float(header)
    except ValueError:
        seconds = _seconds_until(header)
    return seconds if math.isfinite(seconds) and seconds > 0 else 0.0


def _seconds_until(date: str) -> float:
    try:
        when = parsedate_to_datetime(date)
    except (ValueError, OverflowError):
        return 0.0
    when = when if when.tzinfo else when.replace(tzinfo=timezone.utc)
    return (when - datetime.now(timezone.utc)).total_seconds()
