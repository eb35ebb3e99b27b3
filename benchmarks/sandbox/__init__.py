"""Runs Python code that nobody has read in processes of its own, with limits, and says what came of it.

Always kept out: endless loops (the process is killed), runaway memory, files that grow, processes that stay,
environment variables and with them API keys, and crashes of the interpreter. What else is kept out depends on
the system: `wall` has the walls, `Sandbox.wall` says which one stands.

What code cannot do behind any of them is change what is said of other code: its results are compared outside,
each timed call has arguments that nobody has seen, in a fresh process, and a report carries a secret that no
process has held that ran the code. About its own speed it can lie by a tenth of a millisecond: what passes
outside beyond that counts, whatever the clock beside the code shows.
"""

from benchmarks.sandbox.client import Sandbox
from benchmarks.sandbox.report import CaseResult, Job, Report
from benchmarks.sandbox.wall import Wall

__all__ = ["CaseResult", "Job", "Report", "Sandbox", "Wall"]
