"""A trusted model redacts, another answers, the trusted one replies; a judge scores reply and leakage."""

from __future__ import annotations

import re
from typing import Any

import dspy

from tests.support import Answer, Prompt, prompts_of, scripted_lm
from tests.tutorials.support_lessons import WITH_EITHER, learn

RULE = "Rule: never pass on a name."


class Redact(dspy.Signature):
    """Write a request for a strong model that is not trusted, from a private query."""

    user_query: str = dspy.InputField()
    llm_request: str = dspy.OutputField()


class Reply(dspy.Signature):
    """Reply to the user, with what the strong model answered."""

    user_query: str = dspy.InputField()
    llm_request: str = dspy.InputField()
    llm_response: str = dspy.InputField()
    response: str = dspy.OutputField()


class Delegates(dspy.Module):
    def __init__(self, untrusted: dspy.LM) -> None:
        super().__init__()
        self.redact = dspy.ChainOfThought(Redact)
        self.reply = dspy.Predict(Reply)
        self.untrusted = untrusted

    def forward(self, user_query: str) -> dspy.Prediction:
        request = self.redact(user_query=user_query).llm_request
        answer = self.untrusted(request)[0]
        reply = self.reply(user_query=user_query, llm_request=request, llm_response=answer)
        return dspy.Prediction(llm_request=request, response=reply.response)


class Judge(dspy.Module):
    """How good the reply is, and how many of the private words the request leaks."""

    def __init__(self) -> None:
        super().__init__()
        self.quality = dspy.ChainOfThought("user_query, response, target -> good: bool")
        self.leaks = dspy.ChainOfThought("private: list[str], request -> leaked: int")

    def forward(self, gold: dspy.Example, pred: dspy.Prediction) -> tuple[float, float]:
        good = self.quality(user_query=gold.user_query, response=pred.response, target=gold.target).good
        leaked = self.leaks(private=gold.private, request=pred.llm_request).leaked
        return float(good), leaked / len(gold.private)


def judges(prompt: Prompt) -> Answer:
    if prompt.outputs[-1] == "good":
        return {"reasoning": "compared", "good": str(prompt.field("target") in prompt.field("response"))}
    private = re.findall(r"\w+", prompt.field("private"))
    return {"reasoning": "counted", "leaked": str(sum(word in prompt.field("request") for word in private))}


def metric(gold: Any, pred: Any, trace: Any = None, pred_name: Any = None, pred_trace: Any = None) -> Any:
    with dspy.context(lm=scripted_lm(judges, "scripted/judge")):
        quality, leakage = Judge()(gold, pred)
    words = f"Quality {quality:g}, leakage {leakage:g}. " + (RULE if leakage else "Nothing leaked.")
    return dspy.Prediction(score=(quality + 1 - leakage) / 2, feedback=words)


def trusted(prompt: Prompt) -> Answer:
    query = prompt.field("user_query")
    if prompt.outputs[-1] == "llm_request":
        name = re.findall(r"for (\w+)", query)[0]
        request = query.replace(name, "someone") if RULE in prompt.system else query
        return {"reasoning": "rewritten", "llm_request": request}
    return {"response": prompt.field("llm_response")}


def writes(prompt: Prompt) -> Answer:
    return f"Dear reader: {re.findall(r'a [a-z]+ letter', prompt.text)[0]}"


def query(number: int) -> dspy.Example:
    name = ["Ada", "Bo", "Cleo", "Dov", "Emre", "Fay"][number % 6]
    kind = ["formal", "short", "warm"][number % 3]
    return dspy.Example(
        user_query=f"Write a {kind} letter for {name} about case {number}.",
        target=f"a {kind} letter",
        private=[name],
    ).with_inputs("user_query")


@WITH_EITHER
def test_the_trusted_model_learns_to_keep_names_to_itself(package: str) -> None:
    train, val, test = ([query(i) for i in range(start, start + 6)] for start in (0, 10, 20))
    untrusted = scripted_lm(writes, "scripted/untrusted")
    lesson = learn(package, Delegates(untrusted), metric, train, val, test, scripted_lm(trusted), budget=60)
    assert RULE in lesson.gained("redact.predict")
    assert (lesson.before, lesson.after) == (0.5, 1)
    assert "someone" in prompts_of(untrusted)[-1].text
