"""The one who starts and ends servers, with small real ones: nothing here starts MLflow or Streamlit."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from segments.app.servers import child
from segments.errors import SegmentsError

LIMIT = 120  # seconds; every wait here is for an event, and this is only when it never comes
# A server, and a process of its own that will not hear SIGTERM; both hold a line to the test for as long as they live.
SERVER = """
import http.server, json, os, signal, socket, subprocess, sys
port, test = map(int, sys.argv[1:3])
line = socket.create_connection(("127.0.0.1", test))
stubborn = "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); signal.pause()"
own = subprocess.Popen([sys.executable, "-c", stubborn], stdout=subprocess.PIPE, pass_fds=[line.fileno()])
own.stdout.readline()

class Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/end":
            print("it cannot go on", flush=True)
            os._exit(3)
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()
        self.wfile.write(json.dumps({"folder": os.getcwd(), "variables": dict(os.environ)}).encode())

http.server.HTTPServer(("127.0.0.1", port), Pages).serve_forever()
"""


@contextmanager
def listening() -> Iterator[socket.socket]:
    """A port that somebody listens on."""
    with socket.create_server((child.HOST, 0)) as server:
        server.settimeout(LIMIT)
        yield server


def port_of(server: socket.socket) -> int:
    return int(server.getsockname()[1])


def assert_gone(line: socket.socket) -> None:
    """Whoever connected has ended, and so have all that it started: only then does the line end."""
    line.settimeout(LIMIT)
    with line, suppress(ConnectionResetError):
        assert line.recv(1) == b""


def run(code: str, *words: object, **options: Any) -> int:
    def command(port: int) -> list[str]:
        return [sys.executable, "-c", code, str(port), *map(str, words)]

    given = {"port": 23_000, "announce": lambda url: f"It is at {url}", "say": lambda text: None} | options
    texts = {"name": "the toy", "start": "segments toy", "setting": "toy.port", "mend": "wind it up"}
    return child.run_child(command, health="/health", **texts, **given)


# --- ready, and the end -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_with_all_its_processes_and_frees_the_port(number: signal.Signals) -> None:
    ours = "import sys, test_child\nsys.exit(test_child.run(test_child.SERVER, {}, port={}, say=test_child.child.say))"
    with listening() as test, listening() as other:
        parent = subprocess.Popen(
            [sys.executable, "-c", ours.format(port_of(test), port_of(other))],
            cwd=Path(__file__).parent,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert parent.stdout is not None
        said = [parent.stdout.readline() for _ in range(4)]
        port = int(said[1].rpartition(":")[2])
        assert said == [
            f"Port {port_of(other)} is taken; using {port}.\n",
            f"It is at http://127.0.0.1:{port}\n",
            "\n",
            "Stop with Ctrl-C.\n",
        ]
        assert child.answers(f"http://127.0.0.1:{port}/health", LIMIT), "said only once it answers"
        parent.send_signal(number)
        rest, _ = parent.communicate(timeout=LIMIT)
        assert (parent.returncode, rest.strip()) == (0, "Stopped.")
        assert_gone(test.accept()[0])
        assert child.taken(child.HOST, port) is None


def test_it_runs_in_its_folder_and_sends_nothing_home(tmp_path: Path) -> None:
    found: dict[str, Any] = {}

    def look(text: str) -> None:
        if "http" in text:
            with urllib.request.urlopen(text.split()[3] + "/health", timeout=LIMIT) as answer:
                found.update(json.loads(answer.read()))
            signal.raise_signal(signal.SIGTERM)

    with listening() as test:
        assert run(SERVER, port_of(test), folder=tmp_path, say=look) == 0
    assert found["folder"] == str(tmp_path)
    assert found["variables"].items() >= child.QUIET.items()
    assert found["variables"]["PATH"] == os.environ["PATH"]


def test_many_signals_end_once_and_handlers_are_as_before() -> None:
    """An impatient second Ctrl-C must not cut the ending short; under `nohup` a closed terminal is nothing."""
    before = {number: signal.getsignal(number) for number in child.ENDINGS}
    cleared = []
    with pytest.raises(KeyboardInterrupt), child.ended_by_signals():
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            for number in child.ENDINGS:
                signal.raise_signal(number)
            cleared.append("all")
    assert cleared == ["all"]
    assert {number: signal.getsignal(number) for number in child.ENDINGS} == before
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with child.ended_by_signals():
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before[signal.SIGHUP])


# --- what goes wrong ----------------------------------------------------------------------------------------------------


def test_one_that_ends_before_it_answers_is_noticed_and_quoted() -> None:
    urls: list[str] = []

    def announce(url: str) -> str:
        urls.append(url)
        return url

    with pytest.raises(SegmentsError, match="the toy did not start: the database is out of date") as caught:
        run("print('first'); raise SystemExit('the database is out of date\\n\\n')", announce=announce)
    assert ([caught.value.where], caught.value.fix) == (urls, "wind it up")
    with pytest.raises(SegmentsError, match="did not start: it wrote no message"):
        run("raise SystemExit(1)")


def test_one_that_never_answers_is_given_up_and_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "START_SECONDS", 0.3)
    silent = SERVER.replace("/health", "/nothing")
    with listening() as test:
        lines = []
        with pytest.raises(SegmentsError, match=r"has not answered for 0\.3 seconds"):
            run(silent, port_of(test), announce=lambda url: lines.append(test.accept()[0]))
        assert_gone(*lines)


def test_one_that_stops_by_itself_says_how() -> None:
    def ask_it_to_end(text: str) -> None:
        if "http" in text:
            with suppress(OSError):
                urllib.request.urlopen(text.split()[3] + "/end", timeout=LIMIT)

    with listening() as test:
        with pytest.raises(SegmentsError, match=r"stopped by itself \(exit code 3\): it cannot go on") as caught:
            run(SERVER, port_of(test), say=ask_it_to_end)
        assert_gone(test.accept()[0])
    assert caught.value.fix == "run `segments toy` again"


def test_when_the_text_cannot_be_made_the_server_is_ended_too() -> None:
    with listening() as test:
        lines = []

        def announce(url: str) -> str:
            lines.append(test.accept()[0])
            raise SegmentsError("the record cannot be read")

        with pytest.raises(SegmentsError, match="the record cannot be read"):
            run(SERVER, port_of(test), announce=announce)
        assert_gone(*lines)


# --- ports --------------------------------------------------------------------------------------------------------------


def test_a_taken_port_gives_way_to_the_next_free_one() -> None:
    said: list[str] = []
    with listening() as server:
        wanted = port_of(server)
        found = child.free_port(wanted, "", said.append)
        assert wanted < found <= wanted + 50
        assert said == [f"Port {wanted} is taken; using {found}."]
    assert child.free_port(wanted, "", pytest.fail) == wanted


def test_a_port_taken_on_all_addresses_is_taken() -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:
        assert child.taken(child.HOST, port_of(server)) is not None
    with socket.create_server((child.HOST, 0)) as server:
        assert child.taken("0.0.0.0", port_of(server)) is not None


def test_a_port_that_somebody_is_about_to_listen_on_is_taken() -> None:
    with socket.socket() as server:
        server.bind((child.HOST, 0))
        assert child.taken(child.HOST, port_of(server)) is not None


def test_no_port_left_is_an_error_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect_ex", lambda self, address: 0)
    with pytest.raises(SegmentsError, match=r"65000 to 65050 is taken") as caught:
        child.free_port(65000, "segments toy toy.port")
    assert caught.value.fix == "choose another: `segments toy toy.port=6000`"


# --- who answers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said", [b"SSH-2.0-OpenSSH\r\n", b"", b"HTTP/1.1 404 no\r\n\r\n", b"HTTP/1.1 204 none\r\n\r\n"]
)
def test_only_a_good_answer_is_one(said: bytes) -> None:
    with listening() as server:

        def speak() -> None:
            with server.accept()[0] as line:
                line.recv(1000)
                line.sendall(said)

        speaker = threading.Thread(target=speak)
        speaker.start()
        assert not child.answers(f"http://127.0.0.1:{port_of(server)}/health", LIMIT)
        speaker.join()


# --- copies of this process -------------------------------------------------------------------------------------------------------


def test_copies_end_in_good_order_when_the_block_does() -> None:
    reading, writing = os.pipe()

    def waits(ended: int) -> None:
        os.read(ended, 1)
        os.write(writing, b"in good order;")

    with suppress(KeyError), child.beside([waits, waits]) as copies:
        for number in copies:
            os.kill(number, 0)
        raise KeyError
    os.close(writing)
    with os.fdopen(reading, "rb") as line:
        assert line.read() == b"in good order;" * 2
    for number in copies:
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)


def test_a_copy_that_fails_says_nothing_and_one_that_will_not_end_is_killed(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(child, "STOP_SECONDS", 0.1)

    def fails(ended: int) -> None:
        raise RuntimeError("a secret")

    def stays(ended: int) -> None:
        while True:
            signal.pause()

    with child.beside([fails, stays]) as copies:
        pass
    for number in copies:
        with pytest.raises(ChildProcessError):  # it was waited for
            os.waitpid(number, os.WNOHANG)
    assert capfd.readouterr() == ("", "")


def test_when_who_began_them_is_killed_the_copies_end() -> None:
    script = """
import os, signal
from segments.app.servers import child

def waits(ended):
    print("here", flush=True)
    os.read(ended, 1)
    print("ended", flush=True)

with child.beside([waits]):
    signal.pause()
"""
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout as said:
        assert said.readline() == "here\n"
        process.kill()
        assert said.read() == "ended\n"  # which comes to its end only when no copy holds it
    process.wait()


def test_sockets_on_one_port_share_who_calls() -> None:
    with socket.socket() as free:
        free.bind((child.HOST, 0))
        port = port_of(free)
    sockets = child.listening(port, 2)
    try:
        assert [port_of(one) for one in sockets] == [port, port]
        for one in sockets:
            one.listen(64)
            one.setblocking(False)
        calls = [socket.create_connection((child.HOST, port)) for _ in range(40)]
        heard = [0, 0]
        for at, one in enumerate(sockets):
            with suppress(BlockingIOError):
                while True:
                    one.accept()[0].close()
                    heard[at] += 1
        for call in calls:
            call.close()
        assert sum(heard) == 40 and all(heard)  # all of them with one: 2 in 2^40
    finally:
        for one in sockets:
            one.close()
