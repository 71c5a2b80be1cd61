"""The deployable segmentation: raw feature rows in, segments out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from segments.clustering.candidate import Spec, sweep_cell
from segments.clustering.space import Space
from segments.config.identity import ConfidenceConfig
from segments.config.sweep import Algorithm, Feature, FeatureSet, Scaler
from segments.errors import DataError, SweepError
from segments.model.segmentation import Limits, Segment, Segmentation, fit_limits, number_segments

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
    limits = fit_limits(candidate.space, candidate.centres, features, ConfidenceConfig())
    segments = number_segments(["a", "b", "c", "d"])
    return candidate, Segmentation(candidate.candidate_id, candidate.space, candidate.centres, segments, limits)


def test_the_model_predicts_the_candidates_labels_even_after_json(fitted, features: pd.DataFrame) -> None:
    candidate, model = fitted
    again = Segmentation.from_json(model.to_json())
    assert np.array_equal(again.predict(features)["cluster"], candidate.labels)
    pd.testing.assert_frame_equal(again.predict(features), model.predict(features))


LINE = Segmentation(
    "line",
    Space(["x"], ["identity"], [1.0], "none", {}),
    np.array([[0.0], [10.0], [40.0]]),
    [Segment("S4", "low", 0), Segment("S1", "middle", 2), Segment("S9", "high", 1, named_by="ruth")],
    Limits(np.array([3.0, 6.0, 5.0]), np.array([-2.0]), np.array([44.0]), boundary=0.1),
)


@pytest.mark.parametrize(
    ("x", "cluster", "distance", "margin", "confidence", "boundary", "out_of_range"),
    [
        (0.0, 0, 0.0, 10.0, 1.0, False, False),
        (2.0, 0, 2.0, 6.0, 0.75, False, False),
        (5.0, 0, 5.0, 0.0, 0.0, True, True),  # a tie goes to the lower number, and is beyond its reach
        (5.1, 1, 4.9, 0.2, 0.2 / 5.1, True, False),
        (16.0, 1, 6.0, 10.0, 10 / 16, False, False),  # just within reach
        (16.5, 1, 6.5, 10.0, 10 / 16.5, False, True),
        (-2.0, 0, 2.0, 10.0, 10 / 12, False, False),
        (-2.1, 0, 2.1, 10.0, 10 / 12.1, False, True),  # within reach, but lower than any training customer
        (44.5, 2, 4.5, 30.0, 30 / 34.5, False, True),
    ],
)
def test_every_column_by_hand(
    x: float, cluster: int, distance: float, margin: float, confidence: float, boundary: bool, out_of_range: bool
) -> None:
    [row] = LINE.predict(pd.DataFrame({"x": [x]})).to_dict("records")
    assert (row["cluster"], row["boundary"], row["out_of_range"]) == (cluster, boundary, out_of_range)
    assert (row["segment_id"], row["segment"]) == [("S4", "low"), ("S1", "middle"), ("S9", "high")][cluster]
    assert [row["distance"], row["margin"], row["confidence"]] == pytest.approx([distance, margin, confidence])


def test_the_share_of_resamples_that_agree_rises_with_confidence_in_every_segment(
    fitted, features: pd.DataFrame
) -> None:
    """By the nearest curve that never falls, segment by segment; and the same after JSON."""
    _, plain = fitted
    said = plain.predict(features)
    assert "agreement" not in said, "nobody was asked"
    rng = np.random.default_rng(5)
    measured = np.clip(0.4 + 0.1 * said["cluster"] + 0.3 * said["confidence"] + rng.normal(0, 0.05, 90), 0, 1)
    limits = fit_limits(plain.space, plain.centres, features, ConfidenceConfig(), measured.to_numpy())
    model = Segmentation("c", plain.space, plain.centres, plain.segments, limits)
    out = Segmentation.from_json(model.to_json()).predict(features)
    pd.testing.assert_frame_equal(out, model.predict(features))
    pd.testing.assert_frame_equal(out.drop(columns="agreement"), said)
    for cluster, own in out.groupby("cluster"):
        assert own.sort_values("confidence")["agreement"].is_monotonic_increasing
        assert own["agreement"].mean() == pytest.approx(measured[own.index].mean()), f"cluster {cluster} on the whole"


def test_agreement_by_hand_between_and_beyond_the_training_customers() -> None:
    table = pd.DataFrame({"x": [0.0, 1.0, 2.0, 9.0, 40.0]})  # confidence 1, 8/9, 3/4 in the first segment
    limits = fit_limits(LINE.space, LINE.centres, table, ConfidenceConfig(), np.array([0.9, 1.0, 0.5, 0.7, 0.2]))
    model = Segmentation("line", LINE.space, LINE.centres, LINE.segments, limits)
    out = model.predict(pd.DataFrame({"x": [0.0, 1.0, 2.0, 4.9, 10 * (1 - 59 / 72) / (2 - 59 / 72), 10.0, 41.0]}))
    # 0.9 and 1.0 are in the wrong order: both become their mean; 59/72 lies half way between 3/4 and 8/9
    assert out["agreement"].tolist() == pytest.approx([0.95, 0.95, 0.5, 0.5, 0.725, 0.7, 0.2])


def test_no_rows_are_no_rows() -> None:
    assert LINE.predict(pd.DataFrame({"x": np.zeros(0)})).shape == (0, 8)


def test_the_mean_confidence_is_the_candidates_simplified_silhouette(fitted, features: pd.DataFrame) -> None:
    candidate, model = fitted
    confidence = model.predict(features)["confidence"]
    assert ((confidence >= 0) & (confidence <= 1)).all()
    # its centres are exact means, ours those of the last iteration
    assert confidence.mean() == pytest.approx(candidate.scores["silhouette_simplified"], abs=1e-4)


def test_few_training_customers_are_out_of_range_and_planted_strangers_all_are(fitted, features: pd.DataFrame) -> None:
    """With a quantile of 0.99 and four clusters of about twenty, each cluster's farthest customer is beyond reach."""
    _, model = fitted
    out = model.predict(features)
    clusters = out["cluster"].nunique()
    assert out["out_of_range"].sum() == clusters - int((out.groupby("cluster")["distance"].max() == 0).sum())
    far = pd.DataFrame({"x": [1e6, features["x"].median(), 0.0], "y": [0.0, -500.0, 500.0]})
    assert model.predict(far)["out_of_range"].all(), "also where a scaler clips what is far"


@pytest.mark.parametrize("scaler", ["standard", "quantile"])
@pytest.mark.parametrize("reach", [0.9, 0.99])
def test_the_share_of_training_customers_out_of_range_is_what_the_quantile_says(scaler: str, reach: float) -> None:
    rng = np.random.default_rng(2)
    table = pd.DataFrame({"customer_id": range(4000), "x": rng.lognormal(2, 1, 4000), "y": rng.normal(0, 3, 4000)})
    [candidate] = sweep_cell(table, [Spec("toy", SET, Scaler(scaler), Algorithm(starts=1, max_fits=2), 4, 0)])
    limits = fit_limits(candidate.space, candidate.centres, table, ConfidenceConfig(reach=reach))
    model = Segmentation("c", candidate.space, candidate.centres, number_segments(list("abcd")), limits)
    out = model.predict(table)
    assert out["out_of_range"].mean() == pytest.approx(1 - reach, abs=0.001)
    assert (out["boundary"] == (out["confidence"] < 0.1)).all()


def test_a_single_segment_is_certain() -> None:
    model = Segmentation("one", LINE.space, np.array([[0.0]]), LINE.segments[:1], LINE.limits)
    assert model.predict(pd.DataFrame({"x": [1.0]}))["confidence"].tolist() == [1.0]


def test_json_keeps_who_named_a_segment() -> None:
    assert Segmentation.from_json(LINE.to_json()).segments == LINE.segments


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


@pytest.mark.parametrize("format", [1, 99])
def test_another_format_is_refused_and_says_what_to_do(format: int) -> None:
    with pytest.raises(DataError, match=f"the model has format {format}, this version reads 2") as refused:
        Segmentation.from_json(f'{{"format": {format}, "candidate_id": "x"}}')
    assert "segments registry" in refused.value.fix


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2, "candidate_id": "x"}'])
def test_what_is_no_model_is_refused(text: str) -> None:
    with pytest.raises(DataError):
        Segmentation.from_json(text)
