"""Traits that cut across segments: who has them, by hand on a small log."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from segments.action.overlay import holders, overlay_table, pick_overlay
from segments.app.load import checked, load
from segments.config.features import FeaturesConfig
from segments.config.overlay import Overlay, OverlayConfig
from segments.errors import ConfigError
from segments.features.purchases import transaction_features
from small_project import CHECKOUT

AS_OF = date(2024, 3, 31)
# customer: (days of purchases, money a day, discount a day)
LOG = {
    "a": (["2024-03-01", "2024-03-11", "2024-03-21", "2024-03-31"], 10.0, 0.0),  # every ten days, today last
    "b": (["2024-01-01", "2024-01-11"], 10.0, 30.0),  # every ten days, silent for 80: lapsing; 75 % discount
    "c": (["2024-03-30"], 5.0, 5.0),
    "d": (["2024-01-01", "2024-03-01"], 90.0, 10.0),  # every 60 days, silent for 30
    "e": (["2024-02-20", "2024-03-21", "2024-03-25"], 10.0, 1.0),
}


def small_log() -> pd.DataFrame:
    rows = [
        (who, f"{who}{day}", pd.Timestamp(day), paid, off) for who, (days, paid, off) in LOG.items() for day in days
    ]
    lines = pd.DataFrame(rows, columns=["customer_id", "order_id", "purchased_at", "amount", "discount"])
    table: pd.DataFrame = transaction_features(lines, AS_OF, FeaturesConfig())
    return table.sort_values("customer_id", ignore_index=True)


def having(features: pd.DataFrame, overlay: Overlay) -> list[str]:
    return list(features.loc[holders(features, overlay), "customer_id"])


def test_the_bundled_traits_by_hand_on_a_small_log() -> None:
    features, traits = small_log(), load(project=CHECKOUT).overlay.traits
    assert having(features, traits["price_sensitive"]) == ["b"]  # the highest fifth of five
    assert having(features, traits["frequent"]) == ["a"]  # four orders
    assert having(features, traits["lapsing"]) == ["b"]  # 80 days, eight of its gaps; the others at most 1


def test_ties_and_missing_values_are_left_out_and_bounds_are_kept() -> None:
    table = pd.DataFrame(
        {"customer_id": list("abcde"), "x": [1.0, 1.0, 2.0, 2.0, np.nan], "y": [0.0, 1.0, 1.0, 4.0, 1.0]}
    )
    assert having(table, Overlay("x", "", top=0.25)) == []
    assert having(table, Overlay("x", "", top=0.5)) == ["c", "d"]
    assert having(table, Overlay("x", "", bottom=0.5)) == ["a", "b"]
    assert having(table, Overlay("x", "", at_least=2)) == ["c", "d"]
    assert having(table, Overlay("x", "", at_most=1)) == ["a", "b"]
    assert having(table, Overlay("x", "", per="y", at_least=1)) == ["b", "c"]


def test_customers_are_counted_inside_each_segment() -> None:
    features = small_log()
    members = pd.DataFrame(
        {"segment_id": ["S10", "S10", "S2", "S2", "S2"], "segment": ["big", "big", "small", "small", "small"]}
    )
    traits = {"often": Overlay("frequency", "frequent", at_least=2), "young": Overlay("age", "young", at_most=30)}
    table, notes = overlay_table(features, members, traits)
    assert table[["segment_id", "customers", "revenue"]].values.tolist() == [["S2", 2, 210.0], ["S10", 2, 60.0]]
    assert table["share"].tolist() == [pytest.approx(2 / 3), 1.0]
    assert notes == ["overlay young is left out: the source has no age"]


def test_a_trait_that_nobody_has_is_left_out_with_its_reason() -> None:
    """All have as many orders: the highest fifth is no one, and a row of zeros would name a list that cannot be made."""
    features = pd.DataFrame({"customer_id": ["a", "b"], "frequency": [2.0, 2.0]})
    members = pd.DataFrame({"segment_id": ["S1", "S1"], "segment": "all alike"})
    table, notes = overlay_table(features, members, {"frequent": Overlay("frequency", "frequent", top=0.2)})
    assert table.empty
    assert notes == ["overlay frequent is left out: no customer has it (orders: the highest 20 %)"]


def test_a_list_holds_the_customers_of_the_trait_with_its_offer() -> None:
    features = small_log()
    rows = pd.DataFrame(
        {
            "customer_id": list("abcde"),
            "offer": ["x", None, "x", "x", "x"],
            "action": ["P: x", "hold out", "P: x", "P: x", "P: x"],
        }
    )
    traits = {
        "dear": Overlay("discount_share", "price-sensitive", at_least=0.5, offer="a promotion"),
        "young": Overlay("age", "", at_most=3),
    }
    found = pick_overlay(rows, features, traits, "dear")
    assert found["customer_id"].tolist() == ["b", "c"]
    assert found["action"].tolist() == ["hold out", "price-sensitive: a promotion"]
    assert found["offer"].tolist()[1:] == ["a promotion"] and pd.isna(found["offer"].iloc[0])
    for wanted, message in (("dea", "did you mean 'dear'"), ("young", "needs age, which the source has not")):
        with pytest.raises(ConfigError, match=message):
            pick_overlay(rows, features, traits, wanted)
    with pytest.raises(ConfigError, match="no customer of the list"):
        pick_overlay(rows.iloc[:1], features, traits, "dear")


def test_a_trait_has_one_bound() -> None:
    plain = {"traits": {"x": {"feature": "x", "label": "x", "top": 0.2, "at_least": 1}}}
    with pytest.raises(ConfigError, match="one of top, bottom, at_least and at_most, not top and at_least"):
        checked(OverlayConfig, plain, "overlay")
