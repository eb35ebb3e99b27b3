"""What an effect used of language models."""

from __future__ import annotations

from typing import Any

import dspy
import pytest
from dspy.clients.base_lm import GLOBAL_HISTORY

from dspy_gepa.program.usage import Call, UsageMeter
from dspy_gepa.types import Outcome
from tests.support import (
    SINCE_3_5,
    TOKENS_IN,
    TOKENS_OUT,
    OneHop,
    PricedLM,
    TwoHops,
    knows_words,
    scripted_lm,
)

ASK = {"question": "0: b needs w0"}


def test_calls_and_tokens_are_counted_by_model() -> None:
    meter, program = UsageMeter(), TwoHops()
    program.b.lm = scripted_lm(knows_words, "scripted/other")
    with dspy.context(lm=scripted_lm(knows_words), **meter.settings()):
        program(**ASK)
        program(**ASK)
    assert meter.usage().calls == 4
    assert meter.usage().tokens == {
        "scripted/task": (2 * TOKENS_IN, 2 * TOKENS_OUT),
        "scripted/other": (2 * TOKENS_IN, 2 * TOKENS_OUT),
    }


def test_calls_made_outside_are_not_counted() -> None:
    meter, other = UsageMeter(), UsageMeter()
    with dspy.context(lm=scripted_lm(knows_words)):
        with dspy.context(**meter.settings()):
            OneHop()(**ASK)
        with dspy.context(**other.settings()):
            OneHop()(**ASK)
        OneHop()(**ASK)
    assert meter.usage().calls == 1


def test_an_lm_that_is_called_directly_is_counted() -> None:
    meter = UsageMeter()
    lm = scripted_lm(knows_words)
    with dspy.context(lm=lm, **meter.settings()):
        lm("0: b needs w0")
    assert meter.usage().calls == 1


def test_nothing_used_is_nothing_counted() -> None:
    usage = UsageMeter().usage()
    assert (usage.calls, usage.tokens, usage.cost) == (0, {}, 0.0)


def test_a_result_is_returned_with_the_usage() -> None:
    meter = UsageMeter()
    with dspy.context(lm=scripted_lm(knows_words), **meter.settings()):
        OneHop()(**ASK)
    signed = meter.with_usage(Outcome("scored", score=0.5))
    assert (signed.score, signed.usage.calls) == (0.5, 1)


def test_a_tracker_around_the_whole_gets_the_usage_too() -> None:
    with dspy.context(lm=scripted_lm(knows_words)), dspy.track_usage() as outer:
        meter = UsageMeter()
        with dspy.context(**meter.settings()):
            OneHop()(**ASK)
        assert not outer.usage_data
        meter.with_usage(Outcome("scored"))
    assert list(outer.usage_data) == ["scripted/task"]


def test_a_prediction_is_given_its_usage_under_track_usage() -> None:
    with dspy.context(lm=scripted_lm(knows_words), track_usage=True):
        meter = UsageMeter()
        with dspy.context(**meter.settings()):
            prediction = OneHop()(**ASK)
        meter.attach(prediction)
    assert list(prediction.get_lm_usage()) == ["scripted/task"]


def test_every_call_has_its_tokens_and_no_price_if_none_is_known() -> None:
    meter = UsageMeter()
    with dspy.context(lm=scripted_lm(knows_words), **meter.settings()):
        TwoHops()(**ASK)
    call = Call(TOKENS_IN + TOKENS_OUT, cost=None, cached=False, model="scripted/task")
    assert meter.calls() == (call,) * 2


def test_dollars_are_counted_by_model_where_a_price_is_known() -> None:
    meter, program = UsageMeter(), TwoHops()
    program.b.lm = PricedLM(knows_words, 0.25, "priced/b")
    with dspy.context(lm=scripted_lm(knows_words), **meter.settings()):
        program(**ASK)
        program(**ASK)
    usage = meter.usage()
    assert usage.costs == {"priced/b": 0.5}
    assert usage.cost == 0.5
    assert set(usage.tokens) == {"scripted/task", "priced/b"}


@pytest.mark.parametrize("setting", [{"disable_history": True}, {"max_history_size": 1}])
def test_calls_are_known_where_the_user_has_histories_disabled_or_short(setting: dict[str, Any]) -> None:
    lm = PricedLM(knows_words, 0.25, "priced/b")
    with dspy.context(lm=lm, **setting):
        meter = UsageMeter()
        with dspy.context(**meter.settings()):
            TwoHops()(**ASK)
        assert [call.cost for call in meter.calls()] == [0.25, 0.25]
        assert meter.usage().costs == {"priced/b": 0.5}
        assert len(lm.history) <= 1


def test_a_disabled_history_stays_without_entries_of_a_run() -> None:
    name = "scripted/without-history"
    with dspy.context(lm=scripted_lm(knows_words, name), disable_history=True):
        meter = UsageMeter()
        with dspy.context(**meter.settings()):
            TwoHops()(**ASK)
    assert [entry for entry in GLOBAL_HISTORY if entry["model"] == name] == []


class WithoutUsage(dspy.BaseLM):
    """Reports nothing, or zeros as LiteLLM does for such a server."""

    def __init__(self, usage: Any) -> None:
        super().__init__("silent/model", cache=False)
        self._usage = usage

    def forward(self, prompt: Any = None, messages: Any = None, **options: Any) -> Any:
        message = dspy.Prediction(
            content="[[ ## answer ## ]]\n四字の答\n\n[[ ## completed ## ]]", tool_calls=None
        )
        choice = dspy.Prediction(message=message, finish_reason="stop")
        return dspy.Prediction(choices=[choice], usage=self._usage, model=self.model)


@pytest.mark.skipif(SINCE_3_5, reason="language models answer requests there")
@pytest.mark.parametrize("usage", [None, {"prompt_tokens": 0, "completion_tokens": 0}])
def test_tokens_that_are_not_reported_are_estimated_from_lengths(usage: Any) -> None:
    meter, lm = UsageMeter(), WithoutUsage(usage)
    with dspy.context(lm=lm, **meter.settings()):
        OneHop()(**ASK)
    (call,) = meter.calls()
    assert call.is_unreported
    assert call.length[1] == len("[[ ## answer ## ]]\n四字の答\n\n[[ ## completed ## ]]".encode())
    assert meter.usage().unreported == 1
    assert meter.usage().estimated == {"silent/model": -(-call.length[0] // 4) + -(-call.length[1] // 4)}


@pytest.mark.usefixtures("dspy_cache")
def test_an_answer_of_dspys_cache_is_not_taken_for_one_without_usage() -> None:
    lm = scripted_lm(knows_words, "scripted/cached-usage", cache=True)
    found = []
    for _ in range(2):
        meter = UsageMeter()
        with dspy.context(lm=lm, **meter.settings()):
            OneHop()(**ASK)
        found.append((meter.calls()[0].cached, meter.usage().unreported, meter.usage().total_tokens))
    assert found == [(False, 0, TOKENS_IN + TOKENS_OUT), (True, 0, 0)]


def test_an_answer_that_was_cut_off_is_known_without_a_history() -> None:
    lm = scripted_lm(knows_words, finish_reason="length")
    with dspy.context(lm=lm, disable_history=True):
        meter = UsageMeter()
        with dspy.context(**meter.settings()):
            OneHop()(**ASK)
    assert [call.cut_off for call in meter.calls()] == [True]
