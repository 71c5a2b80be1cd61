"""Money, days and ids come out of every kind of file exactly as they went in, or the file is refused."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segments.config.features import FeaturesConfig
from segments.config.source import Column, Customers, Policy, Source, Transactions
from segments.data.cleaning.customers import clean_customers
from segments.data.cleaning.transactions import clean_transactions
from segments.data.reading import files
from segments.errors import DataError
from segments.features.purchases import transaction_features


def read_customers(source: Source, project: Path):
    with files.open_customers(source, project) as raw:
        return clean_customers(raw, source)


LAST = date(2024, 3, 31)
MIDNIGHT = datetime(2024, 3, 10, tzinfo=UTC)  # in New York clocks go forward some hours later
Line = tuple[int, int, int]  # id, cents, seconds from midnight in UTC

LINES = st.lists(
    st.tuples(
        st.one_of(st.integers(1, 12), st.integers(10**18 - 3, 10**18 + 3), st.just(2**63 - 1)),
        st.one_of(
            st.integers(1, 99_999), st.sampled_from([10, 29, 10**11 + 1])
        ),  # cents that floats do not have, and large ones
        st.one_of(
            st.sampled_from([-1, 0, 0, 1]), st.integers(-90_000, 90_000)
        ),  # the same instant, and both sides of midnight
    ),
    min_size=1,
    max_size=12,
)


def frame_of(lines: list[Line]) -> pd.DataFrame:
    at = [MIDNIGHT + timedelta(seconds=seconds) for _, _, seconds in lines]
    return pd.DataFrame(
        {
            "id": [str(identity) for identity, _, _ in lines],
            "order": [f"o{number}" for number in range(len(lines))],
            "at": [time.strftime("%Y-%m-%d %H:%M:%S") for time in at],
            "paid": [str(Decimal(cents) / 100) for _, cents, _ in lines],
        }
    )


def typed(lines: list[Line], zone: str) -> pa.Table:
    at = [MIDNIGHT + timedelta(seconds=seconds) for _, _, seconds in lines]
    return pa.table(
        {
            "id": pa.array([identity for identity, _, _ in lines], pa.int64()),
            "order": [f"o{number}" for number in range(len(lines))],
            "at": pa.array(at, pa.timestamp("us", tz="UTC")).cast(pa.timestamp("us", tz=zone)),
            "paid": pa.array([Decimal(cents) / 100 for _, cents, _ in lines], pa.decimal128(18, 2)),
        }
    )


WRITERS: dict[str, Callable[[list[Line], Path], Any]] = {
    "a.csv": lambda lines, path: frame_of(lines).to_csv(path, index=False),
    "b.csv": lambda lines, path: (
        frame_of(lines).assign(paid=lambda f: f["paid"].str.replace(".", ",")).to_csv(path, index=False, sep=";")
    ),
    "c.parquet": lambda lines, path: frame_of(lines).to_parquet(path),
    "d.parquet": lambda lines, path: pq.write_table(typed(lines, "America/New_York"), path),
    "e.parquet": lambda lines, path: pq.write_table(typed(lines, "Asia/Kolkata"), path),
    "f.xlsx": lambda lines, path: frame_of(lines).to_excel(path, index=False),
}


def shop(name: str) -> Source:
    spec = Transactions(path=name, customer="id", time="at", amount="paid", order="order")
    return Source("shop", as_of=str(LAST), transactions=spec, policy=Policy(duplicate_rows="keep"))


@pytest.mark.slow
@settings(deadline=None, max_examples=4)
@given(LINES)
def test_money_days_and_ids_of_a_log_are_those_of_the_file_whatever_its_kind(lines: list[Line]) -> None:
    cents: dict[str, int] = {}
    days: dict[str, set[date]] = {}
    for identity, paid, seconds in lines:
        cents[str(identity)] = cents.get(str(identity), 0) + paid
        days.setdefault(str(identity), set()).add((MIDNIGHT + timedelta(seconds=seconds)).date())
    with tempfile.TemporaryDirectory() as folder:
        for name, write in WRITERS.items():
            write(lines, Path(folder) / name)
            with files.open_log(shop(name), Path(folder)) as raw:
                clean, report = clean_transactions(raw, shop(name))
                assert (report["rows_raw"], report["reasons"]) == (len(lines), []), name
                found = transaction_features(clean.df(), LAST, FeaturesConfig()).set_index("customer_id")
            assert set(found.index) == set(cents), name
            for identity, row in found.iterrows():
                assert (
                    round(row["monetary"] * 100) == cents[identity]
                    and abs(row["monetary"] * 100 - cents[identity]) < 1e-3
                ), name
                assert row["purchase_days"] == len(days[identity]), name
                assert (row["recency_days"], row["tenure_days"]) == tuple(
                    (LAST - pick(days[identity])).days for pick in (max, min)
                ), name


NINETEEN = [10**18 + 1, 10**18 + 2, None]


def test_long_ids_of_a_column_with_gaps_stay_apart(tmp_path: Path) -> None:
    """A reader that turns integers with a gap into floats makes one customer of two."""
    pq.write_table(pa.table({"id": pa.array(NINETEEN, pa.int64()), "age": [20, 30, 40]}), tmp_path / "people.parquet")
    source = Source(
        "people",
        customers=Customers("people.parquet", id="id", columns={"age": Column()}),
        policy=Policy(max_bad_share=1),
    )
    table, _ = read_customers(source, tmp_path)
    assert table["customer_id"].tolist() == ["1000000000000000001", "1000000000000000002"]


@pytest.mark.parametrize("name", ["floats.parquet", "spreadsheet.csv", "numbers.xlsx"])
@pytest.mark.parametrize("part", ["customers", "log"])
def test_ids_that_were_rounded_are_refused(tmp_path: Path, name: str, part: str) -> None:
    table = frame_of([(1, 100, 0), (2, 200, 0)]).assign(age=[20, 30])
    ids: list[Any] = (
        ["4.00123E+11", "4.00124E+11"] if name == "spreadsheet.csv" else [float(one) for one in NINETEEN[:2] if one]
    )
    table = table.assign(id=ids)
    {"parquet": table.to_parquet, "csv": table.to_csv, "xlsx": table.to_excel}[name.rpartition(".")[2]](tmp_path / name)
    people = Source("people", customers=Customers(name, id="id", columns={"age": Column()}))
    with pytest.raises(DataError, match="column 'id' holds ids that were rounded to a few digits"):
        if part == "customers":
            read_customers(people, tmp_path)
        else:
            with files.open_log(shop(name), tmp_path) as raw:
                clean_transactions(raw, shop(name))
