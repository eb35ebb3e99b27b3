"""Prices of models: LiteLLM's price list, or those given by the user."""

from __future__ import annotations

import math
from collections.abc import Mapping

import litellm

from benchmarks.harness.meter import Price, Prices

FREE = Price(0.0, 0.0)


def price_list(given: Mapping[str, Price] | None = None) -> Prices:
    """Return prices by model name: those `given`, else LiteLLM's; simulated models are free."""

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
    """Return model and price from MODEL=IN,OUT in US dollars per million tokens. Raises ValueError."""
    model, _, figures = text.rpartition("=")
    prompt, _, completion = figures.partition(",")
    price = Price(float(prompt) / 1e6, float(completion) / 1e6)
    if not model or not all(0 <= each < math.inf for each in (price.prompt, price.completion)):
        raise ValueError(text)
    return model, price
