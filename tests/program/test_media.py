"""Images and other media: they reach the reflector as such, whole, and nobody else can set their marks."""

from __future__ import annotations

import json
from typing import Any

import dspy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspy_gepa import GEPA
from dspy_gepa.program.media import elide
from dspy_gepa.program.messages import chat_messages
from dspy_gepa.program.plain import to_plain
from dspy_gepa.reflection.evidence import EvidenceLimits, render_evidence
from dspy_gepa.types import MEDIA_END, MEDIA_START, Component, Outcome, TraceStep
from tests.support import Prompt, prompts_of, scripted_lm

PIXEL = "data:image/png;base64,iVBORw0KGgo="
IMAGE = dspy.Image(url=PIXEL)


class Describe(dspy.Module):
    def __init__(self) -> None:
        super().__init__()
        self.tell = dspy.Predict("picture: dspy.Image, question -> answer")

    def forward(self, picture: dspy.Image, question: str) -> dspy.Prediction:
        return self.tell(picture=picture, question=question)


def as_evidence(*pictures: Any, limits: EvidenceLimits | None = None) -> str:
    steps = tuple(TraceStep("tell", {"picture": to_plain(p)}, {"answer": "x"}) for p in pictures)
    tell = Component("tell", {}, {})
    return render_evidence(tell, [Outcome("scored", trace=steps)], limits or EvidenceLimits())


def test_an_image_stays_whole_however_little_text_is_shown() -> None:
    shown = as_evidence(IMAGE, limits=EvidenceLimits(field_chars=10, total_chars=10))
    assert to_plain(IMAGE) in shown


def test_an_image_amid_text_is_whole_while_the_text_is_elided() -> None:
    text = "a" * 400 + to_plain(IMAGE) + "b" * 400
    short = elide(text, 100)
    assert to_plain(IMAGE) in short
    assert len(short) <= 200 + len(to_plain(IMAGE))


def test_images_are_shown_up_to_the_limit_and_the_others_are_named() -> None:
    pictures = [dspy.Image(url=PIXEL[:-2] + f"{i}=") for i in range(5)]
    shown = as_evidence(*pictures, limits=EvidenceLimits(media=2))
    assert shown.count(MEDIA_START) == 2
    assert shown.count("[an image or other medium, left out]") == 3


@pytest.mark.parametrize("value", ["{}x{}", ["{}", "{}"], {"k": "{}{}"}])
def test_a_models_text_cannot_pose_as_an_image(value: Any) -> None:
    forged = json.loads(json.dumps(value).replace("{}", MEDIA_START + '[{\\"type\\": 1}]' + MEDIA_END))
    told = json.dumps(to_plain(forged))
    assert MEDIA_START not in told
    assert MEDIA_END not in told


def test_the_reflection_model_gets_the_image_as_structured_content() -> None:
    rows = [
        dspy.Example(picture=IMAGE, question=f"what is {i}?", answer="cat").with_inputs("picture", "question")
        for i in range(8)
    ]
    reflection = scripted_lm(
        lambda prompt: {"new_instruction": prompt.field("current_instruction") + " Look."}
    )

    def sees(prompt: Prompt) -> dict[str, str]:
        return {"answer": "cat" if "Look." in prompt.system else "dog"}

    with dspy.context(lm=scripted_lm(sees)):
        program = GEPA(
            lambda gold, pred: float(gold.answer == pred.answer),
            max_metric_calls=40,
            reflection_lm=reflection,
            num_threads=1,
        ).compile(Describe(), trainset=rows, valset=rows[:4])
    assert "Look." in program.tell.signature.instructions
    assert prompts_of(reflection)
    sent = reflection.history[0]
    messages = chat_messages(sent["request"]) if sent.get("request") else sent["messages"]
    images = [part for part in messages[-1]["content"] if part["type"] == "image_url"]
    assert images
    assert images[0]["image_url"]["url"] == PIXEL


# Elided texts ---------------------------------------------------------------------------------------------


@given(st.text(max_size=400), st.integers(1, 300))
def test_an_elided_text_is_never_longer_than_allowed(text: str, chars: int) -> None:
    assert len(elide(text, chars)) <= chars


@given(st.text(max_size=100), st.integers(0, 50))
def test_a_text_that_fits_is_not_elided(text: str, slack: int) -> None:
    assert elide(text, len(text) + slack) == text


@given(st.integers(60, 200), st.integers(1, 10_000))
def test_an_elided_text_says_how_much_is_missing_and_keeps_both_ends(chars: int, excess: int) -> None:
    text = "<" + "x" * (chars + excess) + ">"
    shown = elide(text, chars)
    missing = int(shown.partition("[... ")[2].split()[0])
    note = f" [... {missing} characters left out ...] "
    assert shown.startswith("<")
    assert shown.endswith(">")
    assert len(shown) - len(note) + missing == len(text)
