"""The model server: what it lets in, what it says to the rest, who waits for whom; and over real HTTP the answers of `segments score`."""

from __future__ import annotations

import ast
import asyncio
import json
import logging
import os
import signal
import socket
import sqlite3
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmentations import segmentation
from segments.app.cli import main
from segments.app.commands.serve import run
from segments.app.load import load
from segments.app.servers import child
from segments.app.servers.model_api import application as api
from segments.app.servers.model_api import invocations, known_customers, processes
from segments.app.servers.model_api.application import MOST_ARRIVING, SMALL_BODY, Known, Serving, application
from segments.app.servers.model_api.invocations import RefusedError
from segments.app.servers.model_api.metrics import Metrics
from segments.app.servers.model_api.processes import follow
from segments.clustering.space import Space
from segments.config.registry import TrackingConfig
from segments.config.serving import ServingConfig
from segments.errors import ConfigError, SegmentsError, TrackingError
from segments.io.registry import files
from small_project import CHECKOUT, LIMIT, SmallProject
from small_record import as_pyfunc

MODEL = segmentation("c0", Space(["x", "y"], ["log1p", "identity"], [1.0, 1.0], "none", {}), np.eye(2), ["low", "high"])
GOOD = {"dataframe_records": [{"x": 1.0, "y": 2}]}


def asked(body: Any, kind: str = "application/json", rows: int = 3) -> tuple[int, str] | None:
    """Status and sentence of a request that is refused."""
    try:
        cells = invocations.read(body if isinstance(body, bytes) else json.dumps(body).encode(), kind, MODEL, rows)
        invocations.answers_of(MODEL, cells)
    except RefusedError as error:
        return error.status, error.sentence
    return None


def records(*rows: Any) -> dict[str, Any]:
    return {"dataframe_records": list(rows)}


@pytest.mark.parametrize(
    "body",
    [
        GOOD,
        records({"y": 1, "more": "text", "x": 0}, {"x": 3.5, "y": -7}),
        {"dataframe_split": {"columns": ["y", "id", "x"], "index": [0], "data": [[1, "a", 2.0]]}},
        {"inputs": {"y": [1, 2], "x": [0.5, 3], "more": "text"}},
        {"inputs": [{"y": 1, "x": 0.5}]},
    ],
)
def test_what_can_be_answered_is_let_in(body: Any) -> None:
    assert asked(body) is None
    assert asked(body, "Application/JSON; charset=utf-8") is None


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        (b"", 400, "the body is not valid JSON"),
        (b"{", 400, "the body is not valid JSON"),
        (b"\xff", 400, "the body is not valid JSON"),
        (b"[" * 100_000, 400, "the body is not valid JSON"),
        ([], 400, "one key"),
        ({}, 400, "one key"),
        (GOOD | {"params": {}}, 400, "one key"),
        ({"instances": [[1, 2]]}, 400, "dataframe_records, dataframe_split or inputs"),
        ({"inputs": [[1, 2]]}, 400, "a list of objects"),
        ({"inputs": {"x": [1]}}, 400, "column y is missing"),
        ({"inputs": {"x": [1], "y": [1, 2]}}, 400, "all of one length"),
        ({"inputs": {"x": 1, "y": 2}}, 400, "must be a list"),
        ({"inputs": {"x": [], "y": []}}, 400, "there are no rows"),
        (records(), 400, "there are no rows"),
        (records(1), 400, "a list of objects"),
        ({"dataframe_records": "x"}, 400, "a list of objects"),
        ({"dataframe_records": None}, 400, "a list of objects"),
        (records({"x": 1}), 400, "column y is missing; the model needs x, y"),
        (records({"X": 1, "y": 1}), 400, "column x is missing"),
        (records({"X": 1}), 400, "columns x, y are missing; the model needs x, y"),
        (records({"x": 1, "y": 1}, {"x": 1}), 400, "row 2: y is missing"),
        (records({"x": None, "y": 1}), 400, "row 1: x is missing"),
        (records({"x": "1", "y": 1}), 400, "row 1: x is not a number: '1'"),
        (records({"x": True, "y": 1}), 400, "row 1: x is not a number: True"),
        (records({"x": [1], "y": 1}), 400, "row 1: x is not a number"),
        (b'{"dataframe_records": [{"x": NaN, "y": 1}]}', 400, "row 1: x is missing"),
        (b'{"dataframe_records": [{"x": 1, "y": -Infinity}]}', 400, "row 1: y is infinite"),
        (records({"x": -1, "y": 1}), 400, "row 1: x is below what its transform log1p takes: -1"),
        (records({"x": 1, "y": 1e300}), 400, "row 1: too large to be measured"),
        (records({"x": 10**400, "y": 1}), 400, "row 1: x is not a number"),
        (records(*[{"x": 1, "y": 1}] * 4), 413, "4 rows are more than the 3"),
        ({"dataframe_split": {"columns": ["x", "y"], "data": [[1]]}}, 400, "a list of 2 values"),
        ({"dataframe_split": {"columns": ["x", "x"], "data": [[1, 2]]}}, 400, "different texts"),
        ({"dataframe_split": {"columns": [["x"], "y"], "data": [[1, 2]]}}, 400, "different texts"),
        ({"dataframe_split": {"columns": ["y"], "data": [[1]]}}, 400, "column x is missing"),
        ({"dataframe_split": {"columns": ["x", "y"], "data": []}}, 400, "there are no rows"),
        ({"dataframe_split": [1]}, 400, "an object with the lists"),
    ],
)
def test_what_cannot_be_answered_gets_one_sentence(body: Any, status: int, sentence: str) -> None:
    found = asked(body)
    assert found is not None and found[0] == status and sentence in found[1]
    assert "\n" not in found[1] and len(found[1]) < 200


@pytest.mark.parametrize("kind", ["", "text/csv", "application/x-parquet", "application/jsonx"])
def test_another_type_is_refused(kind: str) -> None:
    found = asked(GOOD, kind)
    assert found is not None and found[0] == 415


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(st.floats(0, 1e9) | st.integers(0, 2**60), st.floats(-1e9, 1e9) | st.integers(-(2**60), 2**60)),
        min_size=1,
        max_size=8,
    )
)
def test_every_form_gives_the_model_s_answers_to_the_last_bit(rows: list[tuple[float, float]]) -> None:
    expected = MODEL.predict(pd.DataFrame(rows, columns=["x", "y"], dtype="float64"))
    for body in (
        records(*({"x": x, "y": y} for x, y in rows)),
        {"dataframe_split": {"columns": ["y", "x"], "data": [[y, x] for x, y in rows]}},
        {"inputs": {"x": [x for x, _ in rows], "y": [y for _, y in rows]}},
    ):
        cells = invocations.read(json.dumps(body).encode(), "application/json", MODEL, 8)
        answers = json.loads(invocations.to_json(invocations.answers_of(MODEL, cells)))["predictions"]
        assert answers == expected.to_dict("records")


def test_a_row_is_written_as_json_whatever_a_segment_is_called() -> None:
    names = ['a, "b" 100 %s \\', "Käufer\n{}"]
    model = segmentation("c0", Space(["x"], ["identity"], [1.0], "none", {}), np.array([[0.0], [9.0]]), names)
    values = [0.5, 8.0, 1.0]
    predictions = json.loads(invocations.to_json(invocations.answers_of(model, [values])))["predictions"]
    assert [one["segment"] for one in predictions] == [names[0], names[1], names[0]]
    assert predictions == model.predict(pd.DataFrame({"x": values})).to_dict("records")


def test_mlflow_s_own_server_answers_the_same() -> None:
    from mlflow.models import Model, infer_signature
    from mlflow.pyfunc import scoring_server

    rows = pd.DataFrame({"x": [0.0, 3.5, 100.0], "y": [1.0, -7.0, 0.25]})
    meta = Model(signature=infer_signature(rows))
    meta.add_flavor("python_function", loader_module="none")
    held = {"MLmodel": meta.to_yaml().encode(), files.DOCUMENT: MODEL.to_json().encode()}
    served = as_pyfunc(files.RegisteredModel("toy", "3", "models:/toy/3", "", held))
    schema = served.metadata.get_input_schema()
    for body in ({"dataframe_records": rows.to_dict("records")}, {"dataframe_split": rows.to_dict("split")}):
        text = json.dumps(body)
        theirs: Any = scoring_server.invocations(text, "application/json", served, schema)  # type: ignore[no-untyped-call]
        ours = invocations.answers_of(MODEL, invocations.read(text.encode(), "application/json", MODEL, 3))
        assert json.loads(theirs.response)["predictions"] == json.loads(invocations.to_json(ours))["predictions"]


# --- the server, without a network ---------------------------------------------------------------------------------------------------


async def request(
    app: Any,
    path: str = "/invocations",
    method: str = "POST",
    body: bytes = json.dumps(GOOD).encode(),
    **headers: str,
) -> tuple[int, bytes]:
    pieces = [body[:10], body[10:]]
    headers = {"content_type": "application/json", "host": "127.0.0.1:5001"} | headers
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    async def send(message: Any) -> None:
        sent.append(message)

    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    await app({"type": "http", "path": path, "method": method, "headers": named}, receive, send)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    return sent[0]["status"], sent[1]["body"]


def server(known: Any = None, patience_seconds: float = 1e6, **limits: Any) -> Any:
    return application(Serving("toy", "3", MODEL), ServingConfig(**limits), known, None, patience_seconds)


LARGE = json.dumps(records(*[GOOD["dataframe_records"][0]] * (SMALL_BODY // 16))).encode()


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"path": "/docs"}, 404),
        ({"method": "GET"}, 405),
        ({"method": "HEAD"}, 405),
        ({"path": "/health", "method": "POST"}, 405),
        ({"host": "evil.example"}, 403),
        ({"host": "evil.example:5001"}, 403),
        ({"content_length": "99999999"}, 413),
        ({"content_type": "text/csv"}, 415),
        ({"body": b"{"}, 400),
    ],
)
def test_what_it_refuses(change: dict[str, Any], status: int) -> None:
    found, body = asyncio.run(request(server(), **change))
    assert found == status and set(json.loads(body)) == {"error"}


def test_a_body_without_a_length_is_stopped_where_it_is_too_long() -> None:
    assert asyncio.run(request(server(max_mib=0.001), body=b" " * 2000))[0] == 413


@pytest.mark.parametrize("body", [json.dumps(GOOD).encode(), LARGE], ids=["small", "large"])
def test_a_fault_of_our_own_is_one_sentence_without_a_customer(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*given: Any) -> Any:
        raise ValueError("Traceback: customer 7")

    monkeypatch.setattr(invocations, "answers_of", fail)
    found, said = asyncio.run(request(server(max_rows=100_000), body=body))
    assert found == 500 and json.loads(said) == {"error": "the model server could not answer this request"}


def test_a_thousand_at_once_are_all_answered_and_each_with_his_own() -> None:
    """Scored together where they come together; a refused one among them spoils nobody's answer."""
    good = [{"x": float(i), "y": float(i % 7)} for i in range(1000)]
    expected = MODEL.predict(pd.DataFrame(good)).to_dict("records")

    async def crowd() -> list[tuple[int, bytes]]:
        app = server()
        bodies = [records(one) for one in good]
        bodies[500] = records({"x": 1.0, "y": 1e300})
        bodies[700] = records({"x": "1", "y": 1.0})
        return await asyncio.gather(*(request(app, body=json.dumps(body).encode()) for body in bodies))

    found = asyncio.run(crowd())
    assert [status for status, _ in found] == [200] * 500 + [400] + [200] * 199 + [400] + [200] * 299
    for i in (0, 499, 501, 999):
        assert json.loads(found[i][1]) == {"predictions": [expected[i]]}
    assert "too large" in json.loads(found[500][1])["error"]
    assert json.loads(found[700][1])["error"] == "row 1: x is not a number: '1'"


def test_large_requests_wait_for_a_thread_and_only_past_what_memory_holds_are_told_to_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(api, "MOST_HELD", 3 * len(LARGE))

    async def crowd() -> list[int]:
        app = server(max_rows=100_000)
        found = await asyncio.gather(*(request(app, body=LARGE) for _ in range(5)))
        return [*(status for status, _ in found), (await request(app, body=LARGE))[0]]

    assert asyncio.run(crowd()) == [200, 200, 200, 503, 503, 200]


class Unfinished:
    """A request whose body never ends; `left` is set when the server has answered it."""

    def __init__(self) -> None:
        self.begun, self.left, self.answers = asyncio.Event(), asyncio.Event(), []

    async def receive(self) -> Any:
        if not self.begun.is_set():
            self.begun.set()
            return {"type": "http.request", "body": b"{", "more_body": True}
        await asyncio.Event().wait()

    async def send(self, message: Any) -> None:
        self.answers.append(message)
        if message["type"] == "http.response.body":
            self.left.set()

    def asks(self, app: Any) -> asyncio.Task[None]:
        headers = [(b"content-type", b"application/json")]
        scope = {"type": "http", "path": "/invocations", "method": "POST", "headers": headers}
        return asyncio.create_task(app(scope, self.receive, self.send))


def test_a_body_that_does_not_end_is_answered_408_and_closed() -> None:
    async def ask() -> Unfinished:
        one = Unfinished()
        await one.asks(server(patience_seconds=0.001))
        return one

    start, body = asyncio.run(ask()).answers
    assert start["status"] == 408 and (b"connection", b"close") in start["headers"]
    assert json.loads(body["body"]) == {"error": "the body was not there within 0.001 seconds"}


def test_many_unfinished_bodies_keep_nobody_out() -> None:
    async def ask() -> tuple[list[int], list[int]]:
        app = server()
        slow = [Unfinished() for _ in range(MOST_ARRIVING + 3)]
        tasks = [one.asks(app) for one in slow]
        for one in slow:
            await one.begun.wait()
        found = [(await request(app))[0], (await request(app, "/health", "GET"))[0]]
        for one in slow[:4]:  # the oldest made room, the last of them for the request just answered
            await one.left.wait()
        for task in tasks:
            task.cancel()
        return found, [one.answers[0]["status"] for one in slow if one.answers]

    assert asyncio.run(ask()) == ([200, 200], [408] * 4)


def test_who_does_not_take_an_answer_keeps_nobody_waiting() -> None:
    async def ask() -> int:
        app, taken = server(), [asyncio.Event() for _ in range(100)]

        async def deaf(event: asyncio.Event) -> None:
            async def receive() -> Any:
                return {"type": "http.request", "body": json.dumps(GOOD).encode(), "more_body": False}

            async def send(message: Any) -> None:
                event.set()
                await asyncio.Event().wait()

            headers = [(b"content-type", b"application/json")]
            scope = {"type": "http", "path": "/invocations", "method": "POST", "headers": headers}
            await app(scope, receive, send)

        tasks = [asyncio.create_task(deaf(event)) for event in taken]
        for event in taken:
            await event.wait()
        after = (await request(app))[0]
        for task in tasks:
            task.cancel()
        return after

    assert asyncio.run(ask()) == 200


def test_who_does_not_take_an_answer_in_time_is_left() -> None:
    async def ask() -> list[str]:
        sent: list[str] = []

        async def send(message: Any) -> None:
            sent.append(message["type"])
            await asyncio.Event().wait()

        app = server(patience_seconds=0.001)
        await app({"type": "http", "path": "/health", "method": "GET", "headers": []}, None, send)
        return sent

    assert asyncio.run(ask()) == ["http.response.start"]


def test_what_it_tells_of_itself() -> None:
    async def ask() -> list[tuple[int, bytes]]:
        app = server()
        await request(app)
        await request(app, body=b"{")
        await request(app, path="/etc/passwd")
        asked_for_its_headers = await request(app, "/health", "HEAD")
        assert asked_for_its_headers[0] == 200, "as load balancers do"
        return [await request(app, path, "GET") for path in ("/health", "/ping", "/version", "/metrics")]

    health, ping, version, metrics = asyncio.run(ask())
    assert health == ping == (200, b"\n")
    assert json.loads(version[1]) == {"name": "toy", "version": "3"}
    said = metrics[1].decode()
    for line in (
        'segments_requests_total{path="/invocations",status="200"} 1.0',
        'segments_requests_total{path="/invocations",status="400"} 1.0',
        'segments_requests_total{path="other",status="404"} 1.0',
        "segments_rows_total 1.0",
        'segments_model_info{name="toy",version="3"} 1.0',
    ):
        assert line in said
    assert "passwd" not in said


def test_what_any_of_its_processes_counted_is_told() -> None:
    metrics = Metrics(["/invocations", "other"], 2)

    def counts(ended: int) -> None:
        metrics.process = 1
        metrics.note("/invocations", 200, 5, 0.0005)  # up to a limit, that included
        metrics.note("other", 404, 0, 21.0)

    metrics.note("/invocations", 200, 2, 0.003)
    with child.beside([counts]):
        pass
    said = metrics.text("toy", "3").decode()
    for line in (
        'segments_requests_total{path="/invocations",status="200"} 2.0',
        'segments_requests_total{path="other",status="404"} 1.0',
        "segments_rows_total 7.0",
        'segments_answer_seconds_bucket{le="0.0005",path="/invocations"} 1.0',
        'segments_answer_seconds_bucket{le="0.0025",path="/invocations"} 1.0',
        'segments_answer_seconds_bucket{le="0.005",path="/invocations"} 2.0',
        'segments_answer_seconds_bucket{le="20.0",path="other"} 0.0',
        'segments_answer_seconds_bucket{le="+Inf",path="other"} 1.0',
        'segments_answer_seconds_count{path="/invocations"} 2.0',
        'segments_answer_seconds_sum{path="/invocations"} 0.0035',
    ):
        assert line in said.splitlines()


def test_a_known_customer_is_answered_by_id_and_read_anew_when_a_run_has_made_other_tables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stamps, reads = iter([(1,), (1,), (2,), (2,)]), []

    def table(config: Any, name: str, number: str, model: Any) -> pd.DataFrame:
        reads.append(number)
        rows = {"segment": ["low", "high"], "churn_risk": [0.25 * len(reads), float("nan")]}
        return pd.DataFrame(rows, index=["007", "a/b ü"])

    monkeypatch.setattr(known_customers, "stamp", lambda: next(stamps))
    monkeypatch.setattr(known_customers, "known_customers", table)

    async def ask() -> list[tuple[int, bytes]]:
        serving = Serving("toy", "3", MODEL)
        app = application(serving, ServingConfig(), Known(SimpleNamespace(), serving))  # type: ignore[arg-type]
        return [await request(app, f"/customers/{one}", "GET") for one in ("007", "a/b ü", "007", "7")]

    found = [(status, json.loads(body)) for status, body in asyncio.run(ask())]
    assert found == [
        (200, {"customer_id": "007", "segment": "low", "churn_risk": 0.25}),
        (200, {"customer_id": "a/b ü", "segment": "high", "churn_risk": None}),
        (200, {"customer_id": "007", "segment": "low", "churn_risk": 0.5}),
        (404, {"error": "no customer of the last run has this id"}),
    ]
    assert reads == ["3", "3"]


def test_without_tables_or_an_id_nobody_is_known() -> None:
    def none() -> Any:
        raise SegmentsError("there are no tables of customers here", fix="run `dvc repro`")

    async def ask() -> list[tuple[int, bytes]]:
        app = server(SimpleNamespace(facts=lambda one: none()))
        return [await request(app, path, "GET") for path in ("/customers/7", "/customers/")] + [
            await request(server(), "/customers/7", "GET"),
            await request(app, "/customers/7", "POST"),
        ]

    found = [(status, json.loads(body)["error"]) for status, body in asyncio.run(ask())]
    assert [status for status, _ in found] == [404, 404, 404, 405]
    assert "run `dvc repro`" in found[0][1]


def test_it_follows_the_alias_and_says_once_what_cannot_be_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Version 4 is broken, 5 is fine: until then 3 answers, and a request begun with 3 ends with 3."""
    other = segmentation("c1", MODEL.space, np.eye(2), ["few", "many"])
    looks = iter(["3", "4", "4", "5", "5"])
    said: list[str] = []
    serving = Serving("toy", "3", MODEL)

    def load_version(tracking: Any, uri: str) -> Any:
        if loads.pop(0) == "4":
            raise TrackingError("toy version 4 is not what was registered")
        return Serving("toy", "5", other), ""

    loads = ["4", "4", "5"]
    monkeypatch.setattr(processes.files, "version_at", lambda *given: next(looks))
    monkeypatch.setattr(processes, "_load", load_version)

    async def live() -> list[str]:
        app, names = application(serving, ServingConfig()), []

        async def segment() -> str:
            return str(json.loads((await request(app))[1])["predictions"][0]["segment"])

        names.append(await segment())
        task = asyncio.create_task(
            follow(serving, TrackingConfig("http://127.0.0.1:9"), "models:/toy@champion", said.append, 0)
        )
        while serving.version != "5":
            await asyncio.sleep(0)
            names.append(await segment())
        task.cancel()
        return [*dict.fromkeys([*names, await segment()])]

    assert asyncio.run(live()) == ["high", "many"]
    [broken, moved] = said
    assert "version 4 is not what was registered" in broken and "Version 3 goes on answering" in broken
    assert moved == "Version 5 answers now."


def test_a_record_on_this_machine_is_asked_only_when_it_was_written(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    monkeypatch.setattr(processes.files, "version_at", lambda *given: looks.append("look") or "3")
    rounds = 0

    async def live() -> None:
        nonlocal rounds
        real = asyncio.sleep

        async def sleep(seconds: float) -> None:
            nonlocal rounds
            rounds += 1
            if rounds == 5:
                with sqlite3.connect(root / "mlflow.db") as record:
                    record.execute("CREATE TABLE more (n)")
            if rounds == 9:
                raise asyncio.CancelledError
            await real(0)

        monkeypatch.setattr(processes.asyncio, "sleep", sleep)
        with suppress(asyncio.CancelledError):
            await follow(Serving("toy", "3", MODEL), TrackingConfig(), "models:/toy@champion", looks.append, 0)

    asyncio.run(live())
    assert looks == ["look", "look"]


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.7", "::"])
def test_other_hosts_are_refused(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", f"host={host}"]) == 2
    assert "listens on 127.0.0.1 only" in capsys.readouterr().err


def test_a_port_nobody_may_listen_on_is_refused(project: Path) -> None:
    with pytest.raises(ConfigError, match="out of range"):
        run(load(["source=mall"], project), port="80")


def test_help_asks_for_the_columns_that_the_page_on_results_asks_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    decoder = json.JSONDecoder()
    one = decoder.raw_decode(said, said.index('{"dataframe_records"'))[0]["dataframe_records"][0]
    split = decoder.raw_decode(said, said.index('{"dataframe_split"'))[0]["dataframe_split"]
    assert [one] == [dict(zip(split["columns"], row, strict=True)) for row in split["data"]]
    example = (CHECKOUT / "docs/results.md").read_text().split(".score(")[1].split("```")[0]
    assert {name: [value] for name, value in one.items()} == ast.literal_eval(
        example[example.index("{") : example.rindex("}") + 1]
    )


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_any_signal_ends_it_in_good_order(monkeypatch: pytest.MonkeyPatch, number: signal.Signals) -> None:
    model = SimpleNamespace(document=MODEL.to_json(), uri="models:/toy/3", reference="", name="toy", version="3")
    monkeypatch.setattr(processes.files, "read_model", lambda *given: model)
    for name in ("mlflow", "uvicorn"):
        monkeypatch.setattr(logging.getLogger(name), "setLevel", lambda level: None)
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        if "answers at" in text:
            signal.raise_signal(number)

    with socket.create_server((child.HOST, 0)) as other:
        taken = other.getsockname()[1]
        config = load([f"serving.port={taken}"], project=CHECKOUT)
        assert processes.run_model_api(config, say=say) == 0
    port = int(said[0].rpartition(" ")[2].rstrip("."))
    assert said[0] == f"Port {taken} is taken; using {port}."
    assert said[1].startswith(f"toy version 3 answers at http://127.0.0.1:{port}/invocations, for example:")
    assert said[2:] == ["\nStopped."]
    assert child.taken(child.HOST, port) is None


# --- over HTTP ----------------------------------------------------------------------------------------------------------------


def get(url: str) -> tuple[int, Any]:
    return post(url, None)


def post(url: str, body: bytes | None, kind: str = "application/json") -> tuple[int, Any]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, body, {"Content-Type": kind}), timeout=LIMIT) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


@pytest.mark.slow
@pytest.mark.server
def test_serving_answers_what_scoring_writes(small_project: Callable[[], SmallProject]) -> None:
    project = small_project()
    features = project.table("features/customers.parquet")
    features.to_parquet(project / "in.parquet")
    project.run("segments", "score", "in.parquet", "-o", "out.parquet", "--no-record")
    scored = project.table("../out.parquet").drop(columns="customer_id")
    columns = json.loads((project / "artifacts/registry/segmentation.json").read_text())["space"]["columns"]
    server = subprocess.Popen(
        ["segments", "serve", "serving.max_rows=150"], cwd=project.root, env=project.environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert server.stdout is not None and server.stderr is not None
        lines = [server.stdout.readline() for _ in range(3)]
        if "taken" in lines[0]:
            lines = [*lines[1:], server.stdout.readline()]
        url = lines[0].split()[-3].rstrip(",")
        assert url.startswith("http://127.0.0.1:")
        for data in (
            {"dataframe_records": features[columns].head(100).to_dict("records")},
            {"dataframe_split": features.head(100).to_dict("split")},
        ):
            status, answer = post(url, json.dumps(data).encode())
            assert status == 200
            pd.testing.assert_frame_equal(
                pd.DataFrame(answer["predictions"]), scored.head(100), check_exact=True, check_dtype=False
            )
        for row in range(5):
            [one] = post(url, json.dumps({"dataframe_records": [features[columns].iloc[row].to_dict()]}).encode())[1][
                "predictions"
            ]
            assert one == scored.iloc[row].to_dict()
        for row in (0, len(features) - 1):
            one = features["customer_id"].iloc[row]
            status, reply = get(url.replace("/invocations", f"/customers/{one}"))
            assert status == 200 and reply["segment_id"] == scored["segment_id"].iloc[row] and reply["playbook"]
            assert "churn_risk" not in reply  # of a source without purchases nothing is foreseen
        assert post(url, b"{")[0] == 400
        assert post(url, json.dumps({"dataframe_records": features[columns].to_dict("records")}).encode())[0] == 413
        assert post(url, b"a", "text/csv")[0] == 415
        # Each call is a connection of its own, so either process answers; all are counted, whoever is asked.
        [helper] = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
        for _ in range(20):
            assert get(url.replace("/invocations", "/version")) == (200, {"name": "customer-segments", "version": "1"})
        with urllib.request.urlopen(url.replace("/invocations", "/metrics"), timeout=LIMIT) as answer:
            counted = answer.read().decode()
        for line in (
            'segments_requests_total{path="/version",status="200"} 20.0',
            'segments_requests_total{path="/invocations",status="200"} 7.0',
            'segments_requests_total{path="/invocations",status="415"} 1.0',
            'segments_requests_total{path="/customers/",status="200"} 2.0',
            "segments_rows_total 205.0",
        ):
            assert line in counted
        os.kill(int(helper), signal.SIGKILL)  # not in good order: the other says so, and goes on
        assert any(
            line.startswith("One of the processes that answer has ended") for line in iter(server.stdout.readline, "")
        )
        for _ in range(20):
            assert get(url.replace("/invocations", "/version"))[0] == 200
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=LIMIT) == 0
        assert "Traceback" not in server.stderr.read()
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
        server.stderr.close()
