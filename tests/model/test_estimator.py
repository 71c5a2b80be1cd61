"""scikit-learn's contract, kept by the project's own k-means."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import check_estimator

import segments
from segments.clustering.candidate import Spec, sweep_cell
from segments.config.sweep import Algorithm, Feature, FeatureSet, Scaler
from segments.errors import SegmentsError
from segments.model.estimator import EstimatorError, LeftOutWarning, SegmentationModel

RANDOM = np.random.default_rng(7)
PEOPLE = pd.DataFrame(
    {"visits": np.repeat([2.0, 20.0, 21.0], 40) + RANDOM.normal(size=120), "spend": RANDOM.gamma(2, 50, 120)}
)


@pytest.mark.slow
def test_check_estimator_passes() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what scikit-learn says of checks that do not apply
        results = check_estimator(segments.SegmentationModel(), on_fail=None)
    assert len(results) > 40
    assert [(one["check_name"], one["exception"]) for one in results if one["status"] == "failed"] == []


@pytest.mark.parametrize("scaler", ["standard", "power", "none"])
def test_its_labels_are_those_of_the_sweeps_candidate(scaler: str) -> None:
    table = PEOPLE.assign(customer_id=[str(i) for i in range(len(PEOPLE))])
    wanted = FeatureSet("both", {"visits": Feature(), "spend": Feature()})
    [candidate] = sweep_cell(table, [Spec("toy", wanted, Scaler(scaler), Algorithm(), 3, 5)])
    model = SegmentationModel(3, scaler=scaler, random_state=5).fit(PEOPLE)
    assert model.labels_.tolist() == candidate.labels.tolist()
    assert model.cluster_centers_.tolist() == candidate.centres.tolist()
    assert model.inertia_ == pytest.approx(candidate.scores["wcss"], rel=1e-9)
    assert model.predict(PEOPLE).tolist() == model.labels_.tolist()
    assert model.transform(PEOPLE).argmin(axis=1).tolist() == model.labels_.tolist()


def test_it_stands_in_a_pipeline_and_is_cloned() -> None:
    model = SegmentationModel(3, scaler="robust", algorithm=Algorithm(starts=2), random_state=1)
    line = make_pipeline(FunctionTransformer(np.log1p), clone(model)).set_params(segmentationmodel__n_clusters=2)
    labels = line.fit_predict(PEOPLE.abs())
    assert sorted(np.bincount(labels)) == sorted(np.bincount(line.predict(PEOPLE.abs())))
    assert len(np.bincount(labels)) == 2
    assert clone(model).get_params() == model.get_params()
    named = model.fit(PEOPLE).set_output(transform="pandas").transform(PEOPLE)
    assert list(named) == ["segmentationmodel0", "segmentationmodel1", "segmentationmodel2"]


def test_a_constant_column_is_named() -> None:
    with pytest.warns(LeftOutWarning, match="'year' is 2024 for every customer"):
        model = SegmentationModel(2).fit(PEOPLE.assign(year=2024.0))
    assert model.cluster_centers_.shape == (2, 2)
    assert model.predict(PEOPLE.assign(year=1.0)).tolist() == model.labels_.tolist()


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (SegmentationModel(0), "n_clusters is 0"),
        (SegmentationModel(2.5), "n_clusters is 2.5"),  # type: ignore[arg-type]
        (SegmentationModel(random_state=-1), "random_state is -1"),
        (SegmentationModel(scaler="zscore"), "'zscore' is not a known scaler"),
        (SegmentationModel(121), "120 different rows are too few"),
    ],
)
def test_what_cannot_be_fitted_is_one_clear_error(model: SegmentationModel, said: str) -> None:
    with pytest.raises(EstimatorError, match=said) as caught:
        model.fit(PEOPLE)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, SegmentsError)
    assert "do:" in str(caught.value)
