"""Cases of IFEval's constraints."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.scorers.ifbench.cases.case import Cases, cases

_GERMAN = "Das ist eine kurze Antwort auf Deutsch, und die Leute sind draußen."
_ENGLISH = "this is a short answer, and the people are outside today"
_LEAST, _LESS = "at least", "less than"

CASES: Mapping[str, Cases] = {
    "keywords:existence": cases(
        ["tea and milk", "Teapots of MILK", "milk, tea."],
        ["tea", "te a milk", "coffee"],
        keywords=["tea", "milk"],
    ),
    "keywords:frequency": cases(
        ["tea and tea", "Tea teapot", "tea tea tea"],
        ["tea", "t e a", "coffee"],
        keyword="tea", relation=_LEAST, frequency=2,
    ),
    "keywords:forbidden_words": cases(
        ["coffee", "teapots", "steam"],
        ["tea", "Tea.", "no milk-jug", "a (MILK)"],
        forbidden_words=["tea", "milk"],
    ),
    "keywords:letter_frequency": cases(
        ["zz", "Zoo and zebra", "Pizza"],
        ["z", "zoo", "none"],
        letter="z", let_relation=_LEAST, let_frequency=2,
    ),
    "language:response_language": cases(
        [_GERMAN, _GERMAN.upper(), "123 456", "..."],
        [_ENGLISH, "Ceci est une réponse courte écrite en français.", "これは日本語です。"],
        language="de",
    ),
    "length_constraints:number_sentences": cases(
        ["One is here. Two is here.", "Dr. Lane left. He was late.", "What? Yes! Fine."],
        ["One is here.", "Dr. Lane left.", "one, two; three"],
        relation=_LEAST, num_sentences=2,
    ),
    "length_constraints:number_paragraphs": cases(
        ["a\n***\nb", "a *** b", "***\na\n***\nb\n***"],
        ["a\n\nb", "a\n***\nb\n***\nc", "a ****** b", "a"],
        num_paragraphs=2,
    ),
    "length_constraints:number_words": cases(
        ["one two", "one", "one-two"],
        ["one two three", "one-two three", "don't go"],
        relation=_LESS, num_words=3,
    ),
    "length_constraints:nth_paragraph_first_word": cases(
        ["One.\n\nTea is hot.", "One.\n\n'TEA', they say", "One\n\ntea.\n\n"],
        ["Tea.\n\nOne.", "One.\n\nTeas are hot.", "One.\n\nTea.\n\nThree.", "One.\nTea."],
        num_paragraphs=2, nth_paragraph=2, first_word="tea",
    ),
    "detectable_content:number_placeholders": cases(
        ["[name] of [place]", "[a][b]", "[[a] and [b]"],
        ["[name]", "[a\nb] [c", "(a) (b)", "] [ ] ["],
        num_placeholders=2,
    ),
    "detectable_content:postscript": cases(
        ["Bye.\nP.S. Write", "p. s. write", "Bye P.S. now"],
        ["PS: write", "P.P. write", "postscript"],
        postscript_marker="P.S.",
    ),
    "detectable_format:number_bullet_lists": cases(
        ["* a\n* b", "- a\n  - b", "* a\n- b\ntext", "*\na\n* b"],
        ["* a", "* a\n* b\n* c", "** a\n** b", "1. a\n2. b", "*\n* b"],
        num_bullets=2,
    ),
    "detectable_format:constrained_response": cases(
        ["My answer is yes.", "Well. My answer is no. Bye", "My answer is maybe."],
        ["my answer is yes.", "My answer is yes", "Yes."],
    ),
    "detectable_format:number_highlighted_sections": cases(
        ["*one* and *two*", "**one** **two**", "*one* **two**"],
        ["*one*", "**one**", "one", "* *", "*one\ntwo*"],
        num_highlights=2,
    ),
    "detectable_format:multiple_sections": cases(
        ["SECTION 1 a SECTION 2 b", "SECTION1 SECTION2 SECTION3", "x\nSECTION 1\nSECTION 1"],
        ["SECTION 1", "Section 1 Section 2", "SECTION one SECTION two"],
        section_spliter="SECTION", num_sections=2,
    ),
    "detectable_format:json_format": cases(
        ['{"a": 1}', '```json\n{"a": [1]}\n```', "```\n[]\n```", "42", ' "text" '],
        ["{a: 1}", 'Here: {"a": 1}', '{"a": 1} end', "[" * 5000],
    ),
    "detectable_format:title": cases(
        ["<<Sea>>\ntext", "text <<a b>>", "<<<Sea>>>"],
        ["<Sea>", "<<>>", "<< >>", "<<Sea\n>>", ">>Sea<<"],
    ),
    "combination:two_responses": cases(
        ["a\n******\nb", "******a******b******", "a ****** b"],
        ["a ****** a", "a *** b", "a ****** b ****** c", "a ****** ****** b", "a ******"],
    ),
    "combination:repeat_prompt": cases(
        ["Write a poem.\nHere it is.", "write A poem.", "  Write a poem. Sea!"],
        ["Here: Write a poem.", "Write a  poem.", "Write a poem"],
        prompt_to_repeat="Write a poem.",
    ),
    "startend:end_checker": cases(
        ["Well. Any questions?", '"Any questions?"', "ANY QUESTIONS?  \n"],
        ["Any questions? No.", "Any questions", "questions?"],
        end_phrase="Any questions?",
    ),
    "startend:quotation": cases(
        ['"Yes"', ' "a "b" c" \n', '""'],
        ['"Yes', 'Yes"', '"', '"Yes".', "\u201cYes\u201d"],
    ),
    "change_case:capital_word_frequency": cases(
        ["NOTE this NOW", "A B", "NOTE! NOW?", "IT-IS A"],
        ["NOTE this", "Note Now", "none"],
        capital_relation=_LEAST, capital_frequency=2,
    ),
    "change_case:english_capital": cases(
        [_ENGLISH.upper(), f"{_ENGLISH.upper()} 123!"],
        [_ENGLISH, _GERMAN.upper(), _ENGLISH.title(), "123"],
    ),
    "change_case:english_lowercase": cases(
        [_ENGLISH, f"{_ENGLISH} 123!"],
        [_ENGLISH.upper(), _GERMAN.lower(), _ENGLISH.capitalize(), "123"],
    ),
    "punctuation:no_comma": cases(
        ["one two", "one; two.", "one\uff0ctwo"],
        ["one, two", ",", "1,000"],
    ),
}  # fmt: skip
