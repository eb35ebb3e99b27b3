"""Views of a run while it goes on: on a terminal, in a notebook, as lines of a log."""
