"""Section ``sweep`` and the groups a candidate is made of: ``feature_set``, ``scaler``, ``algorithm``."""

from __future__ import annotations

from dataclasses import field

from pydantic.dataclasses import dataclass

from segments.config.checks import CLOSED, in_range, one_of
from segments.errors import ConfigError

SCALERS = ("none", "standard", "minmax", "robust", "power", "quantile")
ALGORITHMS = ("kmeans",)
TRANSFORMS = ("identity", "log1p", "sqrt")


@dataclass(frozen=True, config=CLOSED)
class Feature:
    """How one column enters a feature set.

    Parameters
    ----------
    transform : {"identity", "log1p", "sqrt"}
        Applied before scaling.
    weight : float
        Factor applied after scaling; larger counts more in the distance.
    """

    transform: str = "identity"
    weight: float = 1.0

    def __post_init__(self) -> None:
        one_of(self.transform, TRANSFORMS, "feature_set.columns.*.transform")
        if not 0 < self.weight < float("inf"):
            raise ConfigError(
                f"the weight {self.weight} is not positive",
                where="feature_set.columns.*.weight",
                fix="choose a number above 0, or leave the column out",
            )


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
    columns: dict[str, Feature]

    def __post_init__(self) -> None:
        if not self.columns:
            raise ConfigError(
                "the feature set has no columns",
                where=f"conf/feature_set/{self.name}.yaml",
                fix="list at least one column under 'columns'",
            )


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
    """

    name: str
    kind: str | None = None
    n_quantiles: int = 1000

    def __post_init__(self) -> None:
        one_of(self.method, SCALERS, "scaler.kind" if self.kind else "scaler.name")
        in_range(self.n_quantiles, 2, 1_000_000, "scaler.n_quantiles")

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

    name: str = "kmeans"
    starts: int = 4
    patience: int = 8
    hits: int = 10
    max_fits: int = 1000
    max_rows: int = 150_000
    sample_rows: int = 50_000
    max_iter: int = 300
    tol: float = 1e-6

    def __post_init__(self) -> None:
        one_of(self.name, ALGORITHMS, "algorithm.name")
        in_range(self.starts, 1, 1000, "algorithm.starts")
        in_range(self.patience, 0, 1000, "algorithm.patience")
        in_range(self.hits, 1, 1000, "algorithm.hits")
        in_range(self.max_fits, 1, 1_000_000, "algorithm.max_fits")
        in_range(self.max_rows, 1, 1e12, "algorithm.max_rows")
        in_range(self.sample_rows, 100, 1e9, "algorithm.sample_rows")
        in_range(self.max_iter, 1, 100_000, "algorithm.max_iter")
        in_range(self.tol, 0, 1, "algorithm.tol")


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

    exact_up_to: int = 50_000
    sample: int = 4_000

    def __post_init__(self) -> None:
        in_range(self.exact_up_to, 0, 1e9, "sweep.scoring.exact_up_to")
        in_range(self.sample, 4, 1e9, "sweep.scoring.sample")

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

    feature_sets: list[str]
    scalers: list[str]
    k_min: int = 2
    k_max: int = 12
    seed: int = 0
    workers: int = 0
    scoring: ScoringConfig = field(default_factory=ScoringConfig)

    def __post_init__(self) -> None:
        in_range(self.k_min, 2, 1000, "sweep.k_min")
        in_range(self.k_max, 2, 1000, "sweep.k_max")
        if self.k_max < self.k_min:
            raise ConfigError(
                f"the range of k is reversed: k_min {self.k_min} is above k_max {self.k_max}",
                where="sweep.k_min, sweep.k_max",
                fix="make k_max the larger one",
            )
        for key in ("feature_sets", "scalers"):
            names = getattr(self, key)
            if not names:
                raise ConfigError(
                    "the list is empty", where=f"sweep.{key}", fix=f"name at least one YAML of conf/{key[:-1]}/"
                )
            doubled = sorted({name for name in names if names.count(name) > 1})
            if doubled:
                raise ConfigError(f"named twice: {', '.join(doubled)}", where=f"sweep.{key}", fix="name each once")
        in_range(self.seed, 0, 2**32 - 1, "sweep.seed")
        in_range(self.workers, 0, 1024, "sweep.workers")
