# %% [markdown]
# # Comparing with MIPROv2
#
# `dspy.MIPROv2` proposes instructions and sets of demonstrations up front and searches for the best
# combination. GEPA rewrites instructions step by step, from feedback. This notebook runs both on the same
# program, rows and models with about the same number of metric calls, and shows how to read such a
# comparison.
#
# The models are simulated, and the comparison is no more than an exercise: what demonstrations do for a
# model, and what feedback does for a reflection model, was decided by whoever built the simulation. With
# your models and your task it may come out the other way round. The steps are the same.

# %%
import logging
from dataclasses import replace

import dspy
import matplotlib.pyplot as plt
from scipy.stats import ttest_rel

from benchmarks.harness.arms import optimize
from benchmarks.harness.evaluation import prompt_tokens, scores
from benchmarks.harness.others.miprov2 import fitted
from benchmarks.harness.setting import Setting
from benchmarks.tasks import load

logging.getLogger("dspy").setLevel(logging.ERROR)  # MIPROv2 tells every trial
BUDGET, SEEDS = 120, range(4)

# %% [markdown]
# ## The same for both
#
# A seed stands for everything that is left to chance: the questions, the models' noise, the optimizer's own
# random choices. Both optimizers see the same 40 train and 20 validation rows of a seed, and are tested on
# the same 40 others. A metric that counts its calls from outside says what was really spent.


# %%
def task_of(seed):
    task = load("bundled", seed=seed)
    return replace(task, train=task.train[:40], val=task.val[:20], test=task.test[:40])


def run(name, seed):
    task = task_of(seed)
    task_lm, reflection_lm = task.task_lm(seed=seed), task.reflection_lm(seed=seed)
    # With real models:
    # task_lm, reflection_lm = dspy.LM("openai/gpt-5-mini"), dspy.LM("openai/gpt-5")
    with dspy.context(lm=task_lm):
        done = optimize(name, Setting(task, reflection_lm, budget=BUDGET, seed=seed, threads=4))
        right = scores(task, done.program, task.test, 4)
    return {
        "score": 100 * sum(right) / len(right),
        "calls": done.metric_calls,
        "tokens": prompt_tokens(task, done.program),
        "program": done.program,
    }


# %% [markdown]
# MIPROv2 does not take a number of metric calls. It takes numbers of candidates and trials, and what it
# spends follows from these and the size of the validation set. So the budget is translated first. It cannot
# be met exactly: how many runs bootstrapping takes depends on how many of them succeed. What was really
# spent stands in the table below, and whoever spent more had an advantage.

# %%
plan = fitted(BUDGET, predictors=4, val_rows=20)
print(
    f"MIPROv2 with {plan.candidates} candidates and {plan.trials} trials: about {plan.rollouts} metric calls"
)

# %%
ARMS = {"as given": "baseline", "MIPROv2": "miprov2", "GEPA": "gepa"}
runs = {arm: [run(name, seed) for seed in SEEDS] for arm, name in ARMS.items()}


def column(arm, field):
    return [one[field] for one in runs[arm]]


print("simulated LM          test score, %      metric calls            prompt tokens")
for arm in ARMS:
    score, calls, tokens = (column(arm, field) for field in ("score", "calls", "tokens"))
    print(f"  {arm:10} {[round(s) for s in score]!s:>22} {calls!s:>22} {tokens!s:>24}")

# %% [markdown]
# ## In pairs
#
# Some worlds are easier than others, for all optimizers. So compare within seeds: what the world does to
# both falls out of the difference. The luck of a run stays in it; lines that cross are a sign of that. The
# interval is over seeds, because it is the next run that you want to know about, not these very ones.

# %%
figure, axes = plt.subplots(figsize=(5, 2.8), dpi=70)
for seed in SEEDS:
    axes.plot(list(ARMS), [column(arm, "score")[seed] for arm in ARMS], "o-", alpha=0.6)
axes.set(ylabel="test score, %", xlim=(-0.3, 2.3))
axes.set_title("simulated LM; a line is a seed")
figure.tight_layout()
plt.show()


# %%
def compare(first, second):
    pair = column(first, "score"), column(second, "score")
    low, high = ttest_rel(*pair).confidence_interval(0.95)
    mean = sum(a - b for a, b in zip(*pair, strict=True)) / len(SEEDS)
    verdict = "shows a difference" if low > 0 or high < 0 else "shows no difference"
    print(f"  {first} less {second}: {mean:+.1f} points, 95 % interval {low:+.1f} to {high:+.1f}: {verdict}")


print(f"simulated LM, {len(SEEDS)} seeds:")
compare("GEPA", "as given")
compare("MIPROv2", "as given")
compare("GEPA", "MIPROv2")

# %% [markdown]
# ## What the prompts look like
#
# The score is not all. GEPA writes instructions; MIPROv2 also puts worked examples into the prompt, which
# every call pays for as long as the program is in use.

# %%
for arm in ("MIPROv2", "GEPA"):
    last = runs[arm][0]["program"].final_answer.predict
    print(f"--- {arm} (simulated LM), {len(last.demos)} demonstrations")
    print(last.signature.instructions, "\n")

# %% [markdown]
# ## What this shows, and what it does not
#
# - It shows how to compare: same rows, same models, metric calls counted from outside, several seeds,
#   differences in pairs with an interval, test rows that nobody chose by.
# - **Four seeds are few.** An interval that holds 0 does not say that two optimizers are equal, only that
#   four runs cannot tell them apart. A difference that is half as large takes about four times as many
#   seeds.
# - **Metric calls are one price of several.** Reflections and proposals cost tokens too, and demonstrations
#   make every later call longer. `python -m benchmarks run ... --dry-run` foresees dollars.
# - **It is one program on one invented world**, at one budget. [The tables of
#   results](../benchmarks/results/peers/table.md) have nine worlds, five budgets and more seeds, of
#   simulated LMs, too.
# - They are no rivals: GEPA's program can be given demonstrations afterwards, for instance by
#   `dspy.BootstrapFewShot`.
#
# The same with your own models, from the shell:
#
# ```sh
# python -m benchmarks run hotpotqa --optimizer baseline,miprov2,gepa --seeds 0-4 --budget 600 \
#   --task-lm openai/gpt-4.1-mini --reflection-lm openai/gpt-5 --dry-run
# ```
