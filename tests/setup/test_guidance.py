"""Reading the guidance of a run: by component, from skills, within bounds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dspy_gepa import ConfigurationError
from dspy_gepa.program.checks import require_several
from dspy_gepa.reflection.settings import ReflectionSettings
from dspy_gepa.setup.guidance import MOST_CHARS, SKILL_CHARS, read_guidance

NAMES = ["answer", "search.query", "tools[0]"]
SKILL = """---
name: triage
description: >-
  How urgency is judged.
  Use for tickets.
license: MIT
---
# Triage

Only outages are high.
"""


def guided(guidance: Any = None, skills: Any = ()) -> dict[str, str]:
    found = ReflectionSettings("", guidance=read_guidance(guidance, skills, NAMES))
    return {name: found.guidance_for(name) for name in NAMES}


def skill_at(folder: Path, text: str = SKILL) -> Path:
    folder.mkdir(parents=True)
    (folder / "SKILL.md").write_text(text, encoding="utf-8")
    return folder


def test_one_text_holds_for_every_component() -> None:
    assert set(guided(" Be plain. ").values()) == {"Be plain."}
    assert read_guidance(None, [], NAMES) == {}
    assert read_guidance("  ", [], NAMES) == {}


def test_texts_by_component_hold_for_those_that_they_name() -> None:
    found = guided({"*": "Be plain.", "search.*": "Ask short questions.", "tools[0]": "One line."})
    assert found == {
        "answer": "Be plain.",
        "search.query": "Be plain.\n\nAsk short questions.",
        "tools[0]": "Be plain.\n\nOne line.",
    }


def test_an_unknown_component_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"'anser'.*Did you mean 'answer'\?.*search\.query"):
        read_guidance({"anser": "Be plain."}, [], NAMES)


def test_a_skill_is_shown_by_name_description_and_body(tmp_path: Path) -> None:
    expected = (
        "# Skill: triage\n\nHow urgency is judged. Use for tickets.\n\n# Triage\n\nOnly outages are high."
    )
    folder = skill_at(tmp_path / "one")
    for given in (SKILL, SKILL.replace("\n", "\r\n"), folder, str(folder), folder / "SKILL.md", tmp_path):
        assert guided(skills=[given])["answer"] == expected


def test_a_skill_without_a_head_has_the_name_of_its_file_or_folder(tmp_path: Path) -> None:
    note = tmp_path / "style.md"
    note.write_text("Write British English.", encoding="utf-8")
    folder = skill_at(tmp_path / "tone", "---\ndescription: 'Tone: warm'\n---\nBe kind.")
    found = guided("Be plain.", [note, folder, "Name no\ncustomer."])["answer"]
    assert found == (
        "Be plain.\n\n# Skill: style\n\nWrite British English.\n\n# Skill: tone\n\nTone: warm\n\nBe kind."
        "\n\n# Skill: skill\n\nName no\ncustomer."
    )


def test_all_skills_of_a_folder_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b", "a"):
        skill_at(tmp_path / name, f"The skill {name}.")
    found = guided(skills=[tmp_path])["answer"]
    assert found.index("The skill a.") < found.index("The skill b.")


def test_a_long_skill_is_cut_in_its_middle_and_a_warning_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = skill_at(tmp_path / "long", "begin " + "x" * 2 * SKILL_CHARS + " end")
    found = guided(skills=[folder])["answer"]
    assert len(found) < SKILL_CHARS + 100
    assert (found.count("begin"), found.endswith("end")) == (1, True)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert f"{SKILL_CHARS:,}" in caplog.text


def test_guidance_that_leaves_no_room_for_examples_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=f"'search.query' have {MOST_CHARS + 1:,} characters"):
        read_guidance({"search.query": "x" * (MOST_CHARS + 1)}, [], NAMES)
    assert len(guided("x" * MOST_CHARS)["answer"]) == MOST_CHARS


@pytest.mark.parametrize("given", ["missing/SKILL.md", "style.md", "./my skills/a", Path("missing")])
def test_a_path_to_nothing_is_refused(given: Any) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_guidance(None, [given], NAMES)


def test_a_folder_without_a_skill_and_a_file_that_is_no_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"has a SKILL\.md"):
        read_guidance(None, [tmp_path], NAMES)
    (tmp_path / "SKILL.md").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="UTF-8"):
        read_guidance(None, [tmp_path], NAMES)


@pytest.mark.parametrize("words", ["Be kind. " * 60, "x" * 300])
def test_a_long_line_is_the_text_of_a_skill(words: str) -> None:
    assert words.strip() in read_guidance(None, [words], ["a"])["*"]


@pytest.mark.parametrize("given", ["~nobody-here/SKILL.md", Path("x" * 300)])
def test_a_path_that_no_file_can_have_is_refused(given: Any) -> None:
    with pytest.raises(ConfigurationError, match="skills"):
        read_guidance(None, [given], ["a"])


@pytest.mark.parametrize("option", ["skills", "freeze", "keep"])
def test_names_that_can_be_read_only_once_are_refused(option: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"{option}=\[\.\.\.\]"):
        require_several(option, (text for text in ["a"]), str, "texts")
