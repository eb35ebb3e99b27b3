"""The paper's multi-hop question-answering program, and good instructions for it.

Two searches of 7 passages, four ChainOfThought predictors on string signatures:
question -> search -> summarize1 -> create_query_hop2 -> search -> summarize2 -> final_answer.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import dspy
from dspy.evaluate import answer_exact_match

from benchmarks.scorers.retrieval.retriever import Retriever
from benchmarks.tasks.feedback import feedback_for, text_of

PASSAGES_PER_HOP = 7


class HotpotMultiHop(dspy.Module):
    """Answers a question from two rounds of retrieval. Deep copies share the retriever."""

    def __init__(self, retriever: Retriever) -> None:
        super().__init__()
        self.retriever = retriever
        # In the artifact's order: components are rewritten in turn.
        self.create_query_hop2 = dspy.ChainOfThought("question, summary_1 -> query")
        self.final_answer = dspy.ChainOfThought("question, summary_1, summary_2 -> answer")
        self.summarize1 = dspy.ChainOfThought("question, passages -> summary")
        self.summarize2 = dspy.ChainOfThought("question, context, passages -> summary")

    def forward(self, question: str) -> dspy.Prediction:
        """A prediction with `answer`."""
        first_pages = self.retriever.search(question, PASSAGES_PER_HOP)
        first = self.summarize1(question=question, passages=first_pages).summary
        query = self.create_query_hop2(question=question, summary_1=first).query
        pages = self.retriever.search(query, PASSAGES_PER_HOP)
        second = self.summarize2(question=question, context=first, passages=pages).summary
        return dspy.Prediction(
            answer=self.final_answer(question=question, summary_1=first, summary_2=second).answer
        )


def metric(
    gold: dspy.Example, pred: Any, trace: Any = None, pred_name: str | None = None, pred_trace: Any = None
) -> dspy.Prediction:
    """Score 1.0 when the answer matches exactly after normalisation, else 0.0, and say why.

    `gold` needs answer, gold_titles and gold_pages. A prediction without an answer (a failed run) scores 0.0.
    """
    given = text_of(pred, "answer")
    solved = given is not None and bool(answer_exact_match(gold, dspy.Prediction(answer=given)))
    feedback = feedback_for(pred_name or "", gold, pred, solved, trace or (), pred_trace or ())
    return dspy.Prediction(score=1.0 if solved else 0.0, feedback=feedback)


def program_factory(retriever: Retriever) -> Any:
    """A picklable factory of fresh programs that share `retriever`."""
    return partial(HotpotMultiHop, retriever)


BEST_INSTRUCTIONS = {
    "summarize1.predict": (
        "Read all the passages before you write. Keep the titles and full names as they "
        "stand. Keep dates and "
        "numbers exactly. Include every fact that bears on the question. End with what is still missing."
    ),
    "create_query_hop2.predict": (
        "Name the bridging entity that the summary found and the question leaves out. Use "
        "key words and leave "
        "out question words. Do not ask again for what is already known."
    ),
    "summarize2.predict": (
        "Read all the passages before you write. Combine them with the context. Keep the "
        "titles and full names "
        "as they stand. Keep dates and numbers exactly. Include every fact that bears on the question."
    ),
    "final_answer.predict": (
        "Answer with the shortest phrase only. Reply yes or no in lower case to a yes/no "
        "question. Give the full "
        "name as the text has it. Give dates and numbers exactly as written. Check both summaries first."
    ),
}
