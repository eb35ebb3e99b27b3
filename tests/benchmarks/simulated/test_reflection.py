"""The reflection role: learns from feedback, imperfectly, whoever wrote the prompt."""

from __future__ import annotations

import json
from typing import Any

import dspy
import pytest
from dspy.teleprompt.gepa.instruction_proposal import InstructionProposer
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.simulated import reflection_lm
from benchmarks.simulated.curriculum import Assignment
from benchmarks.simulated.evidence import Evidence, failed, read_evidence, reference_in
from benchmarks.simulated.rules import asked_rules
from benchmarks.simulated.worlds.multihop.curriculum import MULTIHOP
from benchmarks.simulated.worlds.multihop.diagnosis import lessons_in
from benchmarks.simulated.worlds.multihop.skills import SKILLS

SEED_TEXT = "Given the fields `question`, `summary_1`, `summary_2`, produce the fields `answer`."
WORDY = Evidence(
    {
        "question": "Where?",
        "summary_1": "Velholm.",
        "summary_2": "",
        "answer": "The answer is Velholm, I think so.",
    },
    "Wrong: the program answered 'The answer is Velholm, I think so.'. The reference answer is 'Velholm'.",
)
RECORD: dict[str, Any] = {
    "Inputs": {"question": "Where?", "summary_1": "Velholm.", "summary_2": ""},
    "Generated Outputs": {"reasoning": "Hm.", "answer": "The answer is Velholm, I think so."},
    "Feedback": WORDY.feedback,
}
MARKDOWN = """# Example 1
## Inputs
### question
Where?

### summary_1
Velholm.

### summary_2

## Generated Outputs
### answer
The answer is Velholm, I think so.

## Feedback
Wrong: expected 'Velholm'.
"""


def learnt(text: str) -> set[str]:
    return set(asked_rules(SKILLS["answer"], text))


def rewrites(examples: list[Evidence], count: int = 60) -> list[str]:
    return [MULTIHOP.rewritten(SEED_TEXT, examples, f"prompt {i}", "0") for i in range(count)]


def test_a_wordy_answer_teaches_to_be_short() -> None:
    assert "short" in lessons_in("answer", WORDY)


@pytest.mark.parametrize(
    ("given_answer", "gold", "lesson"),
    [
        ("Dunek", "Jana Dunek", "full_name"),
        ("around 1871", "1871", "as_written"),
        ("Yes, they are both towns.", "yes", "yes_no"),
    ],
)
def test_a_wrong_form_teaches_the_right_one(given_answer: str, gold: str, lesson: str) -> None:
    example = Evidence({"answer": given_answer}, f"Incorrect. The expected answer is '{gold}'.")
    assert lesson in lessons_in("answer", example)


def test_an_overlooked_answer_teaches_to_mind_the_evidence() -> None:
    fields = {"answer": "Tarford", "summary_1": "She was born in Velholm."}
    assert "evidence" in lessons_in("answer", Evidence(fields, "Wrong, should be 'Velholm'."))


def test_a_repeated_question_teaches_to_bridge() -> None:
    fields = {
        "question": "Who made the Yarin?",
        "summary_1": "Jana Dunek did.",
        "query": "Who made the Yarin?",
    }
    found = lessons_in("query", Evidence(fields, "The page 'Jana Dunek' was missed."))
    assert {"bridge", "keywords"} <= found


def test_lost_facts_teach_what_to_keep() -> None:
    passages = "\n".join(f"[{i}] «Page {i} | Nothing here.»" for i in range(1, 5))
    passages += "\n[5] «Velholm | Velholm has 4,310 inhabitants.»"
    fields = {"question": "How many?", "passages": passages, "summary": "Nothing."}
    feedback = "Your summary lost:\n- Velholm: Velholm has 4,310 inhabitants.\nStill to be found: Jana Dunek."
    assert lessons_in("summary1", Evidence(fields, feedback)) == {
        "detail",
        "names",
        "figures",
        "all_pages",
        "missing",
    }


def test_a_success_teaches_nothing() -> None:
    example = Evidence({"answer": "Velholm"}, "Correct: the answer matches.")
    assert not failed(example)
    assert not lessons_in("answer", example)


def test_the_reference_is_read_with_an_apostrophe_in_it() -> None:
    assert reference_in("Wrong. The reference answer is 'O'Brien'.") == "O'Brien"


def test_more_failures_teach_more() -> None:
    few = sum(len(learnt(text)) for text in rewrites([WORDY]))
    varied = [
        Evidence({"answer": "Dunek"}, "Wrong, expected 'Jana Dunek'."),
        Evidence({"answer": "around 1871"}, "Wrong, expected '1871'."),
        Evidence({"answer": "Yes, both."}, "Wrong, expected 'yes'."),
        Evidence({"answer": "Yes, so."}, "Wrong, expected 'yes'."),
    ]
    assert sum(len(learnt(text)) for text in rewrites([WORDY, *varied])) > 1.3 * few


def test_rewrites_are_imperfect() -> None:
    texts = rewrites([WORDY] * 3)
    assert any("short" in learnt(text) for text in texts)
    assert any("explain" in learnt(text) or "hedge" in learnt(text) for text in texts)
    assert any(not learnt(text) for text in texts)
    assert any("For instance" in text for text in texts)
    assert any(SEED_TEXT not in text for text in texts)
    assert sum(SEED_TEXT in text for text in texts) > 45


def test_a_rewrite_depends_on_its_prompt_alone() -> None:
    assert rewrites([WORDY]) == rewrites([WORDY])


def test_evidence_is_read_from_json() -> None:
    (example,) = read_evidence(json.dumps([RECORD]))
    assert example.fields["answer"] == "The answer is Velholm, I think so."
    assert example.feedback == RECORD["Feedback"]


def test_evidence_is_read_from_headed_text() -> None:
    (example,) = read_evidence(MARKDOWN)
    assert example.fields["answer"] == "The answer is Velholm, I think so."
    assert "expected 'Velholm'" in example.feedback
    assert MULTIHOP.stage_in("", [example]) == "answer"


def test_a_heading_over_several_fields_belongs_to_none_of_them() -> None:
    (example,) = read_evidence(MARKDOWN)
    assert example.fields["summary_1"] == "Velholm."
    assert example.fields["summary_2"] == ""


def test_evidence_in_running_text_is_feedback() -> None:
    (example,) = read_evidence("It was wrong because the name was cut.")
    assert "name was cut" in example.feedback


def test_the_reference_optimizers_proposer_gets_an_instruction() -> None:
    with dspy.context(lm=reflection_lm()):
        new = InstructionProposer()({"a": SEED_TEXT}, {"a": [RECORD] * 3}, ["a"])
    assert new["a"].strip()


def test_too_long_an_instruction_is_shortened_on_request() -> None:
    with dspy.context(lm=reflection_lm()):
        new = InstructionProposer(max_chars=100)({"a": SEED_TEXT}, {"a": [RECORD] * 3}, ["a"])
    assert len(new["a"]) <= 100


def test_a_plain_prompt_with_fences_gets_fences_back() -> None:
    prompt = (
        f"Instructions:\n```\n{SEED_TEXT}\n```\nExamples:\n```\n{MARKDOWN}\n```\nNew ones within ``` blocks."
    )
    (text,) = reflection_lm()(prompt)
    assert text.count("```") == 2
    assert "produce the fields" in text or "inputs" in text


def test_any_signature_with_a_current_text_and_evidence_works() -> None:
    signature = dspy.Signature("component, current_text, evidence -> diagnosis, new_text", "Improve it.")
    with dspy.context(lm=reflection_lm()):
        texts = [
            dspy.Predict(signature)(
                component=f"answer {i}", current_text=SEED_TEXT, evidence=MARKDOWN
            ).new_text
            for i in range(30)
        ]
    assert sum("short" in learnt(text) for text in texts) >= 5


def test_without_feedback_it_can_only_guess() -> None:
    guessed = [learnt(MULTIHOP.guess(Assignment(SEED_TEXT, "", f"prompt {i}"), "0")) for i in range(60)]
    taught = [learnt(text) for text in rewrites([WORDY] * 3)]
    assert any(guessed)
    assert sum("short" in found for found in guessed) < sum("short" in found for found in taught)


@pytest.mark.parametrize(
    "signature",
    [
        "dataset_description, program_code, task_demos, basic_instruction, tip -> proposed_instruction",
        "attempted_instructions -> proposed_instruction, proposed_prefix_for_output_field",
        "examples -> observations",
        "program_code, program_example, program_description, module -> module_description",
    ],
)
def test_prompts_of_other_optimizers_get_all_their_fields(signature: str) -> None:
    asked = dspy.Signature(signature)
    with dspy.context(lm=reflection_lm()):
        prediction = dspy.Predict(asked)(**dict.fromkeys(asked.input_fields, SEED_TEXT))
    assert all(str(prediction[name]).strip() for name in asked.output_fields)


def test_advice_is_given_for_every_module_named() -> None:
    from dspy.teleprompt.simba_utils import OfferFeedback

    steps = json.dumps(
        [{"module_name": "final", "inputs": RECORD["Inputs"], "outputs": RECORD["Generated Outputs"]}]
    )
    inputs: dict[str, Any] = dict.fromkeys(OfferFeedback.input_fields, "{}")
    inputs |= {
        "worse_program_trajectory": steps,
        "module_names": ["final", "other"],
        "worse_reward_value": 0.0,
    }
    inputs |= {"better_reward_value": 1.0, "oracle_metadata": json.dumps({"answer": "Velholm"})}
    with dspy.context(lm=reflection_lm()):
        advice = dspy.Predict(OfferFeedback)(**inputs).module_advice
    assert set(advice) == {"final", "other"}
    assert all(advice.values())


@settings(deadline=None, max_examples=60)
@given(current=st.text(max_size=200), evidence=st.text(max_size=400))
def test_no_text_can_break_a_rewrite(current: str, evidence: str) -> None:
    with dspy.context(lm=reflection_lm(), adapter=dspy.JSONAdapter()):
        signature = dspy.Signature("current_instruction, examples_with_feedback -> new_instruction")
        new = dspy.Predict(signature)(current_instruction=current, examples_with_feedback=evidence)
    assert new.new_instruction.strip()


@given(
    st.recursive(
        st.none() | st.text(max_size=8), lambda x: st.lists(x) | st.dictionaries(st.text(max_size=8), x)
    )
)
def test_no_json_can_break_the_reader_of_evidence(data: Any) -> None:
    for example in read_evidence(json.dumps(data)):
        lessons_in("answer", example)
        lessons_in("query", example)
        lessons_in("summary2", example)
