"""Checks of a proposed text before a rollout is spent on it."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass

from dspy_gepa.program.media import mended
from dspy_gepa.types import TextKind

_THINK = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_OPEN_THINK = re.compile(r"</?think(?:ing)?>", re.IGNORECASE)
# No objection if other components did change: not every component is at fault.
UNCHANGED = "The answer equals the current text. Change what the feedback shows to be wrong."
_FENCED = re.compile(r"\A```[\w-]*\n(.*?)\n?```\Z", re.DOTALL)


@dataclass(frozen=True)
class TextRules:
    """Rules that proposed texts must respect.

    Attributes:
        max_chars: Maximum number of characters, or None.
        keep: Placeholders and sentences that must survive if the current text has them.
        max_copied_words: Maximum number of consecutive words copied from a training row's inputs, or None.
    """

    max_chars: int | None = None
    keep: tuple[str, ...] = ()
    max_copied_words: int | None = 40


def clean_text(text: str) -> str:
    """Return the proposed text without closed think blocks and without a fence around the whole.

    Lone surrogates, which no provider accepts, are replaced.
    """
    stripped = _THINK.sub("", mended(text)).strip()
    fenced = _FENCED.match(stripped)
    return (fenced.group(1) if fenced and "```" not in fenced.group(1) else stripped).strip()


def objection_to(
    text: str,
    *,
    current: str,
    truncated: bool,
    rules: TextRules,
    training_texts: Sequence[str],
    kind: TextKind = "instructions",
) -> str | None:
    """Return why a cleaned text cannot be tried, in words for the reflection model; None if it can.

    Args:
        text: The proposed text after `clean_text`.
        current: The component's current text.
        truncated: True if the provider cut the answer off.
        rules: The user's rules for texts.
        training_texts: Inputs of the rows shown as evidence, against verbatim copying.
        kind: Kind of text; source code has to parse.
    """
    if truncated:
        return "The answer was cut off at the model's length limit. Write a shorter text."
    if not text:
        return "The answer was empty. Write the full text."
    if _OPEN_THINK.search(text):
        return "The answer holds an unfinished thinking block. Give the text alone."
    if text == current.strip():
        return UNCHANGED
    if rules.max_chars is not None and len(text) > rules.max_chars:
        return f"The text has {len(text)} characters; at most {rules.max_chars} are allowed. Shorten it."
    lost = [kept for kept in rules.keep if kept in current and kept not in text]
    if lost:
        return f"These parts must be kept word for word and are missing: {lost!r}."
    if kind in ("code", "module"):
        broken = _syntax_objection(text, kind)
        if broken:
            return broken
    return _copied_run(text, training_texts, rules.max_copied_words)


def _syntax_objection(source: str, kind: TextKind) -> str | None:
    """Return why source code cannot be tried. It is parsed, never run."""
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        shown = f": {error.text.strip()!r}" if error.text else ""
        return f"The code does not parse: {error.msg} in line {error.lineno}{shown}. Give valid Python alone."
    except (ValueError, RecursionError, MemoryError) as error:  # null bytes; nested too deeply
        return f"The code does not parse: {error or type(error).__name__}. Give valid Python alone."
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    if kind == "module" and not any(_defines(node, "forward") for node in classes):
        return "The code holds no class with a `forward` method. Give the complete dspy.Module subclass."
    return None


def _defines(node: ast.ClassDef, method: str) -> bool:
    return any(isinstance(part, ast.FunctionDef) and part.name == method for part in node.body)


def _copied_run(text: str, sources: Sequence[str], most: int | None) -> str | None:
    if most is None:
        return None
    words = text.split()
    runs = {tuple(words[i : i + most + 1]) for i in range(len(words) - most)}
    for source in sources if runs else ():
        theirs = source.split()
        for i in range(len(theirs) - most):
            if tuple(theirs[i : i + most + 1]) in runs:
                start = " ".join(theirs[i : i + 8])
                return (
                    f"The text copies more than {most} words in a row from one example, beginning {start!r}. "
                    "State what is general instead."
                )
    return None
