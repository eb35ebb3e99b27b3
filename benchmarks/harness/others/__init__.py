"""The optimizers of DSPy that are no GEPA, with the paper's settings or fitted to a budget."""
