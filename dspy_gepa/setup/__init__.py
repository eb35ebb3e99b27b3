"""From a user's arguments, program and data to a run that is ready to start."""
