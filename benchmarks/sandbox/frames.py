"""Messages between the processes of the sandbox: bytes with their length before them."""

from __future__ import annotations

import os
import select
import struct
import time

LONGEST = 64 * 2**20
_LENGTH = struct.Struct(">Q")


def send(descriptor: int, message: bytes, deadline: float = float("inf")) -> None:
    """Write a message.

    Raises:
        OSError: The other side is gone.
        TimeoutError: `deadline`, of `time.monotonic`, has passed.
    """
    rest = memoryview(_LENGTH.pack(len(message)) + message)
    while rest:
        if deadline != float("inf"):
            _wait(deadline, write=descriptor)
        rest = rest[os.write(descriptor, rest[:65_536]) :]


def receive(descriptor: int, deadline: float = float("inf"), longest: int = LONGEST) -> bytes | None:
    """The next message; None when the other side is gone. Reads nothing beyond it.

    Raises:
        TimeoutError: `deadline`, of `time.monotonic`, has passed.
        ValueError: The message is longer than `longest` bytes.
    """
    head = _exactly(descriptor, _LENGTH.size, deadline)
    if head is None:
        return None
    (length,) = _LENGTH.unpack(head)
    if length > longest:
        raise ValueError(f"a message of {length} bytes, more than {longest}")
    return _exactly(descriptor, length, deadline)


def _exactly(descriptor: int, count: int, deadline: float) -> bytes | None:
    got = bytearray()
    while len(got) < count:
        if deadline != float("inf"):
            _wait(deadline, read=descriptor)
        try:
            part = os.read(descriptor, min(count - len(got), 1_048_576))
        except ConnectionResetError:
            return None
        if not part:
            return None
        got += part
    return bytes(got)


def _wait(deadline: float, read: int | None = None, write: int | None = None) -> None:
    """Return once the descriptor is ready. Raises TimeoutError at the deadline."""
    reads = [] if read is None else [read]
    writes = [] if write is None else [write]
    ready = select.select(reads, writes, [], max(0.0, deadline - time.monotonic()))
    if not (ready[0] or ready[1]):
        raise TimeoutError("no answer in time")
