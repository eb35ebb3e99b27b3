"""Private names of DSPy, and what takes their place where a release has none."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

import dspy
import pytest

from dspy_gepa.program import dspy_api

PRIVATE = ("dspy.predict.parameter", "dspy.clients.model_metadata", "dspy.predict.flex.primitives_doc")
TWICE = "class M(dspy.Module):\n    def forward(self, n): return dspy.Prediction(twice=2 * n)"


@pytest.fixture
def without_private_names(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module as it is where DSPy has none of the private names that it imports."""
    for module in PRIVATE:
        monkeypatch.setitem(sys.modules, module, None)
    spec = importlib.util.find_spec(dspy_api.__name__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_parameter_class_is_found_without_its_module(without_private_names: ModuleType) -> None:
    assert without_private_names.Parameter is dspy_api.Parameter
    assert issubclass(dspy.Predict, dspy_api.Parameter)


def test_without_a_price_list_no_model_has_a_price(without_private_names: ModuleType) -> None:
    assert dspy_api.model_prices("openai/gpt-4o-mini")
    assert without_private_names.model_prices("openai/gpt-4o-mini") == {}


def test_primitives_of_flex_are_described_without_dspys_own_words(without_private_names: ModuleType) -> None:
    assert "dspy.Predict" in without_private_names.FLEX_PRIMITIVES


def test_the_default_adapter_is_the_one_that_predictors_use(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(dspy_api.adapter_in_use(), dspy.ChatAdapter)
    with dspy.context(adapter=dspy.JSONAdapter()):
        assert isinstance(dspy_api.adapter_in_use(), dspy.JSONAdapter)
    monkeypatch.setattr(dspy, "__version__", "3.5.0")
    assert isinstance(dspy_api.adapter_in_use(), dspy.XMLAdapter)


class Blind:
    """A Flex without private attributes."""

    def __init__(self, flex: dspy.Flex) -> None:
        self.flex, self.signature, self.lm = flex, flex.signature, flex.lm

    def load_state(self, state: dict[str, Any]) -> None:
        self.flex.load_state(state)
        self.lm = None


def test_a_flex_without_private_attributes_is_described_and_rewritten() -> None:
    flex = dspy.Flex("n: int -> twice: int")
    blind = Blind(flex)
    blind.lm = lm = dspy.LM("unused/model")
    described = dspy_api.describe_flex(blind)
    assert "n -> twice" in described
    assert dspy_api.FLEX_PRIMITIVES in described
    dspy_api.bind_flex_source(blind, TWICE)
    assert (flex.module_src, blind.lm) == (TWICE, lm)


def test_a_tool_is_listed_in_its_own_words_where_rlm_has_none() -> None:
    def look(word: str) -> str:
        """Look it up."""
        return word

    tool = dspy.Tool(look)
    assert "Look it up." in dspy_api.list_rlm_tool(dspy.RLM("q -> a", tools=[look]), tool)
    assert dspy_api.list_rlm_tool(object(), tool) == str(tool)


@pytest.mark.parametrize("value", [{"key": 1}, type("Some", (), {"key": 1})()])
def test_keys_and_attributes_are_read_alike(value: Any) -> None:
    assert dspy_api.read_key(value, "key") == 1
    assert dspy_api.read_key(value, "other") is None
