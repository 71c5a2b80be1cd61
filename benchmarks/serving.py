"""The model server under load: `segments serve` of this project's champion, asked by wrk (Debian's package of that name).

One connection tells the latency, a few what it can sustain, many what happens past that: more than sixteen requests at once are answered 503, so that
those that are let in still get their answer.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOADS = ((1, 1), (1, 8), (1, 64), (1_000, 1), (1_000, 8), (1_000, 64))  # rows per request, connections
SECONDS = 8
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
        "| rows a request | connections | p50, ms | p99, ms | answered/s | rows/s | refused (503)/s | errors |",
        "|---|---|---|---|---|---|---|---|",
    ]
    segments = str(Path(sys.executable).parent / "segments")
    server = subprocess.Popen([segments, "serve"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        said = ""
        while "curl" not in said:
            line = server.stdout.readline()
            if not line:
                raise SystemExit("the server did not start: run `make repro` first")
            said += line
        url = re.search(r"http://[\d.:]+/invocations", said)[0]
        example = json.loads(re.search(r"-d '(.*)'", said)[1])["dataframe_records"][0]
        for rows, connections in LOADS:
            with tempfile.TemporaryDirectory() as folder:
                body = {"dataframe_records": [{k: v + i % 50 for k, v in example.items()} for i in range(rows)]}
                (Path(folder) / "body.json").write_text(json.dumps(body))
                (Path(folder) / "ask.lua").write_text(SCRIPT % (Path(folder) / "body.json"))
                command = ["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "--timeout", "30s", "--latency"]
                done = subprocess.run(
                    [*command, "-s", str(Path(folder) / "ask.lua"), url], capture_output=True, text=True, check=True
                )
            lines.append(_row(done.stdout, rows, connections))
            print(lines[-1], flush=True)
    finally:
        server.terminate()
        server.wait()
    return lines


def _row(said: str, rows: int, connections: int) -> str:
    p50, p99 = (_ms(re.search(rf"{share}%\s+([\d.]+\w+)", said)[1]) for share in (50, 99))
    total, seconds = re.search(r"(\d+) requests in ([\d.]+)s", said).groups()
    refused = int(found[1]) if (found := re.search(r"Non-2xx or 3xx responses: (\d+)", said)) else 0
    answered = (int(total) - refused) / float(seconds)
    errors = re.search(r"Socket errors: (.*)", said)
    return (
        f"| {rows:,} | {connections} | {p50:.1f} | {p99:.1f} | {answered:.0f} | {answered * rows:,.0f} "
        f"| {refused / float(seconds):.0f} | {errors[1] if errors else 'none'} |"
    )


def _ms(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[unit]


if __name__ == "__main__":
    table()
