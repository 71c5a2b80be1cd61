"""What is left of the chosen segments when something changes that should not matter."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from segments.app.load import checked
from segments.clustering.candidate import Spec, sweep_cell
from segments.config.evidence import SensitivityConfig
from segments.config.sweep import Algorithm, Feature, FeatureSet, Scaler
from segments.errors import ConfigError
from segments.evidence.sensitivity import (
    CHANGES,
    extreme_rows,
    firmness,
    hold,
    labels_of,
    months_before,
    sensitivity,
    sensitivity_in_words,
)

SET = FeatureSet("xy", {"x": Feature(), "y": Feature()})
SPEC = Spec("toy", SET, Scaler("standard"), Algorithm(starts=2, max_fits=10), 2, 7)
CONFIG = SensitivityConfig(seeds=2, extreme_share=0.05)


@pytest.fixture(scope="module")
def features() -> pd.DataFrame:
    """Two groups that only x tells apart; y is noise."""
    rng = np.random.default_rng(0)
    x = np.r_[rng.normal(0, 1, 60), rng.normal(20, 1, 40)]
    return pd.DataFrame({"customer_id": [f"c{i}" for i in range(100)], "x": x, "y": rng.normal(0, 1, 100)})


@pytest.fixture(scope="module")
def found(features: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    [candidate] = sweep_cell(features, [SPEC])
    earlier = features.iloc[10:].assign(customer_id=[*features["customer_id"].iloc[10:99], "stranger"])
    return sensitivity(
        features, candidate.labels, SPEC, [Scaler("standard"), Scaler("none")], CONFIG, ("2024-05-31", earlier)
    )


def test_every_change_is_tried_and_reported_singly(found: tuple[pd.DataFrame, list[str]]) -> None:
    table, notes = found
    assert list(zip(table["change"], table["detail"], table["customers"], strict=True)) == [
        ("seed", "8", 100),
        ("seed", "9", 100),
        ("scaler", "none", 100),  # its own scaler is passed over
        ("feature left out", "x", 100),
        ("feature left out", "y", 100),
        ("as-of date", "2024-05-31", 89),  # of 90 customers of that day one is a stranger
        ("extreme customers left out", "5 (5.0%)", 95),
    ]
    assert set(table["change"]) == set(CHANGES)
    assert notes == []


def test_what_does_not_matter_leaves_the_segments_and_what_matters_does_not(
    found: tuple[pd.DataFrame, list[str]],
) -> None:
    ari = found[0].set_index(["change", "detail"])["ari"]
    assert ari.drop(("feature left out", "x")).tolist() == [1.0] * 6
    assert ari["feature left out", "x"] < 0.2


def test_the_agreement_is_that_of_the_reference_library(features: pd.DataFrame) -> None:
    labels = np.random.default_rng(1).integers(0, 2, 100).astype(np.int32)
    table, _ = sensitivity(features, labels, SPEC, [Scaler("none")], SensitivityConfig(seeds=1, extreme_share=0))
    [other] = sweep_cell(features, [Spec("toy", SET, Scaler("none"), SPEC.algorithm, 2, 7)])
    row = table[table["change"] == "scaler"].iloc[0]
    assert row["ari"] == pytest.approx(adjusted_rand_score(labels, other.labels), rel=1e-9)


def test_customers_are_compared_by_id_not_by_place(features: pd.DataFrame) -> None:
    [candidate] = sweep_cell(features, [SPEC])
    turned = features.iloc[::-1].reset_index(drop=True)
    table, _ = sensitivity(features, candidate.labels, SPEC, [], CONFIG, ("d", turned))
    assert table.loc[table["change"] == "as-of date", "ari"].tolist() == [1.0]


def test_what_cannot_be_tried_is_said(features: pd.DataFrame) -> None:
    one = FeatureSet("x", {"x": Feature()})
    spec = Spec("toy", one, Scaler("standard"), SPEC.algorithm, 2, 0)
    labels = np.zeros(100, dtype=np.int32)
    constant = features.assign(x=1.0)
    table, notes = sensitivity(features, labels, spec, [], CONFIG, ("2024-05-31", constant))
    assert list(table["change"].unique()) == ["seed", "extreme customers left out"]
    assert notes[0] == "no feature left out: x is the only one"
    assert "'x' is 1 for every customer, so it tells nobody apart" in notes[1]
    for earlier, why in (((), "the source has no transactions"), (("the log is younger",), "the log is younger")):
        assert sensitivity(features, labels, spec, [], CONFIG, *earlier)[1][1] == f"no earlier as-of date: {why}"


def test_the_most_extreme_are_the_farthest_in_transformed_units() -> None:
    table = pd.DataFrame({"x": [1.0, 2.0, 3.0, 1000.0], "y": [0.0, 30.0, 25.0, 1.0]})
    plain = FeatureSet("s", {"x": Feature(), "y": Feature()})
    assert extreme_rows(table, plain, 0.5).tolist() == [1, 3]
    assert extreme_rows(table, plain, 0.01).tolist() == [3], "rounded up"
    assert extreme_rows(table, plain, 0).tolist() == []
    assert extreme_rows(table, FeatureSet("s", {"y": Feature()}), 0.25).tolist() == [1]
    hundred = pd.DataFrame({"x": np.arange(100.0)})
    assert len(extreme_rows(hundred, FeatureSet("s", {"x": Feature()}), 0.07)) == 7, "0.07 x 100 is 7.000000000000001"


@pytest.mark.parametrize(
    ("day", "months", "earlier"),
    [("2018-01-01", 1, "2017-12-01"), ("2023-03-31", 1, "2023-02-28"), ("2024-02-29", 12, "2023-02-28")],
)
def test_months_before(day: str, months: int, earlier: str) -> None:
    assert months_before(date.fromisoformat(day), months) == date.fromisoformat(earlier)


def test_the_worst_case_is_named(found: tuple[pd.DataFrame, list[str]]) -> None:
    lines = sensitivity_in_words(found[0])
    assert lines[0] == "seed: agreement 1.00 in all 2"
    assert lines[1] == "scaler: agreement 1.00 (none)"
    assert lines[2].startswith("feature left out: agreement ")
    assert lines[2].endswith("(x) to 1.00 (y)")


def test_what_the_segments_hang_on_is_said_in_a_sentence(found: tuple[pd.DataFrame, list[str]]) -> None:
    said = firmness(found[0], CONFIG)
    assert said.startswith("Not firm: with the feature x left out the segments become largely others (agreement ")
    assert "and so" not in said, "all else leaves them as they are"
    firm = firmness(found[0][found[0]["detail"] != "x"], CONFIG)
    assert firm.startswith(
        "Firm: whatever one thing is changed, the segments stay more alike than not; most depends on "
    )
    assert "(agreement 1.00; 1 is the same, 0 is chance)" in firm


@pytest.mark.parametrize("change", CHANGES)
def test_every_kind_of_change_has_its_words(change: str) -> None:
    table = pd.DataFrame([(change, "12", 0.1, 90)], columns=["change", "detail", "ari", "customers"])
    assert "12" in firmness(table, CONFIG)


@pytest.mark.parametrize(("key", "value"), [("seeds", 0), ("months_earlier", 0), ("extreme_share", 0.6), ("firm", 1.1)])
def test_the_section_refuses_what_is_out_of_range(key: str, value: float) -> None:
    with pytest.raises(ConfigError, match="out of range") as refused:
        checked(SensitivityConfig, {key: value}, "sensitivity")
    assert refused.value.where == f"sensitivity.{key}"


def test_chance_has_no_sign() -> None:
    """An agreement of -0.0004 is none: it was "-0.00"."""
    said = firmness(rows(("feature left out", "a", -0.0004), ("scaler", "none", -0.004)), SensitivityConfig())
    assert "(agreement 0.00;" in said and "-0.00" not in said


def rows(*found: tuple[str, str, float]) -> pd.DataFrame:
    return pd.DataFrame([(*row, 90) for row in found], columns=["change", "detail", "ari", "customers"])


def test_one_limit_for_what_is_said_and_for_what_is_chosen() -> None:
    """Met exactly, it is met; what is said not to stay is what is under it."""
    table = rows(("scaler", "robust", 0.5), ("seed", "2", 0.9))
    assert hold(table, CONFIG) == (0.5, "scaler robust", True)
    assert firmness(table, CONFIG) == (
        "Firm: whatever one thing is changed, the segments stay more alike than not; most depends on scaler robust (agreement 0.50; 1 is the same, 0 is chance)."
    )
    table = rows(
        ("as-of date", "2017-12-01", 0.45),
        ("scaler", "robust", 0.5),
        ("seed", "2", 0.4),
        ("seed", "3", 0.1),
        ("extreme customers left out", "5", 0.499),
    )
    assert hold(table, CONFIG) == (0.1, "seed 3", False)
    assert firmness(table, CONFIG) == (
        "Not firm: with seed 3 the segments become largely others (agreement 0.10; 1 is the same, 0 is chance), "
        "and so they do with the as-of date 2017-12-01 (0.45) and with the 5 most extreme customers left out (0.50)."
    )
    stricter = SensitivityConfig(firm=0.6)
    assert not hold(rows(("seed", "1", 0.59)), stricter).firm
    assert firmness(rows(("seed", "1", 0.59)), stricter).startswith("Not firm")
    assert not hold(rows(), CONFIG).firm
    assert "nothing is known" in firmness(rows(), CONFIG)


def test_labels_alone_are_those_of_the_candidate(features: pd.DataFrame) -> None:
    specs = [replace(SPEC, k=k) for k in (2, 3)]
    whole = sweep_cell(features, specs)
    assert all(np.array_equal(own, one.labels) for own, one in zip(labels_of(features, specs), whole, strict=True))


def test_what_a_sweep_has_made_is_not_made_again(features: pd.DataFrame) -> None:
    labels = np.repeat([0, 1], 50)
    table, _ = sensitivity(features, labels, SPEC, [Scaler("none")], CONFIG, known={"none": labels})
    assert table.loc[table["change"] == "scaler", "ari"].tolist() == [1.0]


def test_of_many_customers_a_sample_is_segmented_anew(features: pd.DataFrame) -> None:
    many = pd.concat([features.assign(customer_id=[f"{n}{i}" for i in range(100)]) for n in "ab"], ignore_index=True)
    [labels] = labels_of(many, [SPEC])
    few = SensitivityConfig(seeds=1, extreme_share=0, sample=100)
    table, notes = sensitivity(many, labels, SPEC, [Scaler("none")], few, ("d", many), {"none": labels})
    assert set(table["customers"]) == {100}
    assert "segmented anew were 100 of 200 customers, drawn at random" in notes
    assert table.loc[table["detail"] != "x", "ari"].min() == 1, "two groups lie far apart"


def test_each_kind_is_said_with_its_worst_and_best() -> None:
    table = rows(
        ("scaler", "a", 0.5), ("scaler", "b", 0.9), ("scaler", "c", 0.7), ("seed", "1", 0.801), ("seed", "2", 0.799)
    )
    assert sensitivity_in_words(table) == ["seed: agreement 0.80 in all 2", "scaler: agreement 0.50 (a) to 0.90 (b)"]


def test_how_many_are_extreme() -> None:
    """A share of ten, rounded up; at equal distance the later one goes first."""
    table = pd.DataFrame({"x": [0.0, 9.0, 1.0, -1.0, 0.5, -9.0, 0.2, -0.2, 0.1, -0.6]})
    one = FeatureSet("x", {"x": Feature()})
    for share, gone in [(0.0, []), (0.1, [5]), (0.11, [1, 5]), (0.2, [1, 5]), (0.3, [1, 3, 5])]:
        assert extreme_rows(table, one, share).tolist() == gone, share
    assert extreme_rows(table.assign(x=[1.0] * 5 + [-1.0] * 5), one, 0.2).tolist() == [8, 9]
