"""What `python -m benchmarks verify` checks before money is spent: one module a task, one function in it.

A function takes the data directory and yields `Check`s. To add a task, write `checks/<task>.py` with such a
function and name it in `benchmarks.commands.verify.CHECKS`.
"""
