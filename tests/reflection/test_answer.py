"""Reading the new text out of a completion: whole as the model wrote it, or refused with a reason."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import dspy
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dspy_gepa.reflection.answer import is_visible, read_answer
from dspy_gepa.reflection.reflector import ReflectionRunner
from dspy_gepa.types import Reflect, Reflection
from tests.support import scripted_lm

FIELD = "new_instruction"
TEXT = "Answer the question with yes or no.\n\nNever guess: say 'unknown' instead. TAIL"
HEADER = f"[[ ## {FIELD} ## ]]"
END = "[[ ## completed ## ]]"

Manner = Callable[[str], str]

# Ways in which models hand over a text, in and beside the layouts that they are asked for.
MANNERS: dict[str, Manner] = {
    "chat": lambda t: f"{HEADER}\n{t}\n\n{END}",
    "chat without the end mark": lambda t: f"{HEADER}\n{t}",
    "chat with the end mark on the last line": lambda t: f"{HEADER}\n{t} {END}",
    "chat after talk": lambda t: f"Sure, here is the improved instruction:\n\n{HEADER}\n{t}\n\n{END}",
    "chat after thoughts": lambda t: f"<think>maybe\n{HEADER}\na draft\n</think>\n\n{HEADER}\n{t}\n\n{END}",
    "chat after a thought without its opening tag": lambda t: (
        f"hm, a draft\n</think>\n{HEADER}\n{t}\n\n{END}"
    ),
    "chat after thoughts in brackets": lambda t: f"[THINK]well[/THINK]{HEADER}\n{t}\n\n{END}",
    "chat with a draft": lambda t: f"{HEADER}\nDraft one.\n\n{HEADER}\n{t}\n\n{END}",
    "chat with a second, empty header": lambda t: f"{HEADER}\n{t}\n\n{END}\n\n{HEADER}\n\n{END}",
    "chat and a farewell": lambda t: f"{HEADER}\n{t}\n\n{END}\n\nLet me know if you want changes.",
    "chat with a loose header": lambda t: f"**[[## {FIELD} ##]]**\n{t}\n\n{END}",
    "chat with a JSON value": lambda t: f"{HEADER}\n{json.dumps({FIELD: t})}\n\n{END}",
    "JSON": lambda t: json.dumps({FIELD: t}),
    "JSON with line breaks and letters as they are": lambda t: json.dumps(
        {FIELD: t}, ensure_ascii=False, indent=2
    ),
    "JSON in a fence": lambda t: f"```json\n{json.dumps({FIELD: t})}\n```",
    "JSON after thoughts": lambda t: f"<thinking>{{}}</thinking>{json.dumps({FIELD: t})}",
    "JSON with more fields": lambda t: json.dumps({"reasoning": "so", FIELD: t}),
    "JSON after talk": lambda t: f"Here is the object you want.\n{json.dumps({FIELD: t})}",
    "tags": lambda t: f"<{FIELD}>\n{t}\n</{FIELD}>",
    "tags after talk": lambda t: f"Of course.\n\n<{FIELD}>\n{t}\n</{FIELD}>",
    "tags around CDATA": lambda t: f"<{FIELD}><![CDATA[{t}]]></{FIELD}>",
    "a JSON string": lambda t: json.dumps(t),
    "a longer fence": lambda t: f"``````\n{t}\n``````",
    "talk and a longer fence": lambda t: f"Here is the improved instruction:\n\n``````text\n{t}\n``````",
}
NO_LAYOUT: dict[str, Manner] = {
    "plain": lambda t: t,
    "plain after thoughts": lambda t: f"<think>hm</think>\n{t}",
    "plain under a title": lambda t: f"**New instruction:**\n\n{t}",
    "a fence": lambda t: f"```\n{t}\n```",
    "a fence and a farewell": lambda t: f"```text\n{t}\n```\n\nThis version keeps what worked.",
}


@pytest.mark.parametrize("manner", [*MANNERS, *NO_LAYOUT])
def test_a_text_is_read_in_every_manner(manner: str) -> None:
    answer = read_answer((MANNERS | NO_LAYOUT)[manner](TEXT), FIELD)
    assert (answer.text, answer.objection) == (TEXT, "")


PIECES = st.sampled_from(
    [
        *(
            "Answer.",
            "Be brief",
            "\n",
            "\n\n",
            " ",
            "    ",
            "TAIL",
            "{",
            "}",
            '"',
            "'",
            "<",
            ">",
            "&",
            "&lt;",
            "\\",
        ),
        *(
            "[[ ## answer ## ]]",
            "[[ ## question ## ]]\n",
            "```",
            "\n```\n",
            "```json\n",
            "~~~",
            "</answer>",
            "<answer>",
        ),
        *(
            "<b>",
            "- one\n",
            "1. two\n",
            '{"answer": "yes"}',
            '["a", 1]',
            "# Title\n",
            "</s>",
            "\u200b",
            "。",
            "日本語",
        ),
        *(
            END,
            f"\n{END}\n",
            f"</{FIELD}>",
            "Here is an example:",
            "Note that",
            "[[",
            "]]",
            "##",
            "\t",
            "é",
            "\U0001f600",
        ),
    ]
)
TEXTS = st.one_of(
    st.text(),
    st.lists(PIECES, max_size=12).map("".join),
    st.lists(PIECES | st.text(), max_size=6).map("".join),
)


def as_read(text: str) -> str:
    """The text without control characters, lone surrogates, and white space around it."""
    plain = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\r\n", "\n")
    return "".join(c for c in plain if c in "\n\t\r" or not (ord(c) < 32 or 127 <= ord(c) < 160)).strip()


def looks_like_a_layout(text: str) -> bool:
    """True for texts that begin, end or hold what is a layout of its own, and for invisible ones."""
    if not is_visible(text) or re.search(r"(?:completed\s*##\s*\]\]|</s>)\s*$", text, re.IGNORECASE):
        return True
    own = (
        rf"\[\[\s*##\s*{FIELD}\s*##\s*\]\]|<{FIELD}>|\"{FIELD}\"|</?(?:think|thought|reason|analysis)|/think"
    )
    return re.search(own, text, re.IGNORECASE) is not None or re.match(r"\s*(?:```|~~~)", text) is not None


@settings(max_examples=400, deadline=None)
@given(text=TEXTS, manner=st.sampled_from(sorted(MANNERS)))
@example(text="a\n[[ ## completed ## ]]\nb", manner="chat without the end mark")
@example(text=f"a </{FIELD}> b", manner="tags")
@example(text="say\n```\nyes\n```\nand stop", manner="chat")
def test_a_text_comes_back_whole_or_is_refused(text: str, manner: str) -> None:
    answer = read_answer(MANNERS[manner](text), FIELD)
    if looks_like_a_layout(text):
        return
    assert answer.objection or answer.text == as_read(text)
    assert bool(answer.objection) != bool(answer.text)


@settings(max_examples=150, deadline=None)
@given(text=TEXTS, adapter=st.sampled_from([dspy.ChatAdapter(), dspy.JSONAdapter(), dspy.XMLAdapter(), None]))
def test_a_text_under_an_adapter_comes_back_whole_or_is_refused(
    text: str, adapter: dspy.Adapter | None
) -> None:
    layouts = {dspy.JSONAdapter: MANNERS["JSON"], dspy.XMLAdapter: MANNERS["tags"]}
    lm = scripted_lm(lambda prompt: layouts.get(type(adapter), MANNERS["chat"])(text))
    reflection = ReflectionRunner(lm, adapter)(Reflect("a", "Old.", "- a", "evidence"))
    assert isinstance(reflection, Reflection)
    if not looks_like_a_layout(text):
        assert reflection.error or reflection.text == as_read(text)


@pytest.mark.parametrize(
    "completion",
    [
        "",
        "\u200b\u200b",
        f"{HEADER}\n\n{END}",
        f"{HEADER}\n```\n```\n{END}",
        f"<{FIELD}></{FIELD}>",
        json.dumps({FIELD: None}),
        json.dumps({FIELD: ""}),
        "<think>I have no idea</think>",
        "<think>it never ends",
        f"{HEADER}\n<think>it never ends",
        json.dumps({FIELD: ["a", "b"]}),
        json.dumps({FIELD: {"role": "You answer."}}),
        json.dumps({"role": "You answer.", "rules": ["Be brief."]}),
        "I'm sorry, but I can't help with rewriting this.",
        "I\u2019m sorry, but I can\u2019t help with that request.",
        f"{HEADER}\nI cannot help with this.\n\n{END}",
        "yes",
        "Let me think about it.",
        "Hmm, the user wants a better instruction for this component.",
        f"<{FIELD}>it never ends",
        "Two blocks:\n```\nThis one.\n```\nor perhaps\n```\nthat one.\n```",
        f"{HEADER}\nFirst half.\n{END}\nSecond half, which is long and tells more rules.\n- and a list",
    ],
)
def test_an_answer_without_a_plain_text_is_refused_with_a_reason(completion: str) -> None:
    answer = read_answer(completion, FIELD)
    assert answer.text == ""
    assert answer.objection.endswith(".")


def test_an_answer_without_a_layout_that_repeats_the_prompt_is_refused() -> None:
    echo = "[[ ## current_instruction ## ]]\nAnswer the question with care.\n\nAnswer well, with yes or no."
    assert read_answer(echo, FIELD, ("current_instruction",)).objection
    assert read_answer(echo, FIELD).text == echo


def test_nested_thoughts_are_left_out_as_a_whole() -> None:
    thoughts = "<think>first <think>second</think> third</think>"
    assert read_answer(f"{thoughts}{HEADER}\n{TEXT}\n{END}", FIELD).text == TEXT


def test_channels_of_a_model_that_thinks_are_left_out() -> None:
    thoughts = "<|channel|>analysis<|message|>A draft.<|end|>"
    whole = f"{thoughts}<|start|>assistant<|channel|>final<|message|>{TEXT}<|return|>"
    assert read_answer(whole, FIELD).text == TEXT


def test_a_text_that_speaks_of_thinking_tags_keeps_them() -> None:
    text = "Put your steps between <think> and </think>, then the answer."
    assert read_answer(f"{HEADER}\n{text}\n{END}", FIELD).text == text


@pytest.mark.parametrize(("text", "visible"), [("a", True), ("\u3042", True), ("", False), (" \n", False)])
def test_visible_is_what_a_reader_sees(text: str, visible: bool) -> None:
    assert is_visible(text) is visible
    assert not is_visible("\u200b\u2060\ufeff\u00ad\u202e\x00\u3164")
