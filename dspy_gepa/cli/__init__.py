"""``dspy-gepa``: runs on the command line, read from their journals."""
