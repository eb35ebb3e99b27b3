"""The paper's tables: which cells a row takes, what they cost, and the published figures beside them."""
