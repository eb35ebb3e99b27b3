"""docs/cli.md shows what the commands say. UPDATE_DOCS=1 writes it anew."""

from __future__ import annotations

import os
import re
import shlex
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Call, changed

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
BLOCK = re.compile(r"^```console\n\$ dspy-gepa ([^\n]*)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
BEGAN = 1_767_258_000  # 9 o'clock on 2026-01-01
TIMES = (
    f"UPDATE sessions SET started_at = {BEGAN}, last_seen = {BEGAN} + 48",
    f"UPDATE events SET at = {BEGAN} + 48",
    f"UPDATE effects SET recorded_at = {BEGAN} + 24",
)


@pytest.fixture
def in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="Windows has one time zone per process")
def test_the_documentation_shows_what_the_commands_say(
    call: Call, runs: Path, tmp_path: Path, in_utc: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("first", "second"):
        changed(runs / name, tmp_path / "runs" / name, *TIMES)
    monkeypatch.chdir(tmp_path)

    def said(block: re.Match[str]) -> str:
        result = call(*shlex.split(block[1]))
        assert result.exit_code == 0
        return f"```console\n$ dspy-gepa {block[1]}\n{result.stdout}```"

    page = PAGE.read_text(encoding="utf-8")
    written = BLOCK.sub(said, page)
    assert len(BLOCK.findall(page)) == 7
    if os.environ.get("UPDATE_DOCS"):
        PAGE.write_text(written, encoding="utf-8")
    else:
        assert page == written
