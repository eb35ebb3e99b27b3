"""The decisions a strategy is composed of: which parent, which components."""
