"""What a kernel of the code task is."""

from __future__ import annotations

from dataclasses import dataclass

HEAD = "import numpy as np\n\n\n"


@dataclass(frozen=True)
class Kernel:
    """A function to make faster.

    Attributes:
        name: Of the function.
        task: What it computes, in words.
        reference: Source of a plain version that is right; the search starts from it, and is timed by it.
        cases: Source of `cases(rng)`, arguments by the name of a case, and `load(rng)`, those that are timed.
        declaration: Of a C function, its prototype; "" for Python.
        binding: Of a C function, how it is called from Python (`benchmarks.sandbox.Job`).
    """

    name: str
    task: str
    reference: str
    cases: str
    declaration: str = ""
    binding: str = ""


def kernel(name: str, task: str, reference: str, cases: str) -> Kernel:
    """A kernel; sources get the import they need."""
    return Kernel(name, task, HEAD + reference.strip() + "\n", HEAD + cases.strip() + "\n")
