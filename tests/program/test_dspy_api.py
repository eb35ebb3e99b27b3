"""Private names of DSPy, and what takes their place where a release has none."""

from __future__ import annotations

import importlib
import subprocess
import sys
from contextlib import suppress
from types import ModuleType
from typing import Any

import dspy
import pytest

from dspy_gepa.program import dspy_api
from dspy_gepa.testing import ScriptedLM
from tests.support import SINCE_3_5, scripted_lm

PRIVATE = (
    *("dspy.predict.parameter", "dspy.clients.model_metadata", "dspy.predict.flex.primitives_doc"),
    "dspy.experimental",
)
TWICE = "class M(dspy.Module):\n    def forward(self, n): return dspy.Prediction(twice=2 * n)"


@pytest.fixture
def without_private_names(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module as it is where DSPy has none of the private names that it imports."""
    spec = importlib.util.find_spec(dspy_api.__name__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with monkeypatch.context() as hidden:  # for this import only: DSPy itself needs them
        for name in PRIVATE:
            hidden.setitem(sys.modules, name, None)
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


def test_experimental_types_that_are_gone_leave_the_package_working(
    without_private_names: ModuleType,
) -> None:
    assert not isinstance("text", without_private_names.Citations)
    assert not isinstance("text", without_private_names.Document)


class Watch(dspy_api.BaseCallback):
    """Keeps the adapters that write prompts."""

    def __init__(self) -> None:
        self.adapters: list[Any] = []

    def on_adapter_format_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        self.adapters.append(instance)


@pytest.mark.parametrize("adapter", [None, dspy.JSONAdapter(), dspy.TwoStepAdapter(ScriptedLM("x"))])
def test_the_adapter_in_use_is_the_one_that_predictors_use(adapter: Any) -> None:
    watch = Watch()
    with dspy.context(lm=scripted_lm(lambda prompt: {"answer": "x"}), adapter=adapter, callbacks=[watch]):
        found = dspy_api.adapter_in_use()
        with suppress(Exception):  # the second step has no model
            dspy.Predict("question -> answer")(question="why?")
    used = watch.adapters[0]
    assert type(found) is type(used)
    assert found.use_native_function_calling == used.use_native_function_calling


def test_without_a_configured_adapter_it_is_the_default_of_the_release() -> None:
    assert type(dspy_api.adapter_in_use()) is (dspy.XMLAdapter if SINCE_3_5 else dspy.ChatAdapter)


def test_finding_the_default_adapter_leaves_no_trace_in_dspy() -> None:
    dspy_api._default_adapter.cache_clear()
    watch = Watch()
    before = len(dspy_api.GLOBAL_HISTORY)
    with dspy.track_usage() as usage, dspy.context(trace=[], callbacks=[watch]):
        dspy_api.adapter_in_use()
        assert dspy.settings.trace == []
    assert (watch.adapters, usage.get_total_tokens()) == ([], {})
    assert len(dspy_api.GLOBAL_HISTORY) == before


@pytest.mark.parametrize(
    ("version", "newer"),
    [(dspy_api.TESTED, False), ("3.4.0", False), ("3.4.2", True), ("3.5.0rc1", True), ("3.10.0.dev1", True)],
)
def test_a_newer_version_than_the_tested_one_is_noticed(
    version: str, newer: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dspy, "__version__", version)
    assert dspy_api.untested_version() == (version if newer else "")


def test_importing_the_optimizer_beside_a_newer_version_says_so_once() -> None:
    program = "import dspy; dspy.__version__ = '4.0.0'\nfrom dspy_gepa import GEPA\nimport dspy_gepa.gepa\n"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.count("4.0.0") == 1
    assert dspy_api.TESTED in done.stderr


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
