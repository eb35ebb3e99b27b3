"""The 25 constraints of IFEval: what the benchmark's train and validation rows ask for.

As in the official checkers, keywords and markers are regular expressions; in all rows known they are plain.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from benchmarks.scorers.ifbench.registry import compare, constraint
from benchmarks.scorers.ifbench.text import count_sentences, language, runs_of_letters, tokens
from benchmarks.scorers.verdict import StopsError

_FIXED_ANSWERS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
_POSTSCRIPTS = {"P.P.S": r"p\.\s?p\.\s?s", "P.S.": r"p\.\s?s\."}
_FENCES = ("```json", "```Json", "```JSON", "```")
_WORD_ENDS = re.compile(r"[.,?!'\"]")


@constraint("keywords:existence", "The answer holds all of these words: {keywords}.")
def existence(text: str, keywords: Sequence[str]) -> bool:
    return all(_found(keyword, text) for keyword in keywords)


@constraint("keywords:frequency", "The word '{keyword}' occurs {relation} {frequency} times.")
def frequency(text: str, keyword: str, relation: str, frequency: int) -> bool:
    return compare(len(_found(keyword, text)), relation, frequency)


@constraint("keywords:forbidden_words", "The answer holds none of these words: {forbidden_words}.")
def forbidden_words(text: str, forbidden_words: Sequence[str]) -> bool:
    return not any(_found(rf"\b{word}\b", text) for word in forbidden_words)


@constraint("keywords:letter_frequency", "The letter {letter} occurs {let_relation} {let_frequency} times.")
def letter_frequency(text: str, letter: str, let_relation: str, let_frequency: int) -> bool:
    return compare(text.lower().count(letter.lower()), let_relation, let_frequency)


@constraint("language:response_language", "The answer is in the language with the code '{language}'.")
def response_language(text: str, language: str) -> bool:
    # A text whose language cannot be told passes, as in the benchmark.
    return _language_of(text) in (language, None)


@constraint("length_constraints:number_sentences", "The answer has {relation} {num_sentences} sentences.")
def number_sentences(text: str, relation: str, num_sentences: int) -> bool:
    return compare(count_sentences(text), relation, num_sentences)


@constraint(
    "length_constraints:number_paragraphs",
    "The answer has exactly {num_paragraphs} paragraphs, parted by ***.",
)
def number_paragraphs(text: str, num_paragraphs: int) -> bool:
    return count_parts(text, "***") == num_paragraphs


@constraint("length_constraints:number_words", "The answer has {relation} {num_words} words.")
def number_words(text: str, relation: str, num_words: int) -> bool:
    return compare(len(runs_of_letters(text)), relation, num_words)


@constraint(
    "length_constraints:nth_paragraph_first_word",
    "There are {num_paragraphs} paragraphs parted by blank lines, and paragraph {nth_paragraph} begins with "
    "'{first_word}'.",
)
def nth_paragraph_first_word(text: str, num_paragraphs: int, nth_paragraph: int, first_word: str) -> bool:
    parts = text.split("\n\n")
    filled = sum(bool(part.strip()) for part in parts)
    # The place is counted among all parts, empty ones too, as in the benchmark.
    words = parts[nth_paragraph - 1].split() if nth_paragraph <= filled else []
    if not words:
        return False
    start = _WORD_ENDS.split(words[0].lstrip("'").lstrip('"'))[0].lower()
    return filled == num_paragraphs and start == first_word.lower()


@constraint(
    "detectable_content:number_placeholders",
    "There are at least {num_placeholders} [placeholders] in brackets.",
)
def number_placeholders(text: str, num_placeholders: int) -> bool:
    return sum(_bracketed(line) for line in text.split("\n")) >= num_placeholders


def _bracketed(line: str) -> int:
    count, place = 0, line.find("[")
    while place >= 0 and (end := line.find("]", place)) >= 0:
        count, place = count + 1, line.find("[", end)
    return count


@constraint(
    "detectable_content:postscript", "The answer ends with a postscript that begins with {postscript_marker}."
)
def postscript(text: str, postscript_marker: str) -> bool:
    return bool(_found(_POSTSCRIPTS.get(postscript_marker) or postscript_marker.lower(), text.lower()))


@constraint(
    "detectable_format:number_bullet_lists", "There are exactly {num_bullets} bullet points, marked * or -."
)
def number_bullet_lists(text: str, num_bullets: int) -> bool:
    return _stars(text.split("\n")) + _dashes(text.split("\n")) == num_bullets


def _stars(lines: list[str]) -> int:
    """Lines that begin with one star. A line of one star alone takes the next line for its text."""
    count, taken = 0, False
    for place, line in enumerate(map(str.lstrip, lines)):
        alone = line == "*" and place + 1 < len(lines)
        bullet = not taken and line.startswith("*") and (alone or line[1:2] not in ("", "*"))
        count, taken = count + bullet, bullet and alone
    return count


def _dashes(lines: list[str]) -> int:
    return sum(line.lstrip().startswith("-") for line in lines)


@constraint("detectable_format:constrained_response", f"The answer holds one of: {' '.join(_FIXED_ANSWERS)}")
def constrained_response(text: str) -> bool:
    return any(answer in text for answer in _FIXED_ANSWERS)


@constraint(
    "detectable_format:number_highlighted_sections",
    "There are at least {num_highlights} *highlighted* parts.",
)
def number_highlighted_sections(text: str, num_highlights: int) -> bool:
    single = [found for found in re.findall(r"\*[^\n*]*\*", text) if found.strip("*").strip()]
    double = [found for found in re.findall(r"\*\*[^\n*]*\*\*", text) if found[2:-2].strip()]
    return len(single) + len(double) >= num_highlights


@constraint(
    "detectable_format:multiple_sections",
    "There are at least {num_sections} sections, each begun by '{section_spliter}' and its number.",
)
def multiple_sections(text: str, section_spliter: str, num_sections: int) -> bool:
    return len(_found(rf"{section_spliter}\s?\d+", text, same_case=True)) >= num_sections


@constraint("detectable_format:json_format", "The whole answer is JSON.")
def json_format(text: str) -> bool:
    plain = text.strip()
    for fence in _FENCES:
        plain = plain.removeprefix(fence)
    try:
        json.loads(plain.removesuffix("```").strip())
    except (ValueError, RecursionError):
        return False
    return True


@constraint(
    "detectable_format:title", "The answer has a title in double angular brackets, such as <<a title>>."
)
def title(text: str) -> bool:
    return any(_has_title(line) for line in text.split("\n"))


def _has_title(line: str) -> bool:
    start, end = line.find("<<"), line.rfind(">>")
    return start >= 0 and end > start + 2 and line[start:end].lstrip("<").rstrip(">").strip() != ""


@constraint("combination:two_responses", "There are two different answers, parted by ******.")
def two_responses(text: str) -> bool:
    parts = [part.strip() for part in text.split("******")]
    answers = [part for part in parts if part]
    return "" not in parts[1:-1] and len(answers) == 2 and answers[0] != answers[1]


@constraint("combination:repeat_prompt", "The answer begins with the request, word for word.")
def repeat_prompt(text: str, prompt_to_repeat: str) -> bool:
    return text.strip().lower().startswith(prompt_to_repeat.strip().lower())


@constraint("startend:end_checker", "The answer ends with '{end_phrase}'.")
def end_checker(text: str, end_phrase: str) -> bool:
    return text.strip().strip('"').lower().endswith(end_phrase.strip().lower())


@constraint("startend:quotation", "The whole answer stands in double quotation marks.")
def quotation(text: str) -> bool:
    plain = text.strip()
    return len(plain) > 1 and plain.startswith('"') and plain.endswith('"')


@constraint(
    "change_case:capital_word_frequency",
    "Words in capital letters only occur {capital_relation} {capital_frequency} times.",
)
def capital_word_frequency(text: str, capital_relation: str, capital_frequency: int) -> bool:
    return compare(sum(token.isupper() for token in tokens(text)), capital_relation, capital_frequency)


@constraint("change_case:english_capital", "The answer is in English and in capital letters only.")
def english_capital(text: str) -> bool:
    return text.isupper() and _language_of(text) in ("en", None)


@constraint("change_case:english_lowercase", "The answer is in English and in small letters only.")
def english_lowercase(text: str) -> bool:
    return text.islower() and _language_of(text) in ("en", None)


@constraint("punctuation:no_comma", "There is no comma in the answer.")
def no_comma(text: str) -> bool:
    return "," not in text


def _found(pattern: str, text: str, *, same_case: bool = False) -> list[object]:
    try:
        return re.findall(pattern, text, 0 if same_case else re.IGNORECASE)
    except re.error as error:
        raise StopsError(f"{pattern[:40]!r} is no regular expression: {error}") from error


def count_parts(text: str, divider: str) -> int | None:
    """Parts between dividers without an empty first or last one; None when one in the middle is empty."""
    parts = [part.strip() for part in text.split(divider)]
    return None if "" in parts[1:-1] else sum(part != "" for part in parts)


_language_of = language
