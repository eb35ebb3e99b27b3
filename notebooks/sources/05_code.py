# %% [markdown]
# # Inference-time search on code
#
# Sometimes there is nothing to generalise to: the tasks at hand are the tasks to be solved, and what counts
# is the best answer found for each. This notebook searches for faster versions of eight NumPy functions.
# The code itself evolves, not a prompt.
#
# The model that rewrites the code is simulated: it knows a few versions of each function, good and flawed
# ones, and chooses by the feedback. So the figures say nothing about any real model. The code is really run
# and timed.

# %%
import dspy

from benchmarks.sandbox import Job, Sandbox
from benchmarks.simulated import simulated_lm
from benchmarks.simulated.reflector import Reflector
from benchmarks.simulated.worlds.coder import CodeCurriculum
from benchmarks.tasks.code_metric import KernelMetric, in_words
from benchmarks.tasks.kernels import KERNELS
from dspy_gepa import GEPA, Text

kernels = {kernel.name: kernel for kernel in KERNELS}
for kernel in KERNELS:
    print(f"{kernel.name}: {kernel.task}")

# %% [markdown]
# ## The program holds the code
#
# A `dspy_gepa.Text` is a component like an instruction. With `kind="code"` a proposal that does not parse
# is sent back with the syntax error before anything is run. `desc` tells the reflection model what the text
# is for.


# %%
class Workshop(dspy.Module):
    def __init__(self):
        super().__init__()
        for kernel in KERNELS:
            desc = (
                f"the NumPy function `{kernel.name}`: {kernel.task}. It has to give what the reference gives "
                "and leave its arguments as they are, as fast as can be. It may import NumPy and math."
            )
            setattr(self, kernel.name, Text(kernel.reference, desc=desc, kind="code"))

    def forward(self, kernel):
        return dspy.Prediction(code=vars(self)[kernel].value)


print(Workshop()(kernel="moving_average").code)

# %% [markdown]
# ## A metric that runs it, in a sandbox
#
# Code that a language model wrote is run in processes of its own, with limits on time, memory and files,
# without your environment variables, behind the best wall that the system offers; `Sandbox().wall()` says
# which that is.
#
# Right comes first. Then speed counts, as a ratio to the reference that is timed in turn with it, and in
# whole doublings: a clock is noisy, and a search believes every number it is given. Every timed call has
# new arguments and a fresh process, so that nothing is gained by remembering.

# %%
metric = KernelMetric(kernels, Sandbox(seconds=5).run)
row = dspy.Example(kernel="moving_average").with_inputs("kernel")


def judge(code, metric=metric):
    verdict = metric(row, dspy.Prediction(code=code))
    print(f"{verdict.score:.2f}  {verdict.feedback}")


print("scores of code, no simulated LM has seen it yet:")
judge(kernels["moving_average"].reference)
judge("def moving_average(x, window):\n    return x")
judge("def moving_average(x, window):\n    return np.mean(x)")  # NumPy is not imported
judge("import os\n\ndef moving_average(x, window):\n    return os.environ")
judge("def moving_average(x, window):\n    while True: pass", KernelMetric(kernels, Sandbox(seconds=1).run))

# %% [markdown]
# ## The search
#
# The tasks are the `trainset`, there is no `valset`, and `track_best_outputs=True` keeps the best output
# for each task, whichever candidate wrote it. Each task reads one text of the eight, and GEPA knows it: a
# rollout is evidence on what it read, and the reflection model is asked about nothing else.

# %%
tasks = [dspy.Example(kernel=kernel.name).with_inputs("kernel") for kernel in KERNELS]
gepa = GEPA(
    metric,
    reflection_lm=simulated_lm("simulated/coder", Reflector(CodeCurriculum())),  # or dspy.LM("openai/gpt-5")
    progress="off",
    max_metric_calls=80,
    track_stats=True,
    track_best_outputs=True,
)
better = gepa.compile(Workshop(), trainset=tasks)
result = better.detailed_results
print(f"{result.total_metric_calls} rollouts, {result.reflection_calls} reflections")
print(f"stopped: {result.stop_reason}")

# %% [markdown]
# ## The answer is a table, not a program
#
# `best_outputs_valset` has, by task, the candidates that did best with what they gave.

# %%
best_code = {}
print("simulated LM wrote, the sandbox judged:")
for index, found in result.best_outputs_valset.items():
    name = tasks[index].kernel
    member, output = found[0]
    best_code[name] = output.code
    first, best = result.val_subscores[0][index], result.highest_score_achieved_per_val_task[index]
    members = [member for member, _ in found]
    print(f"  {name:20} {first:.1f} -> {best:.1f}   by members {members}")

# %%
print(best_code["moving_average"])

# %% [markdown]
# The run says that its score is of the very rows that were reflected on. That is right here, and would be a
# mistake anywhere else: where you want a program that does well on new rows, pass a `valset`.

# %%
assert result.score_is_in_sample

# %% [markdown]
# ## Check it once more
#
# The metric judged each piece of code once, on cases of its own. Before you use what was found, judge it by
# something that the search has not seen, and read it. A model wrote it: it goes into the sandbox here, too.

# %%
OTHER_CASES = """
import numpy as np

def cases(rng):
    return {"a wave": (np.sin(np.arange(300)), 7), "one number": (np.ones(1), 1)}

def load(rng):
    return np.cos(np.arange(1000) + rng.random()), 20
"""
name = "moving_average"
report = Sandbox().run(Job(name, best_code[name], kernels[name].reference, OTHER_CASES))
print(f"simulated LM wrote {name}: {in_words(report)}")
assert report.share_right == 1.0

# %% [markdown]
# ## Further
#
# - `python -m benchmarks run code --budget 120` is this task from the shell, `code-prompt` the one in which
#   a model writes the functions and its prompt evolves.
# - With one task, `best_outputs_valset` has one row: the classical inference-time search.
# - With `log_dir` the outputs are in the journal, and a search that is killed goes on where it stood.
