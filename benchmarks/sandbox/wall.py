"""What stands between untrusted code and the rest of the machine: the best that the system offers.

`namespaces`: the processes see a file system of their own, read-only, with Python and the system's libraries
and nothing else (no `/proc`, no home, no benchmark), no network, and no other process. Linux, as root or
where unprivileged user namespaces are allowed.
`another user`: they run as `nobody`, so that they cannot read what only the benchmark's user can, such as its
environment. Where we are root, and namespaces are refused, as in many containers.
`limits alone`: they run as we do, and can read what we can, the benchmark's environment included.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import site
import sys
import tempfile
import time
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

# Of <sys/mount.h>, <sched.h> and <sys/prctl.h>.
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 1, 2, 4, 8
_MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 1 << 5, 1 << 12, 1 << 14, 1 << 18
_NEW_MOUNTS, _NEW_NAMES, _NEW_IPC = 1 << 17, 1 << 26, 1 << 27
_NEW_USERS, _NEW_PIDS, _NEW_NETWORK = 1 << 28, 1 << 29, 1 << 30
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 4, 36, 38
_CAPABILITIES_V3 = 0x20080522
_NOBODY = 65534
_PROCESS_CLOCK = 2  # of <linux/posix-timers.h>, in the number of a clock beside the process
_SHELF = "/build"
_SYSTEM = ("/usr", "/lib", "/lib64", "/lib32", "/bin")


class Wall(Enum):
    """The walls, the best first."""

    NAMESPACES = "namespaces"
    ANOTHER_USER = "another user"
    LIMITS = "limits alone"

    def in_words(self) -> str:
        """What it keeps out, for people."""
        return f"{self.value}: {_TOLD[self]}"


_TOLD = {
    Wall.NAMESPACES: "no network, no other process, no file but Python's and the system's",
    Wall.ANOTHER_USER: "what others cannot read is kept out; there is a network",
    Wall.LIMITS: "no wall at all: the code can read what you can, your environment included; use a container",
}


def isolate(home: str) -> None:
    """Move this process and what it will fork behind the wall `NAMESPACES`. It must have one thread.

    Processes it forks from now on see a system of their own; this one has still to fork to be part of it.

    Args:
        home: A directory where the new file system is put together.

    Raises:
        OSError: The system refuses.
    """
    user, group = os.geteuid(), os.getegid()
    alone = _NEW_MOUNTS | _NEW_NAMES | _NEW_IPC | _NEW_PIDS | _NEW_NETWORK
    _call("unshare", alone if user == 0 else alone | _NEW_USERS)
    if user != 0:
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")
    _mount(None, "/", None, _MS_REC | _MS_PRIVATE)
    _mount("tmpfs", home, "tmpfs", _MS_NOSUID | _MS_NODEV, "size=64m,mode=755")
    for place in _kept():
        _show(place, home + place)
    os.makedirs(home + "/tmp", exist_ok=True)
    os.makedirs(home + _SHELF, exist_ok=True)
    _mount(None, home, None, _MS_REMOUNT | _MS_BIND | _MS_RDONLY | _MS_NOSUID | _MS_NODEV)
    _mount("tmpfs", home + _SHELF, "tmpfs", _MS_NOSUID | _MS_NODEV, "size=128m,nr_inodes=4k,mode=711")
    os.chroot(home)
    os.chdir("/tmp")


@contextlib.contextmanager
def shelf_behind(wall: Wall) -> Iterator[Path]:
    """An empty directory behind a wall, in which directories can be handed over to what runs there."""
    if wall is Wall.NAMESPACES:  # in memory, and gone with the wall
        yield Path(_SHELF)
        return
    with tempfile.TemporaryDirectory(prefix="build_", dir=os.getcwd()) as shelf:
        os.chmod(shelf, 0o711)
        yield Path(shelf)


def hand_over(directory: Path, wall: Wall) -> None:
    """Give a directory to the user that `give_up_rights` makes of this process."""
    if _changes_user(wall):
        os.chown(directory, _NOBODY, _NOBODY)


def give_up_rights(wall: Wall) -> None:
    """The last step before untrusted code: this process keeps no right that it does not need."""
    if _changes_user(wall):
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    if sys.platform == "linux":
        _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        _drop_capabilities()
        # The kernel forgets this at a change of user.
        _call("prctl", _PR_SET_PDEATHSIG, 9, 0, 0, 0)


def _changes_user(wall: Wall) -> bool:
    return wall is not Wall.LIMITS and os.geteuid() == 0


def close_to_others() -> None:
    """No process of the same user can read this one's memory, environment or descriptors. Linux alone."""
    if sys.platform == "linux":
        _call("prctl", _PR_SET_DUMPABLE, 0, 0, 0, 0)


def processor_seconds(process: int) -> float:
    """Seconds of a processor that a process has taken; 0 for one that has ended, and where Linux is not."""
    if sys.platform != "linux":
        return 0.0  # what then ends a loop is the limit that the system itself sets
    try:
        return time.clock_gettime((~process << 3) | _PROCESS_CLOCK)
    except OSError:
        return 0.0


def adopt_orphans() -> None:
    """Processes below this one become its children when their parent ends. Linux alone."""
    if sys.platform == "linux":
        _call("prctl", _PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _kept() -> list[str]:
    """What stays in sight: the system's programs and libraries, and this Python with its packages."""
    places = {*_SYSTEM, sys.prefix, sys.base_prefix, *site.getsitepackages()}
    real = sorted({place for place in places if os.path.exists(place)}, key=len)
    kept: list[str] = []
    for place in real:
        if not any(place.startswith(other + "/") for other in kept):
            kept.append(place)
    return kept


def _show(place: str, there: str) -> None:
    """Make a directory visible at another place, read-only; a link stays a link."""
    os.makedirs(os.path.dirname(there), mode=0o755, exist_ok=True)
    if os.path.islink(place):
        os.symlink(os.readlink(place), there)
        return
    os.makedirs(there, mode=0o755, exist_ok=True)
    _mount(place, there, None, _MS_BIND | _MS_REC)
    kept = os.statvfs(there).f_flag & _MS_NOEXEC  # what is locked has to be asked for again
    _mount(None, there, None, _MS_REMOUNT | _MS_BIND | _MS_RDONLY | _MS_NOSUID | _MS_NODEV | kept)


def _mount(source: str | None, place: str, kind: str | None, flags: int, options: str | None = None) -> None:
    texts = [None if text is None else os.fsencode(text) for text in (source, place, kind)]
    data = None if options is None else options.encode()
    _call("mount", *texts, flags, data, told=f"mount {place}")


def _drop_capabilities() -> None:
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_V3, 0)
    _call("capset", header, (ctypes.c_uint32 * 6)())


def _call(name: str, *arguments: object, told: str | None = None) -> None:
    """A function of the C library. Raises OSError when it fails, or does not exist."""
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        function = getattr(libc, name)
    except AttributeError:
        raise OSError(errno.ENOSYS, f"this system has no {name}") from None
    plain = [ctypes.c_ulong(value) if isinstance(value, int) else value for value in arguments]
    if function(*plain) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{told or name}: {os.strerror(number)}")
