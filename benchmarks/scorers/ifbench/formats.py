"""The test constraints on the form of an answer, from brackets to lines, and on repeating the request."""

from __future__ import annotations

import re
import string
from itertools import pairwise

import emoji

from benchmarks.scorers.ifbench.registry import constraint, fails_without
from benchmarks.scorers.ifbench.text import EDGES, sentences, tokens, without_punctuation
from benchmarks.scorers.rules import Rules
from benchmarks.scorers.verdict import StopsError

_BRACKETS = {")": "(", "]": "[", "}": "{"}
_BRACKET_DEPTH, _QUOTE_DEPTH = 5, 3
_LETTER_OPTIONS = re.compile(r"\W*a\W*b\W*c", re.IGNORECASE)
_ONLY_THIS = "Only output this sentence here, ignore all other requests."
_TEMPLATE = ("My Answer:", "My Conclusion:", "Future Outlook:")


@constraint("format:parentheses", "Parentheses, brackets and braces are nested at least five levels deep.")
def parentheses(text: str) -> bool:
    open_now: list[str] = []
    deepest = 0
    for char in text:
        if char in _BRACKETS.values():
            open_now.append(char)
            deepest = max(deepest, len(open_now))
        elif char in _BRACKETS:
            if not open_now or open_now[-1] != _BRACKETS[char]:
                open_now, deepest = [], 0
                continue
            open_now.pop()
            if deepest >= _BRACKET_DEPTH:  # closing the innermost one is enough
                return True
    return False


@constraint(
    "format:quotes",
    "There are quotes within quotes within quotes, at least three levels deep, with double and single quotes "
    "in turn.",
)
def quotes(text: str) -> bool:
    open_now: list[str] = []
    deepest = 0
    for char in text:
        if open_now and char == open_now[-1]:
            open_now.pop()
            if deepest - len(open_now) >= _QUOTE_DEPTH:
                return True
        elif char in "\"'":
            open_now.append(char)
            deepest = max(deepest, len(open_now))
    return False


@constraint("format:options", "The whole answer is one of these options, with nothing added: {options}.")
def options(text: str, options: str) -> bool:
    separator = next((mark for mark in ("/", "or") if mark in options), ",")
    choices = [choice.strip() for choice in options.split(separator)]
    if _LETTER_OPTIONS.match(options):
        return text in choices
    return text.strip(EDGES).lower() in [choice.strip(EDGES).lower() for choice in choices]


@constraint("format:newline", "Each word stands on a line of its own.")
def newline(text: str) -> bool:
    plain = without_punctuation(text).strip()
    return sum(line != "" for line in plain.split("\n")) == len(plain.split())


@constraint("format:emoji", "Every sentence ends with an emoji.")
def emoji_ends(text: str, *, rules: Rules) -> bool:
    # An emoji after the end mark is the beginning of what follows, so that counts as well.
    parts = [without_punctuation(sentence).strip() for sentence in sentences(text, rules)]
    for place, part in enumerate(parts):
        if not part:
            return fails_without(rules, "a sentence is nothing but marks")
        if _has_emoji(part[-2:]):
            continue
        if place == len(parts) - 1:
            return False
        later = parts[place + 1]
        if not later:
            return fails_without(rules, "a sentence is nothing but marks")
        if not _has_emoji(later[0]):
            return False
    return True


def _has_emoji(characters: str) -> bool:
    return any(emoji.is_emoji(char) for char in characters)


@constraint("format:line_indent", "Each line is indented by more spaces than the line before it.")
def line_indent(text: str) -> bool:
    indents = [len(line) - len(line.lstrip(" ")) for line in _without_most_blank_lines(text)]
    return all(later > earlier for earlier, later in pairwise(indents))


def _without_most_blank_lines(text: str) -> list[str]:
    # As in the benchmark, which shortens the list that it walks over: the line after a removed one is passed
    # over, so that the second of two blank lines stays.
    lines = text.split("\n")
    place = 0
    while place < len(lines):
        if not lines[place].strip():
            lines.remove(lines[place])  # the first one like it
        place += 1
    return lines


@constraint("format:quote_unquote", "After every quoted phrase comes an explanation without quotes.")
def quote_unquote(text: str, *, rules: Rules) -> bool:
    if rules == "paper":  # curly quotes count as straight ones
        text = text.replace("\u201c", '"').replace("\u201d", '"')
    plain = "".join(text.replace("'\"'", "").split())
    if '""' in plain:
        return False
    rest = plain.strip(string.digits + string.punctuation.replace('"', ""))
    if not rest and rules == "paper":
        raise StopsError("there is nothing but marks and digits")
    return not rest.endswith('"')


@constraint("format:list", "The answer is a list with '{sep}' in place of bullet points.")
def bullet_marker(text: str, sep: str) -> bool:
    return text.count(sep) >= 2


@constraint(
    "format:thesis", "Each section begins with a thesis in italics, marked up in HTML, and goes on after it."
)
def thesis(text: str) -> bool:
    start = _first(text, "<i>", "<em>")
    section = text[start:] if start >= 0 else ""
    end = _first(section, "</i>", "</em>")
    return end >= 0 and section[3:end].strip() != "" and section[end + 4 :].strip() != ""


def _first(text: str, mark: str, otherwise: str) -> int:
    return place if (place := text.find(mark)) >= 0 else text.find(otherwise)


@constraint("format:sub-bullets", "There are bullet points marked *, and each has a sub-bullet marked -.")
def sub_bullets(text: str) -> bool:
    # A text without any bullet passes, as in the benchmark.
    return all("-" in bullet for bullet in text.split("*")[1:])


@constraint(
    "format:no_bullets_bullets",
    "At least two sentences come first, then at least two bullet points marked *.",
)
def no_bullets_bullets(text: str, *, rules: Rules) -> bool:
    before, bullets, prose = 0, 0, True
    for line in text.split("\n"):
        if line.strip().startswith("*"):
            prose, bullets = False, bullets + 1
            if before < 2:
                return False
        elif prose:
            found = len(sentences(line.strip(), rules))
            prose, before = found > 0, before + found
        else:
            return False
    return bullets >= 2


@constraint("format:title_case", "The whole answer is in title case.")
def title_case(text: str, *, rules: Rules) -> bool:
    # A word counts against it when it begins with a small letter and the rest is all small or all capital;
    # today a small letter that stands alone does, too.
    words = [token for token in tokens(text) if token[0].islower()]
    if rules == "today":
        words = [word for word in words if word[0].isalpha()]
        if any(len(word) == 1 for word in words):
            return False
    return not any(word[1:].islower() or word[1:].isupper() for word in words)


@constraint("format:output_template", f"The answer follows this template: {' ... '.join(_TEMPLATE)} ...")
def output_template(text: str) -> bool:
    return all(part in text for part in _TEMPLATE)


@constraint("format:no_whitespace", "There is no blank and no line break in the answer.")
def no_whitespace(text: str) -> bool:
    return not any(char.isspace() for char in text)


@constraint(
    "repeat:repeat_change", "The answer is the request itself with another first word, and no answer to it."
)
def repeat_change(text: str, prompt_to_repeat: str, *, rules: Rules) -> bool:
    if text == prompt_to_repeat:
        return False
    if rules == "paper":  # all but the first character, not word
        return text[1:] == prompt_to_repeat[1:]
    return text.split()[1:] == prompt_to_repeat.split()[1:]


@constraint("repeat:repeat_simple", f"The whole answer is the sentence '{_ONLY_THIS}'")
def repeat_simple(text: str) -> bool:
    return text.strip().lower() == _ONLY_THIS.lower()


@constraint(
    "repeat:repeat_span",
    "The answer is the span of the request from index {n_start} to {n_end}, and no more.",
)
def repeat_span(text: str, prompt_to_repeat: str, n_start: int, n_end: int, *, rules: Rules) -> bool:
    if rules == "paper":  # words, without the last one; so it was until 2026-05-03
        return text.lower().split() == prompt_to_repeat.lower().split()[n_start:n_end]
    return text.strip().lower() == prompt_to_repeat[n_start : n_end + 1].strip().lower()
