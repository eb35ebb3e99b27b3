"""An OpenAI-compatible server on the loopback in front of simulated models, which can fail on purpose.

`dspy.LM("openai/task", api_base=server.url, api_key="any")` then takes the whole road to a provider: DSPy's
native client or LiteLLM, HTTP, status codes, headers, retries. The server keeps a record of its requests
without keys and headers.

    with SimulatedServer({"task": engine}, FaultPlan.of(Randomly(0.2))) as server:
        lm = dspy.LM("openai/task", api_base=server.url, api_key="any", cache=False)
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
import struct
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from aiohttp import web
from dspy.lm15 import Request, Response, request_from_openai_chat

from benchmarks.simulated.faults import Call, FaultKind, FaultPlan
from benchmarks.simulated.latency import Engine

_PATH = "/v1/chat/completions"


@dataclass(frozen=True)
class Served:
    """A request that came in, and what went wrong with it."""

    call: Call
    fault: FaultKind | None


class SimulatedServer:
    """Serves engines by model name, from its own thread, while its `with` block runs.

    Args:
        engines: The models. An engine is called from several threads.
        faults: What goes wrong.

    Attributes:
        served: Every request so far, in the order in which they came.
    """

    def __init__(self, engines: Mapping[str, Engine], faults: FaultPlan | None = None) -> None:
        self._engines = dict(engines)
        self._plan = faults or FaultPlan()
        self._numbers: Counter[str] = Counter()
        self._attempts: Counter[tuple[str, str]] = Counter()
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._socket = socket.socket()
        self._thread = threading.Thread(target=self._run, name="simulated-server", daemon=True)
        self.served: list[Served] = []

    @property
    def url(self) -> str:
        """What an LM needs as its `api_base`."""
        host, port = self._socket.getsockname()
        return f"http://{host}:{port}/v1"

    def count(self, model: str | None = None, fault: FaultKind | None = None) -> int:
        """Requests so far; only those of a model, only those that met a fault."""
        return sum(
            (model is None or s.call.model == model) and (fault is None or s.fault == fault)
            for s in self.served
        )

    @property
    def failed(self) -> int:
        """Requests that met a fault."""
        return sum(s.fault is not None for s in self.served)

    def __enter__(self) -> SimulatedServer:
        self._socket.bind(("127.0.0.1", 0))
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        runner = self._loop.run_until_complete(self._start())
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    async def _start(self) -> web.AppRunner:
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_post(_PATH, self._complete)
        app.router.add_get("/v1/models", self._list_models)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        await web.SockSite(runner, self._socket, backlog=2048).start()
        return runner

    async def _list_models(self, request: web.Request) -> web.StreamResponse:
        models = [{"id": name, "object": "model", "owned_by": "simulated"} for name in self._engines]
        return web.json_response({"object": "list", "data": models})

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        call = self._register(body)
        fault = self._plan.fault(call)
        self.served.append(Served(call, fault))
        await asyncio.sleep(self._plan.seconds(call))
        if fault is not None:
            return await _MISBEHAVIOURS[fault](request, call, self._plan)
        if call.model not in self._engines:
            return await _not_found(request, call, self._plan)
        if body.get("stream"):
            return _error(400, "This server does not stream.", "invalid_request_error", "unsupported")
        response = await asyncio.to_thread(self._engines[call.model].complete, _read(body))
        return web.json_response(_write(call, response))

    def _register(self, body: Mapping[str, Any]) -> Call:
        """Count a request. Only the event loop's thread comes here."""
        model = str(body.get("model"))
        prompt = hashlib.sha256(json.dumps(body.get("messages"), sort_keys=True).encode()).hexdigest()[:16]
        self._numbers[model] += 1
        self._attempts[model, prompt] += 1
        return Call(self._numbers[model], model, prompt, self._attempts[model, prompt])


def _read(body: Mapping[str, Any]) -> Request:
    """A request body as the engines take it, without the options that change nothing for them."""
    return request_from_openai_chat(
        {name: body[name] for name in body if name not in {"n", "stream", "top_k"}}
    )


def _write(call: Call, response: Response) -> dict[str, Any]:
    usage = response.usage
    return {
        "id": f"chatcmpl-{call.prompt}-{call.attempt}",
        "object": "chat.completion",
        "created": 0,
        "model": call.model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": response.message.text or ""},
                "finish_reason": response.finish_reason,
            }
        ],
        "usage": {
            "prompt_tokens": usage.input_tokens,
            "completion_tokens": usage.output_tokens,
            "total_tokens": usage.total_tokens,
        },
    }


# What a request meets that is chosen to fail --------------------------------------------------------------

Misbehaviour = Callable[[web.Request, Call, FaultPlan], Awaitable[web.StreamResponse]]


def _error(
    status: int, message: str, kind: str, code: str | None = None, *, retry_after: float | None = None
) -> web.Response:
    headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
    error = {"message": message, "type": kind, "param": None, "code": code}
    return web.json_response({"error": error}, status=status, headers=headers)


def _cut_answer(call: Call) -> bytes:
    """The first half of an answer."""
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    message = {"role": "assistant", "content": "an answer of which the second half is missing"}
    whole = {"id": "chatcmpl", "object": "chat.completion", "model": call.model, "usage": usage}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    text = json.dumps(whole | {"choices": [choice]})
    return text[: len(text) - 40].encode()


async def _too_many(request: web.Request, call: Call, plan: FaultPlan) -> web.StreamResponse:
    message = f"Rate limit reached for {call.model}. Please try again later."
    return _error(429, message, "requests", "rate_limit_exceeded", retry_after=plan.retry_after)


async def _server_error(request: web.Request, call: Call, plan: FaultPlan) -> web.StreamResponse:
    return _error(500, "The server had an error while processing your request.", "server_error")


async def _unavailable(request: web.Request, call: Call, plan: FaultPlan) -> web.StreamResponse:
    message = "The engine is currently overloaded, please try again later."
    return _error(503, message, "server_error", retry_after=plan.retry_after)


async def _reset(request: web.Request, call: Call, plan: FaultPlan) -> web.StreamResponse:
    transport = request.transport
    if transport is not None:
        # With no time to linger a close is an RST, not a polite end.
        linger = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
    return web.Response()


async def _never(request: web.Request, call: Call, plan: FaultPlan) -> web.StreamResponse:
    await asyncio.Event().wait()  # until the client hangs up, or the server goes
    raise AssertionError("nobody sets this event")


async def _truncated(request: web.Request, call: Call, plan: FaultPlan) -> web.StreamResponse:
    cut = _cut_answer(call)
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = len(cut) + 40
    await response.prepare(request)
    await response.write(cut)
    if request.transport is not None:
        request.transport.close()
    return response


async def _invalid_json(request: web.Request, call: Call, plan: FaultPlan) -> web.StreamResponse:
    return web.Response(body=_cut_answer(call), content_type="application/json")


async def _wrong_type(request: web.Request, call: Call, plan: FaultPlan) -> web.StreamResponse:
    page = "<html><body><h1>Gateway</h1>The upstream is being restarted.</body></html>"
    return web.Response(text=page, content_type="text/html")


async def _unauthorized(request: web.Request, call: Call, plan: FaultPlan) -> web.StreamResponse:
    # As some providers do, it repeats the key: what is logged of it is the client's responsibility.
    key = request.headers.get("Authorization", "Bearer ").removeprefix("Bearer ")
    return _error(401, f"Incorrect API key provided: {key}.", "invalid_request_error", "invalid_api_key")


async def _not_found(request: web.Request, call: Call, plan: FaultPlan) -> web.StreamResponse:
    message = f"The model `{call.model}` does not exist or you do not have access to it."
    return _error(404, message, "invalid_request_error", "model_not_found")


async def _too_long(request: web.Request, call: Call, plan: FaultPlan) -> web.StreamResponse:
    message = "This model's maximum context length is 4096 tokens. Please reduce the length of the messages."
    return _error(400, message, "invalid_request_error", "context_length_exceeded")


async def _empty(request: web.Request, call: Call, plan: FaultPlan) -> web.StreamResponse:
    message = {"role": "assistant", "content": ""}
    usage = {"prompt_tokens": 1, "completion_tokens": 0, "total_tokens": 1}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    answer = {"id": "chatcmpl", "object": "chat.completion", "created": 0, "model": call.model}
    return web.json_response(answer | {"choices": [choice], "usage": usage})


_MISBEHAVIOURS: dict[FaultKind, Misbehaviour] = {
    "429": _too_many,
    "500": _server_error,
    "503": _unavailable,
    "reset": _reset,
    "timeout": _never,
    "truncated": _truncated,
    "invalid_json": _invalid_json,
    "content_type": _wrong_type,
    "401": _unauthorized,
    "404": _not_found,
    "context_length": _too_long,
    "empty": _empty,
}
