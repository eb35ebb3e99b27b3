"""A terminal for the tests of live views."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.views.support_screen import Screen

# What would change how rich draws.
FORCED = ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLORTERM", "COLUMNS", "LINES")


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    """A terminal of usual size and abilities, on which stdout and stderr can be put: `on`."""
    for name in FORCED:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    screen = Screen()
    yield screen
    screen.close()
