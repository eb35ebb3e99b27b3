"""Ways to write the functions of neural networks by NumPy."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.simulated.worlds.coder.version import Version, version

LAYERS: Mapping[str, tuple[Version, ...]] = {
    "linear_gelu": (
        version("one product for each row", 1, """
def linear_gelu(x, w, b):
    result = np.zeros((len(x), w.shape[1]))
    for i, row in enumerate(x):
        z = row @ w + b
        result[i] = 0.5 * z * (1 + np.tanh((2 / np.pi) ** 0.5 * (z + 0.044715 * z ** 3)))
    return result
"""),
        version("all rows at once", 3, """
def linear_gelu(x, w, b):
    z = x @ w + b
    return 0.5 * z * (1 + np.tanh((2 / np.pi) ** 0.5 * (z + 0.044715 * z ** 3)))
"""),
        version("the tangent by one power", 3, """
def linear_gelu(x, w, b):
    z = x @ w + b
    power = np.exp(2 * (2 / np.pi) ** 0.5 * (z + 0.044715 * z ** 3))
    return 0.5 * z * (1 + (power - 1) / (power + 1))
""", "large values overflow", "numbers"),
        version("all rows at once", 3, """
def linear_gelu(x, w, b):
    z = x @ w
    return 0.5 * z * (1 + np.tanh((2 / np.pi) ** 0.5 * (z + 0.044715 * z ** 3))) + b
""", "the offset is added too late", "meaning"),
    ),
    "layer_norm": (
        version("one row at a time", 1, """
def layer_norm(x, gain, bias):
    result = np.zeros(x.shape)
    for i, row in enumerate(x):
        result[i] = (row - row.mean()) / np.sqrt(row.var() + 1e-5) * gain + bias
    return result
"""),
        version("all rows at once", 3, """
def layer_norm(x, gain, bias):
    centred = x - x.mean(axis=1, keepdims=True)
    variance = (centred ** 2).mean(axis=1, keepdims=True)
    return centred / np.sqrt(variance + 1e-5) * gain + bias
"""),
        version("one pass for both moments", 3, """
def layer_norm(x, gain, bias):
    mean = x.mean(axis=1, keepdims=True)
    variance = (x ** 2).mean(axis=1, keepdims=True) - mean ** 2
    return (x - mean) / np.sqrt(np.maximum(variance, 0) + 1e-5) * gain + bias
""", "far from zero the digits cancel", "numbers"),
        version("all rows at once", 3, """
def layer_norm(x, gain, bias):
    x -= x.mean(axis=1, keepdims=True)
    variance = (x ** 2).mean(axis=1, keepdims=True)
    return x / np.sqrt(variance + 1e-5) * gain + bias
""", "the caller's array is overwritten", "arguments"),
    ),
    "convolve": (
        version("one window for each pixel", 1, """
def convolve(image, weights):
    a, b = weights.shape
    padded = np.pad(image, ((a // 2, a // 2), (b // 2, b // 2)))
    result = np.zeros(image.shape)
    for i in range(image.shape[0]):
        for j in range(image.shape[1]):
            result[i, j] = (padded[i:i + a, j:j + b] * weights).sum()
    return result
"""),
        version("one shifted image for each weight", 3, """
def convolve(image, weights):
    a, b = weights.shape
    padded = np.pad(image, ((a // 2, a // 2), (b // 2, b // 2)))
    result = np.zeros(image.shape)
    for p in range(a):
        for q in range(b):
            result += weights[p, q] * padded[p:p + image.shape[0], q:q + image.shape[1]]
    return result
"""),
        version("all windows at once", 2, """
def convolve(image, weights):
    if not image.size:
        return np.zeros(image.shape)
    a, b = weights.shape
    padded = np.pad(image, ((a // 2, a // 2), (b // 2, b // 2)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, weights.shape)
    return np.einsum("ijpq,pq->ij", windows, weights)
"""),
        version("all windows at once", 2, """
def convolve(image, weights):
    a, b = weights.shape
    padded = np.pad(image, ((a // 2, a // 2), (b // 2, b // 2)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, weights.shape)
    return np.einsum("ijpq,pq->ij", windows, weights)
""", "an image without rows has no windows", "empty"),
        version("one shifted image for each weight", 3, """
def convolve(image, weights):
    a, b = weights.shape
    padded = np.pad(image, ((a // 2, a // 2), (b // 2, b // 2)))
    result = np.zeros(image.shape)
    for p in range(a):
        for q in range(b):
            result += weights[-p, -q] * padded[p:p + image.shape[0], q:q + image.shape[1]]
    return result
""", "the weights are turned round, and not even rightly", "meaning"),
    ),
    "attention": (
        version("one row at a time", 1, """
def attention(q, k, v):
    result = np.zeros(q.shape)
    for i, row in enumerate(q):
        scores = k @ row / q.shape[1] ** 0.5
        weights = np.exp(scores - scores.max())
        result[i] = weights @ v / weights.sum()
    return result
"""),
        version("all rows at once", 3, """
def attention(q, k, v):
    scores = q @ k.T / q.shape[1] ** 0.5
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights @ v / weights.sum(axis=1, keepdims=True)
"""),
        version("all rows at once", 3, """
def attention(q, k, v):
    weights = np.exp(q @ k.T / q.shape[1] ** 0.5)
    return weights @ v / weights.sum(axis=1, keepdims=True)
""", "large values overflow", "numbers"),
        version("all rows at once", 3, """
def attention(q, k, v):
    scores = q @ k.T
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return weights @ v / weights.sum(axis=1, keepdims=True)
""", "the products are not divided", "meaning"),
    ),
}  # fmt: skip
