"""What a simulated reflection model can say: lessons in several wordings, and the mistakes it adds.

Each lesson belongs to a stage and bears the name of the habit it is about; its wordings differ, and a task
model follows some of them better than others. Nobody tells the reflection model which.
"""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.simulated.worlds.multihop.skills import Stage

_SUMMARY = {
    "all_pages": (
        "Read every one of the passages, not just the first ones.",
        "Go through all passages before writing; the useful one may come last.",
        "Consider each passage in turn and check whether it bears on the question.",
        "Scan all of the documents, including those at the end of the list.",
    ),
    "names": (
        "Keep the title of the page and the full names next to each fact.",
        "Always write the names of people and places, never a bare pronoun.",
        "Mention the entities by name and state from which titled page a fact comes.",
        "Preserve proper names and page titles exactly.",
    ),
    "figures": (
        "Keep dates and numbers exactly as the passage gives them.",
        "Include years, quantities and other figures that occur near the topic.",
        "Preserve every date and number that might be asked for.",
    ),
    "detail": (
        "Include all relevant facts, even those that seem minor.",
        "Be thorough: carry over the sentences that support an answer.",
        "Give a complete account of the evidence, one fact a line.",
    ),
}

_MISSING = {
    "missing": (
        "End by stating what is still missing to answer the question.",
        "Say which page still needs to be found next.",
        "Note the name whose details remain unknown, for the next search.",
    ),
}
_COMBINE = {
    "combine": (
        "Combine the new passages with the context from the first search.",
        "Use the context to decide which person or place the passages must be about.",
        "Connect what the passages say to the facts already known from the earlier hop.",
    ),
}

LESSONS: Mapping[Stage, Mapping[str, tuple[str, ...]]] = {
    "summary1": {**_SUMMARY, **_MISSING},
    "summary2": {**_SUMMARY, **_COMBINE},
    "between": {**_SUMMARY, **_COMBINE, **_MISSING},
    "query": {
        "bridge": (
            "Name the bridging entity that the summary reveals.",
            "Search for the person, place or work in the summary that the question does not "
            "name: the linking entity.",
            "Find the intermediate entity and put it first: look for the missing page by its name.",
            "Target the second page through the new name found in the summary.",
        ),
        "keywords": (
            "Write a few keywords and not a question.",
            "Leave out question words such as who, which and when.",
            "Use a compact search phrase of key words.",
        ),
        "not_again": (
            "Do not search again for pages that are already known.",
            "Leave out names whose pages were already found.",
            "Ask only for what is still missing.",
        ),
    },
    "answer": {
        "short": (
            "Answer with the shortest phrase that is right.",
            "Give only the answer, no explanation.",
            "Reply with the bare name, date or number and drop full sentences.",
            "Use a minimal answer span with no extra words.",
        ),
        "yes_no": (
            "If the question can be answered by yes or no, reply with just that word in lower case.",
            "For a yes/no question write yes or no and nothing else.",
            "Questions starting with is, are or did take a plain yes or no.",
        ),
        "full_name": (
            "Give the full name as it appears in the summary.",
            "Write names in full, first name included.",
            "Copy the complete title or name from the text.",
        ),
        "as_written": (
            "Give dates and numbers exactly as written.",
            "Copy the number or date in the same form as the evidence, without words such as about.",
            "Keep the exact date format of the passage.",
        ),
        "evidence": (
            "Check both summaries before you answer.",
            "Take an answer that is supported by the summaries and not a guess.",
            "Verify the answer against the evidence in both summaries.",
        ),
    },
}

_BAD_SUMMARY = (
    "Keep it very short.",
    "Write a single sentence.",
    "Quote the whole passage that seems best.",
    "Make the text vivid so that it is engaging to read.",
)
MISTAKES: Mapping[Stage, tuple[str, ...]] = {
    "summary1": _BAD_SUMMARY,
    "summary2": _BAD_SUMMARY,
    "between": _BAD_SUMMARY,
    "query": (
        "Write the query as a complete, natural question.",
        "Restate the original question so that nothing is lost.",
        "Add broad background terms so that the search finds more.",
        "Use synonyms and related topics generously.",
    ),
    "answer": (
        "Explain in a few words why the answer is right.",
        "Answer in full sentences.",
        "Give a detailed answer with reasons.",
        "When you are not certain, say that it is unknown.",
    ),
}
