"""Records for the report's tests: small ones made up by hand, and one full of hostile texts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from dspy_gepa.record.model import Evidence, MemberRecord, Point, RunRecord, Trial
from tests.support_reports import made_up_run

ATTACK = "<script>window.hacked = 1</script><img src=x onerror=\"window.hacked = 2\">' onmouseover='alert(3)"
CLOSES = (
    '</script><script>window.hacked = 4</script> {{ 7 * 7 }} ${7 * 7} &lt;b&gt; " \u2028 \u2029 \x00 \ud83d'
)
EMOJI = "👩‍👩‍👧‍👦 🏳️‍🌈 né́é 漢字かな"
RIGHT_TO_LEFT = "\u202eהטקסט הזה \u2066 نص من اليمين"  # noqa: RUF001
HUGE = " ".join(f"word{number}" for number in range(8000))


def member(
    index: int,
    texts: Mapping[str, str],
    parents: Sequence[int] = (),
    *,
    score: float | None = 0.5,
    scores: Mapping[str, float] | None = None,
    found_at: int = 0,
) -> MemberRecord:
    """A member; made by the step of its number."""
    return MemberRecord(
        index=index,
        candidate=f"candidate{index}",
        texts=texts,
        parents=tuple(parents),
        step=index or None,
        found_at=found_at,
        score=score,
        interval=None if score is None else (score - 0.1, score + 0.1),
        believed=score,
        scores=scores or {},
    )


def trial(
    number: int, parents: Sequence[int], changed: Mapping[str, str], *, evidence: Sequence[Evidence] = ()
) -> Trial:
    """The trial that made the member of this number."""
    return Trial(
        step=number,
        kind="mutation" if len(parents) == 1 else "merge",
        parents=tuple(parents),
        ancestor=None,
        verdict="accepted",
        reason="made by hand",
        changed=changed,
        evidence=tuple(evidence),
        trial_rows=(),
        after=(),
        member=number,
    )


def point(rollouts: int, score: float, *, best: int = 0, gain: float = 0.0) -> Point:
    """How a run stood."""
    return Point(
        step=rollouts,
        rollouts=rollouts,
        reflections=1,
        tokens=100,
        cost=0.0,
        best=best,
        score=score,
        interval=(score - 0.1, score + 0.1),
        better_than_original=0.97,
        gain=gain,
        gain_interval=(gain - 0.1, gain + 0.1),
        estimated_at=rollouts,
    )


def hostile_run() -> RunRecord:
    """A run whose models, data and user try to take over the page."""
    run = made_up_run(members=7, rows=6, sentences=4)
    names = dict(zip(run.components, (ATTACK, CLOSES, RIGHT_TO_LEFT), strict=True))
    assert run.best is not None

    def spoil(texts: Mapping[str, str], extra: str) -> dict[str, str]:
        return {names[name]: f"{text}\n{extra}" for name, text in texts.items()}

    said = {"feedback": ATTACK, "error": CLOSES, "inputs": EMOJI}
    return dataclasses.replace(
        run,
        members=tuple(
            dataclasses.replace(m, texts=spoil(m.texts, [CLOSES, EMOJI, HUGE][min(m.index, 2)]))
            for m in run.members
        ),
        trials=tuple(
            dataclasses.replace(
                t,
                reason=ATTACK,
                changed=spoil(t.changed, ATTACK),
                evidence=tuple(dataclasses.replace(e, score=0.0, **said) for e in t.evidence),
            )
            for t in run.trials
        ),
        stop_reason=ATTACK,
        choice_reason=CLOSES,
        objectives={ATTACK: [0.0] * len(run.members)},
        groups={CLOSES: [0.0] * len(run.members)},
        group_intervals={CLOSES: [(-0.1, 0.1)] * len(run.members)},
        failures={ATTACK: 1},
        program_failures={CLOSES: 2},
        log_dir=ATTACK,
        started={**run.started, "strategy": {ATTACK: CLOSES}},
    )
