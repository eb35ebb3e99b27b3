"""The report as Markdown with its pictures beside it, and as one HTML file that needs nothing else."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2

from benchmarks.harness.tables import markdown
from benchmarks.paper.curves import draw
from benchmarks.paper.published import published, sources
from benchmarks.paper.results import Group
from benchmarks.paper.tables import PUBLISHED, Table, tables_of

TITLE = "Optimizers compared"
SIMULATED = (
    "Simulated LM: these figures compare search algorithms. They say nothing about any real model, and "
    "cannot be set against the published ones, which are shown for orientation."
)
CURVES = (
    "Lines: what the optimizer held its best candidate so far to score on its validation rows, for the "
    "optimizers that tell; a line for each seed. Dots: the final test score."
)


@dataclass(frozen=True)
class Section:
    """A group of results, ready to be written. `curves` holds an SVG by task."""

    heading: str
    warning: str
    tables: tuple[Table, ...]
    curves: dict[str, str]


def section_of(group: Group) -> Section:
    """Return the report's section on a group."""
    task, reflection = group.models
    models = task if task == reflection else f"{task}, reflection by {reflection}"
    drawn = {name: draw(group, name) for name in group.tasks}
    return Section(
        heading=f"{models}, budget {group.budget}",
        warning=SIMULATED if group.simulated else "",
        tables=tuple(tables_of(group)),
        curves={name: svg for name, svg in drawn.items() if svg is not None},
    )


def markdown_page(sections: Sequence[Section], pictures: dict[tuple[int, str], str]) -> str:
    """pictures: file name by number of the section and task."""
    parts = [f"# {TITLE}"]
    for number, section in enumerate(sections):
        parts.append(f"## {_plain(section.heading)}")
        if section.warning:
            parts.append(f"**{section.warning}**")
        for table in section.tables:
            lines = [[_plain(cell) for cell in line] for line in table.lines]
            parts += [
                f"### {table.title}",
                table.note,
                markdown([_plain(cell) for cell in table.head], lines),
            ]
        if section.curves:
            shown = [f"![{_plain(task)}]({pictures[number, task]})" for task in section.curves]
            parts += ["### Score against rollouts", CURVES, "\n".join(shown)]
    told = [f"- [{tag}] {source}" for tag, source in sources().items()]
    notes = [f"- {note}" for note in published()["notes"]]
    parts += ["## Sources of the published figures", "\n".join([*told, *notes])]
    return "\n\n".join(parts) + "\n"


def html_page(sections: Sequence[Section]) -> str:
    """The whole report in one file; every text is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    shown = [
        {
            "heading": section.heading,
            "warning": section.warning,
            "tables": section.tables,
            # As data of an image: a picture cannot run anything, and its ids meet no others.
            "curves": [
                {"task": task, "data": base64.b64encode(svg.encode()).decode()}
                for task, svg in section.curves.items()
            ],
        }
        for section in sections
    ]
    return environment.get_template("page.html.j2").render(
        title=TITLE,
        sections=shown,
        sources=sources(),
        notes=published()["notes"],
        published=PUBLISHED,
        curves_note=CURVES,
    )


def write(groups: Sequence[Group], folder: Path) -> list[Path]:
    """Write report.md, report.html and the pictures; says where the first two are."""
    sections = [section_of(group) for group in groups]
    pictures: dict[tuple[int, str], str] = {}
    folder.mkdir(parents=True, exist_ok=True)
    for number, section in enumerate(sections):
        for place, (task, svg) in enumerate(section.curves.items()):
            name = f"curve-{number + 1}-{place + 1}.svg"
            pictures[number, task] = name
            (folder / name).write_text(svg, encoding="utf-8")
    files = {
        folder / "report.md": markdown_page(sections, pictures),
        folder / "report.html": html_page(sections),
    }
    for file, text in files.items():
        file.write_text(text, encoding="utf-8")
    return list(files)


def _plain(text: str) -> str:
    """Text that neither ends a table's cell nor is markup."""
    kept = text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
    return kept.replace("&", "&amp;").replace("<", "&lt;")
