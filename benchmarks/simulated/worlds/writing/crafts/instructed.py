"""Edits that make a draft follow the constraints of IFEval."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from benchmarks.scorers.ifbench.text import count_sentences, runs_of_letters
from benchmarks.simulated.worlds.writing.crafts import vocabulary
from benchmarks.simulated.worlds.writing.crafts.craft import Craft, sentence_of, statements
from benchmarks.simulated.worlds.writing.crafts.languages import PROSE


def existence(draft: str, *, keywords: Sequence[str]) -> str:
    return f"{draft} {sentence_of(['remember', *keywords])}"


def frequency(draft: str, *, keyword: str, relation: str, frequency: int) -> str:
    if relation == "less than":
        return re.sub(re.escape(keyword), "thing", draft, flags=re.IGNORECASE)
    return f"{draft} {sentence_of([keyword] * frequency)}"


def forbidden_words(draft: str, *, forbidden_words: Sequence[str]) -> str:
    for word in forbidden_words:
        draft = re.sub(rf"\b{re.escape(word)}\b", "thing", draft, flags=re.IGNORECASE)
    return draft


def letter_frequency(draft: str, *, letter: str, let_relation: str, let_frequency: int) -> str:
    if let_relation == "at least":
        return f"{draft} {' '.join([letter * 3] * let_frequency)}"
    kept = [word for word in draft.split() if letter.lower() not in word.lower()]
    return " ".join(kept) or "Hm."


def response_language(draft: str, *, language: str) -> str:
    return PROSE.get(language, draft)


def number_sentences(draft: str, *, relation: str, num_sentences: int) -> str:
    if relation == "less than":
        return f"{' and '.join(statements(draft, 2))}." if num_sentences > 1 else ""
    missing = max(0, num_sentences - count_sentences(draft))
    return " ".join([draft, *["This is one more sentence."] * missing])


def number_paragraphs(draft: str, *, num_paragraphs: int) -> str:
    return "\n***\n".join(f"{text}." for text in statements(draft.replace("*", ""), num_paragraphs))


def number_words(draft: str, *, relation: str, num_words: int) -> str:
    words = draft.split()
    if relation == "less than":
        return " ".join(words[: max(1, int(num_words / 1.5))]) if len(words) >= num_words / 1.5 else draft
    missing = num_words - len(runs_of_letters(draft))
    return (
        draft
        if missing <= 0
        else f"{draft} {sentence_of(vocabulary.some(vocabulary.words(), missing, draft))}"
    )


def nth_paragraph_first_word(draft: str, *, num_paragraphs: int, nth_paragraph: int, first_word: str) -> str:
    parts = [f"{text}." for text in statements(draft, num_paragraphs)]
    parts[nth_paragraph - 1] = f"{first_word.capitalize()} {parts[nth_paragraph - 1]}"
    return "\n\n".join(parts)


def number_placeholders(draft: str, *, num_placeholders: int) -> str:
    return f"{draft} {' '.join(f'[part {number}]' for number in range(1, num_placeholders + 1))}"


def postscript(draft: str, *, postscript_marker: str) -> str:
    return f"{draft}\n\n{postscript_marker} Write soon."


def number_bullet_lists(draft: str, *, num_bullets: int) -> str:
    return "\n".join(f"* {text}" for text in statements(draft.replace("*", ""), num_bullets))


def constrained_response(draft: str) -> str:
    return "My answer is maybe."


def number_highlighted_sections(draft: str, *, num_highlights: int) -> str:
    return f"{draft} {' '.join(f'*part {number}*' for number in range(1, num_highlights + 1))}"


def multiple_sections(draft: str, *, section_spliter: str, num_sections: int) -> str:
    texts = statements(draft, num_sections)
    return "\n\n".join(f"{section_spliter} {number}\n{text}." for number, text in enumerate(texts, start=1))


def json_format(draft: str) -> str:
    return f"```json\n{json.dumps({'answer': draft}, ensure_ascii=False)}\n```"


def title(draft: str) -> str:
    return f"<<{' '.join(draft.split()[:3])}>>\n{draft}"


def two_responses(draft: str) -> str:
    one, other = statements(draft.replace("*", ""), 2)
    return f"{one}.\n******\nOr else: {other}."


def repeat_prompt(draft: str, *, prompt_to_repeat: str) -> str:
    return f"{prompt_to_repeat}\n{draft}"


def end_checker(draft: str, *, end_phrase: str) -> str:
    return f"{draft} {end_phrase}"


def quotation(draft: str) -> str:
    return f'"{draft}"'


def capital_word_frequency(draft: str, *, capital_relation: str, capital_frequency: int) -> str:
    if capital_relation == "less than":
        return draft.lower()
    return f"{draft} {' '.join(['NOTE'] * capital_frequency)}"


def english_capital(draft: str) -> str:
    return draft.upper()


def english_lowercase(draft: str) -> str:
    return draft.lower()


def no_comma(draft: str) -> str:
    return draft.replace(",", "")


CRAFTS: Mapping[str, Craft] = {
    "keywords:existence": existence,
    "keywords:frequency": frequency,
    "keywords:forbidden_words": forbidden_words,
    "keywords:letter_frequency": letter_frequency,
    "language:response_language": response_language,
    "length_constraints:number_sentences": number_sentences,
    "length_constraints:number_paragraphs": number_paragraphs,
    "length_constraints:number_words": number_words,
    "length_constraints:nth_paragraph_first_word": nth_paragraph_first_word,
    "detectable_content:number_placeholders": number_placeholders,
    "detectable_content:postscript": postscript,
    "detectable_format:number_bullet_lists": number_bullet_lists,
    "detectable_format:constrained_response": constrained_response,
    "detectable_format:number_highlighted_sections": number_highlighted_sections,
    "detectable_format:multiple_sections": multiple_sections,
    "detectable_format:json_format": json_format,
    "detectable_format:title": title,
    "combination:two_responses": two_responses,
    "combination:repeat_prompt": repeat_prompt,
    "startend:end_checker": end_checker,
    "startend:quotation": quotation,
    "change_case:capital_word_frequency": capital_word_frequency,
    "change_case:english_capital": english_capital,
    "change_case:english_lowercase": english_lowercase,
    "punctuation:no_comma": no_comma,
}
