"""A real Spark Connect server for tests, of the PySpark that is installed, on the loopback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

from postgresql import port

# What a second of work on a few hundred rows needs: code that is compiled for hours of work costs ten times as much as the work.
JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto"
SMALL = {
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.cleaner.referenceTracking": "false",
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "1000",
}


class Server:
    """It runs from :meth:`start` until :meth:`kill`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"sc://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it listens."""
        found = find_spec("pyspark")
        assert found is not None and found.origin is not None
        home = Path(found.origin).parent
        settings = {
            "spark.connect.grpc.binding.address": "127.0.0.1",
            "spark.connect.grpc.binding.port": str(self.port),
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            **SMALL,
            "spark.sql.warehouse.dir": str(self.folder / "warehouse"),
        }
        words = [word for name, value in settings.items() for word in ("--conf", f"{name}={value}")]
        with (self.folder / "server.log").open("wb") as log:
            self.process = subprocess.Popen(
                [str(home / "sbin/start-connect-server.sh"), "--wait", "--master", "local[2]", *words],
                env={
                    **os.environ,
                    "JDK_JAVA_OPTIONS": JAVA,
                    "SPARK_HOME": str(home),
                    "PYSPARK_PYTHON": sys.executable,
                    "SPARK_LOG_DIR": str(self.folder),
                    "SPARK_PID_DIR": str(self.folder),
                },
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        while self.process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(0.2)
        raise AssertionError((self.folder / "server.log").read_text())

    def kill(self) -> None:
        """As a machine that goes down does."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


@contextmanager
def connect_server(folder: Path) -> Iterator[Server]:
    """One that runs as long as the block."""
    server = Server(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()
