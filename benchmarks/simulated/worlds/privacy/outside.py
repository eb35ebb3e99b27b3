"""The outside model of the privacy world: helpful, and not to be trusted with anything.

It sees the request and nothing else. Which case the request is about it must find by itself, with BM25 over
the queries it knows; how much of the good answer it gives hangs on how much of that query's content the
request still holds; and a private string it was not told it cannot use: it repeats the placeholder it was
given, or speaks of "the one concerned".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from benchmarks.scorers.retrieval.retriever import Retriever
from benchmarks.simulated.prompt import Prompt
from benchmarks.simulated.reply import Value
from benchmarks.simulated.text import sentences, words
from benchmarks.simulated.worlds.privacy.key import Case, PrivacyKey, mentions, placeholder

GENEROUS = 1.15


@dataclass(frozen=True)
class Outside:
    """The outside role. `key` is what it knows to answer."""

    key: PrivacyKey

    def answer(self, prompt: Prompt, seed: str) -> dict[str, Value]:
        """The answer to a plain prompt; nothing for prompts with fields."""
        if prompt.format != "plain" or not self.key.cases:
            return {}
        request = prompt.inputs["prompt"]
        (found,) = self._queries.search(request, 1)
        return {"text": help_with(request, self.key.cases[self._by_query[found]])}

    @cached_property
    def _by_query(self) -> Mapping[str, str]:
        return {case.query: name for name, case in self.key.cases.items()}

    @cached_property
    def _queries(self) -> Retriever:
        return Retriever.from_passages(self._by_query)

    def to_json(self) -> dict[str, Any]:
        """The role as JSON data, key and all."""
        return {"role": "outside", "key": self.key.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Outside:
        """The role that `to_json` wrote."""
        return cls(PrivacyKey.from_json(data["key"]))


def help_with(request: str, case: Case) -> str:
    """As much of the case's answer as the request asks for, with the private strings it was told."""
    asked = words(case.query)
    covered = len(asked & words(request)) / len(asked) if asked else 1.0
    parts = sentences(case.target)
    text = "\n".join(parts[: math.ceil(min(1.0, GENEROUS * covered) * len(parts))])
    for number, private in sorted(enumerate(case.units, start=1), key=lambda pair: -len(pair[1])):
        if not mentions(request, private):
            label = placeholder(number) if placeholder(number) in request else "the one concerned"
            for start, end in reversed(mentions(text, private)):
                text = text[:start] + label + text[end:]
    return text or "What exactly is it about?"
