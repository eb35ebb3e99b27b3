# %% [markdown]
# # Agents and tools
#
# An agent chooses its tools by their descriptions. If these say little, it has to guess. Here the
# descriptions of the tools are optimized together with the instructions.
#
# All figures are of simulated LMs, which read the prompts and know nothing of the optimizer; they say
# nothing about any real model. The tools are real: they look things up, convert and calculate.

# %%
import dspy
from scipy.stats import ttest_rel

from benchmarks.tasks import depot, load
from dspy_gepa import GEPA

world = load("agent")  # an invented warehouse, with questions about its articles and orders
dspy.configure(lm=world.task_lm())  # a real one: dspy.LM("openai/gpt-5-mini")
tables = world.metric.depot

# %% [markdown]
# ## The agent
#
# A plain `dspy.ReAct`, as somebody in a hurry would write it. Two tools look something up, two move a date;
# nobody says which is which, how keys are spelled, or in which unit the tables count.


# %%
def make_agent():
    tools = [
        dspy.Tool(tables.fetch, name="fetch", desc="Fetches a record.", arg_desc={"key": "The key."}),
        dspy.Tool(tables.find, name="find", desc="Finds a record.", arg_desc={"key": "The key."}),
        dspy.Tool(depot.convert, name="convert", desc="Converts a value."),
        dspy.Tool(depot.shift, name="shift", desc="Moves a date."),
        dspy.Tool(depot.due, name="due", desc="Gives a date."),
        dspy.Tool(depot.calculate, name="calculate", desc="Calculates."),
    ]
    task = dspy.Signature("question -> answer", "Answer the question with the help of the tools.")
    return dspy.ReAct(task, tools=tools, max_iters=6)


agent = make_agent()


def tell(program, row):
    """What an agent did, call by call."""
    given = program(question=row.question)
    way = given.trajectory
    print(f"{row.question}  (simulated LM)")
    for number in range(sum(name.startswith("tool_name") for name in way)):
        arguments = ", ".join(f"{name}={value!r}" for name, value in way[f"tool_args_{number}"].items())
        said = way[f"observation_{number}"].splitlines()[-1]  # of an error its last line
        print(f"  {way[f'tool_name_{number}']}({arguments}) -> {said}")
    print(f"  answer: {given.answer}; expected: {row.answer}")
    return given


example = next(row for row in world.train if row.kind == "total")
given = tell(agent, example)

# %% [markdown]
# ## Feedback that reads the trajectory
#
# A `dspy.ReAct` gives its trajectory with its answer, so a metric can say, call by call, what went astray.
# This is what to take from this notebook: a reflection model learns about a tool what feedback says of it,
# so let feedback name the tool, what it was given and what it understands. The metric
# (`benchmarks/tasks/agent_metric.py`) knows the tables, and says:

# %%
print("simulated LM, score and feedback:", world.metric(example, given).score)
print(world.metric(example, given).feedback)

# %% [markdown]
# ## What is optimized
#
# `optimize=("instructions", "tools")` makes a component of every description of a tool and of every
# argument. Those that `freeze` names, or matches, stay as they are. A name that matches nothing is refused,
# and the message lists all there are.

# %%
gepa = GEPA(
    world.metric,
    reflection_lm=world.reflection_lm(),  # a real one: dspy.LM("openai/gpt-5")
    progress="off",
    max_metric_calls=120,
    optimize=("instructions", "tools"),
    freeze=["extract.predict"],  # stays as it is: this run is about the tools
    track_stats=True,
)
better = gepa.compile(agent, trainset=world.train[:30], valset=world.val[:20])
result = better.detailed_results
print(f"{len(result.texts[0])} components, {result.total_metric_calls} rollouts:")
for name in result.texts[0]:
    print(f"  {name}")

# %% [markdown]
# Every tool is evidence of the agent's one predictor, so the rollouts that teach one description teach all
# of them: many components do not take many more rollouts. They do take more reflections, each a call of the
# reflection model.

# %%
print(f"{result.reflection_calls} reflections in {len(result.proposals) - 1} trials")

# %% [markdown]
# ## What the tools are called for now
#
# Look for what tells one tool from another. Some sentences may be padding, and a description may stay as it
# was: what a run chooses are whole candidates.

# %%
for tool in ("fetch", "find", "convert", "shift", "due", "calculate"):
    name = f"react/tools/{tool}"
    print(f"{tool}: {result.texts[0][name]}")
    print("   ->", result.texts[result.best_idx][name].replace("\n", " "), "\n")

# %% [markdown]
# The new words are in the prompt that the model sees, where `ReAct` put the old ones, and on the tools. The
# same train question again, to see what has changed in the calls; there may be detours left, and one
# question proves nothing.

# %%
desc = result.texts[result.best_idx]["react/tools/find"]
assert desc in better.react.signature.instructions
assert better.tools["find"].desc == desc
given = tell(better, example)

# %% [markdown]
# ## Does it hold on new questions?

# %%
test = world.test[:40]


def scores_of(program):
    evaluate = dspy.Evaluate(devset=test, metric=world.metric, num_threads=4, display_progress=False)
    return [float(score) for _, _, score in evaluate(program).results]


before, after = scores_of(agent), scores_of(better)
gain = ttest_rel(after, before).confidence_interval(0.95)
print(f"simulated LM, {len(test)} test questions, mean score:")
print(f"  {sum(before) / len(test):.2f} before, {sum(after) / len(test):.2f} after")
print(f"  95 % interval of the gain: {gain.low:+.2f} to {gain.high:+.2f}")

# %% [markdown]
# ## Good to know
#
# - Start with the descriptions that the feedback is about, and freeze the rest: each component is about a
#   reflection more per trial.
# - The instructions hold placeholders such as `{tool find}` while they are rewritten, so that a rewrite
#   cannot lose a tool.
# - A program whose tools are handed over at the call, as `dspy.ReActV2` does, is kept by
#   `program.save("directory", save_program=True)`; a JSON file holds no descriptions then.
# - `optimize=("instructions", "fields", "tools")` adds descriptions of fields, and a `dspy_gepa.Text` any
#   other text of a module ([more](../docs/components.md)).
