"""The kernels of the code tasks: small array functions, each with a plain reference and cases to judge by."""

from benchmarks.tasks.kernels.kernel import HEAD, Kernel
from benchmarks.tasks.kernels.layers import C_LAYERS, LAYERS
from benchmarks.tasks.kernels.matrices import MATRICES
from benchmarks.tasks.kernels.sequences import SEQUENCES

__all__ = ["C_LAYERS", "HEAD", "KERNELS", "LAYERS", "Kernel"]

KERNELS: tuple[Kernel, ...] = (*SEQUENCES, *MATRICES)
