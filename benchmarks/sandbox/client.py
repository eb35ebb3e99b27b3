"""The sandbox as others use it: hands jobs to server processes that stay, and replaces one that hangs."""

from __future__ import annotations

import contextlib
import os
import queue
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import weakref
from pathlib import Path
from typing import Any

from benchmarks.sandbox.report import Job, Report

_ROOT = Path(__file__).resolve().parents[2]
# Isolated mode keeps the caller's directory off the path, so that this code is put on it by hand.
_BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from benchmarks.sandbox.server import main; main(float(sys.argv[2]), int(sys.argv[3]))"
)
# One thread for linear algebra: it makes timings comparable, and forking safe.
ENVIRONMENT = {
    "LANG": "C.UTF-8",
    **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
}
GRACE = 30.0
ATTEMPTS = 2


class Sandbox:
    """Judges jobs in other processes. Safe to use from many threads; they wait for a free server.

    Servers are started when they are first needed and end with this object or its process. See the package
    for what it protects from and what not.

    Args:
        seconds: Wall-clock seconds a job may take.
        memory_mb: Address space a job may take, in MiB.
        servers: Jobs at a time. More than there are idle processors spoils the timings.

    Raises:
        RuntimeError: The operating system is not POSIX.
    """

    def __init__(self, *, seconds: float = 5.0, memory_mb: int = 1024, servers: int = 1) -> None:
        if os.name != "posix":
            raise RuntimeError("The sandbox needs fork and resource limits, which only POSIX systems have.")
        self._options = {"seconds": seconds, "memory_mb": memory_mb, "servers": servers}
        self._seconds = seconds
        self._servers = [_Server(seconds, memory_mb) for _ in range(servers)]
        self._idle: queue.SimpleQueue[_Server] = queue.SimpleQueue()
        for server in self._servers:
            self._idle.put(server)
        weakref.finalize(self, _stop_all, self._servers)

    def run(self, job: Job) -> Report:
        """The report on a job; never raises for anything its code does."""
        server = self._idle.get()
        try:
            return server.ask(job, self._seconds + GRACE)
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

    def __init__(self, seconds: float, memory_mb: int) -> None:
        self._limits = (str(seconds), str(memory_mb))
        self._process: subprocess.Popen[bytes] | None = None
        self._home = ""
        self._owner = os.getpid()

    def ask(self, job: Job, patience: float) -> Report:
        """The report; a server that fails is started anew, and twice in a row it is the job's fault."""
        fault = ""
        for _ in range(ATTEMPTS):
            process = self._running()
            try:
                line = _exchange(process, job.to_json().encode() + b"\n", time.monotonic() + patience)
                return Report.from_json(line.decode("utf-8", "replace"))
            except (OSError, TimeoutError, ValueError) as error:
                self.stop()
                fault = str(error) or type(error).__name__
        return Report(error=f"the sandbox failed {ATTEMPTS} times in a row: {fault}")

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():  # a fork of ours must not end our server
            return
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):  # a job it never read is still to be flushed
                    stream.close()
        shutil.rmtree(self._home, ignore_errors=True)

    def _running(self) -> subprocess.Popen[bytes]:
        ours = self._owner == os.getpid()
        if ours and self._process is not None and self._process.poll() is None:
            return self._process
        self.stop()
        self._owner = os.getpid()
        self._home = tempfile.mkdtemp(prefix="sandbox_")
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", _BOOT, str(_ROOT), *self._limits],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=ENVIRONMENT,
            cwd=self._home,
            start_new_session=True,
        )
        return self._process


def _exchange(process: subprocess.Popen[bytes], job: bytes, deadline: float) -> bytes:
    """Send a line and read one. Raises OSError when the process is gone, TimeoutError when it is silent."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(job)
    process.stdin.flush()
    got = b""
    while not got.endswith(b"\n"):
        ready, _, _ = select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise TimeoutError("no answer in time")
        part = os.read(process.stdout.fileno(), 65_536)
        if not part:
            raise BrokenPipeError("its process ended")
        got += part
    return got


def _stop_all(servers: list[_Server]) -> None:
    for server in servers:
        server.stop()
