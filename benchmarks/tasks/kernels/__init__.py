"""The kernels of the code task: small array functions, each with a plain reference and cases to judge by."""

from benchmarks.tasks.kernels.kernel import HEAD, Kernel
from benchmarks.tasks.kernels.matrices import MATRICES
from benchmarks.tasks.kernels.sequences import SEQUENCES

__all__ = ["HEAD", "KERNELS", "Kernel"]

KERNELS: tuple[Kernel, ...] = (*SEQUENCES, *MATRICES)
