"""MLflow's server for a team. Comes in: a PostgreSQL database, a place for artifacts, who may reach it. Goes out: `mlflow server` in this process.

It listens on 127.0.0.1 unless people sign in and the names it is reached by are given. No password passes through here: the
driver itself reads the database's from ``~/.pgpass`` or ``PGPASSWORD``, MLflow its administrator's from its own variables.
"""

from __future__ import annotations

import configparser
import ipaddress
import os
import secrets
import stat
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from segments.app.servers.child import HOST, QUIET, say, taken
from segments.errors import ConfigError, SegmentsError, TrackingError, first_line

WORKERS = "2"
INSTALL = "install what the server needs: `pip install 'segments[server]'`"
SIGNING = "MLFLOW_FLASK_SERVER_SECRET_KEY"
KEPT = ("MLFLOW_AUTH_ADMIN_PASSWORD", SIGNING)


def run_team_server(
    database: str,
    artifacts: str = "mlartifacts",
    host: str = HOST,
    port: str = "5000",
    allowed_hosts: str = "",
    auth: str = "",
) -> NoReturn:
    """Check what was asked for, and become MLflow's server: its log, its signals and its exit code are this process's.

    Parameters
    ----------
    database : str
        ``postgresql://USER@HOST:PORT/NAME``, without a password.
    artifacts : str
        Where pictures, tables and models are kept: a folder, or an address such as ``s3://...``. People reach them through the server.
    host : str
        Address to listen on.
    port : str
        Port to listen on.
    allowed_hosts : str
        Names (with port, unless it is the default one) under which people reach the server, separated by commas.
    auth : str
        Configuration file of MLflow's basic-auth app: people sign in.

    Raises
    ------
    ConfigError
        If it would be open to others without sign-in or allowed hosts, or a password stands where others can read it.
    TrackingError
        If the database does not answer, or the port is taken.
    """
    check_database(database)
    hosts = [name.strip() for name in allowed_hosts.split(",") if name.strip()]
    check_exposure(host, hosts, auth)
    if auth:
        check_auth(Path(auth))
    if not port.isdecimal() or not 1024 <= int(port) <= 65535:
        raise ConfigError(f"'{port}' is not a port", where="--port", fix="give a number from 1024 to 65535")
    _check_answers(database)
    if why := taken(host, int(port)):
        raise TrackingError(
            f"nobody can listen there: {why}",
            where=f"{host}:{port}",
            fix="give another --port, or stop what uses this one",
        )
    command = [sys.executable, "-m", "mlflow", "server", "--host", host, "--port", port, "--workers", WORKERS]
    command += ["--artifacts-destination", artifacts if "://" in artifacts else str(Path(artifacts).absolute())]
    if auth:
        command += ["--app-name", "basic-auth"]
    reached = next((name for name in hosts if "*" not in name), f"{host}:{port}")
    say(f"MLflow on {host}:{port}; people write tracking.uri=http://{reached}\nStop with Ctrl-C.")
    # In our place rather than as a child: a service manager speaks to MLflow itself, and the list of processes loses the database's address.
    os.execve(sys.executable, command, environment(os.environ, database, hosts, auth))  # noqa: S606 - a fixed list


def environment(inherited: Mapping[str, str], database: str, hosts: list[str], auth: str) -> dict[str, str]:
    """Variables of the server: MLflow's own are only those that are meant, so that none left in a shell opens it wider.

    Parameters
    ----------
    inherited : mapping of str to str
        Variables of this process.
    database : str
        Address of the database: here rather than among the words of the command, which every user of the machine can list.
    hosts : list of str
        Names under which people reach the server; their pages may write to it.
    auth : str
        Configuration file of MLflow's basic-auth app, or nothing.

    Examples
    --------
    >>> found = environment({"MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE": "true"}, "postgresql:///mlflow", ["mlflow.example"], "")
    >>> {key: value for key, value in found.items() if key.startswith("MLFLOW_SERVER_")}  # doctest: +NORMALIZE_WHITESPACE
    {'MLFLOW_SERVER_ENABLE_JOB_EXECUTION': 'false', 'MLFLOW_SERVER_ALLOWED_HOSTS': 'mlflow.example',
     'MLFLOW_SERVER_CORS_ALLOWED_ORIGINS': 'http://mlflow.example,https://mlflow.example'}
    """
    found = {key: value for key, value in inherited.items() if not key.startswith("MLFLOW_") or key in KEPT}
    found |= QUIET | {"MLFLOW_BACKEND_STORE_URI": database}
    if hosts:
        origins = [f"{scheme}://{name}" for name in hosts for scheme in ("http", "https")]
        found |= {
            "MLFLOW_SERVER_ALLOWED_HOSTS": ",".join(hosts),
            "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": ",".join(origins),
        }
    if auth:
        found |= {"MLFLOW_AUTH_CONFIG_PATH": str(Path(auth).absolute())}
        found.setdefault(SIGNING, secrets.token_hex(32))  # signs the forms of MLflow's sign-up page
    return found


def check_database(database: str) -> None:
    """Refuse what is not PostgreSQL, and an address with a password in it.

    Raises
    ------
    ConfigError
        Without repeating the password.

    Examples
    --------
    >>> check_database("postgresql://mlflow@127.0.0.1:5432/mlflow")
    >>> check_database("postgresql://mlflow:secret@127.0.0.1/mlflow")
    Traceback (most recent call last):
    segments.errors.ConfigError: the address of the database holds a password
      where: --database
      do:    leave it out: put it into ~/.pgpass (or the variable PGPASSWORD), where no log and no list of processes shows it
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(database)
    except (ArgumentError, ValueError) as error:
        raise _no_database() from error
    if url.password is not None or "password" in url.query:
        raise ConfigError(
            "the address of the database holds a password",
            where="--database",
            fix="leave it out: put it into ~/.pgpass (or the variable PGPASSWORD), where no log and no list of processes shows it",
        )
    if url.get_backend_name() != "postgresql" or not url.database:
        raise _no_database()


def check_exposure(host: str, hosts: list[str], auth: str) -> None:
    """Refuse to listen beyond this machine unless people sign in and the names of the server are given.

    Raises
    ------
    ConfigError
        Names what is missing.

    Examples
    --------
    >>> check_exposure("127.0.0.1", [], "")
    >>> check_exposure("0.0.0.0", ["mlflow.example"], "")
    Traceback (most recent call last):
    segments.errors.ConfigError: on 0.0.0.0 everybody who reaches this machine could read and change the record
      where: --host
      do:    add --auth FILE (people sign in); or stay on 127.0.0.1
    """
    if wide := [name for name in hosts if not name.strip("*.:")]:
        raise ConfigError(
            f"'{wide[0]}' allows every name", where="--allowed-hosts", fix="name the hosts, such as mlflow.example"
        )
    if _is_loopback(host):
        return
    missing = [] if auth else ["--auth FILE (people sign in)"]
    missing += [] if hosts else ["--allowed-hosts NAMES (under which people reach it)"]
    if missing:
        raise ConfigError(
            f"on {host} everybody who reaches this machine could read and change the record",
            where="--host",
            fix=f"add {' and '.join(missing)}; or stay on {HOST}",
        )


def check_auth(path: Path) -> None:
    """Refuse a configuration of MLflow's basic-auth app that it could not use, or whose secrets others can read.

    Raises
    ------
    ConfigError
        Names what is wrong with the file.
    SegmentsError
        If the sign-in's library is not installed.
    """
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text())
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        what = f"{path} cannot be read: {first_line(error)}"
        raise ConfigError(what, where="--auth", fix="see docs/server.md for such a file") from error
    for key in ("default_permission", "database_uri", "admin_username"):
        if not parser.has_option("mlflow", key):
            raise ConfigError(
                f"{path} has no {key} in its section [mlflow]", where="--auth", fix="see docs/server.md for such a file"
            )
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(f"others than its owner may open {path}", where="--auth", fix=f"chmod 600 {path}")
    if find_spec("flask_wtf") is None:
        raise SegmentsError("MLflow's sign-in is not installed", where="flask_wtf", fix=INSTALL)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _no_database() -> ConfigError:
    return ConfigError(
        "this is not the address of a PostgreSQL database",
        where="--database",
        fix="write postgresql://USER@HOST:PORT/NAME; one person alone needs no server: `segments ui` shows the local record",
    )


def _check_answers(database: str) -> None:
    from sqlalchemy import create_engine
    from sqlalchemy.exc import SQLAlchemyError

    try:
        engine = create_engine(database, connect_args={"connect_timeout": 10})
        engine.connect().close()
        engine.dispose()
    except ImportError as error:
        raise SegmentsError(
            f"the driver of PostgreSQL is not installed: {error}", where=database, fix=INSTALL
        ) from error
    except SQLAlchemyError as error:
        raise TrackingError(
            f"the database does not let us in: {first_line(error)}",
            where=database,
            fix="start PostgreSQL, make the database (`createdb NAME`), and see that ~/.pgpass or PGPASSWORD holds the password",
        ) from error
