"""The settings of reflection: how much evidence is shown, and the rules for proposed texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dspy_gepa.program.checks import is_meant
from dspy_gepa.reflection.evidence import EvidenceLimits
from dspy_gepa.reflection.rules import TextRules
from dspy_gepa.types import Component


@dataclass(frozen=True)
class ReflectionSettings:
    """Settings that apply to every request to the reflection model.

    Attributes:
        program: Description of the program's components, see `prompts.describe_program`.
        limits: Limits on the evidence shown.
        rules: Rules for proposed texts.
        show_failures: True to include failed calls in the evidence.
        with_records: True to attach the evidence as data, for a proposer written by the user.
        components: Descriptions of the components by name; a component without one has instructions.
        guidance: Rules of the user for new texts, by name or `fnmatch` pattern of components.
    """

    program: str
    limits: EvidenceLimits = field(default_factory=EvidenceLimits)
    rules: TextRules = field(default_factory=TextRules)
    show_failures: bool = True
    with_records: bool = False
    components: Mapping[str, Component] = field(default_factory=dict)
    guidance: Mapping[str, str] = field(default_factory=dict)

    def about(self, name: str) -> Component:
        """Return the description of a component."""
        return self.components.get(name) or Component(name, {}, {})

    def guidance_for(self, name: str) -> str:
        """Return the guidance for a component: all texts whose pattern matches it."""
        return "\n\n".join(text for pattern, text in self.guidance.items() if is_meant(pattern, name))
