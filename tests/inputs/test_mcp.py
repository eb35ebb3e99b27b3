"""Tools of a real MCP server, a process that speaks on its standard input and output."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from typing import Any

import dspy
import pytest

from dspy_gepa import GEPA, ConfigurationError
from tests.support import Answer, Prompt, agent_turn, scripted_lm

mcp = pytest.importorskip("mcp")
if not hasattr(mcp, "Client"):
    pytest.skip("mcp before version 2", allow_module_level=True)

PAGE = Path(__file__).parents[2] / "docs" / "mcp.md"
SERVER, AGENT = re.findall(
    r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)
RULE = "Answer 'order' below 10 pieces, else 'enough'."


def task(prompt: Prompt) -> Answer:
    """An agent that asks for the number of pieces, and knows the answer if its instructions have the rule."""
    item = prompt.text.partition("Do we have to order ")[2].partition("?")[0]
    counted = re.findall(r"(?:observation_0 ## \]\]\s*|TextPart\(text=')(\d+)", prompt.text)
    pieces = int(counted[-1]) if counted else 0
    rule = "order" if pieces < 10 else "enough"
    answer = rule if RULE in prompt.system else f"{pieces} pieces"
    return agent_turn(prompt, "count", {"item": item}, answer, done=bool(counted))


def model(name: str, **options: Any) -> dspy.LM:
    return scripted_lm(task if name.endswith("mini") else lambda prompt: dict.fromkeys(prompt.outputs, RULE))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "stock_server.py").write_text(SERVER, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_agent_of_the_page_is_improved(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    agent = AGENT.replace("dspy.LM(", "model(")
    before = dspy.settings.lm
    try:
        exec(compile(agent, "mcp.md", "exec", dont_inherit=True), {"__name__": "__main__", "model": model})
    finally:
        dspy.configure(lm=before)
    assert capsys.readouterr().out.splitlines()[-1] == "order"
    assert RULE in (folder / "agent.json").read_text(encoding="utf-8")


def test_compile_refuses_tools_of_an_open_session(folder: Path) -> None:
    async def refused() -> None:
        parameters = mcp.StdioServerParameters(command=sys.executable, args=["stock_server.py"])
        async with mcp.Client(parameters) as client:
            found = await client.list_tools()
            tools = [dspy.Tool.from_mcp_tool(client, tool) for tool in found.tools]
            agent = dspy.ReAct("question -> answer", tools=tools)
            row = dspy.Example(question="x", answer="y").with_inputs("question")
            gepa = GEPA(lambda gold, pred: 0.0, reflection_lm=model("reflection"), max_metric_calls=9)
            with (
                dspy.context(lm=model("mini")),
                pytest.raises(ConfigurationError, match=r"'count'.*acompile"),
            ):
                gepa.compile(agent, trainset=[row])

    asyncio.run(refused())
