"""LiveBench-Math's scorers: multiple choice, AIME, proofs to put in order, and expressions to compare.

`score.score` picks the scorer of a question and reports what it read and where.
Rules and limits are LiveBench's (White et al. 2024, https://github.com/LiveBench/LiveBench), in code of our
own; each file says where it is stricter or kinder.
"""
