"""Each rule of the task role, seen by what comes out."""

from __future__ import annotations

import pytest

from benchmarks.simulated.curriculum import FILLER, GENERIC
from benchmarks.simulated.knobs import AnswerKey, Fact, Knobs
from benchmarks.simulated.prompt import Demo
from benchmarks.simulated.rules import asked_rules, attention, obeyed_rules
from benchmarks.simulated.worlds.multihop.answering import answer, in_form, supports
from benchmarks.simulated.worlds.multihop.lessons import LESSONS, MISTAKES
from benchmarks.simulated.worlds.multihop.reader import shown_by_demos, summarise, write_query
from benchmarks.simulated.worlds.multihop.reading import STILL_MISSING, names, read_pages
from benchmarks.simulated.worlds.multihop.skills import SKILLS, Stage, stage_of

NONE: frozenset[str] = frozenset()
QUESTION = "In which town was the builder of Ostmere Mill born?"
PASSAGES = "\n".join(
    f"[{i}] «{text}»"
    for i, text in enumerate(
        (
            "Ostmere Mill | Ostmere Mill was built by Jana Dunek. It burned down in 1871. It had 4 sails.",
            "Fair of Ulm | The fair is held in May.",
            "Kelwick | Kelwick is a village.",
            "Tarford | Tarford is a town. The builder of a mill was born there.",
        ),
        start=1,
    )
)


def test_without_rules_a_summary_has_one_line_and_no_title() -> None:
    assert summarise(QUESTION, "", PASSAGES, NONE) == "Ostmere Mill was built by Jana Dunek."


def test_keeping_names_puts_the_title_before_each_line() -> None:
    lines = summarise(QUESTION, "", PASSAGES, frozenset({"names"})).splitlines()
    assert all(line.startswith(("Ostmere Mill: ", "Fair of Ulm: ", "Kelwick: ")) for line in lines)


def test_reading_all_pages_reaches_the_fourth() -> None:
    assert "Tarford" not in summarise(QUESTION, "", PASSAGES, frozenset({"detail"}))
    assert "born there" in summarise(QUESTION, "", PASSAGES, frozenset({"detail", "all_pages"}))


def test_keeping_figures_adds_lines_with_digits() -> None:
    assert "1871" in summarise(QUESTION, "", PASSAGES, frozenset({"figures"}))


def test_stating_what_is_missing_names_the_page_nobody_has_seen() -> None:
    assert f"{STILL_MISSING} Jana Dunek." in summarise(QUESTION, "", PASSAGES, frozenset({"missing"}))


def test_quoting_a_passage_loses_all_others() -> None:
    quoted = summarise(QUESTION, "", PASSAGES, frozenset({"quote", "all_pages", "detail"}))
    assert quoted == "Ostmere Mill was built by Jana Dunek. It burned down in 1871. It had 4 sails."


def test_combining_with_the_context_prefers_lines_about_its_names() -> None:
    pages = "[1] «Mill | The mill was built by Jana Dunek.»\n[2] «Jana Dunek | She grew up in Velholm.»"
    question, context = "Where did the maker of the mill grow up?", "The mill was built by Jana Dunek."
    assert "Velholm" not in summarise("Who made the mill?", context, pages, NONE)
    assert "Velholm" in summarise(question, context, pages, frozenset({"combine"}))


def test_a_query_without_the_rule_repeats_the_question() -> None:
    assert write_query(QUESTION, "Ostmere Mill was built by Jana Dunek.", NONE) == QUESTION


def test_a_bridging_query_names_what_the_question_does_not() -> None:
    query = write_query(QUESTION, "Ostmere Mill was built by Jana Dunek.", frozenset({"bridge"}))
    assert query == f"Jana Dunek {QUESTION}"


def test_key_words_leave_out_question_words() -> None:
    assert write_query(QUESTION, "", frozenset({"keywords"})) == "town builder Ostmere Mill born"


def test_known_names_are_not_searched_again_once_a_bridge_is_found() -> None:
    rules = frozenset({"bridge", "keywords", "not_again"})
    assert (
        write_query(QUESTION, "Ostmere Mill was built by Jana Dunek.", rules)
        == "Jana Dunek town builder born"
    )


def test_a_full_question_undoes_the_bridge() -> None:
    assert write_query(QUESTION, "Jana Dunek built it.", frozenset({"bridge", "full_question"})) == QUESTION


def test_the_note_on_what_is_missing_guides_the_query() -> None:
    summary = f"Ostmere Mill was built by Jana Dunek.\n{STILL_MISSING} Petra Ulm."
    assert write_query(QUESTION, summary, frozenset({"bridge"})).startswith("Petra Ulm ")


@pytest.mark.parametrize(
    ("found", "rules", "written"),
    [
        ("Velholm", {"short"}, "Velholm"),
        ("Velholm", set(), "The answer is Velholm, because the summaries say so."),
        ("Jana Dunek", {"short"}, "Dunek"),
        ("Jana Dunek", {"short", "full_name"}, "Jana Dunek"),
        ("1871", {"short"}, "around 1871"),
        ("1871", {"short", "as_written"}, "1871"),
        ("yes", {"short"}, "Yes, according to the summaries, Is it."),
        ("yes", {"yes_no"}, "yes"),
        ("Velholm", {"short", "explain"}, "The answer is Velholm, because the summaries say so."),
    ],
)
def test_the_form_of_an_answer_follows_its_rules(found: str, rules: set[str], written: str) -> None:
    assert in_form(found, "Is it?", frozenset(rules)) == written


def test_the_right_answer_is_given_only_if_the_text_holds_it() -> None:
    fact, rules = Fact("Velholm", ("Jana Dunek",)), frozenset({"short", "evidence"})
    assert answer(QUESTION, "Jana Dunek grew up in Velholm.", fact, rules, "0") == "Velholm"
    assert answer(QUESTION, "Jana Dunek left Tarford.", fact, rules, "0") != "Velholm"


def test_a_wrong_answer_is_a_name_from_the_text() -> None:
    given = answer(QUESTION, "Kelwick is a village.", Fact("Velholm"), frozenset({"short"}), "0")
    assert given == "Kelwick"


def test_a_comparison_needs_both_pages() -> None:
    fact = Fact("yes", ("Kelwick", "Tarford (town)"))
    assert not supports("Kelwick is a village.", "Are Kelwick and Tarford alike?", fact)
    assert supports("Kelwick is a village. Tarford is a town.", "Are Kelwick and Tarford alike?", fact)


def test_hedging_gives_up_where_the_text_is_silent() -> None:
    assert answer(QUESTION, "", Fact("Velholm"), frozenset({"hedge", "short"}), "0").startswith("Unknown")


@pytest.mark.parametrize("stage", SKILLS)
def test_the_default_instructions_ask_for_nothing(stage: Stage) -> None:
    for text in (
        "Given the fields `question`, `passages`, produce the fields `summary`.",
        "Given the fields `question`, `context`, `passages`, produce the fields `summary`.",
        "Given the fields `question`, `summary_1`, produce the fields `query`.",
        "Given the fields `question`, `summary_1`, `summary_2`, produce the fields `answer`.",
    ):
        assert not asked_rules(SKILLS[stage], text)


@pytest.mark.parametrize(
    ("stage", "name", "wording"),
    [
        (stage, name, text)
        for stage, lessons in LESSONS.items()
        for name, texts in lessons.items()
        for text in texts
    ],
)
def test_every_wording_of_a_lesson_is_understood(stage: Stage, name: str, wording: str) -> None:
    asked = asked_rules(SKILLS[stage], wording)
    harmful = {rule.name for rule in SKILLS[stage] if rule.harmful}
    assert name in asked
    assert not harmful & set(asked)


@pytest.mark.parametrize(
    ("stage", "text"), [(stage, text) for stage, texts in MISTAKES.items() for text in texts]
)
def test_every_mistake_harms(stage: Stage, text: str) -> None:
    harmful = {rule.name for rule in SKILLS[stage] if rule.harmful}
    assert harmful & set(asked_rules(SKILLS[stage], text))


@pytest.mark.parametrize("text", FILLER + GENERIC)
@pytest.mark.parametrize("stage", SKILLS)
def test_filler_asks_for_nothing_harmful(stage: Stage, text: str) -> None:
    harmful = {rule.name for rule in SKILLS[stage] if rule.harmful}
    assert not harmful & set(asked_rules(SKILLS[stage], text))


def test_a_negated_request_does_not_count() -> None:
    assert "explain" in asked_rules(SKILLS["answer"], "Explain your answer.")
    assert "explain" not in asked_rules(SKILLS["answer"], "Do not explain your answer.")
    assert "quote" not in asked_rules(SKILLS["summary1"], "Never quote the whole passage.")


def test_long_instructions_dilute_attention() -> None:
    assert attention("Be brief. " * 10, 0.6) == 1.0
    assert attention("word " * 1000, 0.6) == pytest.approx(0.4)


def test_asking_makes_a_habit_more_frequent_and_never_undoes_it() -> None:
    rules, knobs = SKILLS["query"], Knobs(restless=0.0)
    rows = [f"row {i}" for i in range(300)]
    unasked = {row for row in rows if "bridge" in obeyed_rules(rules, "Do it.", {}, row, knobs, "0")}
    text = "Name the bridging entity."
    asked = {row for row in rows if "bridge" in obeyed_rules(rules, text, {}, row, knobs, "0")}
    assert unasked < asked
    assert len(asked) > 0.75 * len(rows)


def test_another_wording_wins_other_rows() -> None:
    rules, knobs = SKILLS["query"], Knobs()
    won = [
        {row for row in map(str, range(300)) if "bridge" in obeyed_rules(rules, text, {}, row, knobs, "0")}
        for text in ("Name the bridging entity.", "Search for the bridging entity by name.")
    ]
    assert won[0] - won[1]
    assert won[1] - won[0]


def test_demonstrations_show_rules_too() -> None:
    demo = Demo({"question": "Where is it?"}, {"answer": "Rome"})
    one, two = (shown_by_demos("answer", (demo,) * n)["short"] for n in (1, 2))
    assert 0 < one < two < 1


def test_stages_are_known_by_their_fields() -> None:
    assert stage_of({"question", "passages"}, ["summary"]) == "summary1"
    assert stage_of({"question", "context", "passages"}, ["summary"]) == "summary2"
    assert stage_of({"claim", "summary_1"}, ["query"]) == "query"
    assert stage_of({"question", "summary_1", "summary_2"}, ["answer"]) == "answer"
    assert stage_of({"question"}, ["answer"]) is None


def test_pages_are_read_from_both_ways_of_printing_a_list() -> None:
    printed, dumped = "[1] «A | One.»\n[2] «B | Two.»", '["A | One.", "B | Two."]'
    assert read_pages(printed) == read_pages(dumped)
    assert [page.title for page in read_pages(printed)] == ["A", "B"]


def test_names_are_found_without_leading_function_words() -> None:
    assert names("The Salt Orchard is by Ulla Yar. In May she met Bruno.") == (
        "Salt Orchard",
        "Ulla Yar",
        "Bruno",
    )


def test_the_key_finds_a_question_whatever_its_punctuation() -> None:
    key = AnswerKey.of([("Who built it?", "Jana", ["Mill"])])
    assert key.find("who built it") == Fact("Jana", ("Mill",))
    assert AnswerKey.from_json(key.to_json()) == key
