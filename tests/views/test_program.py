"""A whole program in a process of its own on a pseudo-terminal, read by a terminal emulator."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.views.support_screen import Screen

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_all_that_a_program_writes_stays_whole_above_the_panel_and_ctrl_c_leaves_a_tidy_screen(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv(
        "TQDM_DISABLE", raising=False
    )  # the benchmarks' commands set it where they are imported
    program = screen.run(sys.executable, str(Path(__file__).parent / "support_noisy_program.py"))
    try:
        screen.wait_for("three are done")
        screen.type(b"\x03")
        assert program.wait(60) == 0
    finally:
        program.kill()
    screen.settle()
    lines = screen.lines
    first, second = (place for place, line in enumerate(lines) if re.match("GEPA (finished|interr)", line))
    end = next(place for place, line in enumerate(lines) if line.startswith("first run: "))
    calls = int(lines[end].split()[-1])
    assert calls >= 50
    above = lines[:first]
    written = [
        line
        for n in range(1, calls + 1)
        for line in (
            f"printed {n}",
            f"part of {n}, rest of {n}",
            f"to stderr {n}",
            f"logged {n}",
            f"logged late {n}",
            *([f"from outside {n}"] if n % 10 == 0 else []),
        )
    ]
    bars = [line for line in above if line.startswith("outer")]
    assert [re.sub(r"\|.*\|", "", bar)[:20] for bar in bars] == [
        f"outer {n}: 100% 3/3 ["[:20] for n in range(10, calls + 1, 10)
    ]
    assert above.count("UserWarning: be careful") == 1
    assert [line for line in above if line not in {*bars, "UserWarning: be careful"}] == written
    between = lines[first + 1 : second]
    assert not any(line.startswith("GEPA") for line in between), between
    assert lines[second].startswith("GEPA interrupted")
    assert lines[-1] == "second run: interrupted"
    assert screen.cursor[1:] == (0, True)
