"""Observers of a run. They listen to events and never stand between two lines of the algorithm."""
