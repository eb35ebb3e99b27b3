"""The posterior of every member's expected score, and figures derived from it."""
