"""`python -m benchmarks widths`: what trials beside each other cost in score and save in time.

From bottom to top: `clockwork` says how long recorded work takes with a number of workers, `recording` runs
our optimizer and records its work, `cells` measures one run and keeps its file, `runner` runs many of them,
`results` reads them back, `report` and `figure` show them, `command` is the command.
"""
