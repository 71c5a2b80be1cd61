"""Engines that SQL is asked of in tests, and what they must answer: what `segments score` answers of the same rows."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from postgresql import SECRET, Postgres
from segments.config.source import Reader
from segments.model.answers import score_batches
from segments.model.segmentation import Segmentation

Ask = Callable[[str, pa.Table, str], pd.DataFrame]  # SQL, a table and its quoted name -> the answer
NEAR = 1e-9


def duckdb_answers(sql: str, table: pa.Table, name: str) -> pd.DataFrame:
    with duckdb.connect() as connection:
        connection.register("given", table)
        connection.execute(f"CREATE TABLE {name} AS SELECT * FROM given")
        return connection.execute(sql).fetch_df()


def postgres_answers(server: Postgres) -> Ask:
    def ask(sql: str, table: pa.Table, name: str) -> pd.DataFrame:
        columns = [
            f'"{field.name.replace(chr(34), 2 * chr(34))}" {"double precision" if field.type == pa.float64() else "text"}'
            for field in table.schema
        ]
        with postgres_connection(server) as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE TEMPORARY TABLE {name} ({', '.join(columns)})")
            with cursor.copy(f"COPY {name} FROM STDIN") as copy:
                for row in zip(*(column.to_pylist() for column in table.columns), strict=True):
                    copy.write_row(row)
            cursor.execute(sql)
            return pd.DataFrame(cursor.fetchall(), columns=[column.name for column in cursor.description])

    return ask


@contextmanager
def postgres_connection(server: Postgres) -> Iterator[Any]:
    import psycopg

    where = f"host=127.0.0.1 port={server.port} user=mlflow dbname=postgres"
    with psycopg.connect(where, password=SECRET, autocommit=True) as connection:
        yield connection


def spark_answers(session: Any) -> Ask:
    def ask(sql: str, table: pa.Table, name: str) -> pd.DataFrame:
        with (
            tempfile.TemporaryDirectory() as folder
        ):  # a table in memory would be asked by other code than a stored one
            pq.write_table(table, f"{folder}/rows.parquet")
            session.read.parquet(folder).createOrReplaceTempView(name)
            return session.sql(sql).toArrow().to_pandas()

    return ask


def by_the_model(model: Segmentation, table: pa.Table) -> pd.DataFrame:
    """What `segments score` says of every row, with the kind of reason; in the order of the table."""
    [batch] = table.select(["customer_id", *model.space.columns]).combine_chunks().to_batches()
    [scored] = score_batches(model, [batch], Reader().missing)
    said = {one.row - 1: one.kind for one in scored.rejected if one.row}
    rejected = pd.DataFrame({"row": list(said), "reason": list(said.values())})
    answers = scored.answers.assign(customer_id=scored.ids.to_pandas().to_numpy(), reason=None)
    answers["row"] = np.setdiff1d(np.arange(len(table)), rejected["row"])
    return pd.concat([answers, rejected]).sort_values("row", ignore_index=True).drop(columns="row")


@dataclass(frozen=True)
class Compared:
    """Rows of which engine and model say the same, and those that lie on a border, where each may say what it likes."""

    rows: int
    scored: int
    on_border: int
    worst: float


def compare(model: Segmentation, table: pa.Table, answered: pd.DataFrame) -> Compared:
    """Every row once, the same reason or segment, and every number to 1e-9; ids are the rows' numbers."""
    wanted = by_the_model(model, table)
    assert set(answered.columns) == set(wanted.columns)
    answered = answered.sort_values("customer_id", key=lambda ids: ids.astype(int), ignore_index=True)
    assert answered["customer_id"].tolist() == table["customer_id"].to_pylist()
    said, expected = (one["reason"].where(one["reason"].notna(), "") for one in (answered, wanted))
    assert said.tolist() == expected.tolist()
    kept = (expected == "").to_numpy()
    assert answered.loc[~kept].drop(columns=["customer_id", "reason"]).isna().all(axis=None)
    answered, wanted = answered[kept], wanted[kept]
    numbers = ["distance", "margin", "confidence", *(["agreement"] if "agreement" in wanted else [])]
    ours, theirs = (one[numbers].to_numpy(dtype=np.float64) for one in (wanted, answered))
    distance, margin = ours[:, 0], ours[:, 1]
    border = margin <= NEAR * (distance + margin)
    for name in ("cluster", "segment_id", "segment"):
        assert (answered[name].to_numpy() == wanted[name].to_numpy())[~border].all(), name
    # of a row at a centre, the distance is what rounding left of the coordinates
    scale = np.abs(model.centres).max() + distance
    off = np.abs(theirs[:, 0] - distance) / np.maximum(distance, 1e-6 * scale)
    assert (off <= NEAR).all(), f"distances differ by {off.max():g}"
    assert (np.abs(theirs[:, 1] - margin) <= NEAR * np.maximum(distance + margin, 1e-6 * scale)).all()
    assert (np.abs(theirs[:, 2] - ours[:, 2]) <= 1e-8).all()
    if len(numbers) > 3:
        steep = max(_steepest(*curve) for curve in model.limits.agreement or [])
        assert (np.abs(theirs[:, 3] - ours[:, 3])[~border] <= 1e-8 * (1 + steep)).all()
    near_limit = np.abs(ours[:, 2] - model.limits.boundary) <= 1e-8
    assert (answered["boundary"].astype(bool).to_numpy() == wanted["boundary"].to_numpy())[~near_limit].all()
    reach = model.limits.reach[wanted["cluster"].to_numpy(dtype=int)]
    near_reach = np.abs(distance - reach) <= NEAR * np.maximum(distance, 1e-6 * scale)
    same = answered["out_of_range"].astype(bool).to_numpy() == wanted["out_of_range"].to_numpy()
    assert same[~near_reach & ~border].all()
    return Compared(len(table), int(kept.sum()), int(border.sum()), float(off.max(initial=0.0)))


def _steepest(at: np.ndarray, share: np.ndarray) -> float:
    return float((np.diff(share) / np.diff(at)).max(initial=0.0))
