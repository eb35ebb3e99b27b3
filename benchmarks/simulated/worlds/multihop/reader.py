"""The task role: plays the language model of a multi-hop question-answering program.

What is real: the pages come from real BM25 over real text; sentences are chosen by word overlap, names are
found by their capitals, queries are sent to the retriever as written, and a metric judges the text that
comes out. If the search misses the page, or a summary loses the sentence, nothing later can repair it.

What is played: *how* each of the four stages works is a matter of rules (`skills.py`) that the instructions
or demonstrations of the prompt switch on (`rules.py`). Unasked, a summary holds two lines of the first three
pages without their titles, a query repeats the question, and an answer is a full sentence; each good habit
also happens by itself on some rows. And reading comprehension is played by an answer key: the model gives
the right answer only if the text in its own prompt holds it (or, for a yes/no question or a choice between
names in the question, holds the names of all pages compared); otherwise it guesses another name from that
text. The key is the one thing here that a real model does not have.

All randomness is a hash of the row, the rule and the wording, so answers never change between runs.

This stands in for a model when search algorithms are compared on the same footing. It says nothing about
any real model, and no number measured with it may be quoted as if it did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.simulated.knobs import AnswerKey, Knobs
from benchmarks.simulated.prompt import Demo, Prompt
from benchmarks.simulated.reply import Value
from benchmarks.simulated.rules import obeyed_rules
from benchmarks.simulated.text import holds, names, normalise, pick, unit
from benchmarks.simulated.worlds.multihop import answering
from benchmarks.simulated.worlds.multihop.reading import (
    STILL_MISSING,
    Line,
    content_of,
    has_figures,
    missing_note,
    new_names,
    rank_lines,
    read_pages,
    without_names,
)
from benchmarks.simulated.worlds.multihop.recall import recall
from benchmarks.simulated.worlds.multihop.skills import SKILLS, Stage, stage_of

FIRST_PAGES = 3
DEFAULT_LINES = 1
SHOWN_BY_ONE_DEMO = 0.35


@dataclass(frozen=True)
class MultiHopReader:
    """The task role.

    answers: the answer key.
    knobs: the model's weaknesses.
    recalls: whether it knows something of pages of which only the title is there; see `recall`.
    """

    answers: AnswerKey
    knobs: Knobs = field(default_factory=Knobs)
    recalls: bool = False

    def answer(self, prompt: Prompt, seed: str) -> dict[str, Value]:
        """Output fields for a multi-hop prompt; nothing for prompts of another kind."""
        stage = stage_of(prompt.inputs, [output.name for output in prompt.outputs])
        if stage is None:
            return {}
        row = normalise(prompt.inputs.get("question") or prompt.inputs.get("claim", ""))
        shown = shown_by_demos(stage, prompt.demos)
        obeyed = obeyed_rules(SKILLS[stage], prompt.instructions, shown, f"{stage}/{row}", self.knobs, seed)
        slip = unit(seed, "slip", prompt.text) < self.knobs.noise
        name, text = self._run(stage, prompt.inputs, obeyed, slip, seed)
        return {"reasoning": _reasoning(stage, prompt.inputs, text), name: text}

    def _run(
        self, stage: Stage, inputs: Mapping[str, str], obeyed: frozenset[str], slip: bool, seed: str
    ) -> tuple[str, str]:
        question = inputs.get("question") or inputs.get("claim", "")
        if stage == "query":
            # The later summary first: what it says is missing is what the next search is for.
            told = "\n".join(filter(None, (inputs.get("summary_2"), inputs.get("summary_1"))))
            found = _titles(told) if "claim" in inputs else ()
            return "query", write_query(question, told, frozenset() if slip else obeyed, found)
        if stage == "answer":
            text = "\n".join([inputs.get("summary_1", ""), inputs.get("summary_2", "")])
            fact = None if slip else self.answers.find(question)
            return "answer", answering.answer(question, text, fact, obeyed, seed)
        passages = inputs["passages"]
        if self.recalls:
            passages = recall(question, passages, self.answers.find(question))
        context = inputs.get("context", "")
        summary = summarise(question, context, passages, obeyed, knows_parts="claim" in inputs)
        return "summary", summary.partition("\n")[0] if slip else summary

    def to_json(self) -> dict[str, Any]:
        """The role as JSON data, answer key and all."""
        return {
            "role": "task",
            "answers": self.answers.to_json(),
            "knobs": asdict(self.knobs),
            "recalls": self.recalls,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> MultiHopReader:
        """The role that `to_json` wrote."""
        return cls(AnswerKey.from_json(data["answers"]), Knobs(**data["knobs"]), data["recalls"])


def summarise(
    question: str, context: str, passages: str, obeyed: frozenset[str], *, knows_parts: bool = False
) -> str:
    """A summary of `passages` (as printed in the prompt) with a view to `question`, one line a fact.

    knows_parts: whether a part of the title of a page that was found is no page still to be found.
    """
    pages = read_pages(passages)
    if "quote" in obeyed:
        # The model spends its whole answer on the first page it was told to reproduce.
        return " ".join(pages[0].lines) if pages else ""
    seen = pages if "all_pages" in obeyed else pages[:FIRST_PAGES]
    ranked = rank_lines(seen, question, context if "combine" in obeyed else "")
    kept = _keep(ranked, obeyed)
    lines = [
        f"{line.page.title}: {line.text}" if "names" in obeyed and line.page.title else line.text
        for line in kept
    ]
    if "missing" in obeyed and (
        note := _unseen(question, lines, [page.title for page in pages], knows_parts)
    ):
        lines.append(f"{STILL_MISSING} {note}.")
    if "creative" in obeyed:
        lines = [
            f"Picture this: {names(line)[0] if names(line) else 'somebody'} has a story."
            for line in lines[:2]
        ]
    return "\n".join(lines) or "Nothing relevant."


def _keep(ranked: list[Line], obeyed: frozenset[str]) -> list[Line]:
    if "one_line" in obeyed:
        return ranked[:1]
    budget = DEFAULT_LINES + 2 * ("detail" in obeyed) + ("names" in obeyed)
    kept = ranked[:budget]
    if "detail" in obeyed:
        # One line at least from each of the pages that fit best, not five from the same one.
        best = {line.page.title: line for line in reversed(ranked)}
        tops = sorted(best.values(), key=lambda line: (-line.fit, line.rank))[:4]
        kept += [line for line in tops if line not in kept]
    if "figures" in obeyed:
        kept += [line for line in ranked[:12] if line not in kept and has_figures(line.text)][:2]
    return kept


def _unseen(question: str, lines: list[str], titles: list[str], knows_parts: bool) -> str | None:
    retrieved = {normalise(title) for title in titles}
    candidates = new_names("\n".join(lines), question)
    fresh = [
        name
        for name in candidates
        if normalise(name) not in retrieved and not (knows_parts and _part_of(name, titles))
    ]
    return fresh[0] if fresh else None


def write_query(question: str, summary: str, obeyed: frozenset[str], found_titles: Sequence[str] = ()) -> str:
    """The next search query. Without any rule it repeats the question.

    found_titles: pages that need not be searched for again.
    """
    if "full_question" in obeyed:
        return question
    noted = [note] if (note := missing_note(summary)) else []
    found = [name for name in new_names(summary, question) if not _part_of(name, found_titles)]
    leads = [*(name for name in noted if not _part_of(name, found_titles)), *found]
    bridge = next(iter(leads), None) if "bridge" in obeyed else None
    rest = content_of(question) if "keywords" in obeyed else question
    if "not_again" in obeyed and bridge:
        rest = without_names(rest, summary)
    if "broad" in obeyed:
        rest = " ".join([rest, "history background overview people places events", *found[3:7]])
    return f"{bridge} {rest}".strip() if bridge else rest or question


def _part_of(name: str, titles: Sequence[str]) -> bool:
    return any(holds(title, name) for title in titles)


def _titles(summary: str) -> list[str]:
    """The titles in front of a summary's lines, which are of pages that were found."""
    parts = [line.partition(": ") for line in summary.splitlines()]
    return [title for title, colon, _ in parts if colon and title != STILL_MISSING.rstrip(": ")]


def shown_by_demos(stage: Stage, demos: tuple[Demo, ...]) -> dict[str, float]:
    """How strongly (0 to 1) the demonstrations show each rule; every further demo adds less."""
    missed: dict[str, float] = {}
    for demo in demos:
        for name in _shown(stage, demo):
            missed[name] = missed.get(name, 1.0) * (1 - SHOWN_BY_ONE_DEMO)
    return {name: 1 - rest for name, rest in missed.items()}


def _shown(stage: Stage, demo: Demo) -> list[str]:
    question = demo.inputs.get("question") or demo.inputs.get("claim", "")
    output = demo.outputs.get({"query": "query", "answer": "answer"}.get(stage, "summary"), "")
    if stage == "answer":
        short = 0 < len(output.split()) <= 6
        yes_no = normalise(output) in ("yes", "no")
        return [
            name
            for name, seen in {
                "short": short,
                "yes_no": yes_no,
                "as_written": short and has_figures(output),
            }.items()
            if seen
        ]
    if stage == "query":
        bridged = any(not holds(question, name) for name in names(output))
        return [
            name
            for name, seen in {
                "bridge": bridged,
                "keywords": output != question and "?" not in output,
            }.items()
            if seen
        ]
    titled = sum(": " in line[:60] for line in output.splitlines()) >= 2
    return [
        name
        for name, seen in {
            "names": titled,
            "missing": STILL_MISSING in output,
            "detail": output.count("\n") >= 3,
        }.items()
        if seen
    ]


def _reasoning(stage: Stage, inputs: Mapping[str, str], text: str) -> str:
    start = pick(
        ("Looking at the question", "The question is what matters here", "Step by step"), stage, text
    )
    question, sources = (inputs.get("question") or inputs.get("claim", ""))[:120], ", ".join(inputs)
    return f"{start}: {question} I go by {sources} and give the {stage.rstrip('12')}."
