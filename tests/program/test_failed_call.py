"""Failed predictor calls, as they are described to the reflection model."""

from __future__ import annotations

import dspy
import pytest

from dspy_gepa.program.failed_call import describe_failed_call
from tests.support import scripted_lm

SIGNATURE = dspy.Signature("question -> answer")
UNPARSED = dspy.AdapterParseError("ChatAdapter", SIGNATURE, "gibberish")


def test_a_parse_failure_shows_the_raw_text_and_the_expected_format() -> None:
    with dspy.context(adapter=dspy.ChatAdapter()):
        shown = describe_failed_call(UNPARSED, SIGNATURE)
    assert "The model's raw text was:\ngibberish" in shown
    assert "[[ ## answer ## ]]\n{answer}" in shown


def test_the_describe_failed_call_is_that_of_the_adapter_in_use() -> None:
    with dspy.context(adapter=dspy.XMLAdapter()):
        assert "<answer>\n{answer}\n</answer>" in describe_failed_call(UNPARSED, SIGNATURE)


def test_an_adapter_without_a_layout_has_its_output_fields_named() -> None:
    with dspy.context(adapter=dspy.TwoStepAdapter(dspy.LM("unused/model"))):
        assert "the output fields answer" in describe_failed_call(UNPARSED, SIGNATURE)


def test_a_parse_failure_names_what_is_missing_or_wrong() -> None:
    assert "It lacks answer." in describe_failed_call(UNPARSED, SIGNATURE)
    wrong = dspy.AdapterParseError("XMLAdapter", SIGNATURE, "x", message="Failed to parse field answer")
    assert "could not be parsed. Failed to parse field answer The model's" in describe_failed_call(
        wrong, SIGNATURE
    )


def test_the_first_try_is_described_if_another_adapter_was_asked_next() -> None:
    lm = scripted_lm(
        lambda prompt: "first words" if "[[ ## answer ## ]]" in prompt.system else "second words"
    )
    with pytest.raises(dspy.AdapterParseError) as caught, dspy.context(lm=lm, adapter=dspy.ChatAdapter()):
        dspy.Predict(SIGNATURE)(question="why?")
    assert caught.value.lm_response == "second words"
    assert "raw text was:\nfirst words" in describe_failed_call(caught.value, SIGNATURE)


def test_another_error_of_a_call_is_described_as_it_is() -> None:
    assert describe_failed_call(ValueError("odd"), SIGNATURE) == "The call raised ValueError: odd"
