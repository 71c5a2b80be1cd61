"""Command `score`: a file of customers or of their purchases in, a segment per customer out, and a record of how the batch differs from the training data."""

from __future__ import annotations

from pathlib import Path

from segments.app.jobs.score_file import Batch, score_file
from segments.app.load import checked
from segments.config.engine import Engine
from segments.config.registry import IN_USE
from segments.config.root import Config
from segments.config.source import TABLE, Reader, is_foreign
from segments.errors import ConfigError, DataError
from segments.io.engines.score_table import score_table
from segments.io.engines.spark import spark_session
from segments.io.registry import files
from segments.io.store.files import refuse_kept
from segments.io.tracking.connection import connect
from segments.io.tracking.results import track_batch
from segments.model.segmentation import Segmentation


def run(
    config: Config,
    input: str,
    output: str,
    model: str = "",
    record: bool = True,
    raw: bool = False,
    encoding: str = "",
    separator: str = "",
    decimal: str = "",
    spark: str = "",
) -> tuple[str, int]:
    """Score a file, or a table of Spark, with a registered model (the champion by default); returns what to say, and the exit code: 3 when rows were rejected."""
    if not is_foreign(output):
        refuse_kept(Path(output))
    if spark:
        return _on_spark(
            config, input, output, model, spark, {"encoding": encoding, "separator": separator, "decimal": decimal}
        )
    if of_engine := [place for place in (input, output) if is_foreign(place)]:
        raise ConfigError(
            f"{of_engine[0]} is found by an engine only",
            where="segments score",
            fix="add connect=local[2], or connect=sc://HOST:PORT",
        )
    # a shell leaves \t as it is
    given = {"encoding": encoding, "separator": separator.replace("\\t", "\t"), "decimal": decimal}
    read = {key: value for key, value in given.items() if value}
    checked(Reader, read, "read")
    found = files.read_model(config.tracking, model or f"models:/{config.registry.model}@{IN_USE}")
    batch = score_file(
        config,
        Path(input),
        Path(output),
        Segmentation.from_json(found.document),
        {"name": found.name, "version": found.version},
        found.reference if record else "",
        read,
        raw=raw,
    )
    if batch.record is not None:
        with connect(config.tracking, "monitoring") as tracker:
            track_batch(tracker, batch.record)
    if not batch.scored:
        kept = "" if batch.record is None else f"; the counts are kept as batch {batch.record['batch_id']}"
        raise DataError(
            f"no row of {Path(input).name} can be scored: {batch.message()}", where=input, fix=f"see {batch.side}{kept}"
        )
    return _summary(batch, found, output, record), 3 if any(batch.rejected.values()) else 0


def _summary(batch: Batch, found: files.RegisteredModel, output: str, record: bool) -> str:
    """How many rows were scored and rejected, and what the batch is like beside the training customers."""
    lines = [
        f"{batch.scored:,} {batch.counts} scored by {found.name} version {found.version} -> {output}",
        *batch.notes,
    ]
    if rejected := sum(batch.rejected.values()):
        lines.append(
            f"{rejected:,} {'line' if batch.counts == 'customers' else 'row'}{'s' * (rejected != 1)} rejected ({batch.message()}) -> {batch.side}"
        )
    if batch.record is not None:
        lines.append(f"{batch.record['sentence']} (batch {batch.record['batch_id']})")
    elif record:
        lines.append(
            "no drift figures: this version was registered without; `segments registry` registers one with them"
        )
    return "\n".join(lines)


def _on_spark(config: Config, place: str, output: str, model: str, spark: str, read: dict[str, str]) -> tuple[str, int]:
    if output.startswith(TABLE):
        raise ConfigError("answers are written as parquet", where="output", fix="name a folder or an address")
    if given := [key for key, value in read.items() if value]:
        raise ConfigError(
            f"read.{given[0]} is of text files, and Spark reads tables and parquet here",
            where="segments score",
            fix=f"leave read.{given[0]} out, or score the file without connect",
        )
    engine = checked(Engine, {"connect": spark}, "")
    found = files.read_model(config.tracking, model or f"models:/{config.registry.model}@{IN_USE}")
    people, log = config.source.customers, config.source.transactions
    named = [
        *([people.id, *people.id_aliases] if people is not None else []),
        *([log.customer] if log is not None else []),
    ]
    reader = people.read if people is not None and log is None else Reader()
    ids = ["customer_id", *(name for name in named if name is not None)]
    with spark_session(engine, "connect") as session:
        made = score_table(session, place, output, found.document, ids, reader.missing)
    lines = [f"{made.scored:,} rows scored by {found.name} version {found.version} -> {output}"]
    if rejected := sum(made.rejected.values()):
        reasons = ", ".join(f"{rows:,} {reason}" for reason, rows in made.rejected.items())
        lines.append(f"{rejected:,} row{'s' * (rejected != 1)} rejected ({reasons}) -> {made.side}")
    lines.append("no drift figures: those are of files scored here")
    return "\n".join(lines), 3 if rejected else 0
