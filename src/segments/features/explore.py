"""A first look at the customers. Comes in: the feature table. Goes out: the numbers behind the pictures, and warnings.

Nothing is changed here: a skewed or constant column is reported, with the limit it exceeds, and left alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import pandas as pd

from segments.config.features import RFM_SCORES, ExploreConfig
from segments.errors import DataError
from segments.features.meanings import NONE, Labels

MISSING = "(missing)"
OTHER = "(other)"
MAX_LEVELS = 12
FENCE = 3.0  # interquartile ranges beyond the quartiles from which a value is called an outlier
WHISKER = 1.5
SAMPLE_SEED = 0


@dataclass(frozen=True)
class Histogram:
    """Counts of one column.

    Parameters
    ----------
    edges : list of float
        Bin edges in original units, one more than there are counts.
    counts : list of int
        Customers per bin.
    """

    edges: list[float]
    counts: list[int]


@dataclass(frozen=True)
class Box:
    """A column's box: quartiles, and whiskers to the last value within 1.5 interquartile ranges of them.

    Parameters
    ----------
    low, q1, median, q3, high : float
        Whisker, quartile, median, quartile, whisker.
    fliers : list of float
        Values beyond the whiskers, ascending; evenly thinned when there are more than ``explore.sample``.
    """

    low: float
    q1: float
    median: float
    q3: float
    high: float
    fliers: list[float]


@dataclass(frozen=True)
class Exploration:
    """The numbers behind the pictures.

    Parameters
    ----------
    n_customers : int
        Rows of the feature table.
    columns : pandas.DataFrame
        One row per numeric column: ``column, n, missing, mean, std`` (ddof 1), ``min, q1, median, q3, max, skew`` (bias
        corrected), ``outlier_share`` (beyond 3 interquartile ranges of the quartiles; 0 where these coincide),
        ``top_share`` (of the most frequent value) and ``log_scale`` (whether pictures show it on a log1p axis).
    histograms, boxes : dict
        Per numeric column that has values.
    spearman, pearson : pandas.DataFrame
        Correlations between the numeric columns that vary, over the customers who have both values.
    categories : dict of str to dict of str to int
        Customers per level; ordered levels in their order, others by size, then what is missing.
    sample : pandas.DataFrame
        Customers drawn as points, for the columns of the pair plot. Row numbers of the feature table, ascending.
    warnings : list of FeatureWarning
        What deserves a second look.
    units, words : dict of str to str
        Unit per column, and what it is called, where the source says so.
    """

    n_customers: int
    columns: pd.DataFrame
    histograms: dict[str, Histogram]
    boxes: dict[str, Box]
    spearman: pd.DataFrame
    pearson: pd.DataFrame
    categories: dict[str, dict[str, int]]
    sample: pd.DataFrame
    warnings: list[FeatureWarning] = field(default_factory=list)
    units: dict[str, str] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)

    @property
    def log_columns(self) -> list[str]:
        """Columns that pictures show on a log1p axis."""
        return [str(name) for name in self.columns.loc[self.columns["log_scale"], "column"]]


@dataclass(frozen=True)
class ColumnSummary:
    """One numeric column in figures, in its own unit; ``None`` where nothing is known.

    Parameters
    ----------
    column : str
        Its name.
    n, missing : int
        Customers with and without a value.
    mean, std, min, q1, median, q3, max : float or None
        Of the values (ddof 1).
    skew : float or None
        Skewness, corrected for bias.
    outlier_share, top_share : float or None
        Share of values beyond three interquartile ranges of the quartiles; share of the most frequent value.
    log_scale : bool
        Whether pictures show it on a log1p axis.
    """

    column: str
    n: int
    missing: int
    mean: float | None
    std: float | None
    min: float | None
    q1: float | None
    median: float | None
    q3: float | None
    max: float | None
    skew: float | None
    outlier_share: float | None
    top_share: float | None
    log_scale: bool


@dataclass(frozen=True)
class Correlations:
    """Correlations between the numeric columns that vary.

    Parameters
    ----------
    columns : list of str
        Their names.
    spearman, pearson : list of list of float or None
        Rows and columns in that order; ``None`` where no customer has both values.
    """

    columns: list[str]
    spearman: list[list[float | None]]
    pearson: list[list[float | None]]


@dataclass(frozen=True)
class ExploreSummary:
    """The numbers behind the pictures of the features.

    Parameters
    ----------
    n_customers : int
        Rows of the feature table.
    columns : list of ColumnSummary
        Numeric columns in figures.
    histograms : dict of str to Histogram
        Bin edges and counts per numeric column.
    correlations : Correlations
        Between numeric columns.
    categories : dict of str to dict of str to int
        Customers per level of each category.
    units : dict of str to str
        Unit per column, where one is known.
    """

    n_customers: int
    columns: list[ColumnSummary]
    histograms: dict[str, Histogram]
    correlations: Correlations
    categories: dict[str, dict[str, int]]
    units: dict[str, str]


@dataclass(frozen=True)
class FeatureWarning:
    """What deserves a second look before features are clustered.

    Parameters
    ----------
    columns : list of str
        What it is about.
    kind : {"missing", "constant", "near_constant", "skew", "outliers", "correlated", "categories", "left_out"}
        What was found.
    value, limit : float
        What was measured, and the limit of ``conf/`` it exceeds.
    sentence : str
        In words.
    """

    columns: list[str]
    kind: str
    value: float
    limit: float
    sentence: str


def explore(features: pd.DataFrame, config: ExploreConfig, labels: Labels = NONE) -> Exploration:
    """Summarise every column of the feature table and say what deserves a second look.

    Parameters
    ----------
    features : pandas.DataFrame of shape (n_customers, ...)
        ``customer_id``, numbers, categories; RFM scores are passed over (they repeat their columns).
    config : ExploreConfig
        Limits of the warnings, size of the pair plot.
    labels : mapping of str to Label, optional
        What the source calls its columns, for pictures and sentences.

    Returns
    -------
    Exploration
        Equal tables give equal numbers, the sample included.

    Raises
    ------
    DataError
        If the table is empty, or holds infinite values.

    Examples
    --------
    >>> people = pd.DataFrame({"customer_id": ["1", "2", "3"], "age": [20.0, 30.0, 40.0], "visits": [1.0, 2.0, 3.0]})
    >>> seen = explore(people, ExploreConfig())
    >>> float(seen.columns.loc[0, "mean"])
    30.0
    >>> print(seen.warnings[0].sentence)
    age and visits say nearly the same (Spearman correlation 1.00): one of the two is enough in a feature set.
    """
    if features.empty:
        raise DataError("the feature table is empty", where="features", fix="run `segments features`")
    values = [name for name in features.columns if name not in ("customer_id", *RFM_SCORES)]
    numeric = [name for name in values if pd.api.types.is_numeric_dtype(features[name])]
    infinite = [name for name in numeric if np.isinf(features[name].to_numpy(dtype="float64", na_value=np.nan)).any()]
    if infinite:
        raise DataError(
            f"infinite values in {', '.join(infinite)}",
            where="features",
            fix="mend the raw file, or set minimum and maximum of the column in conf/source",
        )

    numbers = features[numeric].astype("float64")
    columns = pd.DataFrame(
        [_summarise(numbers[name], config) for name in numeric], columns=[one.name for one in fields(ColumnSummary)]
    )
    log = dict(zip(columns["column"], columns["log_scale"], strict=True))
    filled = [name for name in numeric if numbers[name].notna().any()]
    varied = [name for name in numeric if numbers[name].nunique() > 1]
    spearman = numbers[varied].corr(method="spearman")
    levels = {name: _count_levels(features[name]) for name in values if name not in numeric}
    return Exploration(
        n_customers=len(features),
        columns=columns,
        histograms={name: _histogram(numbers[name].dropna().to_numpy(), log[name]) for name in filled},
        boxes={name: _box(numbers[name].dropna().to_numpy(), config.sample) for name in filled},
        spearman=spearman,
        pearson=numbers[varied].corr(method="pearson"),
        categories=levels,
        sample=_sample(numbers, spearman, config),
        warnings=[
            *(one for row in columns.to_dict("records") for one in _warn_of_number(row, len(features), config, labels)),
            *(one for name, counts in levels.items() for one in _warn_of_category(name, counts, config, labels)),
            *_warn_of_pairs(spearman, config, labels),
        ],
        units={name: said.unit for name, said in labels.items() if said.unit},
        words={name: said.label for name, said in labels.items() if said.label},
    )


def summary_of(seen: Exploration) -> ExploreSummary:
    """The numbers of an exploration without its sample and boxes; unknown values are ``None``.

    Examples
    --------
    >>> people = pd.DataFrame({"customer_id": ["1", "2"], "age": [20.0, 40.0]})
    >>> summary_of(explore(people, ExploreConfig())).columns[0].mean
    30.0
    """
    rows = [{str(key): _plain(value) for key, value in row.items()} for row in seen.columns.to_dict("records")]
    spearman, pearson = (
        [[_plain(value) for value in row] for row in table.to_numpy().tolist()]
        for table in (seen.spearman, seen.pearson)
    )
    return ExploreSummary(
        seen.n_customers,
        [ColumnSummary(**row) for row in rows],
        seen.histograms,
        Correlations(list(seen.spearman.columns), spearman, pearson),
        seen.categories,
        seen.units,
    )


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not np.isfinite(value) else value


# --- one column ---------------------------------------------------------------------------------------------------


def _summarise(column: pd.Series[float], config: ExploreConfig) -> dict[str, Any]:
    known = column.dropna()
    summary: dict[str, Any] = {"column": column.name, "n": len(known), "missing": len(column) - len(known)}
    if known.empty:
        nothing = ("mean", "std", "min", "q1", "median", "q3", "max", "skew", "outlier_share", "top_share")
        return summary | dict.fromkeys(nothing, np.nan) | {"log_scale": False}
    low, q1, median, q3, high = (float(value) for value in known.quantile([0, 0.25, 0.5, 0.75, 1]))
    fence = FENCE * (q3 - q1)
    constant = low == high
    skew = np.nan if constant else float(known.skew())
    return summary | {
        "mean": float(known.mean()),
        "std": float(known.std()),
        "min": low,
        "q1": q1,
        "median": median,
        "q3": q3,
        "max": high,
        "skew": skew,
        "outlier_share": float(((known < q1 - fence) | (known > q3 + fence)).mean()) if fence > 0 else 0.0,
        "top_share": float(known.value_counts().iloc[0] / len(known)),
        # A share of 0 to 1 gains nothing from log1p; amounts and counts with a long tail do.
        "log_scale": bool(low >= 0 and high >= 10 and skew > config.skew),
    }


def _histogram(known: np.ndarray[Any, np.dtype[np.float64]], log: bool) -> Histogram:
    low, high = float(known.min()), float(known.max())
    bins = int(np.clip(np.ceil(2 * np.cbrt(len(known)).round(9)), 8, 30))
    whole = bool((known == np.floor(known)).all())
    if log and whole:
        bins //= 2  # narrow bins would hold now one whole number, now two, and show teeth that are not in the data
    if low == high:
        edges = np.array([low - 0.5, low + 0.5])
    elif log:
        # to six digits: more are the processor's
        edges = np.array(
            [float(f"{edge:.6g}") for edge in np.expm1(np.linspace(np.log1p(low), np.log1p(high), bins + 1))]
        )
        edges[0], edges[-1] = low, high  # expm1(log1p(x)) may miss x by a hair
    elif whole:
        step = np.ceil((high - low + 1) / bins)  # every bin holds the same count of whole numbers
        edges = np.arange(low, high + step + 1, step) - 0.5
    else:
        edges = np.linspace(low, high, bins + 1)
    if log and whole:
        # Near zero a bin is narrower than 1; bins without a whole number in them would look like gaps in the data.
        edges = np.append(np.unique(np.ceil(edges[:-1])), high + 1) - 0.5
    counts, _ = np.histogram(known, edges)
    return Histogram([float(edge) for edge in edges], [int(count) for count in counts])


def _box(known: np.ndarray[Any, np.dtype[np.float64]], most: int) -> Box:
    q1, median, q3 = (float(value) for value in np.quantile(known, [0.25, 0.5, 0.75]))
    reach = WHISKER * (q3 - q1)
    within = known[(known >= q1 - reach) & (known <= q3 + reach)]
    beyond = np.sort(known[(known < q1 - reach) | (known > q3 + reach)])
    if len(beyond) > most:
        beyond = beyond[np.linspace(0, len(beyond) - 1, most).round().astype(int)]
    # With interpolated quartiles and few values no value need lie within; the whisker then ends at the box.
    low, high = (min(float(within.min()), q1), max(float(within.max()), q3)) if len(within) else (q1, q3)
    return Box(low, q1, median, q3, high, [float(value) for value in beyond])


def _count_levels(column: pd.Series[str]) -> dict[str, int]:
    counts = {str(level): int(count) for level, count in column.value_counts().items()}
    largest = sorted(counts, key=lambda level: (-counts[level], level))[:MAX_LEVELS]
    rest = sum(counts.values()) - sum(counts[level] for level in largest)
    shown = {level: counts[level] for level in _in_order(largest)}
    if rest:
        shown[OTHER] = rest
    if column.isna().any():
        shown[MISSING] = int(column.isna().sum())
    return shown


def _in_order(levels: list[str]) -> list[str]:
    # "Under 15K", "15-24K", ..., "250K+" have an order of their own; names do not, and stay sorted by size.
    numbers = {level: re.search(r"\d+(\.\d+)?", level) for level in levels}
    if not all(numbers.values()):
        return levels
    return sorted(levels, key=lambda level: (float(numbers[level].group()), level[0].isdigit(), level))  # type: ignore[union-attr]


# --- several columns ----------------------------------------------------------------------------------------------


def _sample(numbers: pd.DataFrame, spearman: pd.DataFrame, config: ExploreConfig) -> pd.DataFrame:
    chosen: list[int] = []
    r = np.abs(spearman.to_numpy())
    for i in range(len(r)):
        # Two columns that say the same would fill the picture with the same diagonal.
        if len(chosen) < config.pair_columns and not (r[i, chosen] > config.correlation).any():
            chosen.append(i)
    rows = np.arange(len(numbers))
    if len(rows) > config.sample:
        rows = np.sort(np.random.default_rng(SAMPLE_SEED).choice(rows, size=config.sample, replace=False))
    return numbers[list(spearman.columns[chosen])].iloc[rows]


# --- warnings -----------------------------------------------------------------------------------------------------


def _said(name: str, labels: Labels) -> str:
    return (labels[name].label if name in labels else "") or name


def warn_of_categories(
    feature_set: str, columns: Sequence[str], share: float, config: ExploreConfig
) -> list[FeatureWarning]:
    """A warning where the categories of a feature set make most of the distances.

    Parameters
    ----------
    feature_set : str
        Its name.
    columns : sequence of str
        Its categories.
    share : float
        Of the squared distances, that they make.
    config : ExploreConfig
        From which share on it is said.

    Examples
    --------
    >>> print(warn_of_categories("all", ["plan", "city"], 0.8, ExploreConfig())[0].sentence)
    The 2 categories of feature set all (plan, city) make 80% of the distances: segments will mostly be combinations of their levels. Lower their weights, or name fewer.
    """
    if share <= config.category_share:
        return []
    sentence = (
        f"The {len(columns)} categories of feature set {feature_set} ({', '.join(columns)}) make {share:.0%} of the distances: "
        "segments will mostly be combinations of their levels. Lower their weights, or name fewer."
    )
    return [_warning(list(columns), "categories", share, config.category_share, sentence)]


def warn_of_left_out(column: str, sentence: str) -> FeatureWarning:
    """A warning of a column that a feature set names and that is left out of it.

    Examples
    --------
    >>> warn_of_left_out("year", "feature set xy leaves out 'year'").kind
    'left_out'
    """
    return _warning([column], "left_out", 1.0, 1.0, sentence)


def _warning(columns: list[str], kind: str, value: float, limit: float, sentence: str) -> FeatureWarning:
    return FeatureWarning(columns, kind, float(value), limit, sentence)


def _warn_of_number(
    row: Mapping[Any, Any], n_customers: int, config: ExploreConfig, labels: Labels
) -> list[FeatureWarning]:
    name, said = row["column"], _said(row["column"], labels)
    distinct = 0 if row["n"] == 0 else 1 if row["min"] == row["max"] else 2
    found = _warn_of_any(name, row["missing"], row["top_share"], distinct, n_customers, config, labels)
    skew, beyond = row["skew"], row["outlier_share"]
    if distinct > 1 and abs(skew) > config.skew:
        side, remedy = ("right", "log1p, sqrt or the power scaler") if skew > 0 else ("left", "the power scaler")
        sentence = f"{said} is skewed to the {side} (skewness {skew:.1f}): {remedy} can even it out."
        found.append(_warning([name], "skew", skew, config.skew, sentence))
    if distinct > 1 and beyond > config.outlier_share:
        sentence = f"{beyond:.1%} of {said} lie more than {FENCE:g} interquartile ranges beyond the quartiles."
        found.append(_warning([name], "outliers", beyond, config.outlier_share, sentence))
    return found


def _warn_of_category(name: str, counts: dict[str, int], config: ExploreConfig, labels: Labels) -> list[FeatureWarning]:
    known = [count for level, count in counts.items() if level != MISSING]
    top_share = max(known, default=0) / max(sum(known), 1)
    return _warn_of_any(name, counts.get(MISSING, 0), top_share, len(known), sum(counts.values()), config, labels)


def _warn_of_any(
    name: str, missing: int, top_share: float, distinct: int, n_customers: int, config: ExploreConfig, labels: Labels
) -> list[FeatureWarning]:
    found, said = [], _said(name, labels)
    share = missing / n_customers
    if share > config.missing_share:
        sentence = f"{said} is missing for {missing} of {n_customers} customers ({share:.1%})."
        found.append(_warning([name], "missing", share, config.missing_share, sentence))
    if distinct == 1:
        sentence = f"{said} has the same value for everyone: it cannot tell customers apart."
        found.append(_warning([name], "constant", 1.0, config.near_constant_share, sentence))
    elif top_share > config.near_constant_share:
        sentence = f"{said} has one and the same value for {top_share:.1%} of the customers."
        found.append(_warning([name], "near_constant", top_share, config.near_constant_share, sentence))
    return found


def _warn_of_pairs(spearman: pd.DataFrame, config: ExploreConfig, labels: Labels) -> list[FeatureWarning]:
    names, r = list(spearman.columns), spearman.to_numpy()
    # The closest first; pairs without a common customer have no correlation (NaN), which exceeds nothing.
    pairs = [(i, j) for i in range(len(names)) for j in range(i + 1, len(names)) if abs(r[i, j]) > config.correlation]
    found = []
    for i, j in sorted(pairs, key=lambda pair: -abs(r[pair])):
        sentence = (
            f"{_said(names[i], labels)} and {_said(names[j], labels)} say nearly the same (Spearman correlation {r[i, j]:.2f}): "
            "one of the two is enough in a feature set."
        )
        found.append(_warning([names[i], names[j]], "correlated", r[i, j], config.correlation, sentence))
    return found
