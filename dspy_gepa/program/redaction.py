"""Error messages that are safe to log and to send to a model: one bounded line, without secrets."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import dspy

from dspy_gepa.program.media import disarm

# Stands in for a secret. Providers repeat keys in their error messages.
HIDDEN = "[redacted]"

_SHORTEST = 8  # shorter values are placeholders such as "none", and occur within ordinary words
_SECRET_NAMES = re.compile(r"(?:API_KEY|TOKEN|SECRET|PASSWORD|SECRET_KEY|ACCESS_KEY)$")
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
    """Return the class and message of an error as one line of at most `chars` characters, without secrets."""
    message = " ".join(str(error).split())
    if isinstance(error, dspy.LMError) and not isinstance(error, dspy.LMConfigurationError):
        message = message.partition(" To fix: ")[0]  # DSPy's advice, longer than the error
    return disarm(redact(f"{type(error).__name__}: {message}"))[:chars]


def redact(text: str) -> str:
    """Return `text` with everything hidden that is, or looks like, an API key, a token or a password."""
    for secret in _secrets_in_use():
        text = text.replace(secret, HIDDEN)
    for pattern in _PATTERNS:
        text = pattern.sub(rf"\g<1>{HIDDEN}", text)
    return text


def _secrets_in_use() -> Iterator[str]:
    """Yield the keys of this process: of the configured language model, and in the environment."""
    lm = dspy.settings.lm
    keys = [lm.kwargs.get("api_key")] if isinstance(lm, dspy.BaseLM) else []
    keys += [value for name, value in os.environ.items() if _SECRET_NAMES.search(name.upper())]
    yield from (key for key in keys if isinstance(key, str) and len(key) >= _SHORTEST)
