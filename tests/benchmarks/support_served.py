"""Models behind a loopback server that stand in for real ones in the small tasks."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from dspy.lm15 import Message, Request, Response, TextPart, Usage

LEARNED = 'Write in lower case, at most six words. Begin with "try" and end with the season.'


def texts(request: Request) -> tuple[str, str]:
    """The system message and the last user message."""
    system = request.system if isinstance(request.system, str) else ""
    parts = request.system if isinstance(request.system, tuple) else ()
    system += "".join(part.text for part in parts if isinstance(part, TextPart))
    last = request.messages[-1]
    return system, "".join(part.text for part in last.parts if isinstance(part, TextPart))


def reply(request: Request, text: str) -> Response:
    return Response(
        id=None,
        model=request.model,
        message=Message.assistant([TextPart(text)]),
        finish_reason="stop",
        usage=Usage(input_tokens=10, output_tokens=5, total_tokens=15),
    )


@dataclass(frozen=True)
class LineWriter:
    """Keeps the rules of `lines` once the instruction tells them."""

    def complete(self, request: Request) -> Response:
        system, user = texts(request)
        season = user.rpartition("season: ")[2].strip()
        return reply(request, f"try it this {season}" if "lower case" in system else "Buy This Lamp Now.")


@dataclass(frozen=True)
class RuleTeller:
    """Knows the rules, and tells them in the layout that the asking prompt wants."""

    def complete(self, request: Request) -> Response:
        if "JSON object" in "".join(texts(request)):
            return reply(request, json.dumps({"new_instruction": LEARNED}))
        return reply(request, f"[[ ## new_instruction ## ]]\n{LEARNED}\n\n[[ ## completed ## ]]")


@dataclass
class TitleWriter:
    """Answers each predictor of `hops` with a title, and keeps what it was asked."""

    titles: list[str]
    asked: list[str] = field(default_factory=list)

    def complete(self, request: Request) -> Response:
        self.asked.append(texts(request)[1])
        return reply(request, self.titles[len(self.asked) - 1])
