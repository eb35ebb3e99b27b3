"""Commands for who works on this repository."""
