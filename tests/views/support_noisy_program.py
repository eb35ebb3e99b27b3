"""A program that writes to its terminal in every usual way during a run; `test_program` starts it."""

from __future__ import annotations

import fcntl
import logging
import subprocess
import sys
import termios
import time
import warnings
from functools import partial
from itertools import count
from typing import Any

import tqdm

from dspy_gepa import RunInterrupted
from dspy_gepa.testing.practice import practice_run
from dspy_gepa.views import choice
from tests.support import is_right

logging.basicConfig(format="%(message)s")  # a handler from before the run
# The usual form starts with this file's path, which a deep folder makes longer than the terminal is wide.
warnings.formatwarning = lambda message, category, *_args, **_kwargs: f"{category.__name__}: {message}\n"
number = count(1)


def metric(gold: Any, pred: Any, trace: Any = None) -> Any:
    n = next(number)
    print(f"printed {n}")
    print(f"part of {n}, ", end="", flush=True)
    time.sleep(0.01)  # the panel is drawn meanwhile
    print(f"rest of {n}")
    print(f"to stderr {n}", file=sys.stderr)
    logging.warning(f"logged {n}")
    if n == 1:
        late = logging.StreamHandler()
        logging.getLogger("late").addHandler(late)
        logging.getLogger("late").propagate = False
    logging.getLogger("late").warning(f"logged late {n}")
    if n == 5:
        warnings.warn("be careful", stacklevel=1)
    if n % 10 == 0:
        for _ in tqdm.tqdm(range(3), desc=f"outer {n}", mininterval=0, miniters=1):
            for _ in tqdm.tqdm(range(5), desc="inner", leave=False, mininterval=0, miniters=1):
                time.sleep(0.001)
        subprocess.run(["echo", f"from outside {n}"], check=True)
        time.sleep(0.01)
    return is_right(gold, pred)


def slow(gold: Any, pred: Any, trace: Any = None) -> Any:
    if next(number) == 3:
        print("three are done")
    time.sleep(0.02)
    return is_right(gold, pred)


fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that keys pressed there send signals here
choice.refreshed = partial(choice.refreshed, period=0.002)  # type: ignore[assignment]
practice_run(metric=metric, num_threads=1, max_metric_calls=60, progress="live")
print(f"first run: {next(number) - 1}")
number = count(1)
try:
    practice_run(metric=slow, num_threads=2, max_metric_calls=5000, progress="live")
except RunInterrupted:
    print("second run: interrupted")
