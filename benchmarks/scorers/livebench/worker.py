"""Compares expressions in a process of its own: `python -m benchmarks.scorers.livebench.worker 8`.

Simplifying what a language model wrote may take for ever or all memory, so it happens where it can be killed.
The argument is how many seconds of processor time one comparison may take: not of the clock, so that a
verdict does not depend on what else the machine does. One JSON array `[truth, answer]` a line comes in, one
JSON string a line goes out: "equal", "different" or why the answer cannot be compared. The first line out is
"ready".
"""

from __future__ import annotations

import json
import re
import signal
import sys
from typing import Any

import sympy
from sympy.core.function import AppliedUndef
from sympy.parsing.latex import parse_latex

MEMORY = 2 * 1024**3
NEAR = 0.001
EXACT = 1e-9
POINTS = (0.7371, -0.6189, 1.3217, -1.2713, 2.1291, -2.3457, 0.2113, -0.3719)
FEWEST_POINTS = 3
_COMMAND_OR_X = re.compile(r"\\[A-Za-z]+|x")
_NAMED = {sympy.Symbol("e"): sympy.E, sympy.Symbol("i"): sympy.I, sympy.Symbol("pi"): sympy.pi}


def compare(truth: str, answer: str) -> str:
    """Whether two LaTeX expressions are equal; anything may happen in here, short of a wrong "equal"."""
    try:
        wanted = read(truth)
    except Exception as error:
        return f"the truth is not an expression ({type(error).__name__})"
    try:
        given = read(answer)
    except Exception as error:
        return f"it is not a LaTeX expression that can be read ({type(error).__name__})"
    try:
        return "equal" if equal(wanted, given) else "different"
    except Exception as error:
        return f"it could not be compared ({type(error).__name__})"


def read(text: str) -> Any:
    """The expression that `text` writes, with e and i as numbers and x(y) as a product."""
    # sympy takes an x between two numbers for a multiplication sign, so x goes by another name.
    renamed = _COMMAND_OR_X.sub(lambda match: r"\xi " if match[0] == "x" else match[0], text)
    parsed = parse_latex(renamed, strict=True, backend="antlr")
    product = parsed.replace(
        lambda part: isinstance(part, AppliedUndef),
        lambda part: sympy.Symbol(part.func.__name__) * sympy.Mul(*part.args),
    )
    return product.subs(_NAMED)


def equal(wanted: Any, given: Any) -> bool:
    """Whether the difference is zero: numerically where it can be evaluated, else by simplifying it."""
    difference = wanted - given
    unknowns = sorted(difference.free_symbols, key=str)
    if not unknowns:
        return abs(complex(difference.evalf(30))) < NEAR
    seen = 0
    for shift in range(len(POINTS)):
        point = {name: POINTS[(shift + 3 * i) % len(POINTS)] for i, name in enumerate(unknowns)}
        # Each side by itself: a difference that is zero would be evaluated to ever more digits.
        one, other = (_value(expression, point) for expression in (wanted, given))
        if one is None or other is None:
            continue
        if abs(one - other) > EXACT * (1 + abs(one)):
            return False
        seen += 1
    return seen >= FEWEST_POINTS or sympy.simplify(difference) == 0


def _value(expression: Any, point: dict[Any, float]) -> complex | None:
    """The value at `point`; None where there is none."""
    value = expression.evalf(30, subs={name: sympy.Float(number, 30) for name, number in point.items()})
    if not value.is_number or value.has(sympy.nan, sympy.zoo, sympy.oo, -sympy.oo):
        return None
    return complex(value)


def main(seconds: float) -> None:
    """Answer requests until the input ends; die when one takes more processor time than `seconds`."""
    _limit_memory()
    compare("1", "x")  # loads the parser, which the first comparison's time should not pay for
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
