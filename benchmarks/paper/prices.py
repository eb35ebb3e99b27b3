"""What models cost: LiteLLM's price list, or what the user says."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import litellm


@dataclass(frozen=True)
class Price:
    """US dollars for a token of the prompt and for one of the answer."""

    prompt: float
    completion: float

    def of(self, prompt: int, completion: int) -> float:
        """Dollars for so many tokens."""
        return prompt * self.prompt + completion * self.completion


Prices: TypeAlias = Callable[[str], "Price | None"]
FREE = Price(0.0, 0.0)


def price_list(given: Mapping[str, Price] | None = None) -> Prices:
    """Prices by model name: those `given`, else LiteLLM's, and simulated ones free; None if unknown."""

    def find(model: str) -> Price | None:
        if given and model in given:
            return given[model]
        if model.startswith("simulated/"):
            return FREE
        for name in (model, model.partition("/")[2]):
            listed = litellm.model_cost.get(name, {})
            if "input_cost_per_token" in listed and "output_cost_per_token" in listed:
                return Price(float(listed["input_cost_per_token"]), float(listed["output_cost_per_token"]))
        return None

    return find


def read_price(text: str) -> tuple[str, Price]:
    """Model and price from MODEL=IN,OUT in US dollars per million tokens. Raises ValueError."""
    model, _, figures = text.rpartition("=")
    prompt, _, completion = figures.partition(",")
    price = Price(float(prompt) / 1e6, float(completion) / 1e6)
    if not model or not all(0 <= each < math.inf for each in (price.prompt, price.completion)):
        raise ValueError(text)
    return model, price
