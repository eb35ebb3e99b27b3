# %% [markdown]
# # Writing feedback that works
#
# The reflection model sees the failures of your program through the words of your metric. This notebook
# runs the same program three times, with three metrics that give the same scores and say different things,
# and looks at what the reflection model was shown.
#
# All figures are of simulated LMs. The simulated reflection model was built to learn from what feedback
# says, so how much it gains is no news about any real model. What carries over is what each metric lets it
# see.

# %%
import dspy
import matplotlib.pyplot as plt
from dspy.evaluate import answer_exact_match
from scipy.stats import ttest_rel

from benchmarks.tasks import load
from dspy_gepa import GEPA
from dspy_gepa.testing import ContractError, check

world = load("bundled")
dspy.configure(lm=world.task_lm())  # a real one: dspy.LM("openai/gpt-5-mini")

# %% [markdown]
# ## One: a number
#
# The least a metric can give. `GEPA` then makes feedback of the score, the labels of the example and what
# the program gave.


# %%
def is_right(gold, pred):
    return isinstance(pred.answer, str) and answer_exact_match(gold, pred)


def number(gold, pred, trace=None):
    return float(is_right(gold, pred))


# %% [markdown]
# ## Two: what was wrong, and where the truth is to be found
#
# A wrong answer has a cause. Whoever wrote these questions knows which pages settle them, so the feedback
# says it.


# %%
def with_facts(gold, pred, trace=None):
    if is_right(gold, pred):
        return dspy.Prediction(score=1.0, feedback=f"Correct: '{gold.answer}'.")
    proof = "\n".join(f"- {page['title']}: {page['text']}" for page in gold.gold_pages)
    feedback = f"Wrong: answered '{pred.answer}', the reference answer is '{gold.answer}'."
    return dspy.Prediction(score=0.0, feedback=f"{feedback} Pages that settle it:\n{proof}")


# %% [markdown]
# ## Three: each predictor hears about its own work
#
# A metric with `pred_name` and `pred_trace` is asked once more for every predictor. `pred_trace` holds that
# predictor's calls. The score has to be the same; the words may differ.


# %%
def by_component(gold, pred, trace=None, pred_name=None, pred_trace=None):
    whole = with_facts(gold, pred)
    if not pred_name or not pred_trace or whole.score == 1.0:
        return whole
    _, inputs, outputs = pred_trace[-1]
    if "passages" in inputs:
        words = on_summary(gold, inputs["passages"], outputs.summary)
    elif "query" in pred_name:
        words = on_query(gold, inputs["summary_1"], outputs.query)
    else:
        return whole
    return dspy.Prediction(score=whole.score, feedback=f"The program got it wrong. {words}")


def on_summary(gold, passages, summary):
    """Which of the sentences that matter were there to be kept, and were lost."""
    lost, absent = [], []
    for page in gold.gold_pages:
        found = any(passage.startswith(f"{page['title']} | ") for passage in passages)
        for sentence in page["support"]:
            if not found:
                absent.append(f"- {page['title']}: {sentence}")
            elif sentence not in summary:
                lost.append(f"- {page['title']}: {sentence}")
    words = ["Your summary lost:", *lost] if lost else ["Your summary lost nothing that is needed."]
    return "\n".join(
        [*words, "Not among these passages, so still to be found:", *absent] if absent else words
    )


def on_query(gold, summary, query):
    """Which pages the query should have led to."""
    needed = [page for page in gold.gold_pages if not all(line in summary for line in page["support"])]
    pages = "\n".join(f"- {page['title']}: {page['text']}" for page in needed)
    return f"The query was '{query}'. A better one leads from what is known to:\n{pages}"


# %% [markdown]
# A metric is code like any other, so test it. `check` calls it as a run does, with awkward values too. The
# obvious metric breaks where a model leaves the answer out; this is why `is_right` looks at the type first.


# %%
def fragile(gold, pred, trace=None):
    right = answer_exact_match(gold, pred)
    return dspy.Prediction(score=float(right), feedback=f"The answer is '{gold.answer}'.")


example = world.train[0]
good, bad = dspy.Prediction(answer=example.answer), dspy.Prediction(answer="somewhere else")
try:
    check("metric", fragile, example=example, good=good, bad=bad)
except ContractError as error:
    print(error)

for metric in (with_facts, by_component):
    check("metric", metric, example=example, good=good, bad=bad)

# %% [markdown]
# ## What the reflection model is shown
#
# One short run for each metric. `proposals` keeps the evidence of every step; here is the feedback on one
# failure, for the predictor that writes the second query.


# %%
def compile_with(metric, seed, rollouts):
    world = load("bundled", seed=seed)
    rows = world.train[:40], world.val[:30]
    if metric is number:  # nothing but question and answer
        rows = [[dspy.Example(question=r.question, answer=r.answer) for r in part] for part in rows]
        rows = [[row.with_inputs("question") for row in part] for part in rows]
    gepa = GEPA(
        metric,
        reflection_lm=world.reflection_lm(seed=seed),  # a real one: dspy.LM("openai/gpt-5")
        progress="off",
        max_metric_calls=rollouts,
        track_stats=True,
        seed=seed,
    )
    with dspy.context(lm=world.task_lm(seed=seed)):
        return gepa.compile(world.program(), trainset=rows[0], valset=rows[1])


def first_feedback(program, component):
    evidence = program.detailed_results.proposals[1].evidence[component]
    return evidence.partition("## Feedback\n")[2].partition("\n# Example")[0].strip()


metrics = {"number": number, "with facts": with_facts, "by component": by_component}
for name, metric in metrics.items():
    print(f"--- {name} (simulated LM)")
    print(first_feedback(compile_with(metric, seed=0, rollouts=40), "create_query_hop2.predict"), "\n")

# %% [markdown]
# The first has the score, the label and the answer that was given, and no cause. The second adds the pages
# that settle the question, for all predictors alike. The third says what this predictor did and what would
# have helped: the query, and what it should have led to. It is nearer to the predictor's work, and leaves
# out what the second says about the whole.
#
# ## The result
#
# Three metrics, four worlds with questions of their own, 100 rollouts each; then the same test questions
# for all. Whatever metric a program was compiled with, the test counts right answers.

# %%
SEEDS = range(4)


def test_score(program, seed):
    world = load("bundled", seed=seed)
    evaluate = dspy.Evaluate(devset=world.test[:40], metric=number, num_threads=4, display_progress=False)
    with dspy.context(lm=world.task_lm(seed=seed)):
        return evaluate(program).score


scores = {
    name: [test_score(compile_with(metric, seed, rollouts=100), seed) for seed in SEEDS]
    for name, metric in metrics.items()
}
scores["as given"] = [test_score(load("bundled", seed=seed).program(), seed) for seed in SEEDS]

print("simulated LM, test questions answered right, mean of four worlds:")
for name, own in scores.items():
    print(f"  {name:14}{sum(own) / len(own):5.1f} %   by world: {', '.join(f'{score:.0f}' for score in own)}")

# %%
figure, axes = plt.subplots(figsize=(6, 2.4), dpi=70)
for height, own in enumerate(scores.values()):
    axes.plot(own, [height] * len(own), "o", alpha=0.6)
    axes.plot(sum(own) / len(own), height, "|", color="black", markersize=18)
axes.set(yticks=range(len(scores)), yticklabels=scores, ylim=(-0.5, len(scores) - 0.5))
axes.set_xlabel("test questions answered right, %")
axes.set_title("simulated LM; a dot is a world, a bar the mean")
figure.tight_layout()
plt.show()

# %% [markdown]
# Do not expect the order in which the metrics were introduced: more care in the words is not yet a higher
# score. Four worlds are few, and how a run ends depends on luck, too. So look at the intervals of the paired
# differences. One that holds 0 shows nothing; one that does not shows a difference, in either direction,
# for these simulated models.


# %%
def difference(name, other):
    gain = ttest_rel(scores[name], scores[other])
    low, high = gain.confidence_interval(0.95)
    mean = sum(scores[name]) / len(SEEDS) - sum(scores[other]) / len(SEEDS)
    print(f"  {name} less {other}: {mean:+.1f} points, 95 % interval {low:+.1f} to {high:+.1f}")


print("simulated LM:")
difference("with facts", "as given")
difference("with facts", "number")
difference("by component", "number")
difference("by component", "with facts")

# %% [markdown]
# ## What to write
#
# - **What was expected, and what would have led there.** A wrong answer alone teaches guessing; the rule
#   that was broken, the page that was missed or the case that was forgotten teaches the task.
# - **Whose fault it was**, where you can tell: `pred_name` names the predictor. Do not leave out for it what
#   all of them need to know, and compare with the same words for all before you keep it: the last line
#   above is such a comparison. With `component_selector="blame"` only those that the feedback points at are
#   rewritten, which saves reflections in programs of many predictors.
# - **What went well, too.** Where a row scores 1, say so plainly, so that what works is kept.
# - **Nothing that differs from call to call**: no times, no random examples. A run that is resumed must
#   find the same words.
# - **Nothing of the test rows.** Feedback is what instructions are made of, so whatever it holds can end in
#   them. `max_copied_words` refuses texts that copy long runs of a train row.
