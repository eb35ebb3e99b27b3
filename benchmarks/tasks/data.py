"""Where a task's rows come from: local files, else the Hugging Face hub or a public repository.

The directory is an argument or the environment variable DSPY_GEPA_DATA, and holds one folder a task. Data
sets are pinned: those of the hub to a revision, files of repositories to a commit and their content's id.
The pins were read off public projects that had them in use and could not be tried from the machine this was
written on; so every source says how many rows it must have, and a different number is refused.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

ENVIRONMENT = "DSPY_GEPA_DATA"
KEPT = "DSPY_GEPA_FILES"  # where downloaded files are kept
SECONDS = 60  # a download may be silent for
FILES = "https://raw.githubusercontent.com"

Row = Mapping[str, Any]
Splits = dict[str, list[Row]]


class DataNotFound(FileNotFoundError):  # noqa: N818 - reads as what happened
    """Neither local files nor a public source could give the data; the message names the ways."""


@dataclass(frozen=True)
class Expected:
    """How many rows a source must have for the splits to be the paper's.

    Attributes:
        count: The number.
        at_least: More will do.
        kept: Which rows count; by default all.
        told: What the rows are called.
    """

    count: int
    at_least: bool = False
    kept: Callable[[Row], bool] | None = None
    told: str = "rows"

    def check(self, rows: Sequence[Row], source: str) -> None:
        """Raise DataNotFound where the number is another one."""
        found = sum(map(self.kept, rows)) if self.kept else len(rows)
        if found == self.count or (self.at_least and found > self.count):
            return
        least = "at least " if self.at_least else ""
        raise DataNotFound(
            f"{source} holds {found:,} {self.told}, and the paper's splits are cut from {least}"
            f"{self.count:,}: it is another version of the data. Scores on it would not be comparable. To "
            "use it all the same, save splits of it as files and give their directory (--data or "
            f"{ENVIRONMENT})."
        )


@dataclass(frozen=True)
class HubSet:
    """A data set on the hub: its name, the commit it is pinned to, its configuration, split and rows."""

    name: str
    revision: str | None
    config: str | None = None
    split: str = "train"
    expected: Expected | None = None

    def __call__(self) -> Iterable[Row]:
        """Its rows, through the `datasets` library. Raises ImportError when that is not installed."""
        import datasets  # imported here because only this road needs it

        rows: Iterable[Row] = datasets.load_dataset(
            self.name, self.config, split=self.split, revision=self.revision
        )
        return rows

    def __str__(self) -> str:
        pin = f" at {self.revision[:7]}" if self.revision else ""
        return f"https://huggingface.co/datasets/{self.name}{pin}"


@dataclass(frozen=True)
class RepositoryFile:
    """A file of rows in a public GitHub repository, JSON or JSON lines, known by its git blob id.

    Attributes:
        repository: Owner and name.
        commit: The commit it is taken from.
        path: Its path in the repository.
        blob: Its git blob id, which stands for its very bytes.
        expected: The rows it must have.
    """

    repository: str
    commit: str
    path: str
    blob: str
    expected: Expected | None = None

    @property
    def name(self) -> str:
        """Its name without folders."""
        return self.path.rpartition("/")[2]

    def __call__(self) -> Iterable[Row]:
        """Its rows; downloaded once and kept.

        Raises:
            OSError: It cannot be downloaded.
            DataNotFound: What was downloaded is another file.
        """
        kept = _kept() / self.blob / self.name
        if kept.is_file():
            return self.read(kept)
        with urllib.request.urlopen(
            f"{FILES}/{self.repository}/{self.commit}/{self.path}", timeout=SECONDS
        ) as answer:
            content: bytes = answer.read()
        rows = self._rows(content, str(self))
        kept.parent.mkdir(parents=True, exist_ok=True)
        unfinished = kept.with_suffix(".unfinished")
        unfinished.write_bytes(content)
        unfinished.rename(kept)
        return rows

    def read(self, path: Path) -> list[Row]:
        """The rows of a copy. Raises DataNotFound when it is another file."""
        return self._rows(path.read_bytes(), str(path))

    def __str__(self) -> str:
        return f"https://github.com/{self.repository} at {self.commit[:7]}, {self.path}"

    def _rows(self, content: bytes, source: str) -> list[Row]:
        found = blob_id(content)
        if found != self.blob:
            raise DataNotFound(
                f"{source} has {len(content):,} bytes and the git blob id {found}; the file that the paper "
                f"used has the id {self.blob}. Copy {self} anew."
            )
        text = content.decode("utf-8")
        rows: list[Row] = (
            json.loads(text)
            if self.name.endswith(".json")
            else [json.loads(line) for line in text.split("\n") if line.strip()]
        )
        return rows


@dataclass(frozen=True)
class FirstOf:
    """Several sources of the same rows, tried in order."""

    sources: tuple[HubSet | RepositoryFile, ...]

    def __call__(self) -> Iterable[Row]:
        """The rows of the first source that gives any. Raises DataNotFound with all reasons."""
        reasons = []
        for source in self.sources:
            try:
                return _checked(source)
            except _FAILURES as error:
                reasons.append(f"{source}: {_reason(error)}")
        raise DataNotFound("\n".join(reasons))

    def __str__(self) -> str:
        return ", else ".join(map(str, self.sources))


Fetch = Callable[[], Iterable[Row]]


def folder_of(task: str, data_dir: str | Path | None) -> Path | None:
    """The task's local folder, by `data_dir` or the environment variable; None when neither is given."""
    chosen = data_dir if data_dir is not None else os.environ.get(ENVIRONMENT)
    return Path(chosen) / task if chosen else None


def read_files(folder: Path, names: Iterable[str]) -> Splits:
    """The rows of `folder`/name.jsonl by name. Raises DataNotFound when files are missing."""
    names = list(names)
    absent = [f"{name}.jsonl" for name in names if not (folder / f"{name}.jsonl").is_file()]
    if absent:
        files = ", ".join(f"{name}.jsonl" for name in names)
        raise DataNotFound(
            f"{folder} lacks {', '.join(absent)}. Either give a directory that holds a folder "
            f"{folder.name}/ with {files} as data_dir (--data) or in the environment variable "
            f"{ENVIRONMENT}, or give neither and install `datasets`, and the rows come from the Hugging Face "
            "hub."
        )
    return {name: _read_lines(folder / f"{name}.jsonl") for name in names}


def read_hub(task: str, fetch: Fetch) -> list[Row]:
    """The rows of a public source, as many as it says it must have.

    Raises DataNotFound, which says what is wrong: with its number of rows, or with the way to them.
    """
    try:
        return _checked(fetch)
    except _FAILURES as error:
        raise DataNotFound(
            f"No rows for {task}. {_reason(error)}\nOr give a directory that holds the files of {task}/ as "
            f"data_dir (--data) or in the environment variable {ENVIRONMENT}."
        ) from error


_FAILURES = (ImportError, OSError, ValueError, RuntimeError)


def _checked(fetch: Fetch) -> list[Row]:
    rows = list(fetch())
    expected: Expected | None = getattr(fetch, "expected", None)
    if expected is not None:
        expected.check(rows, str(fetch))
    return rows


def _reason(error: Exception) -> str:
    """What is wrong and what helps, by the kind of failure; the error's own words are kept."""
    said = " ".join(str(error).split())
    if isinstance(error, DataNotFound):
        return str(error)
    if isinstance(error, ImportError):
        return f"`datasets` is not installed ({said}): install it."
    if "script" in said.lower():
        return (
            f"The data set is a loading script, which `datasets` {version('datasets')} does not run "
            f"({said}): network access does not help; it takes a copy of its rows as a file."
        )
    if isinstance(error, OSError):
        return f"It could not be downloaded ({type(error).__name__}: {said}): it takes network access."
    return f"What was downloaded could not be read ({type(error).__name__}: {said})."


def blob_id(content: bytes) -> str:
    """The id by which git knows a file of this content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def local_file(folder: Path, file: RepositoryFile) -> list[Row] | None:
    """The rows of a copy of the file in a folder; None when there is none. Raises DataNotFound."""
    path = folder / file.name
    return file.read(path) if path.is_file() else None


def _kept() -> Path:
    chosen = os.environ.get(KEPT)
    return Path(chosen) if chosen else Path.home() / ".cache" / "dspy_gepa" / "files"


def paper_splits(rows: Sequence[Row], sizes: Mapping[str, int]) -> Splits:
    """First 40 % test, next 40 % validation, the rest train; then a fixed sample of each at `sizes`."""
    first, second = int(0.4 * len(rows)), int(0.8 * len(rows))
    parts = {"train": rows[second:], "val": rows[first:second], "test": rows[:first]}
    return {name: sample(part, sizes[name]) for name, part in parts.items()}


def sample(rows: Sequence[Row], size: int) -> list[Row]:
    """`size` of the rows, drawn by `random.Random(1)`; all of them when there are no more."""
    return random.Random(1).sample(list(rows), size) if len(rows) > size else list(rows)


def recut(splits: Mapping[str, Sequence[Row]], seed: int) -> Splits:
    """Train and validation pooled, shuffled by `seed` and cut again at their old sizes; test stays.

    Seed 0 leaves all as it is.
    """
    if not seed:
        return {name: list(rows) for name, rows in splits.items()}
    pool = [*splits["train"], *splits["val"]]
    random.Random(seed).shuffle(pool)
    size = len(splits["train"])
    return {"train": pool[:size], "val": pool[size:], "test": list(splits["test"])}


def _read_lines(path: Path) -> list[Row]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]
