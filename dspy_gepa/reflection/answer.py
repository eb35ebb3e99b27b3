"""Reads the new text out of a completion of the reflection model, in whatever layout the model wrote it.

An answer has one field, so its end is the end of the completion and no mark inside the text can cut it. A
text is taken whole, as the model wrote it, or refused with a reason; it is never repaired or shortened.
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass

from dspy_gepa.program.media import mended


@dataclass(frozen=True)
class Answer:
    """The text of an answer, or the reason why there is none.

    Attributes:
        text: The text; "" if it was refused.
        objection: Why it was refused, in words for the reflection model; "" if it was not.
    """

    text: str = ""
    objection: str = ""


EMPTY = Answer(objection="The answer was empty. Write the full text.")
UNFINISHED_THOUGHTS = Answer(objection="The answer holds an unfinished thinking block. Give the text alone.")
AMBIGUOUS = Answer(
    objection="It is unclear which part of the answer is the text. Give the text alone, in the layout above."
)
NOT_TEXT = Answer(
    objection="The answer is a data structure where a text is expected. Write the text as one string."
)
DECLINED = Answer(objection="The answer declines the task or talks about it. Give the text alone.")
ECHO = Answer(objection="The answer repeats the prompt. Give the new text alone.")

_THOUGHTS = r"think(?:ing)?|thoughts?|reason(?:ing)?|reflection|analysis|scratchpad|seed:think"
# A block of thoughts at the start, in the forms of common models. Group 1 is the name that closes it.
_OPENING = re.compile(
    rf"\s*(?:<({_THOUGHTS})>|\[(think)\]|◁(think)▷|<\|channel\|>(?:analysis|thought)\b(?:<\|message\|>)?)",
    re.IGNORECASE,
)
_CHANNEL_END = re.compile(r"<\|end\|>|<\|channel\|>final(?:<\|message\|>)?|<channel\|>", re.IGNORECASE)
_CLOSING = re.compile(rf"</(?:{_THOUGHTS})>|\[/think\]|◁/think▷", re.IGNORECASE)
_CONTROL_TOKENS = re.compile(
    r"\A\s*(?:<\|start\|>assistant|<\|channel\|>final|<\|message\|>|<\|im_start\|>assistant|\s)+"
    r"|(?:<\|(?:end|return|im_end|eot_id|endoftext)\|>|</s>|\s)+\Z"
)
_COMPLETED = re.compile(r"\[\[\s*##\s*completed\s*##\s*\]\]", re.IGNORECASE)
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})([^`\n]*)$", re.MULTILINE)

_SUBJECT = r"(?:instructions?|prompt|text|version|description|code|source|answer|output|rewrite|result)"
_FRESH = r"(?:new|improved|updated|revised|rewritten|better|final|complete|full|proposed|optimized|refined)"
# A line before the text that announces it, and a paragraph after it that talks to the reader.
_TITLE = re.compile(
    rf"\A[\s*_#>-]*(?:the\s+)?(?:{_FRESH}[\s_]+)+{_SUBJECT}[\s*_]*(?::[\s*_]*)?(?:\n+|\Z)", re.IGNORECASE
)
_INTRODUCTION = re.compile(
    r"\A\W*(?:(?:sure|certainly|okay|ok|of course|absolutely|great|got it|yes)\b[^\n]{0,300}"
    r"|(?:here(?:['\u2019]s| is| are)|below is|this is|i(?:['\u2019]ve| have)|based on|following|after)\b"
    rf"[^\n]{{0,300}}{_SUBJECT}[^\n]{{0,200}}|(?:the\s+)?(?:{_FRESH}\s+)*{_SUBJECT}(?:\s+is)?\s*):?\W*\Z",
    re.IGNORECASE,
)
_FAREWELL = re.compile(
    r"\A\W*(?:let me know|i hope|hope this"
    r"|this (?:version|revised|new|updated|rewritten|improved|text|instruction)|feel free|please let"
    r"|if you(?:['\u2019]d| would| want| need| have)|i(?:['\u2019]ve| have) "
    r"|the (?:new|revised|updated|improved)|note:|key changes|changes(?: made)?|explanation|why this)\b",
    re.IGNORECASE,
)
_REFUSAL = re.compile(
    r"\A\W*(?:i['\u2019]?m (?:really |very |so )?sorry|(?:i am |we['\u2019]re |we are )?sorry\b"
    r"|i apologi[sz]e|my apologies"
    r"|i (?:can['\u2019]t|cannot|am unable|won['\u2019]t|will not)\b|i['\u2019]m (?:unable|not able)\b"
    r"|unfortunately,? i\b|as an ai\b)",
    re.IGNORECASE,
)
_ALOUD = re.compile(
    r"\A\W*(?:let me\b|let['\u2019]s (?:see|think|analy[sz]e|start|look)"
    r"|i(?:['\u2019]ll| will| would| need| think| should)\b"
    r"|h(?:mm+|m)\b|wait\b|okay,? (?:so|let)|the user (?:wants|asks|is)|we need to\b|looking at the)",
    re.IGNORECASE,
)
_LEAST_WORDS, _LEAST_CHARACTERS = 3, 20  # shorter texts without a layout may as well be an answer to the task


def read_answer(completion: str, field: str, echoed: tuple[str, ...] = ()) -> Answer:
    """Return the text of a completion, or why there is none.

    Args:
        completion: The model's answer as it came.
        field: Name of the one output field.
        echoed: Names of the prompt's input fields; their marks in an answer without a layout are an echo.
    """
    whole = _CONTROL_TOKENS.sub("", _mended(completion))
    body, open_thoughts = _without_thoughts(whole, field)
    if open_thoughts:
        return UNFINISHED_THOUGHTS
    answer = next(
        (found for read in (_from_marks, _from_json, _from_tags) if (found := read(body, field)) is not None),
        None,
    )
    if answer is None:
        answer = _from_prose(body, echoed)
    return answer if answer.objection else _checked(answer.text, field)


def is_visible(text: str) -> bool:
    """Return True if a reader would see anything of the text."""
    return any(
        unicodedata.category(c)[0] not in "CZ" and c not in "\u115f\u1160\u3164\uffa0\u2800" for c in text
    )


def without_thoughts(completion: str) -> tuple[str, bool]:
    """Return a completion behind the thoughts at its start, and True if they never end."""
    return _without_leading_block(_CONTROL_TOKENS.sub("", _mended(completion)))


def _mended(text: str) -> str:
    """Return the text with lone surrogates replaced, plain line ends, and without control characters."""
    lines = mended(text).replace("\r\n", "\n")
    return "".join(c for c in lines if c in "\n\t\r" or unicodedata.category(c) != "Cc")


def _checked(text: str, field: str) -> Answer:
    """Return the text that a layout held, unless it is none."""
    text, open_thoughts = _without_leading_block(_mended(text))
    if open_thoughts:
        return UNFINISHED_THOUGHTS
    text = _unfenced(text)
    marks = re.compile(rf"\[\[\s*##.*?##\s*\]\]|</?{re.escape(field)}>|```|~~~", re.IGNORECASE)
    if not is_visible(marks.sub("", text)):
        return EMPTY
    return DECLINED if _REFUSAL.match(text) else Answer(text)


# ------------------------------------------------------------------------------------------------ thoughts


def _without_thoughts(text: str, field: str) -> tuple[str, bool]:
    """Return the text behind its thoughts, and True if they never end."""
    text, open_thoughts = _without_leading_block(text)
    if open_thoughts:
        return text, True
    # Some servers leave out the opening tag. A closing tag counts if only thoughts can stand before it.
    closing = next(_CLOSING.finditer(text), None)
    if closing is not None and not _opens_before(text, closing):
        before, after = text[: closing.start()], text[closing.end() :]
        if is_visible(after) and (_from_layout(after, field) or not _from_layout(before, field)):
            return _without_thoughts(after, field)
    return text, False


def _without_leading_block(text: str) -> tuple[str, bool]:
    """Return the text without blocks of thoughts at its start, and True if one of them is never closed."""
    while (opening := _OPENING.match(text)) is not None:
        name = next((group for group in opening.groups() if group), None)
        rest = text[opening.end() :]
        end = _CHANNEL_END.search(rest) if name is None else _end_of_block(rest, name)
        if end is None:
            return text, True
        text = rest[end.end() :]
        if name is None:
            text = _CONTROL_TOKENS.sub("", text)
    return text.strip("\n") if not text.strip() else text, False


def _end_of_block(text: str, name: str) -> re.Match[str] | None:
    """Return the tag that closes a block whose opening tag stands before `text`; blocks may be nested."""
    depth = 1
    for tag in re.finditer(rf"[<\[◁](/?){re.escape(name)}[>\]▷]", text, re.IGNORECASE):
        depth += -1 if tag[1] else 1
        if depth == 0:
            return tag
    return None


def _opens_before(text: str, closing: re.Match[str]) -> bool:
    name = closing[0].strip("</>[]◁▷")
    return re.search(rf"[<\[◁]{re.escape(name)}[>\]▷]", text[: closing.start()], re.IGNORECASE) is not None


# ------------------------------------------------------------------------------------------------ layouts


def _header(field: str) -> re.Pattern[str]:
    return re.compile(
        rf"^[ \t>*]*\[\[\s*##\s*{re.escape(field)}\s*##\s*\]\][ \t:*]*", re.MULTILINE | re.IGNORECASE
    )


def _from_layout(text: str, field: str) -> Answer | None:
    return _from_marks(text, field) or _from_json(text, field) or _from_tags(text, field)


def _from_marks(text: str, field: str) -> Answer | None:
    """Read `[[ ## field ## ]]`: up to the end mark at the end, from the last header with a text behind it."""
    text = _whole_block(text.strip()) or text
    headers = list(_header(field).finditer(text))
    if not headers:
        return None
    starts = [header.end() for header in headers]
    ends = [header.start() for header in headers[1:]] + [len(text)]
    answers = [_until_completed(text[a:b]) for a, b in zip(starts, ends, strict=True)]
    answers = [answer for answer in answers if answer.objection != EMPTY.objection]
    if not answers:
        return EMPTY
    inner = _json_text(answers[-1].text, field)
    return answers[-1] if inner is None else inner


def _until_completed(value: str) -> Answer:
    marks = list(_COMPLETED.finditer(value))
    if marks:
        behind = value[marks[-1].end() :]
        if not behind.strip() or (behind.lstrip(" \t").startswith("\n") and _is_farewell(behind)):
            value = value[: marks[-1].start()]
        elif re.search(r"^[ \t]*\Z", value[: marks[-1].start()].rpartition("\n")[2]):
            return AMBIGUOUS  # the mark stands alone on its line, and the answer goes on
    return Answer(value.strip()) if value.strip() else EMPTY


def _from_json(text: str, field: str) -> Answer | None:
    """Read a JSON object that has the field, alone, in a fence or after talk; or a JSON string."""
    stripped = text.strip()
    if stripped.startswith('"') and isinstance(string := _load(stripped), str):
        return Answer(string.strip()) if string.strip() else EMPTY
    for candidate in (stripped, _unfenced(stripped), _only_block(stripped) or ""):
        found = _json_text(candidate, field)
        if found is not None:
            return found
    return _last_object(stripped, field)


def _json_text(text: str, field: str) -> Answer | None:
    return _value_of(_load(text), field) if text.startswith("{") else None


def _value_of(data: object, field: str) -> Answer | None:
    if not isinstance(data, dict) or field not in data:
        return None
    value = data[field]
    if isinstance(value, str):
        return Answer(value.strip()) if value.strip() else EMPTY
    return EMPTY if value is None else NOT_TEXT


def _last_object(text: str, field: str) -> Answer | None:
    """Read the last JSON object that has the field and begins a line, with talk around it."""
    decoder, found = json.JSONDecoder(strict=False), None
    position = 0
    for line in text.splitlines(keepends=True):
        start = position + len(line) - len(line.lstrip())
        position += len(line)
        if text[start : start + 1] != "{" or f'"{field}"' not in text[start:]:
            continue
        try:
            data, _ = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        found = _value_of(data, field) or found
    return found


def _load(text: str) -> object:
    try:
        return json.loads(text, strict=False)  # models write line breaks into strings
    except (ValueError, RecursionError):
        return None


def _from_tags(text: str, field: str) -> Answer | None:
    """Read `<field>...</field>`: the last complete block; tags inside a block belong to its text."""
    opening = re.compile(rf"^[ \t`]*<{re.escape(field)}>", re.MULTILINE | re.IGNORECASE)
    closing = re.compile(rf"</{re.escape(field)}>", re.IGNORECASE)
    first = opening.search(text)
    if first is None:
        return None
    ends = list(closing.finditer(text, first.end()))
    if not ends:
        return AMBIGUOUS
    behind = text[ends[-1].end() :].strip(" \t\n`")
    if behind and not _is_farewell(_COMPLETED.sub("", behind)) and _COMPLETED.sub("", behind).strip():
        return AMBIGUOUS
    start = first
    for end in ends[:-1]:  # a block that ends and begins anew on later lines was a draft
        again = opening.search(text, end.end())
        if again is not None and text[end.end() : again.start()].strip() == "":
            start = again
    value = text[start.end() : ends[-1].start()].strip()
    if value.startswith("<![CDATA[") and value.endswith("]]>"):
        value = value[len("<![CDATA[") : -len("]]>")].strip()
    return Answer(value) if value else EMPTY


# ------------------------------------------------------------------------------------------------ no layout


def _from_prose(text: str, echoed: tuple[str, ...]) -> Answer:
    """Read an answer without a layout: one fenced block with talk around it, a quoted text, or plain text."""
    stripped = text.strip()
    if any(re.search(rf"^\W*\[\[ ## {re.escape(name)} ## \]\]", stripped, re.MULTILINE) for name in echoed):
        return ECHO
    stripped = (
        _COMPLETED.sub("", stripped)
        if _COMPLETED.fullmatch(stripped.rpartition("\n")[2].strip())
        else stripped
    )
    stripped = stripped.strip()
    if _FENCE.search(stripped):
        return _from_fence(stripped)
    plain = _unquoted(_untitled(stripped))
    if plain[:1] in ("{", "[") and not isinstance(_load(plain), (str, type(None))):
        return NOT_TEXT
    if _INTRODUCTION.match(plain.partition("\n")[0]) and "\n" in plain:
        plain = plain.partition("\n")[2].strip()
    if _is_farewell(plain.rpartition("\n\n")[2]) and "\n\n" in plain:
        return AMBIGUOUS
    if _REFUSAL.match(plain) or _ALOUD.match(plain):
        return DECLINED
    if len(plain.split()) < _LEAST_WORDS and len(plain) < _LEAST_CHARACTERS:
        return EMPTY if not is_visible(plain) else AMBIGUOUS
    return Answer(plain)


def _from_fence(text: str) -> Answer:
    if (block := _whole_block(text)) is not None:
        return Answer(block) if block else EMPTY
    if (block := _only_block(text)) is not None:
        return Answer(block) if block else EMPTY
    return AMBIGUOUS


def _whole_block(text: str) -> str | None:
    """Return the content of a fence around the whole text; None if there is none."""
    fences = list(_FENCE.finditer(text))
    if len(fences) < 2 or fences[0].start() != 0 or fences[-1].end() != len(text.rstrip()):
        return None
    first, last = fences[0], fences[-1]
    if last[2].strip() or not last[1].startswith(first[1]):
        return None
    return text[first.end() : last.start()].strip("\n")


def _only_block(text: str) -> str | None:
    """Return the content of a fence with nothing but talk before and after it; None if there is none."""
    fences = list(_FENCE.finditer(text))
    if len(fences) < 2:
        return None
    before, after = text[: fences[0].start()].strip(), text[fences[-1].end() :].strip()
    introduced = not before or all(
        _INTRODUCTION.match(part) or _TITLE.match(part) for part in before.splitlines() if part
    )
    if introduced and (not after or _is_farewell(after)):
        return _whole_block(text[fences[0].start() : fences[-1].end()])
    return None


def _unfenced(text: str) -> str:
    """Return the text without a fence around the whole of it, if it holds no other fence."""
    stripped = text.strip()
    block = _whole_block(stripped) if len(_FENCE.findall(stripped)) == 2 else None
    return stripped if block is None else block.strip()


def _untitled(text: str) -> str:
    title = _TITLE.match(text)
    return text[title.end() :].strip() if title and is_visible(text[title.end() :]) else text


def _unquoted(text: str) -> str:
    for opening, closing in (('"', '"'), ("“", "”"), ("«", "»"), ("'''", "'''"), ('"""', '"""')):
        inner = text[len(opening) : -len(closing)]
        if (
            text.startswith(opening)
            and text.endswith(closing)
            and opening not in inner
            and closing not in inner
        ):
            return inner.strip()
    return text


def _is_farewell(text: str) -> bool:
    return "\n" not in text.strip() and len(text) < 400 and _FAREWELL.match(text.strip()) is not None
