"""`python -m benchmarks run`: tasks by optimizers by seeds, forecast, run, metered and resumed cell by cell."""
