"""The machinery of all comparisons: one cell, one runner, one meter, one set of tables and curves."""
