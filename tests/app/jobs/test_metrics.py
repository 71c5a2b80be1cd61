"""The figures that DVC shows, where nothing was chosen, nothing is predicted or something is unknown; a whole project is in test_pipeline."""

from __future__ import annotations

import numpy as np
import pandas as pd

import small_results
from segments.app.jobs.metrics import (
    calibrations,
    prediction_metrics,
    profiles_metrics,
    registry_metrics,
    scores_by_k,
    segment_sizes,
    selection_metrics,
    sensitivity_metrics,
)
from segments.config.evidence import SelectionConfig
from segments.config.prediction import PredictionConfig
from segments.evidence.selection import choose
from segments.io.store.documents import (
    NoPrediction,
    PredictionFacts,
    PredictionMetrics,
    ProfilesMetrics,
    Receipt,
    Recommended,
    RegistryMetrics,
    SelectionMetrics,
    SensitivityMetrics,
    Skill,
)


def facts() -> PredictionFacts:
    """Boosting is recommended for churn, the last period for value."""
    best = {"churn": Recommended("boosting", "global"), "value": Recommended("last_period", "global")}
    return PredictionFacts(
        applies=True,
        timeline={},
        settings=PredictionConfig(["recency"]),
        customers={},
        left={},
        segment_agreement={},
        steps=[],
        notes=[],
        recommended=best,
        skill={
            "churn": Skill(True, 0.1, "boosting · global", 0.25, 0.01, 0.005, 0.02, "better"),
            "value": Skill(False, 9.0, "last_period · global", -0.5, -1.0, -2.0, 1.0, "No value is shown."),
        },
        recommendation=[],
        segments_help=[],
        plain=[],
        calibration={},
        candidate_id="a",
        prediction_id="p",
    )


def test_without_a_choice_there_is_only_how_many_passed() -> None:
    table = small_results.candidates()
    nothing = choose(table, SelectionConfig(min_silhouette=0.9, metric="silhouette"))
    assert selection_metrics(nothing, table) == SelectionMetrics(0)
    nothing = pd.DataFrame({"candidate_id": [], "firm": []}, dtype=object)
    assert sensitivity_metrics(nothing) == SensitivityMetrics(0, 0)
    assert profiles_metrics(None) == ProfilesMetrics(0)
    assert registry_metrics(Receipt(None, None, None, None, "s", None)) == RegistryMetrics(None, None)


def test_the_scores_of_the_chosen_one_and_what_is_unknown() -> None:
    table = small_results.candidates().assign(z_silhouette=[np.nan, 4.0, 1.0])
    choice = choose(table, SelectionConfig(metric="silhouette"))
    assert selection_metrics(choice, table) == SelectionMetrics(
        passed=2,
        chosen="rfm · robust",
        k=3,
        grade="reproducible",
        silhouette=0.5,
        excess=0.125,
        z_silhouette=None,
        jaccard_min=0.9,
        prediction_strength=0.8,
    )


def test_a_prediction_is_measured_by_the_scores_of_the_recommended_models_on_everybody() -> None:
    rows = [
        ("churn", "boosting", "global", "all", "roc_auc", 0.75),
        ("churn", "boosting", "global", "0", "roc_auc", 0.99),
        ("churn", "boosting", "per segment", "all", "roc_auc", 0.98),
        ("churn", "recency", "global", "all", "roc_auc", 0.97),
        ("churn", "boosting", "global", "all", "calibration_error", 0.03),
        ("value", "last_period", "global", "all", "mae", 12.5),
        ("value", "last_period", "global", "all", "total_ratio", 0.9),
        ("value", "boosting", "global", "all", "mae", 11.5),
    ]
    table = pd.DataFrame(rows, columns=["outcome", "model", "variant", "segment", "metric", "value"])
    assert prediction_metrics(facts(), table) == PredictionMetrics(0.75, 0.03, 12.5, 0.9, 0.25, -0.5)
    assert prediction_metrics(NoPrediction(False, "no purchases"), None) == PredictionMetrics()


def test_the_calibration_is_that_of_the_recommended_churn_model() -> None:
    rows = [
        ("churn", "recency", "global", 10, 0.1, 0.2),
        ("churn", "boosting", "global", 11, 0.3, 0.4),
        ("value", "boosting", "global", 12, 0.5, 0.6),
    ]
    table = pd.DataFrame(rows, columns=["outcome", "model", "variant", "customers", "predicted", "observed"])
    drawn = calibrations(facts(), table, "churn")
    assert drawn.to_dict("records") == [{"customers": 11, "predicted": 0.3, "observed": 0.4}]


def test_the_calibration_of_money_is_given_in_money() -> None:
    rows = [
        ("value", "last_period", "global", 20, 615.0, 595.0, 500.0, 690.0),
        ("value", "linear", "global", 9, 1, 1, 1, 1),
    ]
    columns = ["outcome", "model", "variant", "customers", "predicted", "observed", "low", "high"]
    [tenth] = calibrations(facts(), pd.DataFrame(rows, columns=columns), "value").to_dict("records")
    assert (tenth["forecast"], tenth["came"]) == (12_300, 11_900), "20 customers"
    assert facts().not_shown == ["No value is shown."]


def test_each_cell_begins_at_one() -> None:
    table = pd.DataFrame({"feature_set": ["a", "a", "b", "b"], "scaler": "none", "k": [2, 3, 2, 3]})
    drawn = scores_by_k(table.assign(wcss=[8.0, 4.0, 1000.0, 250.0], silhouette=0.5))
    assert drawn["wcss_share"].tolist() == [1.0, 0.5, 1.0, 0.25]


def test_revenue_is_drawn_where_it_is_known() -> None:
    profiles = small_results.profiles()
    assert list(segment_sizes(profiles)) == ["segment", "size", "share"]
    assert list(segment_sizes(profiles.assign(revenue_share=0.5))) == ["segment", "size", "share", "revenue_share"]


def test_a_name_breaks_no_page() -> None:
    profiles = small_results.profiles().assign(segment=["</script><script>alert(1)", "rare customers"])
    assert segment_sizes(profiles)["segment"].tolist() == ["‹/script>‹script>alert(1)", "rare customers"]
