"""What a table of cases is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Cases:
    """Texts that follow a constraint and texts that do not.

    Attributes:
        kwargs: The constraint's parameters.
        follow: Texts that follow it.
        fail: Texts that do not.
    """

    kwargs: Mapping[str, Any]
    follow: tuple[str, ...]
    fail: tuple[str, ...]


def cases(follow: Sequence[str], fail: Sequence[str], /, **kwargs: Any) -> Cases:
    """Cases of one constraint; `kwargs` are its parameters."""
    return Cases(kwargs, tuple(follow), tuple(fail))
