"""The texts of a program that can be rewritten: how each kind is found, read and written."""
