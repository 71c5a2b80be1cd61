"""A session of Spark. Comes in: ``engine`` of a source. Goes out: a session, in this process or at a Connect server; what fails is one sentence."""

from __future__ import annotations

import os
import re
import shutil
import socket
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from segments.config.engine import TOKEN, Engine
from segments.errors import DataError, SegmentsError

PORT = 15002
REACH_SECONDS = 10
UNREACHABLE = (ConnectionError, TimeoutError, socket.gaierror)
BATCH_ROWS = 100_000  # that go to a worker at a time
# What our SQL relies on, on any server; times are UTC, as DuckDB has them.
SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.ansi.doubleQuotedIdentifiers": "true",
    "spark.sql.timestampType": "TIMESTAMP_LTZ",
    "spark.sql.parquet.inferTimestampNTZ.enabled": "true",
    "spark.sql.execution.arrow.maxRecordsPerBatch": str(BATCH_ROWS),
}
# Of a Spark in this process: it listens on the loopback only, and shows no page.
LOCAL = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.sql.shuffle.partitions": "8",
    "spark.log.level": "ERROR",
    "spark.sql.catalogImplementation": "in-memory",
}


def lacks(engine: Engine) -> list[str]:
    """What this machine lacks to use an engine: ``PySpark``, ``Java``; a server brings its own Java.

    Examples
    --------
    >>> "Java" in lacks(Engine(connect="sc://127.0.0.1"))
    False
    """
    home = os.environ.get("JAVA_HOME")
    has_java = shutil.which("java") or (home and Path(home, "bin", "java").is_file())
    return [
        *(["PySpark"] if find_spec("pyspark") is None else []),
        *(["Java"] if not engine.is_remote and not has_java else []),
    ]


def back_quoted(name: str) -> str:
    """A column as Spark's SQL names it.

    Examples
    --------
    >>> back_quoted("unit `price`")
    '`unit ``price```'
    """
    return f"`{name.replace('`', '``')}`"


@contextmanager
def spark_session(engine: Engine, where: str) -> Iterator[Any]:
    """Open a session; that of a server ends with the block, that of this process with the process.

    Parameters
    ----------
    engine : Engine
        Which Spark.
    where : str
        The config that names it, for messages.

    Raises
    ------
    DataError
        If PySpark or Java are missing, nobody answers, or Spark fails within the block.
    """
    if missing := lacks(engine):
        raise SegmentsError(
            f"the source is read by Spark, and this machine has no {' and no '.join(missing)}",
            where=where,
            fix="; ".join(
                {"PySpark": "`make spark`, or `pip install 'segments[spark]'`", "Java": "install Java 17 or newer"}[one]
                for one in missing
            ),
        )
    with warnings.catch_warnings():
        # pandas 3 is newer than what PySpark 4.3 names; what goes to workers and back is Arrow, and pandas has no part in it.
        warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
        warnings.filterwarnings("ignore", r"\[RETRIES_EXCEEDED\]", UserWarning)  # the error says it
        # so does its toPandas, by which Narwhals collects
        warnings.filterwarnings("ignore", "The copy keyword is deprecated", DeprecationWarning)
        with _in_one_sentence(engine, where):
            session = _remote(engine) if engine.is_remote else _local(engine)
            for name, value in SETTINGS.items():
                session.conf.set(name, value)
        try:
            with _in_one_sentence(engine, where):
                yield session
        finally:
            if engine.is_remote:
                _ended(session)


def _local(engine: Engine) -> Any:
    from pyspark.sql import SparkSession

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    builder = SparkSession.builder.master(engine.connect).appName("segments")
    for name, value in LOCAL.items():
        builder = builder.config(name, value)
    folder = tempfile.gettempdir()
    builder = builder.config("spark.local.dir", folder).config("spark.sql.warehouse.dir", f"{folder}/spark-warehouse")
    return builder.getOrCreate()


def _remote(engine: Engine) -> Any:
    from pyspark.sql.connect.client.retries import DefaultPolicy
    from pyspark.sql.connect.session import SparkSession

    parts = urlsplit(engine.connect)
    with socket.create_connection((str(parts.hostname), parts.port or PORT), REACH_SECONDS):
        pass
    session = SparkSession.builder.remote(engine.connect).create()
    # by default a server that is gone is asked for ten minutes
    session.client.set_retry_policies([DefaultPolicy(max_retries=4, max_backoff=2000)])
    return session


def _ended(session: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            session.stop()
        except Exception as error:  # a server that is gone has ended it
            del error


@contextmanager
def _in_one_sentence(engine: Engine, where: str) -> Iterator[None]:
    """What Spark says, in one sentence."""
    try:
        yield
    except SegmentsError:
        raise
    except Exception as error:
        if not _is_of_spark(error):
            raise
        place = engine.connect.partition("/;")[0]
        if engine.is_remote and isinstance(error, UNREACHABLE):
            what = f"no Spark Connect server answers at {place}: {error.strerror or error}"
        elif engine.is_remote and _is_gone(error):
            what = f"the Spark Connect server at {place} went away"
        else:
            what = f"Spark fails: {_sentence(error)}"
        fix = (
            f"see that it runs (and that {TOKEN} holds its token, if it wants one), then run this again: nothing made earlier is lost"
            if engine.is_remote
            else "mend what it names, then run this again: nothing made earlier is lost"
        )
        raise DataError(what, where=where, fix=fix) from error


def _is_of_spark(error: Exception) -> bool:
    return isinstance(error, UNREACHABLE) or type(error).__module__.partition(".")[0] in ("pyspark", "py4j", "grpc")


def _is_gone(error: Exception) -> bool:
    said = f"{type(error).__name__} {error}"
    return any(
        word in said
        for word in ("UNAVAILABLE", "RetriesExceeded", "RETRIES_EXCEEDED", "Connection refused", "Socket closed")
    )


def _sentence(error: Exception) -> str:
    """The line of an error that says most: of a worker's the last of its traceback, else the first."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    named = [line for line in lines if re.match(r"[\w.]*(Error|Exception): ", line)]
    return (named or lines or [type(error).__name__])[-1 if named else 0]
