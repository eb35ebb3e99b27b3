"""C code in the sandbox: compiled in one process behind the wall, called by cffi in another.

A compiler reads any file that its source names, so it is confined like the code itself; it alone may write
files and start processes. What it gives is bytes that nobody trusts: they are loaded where the code is run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.sandbox import frames
from benchmarks.sandbox.report import bounded

CHOICES = ("cc", "gcc", "clang")
FLAGS = ("-O2", "-std=gnu11", "-fPIC", "-shared", "-pipe")  # a pipe has no name that changes
SOURCE, LIBRARY = "kernel.c", "kernel.so"
COMPILED, REFUSED = b"C", b"R"
LONGEST_LIBRARY = 8 * 2**20
_SAID = 65_536  # bytes of a compiler's words that are read
_ERROR = ("error:", "undefined reference", "undefined symbol")


def compiler() -> str:
    """The C compiler: the one that the environment variable CC names, else cc, gcc or clang; "" for none.

    Links are followed, since behind the wall those through /etc lead nowhere.
    """
    chosen = os.environ.get("CC")
    found = filter(None, map(shutil.which, [chosen] if chosen else CHOICES))
    return next(map(os.path.realpath, found), "")


def compile_at(descriptor: int, shelf: Path, command: str) -> None:
    """Compile the source that arrives at a descriptor, and answer with a library or with what is wrong.

    Args:
        descriptor: Where the source comes from and the answer goes.
        shelf: A directory of its own, to write to.
        command: Path of the compiler.
    """
    source = frames.receive(descriptor)
    if source is None:
        return
    (shelf / SOURCE).write_bytes(source)
    said = shelf / "said.txt"
    with said.open("wb") as words:
        done = subprocess.run(
            [command, *FLAGS, SOURCE, "-o", LIBRARY, "-lm"],
            cwd=shelf,
            env={"PATH": os.defpath, "TMPDIR": str(shelf), "LC_ALL": "C"},
            stdout=words,
            stderr=words,
            check=False,
        )
    if done.returncode == 0 and (shelf / LIBRARY).stat().st_size <= LONGEST_LIBRARY:
        frames.send(descriptor, COMPILED + (shelf / LIBRARY).read_bytes())
        return
    with said.open("rb") as words:
        told = errors_in(words.read(_SAID).decode("utf-8", "replace").replace(f"{shelf}/", ""))
    if done.returncode == 0:
        told = f"the library is larger than {LONGEST_LIBRARY} bytes"
    frames.send(descriptor, REFUSED + bounded(f"it does not compile: {told}").encode())


def errors_in(said: str) -> str:
    """The errors in a compiler's words, without the warnings; all of them where no line is an error."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return "; ".join([line for line in lines if any(mark in line for mark in _ERROR)] or lines)


def prepare() -> None:
    """Import what calls need, so that processes forked later have it. Raises ImportError without cffi."""
    import cffi  # an extra, needed for C alone

    cffi.FFI().cdef("void f(const double *x, long n);")


def bound(
    library: Path, declaration: str, name: str, binding: Callable[..., Any]
) -> Callable[..., Any] | None:
    """The function of a library as one that takes and gives arrays; None when the library lacks it.

    Args:
        library: The file.
        declaration: The prototype of the function in C.
        name: Of the function.
        binding: Ours: takes the C function, what gives the address of an array, and the arguments.

    Raises:
        OSError: The file cannot be loaded.
    """
    import cffi

    ffi = cffi.FFI()
    ffi.cdef(declaration)
    loaded = ffi.dlopen(str(library), ffi.RTLD_NOW)
    try:
        function = getattr(loaded, name)
    except AttributeError:
        return None

    def address(array: np.ndarray[Any, Any]) -> Any:
        return ffi.from_buffer("double[]", np.ascontiguousarray(array, dtype=np.float64))

    return lambda *arguments: binding(function, address, *arguments)
