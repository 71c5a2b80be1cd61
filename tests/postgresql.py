"""A real PostgreSQL for tests: a cluster of our own in a temporary folder."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SECRET = "a secret of the test"


def port() -> int:
    """One that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Postgres:
    """Its one user needs a password."""

    folder: Path
    port: int

    def run(self, program: str, *words: str) -> str:
        """A program of PostgreSQL, as a user who is not root: it refuses root."""
        [home] = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1:]
        user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        done = subprocess.run(
            [*user, str(home / program), *words],
            cwd=self.folder,
            env=os.environ | {"PGPASSWORD": SECRET},
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert done.returncode == 0, f"{program}: {done.stdout}"
        return done.stdout

    def sql(self, command: str, database: str = "postgres") -> str:
        where = ("-h", "127.0.0.1", "-p", str(self.port), "-U", "mlflow", "-d", database)
        return self.run("psql", *where, "-v", "ON_ERROR_STOP=1", "-Atc", command).strip()


@contextmanager
def cluster() -> Iterator[Postgres]:
    """One that runs as long as the block."""
    folder = Path(tempfile.mkdtemp(prefix="segments-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    made = Postgres(folder, port())
    password = folder / "password"
    password.write_text(SECRET)
    password.chmod(0o644)
    made.run("initdb", "-D", "data", "-U", "mlflow", "-A", "scram-sha-256", "--pwfile", "password", "-E", "UTF8")
    options = f"-p {made.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
    made.run("pg_ctl", "-D", "data", "-o", options, "-l", "log", "-w", "start")
    try:
        yield made
    finally:
        made.run("pg_ctl", "-D", "data", "-m", "immediate", "stop")
        shutil.rmtree(folder)
