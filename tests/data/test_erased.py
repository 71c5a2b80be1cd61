"""Erased customers are left out of what is read, and counted."""

from __future__ import annotations

from dataclasses import replace

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segments.config.source import Reader
from segments.data.erased import Erased, with_erased, without_erased
from segments.data.rows import RawTable

KEY = bytes(range(32))


def of(*ids: str, source: str = "shop", id_type: str = "auto", key: bytes = KEY) -> Erased:
    bare = Erased(source, id_type, key)
    return replace(bare, hashes=frozenset(map(bare.hash_of, ids)))


def left(erased: Erased | None, cells: list[object], header: str = "Customer ID") -> tuple[list[object], int]:
    connection = duckdb.connect()
    connection.register("given", pd.DataFrame({header: cells, "n": range(len(cells))}))
    raw, rows = without_erased(RawTable(connection, connection.table("given")), ["customer_id"], Reader(), erased)
    return [row[0] for row in raw.lines.fetchall()], rows


def test_every_row_of_theirs_is_left_out_however_the_id_is_padded() -> None:
    assert left(of("7"), ["007", "8", "7", None, "9", "7.0"]) == (["8", None, "9"], 3)
    assert left(of("7", id_type="text"), ["007", "8", "7"]) == (["007", "8"], 1)
    assert left(of("7"), [7, 8, 77]) == ([8, 77], 1)


def test_another_source_another_key_and_another_column_name_nobody() -> None:
    assert left(of("7"), ["7"], header="product")[1] == 0
    assert left(None, ["7"])[1] == 0
    erased = of("7")
    assert erased.hash_of("7") != of("7", source="mall").hash_of("7")
    assert erased.hash_of("7") != of("7", key=b"another").hash_of("7")
    assert "7" not in repr(erased).replace(next(iter(erased.hashes)), "") and KEY.hex() not in repr(erased)


@pytest.mark.slow
@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.sampled_from(["a", "b", "7", "007", "x'y", 'q"z', "é"]), min_size=1),
    st.sets(st.sampled_from(["a", "7", "x'y"])),
)
def test_the_others_stay_in_their_order(cells: list[str], gone: set[str]) -> None:
    kept = [one for one in cells if one not in gone and not (one == "007" and "7" in gone)]
    assert left(of(*gone), cells) == (kept, len(cells) - len(kept))


def test_they_are_counted_in_the_report() -> None:
    report = {
        "rows_raw": 5,
        "rows_clean": 4,
        "reasons": [{"reason": "missing age", "rows": 1, "action": "drop"}],
        "notes": [],
    }
    counted = with_erased(report, 2)
    assert counted["rows_raw"] == 7 == counted["rows_clean"] + sum(reason["rows"] for reason in counted["reasons"])
    assert with_erased(report, 0) is report


@pytest.mark.parametrize("id_type", ["auto", "integer", "text"])
def test_a_hash_is_no_plain_hash_of_the_id(id_type: str) -> None:
    import hashlib

    digest = of("7", id_type=id_type).hash_of("7")
    assert len(digest) == 32
    assert digest not in {hashlib.sha256(text).hexdigest()[:32] for text in (b"7", b"shop7", b"shop\x007")}
