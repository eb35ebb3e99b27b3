"""The task role of the prompted code task: writes array functions, by what its instructions advise.

What is real: the code that it writes is run and timed. What is played: how well it heeds advice. Unasked it
writes loops; asked to vectorise it takes a fast way, and falls into that way's pitfalls unless it is told to
look out for their sort.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.simulated.knobs import Knobs
from benchmarks.simulated.prompt import Prompt
from benchmarks.simulated.reply import Value
from benchmarks.simulated.rules import obeyed_rules
from benchmarks.simulated.text import pick
from benchmarks.simulated.worlds.coder.advice import ADVICE
from benchmarks.simulated.worlds.coder.rewriting import VERSIONS
from benchmarks.simulated.worlds.coder.slips import slips_for
from benchmarks.simulated.worlds.coder.version import Version

_RULES = tuple(advice.rule for advice in ADVICE.values())
_NAME = re.compile(r"\w+")


@dataclass(frozen=True)
class CodeWriter:
    """The task role."""

    knobs: Knobs = field(default_factory=Knobs)

    def answer(self, prompt: Prompt, seed: str) -> dict[str, Value]:
        """The code of a function it is asked for; nothing for other prompts and functions."""
        found = _NAME.match(prompt.inputs.get("function", ""))
        if found is None or found[0] not in VERSIONS or "code" not in {f.name for f in prompt.outputs}:
            return {}
        row = f"{seed}/{found[0]}"
        heeded = obeyed_rules(_RULES, prompt.instructions, {}, row, self.knobs, seed)
        source = chosen(VERSIONS[found[0]], heeded, row, prompt.instructions).source
        mistakes = slips_for(source)
        if "check" not in heeded and mistakes:
            source = pick(mistakes, row, "slip", prompt.instructions)(source)
        return {"code": source}

    def to_json(self) -> dict[str, Any]:
        """The role as JSON data."""
        return {"role": "code writer", "knobs": asdict(self.knobs)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> CodeWriter:
        """The role that `to_json` wrote."""
        return cls(Knobs(**data["knobs"]))


def chosen(versions: tuple[Version, ...], heeded: frozenset[str], row: str, mood: str) -> Version:
    """The way that is taken: fast if asked for, and sound where its pitfalls are looked out for."""
    fast = "vectorise" in heeded and "loops" not in heeded
    rank = max(version.rank for version in versions) if fast else 1
    ways = [version for version in versions if version.rank == rank]
    way = pick(ways, row, "way", mood)
    if way.pitfall and way.pitfall in heeded:
        way = pick([other for other in ways if not other.flaw], row, "sound way", mood)
    return way
