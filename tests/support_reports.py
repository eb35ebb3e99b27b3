"""The record of a run that never was, of any size: what pages and views are tried on."""

from __future__ import annotations

from random import Random

from dspy_gepa.record.model import Evidence, MemberRecord, Point, RunRecord, Trial
from dspy_gepa.types import Candidate, Usage

TASK, REFLECTION = "made-up/task", "made-up/reflection"
COMPONENTS = ("plan", "search.query", "answer")
VERBS = ("Name", "Check", "Quote", "Compare", "Leave out", "Begin with", "Write down", "Look again at")
NOUNS = (
    "the dates",
    "every figure",
    "the source",
    "the units",
    "what is asked",
    "the shortest form",
    "both sides",
)
ENDS = (
    "before you answer",
    "in one line",
    "as it is written there",
    "when two pages disagree",
    "and nothing else",
)


def made_up_run(
    *, members: int, rows: int, seed: int = 0, rejected: int = 1, sentences: int = 12, evidence: int = 3
) -> RunRecord:
    """A finished run.

    Args:
        members: Candidates in the pool, the seed included.
        rows: Validation rows; every candidate was run on each.
        seed: Of everything that is drawn.
        rejected: Rejected proposals for each candidate.
        sentences: Sentences of a text, about.
        evidence: Rollouts that each proposal was shown.
    """
    rng = Random(seed)
    names = [f"val/{row}" for row in range(rows)]
    hard = [rng.random() for _ in names]
    pool = [_member(rng, 0, _seed_texts(rng, sentences), (), 0, 0.2, names, hard)]
    trials: list[Trial] = []
    curve = [_point(pool, 0, rows)]
    while len(pool) < members:
        for _ in range(rejected):
            trials.append(_trial(rng, pool, len(trials), sentences, evidence, accepted=False))
        trial = _trial(rng, pool, len(trials), sentences, evidence, accepted=True)
        trials.append(trial)
        parent = pool[trial.parents[0]]
        skill = (parent.score or 0.0) + rng.uniform(-0.05, 0.1) * (1 - (parent.score or 0.0))
        spent = rows * len(pool) + 2 * evidence * len(trials)
        texts = {**parent.texts, **trial.changed}
        pool.append(_member(rng, trial.step, texts, trial.parents, spent, skill, names, hard, len(pool)))
        curve.append(_point(pool, trial.step, spent + rows))
    last = curve[-1]
    return RunRecord(
        state="finished",
        started={
            "event": "run_started",
            "limits": {
                "rollouts": last.rollouts,
                "reflections": None,
                "tokens": None,
                "cost": 50.0,
                "seconds": None,
            },
            "seed": seed,
            "strategy": {"name": "made up", "minibatch_size": evidence, "perfect_score": 1.0},
            "train_rows": 100,
            "val_rows": rows,
            "in_sample": False,
            "candidates": [dict(pool[0].texts)],
        },
        members=tuple(pool),
        trials=tuple(trials),
        curve=tuple(curve),
        best=last.best,
        stop_reason="budget: all rollouts are spent",
        choice_reason="better than the seed program with probability 1.00",
        usage={
            "train rollouts": Usage(3 * len(trials), {TASK: (900_000, 120_000)}, {TASK: 1.25}),
            "reflection": Usage(len(trials), {REFLECTION: (400_000, 90_000)}, {REFLECTION: 2.5}),
        },
        failures={"RateLimitError": 3},
        program_failures={"AdapterParseError": 2},
        seconds=4000.0,
    )


def _seed_texts(rng: Random, sentences: int) -> dict[str, str]:
    return {name: "\n".join(_sentence(rng) for _ in range(sentences)) for name in COMPONENTS}


def _sentence(rng: Random) -> str:
    return f"{rng.choice(VERBS)} {rng.choice(NOUNS)} {rng.choice(ENDS)} ({rng.randrange(1000)})."


def _edited(rng: Random, text: str, sentences: int) -> str:
    lines = text.split("\n")
    for _ in range(rng.randint(1, 4)):
        lines.insert(rng.randrange(len(lines) + 1), _sentence(rng))
    while len(lines) > sentences:
        lines.pop(rng.randrange(len(lines)))
    return "\n".join(lines)


def _trial(
    rng: Random, pool: list[MemberRecord], number: int, sentences: int, evidence: int, *, accepted: bool
) -> Trial:
    first = max(rng.sample(pool, min(3, len(pool))), key=lambda member: member.score or 0.0)
    other = rng.choice(pool)
    merge = accepted and len(pool) > 3 and rng.random() < 0.15 and other.index != first.index
    name = rng.choice(COMPONENTS)
    text = other.texts[name] if merge else _edited(rng, first.texts[name], sentences + 4)
    shown = tuple(
        Evidence(
            row=f"train/{rng.randrange(100)}",
            score=float(rng.random() < 0.3),
            feedback=" ".join(_sentence(rng) for _ in range(14)),
            inputs=" ".join(_sentence(rng) for _ in range(7)),
        )
        for _ in range(evidence)
    )
    return Trial(
        step=number + 1,
        kind="merge" if merge else "mutation",
        parents=(first.index, other.index) if merge else (first.index,),
        ancestor=0 if merge else None,
        verdict="accepted" if accepted else "rejected",
        reason="minibatch score went from 1 to 2" if accepted else "minibatch score went from 2 to 1",
        changed={name: text},
        evidence=shown,
        trial_rows=tuple(e.row for e in shown),
        after=tuple(1.0 if accepted else 0.0 for _ in shown),
        member=len(pool) if accepted else None,
    )


def _member(
    rng: Random,
    step: int,
    texts: dict[str, str],
    parents: tuple[int, ...],
    spent: int,
    skill: float,
    rows: list[str],
    hard: list[float],
    index: int = 0,
) -> MemberRecord:
    scores = {
        row: round(min(1.0, max(0.0, rng.gauss(skill + 0.5 - difficulty, 0.2))), 2)
        for row, difficulty in zip(rows, hard, strict=True)
    }
    mean = sum(scores.values()) / len(scores)
    return MemberRecord(
        index=index,
        candidate=Candidate.of(texts).id,
        texts=texts,
        parents=parents,
        step=step or None,
        found_at=spent,
        score=mean,
        interval=(max(0.0, mean - 0.04), min(1.0, mean + 0.04)),
        believed=mean,
        scores=scores,
    )


def _point(pool: list[MemberRecord], step: int, rollouts: int) -> Point:
    best = max(pool, key=lambda member: member.score or 0.0)
    score, gain = best.score or 0.0, (best.score or 0.0) - (pool[0].score or 0.0)
    return Point(
        step=step,
        rollouts=rollouts,
        reflections=step,
        tokens=2000 * rollouts,
        cost=0.00004 * rollouts,
        best=best.index,
        score=score,
        interval=best.interval or (score, score),
        better_than_original=0.5 if best.index == 0 else 0.9999,
        gain=gain,
        gain_interval=(gain - 0.05, gain + 0.05),
        estimated_at=rollouts,
    )
