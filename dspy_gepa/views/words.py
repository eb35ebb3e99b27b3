"""A run's progress in words: short pieces for a panel, and one line for a log. Our own words are ASCII.

Texts of models and data are made fit for a terminal: one line, bounded, without control characters.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from shlex import quote

from dspy_gepa.record.model import Trial
from dspy_gepa.record.progress import Progress, StepInFlight, Wait
from dspy_gepa.runtime.failures import render_causes
from dspy_gepa.texts import added_sentences, removed_sentences

_MINUTE, _HOUR = 60, 3600
# Steps in flight that are named one by one.
MOST_STEPS = 4
# Sequences that a terminal obeys: colours and cursor moves, titles and links.
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x9b[0-?]*[ -/]*[@-~]")
# Longer texts are cut before they are searched: only a line of them is shown.
_LOOKED_AT = 4_000


@dataclass(frozen=True)
class Meter:
    """The spending of one kind.

    Attributes:
        name: The kind: rollouts, reflections, tokens, cost, time.
        text: The amount, with its limit if there is one.
        share: The spent share of the limit, from 0 to 1; None without a limit.
    """

    name: str
    text: str
    share: float | None = None


def duration(seconds: float) -> str:
    """Format a duration: ``48 s``, ``2 min 05 s``, ``1 h 12 min``."""
    whole = max(0, round(seconds))
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02d} s"
    return f"{whole // _HOUR:,} h {whole % _HOUR // _MINUTE:02d} min"


def roughly(seconds: float) -> str:
    """Format an estimated duration, as coarse as it is uncertain: ``about 40 s``, ``about 12 min``."""
    if seconds < _MINUTE:
        return f"about {max(10, round(seconds / 10) * 10)} s"
    if seconds < _HOUR:
        return f"about {round(seconds / _MINUTE)} min"
    return f"about {seconds / _HOUR:.1f} h"


def amount(name: str, value: float) -> str:
    """Format an amount with its unit: ``$0.41``, ``1.2 M``, ``1,200``."""
    if name == "cost":
        return f"${value:,.2f}" if value >= 0.1 or value == 0 else f"${value:.2g}"
    if name == "seconds":
        return duration(value)
    if name == "tokens" and value >= 10_000:
        return f"{value / 1e6:,.1f} M" if value >= 999_500 else f"{value / 1e3:,.0f} k"
    return f"{value:,.0f}"


def meters(progress: Progress, now: float) -> list[Meter]:
    """Return the spending: first the limited kinds, then all others that are not zero."""
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
    """Describe the time left; "" if it is not known."""
    left = progress.seconds_left(now)
    return "" if left is None else roughly(left)


def score_text(progress: Progress) -> str:
    """Describe the best score with its interval; "" before there is one."""
    last = progress.record.last
    return "" if last is None else _interval(last.score, last.interval)


def seed_text(progress: Progress) -> str:
    """Describe the score of the original program, and the gain over it; "" before there is one."""
    last = progress.record.last
    return "" if last is None else f"{_figure(last.score - last.gain)}, gain {_figure(last.gain, '+')}"


def best_text(progress: Progress) -> str:
    """Describe the member that would be returned now, or is returned, and the reason."""
    record = progress.record
    best = record.best or 0
    who = f"member {best}" if best else "the program as it was given"
    reason = one_line(record.choice_reason, 300)
    if best and not reason and record.last is not None:
        reason = f"better than the seed with probability {record.last.better_than_original:.2f}"
    return f"{f'{who}, {reason}' if reason else who}; {_count(len(record.members), 'member')} in all"


def contender_text(progress: Progress) -> str:
    """Describe the member that may be better than the best, not yet significantly; "" without one.

    After a run that ended before its finals, this includes the command that exports its texts.
    """
    member, record = progress.contender, progress.record
    if member is None or record.state == "finished":
        return ""
    score, interval = record.members[member].score, record.members[member].interval
    if score is None or interval is None:
        return ""
    text = f"member {member} may have {_interval(score, interval)}, which is not sure yet"
    if not progress.over or record.log_dir is None:
        return text
    return f"{text}; its texts: dspy-gepa export {_quoted(record.log_dir)} --member {member}"


def step_text(step: StepInFlight) -> str:
    """Describe a step and its progress."""
    plan, who = step.plan, " and ".join(map(str, step.plan.members))
    of = "" if not who else f" of member{'s' if len(plan.members) > 1 else ''} {who}"
    text = f"{plan.kind}{of}: {step.rollouts} of at most {plan.need.rollouts} rollouts"
    return f"{text}, {_count(step.reflections, 'reflection')}" if step.reflections else text


def steps_text(progress: Progress) -> list[str]:
    """Describe the steps in flight, a line each."""
    shown = [step_text(step) for step in progress.steps[:MOST_STEPS]]
    more = len(progress.steps) - MOST_STEPS
    return [*shown, f"and {more} more"] if more > 0 else shown


def trials_text(progress: Progress) -> str:
    """Describe the results of all trials, and the share that was accepted; "" before the first."""
    verdicts = [trial.verdict for trial in progress.record.trials]
    if not verdicts:
        return ""
    accepted, rejected, skipped = map(verdicts.count, ("accepted", "rejected", "skipped"))
    text = f"{accepted} accepted, {rejected} rejected"
    if skipped:
        text += f", {skipped} without a proposal"
    held = accepted + rejected
    return f"{text} ({accepted / held:.0%} accepted)" if held else text


def change_text(progress: Progress) -> list[str]:
    """Describe the last accepted change: a sentence, its component and the reason; empty without one."""
    trial = _last_trial(progress, "accepted")
    if trial is None:
        return []
    reason = one_line(trial.reason)
    before = progress.record.members[trial.parents[0]].texts
    for component, text in trial.changed.items():
        if sentence := _changed_sentence(before.get(component, ""), text):
            return [sentence, f"{short_name(component)}: {reason}"]
    return [f"{one_line(', '.join(map(short_name, trial.changed)), 60)}: {reason}"]


def rejection_text(progress: Progress) -> str:
    """Return the reason of the last rejection; "" without one."""
    trial = _last_trial(progress, "rejected")
    return "" if trial is None else one_line(trial.reason)


def trouble_text(progress: Progress) -> str:
    """Describe the failures of providers and the repeated attempts; "" without any."""
    failures, last = sum(progress.record.failures.values()), progress.last_failure
    if failures and last is not None:
        count = _count(failures, "failed attempt")
        return f"{count}, never scored; the last: {one_line(f'{last.cause}: {last.message}')}"
    return f"{_count(progress.retries, 'repeated attempt')}" if progress.retries else ""


def failed_rollouts_text(progress: Progress) -> str:
    """Describe the rollouts that gave no answer, by cause; "" without any."""
    causes = progress.record.failed_rollouts
    if not causes:
        return ""
    return one_line(f"{_count(sum(causes.values()), 'rollout')} failed: {render_causes(causes)}", 200)


def stop_text(progress: Progress) -> str:
    """Return the reason for the end of a finished search; "" of other runs."""
    if progress.phase != "finished":
        return ""
    return one_line(progress.record.stop_reason or "nothing more to try", 300)


def error_text(progress: Progress) -> str:
    """Return the error that ended the run; "" without one."""
    return one_line(progress.record.error, 600)


def activity(progress: Progress) -> str:
    """Return the current activity of the run, or how it ended."""
    if progress.replaying:
        return f"resuming: going through {_count(progress.resumed_steps, 'recorded step')}"
    if progress.wait is not None:
        return f"{'interrupted' if progress.wait.interrupted else 'failed'}: waiting"
    doing = {
        "starting": "starting",
        "original": "running the program as it was given",
        "search": "searching",
        "finals": "finals: comparing the best",
    }
    return doing.get(progress.phase, progress.phase)


def wait_text(progress: Progress, now: float) -> str:
    """Describe the wait of a stopping run; "" if there is none."""
    return "" if progress.wait is None else waiting(progress.wait, now)


def waiting(wait: Wait, now: float) -> str:
    """Describe a wait: for what, how long, and how to end it."""
    counts = {"rollout": wait.rollouts, "reflection": wait.reflections}
    running = " and ".join(_count(number, what) for what, number in counts.items() if number)
    text = f"for {running or 'the last ones'} to end, at most {duration(wait.until - now)}"
    return f"{text}; press Ctrl-C again to stop at once" if wait.can_hurry else text


def next_step(progress: Progress) -> str:
    """Describe the location of an ended run's record, and the command that reads it."""
    log_dir = progress.record.log_dir
    if log_dir is None:
        return "no record was kept: GEPA(log_dir=...) keeps one, for reports and for going on"
    return f"recorded in {one_line(log_dir, 400)}; read it with: dspy-gepa report {_quoted(log_dir)}"


def line_of(progress: Progress, now: float) -> str:
    """Describe the progress in one line without control characters, for a log."""
    if progress.wait is not None:
        return f"GEPA {activity(progress)} {wait_text(progress, now)}"
    spent = [
        meter.text if meter.name in ("cost", "time") else f"{meter.text} {meter.name}"
        for meter in meters(progress, now)
    ]
    said = {"best": score_text(progress), "seed": seed_text(progress)}
    score = ", ".join(f"{name} {text}" for name, text in said.items() if text)
    left = left_text(progress, now)
    time = duration(progress.elapsed(now)) + (f", {left} left" if left else "")
    parts = [", ".join(spent), score, trials_text(progress), time]
    parts.append(trouble_text(progress))
    if progress.over:
        parts.append(failed_rollouts_text(progress))
        parts += [error_text(progress) or stop_text(progress), contender_text(progress), next_step(progress)]
    return f"GEPA {activity(progress)}: {'; '.join(part for part in parts if part)}"


def _last_trial(progress: Progress, verdict: str) -> Trial | None:
    return next((trial for trial in reversed(progress.record.trials) if trial.verdict == verdict), None)


@lru_cache(maxsize=64)
def _changed_sentence(before: str, after: str) -> str:
    """Return the first new sentence with a plus, or the first removed one with a minus; "" without any."""
    added, removed = added_sentences(before, after), removed_sentences(before, after)
    if added:
        return f'+ "{one_line(added[0])}"'
    return f'- "{one_line(removed[0])}"' if removed else ""


def _quoted(log_dir: str) -> str:
    """Quote a path for a shell, on one line."""
    return quote(one_line(log_dir, 400))


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _interval(score: float, interval: tuple[float, float]) -> str:
    low, high = interval
    return f"{_figure(score)} (90 %: {_figure(low)} to {_figure(high)})"


def _figure(value: float, sign: str = "") -> str:
    """Format with three decimals, never as -0.000."""
    return f"{round(value, 3) + 0.0:{sign}.3f}"


# Texts of models and data ----------------------------------------------------------------------------------


def visible(text: str) -> str:
    """Remove escape sequences and control characters from a text; its white space stays as it is.

    Characters that reverse the writing direction are removed too: nothing in the text can move the cursor,
    colour the screen or reorder the text beside it.
    """
    return "".join(char for char in _ESCAPES.sub("", text) if _is_shown(char))


def one_line(text: str, most: int = 160) -> str:
    """Return a text as one line of up to `most` visible characters, ending in ``...`` if it was cut."""
    line = " ".join(visible(text[:_LOOKED_AT]).split())
    return line if len(line) <= most else f"{line[: most - 3].rstrip()}..."


def short_name(name: str, most: int = 32) -> str:
    """Return a name on one line of up to `most` characters, cut in its middle: names differ at their ends."""
    line = one_line(name, _LOOKED_AT)
    if len(line) <= most:
        return line
    head = (most - 3) // 2
    return f"{line[:head]}...{line[head + 3 - most :]}"


def _is_shown(char: str) -> bool:
    return char.isspace() or not unicodedata.category(char).startswith("C")
