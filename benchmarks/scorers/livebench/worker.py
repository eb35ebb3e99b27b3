"""Compares expressions in a process of its own: `python -m benchmarks.scorers.livebench.worker 8`.

Simplifying what a language model wrote may take for ever or all memory, so it happens where it can be killed.
The argument is how many seconds of processor time one comparison may take: not of the clock, as LiveBench
has it, so that a verdict does not depend on what else the machine does. One JSON array `[truth, answer]` a
line comes in, one JSON string a line goes out: "equal", "different" or why the answer cannot be compared. The
first line out is "ready".
"""

from __future__ import annotations

import json
import signal
import sys
import warnings
from functools import lru_cache
from typing import Any

import lark
import sympy
from sympy.parsing.latex import parse_latex

MEMORY = 2 * 1024**3
NEAR = 0.001


def compare(truth: str, answer: str) -> str:
    """Compare two LaTeX expressions; anything may happen in here, short of a wrong "equal"."""
    wanted, given = read(truth), read(answer)
    if not wanted:
        return "the truth is not an expression that can be read"
    if not given:
        return "it is not a LaTeX expression that can be read"
    return "equal" if any(equal(one, other) for one in wanted for other in given) else "different"


@lru_cache(maxsize=512)
def read(text: str) -> list[Any]:
    """All expressions that `text` may mean by sympy's first parser, else the one by its second; else none."""
    for way in (_by_lark, lambda text: _by_lark(text.replace(r"\\", "\\")), _by_antlr):
        try:
            return way(text)
        except Exception:  # the parsers raise what they please
            continue
    return []


def _by_lark(text: str) -> list[Any]:
    parsed = parse_latex(text, backend="lark")
    return list(parsed.children) if isinstance(parsed, lark.Tree) else [parsed]


def _by_antlr(text: str) -> list[Any]:
    return [parse_latex(text)]


def equal(wanted: Any, given: Any) -> bool:
    """True if the difference simplifies to zero, or to a number less than 0.001 in size."""
    try:
        difference = sympy.simplify(wanted - given)
        return bool(difference == 0) or bool(sympy.Abs(difference) < NEAR)
    except Exception:  # what cannot be subtracted, simplified or put in order is not equal
        return False


def main(seconds: float) -> None:
    """Answer requests until the input ends; die when one takes more processor time than `seconds`."""
    _limit_memory()
    warnings.simplefilter("ignore")  # of expressions that are odd, in a process that nobody reads
    # Loads the parsers, which the first comparison's time should not pay for.
    compare("1", "x")
    _by_antlr("1")
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        _allow(seconds)
        print(json.dumps(compare(*json.loads(line))), flush=True)
        _allow(0.0)


# Windows has neither limit. There only the other side's patience ends a comparison.
def _limit_memory() -> None:
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def _allow(seconds: float) -> None:
    """Have the process end after so much more processor time; 0 for no limit."""
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_PROF, seconds)


if __name__ == "__main__":
    main(float(sys.argv[1]))
