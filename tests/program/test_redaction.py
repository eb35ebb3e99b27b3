"""Error messages without secrets."""

from __future__ import annotations

import dspy
import pytest

from dspy_gepa.program.call_log import CallLog
from dspy_gepa.program.log import log_warning
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


def test_keys_of_every_model_that_was_called_are_hidden_whatever_they_look_like() -> None:
    own = dspy.LM("openai/own", api_key="corpkey9f8e7d6c", headers={"x-key": "tenant-seven"})
    log = CallLog(keep_inputs=False)
    log.on_lm_start("1", own, {"prompt": "hello"})
    told = describe(ValueError("credential <corpkey9f8e7d6c> of <tenant-seven> is over its quota"))
    assert told == "ValueError: credential <[redacted]> of <[redacted]> is over its quota"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]52;c;AA\x07 \x1b[31mred", r"\x1b]52;c;AA\x07 \x1b[31mred"),
        ("turned \u202eround", r"turned \u202eround"),
        ("half \ud83d of it", r"half \ud83d of it"),
        ("\ud83d\ude00 is whole", "\U0001f600 is whole"),
    ],
)
def test_control_characters_of_an_error_are_shown_as_escapes(text: str, shown: str) -> None:
    told = describe(ValueError(text))
    assert told == f"ValueError: {shown}"
    told.encode()  # can be written


def test_an_error_without_a_message_is_described() -> None:
    class Broken(Exception):  # noqa: N818
        def __str__(self) -> str:
            raise RuntimeError

    assert describe(Broken()).startswith("Broken: ")


def test_what_is_logged_has_neither_keys_nor_control_characters(caplog: pytest.LogCaptureFixture) -> None:
    log_warning("said \x1b[2J api_key='hunter2hunter2'")
    assert caplog.messages == [r"said \x1b[2J api_key='[redacted]'"]
