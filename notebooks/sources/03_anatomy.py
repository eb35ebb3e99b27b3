# %% [markdown]
# # Anatomy of a run
#
# What happens between `compile` and the program that comes back: candidates are written, tried on a few
# rows, judged by an expected score, mixed, and compared at the end. This notebook takes
# one run apart.
#
# All figures are of simulated LMs; they say nothing about any real model. Numbers differ from run to run,
# the parts do not. [How the default strategy spends its rollouts](../docs/adaptive.md) explains each part.

# %%
import dspy
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap

from benchmarks.tasks import load
from dspy_gepa import GEPA, Candidate
from dspy_gepa.events import RolloutDone, StepCommitted
from dspy_gepa.testing import EventRecorder

world = load("bundled")
dspy.configure(lm=world.task_lm())  # a real one: dspy.LM("openai/gpt-5-mini")
train, val = world.train[:40], world.val[:30]

recorder = EventRecorder()  # keeps all events; any function will do as a callback
gepa = GEPA(
    world.metric,
    reflection_lm=world.reflection_lm(),  # a real one: dspy.LM("openai/gpt-5")
    progress="off",
    max_metric_calls=300,
    max_merge_invocations=3,  # the default strategy merges only when asked to
    callbacks=[recorder],
    track_stats=True,
)
better = gepa.compile(world.program(), trainset=train, valset=val)
result = better.detailed_results
print(f"{len(result.texts)} members, {result.total_metric_calls} rollouts; the best is {result.best_idx}")

# %% [markdown]
# ## Steps
#
# The run is a row of steps. A mutation takes a member of the pool as parent, shows rows that the parent
# failed on to the reflection model, and tries the child on rows of its own; a merge takes two parents and
# reflects on nothing. Rows the parent was run on before cost nothing again. A child always joins the pool
# here: a few rows are too few to judge it by, so nothing is thrown away for bad luck.

# %%
print("step      parents   reflected on   tried on   scored (simulated LM)")
for step in result.proposals[:12]:
    parents = " and ".join(map(str, step.parents)) or "-"
    share = f"{np.mean(step.after):.0%}" if step.after else "-"
    sizes = f"{len(step.rows):>8} rows {len(step.trial_rows):>6} rows"
    print(f"{step.kind:9} {parents:8} {sizes} {share:>8}")

# %% [markdown]
# ## Expected scores
#
# Means over different rows cannot be compared: some rows are easy. So a score is taken to be member + row +
# noise, and a member has an expected score with an interval. A child is expected to be like its parent until
# its own rows say otherwise. Lines lead from parents to children.

# %%
found, worth = np.array(result.discovery_eval_counts), np.array(result.val_aggregate_scores)
low, high = np.array(result.intervals).T
merged = [step.kind == "merge" for step in result.proposals if step.verdict == "accepted"]
colours = ["tab:orange" if is_merge else "tab:blue" for is_merge in merged]

figure, axes = plt.subplots(figsize=(7, 3.6), dpi=70)
for child, parents in enumerate(result.parents):
    for parent in parents:
        if parent is not None:
            axes.plot(found[[parent, child]], worth[[parent, child]], color="0.8", linewidth=0.8, zorder=0)
axes.vlines(found, low, high, colors=colours, alpha=0.35)
axes.scatter(found, worth, c=colours, s=18)
axes.scatter(found[result.best_idx], worth[result.best_idx], marker="*", s=160, color="black", zorder=3)
axes.set(xlabel="rollouts when it was found", ylabel="believed score, 90 % interval")
axes.set_title("simulated LM; merges are orange, the star is returned")
figure.tight_layout()
plt.show()

# %% [markdown]
# ## Who has met which row
#
# Rollouts are few, so members are run on few rows, and the later ones on those that fewest of their line
# have met. White was never run. Rows of the train set are on the left; on the right are validation rows,
# which nobody met before the finals.

# %%
ids = [Candidate.of(texts).id for texts in result.texts]
scores = np.full((len(ids), len(train) + len(val)), np.nan)
for event in recorder.of(RolloutDone):
    if event.candidate in ids:  # else it was no member
        shift = 0 if event.row.split == "train" else len(train)
        scores[ids.index(event.candidate), shift + event.row.position] = event.outcome.score

figure, axes = plt.subplots(figsize=(7, 2.8), dpi=70)
axes.imshow(scores, cmap=ListedColormap(["tab:red", "tab:green"]), aspect="auto", interpolation="none")
axes.axvline(len(train) - 0.5, color="black", linewidth=0.8)
axes.set(xlabel="rows: train | validation", ylabel="member")
axes.set_title("simulated LM; red is wrong, green right, white not run")
figure.tight_layout()
plt.show()

# %% [markdown]
# ## Who becomes a parent: the frontier
#
# A member that is mediocre on the whole may know something that no other knows. So parents are drawn, half
# of the time, in proportion to the rows they win. With `strategy="paper"` every accepted child is run on
# all validation rows, and the frontier is what it is in the paper: the members that are best somewhere,
# less those that are best only where one other is best, too. Here is such a run, short.

# %%
paper = GEPA(
    world.metric,
    reflection_lm=world.reflection_lm(),
    progress="off",
    strategy="paper",
    component_selector="all",
    reflection_minibatch_size=6,
    max_metric_calls=250,
    track_stats=True,
)
published = paper.compile(world.program(), trainset=train, valset=val[:12]).detailed_results
wins = published.per_val_instance_best_candidates
print("simulated LM, strategy='paper':")
for member, score in enumerate(published.val_aggregate_scores):
    best_on = [row for row, members in wins.items() if member in members]
    print(f"  member {member}: mean {score:.2f}, best or as good as the best on rows {best_on}")
print("  tried and rejected:", sum(step.verdict == "rejected" for step in published.proposals))

# %% [markdown]
# ## A merge
#
# Two members that improved different components can be put together. A merge asks nobody: each component
# comes from one parent or the other. It is a try like any other, and need not be better than its parents:
# look for the orange points above.

# %%
merges = [step for step in result.proposals if step.kind == "merge" and step.candidate is not None]
for step in merges[-1:]:
    print(f"{step.reason} (simulated LM); common ancestor: {step.ancestor}")
    for name, text in step.candidate.items():
        origin = [parent for parent in step.parents if result.texts[parent][name] == text]
        print(f"  {name:27} from {' and '.join(map(str, origin)) or 'elsewhere'}")

# %% [markdown]
# ## How the belief in the best one moved
#
# At each commit: what would be returned if the run ended now, and the interval of its score. It jumps where
# another member takes over, and not always up: where no member is better than the seed with confidence, it
# falls back to the seed.

# %%
best = recorder.of(StepCommitted)
spent = [event.spent.rollouts for event in best]
lower, upper = np.array([event.interval for event in best]).T

figure, axes = plt.subplots(figsize=(7, 2.6), dpi=70)
axes.fill_between(spent, lower, upper, step="post", alpha=0.25)
axes.step(spent, [event.score for event in best], where="post")
axes.set(xlabel="rollouts", ylabel="believed score of the best")
axes.set_title("simulated LM; the band is the 90 % interval")
figure.tight_layout()
plt.show()

# %% [markdown]
# ## The finals
#
# The last fifth of the budget, or more, goes to validation rows that nobody was written for or chosen on:
# all finalists on a few, the better half on more, and so on. The seed always takes part. Who wins is
# returned only if it is better than the seed with confidence; of those that cannot be told apart the
# shortest is taken, so it need not be the one with the most rows or the highest mean. Just before, the best
# member may have been tried without its sentences about single examples: a step of the kind `trim`.

# %%
for event in recorder.of(StepCommitted):
    if event.kind == "finals":
        for member, own in event.evaluated.items():
            low, high = result.intervals[member]
            mark = "<- returned" if member == result.best_idx else "<- the seed" if member == 0 else ""
            print(f"  member {member:2}: {len(own):2} rows, mean {np.mean(list(own.values())):.2f}, ", end="")
            print(f"believed {result.val_aggregate_scores[member]:.2f} ({low:.2f} to {high:.2f}) {mark}")
print(f"simulated LM: {result.choice_reason}")
print(f"Lineage of what is returned: {result.lineage()}")
