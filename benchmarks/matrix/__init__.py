"""`python -m benchmarks run`: tasks by optimizers by seeds, forecast, metered and resumed cell by cell."""
