"""Earlier edits: which of them are shown, and how."""

from __future__ import annotations

from dspy_gepa.reflection.edit_history import Edit, most_informative, render_edits


def test_the_most_harmful_and_the_most_helpful_edits_are_shown_oldest_first() -> None:
    gains = [0.1, -0.3, 0.4, 0.0, -0.1, 0.2]
    assert [gains[place] for place in most_informative(gains, 4)] == [-0.3, 0.4, -0.1, 0.2]
    assert [gains[place] for place in most_informative(gains, 3)] == [-0.3, 0.4, -0.1]
    assert most_informative(gains, 6) == [0, 1, 2, 3, 4, 5]


def test_of_edits_without_difference_the_later_ones_are_shown_as_harmful() -> None:
    assert most_informative([0.0, 0.0, 1.0], 2) == [1, 2]


def test_edits_are_shown_as_lists_of_changes_of_bounded_length() -> None:
    shown = render_edits([Edit(("New.",), ("Old.",), "rejected: worse"), Edit(("More.",), (), "done")])
    assert shown == "Edit, rejected: worse:\n+ New.\n- Old.\n\nEdit, done:\n+ More."
    assert len(render_edits([Edit(("x" * 5000,), (), "done")], chars=300)) < 330
