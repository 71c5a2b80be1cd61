"""Tables of Spark to tables of answers: the same bits as files, bad rows aside, nothing written over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

import odd_rows
from segmentations import on_a_line
from segments.app.commands import score
from segments.config.root import Config
from segments.config.source import Customers, Reader, Source
from segments.config.sweep import Algorithm, Feature, FeatureSet, Scaler, SweepConfig
from segments.errors import ConfigError, DataError, StoreError, TrackingError
from segments.io.engines.score_table import ScoredTable, score_table
from segments.io.registry import files
from segments.model.answers import score_batches
from segments.model.segmentation import Segmentation

MISSING = Reader().missing
LINE = on_a_line([0.0, 10.0])


def written(place: Path) -> pa.Table:
    return ds.dataset(place).to_table()


def config() -> Config:
    columns = FeatureSet("x", {"x": Feature()})
    source = Source("toy", customers=Customers("x.csv", id="Household"))
    return Config(source, columns, Scaler("none"), Algorithm(), SweepConfig(["x"], ["none"]))


@pytest.mark.slow
def test_spark_answers_to_the_last_bit_what_a_file_is_answered(spark: Any, tmp_path: Path) -> None:
    model = odd_rows.of_everything()
    rows = odd_rows.rows(model, 3000).append_column("note", pa.array(["…"] * 3000))
    for i in range(3):  # parts of a table, as a cluster has them
        pq.write_table(rows.slice(1000 * i, 1000), tmp_path / f"part{i}.parquet")
    frame = spark.read.parquet(*(str(tmp_path / f"part{i}.parquet") for i in range(3))).repartition(3)
    frame.createOrReplaceTempView("shop_features")
    out = tmp_path / "out"
    made = score_table(spark, "table:shop_features", str(out), model.to_json(), ["customer_id"], MISSING)
    [batch] = rows.select(["customer_id", *model.space.columns]).combine_chunks().to_batches()
    [local] = score_batches(model, [batch], MISSING)
    wanted = (
        pa.Table.from_batches([local.table("customer_id")]).to_pandas().sort_values("customer_id", ignore_index=True)
    )
    found = written(out).to_pandas().sort_values("customer_id", ignore_index=True)
    pd.testing.assert_frame_equal(found, wanted, check_exact=True)
    for name in ("distance", "margin", "confidence", "agreement"):
        assert found[name].to_numpy().tobytes() == wanted[name].to_numpy().tobytes()
    rejected = written(Path(made.side)).to_pylist()
    assert sorted((row["id"], row["reason"]) for row in rejected) == sorted(
        (one.id, one.reason) for one in local.rejected
    )
    assert made.scored == len(wanted) > 2500
    assert sum(made.rejected.values()) == len(rejected) > 100
    assert list(made.rejected.values()) == sorted(made.rejected.values(), reverse=True)
    assert (out / "_SUCCESS").is_file()


@pytest.mark.slow
def test_what_spark_cannot_score_is_named_before_anything_is_written(spark: Any, tmp_path: Path) -> None:
    def made(rows: pa.Table, output: str = "out") -> ScoredTable:
        pq.write_table(rows, tmp_path / "rows.parquet")
        place = str(tmp_path / "rows.parquet")
        return score_table(spark, place, str(tmp_path / output), LINE.to_json(), ["customer_id", "Household"], MISSING)

    with pytest.raises(DataError, match="has no column x"):
        made(pa.table({"customer_id": ["a"], "y": [1.0]}))
    with pytest.raises(DataError, match="no id column"):
        made(pa.table({"who": ["a"], "x": [1.0]}))
    with pytest.raises(DataError, match="column 'x' holds bool"):
        made(pa.table({"customer_id": ["a"], "x": [True]}))
    with pytest.raises(DataError, match=r"no row of .*rows.parquet can be scored: 1 x is missing"):
        made(pa.table({"customer_id": ["a"], "x": pa.array([None], pa.float64())}))
    with pytest.raises(DataError, match="it has no rows"):
        made(pa.table({"customer_id": pa.array([], pa.string()), "x": pa.array([], pa.float64())}))
    assert [path.name for path in tmp_path.iterdir()] == ["rows.parquet"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "yours.rejected").mkdir()
    fine = pa.table({"Household": [7, 8], "x": [1, 9]})
    for output in ("mine", "yours"):
        with pytest.raises(StoreError, match="something lies where the answers shall go"):
            made(fine, output)
    assert made(fine) == ScoredTable(2, {}, str(tmp_path / "out.rejected"))
    assert not (tmp_path / "out.rejected").exists()
    assert sorted((row["Household"], row["segment"]) for row in written(tmp_path / "out").to_pylist()) == [
        (7, "low"),
        (8, "high"),
    ]


@pytest.mark.slow
def test_the_command_scores_on_spark_and_says_how_many_were_rejected(
    spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered = files.RegisteredModel("toy", "3", "models:/toy/3", "toy", {files.DOCUMENT: LINE.to_json().encode()})
    monkeypatch.setattr(files, "read_model", lambda *_: registered)
    pq.write_table(pa.table({"Household": ["a", "b", None], "x": [1.0, np.nan, 2.0]}), tmp_path / "rows.parquet")
    said, code = score.run(config(), str(tmp_path / "rows.parquet"), str(tmp_path / "out"), spark="local[1]")
    assert code == 3
    assert said.splitlines()[0] == f"1 rows scored by toy version 3 -> {tmp_path}/out"
    assert "2 rows rejected (1 " in said and "1 x is missing" in said and "1 missing id" in said
    assert f"-> {tmp_path}/out.rejected" in said


def test_a_model_that_was_changed_is_not_taken_to_spark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def changed(*_: Any) -> files.RegisteredModel:
        raise TrackingError("toy version 3 is not what was registered")

    monkeypatch.setattr(files, "read_model", changed)
    monkeypatch.setattr(score, "spark_session", lambda *_: pytest.fail("Spark was asked"))
    with pytest.raises(TrackingError, match="not what was registered"):
        score.run(config(), "table:shop.features", str(tmp_path / "out"), spark="local[1]")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"input": "table:shop.features"}, "table:shop.features is found by an engine only"),
        ({"output": "s3a://shop/out"}, "s3a://shop/out is found by an engine only"),
        ({"output": "table:shop.out", "spark": "local[1]"}, "answers are written as parquet"),
        ({"separator": ";", "spark": "local[1]"}, "read.separator is of text files"),
    ],
)
def test_what_does_not_go_together_is_refused(given: dict[str, str], says: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=says):
        score.run(config(), **{"input": "rows.parquet", "output": str(tmp_path / "out.csv")} | given)


@pytest.mark.parametrize("place", ["yarn", "local", "sc:/x", "http://127.0.0.1"])
def test_a_place_where_no_spark_runs_is_refused(place: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no place Spark runs at"):
        score.run(config(), "rows.parquet", str(tmp_path / "out"), spark=place)


def test_a_number_that_overflows_in_the_power_transform_is_rejected_like_any_other() -> None:
    """scikit-learn's scaler refuses an infinite number, which ended the whole file with a traceback."""
    model = odd_rows.of_numbers("power", "identity")
    batch = pa.record_batch({"id": ["a", "b"], "spend": [1e308, 20.0], "orders": [-1e308, 3.0]})
    [found] = score_batches(Segmentation.from_json(model.to_json()), [batch])
    assert found.ids.to_pylist() == ["b"]
    assert [one.kind for one in found.rejected] == ["too large to be scaled"]
