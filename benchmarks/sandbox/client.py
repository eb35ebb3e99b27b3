"""The sandbox as others use it: hands jobs to server processes that stay, and replaces one that hangs."""

from __future__ import annotations

import contextlib
import os
import queue
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.sandbox import frames
from benchmarks.sandbox.native import compiler
from benchmarks.sandbox.report import PATIENCE, Job, Report
from benchmarks.sandbox.wall import Wall

_ROOT = Path(__file__).resolve().parents[2]
# Isolated mode keeps the caller's directory off the path, so that this code is put on it by hand.
_BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from benchmarks.sandbox.server import main; "
    "main(float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5], sys.argv[6:])"
)
# One thread for linear algebra: it makes timings comparable, and forking safe.
ENVIRONMENT = {
    "LANG": "C.UTF-8",
    **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
}
GRACE = 30.0
ATTEMPTS = 2
LONGEST_REPORT = 1_000_000


class Sandbox:
    """Judges jobs in other processes. Safe to use from many threads; they wait for a free server.

    Servers are started when they are first needed and end with this object or its process. See the package
    for what it protects from and what not.

    Args:
        seconds: Seconds of a processor a job may take, all its processes together. Code that waits is stopped
            after ten times as many seconds of the clock.
        memory_mb: Address space a job may take, in MiB.
        servers: Jobs at a time. More than there are idle processors spoils the timings.
        walls: The walls that may stand around the code, tried in order; all by default, so that the last
            resort is none. Leave `Wall.LIMITS` out to refuse to run without one.

    Raises:
        RuntimeError: The operating system is not POSIX.
    """

    def __init__(
        self,
        *,
        seconds: float = 5.0,
        memory_mb: int = 1024,
        servers: int = 1,
        walls: Sequence[Wall] = tuple(Wall),
    ) -> None:
        if os.name != "posix":
            raise RuntimeError("The sandbox needs fork and resource limits, which only POSIX systems have.")
        self._options = {"seconds": seconds, "memory_mb": memory_mb, "servers": servers, "walls": walls}
        self._seconds = seconds
        self._servers = [_Server(seconds, memory_mb, walls) for _ in range(servers)]
        self._idle: queue.SimpleQueue[_Server] = queue.SimpleQueue()
        for server in self._servers:
            self._idle.put(server)
        weakref.finalize(self, _stop_all, self._servers)

    def run(self, job: Job) -> Report:
        """The report on a job; never raises for anything its code does."""
        server = self._idle.get()
        try:
            return server.ask(job, PATIENCE * self._seconds + GRACE)
        finally:
            self._idle.put(server)

    def wall(self) -> Wall:
        """What stands around the code here. Starts a server, if there is none.

        Raises:
            RuntimeError: The server does not start.
        """
        server = self._idle.get()
        try:
            return server.wall(time.monotonic() + self._seconds + GRACE)
        except (OSError, ValueError) as error:
            raise RuntimeError(f"The sandbox does not start: {error}") from error
        finally:
            self._idle.put(server)

    def close(self) -> None:
        """Stop the servers. A job that comes later starts them again."""
        _stop_all(self._servers)

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self._options,)


def _again(options: dict[str, Any]) -> Sandbox:
    return Sandbox(**options)


class _Server:
    """One server process, started when it is asked."""

    def __init__(self, seconds: float, memory_mb: int, walls: Sequence[Wall]) -> None:
        self._limits = (str(seconds), str(memory_mb))
        self._walls = tuple(wall.value for wall in walls)
        self._process: subprocess.Popen[bytes] | None = None
        self._reports = -1
        self._wall: Wall | None = None
        self._home = ""
        self._owner = os.getpid()

    def ask(self, job: Job, patience: float) -> Report:
        """The report; a server that fails is started anew, and twice in a row it is the job's fault."""
        fault = ""
        for _ in range(ATTEMPTS):
            try:
                return self._exchange(job, time.monotonic() + patience)
            except (OSError, ValueError) as error:
                self.stop()
                fault = str(error) or type(error).__name__
        return Report(error=f"the sandbox failed {ATTEMPTS} times in a row: {fault}")

    def wall(self, deadline: float) -> Wall:
        """The wall it has; starts it. Raises OSError and ValueError when it does not start."""
        if not self._runs():
            self._start()
        if self._wall is None:
            said = self._answer(deadline).decode()
            if said not in self._walls:
                raise BrokenPipeError(said)
            self._wall = Wall(said)
        return self._wall

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():  # a fork of ours must not end our server
            return
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            process.kill()
        process.wait()
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # a job it never read is still to be flushed
            process.stdin.close()
        os.close(self._reports)
        shutil.rmtree(self._home, ignore_errors=True)

    def _exchange(self, job: Job, deadline: float) -> Report:
        """A report carries the secret of its job, which no process has held that ran the job's code."""
        self.wall(deadline)
        assert self._process is not None
        assert self._process.stdin is not None
        secret = secrets.token_hex(16).encode()
        jobs = self._process.stdin.fileno()
        frames.send(jobs, job.to_json().encode(), deadline)
        frames.send(jobs, secret, deadline)
        while True:
            message = self._answer(deadline)
            if message.startswith(secret):
                return Report.from_json(message.removeprefix(secret).decode("utf-8", "replace"))

    def _answer(self, deadline: float) -> bytes:
        message = frames.receive(self._reports, deadline, LONGEST_REPORT)
        if message is None:
            raise BrokenPipeError("its process ended")
        return message

    def _runs(self) -> bool:
        return self._owner == os.getpid() and self._process is not None and self._process.poll() is None

    def _start(self) -> None:
        self.stop()
        self._owner = os.getpid()
        self._wall = None
        self._home = tempfile.mkdtemp(prefix="sandbox_")
        os.chmod(self._home, 0o711)  # what is another user's lies below it
        self._reports, theirs = os.pipe()
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-I",
                "-c",
                _BOOT,
                str(_ROOT),
                *self._limits,
                str(theirs),
                compiler(),
                *self._walls,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(theirs,),
            env=ENVIRONMENT,
            cwd=self._home,
            start_new_session=True,
        )
        os.close(theirs)


def _stop_all(servers: list[_Server]) -> None:
    for server in servers:
        server.stop()
