"""The view in the output of a notebook's cell."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from dspy_gepa.views.choice import open_display
from dspy_gepa.views.notebook import NotebookDisplay, bundle_of, in_notebook
from tests.support_progress import RUNNING, recorded, trial
from tests.support_runs import Words


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process that is the kernel of a notebook, as far as we ask; its shell is a real one."""
    InteractiveShell.instance()
    module = ModuleType("ipykernel.zmqshell")
    module.ZMQInteractiveShell = InteractiveShell  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ipykernel.zmqshell", module)
    yield
    InteractiveShell.clear_instance()


def published(**options: Any) -> list[Any]:
    """What a run shows in the cell."""
    with capture_output() as captured:
        Words(None).compile(**options)
    assert captured.stderr == captured.stdout == ""
    return captured.outputs


def test_this_is_no_notebook() -> None:
    assert not in_notebook()


@pytest.mark.usefixtures("kernel")
def test_a_run_has_one_output_that_is_replaced() -> None:
    outputs = published()
    places = {output.transient["display_id"] for output in outputs}
    assert len(places) == 1
    assert [output.update for output in outputs] == [False, *[True] * (len(outputs) - 1)]
    last = outputs[-1].data
    assert "GEPA finished" in last["text/plain"]
    assert "finished" in last["text/html"]


@pytest.mark.usefixtures("kernel")
def test_a_notebook_can_be_kept_quiet_too() -> None:
    assert published(progress="off") == []


@pytest.mark.usefixtures("kernel")
def test_a_view_of_another_run_is_shown_in_the_cell_too() -> None:
    with capture_output() as captured, open_display("auto", clock=lambda: 60.0) as show:
        show(RUNNING)
    assert "300 of 600" in captured.outputs[-1].data["text/plain"]


@pytest.mark.usefixtures("kernel")
def test_the_panel_replaces_what_it_drew() -> None:
    display = NotebookDisplay()
    with capture_output() as captured:
        display.draw(RUNNING, 60.0)
        display.close(recorded(state="finished"), 60.0)
    assert [output.update for output in captured.outputs] == [False, True]


def test_texts_of_models_are_escaped_in_the_html() -> None:
    html = bundle_of(
        recorded(trials=(trial("rejected", reason="<script>alert(1)</script> & [bold]"),)), 60.0
    )["text/html"]
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; [bold]" in html


def test_the_page_decides_on_the_colour_of_plain_text() -> None:
    html = bundle_of(RUNNING, 60.0)["text/html"]
    assert "background" not in html
    assert "<html" not in html
