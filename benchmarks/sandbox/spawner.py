"""The process that forks a fresh one for every piece of code, and leaves nothing of it behind.

It lives behind the wall from before the first job on, so that neither it nor what it forks has ever held a
job's secret, a reference's result or arguments to come.
"""

from __future__ import annotations

import base64
import contextlib
import gc
import json
import math
import os
import resource
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import NamedTuple, NoReturn

from benchmarks.sandbox import candidate, frames, native
from benchmarks.sandbox.wall import (
    Wall,
    adopt_orphans,
    close_to_others,
    give_up_rights,
    hand_over,
    isolate,
    processor_seconds,
    shelf_behind,
)

_DONE, _SPENT = b"d", b"s"
_COMPILED_BYTES = 64 * 2**20
_WORDS = 4_096


class Kind(Enum):
    """What a process is for."""

    PYTHON = b"p"
    C = b"c"
    COMPILER = b"k"


@dataclass(frozen=True)
class _Inside:
    """What the spawner knows behind its wall.

    Attributes:
        seconds: Processor time of a process.
        memory_mb: Its address space, in MiB.
        compiler: Path of the C compiler; "" for none.
        wall: That which stands.
        shelf: A directory for compiling and for what was compiled, emptied after each process.
    """

    seconds: float
    memory_mb: int
    compiler: str
    wall: Wall
    shelf: Path


class Ended(NamedTuple):
    """How a process ended: its status, and the seconds of a processor it took with all that it waited for."""

    status: int
    seconds: float


class Spawner:
    """The other end: asks for processes, one at a time.

    Args:
        seconds: Processor time of a process.
        memory_mb: Its address space, in MiB.
        compiler: Path of the C compiler; "" for none.
        walls: Those to try, in order.
    """

    def __init__(self, seconds: float, memory_mb: int, compiler: str, walls: tuple[Wall, ...]) -> None:
        self.compiler = compiler
        for wall in walls:
            self.refusal = self._start(seconds, memory_mb, wall)
            if not self.refusal:
                self.wall = wall
                return
        raise OSError(f"no process can be had: {self.refusal}")

    def start(self, descriptor: int, kind: Kind) -> None:
        """Start a process that answers at `descriptor`, which stays open here."""
        socket.send_fds(self._ours, [kind.value], [descriptor])

    def spent(self) -> float:
        """Seconds of a processor that the process has taken so far, to some milliseconds."""
        self._ours.sendall(_SPENT)
        return float(self._ours.recv(_WORDS))

    def stop(self) -> Ended:
        """End the process and all it started."""
        self._ours.sendall(_DONE)
        status, seconds = self._ours.recv(_WORDS).split()
        return Ended(int(status), float(seconds))

    def _start(self, seconds: float, memory_mb: int, wall: Wall) -> str:
        """Why this wall cannot be had, "" once it stands."""
        self._ours, theirs = socket.socketpair()
        parent = os.fork()
        if parent == 0:
            _be_the_spawner(theirs, seconds, memory_mb, self.compiler, wall)
        theirs.close()
        said = self._ours.recv(_WORDS).decode()
        if said == _DONE.decode():
            return ""
        self._ours.close()
        os.waitpid(parent, 0)
        return said or "its process ended"


def _be_the_spawner(
    channel: socket.socket, seconds: float, memory_mb: int, compiler: str, wall: Wall
) -> NoReturn:
    try:
        _close_all_but(channel.fileno())
        if wall is Wall.NAMESPACES:
            home = tempfile.mkdtemp(prefix="wall_", dir=os.getcwd())
            isolate(home)
            if os.fork() != 0:  # the child is the first process of the new world, and ends with it
                os.wait()
                os._exit(0)
        elif wall is Wall.ANOTHER_USER and os.geteuid() != 0:
            raise OSError("not root")
        if wall is not Wall.NAMESPACES:
            adopt_orphans()
        close_to_others()
        gc.freeze()
        with shelf_behind(wall) as shelf:
            channel.sendall(_DONE)
            _spawn(channel, _Inside(seconds, memory_mb, compiler, wall, shelf))
    except OSError as error:
        with contextlib.suppress(OSError):
            channel.sendall(str(error).encode())
    finally:
        os._exit(0)


def _spawn(channel: socket.socket, inside: _Inside) -> None:
    while True:
        message, descriptors, _, _ = socket.recv_fds(channel, 1, 1)
        if not message:
            return
        kind = Kind(message)
        if kind is Kind.C:
            native.prepare()
        child = os.fork()
        if child == 0:
            _be_the_child(descriptors[0], kind, inside)
        os.close(descriptors[0])
        while (asked := channel.recv(1)) == _SPENT:
            channel.sendall(str(processor_seconds(child)).encode())
        status, seconds = _end(child)
        for left in inside.shelf.iterdir():
            shutil.rmtree(left)
        if not asked:
            return
        channel.sendall(f"{status} {seconds}".encode())


def _be_the_child(descriptor: int, kind: Kind, inside: _Inside) -> NoReturn:
    status = 1
    try:
        os.setsid()
        _close_all_but(descriptor)
        if kind is Kind.COMPILER:
            _compile(descriptor, inside)
        else:
            _answer(descriptor, inside)
        status = 0
    finally:
        # Without the interpreter's own way out, which would flush the parent's buffers a second time.
        os._exit(status)


def _answer(descriptor: int, inside: _Inside) -> None:
    order = candidate.Order(**json.loads(frames.receive(descriptor) or b"null"))
    library = None
    if order.library:  # put down while files may still grow, loaded when nothing is allowed any more
        library = Path(tempfile.mkdtemp(dir=inside.shelf)) / native.LIBRARY
        library.write_bytes(base64.b64decode(order.library))
        library.parent.chmod(0o711)  # whoever this becomes can read it, not change it
        library.chmod(0o644)
    _limit(inside, _STRICT)
    give_up_rights(inside.wall)
    candidate.serve(descriptor, time.thread_time, lambda: order.loaded(library))


def _compile(descriptor: int, inside: _Inside) -> None:
    own = Path(tempfile.mkdtemp(dir=inside.shelf))
    hand_over(own, inside.wall)
    _limit(inside, _COMPILERS)
    give_up_rights(inside.wall)
    native.compile_at(descriptor, own, inside.compiler)


_STRICT = {
    resource.RLIMIT_FSIZE: 0,
    resource.RLIMIT_NOFILE: 32,
    resource.RLIMIT_NPROC: 0,  # neither processes nor threads: work that goes on after a call is no speed
}
# Processes of a user are counted all over the machine, so that no number would be right; all are ended.
_COMPILERS = {resource.RLIMIT_FSIZE: _COMPILED_BYTES, resource.RLIMIT_NOFILE: 256}


def _limit(inside: _Inside, more: Mapping[int, int]) -> None:
    limits = {
        resource.RLIMIT_CPU: math.ceil(inside.seconds) + 1,
        resource.RLIMIT_AS: inside.memory_mb * 2**20,
        resource.RLIMIT_CORE: 0,
        **more,
    }
    for kind, most in limits.items():
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (most, most) if hard == resource.RLIM_INFINITY else (min(most, hard),) * 2)


def _close_all_but(kept: int) -> None:
    """Nothing is inherited but one descriptor; the standard streams lead nowhere."""
    nowhere = os.open(os.devnull, os.O_RDWR) if os.path.exists(os.devnull) else None
    if nowhere is not None:
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
    os.closerange(3, kept)
    os.closerange(kept + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def _end(child: int) -> Ended:
    """Kill a process with all that it started."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError):
            kill(child, signal.SIGKILL)
    _, status, used = os.wait4(child, 0)
    if os.getpid() == 1:  # ours alone: the first process of its own world
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
    for orphan in _children():
        with contextlib.suppress(ProcessLookupError):
            os.kill(orphan, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, 0)[0]:
            continue
    return Ended(status, used.ru_utime + used.ru_stime)


def _children() -> list[int]:
    """Children of this process that can be seen: those that left their session and were adopted."""
    if sys.platform != "linux":
        return []
    try:
        with open("/proc/thread-self/children", encoding="ascii") as file:
            return [int(child) for child in file.read().split()]
    except FileNotFoundError:  # behind the wall there is no /proc, and no need for it
        return []
