"""Millions of passages on disk, read one at a time through a memory map."""

from __future__ import annotations

import mmap
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import overload

import numpy as np

TEXTS, ENDS = "passages.txt", "ends.npy"


class StoredPassages(Sequence[str]):
    """The passages that `write_passages` put into a directory; pickled as its path."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._ends = np.load(directory / ENDS, mmap_mode="r")
        with (directory / TEXTS).open("rb") as file:
            self._texts = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"Passage {index} of {len(self)}.")
        index %= len(self)
        start = int(self._ends[index - 1]) if index else 0
        return self._texts[start : int(self._ends[index])].decode("utf-8")

    def __iter__(self) -> Iterator[str]:
        """All of them in turn, read past the memory map, which would count as memory of this process."""
        start = 0
        with (self._directory / TEXTS).open("rb") as file:
            for end in self._ends:
                yield file.read(int(end) - start).decode("utf-8")
                start = int(end)

    def __reduce__(self) -> tuple[type[StoredPassages], tuple[Path]]:
        return StoredPassages, (self._directory,)


def write_passages(passages: Iterable[str], directory: Path) -> int:
    """Write `passages` for `StoredPassages`; how many there were. Raises ValueError when there are none."""
    directory.mkdir(parents=True, exist_ok=True)
    ends = array("q")
    with (directory / TEXTS).open("wb") as file:
        for passage in passages:
            file.write(passage.encode("utf-8"))
            ends.append(file.tell())
    if not ends:
        raise ValueError(f"No passages to write to {directory}; at least 1 is needed.")
    np.save(directory / ENDS, np.frombuffer(ends, dtype=np.int64))
    return len(ends)
