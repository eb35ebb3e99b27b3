"""The page in a browser: a system's Chromium, without a network; skipped where there is none."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from dspy_gepa.record.model import RunRecord
from dspy_gepa.report.page import write_report
from tests.report.support_records import ATTACK, CLOSES, EMOJI, HUGE, RIGHT_TO_LEFT, hostile_run
from tests.support_browser import chromium, find_chromium, wait_until_drawn
from tests.support_reports import made_up_run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="there is no Chromium here")

SPARSE = made_up_run(members=14, rows=12, seed=2)
# One member was run on half of the rows, one on none.
SPARSE = dataclasses.replace(
    SPARSE,
    members=(
        *SPARSE.members[:-2],
        dataclasses.replace(SPARSE.members[-2], scores=dict(list(SPARSE.members[-2].scores.items())[:6])),
        dataclasses.replace(SPARSE.members[-1], scores={}),
    ),
    objectives={"cost": [-0.0004 - 0.0001 * i for i in range(14)], "a long name of an objective": [0.5] * 14},
    groups={"maths": [0.25] * 14, "law": [0.5] * 14},
    group_intervals={"maths": [(0.2, 0.3)] * 14, "law": [(0.4, 0.6)] * 14},
)
BEST = SPARSE.best


def stretched(factor: float, add: float) -> RunRecord:
    """The run with a metric of another range, before its finals: only train rows were run."""

    def far(number: float) -> float:
        return factor * number + add

    return dataclasses.replace(
        SPARSE,
        state="running",
        members=tuple(
            dataclasses.replace(
                m,
                score=None if m.score is None else far(m.score),
                interval=None if m.interval is None else (far(m.interval[0]), far(m.interval[1])),
                believed=None if m.believed is None else far(m.believed),
                scores={row.replace("val", "train"): far(score) for row, score in m.scores.items()},
            )
            for m in SPARSE.members
        ),
        curve=tuple(
            dataclasses.replace(
                p,
                score=far(p.score),
                interval=(far(p.interval[0]), far(p.interval[1])),
                gain=factor * p.gain,
                gain_interval=(factor * p.gain_interval[0], factor * p.gain_interval[1]),
            )
            for p in SPARSE.curve
        ),
    )


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    directory = tmp_path_factory.mktemp("pages")
    runs = {"plain": SPARSE, "hostile": hostile_run(), "long": made_up_run(members=60, rows=150)}
    runs |= {"far": stretched(1e6, 0), "below": stretched(987.654, -1234.567)}
    for name, run in runs.items():
        write_report(run, directory / f"{name}.html", title=ATTACK if name == "hostile" else "A run")
    return {name: (Path(directory) / f"{name}.html").as_uri() for name in runs}


@pytest.fixture
def visit(browser: Browser, pages: dict[str, str]) -> Iterator[Callable[..., Page]]:
    """Opens a page; at the end of the test it must have logged nothing, asked nothing, and loaded nothing."""
    opened, complaints = [], list[str]()

    def visit(name: str, **options: Any) -> Page:
        context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: (complaints.append("a dialog"), dialog.dismiss()))
        page.on("request", lambda r: None if r.url.startswith("file:") else complaints.append(r.url))
        page.goto(pages[name])
        opened.append(context)
        return page

    yield visit
    for context in opened:
        context.close()
    assert complaints == []


def colour(page: Page, selector: str = "body") -> list[int]:
    found: list[int] = page.eval_on_selector(
        selector, "e => getComputedStyle(e).backgroundColor.match(/\\d+/g).map(Number)"
    )
    return found


def is_dark(page: Page) -> bool:
    return sum(colour(page, "html")) < 200


def test_the_best_member_is_shown_at_first(visit: Callable[..., Page]) -> None:
    page = visit("plain")
    assert page.inner_text("h1").startswith("+")
    assert page.inner_text("#card h3").startswith(f"Candidate {BEST}")
    assert page.get_attribute(f'.node[data-member="{BEST}"]', "aria-pressed") == "true"
    for text in SPARSE.members[BEST or 0].texts.values():
        assert text.split("\n")[0] in page.inner_text("#texts")


def test_a_node_of_the_tree_shows_what_changed_and_opens_its_member(visit: Callable[..., Page]) -> None:
    page = visit("plain")
    page.hover('.node[data-member="1"]')
    assert page.is_visible("#tip")
    assert "candidate 1, from your program" in page.inner_text("#tip")
    page.click('.node[data-member="1"]')
    assert page.inner_text("#card h3") == "Candidate 1"
    trial = next(t for t in SPARSE.trials if t.member == 1)
    assert trial.reason in page.inner_text("#card")
    assert page.locator("#card ins").count() > 0
    page.click("#card >> text=What was reflected on")
    assert trial.evidence[0].feedback in page.inner_text("#card .evidence")
    page.click("#card >> text=Plain")
    assert page.locator("#card ins").count() == 0
    page.click("#card .link >> nth=0")
    assert page.inner_text("#card h3") == "Your program"


def test_the_tree_is_walked_by_keyboard(visit: Callable[..., Page]) -> None:
    page = visit("plain")
    assert page.locator('.node[tabindex="0"]').count() == 1
    page.focus(f'.node[data-member="{BEST}"]')
    page.keyboard.press("ArrowLeft")
    parent = SPARSE.members[BEST or 0].parents[0]
    assert page.evaluate("document.activeElement.dataset.member") == str(parent)
    assert page.inner_text("#card h3") == (f"Candidate {parent}" if parent else "Your program")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.member") != str(parent)
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "card"


def test_a_cell_of_the_heat_map_shows_its_row_and_score_and_opens_its_member(
    visit: Callable[..., Page],
) -> None:
    page = visit("plain")
    page.locator("#heat").scroll_into_view_if_needed()
    page.hover("#heat", position={"x": 60, "y": 30})
    score = SPARSE.members[0].scores["val/0"]
    assert page.inner_text("#tip").startswith(f"your program on val/0: scored {score:g}")
    page.click("#heat", position={"x": 60, "y": 50})
    assert page.inner_text("#card h3") == "Candidate 1"
    page.focus("#heat")
    page.keyboard.press("ArrowUp")
    for _ in range(11):
        page.keyboard.press("ArrowRight")
    assert page.inner_text("#heat-said").startswith("your program on val/11: scored")
    for _ in range(12):
        page.keyboard.press("ArrowDown")
    assert page.inner_text("#heat-said") == "candidate 12 on val/11: not run"
    assert "1 of 14 candidates" in page.inner_text("#heat-left")
    page.select_option("#heat-order", "score")
    page.focus("#heat")
    page.keyboard.press("ArrowDown")
    assert page.inner_text("#heat-said").startswith(f"candidate {BEST} on")


@pytest.mark.parametrize("name", ["plain", "far", "below"])
def test_a_score_is_shown_alike_in_tree_table_and_card_and_fits_into_its_node(
    visit: Callable[..., Page], name: str
) -> None:
    page = visit(name)
    page.click("text=14 candidates as a table")
    for member in (0, 1, BEST):
        page.click(f'.node[data-member="{member}"]')
        told = page.inner_text("#card > p b >> nth=0")
        assert page.locator(f'.node[data-member="{member}"] .end').text_content() == told
        assert page.inner_text(f"#lineage tbody tr >> nth={member} >> td >> nth=2") == told
    overlaps = page.eval_on_selector_all(
        ".node",
        """nodes => nodes.filter(n => n.querySelector('.id').getBoundingClientRect().right
            > n.querySelector('.end').getBoundingClientRect().left).length""",
    )
    assert overlaps == 0


def test_the_heat_map_begins_with_rows_that_someone_was_run_on(visit: Callable[..., Page]) -> None:
    page = visit("far")
    chosen = page.locator("#heat-set option:checked")
    assert chosen.inner_text().startswith("Train rows")
    assert "1 of 14 candidates" in page.inner_text("#heat-left")


def test_the_plot_tooltip_names_the_step(visit: Callable[..., Page]) -> None:
    page = visit("plain")
    page.locator(".plot").scroll_into_view_if_needed()
    page.hover(".plot .area", position={"x": 700, "y": 20})
    assert "rollouts, step" in page.inner_text("#tip")
    assert "better than your program with probability" in page.inner_text("#tip")
    page.focus(".plot")
    page.keyboard.press("Home")
    assert page.inner_text("#said").startswith(f"{SPARSE.curve[0].rollouts} rollouts, step 0")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    assert page.inner_text("#card h3").startswith(f"Candidate {BEST}")


def test_a_passage_of_the_final_text_shows_the_failures_it_came_from(visit: Callable[..., Page]) -> None:
    page = visit("plain")
    assert page.locator("#texts article >> nth=0").locator(".pane.seed").is_visible()
    page.click("#texts article >> nth=0 >> text=Origins")
    passage = page.locator(".passage:not(.given)").first
    member = int(passage.locator(".from").inner_text().split()[-1])
    trial = next(t for t in SPARSE.trials if t.member == member)
    passage.locator("summary").focus()
    page.keyboard.press("Enter")
    because = passage.locator(".because").inner_text()
    assert f"in step {trial.step}" in because
    for evidence in trial.evidence:
        assert (evidence.feedback in because) == (evidence.score < 1)
    page.click("#texts article >> nth=0 >> text=Before and after")
    assert page.locator("#texts article >> nth=0").locator(".pane.seed").is_visible()
    assert not passage.is_visible()


def test_a_rejected_proposal_shows_what_was_proposed(visit: Callable[..., Page]) -> None:
    page = visit("plain")
    rejected = next(t for t in SPARSE.trials if t.verdict == "rejected")
    page.click("details.trial >> nth=0 >> summary")
    page.wait_for_selector("details.trial pre")
    kept = page.locator("details.trial pre").first.evaluate(
        "pre => [...pre.childNodes].filter(n => n.nodeName !== 'DEL').map(n => n.textContent).join('')"
    )
    assert kept == next(iter(rejected.changed.values()))


def test_buttons_copy_the_texts_whole(visit: Callable[..., Page]) -> None:
    page = visit("plain", permissions=["clipboard-read", "clipboard-write"])
    texts = dict(SPARSE.members[BEST or 0].texts)
    page.click("#texts article >> nth=1 >> text=Copy")
    assert page.evaluate("navigator.clipboard.readText()") == list(texts.values())[1]
    page.click("text=Copy all as JSON")
    assert page.evaluate("navigator.clipboard.readText().then(JSON.parse)") == texts
    page.click("text=Copy all as Markdown")
    page.locator("#said", has_text="Copied").wait_for(state="attached")
    assert page.evaluate("navigator.clipboard.readText()").startswith("# A run\n\n- Gain over your program: ")


def test_light_and_dark_follow_the_system_and_the_switch(visit: Callable[..., Page]) -> None:
    light, dark = visit("plain", color_scheme="light"), visit("plain", color_scheme="dark")
    assert (is_dark(light), is_dark(dark)) == (False, True)
    before = dark.eval_on_selector("#heat", "canvas => canvas.toDataURL()")
    dark.click("#theme")
    assert not is_dark(dark)
    assert dark.eval_on_selector("#heat", "canvas => canvas.toDataURL()") != before
    dark.click("#theme")
    dark.click("#theme")
    assert is_dark(dark)
    assert dark.get_attribute("#theme", "aria-label") == "Theme: auto"


@pytest.mark.parametrize("name", ["plain", "long", "hostile", "far", "below"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_is_never_wider_than_the_window(visit: Callable[..., Page], name: str, width: int) -> None:
    page = visit(name, viewport={"width": width, "height": 740})
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize(("scheme", "width"), [("light", 360), ("dark", 1280)])
def test_nothing_keeps_people_from_reading_the_page(
    visit: Callable[..., Page], scheme: str, width: int
) -> None:
    page = visit("plain", color_scheme=scheme, viewport={"width": width, "height": 740})
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    page.wait_for_selector("details.trial pre")
    levels = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = Axe().run(page, options={"runOnly": levels})
    assert found.response["passes"]
    assert found.violations_count == 0, found.generate_report()


def test_hostile_texts_are_inert(visit: Callable[..., Page]) -> None:
    page = visit("hostile")
    for node in page.locator(".node").all()[:3]:
        node.click()
        node.hover()
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    page.wait_for_selector("details.trial pre")
    page.hover("#heat", position={"x": 60, "y": 30})
    assert page.evaluate("window.hacked") is None
    assert page.locator("img").count() == 0
    said = page.inner_text("main")
    for text in (ATTACK, EMOJI, RIGHT_TO_LEFT):
        assert text in said
    assert CLOSES[:30] in said
    assert page.title().startswith("<script>window.hacked = 1</script>")


def test_a_huge_text_is_cut_until_a_button_shows_all_of_it(visit: Callable[..., Page]) -> None:
    page = visit("hostile")
    page.click("#texts article >> nth=0 >> text=Origins")
    pane = page.locator("#texts .pane.origin").first
    assert pane.bounding_box()["height"] < 600
    assert HUGE in pane.text_content()
    pane.locator("xpath=following-sibling::button[1]").click()
    assert pane.bounding_box()["height"] > 3000


def test_everything_is_open_on_paper_and_closed_again_afterwards(visit: Callable[..., Page]) -> None:
    page = visit("plain", color_scheme="dark")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.locator("details:not([open], .trial details)").count() == 0
    assert page.locator("details.trial details[open]").count() == 0
    assert not page.is_visible(".onscreen >> nth=0")
    assert not is_dark(page)
    said = page.inner_text("main")
    for text in SPARSE.members[BEST or 0].texts.values():
        assert all(line in said for line in text.split("\n"))
    assert page.locator("details.trial pre").count() > 0
    assert not page.is_visible("nav")
    page.emulate_media(media="screen", color_scheme="dark")
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[open]").count() == 0


def test_on_paper_a_wide_tree_is_whole(visit: Callable[..., Page]) -> None:
    page = visit("long", viewport={"width": 700, "height": 900})
    page.emulate_media(media="print")
    tree = page.locator(".tree svg").bounding_box()
    assert tree is not None
    assert tree["x"] + tree["width"] <= 700
    for node in page.locator(".node").all():
        box = node.bounding_box()
        assert box is not None
        assert tree["x"] <= box["x"] < box["x"] + box["width"] <= tree["x"] + tree["width"] + 1
        assert tree["y"] <= box["y"] < box["y"] + box["height"] <= tree["y"] + tree["height"] + 1


def test_a_notebooks_frame_works_without_the_rights_of_the_notebook(
    browser: Browser, pages: dict[str, str], tmp_path: Path
) -> None:
    from dspy_gepa.report.page import Report

    shown = tmp_path / "notebook.html"
    shown.write_text(f"<!doctype html><title>n</title>{Report(SPARSE)._repr_html_()}", encoding="utf-8")
    page = browser.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(shown.as_uri())
    frame = page.frame_locator("iframe")
    frame.locator('.node[data-member="1"]').click()
    assert frame.locator("#card h3").inner_text() == "Candidate 1"
    frame.locator("nav a >> text=Rows").click()
    assert frame.locator("#heat").is_visible()
    assert page.url == shown.as_uri()
    assert problems == []
    page.close()


def test_paper_gets_a_heat_map_in_light_colours_and_the_screen_its_own_again(
    visit: Callable[..., Page],
) -> None:
    light, dark = visit("plain", color_scheme="light"), visit("plain", color_scheme="dark")
    for page in (light, dark):  # a page that another one hides draws nothing
        page.bring_to_front()
        wait_until_drawn(page)
    drawn = "canvas => canvas.toDataURL()"
    before = dark.eval_on_selector("#heat", drawn)
    dark.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert dark.eval_on_selector("#heat", drawn) == light.eval_on_selector("#heat", drawn)
    dark.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert dark.eval_on_selector("#heat", drawn) == before
    assert dark.get_attribute("#theme", "aria-label") == "Theme: auto"
