"""`Text`: any text of a program that should be improved along with its predictors."""

from __future__ import annotations

from typing import Any, Literal, get_args

import dspy

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.program.dspy_api import Parameter

Written = Literal["text", "code"]

# Key in `dspy.settings` of the list of texts that were read. DSPy passes its settings on to the threads it
# starts, which it would not do with a context variable of ours.
TEXTS_READ = "dspy_gepa_texts_read"


class Text(Parameter):
    """A text of a module, to be optimized along with the predictors' instructions.

    Make it an attribute of a module, or an item of a list or dict that is one; DSPy then saves and loads it
    with the module. `GEPA` rewrites it unless it is named in ``freeze``. ``str(text)``, an f-string and
    ``text.value`` give the text.

        self.rules = dspy_gepa.Text("Be brief.", desc="house rules, shown to the model before every question")

    Attributes:
        value: The text; read it where it is used, in each rollout. None if there is none yet: `GEPA` has the
            reflection LM write it from `desc`, before anything is run. Until then it is read as empty.
        desc: Its purpose in words, for the reflection LM.
        kind: ``"text"``, or ``"code"`` for Python source: only source that parses is tried. This package
            never runs it.

    Raises:
        ConfigurationError: The text or its description is not a string, the kind is unknown, or there is
            neither a text nor a description to write it from.
    """

    def __init__(self, value: str | None, *, desc: str = "", kind: Written = "text") -> None:
        for name, given in (("value", value or ""), ("desc", desc)):
            if not isinstance(given, str):
                raise ConfigurationError(
                    f"Text({name}={given!r}) is {type(given).__name__}; it must be a string: str({name})."
                )
        if kind not in get_args(Written):
            raise ConfigurationError(f"Text(kind={kind!r}) is not known. Known are: 'text' and 'code'.")
        if value is None and not desc.strip():
            raise ConfigurationError(
                "Text(None) has no text, and no description that one could be written from. Say what it is "
                "for: Text(None, desc=...), or optimize_text(None, ..., objective=...)."
            )
        self._value = value
        self.desc = desc
        self.kind: Written = kind

    @property
    def value(self) -> str:
        """The text. A rollout records that it was read, and its outcome is then evidence on this text."""
        reads = dspy.settings.get(TEXTS_READ)
        if reads is not None:
            reads.append(self)
        return self._value or ""

    @value.setter
    def value(self, text: str) -> None:
        self._value = text

    @property
    def is_missing(self) -> bool:
        """True if there is no text yet."""
        return self._value is None

    def __str__(self) -> str:
        return self.value

    def __repr__(self) -> str:
        return f"Text({self._value!r}, desc={self.desc!r}, kind={self.kind!r})"

    def dump_state(self, json_mode: bool = True) -> dict[str, Any]:
        """Return the state that ``module.save`` keeps: the text. The description belongs to the code."""
        return {"text": self._value or ""}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take the text from a state of `dump_state`."""
        self.value = str(state["text"])

    def reset(self) -> None:
        """Keep the text, as a predictor keeps its instructions when DSPy resets its demos."""
