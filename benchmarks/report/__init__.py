"""`python -m benchmarks report`: what is in a directory of results, beside the published figures."""
