"""Columns that are more than plain numbers: levels, missing values and caps in the clustered space, by figures worked by hand."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from segments.clustering.candidate import Spec, candidate_ids, hash_table
from segments.clustering.fitted.columns import check_columns
from segments.clustering.space import Space, category_share, fit_space, to_space
from segments.config.columns import Entry
from segments.config.root import entered
from segments.config.sweep import Algorithm, Feature, FeatureSet, Scaler
from segments.errors import SweepError

CITY = pd.DataFrame(
    {
        "customer_id": list("abcdefgh"),
        "x": [0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0],
        "city": pd.array(["n", "n", "n", "n", "s", "s", "w", "w"], dtype="string"),
        "vip": ["no", "yes"] * 4,
    }
)


def fitted(
    scaler: Scaler | str = "standard", table: pd.DataFrame = CITY, /, **columns: Feature
) -> tuple[Space, np.ndarray]:
    return fit_space(table, FeatureSet("set", columns), Scaler(scaler) if isinstance(scaler, str) else scaler)


@pytest.mark.parametrize("scaler", ["standard", "minmax", "quantile", "power", "robust", "none"])
def test_a_category_counts_as_much_as_one_number(scaler: str) -> None:
    """Whatever the scaler and the number of levels, two customers drawn at random are as far apart in it as in a number."""
    _, X = fitted(scaler, x=Feature(), city=Feature(), vip=Feature())
    pairs = ((X[:, None] - X[None]) ** 2).mean(axis=(0, 1))
    assert pairs[1:4].sum() == pytest.approx(pairs[0]) and pairs[4] == pytest.approx(pairs[0])


def test_units_by_hand() -> None:
    """Shares 4/8, 2/8, 2/8: sum p (1 - p) = 0.625; the standardised number has variance 1. Of two levels one column tells."""
    space, X = fitted(city=Feature(weight=2.0), vip=Feature())
    assert [axis.level for axis in space.axes] == ["n", "s", "w", "yes"]
    assert X[0].tolist() == pytest.approx([2 / np.sqrt(0.625), 0, 0, 0])
    assert X[1, 3] == pytest.approx(2.0)
    assert category_share(space, X) == 1.0


def test_the_scaler_has_levels_only_when_asked() -> None:
    _, X = fitted(Scaler("every", kind="standard", indicators=True), x=Feature(), city=Feature())
    assert X.std(axis=0).tolist() == pytest.approx([1.0] * 4)


def test_an_order_is_one_number() -> None:
    levels = ["n", "w", "s"]
    space, X = fitted("none", city=Feature(levels=levels))
    assert X.ravel().tolist() == [0, 0, 0, 0, 2, 2, 1, 1] and space.sides == [("low", "high")]


def test_what_stands_in_and_caps_are_those_of_the_fit() -> None:
    """Median of 0, 2, 4, 6, 8, 10, 12 is 6; another table's rows get it, too, and its extremes are held at the fit's."""
    table = CITY.assign(x=[0.0, 2, 4, 6, 8, 10, 12, np.nan])
    space, X = fitted("none", table, x=Feature(missing="median", indicator=True))
    assert X[7].tolist() == [6.0, pytest.approx(X[:, 0].std())]
    assert to_space(space, pd.DataFrame({"x": [np.nan, 100.0]}))[:, 0].tolist() == [6.0, 100.0]
    space, _ = fitted("none", CITY, x=Feature(winsorise=[0.25, 0.75]))
    assert to_space(space, pd.DataFrame({"x": [-50.0, 7.0, 50.0]})).ravel().tolist() == [3.5, 7.0, 10.5]
    space, X = fitted("none", CITY, x=Feature(clip=[None, 5.0], missing="zero"))
    assert X.ravel().tolist() == [0, 2, 4, 5, 5, 5, 5, 5]
    again = Space.from_plain(json.loads(json.dumps(space.to_plain())))
    assert to_space(again, pd.DataFrame({"x": [np.nan, 9.0]})).ravel().tolist() == [0, 5]


def test_a_missing_level_may_be_a_level() -> None:
    table = CITY.assign(city=CITY["city"].mask(CITY["city"] == "w"))
    space, X = fitted("none", table, city=Feature(missing="unknown"))
    assert [axis.level for axis in space.axes] == ["n", "s", "unknown"] and (X[6:, 2] > 0).all()


def test_the_source_speaks_where_the_feature_set_is_silent() -> None:
    found = entered(
        FeatureSet("s", {"x": Feature(), "y": Feature(missing="zero")}),
        {name: Entry(missing="median", clip=[0, 9]) for name in "xy"},
    ).columns
    assert (found["x"].missing, found["y"].missing, found["y"].clip) == ("median", "zero", [0, 9])


@pytest.mark.parametrize(
    ("table", "feature", "says"),
    [
        (CITY, Feature(levels=["n", "s"]), "'city' holds 'w', which its order does not name"),
        (CITY, Feature(transform="log1p"), "'city' is a category, which log1p cannot transform"),
        (CITY.assign(city=None), Feature(), "'city' has no value for any customer"),
        (CITY.assign(city=["n"] * 7 + [None]), Feature(), "'city' has no value for 1 of 8 customers"),
        (CITY.assign(city=-CITY["x"]), Feature(transform="log1p"), "goes down to -14, where log1p is not defined"),
        (CITY.assign(city=CITY["x"].where(CITY["x"] > 0)), Feature(missing="often"), "'often' is none"),
        (pd.DataFrame({"city": [f"town {i}" for i in range(60)]}), Feature(), "60 different texts, too many"),
    ],
)
def test_what_cannot_enter_is_said(table: pd.DataFrame, feature: Feature, says: str) -> None:
    with pytest.raises(SweepError, match=says) as refused:
        check_columns(table, FeatureSet("set", {"city": feature}))
    assert refused.value.fix


def test_money_below_zero_has_a_logarithm_that_keeps_the_sign() -> None:
    _, X = fitted("none", CITY.assign(x=[-np.e + 1, 0, np.e - 1, 1, 2, 3, 4, 5]), x=Feature(transform="signed_log1p"))
    assert X[:3].ravel().tolist() == pytest.approx([-1, 0, 1])


def test_a_column_that_is_the_same_for_everybody_is_left_out() -> None:
    table = CITY.assign(year=2024.0, land="x")
    space, X = fitted("none", table, year=Feature(), x=Feature(), land=Feature())
    assert space.columns == ["x"] and X.ravel().tolist() == CITY["x"].tolist()


def test_texts_make_another_candidate_only_where_they_are_clustered_on() -> None:
    other = hash_table(CITY.assign(city=CITY["vip"]))
    for columns, same in (({"x": Feature()}, True), ({"x": Feature(), "city": Feature()}, False)):
        one = Spec("toy", FeatureSet("set", columns), Scaler("none"), Algorithm(), 2, 0)
        assert (candidate_ids([one], hash_table(CITY)) == candidate_ids([one], other)) is same
