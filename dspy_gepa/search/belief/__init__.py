"""What the scores say about each member: the posterior, and what is read off it."""
