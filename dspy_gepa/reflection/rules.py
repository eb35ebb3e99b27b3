"""Checks of a proposed text before a rollout is spent on it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dspy_gepa.program.media import mended
from dspy_gepa.reflection.answer import EMPTY, is_visible
from dspy_gepa.texts import counted
from dspy_gepa.types import Reflection, TextKind

# No objection if other components did change: not every component is at fault.
UNCHANGED = "The answer equals the current text. Change what the feedback shows to be wrong."
# Scripts that are written without spaces: Thai, Lao, Burmese, Khmer, kana and Chinese characters.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
_WORD = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")
_CHARACTERS_OF_A_WORD = 2  # in scripts without spaces


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
    """Return the proposed text without white space around it, and with lone surrogates replaced."""
    return mended(text).strip()


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
    if not is_visible(text):
        return EMPTY.objection
    if text == current.strip():
        return UNCHANGED
    if rules.max_chars is not None and len(text) > rules.max_chars:
        length = counted(len(text), "character")
        return f"The text has {length}, more than the {rules.max_chars:,} that are allowed. Shorten it."
    lost = [kept for kept in rules.keep if kept in current and kept not in text]
    if lost:
        return f"These parts must be kept word for word and are missing: {lost!r}."
    if kind in ("code", "module"):
        broken = _syntax_objection(text, kind)
        if broken:
            return broken
    return _copied_run(text, training_texts, rules.max_copied_words)


def remedy_for(answer: Reflection) -> str:
    """Return what the user can do about an answer that gave no text to try."""
    if answer.truncated:
        return "Give the reflection model a larger max_tokens."
    if answer.unavailable:
        return "Its provider failed in every attempt: see whether it serves prompts of this length."
    if answer.cause:
        return f"Mend the cause of the {answer.cause}, in the reflection model or in instruction_proposer."
    if answer.error:
        return "Try another reflection model or another adapter: this one gives no plain text."
    return "If that rule is too strict, change max_chars, keep or max_copied_words; else try another model."


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
    """Return an objection if the text copies more than `most` words in a row from one of the sources."""
    runs = set(_runs(text, most)) if most is not None else set()
    for source in sources if runs else ():
        copied = next((run for run in _runs(source, most or 0) if run in runs), None)
        if copied is not None:
            start = " ".join(copied[:8]) if len(copied[0]) > 1 else "".join(copied[:16])
            return (
                f"The text copies more than {most} words in a row from one example, beginning {start!r}. "
                "State what is general instead."
            )
    return None


def _runs(text: str, most: int) -> Iterator[tuple[str, ...]]:
    """Yield every shortest run of words that is longer than `most` words.

    In scripts without spaces each character stands for a part of a word.
    """
    words = _WORD.findall(text)
    sizes = [1 if _is_unspaced(word[0]) else _CHARACTERS_OF_A_WORD for word in words]
    end = length = 0
    for start in range(len(words)):
        while end < len(words) and length <= _CHARACTERS_OF_A_WORD * most:
            length += sizes[end]
            end += 1
        if length <= _CHARACTERS_OF_A_WORD * most:
            return
        yield tuple(words[start:end])
        length -= sizes[start]


def _is_unspaced(character: str) -> bool:
    return re.match(f"[{_UNSPACED}]", character) is not None
