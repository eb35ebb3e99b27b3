"""The page by symptom quotes what is really said, and its headings are the symptoms that are made here."""

from __future__ import annotations

import logging
import re

import pytest

from tests.docs.support_symptoms import SYMPTOMS
from tests.support_docs import ROOT

TEXT = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
QUOTED = re.findall(r"^### ([^\n]+)\n(?:(?!^##).)*?^```text\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def said_by(symptom: str, caplog: pytest.LogCaptureFixture) -> str:
    """What a user reads, with a name in place of the directory and of the process."""
    with caplog.at_level(logging.WARNING, logger="dspy_gepa"):
        try:
            said = SYMPTOMS[symptom]()
        except Exception as error:
            said = error
    warned = [record.getMessage() for record in caplog.records if record.name == "dspy_gepa"]
    words = re.sub(r"/\S*?/tmp\w+", "runs/one", "\n".join([str(said), *warned]))
    words = re.sub(r"pid \w+", "pid 4711", words)
    return re.sub(r"\(\[Errno[^)]*\)", "(lock)", words)


def test_every_message_of_the_page_is_made_here() -> None:
    assert [heading for heading, _ in QUOTED] == list(SYMPTOMS)


@pytest.mark.parametrize(("symptom", "quoted"), QUOTED, ids=[heading for heading, _ in QUOTED])
def test_the_page_quotes_the_messages(symptom: str, quoted: str, caplog: pytest.LogCaptureFixture) -> None:
    assert " ".join(quoted.split()) in " ".join(said_by(symptom, caplog).split())


def test_reasons_that_are_quoted_in_passing_are_in_the_code() -> None:
    code = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "dspy_gepa").rglob("*.py"))
    passing = re.findall(r"^- `([^`]+)`", TEXT, flags=re.MULTILINE)
    assert len(passing) > 5
    for reason in passing:
        words = re.split(r"\d[\d.]*|\$\S+|\bb$", reason)[0].strip()
        assert words.split(": ")[-1] in code.replace('"\n            f"', ""), reason
