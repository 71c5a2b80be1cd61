"""Section ``sweep`` and the groups a candidate is made of: ``feature_set``, ``scaler``, ``algorithm``."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Literal, get_args

from pydantic import Field
from pydantic.dataclasses import dataclass

from segments.config.checks import CLOSED, ClusterCount, Count, EachOnce, Seed, filled, rule
from segments.config.columns import Entry

Scaling = Literal["none", "standard", "minmax", "robust", "power", "quantile"]
SCALERS: tuple[Scaling, ...] = get_args(Scaling)
Transform = Literal["identity", "log1p", "signed_log1p", "sqrt"]


@dataclass(frozen=True, config=CLOSED)
class Feature(Entry):
    """How one column enters a feature set; what its :class:`Entry` leaves open is what the source says of the column.

    Parameters
    ----------
    transform : {"identity", "log1p", "signed_log1p", "sqrt"}
        Applied before scaling; ``signed_log1p`` is the log1p of the size with the sign kept, for money that may be negative.
    weight : float
        Factor applied after scaling; larger counts more in the distance.
    """

    transform: Transform = "identity"
    weight: Annotated[float, Field(gt=0)] = 1.0


@dataclass(frozen=True, config=CLOSED)
class FeatureSet:
    """A named list of feature columns.

    Parameters
    ----------
    name : str
        The name of its YAML in ``conf/feature_set/``.
    columns : dict of str to Feature
        Columns of the feature table, in the order they enter the distance.
    """

    name: str
    columns: Annotated[dict[str, Feature], filled("name at least one column")]


@dataclass(frozen=True, config=CLOSED)
class Scaler:
    """How feature columns are brought to a common scale.

    Parameters
    ----------
    name : str
        The name of its YAML in ``conf/scaler/``.
    kind : {"none", "standard", "minmax", "robust", "power", "quantile"}, optional
        scikit-learn's scaler of that name; `name` itself by default. A variant has a name of its own and a kind.
    n_quantiles : int
        Landmarks of the quantile scaler (never more than there are customers).
    indicators : bool
        Whether the 0/1 columns of categories are scaled too: then every level counts as a number, and not every category.
    """

    name: str
    kind: Scaling | None = None
    n_quantiles: Annotated[int, Field(ge=2, le=1_000_000)] = 1000
    indicators: bool = False

    def __post_init__(self) -> None:
        if self.method not in SCALERS:
            raise rule(f"'{self.name}' is not a known value", f"add a kind: {', '.join(SCALERS)}", "name")

    @property
    def method(self) -> str:
        """Which of scikit-learn's scalers it is."""
        return self.kind or self.name


@dataclass(frozen=True, config=CLOSED)
class Algorithm:
    """Which algorithm makes the clusters, and how hard it tries to find the best solution.

    Parameters
    ----------
    name : {"kmeans"}
        k-means (Lloyd's algorithm), scikit-learn's.
    starts : int
        k-means++ restarts at the beginning of each search chain.
    patience : int
        A chain ends after this many crossings in a row brought nothing.
    hits : int
        Chains are started until this many have ended at the best solution, ...
    max_fits : int
        ... or this many fits are done, ...
    max_rows : int
        ... or this many rows have been clustered (fits x customers), so that large tables get fewer; one chain is always ended.
    sample_rows : int
        A table of more than twice as many rows is searched on a sample of this many, then on one four times as
        large; the best solution is polished on all.
    max_iter : int
        Iterations per fit.
    tol : float
        Relative shift of the centres at which a fit has converged.
    """

    name: Literal["kmeans"] = "kmeans"
    starts: Annotated[int, Field(ge=1, le=1000)] = 4
    patience: Annotated[int, Field(ge=0, le=1000)] = 8
    hits: Annotated[int, Field(ge=1, le=1000)] = 10
    max_fits: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    max_rows: Count = 150_000
    sample_rows: Annotated[int, Field(ge=100)] = 50_000
    max_iter: Annotated[int, Field(ge=1, le=100_000)] = 300
    tol: Annotated[float, Field(ge=0, le=1)] = 1e-6


@dataclass(frozen=True, config=CLOSED)
class ScoringConfig:
    """Part of section ``sweep``: up to where silhouettes are exact.

    Parameters
    ----------
    exact_up_to : int
        Customers up to which every silhouette is measured.
    sample : int
        Beyond, this many customers are measured, each against all: an unbiased estimate with its interval.
    """

    exact_up_to: Annotated[int, Field(ge=0)] = 50_000
    sample: Annotated[int, Field(ge=4)] = 4_000

    def is_exact(self, n_customers: int) -> bool:
        """Whether the silhouettes of this many customers are exact."""
        return n_customers <= max(self.exact_up_to, self.sample)


@dataclass(frozen=True, config=CLOSED)
class SweepConfig:
    """Section ``sweep``: the grid of candidates.

    Parameters
    ----------
    feature_sets, scalers : list of str
        Names of YAMLs in ``conf/feature_set/`` and ``conf/scaler/``.
    k_min, k_max : int
        Numbers of clusters, both ends included.
    seed : int
        Seed of every random choice.
    workers : int
        Processes that compute cells side by side; 0 means one per core.
    scoring : ScoringConfig
        Up to where silhouettes are exact.
    """

    feature_sets: Annotated[EachOnce, filled("name at least one YAML of conf/feature_set/")]
    scalers: Annotated[EachOnce, filled("name at least one YAML of conf/scaler/")]
    k_min: ClusterCount = 2
    k_max: ClusterCount = 12
    seed: Seed = 0
    workers: Annotated[int, Field(ge=0, le=1024)] = 0
    scoring: ScoringConfig = field(default_factory=ScoringConfig)

    def __post_init__(self) -> None:
        if self.k_max < self.k_min:
            raise rule(
                f"the range of k is reversed: k_min {self.k_min} is above k_max {self.k_max}",
                "make k_max the larger one",
                *("k_min", "k_max"),
            )
