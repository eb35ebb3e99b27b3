"""Kernels of neural networks, as in the paper's code experiments: by NumPy, and the same in C.

Both are judged on the same cases. What is timed is larger in C, whose reference works out every entry of the
result by itself, as one thread of a graphics processor would.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.tasks.kernels.kernel import HEAD, Kernel, kernel


@dataclass(frozen=True)
class _Layer:
    """A kernel in both languages.

    Attributes:
        name: Of the function.
        task: What it computes, in words.
        python: Plain Python.
        cases: Source of `cases(rng)`.
        load: Expression for what is timed in Python.
        declaration: The C prototype; the body follows in `c`.
        c: The body of the plain C function.
        larger: Expression for what is timed in C.
        shape: Expression for the shape of the result, of the function's arguments.
        sizes: Expression for the sizes that C is told after the arrays.
    """

    name: str
    task: str
    python: str
    cases: str
    load: str
    declaration: str
    c: str
    larger: str
    shape: str
    sizes: str

    def by_numpy(self) -> Kernel:
        return kernel(self.name, self.task, self.python, self._cases(self.load))

    def in_c(self) -> Kernel:
        header = self.python.strip().partition(":")[0]  # def name(arguments)
        arguments = header.partition("(")[2].rstrip(")")
        arrays = ", ".join(f"address({each.strip()})" for each in arguments.split(","))
        binding = (
            f"def {self.name}(function, address, {arguments}):\n"
            f"    result = np.full({self.shape}, np.nan)\n"
            f"    function({arrays}, address(result), {self.sizes})\n"
            "    return result\n"
        )
        return Kernel(
            self.name,
            f"{self.task}; all arrays are row by row, and the last one is the result",
            f"#include <math.h>\n\n{self.declaration}\n{{\n{self.c.strip(chr(10))}\n}}\n",
            HEAD + self._cases(self.larger),
            f"{self.declaration};",
            HEAD + binding,
        )

    def _cases(self, load: str) -> str:
        return f"{self.cases.strip()}\n\n\ndef load(rng):\n    return {load}\n"


_LAYERS = (
    _Layer(
        "linear_gelu",
        "GELU (by tanh) of `x @ w + b`: 0.5 z (1 + tanh(sqrt(2 / pi) (z + 0.044715 z^3))) of every entry z; "
        "`x` is n by k, `w` k by m, `b` of length m",
        """
def linear_gelu(x, w, b):
    result = np.zeros((x.shape[0], w.shape[1]))
    for i in range(x.shape[0]):
        for j in range(w.shape[1]):
            z = b[j]
            for p in range(x.shape[1]):
                z += x[i, p] * w[p, j]
            result[i, j] = 0.5 * z * (1 + np.tanh((2 / np.pi) ** 0.5 * (z + 0.044715 * z ** 3)))
    return result
""",
        """
def cases(rng):
    return {
        "ordinary": (rng.normal(size=(5, 4)), rng.normal(size=(4, 3)), rng.normal(size=3)),
        "one row": (rng.normal(size=(1, 7)), rng.normal(size=(7, 2)), rng.normal(size=2)),
        "large values": (rng.normal(size=(3, 2)) * 100, rng.normal(size=(2, 3)) * 100, np.zeros(3)),
        "negative offsets": (rng.normal(size=(2, 3)), rng.normal(size=(3, 4)), -rng.random(4) - 1),
        "no rows": (np.zeros((0, 2)), rng.normal(size=(2, 3)), rng.normal(size=3)),
    }
""",
        "rng.normal(size=(20, 24)), rng.normal(size=(24, 20)), rng.normal(size=20)",
        "void linear_gelu(const double *x, const double *w, const double *b, double *out, "
        "long n, long k, long m)",
        """
    for (long i = 0; i < n; i++)
        for (long j = 0; j < m; j++) {
            out[i * m + j] = b[j];
            for (long p = 0; p < k; p++)
                out[i * m + j] += x[i * k + p] * w[p * m + j];
            double z = out[i * m + j];
            out[i * m + j] = 0.5 * z * (1 + tanh(sqrt(2 / M_PI) * (z + 0.044715 * pow(z, 3))));
        }
""",
        "rng.normal(size=(64, 512)), rng.normal(size=(512, 96)), rng.normal(size=96)",
        "(x.shape[0], w.shape[1])",
        "*x.shape, w.shape[1]",
    ),
    _Layer(
        "layer_norm",
        "every row of `x` (n by d) less its mean, divided by the root of its variance plus 1e-5, times "
        "`gain` plus `bias`, both of length d",
        """
def layer_norm(x, gain, bias):
    result = np.zeros(x.shape)
    for i in range(x.shape[0]):
        mean = sum(x[i]) / x.shape[1]
        variance = sum((value - mean) ** 2 for value in x[i]) / x.shape[1]
        for j in range(x.shape[1]):
            result[i, j] = (x[i, j] - mean) / (variance + 1e-5) ** 0.5 * gain[j] + bias[j]
    return result
""",
        """
def cases(rng):
    return {
        "ordinary": (rng.normal(size=(4, 6)), rng.normal(size=6), rng.normal(size=6)),
        "one column": (rng.normal(size=(3, 1)), np.ones(1), np.zeros(1)),
        "far from zero": (rng.normal(size=(3, 8)) + 1e6, np.ones(8), np.zeros(8)),
        "equal values": (np.full((2, 5), 3.0), rng.normal(size=5), rng.normal(size=5)),
        "no rows": (np.zeros((0, 4)), np.ones(4), np.zeros(4)),
    }
""",
        "rng.normal(size=(30, 40)), rng.normal(size=40), rng.normal(size=40)",
        "void layer_norm(const double *x, const double *gain, const double *bias, double *out, "
        "long n, long d)",
        """
    for (long i = 0; i < n; i++)
        for (long j = 0; j < d; j++) {
            double mean = 0, variance = 0;
            for (long p = 0; p < d; p++)
                mean += x[i * d + p] / d;
            for (long p = 0; p < d; p++)
                variance += pow(x[i * d + p] - mean, 2) / d;
            out[i * d + j] = (x[i * d + j] - mean) / sqrt(variance + 1e-5) * gain[j] + bias[j];
        }
""",
        "rng.normal(size=(12, 384)), rng.normal(size=384), rng.normal(size=384)",
        "x.shape",
        "*x.shape",
    ),
    _Layer(
        "convolve",
        "for every pixel of `image` (h by w) the sum of the products of `weights` (a by b, both odd) with "
        "the pixels around it, those outside of the image being zero",
        """
def convolve(image, weights):
    height, width = image.shape
    a, b = weights.shape
    result = np.zeros(image.shape)
    for i in range(height):
        for j in range(width):
            for p in range(a):
                for q in range(b):
                    row, column = i + p - a // 2, j + q - b // 2
                    if 0 <= row < height and 0 <= column < width:
                        result[i, j] += image[row, column] * weights[p, q]
    return result
""",
        """
def cases(rng):
    return {
        "ordinary": (rng.normal(size=(6, 7)), rng.normal(size=(3, 3))),
        "weights of one entry": (rng.normal(size=(3, 4)), np.array([[2.0]])),
        "window larger than the image": (rng.normal(size=(2, 2)), rng.normal(size=(5, 5))),
        "window wider than high": (rng.normal(size=(5, 5)), rng.normal(size=(1, 3))),
        "no rows": (np.zeros((0, 3)), rng.normal(size=(3, 3))),
    }
""",
        "rng.normal(size=(24, 24)), rng.normal(size=(5, 5))",
        "void convolve(const double *image, const double *weights, double *out, "
        "long h, long w, long a, long b)",
        """
    for (long i = 0; i < h; i++)
        for (long j = 0; j < w; j++) {
            out[i * w + j] = 0;
            for (long q = 0; q < b; q++)
                for (long p = 0; p < a; p++) {
                    long row = i + p - a / 2, column = j + q - b / 2;
                    if (row >= 0 && row < h && column >= 0 && column < w)
                        out[i * w + j] += image[row * w + column] * weights[p * b + q];
                }
        }
""",
        "rng.normal(size=(224, 224)), rng.normal(size=(7, 7))",
        "image.shape",
        "*image.shape, *weights.shape",
    ),
    _Layer(
        "attention",
        "for every row of `q` (n by d) the mean of the rows of `v` (m by d), weighted by the softmax of the "
        "products of that row with the rows of `k` (m by d), divided by the root of d",
        """
def attention(q, k, v):
    result = np.zeros(q.shape)
    for i in range(q.shape[0]):
        scores = [sum(q[i, p] * row[p] for p in range(q.shape[1])) / q.shape[1] ** 0.5 for row in k]
        top = max(scores)
        weights = [np.exp(score - top) for score in scores]
        for j in range(q.shape[1]):
            result[i, j] = sum(weight * row[j] for weight, row in zip(weights, v)) / sum(weights)
    return result
""",
        """
def cases(rng):
    return {
        "ordinary": (rng.normal(size=(4, 3)), rng.normal(size=(5, 3)), rng.normal(size=(5, 3))),
        "one key": (rng.normal(size=(3, 2)), rng.normal(size=(1, 2)), rng.normal(size=(1, 2))),
        "large values": (rng.normal(size=(3, 4)) * 90, rng.normal(size=(6, 4)) * 90, rng.normal(size=(6, 4))),
        "equal values": (np.zeros((2, 3)), np.zeros((4, 3)), rng.normal(size=(4, 3))),
        "no rows": (np.zeros((0, 2)), rng.normal(size=(3, 2)), rng.normal(size=(3, 2))),
    }
""",
        "rng.normal(size=(16, 12)), rng.normal(size=(16, 12)), rng.normal(size=(16, 12))",
        "void attention(const double *q, const double *k, const double *v, double *out, "
        "long n, long m, long d)",
        """
    for (long i = 0; i < n; i++)
        for (long j = 0; j < d; j++) {
            double top = -INFINITY, sum = 0, total = 0;
            for (long r = 0; r < m; r++) {
                double score = 0;
                for (long p = 0; p < d; p++)
                    score += q[i * d + p] * k[r * d + p];
                top = fmax(top, score / sqrt(d));
            }
            for (long r = 0; r < m; r++) {
                double score = 0;
                for (long p = 0; p < d; p++)
                    score += q[i * d + p] * k[r * d + p];
                sum += exp(score / sqrt(d) - top) * v[r * d + j];
                total += exp(score / sqrt(d) - top);
            }
            out[i * d + j] = sum / total;
        }
""",
        "rng.normal(size=(64, 32)), rng.normal(size=(64, 32)), rng.normal(size=(64, 32))",
        "q.shape",
        "q.shape[0], *k.shape",
    ),
)

LAYERS: tuple[Kernel, ...] = tuple(layer.by_numpy() for layer in _LAYERS)
C_LAYERS: tuple[Kernel, ...] = tuple(layer.in_c() for layer in _LAYERS)
