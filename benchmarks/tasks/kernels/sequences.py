"""Kernels over one-dimensional arrays."""

from __future__ import annotations

from benchmarks.tasks.kernels.kernel import Kernel, kernel

SEQUENCES: tuple[Kernel, ...] = (
    kernel(
        "moving_average",
        "means of all runs of `window` neighbours of the 1-d array `x`; empty when the window is longer",
        """
def moving_average(x, window):
    means = []
    for start in range(len(x) - window + 1):
        total = 0.0
        for offset in range(window):
            total += x[start + offset]
        means.append(total / window)
    return np.array(means, dtype=float)
""",
        """
def cases(rng):
    return {
        "ordinary": (rng.normal(size=40), 5),
        "window of one": (rng.normal(size=9), 1),
        "window as long as the array": (rng.normal(size=8), 8),
        "window too long": (rng.normal(size=3), 7),
        "whole numbers": (np.arange(12), 4),
    }


def load(rng):
    return rng.normal(size=800), 16
""",
    ),
    kernel(
        "histogram",
        "counts of the values of `x` in the bins between neighbouring `edges` (sorted); a value on an edge "
        "belongs to the bin on its right, the last edge to the last bin, values outside to none",
        """
def histogram(x, edges):
    counts = np.zeros(len(edges) - 1, dtype=int)
    for value in x:
        for bin in range(len(edges) - 1):
            last = bin == len(edges) - 2
            if edges[bin] <= value < edges[bin + 1] or (last and value == edges[-1]):
                counts[bin] += 1
    return counts
""",
        """
def cases(rng):
    return {
        "ordinary": (rng.normal(size=60), np.linspace(-3, 3, 7)),
        "values on edges": (np.array([0.0, 1.0, 1.0, 2.0, 3.0]), np.array([0.0, 1.0, 2.0, 3.0])),
        "values outside": (np.array([-5.0, 0.5, 9.0]), np.array([0.0, 1.0])),
        "uneven bins": (rng.uniform(0, 10, size=50), np.array([0.0, 0.5, 4.0, 10.0])),
        "no values": (np.array([]), np.array([0.0, 1.0, 2.0])),
    }


def load(rng):
    return rng.normal(size=400), np.linspace(-3, 3, 17)
""",
    ),
    kernel(
        "run_lengths",
        "the value and the length of every run of equal neighbours in the 1-d array `x`, as two arrays",
        """
def run_lengths(x):
    values, lengths = [], []
    for value in x:
        if values and values[-1] == value:
            lengths[-1] += 1
        else:
            values.append(value)
            lengths.append(1)
    return np.array(values, dtype=x.dtype), np.array(lengths, dtype=int)
""",
        """
def cases(rng):
    return {
        "ordinary": (rng.integers(0, 3, size=50),),
        "one run": (np.full(7, 4),),
        "all different": (np.arange(6),),
        "one value": (np.array([2.5]),),
        "empty": (np.array([], dtype=int),),
    }


def load(rng):
    return (np.repeat(rng.integers(0, 5, size=1200), rng.integers(1, 9, size=1200)),)
""",
    ),
    kernel(
        "prefix_max",
        "for every position of the 1-d array `x` the largest value up to and including it",
        """
def prefix_max(x):
    result = x.copy()
    for i in range(1, len(x)):
        if result[i - 1] > result[i]:
            result[i] = result[i - 1]
    return result
""",
        """
def cases(rng):
    return {
        "ordinary": (rng.normal(size=40),),
        "rising": (np.arange(8),),
        "falling": (np.arange(8)[::-1].copy(),),
        "all negative": (-rng.random(10) - 1,),
        "empty": (np.array([]),),
    }


def load(rng):
    return (rng.normal(size=1500).cumsum(),)
""",
    ),
    kernel(
        "segment_sums",
        "sums of `values` by label: entry k of the result, of length `count`, is the sum where `labels` is k",
        """
def segment_sums(values, labels, count):
    sums = np.zeros(count)
    for k in range(count):
        for value, label in zip(values, labels):
            if label == k:
                sums[k] += value
    return sums
""",
        """
def cases(rng):
    return {
        "ordinary": (rng.normal(size=60), rng.integers(0, 5, size=60), 5),
        "labels without values": (np.array([1.0, 2.0]), np.array([0, 3]), 6),
        "one label": (rng.normal(size=10), np.zeros(10, dtype=int), 1),
        "whole numbers": (np.arange(10), np.arange(10) % 3, 3),
        "empty": (np.array([]), np.array([], dtype=int), 4),
    }


def load(rng):
    return rng.normal(size=800), rng.integers(0, 16, size=800), 16
""",
    ),
)
