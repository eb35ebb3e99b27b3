"""The findings of a run, for people: changes as diffs, the lineage as a tree, one step in full."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from dspy_gepa import GEPAResult, Proposal

_TOOL_MARK = re.compile(r", asks for this tool| \(asks for this tool\)")


def steps_to_the_best(result: GEPAResult) -> Iterator[RenderableType]:
    """Yield a panel with the changes of every proposal that the returned candidate descends from."""
    line = result.lineage()
    for number, proposal in _accepted(result):
        if number not in line:
            continue
        child = result.texts[number]
        parent = result.texts[proposal.parents[0]]
        title = f"#{number}, {proposal.kind} of {' and '.join(f'#{p}' for p in proposal.parents)}"
        verdict = f"{proposal.reason}; validation {result.val_aggregate_scores[number]:.1%}"
        changes: list[RenderableType] = [Text(verdict, style="italic")]
        for name in proposal.changed:
            changes += [Text(name, style="bold"), diff(parent[name], child[name])]
        yield Panel(Group(*changes), title=title, title_align="left")


def changes(result: GEPAResult) -> Text:
    """Return the changes from the original to the returned program, one sentence to a line."""
    text = Text()
    for line in result.diff().split("\n"):
        style = {"- ": "red", "+ ": "green", "  ": ""}.get(line[:2], "bold")
        text.append(f"{line}\n", style=style)
    return text


def lineage(result: GEPAResult) -> Tree:
    """Return the lineage as a tree; a merge stands under its first parent."""
    nodes: list[Tree] = []
    for number, parents in enumerate(result.parents):
        label = Text(f"#{number}  {result.val_aggregate_scores[number]:.1%}")
        if len(parents) > 1:
            label.append(f"  merged with #{parents[1]}", style="cyan")
        if number == result.best_idx:
            label.append("  best", style="bold green")
        first = parents[0]
        nodes.append(Tree(label) if first is None else nodes[first].add(label))
    return nodes[0]


def step_story(result: GEPAResult) -> RenderableType | None:
    """Return the accepted mutation with the highest expected gain in full."""
    mutations = [(n, p) for n, p in _accepted(result) if p.kind == "mutation"]
    if not mutations:
        return None
    worth = result.val_aggregate_scores
    number, proposal = max(mutations, key=lambda pair: worth[pair[0]] - worth[pair[1].parents[0]])
    parent, child = result.texts[proposal.parents[0]], result.texts[number]
    parts: list[RenderableType] = [
        Text(f"Minibatch {', '.join(map(str, proposal.rows))}: scores {list(proposal.before)}")
    ]
    shown: dict[str, str] = {}
    for name in proposal.changed:
        evidence = proposal.evidence[name]
        # The components of an agent are shown the same calls, marked where they ask for the tool.
        first = shown.setdefault(_TOOL_MARK.sub("", evidence), name)
        seen = evidence if first == name else f"The calls that it saw of {first}."
        parts += [
            Panel(Text(seen), title=f"what the reflector saw of {name}", title_align="left"),
            Panel(diff(parent[name], child[name]), title=f"new text of {name}", title_align="left"),
        ]
    trial = ", ".join(map(str, proposal.trial_rows))
    parts.append(Text(f"Scores of the child on {trial}: {list(proposal.after)}. Accepted."))
    return Panel(Group(*parts), title=f"Step of candidate #{number} in full", title_align="left")


def scores_table(rows: list[tuple[str, str, int, float, float, int, int]]) -> Table:
    """Return a table with a line per run: task, arm, seed, test scores, budget, scored rollouts."""
    table = Table("task", "optimizer", "seed", "before", "after", "gain", "budget", "metric calls")
    for task, optimizer, seed, before, after, budget, calls in rows:
        spent = Text(str(calls), style="red" if calls > budget else "")
        gain = f"{after - before:+.1%}"
        table.add_row(task, optimizer, str(seed), f"{before:.1%}", f"{after:.1%}", gain, str(budget), spent)
    return table


def tasks_table(result: GEPAResult, tasks: Sequence[str]) -> Table:
    """Return a line per task to be solved: score of the original, of the returned program, and the best."""
    best = result.highest_score_achieved_per_val_task
    table = Table("task", "seed", "returned", "best", "by")
    for number, name in enumerate(tasks):
        scores = [result.val_subscores[member].get(number) for member in (0, result.best_idx)]
        shown = ["-" if score is None else f"{score:.2f}" for score in scores]
        by = min(result.per_val_instance_best_candidates[number])
        table.add_row(name, *shown, f"{best[number]:.2f}", f"#{by}")
    mean = sum(best.values()) / len(best)
    table.add_row("best for each task, on average", "", "", f"{mean:.3f}", "", style="bold")
    return table


def diff(before: str, after: str) -> Text:
    """Return a word diff, readable without colours too: [-removed-] in red, {+new+} in green."""
    old, new = before.split(), after.split()
    text = Text()
    for tag, i, j, k, m in difflib.SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        if tag == "equal":
            text.append(" ".join(old[i:j]) + " ")
            continue
        if i < j:
            text.append(f"[-{' '.join(old[i:j])}-] ", style="red")
        if k < m:
            text.append(f"{{+{' '.join(new[k:m])}+}} ", style="green")
    return text


def console() -> Console:
    """Return a console that does not interpret markup in models' texts."""
    return Console(markup=False, highlight=False, soft_wrap=False)


def _accepted(result: GEPAResult) -> Iterator[tuple[int, Proposal]]:
    accepted = [p for p in result.proposals if p.verdict == "accepted"]
    return iter(list(enumerate(accepted))[1:])
