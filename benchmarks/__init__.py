"""Tasks, simulated language models and comparisons that measure prompt optimizers without any model API."""
