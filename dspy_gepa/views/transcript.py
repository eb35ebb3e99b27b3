"""What a program writes to a terminal, taken apart into finished lines and lines that are still rewritten."""

from __future__ import annotations

import re

# A bar at place k of several is written as k newlines, a carriage return, the bar, and k moves upwards.
_CONTROL = re.compile(r"(\n|\r|\x1b\[\d*A)")
# Moves of the cursor and the like; what is left of a line is its text and its colours.
_MOVES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-ln-~]")
# So many bars are kept as such. When there are more, the first ones are taken for finished.
MOST_BARS = 4
LONGEST_LINE = 8_000


class Transcript:
    """Follows one stream.

    A line is finished by its newline. Text after a carriage return, such as a progress bar, replaces what
    stood there before; it is finished when something else is written below it.
    """

    def __init__(self) -> None:
        self._line = ""
        self._bars: dict[int, str] = {}
        self._row = 0

    def feed(self, text: str) -> list[str]:
        """Take what is written in one call; the lines that are finished by it."""
        is_bar = text.startswith("\r") or not _CONTROL.sub("", text)
        return self._feed_bar(text) if is_bar and not self._line else self._feed_line(text)

    @property
    def pending(self) -> list[str]:
        """What is not finished yet, line by line."""
        bars = [self._bars[row] for row in sorted(self._bars)]
        return [*bars, self._line.rstrip("\r")] if self._line else bars

    def close(self) -> list[str]:
        """The rest, as finished lines."""
        rest, self._line, self._bars, self._row = self.pending, "", {}, 0
        return rest

    def _feed_bar(self, text: str) -> list[str]:
        finished = []
        for token in _CONTROL.split(text):
            if token == "\n":
                if self._bars:
                    self._row += 1
                else:
                    finished.append("")
            elif token.startswith("\x1b"):
                self._row = max(0, self._row - int(token[2:-1] or 1))
            elif token.strip():
                self._bars[self._row] = _MOVES.sub("", token)
            elif token and token != "\r":
                self._bars.pop(self._row, None)  # it was wiped out with spaces
        if len(self._bars) > MOST_BARS:
            finished += self._finish_bars(above=sorted(self._bars)[-MOST_BARS])
        if not self._bars:
            self._row = 0
        return finished

    def _feed_line(self, text: str) -> list[str]:
        finished = self._finish_bars(above=self._row)
        *lines, self._line = (self._line + text).split("\n")
        if len(self._line) > LONGEST_LINE:
            lines, self._line = [*lines, self._line], ""
        self._line = _rewritten(self._line)
        return [*finished, *(_rewritten(line).rstrip("\r") for line in lines)]

    def _finish_bars(self, above: int) -> list[str]:
        """The bars above a row, which are finished; the others move up."""
        finished = [self._bars.pop(row) for row in sorted(self._bars) if row < above]
        self._bars = {row - above: bar for row, bar in self._bars.items()}
        self._row = max(0, self._row - above)
        return finished


def _rewritten(line: str) -> str:
    """What is to be seen of a line in which carriage returns took the writer back to its beginning."""
    seen = [part for part in line.split("\r") if part]
    if not seen:
        return ""
    last = _MOVES.sub("", seen[-1])
    return f"{last}\r" if line.endswith("\r") else last
