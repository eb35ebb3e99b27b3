"""`Text`: any text of a program that should be improved along with its predictors."""

from __future__ import annotations

from typing import Any, Literal, get_args

import dspy
from dspy.predict.parameter import Parameter

from dspy_gepa.errors import ConfigurationError

Written = Literal["text", "code"]

# A key of `dspy.settings` for a list of texts that were read. Unlike a context variable of our own, DSPy
# takes its settings along into the threads it starts.
TEXTS_READ = "dspy_gepa_texts_read"


class Text(Parameter):
    """A text that a module holds, uses as it likes, and wants improved.

    Hold it as an attribute of a module, or in a list or dict that is one; DSPy then saves and loads it with
    the module. `GEPA` rewrites it unless it is named in ``freeze``. Where it is used, ``str(text)``, an
    f-string or ``text.value`` gives the text.

        self.rules = dspy_gepa.Text("Be brief.", desc="house rules, shown to the model before every question")

    Attributes:
        value: The text; read it where it is used, as each rollout runs.
        desc: What it is for, in words; the reflection LM reads it.
        kind: ``"text"``, or ``"code"`` for Python source: then only what parses is ever tried. It is never
            run by this package; run it where you trust it to run.

    Raises:
        ConfigurationError: The text or its description is not a string, or the kind is unknown.
    """

    def __init__(self, value: str, *, desc: str = "", kind: Written = "text") -> None:
        for name, given in (("value", value), ("desc", desc)):
            if not isinstance(given, str):
                raise ConfigurationError(
                    f"Text({name}={given!r}) is {type(given).__name__}; it must be a string: str({name})."
                )
        if kind not in get_args(Written):
            raise ConfigurationError(f"Text(kind={kind!r}) is not known. Known are: 'text' and 'code'.")
        self._value = value
        self.desc = desc
        self.kind: Written = kind

    @property
    def value(self) -> str:
        """The text. A rollout notes that it was read: its outcome is then evidence on this text."""
        reads = dspy.settings.get(TEXTS_READ)
        if reads is not None:
            reads.append(self)
        return self._value

    @value.setter
    def value(self, text: str) -> None:
        self._value = text

    def __str__(self) -> str:
        return self.value

    def __repr__(self) -> str:
        return f"Text({self._value!r}, desc={self.desc!r}, kind={self.kind!r})"

    def dump_state(self, json_mode: bool = True) -> dict[str, Any]:
        """What ``module.save`` keeps: the text. What it is for belongs to the code that made it."""
        return {"text": self._value}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take the text over from what `dump_state` gave."""
        self.value = str(state["text"])

    def reset(self) -> None:
        """Keep the text, as a predictor keeps its instructions when DSPy resets its demos."""
