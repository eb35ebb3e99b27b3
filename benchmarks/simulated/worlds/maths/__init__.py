"""The mathematics world: a solver that is right or wrong by what it is told, and what teaches it."""

from benchmarks.simulated.worlds.maths.curriculum import MATHS
from benchmarks.simulated.worlds.maths.solver import Solver

__all__ = ["MATHS", "Solver"]
