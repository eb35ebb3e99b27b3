"""Ways to write the functions over two-dimensional arrays."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.simulated.worlds.coder.version import Version, version

MATRICES: Mapping[str, tuple[Version, ...]] = {
    "pairwise_distances": (
        version("one norm for each pair", 1, """
def pairwise_distances(a, b):
    result = np.zeros((len(a), len(b)))
    for i, p in enumerate(a):
        for j, q in enumerate(b):
            result[i, j] = np.sqrt(((p - q) ** 2).sum())
    return result
"""),
        version("one row at a time", 2, """
def pairwise_distances(a, b):
    result = np.zeros((len(a), len(b)))
    for i, p in enumerate(a):
        result[i] = np.sqrt(((b - p) ** 2).sum(axis=1))
    return result
"""),
        version("broadcast all pairs", 3, """
def pairwise_distances(a, b):
    return np.sqrt(((a[:, None, :] - b[None, :, :]) ** 2).sum(axis=2))
"""),
        version("expand the square", 3, """
def pairwise_distances(a, b):
    squares = (a ** 2).sum(axis=1)[:, None] + (b ** 2).sum(axis=1) - 2 * a @ b.T
    return np.sqrt(squares)
""", "rounding makes small squares negative", "numbers"),
        version("expand the square", 3, """
def pairwise_distances(a, b):
    squares = (a ** 2).sum(axis=1)[:, None] + (b ** 2).sum(axis=1) - 2 * a @ b.T
    return np.sqrt(np.maximum(squares, 0))
""", "far from zero the digits cancel", "numbers"),
    ),
    "softmax_rows": (
        version("one row at a time", 1, """
def softmax_rows(x):
    result = np.zeros(x.shape)
    for i, row in enumerate(x):
        powers = np.exp(row - row.max())
        result[i] = powers / powers.sum()
    return result
"""),
        version("all rows at once", 3, """
def softmax_rows(x):
    powers = np.exp(x - x.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
"""),
        version("all rows at once", 3, """
def softmax_rows(x):
    powers = np.exp(x)
    return powers / powers.sum(axis=1, keepdims=True)
""", "large values overflow", "numbers"),
        version("all rows at once", 3, """
def softmax_rows(x):
    powers = np.exp(x - x.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=0)
""", "columns are summed in place of rows", "meaning"),
    ),
    "matrix_power": (
        version("one dot product for each entry", 1, """
def matrix_power(m, n):
    result = np.eye(len(m))
    for _ in range(n):
        result = np.array([[row @ column for column in m.T] for row in result])
    return result
"""),
        version("one product for each factor", 2, """
def matrix_power(m, n):
    result = np.eye(len(m))
    for _ in range(n):
        result = result @ m
    return result
"""),
        version("square repeatedly", 3, """
def matrix_power(m, n):
    result, square = np.eye(len(m)), m
    while n:
        if n % 2:
            result = result @ square
        square = square @ square
        n //= 2
    return result
"""),
        version("square repeatedly", 3, """
def matrix_power(m, n):
    result = m
    while n > 1:
        result = result @ result
        n //= 2
    return result
""", "only powers of two come out right", "edges"),
        version("leave it to an operator", 3, """
def matrix_power(m, n):
    return m ** n
""", "each entry is raised by itself", "meaning"),
    ),
}  # fmt: skip
