"""The search: Algorithms 1 to 4 of the paper as pure decisions and plain generators."""
