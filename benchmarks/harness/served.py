"""Language models behind an OpenAI-compatible server, with every call kept in a record.

The record is a file of SQLite. At temperature 0 an answer depends on the prompt alone, and a prompt that was
asked before is answered from the record, whichever cell asks. At other temperatures the answer also depends
on how often this cell has asked for it, so that a cell which is run again is answered as it was.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dspy
from dspy.lm15 import (
    ContextLengthError,
    InvalidRequestError,
    Message,
    Request,
    Response,
    ServerError,
    TextPart,
    TransportError,
    Usage,
)

from benchmarks.harness.models import Models
from benchmarks.tasks import Task

PATIENCE = 4 * 3600.0  # seconds; a server may queue requests for long
_BUSY = 60.0  # seconds that a writer waits for another one
RETRIES = 2  # of a request that got no answer


@dataclass(frozen=True)
class Sampling:
    """Sampling options of a role. seconds: the longest wait for an answer."""

    temperature: float
    max_tokens: int
    stop: tuple[str, ...] = ()
    seconds: float = PATIENCE


TASK = Sampling(0.0, 20, stop=("\n",))  # answers of the small tasks have one line of few tokens
REFLECTION = Sampling(1.0, 2_000)


@dataclass(frozen=True)
class Answer:
    """An answer of a server, its tokens, and True if its length limit cut it off."""

    text: str
    prompt_tokens: int
    completion_tokens: int
    cut_off: bool


class Record:
    """Prompts and answers in a file, shared by processes and threads."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = file
        self._local = threading.local()
        with self._db as db:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("CREATE TABLE IF NOT EXISTS calls (key TEXT PRIMARY KEY, body TEXT, answer TEXT)")

    @property
    def _db(self) -> sqlite3.Connection:
        if not hasattr(self._local, "db"):  # a connection belongs to its thread
            self._local.db = sqlite3.connect(self._file, timeout=_BUSY)
        db: sqlite3.Connection = self._local.db
        return db

    def get(self, key: str) -> Answer | None:
        """Return the recorded answer, or None."""
        found = self._db.execute("SELECT answer FROM calls WHERE key = ?", (key,)).fetchone()
        return Answer(**json.loads(found[0])) if found else None

    def put(self, key: str, body: Mapping[str, Any], answer: Answer) -> Answer:
        """Store an answer, and return the one that was stored first."""
        with self._db as db:
            told = (key, json.dumps(body, ensure_ascii=False), json.dumps(vars(answer), ensure_ascii=False))
            db.execute("INSERT OR IGNORE INTO calls VALUES (?, ?, ?)", told)
        return self.get(key) or answer

    def digest(self) -> dict[str, tuple[int, str]]:
        """Return the number of calls of each model, and a hash of their prompts and answers."""
        hashes: dict[str, Any] = {}
        counts: Counter[str] = Counter()
        for key, body, answer in self._db.execute("SELECT key, body, answer FROM calls ORDER BY key"):
            model = json.loads(body)["model"]
            counts[model] += 1
            hashes.setdefault(model, hashlib.sha256()).update(f"{key}\0{answer}\0".encode())
        return {model: (counts[model], hashes[model].hexdigest()[:12]) for model in sorted(counts)}


@dataclass
class ServedEngine:
    """The engine of a `dspy.LM`: asks a server, or the record.

    base: address of the server, as `http://127.0.0.1:8101/v1`.
    model: its name there.
    """

    base: str
    model: str
    sampling: Sampling
    record: Record
    _asked: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def complete(self, request: Request) -> Response:
        """Answer a request."""
        body = self._body(request)
        key = self._key(body)
        answer = self.record.get(key)
        if answer is None:
            answer = self.record.put(key, body, self._ask(body))
        spent = answer.prompt_tokens, answer.completion_tokens
        return Response(
            id=None,
            model=request.model,
            message=Message.assistant([TextPart(answer.text)]),
            finish_reason="length" if answer.cut_off else "stop",
            usage=Usage(input_tokens=spent[0], output_tokens=spent[1], total_tokens=sum(spent)),
        )

    def _body(self, request: Request) -> dict[str, Any]:
        system = [("system", request.system)] if request.system else []
        turns = [*system, *((message.role, message.parts) for message in request.messages)]
        return {
            "model": self.model,
            "messages": [{"role": role, "content": _text(parts)} for role, parts in turns],
            "temperature": self.sampling.temperature,
            "max_tokens": self.sampling.max_tokens,
            **({"stop": list(self.sampling.stop)} if self.sampling.stop else {}),
        }

    def _key(self, body: Mapping[str, Any]) -> str:
        key = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        if not self.sampling.temperature:
            return key
        with self._lock:
            self._asked[key] += 1
            return f"{key}-{self._asked[key]}"

    def _ask(self, body: Mapping[str, Any]) -> Answer:
        headers = {"content-type": "application/json"}
        if secret := os.environ.get("OPENAI_API_KEY"):
            headers["authorization"] = f"Bearer {secret}"
        request = urllib.request.Request(
            f"{self.base.rstrip('/')}/chat/completions", json.dumps(body).encode(), headers
        )
        try:
            with urllib.request.urlopen(request, timeout=self.sampling.seconds) as response:
                return _answer(json.load(response))
        except urllib.error.HTTPError as error:
            raise _refused(error, body) from error
        except (OSError, ValueError, LookupError) as error:
            raise TransportError(f"{self.base} gave no answer: {error!r}. Is the server running?") from error

    def close(self) -> None:
        """Nothing to release: every request has a connection of its own."""


@dataclass(frozen=True)
class AsyncServedEngine:
    """The same behind DSPy's asynchronous interface; a call blocks its event loop."""

    engine: ServedEngine

    async def complete(self, request: Request) -> Response:
        """Answer a request."""
        return self.engine.complete(request)

    async def aclose(self) -> None:
        """Nothing to release."""


@dataclass(frozen=True)
class ServedModels(Models):
    """Models behind servers of one's own, with a record.

    Attributes:
        reflection_api_base: Server of the reflection model; None for that of the task model.
        record: File of the record.
    """

    reflection_api_base: str | None = None
    record: str = "record.sqlite"

    def task_lm(self, task: Task, seed: int) -> dspy.LM:
        """Return the model that runs the program, at temperature 0."""
        return self._lm(self.task, self.task, self.api_base, TASK)

    def reflection_lm(self, task: Task, seed: int) -> dspy.LM:
        """Return the model that rewrites instructions, at temperature 1.

        It has a name of its own, so that its calls are told from those of the task, if it is the same model.
        """
        base = self.reflection_api_base or self.api_base
        return self._lm(self.reflection, f"{self.reflection} (reflection)", base, REFLECTION)

    def judge_lm(self) -> dspy.LM | None:
        """Return None: no small task has a judge."""
        return None

    def _lm(self, name: str, shown: str, base: str | None, sampling: Sampling) -> dspy.LM:
        engine = ServedEngine(str(base), name.removeprefix("openai/"), sampling, Record(Path(self.record)))
        return dspy.LM(
            shown,
            engine=engine,
            async_engine=AsyncServedEngine(engine),
            temperature=sampling.temperature,
            max_tokens=sampling.max_tokens,
            cache=False,
            num_retries=RETRIES,
        )


def _text(parts: Any) -> str:
    if isinstance(parts, str):
        return parts
    return "\n".join(part.text for part in parts if isinstance(part, TextPart))


def _answer(reply: Mapping[str, Any]) -> Answer:
    (choice,), usage = reply["choices"], reply.get("usage") or {}
    return Answer(
        str(choice["message"].get("content") or ""),
        int(usage.get("prompt_tokens") or 0),
        int(usage.get("completion_tokens") or 0),
        choice.get("finish_reason") == "length",
    )


def _refused(error: urllib.error.HTTPError, body: Mapping[str, Any]) -> Exception:
    told = error.read(2_000).decode(errors="replace")
    busy = error.code == 429 or error.code >= 500
    kind: type[Exception] = (
        ServerError if busy else ContextLengthError if "context" in told else InvalidRequestError
    )
    return kind(f"The server of {body['model']} refused a request with HTTP {error.code}: {told}")
