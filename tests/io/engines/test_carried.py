"""What travels to Spark's workers, without Spark; and what is said where Spark cannot start."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest

from segments.config.engine import Engine
from segments.data.returns import returned
from segments.errors import SegmentsError
from segments.io.engines.carried import returned_rows, rows_by_sql
from segments.io.engines.spark import spark_session


def test_a_query_is_answered_for_every_batch_beside_small_tables() -> None:
    batches = [pa.record_batch({"x": [1, 2]}), pa.record_batch({"x": [3]})]
    answer = rows_by_sql("SELECT x * 10 AS y FROM batch WHERE x IN (FROM odd)", {"odd": pa.table({"x": [1, 3]})})
    assert pa.Table.from_batches(answer(batches)).to_pydict() == {"y": [10, 30]}


def test_returns_are_found_across_batches_of_a_partition() -> None:
    day = [datetime(2024, 1, number) for number in (1, 2, 3)]
    names = ["customer_id", "product", "row", "purchased_at", "order", "size"]
    lines = [("7", "tea", 1, day[0], None, 2), ("7", "tea", 2, day[1], None, -2), ("8", None, 3, day[2], None, 1)]
    batches = [pa.RecordBatch.from_pylist([dict(zip(names, line, strict=True))]) for line in lines[:2]]
    assert pa.Table.from_batches(returned_rows(returned)(batches)).to_pylist() == [{"row": 1, "sent_back_at": day[1]}]
    assert list(returned_rows(returned)(batches[:1])) == []


def test_without_java_spark_on_this_machine_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with (
        pytest.raises(SegmentsError, match=r"read by Spark, and this machine has no .*Java\n.*here\n.*install Java 17"),
        spark_session(Engine(connect="local[2]"), "here"),
    ):
        pass
