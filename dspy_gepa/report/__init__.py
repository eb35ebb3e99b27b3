"""A run as one HTML page."""

from dspy_gepa.report.page import Report, write_report

__all__ = ["Report", "write_report"]
