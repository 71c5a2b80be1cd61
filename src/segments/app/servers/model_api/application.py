"""The server of the model in use as an ASGI application. Comes in: requests. Goes out: the model's answers, or one sentence that says what is wrong.

It speaks the protocol of MLflow's scoring server (`mlflow models serve` answers the same, ten times slower), with limits on what a request may be, and answers
without tracebacks or customers in them.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, NamedTuple

import pandas as pd

from segments.app.servers import child
from segments.app.servers.model_api import invocations, known_customers
from segments.app.servers.model_api.events import EventLog
from segments.app.servers.model_api.metrics import Metrics
from segments.app.servers.model_api.patience import Patience
from segments.config.root import Config
from segments.config.serving import ServingConfig
from segments.errors import SegmentsError, first_line
from segments.model.segmentation import Segmentation

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]
Answers = list[bytes]

CUSTOMER_PATH = "/customers/"  # then an id
EVENTS = "/events"
OTHER_PATH = "other"  # what is counted of paths that there are not
PATHS = {"/invocations": "POST", EVENTS: "POST", "/health": "GET", "/ping": "GET", "/version": "GET", "/metrics": "GET"}
COUNTED_PATHS = (*PATHS, CUSTOMER_PATH, OTHER_PATH)
SMALL_BODY = 2**16  # a body of so many bytes is answered between two others; a larger one in a thread
MOST_TOGETHER = 64  # small bodies in one go
MOST_HELD = 2**28  # bytes of large bodies that wait for the thread
MOST_ARRIVING = 64  # bodies that are not whole yet; for one more, the oldest is given up
PATIENCE_SECONDS = 20.0  # for a body to come, and for an answer to be taken
JSON = "application/json"


@dataclass
class Serving:
    """The model that answers now; another one takes its place between two requests.

    Parameters
    ----------
    name, version : str
        Its place in the registry.
    segmentation : Segmentation
        The model.
    """

    name: str
    version: str
    segmentation: Segmentation


class Known:
    """What the last run knew of a customer, by the version that answers: read when it is first asked for, and anew when either has changed."""

    def __init__(self, config: Config, serving: Serving) -> None:
        self._config, self._serving = config, serving
        self._of: tuple[str, tuple[int, ...]] | None = None
        self._table = pd.DataFrame()
        self._reading = asyncio.Lock()

    async def facts(self, customer_id: str) -> dict[str, Any] | None:
        """As :func:`segments.app.servers.model_api.known_customers.facts_of`."""
        async with self._reading:
            now = (self._serving.version, known_customers.stamp())
            if now != self._of:
                asked = (self._config, self._serving.name, now[0], self._serving.segmentation)
                self._table = await asyncio.to_thread(known_customers.known_customers, *asked)
                self._of = now
        return known_customers.facts_of(self._table, customer_id)


class Together:
    """Rows of small requests that come at the same moment are scored in one go: one row takes as long as a hundred.

    A model's answer to a row does not depend on the rows beside it, so nobody's answer hangs on whom he was scored with.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[Segmentation, invocations.Cells, asyncio.Future[Answers]]] = []

    async def answer(self, segmentation: Segmentation, cells: invocations.Cells) -> Answers:
        """As :func:`segments.app.servers.model_api.invocations.answers_of`."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._look, loop, 0)
        mine: asyncio.Future[Answers] = loop.create_future()
        self._waiting.append((segmentation, cells, mine))
        return await mine

    def _look(self, loop: asyncio.AbstractEventLoop, before: int) -> None:
        """Wait as long as others come: those who were answered together ask again one after another."""
        if before < len(self._waiting) < MOST_TOGETHER:
            loop.call_soon(self._look, loop, len(self._waiting))
        else:
            self._score()

    def _score(self) -> None:
        waiting, self._waiting = self._waiting, []
        model = waiting[0][0]
        if len(waiting) > 1 and all(own is model for own, _, _ in waiting):
            with suppress(Exception):  # one of them is refused: below each is asked for himself
                columns = zip(*(cells for _, cells, _ in waiting), strict=True)
                found = iter(invocations.answers_of(model, [list(chain(*parts)) for parts in columns]))
                for _, cells, one in waiting:
                    _settle(one, list(islice(found, len(cells[0]))))
                return
        for own, cells, one in waiting:
            try:
                _settle(one, invocations.answers_of(own, cells))
            except Exception as error:
                _settle(one, error)


def _settle(one: asyncio.Future[Answers], found: Answers | Exception) -> None:
    if one.done():  # who asked is gone
        return
    if isinstance(found, Exception):
        one.set_exception(found)
    else:
        one.set_result(found)


class Reply(NamedTuple):
    """Status of HTTP (0: nobody is there to be answered), body, number of rows answered, type of the body."""

    status: int
    body: bytes = b""
    rows: int = 0
    kind: str = JSON


def application(
    serving: Serving,
    limits: ServingConfig,
    known: Known | None = None,
    events: EventLog | None = None,
    patience_seconds: float = PATIENCE_SECONDS,
    metrics: Metrics | None = None,
) -> Application:
    """The server as an ASGI application: it lets in what it can answer, and nobody who is slow keeps others waiting.

    Parameters
    ----------
    serving : Serving
        The model; whoever holds it may put another in its place.
    limits : ServingConfig
        Rows and size of a request.
    known : Known, optional
        For ``/customers/ID``; nobody is known by default.
    events : EventLog, optional
        For ``/events``; there is no log by default.
    patience_seconds : float
        How long a body may take to come, and an answer to be taken.
    metrics : Metrics, optional
        Of all processes that answer; its own by default.

    Returns
    -------
    ASGI application
        Every error it answers is ``{"error": "one sentence"}``.
    """
    return _Requests(serving, limits, known, events, patience_seconds, metrics or Metrics(COUNTED_PATHS))


class _Requests:
    """What :func:`application` answers, one method per kind of request, with what requests share: places, counters, the thread."""

    def __init__(
        self,
        serving: Serving,
        limits: ServingConfig,
        known: Known | None,
        events: EventLog | None,
        patience_seconds: float,
        metrics: Metrics,
    ) -> None:
        self._serving, self._known, self._events = serving, known, events
        self._limits, self._patience_seconds = limits, patience_seconds
        self._max_bytes = int(limits.max_mib * 2**20)
        self._held = 0  # bytes of large bodies that wait for their answer
        self._arriving, self._leaving = Patience(patience_seconds, MOST_ARRIVING), Patience(patience_seconds)
        self._together, self._metrics = Together(), metrics
        self._helper = ThreadPoolExecutor(1)  # two would only take turns at Python's lock

    # a method of another name would be taken for an application of an older ASGI
    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Reply, count, send."""
        begun = time.monotonic()
        reply = await self._reply(scope, receive)
        if reply.status:
            path = scope["path"]  # without the id: what is counted names nobody
            path = path if path in PATHS else CUSTOMER_PATH if path.startswith(CUSTOMER_PATH) else OTHER_PATH
            self._metrics.note(path, reply.status, reply.rows, time.monotonic() - begun)
            await _send(send, reply, self._leaving)

    async def _reply(self, scope: Message, receive: Receive) -> Reply:
        """The reply to any request; what is wrong with it, or with us, is one sentence."""
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            customer = _allowed(scope, headers)
            if customer:
                return await self._of_customer(customer)
            path = scope["path"]
            if PATHS[path] == "GET":  # whether it is well is answered however many wait
                return self._of_server(path)
            body = await self._whole_body(headers, receive)
            if body is None:
                return Reply(0)
            kind = headers.get("content-type", "")
            return await (self._after_events if path == EVENTS else self._of_rows)(body, kind)
        except invocations.RefusedError as refused:
            return Reply(refused.status, json.dumps({"error": refused.sentence}, ensure_ascii=False).encode())
        except Exception:  # our own fault; what there is to say of it may hold the rows that came
            return Reply(500, json.dumps({"error": "the model server could not answer this request"}).encode())

    def _of_server(self, path: str) -> Reply:
        """Its counters, its version, or that it is well."""
        serving = self._serving
        if path == "/metrics":
            metrics = self._metrics
            return Reply(200, metrics.text(serving.name, serving.version), kind=metrics.KIND)
        if path == "/version":
            return Reply(200, json.dumps({"name": serving.name, "version": serving.version}).encode())
        return Reply(200, b"\n")

    async def _of_customer(self, customer: str) -> Reply:
        """What the last run knows of a customer."""
        try:
            facts = None if self._known is None else await self._known.facts(customer)
        except SegmentsError as error:
            raise invocations.RefusedError(404, f"{first_line(error)}: {error.fix}") from error
        if facts is None:
            raise invocations.RefusedError(404, "no customer of the last run has this id")
        return Reply(200, json.dumps(facts, ensure_ascii=False).encode())

    async def _of_rows(self, body: bytes, content_type: str) -> Reply:
        """The model's answers to rows of features."""
        segmentation, max_rows = self._serving.segmentation, self._limits.max_rows
        if len(body) <= SMALL_BODY:
            cells = invocations.read(body, content_type, segmentation, max_rows)
            answers = await self._together.answer(segmentation, cells)
            return Reply(200, invocations.to_json(answers), len(answers))
        return await self._in_thread(body, _scored, content_type, segmentation, max_rows)

    async def _after_events(self, body: bytes, content_type: str) -> Reply:
        """The model's answer to a customer, as if these purchases were in the log."""
        events = self._events
        if events is None:
            raise invocations.RefusedError(404, "there is no log of purchases here")
        await events.ready()
        about = (content_type, self._serving.segmentation, self._limits.max_rows)
        if len(body) <= SMALL_BODY:
            return Reply(200, events.answer(body, *about), 1)
        return await self._in_thread(body, lambda *asked: Reply(200, events.answer(*asked), 1), *about)

    async def _in_thread(self, body: bytes, answer: Callable[..., Reply], *about: Any) -> Reply:
        """Answer a large body in a thread, so that small ones need not wait."""
        if self._held + len(body) > MOST_HELD:
            raise invocations.RefusedError(503, "too many large requests are waiting: try again in a moment")
        self._held += len(body)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._helper, answer, body, *about)
        finally:
            self._held -= len(body)

    async def _whole_body(self, headers: dict[str, str], receive: Receive) -> bytes | None:
        """The body; or ``None``, when there is nobody to be answered any more."""
        most, declared = self._max_bytes, headers.get("content-length", "0")
        pieces, size, more = [], 0, True
        try:
            with self._arriving:
                while more and size <= most and not (declared.isdigit() and int(declared) > most):
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    pieces.append(message.get("body", b""))
                    size, more = size + len(pieces[-1]), message.get("more_body", False)
        except TimeoutError:
            late = f"the body was not there within {self._patience_seconds:g} seconds"
            raise invocations.RefusedError(408, late) from None
        if more or size > most:
            raise invocations.RefusedError(413, f"the request is larger than {self._limits.max_mib:g} MiB")
        return b"".join(pieces)


def _allowed(scope: Message, headers: dict[str, str]) -> str:
    """The id of the customer who is asked for, "" where it is no page of a customer; errors where there is nothing to answer."""
    path, method = scope["path"], scope["method"]
    if headers.get("host", child.HOST).partition(":")[0] not in (child.HOST, "localhost"):
        raise invocations.RefusedError(403, "this server answers only under the name 127.0.0.1 or localhost")
    customer: str = path.removeprefix(CUSTOMER_PATH) if path.startswith(CUSTOMER_PATH) else ""
    if (takes := "GET" if customer else PATHS.get(path)) is None:
        raise invocations.RefusedError(404, f"there is only {', '.join(PATHS)} and {CUSTOMER_PATH}ID")
    if method not in (takes, "HEAD" if takes == "GET" else takes):
        raise invocations.RefusedError(405, f"{path} takes {takes}")
    return customer


def _scored(body: bytes, content_type: str, segmentation: Segmentation, max_rows: int) -> Reply:
    answers = invocations.answers_of(segmentation, invocations.read(body, content_type, segmentation, max_rows))
    return Reply(200, invocations.to_json(answers), len(answers))


async def _send(send: Send, reply: Reply, patience: Patience) -> None:
    """Send an answer; whoever does not take it in time is left."""
    headers = [(b"content-type", reply.kind.encode()), (b"content-length", str(len(reply.body)).encode())]
    if reply.status in (408, 413, 503):  # the rest of the request is not read
        headers.append((b"connection", b"close"))
    if reply.status == 503:
        headers.append((b"retry-after", b"1"))
    with suppress(TimeoutError), patience:
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})
