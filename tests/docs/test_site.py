"""The documentation builds strictly, offline, and every link in it leads somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from shutil import which
from urllib.parse import unquote, urlsplit

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.exceptions import Abort

import dspy_gepa
from dspy_gepa import events, testing
from tests.support_docs import ROOT

pytestmark = pytest.mark.slow  # the site is built

DOCS = ROOT / "docs"
CHROMIUM = which("chromium") or which("chromium-browser") or which("google-chrome")
IN_NAVIGATION = {
    *("concepts.html", "api/gepa.html", "repository/CHANGELOG.html", "repository/notebooks/index.html"),
    "repository/benchmarks/index.html",
}


@dataclass
class Links(HTMLParser):
    """What a page refers to, what it loads, and the places in it that can be referred to."""

    hrefs: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.hrefs.append(given["href"])
        elif tag == "link" and given.get("rel") not in ("canonical", "prev", "next"):
            self.loads.append(given.get("href", ""))
        elif "src" in given:
            self.loads.append(given["src"])


@cache
def links_of(page: Path) -> Links:
    links = Links()
    links.feed(page.read_text(encoding="utf-8"))
    return links


def broken(page: Path) -> Iterator[str]:
    """The links of a built page that lead nowhere; those to other sites are not followed."""
    links = links_of(page)
    for link in [*links.hrefs, *links.loads]:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
        is_named = bool(parts.fragment) and target.suffix == ".html"
        if not target.exists() or (is_named and unquote(parts.fragment) not in links_of(target).anchors):
            yield f"{page.name}: {link}"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("site")
    build(load_config(str(ROOT / "mkdocs.yml"), strict=True, site_dir=str(directory)))
    return directory


def pages_of(site: Path) -> list[Path]:
    # The page for errors is found at addresses of any depth, so that its links begin at the site's root.
    # A report of the benchmarks is a page of its own, with its libraries in it.
    made = [page for page in site.rglob("*.html") if page.name != "404.html"]
    return [page for page in made if "benchmarks/results/matrix/report.html" not in page.as_posix()]


def test_the_site_builds_strictly_and_every_link_in_it_leads_somewhere(site: Path) -> None:
    assert set(links_of(site / "index.html").hrefs) >= IN_NAVIGATION
    assert [link for page in pages_of(site) for link in broken(page)] == []
    agents = (site / "llms.txt").read_text(encoding="utf-8")
    links = re.findall(r"(?<=\]\()[^)]+(?=\))", agents)
    assert {"api/gepa.html", "repository/skills/dspy-gepa/SKILL.html"} <= set(links)
    assert [link for link in links if not (site / link.partition("#")[0]).is_file()] == []


def test_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    loaded = [link for page in pages_of(site) for link in links_of(page).loads]
    styles = "\n".join(file.read_text(encoding="utf-8") for file in site.rglob("*.css"))
    loaded += re.findall(r"url\(['\"]?(?!data:)([^)'\"]+)", styles)
    assert len(loaded) > 100
    assert [link for link in loaded if urlsplit(link).netloc] == []


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_the_search_works_from_a_disk(site: Path) -> None:
    browsers = pytest.importorskip("playwright.sync_api")
    with browsers.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page, errors = browser.new_page(), []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("requestfailed", lambda request: errors.append(request.url))
        page.goto(f"{(site / 'index.html').as_uri()}?q=minibatch")
        found = page.wait_for_selector(".md-search-result__item a", state="attached", timeout=20_000)
        assert found.get_attribute("href")
        assert errors == []
        browser.close()


@pytest.mark.parametrize(
    "text",
    [
        "[a page](gone.md)",
        "[a heading](#gone)",
        "[another page's heading](other.md#gone)",
        "![a picture](images/gone.svg)",
        "[a file](../dspy_gepa/gone.py)",
        "[a file beside the repository](../../../etc/hostname)",
        "[a definition](../dspy_gepa/gepa.py#GEPA.gone)",
        "[an absolute path](/gone.md)",
    ],
)
def test_a_link_that_leads_nowhere_ends_the_build(tmp_path: Path, text: str) -> None:
    with pytest.raises(Abort, match=r"Aborted with [12] warnings"):
        build_pages(tmp_path, {"index.md": f"# Home\n\n{text}", "other.md": "# Other"})


def test_links_to_the_repository_lead_to_pages_made_of_its_files(tmp_path: Path) -> None:
    text = """# Home

[one](../dspy_gepa/search/frontier.py) [a method](../dspy_gepa/gepa.py#GEPA.compile)
[a directory](../benchmarks/results/)
`[code](../dspy_gepa/gone.py)`

```python
print("[code](../dspy_gepa/gone.py)")
```
"""
    build_pages(tmp_path, {"index.md": text})
    site = tmp_path / "site"
    source = (ROOT / "dspy_gepa" / "gepa.py").read_text(encoding="utf-8").splitlines()
    line = next(i for i, text in enumerate(source, start=1) if text.startswith("    def compile("))
    hrefs = links_of(site / "index.html").hrefs
    assert f"repository/dspy_gepa/gepa.py.html#__codelineno-0-{line}" in hrefs
    assert "repository/dspy_gepa/search/frontier.py.html" in hrefs
    assert "repository/benchmarks/results.html" in hrefs
    assert [link for page in site.glob("*.html") if page.stem != "404" for link in broken(page)] == []
    assert "undominated" in (site / "repository/dspy_gepa/search/frontier.py.html").read_text()


def build_pages(directory: Path, pages: dict[str, str]) -> None:
    """Build a small site of these pages, with the hook and the rules of the real one."""
    docs = directory / "docs"
    docs.mkdir()
    for name, text in pages.items():
        (docs / name).write_text(text, encoding="utf-8")
    build(
        load_config(
            str(ROOT / "mkdocs.yml"),
            strict=True,
            docs_dir=str(docs),
            site_dir=str(directory / "site"),
            nav=[{name: name} for name in pages],
            plugins=[],
            use_directory_urls=False,
            extra_css=[],
            extra={},
        )
    )


def test_the_reference_has_everything_that_is_public() -> None:
    pages = "\n".join(page.read_text(encoding="utf-8") for page in DOCS.glob("api/*.md"))
    shown = set(re.findall(r"^::: ([\w.]+)$", pages, flags=re.MULTILINE))
    assert {"dspy_gepa.errors", "dspy_gepa.events", "dspy_gepa.testing"} <= shown
    values = {f"dspy_gepa.{name}": getattr(dspy_gepa, name) for name in dspy_gepa.__all__}
    elsewhere = {name for name, value in values.items() if value.__module__ == "dspy_gepa.errors"}
    assert sorted(values.keys() - elsewhere - shown) == []
    public = [*values.values(), *(getattr(testing, name) for name in testing.__all__), *events.EVENTS]
    assert [value for value in public if not value.__doc__] == []
