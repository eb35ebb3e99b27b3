"""What programs write, taken apart into lines."""

from __future__ import annotations

import io
from collections.abc import Iterable

import pytest
import tqdm
from hypothesis import given
from hypothesis import strategies as st

from dspy_gepa.views.transcript import LONGEST_LINE, MOST_BARS, Transcript


class Recording(io.StringIO):
    """A stream whose writes go to a transcript one by one."""

    def __init__(self, transcript: Transcript) -> None:
        super().__init__()
        self.transcript, self.finished = transcript, []

    def write(self, text: str) -> int:
        self.finished += self.transcript.feed(text)
        return len(text)


def lines(*writes: str) -> tuple[list[str], list[str]]:
    transcript = Transcript()
    finished = [line for text in writes for line in transcript.feed(text)]
    return finished, transcript.pending


@pytest.mark.parametrize(
    ("writes", "finished", "pending"),
    [
        (["a\n"], ["a"], []),
        (["a", "\n"], ["a"], []),
        (["a\nb\n\nc"], ["a", "b", ""], ["c"]),
        (["\n", "\n"], ["", ""], []),
        (["a\r\n"], ["a"], []),
        (["10 %\r", "20 %\r", "30 %\n"], ["30 %"], []),
        (["10 %\r"], [], ["10 %"]),
        (["\r10 %", "\r20 %"], [], ["20 %"]),
        (["\r10 %", "\r20 %", "\n", "done\n"], ["20 %", "done"], []),
        (["\r10 %", "log\n", "\r20 %"], ["log"], ["20 %"]),
        (["\r10 %", "\r    ", "\r", "text\n"], ["text"], []),
        (["\x1b[31mred\x1b[0m\n"], ["\x1b[31mred\x1b[0m"], []),
        (["\x1b[2J\x1b[Hwiped\x1b[K\n"], ["wiped"], []),
        (["a", "\r", "b\n"], ["b"], []),
        ([""], [], []),
    ],
)
def test_lines_are_finished_by_newlines_and_replaced_after_carriage_returns(
    writes: list[str], finished: list[str], pending: list[str]
) -> None:
    assert lines(*writes) == (finished, pending)


@given(st.lists(st.text(alphabet="ab \n", max_size=20)))
def test_plain_text_comes_out_as_it_went_in_however_it_is_cut(writes: list[str]) -> None:
    finished, pending = lines(*writes)
    assert "".join(f"{line}\n" for line in finished) + "".join(pending) == "".join(writes)


def test_bars_below_each_other_stay_bars() -> None:
    move = "\n", "\rsecond 1", "\x1b[A", "\rfirst 2", "\n", "\rsecond 2", "\x1b[A"
    assert lines("\rfirst 1", *move) == ([], ["first 2", "second 2"])


def test_too_many_bars_are_taken_for_finished() -> None:
    finished, pending = lines(*(part for n in range(MOST_BARS + 2) for part in (f"\rbar {n}", "\n")))
    assert finished == ["bar 0", "bar 1"]
    assert len(pending) == MOST_BARS


def test_a_line_without_an_end_is_not_kept_for_ever() -> None:
    finished, pending = lines("x" * (LONGEST_LINE + 1), "y")
    assert (finished, pending) == (["x" * (LONGEST_LINE + 1)], ["y"])


def test_closing_gives_what_is_left() -> None:
    transcript = Transcript()
    transcript.feed("\r50 %")
    assert transcript.close() == ["50 %"]
    assert transcript.pending == []


def bars(over: Iterable[object], stream: io.StringIO, **options: object) -> Iterable[object]:
    return tqdm.tqdm(over, file=stream, ncols=40, mininterval=0, miniters=1, **options)


def test_a_bar_of_tqdm_is_one_line_when_it_is_done() -> None:
    stream = Recording(Transcript())
    for _ in bars(range(50), stream):
        pass
    stream.write("after\n")
    assert [line[:5] for line in stream.finished] == ["100%|", "after"]
    assert "50/50" in stream.finished[0]


def test_a_bar_that_shall_not_stay_leaves_nothing() -> None:
    stream = Recording(Transcript())
    for _ in bars(range(5), stream, leave=False):
        pass
    assert (stream.finished, stream.transcript.pending) == ([], [])


def test_nested_bars_of_tqdm_write_no_lines_but_their_last_ones() -> None:
    stream = Recording(Transcript())
    for _ in bars(range(3), stream, desc="outer"):
        for _ in bars(range(20), stream, desc="inner", leave=False, position=1):
            assert len(stream.transcript.pending) <= 2
    stream.write("after\n")
    assert [line[:6] for line in stream.finished] == ["outer:", "after"]
