"""What a customer is like, in numbers. Comes in: clean tables. Goes out: one row per customer, all columns, once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType
from typing import Any, TypeAlias

import narwhals as nw
import numpy as np
import pandas as pd

from segments.config.columns import Entry
from segments.config.features import RFM_SCORES, FeaturesConfig
from segments.config.source import Source
from segments.errors import ConfigError, DataError
from segments.features.derived import derive
from segments.features.purchases import customers_without_purchase, sort_key, transaction_features

FIFTHS = (0.2, 0.4, 0.6, 0.8)
RfmCuts: TypeAlias = dict[str, list[float]]
RFM_COLUMNS = dict(zip(("recency_days", "frequency", "monetary"), RFM_SCORES, strict=True))


@dataclass(frozen=True)
class FeatureColumn:
    """One column of the feature table.

    Parameters
    ----------
    column : str
        Its name.
    kind : {"number", "score", "category"}
        What it is.
    missing : int
        Customers without a value.
    """

    column: str
    kind: str
    missing: int


@dataclass(frozen=True)
class FeaturesReport:
    """What is to be said of the feature table.

    Parameters
    ----------
    source : str
        Name of the source.
    as_of : str or None
        The "today" of the features.
    customers : int
        Its rows.
    customers_without_transactions : int
        Rows of the customers table left out because they bought nothing.
    customers_without_value : dict of str to int
        Customers left out because they lack a value that a feature set uses, by column.
    columns : list of FeatureColumn
        Kind and missing values of each.
    notes : list of str
        What else a person should know.
    """

    source: str
    as_of: str | None
    customers: int
    customers_without_transactions: int
    customers_without_value: dict[str, int]
    columns: list[FeatureColumn]
    notes: list[str]


@dataclass(frozen=True)
class Features:
    """One row per customer, and what is to be said about it.

    Parameters
    ----------
    table : pandas.DataFrame
        ``customer_id``, every numeric feature (float64), RFM scores when there is a log, then the categories.
    rfm_cuts : dict of str to list of float
        Cut-points of the RFM scores per column; empty without a log.
    report : FeaturesReport
        Number of customers, columns with their kind and missing values, notes in words.
    """

    table: pd.DataFrame
    rfm_cuts: dict[str, list[float]]
    report: FeaturesReport


@dataclass(frozen=True)
class Summed:
    """A log, summed up.

    Parameters
    ----------
    table : pandas.DataFrame
        Of :func:`segments.features.purchases.transaction_features`: one row per customer.
    cuts : dict of str to list of float, optional
        RFM cut-points, where they are not those of the table.
    notes : list of str
        What a person should know.
    """

    table: pd.DataFrame
    cuts: RfmCuts | None
    notes: list[str]


def build_features(
    customers: pd.DataFrame | None,
    transactions: Any | None,
    source: Source,
    config: FeaturesConfig,
    used: Mapping[str, Sequence[str]] = MappingProxyType({}),
    summed: Summed | None = None,
) -> Features:
    """All features of all customers of a source, in one table.

    With a log, every customer who bought something up to the as-of date has a row, and the customers table adds what it
    knows about them. Without a log, every row of the customers table has one.

    Parameters
    ----------
    customers : pandas.DataFrame, optional
        Clean customers: ``customer_id``, numbers (float64) and categories (strings).
    transactions : native frame, optional
        Clean transaction lines, as any frame Narwhals knows (DuckDB relation, pandas, ...).
    source : Source
        Its ``as_of`` is the "today" of the features.
    config : FeaturesConfig
        Edges of morning and evening.
    used : mapping of str to sequence of str
        Columns whose missing values nothing stands in for, with the feature sets that use them: who lacks one of these is left out, and
        counted. What no feature set uses may be missing.
    summed : Summed, optional
        The log, summed up already: by an engine that has more customers than come here.

    Returns
    -------
    Features
        The table is sorted by customer id (as numbers when all ids are integers).

    Raises
    ------
    DataError
        If there are no customers, no columns, no lines up to the as-of date, or two columns of one name.

    Examples
    --------
    >>> from segments.config.source import Customers
    >>> people = pd.DataFrame({"customer_id": ["2", "1"], "age": [31.0, 58.0], "gender": ["f", "m"]})
    >>> build_features(people, None, Source("mine", customers=Customers("people.csv")), FeaturesConfig()).table
      customer_id   age gender
    0           1  58.0      m
    1           2  31.0      f
    """
    where = f"conf/source/{source.name}.yaml"
    cuts: dict[str, list[float]] = {}
    notes: list[str] = []
    strangers = 0
    if customers is not None and source.customers is not None:
        customers = derive(customers, source.customers, source.as_of, notes)
    if transactions is not None:
        summed = summed or sum_up(transactions, source, config)
        table = summed.table
        notes += summed.notes
        if table.empty:
            fix = "look into artifacts/data/report.json: it counts every line that was dropped or sent back"
            raise DataError(f"nobody bought anything by {source.as_of} and kept it", where=where, fix=fix)
        cuts = summed.cuts or rfm_cut_points(table)
        table = pd.concat([table, rfm_scores(table, cuts)], axis="columns")
        if customers is not None:
            strangers = _compare(table, customers, where, notes)
            table = table.merge(customers, on="customer_id", how="left", validate="one_to_one")
    elif customers is not None:
        table = customers
    else:
        raise DataError("there are neither customers nor transactions", where=where, fix="run `segments data`")
    table, without = _complete(table, used, source.entries, notes)
    if table.empty:
        fix = "look into artifacts/data/report.json: it counts every row that was dropped, and why"
        raise DataError("there are no customers left", where=where, fix=fix)

    scores = list(RFM_SCORES) if cuts else []
    values = [name for name in table.columns if name not in ("customer_id", *scores)]
    numeric = [name for name in values if pd.api.types.is_numeric_dtype(table[name])]
    descriptors = [name for name in values if name not in numeric]
    if not values:
        raise DataError(
            "nothing is known of the customers but their ids", where=where, fix="name columns, or transactions"
        )

    floats = dict.fromkeys([*numeric, *scores], "float64")
    table = table[["customer_id", *numeric, *scores, *descriptors]].astype(floats)
    table = table.sort_values("customer_id", key=sort_key, kind="stable", ignore_index=True)
    kinds = dict.fromkeys(numeric, "number") | dict.fromkeys(scores, "score") | dict.fromkeys(descriptors, "category")
    columns = [FeatureColumn(name, kind, int(table[name].isna().sum())) for name, kind in kinds.items()]
    report = FeaturesReport(source.name, source.as_of, len(table), strangers, without, columns, notes)
    return Features(table, cuts, report)


def as_of(source: Source, day: str | None) -> Source:
    """A source as it was known at the end of an earlier day: its features leave out every later line.

    Parameters
    ----------
    source : Source
        With its own as-of date.
    day : str, optional
        ISO date, not later than that; ``None`` only where the source has none.

    Raises
    ------
    ConfigError
        If the day cannot be read, lies after the source's as-of date, or there are no transactions to look back in.

    Examples
    --------
    >>> from segments.config.source import Transactions
    >>> log = Source("mine", as_of="2024-12-31", transactions=Transactions("log.csv", "who", "when", "paid"))
    >>> as_of(log, "2024-06-30").as_of
    '2024-06-30'
    """
    if day == source.as_of:
        return source
    if source.transactions is None or source.as_of is None:
        raise ConfigError(
            f"the source '{source.name}' has no transactions, so it has no earlier days",
            where=f"conf/source/{source.name}.yaml",
            fix="choose a source with a transaction log",
        )
    try:
        earlier = date.fromisoformat(day or "")
    except ValueError:
        raise ConfigError(f"'{day}' is not a date", where="the as-of date", fix="write it as YYYY-MM-DD") from None
    if earlier > date.fromisoformat(source.as_of):
        raise ConfigError(
            f"{day} is later than the last day that is known, {source.as_of}",
            where="source.as_of",
            fix=f"choose a day up to {source.as_of}",
        )
    return replace(source, as_of=earlier.isoformat())


def rfm_cut_points(features: pd.DataFrame) -> dict[str, list[float]]:
    """Find the values that part customers into fifths by recency, frequency and money.

    Parameters
    ----------
    features : pandas.DataFrame
        Holds ``recency_days``, ``frequency`` and ``monetary``.

    Returns
    -------
    dict of str to list of float
        Four cut-points per column, ascending: the 20, 40, 60 and 80 % quantiles, each a value that occurs there.

    Examples
    --------
    >>> rfm_cut_points(pd.DataFrame({name: [1.0, 2, 3, 4, 5] for name in RFM_COLUMNS}))["monetary"]
    [1.0, 2.0, 3.0, 4.0]
    """
    quantiles = {name: np.quantile(features[name].to_numpy(), FIFTHS, method="inverted_cdf") for name in RFM_COLUMNS}
    return {name: [float(cut) for cut in cuts] for name, cuts in quantiles.items()}


def rfm_scores(features: pd.DataFrame, cuts: dict[str, list[float]]) -> pd.DataFrame:
    """Scores from 1 to 5 (best) for recency, frequency and money.

    A score only asks how many cut-points a value exceeds, so equal customers always score the same, and a new customer
    is scored as the old ones were. The most recent buyers always have r_score 5; the least frequent f_score 1, the
    lowest spenders m_score 1. Ties leave scores out rather than tear equal customers apart: where half of all customers
    bought once (as in CDNOW), they all have f_score 1 and nobody has 2.

    Parameters
    ----------
    features : pandas.DataFrame of shape (n_customers, ...)
        Holds ``recency_days``, ``frequency`` and ``monetary``.
    cuts : dict of str to list of float
        Made by :func:`rfm_cut_points`, from these customers or from earlier ones.

    Returns
    -------
    pandas.DataFrame of shape (n_customers, 3)
        ``r_score``, ``f_score``, ``m_score``, float64, on the index of `features`.

    Raises
    ------
    DataError
        If the cut-points of a column are missing or not ascending.

    References
    ----------
    Hughes (1994), Strategic Database Marketing; there by ranks, which depend on the order of rows when values are tied.

    Examples
    --------
    >>> people = pd.DataFrame({"recency_days": [0.0, 90], "frequency": [9.0, 1], "monetary": [80.0, 5]})
    >>> cuts = {"recency_days": [10, 20, 40, 80], "frequency": [1, 1, 2, 4], "monetary": [10, 20, 40, 60]}
    >>> rfm_scores(people, cuts).to_numpy().tolist()
    [[5.0, 5.0, 5.0], [1.0, 1.0, 1.0]]
    """
    scores = pd.DataFrame(index=features.index)
    for name, score in RFM_COLUMNS.items():
        edges = cuts.get(name, [])
        if len(edges) != 4 or sorted(edges) != list(edges):
            raise DataError(
                f"the cut-points of {name} are not four ascending numbers",
                where="rfm_cuts",
                fix="run `segments features`",
            )
        exceeded = np.searchsorted(np.asarray(edges, dtype="float64"), features[name].to_numpy(), side="left")
        scores[score] = (5.0 - exceeded) if name == "recency_days" else (1.0 + exceeded)
    return scores


def rfm_scores_sql(cuts: RfmCuts) -> list[str]:
    """The expressions that :func:`rfm_scores` computes, as SQL of any engine; none without cut-points.

    Examples
    --------
    >>> rfm_scores_sql({"recency_days": [10.0], "frequency": [1.0], "monetary": []})[0]
    'CAST(5 - CASE WHEN recency_days > 10.0 THEN 1 ELSE 0 END AS DOUBLE) AS r_score'
    """
    said = []
    for name, score in RFM_COLUMNS.items() if cuts else ():
        sign, lowest = ("-", 5) if name == "recency_days" else ("+", 1)
        exceeded = [f" {sign} CASE WHEN {name} > {float(edge)!r} THEN 1 ELSE 0 END" for edge in cuts[name]]
        said.append(f"CAST({lowest}{''.join(exceeded)} AS DOUBLE) AS {score}")
    return said


def sum_up(
    transactions: Any,
    source: Source,
    config: FeaturesConfig,
    keep: Callable[[Any], tuple[Any, RfmCuts | None]] | None = None,
) -> Summed:
    """Sum up a log of any engine.

    Parameters
    ----------
    transactions : native frame
        Clean transaction lines, as any frame Narwhals knows.
    source : Source
        Its ``as_of`` is the "today" of the features.
    config : FeaturesConfig
        Edges of morning and evening.
    keep : callable, optional
        Gets the features of everybody on the engine; gives those that come here, and the RFM cut-points of everybody.

    Raises
    ------
    DataError
        As :func:`build_features`.
    """
    if source.as_of is None:
        fix = "write as_of: YYYY-MM-DD, the last day of the log"
        raise DataError("the source has transactions but no as-of date", where="source.as_of", fix=fix)
    today = date.fromisoformat(source.as_of)
    summed = transaction_features(transactions, today, config)
    cuts: RfmCuts | None = None
    if keep is not None:
        summed, cuts = keep(summed)
    notes = []
    table: pd.DataFrame = nw.from_native(summed).lazy().collect("pandas").to_native()
    without = customers_without_purchase(transactions, today, config)
    if without:
        notes.append(f"{without} customers of the log have no purchase that they kept by {today}: they have no row")
    if "morning_share" not in table:
        notes.append("no line tells the time of day: there is no morning_share and no evening_share")
    return Summed(table.astype({"customer_id": "str"}), cuts, notes)


def _complete(
    table: pd.DataFrame, used: Mapping[str, Sequence[str]], known: Mapping[str, Entry], notes: list[str]
) -> tuple[pd.DataFrame, dict[str, int]]:
    """The customers who have all that is used, and how many lack what: each counted at the first column they lack."""
    kept, without = pd.Series(True, index=table.index), {}
    for name in [name for name in used if name in table]:
        if lacking := int((gone := kept & table[name].isna()).sum()):
            kept &= ~gone
            if known.get(name, Entry()).missing is None:  # else that was asked for
                without[name] = lacking
            notes.append(
                f"{lacking} of {len(table)} customers are left out: they have no '{name}', which feature set {', '.join(used[name])} uses"
            )
    return table[kept].reset_index(drop=True), without


def check_complete(report: FeaturesReport, source: Source) -> None:
    """Refuse a feature table for which more customers were left out than the policy allows, and nobody asked for it.

    Raises
    ------
    DataError
        Says which column they lack, and what may stand in for it.

    Examples
    --------
    >>> from segments.config.source import Customers
    >>> report = FeaturesReport("mine", None, 60, 0, {"age": 40}, [], [])
    >>> check_complete(report, Source("mine", customers=Customers("people.csv")))
    Traceback (most recent call last):
    segments.errors.DataError: 40 of 100 customers lack a value that a feature set uses ('age': 40), more than the 5.0% allowed
      where: conf/source/mine.yaml
      do:    write what stands in for it, such as age: {missing: median} (or zero, or a value; missing: drop leaves them out), take it out of the feature set, or allow more with policy.max_bad_share
    """
    without = report.customers_without_value
    lacking = sum(without.values())
    total = report.customers + lacking
    allowed = 0.0 if source.policy.bad_value == "stop" else source.policy.max_bad_share
    if lacking > allowed * total:
        first = next(iter(without))
        each = ", ".join(f"'{name}': {count}" for name, count in without.items())
        raise DataError(
            f"{lacking} of {total} customers lack a value that a feature set uses ({each}), more than the {allowed:.1%} allowed",
            where=f"conf/source/{source.name}.yaml",
            fix=f"write what stands in for it, such as {first}: {{missing: median}} (or zero, or a value; missing: drop leaves them out), "
            "take it out of the feature set, or allow more with policy.max_bad_share",
        )


def _compare(table: pd.DataFrame, customers: pd.DataFrame, where: str, notes: list[str]) -> int:
    shared = [name for name in customers.columns if name in table.columns and name != "customer_id"]
    if shared:
        raise DataError(
            f"the customers table and the features of the log share the name {', '.join(shared)}",
            where=where,
            fix="rename it under customers.columns, and say there which raw column it is (raw: ...)",
        )
    strangers = int((~customers["customer_id"].isin(table["customer_id"])).sum())
    unknown = int((~table["customer_id"].isin(customers["customer_id"])).sum())
    if strangers:
        notes.append(f"{strangers} of {len(customers)} customers bought nothing up to the as-of date: they have no row")
    if unknown:
        notes.append(f"{unknown} of {len(table)} buyers are not in the customers table: its columns are missing there")
    return strangers
