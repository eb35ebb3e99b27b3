"""Error messages that are safe to log and to send to a model: one bounded line, without secrets."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

import dspy

from dspy_gepa.program.media import disarm
from dspy_gepa.texts import escape_controls

# Stands in for a secret. Providers repeat keys in their error messages.
HIDDEN = "[redacted]"

_SHORTEST = 8  # shorter values are placeholders such as "none", and occur within ordinary words
_SECRET_NAMES = re.compile(r"(?:API_?KEY|TOKEN|SECRET|PASSWORD|SECRET_KEY|ACCESS_KEY(?:_ID)?|CREDENTIALS?)$")
_HEADER_NAMES = re.compile(r"(?:AUTHORIZATION|[_-]KEY|COOKIE)$")
_NAMED = r"""(?:api[-_ ]?key|access[-_ ]token|auth[-_ ]token|secret[-_ ]?key|client[-_ ]secret|password)"""

# Group 1 is kept, the rest of the match is hidden.
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


def describe(error: BaseException, chars: int = 1_000) -> str:
    """Return the class and message of an error as one line of at most `chars` characters.

    It has no secrets, and no control characters but as escapes.
    """
    message = " ".join(_message_of(error).split())
    if isinstance(error, dspy.LMError) and not isinstance(error, dspy.LMConfigurationError):
        message = message.partition(" To fix: ")[0]  # DSPy's advice, longer than the error
    return escape_controls(disarm(redact(f"{type(error).__name__}: {message}")))[:chars]


def _message_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as broken:  # exceptions of the user's own may fail here as well
        return f"(its message cannot be shown: {type(broken).__name__})"


def redact(text: str) -> str:
    """Return `text` with everything hidden that is, or looks like, an API key, a token or a password."""
    for secret in _secrets_in_use():
        text = text.replace(secret, HIDDEN)
    for pattern in _PATTERNS:
        text = pattern.sub(rf"\g<1>{HIDDEN}", text)
    return text


# Keys of the language models that were called in this process.
_keys_of_models: dict[str, None] = {}


def hide_keys_of(lm: Any) -> None:
    """Hide the keys of a language model from now on, whatever they look like."""
    if isinstance(lm, dspy.BaseLM):
        _keys_of_models.update(dict.fromkeys(_keys_in({**vars(lm), **lm.kwargs})))


def _keys_in(options: Mapping[str, Any]) -> Iterator[str]:
    """Yield the keys among options of a language model, and in its headers."""
    for name, value in list(options.items()):
        if isinstance(value, Mapping):
            yield from _keys_in({str(key): entry for key, entry in value.items()})
        elif isinstance(value, str) and (
            _SECRET_NAMES.search(str(name).upper()) or _HEADER_NAMES.search(str(name).upper())
        ):
            yield from (word for word in [value, *value.split()[1:]] if len(word) >= _SHORTEST)


def _secrets_in_use() -> list[str]:
    """Return the keys of this process, of language models and in the environment, the longest first."""
    hide_keys_of(dspy.settings.lm)
    keys = [value for name, value in os.environ.items() if _SECRET_NAMES.search(name.upper())]
    return sorted({*_keys_of_models, *(k for k in keys if len(k) >= _SHORTEST)}, key=len, reverse=True)
