"""How a comparison is made: one cell, one runner, one meter, one set of tables and curves."""
