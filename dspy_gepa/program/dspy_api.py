"""The one place that depends on private or unstable names of DSPy, each with a fall-back.

A DSPy release that moves or drops one of these names costs the feature that needs it, never the import of the
package. Modules of this room use DSPy's documented names directly; the rooms above take its types from here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cache
from typing import Any

import dspy
from dspy import LM, Adapter, BaseLM, Example, Module, Prediction
from dspy.utils import BaseCallback

__all__ = [
    "FLEX_PRIMITIVES",
    "LM",
    "TESTED",
    "Adapter",
    "BaseCallback",
    "BaseLM",
    "Citations",
    "Document",
    "Example",
    "Module",
    "OneMessage",
    "Parameter",
    "Prediction",
    "UsageTracker",
    "adapter_in_use",
    "bind_flex_source",
    "describe_flex",
    "forget_call",
    "is_compiled",
    "list_rlm_tool",
    "model_prices",
    "read_key",
    "untested_version",
]

TESTED = "3.4.1"  # the DSPy with which all tests were run

try:
    from dspy.experimental import Citations, Document
except ImportError:  # types that are experimental no more are in DSPy's own namespace
    Citations = getattr(dspy, "Citations", type("Citations", (), {}))
    Document = getattr(dspy, "Document", type("Document", (), {}))

try:
    from dspy.predict.parameter import Parameter
except ImportError:  # `named_parameters` finds subclasses of this class only, and predictors are of it
    (Parameter,) = (base for base in dspy.Predict.__mro__ if base.__name__ == "Parameter")

with dspy.track_usage() as _tracker:  # the class itself is not exported
    UsageTracker: Any = type(_tracker)

try:
    from dspy.clients.model_metadata import model_info
except ImportError:

    def model_info(provider: str, model: str) -> dict[str, Any]:
        """Return no prices: callers handle models without one."""
        return {}


try:
    from dspy.predict.flex.primitives_doc import PRIMITIVES_CATALOG as FLEX_PRIMITIVES
except ImportError:
    FLEX_PRIMITIVES = (
        "Write one subclass of dspy.Module and no imports at module level; `dspy` is in scope. `__init__` "
        "assigns predictors to attributes: dspy.Predict, dspy.ChainOfThought, dspy.ReAct or dspy.RLM with a "
        "signature such as 'question -> answer: str'. `forward(self, **inputs)` calls them or runs plain "
        "Python, and returns dspy.Prediction with all output fields."
    )


try:
    from dspy.clients.base_lm import GLOBAL_HISTORY
except ImportError:
    GLOBAL_HISTORY = []


def forget_call(entry: Any) -> None:
    """Take a call, one of the last, out of DSPy's history of all calls."""
    for place in range(len(GLOBAL_HISTORY) - 1, max(-1, len(GLOBAL_HISTORY) - 1000), -1):
        if place < len(GLOBAL_HISTORY) and GLOBAL_HISTORY[place] is entry:
            del GLOBAL_HISTORY[place]
            return


def adapter_in_use() -> Any:
    """Return the configured adapter, or the one that predictors use when none is configured."""
    return dspy.settings.adapter or _default_adapter()


class OneMessage(dspy.ChatAdapter):
    """Sends the value of the one input field as a message, and hands on the answer as it came."""

    def format(self, signature: Any, demos: Any, inputs: dict[str, Any]) -> Any:
        """Return the message; no system message."""
        written: Any = super().format(signature, demos, inputs)
        if isinstance(written, list):
            return [message for message in written if message["role"] != "system"]
        return replace(written, system=None)  # as DSPy 3.5 has it

    def format_user_message_content(self, signature: Any, inputs: Any, *_: Any, **__: Any) -> str:
        """Return the value."""
        return str(next(iter(inputs.values())))

    def parse(self, signature: Any, completion: str) -> dict[str, Any]:
        """Return the answer as the value of the only output field."""
        return dict.fromkeys(signature.output_fields, completion)


class _Silent:
    """An engine that answers nothing, with the error after which no adapter asks again."""

    def complete(self, request: Any) -> Any:
        raise dspy.ContextWindowExceededError(message="no answer", model="none")


class _AdapterSeen(BaseCallback):
    """Keeps the adapters that write prompts."""

    def __init__(self) -> None:
        self.adapters: list[Any] = []

    def on_adapter_format_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        self.adapters.append(instance)


@cache
def _default_adapter() -> Any:
    """Return what a predictor writes its prompt with if no adapter is configured: DSPy does not name it."""
    seen = _AdapterSeen()
    lm = LM("none/none", engine=_Silent(), cache=False, num_retries=0)
    apart: dict[str, Any] = {"trace": [], "caller_modules": [], "usage_tracker": None, "send_stream": None}
    alone = dspy.context(lm=lm, adapter=None, callbacks=[seen], disable_history=True, **apart)
    with suppress(Exception), alone:  # the call is made for its prompt
        dspy.Predict("question -> answer")(question="")
    return seen.adapters[0] if seen.adapters else dspy.ChatAdapter()


def untested_version() -> str:
    """Return the version of DSPy if it is newer than the tested one, else ""."""
    return dspy.__version__ if _release(dspy.__version__) > _release(TESTED) else ""


def _release(version: str) -> tuple[int, ...]:
    found = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()


def is_compiled(module: Any) -> bool:
    """Return True if DSPy treats the module as compiled, so that optimizers leave it alone."""
    return bool(getattr(module, "_compiled", False))


def list_rlm_tool(rlm: Any, tool: Any) -> str:
    """Return the line with which `dspy.RLM` lists a tool in its instructions."""
    if not hasattr(rlm, "_format_tool_docs"):
        return str(tool)
    return str(rlm._format_tool_docs({tool.name: tool}).splitlines()[-1])


def bind_flex_source(flex: Any, source: str) -> None:
    """Give a `dspy.Flex` new source code and leave its LM as it is."""
    if hasattr(flex, "_bind_code"):
        flex._bind_code(source)
        return
    lm = flex.lm
    flex.load_state({"module_src": source})  # this alone would drop the LM
    flex.lm = lm


def describe_flex(flex: Any) -> str:
    """Return the task, the tools and the primitives available to the source of a `dspy.Flex`."""
    context = getattr(flex, "_flex_ctx", None)
    if context is None:
        return f"{flex.signature.signature}\n{flex.signature.instructions}\n\n{FLEX_PRIMITIVES}"
    return (
        f"{context.render_signature_spec()}\n{context.render_context_blurb(sandboxed=True)}\n\n"
        f"{FLEX_PRIMITIVES}"
    )


def model_prices(name: str) -> Mapping[str, Any]:
    """Return DSPy's price list entry of a model such as ``openai/gpt-5``; empty if it has none."""
    provider, _, model = name.rpartition("/")
    return model_info(provider or "openai", model) or {}


def read_key(value: Any, key: str) -> Any:
    """Return an attribute of an object, or an item of a dict; None if it is not there."""
    return value.get(key) if isinstance(value, dict) else getattr(value, key, None)
