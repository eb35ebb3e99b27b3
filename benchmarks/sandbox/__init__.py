"""Runs Python code that nobody has read in processes of its own, with limits, and says what came of it.

What it keeps out: endless loops (the process is killed), runaway memory, files that grow, environment
variables and with them API keys, the working directory, and crashes of the interpreter. What it does not keep
out is code that means harm: it runs under the same user, can read what that user can read and can open
sockets, and it could reach into the harness beside it and lie about its own speed. For such code use a
container or a virtual machine around the whole benchmark.
"""

from benchmarks.sandbox.client import Sandbox
from benchmarks.sandbox.report import CaseResult, Job, Report

__all__ = ["CaseResult", "Job", "Report", "Sandbox"]
