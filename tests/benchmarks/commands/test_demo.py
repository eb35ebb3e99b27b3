"""What `make demo` shows: on a terminal the view that users get, in a pipe plain text."""

from __future__ import annotations

import pytest

from benchmarks.commands.demo import demo
from tests.views.conftest import screen  # noqa: F401  # a fixture
from tests.views.support_screen import Screen, on

SMALL = ["--budget", "40"]
LAST = "model."


@pytest.mark.slow
def test_on_a_terminal_the_run_is_shown_live(screen: Screen) -> None:  # noqa: F811  # the fixture
    with on(screen):
        demo(SMALL, standalone_mode=False)
    screen.settle()
    lines = screen.lines
    (panel,) = [place for place, line in enumerate(lines) if line.startswith("GEPA ")]
    assert lines[panel].startswith("GEPA finished")
    assert any("40 of 40" in line for line in lines[panel:])
    assert lines[0].startswith("Optimizing")
    assert lines[-1].endswith(LAST)


def test_in_a_pipe_it_is_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    demo(SMALL, standalone_mode=False)
    out, err = capsys.readouterr()
    assert err == ""
    assert "\x1b" not in out
    assert "GEPA " not in out
    assert out.rstrip().endswith(LAST)
