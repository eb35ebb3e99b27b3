"""The search: the paper's algorithms and the adaptive strategy, as pure decisions and plain generators."""
