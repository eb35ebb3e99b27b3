"""Production traces as examples: what MLflow, Phoenix and Langfuse export, and JSON lines of one's own.

    from dspy_gepa.data import from_mlflow

    rows = from_mlflow("traces.jsonl")

No server is asked, and no package of theirs is needed. docs/traces.md shows how to export, and a metric that
uses the ratings.
"""

from dspy_gepa.data.jsonl import from_jsonl
from dspy_gepa.data.langfuse import from_langfuse
from dspy_gepa.data.mlflow import from_mlflow
from dspy_gepa.data.phoenix import from_phoenix

__all__ = ["from_jsonl", "from_langfuse", "from_mlflow", "from_phoenix"]
