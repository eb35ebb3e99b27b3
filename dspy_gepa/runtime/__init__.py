"""The runtime: runs the effects that the search asks for, within a budget."""
