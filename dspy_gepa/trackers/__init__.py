"""Runs in MLflow and Weights & Biases."""
