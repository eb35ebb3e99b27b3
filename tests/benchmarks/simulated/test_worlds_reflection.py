"""The reflection role of the record worlds: learns from feedback, imperfectly, whoever wrote the prompt."""

from __future__ import annotations

import json
from typing import Any

import dspy
import pytest
from dspy.teleprompt.gepa.instruction_proposal import InstructionProposer
from dspy.teleprompt.simba_utils import OfferFeedback
from gepa.strategies.instruction_proposal import InstructionProposalSignature
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.simulated import simulated_lm
from benchmarks.simulated.curriculum import FILLER, GENERIC
from benchmarks.simulated.evidence import Evidence, read_evidence
from benchmarks.simulated.reflector import Reflector
from benchmarks.simulated.text import sentences
from benchmarks.simulated.worlds.records import RecordCurriculum, ReflectorKnobs
from benchmarks.simulated.worlds.records.catalogue import CONVENTIONS, KINDS, habits_of
from benchmarks.simulated.worlds.records.faults import DESKS, compare, kind_in
from benchmarks.simulated.worlds.records.lessons import read_case
from benchmarks.simulated.worlds.records.reading import read_instructions, scope_of, topics_asked
from dspy_gepa.reflection.prompts import RewriteInstruction

START = "Give the date of the record."
WEEKDAY, JOINED = "the weekday", "how the parts of the date are joined"
QUOTES = "quotes around the value"
RECORD = "south desk, sheet 417 | date: Tue 2021/03/04 | code: #AB1234"
GIVEN, WANTED = "Tue 2021/03/04", "2021-03-04"
FEEDBACK = (
    f"Value clean_date: wrong. '{GIVEN}' was given for '{GIVEN}', expected '{WANTED}'. "
    f"Not as it should be: {JOINED}; {WEEKDAY}."
)
SAMPLE: dict[str, Any] = {
    "Inputs": {"record": RECORD},
    "Generated Outputs": {"clean_date": GIVEN},
    "Feedback": FEEDBACK,
}
OURS = f"""# Example 1
## Inputs
### record
{RECORD}
## Generated outputs
### clean_date
{GIVEN}
## Score
0
## Feedback
{FEEDBACK}"""
EAGER = ReflectorKnobs(
    insight=1.0, second=1.0, forgets=0.0, useless=0.0, mistaken=0.0, remarks=0.0, pads=0.0, narrows=1.0
)


def sample(given_value: str, wanted: str, desk: str = "south") -> dict[str, Any]:
    record = f"{desk} desk, sheet 5 | date: Tue 2021/03/04"
    said = compare("date", "Tue 2021/03/04", given_value, wanted).in_words()
    verdict = "correct," if given_value == wanted else "wrong."
    feedback = f"Value clean_date: {verdict} '{given_value}' was given, expected '{wanted}'. {said}"
    return {
        "Inputs": {"record": record},
        "Generated Outputs": {"clean_date": given_value},
        "Feedback": feedback,
    }


def plain_prompt(current: str, samples: list[dict[str, Any]]) -> str:
    return str(
        InstructionProposalSignature.prompt_renderer(
            {"current_instruction_doc": current, "dataset_with_feedback": samples, "prompt_template": None}
        )
    )


def rewritten(
    current: str = START,
    samples: list[dict[str, Any]] | None = None,
    knobs: ReflectorKnobs = EAGER,
    seed: int = 0,
) -> str:
    lm = simulated_lm("simulated/reflection", Reflector(RecordCurriculum(knobs)), seed=seed)
    (reply,) = lm(plain_prompt(current, samples or [SAMPLE]))
    return str(InstructionProposalSignature.output_extractor(reply)["new_instruction"])


def asked(text: str) -> set[str]:
    return {request.topic for request in read_instructions("date", text).requests}


# The catalogue --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "frame", ["{}", "For records of the north desk only, {}", "Except for the south desk, {}"]
)
def test_every_wording_asks_for_its_own_convention_and_no_other(kind: str, frame: str) -> None:
    for habit in habits_of(kind):
        for wording in habit.wordings:
            sentence = frame.format(wording if frame == "{}" else wording[0].lower() + wording[1:])
            assert topics_asked(kind, sentence) == (habit.topic,)


@pytest.mark.parametrize("kind", KINDS)
def test_idle_sentences_and_prohibitions_ask_for_nothing(kind: str) -> None:
    idle = [*FILLER, *GENERIC, f"Give the {kind} of the record."]
    idle += [f"Never {text.lower()}" for h in habits_of(kind) if h.harmful for text in h.wordings]
    assert not [sentence for sentence in idle if topics_asked(kind, sentence)]


def test_a_sentence_holds_for_the_desks_it_speaks_of() -> None:
    assert scope_of("Drop it.") == set(DESKS)
    assert scope_of("For the north desk only, drop it.") == {"north"}
    assert scope_of("Drop it, except for the north desk.") == {"south", "east"}


@pytest.mark.parametrize("kind", KINDS)
def test_mending_changes_nothing_when_it_is_done_twice(kind: str) -> None:
    for text in (
        "Tue 21/3/4 14:05h",
        "ca. +1,234.5 dollars",
        "Dr. dunek, jana Q. (JD)",
        "0012,5kilograms net",
    ):
        for habit in habits_of(kind):
            assert habit.mend(habit.mend(text)) == habit.mend(text)


# Prompts --------------------------------------------------------------------------------------------------


def test_the_plain_prompt_of_the_reference_is_read() -> None:
    assert asked(rewritten()) == {WEEKDAY, JOINED}


def test_our_own_prompt_is_read() -> None:
    lm = simulated_lm("simulated/reflection", Reflector(RecordCurriculum(EAGER)))
    signature = RewriteInstruction.delete("earlier_edits").delete("objection")
    with dspy.context(lm=lm):
        new = dspy.Predict(signature)(
            program="- date: record -> clean_date", component="date", current_instruction=START,
            examples_with_feedback=OURS,
        ).new_instruction  # fmt: skip
    assert asked(new) == {WEEKDAY, JOINED}
    assert START in new


def test_the_references_proposer_with_a_signature_is_read() -> None:
    with dspy.context(lm=simulated_lm("simulated/reflection", Reflector(RecordCurriculum(EAGER)))):
        new = InstructionProposer()({"date": START}, {"date": [SAMPLE] * 3}, ["date"])["date"]
    assert asked(new) & {WEEKDAY, JOINED}


def test_examples_in_json_are_read() -> None:
    (example,) = read_evidence(json.dumps([SAMPLE]))
    case = read_case("date", example)
    assert (case.raw, case.given, case.expected, case.desk) == (GIVEN, GIVEN, WANTED, "south")


def test_words_alone_teach_when_there_is_no_reference() -> None:
    case = read_case("date", Evidence({}, f"Not as it should be: {WEEKDAY}."))
    assert case.faults.open == (WEEKDAY,)


def test_advice_is_given_for_every_module() -> None:
    step = {"module_name": "date", "inputs": {"record": RECORD}, "outputs": {"clean_date": GIVEN}}
    inputs: dict[str, Any] = dict.fromkeys(OfferFeedback.input_fields, "{}")
    inputs |= {
        "worse_program_trajectory": json.dumps([step]),
        "worse_reward_info": json.dumps({"feedback": FEEDBACK}),
        "module_names": ["date", "code"],
        "worse_reward_value": 0.0,
        "better_reward_value": 1.0,
    }
    with dspy.context(lm=simulated_lm("simulated/reflection", Reflector(RecordCurriculum(EAGER)))):
        given_advice = dspy.Predict(OfferFeedback)(**inputs).module_advice
    assert set(given_advice) == {"date", "code"}
    assert asked(given_advice["date"]) & {WEEKDAY, JOINED}


@pytest.mark.parametrize(
    "signature",
    [
        "dataset_description, program_code, task_demos, basic_instruction, tip -> proposed_instruction",
        "attempted_instructions -> proposed_instruction, proposed_prefix_for_output_field",
        "examples -> observations",
    ],
)
def test_prompts_of_other_optimizers_get_all_their_fields(signature: str) -> None:
    form = dspy.Signature(signature)
    with dspy.context(lm=simulated_lm("simulated/reflection", Reflector(RecordCurriculum(EAGER)))):
        prediction = dspy.Predict(form)(**dict.fromkeys(form.input_fields, START))
    assert all(str(prediction[name]).strip() for name in form.output_fields)


def test_without_feedback_it_guesses() -> None:
    lm = simulated_lm("simulated/reflection", Reflector(RecordCurriculum(ReflectorKnobs())))
    with dspy.context(lm=lm):
        texts = [
            dspy.Predict("basic_instruction, tip -> proposed_instruction")(
                basic_instruction=START, tip=str(i)
            )
            for i in range(12)
        ]
    found = [asked(text.proposed_instruction) for text in texts]
    assert any(found)
    assert not all(len(topics) == len(CONVENTIONS["date"]) for topics in found)


# What it does with them -----------------------------------------------------------------------------------


def test_it_overgeneralises_first_and_narrows_when_it_sees_another_desk_hurt() -> None:
    first = rewritten(samples=[sample("Tue 2021-03-04", WANTED, "north")])
    assert [r.scoped for r in read_instructions("date", first).requests] == [False]
    hurt = sample("2021-03-04", "Tue 2021-03-04", "south")
    second = rewritten(first, [hurt])
    (request,) = [r for r in read_instructions("date", second).requests if r.topic == WEEKDAY]
    assert request.desks == {"north", "east"}


def test_a_harmful_sentence_is_now_removed_and_now_only_forbidden() -> None:
    current = f"{START}\nUse quotation marks around the result."
    texts = [rewritten(current, [sample(f'"{WANTED}"', WANTED)], seed=seed) for seed in range(12)]
    still = [QUOTES in asked(text) for text in texts]
    assert any(still)
    assert not all(still)
    assert any(
        "Never use quotation marks" in text or "Never put the value" in text or "Never give" in text
        for text in texts
    )


def test_rewrites_are_imperfect() -> None:
    knobs = ReflectorKnobs(remarks=0.5, mistaken=0.4, forgets=0.2)
    texts = [rewritten(knobs=knobs, seed=seed) for seed in range(30)]
    assert any(read_instructions("date", text).remarks for text in texts)
    assert any(START not in sentences(text) for text in texts)
    assert any(h.topic in asked(text) for text in texts for h in habits_of("date") if h.harmful)
    assert any(not asked(text) for text in texts)


def test_a_rewrite_depends_on_its_prompt_and_seed_alone() -> None:
    assert rewritten(seed=3) == rewritten(seed=3)
    assert len({rewritten(seed=seed) for seed in range(8)}) > 1


def test_kinds_are_found_in_texts() -> None:
    assert kind_in("produce `clean_code` from the date") == "code"
    assert kind_in("Give the amounts.") == "amount"
    assert kind_in("Be careful.") is None


def test_knobs_are_shares() -> None:
    with pytest.raises(ValueError, match="insight"):
        ReflectorKnobs(insight=1.2)


@settings(deadline=None, max_examples=40)
@given(current=st.text(max_size=200), evidence=st.text(max_size=400))
def test_no_text_can_break_a_rewrite(current: str, evidence: str) -> None:
    lm = simulated_lm("simulated/reflection", Reflector(RecordCurriculum(ReflectorKnobs())))
    with dspy.context(lm=lm, adapter=dspy.JSONAdapter()):
        signature = dspy.Signature("current_instruction, examples_with_feedback -> new_instruction")
        new = dspy.Predict(signature)(current_instruction=current, examples_with_feedback=evidence)
    assert new.new_instruction.strip()
