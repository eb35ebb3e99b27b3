"""What all tests of checks share: a broken part fails its check with a message that helps."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from dspy_gepa.testing import ContractError


def refused(check: Callable[..., Any], part: Any, words: str, *args: Any, **options: Any) -> ContractError:
    """The error with which a check refuses a part; `words` are a pattern that its message has to hold."""
    with pytest.raises(ContractError, match=words) as caught:
        check(part, *args, **options)
    message = str(caught.value)
    assert re.match(r"The [\w ]+ \S+ breaks its contract\.\n", message), message
    assert [line.split(":")[0].strip() for line in message.splitlines()[1:4]] == [
        "The rule",
        "Found",
        "Remedy",
    ]
    return caught.value
