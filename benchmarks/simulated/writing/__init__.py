"""Simulated models of the instruction-following task: a writer, and who rewrites its instructions."""
