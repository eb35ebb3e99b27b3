"""Texts of a program that can be optimized: one module per kind, which finds, reads and writes them.

Kinds: `instructions`, `fields` (their descriptions), `tools` (and `listing`, as agents list them), `texts`
(`Text` objects), `flex` (source code). `selection` finds them in a program, `place` is what they share.
"""
