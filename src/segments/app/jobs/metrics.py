"""What DVC shows of a run. Comes in: what stages have made. Goes out: a few figures per stage, and the tables that DVC draws.

Nothing here is a new result: every figure stands in a table of the stage too, and is the same on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import asdict
from typing import TYPE_CHECKING

import pandas as pd

from segments.config.evidence import GRADES
from segments.io.store.documents import (
    EvidenceMetrics,
    NoPrediction,
    PredictionFacts,
    PredictionMetrics,
    ProfilesMetrics,
    RegistryMetrics,
    SampledSelectionMetrics,
    SelectionMetrics,
    SensitivityMetrics,
    SweepMetrics,
    UsefulnessMetrics,
    UsefulnessRun,
)

if TYPE_CHECKING:
    from segments.evidence.selection import Choice
    from segments.io.store.documents import Receipt
    from segments.model.of_record import FitOfRecord


def cell_names(candidates: pd.DataFrame) -> pd.Series[str]:
    """Name of each candidate's cell.

    Examples
    --------
    >>> cell_names(pd.DataFrame({"feature_set": ["rfm"], "scaler": ["robust"]})).tolist()
    ['rfm · robust']
    """
    return candidates["feature_set"] + " · " + candidates["scaler"]


# --- figures ---------------------------------------------------------------------------------------------------------------


def sweep_metrics(candidates: pd.DataFrame) -> SweepMetrics:
    """How large the grid is.

    Examples
    --------
    >>> sweep_metrics(pd.DataFrame({"n_customers": [200, 200]}))
    SweepMetrics(customers=200, candidates=2)
    """
    return SweepMetrics(int(candidates["n_customers"].iloc[0]), len(candidates))


def evidence_metrics(evidence: pd.DataFrame) -> EvidenceMetrics:
    """How many candidates were evaluated, and how many stood.

    Examples
    --------
    >>> rows = {"evaluated": [True, True, False], "grade": ["natural", "not supported", "not evaluated"]}
    >>> evidence_metrics(pd.DataFrame(rows))
    EvidenceMetrics(evaluated=2, supported=1, natural=1)
    """
    grade = evidence["grade"]
    return EvidenceMetrics(
        int(evidence["evaluated"].sum()), int(grade.isin(GRADES[:-1]).sum()), int((grade == GRADES[0]).sum())
    )


def selection_metrics(choice: Choice, candidates: pd.DataFrame, fit: FitOfRecord | None = None) -> SelectionMetrics:
    """How many candidates passed, how good the chosen one is, and what it is for everybody.

    Parameters
    ----------
    choice : Choice
        What was chosen.
    candidates : DataFrame
        One row per candidate: scores and evidence.
    fit : FitOfRecord, optional
        Where not all customers of an engine are here.

    Returns
    -------
    SelectionMetrics
        Only ``passed`` when nothing was chosen.
    """
    if choice.candidate_id is None:
        return SelectionMetrics(choice.passed)
    row = candidates.set_index("candidate_id").loc[choice.candidate_id]
    names = (
        "silhouette",
        "excess",
        "z_silhouette",
        "jaccard_min",
        "prediction_strength",
        "usefulness",
        "agreement_min",
    )
    scores = {name: _known(row[name]) for name in names if name in row}
    found = SelectionMetrics(choice.passed, choice.cell, int(row["k"]), str(row["grade"]), **scores)
    if fit is None:
        return found
    _, low, high = fit.silhouette or (None, None, None)
    return SampledSelectionMetrics(
        **asdict(found),
        everybody_customers=fit.customers,
        everybody_wcss=fit.wcss,
        everybody_davies_bouldin=fit.davies_bouldin,
        everybody_calinski_harabasz=fit.calinski_harabasz,
        everybody_smallest_share=float(f"{min(fit.sizes) / fit.customers:.10g}"),
        everybody_largest_share=float(f"{max(fit.sizes) / fit.customers:.10g}"),
        everybody_silhouette_low=low,
        everybody_silhouette_high=high,
    )


def usefulness_metrics(rows: pd.DataFrame, made: UsefulnessRun) -> UsefulnessMetrics:
    """What was measured of the time after, and how useful the most useful candidate is."""
    return UsefulnessMetrics(len(made.outcomes), _known(rows["usefulness"].max()) if "usefulness" in rows else None)


def sensitivity_metrics(held: pd.DataFrame) -> SensitivityMetrics:
    """How many of the candidates that could be chosen are firm.

    Examples
    --------
    >>> sensitivity_metrics(pd.DataFrame({"firm": [True, False]}))
    SensitivityMetrics(tried=2, firm=1)
    """
    return SensitivityMetrics(len(held), int(held["firm"].sum()))


def prediction_metrics(facts: PredictionFacts | NoPrediction, comparison: pd.DataFrame | None) -> PredictionMetrics:
    """How well the recommended models foresaw a later time.

    Parameters
    ----------
    facts : PredictionFacts or NoPrediction
        Names the recommended models.
    comparison : DataFrame or None
        Scores of every model.

    Returns
    -------
    PredictionMetrics
        Without figures when nothing is predicted.
    """
    if isinstance(facts, NoPrediction) or comparison is None:
        return PredictionMetrics()

    def score(outcome: str, metric: str) -> float | None:
        best = facts.recommended[outcome]
        of_model = (comparison["model"] == best.model) & (comparison["variant"] == best.variant)
        everybody = (comparison["outcome"] == outcome) & (comparison["segment"] == "all")
        [value] = comparison.loc[of_model & everybody & (comparison["metric"] == metric), "value"]
        return _known(value)

    return PredictionMetrics(
        churn_auc=score("churn", "roc_auc"),
        churn_calibration_error=score("churn", "calibration_error"),
        value_mae=score("value", "mae"),
        value_total_ratio=score("value", "total_ratio"),
        churn_skill=_known(facts.skill["churn"].share),
        value_skill=_known(facts.skill["value"].share),
    )


def profiles_metrics(profiles: pd.DataFrame | None) -> ProfilesMetrics:
    """How many segments there are, and how much is in the largest.

    Examples
    --------
    >>> profiles_metrics(pd.DataFrame({"share": [0.7, 0.3], "revenue_share": [0.2, 0.8]}))
    ProfilesMetrics(segments=2, largest_share=0.7, largest_revenue_share=0.8)
    """
    if profiles is None:
        return ProfilesMetrics(0)
    revenue = _known(profiles["revenue_share"].max()) if "revenue_share" in profiles else None
    return ProfilesMetrics(len(profiles), _known(profiles["share"].max()), revenue)


def registry_metrics(receipt: Receipt) -> RegistryMetrics:
    """Which version came of the run, and what it is."""
    return RegistryMetrics(None if receipt.version is None else int(receipt.version), receipt.alias)


# --- tables that DVC draws -------------------------------------------------------------------------------------------------


def scores_by_k(candidates: pd.DataFrame) -> pd.DataFrame:
    """WCSS and silhouette over k, a line per cell.

    Examples
    --------
    >>> rows = {"feature_set": ["rfm"] * 2, "scaler": ["none"] * 2, "k": [2, 3], "wcss": [8.0, 6.0], "silhouette": [0.5, 0.25]}
    >>> scores_by_k(pd.DataFrame(rows)).to_dict("records")[1]
    {'cell': 'rfm · none', 'k': 3, 'wcss': 6.0, 'wcss_share': 0.75, 'silhouette': 0.25}
    """
    rows = candidates.assign(cell=cell_names(candidates))
    # Spaces differ in scale, so that lines of WCSS itself could not be drawn side by side.
    rows["wcss_share"] = rows["wcss"] / rows.groupby("cell")["wcss"].transform("first")
    return rows[["cell", "k", "wcss", "wcss_share", "silhouette"]]


def front_points(
    candidates: pd.DataFrame, metric: str, on_front: Collection[str], failing: Collection[str], chosen: str | None
) -> pd.DataFrame:
    """Fit against stability, a point per candidate with evidence: chosen, front, passes or fails.

    Parameters
    ----------
    candidates, metric, on_front, failing, chosen
        As :func:`segments.io.plots.selection.front` takes them.

    Examples
    --------
    >>> rows = {"candidate_id": ["a", "b"], "feature_set": ["rfm"] * 2, "scaler": ["none"] * 2, "k": [3, 4]}
    >>> table = pd.DataFrame(rows | {"jaccard_min": [0.9, 0.5], "z_silhouette": [4.0, 2.0]})
    >>> front_points(table, "z_silhouette", ["a"], ["b"], "a")["status"].tolist()
    ['chosen', 'fails']
    """
    rows = candidates.dropna(subset=[metric, "jaccard_min"])
    ids = rows["candidate_id"]
    status = pd.Series("passes", index=rows.index, dtype="str").mask(ids.isin(list(failing)), "fails")
    status = status.mask(ids.isin(list(on_front)), "front").mask(ids == chosen, "chosen")
    rows = rows.assign(cell=cell_names(rows), fit=rows[metric], status=status)
    return rows[["cell", "k", "status", "jaccard_min", "fit"]]


def segment_sizes(profiles: pd.DataFrame) -> pd.DataFrame:
    """How many customers each segment has, and what share of them and of the revenue."""
    names = [name for name in ("segment", "size", "share", "revenue_share") if name in profiles]
    # DVC puts what it draws into a script of its page, where a name may begin no tag.
    return profiles[names].assign(segment=profiles["segment"].str.replace("<", "‹"))


def calibrations(facts: PredictionFacts | NoPrediction, calibration: pd.DataFrame, outcome: str) -> pd.DataFrame:
    """Predicted against observed of the recommended model, a row per tenth of the customers by what was predicted.

    Parameters
    ----------
    facts : PredictionFacts
        Names the recommended models.
    calibration : DataFrame
        Of every model.
    outcome : {"churn", "value"}
        Shares that left; or money, of all customers of the tenth together too.
    """
    assert isinstance(facts, PredictionFacts)
    best = facts.recommended[outcome]
    of_model = (calibration["model"] == best.model) & (calibration["variant"] == best.variant)
    rows = calibration[of_model & (calibration["outcome"] == outcome)].reset_index(drop=True)
    if outcome == "churn":
        return rows[["customers", "predicted", "observed"]]
    totals = rows.assign(forecast=rows["customers"] * rows["predicted"], came=rows["customers"] * rows["observed"])
    return totals[["customers", "predicted", "observed", "low", "high", "forecast", "came"]]


def _known(value: float) -> float | None:
    """A plain number of ten digits, so that `dvc metrics diff` tells no difference in the sixteenth; or nothing: JSON knows no NaN."""
    return float(f"{value:.10g}") if math.isfinite(value) else None
