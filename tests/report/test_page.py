"""The page as a file: what it holds, what it cannot do, and who gets it."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import html
import json
import math
import re
import sys
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

import dspy_gepa.report
from dspy_gepa import ConfigurationError
from dspy_gepa.record.model import RunRecord, RunStatus
from dspy_gepa.record.read import read_run
from dspy_gepa.report.page import Report, render_html, write_report
from dspy_gepa.testing.practice import is_right, practice_run
from dspy_gepa.types import LARGEST_SCORE
from tests.report.support_records import (
    ATTACK,
    CLOSES,
    EMOJI,
    HUGE,
    RIGHT_TO_LEFT,
    hostile_run,
    member,
    point,
)
from tests.support_reports import made_up_run

ASSETS = Path(dspy_gepa.report.__file__).parent / "assets"
RUN = made_up_run(members=12, rows=6)
PAGE = render_html(RUN, title="Twelve members")
HOSTILE = render_html(hostile_run(), title=ATTACK)


class Elements(HTMLParser):
    """All elements of a page, and the text that a reader finds."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, Mapping[str, str | None]]] = []
        self.said: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.said.append(data)


def style_of(name: str) -> dict[str, tuple[str, str]]:
    """The style sheet's colours, for light and for dark."""
    pairs = re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", (ASSETS / name).read_text("utf-8"))
    return {name: (light, dark) for name, light, dark in pairs}


def contrast(one: str, other: str) -> float:
    """The contrast of two colours as WCAG 2 reckons it."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("page", [PAGE, HOSTILE], ids=["plain", "hostile"])
def test_the_page_loads_nothing(page: str) -> None:
    loading = {"src", "srcset", "action", "formaction", "data", "poster", "background", "style"}
    for tag, attributes in Elements(page).found:
        assert tag not in {"link", "img", "iframe", "object", "embed", "base", "form", "image", "use"}
        assert not loading & set(attributes)
        assert str(attributes.get("href", "#")).startswith("#")
        assert not [name for name in attributes if name.startswith("on")]
    for asset in ASSETS.iterdir():
        text = asset.read_text("utf-8")
        assert not re.search(r"https?:|//\w+\.|@import|url\(|\bfetch\(|XMLHttpRequest|\bimport\(", text), (
            asset.name
        )


@pytest.mark.parametrize("page", [PAGE, HOSTILE], ids=["plain", "hostile"])
def test_the_policy_allows_the_pages_own_script_and_style_and_nothing_else(page: str) -> None:
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    policy = html.unescape(policy)
    for tag in ("script", "style"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_hostile_texts_are_shown_as_the_texts_they_are() -> None:
    elements = Elements(HOSTILE)
    assert [a for tag, a in elements.found if tag == "script"] == [
        {"type": "application/json", "id": "data"},
        {},
    ]
    said = "".join(elements.said)
    for text in (
        ATTACK,
        EMOJI,
        RIGHT_TO_LEFT,
        CLOSES.replace("\ud83d", "").replace("\x00", "").split("\u2028")[0],
    ):
        assert text in said
    assert "{{ 7 * 7 }}" in said
    assert "49" not in "".join(re.findall(r"<h3>.*?</h3>", HOSTILE))
    assert HUGE in said  # it is cut by a button in the page, not in the file


def test_texts_may_run_in_either_direction() -> None:
    directed = [a for _, a in Elements(HOSTILE).found if a.get("dir") == "auto"]
    assert len(directed) > 20


def test_what_no_encoding_knows_does_not_stop_a_page_from_being_written(tmp_path: Path) -> None:
    write_report(hostile_run(), tmp_path / "new" / "page.html")
    assert "<title>" in (tmp_path / "new" / "page.html").read_text("utf-8")


def test_the_page_shows_the_result_of_the_run() -> None:
    said = " ".join("".join(Elements(PAGE).said).split())
    last = RUN.last
    assert last is not None
    assert RUN.best is not None
    assert f"+{last.gain:.2f} over your program" in said
    assert RUN.stop_reason in said
    assert f"candidate {RUN.best}" in said
    for text in RUN.members[RUN.best].texts.values():
        assert text.split("\n")[0] in said
    for trial in RUN.trials:
        if trial.verdict == "rejected":
            assert f"Step {trial.step} mutation" in said
    assert "RateLimitError" in said
    assert "AdapterParseError" in said
    assert "made-up/reflection" in said
    assert "minibatch size" in said


def test_the_probability_of_a_gain_links_to_how_it_fits_the_interval_beside_it() -> None:
    assert '<a href="#interval">' in PAGE
    (entry,) = re.findall(r'<div id="interval">.*?</div>', PAGE, flags=re.DOTALL)
    assert "a quarter wider" in entry


def test_the_dots_of_the_chart_are_explained_beside_it() -> None:
    (section,) = re.findall(r'<section id="course">.*?</section>', PAGE, flags=re.DOTALL)
    kinds = set(re.findall(r'class="(dot[^"]*)"', section))
    caption = section[: section.index("<svg")]
    assert kinds == {"dot", "dot leading"}
    assert "filled" in caption
    assert "hollow" in caption


def test_a_score_of_rows_that_were_reflected_on_comes_with_a_warning() -> None:
    warning = "The validation rows are the train rows"
    assert warning not in PAGE
    inside = dataclasses.replace(RUN, started={**RUN.started, "in_sample": True})
    assert warning in render_html(inside)


@pytest.mark.parametrize("state", ["running", "interrupted", "failed", "killed"])
def test_a_run_that_did_not_finish_has_a_page_too(state: RunStatus) -> None:
    record = dataclasses.replace(RUN, state=state, error="LMError: the key is wrong", log_dir="runs/one")
    page = render_html(record)
    assert f'<span class="state {state}">{state}</span>' in page
    assert "LMError: the key is wrong" in page
    assert "Texts of the best so far" in page


@pytest.mark.parametrize(
    "record",
    [
        RunRecord(state="killed"),
        RunRecord(state="running", started={"val_rows": 3}, members=(member(0, {"a": "x"}, score=None),)),
        RunRecord(state="failed", members=(member(0, {}),), error="E: e"),
        dataclasses.replace(RUN, trials=(), curve=RUN.curve[:1], members=RUN.members[:1], best=0),
    ],
    ids=["nothing", "seed not run", "no components", "seed only"],
)
def test_a_run_that_has_hardly_begun_has_a_page_too(record: RunRecord) -> None:
    assert Elements(render_html(record)).found


def test_structure_and_language_are_there_for_those_who_do_not_see_the_page() -> None:
    found = Elements(PAGE).found
    tags = [tag for tag, _ in found]
    assert dict(found)["html"] == {"lang": "en"}
    assert {"main", "nav", "header", "h1", "h2", "title", "section", "caption"} <= set(tags)
    ids = [a["id"] for _, a in found if "id" in a]
    assert len(ids) == len(set(ids))
    for tag, attributes in found:
        if tag == "button":
            assert attributes.get("type") == "button"
        if tag == "a":
            assert str(attributes["href"]).removeprefix("#") in ids


def test_all_texts_can_be_read_on_their_ground_in_light_and_in_dark() -> None:
    colours = style_of("page.css")
    pairs = [
        *((text, ground) for text in ("ink", "muted", "accent") for ground in ("paper", "sheet")),
        *(("accent", "tint"), ("on-accent", "accent"), ("added", "added-back"), ("gone", "gone-back")),
        *(("warn", "warn-back"), ("paper", "ink")),
    ]
    for text, ground in pairs:
        for theme in (0, 1):
            assert contrast(colours[text][theme], colours[ground][theme]) >= 4.5, (text, ground, theme)


def test_a_notebook_shows_the_page_in_a_frame_that_cannot_reach_the_notebook(tmp_path: Path) -> None:
    report = practice_run().report(title="In a <notebook>")
    ((tag, attributes),) = Elements(report._repr_html_()).found
    assert tag == "iframe"
    assert attributes["srcdoc"] == report.to_html()
    assert "allow-same-origin" not in str(attributes["sandbox"])
    assert attributes["title"] == "In a <notebook>"


def test_a_result_writes_its_report(tmp_path: Path) -> None:
    result = practice_run()
    report = result.report(tmp_path / "run.html", title="Practice")
    assert isinstance(report, Report)
    page = (tmp_path / "run.html").read_text("utf-8")
    assert page == report.to_html()
    assert "<bdi>Practice</bdi>" in page
    assert result.texts[result.best_idx]["b"].split(".")[0] in page
    assert report.save(tmp_path / "again.html") == tmp_path / "again.html"


def test_the_journal_of_a_run_gives_the_page_that_its_result_gives(tmp_path: Path) -> None:
    kept = practice_run(log_dir=str(tmp_path)).record
    read = read_run(tmp_path)
    assert render_html(dataclasses.replace(read, seconds=kept.seconds)) == render_html(kept)


def test_the_same_run_gives_the_same_page() -> None:
    assert render_html(RUN, title="Twelve members") == PAGE


def test_the_page_of_a_long_run_stays_small() -> None:
    page = render_html(made_up_run(members=60, rows=300, rejected=4, sentences=40, evidence=8))
    assert len(page.encode()) < 3_000_000


def test_without_jinja2_the_error_shows_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ConfigurationError, match=re.escape("pip install jinja2")):
        render_html(RUN)


def test_a_wheel_holds_templates_style_and_script() -> None:
    root = Path(__file__).parents[2]
    packed = {f.distribution_path for f in WheelBuilder(str(root)).recurse_included_files()}
    assert {f"dspy_gepa/report/assets/{asset.name}" for asset in ASSETS.iterdir()} <= packed


@pytest.mark.parametrize("asset", sorted(ASSETS.iterdir()), ids=lambda path: path.name)
def test_assets_stay_small(asset: Path) -> None:
    assert len(asset.read_text("utf-8").splitlines()) <= 250


@pytest.mark.parametrize("state", ["running", "killed", "interrupted", "failed"])
def test_a_run_that_goes_on_may_still_gain_something(state: RunStatus) -> None:
    run = RunRecord(state=state, members=(member(0, {"a": "x"}),), curve=(point(5, 0.5),), best=0)
    page = render_html(run)
    assert "No gain yet" in page
    assert "your program is returned unchanged" not in page
    ended = render_html(dataclasses.replace(run, state="finished"))
    assert "your program is returned unchanged" in ended
    assert "No gain yet" not in ended
    assert "<title>GEPA run</title>" in ended


def test_only_what_is_on_record_is_reported_as_not_paid_again(tmp_path: Path) -> None:
    run = RunRecord(state="killed", log_dir=str(tmp_path))
    assert "what is on record is not paid again" in render_html(run)


@pytest.mark.parametrize(
    ("gain", "told"),
    [
        (0.1234, "+0.12"),
        (-0.0001, "+0.00"),
        (-0.25, "\u22120.25"),
        (861.805, "+861.8"),
        (957560.735, "+9.58e5"),
        (-1e300, "\u22121.00e300"),
    ],
)
def test_large_numbers_are_shown_in_short(gain: float, told: str) -> None:
    members = (member(0, {"a": "x"}), member(1, {"a": "y"}, [0]))
    run = RunRecord(state="finished", members=members, curve=(point(5, 0.5, best=1, gain=gain),), best=1)
    assert f'<span class="big">{told}</span>' in render_html(run)


@pytest.mark.parametrize("strategy", ["adaptive", "paper"])
def test_a_run_of_the_largest_scores_there_may_be_has_a_page(strategy: str) -> None:
    run = practice_run(
        metric=lambda gold, pred, trace=None: LARGEST_SCORE * is_right(gold, pred),
        strategy=strategy,
        max_metric_calls=120,
        perfect_score=LARGEST_SCORE,
    )
    assert all(math.isfinite(edge) for interval in run.intervals for edge in interval)
    assert ">+9." in render_html(run.record)


def test_objectives_and_groups_are_on_the_page_where_there_are_any() -> None:
    assert RUN.best is not None
    count = len(RUN.members)
    told = dataclasses.replace(
        RUN,
        objectives={"cost": [-0.000412 - 0.0001 * i for i in range(count)]},
        groups={"maths": [0.25] * count, "law": [None] * count},
        group_intervals={"maths": [(0.125, 0.375)] * count, "law": [None] * count},
    )
    page = render_html(told)
    said = " ".join("".join(Elements(page).said).split())
    assert "-0.000412" in said
    assert f"{-0.000412 - 0.0001 * RUN.best:.4g}" in said
    assert "maths0.2500.125 to 0.3750.2500.125 to 0.375" in said
    assert "lawunknownunknown" in said
    assert 'href="#levels"' in page
    for other in (RUN, dataclasses.replace(told, best=None)):
        assert 'id="levels"' not in render_html(other)


def test_where_no_score_is_perfect_a_rollout_that_was_shown_is_not_called_a_failure() -> None:
    assert (
        "The reflection model had read this failure" in PAGE or "The reflection model had read these" in PAGE
    )
    strategy = {**RUN.started["strategy"], "perfect_score": None}
    page = render_html(dataclasses.replace(RUN, started={**RUN.started, "strategy": strategy}))
    assert "The reflection model had read these 3 rollouts" in page
    assert not re.search(r"this failure|these \d+ failures|No failure", page)


@pytest.mark.parametrize(("in_sample", "state"), [(True, "finished"), (False, "killed")])
def test_what_is_copied_as_markdown_flatters_no_more_than_the_page(in_sample: bool, state: RunStatus) -> None:
    record = dataclasses.replace(RUN, state=state, started={**RUN.started, "in_sample": in_sample})
    page = render_html(record)
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, flags=re.DOTALL)
    copied = json.loads(data)["markdown"]
    assert ("rows that were reflected on" in copied) == in_sample
    assert ("State: killed" in copied) == (state == "killed")
