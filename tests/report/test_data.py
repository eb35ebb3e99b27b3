"""What the page's script is given."""

from __future__ import annotations

import dataclasses
import json

import pytest

from dspy_gepa.record.model import Evidence, RunRecord
from dspy_gepa.report.data import SHORTEST_EXCERPT, SHORTEST_TEXT, excerpts, heat, payload
from dspy_gepa.testing.practice import practice_run
from dspy_gepa.types import MEDIA_END, MEDIA_START
from tests.report.support_records import HUGE, member, trial
from tests.support_reports import made_up_run

RUN = made_up_run(members=20, rows=6)


def test_every_member_and_every_trial_is_there_with_its_texts() -> None:
    data = payload(RUN)
    for one, told in zip(RUN.members, data["members"], strict=True):
        assert [data["texts"][number] for number in told["texts"]] == list(one.texts.values())
        assert (told["parents"], told["rows"]) == (list(one.parents), 6)
    for done, told in zip(RUN.trials, data["trials"], strict=True):
        assert [(data["components"][c], data["texts"][new]) for c, _, new in told["changed"]] == list(
            done.changed.items()
        )
        assert (told["verdict"], told["reason"], told["member"]) == (done.verdict, done.reason, done.member)


def test_a_validation_mean_is_shown_beside_what_is_believed_where_the_strategy_has_means() -> None:
    record = practice_run(strategy="paper", max_metric_calls=200).record
    for one, told in zip(record.members, payload(record)["members"], strict=True):
        assert told["mean"] == pytest.approx(one.score, rel=1e-5)
        assert told["low"] < told["score"] < told["high"]
    assert {told["mean"] for told in payload(RUN)["members"]} == {None}


def test_a_text_is_there_once_however_many_members_share_it() -> None:
    data = payload(RUN)
    assert len(data["texts"]) == len(set(data["texts"]))


def test_the_way_from_parent_and_seed_leads_to_the_members_text() -> None:
    data = payload(RUN)
    for told in data["members"]:
        for base in (0, *told["parents"]):
            for before, after in zip(data["members"][base]["texts"], told["texts"], strict=True):
                if before == after:
                    continue
                steps = data["diffs"][f"{before}:{after}"]
                old = new = ""
                a = b = 0
                for op, count in zip(steps[::2], steps[1::2], strict=True):
                    old += data["texts"][before][a : a + count] if op != "+" else ""
                    new += data["texts"][after][b : b + count] if op != "-" else ""
                    a, b = a + count * (op != "+"), b + count * (op != "-")
                assert (old, new) == (data["texts"][before], data["texts"][after])


def test_a_cell_that_was_never_run_is_not_a_cell_with_score_0() -> None:
    record = RunRecord(
        state="finished",
        started={"val_rows": 2},
        members=(member(0, {"a": "x"}, scores={"val/0": 0.0, "train/10": 1.0, "train/9": 0.123456}),),
    )
    val, train = heat(record)
    assert (val["rows"], val["scores"]) == (["val/0", "val/1"], [[0.0, None]])
    assert (train["rows"], train["scores"]) == (["train/9", "train/10"], [[0.1235, 1.0]])


def test_there_is_one_set_of_rows_where_validation_rows_are_the_train_rows() -> None:
    record = RunRecord(
        state="finished",
        started={"val_rows": 1, "in_sample": True},
        members=(member(0, {"a": "x"}, scores={"train/0": 1.0}),),
    )
    assert [part["rows"] for part in heat(record)] == [["train/0"]]


def test_numbers_that_json_does_not_know_are_left_out() -> None:
    odd = member(0, {"a": "x"}, score=float("nan"), scores={"val/0": float("inf")})
    data = payload(RunRecord(state="failed", started={"val_rows": 1}, members=(odd,)))
    assert data["members"][0]["score"] is None
    json.dumps(data, allow_nan=False)


def test_excerpts_and_texts_get_shorter_in_long_runs_but_the_final_texts_stay_whole() -> None:
    texts = [f"{number} {HUGE * 3}" for number in range(12)]
    long = RunRecord(
        state="finished",
        members=tuple(member(i, {"a": text}, [i - 1] if i else []) for i, text in enumerate(texts)),
        trials=tuple(trial(i, [i - 1], {"a": texts[i]}) for i in range(1, 12)),
        best=11,
    )
    data = payload(long)
    assert data["texts"][data["members"][11]["texts"][0]] == texts[11]
    cut = data["texts"][data["members"][5]["texts"][0]]
    assert SHORTEST_TEXT < len(cut) < len(texts[5])
    assert "characters left out" in cut
    many = dataclasses.replace(RUN, trials=RUN.trials * 1000)
    assert excerpts(RUN) > excerpts(many) == SHORTEST_EXCERPT


def test_media_are_left_out_of_texts_and_evidence() -> None:
    image = f"{MEDIA_START}[{{'data': 'base64,{'A' * 5000}'}}]{MEDIA_END}"
    shown = (Evidence("train/0", 0.0, feedback=f"see {image}", inputs=image),)
    record = RunRecord(
        state="finished",
        members=(member(0, {"a": "x"}), member(1, {"a": f"like {image}"}, [0])),
        trials=(trial(1, [0], {"a": f"like {image}"}, evidence=shown),),
        best=1,
    )
    assert "AAAA" not in json.dumps(payload(record))
