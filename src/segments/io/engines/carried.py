"""What Spark's workers do. Comes in: Arrow batches. Goes out: the same, as DuckDB's SQL makes them.

These functions travel to the workers by value, with :mod:`segments.data.returns`: a worker needs ``duckdb`` and ``pyarrow``, and nothing of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any


def rows_by_sql(query: str, sides: dict[str, Any]) -> Callable[[Iterable[Any]], Iterator[Any]]:
    """A function that answers a query over ``batch`` for every batch; `sides` are small tables it may name."""

    def run(batches: Iterable[Any]) -> Iterator[Any]:
        import duckdb
        import pyarrow as pa

        connection = duckdb.connect(":memory:", config={"threads": 1})
        connection.execute("SET TimeZone = 'UTC'")
        for name, table in sides.items():
            connection.register(name, table)
        for batch in batches:
            connection.register("batch", pa.Table.from_batches([batch]))
            yield from connection.sql(query).to_arrow_table().to_batches()
            connection.unregister("batch")
        connection.close()

    return run


def one_text(work: Callable[[Iterable[Any]], str]) -> Callable[[Iterable[Any]], Iterator[Any]]:
    """A function that says one text of all batches of a partition, as `work` does."""

    def run(batches: Iterable[Any]) -> Iterator[Any]:
        import pyarrow as pa

        yield pa.RecordBatch.from_pydict({"text": [work(batches)]})

    return run


def returned_rows(
    returned: Callable[[Iterable[tuple[Any, ...]]], Iterator[tuple[int, Any]]],
) -> Callable[[Iterable[Any]], Iterator[Any]]:
    """A function that says of the sorted lines of a partition which were sent back (:func:`segments.data.returns.returned`)."""

    def run(batches: Iterable[Any]) -> Iterator[Any]:
        from itertools import islice

        import pyarrow as pa

        schema = pa.schema({"row": pa.int64(), "sent_back_at": pa.timestamp("us")})
        rows = (row for batch in batches for row in zip(*(column.to_pylist() for column in batch.columns), strict=True))
        found = returned(rows)
        while some := list(islice(found, 100_000)):
            columns = zip(*some, strict=True)
            arrays = [pa.array(column, kind.type) for column, kind in zip(columns, schema, strict=True)]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    return run
