"""A table of Spark -> a table of answers, and one of rejected rows. Comes in: a session, a place, a model as text. Goes out: parquet where Spark writes.

The workers score with the function that files are scored with, chunk by chunk of Arrow, so the answers are the same to the last bit; a row's depends
on nothing but the row. They need this package, and get the model as text: plain numbers, read by each worker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from segments.config.source import TABLE
from segments.errors import DataError, StoreError
from segments.io.engines.spark import back_quoted
from segments.model.answers import find_columns, score_batch
from segments.model.segmentation import Segmentation

KIND, REASON = "segments_kind", "segments_reason"


@dataclass(frozen=True)
class ScoredTable:
    """A scored table.

    Parameters
    ----------
    scored : int
        Rows with an answer.
    rejected : dict of str to int
        Rows without, by reason, most first.
    side : str
        Where these are, with id and reason, if there are any.
    """

    scored: int
    rejected: dict[str, int]
    side: str


def score_table(
    session: Any, place: str, output: str, document: str, ids: Sequence[str], missing: Iterable[str]
) -> ScoredTable:
    """Score a table of Spark's catalog, or parquet that Spark can read.

    Parameters
    ----------
    session : pyspark.sql.SparkSession
        In this process, or of a Connect server.
    place : str
        ``table:NAME``, or a parquet file, folder or address.
    output : str
        Folder or address of the answers, where nothing may be yet; rejected rows go to ``<output>.rejected``.
    document : str
        The model as JSON.
    ids : sequence of str
        Names of the id, best first.
    missing : iterable of str
        Texts that mean "no value"; case does not matter.

    Returns
    -------
    ScoredTable
        What was done.

    Raises
    ------
    DataError
        If the table lacks a column, holds something that is neither a number nor text, or no row that can be scored; nothing is written then.
    StoreError
        If something lies where the answers shall go.
    """
    from pyspark.sql.pandas.types import from_arrow_schema
    from pyspark.storagelevel import StorageLevel

    model = Segmentation.from_json(document)
    frame = session.table(place.removeprefix(TABLE)) if place.startswith(TABLE) else session.read.parquet(place)
    side = f"{output.rstrip('/')}.rejected"
    for where in (output, side):
        if _is_there(session, where):
            raise StoreError("something lies where the answers shall go", where=where, fix="name another place")
    columns = find_columns(frame.columns, model.space.columns, ids)
    frame = frame.select(*map(back_quoted, columns))
    words = frozenset(word.strip().casefold() for word in missing) | {""}
    # of no rows, here: what is neither number nor text is named before any worker is asked
    empty = frame.limit(0).toArrow()
    nobody = pa.RecordBatch.from_arrays([column.combine_chunks() for column in empty.columns], columns)
    schema = _scored_batch(model, nobody, words).schema
    answered = frame.mapInArrow(_scorer(document, words), from_arrow_schema(schema)).persist(StorageLevel.DISK_ONLY)
    try:
        counted = answered.groupBy(KIND).count().orderBy("count", ascending=False).collect()
        counts = {row[KIND]: int(row["count"]) for row in counted}
        scored = counts.pop(None, 0)
        if not scored:
            said = ", ".join(f"{rows:,} {reason}" for reason, rows in counts.items()) or "it has no rows"
            raise DataError(f"no row of {place} can be scored: {said}", where=place, fix="check the table")
        if counts:
            id_and_reason = f"CAST({back_quoted(columns[0])} AS STRING) AS id", f"{REASON} AS reason"
            answered.where(f"{KIND} IS NOT NULL").selectExpr(*id_and_reason).write.parquet(side)
        answered.where(f"{KIND} IS NULL").drop(KIND, REASON).write.parquet(output)
    finally:
        answered.unpersist()
    return ScoredTable(scored, counts, side)


def _is_there(session: Any, place: str) -> bool:
    from pyspark.errors import AnalysisException

    try:
        return bool(session.read.text(place).schema)
    except AnalysisException as error:
        if "PATH_NOT_FOUND" in str(error):
            return False
        raise


def _scorer(document: str, missing: frozenset[str]) -> Callable[[Iterable[Any]], Iterator[Any]]:
    """What a worker does; it travels there by its name, so the worker needs this package."""

    def run(batches: Iterable[Any]) -> Iterator[Any]:
        model = Segmentation.from_json(document)
        for batch in batches:
            yield _scored_batch(model, batch, missing)

    return run


def _scored_batch(model: Segmentation, batch: pa.RecordBatch, missing: frozenset[str]) -> pa.RecordBatch:
    """Every row of a chunk: answered rows, then rejected ones with the reason and nothing else."""
    found = score_batch(model, batch, 0, missing, ".")
    answered = pa.Table.from_batches([found.table(name := batch.schema.names[0])])
    rows = [one.row for one in found.rejected]
    rejected = pa.table(
        {
            name: batch.column(0).take(pa.array(rows, pa.int64())),
            KIND: pa.array([one.kind for one in found.rejected], pa.string()),
            REASON: pa.array([one.reason for one in found.rejected], pa.string()),
        }
    )
    whole = pa.concat_tables([answered, rejected], promote_options="default")
    return pa.RecordBatch.from_arrays([column.combine_chunks() for column in whole.columns], whole.schema.names)
