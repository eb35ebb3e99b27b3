"""Checkers of answers, and the retrieval that programs search with: rooms that know no task."""
