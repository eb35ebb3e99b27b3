"""Mails to a facility: urgency, sentiment and categories, with feedback for each of three classifiers."""

from __future__ import annotations

import json
import re
from typing import Any, Literal

import dspy

from tests.support import Answer, Prompt, scripted_lm
from tests.tutorials.support_lessons import WITH_EITHER, learn

Category = Literal["cleaning", "repairs", "security", "invoices"]
RULES = {
    "urgency": "Rule: what stops work or harms people is high.",
    "sentiment": "Rule: thanks alone make a mail positive.",
    "categories": "Rule: name every category that the mail asks about.",
}
FOUND = {"dust": "cleaning", "broken": "repairs", "lock": "security", "bill": "invoices"}


class Urgency(dspy.Signature):
    """Tell how urgent the mail is."""

    mail: str = dspy.InputField()
    urgency: Literal["low", "medium", "high"] = dspy.OutputField()


class Sentiment(dspy.Signature):
    """Tell the mood of the mail."""

    mail: str = dspy.InputField()
    sentiment: Literal["positive", "neutral", "negative"] = dspy.OutputField()


class Categories(dspy.Signature):
    """Tell what the mail is about."""

    mail: str = dspy.InputField()
    categories: list[Category] = dspy.OutputField()


class SupportAnalyzer(dspy.Module):
    def __init__(self) -> None:
        super().__init__()
        self.urgency = dspy.ChainOfThought(Urgency)
        self.sentiment = dspy.ChainOfThought(Sentiment)
        self.categories = dspy.ChainOfThought(Categories)

    def forward(self, mail: str) -> dspy.Prediction:
        return dspy.Prediction(
            urgency=self.urgency(mail=mail).urgency,
            sentiment=self.sentiment(mail=mail).sentiment,
            categories=self.categories(mail=mail).categories,
        )


def metric(gold: Any, pred: Any, trace: Any = None, pred_name: Any = None, pred_trace: Any = None) -> Any:
    truth = json.loads(gold.answer)
    right = {
        "urgency": pred.urgency == truth["urgency"],
        "sentiment": pred.sentiment == truth["sentiment"],
        "categories": set(pred.categories) == set(truth["categories"]),
    }
    asked = [pred_name.partition(".")[0]] if pred_name else list(right)
    words = ["Right." if right[name] else f"It should be {truth[name]}. {RULES[name]}" for name in asked]
    return dspy.Prediction(score=sum(right.values()) / 3, feedback=" ".join(words))


def classifies(prompt: Prompt) -> Answer:
    mail, name = prompt.field("mail"), prompt.outputs[-1]
    knows, found = RULES[name] in prompt.system, [FOUND[word] for word in re.findall("|".join(FOUND), mail)]
    answers = {
        "urgency": "high" if knows and "nobody can work" in mail else "medium",
        "sentiment": "positive" if knows and "Thank you" in mail else "neutral",
        "categories": json.dumps(found if knows else found[:1]),
    }
    return {"reasoning": "I read the mail.", name: answers[name]}


def mail(number: int) -> dspy.Example:
    first, second = list(FOUND)[number % 4], list(FOUND)[(number + 1) % 4]
    stops, thanks = number % 2 == 0, number % 3 == 0
    text = f"Room {number}: the {first}, and the {second}."
    text += (" Since then nobody can work." if stops else "") + (" Thank you!" if thanks else "")
    truth = {
        "urgency": "high" if stops else "medium",
        "sentiment": "positive" if thanks else "neutral",
        "categories": [FOUND[first], FOUND[second]],
    }
    return dspy.Example(mail=text, answer=json.dumps(truth)).with_inputs("mail")


@WITH_EITHER
def test_each_classifier_learns_its_own_rule(package: str) -> None:
    train, val, test = ([mail(i) for i in range(start, start + 9)] for start in (0, 100, 200))
    lesson = learn(package, SupportAnalyzer(), metric, train, val, test, scripted_lm(classifies), budget=90)
    assert lesson.before < 0.4
    assert lesson.after == 1
    for name, rule in RULES.items():
        assert lesson.gained(f"{name}.predict") == [rule]
