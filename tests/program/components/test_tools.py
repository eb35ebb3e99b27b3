"""Descriptions of tools and of their arguments as components."""

from __future__ import annotations

import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import dspy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspy_gepa import ConfigurationError
from dspy_gepa.program.build import build_program, read_candidate, read_components
from dspy_gepa.program.components.selection import Selection, select
from dspy_gepa.reflection.prompts import describe_subject
from tests.support import ADAPTERS, SINCE_3_5, request_of

TOOLS = Selection(optimize=("tools",))
BOTH = Selection(optimize=("instructions", "tools"))
OLD, NEW = "Looks things up in the old index.", "Finds pages that hold all words of the query."


def search(query: str, most: int = 3) -> str:
    """Looks things up in the old index."""
    return f"{most} pages about {query}"


def compute(formula: str) -> str:
    """Works out a formula."""
    return formula


SEARCH = dspy.Tool(search, arg_desc={"query": "some old words"})
# How an agent is told to end: by fields of its own, and from DSPy 3.5 on by a call of its tool.
FINISH = {"next_thought": "done", "next_tool_name": "finish", "next_tool_args": {}, "reasoning": "r"}
SUBMIT = {"next_thought": "done", "tool_calls": {"tool_calls": [{"name": "submit", "args": {"answer": "x"}}]}}


def agent(*tools: Any) -> dspy.ReAct:
    return dspy.ReAct("question -> answer", tools=list(tools or (SEARCH, compute)))


def rewritten(program: dspy.Module, texts: dict[str, str], selection: Selection = TOOLS) -> dspy.Module:
    return build_program(program, read_candidate(program, selection).with_texts(texts))


def sent_by(program: dspy.Module, adapter: dspy.Adapter = ADAPTERS[0]) -> str:
    answer = SUBMIT if SINCE_3_5 else FINISH | {"answer": "x"}
    return request_of(program, adapter, answer, question="why?")


class Chooser(dspy.Module):
    """A predictor that is given its tools when it is called."""

    def __init__(self, tools: Any) -> None:
        super().__init__()
        self.tools = tools
        fields = {
            "question": (str, dspy.InputField()),
            "tools": (list[dspy.Tool], dspy.InputField()),
            "answer": (str, dspy.OutputField()),
        }
        self.choose = dspy.Predict(dspy.Signature(fields))

    def forward(self, question: str) -> dspy.Prediction:
        tools = self.tools.values() if isinstance(self.tools, dict) else self.tools
        return self.choose(question=question, tools=[tools] if isinstance(tools, dspy.Tool) else list(tools))


# Reading --------------------------------------------------------------------------------------------------


def test_tools_and_arguments_of_an_agent_are_components_but_not_its_own_tools() -> None:
    assert dict(read_candidate(agent(), TOOLS)) == {
        "react/tools/search": OLD,
        "react/tools/search/args/query": "some old words",
        "react/tools/search/args/most": "",
        "react/tools/compute": "Works out a formula.",
        "react/tools/compute/args/formula": "",
    }


def test_a_tools_component_says_what_it_is_and_whose_calls_show_it() -> None:
    tool, argument, *_ = read_components(agent(), TOOLS)
    assert describe_subject(tool) == "the description of tool `search` of component react"
    assert (
        describe_subject(argument)
        == "the description of argument `query` of tool `search` of component react"
    )
    assert (tool.callers, tool.tool, argument.tool) == (("react",), "search", "search")


@pytest.mark.skipif(SINCE_3_5, reason="agents are given their tools at each call")
def test_instructions_show_where_tools_are_listed_when_both_are_optimized() -> None:
    text = read_candidate(agent(), BOTH)["react"]
    assert "(1) {tool search}\n(2) {tool compute}\n(3) finish" in text
    assert OLD not in text
    assert OLD in read_candidate(agent())["react"]


def test_tools_that_a_parent_handed_on_are_the_agents() -> None:
    class Parent(dspy.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tools = [SEARCH]
            self.agent = dspy.ReAct("question -> answer", tools=self.tools)

    assert next(iter(read_candidate(Parent(), TOOLS))) == "agent.react/tools/search"
    assert len(read_candidate(Parent(), TOOLS)) == 3


def test_two_agents_with_the_same_tool_describe_it_each_in_its_own_words() -> None:
    class Parent(dspy.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.other = agent(SEARCH), agent(SEARCH)

    program = rewritten(Parent(), {"one.react/tools/search": NEW})
    assert read_candidate(program, TOOLS)["one.react/tools/search"] == NEW
    assert read_candidate(program, TOOLS)["other.react/tools/search"] == OLD
    assert NEW not in program.other.react.signature.instructions


def test_tools_of_a_compiled_submodule_are_left_alone() -> None:
    class Parent(dspy.Module):
        def __init__(self) -> None:
            super().__init__()
            self.done, self.open = agent(SEARCH), agent(compute)
            self.done._compiled = True

    assert [n for n in read_candidate(Parent(), TOOLS) if "search" in n] == []


# Writing --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("selection", [TOOLS, BOTH], ids=["tools", "both"])
@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: type(adapter).__name__)
def test_an_agents_request_holds_the_new_words_and_the_old_no_more(
    adapter: dspy.Adapter, selection: Selection
) -> None:
    texts = {"react/tools/search": NEW, "react/tools/search/args/query": "all words that matter"}
    sent = sent_by(rewritten(agent(), texts, selection), adapter)
    assert NEW in sent
    assert "all words that matter" in sent
    assert OLD not in sent
    assert "some old words" not in sent
    assert "{tool " not in sent
    assert "Works out a formula." in sent


@pytest.mark.skipif(SINCE_3_5, reason="agents are given their tools at each call")
def test_new_instructions_list_the_tools_where_the_placeholders_are() -> None:
    text = "First {tool compute} and then {tool search}."
    program = rewritten(agent(), {"react": text, "react/tools/search": NEW}, BOTH)
    instructions = program.react.signature.instructions
    assert instructions.startswith("First compute, whose description is <desc>Works out a formula.</desc>.")
    assert f"and then search, whose description is <desc>{NEW}</desc>." in instructions


@pytest.mark.skipif(SINCE_3_5, reason="agents are given their tools at each call")
def test_frozen_tools_are_listed_again_when_only_instructions_change() -> None:
    selection = select(("instructions", "tools"), ("*/tools/search*",))
    text = read_candidate(agent(), selection)["react"]
    program = rewritten(agent(), {"react": f"Think. {text}"}, selection)
    assert OLD in program.react.signature.instructions
    assert "{tool" not in program.react.signature.instructions


def test_an_unchanged_candidate_builds_the_same_program() -> None:
    student = agent()
    for selection in (TOOLS, BOTH):
        assert rewritten(student, {}, selection).dump_state() == student.dump_state()


def test_the_students_tools_stay_as_they_are() -> None:
    student = agent()
    before = (student.dump_state(), repr(student.tools))
    rewritten(student, {"react/tools/search": NEW, "react/tools/search/args/query": "x"})
    assert (student.dump_state(), repr(student.tools)) == before
    assert SEARCH.desc == OLD


def test_a_rewritten_tool_still_works() -> None:
    program = rewritten(agent(), {"react/tools/search": NEW, "react/tools/search/args/query": "words"})
    assert program.tools["search"](query="cats") == "3 pages about cats"


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: type(adapter).__name__)
@pytest.mark.parametrize(
    "tools", [[SEARCH], (SEARCH,), {"s": SEARCH}, SEARCH], ids=lambda t: type(t).__name__
)
def test_tools_that_are_handed_over_at_the_call_reach_the_model_too(
    adapter: dspy.Adapter, tools: Any
) -> None:
    program = rewritten(
        Chooser(tools), {"choose/tools/search": NEW, "choose/tools/search/args/most": "how many"}
    )
    sent = request_of(program, adapter, {"answer": "x"}, question="why?")
    assert NEW in sent
    assert "how many" in sent
    assert OLD not in sent
    assert type(program.tools) is type(tools)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
def test_the_newer_agent_is_given_the_new_words() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        newer = dspy.ReAct if SINCE_3_5 else dspy.ReActV2
        student = newer("question -> answer", tools=[SEARCH])
    program = rewritten(student, {"react/tools/search": NEW})
    sent = request_of(program, ADAPTERS[0], SUBMIT, question="why?")
    assert NEW in sent
    assert OLD not in sent
    assert "react/tools/submit" not in read_candidate(student, TOOLS)
    assert student.tools["search"].desc == OLD


def test_tools_are_read_without_the_agent_that_is_deprecated(monkeypatch: pytest.MonkeyPatch) -> None:
    if not SINCE_3_5:  # there it warns when it is looked at
        monkeypatch.delattr(dspy, "ReActV2")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "react/tools/search" in read_candidate(agent(), TOOLS)


@pytest.mark.parametrize("name", ["finish", "submit"])
def test_a_tool_of_the_users_own_may_be_named_like_an_agents(name: str) -> None:
    program = Chooser([dspy.Tool(search, name=name)])
    assert read_candidate(program, TOOLS)[f"choose/tools/{name}"] == OLD


@pytest.mark.parametrize("annotation", [list[dspy.Tool] | None, dict[str, dspy.Tool], tuple[dspy.Tool, ...]])
def test_tools_are_handed_over_in_any_container(annotation: Any) -> None:
    program = Chooser([SEARCH])
    program.other = dspy.Predict("question -> answer")
    program.choose.signature = program.choose.signature.with_updated_fields("tools", type_=annotation)
    assert "choose/tools/search" in read_candidate(program, TOOLS)


def test_native_function_calls_are_given_the_new_words() -> None:
    texts = {"choose/tools/search": NEW, "choose/tools/search/args/query": "all words"}
    tool = rewritten(Chooser([SEARCH]), texts).tools[0]
    if SINCE_3_5:
        function = asdict(tool.as_function_tool())
    else:
        function = tool.format_as_litellm_function_call()["function"]
    assert function["description"] == NEW
    assert function["parameters"]["properties"]["query"]["description"] == "all words"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_agent_that_writes_code_lists_the_new_words() -> None:
    if not hasattr(dspy, "CodeAct"):
        pytest.skip("this DSPy has no CodeAct any more")
    program = rewritten(dspy.CodeAct("question -> answer", tools=[search]), {"codeact/tools/search": NEW})
    instructions = program.codeact.signature.instructions
    assert NEW in instructions
    assert OLD not in instructions


def test_a_subclass_of_an_agent_is_an_agent() -> None:
    class Mine(dspy.ReAct):
        pass

    program = rewritten(Mine("question -> answer", tools=[SEARCH]), {"react/tools/search": NEW})
    assert NEW in sent_by(program)
    assert "react/tools/finish" not in read_candidate(program, TOOLS)


def test_an_rlm_lists_the_new_words() -> None:
    program = rewritten(dspy.RLM("question -> answer", tools=[SEARCH]), {"generate_action/tools/search": NEW})
    instructions = program.generate_action.signature.instructions
    assert NEW in instructions
    assert OLD not in instructions


def test_a_custom_listing_in_an_agents_own_words_is_refused() -> None:
    class Custom(dspy.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tools = [SEARCH]
            self.choose = dspy.Predict(dspy.Signature("question -> answer", f"Tools: search - {SEARCH.desc}"))

    with pytest.raises(ConfigurationError, match=r"choose .*'search'"):
        read_candidate(Custom(), TOOLS)


@pytest.mark.skipif(SINCE_3_5, reason="agents are given their tools at each call")
def test_an_agent_whose_instructions_list_no_tools_is_refused() -> None:
    student = agent()
    student.react.signature = student.react.signature.with_instructions("Find the answer.")
    with pytest.raises(ConfigurationError, match=r"ReAct .*'search'"):
        read_candidate(student, TOOLS)


# Saved programs -------------------------------------------------------------------------------------------


@pytest.mark.skipif(SINCE_3_5, reason="agents are given their tools at each call")
def test_an_agent_loaded_from_json_says_what_was_saved(tmp_path: Path) -> None:
    texts = {"react/tools/search": NEW, "react/tools/search/args/query": "all words"}
    program = rewritten(agent(), texts)
    program.save(tmp_path / "agent.json")
    loaded = agent()
    loaded.load(tmp_path / "agent.json")
    assert NEW in sent_by(loaded)
    assert OLD not in sent_by(loaded)
    # Its tools say the old, its instructions the new: the model reads the instructions.
    assert read_candidate(loaded, TOOLS) == read_candidate(program, TOOLS)
    assert "newest" in sent_by(rewritten(loaded, {"react/tools/search": "newest"}))
    assert NEW not in sent_by(rewritten(loaded, {"react/tools/search": "newest"}))


def test_an_rlm_loaded_from_json_can_be_improved_further(tmp_path: Path) -> None:
    name = "generate_action/tools/search"
    program = rewritten(dspy.RLM("question -> answer", tools=[SEARCH]), {name: NEW})
    program.save(tmp_path / "rlm.json")
    loaded = dspy.RLM("question -> answer", tools=[SEARCH])
    loaded.load(tmp_path / "rlm.json")
    assert read_candidate(loaded, TOOLS)[name] == NEW
    again = rewritten(loaded, {name: "newest"}).generate_action.signature.instructions
    assert "- newest" in again
    assert NEW not in again
    assert OLD not in again


def test_a_program_saved_whole_keeps_the_tools_it_hands_over(tmp_path: Path) -> None:
    program = rewritten(Chooser([SEARCH]), {"choose/tools/search": NEW})
    program.save(tmp_path / "program", save_program=True, modules_to_serialize=None)
    loaded = dspy.load(str(tmp_path / "program"), allow_pickle=True)
    assert read_candidate(loaded, TOOLS)["choose/tools/search"] == NEW


@given(st.lists(st.text(), min_size=6, max_size=6), st.booleans())
def test_what_is_built_is_read_again(texts: list[str], both: bool) -> None:
    selection = BOTH if both else TOOLS
    student = agent()
    seed = read_candidate(student, selection)
    names = [name for name in seed if "/" in name]
    candidate = seed.with_texts(dict(zip(names, texts, strict=False)))
    program = build_program(student, candidate)
    assert read_candidate(program, selection) == candidate
