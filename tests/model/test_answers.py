"""Feature rows to answers: the model's own, row by row, and every other row rejected with its reason."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmentations import segmentation
from segments.clustering.candidate import Spec, sweep_cell
from segments.clustering.space import Space
from segments.config.sweep import SCALERS, Algorithm, Feature, FeatureSet, Scaler
from segments.data.reading.cells import NUMBER
from segments.errors import DataError
from segments.model.answers import find_columns, read_numbers, score_batches
from segments.model.segmentation import Segmentation

LINE = segmentation("c0", Space(["x"], ["identity"], [1.0], "none", {}), np.array([[0.0], [10.0]]), ["low", "high"])
MISSING = ("NA", "?")


def batches(table: pd.DataFrame, size: int) -> list[pa.RecordBatch]:
    return pa.Table.from_pandas(table, preserve_index=False).to_batches(max_chunksize=size)


def scored(
    model: Segmentation, ids: list, **columns: list
) -> tuple[list, pd.DataFrame, list[tuple[int, str | None, str]]]:
    [found] = score_batches(model, [pa.RecordBatch.from_pydict({"id": ids, **columns})], MISSING)
    return found.ids.to_pylist(), found.answers, [(one.row, one.id, one.reason) for one in found.rejected]


@pytest.mark.parametrize("scaler", SCALERS)
@pytest.mark.parametrize("size", [1, 7, 64, 300])
def test_wherever_chunks_end_the_answers_are_the_models_own(scaler: str, size: int) -> None:
    rng = np.random.default_rng(2)
    table = pd.DataFrame(
        {"customer_id": [f"é{i}" for i in range(90)], "x": rng.lognormal(2, 1, 90), "y": rng.normal(0, 3, 90)}
    )
    wanted = FeatureSet("xy", {"x": Feature("log1p"), "y": Feature()})
    [made] = sweep_cell(table, [Spec("toy", wanted, Scaler(scaler), Algorithm(starts=2, max_fits=5), 3, 0)])
    model = segmentation(made.candidate_id, made.space, made.centres, list("abc"))
    for threads in (1, 2):
        chunks = list(score_batches(model, batches(table, size), threads=threads))
        answers = pd.concat([chunk.answers for chunk in chunks], ignore_index=True)
        pd.testing.assert_frame_equal(answers, model.predict(table), check_exact=True)
        assert [name for chunk in chunks for name in chunk.ids.to_pylist()] == list(table["customer_id"])


def test_a_tie_goes_to_the_lower_number_as_in_the_model() -> None:
    _, answers, _ = scored(LINE, ["a", "b"], x=["5", "5.0"])
    assert answers["cluster"].tolist() == LINE.predict(pd.DataFrame({"x": [5.0, 5.0]}))["cluster"].tolist() == [0, 0]
    assert answers["margin"].tolist() == [0, 0]


def test_every_row_ends_in_exactly_one_place() -> None:
    model = segmentation("c0", Space(["x", "y"], ["log1p", "sqrt"], [1.0, 1.0], "none", {}), np.eye(2), ["a", "b"])
    ids = ["1", "", " na ", "4", "5", "6", "7", "8", "9", "10", None]
    x = ["1", "1", "1", "", "abc", "inf", "-1", "1", "1e5", "1,5", "1"]
    y = ["1", "1", "1", "1", "?", "1", "1", "-0.1", "0", "1", "x"]
    kept, answers, rejected = scored(model, ids, x=x, y=y)
    assert kept == ["1", "9"] and len(answers) == 2
    assert rejected == [
        (2, "", "missing id"),
        (3, " na ", "missing id"),
        (4, "4", "x is missing"),
        (5, "5", "x is not a number: 'abc'"),
        (6, "6", "x is infinite"),
        (7, "7", "x is below what its transform log1p takes: '-1'"),
        (8, "8", "y is below what its transform sqrt takes: '-0.1'"),
        (10, "10", "x is not a number: '1,5'"),
        (11, None, "missing id"),
    ]


def test_values_no_scaler_can_take_are_rejected_not_guessed() -> None:
    big = segmentation("c0", Space(["x"], ["identity"], [1e200], "none", {}), np.array([[0.0], [1.0]]), ["a", "b"])
    kept, answers, rejected = scored(big, ["a", "b", "c"], x=[0.0, 1e200, 1e-1])
    assert kept == ["a"] and answers["cluster"].tolist() == [0]
    assert [reason for _, _, reason in rejected] == ["too large to be scaled", "too large to be measured"]


def test_all_rows_of_a_chunk_rejected() -> None:
    kept, answers, rejected = scored(LINE, ["a", "b"], x=["", "?"])
    assert kept == [] and len(answers) == 0 and len(rejected) == 2
    assert list(answers.columns) == list(LINE.predict(pd.DataFrame({"x": [1.0]})).columns)


@pytest.mark.parametrize(
    "cells",
    [
        pa.array([1, 2, None], pa.int32()),
        pa.array([1.0, 2.0, np.nan], pa.float32()),
        pa.array(["1", "2", ""]),
        pa.array(["1", "2", None]),
        pa.array(["1", "2", "?"]).dictionary_encode(),
        pa.array(["1.0", " 2", "NA"], pa.large_string()),
    ],
)
def test_numbers_of_any_type(cells: pa.Array) -> None:
    values, unreadable = read_numbers(cells, "x", frozenset({"", "?", "na"}), ".")
    assert np.array_equal(values, [1, 2, np.nan], equal_nan=True) and not unreadable.any()


def test_what_is_neither_number_nor_text_is_refused() -> None:
    with pytest.raises(DataError, match="column 'x' holds bool"):
        read_numbers(pa.array([True]), "x", frozenset(), ".")


def test_decimal_commas() -> None:
    assert read_numbers(pa.array(["1,5", "2"]), "x", frozenset(), ",")[0].tolist() == [1.5, 2.0]


@pytest.mark.slow
@given(st.lists(st.floats(allow_nan=False).map(repr) | st.from_regex(NUMBER["."], fullmatch=True).filter(str.isascii)))
def test_text_is_read_to_the_last_bit(texts: list[str]) -> None:
    values, unreadable = read_numbers(pa.array([*texts, "odd"], pa.string()), "x", frozenset(), ".")
    assert values[:-1].tolist() == [float(text) for text in texts]
    assert unreadable.tolist() == [False] * len(texts) + [True]


def test_columns_are_found_in_any_order_beside_any_others() -> None:
    assert find_columns(["y", "z", "x", "Household ID"], ["x", "y"], ["customer_id", "household_id"]) == [
        "Household ID", "x", "y",
    ]  # fmt: skip
    assert (
        find_columns(["household_id", "x", "customer_id"], ["x"], ["customer_id", "household_id"])[0] == "customer_id"
    )


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        (["id", "x"], "no id column"),
        (["customer_id", "X"], "no column x; it has"),
    ],
)
def test_a_column_that_is_absent_is_named(headers: list[str], says: str) -> None:
    with pytest.raises(DataError, match=says):
        find_columns(headers, ["x"], ["customer_id"])


def test_few_chunks_are_in_memory_at_a_time() -> None:
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield pa.RecordBatch.from_pydict({"id": ["a"], "x": [1.0]})

    found = score_batches(LINE, endless(), threads=2)
    for _ in range(10):
        next(found)
    found.close()
    assert taken <= 10 + 4
