"""``dspy-gepa``: what is to be known of runs from their journals, on the command line."""
