"""Where a task's rows come from: JSON-lines files of a local directory, else the Hugging Face hub.

The directory is an argument or the environment variable DSPY_GEPA_DATA, and holds one folder a task. Hub data
sets are pinned to a revision; the pins were read off public projects that had them in use and could not be
tried from the machine this was written on.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ENVIRONMENT = "DSPY_GEPA_DATA"

Row = Mapping[str, Any]
Splits = dict[str, list[Row]]


class DataNotFound(FileNotFoundError):  # noqa: N818 - reads as what happened
    """Neither local files nor the hub could give the data; the message names both ways."""


@dataclass(frozen=True)
class HubSet:
    """A data set on the hub: its name, the commit it is pinned to, its configuration and split."""

    name: str
    revision: str
    config: str | None = None
    split: str = "train"

    def __call__(self) -> Iterable[Row]:
        """Its rows, through the `datasets` library. Raises ImportError when that is not installed."""
        import datasets  # imported here because only this road needs it

        rows: Iterable[Row] = datasets.load_dataset(
            self.name, self.config, split=self.split, revision=self.revision
        )
        return rows


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
    """The hub's rows. Raises DataNotFound when `fetch` fails, with its error as the cause."""
    try:
        return list(fetch())
    except (ImportError, OSError, ValueError, RuntimeError) as error:
        raise DataNotFound(
            f"No rows for {task}: the Hugging Face hub gave none (see the cause). Either install `datasets` "
            f"and allow network access, or give a directory that holds {task}/*.jsonl as data_dir (--data) "
            f"or in the environment variable {ENVIRONMENT}."
        ) from error


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
