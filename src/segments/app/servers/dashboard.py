"""Starts and stops the dashboard. Comes in: the config. Goes out: a Streamlit server on 127.0.0.1 that asks nothing of any other machine."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from segments.app.servers import child
from segments.config.root import Config
from segments.errors import ConfigError

APP = Path(__file__).parents[1] / "dashboard" / "app.py"


def run_dashboard(config: Config, overrides: Sequence[str] = (), say: Callable[[str], object] = child.say) -> int:
    """Start the dashboard, say where it is, and stay until Ctrl-C, SIGTERM or SIGHUP.

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
        If the server does not start or answer, or stops by itself.
    """
    if importlib.util.find_spec("streamlit") is None:
        raise ConfigError(
            "the dashboard needs Streamlit, which is not installed",
            where="segments dashboard",
            fix="run `make install`, or `pip install 'segments[dashboard]'`",
        )
    return child.run_child(
        lambda port: dashboard_command(config, port, overrides),
        name="the dashboard",
        start="segments dashboard",
        setting="dashboard.port",
        port=config.dashboard.port,
        health="/_stcore/health",
        announce=lambda url: f"Dashboard: {url}",
        mend="try `segments dashboard dashboard.port=8600`",
        say=say,
    )


def dashboard_command(config: Config, port: int, overrides: Sequence[str]) -> list[str]:
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
        "server.address": child.HOST,
        "server.port": port,
        "server.headless": "true",
        "server.allowedHosts": child.HOST,  # a page elsewhere cannot reach it under a name of its own
        "server.enableCORS": "true",
        "server.enableXsrfProtection": "true",
        "server.enableStaticServing": "false",
        "server.fileWatcherType": "none",
        "server.maxUploadSize": config.dashboard.max_upload_mib,
        "browser.serverAddress": child.HOST,
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "type",  # the message of a defect may hold a customer's row
        "client.showErrorLinks": "false",  # they lead to search engines
        "runner.magicEnabled": "false",
        # no theme.base: the page is as light or dark as the reader's system
        "theme.light.primaryColor": "#0072B2",
        "theme.light.textColor": "#222222",
        "theme.dark.primaryColor": "#56B4E9",
        "theme.metricValueFontSize": "1.5rem",
        "theme.paddingTop": "3rem",
    }
    flags = [f"--{name}={value}" for name, value in options.items()]
    return [sys.executable, "-m", "streamlit", "run", str(APP), *flags, "--", *overrides]
