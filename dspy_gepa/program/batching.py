"""Language model calls by a provider's batch interface: half the price, answered within hours.

A `BatchedModel` is the engine of a `dspy.LM`. Where `in_batches` is entered its calls are collected from all
threads, submitted together and waited for; elsewhere they are made at once. The clients of providers are
those that DSPy brings.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import dspy

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.program.plain import repr_of
from dspy_gepa.program.redaction import describe

# DSPy's settings reach the threads that a program starts; context variables may not.
_BATCHES = "dspy_gepa_batches"
_KEYS = ("api_key", "api_base", "base_url")
# A provider that fails to answer when asked for the state of a batch is asked again this many times.
FAILED_POLLS = 20
_PASSING = (dspy.lm15.RateLimitError, dspy.lm15.TimeoutError, dspy.lm15.ServerError, dspy.lm15.TransportError)
Answers = dict[int, Any]
_log = logging.getLogger("dspy_gepa")


@contextlib.contextmanager
def in_batches() -> Iterator[None]:
    """Have batched models collect the calls that are made inside."""
    with dspy.context(**{_BATCHES: True}):
        yield


def batched_lm(lm: Any, batches: Batches) -> dspy.LM:
    """Return a copy of a language model whose calls are collected where `in_batches` is entered.

    Raises:
        ConfigurationError: It is no `dspy.LM`, or its provider has no batch interface.
    """
    if not isinstance(lm, dspy.LM) or not isinstance(lm.engine, str):
        raise ConfigurationError(f"{lm!r} is no dspy.LM of a provider, so that nothing can batch its calls.")
    client = _client_of(lm)
    engine = BatchedModel(client, batches, lm.model.partition("/")[2])
    own = dict.fromkeys(key for key in _KEYS if key in lm.kwargs)
    copied: dspy.LM = lm.copy(engine=engine, async_engine=AsyncBatchedModel(engine), **own)
    return copied


def _client_of(lm: dspy.LM) -> Any:
    """Return the client of a model's provider that knows its batch interface."""
    provider, _, model = lm.model.partition("/")
    url = lm.kwargs.get("api_base") or lm.kwargs.get("base_url")
    key = lm.kwargs.get("api_key")
    config = dspy.lm15.RouterConfig(
        api_keys={provider: key} if key else None, base_urls={provider: url} if url else None
    )
    try:
        client = dspy.lm15.LMRouter(config).lm(f"{provider}:{model}")
    except dspy.lm15.LM15Error as error:
        raise ConfigurationError(f"There is no batch interface for {lm.model!r}: {error}") from error
    if not client.supports.batches:
        raise ConfigurationError(
            f"The provider {provider!r} of {lm.model!r} has no batch interface that DSPy knows; OpenAI, "
            "Anthropic and Gemini have one. Pass the model to the program as it is."
        )
    return client


class BatchedModel:
    """The engine of a batched language model.

    Args:
        client: Client of the provider: `complete` answers one request at once.
        batches: Collects requests.
        model: Name of the model at the provider.
    """

    def __init__(self, client: Any, batches: Batches, model: str) -> None:
        self._client = client
        self._batches = batches
        self._model = model

    def __deepcopy__(self, memo: dict[int, Any]) -> BatchedModel:
        return self  # copies of the model share its batches

    def complete(self, request: Any) -> Any:
        """Answer a request: at once, or, inside `in_batches`, when its batch is answered."""
        request = replace(request, model=self._model)
        if dspy.settings.get(_BATCHES):
            return self._batches.answer(self._client, request)
        return self._client.complete(request)


class AsyncBatchedModel:
    """The asynchronous engine of a batched language model: a thread waits for each answer."""

    def __init__(self, engine: BatchedModel) -> None:
        self._engine = engine

    def __deepcopy__(self, memo: dict[int, Any]) -> AsyncBatchedModel:
        return self

    async def complete(self, request: Any) -> Any:
        """Answer a request as the other engine does."""
        return await asyncio.to_thread(self._engine.complete, request)


class Batches:
    """Collects requests from many threads, submits them together and waits for the answers.

    A batch is submitted when no request was added for a while, or when it is full. Requests that are equal
    are asked once. With a file, the identifiers of batches outlive the process: a later one that makes the
    same requests reads their answers and does not submit them again.

    Args:
        quiet: Seconds without a new request after which a batch is submitted.
        poll: Seconds between two requests for the state of a batch.
        most: Maximum number of requests in a batch.
        record: File for the identifiers of batches, appended to; None keeps none.
    """

    def __init__(self, *, quiet: float, poll: float, most: int, record: Path | None = None) -> None:
        self._quiet, self._poll, self._most, self._record = quiet, poll, most, record
        self._changed = threading.Condition()
        self._never = threading.Event()
        self._pending: dict[str, _Pending] = {}
        self._new: dict[int, list[_Pending]] = {}  # by client: a batch goes to one provider
        self._submitted = _read(record)
        self._fetched: dict[str, Future[Answers]] = {}

    def answer(self, client: Any, request: Any) -> Any:
        """Return the response to a request; wait until its batch is answered.

        Raises:
            dspy.lm15.LM15Error: The provider refused the request, or ended its batch before it.
        """
        digest = hashlib.sha256(repr_of(request).encode("utf-8", "surrogatepass")).hexdigest()
        with self._changed:
            pending = self._pending.get(digest)
            place = None if pending else self._submitted.pop(digest, None)
        if place is not None and (response := self._earlier(client, *place)) is not None:
            return response
        with self._changed:
            pending = self._pending.get(digest) or self._add(_Pending(digest, client, request))
        return pending.future.result()

    def _add(self, pending: _Pending) -> _Pending:
        """Add a request to the batch that is collected for its client; the lock is held."""
        self._pending[pending.digest] = pending
        collected = self._new.setdefault(id(pending.client), [])
        collected.append(pending)
        self._changed.notify_all()
        if len(collected) == 1:
            work = threading.Thread(target=self._collect, args=(pending.client,), daemon=True)
            work.start()
        return pending

    def _collect(self, client: Any) -> None:
        """Wait until a batch is complete, submit it, and wait for its answers."""
        key = id(client)
        with self._changed:
            size = 0
            while size < len(self._new[key]) < self._most:
                size = len(self._new[key])
                self._changed.wait_for(partial(self._is_more, key, size), self._quiet)
            batch, rest = self._new[key][: self._most], self._new.pop(key)[self._most :]
            for pending in rest:
                self._add(pending)
        try:
            job = client.batch_submit(dspy.lm15.BatchRequest(requests=tuple(p.request for p in batch)))
        except Exception as error:
            self._settle(batch, {}, error)
            return
        _log.info("a batch of %d calls was submitted to %s as %s", len(batch), client.provider, job.id)
        self._note(job.id, batch)
        try:
            found = self._results(client, job.id)
        except Exception as error:
            with self._changed:  # it may still be answered: a repeated request looks there first
                self._submitted |= {pending.digest: (job.id, place) for place, pending in enumerate(batch)}
            self._settle(batch, {}, error)
        else:
            self._settle(batch, found, dspy.lm15.ServerError(f"the batch {job.id} ended without this answer"))

    def _is_more(self, key: int, size: int) -> bool:
        return len(self._new[key]) > size

    def _results(self, client: Any, identifier: str) -> Answers:
        """Wait for a batch and return a response, or an error, for each request by its place."""
        failures = 0
        while True:
            try:
                if client.batch_status(identifier).done:
                    return {e.index: _answer_of(e, identifier) for e in client.batch_results(identifier)}
                failures = 0
            except _PASSING:
                failures += 1
                if failures == FAILED_POLLS:
                    raise
            self._never.wait(self._poll)

    def _earlier(self, client: Any, identifier: str, place: int) -> Any:
        """Return a response from a batch that was submitted before; None if it is not to be had."""
        with self._changed:
            fetched = self._fetched.get(identifier)
            is_first = fetched is None
            if fetched is None:
                fetched = self._fetched[identifier] = Future()
        if is_first:
            try:
                fetched.set_result(self._results(client, identifier))
            except Exception as error:
                _log.warning(
                    "batch %s cannot be read; its calls are made again: %s", identifier, describe(error)
                )
                fetched.set_result({})
        found = fetched.result().get(place)
        return None if isinstance(found, Exception) else found

    def _note(self, identifier: str, batch: Sequence[_Pending]) -> None:
        if self._record is not None:
            line = json.dumps({"batch": identifier, "requests": [pending.digest for pending in batch]})
            self._record.parent.mkdir(parents=True, exist_ok=True)
            with self._changed, self._record.open("a", encoding="utf-8") as file:
                file.write(line + "\n")

    def _settle(self, batch: Sequence[_Pending], found: Answers, missing: Exception) -> None:
        """Give each request its answer, or the error for those that have none."""
        with self._changed:
            for pending in batch:
                del self._pending[pending.digest]
        for place, pending in enumerate(batch):
            answer = found.get(place, missing)
            if isinstance(answer, Exception):
                pending.future.set_exception(answer)
            else:
                pending.future.set_result(answer)


@dataclass(eq=False)
class _Pending:
    """A request that waits for its answer."""

    digest: str
    client: Any
    request: Any
    future: Future[Any] = field(default_factory=Future)


def _read(record: Path | None) -> dict[str, tuple[str, int]]:
    """Return the batch of each recorded request and its place in it, by digest, without damaged lines."""
    found: dict[str, tuple[str, int]] = {}
    if record is None or not record.exists():
        return found
    for line in record.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            entry = json.loads(line)
            found |= {str(digest): (str(entry["batch"]), i) for i, digest in enumerate(entry["requests"])}
        except (ValueError, KeyError, TypeError):  # cut off when the process was killed
            _log.warning("a line of %s cannot be read; the calls of its batch are made again", record)
    return found


def _answer_of(entry: Any, identifier: str) -> Any:
    """Return the response of an entry of a batch, or the error of the class that its code names."""
    if entry.ok:
        return entry.response
    if entry.error is None:
        return dspy.lm15.ServerError(f"the batch {identifier} ended before this request: {entry.outcome}")
    kinds = [kind for kind in vars(dspy.lm15).values() if isinstance(kind, type)]
    errors = [kind for kind in kinds if issubclass(kind, dspy.lm15.ProviderError)]
    named = [kind for kind in errors if getattr(kind, "default_code", None) == entry.error.code]
    return next(iter(named), dspy.lm15.ProviderError)(entry.error.message)
