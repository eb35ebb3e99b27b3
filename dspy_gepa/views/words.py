"""A run's progress in words: short pieces for a panel, and one line for a log. Our own words are ASCII.

Texts of models and data are made fit for a terminal: one line, bounded, without control characters.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from shlex import quote
from typing import Any

from dspy_gepa.record.model import MemberRecord, RunRecord, Trial
from dspy_gepa.record.progress import Progress, StepInFlight, Wait
from dspy_gepa.runtime.budget import UNLIMITED
from dspy_gepa.runtime.failures import render_causes
from dspy_gepa.texts import (
    added_sentences,
    candidate_name,
    counted,
    decimals,
    figure,
    removed_sentences,
    render_short,
)
from dspy_gepa.types import passed

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
    return "" if last is None else render_short(last.score, last.interval) + last.as_of


def seed_text(progress: Progress) -> str:
    """Describe the score of the original program, and the gain over it; "" before there is one."""
    last = progress.record.last
    if last is None:
        return ""
    seed, gain = figure(last.score - last.gain, last.interval), figure(last.gain, last.interval, "+")
    return f"{seed}, gain {gain}"


def best_text(progress: Progress) -> str:
    """Describe the member that would be returned now, or is returned, and the reason."""
    record = progress.record
    best = record.best or 0
    who = candidate_name(best)
    reason = one_line(record.choice_reason, 300)
    if best and not reason and record.last is not None:
        reason = f"better than your program with probability {record.last.better_than_original:.2f}"
    return f"{f'{who}, {reason}' if reason else who}; {counted(len(record.members), 'candidate')} in all"


def contender_text(progress: Progress) -> str:
    """Describe the member that may be better than the best, without confidence so far; "" without one.

    After a run that ended before its finals, this includes the command that exports its texts.
    """
    member, record = progress.contender, progress.record
    if member is None or record.state == "finished":
        return ""
    score, interval = record.members[member].score, record.members[member].interval
    if score is None or interval is None:
        return ""
    text = f"candidate {member} may reach {render_short(score, interval)}, which is not certain yet"
    if not progress.over or record.log_dir is None:
        return text
    return f"{text}; its texts: dspy-gepa export {_quoted(record.log_dir)} --candidate {member}"


def step_text(step: StepInFlight) -> str:
    """Describe a step and its progress."""
    plan, who = step.plan, " and ".join(map(str, step.plan.members))
    of = "" if not who else f" of candidate{'s' if len(plan.members) > 1 else ''} {who}"
    if plan.members == (0,):
        of = " of your program"
    text = f"{plan.kind}{of}: {step.rollouts} of at most {counted(plan.need.rollouts, 'rollout')}"
    return f"{text}, {counted(step.reflections, 'reflection')}" if step.reflections else text


def steps_text(progress: Progress) -> list[str]:
    """Describe the steps in flight, a line each."""
    shown = [step_text(step) for step in progress.steps[:MOST_STEPS]]
    more = len(progress.steps) - MOST_STEPS
    return [*shown, f"and {more} more"] if more > 0 else shown


def trials_text(record: RunRecord) -> str:
    """Describe the results of all trials; "" before the first.

    Where every candidate is kept, the number of those expected to be better than their parents is given in
    place of an acceptance rate.
    """
    verdicts = [trial.verdict for trial in record.trials]
    if not verdicts:
        return ""
    accepted, rejected, skipped = map(verdicts.count, ("accepted", "rejected", "skipped"))
    without = f", {skipped} without a proposal" if skipped else ""
    tried = accepted + rejected
    if tried and record.started.get("strategy", {}).get("validates_all", True):
        return f"{accepted} accepted, {rejected} rejected{without} ({accepted / tried:.0%} accepted)"
    unrun = sum(trial.verdict == "rejected" and not trial.after for trial in record.trials)
    without = f", {unrun} rejected before a rollout{without}" if unrun else without
    if tried == unrun:
        return without[2:]
    better = sum(map(_improves(record), record.members))
    whose = "their parents" if tried - unrun > 1 else "its parent"
    return f"{tried - unrun} tried, {better} expected to be better than {whose}{without}"


def _improves(record: RunRecord) -> Callable[[MemberRecord], bool]:
    """Return a function that is True of members with a higher expected score than all their parents."""

    def improves(member: MemberRecord) -> bool:
        scores = [record.members[parent].believed for parent in member.parents]
        known = [score for score in scores if score is not None]
        return member.believed is not None and bool(known) and member.believed > max(known)

    return improves


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
        count = counted(failures, "failed attempt")
        return f"{count}, never scored; the last: {one_line(f'{last.cause}: {last.message}')}"
    return counted(progress.retries, "repeated attempt") if progress.retries else ""


def failed_rollouts_text(progress: Progress) -> str:
    """Describe the rollouts that gave no answer, by cause; "" without any."""
    return _failed(progress.record)


def _failed(record: RunRecord) -> str:
    causes = record.failed_rollouts
    if not causes:
        return ""
    return one_line(f"{counted(sum(causes.values()), 'rollout')} failed: {render_causes(causes)}", 200)


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
        return f"resuming: going through {counted(progress.resumed_steps, 'recorded step')}"
    if progress.wait is not None:
        return f"{'interrupted' if progress.wait.interrupted else 'failed'}: waiting"
    doing = {
        "starting": "starting",
        "original": "running your program",
        "search": "searching",
        "finals": "finals: comparing the best",
        "test": "running the test set",
    }
    return doing.get(progress.phase, progress.phase)


def wait_text(progress: Progress, now: float) -> str:
    """Describe the wait of a stopping run; "" if there is none."""
    return "" if progress.wait is None else waiting(progress.wait, now)


def waiting(wait: Wait, now: float) -> str:
    """Describe a wait: for what, how long, and how to end it."""
    counts = {"rollout": wait.rollouts, "reflection": wait.reflections}
    running = " and ".join(counted(number, what) for what, number in counts.items() if number)
    text = f"for {running or 'the last ones'} to end, at most {duration(wait.until - now)}"
    return f"{text}; press Ctrl-C again to stop at once" if wait.can_hurry else text


def next_step(progress: Progress) -> str:
    """Describe the location of an ended run's record, and the command that reads it."""
    log_dir = progress.record.log_dir
    if log_dir is None:
        return "no record was kept: GEPA(log_dir=...) keeps one, for reports and for going on"
    return f"recorded in {one_line(log_dir, 400)}; read it with: dspy-gepa report {_quoted(log_dir)}"


def start_text(progress: Progress) -> str:
    """Describe a run that begins in one line: its rows, its limits, its forecast, and where it is kept."""
    record = progress.record
    started, foreseen = record.started, record.started.get("forecast", {})
    rows = counted(started.get("train_rows", 0), "train row")
    if not started.get("in_sample"):
        rows += f" and {counted(started.get('val_rows', 0), 'validation row')}"
    limits = [
        amount(name, limit) + ("" if name in ("cost", "seconds") else f" {name}")
        for name, limit in progress.limits.items()
        if limit < UNLIMITED
    ]
    in_all = " in all" if progress.resumed_steps else ""
    parts = [rows, f"at most {', '.join(limits)}" if limits else "", _foreseen(foreseen, in_all)]
    parts.append(one_line(record.log_dir or "", 400))
    begin = "GEPA starts"
    if progress.resumed_steps:
        begin = f"GEPA resumes after {counted(started.get('resumed_trials', 0), 'trial')}"
    return f"{begin}: {'; '.join(part for part in parts if part)}"


def _foreseen(forecast: Mapping[str, Any], in_all: str) -> str:
    if not forecast:
        return ""
    trials, reflections = counted(forecast["steps"], "trial"), counted(forecast["reflections"], "reflection")
    return f"about {trials} and {reflections}{in_all}"


def summary_text(record: RunRecord) -> str:
    """Describe the result of a run in one line: ``0.42 -> 0.71 (0.63 to 0.79) on 40 validation rows``."""
    last, best = record.last, record.best
    if last is None or best is None:
        return "your program was not run"
    original = record.members[0].believed
    score = render_short(last.score, last.interval) + last.as_of
    # Beside plain means, which decide there, a score has to say that it is none.
    expected = "expected " if record.started.get("strategy", {}).get("validates_all", False) else ""
    if best and original is not None:
        score = f"{expected}{figure(original, last.interval)} -> {score}"
    else:
        score = f"no gain, your program has {expected and 'an '}{expected}{score}"
    parts = [
        f"{score} {on_rows(record)}".strip(),
        test_text(record),
        _guarded_text(record),
        counted(last.rollouts, "rollout"),
        _failed(record),
    ]
    return "; ".join(part for part in [*parts, one_line(record.log_dir or "", 400)] if part)


def uncommitted_text(record: RunRecord) -> str:
    """Describe the part of the spending that belongs to steps which were not finished; "" without any."""
    begun = record.uncommitted
    counts = {"rollout": begun.rollouts, "reflection": begun.reflections}
    parts = " and ".join(counted(number, what) for what, number in counts.items() if number)
    return f"{parts} of them in steps that have not finished" if parts else ""


def must_pass_text(record: RunRecord) -> str:
    """Describe the rows that must pass: who fails some, how the best does on others; "" without such rows."""
    rows, guarded = record.started.get("must_pass", {}), record.guarded
    if not rows or record.last is None:
        return ""
    lost = {m.index: found for m in record.members if (found := record.regressions(m.index))}
    named = ", ".join(f"{index} ({', '.join(found[:3])})" for index, found in list(lost.items())[:5])
    more = ", ..." if len(lost) > 5 else ""
    failed = "no candidate is known to fail one of them"
    if lost:
        failed = (
            f"{counted(len(lost), 'candidate')} failed some of them and cannot be returned: {named}{more}"
        )
    total = counted(len(rows), "row")
    guards = f"your program passes {len(guarded):,} of the {total} named, which are guarded; {failed}"
    if not guarded:
        guards = f"your program passes none of the {total} named, so that none is guarded"
    return "; ".join(filter(None, [guards, _unguarded_text(record)]))


def _unguarded_text(record: RunRecord) -> str:
    """Describe how the best candidate does on the rows that must pass and that your program fails."""
    others = {row: low for row, low in record.started["must_pass"].items() if row not in record.guarded}
    if not record.best or not others:
        return ""
    known = record.members[record.best].scores
    unknown = sum(row not in known for row in others)
    not_run = f", and was not run on {unknown:,}" if unknown else ""
    which = counted(len(others), "other") if record.guarded else f"{len(others):,}"
    share = f"{len(passed(others, known)):,} of the {which}"
    return f"{candidate_name(record.best)} passes {share}{not_run}"


def _guarded_text(record: RunRecord) -> str:
    rows, guarded = len(record.started.get("must_pass", {})), len(record.guarded)
    if not guarded:
        return ""
    if guarded == rows:
        return f"passes all {counted(rows, 'row')} that must pass"
    return f"passes all {counted(guarded, 'guarded row')} of {rows:,} that must pass"


def test_text(record: RunRecord) -> str:
    """Describe the scores on the test set, on which nothing was decided; "" without one."""
    test = record.test
    if test is None:
        return ""
    score, on = render_short(test.score, test.interval), f"on {counted(test.rows, 'test row')}"
    if not record.best:
        return f"{score} {on}"
    gain = f"gain {render_short(test.gain, test.gain_interval)}"
    return f"{figure(test.original, test.interval)} -> {score} {on}, {gain}"


def measured_text(record: RunRecord) -> str:
    """Describe the plain mean of the best candidate on the validation rows; "" if it was run on none."""
    if record.best is None or not (rows := on_rows(record)):
        return ""
    known = record.members[record.best].scores
    scores = [known[row] for row in record.val_rows if row in known]
    if set(scores) <= {0.0, 1.0}:
        return f"{math.fsum(scores):.0f} of {rows.removeprefix('on ').removeprefix('the ')} right"
    return f"mean {math.fsum(scores) / len(scores):.{decimals(max(scores) - min(scores))}f} {rows}"


def on_rows(record: RunRecord) -> str:
    """Describe the validation rows that the best candidate was run on; "" if there are none."""
    known = [] if record.best is None else record.members[record.best].scores
    run = sum(row in known for row in record.val_rows)
    if not run:
        return ""
    if record.started.get("in_sample"):
        return f"on {counted(run, 'train row')} used in reflection"
    return f"on {counted(run, 'validation row')}"


def line_of(progress: Progress, now: float) -> str:
    """Describe the progress in one line without control characters, for a log."""
    if progress.wait is not None:
        return f"GEPA {activity(progress)} {wait_text(progress, now)}"
    if progress.phase == "finished":
        return f"GEPA: {summary_text(progress.record)}"
    if progress.phase == "starting":
        return start_text(progress)
    spent = [
        meter.text if meter.name in ("cost", "time") else f"{meter.text} {meter.name}"
        for meter in meters(progress, now)
    ]
    said = {"best": score_text(progress), "your program": seed_text(progress)}
    score = ", ".join(f"{name} {text}" for name, text in said.items() if text)
    left = left_text(progress, now)
    time = duration(progress.elapsed(now)) + (f", {left} left" if left else "")
    parts = [", ".join(spent), score, trials_text(progress.record), time]
    parts.append(trouble_text(progress))
    if progress.over:
        parts.append(failed_rollouts_text(progress))
        parts += [error_text(progress), contender_text(progress), next_step(progress)]
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
