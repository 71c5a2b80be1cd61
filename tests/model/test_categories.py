"""A table of five categories and three numbers, one with blanks, from raw cells to answers: as `segments data` … `score` and `serve` use it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import by_hand
from segments.app.servers.model_api.invocations import RefusedError, answers_of, read
from segments.app.servers.model_api.processes import example_of
from segments.clustering.candidate import Candidate, Spec, sweep_cell
from segments.clustering.space import to_space
from segments.config.columns import Label
from segments.config.features import FeaturesConfig
from segments.config.identity import ConfidenceConfig
from segments.config.profiles import ProfilesConfig
from segments.config.root import entered
from segments.config.source import Column, Customers, Source
from segments.config.sweep import Algorithm, Feature, FeatureSet, Scaler
from segments.data.cleaning.customers import clean_customers
from segments.errors import SweepError
from segments.features.table import build_features
from segments.identity.profiles import segment_names
from segments.identity.rules import plain_rules, reasons
from segments.model.answers import score_batches
from segments.model.drift import medians, reference_of
from segments.model.segmentation import Segmentation, fit_limits, number_segments

CONTRACTS = ["Month-to-month", "One year", "Two year"]
COLUMNS = {
    "gender": Column(kind="category"),
    "Partner": Column(kind="ordinal", levels=["No", "Yes"]),
    "Contract": Column(kind="ordinal", levels=CONTRACTS),
    "InternetService": Column(kind="category"),
    "PaymentMethod": Column(kind="category"),
    "tenure": Column(),
    "MonthlyCharges": Column(),
    "TotalCharges": Column(missing="median"),
}
SOURCE = Source("telco", customers=Customers("telco.csv", id="customerID", columns=COLUMNS))


def raw() -> pd.DataFrame:
    """120 customers of three kinds, by contract; everybody's number tells gender and how they pay."""
    i = np.arange(120)
    kind = i % 3
    cells = {
        "customerID": [f"{one:04d}-A" for one in i],
        "gender": np.where(i % 4 < 2, "Male", "Female"),
        "Partner": np.where(kind == 2, "Yes", "No"),
        "Contract": np.array(CONTRACTS)[kind],
        "InternetService": np.array(["Fiber optic", "DSL", "No"])[kind],
        "PaymentMethod": np.array(["Mailed check", "Credit card"])[i % 2],
        "tenure": 1 + 25 * kind + i % 7,
        "MonthlyCharges": 90.0 - 30 * kind + i % 5,
        "TotalCharges": np.where(i < 6, " ", 100 * (1 + kind)),
    }
    return pd.DataFrame(cells).astype(str)


@pytest.fixture(scope="module")
def made() -> tuple[pd.DataFrame, Candidate, Segmentation]:
    cleaned, report = clean_customers(by_hand.raw_table(raw()), SOURCE)
    assert "column 'TotalCharges' is missing for 6 of 120 rows, which are kept" in report["notes"]
    features = build_features(cleaned, None, SOURCE, FeaturesConfig()).table
    every = entered(FeatureSet("all", dict.fromkeys(COLUMNS, Feature())), SOURCE.entries)
    [found] = sweep_cell(features, [Spec("telco", every, Scaler("standard"), Algorithm(max_fits=20), 3, 0)])
    limits = fit_limits(found.space, found.centres, features, ConfidenceConfig())
    names = segment_names(features, found.labels, list(COLUMNS), ProfilesConfig())
    model = Segmentation("c0", found.space, found.centres, number_segments(names), limits)
    return features, found, Segmentation.from_json(model.to_json())


def test_the_kinds_are_found_named_and_explained(made: tuple[pd.DataFrame, Candidate, Segmentation]) -> None:
    features, found, model = made
    kinds = pd.crosstab(found.labels, features["Contract"]).to_numpy()
    assert sorted(kinds.sum(axis=1)) == [40, 40, 40] and (kinds > 0).sum() == 3
    assert (model.predict(features)["cluster"] == found.labels).all()
    names = {contract: model.segments[found.labels[kind]].name for kind, contract in enumerate(CONTRACTS)}
    # each holds all customers of these levels and no other: their mean rank is 5/6, as far from the middle as can be
    assert names["Month-to-month"] == "Month-to-month, Fiber-optic customers"
    assert names["One year"] == "One-year, DSL customers"
    assert "Partner" in names["Two year"]
    X = to_space(found.space, features)
    why = reasons(
        X, found.labels, found.centres, [axis.column for axis in found.space.axes], list("abc"), found.space.sides
    )
    assert set(why["first_feature"]) <= set(COLUMNS) and why["first_share"].between(0, 1).all()
    sides = pd.concat([why["first_side"], why["second_side"]])[lambda side: ~side.isin(["high", "low"])]
    assert set(sides) == {"DSL", "Fiber optic", "No", "Yes"}  # of what parts two kinds, the level the customer has
    assert plain_rules(features, found.labels, list(COLUMNS), 3).fidelity == 1.0


def test_raw_rows_are_scored_and_an_unseen_level_is_rejected(
    made: tuple[pd.DataFrame, Candidate, Segmentation],
) -> None:
    """TotalCharges of nobody in the batch is known: the median of the fit stands in, not the batch's."""
    _, found, model = made
    rows = raw().head(5)
    rows.loc[1, "Contract"] = "Five year"
    rows.loc[2, "tenure"] = ""
    rows.loc[3, "gender"] = "?"
    rows.loc[4, "PaymentMethod"] = " Mailed check "
    batch = pa.RecordBatch.from_pandas(rows[["customerID", *COLUMNS]], preserve_index=False)
    [scored] = score_batches(model, [batch], missing=["?"])
    assert [one.reason for one in scored.rejected] == [
        "Contract is a level the model has never seen: 'Five year'",
        "tenure is missing",
        "gender is missing",
    ]
    assert scored.answers["cluster"].tolist() == [found.labels[0], found.labels[1]]
    assert found.space.inputs["TotalCharges"]["fill"] == 200.0
    with pytest.raises(SweepError, match=r"gender is 'X', which the model has never seen \(it knows Female, Male\)"):
        model.predict(raw().head(1).assign(gender="X", tenure=1.0, MonthlyCharges=1.0, TotalCharges=1.0))


def test_the_service_takes_texts_and_refuses_what_it_does_not_know(
    made: tuple[pd.DataFrame, Candidate, Segmentation],
) -> None:
    features, _, model = made
    reference = reference_of(features, model)
    assert reference["columns"]["Contract"] == {"edges": [0.0, 1.0], "counts": [40, 40, 40], "levels": CONTRACTS}
    assert sum(reference["columns"]["TotalCharges"]["counts"]) == 114
    assert medians(reference)["Partner"] == "No"
    body = json.loads(example_of(model, json.dumps(reference)))

    def answered() -> int:
        return len(answers_of(model, read(json.dumps(body).encode(), "application/json", model, 9)))

    assert answered() == 1
    body["dataframe_records"][0] |= {"TotalCharges": None}
    assert answered() == 1
    body["dataframe_records"][0] |= {"Contract": "Five year"}
    with pytest.raises(RefusedError, match="row 1: Contract is a level the model has never seen: 'Five year'"):
        answered()


def test_a_level_outside_the_order_is_a_bad_row_shown_by_example() -> None:
    cells = raw()
    cells.loc[0, "Contract"] = "Five year"
    table, report = clean_customers(by_hand.raw_table(cells), SOURCE)
    assert len(table) == 119
    assert report["reasons"] == [{"reason": "Contract is none of its levels", "rows": 1, "action": "drop"}]
    assert "column 'Contract' has levels that its order does not name: 'Five year'" in report["notes"]


def test_names_come_from_labels() -> None:
    table = pd.DataFrame({"mnt_wines": [1.0, 2.0, 8.0, 9.0], "smoker": ["yes", "yes", "no", "no"]})
    clusters = np.array([1, 1, 0, 0], dtype=np.int32)
    said = {"mnt_wines": Label(label="wine spending"), "smoker": Label(label="smoking")}
    config = replace(ProfilesConfig(), max_traits=1)
    assert segment_names(table, clusters, ["mnt_wines"], config, said) == [
        "high-wine-spending customers",
        "low-wine-spending customers",
    ]
    assert segment_names(table, clusters, ["smoker"], config, said) == ["no-smoking customers", "smoking customers"]
