"""The page: one HTML file with its style and script, which loads nothing else."""

from __future__ import annotations

import base64
import hashlib
import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.record.model import Interval, MemberRecord, RunRecord
from dspy_gepa.report.chart import draw
from dspy_gepa.report.data import excerpt, excerpts, is_mean, payload, shown
from dspy_gepa.report.diff import segments
from dspy_gepa.report.levels import groups, objectives
from dspy_gepa.report.provenance import passages
from dspy_gepa.report.sections import (
    advice,
    costs,
    facts,
    headline,
    in_flight,
    settings,
    settings_in_words,
)
from dspy_gepa.report.tree import HIGH, WIDE, arrange
from dspy_gepa.texts import IN_SAMPLE, counted, decimals, render_estimate, render_gain, render_report
from dspy_gepa.views.words import measured_text

if TYPE_CHECKING:
    from jinja2 import Environment

TITLE = "GEPA run"
SCRIPTS = ("core.js", "card.js", "chart.js", "tree.js", "heat.js", "start.js")
STYLES = ("page.css", "parts.css")
# Pixels that the page takes up in a notebook.
IN_NOTEBOOK = 900


@dataclass(frozen=True)
class Report:
    """A run's report, which a notebook shows, and which can be saved as one HTML file.

    Attributes:
        record: Record of the run.
        title: Title of the page.
    """

    record: RunRecord
    title: str = TITLE

    def to_html(self) -> str:
        """Return the page; raises as `render_html`."""
        return render_html(self.record, title=self.title)

    def save(self, path: str | Path) -> Path:
        """Write the page and return its path; raises as `write_report`."""
        write_report(self.record, Path(path), title=self.title)
        return Path(path)

    def _repr_html_(self) -> str:
        # A frame of its own, and no part of the notebook: what models wrote cannot reach it.
        return (
            f'<iframe title="{html.escape(self.title)}" sandbox="allow-scripts allow-modals" '
            f'allow="clipboard-write" style="width:100%;height:{IN_NOTEBOOK}px;border:0" '
            f'srcdoc="{html.escape(self.to_html())}"></iframe>'
        )


def write_report(record: RunRecord, path: Path, *, title: str = TITLE) -> None:
    """Write a run's report as one HTML file, which needs no network.

    Args:
        record: Record of the run, which may be in progress.
        path: Path of the file; an existing one is replaced, missing directories are created.
        title: Title of the page.

    Raises:
        ConfigurationError: jinja2 is not installed.
        OSError: The file cannot be written.
    """
    page = render_html(record, title=title)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8", newline="\n")


def render_html(record: RunRecord, *, title: str = TITLE) -> str:
    """Return a run's report as HTML. All text of models, data and users is escaped.

    Raises:
        ConfigurationError: jinja2 is not installed.
    """
    assets = files(__package__) / "assets"
    script = "\n".join((assets / name).read_text("utf-8") for name in SCRIPTS)
    style = "\n".join((assets / name).read_text("utf-8") for name in STYLES)
    page = _environment().get_template("page.html.j2")
    text = page.render(
        title=title,
        record=record,
        script=script,
        style=style,
        policy=_policy(script, style),
        headline=headline(record),
        facts=facts(record),
        advice=advice(record),
        in_flight=in_flight(record),
        chart=draw(record),
        tree=arrange(record),
        line=_line(record),
        node=(WIDE, HIGH),
        finals=_finals(record),
        data=payload(record) | {"title": title, "markdown": _markdown(record, title)},
        objectives=objectives(record),
        groups=groups(record),
        mean=is_mean(record),
        costs=costs(record),
        settings=settings(record),
        settings_in_words=settings_in_words(record),
        measured=measured_text(record),
        room=excerpts(record),
        perfect=_perfect(record),
        has_perfect=_perfect(record) < math.inf,
    )
    # Half of a pair of surrogates, which a model may write, has no bytes.
    return text.encode("utf-8", "replace").decode()


def _environment() -> Environment:
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise ConfigurationError(
            "A report needs jinja2, which is not installed. Run: pip install jinja2"
        ) from error
    environment = Environment(
        loader=PackageLoader("dspy_gepa.report", "assets"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    environment.filters |= {
        "counted": counted,
        "excerpt": excerpt,
        "score": _score,
        "signed": _signed,
        "brief": _brief,
        "level": _level,
        "shown": shown,
        "named": _named,
    }
    return environment


def _finals(record: RunRecord) -> list[dict[str, Any]]:
    """Return the final text of each component with its passages and differences."""
    if record.best is None:
        return []
    best, original = record.members[record.best], record.members[0].texts
    parent = record.members[best.parents[0]].texts if best.parents else original
    return [
        {
            "name": name,
            "text": shown(text),
            "passages": passages(record, best.index, name),
            "against": [
                ("seed", segments(shown(original[name]), shown(text))),
                ("parent", segments(shown(parent[name]), shown(text))),
            ],
            "same": text == original[name],
        }
        for name, text in best.texts.items()
    ]


def _line(record: RunRecord) -> list[MemberRecord]:
    """Return the best member and its ancestors, oldest first."""
    return [] if record.best is None else [record.members[index] for index in record.lineage(record.best)]


def _markdown(record: RunRecord, title: str) -> str:
    best = record.members[record.best].texts if record.best is not None else {}
    texts = {name: shown(text) for name, text in best.items()}
    lines = [(fact.label, f"{fact.value} {fact.note}".strip()) for fact in facts(record)]
    if record.last is not None:
        point = record.last
        score = render_estimate(point.score, point.interval) + point.as_of
        lines = [
            ("Gain over your program", render_gain(point.best, point.gain, point.gain_interval)),
            ("Score", score + (IN_SAMPLE if record.started.get("in_sample") else "")),
            *lines,
        ]
    if record.state != "finished":
        lines.insert(0, ("State", record.state))
    return render_report(title, lines, texts)


def _perfect(record: RunRecord) -> float:
    """Return the score below which a rollout counts as a failure; infinite if the run had none."""
    perfect: float | None = record.started.get("strategy", {}).get("perfect_score")
    return math.inf if perfect is None else perfect


def _policy(script: str, style: str) -> str:
    """Return the content security policy: only this script and this style, and no connections."""
    rules = {
        "default-src": "'none'",
        "script-src": _digest(script),
        "style-src": _digest(style),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {allowed}" for name, allowed in rules.items())


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _score(value: float | None) -> str:
    return "unknown" if value is None else _short(value)


def _short(value: float) -> str:
    """Format with three decimals or fewer: a score has to fit into a node of the tree, and on a phone."""
    if abs(value) < 100:
        return f"{round(value, 3) + 0.0:.3f}"  # never -0.000
    return f"{value:.4g}" if abs(value) < 9999.5 else f"{value:.2e}".replace("e+0", "e").replace("e+", "e")


def _brief(value: float, interval: Interval, sign: str = "") -> str:
    """Format with the decimals that the interval calls for, and a real minus sign."""
    if abs(value) >= 100:
        return _signed(value) if sign else _short(value)
    digits = decimals(interval[1] - interval[0])
    return f"{round(value, digits) + 0.0:{sign}.{digits}f}".replace("-", "\u2212")


def _level(value: float | None) -> str:
    """Format with four digits: an objective may be a fraction of a cent, or thousands of characters."""
    return "unknown" if value is None else f"{value + 0.0:.4g}"


def _named(members: Sequence[int]) -> str:
    return " and ".join(str(member) if member else "your program" for member in members)


def _signed(value: float) -> str:
    number = _short(value).replace("-", "\u2212")
    return number if number.startswith("\u2212") else f"+{number}"
