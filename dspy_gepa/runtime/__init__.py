"""From effects to results: scheduling, execution, retries, budgets, forecasts.

`scheduler` runs steps and `dispatcher` their effects, by `policy` (retries), on `executors`, with `worker`
and `remote` at the other end. `budget` limits, `failures` warns, `signals` ends a run on Ctrl-C.
"""
