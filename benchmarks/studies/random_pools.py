"""Random pools, proposals and outcomes of believable sizes, to measure the optimizer's own code with."""

from __future__ import annotations

import numpy as np

from dspy_gepa.search.frontier import Scores
from dspy_gepa.search.pool import Ids, Member, Pool
from dspy_gepa.search.table import Table
from dspy_gepa.steps import Evaluation, Proposal
from dspy_gepa.types import Candidate, Outcome, Row, TraceStep, Usage

KINDS = ("binary", "graded")
COMPONENTS = ("summarize1", "create_query_hop2", "summarize2", "final_answer")
MODEL = "openai/gpt-4.1-mini"
TRAIN_SIZE = 1_000
REJECTED = 3  # rejected proposals for each accepted one
RNG = 0


def random_scores(members: int, rows: int, kind: str, seed: int = RNG) -> Scores:
    """Members of different skill on rows of different difficulty; `kind` is one of KINDS."""
    rng = np.random.default_rng(seed)
    skill = np.sort(rng.normal(0.0, 0.7, (members, 1)), axis=0) + rng.normal(0.0, 0.2, (members, 1))
    chance = 1 / (1 + np.exp(rng.normal(0.0, 1.5, (1, rows)) - skill))
    if kind == "binary":
        return np.asarray(rng.random((members, rows)) < chance, dtype=np.float64)
    graded = np.clip(chance + rng.normal(0.0, 0.1, chance.shape), 0.0, 1.0)
    return np.asarray(np.round(graded, 2), dtype=np.float64)


def random_pool(members: int, rows: int, kind: str, *, merge_due: bool = False, seed: int = RNG) -> Pool:
    """A pool after so many successes: each member changed one component of an earlier one."""
    scores = random_scores(members, rows, kind, seed)
    rng = np.random.default_rng(seed)
    first = Candidate.of({name: f"Do {name}. " + "Be careful. " * 40 for name in COMPONENTS})
    found = [Member(0, first, (), 0, 0)]
    proposals = [Proposal("original", (), first, "accepted", "the program as it was given")]
    for index in range(1, members):
        parent = found[int(rng.integers(max(0, index - 30), index))]
        name = COMPONENTS[index % len(COMPONENTS)]
        child = parent.candidate.with_texts({name: f"Text {index}. " + "Keep names as they stand. " * 40})
        for number in range(REJECTED):
            loser = parent.candidate.with_texts({name: f"Loser {index} {number}. " + "Be brief. " * 40})
            proposals.append(_proposal(parent.index, loser, name, "rejected"))
        found.append(Member(index, child, (parent.index,), len(proposals), index * rows))
        proposals.append(_proposal(parent.index, child, name, "accepted"))
    known = frozenset(p.candidate.id for p in proposals if p.candidate is not None)
    return Pool(
        val_rows=tuple(Row("val", i) for i in range(rows)),
        train_rows=tuple(Row("train", i) for i in range(TRAIN_SIZE)),
        members=tuple(found),
        table=Table.of(np.hstack([scores, np.full((members, TRAIN_SIZE), np.nan)])),
        exposures=(np.zeros(rows + TRAIN_SIZE, dtype=np.int32),) * members,
        means=tuple(scores.mean(axis=1).tolist()),
        proposals=tuple(proposals),
        turns=(1,) * members,
        merge_due=merge_due,
        known=Ids(known),
    )


def one_more(pool: Pool, kind: str) -> tuple[Proposal, Evaluation]:
    """A mutation that makes one more member, and the member's validation."""
    child = pool.members[-1].candidate.with_texts({COMPONENTS[0]: "Another text. " * 40})
    scores = random_scores(1, len(pool.val_rows), kind, seed=RNG + 1)[0].tolist()
    rows = {row: Outcome("scored", score=score) for row, score in zip(pool.val_rows, scores, strict=True)}
    return Proposal("mutation", (len(pool) - 1,), child, "accepted", "made up"), Evaluation({len(pool): rows})


def outcome(*, trace: bool) -> Outcome:
    """A rollout of a four-step program over two searches of seven passages, as a real run records it."""
    passages = [f"Title {i} | " + f"a sentence of passage {i} with some words in it. " * 9 for i in range(7)]
    summary = "The passages say that the inventor was born in Vell and worked on the mill. " * 8
    steps = [
        TraceStep(
            "summarize1",
            {"question": "Who?", "passages": passages},
            {"reasoning": summary, "summary": summary},
        ),
        TraceStep(
            "create_query_hop2",
            {"question": "Who?", "summary_1": summary},
            {"reasoning": summary, "query": "Q"},
        ),
        TraceStep(
            "summarize2", {"question": "Who?", "context": summary, "passages": passages}, {"summary": summary}
        ),
        TraceStep(
            "final_answer", {"question": "Who?", "summary_1": summary, "summary_2": summary}, {"answer": "A"}
        ),
    ]
    feedback = "".join(["Wrong: ", "the reference answer is another one. " * 40])
    return Outcome(
        "scored",
        score=0.0,
        feedback=feedback,
        component_feedback={name: feedback + name for name in COMPONENTS} if trace else {},
        trace=tuple(steps) if trace else (),
        output={"answer": "".join(["Jana ", "Dunek"])},
        usage=Usage(calls=4, tokens={MODEL: (6_000, 700)}, costs={MODEL: 0.0035}),
    )


def _proposal(parent: int, candidate: Candidate, name: str, verdict: str) -> Proposal:
    return Proposal(
        kind="mutation",
        parents=(parent,),
        candidate=candidate,
        verdict="accepted" if verdict == "accepted" else "rejected",
        reason="made up",
        changed=(name,),
        rows=tuple(Row("train", i) for i in range(3)),
        before=(0.0, 0.0, 0.0),
        after=(1.0, 0.0, 0.0),
    )
