"""Kernels over two-dimensional arrays."""

from __future__ import annotations

from benchmarks.tasks.kernels.kernel import Kernel, kernel

MATRICES: tuple[Kernel, ...] = (
    kernel(
        "pairwise_distances",
        "Euclidean distances between the rows of `a` (n by d) and the rows of `b` (m by d), n by m",
        """
def pairwise_distances(a, b):
    result = np.zeros((len(a), len(b)))
    for i in range(len(a)):
        for j in range(len(b)):
            total = 0.0
            for k in range(a.shape[1]):
                total += (a[i, k] - b[j, k]) ** 2
            result[i, j] = total ** 0.5
    return result
""",
        """
def cases(rng):
    points = rng.normal(size=(6, 3))
    return {
        "ordinary": (rng.normal(size=(7, 3)), rng.normal(size=(5, 3))),
        "points with themselves": (points, points),
        "far from zero": (rng.normal(size=(5, 2)) + 1e6, rng.normal(size=(5, 2)) + 1e6),
        "one dimension": (rng.normal(size=(4, 1)), rng.normal(size=(3, 1))),
        "no points": (np.zeros((0, 3)), rng.normal(size=(2, 3))),
    }


def load(rng):
    return rng.normal(size=(30, 6)), rng.normal(size=(30, 6))
""",
    ),
    kernel(
        "softmax_rows",
        "softmax of every row of the matrix `x`",
        """
def softmax_rows(x):
    result = np.zeros(x.shape)
    for i in range(x.shape[0]):
        top = max(x[i])
        total = 0.0
        for j in range(x.shape[1]):
            result[i, j] = np.exp(x[i, j] - top)
            total += result[i, j]
        for j in range(x.shape[1]):
            result[i, j] = result[i, j] / total
    return result
""",
        """
def cases(rng):
    return {
        "ordinary": (rng.normal(size=(6, 4)),),
        "one column": (rng.normal(size=(3, 1)),),
        "large values": (rng.normal(size=(4, 5)) * 100 + 1000,),
        "equal values": (np.zeros((2, 3)),),
        "no rows": (np.zeros((0, 3)),),
    }


def load(rng):
    return (rng.normal(size=(40, 24)),)
""",
    ),
    kernel(
        "matrix_power",
        "the square matrix `m` to the power `n`, a whole number not below 0",
        """
def matrix_power(m, n):
    size = len(m)
    result = np.eye(size)
    for _ in range(n):
        product = np.zeros((size, size))
        for i in range(size):
            for j in range(size):
                product[i, j] = sum(result[i, k] * m[k, j] for k in range(size))
        result = product
    return result
""",
        """
def cases(rng):
    small = rng.normal(size=(4, 4)) / 3
    return {
        "ordinary": (small, 5),
        "power of two": (small, 8),
        "first power": (small, 1),
        "power zero": (small, 0),
        "one entry": (np.array([[2.0]]), 10),
    }


def load(rng):
    return rng.normal(size=(8, 8)) / 4, 15
""",
    ),
)
