"""One process at a time writes in a log_dir."""

from __future__ import annotations

import os
import weakref
from pathlib import Path
from typing import IO

from dspy_gepa.errors import JournalError

_held: weakref.WeakSet[IO[str]] = weakref.WeakSet()


def lock(directory: Path) -> IO[str]:
    """Hold `directory`, which is made when missing, until the file is closed or the process ends anyhow.

    Raises:
        JournalError: Another process holds it, or it cannot be written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        file = (directory / "run.lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise JournalError(f"log_dir cannot be written: {error}.") from error
    try:
        _lock_file(file)
    except OSError as error:
        file.seek(0)
        owner = file.read().strip() or "unknown"
        file.close()
        raise JournalError(
            f"Another process (pid {owner}) is running in {directory}. Wait for it, stop it, or choose "
            f"another log_dir. ({error})"
        ) from error
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    _held.add(file)
    return file


def is_held(directory: Path) -> bool:
    """Return True if a process of this machine is running in `directory`."""
    path = directory / "run.lock"
    if not path.exists():
        return False
    if os.name == "nt":
        return _cannot_be_locked(path)
    # Not by trying to lock it: a run that begins at this moment would be refused.
    try:
        os.kill(int(path.read_text(encoding="utf-8")), 0)
    except PermissionError:
        return True  # somebody else's process
    except (ValueError, ProcessLookupError):
        return False
    return True


def _cannot_be_locked(path: Path) -> bool:
    with path.open("a+", encoding="utf-8") as file:
        try:
            _lock_file(file)
        except OSError:
            return True
    return False


def _let_go() -> None:
    """In a forked worker: it inherits the lock, and would hold it when this process has been killed."""
    for file in _held:
        file.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)


def _lock_file(file: IO[str]) -> None:
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
