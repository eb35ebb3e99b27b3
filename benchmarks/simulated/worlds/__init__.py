"""One folder for each world: what its simulated models do, and the curriculum of the reflector."""
