"""How far a run is: `Progress`, folded out of the run's events by `advance`.

The fold is pure and takes events as data, so that it serves a view in the process of the run as well as one
that reads the journal of another process:

    progress = Progress(log_dir="runs/one")
    for data, at in events:  # Event.to_dict(), and when it was told, in seconds of any one clock
        progress = advance(progress, data, at)
    print(line_of(progress, now))  # dspy_gepa.views.words; dspy_gepa.views.panel draws the panel

`RolloutDone` and `ReflectionDone` are folded in the small form that `brief` gives. A reader that has no such
events leaves them out: then what was spent grows with every commit only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from dspy_gepa.events import Event, ReflectionDone, RolloutDone
from dspy_gepa.runtime.budget import Spending
from dspy_gepa.texts import added_sentences, removed_sentences
from dspy_gepa.views.state import Change, Contender, Phase, Progress, StepInFlight, Wait
from dspy_gepa.views.tidy import one_line, short_name

__all__ = ["Progress", "advance", "brief"]


def brief(event: Event) -> dict[str, Any]:
    """An event as data, a rollout and a reflection in a small form: what they took, without what they say."""
    if isinstance(event, (RolloutDone, ReflectionDone)):
        usage = (event.outcome if isinstance(event, RolloutDone) else event.reflection).usage
        return {
            "event": event.name(),
            "step": event.step,
            "replayed": event.replayed,
            "attempts": event.attempts,
            "tokens": usage.total_tokens,
            "cost": usage.cost,
        }
    return event.to_dict()


def advance(progress: Progress, data: Mapping[str, Any], at: float) -> Progress:
    """The progress after one more event.

    Args:
        progress: Before it.
        data: The event as `brief` or `Event.to_dict` gives it; events that are not known change nothing.
        at: When it was told, in seconds of the caller's clock.
    """
    fold = _FOLDS.get(data["event"])
    return progress if fold is None else fold(progress, data, at)


def _started(progress: Progress, data: Mapping[str, Any], at: float) -> Progress:
    return Progress(
        log_dir=progress.log_dir,
        started_at=at,
        seconds_before=data.get("seconds_before", 0.0),
        limits={name: limit for name, limit in data["limits"].items() if limit is not None},
        seconds_foreseen=data["forecast"]["seconds"],
        resumed_steps=data["resumed_steps"],
        replaying=data["resumed_steps"] > 0,
        fresh_from=None if data["resumed_steps"] else (at, 0.0),
        texts=dict(enumerate(data["candidates"])),
    )


def _foreseen(progress: Progress, data: Mapping[str, Any], at: float) -> Progress:
    return replace(progress, seconds_foreseen=data["forecast"]["seconds"])


def _planned(progress: Progress, data: Mapping[str, Any], at: float) -> Progress:
    kind, need = data["kind"], data["need"]
    step = StepInFlight(data["step"], kind, tuple(data["members"]), need["rollouts"])
    phase: Phase = "seed" if kind in ("original", "initial") else "finals" if kind == "finals" else "search"
    progress = replace(progress, phase=phase, steps=(*progress.steps, step))
    return _fresh(progress, at) if data["step"] >= progress.resumed_steps else progress


def _fresh(progress: Progress, at: float) -> Progress:
    """From here on the run executes, and its pace can be measured."""
    if not progress.replaying:
        return progress
    return replace(progress, replaying=False, fresh_from=(at, progress.share(at)))


def _result(progress: Progress, data: Mapping[str, Any], at: float) -> Progress:
    if not data["replayed"]:
        progress = _fresh(progress, at)
    rollouts, reflections = (1, 0) if data["event"] == "rollout_done" else (0, 1)
    return replace(
        progress,
        wait=_less(progress.wait, rollouts, reflections),
        told=progress.told + Spending(rollouts, reflections, data["tokens"], data["cost"]),
        retries=progress.retries + max(0, data["attempts"] - 1),
        steps=tuple(
            replace(step, done=step.done + rollouts, reflections=step.reflections + reflections)
            if step.number == data["step"]
            else step
            for step in progress.steps
        ),
    )


def _attempt_failed(progress: Progress, data: Mapping[str, Any], at: float) -> Progress:
    last = one_line(f"{data['cause']}: {data['message']}")
    rollouts, reflections = (1, 0) if data["effect"] == "rollout" else (0, 1)
    wait = _less(progress.wait, rollouts, reflections)
    return replace(progress, failures=progress.failures + 1, last_failure=last, wait=wait)


def _stopping(progress: Progress, data: Mapping[str, Any], at: float) -> Progress:
    until = at + data["seconds"]
    wait = Wait(data["interrupted"], data["rollouts"], data["reflections"], until, data["can_hurry"])
    return replace(progress, wait=wait, replaying=False)


def _less(wait: Wait | None, rollouts: int, reflections: int) -> Wait | None:
    """What is still waited for: what ends now is tried no more, even if it failed."""
    if wait is None:
        return None
    left = max(0, wait.rollouts - rollouts), max(0, wait.reflections - reflections)
    return replace(wait, rollouts=left[0], reflections=left[1])


def _accepted(progress: Progress, data: Mapping[str, Any], at: float) -> Progress:
    proposal, member = data["proposal"], data["member"]
    parents = proposal["parents"]
    before = progress.texts.get(parents[0], {}) if parents else {}
    change = _change_of(proposal["changed"], before, member, one_line(proposal["reason"]))
    texts = {**progress.texts, member: {**before, **proposal["changed"]}}
    return replace(progress, accepted=progress.accepted + 1, change=change, texts=texts)


def _change_of(changed: Mapping[str, str], before: Mapping[str, str], member: int, reason: str) -> Change:
    for component, text in changed.items():
        added = added_sentences(before.get(component, ""), text)
        removed = removed_sentences(before.get(component, ""), text)
        if added or removed:
            sentence = one_line((added or removed)[0])
            return Change(member, short_name(component), sentence, bool(added), reason)
    return Change(member, one_line(", ".join(map(short_name, changed)), 60), "", True, reason)


def _rejected(progress: Progress, data: Mapping[str, Any], at: float) -> Progress:
    reason = one_line(data["proposal"]["reason"])
    return replace(progress, rejected=progress.rejected + 1, rejection=reason)


def _skipped(progress: Progress, data: Mapping[str, Any], at: float) -> Progress:
    return replace(progress, skipped=progress.skipped + 1)


def _evaluated(progress: Progress, data: Mapping[str, Any], at: float) -> Progress:
    seed = data["believed"].get("0")
    return progress if seed is None else replace(progress, seed_score=seed)


def _best(progress: Progress, data: Mapping[str, Any], at: float) -> Progress:
    standing = data.get("standing")
    return replace(
        progress,
        members=data["members"],
        best=data["best"],
        score=data["score"],
        interval=tuple(data["interval"]),
        better_than_original=data["better_than_original"],
        seed_score=data["score"] - standing["gain"] if standing else progress.seed_score,
        contender=_hope_of(standing, data["best"]) if standing else None,
    )


def _hope_of(standing: Mapping[str, Any], best: int) -> Contender | None:
    scores = standing["scores"]
    known = [member for member, score in enumerate(scores) if score is not None]
    top = max(known, key=lambda member: scores[member], default=best)
    if top == best or scores[top] <= scores[best]:
        return None
    return Contender(top, scores[top], tuple(standing["intervals"][top]))


def _spent(progress: Progress, data: Mapping[str, Any], at: float) -> Progress:
    steps = tuple(step for step in progress.steps if step.number != data["step"])
    return replace(progress, committed=Spending(**data["spent"]), steps=steps)


def _finished(progress: Progress, data: Mapping[str, Any], at: float) -> Progress:
    return replace(
        progress,
        phase="finished",
        ended_at=at,
        steps=(),
        replaying=False,
        best=data["best"],
        score=data["score"],
        interval=tuple(data["interval"]),
        better_than_original=data["better_than_original"],
        committed=Spending(**data["spent"]),
        stop_reason=one_line(data["stop_reason"] or "nothing more to try", 300),
        choice_reason=one_line(data["choice_reason"], 300),
    )


def _failed(progress: Progress, data: Mapping[str, Any], at: float) -> Progress:
    interrupted = data["error"] in ("RunInterrupted", "KeyboardInterrupt")
    return replace(
        progress,
        phase="interrupted" if interrupted else "failed",
        ended_at=at,
        steps=(),
        replaying=False,
        wait=None,
        committed=Spending(**data["spent"]),
        error=one_line(f"{data['error']}: {data['message']}", 600),
    )


_Fold: TypeAlias = Callable[[Progress, Mapping[str, Any], float], Progress]
_FOLDS: Mapping[str, _Fold] = {
    "run_started": _started,
    "forecast_made": _foreseen,
    "step_planned": _planned,
    "rollout_done": _result,
    "reflection_done": _result,
    "attempt_failed": _attempt_failed,
    "proposal_accepted": _accepted,
    "proposal_rejected": _rejected,
    "proposal_skipped": _skipped,
    "evaluated": _evaluated,
    "best_so_far": _best,
    "budget_spent": _spent,
    "stopping": _stopping,
    "finished": _finished,
    "failed": _failed,
}
