"""The abstracts of English Wikipedia as of 2017: downloaded, indexed with BM25 once, then memory-mapped.

About 5 million first paragraphs (the corpus of HotpotQA and HoVer, Yang et al. 2018, CC BY-SA 4.0), as DSPy
keeps them: https://huggingface.co/dspy/cache, wiki.abstracts.2017.tar.gz, some 500 MB. The file has no
pinned revision that we know of, so its checksum is compared with the one another public project recorded. The
download could not be tried from the machine this was written on; everything after it is tested.

The index lies in the directory of the environment variable DSPY_GEPA_WIKI, by default
~/.cache/dspy_gepa/wiki17. It is built in pieces, see `storing`; what that takes is in results/retrieval.md.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import bm25s
import click

from benchmarks.scorers.retrieval.passages import StoredPassages, write_passages
from benchmarks.scorers.retrieval.retriever import Retriever
from benchmarks.scorers.retrieval.storing import store_index

ENVIRONMENT = "DSPY_GEPA_WIKI"
REPOSITORY, FILE = "dspy/cache", "wiki.abstracts.2017.tar.gz"
SHA256 = "c006527c7c600f85ed594afa36d2a34d0598996405f560474227738342463724"  # of the file in the archive
INDEX = "index"
NOTE = "sha256.txt"  # of the file that was indexed

EXPECTED = 5_200_000  # passages
DOWNLOAD = 608_448_121
# Bytes of memory, which hardly grow with the passages, and what a million passages takes: bytes that stay on
# disk (texts and index), bytes beside them while it is built, seconds. As measured (results/retrieval.md).
MEMORY, DISK, DISK_MEANWHILE, SECONDS = 2e9, 0.9e9, 0.75e9, 130.0


class IndexNotFound(FileNotFoundError):  # noqa: N818 - reads as what happened
    """There is no index, or nothing to build it from; the message says what to do."""


@dataclass(frozen=True)
class Built:
    """What an index was built from: the number of passages, and the checksum of their JSON lines."""

    passages: int
    sha256: str


class StoredRetriever(Retriever):
    """A retriever over a directory that `build` filled; pickled as its path."""

    def __init__(self, directory: Path) -> None:
        super().__init__(StoredPassages(directory), bm25s.BM25.load(directory / INDEX, mmap=True))
        self._directory = directory

    @property
    def identity(self) -> str:
        """What is searched, in words: the number of passages and the checksum noted when it was built."""
        noted = self._directory / NOTE
        checksum = noted.read_text(encoding="ascii")[:16] if noted.is_file() else "not noted"
        return f"{len(self):,} abstracts of Wikipedia, sha256 {checksum}"

    def __reduce__(self) -> tuple[type[StoredRetriever], tuple[Path]]:
        return StoredRetriever, (self._directory,)


def default_directory() -> Path:
    """Where the index lies when nobody says otherwise."""
    chosen = os.environ.get(ENVIRONMENT)
    return Path(chosen) if chosen else Path.home() / ".cache" / "dspy_gepa" / "wiki17"


def open_wikipedia(directory: Path | None = None) -> StoredRetriever:
    """The retriever over the abstracts. Raises IndexNotFound when no index was built."""
    chosen = directory or default_directory()
    if not is_built(chosen):
        raise IndexNotFound(
            f"{chosen} holds no index of the Wikipedia abstracts, in which rows from the hub are searched. "
            "Run `python -m benchmarks wikipedia` once (500 MB to download), name another directory in "
            f"{ENVIRONMENT}, or use local data with a corpus of its own (--data)."
        )
    return StoredRetriever(chosen)


def is_built(directory: Path | None = None) -> bool:
    """Whether `build` has finished in `directory`, by default in that of `default_directory`."""
    return ((directory or default_directory()) / INDEX).is_dir()


def build(archive: Path, directory: Path) -> Built:
    """Index the abstracts in `archive`, a .tar.gz with one file of JSON lines (title, text: sentences).

    Raises ValueError when the archive holds no such file.
    """
    directory.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with tarfile.open(archive, "r:gz") as tar:
        member = next((entry for entry in tar if entry.isfile() and entry.name.endswith(".jsonl")), None)
        source = tar.extractfile(member) if member else None
        if source is None:
            raise ValueError(f"{archive} holds no .jsonl file; expected {FILE} of {REPOSITORY}.")
        count = write_passages(_passages(source, digest.update), directory)
    texts = StoredPassages(directory)
    # Saved under another name first: an index that is there is whole.
    (directory / NOTE).write_text(digest.hexdigest(), encoding="ascii")
    unfinished = directory / f"{INDEX}.unfinished"
    store_index(texts, unfinished)
    unfinished.rename(directory / INDEX)
    return Built(count, digest.hexdigest())


def _passages(source: IO[bytes], see: Callable[[bytes], None]) -> Iterator[str]:
    for line in source:
        see(line)
        page = json.loads(line)
        yield f"{page['title']} | {' '.join(page['text'])}"


def fetch() -> Path:
    """The archive from the hub. Raises IndexNotFound when it cannot be had."""
    try:
        from huggingface_hub import hf_hub_download  # imported here because only this road needs it

        return Path(hf_hub_download(repo_id=REPOSITORY, filename=FILE))
    except (ImportError, OSError, ValueError) as error:
        raise IndexNotFound(
            f"{FILE} could not be downloaded from https://huggingface.co/{REPOSITORY} (see the cause). "
            "Download it by hand and give it with --archive."
        ) from error


def needed(directory: Path, *, download: bool) -> str:
    """What it takes to build the index, and to serve it, in words; and what this machine lacks for it."""
    millions = EXPECTED / 1e6
    kept, disk = DISK * millions, (DISK + DISK_MEANWHILE) * millions
    minutes = SECONDS * millions / 60
    told = (
        f"To index {EXPECTED:,} passages takes at most {MEMORY / 1e9:.0f} GB of memory, {disk / 1e9:.1f} GB "
        f"of disk in {directory}, where {kept / 1e9:.1f} GB stay, and {minutes:.0f} minutes of a processor, "
        "once. To search it takes less than 4 GB of memory."
    )
    if download:
        told = f"To download: {DOWNLOAD / 1e6:,.0f} MB. {told}"
    free_disk, free_memory = _free_disk(directory), _free_memory()
    if free_disk < disk:
        told += f"\nOnly {free_disk / 1e9:.1f} GB of disk are free there: name another directory (--dir)."
    if free_memory is not None and free_memory < MEMORY:
        told += (
            f"\nOnly {free_memory / 1e9:.1f} GB of memory are free: it will be slow or be stopped. Build it "
            "on another machine and copy the directory."
        )
    return told


def _free_disk(directory: Path) -> int:
    there = next(parent for parent in (directory, *directory.absolute().parents) if parent.exists())
    return shutil.disk_usage(there).free


def _free_memory() -> int | None:
    """Bytes that processes can still have; None where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = next((line for line in lines if line.startswith("MemAvailable:")), None)
    return int(found.split()[1]) * 1024 if found else None


@click.command()
@click.option(
    "--dir", "directory", type=click.Path(path_type=Path), help=f"Default: {ENVIRONMENT} or a cache."
)
@click.option("--archive", type=click.Path(path_type=Path, exists=True), help=f"A copy of {FILE}.")
def wikipedia(directory: Path | None, archive: Path | None) -> None:
    """Download the Wikipedia abstracts of 2017 and index them, once."""
    chosen = directory or default_directory()
    if is_built(chosen):
        click.echo(f"{chosen} holds an index of {len(StoredPassages(chosen))} passages already.")
        return
    click.echo(needed(chosen, download=archive is None))
    try:
        built = build(archive or fetch(), chosen)
    except IndexNotFound as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{built.passages} passages indexed in {chosen}, sha256 of their file {built.sha256}.")
    if built.sha256 != SHA256:
        click.echo(f"That is not the file other projects used ({SHA256}): figures may differ from theirs.")
