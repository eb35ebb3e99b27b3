"""Options: documented in `help(GEPA)`, checked when they are set, and read anew by the next compile."""

from __future__ import annotations

import inspect
import pydoc
import re
import sys
from dataclasses import fields
from typing import Any

import dspy
import pytest

from dspy_gepa import GEPA, ConfigurationError, GEPAResult
from dspy_gepa.search.choices.acceptance import improves
from dspy_gepa.setup.options import Options
from tests.support import OneHop, is_right, knows_words, learns_words, scripted_lm, word_rows

NAMES = list(inspect.signature(GEPA.__init__).parameters)[1:]


def optimizer(**options: Any) -> GEPA:
    chosen = {"max_metric_calls": 40, "strategy": "paper", "track_stats": True} | options
    return GEPA(is_right, reflection_lm=scripted_lm(learns_words), **chosen)


def compiled(gepa: GEPA) -> GEPAResult:
    with dspy.context(lm=scripted_lm(knows_words)):
        rows = {"trainset": word_rows(9, components="b"), "valset": word_rows(6, components="b", start=50)}
        result = gepa.compile(OneHop(), **rows).detailed_results
    assert isinstance(result, GEPAResult)
    return result


# Documentation --------------------------------------------------------------------------------------------


# Since Python 3.13 pydoc writes the signatures of the class and of `__init__` with a line per parameter.
PARAMETER = re.compile(r""" \|      (\*|self|\w+: ['"].*),?$""")


def test_the_help_can_be_read_and_has_every_option_and_an_example() -> None:
    text = pydoc.render_doc(GEPA, renderer=pydoc.plaintext).splitlines()
    lines = [line for line in text if not PARAMETER.match(line)]
    # Python 3.13's pydoc writes ten lines more of the same help.
    assert len(lines) <= (150 if sys.version_info < (3, 13) else 165)
    documented = [found[1] for line in lines if (found := re.match(r" \|      (\w+): ", line))]
    assert documented[: len(NAMES)] == NAMES
    assert any(">>> " in line for line in lines)


def test_options_have_the_names_of_the_arguments_but_for_callbacks() -> None:
    names = ["listeners" if name == "callbacks" else name for name in NAMES]
    assert [field.name for field in fields(Options)] == names


# Setting an option later ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num_threads", -3),
        ("frontier_type", "nonsense"),
        ("max_metric_calls", "many"),
        ("max_metric_calls", None),
        ("strategy", "papers"),
        ("metric", lambda: 1.0),
        ("listeners", [3]),
        ("optimize", "fields"),
        ("track_stats", 1),
        ("gepa_kwargs", {"no_such_key": 1}),
        ("candidate_selection_strategy", "paretto"),
    ],
)
def test_an_option_that_is_set_later_is_checked_and_left_as_it_was(name: str, value: Any) -> None:
    gepa = optimizer()
    before = getattr(gepa, name)
    with pytest.raises(ConfigurationError, match=name if name not in ("listeners", "metric") else None):
        setattr(gepa, name, value)
    assert getattr(gepa, name) == before


def test_an_option_that_is_set_later_takes_effect_in_the_next_compile() -> None:
    gepa = optimizer()
    first = compiled(gepa)
    gepa.max_metric_calls = 20
    gepa.reflection_minibatch_size = 2
    second = compiled(gepa)
    assert first.total_metric_calls > 20 >= second.total_metric_calls
    assert {len(p.rows) for p in second.proposals if p.kind == "mutation"} == {2}


def test_gepa_kwargs_are_translated_whenever_they_are_set() -> None:
    gepa = optimizer(gepa_kwargs={"frontier_type": "hybrid"})
    assert gepa.frontier_type == "hybrid"
    gepa.gepa_kwargs = {"acceptance_criterion": "strict_improvement"}
    assert (gepa.frontier_type, gepa.acceptance) == ("instance", improves)
    gepa.gepa_kwargs = None
    assert gepa.acceptance is None


def test_the_attribute_callbacks_is_left_to_dspy() -> None:
    heard: list[Any] = []
    gepa = optimizer(callbacks=[heard.append])
    assert (gepa.callbacks, list(gepa.listeners)) == ([], [heard.append])
    gepa.callbacks = [object()]  # no event ever reaches it
    gepa.listeners = []
    compiled(gepa)
    assert heard == []


def test_other_attributes_are_those_of_any_object() -> None:
    gepa = optimizer()
    gepa.note = "mine"
    assert gepa.note == "mine"
    with pytest.raises(AttributeError, match="nothing"):
        _ = gepa.nothing
