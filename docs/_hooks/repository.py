"""A hook of mkdocs: what pages link to in the repository becomes a part of the site.

A page may link to any file or directory of the repository, as on a code host: `../dspy_gepa/gepa.py`. Here
such a link leads to a page made of that file, and a link to a file that is not there ends a strict build.
A definition is named after a hash, `../dspy_gepa/gepa.py#GEPA.compile`, and leads to its line.
"""

from __future__ import annotations

import ast
import logging
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent.parent
DOCS = "docs/"
PREFIX = "repository/"  # where such pages are in the site

# Shown as a page; other files (images, reports, notebooks) are copied.
LANGUAGES = {".py": "python", ".toml": "toml", ".yml": "yaml", ".txt": "text", ".json": "json", "": "make"}

_CODE = r"^(?:```+|~~~+).*?^(?:```+|~~~+)$|`[^`\n]+`"
_LINK = r"(?<=\]\()(?![a-z]+:|[#/])(?P<path>[^)\s#]+)(?P<hash>#[^)\s]*)?(?=\))"
_CODE_OR_LINK = re.compile(f"{_CODE}|{_LINK}", re.MULTILINE | re.DOTALL)

_log = logging.getLogger("mkdocs.hooks.repository")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page or a copy for whatever is linked to, and for what that links to in turn."""
    for uri in _pages(config.nav):
        if uri.startswith(PREFIX):
            _add(_origin(uri), files, config, InclusionLevel.UNDEFINED)
    if (agents := files.get_file_from_path("agents.md")) is not None:
        files.append(File.generated(config, "llms.txt", content=_with_web_links(agents.content_string)))
    open_ = [file for file in files if file.is_documentation_page()]
    while open_:
        page = open_.pop()
        for path in linked(page.content_string, page.src_uri):
            open_ += _add(path, files, config)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links at the repository's files to the pages made of them."""

    def point(found: re.Match[str]) -> str:
        if found["path"] is None:
            return found[0]
        path = _resolve(found["path"], page.file.src_uri)
        if path is None:
            return found[0]
        target = posixpath.relpath(page_of(path), posixpath.dirname(page.file.src_uri) or ".")
        return target + _anchor(path, found["hash"] or "", page.file.src_uri)

    return _CODE_OR_LINK.sub(point, markdown)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Tell mkdocs of the lines that can be linked to; it looks for anchors in the prose only."""
    lines = set(re.findall(r'id="(__codelineno-[\d-]+)"', html))
    page.present_anchor_ids = lines | (page.present_anchor_ids or set())
    return html


def linked(markdown: str, page: str) -> Iterator[str]:
    """The repository's files and directories that a page links to, outside the documentation."""
    for found in _CODE_OR_LINK.finditer(markdown):
        path = _resolve(found["path"], page) if found["path"] else None
        if path is not None and not path.startswith(DOCS):
            yield path


def page_of(path: str) -> str:
    """The site's source for a path of the repository."""
    if path.startswith(DOCS):
        return path.removeprefix(DOCS)
    is_shown = (ROOT / path).is_dir() or _language(path) is not None
    return f"{PREFIX}{path}.md" if is_shown else f"{PREFIX}{path}"


def _origin(uri: str) -> str:
    """The path in the repository of a page of the site that was made of it."""
    path = uri.removeprefix(PREFIX)
    return path if (ROOT / path).exists() else path.removesuffix(".md")


def _pages(nav: object) -> list[str]:
    if isinstance(nav, (list, dict)):
        return [page for part in (nav.values() if isinstance(nav, dict) else nav) for page in _pages(part)]
    return [nav] if isinstance(nav, str) else []


def _add(
    path: str, files: Files, config: MkDocsConfig, level: InclusionLevel = InclusionLevel.NOT_IN_NAV
) -> list[File]:
    """The file that was added, if it is a page, and may hold links itself."""
    uri = page_of(path)
    if files.get_file_from_path(uri) is not None:
        return []
    if path.startswith("..") or not (ROOT / path).exists():
        _log.warning("there is no %s in the repository, but a page links to it", path)
        return []
    if not uri.endswith(".md"):
        files.append(File.generated(config, uri, abs_src_path=str(ROOT / path)))
        return []
    page = File.generated(config, uri, content=_content(path), inclusion=level)
    files.append(page)
    return [page]


def _content(path: str) -> str:
    file, heading = ROOT / path, f"---\ntitle: {path}\nsearch: {{exclude: true}}\n---\n\n"
    if file.is_dir():
        shown = [p for p in sorted(file.iterdir()) if p.is_file() and not p.name.startswith(".")]
        lines = [f"- [{p.name}]({posixpath.basename(path)}/{p.name})" for p in shown]
        return "\n".join([f"{heading}# {path}\n", *lines])
    text = file.read_text(encoding="utf-8")
    language = _language(path)
    if language is None:
        return text
    return f'{heading}# {path}\n\n````{language} linenums="1"\n{text}\n````\n'


def _language(path: str) -> str | None:
    return None if path.endswith(".md") else LANGUAGES.get(posixpath.splitext(path)[1])


def _resolve(link: str, page: str) -> str | None:
    """The path in the repository that a page's link means; None where it stays in the documentation."""
    is_made = page.startswith(PREFIX)
    origin = page.removeprefix(PREFIX) if is_made else DOCS + page
    path = posixpath.normpath(posixpath.join(posixpath.dirname(origin), link))
    if path.startswith(DOCS) and not is_made:
        return None
    return path


def _anchor(path: str, name: str, page: str) -> str:
    """The hash of a definition's line; other hashes as they are."""
    if not name or not path.endswith(".py"):
        return name
    line = line_of((ROOT / path).read_text(encoding="utf-8"), name.removeprefix("#"))
    if line is None:
        _log.warning("%s links to %s in %s, which does not define it", page, name, path)
        return ""
    return f"#__codelineno-0-{line}"


def line_of(source: str, name: str) -> int | None:
    """The line of a function, class, method or constant, by its dotted name."""
    body: list[ast.stmt] = ast.parse(source).body
    line: int | None = None
    for part in name.split("."):
        found = next((node for node in body if part in _names(node)), None)
        if found is None:
            return None
        line, body = found.lineno, getattr(found, "body", [])
    return line


def _names(node: ast.stmt) -> list[str]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _with_web_links(markdown: str) -> str:
    """The same text with links to the site's pages in place of their sources."""
    markdown = re.sub(r"(?<=\]\()\.\./([\w/.-]+)\.md(?=[)#])", rf"{PREFIX}\1.html", markdown)
    return re.sub(r"(?<=\]\()([\w/]+)\.md(?=[)#])", r"\1.html", markdown)
