"""Who moved, and why: every customer in exactly one cell, whatever the models and the tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segments import cli
from segments.migration import CELLS, MOVED, Migration, in_words, migrate
from segments.model import Limits, Segment, Segmentation, number_segments
from segments.space import Space

SPACE = Space(["x"], ["identity"], [1.0], "none", {})
LOW_MIDDLE_HIGH = number_segments(["low", "middle", "high"])


def model(*centres: float, segments: list[Segment] = LOW_MIDDLE_HIGH) -> Segmentation:
    limits = Limits(np.ones(len(centres)), np.zeros(1), np.ones(1), 0.1)
    return Segmentation("m", SPACE, np.array(centres)[:, None], segments[: len(centres)], limits)


def table(**x: float) -> pd.DataFrame:
    return pd.DataFrame({"customer_id": list(x), "x": list(x.values())})


def cells(migration: Migration) -> dict[str, str]:
    return migration.customers.set_index("customer_id")["cell"].to_dict()


# The earlier model parts at 5 and 15; the later one at 8 and 15.
EARLIER, LATER = model(0, 10, 20), model(4, 12, 18)


def test_each_cell_by_hand() -> None:
    before = table(same=1, back=4, self=1, model=6, both=20, left=3)
    after = table(same=2, back=6, self=12, model=6.5, both=7, came=18)
    migration = migrate(EARLIER, LATER, before, after)
    assert cells(migration) == {
        "same": "stayed",
        "back": "returned",  # S1 -> S2 by the earlier model, and S1 again by the later one
        "self": "customer",  # S1 -> S2 by both
        "model": "model",  # S2 by the earlier model at both dates, S1 by the later one
        "both": "both",  # S3 -> S2 by the earlier model, S1 by the later one
        "came": "new",
        "left": "gone",
    }
    assert migration.counts == dict.fromkeys(CELLS, 1)
    rows = migration.transitions.set_index(["from_id", "to_id"])["customers"]
    assert rows[("S1", "S1")] == 2
    assert rows[("S3", "S1")] == rows[("S2", "S1")] == rows[("S1", "S2")] == 1
    assert rows.sum() == 7
    plain = migration.to_plain()
    assert (plain["customers_at_both"], plain["moved"]) == (5, 3)
    assert (plain["changed_by_customer"], plain["changed_by_model"]) == (3, 3)


def test_who_moved_stands_first_and_farthest_first() -> None:
    before, after = table(a=1, b=1, c=1, d=9), table(a=12, b=14, c=4.5, d=9)
    moved = migrate(EARLIER, EARLIER, before, after).customers
    assert moved["customer_id"].tolist() == ["b", "a", "c", "d"]
    assert moved["travelled"].tolist() == [13, 11, 3.5, 0]
    # at x = 1 the border (5) is 4 away: half the margin of 8
    assert moved["crossings"].tolist() == pytest.approx([13 / 4, 11 / 4, 3.5 / 4, 0])


def test_segments_are_compared_by_id_not_by_cluster() -> None:
    renumbered = model(20, 0, 10, segments=[LOW_MIDDLE_HIGH[2], *LOW_MIDDLE_HIGH[:2]])
    before = table(a=1, b=11, c=19)
    assert migrate(EARLIER, renumbered, before, before).counts["stayed"] == 3


def test_a_split_is_the_models_doing() -> None:
    split = model(0, 8, 12, segments=[LOW_MIDDLE_HIGH[0], LOW_MIDDLE_HIGH[1], Segment("S4", "new", 3)])
    before = table(a=9, b=11)
    assert cells(migrate(model(0, 10), split, before, before)) == {"a": "stayed", "b": "model"}


def test_nobody_in_common() -> None:
    migration = migrate(EARLIER, LATER, table(a=1), table(b=1))
    assert (migration.counts["gone"], migration.counts["new"], migration.at_both) == (1, 1, 0)
    assert in_words(migration)[0].startswith("0 customers are there at both dates; 0 are in the same segment")


def test_the_words_name_no_customer() -> None:
    words = " ".join(in_words(migrate(EARLIER, LATER, table(anna=1, ben=1), table(anna=12, ben=1))))
    assert "1 (50%) are in the same segment, 1 (50%) in another" in words
    assert "The largest move: 1 from S1 'low' to S2 'middle'." in words
    assert not {"anna", "ben"} & set(words.split())


Rows = st.dictionaries(st.integers(0, 40).map(str), st.floats(-5, 30).map(lambda x: round(x, 1)), min_size=1)


@given(Rows, Rows, st.lists(st.integers(-5, 30), min_size=2, max_size=3, unique=True))
def test_counts_add_up_exactly(old: dict[str, float], new: dict[str, float], centres: list[int]) -> None:
    migration = migrate(EARLIER, model(*map(float, centres)), table(**old), table(**new))
    rows = migration.customers
    assert sorted(rows["customer_id"]) == sorted({*old, *new})
    assert set(rows["cell"]) <= set(CELLS)
    assert sum(migration.counts.values()) == len({*old, *new})
    assert migration.at_both == len({*old} & {*new})
    assert migration.counts["new"] == len({*new} - {*old})
    assert migration.counts["gone"] == len({*old} - {*new})
    assert migration.transitions["customers"].sum() == len({*old, *new})
    assert {cell: migration.transitions[cell].sum() for cell in CELLS} == migration.counts
    there = rows[~rows["cell"].isin(["new", "gone"])]
    assert (there["from_id"] != there["to_id"]).sum() == sum(migration.counts[cell] for cell in MOVED)
    by_old = migration.transitions.groupby("from_id")["customers"].sum()
    predicted = EARLIER.predict(table(**old))["segment_id"].value_counts()
    assert by_old.to_dict() == predicted.to_dict()


@given(Rows, Rows)
def test_the_same_model_moves_nobody(old: dict[str, float], new: dict[str, float]) -> None:
    counts = migrate(EARLIER, EARLIER, table(**old), table(**new)).counts
    assert counts["model"] == counts["both"] == counts["returned"] == 0
    same = migrate(EARLIER, LATER, table(**old), table(**old)).counts
    assert same["customer"] == same["both"] == same["returned"] == 0


def test_the_command_wants_its_first_date(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, project: Path
) -> None:
    monkeypatch.chdir(project)
    assert cli.main(["migration"]) == 2
    assert "from=DATE is missing" in capsys.readouterr().err
