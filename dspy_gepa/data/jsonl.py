"""Examples from JSON lines of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from dspy_gepa.data.records import Source, read_records
from dspy_gepa.data.trace import MOST
from dspy_gepa.errors import ConfigurationError
from dspy_gepa.program.checks import require_several
from dspy_gepa.program.dspy_api import Example
from dspy_gepa.program.log import log_warning
from dspy_gepa.setup.checks import require_whole
from dspy_gepa.texts import counted


def from_jsonl(source: Source, *, inputs: Sequence[str], limit: int = MOST) -> list[Example]:
    """Read examples: each object is one, with its fields as they are.

    Args:
        source: A file (``.jsonl``, ``.json``, ``.csv``, also with ``.gz``; ``.parquet``), a DataFrame, or a
            list of dicts.
        inputs: Names of the fields that are inputs; all others are labels.
        limit: Maximum number of examples; a warning says if there are more.

    Raises:
        ConfigurationError: It cannot be read, or an object lacks an input; with file and line.
    """
    require_several("inputs", inputs, str, "names of fields")
    require_whole("limit", limit, least=1)
    records = list(islice(read_records(source, "example"), limit + 1))
    if len(records) > limit:
        log_warning(f"read the first {counted(limit, 'example')}; there are more. Pass limit= or a sample.")
    for record in records:
        lacking = [name for name in inputs if name not in record.data]
        if lacking or not inputs:
            raise record.refusal(
                f"example with the input {lacking[0]!r}" if lacking else "example", "Mend inputs=."
            )
    if not records:
        raise ConfigurationError("There are no examples: the source is empty.")
    return [Example(dict(record.data)).with_inputs(*inputs) for record in records[:limit]]
