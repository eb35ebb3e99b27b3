"""The bundled world: the same for a seed, consistent, and hard to search in one hop."""

from __future__ import annotations

from benchmarks.simulated.text import holds
from benchmarks.simulated.worlds.multihop.world import build_world
from benchmarks.tasks import load


def test_the_same_seed_gives_the_same_world() -> None:
    assert build_world(3) == build_world(3)
    assert build_world(3) != build_world(4)


def test_it_has_the_declared_size() -> None:
    world = build_world()
    assert len(world.articles) == 240
    assert len(world.questions) == len({question.text for question in world.questions}) == 300
    assert all(2 <= len(article.sentences) <= 5 for article in world.articles)


def test_titles_are_unique_and_support_stands_on_its_page() -> None:
    world = build_world()
    texts = {article.title: article.text for article in world.articles}
    assert len(texts) == len(world.articles)
    for question in world.questions:
        assert len(question.support) == 2
        assert all(sentence in texts[title] for title, sentence in question.support)


def test_bridge_answers_stand_on_the_second_page() -> None:
    for question in build_world().questions:
        if question.answer not in ("yes", "no") and not holds(question.text, question.answer):
            assert holds(question.support[1][1], question.answer)


def test_comparisons_have_both_answers() -> None:
    answers = [question.answer for question in build_world().questions]
    assert answers.count("yes") >= 3
    assert answers.count("no") >= 10


def test_the_first_search_finds_the_first_page_and_mostly_misses_the_second() -> None:
    task = load("bundled")
    retriever = task.program().retriever
    first = second = 0
    bridges = [
        row
        for row in task.train + task.val
        if row.answer not in ("yes", "no") and row.answer not in row.question
    ]
    for row in bridges:
        found = [passage.partition(" | ")[0] for passage in retriever.search(row.question, 7)]
        first += row.gold_titles[0] in found
        second += row.gold_titles[1] in found
    assert first > 0.9 * len(bridges)
    assert second < 0.3 * len(bridges)
