"""The model server's entry point: what it lets in, what it says to the rest; and over real HTTP the answers of `segments score`."""

from __future__ import annotations

import ast
import asyncio
import json
import logging
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from segmentations import segmentation
from segments.app.cli import main
from segments.app.commands.serve import run
from segments.app.load import load
from segments.app.servers import child, model_api
from segments.app.servers.model_api import AT_ONCE, MOST_ARRIVING, limited, problem_of
from segments.clustering.space import Space
from segments.config.serving import ServingConfig
from segments.errors import ConfigError
from small_project import CHECKOUT, LIMIT, SmallProject

MODEL = segmentation("c0", Space(["x", "y"], ["log1p", "identity"], [1.0, 1.0], "none", {}), np.eye(2), ["low", "high"])
GOOD = {"dataframe_records": [{"x": 1.0, "y": 2}]}


def asked(body: Any, kind: str = "application/json", rows: int = 3) -> tuple[int, str] | None:
    return problem_of(body if isinstance(body, bytes) else json.dumps(body).encode(), kind, MODEL, rows)


def records(*rows: Any) -> dict[str, Any]:
    return {"dataframe_records": list(rows)}


@pytest.mark.parametrize(
    "body",
    [
        GOOD,
        records({"y": 1, "more": "text", "x": 0}, {"x": 3.5, "y": -7}),
        {"dataframe_split": {"columns": ["y", "id", "x"], "index": [0], "data": [[1, "a", 2.0]]}},
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
        ({"inputs": [[1, 2]]}, 400, "dataframe_records or dataframe_split"),
        (records(), 400, "there are no rows"),
        (records(1), 400, "a list of objects"),
        ({"dataframe_records": "x"}, 400, "a list of objects"),
        ({"dataframe_records": None}, 400, "dataframe_split must be"),
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


# --- the entry point ---------------------------------------------------------------------------------------------------------------


class Server:
    """A stand-in for MLflow's application: echoes, fails or waits as its name says."""

    def __init__(self, status: int = 200, waits: asyncio.Event | None = None) -> None:
        self.status, self.waits, self.bodies = status, waits, []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.bodies.append((await receive())["body"])
        if self.waits is not None:
            await self.waits.wait()
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": b"Traceback: customer 7"})


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


def entry(server: Server, **limits: Any) -> Any:
    return limited(server, MODEL, ServingConfig(**limits))


def test_a_good_request_reaches_the_server_whole() -> None:
    server = Server()
    assert asyncio.run(request(entry(server)))[0] == 200
    assert server.bodies == [json.dumps(GOOD).encode()]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"path": "/docs"}, 404),
        ({"method": "GET"}, 405),
        ({"path": "/health", "method": "POST"}, 405),
        ({"host": "evil.example"}, 403),
        ({"host": "evil.example:5001"}, 403),
        ({"content_length": "99999999"}, 413),
        ({"content_type": "text/csv"}, 415),
    ],
)
def test_nothing_else_reaches_it(change: dict[str, str], status: int) -> None:
    server = Server()
    found, body = asyncio.run(request(entry(server), **change))
    assert found == status and set(json.loads(body)) == {"error"} and server.bodies == []


def test_a_body_without_a_length_is_stopped_where_it_is_too_long() -> None:
    server = Server()
    assert asyncio.run(request(entry(server, max_mib=0.001), body=b" " * 2000))[0] == 413
    assert server.bodies == []


@pytest.mark.parametrize("status", [400, 500, 504])
def test_an_error_of_the_server_is_one_sentence(status: int) -> None:
    found, body = asyncio.run(request(entry(Server(status))))
    assert found == status and "Traceback" not in body.decode() and set(json.loads(body)) == {"error"}


def test_beyond_what_is_answered_at_once_comes_503_and_room_again_after() -> None:
    async def crowd() -> list[int]:
        server = Server(waits=asyncio.Event())
        app = entry(server)
        waiting = [asyncio.create_task(request(app)) for _ in range(AT_ONCE)]
        while len(server.bodies) < AT_ONCE:
            await asyncio.sleep(0)
        late = (await request(app))[0]
        assert server.waits is not None
        server.waits.set()
        return [late, *{(await one)[0] for one in waiting}, (await request(app))[0]]

    assert asyncio.run(crowd()) == [503, 200, 200]


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
        await one.asks(limited(Server(), MODEL, ServingConfig(), patience_seconds=0.001))
        return one

    start, body = asyncio.run(ask()).answers
    assert start["status"] == 408 and (b"connection", b"close") in start["headers"]
    assert json.loads(body["body"]) == {"error": "the body was not there within 0.001 seconds"}


def test_many_unfinished_bodies_keep_nobody_out() -> None:
    async def ask() -> tuple[int, list[int]]:
        app = limited(Server(), MODEL, ServingConfig(), patience_seconds=1e6)
        slow = [Unfinished() for _ in range(MOST_ARRIVING + 3)]
        tasks = [one.asks(app) for one in slow]
        for one in slow:
            await one.begun.wait()
        found = (await request(app))[0]
        for one in slow[:4]:  # the oldest made room, the last of them for the request just answered
            await one.left.wait()
        for task in tasks:
            task.cancel()
        return found, [one.answers[0]["status"] for one in slow if one.answers]

    assert asyncio.run(ask()) == (200, [408] * 4)


def test_health_is_told_however_many_wait_and_who_does_not_take_an_answer_keeps_no_place() -> None:
    async def ask() -> list[int]:
        server = Server(waits=asyncio.Event())
        app = entry(server)
        waiting = [asyncio.create_task(request(app)) for _ in range(AT_ONCE)]
        while len(server.bodies) < AT_ONCE:
            await asyncio.sleep(0)
        waits, server.waits = server.waits, None
        assert waits is not None
        well = [(await request(app, path, "GET"))[0] for path in ("/health", "/ping", "/version")]
        late = (await request(app))[0]
        waits.set()
        await asyncio.gather(*waiting)
        deaf = [Unfinished() for _ in range(AT_ONCE)]

        async def take_nothing(one: Unfinished, message: Any) -> None:
            one.left.set()
            await asyncio.Event().wait()

        async def give(app: Any, one: Unfinished) -> None:
            whole = [{"type": "http.request", "body": json.dumps(GOOD).encode(), "more_body": False}]
            scope = {"type": "http", "path": "/invocations", "method": "POST"}
            headers = [(b"content-type", b"application/json")]

            async def receive() -> Any:
                return whole.pop()

            await app(scope | {"headers": headers}, receive, lambda message: take_nothing(one, message))

        tasks = [asyncio.create_task(give(app, one)) for one in deaf]
        for one in deaf:
            await one.left.wait()
        after = (await request(app))[0]
        for task in tasks:
            task.cancel()
        return [*well, late, after]

    assert asyncio.run(ask()) == [200, 200, 200, 503, 200]


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.7", "::"])
def test_other_hosts_are_refused(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", f"host={host}"]) == 2
    assert "listens on 127.0.0.1 only" in capsys.readouterr().err


def test_a_port_nobody_may_listen_on_is_refused(project: Path) -> None:
    with pytest.raises(ConfigError, match="out of range"):
        run(load(["source=mall"], project), port="80")


def test_help_asks_for_the_columns_that_the_readme_asks_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    decoder = json.JSONDecoder()
    one = decoder.raw_decode(said, said.index('{"dataframe_records"'))[0]["dataframe_records"][0]
    split = decoder.raw_decode(said, said.index('{"dataframe_split"'))[0]["dataframe_split"]
    assert [one] == [dict(zip(split["columns"], row, strict=True)) for row in split["data"]]
    example = (CHECKOUT / "README.md").read_text().split("champion.predict(")[1].split("```")[0]
    assert {name: [value] for name, value in one.items()} == ast.literal_eval(
        example[example.index("{") : example.rindex("}") + 1]
    )


@pytest.mark.filterwarnings("ignore:.*Any type hint")  # MLflow's own, as it is imported
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_any_signal_ends_it_in_good_order(monkeypatch: pytest.MonkeyPatch, number: signal.Signals) -> None:
    from mlflow.pyfunc import scoring_server

    model = SimpleNamespace(document=MODEL.to_json(), uri="models:/toy/3", reference="", name="toy", version="3")
    monkeypatch.setattr(model_api.files, "read_model", lambda *given: model)
    monkeypatch.setattr(model_api.files, "served", lambda *given: None)
    monkeypatch.setattr(model_api, "_check_answers", lambda *given: None)
    monkeypatch.setattr(scoring_server, "init", lambda loaded: Server())
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
        assert model_api.run_model_api(config, say=say) == 0
    port = int(said[0].rpartition(" ")[2].rstrip("."))
    assert said[0] == f"Port {taken} is taken; using {port}."
    assert said[1].startswith(f"toy version 3 answers at http://127.0.0.1:{port}/invocations, for example:")
    assert said[2:] == ["\nStopped."]
    assert child.taken(child.HOST, port) is None


# --- over HTTP ----------------------------------------------------------------------------------------------------------------


def post(url: str, body: bytes, kind: str = "application/json") -> tuple[int, Any]:
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
        assert post(url, b"{")[0] == 400
        assert post(url, json.dumps({"dataframe_records": features[columns].to_dict("records")}).encode())[0] == 413
        assert post(url, b"a", "text/csv")[0] == 415
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=LIMIT) == 0
        assert "Traceback" not in server.stderr.read()
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
        server.stderr.close()
