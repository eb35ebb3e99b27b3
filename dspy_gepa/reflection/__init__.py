"""Everything the reflection model reads and may answer: prompt, evidence, edit history, rules for texts."""

from dspy_gepa.reflection.proposer import CodeProposalFn, ProposalFn

__all__ = ["CodeProposalFn", "ProposalFn"]
