"""Whose fault a failure is, and how it is told."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

import dspy
from dspy.clients._http import retry_after_seconds
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

from dspy_gepa.program.media import disarm, elide
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
_SERVICE_PACKAGES = frozenset(
    {
        *("aiohttp", "httpcore", "httpx", "litellm", "openai", "requests", "urllib3"),
        *("http", "socket", "ssl", "urllib"),
    }
)

# Of such a service's refusals (4xx), those that are not about what it was asked.
_NOT_ABOUT_THE_REQUEST = frozenset({401, 402, 403, 407, 408, 409, 423, 425, 429})
_OVERLOADED = frozenset({429, 529})  # 503 may as well mean that it is down
# Addresses that cannot be asked at all: the program made them up.
_BAD_ADDRESSES = frozenset({"InvalidURL", "InvalidSchema", "MissingSchema", "UnsupportedProtocol"})

# Providers repeat keys in their error messages; what stands for them in ours:
HIDDEN = "[redacted]"

_SHORTEST = 8  # a shorter value is a placeholder such as "none", and part of many a word
_SECRET_NAMES = re.compile(r"(?:API_KEY|TOKEN|SECRET|PASSWORD|SECRET_KEY|ACCESS_KEY)$")
_NAMED = r"""(?:api[-_ ]?key|access[-_ ]token|auth[-_ ]token|secret[-_ ]?key|client[-_ ]secret|password)"""

# Group 1 stays, the rest goes.
_PATTERNS = (
    # Incorrect API key provided: abc; api_key='abc'; x-api-key: abc; "password": "abc"
    re.compile(
        rf"""({_NAMED}['"]?(?:\s+provided)?\s*[:=]\s*['"]?)(?!\.\.\.)[^\s'",;)}}\[\]]+""", re.IGNORECASE
    ),
    re.compile(r"""(authorization['"]?\s*[:=]\s*['"]?(?:\w+\s+)?)[^\s'",;)}\[\]]+""", re.IGNORECASE),
    re.compile(r"(\bBearer\s+)(?=\S*[\d._-])[\w.~+/=*-]{6,}", re.IGNORECASE),
    re.compile(r"([?&](?:key|token|access_token|sig|signature)=)[^&\s'\"]+", re.IGNORECASE),
    re.compile(r"(://)[^/\s:@]+:[^/\s@]+(?=@)"),
    # The shapes of keys of well-known providers, and JSON web tokens.
    re.compile(r"()(?<![A-Za-z0-9])(?:sk|pk|rk|gsk|xai|hf|r8|gh[pousr]|pplx|tvly|nvapi|dapi)[-_][\w.*-]{6,}"),
    re.compile(r"()(?<![A-Za-z0-9])(?:AIza|AKIA|ASIA|ya29\.)[\w-]{12,}"),
    re.compile(r"()\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]+)?"),
)


def is_infrastructure(error: BaseException) -> bool:
    """Whether a provider or a service, and not the candidate, is to blame for `error`.

    A candidate is to blame for an output that cannot be parsed, for a prompt that is too long, and for a
    request that the provider, or a service its program calls, refuses as malformed (HTTP 400, 404, 422 and
    so on). Wrapped errors (`raise ... from`) are looked through.
    """
    for link in _chain(error):
        if isinstance(link, (AdapterParseError, ContextWindowExceededError)):
            return False
        if isinstance(link, LMInvalidRequestError) and not isinstance(link, LMUnsupportedModelError):
            return False
        if isinstance(link, (LMError, ConnectionError, TimeoutError)):
            return True
        if _is_of_a_service(link):
            return not _is_about_the_request(link)
    return False


def is_refusal(error: BaseException) -> bool:
    """Whether a provider refused what it was asked, which something else that is asked may mend."""
    return any(
        isinstance(link, (LMInvalidRequestError, LMUnsupportedFeatureError))
        or (_is_of_a_service(link) and _is_about_the_request(link))
        for link in _chain(error)
    )


def is_too_long(error: BaseException) -> bool:
    """Whether a prompt was longer than the model takes."""
    return any(isinstance(link, ContextWindowExceededError) for link in _chain(error))


def fault_of(error: BaseException) -> Fault:
    """The fault that an infrastructure error is."""
    origin = next((link for link in _chain(error) if isinstance(link, LMError)), error)
    statuses = [status for link in _chain(error) if (status := _status_of(link)) is not None]
    return Fault(
        cause=type(origin).__name__,
        error=describe(origin),
        retry_after=_retry_after(error),
        overload=isinstance(origin, LMRateLimitError) or (bool(statuses) and statuses[0] in _OVERLOADED),
        fatal=isinstance(origin, _FATAL),
    )


def describe(error: BaseException, chars: int = 1_000) -> str:
    """An error as one bounded line, without secrets: its class and message."""
    message = " ".join(str(error).split())
    if isinstance(error, LMError) and not isinstance(error, LMConfigurationError):
        message = message.partition(" To fix: ")[0]  # DSPy's advice: longer than the error, and plain
    return disarm(redact(f"{type(error).__name__}: {message}"))[:chars]


def redact(text: str) -> str:
    """`text` with everything hidden that is, or looks like, an API key, a token or a password."""
    for secret in _secrets_in_use():
        text = text.replace(secret, HIDDEN)
    for pattern in _PATTERNS:
        text = pattern.sub(rf"\g<1>{HIDDEN}", text)
    return text


def _secrets_in_use() -> Iterator[str]:
    """The keys of this process: of the language model in use, and in the environment."""
    lm = dspy.settings.lm
    keys = [lm.kwargs.get("api_key")] if isinstance(lm, dspy.BaseLM) else []
    keys += [value for name, value in os.environ.items() if _SECRET_NAMES.search(name.upper())]
    yield from (key for key in keys if isinstance(key, str) and len(key) >= _SHORTEST)


def expected_format(error: BaseException, signature: Any) -> str:
    """A failed predictor call as a reflector reads it: the raw text and the format that was expected."""
    if not isinstance(error, AdapterParseError):
        return f"The call raised {describe(error)}"
    first = _first_try(error)
    return (
        f"The output could not be parsed. {elide(_why(first), 600)} "
        f"The model's raw text was:\n{disarm(str(first.lm_response))}\n\n"
        f"The expected format is:\n{_format_of(signature)}"
    )


def _first_try(error: AdapterParseError) -> AdapterParseError:
    """What the adapter in use could not parse: ChatAdapter then has JSONAdapter ask again in its own way."""
    if error.adapter_name != "JSONAdapter":
        return error
    return [link for link in _chain(error) if isinstance(link, AdapterParseError)][-1]


def _why(error: AdapterParseError) -> str:
    said = " ".join(str(error).partition(f"Adapter {error.adapter_name} failed")[0].split())
    if said:
        return disarm(said)
    missing = [name for name in error.signature.output_fields if name not in (error.parsed_result or {})]
    return f"It lacks {', '.join(missing)}."


def _format_of(signature: Any) -> str:
    adapter = dspy.settings.adapter or dspy.ChatAdapter()
    try:
        return str(adapter.format_field_structure(signature))
    except NotImplementedError:  # adapters without a fixed layout, such as TwoStepAdapter
        return "the output fields " + ", ".join(signature.output_fields)


def _is_of_a_service(error: BaseException) -> bool:
    return type(error).__module__.split(".")[0] in _SERVICE_PACKAGES


def _status_of(error: BaseException) -> int | None:
    """The HTTP status that an error of DSPy's or of a service's client stands for."""
    if isinstance(error, LMError):
        return error.status  # type: ignore[no-any-return]
    if not _is_of_a_service(error):
        return None
    # openai and litellm keep it as status_code, aiohttp as status, urllib as code, the others the response.
    known = vars(error)
    found = [known.get(name) for name in ("status_code", "status", "code")]
    found += (
        [vars(known["response"]).get("status_code")] if hasattr(known.get("response"), "__dict__") else []
    )
    return next((status for status in found if isinstance(status, int)), None)


def _is_about_the_request(error: BaseException) -> bool:
    """Whether a service's error is about what it was asked, and not about its state."""
    status = _status_of(error)
    refused = status is not None and 400 <= status < 500 and status not in _NOT_ABOUT_THE_REQUEST
    return refused or type(error).__name__ in _BAD_ADDRESSES


def _retry_after(error: BaseException) -> float | None:
    """Seconds the provider asked to wait. LiteLLM drops the header on its way; the SDK's error has it."""
    for link in _chain(error):
        if isinstance(link, LMError) and link.retry_after:
            return float(link.retry_after)
        headers = _headers_of(link)
        seconds = retry_after_seconds(headers.get("retry-after") or headers.get("Retry-After"))
        if seconds:
            return float(seconds)
    return None


def _headers_of(error: BaseException) -> Mapping[str, str]:
    if not _is_of_a_service(error):
        return {}
    response: Any = vars(error).get("response")
    headers = response.headers if hasattr(response, "headers") else vars(error).get("headers")
    return headers if isinstance(headers, Mapping) else {}


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    seen: set[int] = set()
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
