"""One process at a time writes in a log_dir."""

from __future__ import annotations

import os
import stat
import time
import weakref
from pathlib import Path
from typing import IO

from dspy_gepa.errors import JournalError

_FILE_NAME = "run.lock"
# Room for a process number; whatever else the file may hold is not read.
_MAX_CHARACTERS = 20
_held: weakref.WeakSet[IO[str]] = weakref.WeakSet()


def lock(directory: Path) -> IO[str]:
    """Hold `directory`, creating it if missing, until the file is closed or the process ends in any way.

    Raises:
        JournalError: Another process holds it, it cannot be written, or its lock is not a file of its own.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        file = _open(directory / _FILE_NAME, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise JournalError(f"log_dir cannot be written: {error}.") from error
    try:
        _lock_file(file)
    except OSError as error:
        owner = file.read(_MAX_CHARACTERS).strip()
        file.close()
        pid = owner if owner.isascii() and owner.isdecimal() else "unknown"
        raise JournalError(
            f"Another process (pid {pid}) is running in {directory}. Wait for it, stop it, or choose "
            f"another log_dir. ({error})"
        ) from error
    file.truncate(0)
    file.write(str(os.getpid()))  # for people and error messages; the lock itself is what counts
    file.flush()
    _held.add(file)
    return file


def is_held(directory: Path) -> bool:
    """Return True if a process of this machine is running in `directory`.

    A shared lock shows it, whatever the file contains: process numbers are used again. It is held for a
    moment, in which `lock` tries again.
    """
    try:
        file = _open(directory / _FILE_NAME, os.O_RDONLY)
    except (OSError, JournalError):
        return False
    with file:
        try:
            _try_lock(file, shared=True)
        except OSError:
            return True
    return False


def _open(path: Path, flags: int) -> IO[str]:
    """Open the lock without following a link or waiting for the other end of a pipe.

    Raises:
        OSError: It cannot be opened.
        JournalError: It is a link, or no regular file: writing to it would change something else.
    """
    safe = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    refused = f"{path} is a link or no regular file. Remove it, or choose another log_dir."
    if path.is_symlink():
        raise JournalError(refused)
    descriptor = os.open(path, flags | safe, 0o666)
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        os.close(descriptor)
        raise JournalError(refused)
    return open(descriptor, "r+" if flags & os.O_RDWR else "r", encoding="utf-8", errors="replace")


def _let_go() -> None:
    """Close the locks in a forked worker, which would hold them when this process has been killed."""
    for file in _held:
        file.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)


def _lock_file(file: IO[str]) -> None:
    """Lock a file for this process alone, in spite of others that look for a moment if it is locked.

    Raises:
        OSError: Another process holds it.
    """
    for pause in (0.001, 0.01, 0.1):
        try:
            return _try_lock(file, shared=False)
        except OSError:
            time.sleep(pause)
    return _try_lock(file, shared=False)


def _try_lock(file: IO[str], *, shared: bool) -> None:
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    else:
        import fcntl

        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
