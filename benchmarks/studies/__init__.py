"""The comparisons, a file each on the harness."""
