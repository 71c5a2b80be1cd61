"""The deployable segmentation: raw feature rows in, segments out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from segments.config import Algorithm, Feature, FeatureSet, Scaler
from segments.errors import DataError, SweepError
from segments.model import Segmentation
from segments.sweep import Spec, sweep_cell

SET = FeatureSet("s", {"x": Feature("log1p"), "y": Feature()})


@pytest.fixture(scope="module")
def features() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {"customer_id": [str(i) for i in range(90)], "x": rng.lognormal(2, 1, 90), "y": rng.normal(0, 3, 90)}
    )


@pytest.fixture(scope="module", params=["none", "standard", "minmax", "robust", "power", "quantile"])
def fitted(request, features: pd.DataFrame):
    [candidate] = sweep_cell(
        features, [Spec("toy", SET, Scaler(request.param), Algorithm(starts=2, max_fits=10), 4, 0)]
    )
    return candidate, Segmentation(candidate.candidate_id, candidate.space, candidate.centres, ["a", "b", "c", "d"])


def test_the_model_predicts_the_candidates_labels_even_after_json(fitted, features: pd.DataFrame) -> None:
    candidate, model = fitted
    again = Segmentation.from_json(model.to_json())
    assert np.array_equal(again.predict(features)["cluster"], candidate.labels)
    pd.testing.assert_frame_equal(again.predict(features), model.predict(features))


def test_distance_and_margin_by_hand(fitted, features: pd.DataFrame) -> None:
    candidate, model = fitted
    out = model.predict(features)
    assert (out["margin"] >= 0).all()
    at_centre = out["distance"].to_numpy() >= 0
    assert at_centre.all()
    names = np.array(["a", "b", "c", "d"])
    assert (out["segment"].to_numpy() == names[candidate.labels]).all()


def test_one_row_at_a_time_is_the_same_as_all_at_once(fitted, features: pd.DataFrame) -> None:
    _, model = fitted
    whole = model.predict(features)
    pd.testing.assert_frame_equal(pd.concat([model.predict(features.iloc[[i]]) for i in range(len(features))]), whole)


def test_extra_columns_and_other_order_change_nothing(fitted, features: pd.DataFrame) -> None:
    _, model = fitted
    pd.testing.assert_frame_equal(model.predict(features[["y", "x"]].assign(more=1)), model.predict(features))


def test_a_missing_value_is_named_not_guessed(fitted, features: pd.DataFrame) -> None:
    _, model = fitted
    with pytest.raises(DataError, match="y is missing or infinite in 1 rows, first in row 7"):
        model.predict(features.assign(y=features["y"].where(features.index != 7)))


def test_a_missing_column_is_named(fitted, features: pd.DataFrame) -> None:
    with pytest.raises(SweepError, match="no column y"):
        fitted[1].predict(features[["x"]])


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 99}', '{"format": 1, "candidate_id": "x"}'])
def test_what_is_no_model_is_refused(text: str) -> None:
    with pytest.raises(DataError):
        Segmentation.from_json(text)
