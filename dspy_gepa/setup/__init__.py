"""From a user's arguments, program and data to a run that is ready to start.

In this order: `arguments` (the call), `options` with `checks`, `guidance` and `reference` (its values),
`data` with `examples` (the rows), `prepare` (the run), `identity` (what a resumed run must have in common
with it).
"""

from dspy_gepa.setup.data import Reading

__all__ = ["Reading"]
