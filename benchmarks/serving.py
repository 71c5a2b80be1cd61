"""The model server under load: `segments serve` of this project's champion beside MLflow's own scoring server, asked by wrk (Debian's package of that name).

One connection tells the latency, a few what it can sustain, many whether anybody is turned away. At last the same while others leave their bodies unfinished.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
LOADS = ((1, 1), (1, 8), (1, 64), (1_000, 1), (1_000, 8), (1_000, 64))  # rows per request, connections
SECONDS = 8
PAIRS = 4  # with and without these: p99 of one run is a matter of chance
SLOW = 32  # connections that send a body without an end
# wrk counts answers; what it calls a non-2xx is told apart from an error of the connection
SCRIPT = """wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = io.open("%s"):read("*a")
"""


def table() -> list[str]:
    """Rows of a markdown table, printed as they come."""
    if shutil.which("wrk") is None:
        raise SystemExit("the load generator is missing: apt-get install wrk")
    lines = [
        "| server | rows a request | connections | p50, ms | p99, ms | answered/s | rows/s | refused (503)/s | errors |",
        "|---|---|---|---|---|---|---|---|---|",
    ]

    def measure(server: str, url: str, row: dict[str, float], rows: int, connections: int) -> None:
        lines.append(_row(server, _asked(url, row, rows, connections), rows, connections))
        print(lines[-1], flush=True)

    with _ours() as (url, row):
        for rows, connections in LOADS:
            measure("segments serve", url, row, rows, connections)
        for _ in range(PAIRS):
            with _unfinished(url):
                measure(f"segments serve, {SLOW} bodies unfinished", url, row, 1, 8)
            measure("segments serve, after that", url, row, 1, 8)
    with _mlflow() as url:
        for rows, connections in ((1, 1), (1, 8), (1_000, 8)):
            measure("mlflow models serve", url, row, rows, connections)
    return lines


@contextmanager
def _ours() -> Iterator[tuple[str, dict[str, float]]]:
    """Address of our server, and the example row it names."""
    server = subprocess.Popen([BIN / "segments", "serve"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        said = ""
        while "curl" not in said:
            line = server.stdout.readline()
            if not line:
                raise SystemExit("the server did not start: run `make repro` first")
            said += line
        example = json.loads(re.search(r"-d '(.*)'", said)[1])["dataframe_records"][0]
        yield re.search(r"http://[\d.:]+/invocations", said)[0], example
    finally:
        server.terminate()
        server.wait()


@contextmanager
def _mlflow() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [BIN / "mlflow", "models", "serve", "-m", "models:/customer-segments@champion", "-p", str(port)]
    server = subprocess.Popen(
        [*command, "--env-manager", "local"],
        cwd=ROOT,
        env=os.environ | {"MLFLOW_TRACKING_URI": f"sqlite:///{ROOT}/mlflow.db", "PATH": f"{BIN}:{os.environ['PATH']}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5).close()
                break
            except OSError:
                time.sleep(0.5)
        else:
            raise SystemExit("MLflow's server did not start")
        yield f"http://127.0.0.1:{port}/invocations"
    finally:
        server.terminate()
        server.wait()


@contextmanager
def _unfinished(url: str) -> Iterator[None]:
    """Requests whose bodies do not end, while we are here."""
    host, port = re.search(r"//([\d.]+):(\d+)", url).groups()
    head = f"POST /invocations HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{"
    with ExitStack() as stack:
        for _ in range(SLOW):
            stack.enter_context(socket.create_connection((host, int(port)))).sendall(head.encode())
        yield


def _asked(url: str, example: dict[str, float], rows: int, connections: int) -> str:
    with tempfile.TemporaryDirectory() as folder:
        body = {"dataframe_records": [{k: v + i % 50 for k, v in example.items()} for i in range(rows)]}
        (Path(folder) / "body.json").write_text(json.dumps(body))
        (Path(folder) / "ask.lua").write_text(SCRIPT % (Path(folder) / "body.json"))
        command = ["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "--timeout", "30s", "--latency"]
        done = subprocess.run(
            [*command, "-s", str(Path(folder) / "ask.lua"), url], capture_output=True, text=True, check=True
        )
    return done.stdout


def _row(server: str, said: str, rows: int, connections: int) -> str:
    p50, p99 = (_ms(re.search(rf"{share}%\s+([\d.]+\w+)", said)[1]) for share in (50, 99))
    total, seconds = re.search(r"(\d+) requests in ([\d.]+)s", said).groups()
    refused = int(found[1]) if (found := re.search(r"Non-2xx or 3xx responses: (\d+)", said)) else 0
    answered = (int(total) - refused) / float(seconds)
    errors = re.search(r"Socket errors: (.*)", said)
    return (
        f"| {server} | {rows:,} | {connections} | {p50:.2f} | {p99:.1f} | {answered:.0f} | {answered * rows:,.0f} "
        f"| {refused / float(seconds):.0f} | {errors[1] if errors else 'none'} |"
    )


def _ms(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[unit]


if __name__ == "__main__":
    table()
