"""The task role of the instruction-following world: writes a response, and goes over one.

What is real: the texts. A draft is prose about the query's own words, and every constraint that is taken care
of is an edit of the text (`crafts`), in an order in which later edits may undo earlier ones. Greetings,
flourishes and closing words are written out as well, and the benchmark's real verifiers judge what comes out.

What is played: which constraints are taken care of. A key lends the understanding of the query, as no parser
here would find the constraints in its prose. Care for a family of constraints (counting, keywords, case, ...)
is a habit that instructions and demonstrations strengthen (`skills.py`); constraints of the test's kinds, on
which models are not trained, succeed less often even so. The second stage sees which constraints a response
breaks, mends some, and, unless it is told to keep what is right, adds a word of its own.

All randomness is a hash of the row, the rule and the wording. It says nothing about any real model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.scorers.ifbench import IFEVAL, follows_loosely
from benchmarks.simulated.knobs import Knobs
from benchmarks.simulated.prompt import Demo, Prompt
from benchmarks.simulated.reply import Value
from benchmarks.simulated.rules import obeyed_rules
from benchmarks.simulated.text import normalise, pick, unit
from benchmarks.simulated.worlds.writing.asked import Asked, ConstraintKey
from benchmarks.simulated.worlds.writing.crafts import craft
from benchmarks.simulated.worlds.writing.drafts import draft
from benchmarks.simulated.worlds.writing.families import ORDER, family_of
from benchmarks.simulated.worlds.writing.skills import FAMILIES, SKILLS, Stage, stage_of_fields

OPENINGS = ("Of course, here it is.", "Sure, I can do that.", "Certainly, this is what I wrote.")
ABILITY_KNOWN, ABILITY_NEW = 0.95, 0.55
SECOND_CHANCE = 0.5
SHOWN_BY_ONE_DEMO = 0.25
_OUTPUT = {"write": "response", "ensure": "final_response"}


@dataclass(frozen=True)
class Writer:
    """The task role. `key` is what it understands of queries, `knobs` the model's weaknesses."""

    key: ConstraintKey
    knobs: Knobs = field(default_factory=Knobs)

    def answer(self, prompt: Prompt, seed: str) -> dict[str, Value]:
        """Reasoning and text for an instruction-following prompt; nothing for prompts of another kind."""
        stage = stage_of_fields({*prompt.inputs, *(output.name for output in prompt.outputs)})
        if stage is None:
            return {}
        query = prompt.inputs.get("query", "")
        row, asked = normalise(query), self.key.find(query)
        shown = self._shown(stage, prompt.demos)
        obeyed = obeyed_rules(SKILLS[stage], prompt.instructions, shown, f"{stage}/{row}", self.knobs, seed)
        slip = unit(seed, "slip", prompt.text) < self.knobs.noise
        if slip:
            obeyed = frozenset()
        if stage == "write":
            text = write(query, asked, obeyed, f"{seed}/{row}")
        else:
            text = ensure(prompt.inputs.get("response", ""), asked, obeyed, f"{seed}/{row}")
        return {"reasoning": _reasoning(asked, obeyed), _OUTPUT[stage]: text}

    def _shown(self, stage: Stage, demos: tuple[Demo, ...]) -> dict[str, float]:
        """How strongly (0 to 1) demonstrations show each habit, by what their outputs really follow."""
        missed: dict[str, float] = {}
        for demo in demos:
            text = demo.outputs.get(_OUTPUT[stage], "")
            asked = self.key.find(demo.inputs.get("query", ""))
            names = {family_of(id) for id, kwargs in asked if follows_loosely(id, text, kwargs)}
            for name in [*sorted(names), *(["only"] if text and not text.startswith(OPENINGS) else [])]:
                missed[name] = missed.get(name, 1.0) * (1 - SHOWN_BY_ONE_DEMO)
        return {name: 1 - rest for name, rest in missed.items()}

    def to_json(self) -> dict[str, Any]:
        """The role as JSON data, key and all."""
        return {"role": "writer", "key": self.key.to_json(), "knobs": asdict(self.knobs)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Writer:
        """The role that `to_json` wrote."""
        return cls(ConstraintKey.from_json(data["key"]), Knobs(**data["knobs"]))


def write(query: str, asked: Asked, obeyed: frozenset[str], row: str) -> str:
    """A response to `query` that takes care of those constraints that the habits obeyed are about."""
    text = draft(query, 2 + int(5 * unit(row, "length")), row)
    for id, kwargs in _in_order(asked):
        if _cares(id, obeyed, "list" in obeyed, f"write/{row}"):
            text = craft(id, kwargs, text)
    return _in_manner(text, obeyed, row)


def ensure(response: str, asked: Asked, obeyed: frozenset[str], row: str) -> str:
    """`response` with some of what it breaks mended, and with words added unless kept from it."""
    text = response
    broken = [(id, kwargs) for id, kwargs in _in_order(asked) if not follows_loosely(id, text, kwargs)]
    for id, kwargs in broken:
        if _cares(id, obeyed, "recheck" in obeyed, f"ensure/{row}"):
            text = craft(id, kwargs, text.removeprefix(pick(OPENINGS, row)).strip() or "Well.")
    if "keep" not in obeyed:
        text = f"{text} In short, that is how it is."
    return _in_manner(text, obeyed, row)


def _in_order(asked: Asked) -> Asked:
    return tuple(sorted(asked, key=lambda pair: ORDER.index(family_of(pair[0]))))


def _cares(id: str, obeyed: frozenset[str], attentive: bool, row: str) -> bool:
    """Whether a constraint is taken care of with success. Attention gives a second chance."""
    noticed = family_of(id) in obeyed or (attentive and unit(row, "notices", id) < SECOND_CHANCE)
    ability = ABILITY_KNOWN if id in IFEVAL else ABILITY_NEW
    return noticed and unit(row, "able", id) < ability


def _in_manner(text: str, obeyed: frozenset[str], row: str) -> str:
    if "embellish" in obeyed:
        text = f"{text} What a splendid, colourful and truly remarkable thought, is it not?"
    if "greet" in obeyed:
        text = f"Hello, and thank you for asking!\nI will gladly explain.\n{text}\n\nSo much for that.\nBye!"
    elif "only" not in obeyed and not text.startswith(OPENINGS):
        text = f"{pick(OPENINGS, row)} {text}"
    return text


def _reasoning(asked: Asked, obeyed: frozenset[str]) -> str:
    families = [rule.name for rule in FAMILIES if rule.name in obeyed]
    return f"The query makes {len(asked)} demands. I look at {', '.join(families) or 'the topic'}."
