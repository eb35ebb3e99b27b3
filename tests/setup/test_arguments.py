"""Calls that do not fit the signature: unknown, missing and unnamed arguments."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from dspy_gepa import GEPA, ConfigurationError
from dspy_gepa.setup.arguments import ArgumentError, check_arguments
from tests.support import is_right, learns_words, scripted_lm


@check_arguments
class Thing:
    def __init__(self, metric: object, *, max_calls: int = 1, seed: int = 0) -> None:
        self.made = (metric, max_calls, seed)


THING: Any = Thing  # type checkers refuse the calls below as well


def test_calls_that_fit_pass_through() -> None:
    assert Thing("m", max_calls=5).made == ("m", 5, 0)
    assert Thing(seed=2, metric="m").made == ("m", 1, 2)
    assert list(inspect.signature(Thing).parameters) == ["metric", "max_calls", "seed"]


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        (["m"], {"max_cals": 5}, r"no option 'max_cals'\. Did you mean 'max_calls'\?"),
        (["m"], {"zzz": 5}, "Known are: max_calls, metric, seed"),
        (["m"], {"self": 5}, "no option 'self'"),
        (["m"], {"num_trials": 5}, "max_metric_calls="),
        (["m"], {"reflection_prompt_template": "x"}, "guidance="),
        ([], {"max_calls": 5}, r"metric is missing: .*Write GEPA\(metric, "),
        (["m", "light"], {}, r"'light' is passed without a name.*GEPA\(metric, "),
        (["m"], {"metric": "m"}, r"metric is passed twice.*GEPA\(metric, "),
    ],
)
def test_a_call_that_does_not_fit_is_refused_with_the_remedy(
    arguments: list[Any], options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ArgumentError, match=words):
        THING(*arguments, **options)


def test_such_an_error_is_a_configuration_error_and_a_type_error() -> None:
    assert issubclass(ArgumentError, ConfigurationError)
    assert issubclass(ArgumentError, TypeError)


def test_an_unnamed_value_is_shown_shortened_and_without_keys() -> None:
    with pytest.raises(ArgumentError) as caught:
        THING("m", {"api_key": "sk-abcdefghijkl", "x": "y" * 5_000})
    assert "sk-abc" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_the_optimizer_names_a_missing_metric_and_an_unnamed_model() -> None:
    optimizer: Any = GEPA
    with pytest.raises(ArgumentError, match="metric is missing"):
        optimizer(max_metric_calls=10)
    with pytest.raises(ArgumentError, match="without a name"):
        optimizer(is_right, scripted_lm(learns_words), max_metric_calls=10)


def test_a_metric_that_is_none_is_refused_before_all_else_that_is_missing() -> None:
    optimizer: Any = GEPA
    with pytest.raises(ConfigurationError, match="metric=None is not callable"):
        optimizer(None)
