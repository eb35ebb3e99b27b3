"""Error messages without secrets."""

from __future__ import annotations

import dspy
import pytest

from dspy_gepa.program.redaction import describe


def test_an_error_is_described_in_one_bounded_line() -> None:
    assert describe(ValueError("two\n  lines")) == "ValueError: two lines"
    assert len(describe(ValueError("x" * 5_000))) == 1_000


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Incorrect API key provided: sk-ab***yz. You can", "Incorrect API key provided: [redacted] You can"),
        ("got api_key='hunter2hunter2', model=x", "got api_key='[redacted]', model=x"),
        ("{'Authorization': 'Bearer abc-def'}", "{'Authorization': 'Bearer [redacted]'}"),
        ("x-api-key: 0123", "x-api-key: [redacted]"),
        ("sent Bearer abc.def-ghi to it", "sent Bearer [redacted] to it"),
        (
            "for url https://me:pass@host/v1?key=0123&n=1",
            "for url https://[redacted]@host/v1?key=[redacted]&n=1",
        ),
        ("gsk_0123456789 is no key", "[redacted] is no key"),
        ("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIi.x1", "token [redacted]"),
    ],
)
def test_whatever_looks_like_a_secret_is_hidden(text: str, shown: str) -> None:
    assert describe(ValueError(text)) == f"ValueError: {shown}"


@pytest.mark.parametrize(
    "text",
    [
        "maximum context length is 4096 tokens",
        "Unexpected token: }",
        "The API key is wrong",
        "set OPENAI_API_KEY=... first",
        "the bearer understands risk-averse task-descriptions",
    ],
)
def test_words_about_secrets_are_left_as_they_are(text: str) -> None:
    assert describe(ValueError(text)) == f"ValueError: {text}"


def test_keys_of_this_process_are_hidden_whatever_they_look_like(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOME_SERVICE_API_KEY", "plain words")
    with dspy.context(lm=dspy.LM("openai/task", api_key="shapeless")):
        assert describe(ValueError("neither shapeless nor plain words")) == (
            "ValueError: neither [redacted] nor [redacted]"
        )
