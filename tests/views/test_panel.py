"""The panel at different widths, in different encodings, with hostile texts."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from rich.cells import cell_len

from dspy_gepa.record.model import RunStatus
from dspy_gepa.record.progress import Progress
from dspy_gepa.views.panel import Sheet, lines_of, panel
from tests.support_progress import RUNNING, WAIT, recorded, step, trial

COLOR = re.compile(r"\x1b\[[\d;]*m")
BUSY = replace(
    recorded(
        trials=(
            *RUNNING.record.trials[1:-1],
            trial("rejected", reason="minibatch score went from 3 to 2"),
            trial("accepted", changed={"hop": "Name the city " * 20}),
        )
    ),
    steps=(step(20, "mutation", (3,), most=14, rollouts=5),),
)


def learned(sentence: str, component: str = "hop") -> Progress:
    made = trial("accepted", changed={component: sentence}, reason="scored 3")
    return recorded(BUSY, trials=(*BUSY.record.trials[:-1], made))


def refused(reason: str) -> Progress:
    return recorded(BUSY, trials=(*BUSY.record.trials, trial("rejected", reason=reason)))


def drawn(progress: Progress, now: float = 120.0, **sheet: object) -> list[str]:
    sheet = {"width": 80} | sheet
    return lines_of(panel(progress, now, sheet["width"]), Sheet(**sheet))


def test_everything_is_there() -> None:
    text = "\n".join(drawn(BUSY, width=110))
    for part in (
        *("searching", "300 of 600", "$0.41 of $5.00", "45 k", "2 min 00 s", "about 2 min"),
        *("0.71 (0.65 to 0.77)", "0.58, gain +0.13", "candidate 3", "0.97", "5 candidates"),
        *("mutation of candidate 3: 5 of at most 14 rollouts", "5 accepted, 9 rejected (36% accepted)"),
        *("hop: scored 3 on 6 rows", '+ "Name the city', "minibatch score went from 3 to 2"),
    ):
        assert part in text


@pytest.mark.parametrize("width", [20, 40, 59, 80, 110, 300])
@pytest.mark.parametrize("state", ["running", "finished"])
def test_no_line_is_wider_than_the_terminal(width: int, state: RunStatus) -> None:
    for progress in (BUSY, learned("漢字🎉" * 40)):
        lines = drawn(replace(recorded(progress, state), ended_at=120.0), width=width)
        assert max(map(cell_len, lines)) <= min(width, 110)


def test_forty_columns_still_show_the_figures() -> None:
    text = "\n".join(drawn(BUSY, width=40))
    for part in ("300 of 600", "$0.41 of $5.00", "about 2 min", "0.71 (0.65 to 0.77)", "5 accepted"):
        assert part in text
    assert "━" not in text


@pytest.mark.parametrize("width", [40, 80])
def test_a_long_name_leaves_room_for_what_was_changed(width: int) -> None:
    lines = drawn(learned("Name the city.", "summarize.passages.predict" * 2), width=width)
    place = lines.index('last change   + "Name the city."')
    assert lines[place + 1].startswith("              summarize.pass...")


@pytest.mark.parametrize("width", [40, 80])
def test_what_is_waited_for_is_on_top_and_whole(width: int) -> None:
    lines = drawn(replace(BUSY, wait=WAIT), width=width)
    assert lines[0].startswith("GEPA interrupted: waiting ─")
    assert lines[1].startswith("waiting       for 5 rollouts")
    assert "Ctrl-C again to stop at once" in " ".join(" ".join(lines[:5]).split())


def test_the_bar_is_as_long_as_what_is_spent() -> None:
    (line,) = [line for line in drawn(BUSY) if line.startswith("rollouts")]
    assert line.split()[1] == "━" * 10 + "─" * 10


def test_the_time_is_shown_once() -> None:
    limited = recorded(BUSY, started={"limits": {"seconds": 600}})
    assert sum("2 min 00 s" in line for line in drawn(BUSY)) == 1
    assert next(line for line in drawn(limited) if "2 min 00 s" in line).startswith("time")
    assert not any(line.startswith("elapsed") for line in drawn(limited))


@pytest.mark.parametrize("width", [40, 80, 100])
def test_a_text_that_does_not_fit_says_so(width: int) -> None:
    (line,) = [line for line in drawn(BUSY, width=width) if line.startswith("last change")]
    assert line.endswith("…")
    assert cell_len(line) == width


def test_while_it_runs_a_long_text_takes_one_line_and_at_the_end_all_it_needs() -> None:
    assert sum("Name the city" in line for line in drawn(BUSY)) == 1
    assert sum("Name the city" in line for line in drawn(recorded(BUSY, "finished"))) > 2


def test_a_terminal_without_unicode_gets_none() -> None:
    odd = refused("é 漢字")
    for encoding in ("ascii", "latin-1", "cp1252"):
        lines = drawn(odd, encoding=encoding)
        "".join(lines).encode(encoding)
        assert any("##########----------" in line for line in lines)
    assert any("? ??" in line for line in drawn(odd, encoding="ascii"))


def test_without_colours_there_are_no_escape_sequences() -> None:
    assert "\x1b" not in "".join(drawn(BUSY, colors=None))
    assert COLOR.search("".join(drawn(BUSY, colors="standard")))


def test_with_colours_the_text_is_the_same() -> None:
    plain, colored = drawn(BUSY), drawn(BUSY, colors="truecolor")
    assert [COLOR.sub("", line).rstrip() for line in colored] == plain


def test_what_looks_like_markup_is_shown_as_it_is() -> None:
    hostile = "[bold red]x[/] [link=http://evil]y[/link] :smile: \\[z]"
    assert any(hostile in line for line in drawn(refused(hostile), colors="standard"))


def test_the_end_shows_why_and_what_to_do_next() -> None:
    ended = recorded(
        BUSY,
        "finished",
        stop_reason="budget: all is spent",
        choice_reason="better than your program with probability 0.97",
        log_dir="runs/one",
    )
    text = "\n".join(drawn(replace(ended, ended_at=90.0, steps=()), width=110))
    assert "finished" in text
    assert "budget: all is spent" in text
    assert "better than your program" in text
    assert "dspy-gepa report runs/one" in text
    assert "\ntime left" not in text
    assert "went from" not in text  # the last rejection is no news any more


def test_a_failure_is_shown_with_its_remedy() -> None:
    error = "InfrastructureError: The provider is down. To go on, run the same compile again."
    lines = drawn(recorded(BUSY, "failed", error=error), width=60)
    assert "To go on, run the same compile again." in " ".join(" ".join(lines).split())
