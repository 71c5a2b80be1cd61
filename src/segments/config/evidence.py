"""Sections ``evidence``, ``usefulness``, ``sensitivity`` and ``selection``: how candidates are put to the test, and which one is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Annotated, Literal, get_args

from pydantic import Field
from pydantic.dataclasses import dataclass

from segments.config.checks import CLOSED, ClusterCount, Count, Seed, Share, filled, rule

# What data without clusters may look like, and what a z or p against it is called (segments.evidence.null_models says which question each answers).
NullModel = Literal["unimodal", "copula", "gaussian", "permutation", "uniform"]
NULLS: dict[str, str] = {
    "unimodal": "a Gaussian copula with the data's columns, each made one-peaked",
    "copula": "a Gaussian copula with the data's own columns",
    "gaussian": "a Gaussian with the data's covariance",
    "permutation": "the data's columns, each shuffled",
    "uniform": "an even spread in the box of the principal axes",
}
RankedBy = Literal[
    "excess",
    "z_silhouette",
    "z_wcss",
    "silhouette_reference",
    "silhouette",
    "silhouette_simplified",
    "davies_bouldin",
    "calinski_harabasz",
]
METRICS: tuple[str, ...] = get_args(RankedBy)

# Scores of the evidence, beside those of the fit.
EVIDENCE = (
    "excess",
    "excess_error",
    "z_silhouette",
    "z_wcss",
    "p_silhouette",
    "p_wcss",
    "p_adjusted",
    "valley_p",
    "jaccard_min",
    "jaccard_mean",
    "ari",
    "prediction_strength",
    "gap",
    "gap_error",
)

# What the evidence says of a candidate, after Dolnicar, Grün & Leisch (2018), Market Segmentation Analysis; best first.
Grade = Literal["natural", "reproducible", "constructive", "not supported"]
GRADES: tuple[Grade, ...] = get_args(Grade)


@dataclass(frozen=True, config=CLOSED)
class GradesConfig:
    """Part of section ``evidence``: what a grade asks for (Dolnicar, Grün & Leisch; Hennig's and Tibshirani's readings).

    Parameters
    ----------
    alpha : float
        There is structure when the p, adjusted for every k and cell of the sweep, is at most this.
    gap_alpha : float
        Clusters exist when, besides, the p of a gap between every two of them is at most this. It is the largest of all pairs' p, so that nine pairs cannot
        hide the tenth: the usual 0.05 is strict enough.
    natural_jaccard : float
        Natural: clusters exist, and every one has at least this mean Jaccard.
    reproducible_jaccard : float
        Reproducible: every cluster has at least this mean Jaccard.
    constructive_jaccard : float
        Constructive: every cluster has at least this mean Jaccard. Below, a candidate is not supported.
    """

    alpha: Annotated[float, Field(ge=1e-5, le=0.5)] = 0.01
    gap_alpha: Annotated[float, Field(ge=1e-5, le=0.5)] = 0.05
    natural_jaccard: Share = 0.85
    reproducible_jaccard: Share = 0.75
    constructive_jaccard: Share = 0.6

    def __post_init__(self) -> None:
        limits = (self.constructive_jaccard, self.reproducible_jaccard, self.natural_jaccard)
        if sorted(limits) != list(limits):
            raise rule(
                f"the limits are {limits[0]:g}, {limits[1]:g}, {limits[2]:g}: a better grade asks for less",
                "let them rise in this order",
                *("constructive_jaccard", "reproducible_jaccard", "natural_jaccard"),
            )


@dataclass(frozen=True, config=CLOSED)
class EvidenceConfig:
    """Section ``evidence``: how candidates are put to the test.

    Parameters
    ----------
    scope : {"all", "finalists"}
        Every candidate, or the best few by ``silhouette_reference``, first of those that pass the gates that need no evidence.
    finalists : int
        How many those are.
    bootstraps, splits : int
        Resamples for the Jaccard values, and halvings for the prediction strength, per candidate.
    null_model : {"unimodal", "copula", "gaussian", "permutation", "uniform"}
        What data without clusters would look like; :mod:`segments.evidence.null_models` says which question each answers.
    nulls : int
        Data sets drawn from it per cell.
    references : int
        Uniform data sets per cell for the gap statistic.
    starts : int
        k-means++ starts per search at most; it ends earlier when the best solution was found five times.
    max_distances : int
        Fewer starts, but at least one, where starts x rows x k would exceed this in a resample.
    null_max_rows : int
        The same for starts x rows of null data, and of the data compared with them.
    stop_from : int
        From this many customers on, a candidate that will be "not supported" in any case is given up: its bootstraps end when the mean
        Jaccard of a cluster lies three standard errors under ``grades.constructive_jaccard``, and the splits are left out.
    sample : int
        Customers to draw from; a random sample of a larger table.
    seed : int
        Of every random choice.
    grades : GradesConfig
        What a grade asks for.
    """

    scope: Literal["all", "finalists"] = "all"
    finalists: Annotated[int, Field(ge=1, le=1000)] = 12
    bootstraps: Annotated[int, Field(ge=2, le=100_000)] = 100
    splits: Annotated[int, Field(ge=1, le=100_000)] = 50
    null_model: NullModel = "unimodal"
    nulls: Annotated[int, Field(ge=1, le=100_000)] = 99
    references: Annotated[int, Field(ge=2, le=100_000)] = 20
    starts: Annotated[int, Field(ge=1, le=1000)] = 20
    max_distances: Count = 45_000
    null_max_rows: Count = 4_000
    stop_from: Annotated[int, Field(ge=0)] = 1_000
    sample: Annotated[int, Field(ge=100, le=1_000_000)] = 5_000
    seed: Seed = 0
    grades: GradesConfig = field(default_factory=GradesConfig)

    def __post_init__(self) -> None:
        # Half a draw of slack: 1 / 0.01 need not be 100 to the last digit.
        if self.nulls + 1.5 < 1 / self.grades.alpha:
            raise rule(
                f"with {self.nulls} null data sets the smallest p is {1 / (self.nulls + 1):.3g}: nothing could ever count as clustered",
                f"draw at least {round(1 / self.grades.alpha) - 1}, or raise grades.alpha",
                *("nulls", "grades.alpha"),
            )


@dataclass(frozen=True, config=CLOSED)
class SelectionConfig:
    """Section ``selection``: gates first, then a ranking.

    Parameters
    ----------
    min_k : int
        A candidate with fewer segments does not pass.
    min_smallest_share, max_largest_share : float
        A candidate whose smallest segment is smaller, or whose largest is larger, does not pass.
    max_revenue_share : float
        A candidate of which one segment makes more than this share of all revenue does not pass: it says nothing of those who spend. 1, or a source without
        revenue: no gate.
    min_silhouette : float
        A candidate with a lower silhouette does not pass.
    min_jaccard : float
        A candidate with a segment of lower bootstrap Jaccard does not pass (Hennig 2008: below 0.6 do not trust it).
    min_prediction_strength : float
        A candidate of lower prediction strength does not pass (Tibshirani & Walther 2005: 0.8 and above for well-separated clusters), unless it is natural:
        it is the worst of k clusters, and falls as k rises.
    grades : list of {"natural", "reproducible", "constructive", "not supported"}
        A candidate of another grade does not pass.
    min_useful : float
        A candidate that explains less than this share of what the most useful candidate explains of the time after does not pass. Without a log: no gate.
    as_useful : float
        A candidate that explains at least this share of what the most useful of its peers explains is as useful. Without a log all are.
    metric : {"excess", "z_silhouette", "z_wcss", "silhouette_reference", ...}
        The candidates that are as useful are ranked by this score. The excess has an error, and what lies within it is a tie, see
        :mod:`segments.evidence.selection`; those of a fit in its own space (the raw silhouette, ...) rank k within one
        feature set and scaler, and are refused where there are more.
    finalists : int
        How many of the best are shown side by side.
    """

    min_k: ClusterCount = 2
    min_smallest_share: Annotated[float, Field(ge=0, le=0.5)] = 0.03
    max_largest_share: Share = 0.8
    max_revenue_share: Share = 1.0
    min_silhouette: Annotated[float, Field(ge=-1, le=1)] = 0.2
    min_jaccard: Share = 0.6
    min_prediction_strength: Share = 0.5
    grades: Annotated[list[Grade], filled(f"allowed: {', '.join(GRADES)}")] = field(
        default_factory=lambda: list(GRADES[:3])
    )
    min_useful: Share = 0.33
    as_useful: Share = 0.9
    metric: RankedBy = "excess"
    finalists: Annotated[int, Field(ge=1, le=50)] = 6


Ahead = Literal["spend", "visits", "churn", "discount_share", "category_mix"]
AHEAD: tuple[str, ...] = get_args(Ahead)
# What is measured of a candidate beyond its evidence, where it is known.
MEASURED = (
    *(f"useful_{name}{part}" for name in AHEAD for part in ("", "_error")),
    "usefulness",
    "usefulness_error",
    "agreement_min",
)


@dataclass(frozen=True, config=CLOSED)
class UsefulnessConfig:
    """Section ``usefulness``: what segments should tell of the time after, and how that is measured.

    Parameters
    ----------
    outcomes : list of {"spend", "visits", "churn", "discount_share", "category_mix"}
        What is measured of the time after, where the log tells it.
    weights : dict of str to float, optional
        How much each outcome counts in the mean; those not named do not count. By default all count alike.
    cap : float
        Money and visits beyond this quantile count as this: a few customers would decide otherwise.
    folds : int
        Parts of the customers; those of one are predicted by the means of the others.
    seed : int
        Of the parts.
    """

    outcomes: Annotated[list[Ahead], filled(f"allowed: {', '.join(AHEAD)}")] = field(
        default_factory=lambda: list(get_args(Ahead))
    )
    weights: dict[Ahead, Annotated[float, Field(ge=0)]] | None = None
    cap: Annotated[float, Field(gt=0, le=1)] = 0.99
    folds: Annotated[int, Field(ge=2, le=100)] = 10
    seed: Seed = 0

    def weight_of(self, known: Sequence[str]) -> dict[str, float]:
        """How much each of these outcomes counts.

        Examples
        --------
        >>> UsefulnessConfig(weights={"discount_share": 2}).weight_of(["spend", "discount_share"])
        {'spend': 0.0, 'discount_share': 2.0}
        """
        said = {str(name): weight for name, weight in (self.weights or {}).items()}
        return {name: 1.0 if self.weights is None else said.get(name, 0.0) for name in known}


@dataclass(frozen=True, config=CLOSED)
class SensitivityConfig:
    """Section ``sensitivity``: what is changed to see whether segments stay, and what is firm.

    Parameters
    ----------
    firm : float
        Firm: under every single change at least this adjusted Rand index with the segments as they were. At 0.5 they still share half of all that they could
        share beyond chance.
    finalists : int
        Of more candidates that pass the gates, the best so many are tried.
    seeds : int
        Other seeds of the search.
    months_earlier : int
        How much earlier the other as-of date lies.
    extreme_share : float
        Share of customers, the most extreme ones, that are left out.
    sample : int
        Customers of whom the segments are made anew; a random sample of a larger table.
    """

    firm: Share = 0.5
    finalists: Annotated[int, Field(ge=1, le=1000)] = 100
    seeds: Annotated[int, Field(ge=1, le=100)] = 3
    months_earlier: Annotated[int, Field(ge=1, le=120)] = 1
    extreme_share: Annotated[float, Field(ge=0, le=0.5)] = 0.01
    sample: Annotated[int, Field(ge=100, le=1_000_000)] = 10_000
