"""MLflow's model server for the model in use, on this machine. Comes in: requests. Goes out: the model's answers, or one sentence that says what is wrong.

The server is MLflow's own (the application behind `mlflow models serve`). Put in front of it: limits on what a request may be, a check of its
rows by the same rules as ``segments score``, and error answers without tracebacks or customers in them.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

import numpy as np
import pyarrow as pa

from segments.app.servers import child
from segments.config.registry import IN_USE
from segments.config.root import Config
from segments.config.serving import ServingConfig
from segments.errors import SegmentsError, TrackingError
from segments.io.registry import files
from segments.model.answers import faults, read_levels, score_batch
from segments.model.drift import medians
from segments.model.segmentation import Segmentation

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

PATHS = {"/invocations": "POST", "/health": "GET", "/ping": "GET", "/version": "GET"}
AT_ONCE = 16  # requests being answered; one more is told to come back, so that those that are in do not wait for ever
MOST_ARRIVING = 64  # bodies that are not whole yet; for one more, the oldest is given up
PATIENCE_SECONDS = 20.0  # for a body to come, and for an answer to be taken
ORDINARY = 1e12  # a value up to here overflows in no scaler
BODY_FORMATS = ("dataframe_records", "dataframe_split")


def run_model_api(config: Config, uri: str | None = None, say: Callable[[str], object] = child.say) -> int:
    """Load a registered model, have it answer once, say where it listens, and stay until Ctrl-C, SIGTERM or SIGHUP.

    Parameters
    ----------
    config : Config
        Names the champion and the limits.
    uri : str, optional
        Another model, ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION``.
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
    import uvicorn
    from mlflow.pyfunc import scoring_server

    model = files.read_model(config.tracking, uri or f"models:/{config.registry.model}@{IN_USE}")
    segmentation = Segmentation.from_json(model.document)
    loaded = files.served(model)
    body = example_of(segmentation, model.reference)
    _check_answers(loaded, body, model.uri)
    limits = config.serving
    port = child.free_port(limits.port, "segments serve port", say)
    url = f"http://{child.HOST}:{port}"
    for chatty in ("mlflow", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.CRITICAL)  # what they log of a bad request holds its rows

    class Announced(uvicorn.Server):
        async def startup(self, *args: Any, **kwargs: Any) -> None:
            await super().startup(*args, **kwargs)
            say(
                f"{model.name} version {model.version} answers at {url}/invocations, for example:\n\n"
                f"  curl {url}/invocations -H 'Content-Type: application/json' -d '{body}'\n\n"
                f"At most {limits.max_rows:,} rows and {limits.max_mib:g} MiB a request. Stop with Ctrl-C."
            )

    server = Announced(
        uvicorn.Config(
            limited(scoring_server.init(loaded), segmentation, limits),
            host=child.HOST,
            port=port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=5,
        )
    )
    try:
        # uvicorn ends in good order at a signal, and then raises it again for us
        with child.ended_by_signals():
            asyncio.run(server.serve())
    except KeyboardInterrupt:
        pass
    say("\nStopped.")
    return 0


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


def problem_of(body: bytes, content_type: str, segmentation: Segmentation, max_rows: int) -> tuple[int, str] | None:
    """Say what is wrong with a request, before the model server sees it.

    Parameters
    ----------
    body : bytes
        Of the request.
    content_type : str
        Its header of that name.
    segmentation : Segmentation
        The model that is to answer.
    max_rows : int
        Most rows in a request.

    Returns
    -------
    (int, str) or None
        HTTP status and a sentence; ``None`` when every row can be scored.

    Examples
    --------
    >>> from segments.clustering.space import Space
    >>> from segments.model.segmentation import Limits, number_segments
    >>> space, limits = Space(["x"], ["identity"], [1.0], "none", {}), Limits(np.ones(2), np.zeros(1), np.ones(1), 0.1)
    >>> model = Segmentation("c0", space, np.array([[0.0], [10.0]]), number_segments(["low", "high"]), limits)
    >>> problem_of(b'{"dataframe_records": [{"x": 1}, {"x": "9"}]}', "application/json", model, 10)
    (400, "row 2: x is not a number: '9'")
    >>> problem_of(b'{"dataframe_records": [{"x": 1}]}', "application/json", model, 10) is None
    True
    """
    if content_type.partition(";")[0].strip().lower() != "application/json":
        return 415, "the body must be JSON, with the header Content-Type: application/json"
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        return 400, "the body is not valid JSON"
    if not isinstance(asked, dict) or len(asked) != 1 or next(iter(asked)) not in BODY_FORMATS:
        return 400, f"the body must be an object with one key, {' or '.join(BODY_FORMATS)}"
    columns = segmentation.space.columns
    found = _cells(asked, columns)
    if isinstance(found, str):
        return 400, found
    rows, cells = found
    if rows > max_rows:
        return 413, f"{rows} rows are more than the {max_rows} a request may have: use `segments score` for files"
    values = np.full((rows, len(columns)), np.nan)
    unreadable = np.zeros(values.shape, dtype=bool)
    for j, column in enumerate(cells):
        if (levels := segmentation.space.levels(columns[j])) is not None:
            texts = [cell if isinstance(cell, str) else None for cell in column]
            values[:, j], unreadable[:, j] = read_levels(pa.array(texts, pa.string()), levels, frozenset({""}))
            unreadable[:, j] |= [cell is not None and not isinstance(cell, str) for cell in column]
            continue
        for i, cell in enumerate(column):
            if type(cell) is float or (type(cell) is int and abs(cell) < 1 << 1000):
                values[i, j] = cell
            else:
                unreadable[i, j] = cell is not None
    for kind, wrong, quoted in faults(values, unreadable, segmentation.space):
        row = int(np.flatnonzero(wrong)[0])
        cell = "" if quoted is None else f": {_shown(cells[quoted][row])}"
        more = f" (and {int(wrong.sum()) - 1} more rows)" if wrong.sum() > 1 else ""
        return 400, f"row {row + 1}: {kind}{cell}{more}"
    if np.nanmax(np.abs(values), initial=0.0) > ORDINARY:
        spelt = [
            pa.array(values[:, j]) if segmentation.space.levels(name) is None else pa.array(cells[j], pa.string())
            for j, name in enumerate(columns)
        ]
        batch = pa.RecordBatch.from_arrays([pa.array(np.arange(rows)), *spelt], ["", *columns])
        if rejected := score_batch(segmentation, batch, 1, frozenset(), ".").rejected:
            return 400, f"row {rejected[0].row}: {rejected[0].reason}"
    return None


def limited(
    application: Application,
    segmentation: Segmentation,
    limits: ServingConfig,
    patience_seconds: float = PATIENCE_SECONDS,
) -> Application:
    """The model server behind a entry point that lets in only what it can answer.

    A request takes one of the places in which answers are computed only while its answer is computed: not while its body comes in, nor
    while the answer goes out, so that nobody who is slow keeps others waiting.

    Parameters
    ----------
    application : ASGI application
        MLflow's.
    segmentation : Segmentation
        The model it serves.
    limits : ServingConfig
        Rows and size of a request.
    patience_seconds : float
        How long a body may take to come, and an answer to be taken.

    Returns
    -------
    ASGI application
        Every error it answers is ``{"error": "one sentence"}``.
    """
    most = int(limits.max_mib * 2**20)
    crowded = 503, f"{AT_ONCE} requests are being answered: try again in a moment"
    busy = 0
    arriving: dict[object, asyncio.Timeout] = {}  # bodies that are not whole yet, oldest first

    async def entry(scope: Message, receive: Receive, send: Send) -> None:
        nonlocal busy
        if scope["type"] != "http":  # the server's own start and stop
            await application(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if headers.get("host", child.HOST).partition(":")[0] not in (child.HOST, "localhost"):
            await _refuse(send, 403, "this server answers only under the name 127.0.0.1 or localhost")
        elif (method := PATHS.get(scope["path"])) is None:
            await _refuse(send, 404, "there is only /invocations (and /health)")
        elif scope["method"] != method:
            await _refuse(send, 405, f"{scope['path']} takes {method}")
        elif method == "GET":  # whether it is well is told however many wait
            await _sent(await _answered(application, scope, b""), send, patience_seconds)
        elif busy >= AT_ONCE:
            await _refuse(send, *crowded, close=True)
        elif (body := await whole(headers, receive, send)) is not None:
            if busy >= AT_ONCE:  # others were faster
                await _refuse(send, *crowded, close=True)
                return
            busy += 1
            try:
                asked = (body, headers.get("content-type", ""), segmentation, limits.max_rows)
                problem = await asyncio.to_thread(problem_of, *asked)
                answer = [] if problem is not None else await _answered(application, scope, body)
            finally:
                busy -= 1
            if problem is not None:
                await _refuse(send, *problem)
            else:
                await _sent(answer, send, patience_seconds)

    async def whole(headers: dict[str, str], receive: Receive, send: Send) -> bytes | None:
        """The body; or ``None``, when there is none to be answered any more."""
        declared = headers.get("content-length", "0")
        pieces, size, more, me = [], 0, True, object()
        if len(arriving) >= MOST_ARRIVING:  # whoever has had the most time makes room
            oldest = arriving.pop(next(iter(arriving)))
            if not oldest.expired():  # it is about to go by itself
                oldest.reschedule(0)
        try:
            async with asyncio.timeout(patience_seconds) as arriving[me]:
                while more and size <= most and not (declared.isdigit() and int(declared) > most):
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    pieces.append(message.get("body", b""))
                    size, more = size + len(pieces[-1]), message.get("more_body", False)
        except TimeoutError:
            await _refuse(send, 408, f"the body was not there within {patience_seconds:g} seconds", close=True)
            return None
        finally:
            arriving.pop(me, None)
        if more or size > most:
            await _refuse(send, 413, f"the request is larger than {limits.max_mib:g} MiB", close=True)
            return None
        return b"".join(pieces)

    return entry


async def _answered(application: Application, scope: Message, body: bytes) -> list[Message]:
    """What the application answers; of an error one sentence."""
    answer: list[Message] = []
    given = False

    async def receive() -> Message:
        nonlocal given
        if given:
            await asyncio.Event().wait()  # nothing more comes; who waits for that is ended with the request
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def keep(message: Message) -> None:
        answer.append(message)

    await application(scope, receive, keep)
    status = answer[0]["status"]
    if status >= 400:
        answer.clear()
        await _refuse(keep, status, "the model server could not answer this request")
    return answer


async def _sent(answer: list[Message], send: Send, patience_seconds: float) -> None:
    """Send an answer; whoever does not take it in time is left."""
    with suppress(TimeoutError):
        async with asyncio.timeout(patience_seconds):
            for message in answer:
                await send(message)


def _cells(asked: dict[str, Any], columns: list[str]) -> tuple[int, list[list[Any]]] | str:
    """Number of rows and the cells of each column of the model; or what is wrong."""
    rows = asked.get("dataframe_records")
    if rows is not None:
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            return "dataframe_records must be a list of objects, one per customer"
        if not rows:
            return "there are no rows"
        present = rows[0].keys() if len(rows) == 1 else set().union(*rows)
        if absent := [name for name in columns if name not in present]:
            return _absent(absent, columns)
        return len(rows), [[row.get(name) for row in rows] for name in columns]
    split = asked.get("dataframe_split")
    if (
        not isinstance(split, dict)
        or not isinstance(split.get("columns"), list)
        or not isinstance(split.get("data"), list)
    ):
        return "dataframe_split must be an object with the lists columns and data"
    names, data = split["columns"], split["data"]
    if not data:
        return "there are no rows"
    if not all(isinstance(name, str) for name in names) or len(set(names)) != len(names):
        return "the names in columns must be different texts"
    if absent := [name for name in columns if name not in names]:
        return _absent(absent, columns)
    if any(not isinstance(row, list) or len(row) != len(names) for row in data):
        return f"every row of data must be a list of {len(names)} values, one per column"
    return len(data), [[row[at] for row in data] for at in (names.index(name) for name in columns)]


def _absent(absent: list[str], columns: list[str]) -> str:
    missing = f"column {absent[0]} is" if len(absent) == 1 else f"columns {', '.join(absent)} are"
    return f"{missing} missing; the model needs {', '.join(columns)}"


def _shown(cell: Any) -> str:
    return repr(cell[:60]) if isinstance(cell, str) else f"{cell:g}" if isinstance(cell, float) else str(cell)[:60]


async def _refuse(send: Send, status: int, sentence: str, *, close: bool = False) -> None:
    body = json.dumps({"error": sentence}, ensure_ascii=False).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if close:  # the rest of the request is not read
        headers.append((b"connection", b"close"))
    if status == 503:
        headers.append((b"retry-after", b"1"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _check_answers(loaded: Any, body: str, where: str) -> None:
    """Have the model answer one request, as the server will ask it."""
    from mlflow.exceptions import MlflowException
    from mlflow.pyfunc import scoring_server

    try:
        schema = loaded.metadata.get_input_schema()
        answer: Any = scoring_server.invocations(body.encode(), "application/json", loaded, schema)  # type: ignore[no-untyped-call]
    except (MlflowException, SegmentsError) as error:
        raise TrackingError(
            f"the model does not answer: {str(error).splitlines()[0]}", where=where, fix="register it again"
        ) from error
    assert len(json.loads(answer.response)["predictions"]) == 1
