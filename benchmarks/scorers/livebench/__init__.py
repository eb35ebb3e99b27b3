"""LiveBench-Math's scorers: multiple choice, AIME, proofs to put in order, and expressions to compare.

`score.score` picks the scorer of a question and reports what it read and where. The rules are those of
LiveBench (White et al. 2024, https://github.com/LiveBench/LiveBench) in code of our own, quirks included, so
that scores can be compared; the copy in the paper's artifact gives the same verdicts but for expressions.
"""
