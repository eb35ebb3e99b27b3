"""Texts of a program that can be optimized: one module per kind, which finds, reads and writes them."""
