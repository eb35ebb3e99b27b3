"""The decisions a strategy is composed of: parents, components, rows to reflect on, acceptance."""
