"""The posterior of every member's expected score, and figures derived from it.

`estimate` is the model: `scales` are its parameters, `equations` its equations, solved in `belief` for few
members and in `iterative` for many. `frontier` draws from it, `summary` lists it for events and results.
"""
