# %% [markdown]
# # Quickstart
#
# `GEPA` takes a DSPy program, a metric and some examples, and gives the same program back with better
# instructions. This notebook does it once, from beginning to end.
#
# It needs no API key: simulated language models stand in for real ones. They read the prompts that DSPy
# writes and know nothing of the optimizer. All figures below are of simulated LMs and say nothing about any
# real model.

# %%
from pathlib import Path
from tempfile import TemporaryDirectory

import dspy
from dspy.evaluate import answer_exact_match
from scipy.stats import ttest_rel

from benchmarks.tasks import load
from dspy_gepa import GEPA

world = load("bundled")  # an invented encyclopedia, and questions about it
task_lm, reflection_lm = world.task_lm(), world.reflection_lm()

# With real models, these two lines take the place of the one above:
# task_lm = dspy.LM("openai/gpt-5-mini")
# reflection_lm = dspy.LM("openai/gpt-5")

dspy.configure(lm=task_lm)

# %% [markdown]
# ## The program
#
# Any `dspy.Module` will do. This one answers questions that take two searches: it searches with the
# question, sums up what it found, writes a second query, searches and sums up again, and answers. Nobody
# has told its four predictors how to do that well.

# %%
encyclopedia = world.program().retriever


class TwoHops(dspy.Module):
    def __init__(self):
        super().__init__()
        self.summarize1 = dspy.ChainOfThought("question, passages -> summary")
        self.next_query = dspy.ChainOfThought("question, summary_1 -> query")
        self.summarize2 = dspy.ChainOfThought("question, context, passages -> summary")
        self.answer = dspy.ChainOfThought("question, summary_1, summary_2 -> answer")

    def forward(self, question):
        found = encyclopedia.search(question, 7)
        first = self.summarize1(question=question, passages=found).summary
        query = self.next_query(question=question, summary_1=first).query
        found = encyclopedia.search(query, 7)
        second = self.summarize2(question=question, context=first, passages=found).summary
        return self.answer(question=question, summary_1=first, summary_2=second)


program = TwoHops()

# %% [markdown]
# ## The examples
#
# Failures on train rows are what the reflection model reads. Validation rows decide which candidate is
# returned. Test rows are used for neither, so they show what was gained.

# %%
train, val, test = world.train[:40], world.val[:40], world.test
print(train[0].question, "->", train[0].answer)
print(program(question=train[0].question).answer)

# %% [markdown]
# ## The metric
#
# A metric returns a score and, in words, what was wrong. The words matter: they are all that the reflection
# model knows of what you want; [the second notebook](02_feedback.ipynb) is about them. `GEPA` also takes a
# dict or a bare number, but a `dspy.Prediction` suits `dspy.Evaluate`, too.


# %%
def metric(gold, pred, trace=None):
    if answer_exact_match(gold, pred):
        return dspy.Prediction(score=1.0, feedback=f"Correct: '{gold.answer}'.")
    proof = "\n".join(f"- {page['title']}: {page['text']}" for page in gold.gold_pages)
    feedback = f"Wrong: answered '{pred.answer}', the reference answer is '{gold.answer}'."
    return dspy.Prediction(score=0.0, feedback=f"{feedback} Pages that settle it:\n{proof}")


# %% [markdown]
# ## The run
#
# The budget is in rollouts: runs of the program on one example. It is never exceeded. With a small one a
# run may find nothing that is better with confidence. Then it says so, and returns the program as it was.

# %%
gepa = GEPA(
    metric,
    reflection_lm=reflection_lm,
    max_metric_calls=300,
    track_stats=True,
    progress="off",  # without this line a panel tells what is tried, and what is left of time and budget
)
better = gepa.compile(program, trainset=train, valset=val)
result = better.detailed_results

low, high = result.interval
print(f"simulated LM: expected score {result.score:.2f} (90 % interval {low:.2f} to {high:.2f})")
print(f"simulated LM: {result.choice_reason}")
print(f"{result.total_metric_calls} rollouts, {result.reflection_calls} reflections, {result.stop_reason}")

# %% [markdown]
# ## What changed
#
# A sentence to a line, by predictor. Look for sentences of little use, and for those about one example:
# what a reflection model writes is not all good, and what a run chooses are whole programs.

# %%
print(result.diff())

# %% [markdown]
# ## Does it hold on new rows?
#
# The run reports what it believes; the test rows, which it has not seen, are a check on that. Both programs
# answer the same questions, so their scores are compared in pairs. The interval is over questions: it is
# about this one program, and not about what another run would find.


# %%
def scores_on(rows, candidate):
    evaluate = dspy.Evaluate(devset=rows, metric=metric, num_threads=4, display_progress=False)
    return [float(score) for _, _, score in evaluate(candidate).results]


before, after = scores_on(test, program), scores_on(test, better)
gain = ttest_rel(after, before).confidence_interval(0.95)

print(f"simulated LM, {len(test)} test questions:")
print(f"  {sum(before) / len(test):.0%} before, {sum(after) / len(test):.0%} after")
print(f"  95 % interval of the gain: {100 * gain.low:+.0f} to {100 * gain.high:+.0f} points")

# %% [markdown]
# ## Keep it
#
# What comes back is an ordinary program. `log_dir="runs/one"` in `GEPA(...)` would also have kept a
# journal, from which a run that was killed goes on.

# %%
with TemporaryDirectory() as folder:
    file = Path(folder) / "better.json"
    better.save(file)
    again = TwoHops()
    again.load(file)

question = test[0].question
assert again(question=question).answer == better(question=question).answer
print(again.answer.predict.signature.instructions)
