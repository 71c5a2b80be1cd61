"""Starts and stops the dashboard. Comes in: the config. Goes out: a Streamlit server on 127.0.0.1 that asks nothing of any other machine."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

from segments.app.servers.mlflow_ui import HOST, free_port
from segments.config.root import Config
from segments.errors import ConfigError, SegmentsError

APP = Path(__file__).with_name("app.py")
START_SECONDS = 60


def serve(config: Config, overrides: Sequence[str] = (), say: Callable[[str], object] | None = None) -> int:
    """Start the dashboard, say where it is, and stay until Ctrl-C or SIGTERM.

    Parameters
    ----------
    config : Config
        Its section ``dashboard``.
    overrides : sequence of str
        The same overrides, for the page.
    say : callable, optional
        Takes lines of text for the person; standard output by default.

    Returns
    -------
    int
        Exit code: 0, stopped as asked.

    Raises
    ------
    ConfigError
        If Streamlit is not installed.
    SegmentsError
        If the server does not start, or stops by itself.
    """
    say = say or _say
    if importlib.util.find_spec("streamlit") is None:
        raise ConfigError(
            "the dashboard needs Streamlit, which is not installed",
            where="segments dashboard",
            fix="run `make install`, or `pip install 'segments[dashboard]'`",
        )
    port = free_port(config.dashboard.port)
    if port != config.dashboard.port:
        say(f"Port {config.dashboard.port} is taken; using {port}.")
    url = f"http://{HOST}:{port}"
    # In its own session: Ctrl-C in the terminal reaches us, and we end it in good order.
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command(config, port, overrides),
            env=os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        before = signal.signal(signal.SIGTERM, _interrupt)
        try:
            _wait_until_ready(process, url)
            say(f"Dashboard: {url}\n\nStop with Ctrl-C.")
            code = process.wait()
            log.seek(0)
            last = (log.read().decode(errors="replace").strip().splitlines() or ["it wrote no message"])[-1]
            raise SegmentsError(
                f"the dashboard stopped by itself (exit code {code}): {last}",
                where=url,
                fix="run `segments dashboard` again",
            )
        except KeyboardInterrupt:
            say("\nStopped.")
            return 0
        finally:
            _stop(process)
            signal.signal(signal.SIGTERM, before)


def command(config: Config, port: int, overrides: Sequence[str]) -> list[str]:
    """The command that runs the page, with every option that keeps it on this machine.

    Parameters
    ----------
    config : Config
        Its section ``dashboard``.
    port : int
        Of 127.0.0.1.
    overrides : sequence of str
        For the page's own config.
    """
    options = {
        "server.address": HOST,
        "server.port": port,
        "server.headless": "true",
        "server.allowedHosts": HOST,  # a page elsewhere cannot reach it under a name of its own
        "server.enableCORS": "true",
        "server.enableXsrfProtection": "true",
        "server.enableStaticServing": "false",
        "server.fileWatcherType": "none",
        "server.maxUploadSize": config.dashboard.max_upload_mib,
        "browser.serverAddress": HOST,
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "type",  # the message of a defect may hold a customer's row
        "client.showErrorLinks": "false",  # they lead to search engines
        "runner.magicEnabled": "false",
        "theme.base": "light",  # the pictures have a light ground too
        "theme.primaryColor": "#0072B2",
        "theme.textColor": "#222222",
        "theme.metricValueFontSize": "1.5rem",
    }
    flags = [f"--{name}={value}" for name, value in options.items()]
    return [sys.executable, "-m", "streamlit", "run", str(APP), *flags, "--", *overrides]


def _wait_until_ready(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if _answers(url):
            return
        time.sleep(0.1)
    raise SegmentsError("the dashboard did not start", where=url, fix="try `segments dashboard dashboard.port=8600`")


def _answers(url: str) -> bool:
    try:
        # No proxy: it would be asked for 127.0.0.1 as well.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{url}/_stcore/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, ValueError):
        return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
