"""Everything that depends on DSPy: programs, rollouts, metrics, failures, and DSPy's values as plain data.

A rollout passes through `rollout` (build, run, watch, score), `call_log` and `attempt` (the program's calls),
`metric` and `scoring` (its outcome), `usage` (what it cost). `dspy_api` holds DSPy's private names.
"""
