"""Guidance for the reflection model: rules of the user by component, and skills read from files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from os.path import exists, expanduser, isdir
from pathlib import Path
from typing import Any, NamedTuple

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.program.checks import is_meant, nearest, require_several
from dspy_gepa.program.log import log_warning
from dspy_gepa.program.media import elide
from dspy_gepa.program.redaction import describe

# Maximum number of characters that one component is guided by, about four per token: a third of the evidence.
MOST_CHARS = 40_000
# Maximum number of characters of the body of a skill; the middle of a longer one is left out.
SKILL_CHARS = 12_000
SKILL_FILE = "SKILL.md"
EVERY_COMPONENT = "*"

_FRONT_MATTER = re.compile(r"\A\ufeff?---[ \t]*\n(.*?)\n---[ \t]*(?:\n|\Z)", re.DOTALL)
_ENTRY = re.compile(r"^(name|description):[ \t]*(.*(?:\n(?:[ \t]+.*|[ \t]*))*)$", re.MULTILINE)
_BLOCK_MARK = re.compile(r"\A[>|][+-]?\d?[ \t]*(?:\n|\Z)")


class Skill(NamedTuple):
    """A skill as the reflection model is shown it.

    Attributes:
        name: Its name; that of its folder or file if it gives none.
        description: When it applies, or "".
        body: Its text, without the head that names it.
    """

    name: str
    description: str
    body: str


def check_guidance(option: str, value: Any) -> None:
    """Refuse anything but a text, a mapping of texts, or None.

    Raises:
        ConfigurationError: It is refused.
    """
    if value is None or isinstance(value, str):
        return
    if not isinstance(value, Mapping):
        raise ConfigurationError(
            f"{option}={value!r} must be a text, or a mapping from components to texts: "
            f"{option}={{'answer': 'Be brief.'}}."
        )
    for name, text in value.items():
        if not isinstance(name, str) or not isinstance(text, str):
            raise ConfigurationError(
                f"{option} has {text!r} for {name!r}; both a component's name and its guidance are texts."
            )


def check_skills(option: str, value: Any) -> None:
    """Refuse anything but several texts or paths.

    Raises:
        ConfigurationError: It is refused.
    """
    require_several(option, value, (str, PathLike), "texts or paths of skills")


def read_guidance(
    guidance: str | Mapping[str, str] | None,
    skills: Sequence[str | PathLike[str]],
    components: Sequence[str],
) -> dict[str, str]:
    """Return the guidance by component, or by pattern of components; the pattern of all of them is `*`.

    Args:
        guidance: The user's rules, for all components or by name or `fnmatch` pattern.
        skills: Texts of skills, files, or folders with a `SKILL.md` in them or in each folder below.
        components: Names of the components to rewrite.

    Raises:
        ConfigurationError: A pattern matches no component, a skill cannot be read, or all of it is too long.
    """
    texts = {EVERY_COMPONENT: guidance} if isinstance(guidance, str) else dict(guidance or {})
    for pattern in texts:
        if not any(is_meant(pattern, name) for name in components):
            raise ConfigurationError(
                f"guidance has a text for {pattern!r}, which is no component that is optimized. "
                f"{nearest(pattern, components)} The components are {', '.join(components)}."
            )
    read = [skill for given in skills for skill in _read_skills(given)]
    parts = [texts.get(EVERY_COMPONENT, ""), *map(_render, read)]
    texts[EVERY_COMPONENT] = "\n\n".join(part.strip() for part in parts if part.strip())
    texts = {pattern: text.strip() for pattern, text in texts.items() if text.strip()}
    for name in components:
        length = sum(len(text) for pattern, text in texts.items() if is_meant(pattern, name))
        if length > MOST_CHARS:
            raise ConfigurationError(
                f"guidance and skills for {name!r} have {length:,} characters, and {MOST_CHARS:,} leave room "
                "for the examples. Keep the rules that the texts need, or pass fewer skills."
            )
    return texts


def _read_skills(given: str | PathLike[str]) -> Iterator[Skill]:
    path = _path_of(given)
    if path is None:
        yield _parsed(str(given), "skill")
        return
    if isdir(path):
        files = [path / SKILL_FILE] if (path / SKILL_FILE).is_file() else sorted(path.glob(f"*/{SKILL_FILE}"))
        if not files:
            raise ConfigurationError(
                f"skills names the folder {path}, and neither it nor a folder in it has a {SKILL_FILE}."
            )
    else:
        files = [path]
    for file in files:
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"skills: {file} cannot be read as a text: {describe(error)}. Name a file in UTF-8, such as "
                "a SKILL.md, or pass the text itself."
            ) from error
        yield _parsed(text, file.parent.name if file.name == SKILL_FILE else file.stem)


def _path_of(given: str | PathLike[str]) -> Path | None:
    """Return the path that is meant; None if it is a skill's text."""
    if not isinstance(given, str):
        return Path(given)
    if "\n" in given or len(given) > 1_000:
        return None
    # Unlike the methods of `Path`, these functions raise nothing for a text that is no name of a file.
    path = Path(expanduser(given))
    is_named = len(given.split()) == 1 and (path.suffix.lower() == ".md" or len(path.parts) > 1)
    is_named = is_named or given.startswith(("./", "../", "~/", "/"))
    return path if is_named or exists(path) else None


def _parsed(text: str, name: str) -> Skill:
    """Return a skill from its text; a front matter gives name and description."""
    text = text.replace("\r\n", "\n")
    head = _FRONT_MATTER.match(text)
    entries = {key: _unquoted(value) for key, value in _ENTRY.findall(head[1])} if head else {}
    name = entries.get("name") or name
    body = text[head.end() :].strip() if head else text.strip()
    if len(body) > SKILL_CHARS:
        log_warning(
            f"the skill {name!r} has {len(body):,} characters; the reflection LM is shown {SKILL_CHARS:,}, "
            "without the middle. Shorten it, or pass the part that matters."
        )
    return Skill(name, entries.get("description", ""), elide(body, SKILL_CHARS))


def _unquoted(value: str) -> str:
    """Return the text of an entry, which may be quoted, or a block over several lines."""
    text = " ".join(_BLOCK_MARK.sub("", value).split())
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def _render(skill: Skill) -> str:
    parts = [f"# Skill: {skill.name}", skill.description, skill.body]
    return "\n\n".join(part for part in parts if part)
