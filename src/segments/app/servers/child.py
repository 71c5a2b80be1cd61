"""One server for one person, as a child of this process or as several copies of it. Comes in: a command, or what to do. Goes out: its address once it answers; nothing of it stays when we end.

Every server here listens on 127.0.0.1 only and sends nothing home.
"""

from __future__ import annotations

import errno
import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO, NoReturn

from segments.errors import SegmentsError, first_line

HOST = "127.0.0.1"
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # Ctrl-C, a service manager, a closed terminal
START_SECONDS = 300  # a server that has said nothing for so long is stuck; one that ends is noticed at once
STOP_SECONDS = 10


def say(text: str) -> None:
    """Write to standard output at once: a person, or a program that waits for the address, reads it now."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def run_child(
    command: Callable[[int], Sequence[str]],
    *,
    name: str,
    start: str,
    setting: str,
    port: int,
    health: str,
    announce: Callable[[str], str],
    mend: str,
    folder: Path | None = None,
    say: Callable[[str], object] = say,
) -> int:
    """Start a server, say where it is as soon as it answers, and stay until Ctrl-C, SIGTERM or SIGHUP.

    Parameters
    ----------
    command : callable
        Words of the command, for the port it is to listen on.
    name : str
        What messages call the server, such as ``the dashboard``.
    start : str
        The command by which a person starts it.
    setting : str
        The setting that holds its port.
    port : int
        The port wanted; the next free one is taken instead, and said.
    health : str
        Path that is answered with 200 once the server is ready.
    announce : callable
        Text for the person, from the address; called while the server starts.
    mend : str
        What to do when it does not start.
    folder : Path, optional
        Working folder of the server; ours by default.
    say : callable, optional
        Takes lines of text for the person; standard output by default.

    Returns
    -------
    int
        Exit code: 0, stopped as asked.

    Raises
    ------
    SegmentsError
        If no port is free, or the server does not start, does not answer, or stops by itself: with the last line of its log.
    """
    port = free_port(port, f"{start} {setting}", say)
    url = f"http://{HOST}:{port}"
    try:
        with ended_by_signals(), tempfile.TemporaryFile() as log:
            # Servers have children themselves: in a group of their own, one signal reaches all, and none before we decide.
            process = subprocess.Popen(
                command(port),
                cwd=folder,
                env=os.environ | QUIET,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            try:
                text = announce(url)
                if _wait_until_ready(process, url + health):
                    say(f"{text}\n\nStop with Ctrl-C.")
                    code = process.wait()
                    what, fix = f"{name} stopped by itself (exit code {code})", f"run `{start}` again"
                elif process.poll() is None:
                    what = f"{name} has not answered for {START_SECONDS} seconds"
                    fix = "try again when the machine is less busy"
                else:
                    what, fix = f"{name} did not start", mend
                raise SegmentsError(f"{what}: {_last_line(log)}", where=url, fix=fix)
            finally:
                _stop(process)
    except KeyboardInterrupt:
        say("\nStopped.")
        return 0


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and a closed terminal end what runs inside in the same orderly way as Ctrl-C: with one KeyboardInterrupt.

    More of them while it ends change nothing, so that nothing is left behind; what is ignored (``nohup``) stays ignored.
    """
    before = {number: signal.getsignal(number) for number in ENDINGS}
    heard = [number for number in ENDINGS if before[number] is not signal.SIG_IGN]

    def interrupt(number: int, frame: FrameType | None) -> None:
        for one in heard:
            signal.signal(one, signal.SIG_IGN)
        raise KeyboardInterrupt

    def hang_up(number: int, frame: FrameType | None) -> None:
        signal.raise_signal(signal.SIGTERM)  # a library inside may have its own way to end at that one

    for number in heard:
        signal.signal(number, hang_up if number == signal.SIGHUP else interrupt)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, before[number])


@contextmanager
def beside(tasks: Sequence[Callable[[int], object]]) -> Iterator[list[int]]:
    """Have copies of this process do tasks while the block runs; they are to end when it does, however it ends.

    Copies need not import again, and share what lies in memory. Begin before there are threads or open databases, which cannot be copied.

    Parameters
    ----------
    tasks : sequence of callable
        What each copy does. It gets a descriptor at whose end it is to end, in good order: the block is over, or this process was killed.
        What it raises is not said: what there is to say, the process that is copied says.

    Yields
    ------
    list of int
        The copies' process numbers.

    Examples
    --------
    >>> with beside([lambda ended: os.read(ended, 1)] * 2) as copies:
    ...     len(copies)
    2
    """
    reading, writing = os.pipe()
    copies: list[int] = []
    try:
        for task in tasks:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # of threads: those of BLAS, which are copied well
                number = os.fork()
            if not number:
                os.close(writing)
                _copied(task, reading)
            copies.append(number)
        os.close(reading)
        yield copies
    finally:
        os.close(writing)
        deadline = time.monotonic() + STOP_SECONDS
        for number in copies:
            while os.waitpid(number, os.WNOHANG) == (0, 0):
                if time.monotonic() > deadline:
                    os.kill(number, signal.SIGKILL)
                time.sleep(0.01)


def _copied(task: Callable[[int], object], ended: int) -> NoReturn:
    code = 1
    with suppress(BaseException):  # nothing of ours goes on above: not the tests that began us, say
        task(ended)
        code = 0
    os._exit(code)


def listening(port: int, processes: int) -> list[socket.socket]:
    """Sockets on one port of 127.0.0.1, one for each process that answers: the system deals callers out to those that listen.

    Parameters
    ----------
    port : int
        A free one.
    processes : int
        How many sockets.
    """
    sockets = []
    for _ in range(processes):
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if processes > 1:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        one.bind((HOST, port))
        sockets.append(one)
    return sockets


def free_port(wanted: int, setting: str, say: Callable[[str], object] = say) -> int:
    """Find the wanted port of 127.0.0.1, or the next one that nobody listens on, and say so.

    Parameters
    ----------
    wanted : int
        Port to begin with.
    setting : str
        How a person asks for another, such as ``segments ui tracking.port``.
    say : callable, optional
        Takes lines of text for the person; standard output by default.

    Raises
    ------
    SegmentsError
        If it and the fifty after it are all taken.
    """
    last = min(wanted + 50, 65535)
    for port in range(wanted, last + 1):
        if taken(HOST, port) is None:
            if port != wanted:
                say(f"Port {wanted} is taken; using {port}.")
            return port
    raise SegmentsError(
        f"every port from {wanted} to {last} is taken", where=HOST, fix=f"choose another: `{setting}=6000`"
    )


def taken(host: str, port: int) -> str | None:
    """Why nobody can begin to listen there; None where one can.

    Examples
    --------
    >>> with socket.create_server(("127.0.0.1", 0)) as server:
    ...     print(taken("127.0.0.1", server.getsockname()[1]))
    [Errno 98] Address already in use
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # servers do so too: a port just left is free
            probe.bind(address)
        with socket.socket(family) as probe:
            probe.settimeout(1)
            # Binding alone is not enough: another program may listen on the same port of all addresses.
            if probe.connect_ex(address) == 0:
                raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    except OSError as error:
        return first_line(error)
    return None


def answers(url: str, timeout_seconds: float) -> bool:
    """Whether a server answers an address with 200."""
    try:
        # No proxy: it would be asked for 127.0.0.1 as well.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url, timeout=timeout_seconds) as answer:  # `url` is ours or the user's own server
            return bool(answer.status == 200)
    except (OSError, ValueError, http.client.HTTPException):
        return False


def _wait_until_ready(process: subprocess.Popen[bytes], url: str) -> bool:
    """Whether the server answered, rather than ended or let us wait too long."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            process.wait(0.1)
            return False
        except subprocess.TimeoutExpired:
            if answers(url, 2):
                return True
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the server and all its processes; those that outlive it, or do not end, are killed."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(STOP_SECONDS)
        except ProcessLookupError:  # the whole group has ended
            break
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def _last_line(log: IO[bytes]) -> str:
    log.seek(max(0, log.seek(0, os.SEEK_END) - 10_000))
    lines = log.read().decode(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else "it wrote no message"
