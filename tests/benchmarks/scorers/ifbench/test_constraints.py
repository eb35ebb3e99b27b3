"""The checkers: each on its cases, the loose rule, parameters, descriptions, and what the text tools see."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.scorers.ifbench import (
    CONSTRAINTS,
    IFEVAL,
    IFTRAIN,
    TEST,
    check,
    check_loosely,
    describe,
    variants,
)
from benchmarks.scorers.ifbench.cases import CASES, FOLLOWED, ODD, tried
from benchmarks.scorers.ifbench.cases.case import Cases
from benchmarks.scorers.ifbench.registry import compare
from benchmarks.scorers.ifbench.text import count_sentences, language, sentences, starts_with_verb, tokens
from benchmarks.scorers.ifbench.verify import verify


@pytest.mark.parametrize("id", CONSTRAINTS)
def test_a_checker_judges_its_cases_rightly(id: str) -> None:
    cases = CASES[id]
    judged = [(text[:80], check(id, text, cases.kwargs)) for text, _ in tried(id)]
    assert judged == [(text[:80], follows) for text, follows in tried(id)]


def test_every_constraint_of_the_three_sets_has_a_checker_and_cases() -> None:
    assert (len(TEST), len(IFEVAL), len(IFTRAIN)) == (58, 25, 29)
    assert set(CASES) == set(CONSTRAINTS)
    assert set(FOLLOWED) <= set(CONSTRAINTS)


@pytest.mark.parametrize("id", CONSTRAINTS)
def test_every_checker_has_cases_on_both_sides(id: str) -> None:
    assert len(CASES[id].follow) >= 2
    assert len(CASES[id].fail) >= 2
    assert not set(CASES[id].follow) & set(CASES[id].fail)


@pytest.mark.parametrize("id", CONSTRAINTS)
def test_a_blank_text_follows_nothing(id: str) -> None:
    assert not check(id, ODD["empty"], CASES[id].kwargs)
    assert not check_loosely(id, ODD["blank"], CASES[id].kwargs)


@pytest.mark.parametrize("id", CONSTRAINTS)
def test_what_follows_strictly_follows_loosely(id: str) -> None:
    cases = CASES[id]
    assert all(check_loosely(id, text, cases.kwargs) for text in cases.follow)


def test_the_loose_rule_tries_eight_texts() -> None:
    assert variants("first\n*one*\n*two*\nlast") == (
        "first\n*one*\n*two*\nlast",
        "*one*\n*two*\nlast",
        "first\n*one*\n*two*",
        "*one*\n*two*",
        "first\none\ntwo\nlast",
        "one\ntwo\nlast",
        "first\none\ntwo",
        "one\ntwo",
    )
    assert variants("one line") == ("one line", "")


@pytest.mark.parametrize(
    ("text", "follows"),
    [
        ("Here it is:\n7, 8", True),
        ("7, 8\nThat makes 2.", True),
        ("In 2 words:\n7, 8\nThat makes 2.", True),
        ("In 2 words: 7, 8\nThat makes 2.", False),
    ],
)
def test_the_loose_rule_forgives_a_first_and_a_last_line(text: str, follows: bool) -> None:
    assert check_loosely("count:numbers", text, {"N": 2}) is follows


def test_the_loose_rule_forgives_stars() -> None:
    assert not check("startend:quotation", '**"Yes"**', {})
    assert check_loosely("startend:quotation", '**"Yes"**', {})


def test_parameters_come_as_the_data_sets_write_them() -> None:
    row = {"N": 2.0, "keyword": None, "relation": None}
    assert check("count:numbers", "7 and 8", row)
    assert describe("count:numbers", row) == "The answer holds exactly 2 numbers."


@pytest.mark.parametrize("kwargs", [{}, {"N": None}, {"N": 2, "keyword": "tea"}])
def test_wrong_parameters_are_refused_by_name(kwargs: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"count:numbers takes the parameters \['n'\]"):
        check("count:numbers", "7 and 8", kwargs)


def test_an_unknown_constraint_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"Unknown constraint 'count:number'; .*: count:numbers"):
        check("count:number", "one", {})


def test_an_unknown_relation_is_refused() -> None:
    with pytest.raises(ValueError, match="'at least' or 'less than', got 'about'"):
        compare(1, "about", 2)


@pytest.mark.parametrize("id", CONSTRAINTS)
def test_a_description_tells_the_parameters_that_a_reader_needs(id: str) -> None:
    kwargs = CASES[id].kwargs
    words = describe(id, kwargs)
    told = {
        name: value for name, value in kwargs.items() if name not in ("prompt_to_repeat", "reference_text")
    }
    for value in told.values():
        for part in value if isinstance(value, list) else [value]:
            assert str(part) in words
    assert "{" not in words


def test_keywords_are_taken_by_their_letters_not_as_patterns() -> None:
    assert check("keywords:existence", "we use C++ here", {"keywords": ["c++"]})
    assert not check("keywords:frequency", "abc", {"keyword": "a.c", "relation": "at least", "frequency": 1})
    assert check("keywords:forbidden_words", "abc", {"forbidden_words": ["a.c"]})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Dr. Lane left. He ran!", ("Dr. Lane left.", "He ran!")),
        ("It is 3.5 km. See example.com now.", ("It is 3.5 km.", "See example.com now.")),
        ("Acme Inc. He left", ("Acme Inc", "He left")),
        ("The U.S. It grew", ("The U.S.", "It grew")),
        ("So... it was", ("So...", "it was")),
        ('He said "stop." Then he ran.', ('He said "stop".', "Then he ran.")),
        ("What?! No", ("What?", "!", "No")),
        ("A. B. Cole has a Ph.D. in it", ("A. B. Cole has a Ph.D. in it",)),
        ("one\ntwo", ("one two",)),
        ("", ()),
    ],
)
def test_sentences_end_at_marks_but_not_within_abbreviations(text: str, found: tuple[str, ...]) -> None:
    assert sentences(text) == found


def test_the_trained_model_counts_sentences_by_context() -> None:
    assert count_sentences("Dr. Lane left at 5 p.m. on Monday. He ran!") == 2


def test_tokens_part_punctuation_from_words() -> None:
    assert tokens("Can't stop (now).") == ("Ca", "n't", "stop", "(", "now", ")", ".")


def test_a_text_has_one_language() -> None:
    short = "taxi hotel radio"
    assert len({language(f"{short}{' ' * blanks}".strip()) for blanks in range(5)}) == 1
    assert language("12 34 ...") is None


@pytest.mark.parametrize("text", ["Run away.", "run away.", "  Walking helps."])
def test_a_verb_is_known_in_capitals_too(text: str) -> None:
    assert starts_with_verb(text)


def test_every_checker_is_tried_on_all_its_cases() -> None:
    reports = verify()
    assert [report.id for report in reports] == list(CONSTRAINTS)
    assert [report.count for report in reports] == [len(tried(id)) for id in CONSTRAINTS]
    assert not any(report.failures for report in reports)


def test_verification_names_a_case_that_is_judged_wrongly(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = Cases({"N": 2}, ("7 and 8", "no number"), ("1 2",))
    monkeypatch.setitem(CASES, "count:numbers", wrong)
    report = next(report for report in verify() if report.id == "count:numbers")
    assert report.failures == ("should follow: 'no number'", "should not follow: '1 2'")
