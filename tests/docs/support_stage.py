"""What the documentation's examples find: models by name, a program, a metric, rows, a compiled program."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dspy

import dspy_gepa
from dspy_gepa import GEPA
from dspy_gepa.events import Event
from dspy_gepa.testing import Prompt, ScriptedLM

RULE = " An outage that stops all work is high."
# What the task's model says, by output field; all else is "low" or, where the instructions say so, "high".
SAYS = {"reasoning": "It says so.", "points": "2", "reason": "It makes a promise.", "answer": "low"}


def reads(prompt: Prompt) -> dict[str, str]:
    """The task's model: knows what is urgent where its instructions tell."""
    urgent = "log in" in prompt.user and RULE.strip() in prompt.instructions + prompt.field("skill")
    return {name: SAYS.get(name, "high" if urgent else "low") for name in prompt.outputs}


def writes(prompt: Prompt) -> dict[str, str]:
    """The reflection model: adds the rule."""
    text = prompt.field("current_instruction") or prompt.field("current_text")
    return dict.fromkeys(prompt.outputs, text.removesuffix(RULE) + RULE)


def model(name: str, **options: Any) -> dspy.LM:
    """In place of `dspy.LM`: a scripted model of any name, which reflects when it is asked to."""
    return ScriptedLM(lambda prompt: (writes if prompt.asks_for_reflection else reads)(prompt), name)


def metric(gold: Any, pred: Any, trace: Any = None) -> dspy.Prediction:
    right = float(pred.urgency == gold.urgency)
    return dspy.Prediction(
        score=right,
        feedback="Right." if right else f"Expected {gold.urgency!r}.",
        objective_scores={"polite": 1.0, "complete": right, "cost": -0.01},
    )


def rows(start: int) -> list[dspy.Example]:
    texts = {
        "I cannot log in ({})": "high",
        "The logo is blurred ({})": "low",
        "Thanks for the call ({})": "low",
    }
    return [
        dspy.Example(message=text.format(i), urgency=urgency, topic=urgency, language="en").with_inputs(
            "message"
        )
        for i in range(start, start + 8)
        for text, urgency in texts.items()
    ]


def write_traces() -> None:
    """Traces that a page reads, in the form of MLflow: every message was said to be low, and users object."""
    traces = [
        {
            "trace_id": f"tr-{number}",
            "state": "OK",
            "request": {"message": row.message},
            "response": {"urgency": "low"},
            "assessments": [
                {
                    "assessment_name": "thumbs",
                    "feedback": {"value": row.urgency == "low"},
                    "rationale": "" if row.urgency == "low" else "I could not work all day!",
                }
            ],
        }
        for number, row in enumerate(rows(0) + rows(8))
    ]
    Path("traces.jsonl").write_text("\n".join(map(json.dumps, traces)), encoding="utf-8")


def names_of_examples() -> dict[str, Any]:
    """What a page takes for granted. Called while `dspy.LM` is `model`."""
    write_traces()
    lm, program = model("reflection"), dspy.Predict("message -> urgency")
    trainset, valset = rows(0), rows(8)
    received: list[tuple[float, Event]] = []
    gepa = GEPA(
        metric,
        reflection_lm=lm,
        max_metric_calls=60,
        track_stats=True,
        track_best_outputs=True,
        log_dir="runs/one",
        callbacks=[lambda event: received.append((float(len(received)), event))],
    )
    better = gepa.compile(program, trainset=trainset, valset=valset)
    return {
        "__name__": "example",
        "dspy": dspy,
        "dspy_gepa": dspy_gepa,
        "GEPA": GEPA,
        "gepa": gepa,
        "metric": metric,
        "lm": lm,
        "program": program,
        "trainset": trainset,
        "valset": valset,
        "better": better,
        "received": received,
    }
