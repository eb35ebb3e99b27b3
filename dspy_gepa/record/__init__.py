"""The record of a run: what live views, reports and the command line read, from its events or its journal."""
