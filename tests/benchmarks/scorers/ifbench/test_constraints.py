"""The checkers: each on its cases, the loose rule, parameters, descriptions, and what the text tools see."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.commands.checks.official import agreement
from benchmarks.scorers.ifbench import (
    CONSTRAINTS,
    IFEVAL,
    IFTRAIN,
    TEST,
    check,
    check_loosely,
    describe,
    follows_loosely,
    variants,
)
from benchmarks.scorers.ifbench.cases import CASES, FOLLOWED, ODD, tried
from benchmarks.scorers.ifbench.cases.case import Cases
from benchmarks.scorers.ifbench.registry import compare
from benchmarks.scorers.ifbench.text import count_sentences, language, sentences, starts_with_verb, tokens
from benchmarks.scorers.ifbench.verify import verify
from benchmarks.scorers.rules import RULES, Rules
from benchmarks.scorers.verdict import StopsError
from tests.benchmarks.support_constraints import KWARGS, following


@pytest.mark.parametrize("rules", RULES)
def test_the_verdicts_are_the_official_ones(rules: Rules) -> None:
    (check,) = agreement("ifbench", [rules])
    assert check.ok, check
    assert check.cases > 1000


@pytest.mark.parametrize("id", CASES)
def test_a_checker_without_official_verdicts_judges_its_cases_rightly(id: str) -> None:
    cases = CASES[id]
    judged = [(text[:80], check(id, text, cases.kwargs)) for text, _ in tried(id)]
    assert judged == [(text[:80], follows) for text, follows in tried(id)]


def test_every_constraint_of_the_three_sets_has_a_checker_and_verdicts_or_cases() -> None:
    assert (len(TEST), len(IFEVAL), len(IFTRAIN)) == (58, 25, 29)
    assert set(KWARGS) == set(CONSTRAINTS)
    assert set(FOLLOWED) <= set(CASES)


@pytest.mark.parametrize("id", CASES)
def test_every_checker_has_cases_on_both_sides(id: str) -> None:
    assert len(CASES[id].follow) >= 2
    assert len(CASES[id].fail) >= 2
    assert not set(CASES[id].follow) & set(CASES[id].fail)


@pytest.mark.parametrize("id", CONSTRAINTS)
def test_a_blank_text_follows_nothing(id: str) -> None:
    assert not check(id, ODD["empty"], KWARGS[id])
    assert not check_loosely(id, ODD["blank"], KWARGS[id])


@pytest.mark.parametrize("id", CONSTRAINTS)
def test_what_follows_strictly_follows_loosely(id: str) -> None:
    texts = following(id)
    assert texts or id == "custom:reverse_newline"
    assert all(check_loosely(id, text, KWARGS[id]) for text in texts)


@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize("id", [*TEST, *IFEVAL])
def test_odd_texts_are_judged_or_stop_the_checker_as_they_do_officially(id: str, rules: Rules) -> None:
    stops = 0
    for text in ODD.values():
        try:
            check(id, text, KWARGS[id], rules)
        except StopsError:
            stops += 1
            assert not follows_loosely(id, text, KWARGS[id], rules)
    assert rules == "paper" or stops == 0


def test_the_paper_scores_nothing_where_its_checker_raises_and_today_goes_on() -> None:
    with pytest.raises(StopsError, match="no word"):
        check("words:paragraph_last_first", "Tea is tea.\n---", {})
    assert check("words:paragraph_last_first", "Tea is tea.\n---", {}, "today")


def test_the_loose_rule_tries_eight_texts() -> None:
    assert variants("first\n*one*\n*two*\nlast") == (
        "first\n*one*\n*two*\nlast",
        "first\none\ntwo\nlast",
        "*one*\n*two*\nlast",
        "first\n*one*\n*two*",
        "*one*\n*two*",
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
def test_a_description_shows_the_parameters_that_a_reader_needs(id: str) -> None:
    kwargs = KWARGS[id]
    words = describe(id, kwargs)
    told = {
        name: value for name, value in kwargs.items() if name not in ("prompt_to_repeat", "reference_text")
    }
    for value in told.values():
        for part in value if isinstance(value, list) else [value]:
            assert str(part) in words
    assert "{" not in words


def test_keywords_of_ifeval_are_patterns_as_they_are_officially() -> None:
    assert check("keywords:frequency", "abc", {"keyword": "a.c", "relation": "at least", "frequency": 1})
    assert not check("keywords:forbidden_words", "abc", {"forbidden_words": ["a.c"]})
    with pytest.raises(StopsError, match="regular expression"):
        check("keywords:existence", "we use (C here", {"keywords": ["(c"]})


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
    assert sentences(text, "paper") == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("What?! No", ("What?!", "No")),
        ("So... it was", ("So... it was",)),
        ("Ok.Now it is", ("Ok.Now it is",)),
        ('He said "stop." Then he ran.', ('He said "stop."', "Then he ran.")),
    ],
)
def test_today_the_trained_model_finds_sentences(text: str, found: tuple[str, ...]) -> None:
    assert sentences(text, "today") == found


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
    assert [report.id for report in reports] == list(CASES)
    assert [report.count for report in reports] == [len(tried(id)) for id in CASES]
    assert not any(report.failures for report in reports)


def test_verification_names_a_case_that_is_judged_wrongly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CASES, "words:start_verb", Cases({}, ("Run away", "A sea"), ("Go",)))
    report = next(report for report in verify() if report.id == "words:start_verb")
    assert report.failures == ("should follow: 'A sea'", "should not follow: 'Go'")
