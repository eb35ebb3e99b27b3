"""`Text`, the text that a module holds."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import cloudpickle
import dspy
import pytest

from dspy_gepa import ConfigurationError, Text
from dspy_gepa.program.text import TEXTS_READ
from tests.support import scripted_lm


class Holder(dspy.Module):
    def __init__(self, text: str = "Be brief.") -> None:
        super().__init__()
        self.rules = Text(text, desc="house rules")
        self.many = [Text("one"), Text("two")]
        self.styles = {"warm": Text("Dear")}
        self.answer = dspy.Predict("rules, question -> answer")

    def forward(self, question: str) -> dspy.Prediction:
        return self.answer(rules=str(self.rules), question=question)


def test_its_text_is_its_value_and_what_str_and_f_strings_give() -> None:
    text = Text("Be brief.")
    assert (text.value, str(text), f"{text}") == ("Be brief.",) * 3


def test_reading_it_is_noted_and_looking_at_it_is_not() -> None:
    read, seen = Text("read"), Text("seen")
    with dspy.context(**{TEXTS_READ: (notes := [])}):
        assert repr(seen) == "Text('seen', desc='', kind='text')"
        assert seen.dump_state() == {"text": "seen"}
        assert f"{read}" == "read"
    assert str(seen) == "seen"
    assert notes == [read]


def test_dspy_finds_it_in_attributes_lists_and_dicts() -> None:
    names = [name for name, parameter in Holder().named_parameters() if isinstance(parameter, Text)]
    assert names == ["rules", "many[0]", "many[1]", "styles['warm']"]


@pytest.mark.parametrize(
    "duplicate",
    [
        copy.copy,
        copy.deepcopy,
        lambda text: pickle.loads(pickle.dumps(text)),
        lambda text: pickle.loads(cloudpickle.dumps(text)),
    ],
    ids=["copy", "deepcopy", "pickle", "cloudpickle"],
)
def test_copies_are_equal_and_apart(duplicate: Any) -> None:
    text = Text("x = 1", desc="numbers", kind="code")
    other = duplicate(text)
    assert (other.value, other.desc, other.kind) == ("x = 1", "numbers", "code")
    other.value = "x = 2"
    assert text.value == "x = 1"


def test_a_saved_program_keeps_its_texts(tmp_path: Path) -> None:
    Holder("Be kind.").save(tmp_path / "program.json")
    loaded = Holder()
    loaded.load(tmp_path / "program.json")
    assert loaded.rules.value == "Be kind."
    assert loaded.rules.desc == "house rules"


def test_a_program_saved_whole_keeps_its_texts(tmp_path: Path) -> None:
    program = dspy.Predict("question -> answer")
    program.note = Text("Be kind.")
    program.save(tmp_path / "program", save_program=True)
    assert dspy.load(str(tmp_path / "program"), allow_pickle=True).note.value == "Be kind."


def test_what_dspy_does_to_all_parameters_does_not_trip_over_texts() -> None:
    program = Holder()
    lm = scripted_lm(lambda prompt: {"answer": "x"})
    program.set_lm(lm)
    assert program.get_lm() is lm
    assert program.reset_copy().rules.value == "Be brief."
    assert len(program.named_predictors()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"value": 5}, r"Text\(value=5\) is int"),
        ({"value": "x", "desc": None}, r"Text\(desc=None\) is NoneType"),
        (
            {"value": "x", "kind": "python"},
            "Text\\(kind='python'\\) is not known. Known are: 'text' and 'code'",
        ),
    ],
)
def test_what_is_no_text_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Text(**arguments)


def test_a_text_that_is_not_written_yet_is_empty_until_it_is_set() -> None:
    text = Text(None, desc="house rules")
    assert text.is_missing
    assert (text.value, f"{text}", text.dump_state()) == ("", "", {"text": ""})
    text.value = "Be brief."
    assert not text.is_missing


def test_nobody_could_write_a_text_that_has_no_description() -> None:
    with pytest.raises(ConfigurationError, match="desc"):
        Text(None)
