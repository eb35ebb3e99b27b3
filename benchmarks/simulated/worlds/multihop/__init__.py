"""The multi-hop world: a reader that searches and answers, and the invented articles it reads."""
