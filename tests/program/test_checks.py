"""Names: a choice by its name, and several names."""

from __future__ import annotations

import pytest

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.program.checks import pick, require_several


def test_a_choice_is_picked_by_name() -> None:
    assert pick("size", "small", {"small": 1, "large": 2}) == 1
    assert pick("size", None, {"small": 1}) is None


def test_an_unknown_choice_is_answered_with_the_near_one() -> None:
    with pytest.raises(ConfigurationError, match=r"size='smal' is not known\. Did you mean 'small'\?"):
        pick("size", "smal", {"small": 1, "large": 2})


@pytest.mark.parametrize("value", [None, "fields", {"fields": 1}, 3])
def test_several_names_are_a_collection(value: object) -> None:
    with pytest.raises(ConfigurationError, match="must be several names"):
        require_several("optimize", value, str, "names")


def test_the_one_value_of_another_type_is_named() -> None:
    require_several("optimize", ("fields", "tools"), str, "names")
    with pytest.raises(ConfigurationError, match="optimize holds 3"):
        require_several("optimize", ["fields", 3], str, "names")
