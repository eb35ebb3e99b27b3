# %% [markdown]
# # Your own proposer
#
# New instructions are written by a prompt that comes with GEPA. A function of yours can take its place: to
# ask in another way, to ask more than once, to keep to house rules, to write without a model at all. This
# notebook builds one, checks it, and compares it with what it replaces.
#
# All figures are of simulated LMs and say nothing about any real model.

# %%
import json
import re

import dspy
from scipy.stats import ttest_rel

from benchmarks.tasks import load
from dspy_gepa import GEPA
from dspy_gepa.testing import ContractError, ScriptedLM, check

# %% [markdown]
# ## The idea
#
# Reflection models may write down single cases: "when Kelmark comes up, remember ...". On new rows such a
# sentence is likely to be dead weight. This proposer shows the model failures only, asks for general rules,
# and strikes out new lines that share a name with the examples it was shown. What a name is, a simple
# pattern decides, so some will get past it.
#
# A proposer gets the candidate's texts, records with `Inputs`, `Generated Outputs` and `Feedback`, and the
# names of the components to rewrite; it gives new texts by name. It is called once for each component,
# several at a time, and `dspy.Predict` inside it asks the reflection model.


# %%
class GeneralRules(dspy.Signature):
    """Improve the text so that such failures do not happen again. Write general rules, a line for each.

    Name no person, place or thing of the examples.
    """

    current_text: str = dspy.InputField()
    examples_with_feedback: str = dspy.InputField(desc="failures, as JSON")
    better_text: str = dspy.OutputField()


def general_rules(candidate, reflective_dataset, components_to_update):
    ask = dspy.Predict(GeneralRules)
    texts = {}
    for name in components_to_update:
        records = reflective_dataset[name]
        failures = [record for record in records if not record["Feedback"].startswith("Correct")] or records
        shown = json.dumps(failures, ensure_ascii=False, default=str)
        better = ask(current_text=candidate[name], examples_with_feedback=shown).better_text
        texts[name] = without_cases(better, shown, kept=candidate[name])
    return texts


def without_cases(text, examples, kept):
    """The lines of `text` that name nothing of the examples; lines of `kept` stay, whatever they name."""
    lines = [line for line in text.splitlines() if line in kept or not names_in(line) & names_in(examples)]
    return "\n".join(lines) or text


def names_in(text):
    """Capitalised words in the middle of a sentence."""
    return set(re.findall(r"(?<=[a-z,'] )[A-Z][a-z]{3,}", text))


print(without_cases("Be brief.\nFor instance, when Kelmark comes up, say no.", "lies in Kelmark", kept=""))

# %% [markdown]
# ## Try it without a model
#
# A `ScriptedLM` answers what you tell it to, so that the function can be tested like any other.

# %%
reply = "Give the year.\nFor instance, when Kelmark comes up, remember 1842."
records = [
    {"Inputs": {"question": "Where is Kelmark?"}, "Generated Outputs": "?", "Feedback": "Wrong, in Kelmark."}
]
with dspy.context(lm=ScriptedLM({"better_text": reply})):
    assert general_rules({"answer": "Answer."}, {"answer": records}, ["answer"]) == {
        "answer": "Give the year."
    }

# %% [markdown]
# ## Check the contract
#
# A run that was killed is resumed by asking everything again. So a proposer has to give equal answers to
# equal questions, also when it is called from several threads, and texts that can be tried. The check lets
# the function take part in two short runs on scripted models and asks every question twice.

# %%
check("instruction_proposer", general_rules)

# %% [markdown]
# This is how it looks when a rule is broken. The counter makes the answer depend on how often it was asked.

# %%
asked = []


def numbered(candidate, reflective_dataset, components_to_update):
    asked.append(components_to_update)
    return {name: f"{candidate[name]} Version {len(asked)}." for name in components_to_update}


try:
    check("instruction_proposer", numbered)
except ContractError as error:
    print(error)

# %% [markdown]
# ## Compare it with what it replaces
#
# Same program, rows, models and budget; three worlds. All that is set differently is who writes.

# %%
SEEDS = range(3)


def run(seed, **options):
    world = load("bundled", seed=seed)
    reflection_lm = world.reflection_lm(seed=seed)  # a real one: dspy.LM("openai/gpt-5")
    gepa = GEPA(
        world.metric,
        reflection_lm=reflection_lm,
        progress="off",
        max_metric_calls=120,
        track_stats=True,
        seed=seed,
        **options,
    )
    evaluate = dspy.Evaluate(
        devset=world.test[:40], metric=world.metric, num_threads=4, display_progress=False
    )
    with dspy.context(lm=world.task_lm(seed=seed)):
        better = gepa.compile(world.program(), trainset=world.train[:40], valset=world.val[:25])
        return better.detailed_results, evaluate(better).score


runs = {
    "built in": [run(seed) for seed in SEEDS],
    "general rules": [run(seed, instruction_proposer=general_rules) for seed in SEEDS],
}
print("simulated LM      test score, %     characters of the instructions")
for name, ended in runs.items():
    scores = [round(score) for _, score in ended]
    lengths = [result.best_length.characters for result, _ in ended]
    print(f"  {name:14} {scores!s:>14} {lengths!s:>22}")

# %%
own, built_in = ([score for _, score in runs[name]] for name in ("general rules", "built in"))
low, high = ttest_rel(own, built_in).confidence_interval(0.95)
mean = (sum(own) - sum(built_in)) / len(SEEDS)
print(
    f"simulated LM: general rules less built in {mean:+.1f} points, 95 % interval {low:+.1f} to {high:+.1f}"
)

# %% [markdown]
# Three worlds show large differences only; an interval that holds 0 shows none. What can be seen without a
# statistic is whether the function does what it was written for. Where the second line is not at 0, names
# may have got past the pattern, which overlooks short ones and those that only begin a sentence.

# %%
for name, ended in runs.items():
    texts = [text for result, _ in ended for text in result.texts[result.best_idx].values()]
    cases = sum(line.startswith("For instance") for text in texts for line in text.splitlines())
    print(f"simulated LM, {name}: {cases} sentences about single cases in {len(texts)} instructions")

# %% [markdown]
# ## Further
#
# - A proposer replaces the built-in prompt and what comes with it: edits that were tried and media within
#   limits are yours to care for. The checks on the text (not empty, not a known candidate, not too long, no
#   copied rows) hold all the same, and a text that fails them is asked for once more.
# - Each call of the function counts as a reflection, and what it asks of models in dollars and tokens, so
#   that `max_reflections`, `max_cost` and `max_tokens` hold.
# - Parents, components, rows, acceptance, stopping and execution can be functions of yours, too, with a
#   check for each: [docs/extending.md](../docs/extending.md).
