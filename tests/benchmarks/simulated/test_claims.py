"""Claims: what a reader remembers of pages without a text, and queries that do not go back to pages found."""

from __future__ import annotations

from benchmarks.simulated.knobs import Fact
from benchmarks.simulated.worlds.multihop.reader import summarise, write_query
from benchmarks.simulated.worlds.multihop.reading import STILL_MISSING, read_pages
from benchmarks.simulated.worlds.multihop.recall import recall

CLAIM = "The painter of Harbour at Dusk was born in Velmere."
FACT = Fact("", ("Harbour at Dusk", "Ilse Maran", "Velmere"))
ALL = frozenset({"names", "missing", "bridge", "keywords", "all_pages", "detail"})


def listed(*passages: str) -> str:
    return "\n".join(f"[{i}] «{text}»" for i, text in enumerate(passages, start=1))


def test_a_page_with_a_title_alone_is_read_as_such() -> None:
    (page, other) = read_pages(listed("Harbour at Dusk | ", "Kelwick | A village."))
    assert (page.title, page.lines) == ("Harbour at Dusk", ())
    assert (other.title, other.lines) == ("Kelwick", ("A village.",))


def test_a_page_of_the_claim_recalls_another_one_that_was_not_found() -> None:
    (page, _) = read_pages(recall(CLAIM, listed("Harbour at Dusk | ", "Velmere | A town."), FACT))
    assert page.lines == ("It is connected with Ilse Maran.",)


def test_any_other_page_recalls_nothing_of_use() -> None:
    (page,) = read_pages(recall(CLAIM, listed("Kelwick | "), FACT))
    assert not any(title in " ".join(page.lines) for title in FACT.titles)


def test_texts_that_are_there_are_left_alone() -> None:
    passages = listed("Harbour at Dusk | A painting.", "Kelwick | A village.")
    assert recall(CLAIM, passages, FACT) == passages
    (page, _) = read_pages(recall(CLAIM, listed("Harbour at Dusk | A painting.", "Kelwick | "), FACT))
    assert page.lines == ("A painting.",)


def test_without_a_key_nothing_is_recalled() -> None:
    (page,) = read_pages(recall(CLAIM, listed("Harbour at Dusk | "), None))
    assert "connected" not in " ".join(page.lines)


def test_what_is_recalled_leads_the_next_search() -> None:
    passages = recall(CLAIM, listed("Harbour at Dusk | ", "Velmere | A town."), FACT)
    summary = summarise(CLAIM, "", passages, ALL, knows_parts=True)
    assert f"{STILL_MISSING} Ilse Maran." in summary
    assert write_query(CLAIM, summary, ALL, ["Harbour at Dusk"]).startswith("Ilse Maran")


def test_a_part_of_a_title_that_was_found_is_not_searched_for() -> None:
    summary = "Ages of Consent: It is connected with Ilse Maran."
    assert write_query(CLAIM, summary, ALL).startswith("Ages")
    assert write_query(CLAIM, summary, ALL, ["Ages of Consent"]).startswith("Ilse Maran")


def test_a_note_on_a_page_found_since_is_passed_over() -> None:
    summary = f"It is connected with Velmere Town.\n{STILL_MISSING} Ilse Maran."
    assert write_query("Is it so?", summary, ALL).startswith("Ilse Maran")
    assert write_query("Is it so?", summary, ALL, ["Ilse Maran"]).startswith("Velmere Town")
