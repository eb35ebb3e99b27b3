"""A run as one HTML page.

`page` writes it from the templates in `assets`. Its values are in `sections`, `chart`, `tree`, `diff`,
`levels` and `provenance`; what its script shows on demand is in `data`.
"""

from dspy_gepa.report.page import Report, write_report

__all__ = ["Report", "write_report"]
