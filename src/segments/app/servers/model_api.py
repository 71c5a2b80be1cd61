"""The server of the model in use, on this machine. Comes in: requests. Goes out: the model's answers, or one sentence that says what is wrong.

It speaks the protocol of MLflow's scoring server (`mlflow models serve` answers the same, ten times slower), with limits on what a request may be, answers
without tracebacks or customers in them, and the next version when the alias moves.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import socket
import sys
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from typing import Any, NamedTuple

import pandas as pd

from segments.app.servers import child, invocations, known_customers
from segments.app.servers.events import EventLog
from segments.app.servers.metrics import Metrics
from segments.app.servers.patience import Patience
from segments.config.registry import IN_USE, TrackingConfig
from segments.config.root import Config
from segments.config.serving import ServingConfig
from segments.errors import SegmentsError, TrackingError, first_line
from segments.io.registry import files
from segments.io.tracking.connection import record_stamp
from segments.model.drift import medians
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
FOLLOW_SECONDS = 2.0  # between two looks at which version the alias names


def run_model_api(config: Config, uri: str | None = None, say: Callable[[str], object] = child.say) -> int:
    """Load a registered model, have it answer once, say where it listens, and stay until Ctrl-C, SIGTERM or SIGHUP.

    Parameters
    ----------
    config : Config
        Names the champion and the limits.
    uri : str, optional
        Another model, ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION``. Behind an alias the server follows it: the version that
        is put in use answers within seconds, and no request is lost.
    say : callable, optional
        Takes lines of text for the person; standard output by default.

    Returns
    -------
    int
        Exit code: 0, stopped as asked.

    Raises
    ------
    TrackingError
        If there is no such model, or it does not answer its own example.
    """
    address = uri or f"models:/{config.registry.model}@{IN_USE}"
    limits = config.serving
    port = child.free_port(limits.port, "segments serve port", say)
    sockets = child.listening(port, limits.workers if sys.platform == "linux" else 1)
    metrics = Metrics(COUNTED_PATHS, len(sockets))
    for chatty in ("mlflow", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.CRITICAL)  # what they log of a bad request holds its rows

    # Once for all of them; what is frozen is not looked through, so that they go on having it in common.
    import mlflow  # noqa: F401
    import uvicorn  # noqa: F401

    gc.collect()
    gc.freeze()

    def keep(worker: int) -> socket.socket:
        """The socket of one: while others hold it too, callers are dealt to it, also when nobody answers there any more."""
        for other in {*sockets} - {sockets[worker]}:
            other.close()
        return sockets[worker]

    def help_out(worker: int, ended: int) -> None:
        metrics.process = worker
        _answer(config, address, keep(worker), metrics, lambda text: None, ended=ended)

    helpers = [partial(help_out, worker) for worker in range(1, len(sockets))]
    try:
        # uvicorn ends in good order at a signal, and then raises it again for us
        with child.ended_by_signals(), child.beside(helpers) as others:
            _answer(config, address, keep(0), metrics, say, others=others)
    except KeyboardInterrupt:
        pass
    finally:
        sockets[0].close()
        gc.unfreeze()
    say("\nStopped.")
    return 0


def _answer(
    config: Config,
    address: str,
    listening: socket.socket,
    metrics: Metrics,
    say: Callable[[str], object],
    others: Sequence[int] = (),
    ended: int | None = None,
) -> None:
    """Load the model and answer who comes to a socket, until a signal; and where this is a copy, until the descriptor `ended` comes to its end."""
    import uvicorn

    serving, body = _load(config.tracking, address)
    limits = config.serving
    url = f"http://{child.HOST}:{listening.getsockname()[1]}"

    class Announced(uvicorn.Server):
        async def startup(self, *args: Any, **kwargs: Any) -> None:
            await super().startup(*args, **kwargs)
            if "@" in address:
                self.following = asyncio.create_task(follow(serving, config.tracking, address, say))
            loop = asyncio.get_running_loop()
            if ended is not None:
                loop.add_reader(ended, self.stop, ended)
            for number in others:
                loop.add_reader(one := os.pidfd_open(number), self.alone, one)
            say(
                f"{serving.name} version {serving.version} answers at {url}/invocations, for example:\n\n"
                f"  curl {url}/invocations -H 'Content-Type: application/json' -d '{body}'\n\n"
                f"At most {limits.max_rows:,} rows and {limits.max_mib:g} MiB a request. Stop with Ctrl-C."
            )

        def stop(self, ended: int) -> None:
            asyncio.get_running_loop().remove_reader(ended)
            self.should_exit = True

        def alone(self, other: int) -> None:
            asyncio.get_running_loop().remove_reader(other)
            os.close(other)
            if not self.should_exit:
                say(
                    "One of the processes that answer has ended; the others go on. Start `segments serve` again when it suits you."
                )

    server = Announced(
        uvicorn.Config(
            application(serving, limits, Known(config, serving), EventLog(config), metrics=metrics),
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=5,
        )
    )
    gc.collect()
    gc.freeze()  # what is loaded stays: a collection in mid-answer need not look through it
    server.run(sockets=[listening])


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
        """As :func:`segments.app.servers.known_customers.facts_of`."""
        async with self._reading:
            now = (self._serving.version, known_customers.stamp())
            if now != self._of:
                asked = (self._config, self._serving.name, now[0], self._serving.segmentation)
                self._table = await asyncio.to_thread(known_customers.known_customers, *asked)
                self._of = now
        return known_customers.facts_of(self._table, customer_id)


def _load(tracking: TrackingConfig, uri: str) -> tuple[Serving, str]:
    """A registered model that has answered its own example, and the example."""
    model = files.read_model(tracking, uri)
    segmentation = Segmentation.from_json(model.document)
    body = example_of(segmentation, model.reference)
    try:
        invocations.answers_of(segmentation, invocations.read(body.encode(), JSON, segmentation, 1))
    except (invocations.RefusedError, SegmentsError) as error:
        raise TrackingError(
            f"the model does not answer: {first_line(error)}", where=model.uri, fix="register it again"
        ) from error
    return Serving(model.name, model.version, segmentation), body


async def follow(
    serving: Serving,
    tracking: TrackingConfig,
    uri: str,
    say: Callable[[str], object],
    seconds: float = FOLLOW_SECONDS,
) -> None:
    """Look again and again which version an alias names, and put it in the place of the one that answers.

    A version that cannot be read, or not what was registered, is said once, and the earlier one goes on answering.

    Parameters
    ----------
    serving : Serving
        Changed when the alias has moved.
    tracking : TrackingConfig
        Where the record lives.
    uri : str
        ``models:/NAME@ALIAS``.
    say : callable
        Takes lines of text for the person.
    seconds : float
        Between two looks.
    """
    said, seen = "", None
    while True:
        await asyncio.sleep(seconds)
        if (now := record_stamp(tracking)) is not None and now == seen:
            continue  # asking MLflow takes long enough to be felt by those who wait for an answer
        try:
            if await asyncio.to_thread(files.version_at, tracking, uri) == serving.version:
                seen = now
                continue
            other, _ = await asyncio.to_thread(_load, tracking, uri)
        except SegmentsError as error:
            if said != (said := first_line(error)):
                say(f"{uri} cannot be followed: {said}. Version {serving.version} goes on answering.")
            continue
        serving.version, serving.segmentation, said, seen = other.version, other.segmentation, "", now
        say(f"Version {serving.version} answers now.")


def example_of(segmentation: Segmentation, reference: str) -> str:
    """A request the model answers, to try it with: one customer in the middle of all, and nobody's row.

    Parameters
    ----------
    segmentation : Segmentation
        The model.
    reference : str
        Its training customers in figures, as JSON; empty where the model has none.

    Returns
    -------
    str
        JSON: the median of every column the model asks for (of a category its most frequent level), 1 where it is not known.

    Examples
    --------
    >>> import numpy as np
    >>> from segments.clustering.space import Space
    >>> from segments.model.segmentation import Limits, number_segments
    >>> space, limits = Space(["x"], ["identity"], [1.0], "none", {}), Limits(np.ones(2), np.zeros(1), np.ones(1), 0.1)
    >>> model = Segmentation("c0", space, np.array([[0.0], [10.0]]), number_segments(["low", "high"]), limits)
    >>> example_of(model, '{"columns": {"x": {"edges": [2.0, 6.0, 9.0, 30.0], "counts": [40, 20, 20, 10, 10]}}}')
    '{"dataframe_records": [{"x": 6.0}]}'
    """
    typical = medians(json.loads(reference)) if reference else {}
    space = segmentation.space
    unknown = {name: levels[0] if (levels := space.levels(name)) else 1.0 for name in space.columns}
    return json.dumps({"dataframe_records": [{name: typical.get(name, unknown[name]) for name in space.columns}]})


class Together:
    """Rows of small requests that come at the same moment are scored in one go: one row takes as long as a hundred.

    A model's answer to a row does not depend on the rows beside it, so nobody's answer hangs on whom he was scored with.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[Segmentation, invocations.Cells, asyncio.Future[Answers]]] = []

    async def answer(self, segmentation: Segmentation, cells: invocations.Cells) -> Answers:
        """As :func:`segments.app.servers.invocations.answers_of`."""
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
