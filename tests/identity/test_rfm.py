"""The RFM map: proved on load, true to ties, and honest about what nobody can be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segments.app.load import checked, load
from segments.config.features import FeaturesConfig
from segments.config.profiles import RfmCells, RfmMapConfig
from segments.errors import ConfigError
from segments.features.purchases import transaction_features
from segments.features.table import rfm_cut_points, rfm_scores
from segments.identity.rfm import cross_table, rfm_segments, rfm_table
from small_project import CHECKOUT

SHIPPED = load([], project=CHECKOUT).rfm_map


def scored(recency: list[float], frequency: list[float], monetary: list[float]) -> pd.DataFrame:
    table = pd.DataFrame({"recency_days": recency, "frequency": frequency, "monetary": monetary}, dtype="float64")
    return table.join(rfm_scores(table, rfm_cut_points(table)))


def test_the_shipped_map_names_every_triple_once() -> None:
    cells = [cell for blocks in SHIPPED.segments.values() for block in blocks for cell in block.cells]
    assert len(cells) == len(set(cells)) == 125
    assert {"champions", "loyal", "at risk", "hibernating", "lost"} <= set(SHIPPED.segments)


def test_a_triple_left_out_is_named() -> None:
    with pytest.raises(ConfigError, match=r"r=1 f=1 m=1 is in no segment \(and 24 more of 125") as refused:
        checked(RfmMapConfig, {"segments": {"some": [RfmCells(r=[2, 5])]}}, "rfm_map")
    assert refused.value.where == "rfm_map.segments"


def test_a_triple_in_two_segments_is_named_with_both() -> None:
    with pytest.raises(ConfigError, match=r"r=3 f=5 m=5 is in 'new' and in 'old'\n"):
        checked(
            RfmMapConfig,
            {
                "segments": {
                    "new": [RfmCells(r=[4, 5]), RfmCells(r=[3, 3], f=[5, 5], m=[5, 5])],
                    "old": [RfmCells(r=[1, 3])],
                }
            },
            "rfm_map",
        )


def test_a_triple_twice_in_one_segment_is_refused_too() -> None:
    with pytest.raises(ConfigError, match="'all' and in 'all'"):
        checked(RfmMapConfig, {"segments": {"all": [RfmCells(), RfmCells(r=[5, 5])]}}, "rfm_map")


@pytest.mark.parametrize("ends", [[0, 3], [4, 6], [3, 2], [3], []])
def test_a_range_outside_the_scores_is_refused(ends: list[int]) -> None:
    with pytest.raises(ConfigError, match="is not a range of scores"):
        checked(RfmCells, {"f": ends})


def test_a_segment_without_scores_is_refused() -> None:
    with pytest.raises(ConfigError, match="'nobody' has no scores"):
        checked(RfmMapConfig, {"segments": {"all": [RfmCells()], "nobody": []}}, "rfm_map")


def test_an_override_that_breaks_the_map_is_refused_on_load() -> None:
    with pytest.raises(ConfigError, match="is in no segment"):
        load(["rfm_map.segments.lost=[{r:[1,1],f:[1,1]}]"], project=CHECKOUT)


def test_names_by_hand() -> None:
    scores = pd.DataFrame({"r_score": [5.0, 5, 1, 2, 3], "f_score": [5.0, 1, 5, 1, 3], "m_score": [5.0, 1, 5, 5, 1]})
    assert rfm_segments(scores, SHIPPED).tolist() == [
        "champions",
        "new or occasional",
        "not to be lost",
        "hibernating",
        "need attention",
    ]


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(1, 3), st.integers(1, 3)), min_size=3, max_size=60), st.randoms()
)
@settings(max_examples=50, deadline=None)
def test_equal_customers_are_never_parted(customers: list[tuple[int, int, int]], random: object) -> None:
    """Whatever the ties and the order of rows."""
    random.shuffle(customers)  # type: ignore[attr-defined]
    table = scored(*([float(value) for value in column] for column in zip(*customers, strict=True)))
    named = rfm_segments(table, SHIPPED)
    parted = pd.Series(named).groupby([table["recency_days"], table["frequency"], table["monetary"]]).nunique()
    assert (parted == 1).all()
    found = rfm_table(table, SHIPPED)
    assert found["customers"].sum() == len(table)
    assert found["cells"].sum() == 125
    assert found["revenue_share"].sum() == pytest.approx(1.0)
    assert found[~found["reachable"]]["customers"].eq(0).all()


def test_on_cdnow_ties_leave_a_score_out_and_every_segment_is_reachable(shared_data: Path) -> None:
    """Half of these customers bought once, so nobody has a frequency score of 2: a map that asks for it alone is empty."""
    lines = pd.read_csv(
        shared_data / "cdnow" / "CDNOW_sample.txt",
        sep=r"\s+",
        header=None,
        usecols=[1, 2, 4],
        names=["customer_id", "day", "amount"],
    )
    log = pd.DataFrame(
        {
            "customer_id": lines["customer_id"].astype(str),
            "purchased_at": pd.to_datetime(lines["day"].astype(str)),
            "amount": lines["amount"].astype("float64"),
        }
    )
    log["order_id"] = log["customer_id"] + "/" + log["purchased_at"].astype(str)
    as_of = log["purchased_at"].max().date()
    table = transaction_features(log, as_of, FeaturesConfig())
    table = table.join(rfm_scores(table, rfm_cut_points(table)))
    assert len(table) == 2357
    assert table["frequency"].eq(1).mean() > 0.4
    assert 2 not in set(table["f_score"])
    found = rfm_table(table, SHIPPED).set_index("rfm_segment")
    assert found["reachable"].all()
    # they all came in the first quarter of 1997: nobody is new at the end of 1998, though somebody could be
    assert found.index[found["customers"] == 0].tolist() == ["new or occasional"]
    quarters = RfmMapConfig(
        {
            "second fifth": [RfmCells(f=[2, 2])],
            "others": [RfmCells(f=[1, 1]), RfmCells(f=[3, 5])],
        }
    )
    row = rfm_table(table, quarters).iloc[0]
    assert not row["reachable"]
    assert row["note"].startswith("cannot be reached: nobody has f_score 2")


def test_an_empty_segment_that_could_be_reached_is_told_apart() -> None:
    table = scored([1, 2, 3, 4, 5], [5, 4, 3, 2, 1], [5, 4, 3, 2, 1])
    found = rfm_table(table, SHIPPED).set_index("rfm_segment")
    assert found.loc["not to be lost", ["reachable", "customers", "note"]].tolist() == [True, 0, "nobody is here"]


def test_the_cross_table_counts_everybody_once() -> None:
    rfm = np.array(["lost", "lost", "loyal", "lost"], dtype=object)
    table = cross_table(rfm, np.array([0, 1, 1, 1], dtype=np.int32), ["a", "b"], ["loyal", "lost", "new"])
    assert table["customers"].tolist() == [0, 1, 1, 2, 0, 0]
    assert table["share"].tolist()[:4] == pytest.approx([0, 1, 1 / 3, 2 / 3])
    assert table["share"].isna().tolist() == [False] * 4 + [True] * 2


def test_a_map_without_money_and_an_empty_segment() -> None:
    cells = RfmMapConfig({"recent": [RfmCells(r=[4, 5])], "gone": [RfmCells(r=[1, 3])]})
    table = pd.DataFrame(
        {
            "r_score": [5.0, 4.0],
            "f_score": 1.0,
            "m_score": 3.0,
            "monetary": 0.0,
            "recency_days": [1.0, 4.0],
            "frequency": [2.0, 3.0],
        }
    )
    found = rfm_table(table, cells).set_index("rfm_segment")
    assert found["cells"].tolist() == [50, 75]
    assert found[["customers", "share", "revenue_share"]].to_numpy().tolist() == [[2, 1.0, 0.0], [0, 0.0, 0.0]]
    assert found["reachable"].tolist() == [True, False]
    assert found.loc["recent", ["recency_days", "frequency", "monetary", "note"]].tolist() == [2.5, 2.5, 0.0, ""]
    assert found.loc["gone", "note"] == (
        "cannot be reached: nobody has r_score 1 or 2 or 3, nobody has f_score 2 or 3 or 4 or 5, nobody has m_score 1 or 2 or 4 or 5"
    )
    crossed = cross_table(
        np.array(["recent", "recent"], dtype=object), np.array([0, 0], dtype=np.int32), ["a", "b"], ["recent", "gone"]
    )
    assert crossed["customers"].tolist() == [2, 0, 0, 0]
    assert crossed["share"].fillna(-1).tolist() == [1.0, 0.0, -1, -1]
