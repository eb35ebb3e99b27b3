"""Retrieval by BM25: over passages in memory, and over the stored abstracts of Wikipedia."""
