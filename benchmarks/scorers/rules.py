"""The two rule sets of the scorers whose authors changed them after the GEPA paper's runs."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

# paper: as in the paper's artifact, gepa-ai/gepa-artifact at 0a4d0e3 (2025-08-23).
# today: as in the authors' own repositories, allenai/IFBench at db69a6f and LiveBench/LiveBench at b0fb577.
Rules: TypeAlias = Literal["paper", "today"]
RULES: tuple[Rules, ...] = get_args(Rules)
