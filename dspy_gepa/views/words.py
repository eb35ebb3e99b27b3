"""A run's progress in words: short pieces for a panel, and one line for a log. Our own words are ASCII."""

from __future__ import annotations

from dataclasses import dataclass
from shlex import quote

from dspy_gepa.views.state import Progress, StepInFlight, Wait
from dspy_gepa.views.tidy import one_line

_MINUTE, _HOUR = 60, 3600
# Steps in flight that are named one by one.
MOST_STEPS = 4


@dataclass(frozen=True)
class Meter:
    """What was spent of one thing.

    Attributes:
        name: Of what: rollouts, reflections, tokens, cost, time.
        text: How much, and of how much where it is limited.
        share: From 0 to 1; None without a limit.
    """

    name: str
    text: str
    share: float | None = None


def duration(seconds: float) -> str:
    """A time as people say it: ``48 s``, ``2 min 05 s``, ``1 h 12 min``."""
    whole = max(0, round(seconds))
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02d} s"
    return f"{whole // _HOUR:,} h {whole % _HOUR // _MINUTE:02d} min"


def roughly(seconds: float) -> str:
    """A time that is only estimated, as coarse as it is uncertain: ``about 40 s``, ``about 12 min``."""
    if seconds < _MINUTE:
        return f"about {max(10, round(seconds / 10) * 10)} s"
    if seconds < _HOUR:
        return f"about {round(seconds / _MINUTE)} min"
    return f"about {seconds / _HOUR:.1f} h"


def amount(name: str, value: float) -> str:
    """How much of a thing, with its unit: ``$0.41``, ``1.2 M``, ``1,200``."""
    if name == "cost":
        return f"${value:,.2f}" if value >= 0.1 or value == 0 else f"${value:.2g}"
    if name == "seconds":
        return duration(value)
    if name == "tokens" and value >= 10_000:
        return f"{value / 1e6:,.1f} M" if value >= 999_500 else f"{value / 1e3:,.0f} k"
    return f"{value:,.0f}"


def meters(progress: Progress, now: float) -> list[Meter]:
    """What was spent: first what is limited, then the rest, where there is any."""
    spent = {**progress.spent, "seconds": progress.elapsed(now)}
    limited = [
        Meter(
            "time" if name == "seconds" else name,
            f"{amount(name, spent[name])} of {amount(name, limit)}",
            min(1.0, spent[name] / limit) if limit else 1.0,
        )
        for name, limit in progress.limits.items()
    ]
    rest = [name for name in spent if name not in progress.limits and name != "seconds" and spent[name]]
    return [*limited, *(Meter(name, amount(name, spent[name])) for name in rest)]


def left_text(progress: Progress, now: float) -> str:
    """How long it will about last; empty where that is not known."""
    left = progress.seconds_left(now)
    return "" if left is None else roughly(left)


def score_text(progress: Progress) -> str:
    """The best score with its interval; empty before there is one."""
    if progress.score is None or progress.interval is None:
        return ""
    return _interval(progress.score, progress.interval)


def seed_text(progress: Progress) -> str:
    """The seed's score, and the gain over it; empty before there is one."""
    if progress.seed_score is None:
        return ""
    if progress.score is None:
        return _figure(progress.seed_score)
    return f"{_figure(progress.seed_score)}, gain {_figure(progress.score - progress.seed_score, '+')}"


def best_text(progress: Progress) -> str:
    """Which member would be returned now, or is, and why."""
    who = "the program as it was given" if progress.best == 0 else f"member {progress.best}"
    reason = progress.choice_reason
    if progress.best and not reason and progress.better_than_original is not None:
        reason = f"better than the seed with probability {progress.better_than_original:.2f}"
    said = f"{who}, {reason}" if reason else who
    return f"{said}; {_count(progress.members, 'member')} in all"


def hope_text(progress: Progress) -> str:
    """Who is believed to be better than the best, not surely enough to be returned; empty without one.

    A run that ended before its finals says how to get its texts all the same.
    """
    contender = progress.contender
    if progress.phase == "finished" or contender is None:
        return ""
    reached = _interval(contender.score, contender.interval)
    text = f"member {contender.member} may have {reached}, which is not sure yet"
    if not progress.over or progress.log_dir is None:
        return text
    return f"{text}; its texts: dspy-gepa export {_quoted(progress.log_dir)} --member {contender.member}"


def step_text(step: StepInFlight) -> str:
    """What a step tries and how far it is."""
    who = " and ".join(map(str, step.members))
    of = "" if not who else f" of member{'s' if len(step.members) > 1 else ''} {who}"
    text = f"{step.kind}{of}: {step.done} of at most {step.most} rollouts"
    return f"{text}, {_count(step.reflections, 'reflection')}" if step.reflections else text


def steps_text(progress: Progress) -> list[str]:
    """What is being tried, a line each."""
    shown = [step_text(step) for step in progress.steps[:MOST_STEPS]]
    more = len(progress.steps) - MOST_STEPS
    return [*shown, f"and {more} more"] if more > 0 else shown


def trials_text(progress: Progress) -> str:
    """What became of the proposals, and the share that was accepted; empty before there was one."""
    accepted, rejected, skipped = progress.accepted, progress.rejected, progress.skipped
    if not accepted + rejected + skipped:
        return ""
    text = f"{accepted} accepted, {rejected} rejected"
    if skipped:
        text += f", {skipped} without a proposal"
    held = accepted + rejected
    return f"{text} ({accepted / held:.0%} accepted)" if held else text


def change_text(progress: Progress) -> list[str]:
    """The last accepted change: what it says, then where and why, a line each; empty before there was one."""
    change = progress.change
    if change is None:
        return []
    where = f"{change.component}: {change.reason}"
    return [f'{"+" if change.added else "-"} "{change.sentence}"', where] if change.sentence else [where]


def trouble_text(progress: Progress) -> str:
    """What providers failed and how often was tried again; empty if nothing was."""
    if progress.failures:
        count = _count(progress.failures, "failed attempt")
        return f"{count}, never scored; the last: {progress.last_failure}"
    return f"{_count(progress.retries, 'repeated attempt')}" if progress.retries else ""


def headline(progress: Progress) -> str:
    """What the run does, or how it ended."""
    if progress.replaying:
        return f"resuming: going through {_count(progress.resumed_steps, 'recorded step')}"
    if progress.wait is not None:
        return f"{'interrupted' if progress.wait.interrupted else 'failed'}: waiting"
    doing = {
        "starting": "starting",
        "seed": "running the program as it was given",
        "search": "searching",
        "finals": "finals: comparing the best",
    }
    return doing.get(progress.phase, progress.phase)


def wait_text(progress: Progress, now: float) -> str:
    """What a run that has to stop waits for, how long, and how not to; empty where it does not."""
    return "" if progress.wait is None else waiting(progress.wait, now)


def waiting(wait: Wait, now: float) -> str:
    """The same of the wait."""
    counts = {"rollout": wait.rollouts, "reflection": wait.reflections}
    running = " and ".join(_count(number, what) for what, number in counts.items() if number)
    text = f"for {running or 'the last ones'} to end, at most {duration(wait.until - now)}"
    return f"{text}; press Ctrl-C again to stop at once" if wait.can_hurry else text


def next_step(progress: Progress) -> str:
    """Where the record of a run that ended is, and what to do with it."""
    if progress.log_dir is None:
        return "no record was kept: GEPA(log_dir=...) keeps one, for reports and for going on"
    place = one_line(progress.log_dir, 400)
    return f"recorded in {place}; read it with: dspy-gepa report {_quoted(progress.log_dir)}"


def line_of(progress: Progress, now: float) -> str:
    """All that matters in one line without control characters, for a log."""
    if progress.wait is not None:
        return f"GEPA {headline(progress)} {wait_text(progress, now)}"
    spent = [
        meter.text if meter.name in ("cost", "time") else f"{meter.text} {meter.name}"
        for meter in meters(progress, now)
    ]
    said = {"best": score_text(progress), "seed": seed_text(progress)}
    score = ", ".join(f"{name} {text}" for name, text in said.items() if text)
    left = left_text(progress, now)
    time = duration(progress.elapsed(now)) + (f", {left} left" if left else "")
    parts = [", ".join(spent), score, trials_text(progress), time]
    if progress.failures or progress.retries:
        parts.append(trouble_text(progress))
    if progress.over:
        parts += [progress.error or progress.stop_reason, hope_text(progress), next_step(progress)]
    return f"GEPA {headline(progress)}: {'; '.join(part for part in parts if part)}"


def _quoted(log_dir: str) -> str:
    """A place as a shell takes it, on one line."""
    return quote(one_line(log_dir, 400))


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _interval(score: float, interval: tuple[float, float]) -> str:
    low, high = interval
    return f"{_figure(score)} (90 %: {_figure(low)} to {_figure(high)})"


def _figure(value: float, sign: str = "") -> str:
    """Three digits after the point; nothing is less than zero that is not seen to be."""
    return f"{round(value, 3) + 0.0:{sign}.3f}"
