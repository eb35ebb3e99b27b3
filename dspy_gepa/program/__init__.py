"""All that knows DSPy: programs, rollouts, metrics, failures, and DSPy's values as plain data."""
