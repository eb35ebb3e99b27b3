"""Ways to write the functions over one-dimensional arrays."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.simulated.worlds.coder.version import Version, version

SEQUENCES: Mapping[str, tuple[Version, ...]] = {
    "moving_average": (
        version("sum slices", 1, """
def moving_average(x, window):
    return np.array([x[i:i + window].sum() / window for i in range(len(x) - window + 1)], dtype=float)
"""),
        version("keep a running total", 2, """
def moving_average(x, window):
    values = x.tolist()
    if window > len(values):
        return np.zeros(0)
    total = sum(values[:window])
    means = [total / window]
    for old, new in zip(values, values[window:]):
        total += new - old
        means.append(total / window)
    return np.array(means)
"""),
        version("differences of running sums", 3, """
def moving_average(x, window):
    sums = np.concatenate(([0.0], np.cumsum(x, dtype=float)))
    return (sums[window:] - sums[:-window]) / window
"""),
        version("differences of running sums", 3, """
def moving_average(x, window):
    sums = np.cumsum(x, dtype=float)
    return (sums[window:] - sums[:-window]) / window
""", "the first run is left out", "edges"),
        version("convolve", 3, """
def moving_average(x, window):
    if window > len(x):
        return np.zeros(0)
    return np.convolve(x, np.full(window, 1 / window), mode="valid")
"""),
        version("convolve", 3, """
def moving_average(x, window):
    return np.convolve(x, np.full(window, 1 / window), mode="valid")
""", "convolve swaps its arguments when the window is longer", "empty"),
    ),
    "histogram": (
        version("stop at the bin that was found", 1, """
def histogram(x, edges):
    counts = np.zeros(len(edges) - 1, dtype=int)
    bounds = edges.tolist()
    for value in x.tolist():
        for k in range(len(bounds) - 1):
            if bounds[k] <= value < bounds[k + 1]:
                counts[k] += 1
                break
        else:
            counts[-1] += value == bounds[-1]
    return counts
"""),
        version("one comparison for each bin", 2, """
def histogram(x, edges):
    counts = [np.count_nonzero((x >= low) & (x < high)) for low, high in zip(edges[:-1], edges[1:])]
    counts[-1] += np.count_nonzero(x == edges[-1])
    return np.array(counts)
"""),
        version("differences of sorted positions", 3, """
def histogram(x, edges):
    ordered = np.sort(x)
    before = np.searchsorted(ordered, edges, side="left")
    before[-1] = np.searchsorted(ordered, edges[-1], side="right")
    return np.diff(before)
"""),
        version("search and count", 3, """
def histogram(x, edges):
    bins = np.searchsorted(edges, x, side="right") - 1
    inside = (bins >= 0) & (bins < len(edges) - 1)
    return np.bincount(bins[inside], minlength=len(edges) - 1)
""", "values on the last edge are lost", "edges"),
        version("search and count", 3, """
def histogram(x, edges):
    bins = np.searchsorted(edges, x, side="right") - 1
    return np.bincount(bins, minlength=len(edges) - 1)
""", "values outside are counted, or make negative bins", "edges"),
    ),
    "run_lengths": (
        version("group neighbours", 1, """
def run_lengths(x):
    from itertools import groupby

    runs = [(value, sum(1 for _ in group)) for value, group in groupby(x.tolist())]
    values = np.array([value for value, _ in runs], dtype=x.dtype)
    return values, np.array([length for _, length in runs], dtype=int)
"""),
        version("find the starts of runs", 3, """
def run_lengths(x):
    if len(x) == 0:
        return x.copy(), np.zeros(0, dtype=int)
    starts = np.concatenate(([0], np.flatnonzero(x[1:] != x[:-1]) + 1))
    return x[starts], np.diff(starts, append=len(x))
"""),
        version("find the starts of runs", 3, """
def run_lengths(x):
    starts = np.concatenate(([0], np.flatnonzero(x[1:] != x[:-1]) + 1))
    return x[starts], np.diff(starts, append=len(x))
""", "an empty array has no first run", "empty"),
        version("find the starts of runs", 3, """
def run_lengths(x):
    starts = np.flatnonzero(np.diff(x, prepend=x[:1] - 1))
    return x[starts], np.diff(starts)
""", "the last run has no length", "edges"),
    ),
    "prefix_max": (
        version("one pass over a list", 1, """
def prefix_max(x):
    result = x.tolist()
    for i in range(1, len(result)):
        if result[i] < result[i - 1]:
            result[i] = result[i - 1]
    return np.array(result, dtype=x.dtype)
"""),
        version("let itertools accumulate", 2, """
def prefix_max(x):
    from itertools import accumulate

    return np.array(list(accumulate(x.tolist(), max)), dtype=x.dtype)
"""),
        version("let NumPy accumulate", 3, """
def prefix_max(x):
    return np.maximum.accumulate(x)
"""),
        version("let NumPy accumulate", 3, """
def prefix_max(x):
    return np.maximum.accumulate(np.maximum(x, 0))
""", "values below zero are lost", "numbers"),
        version("let NumPy accumulate in place", 3, """
def prefix_max(x):
    np.maximum.accumulate(x, out=x)
    return x
""", "the caller's array is overwritten", "arguments"),
    ),
    "segment_sums": (
        version("one pass", 1, """
def segment_sums(values, labels, count):
    sums = [0.0] * count
    for value, label in zip(values.tolist(), labels.tolist()):
        sums[label] += value
    return np.array(sums)
"""),
        version("one sum for each label", 2, """
def segment_sums(values, labels, count):
    return np.array([values[labels == k].sum() for k in range(count)], dtype=float)
"""),
        version("weighted counts", 3, """
def segment_sums(values, labels, count):
    return np.bincount(labels, weights=values, minlength=count)
"""),
        version("weighted counts", 3, """
def segment_sums(values, labels, count):
    return np.bincount(labels, weights=values)
""", "labels at the end without values are left out", "empty"),
        version("add at the labels", 3, """
def segment_sums(values, labels, count):
    sums = np.zeros(count)
    sums[labels] += values
    return sums
""", "of equal labels only the last counts", "meaning"),
    ),
}  # fmt: skip
