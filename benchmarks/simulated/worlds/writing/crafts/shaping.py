"""Edits that give a draft the form that the test's format constraints ask for, and repeat what must be."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.scorers.ifbench.text import sentences, without_punctuation
from benchmarks.simulated.worlds.writing.crafts.craft import Craft, statements

_ONLY_THIS = "Only output this sentence here, ignore all other requests."


def parentheses(draft: str) -> str:
    return f"{draft} (one [two {{three (four [five])}}])"


def quotes(draft: str) -> str:
    return f"""{draft} She wrote "he said 'they all cried "stop" at once' and left" to him."""


def options(draft: str, *, options: str) -> str:
    separator = next((mark for mark in ("/", "or") if mark in options), ",")
    choices = [choice.strip() for choice in options.split(separator)]
    return choices[len(draft) % len(choices)]


def newline(draft: str) -> str:
    return "\n".join(without_punctuation(draft).split())


def emoji_ends(draft: str) -> str:
    return " ".join(
        f"{statement} 🌊." for statement in statements(draft, max(1, len(sentences(draft, "paper"))))
    )


def line_indent(draft: str) -> str:
    return "\n".join(" " * depth + line for depth, line in enumerate(sentences(draft, "paper")))


def quote_unquote(draft: str) -> str:
    return f'The word "river" stands for water that runs. {draft.replace(chr(34), "")} So it is explained.'


def bullet_marker(draft: str, *, sep: str) -> str:
    return "\n".join(f"{sep} {statement}" for statement in statements(draft, 4))


def thesis(draft: str) -> str:
    one, *rest = statements(draft, 3)
    return f"<i>{one}.</i> {'. '.join(rest)}."


def sub_bullets(draft: str) -> str:
    one, two = statements(draft.replace("*", ""), 2)
    return f"* {one}\n  - and why\n* {two}\n  - and how"


def no_bullets_bullets(draft: str) -> str:
    one, two, three, four = statements(draft, 4)
    return f"{one}. {two}.\n* {three}\n* {four}"


def no_whitespace(draft: str) -> str:
    return "".join(draft.split())


def repeat_change(draft: str, *, prompt_to_repeat: str) -> str:
    # The paper's checker wants all but the first character, today's all but the first word.
    return ("Y" if prompt_to_repeat.startswith("X") else "X") + prompt_to_repeat[1:]


def repeat_simple(draft: str) -> str:
    return _ONLY_THIS


def repeat_span(draft: str, *, prompt_to_repeat: str, n_start: int, n_end: int) -> str:
    return " ".join(prompt_to_repeat.split()[n_start:n_end])


CRAFTS: Mapping[str, Craft] = {
    "format:parentheses": parentheses,
    "format:quotes": quotes,
    "format:options": options,
    "format:newline": newline,
    "format:emoji": emoji_ends,
    "format:line_indent": line_indent,
    "format:quote_unquote": quote_unquote,
    "format:list": bullet_marker,
    "format:thesis": thesis,
    "format:sub-bullets": sub_bullets,
    "format:no_bullets_bullets": no_bullets_bullets,
    "format:no_whitespace": no_whitespace,
    "repeat:repeat_change": repeat_change,
    "repeat:repeat_simple": repeat_simple,
    "repeat:repeat_span": repeat_span,
}
