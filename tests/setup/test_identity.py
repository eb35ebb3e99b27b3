"""What makes two runs the same run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import dspy
import pytest

from dspy_gepa import GEPA
from dspy_gepa.setup.data import Data
from dspy_gepa.setup.prepare import prepare
from tests.support import TwoHops, is_right, knows_words, scripted_lm, word_rows

ROWS = word_rows(4)
SECRET = "sk-this-is-a-secret"


def identity(
    student: dspy.Module | None = None,
    *,
    rows: Sequence[dspy.Example] = ROWS,
    lm: dspy.LM | None = None,
    **changes: Any,
) -> dict[str, Any]:
    chosen: dict[str, Any] = {
        "strategy": "paper",
        "max_metric_calls": 99,
        "reflection_lm": dspy.LM("openai/reflector", temperature=1.0, max_tokens=32_000),
    }
    with dspy.context(lm=lm or scripted_lm(knows_words)):
        settings, _ = prepare(
            GEPA(is_right, **chosen | changes).options,
            student or TwoHops(),
            Data.read(rows, word_rows(2, start=50)),
        )
    return dict(settings.identity)


def test_an_identity_is_data_that_survives_json() -> None:
    assert json.loads(json.dumps(identity())) == identity()


def test_neither_keys_nor_headers_nor_rows_are_in_it() -> None:
    student = TwoHops()
    student.b.lm = dspy.LM("openai/own", api_key=SECRET, api_base=f"https://{SECRET}.example")
    student.b.config = {"temperature": 0.5, "api_key": SECRET}
    reflector = dspy.LM("openai/reflector", api_key=SECRET, extra_headers={"X-Token": SECRET})
    text = json.dumps(identity(student, reflection_lm=reflector))
    assert SECRET not in text
    assert "needs w0" not in text
    assert "openai/own" in text


def test_where_a_model_is_served_makes_no_difference() -> None:
    here, there = (
        dspy.LM("openai/reflector", api_base=f"http://localhost:{port}", api_key="k") for port in (1, 2)
    )
    assert identity(reflection_lm=here) == identity(reflection_lm=there)


@pytest.mark.parametrize("option", [{"temperature": 0.3}, {"max_tokens": 100}, {"top_p": 0.5}])
def test_sampling_parameters_of_a_model_make_a_difference(option: dict[str, Any]) -> None:
    assert (
        identity(reflection_lm=dspy.LM("openai/reflector", **option))["reflection model"]
        != identity(reflection_lm=dspy.LM("openai/reflector"))["reflection model"]
    )


def test_models_are_shown_per_predictor_where_they_differ() -> None:
    student = TwoHops()
    student.a.lm = scripted_lm(knows_words, "scripted/own")
    assert identity()["task model"] == "scripted/task"
    assert identity(student)["task model"] == {"a": "scripted/own", "b": "scripted/task"}


def test_swapping_two_predictors_models_makes_a_difference() -> None:
    one, other = TwoHops(), TwoHops()
    one.a.lm = other.b.lm = scripted_lm(knows_words, "scripted/x")
    one.b.lm = other.a.lm = scripted_lm(knows_words, "scripted/y")
    assert identity(one) != identity(other)


def test_the_settings_of_a_predictor_make_a_difference() -> None:
    student = TwoHops()
    student.b = dspy.Predict("question, hint -> answer", temperature=0.9)
    assert identity(student)["program"] != identity()["program"]


def test_a_row_with_broken_text_has_an_identity() -> None:
    row = dspy.Example(question="half a pair \ud800", answer="x").with_inputs("question")
    assert identity(rows=[row])["train rows"].startswith("1 row, ")


def test_other_kinds_of_text_and_other_frozen_names_make_a_difference() -> None:
    chosen: list[dict[str, Any]] = [
        {"optimize": ["instructions"]},
        {"optimize": ["fields"]},
        {"optimize": ["instructions", "fields"]},
        {"optimize": ["instructions", "fields"], "freeze": ["a/fields/*"]},
    ]
    assert len({json.dumps(identity(**options)) for options in chosen}) == 4
