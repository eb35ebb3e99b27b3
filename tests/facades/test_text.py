"""`optimize_text`: three examples from end to end, its three modes, and what an evaluator may return."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import dspy
import pytest

from dspy_gepa import (
    ConfigurationError,
    JournalError,
    MetricError,
    ProgramError,
    ReflectionError,
    Text,
    optimize_text,
)
from dspy_gepa.events import ReflectionDone, RunStarted
from dspy_gepa.testing import EventRecorder, Prompt, ScriptedLM

QUIET: dict[str, Any] = {"progress": "off", "num_threads": 1}
PIXEL = "data:image/png;base64,iVBORw0KGgo="


def appends(word: str) -> ScriptedLM:
    """A reflection model that appends a word to the text, and writes it where there is none."""
    return ScriptedLM(lambda prompt: {"new_text": f"{prompt.field('current_text')} {word}".strip()})


def counts(text: str) -> tuple[float, str]:
    """The share of four words."""
    return min(1.0, text.count("more") / 4), "Say more."


# Three examples ---------------------------------------------------------------------------------------------

SLOW = "def sums(values):\n    return [total(values[: i + 1]) for i in range(len(values))]\n"
FAST = """def sums(values):
    found, so_far = [], 0
    for value in values:
        so_far = add(so_far, value)
        found.append(so_far)
    return found
"""
BROKEN = "def sums(values):\n    return list(values)\n"


def run_kernel(source: str) -> dict[str, Any]:
    """Scores right sums by the additions they take: a count is the same at every run, a time is not."""
    additions = 0

    def add(a: int, b: int) -> int:
        nonlocal additions
        additions += 1
        return a + b

    def total(values: list[int]) -> int:
        so_far = 0
        for value in values:
            so_far = add(so_far, value)
        return so_far

    namespace: dict[str, Any] = {"add": add, "total": total, "__builtins__": {"range": range, "len": len}}
    namespace["__builtins__"]["list"] = list
    try:
        exec(compile(source, "kernel", "exec"), namespace)
        found = namespace["sums"]([3, 1, 4, 1, 5, 9, 2, 6])
    except Exception as error:
        return {"score": 0.0, "feedback": f"It failed: {error!r}"}
    if found != [3, 4, 8, 9, 14, 23, 25, 31]:
        return {"score": 0.0, "feedback": f"Wrong: it gave {found}."}
    return {"score": 8 / additions, "feedback": f"Right, with {additions} additions; 8 do.", "sums": found}


def test_a_code_kernel_becomes_faster_and_stays_right() -> None:
    proposals = iter(["def sums(values:", BROKEN, FAST])
    lm = ScriptedLM(lambda prompt: {"new_text": next(proposals, FAST + "# again\n")})
    result = optimize_text(
        SLOW, run_kernel, kind="code", reflection_lm=lm, max_metric_calls=6, perfect_score=1.0, **QUIET
    )
    assert result.text == FAST.strip()
    assert (result.score, result.interval) == (1.0, None)
    assert result.result.val_subscores[0] == {0: 8 / 36}
    # The source that does not parse cost no rollout: the model was shown the objection.
    assert "does not parse" in lm.prompts[1].field("objection")
    assert "Right, with 36 additions; 8 do." in lm.prompts[0].field("examples_with_feedback")
    assert "[3, 4, 8" in re.sub(r"\s+", " ", lm.prompts[0].field("examples_with_feedback")).replace("[ ", "[")


def test_an_agents_skill_file_is_improved_for_tasks_it_has_not_seen() -> None:
    rules = {"refund": "Ask for the order number.", "crash": "Ask for the version."}

    def agent(prompt: Prompt) -> dict[str, str]:
        known = [rule for rule in rules.values() if rule in prompt.field("skill")]
        fitting = [rule for word, rule in rules.items() if word in prompt.field("message") and rule in known]
        return {"reply": " ".join(fitting) or "Hello!"}

    def evaluate(files: Mapping[str, str], case: Mapping[str, str]) -> dict[str, Any]:
        reply = dspy.Predict("skill, message -> reply")(
            skill=files["SKILL.md"], message=case["message"]
        ).reply
        right = rules[case["kind"]] in reply
        return {"score": right, "feedback": "Good." if right else f"It must say: {rules[case['kind']]}"}

    def writes(prompt: Prompt) -> dict[str, str]:
        wanted = re.findall("It must say: (.*)", prompt.field("examples_with_feedback"))
        return {"new_text": "\n".join(dict.fromkeys([prompt.field("current_text"), *wanted]))}

    cases = [{"kind": kind, "message": f"a {kind} ({i})"} for i in range(12) for kind in rules]
    with dspy.context(lm=ScriptedLM(agent)):
        result = optimize_text(
            {"SKILL.md": "# Support\nBe kind."},
            evaluate,
            examples=cases[:12],
            valset=cases[12:],
            reflection_lm=ScriptedLM(writes),
            groups="kind",
            max_metric_calls=80,
            **QUIET,
        )
    assert all(rule in result.texts["SKILL.md"] for rule in rules.values())
    assert result.text.startswith("# Support")
    assert result.interval is not None
    low, high = result.interval
    assert low <= result.score <= high
    assert low > 0.5
    assert result.result.score_is_in_sample is False
    assert set((result.result.group_scores or [])[-1]) == set(rules)
    assert "calls" not in result.result.usage["train rollouts"].tokens
    assert result.result.usage["train rollouts"].calls > 0  # calls inside the evaluator are metered


def test_an_svg_is_drawn_from_an_objective_and_judged_by_a_scorer() -> None:
    def judge(source: str) -> dict[str, Any]:
        try:
            drawing = ElementTree.fromstring(source)
        except ElementTree.ParseError as error:
            return {"score": 0.0, "feedback": f"No XML: {error}"}
        wheels = len(drawing.findall("{*}circle"))
        missing = ["a title"] * (drawing.find("{*}title") is None) + ["two wheels"] * (wheels != 2)
        return {
            "score": 1 - len(missing) / 2,
            "feedback": f"It lacks {' and '.join(missing)}." if missing else "Perfect.",
            "objective_scores": {"short": -len(source)},
            "picture": dspy.Image(url=PIXEL),
        }

    def draws(prompt: Prompt) -> dict[str, str]:
        if not prompt.field("current_text"):
            return {"new_text": '<svg xmlns="http://www.w3.org/2000/svg"></svg>'}
        lacks = prompt.field("examples_with_feedback")
        part = "<title>Bicycle</title>" if "a title" in lacks else '<circle r="4"/><circle r="4"/>'
        return {"new_text": prompt.field("current_text").replace("</svg>", f"{part}</svg>")}

    lm = ScriptedLM(draws)
    result = optimize_text(
        None,
        judge,
        reflection_lm=lm,
        objective="An SVG drawing of a bicycle.",
        background="It is shown at 64 pixels.",
        perfect_score=1.0,
        max_metric_calls=8,
        **QUIET,
    )
    assert result.score == 1.0
    assert result.text.count("<circle") == 2
    assert "short" in (result.result.objective_pareto_front or {})
    first, second, *_ = lm.prompts
    for prompt in (first, second):
        assert "An SVG drawing of a bicycle." in prompt.field("subject")
        assert prompt.field("guidance") == "It is shown at 64 pixels."
    assert not first.field("examples_with_feedback")
    assert "image/png" in second.text  # sent as an image
    assert PIXEL not in second.text


# Modes ------------------------------------------------------------------------------------------------------


def test_without_examples_there_is_a_single_task_whose_score_is_known() -> None:
    result = optimize_text("more", counts, reflection_lm=appends("more"), max_metric_calls=5, **QUIET)
    assert result.text == "more more more more"  # a fifth word gains nothing
    assert (result.score, result.interval) == (1.0, None)
    assert result.best_by_example == (result.texts,)
    assert result.result.total_metric_calls == 5


def test_a_score_of_one_ends_a_run_only_where_it_is_the_perfect_score() -> None:
    def speed(text: str) -> float:
        return float(len(text.split()))

    faster = optimize_text("more", speed, reflection_lm=appends("more"), max_metric_calls=6, **QUIET)
    assert faster.score == 6.0
    done = optimize_text(
        "more", speed, reflection_lm=appends("more"), perfect_score=1.0, max_metric_calls=6, **QUIET
    )
    assert done.score == 1.0
    assert done.result.total_metric_calls == 1


def test_of_many_tasks_each_has_the_text_that_is_best_on_it() -> None:
    def letters(text: str, letter: str) -> tuple[float, dict[str, Any]]:
        return float(letter in text), {"feedback": f"Use {letter}.", "text": text}

    def writes(prompt: Prompt) -> dict[str, str]:
        letter = re.findall(r"Use (\w)\.", prompt.field("examples_with_feedback"))[0]
        return {"new_text": letter}  # and forgets all others

    result = optimize_text(
        "-", letters, examples=list("xyz"), reflection_lm=ScriptedLM(writes), max_metric_calls=60, **QUIET
    )
    assert [best["text"] for best in result.best_by_example] == ["x", "y", "z"]
    assert result.result.score_is_in_sample


def test_a_row_has_the_fields_of_its_example_for_groups_and_weights() -> None:
    rows = [dspy.Example(word=w, weight=i + 1).with_inputs("word") for i, w in enumerate("ab")]
    seen: list[Any] = []

    def evaluate(text: str, example: dspy.Example) -> float:
        seen.append((example.word, sorted(example.inputs().keys())))
        return 0.5

    result = optimize_text(
        "t",
        evaluate,
        examples=rows,
        reflection_lm=appends("more"),
        weights="weight",
        groups=lambda row: row.example.word,
        max_metric_calls=4,
        **QUIET,
    )
    assert set((result.result.group_scores or [])[0]) == {"a", "b"}
    assert set(map(str, seen)) == {"('a', ['word'])", "('b', ['word'])"}


CASES = [{"letter": letter} for letter in "abcd"]


def has_letter(text: str, case: Mapping[str, str]) -> tuple[float, str]:
    return float(case["letter"] in text), f"Use {case['letter']}."


def test_a_test_set_is_scored_once_after_the_search_and_decides_nothing() -> None:
    seen: list[str] = []

    def evaluate(text: str, case: Mapping[str, str]) -> tuple[float, str]:
        seen.append(case["letter"])
        return has_letter(text, case)

    lm = appends("ab")
    result = optimize_text(
        "-",
        evaluate,
        examples=CASES[:2],
        testset=[{"letter": "b", "late": True}, {"letter": "z", "late": True}],
        reflection_lm=lm,
        max_metric_calls=8,
        **QUIET,
    )
    test = result.result.test
    assert test is not None
    assert (test.original, test.score, test.rows) == (0.0, 0.5, 2)
    assert sorted(seen[-4:]) == ["b", "b", "z", "z"]
    assert result.result.total_metric_calls == len(seen) - 4
    assert not any("Use z." in prompt.field("examples_with_feedback") for prompt in lm.prompts)


@pytest.mark.parametrize(
    "must_pass",
    [[{"letter": "a"}], "kept", lambda case: case["letter"] == "a"],
    ids=["examples", "field", "function"],
)
def test_a_text_that_loses_an_example_is_not_returned(must_pass: Any) -> None:
    cases = [{**case, "kept": case["letter"] == "a"} for case in CASES]
    if isinstance(must_pass, list):
        must_pass = cases[:1]
    result = optimize_text(
        "a",
        has_letter,
        examples=cases,
        must_pass=must_pass,
        reflection_lm=ScriptedLM({"new_text": "bcd"}),
        max_metric_calls=30,
        **QUIET,
    )
    assert result.text == "a"
    assert result.result.regressions[1] == ["train/0"]


# What an evaluator returns ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        (0.25, "The score is 0.25."),
        (True, "The score is True."),
        ((0.25, "why"), "why"),
        ((0.25, {"feedback": "why", "log": "a line"}), "a line"),
        ({"score": 0.25, "log": "a line"}, "a line"),
        (dspy.Prediction(score=0.25, feedback="why"), "why"),
    ],
    ids=["number", "bool", "feedback", "pair", "mapping", "prediction"],
)
def test_what_an_evaluator_says_is_shown_to_the_reflection_model(answer: Any, shown: str) -> None:
    lm = appends("more")
    result = optimize_text("t", lambda text: answer, reflection_lm=lm, max_metric_calls=2, **QUIET)
    assert result.score in (0.25, 1.0)
    assert shown in lm.prompts[0].field("examples_with_feedback")


def test_what_an_evaluator_says_may_have_any_names() -> None:
    answer = {"score": 0.25, "self": "odd", "base": "names", 7: "shown"}
    lm = appends("more")
    optimize_text("t", lambda text: answer, reflection_lm=lm, max_metric_calls=2, **QUIET)
    assert all(word in lm.prompts[0].field("examples_with_feedback") for word in ("odd", "names", "shown"))


def test_an_example_may_have_fields_of_any_names() -> None:
    examples = [{"self": 1, "base": 2, 7: 3}, {"self": 4}]
    seen: list[Any] = []

    def evaluate(text: str, example: Any) -> float:
        seen.append(example)
        return 0.5

    lm = appends("more")
    optimize_text("t", evaluate, examples=examples, reflection_lm=lm, max_metric_calls=4, **QUIET)
    assert all(example in seen for example in examples)


def test_the_score_of_a_pair_is_its_first_value() -> None:
    def answer(text: str) -> Any:
        return 0.25, {"score": 99, "feedback": "why"}

    result = optimize_text("t", answer, reflection_lm=appends("more"), max_metric_calls=2, **QUIET)
    assert result.score == 0.25


def test_an_async_evaluator_is_awaited() -> None:
    async def evaluate(text: str) -> float:
        return len(text) / 100

    result = optimize_text("t", evaluate, reflection_lm=appends("more"), max_metric_calls=2, **QUIET)
    assert result.text == "t more"


@pytest.mark.parametrize("answer", [None, "good", {"feedback": "no score"}, float("nan")])
def test_no_score_is_the_evaluators_fault_and_ends_the_run(answer: Any) -> None:
    with pytest.raises(MetricError):
        optimize_text("t", lambda text: answer, reflection_lm=appends("more"), max_metric_calls=9, **QUIET)


def test_no_score_for_a_later_text_is_its_failure() -> None:
    def evaluate(text: str) -> float | None:
        return 0.5 if text == "t" else None

    result = optimize_text("t", evaluate, reflection_lm=appends("more"), max_metric_calls=4, **QUIET)
    assert (result.text, result.score) == ("t", 0.5)


def test_a_text_on_which_the_evaluator_raises_has_failed_and_the_model_sees_why() -> None:
    def evaluate(text: str) -> float:
        if text.endswith("more"):
            raise RuntimeError("no more, please")
        return 0.5

    lm = appends("more")
    result = optimize_text("t", evaluate, reflection_lm=lm, max_metric_calls=4, **QUIET)
    assert result.text == "t"
    assert set(result.result.failed_rollouts) == {"RuntimeError"}


def test_an_evaluator_that_raises_on_the_first_text_ends_the_run_and_is_named() -> None:
    def careless(text: str) -> float:
        raise KeyError("price")

    with pytest.raises(ProgramError, match=r"careless.*low score"):
        optimize_text("t", careless, reflection_lm=appends("more"), max_metric_calls=9, **QUIET)


def test_an_object_that_evaluates_is_called_itself_and_not_copied() -> None:
    class Evaluator:
        calls = 0

        def __call__(self, text: str) -> float:
            self.calls += 1
            return float(len(text))

    evaluator = Evaluator()
    optimize_text("t", evaluator, reflection_lm=appends("more"), max_metric_calls=3, **QUIET)
    assert evaluator.calls == 3


# A first text -----------------------------------------------------------------------------------------------


def test_a_missing_text_is_written_once_and_counted_and_resumed(tmp_path: Path) -> None:
    def compiled(lm: ScriptedLM) -> tuple[Any, EventRecorder]:
        recorder = EventRecorder()
        result = optimize_text(
            None,
            counts,
            objective="Words.",
            reflection_lm=lm,
            max_metric_calls=4,
            log_dir=tmp_path,
            callbacks=[recorder],
            **QUIET,
        )
        return result, recorder

    lm = appends("more")
    result, recorder = compiled(lm)
    assert result.result.texts[0] == {"text": "more"}
    assert result.result.reflection_calls == len(lm.prompts) == 4  # the first text, then three
    assert result.result.usage["reflection"].calls == 4
    assert recorder.one(RunStarted).candidates[0]["text"] == "more"
    assert [event.replayed for event in recorder.of(ReflectionDone)] == [False] * 4

    again = appends("other words")
    resumed, recorder = compiled(again)
    assert again.prompts == []
    assert resumed.texts == result.texts
    assert resumed.result.usage == result.result.usage
    assert [event.replayed for event in recorder.of(ReflectionDone)] == [True] * 4


def test_another_objective_is_another_run(tmp_path: Path) -> None:
    def compiled(objective: str) -> None:
        optimize_text(
            "t",
            counts,
            objective=objective,
            reflection_lm=appends("more"),
            max_metric_calls=2,
            log_dir=tmp_path,
            **QUIET,
        )

    compiled("Words.")
    with pytest.raises(JournalError, match="texts"):
        compiled("Other words.")


def test_an_answer_that_is_no_text_is_asked_for_again_with_the_reason() -> None:
    answers = iter([{"new_text": "def f(:"}, {"new_text": "x = 1"}])
    lm = ScriptedLM(lambda prompt: next(answers))
    result = optimize_text(
        None,
        lambda text: 1.0,
        objective="A line.",
        kind="code",
        reflection_lm=lm,
        perfect_score=1.0,
        max_metric_calls=2,
        **QUIET,
    )
    assert result.text == "x = 1"
    assert "does not parse" in lm.prompts[1].field("objection")
    assert result.result.reflection_calls == 2


def test_two_answers_that_are_no_text_end_the_run() -> None:
    with pytest.raises(ReflectionError, match="text"):
        optimize_text(
            None,
            counts,
            objective="Words.",
            reflection_lm=ScriptedLM({"new_text": ""}),
            max_metric_calls=2,
            **QUIET,
        )


def test_a_limit_that_has_no_room_for_the_first_text_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="max_reflections"):
        optimize_text(
            None, counts, objective="Words.", reflection_lm=appends("more"), max_reflections=1, **QUIET
        )


def test_of_several_texts_only_the_missing_one_is_written_first() -> None:
    seen: list[Mapping[str, str]] = []

    def evaluate(texts: Mapping[str, str]) -> float:
        seen.append(dict(texts))
        return 0.5

    lm = appends("more")
    texts = {"rules": "Be kind.", "tone": Text(None, desc="the tone"), "code": Text("x = 1", kind="code")}
    optimize_text(texts, evaluate, objective="A letter.", reflection_lm=lm, max_metric_calls=1, **QUIET)
    assert seen[0] == {"rules": "Be kind.", "tone": "more", "code": "x = 1"}
    assert len(lm.prompts) == 1
    subject = lm.prompts[0].field("subject")
    assert "the tone" in subject
    assert "A letter." in subject


# Arguments --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"texts": None}, "objective"),
        ({"texts": 3}, "str"),
        ({"kind": "svg"}, "kind"),
        ({"valset": ["a"]}, "examples"),
        ({"testset": ["a"]}, "examples"),
        ({"must_pass": ["a"]}, "examples"),
        ({"must_pass": ["b"], "examples": ["a"], "evaluate": lambda text, example: 1.0}, "must_pass"),
        ({"examples": ["a"]}, "evaluate"),
        ({"examples": "abc", "evaluate": lambda text, example: 1.0}, "examples"),
        ({"examples": ["a"], "must_pass": 3, "evaluate": lambda text, example: 1.0}, "must_pass"),
        ({"examples": [], "evaluate": lambda text, example: 1.0}, "empty"),
        ({"track_stats": True}, "track_stats"),
        ({"metric": counts}, "metric"),
        ({"guidance": "Be kind."}, "background"),
        ({"max_metric_cals": 3}, "max_metric_calls"),
        ({"reflection_lm": None}, "reflection_lm"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else value,
)
def test_what_cannot_be_used_is_refused_before_anything_is_run(change: dict[str, Any], named: str) -> None:
    calls: list[str] = []

    def evaluate(text: str) -> float:
        calls.append(text)
        return 1.0

    lm = appends("more")
    given: dict[str, Any] = {"texts": "t", "evaluate": evaluate, "reflection_lm": lm, "max_metric_calls": 5}
    with pytest.raises((ConfigurationError, TypeError), match=named):
        optimize_text(**(given | change), **QUIET)
    assert calls == []
    assert lm.prompts == []


def test_one_of_several_texts_has_to_be_asked_for_by_name() -> None:
    evaluate: Callable[[Mapping[str, str]], float] = lambda texts: 0.5  # noqa: E731
    result = optimize_text(
        {"a": "x", "b": "y"}, evaluate, reflection_lm=appends("z"), max_metric_calls=1, **QUIET
    )
    assert result.texts == {"a": "x", "b": "y"}
    with pytest.raises(ConfigurationError, match="'a'"):
        result.text  # noqa: B018
