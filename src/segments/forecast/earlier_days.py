"""What was known on an earlier day. Comes in: a log, a segmentation, a day. Goes out: features and segments as of then, and what came after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from segments.clustering.candidate import Spec, sweep_cell
from segments.errors import DataError, ForecastError, SweepError
from segments.forecast.btyd import DAYS_PER_WEEK, as_known, btyd_table
from segments.forecast.models import Snapshot
from segments.forecast.timeline import Timeline

Build = Callable[[Any, date], pd.DataFrame]

# Sums grow with the length of the history, which differs between the three days: per week they do not.
PER_WEEK = ("frequency", "purchase_days", "monetary")
AS_THEY_ARE = ("recency_days", "basket_value", "gap_days_mean", "gap_days_std", "trend")
SHARES = tuple(f"{part}_share" for part in ("weekend", "morning", "evening", "private_label", "discount", "coupon"))


def blind(build: Build, lines: Any, cutoff: date) -> pd.DataFrame:
    """Features as of a day, proved not to know what came later.

    They are made twice, from the whole log and from one that ends with that day, and must be equal to the last bit.

    Parameters
    ----------
    build : callable
        ``build(lines, day)``.
    lines : native frame
        The whole log.
    cutoff : date
        The last day that may be known.

    Raises
    ------
    DataError
        Names the columns that know the future.

    Examples
    --------
    >>> log = pd.DataFrame({"customer_id": ["a", "a"], "purchased_at": pd.to_datetime(["2024-01-01", "2024-02-01"])})
    >>> leaky = lambda lines, day: lines.groupby("customer_id", as_index=False).size()
    >>> blind(leaky, log, date(2024, 1, 15))
    Traceback (most recent call last):
    segments.errors.DataError: features as of 2024-01-15 know what came later: size
      where: features
      do:    make them of lines up to the day only
    """
    end = datetime.combine(cutoff + timedelta(days=1), time())
    known = nw.to_native(nw.from_native(lines).filter(nw.col("purchased_at") < end))
    whole, past = build(lines, cutoff), build(known, cutoff)
    if list(whole["customer_id"]) != list(past["customer_id"]):
        leaks = ["who is a customer"]
    else:
        leaks = sorted(set(whole.columns) ^ set(past.columns)) + [
            name for name in past.columns if name in whole and not whole[name].equals(past[name])
        ]
    if leaks:
        raise DataError(
            f"features as of {cutoff} know what came later: {', '.join(leaks)}",
            where="features",
            fix="make them of lines up to the day only",
        )
    return past


def model_inputs(features: pd.DataFrame, days: pd.DataFrame, when: Timeline, cutoff: date) -> pd.DataFrame:
    """Columns a model may use: what the log held by then, in numbers that mean the same after a longer history.

    What the customers table says is left out: nobody knows when it was written down.

    Parameters
    ----------
    features : DataFrame of shape (n_customers, ...)
        The feature table as of the cutoff.
    days : DataFrame
        From :func:`segments.forecast.btyd.as_known`, as known at the cutoff.
    when : Timeline
        First day and horizon.
    cutoff : date
        The last day that is known.

    Returns
    -------
    DataFrame of shape (n_customers, ...)
        Recency, gaps, shares and trend as they are; orders, purchase days and money per week; ``tenure_share`` of the log's
        length; ``recent_days`` and ``recent_spend``: purchase days and money in the horizon before the cutoff.
    """
    span = min((cutoff - when.first).days + 1, when.window_days or date.max.toordinal())
    inputs = features[[*AS_THEY_ARE, *(name for name in SHARES if name in features)]].copy()
    for name in PER_WEEK:
        inputs[f"{name}_per_week"] = features[name] / span * DAYS_PER_WEEK
    inputs["tenure_share"] = features["tenure_days"] / span
    since = cutoff.toordinal() - when.horizon_days
    recent = days[(days["day"] > since) & (days["day"] <= cutoff.toordinal())].groupby("customer_id")["spend"]
    inputs["recent_days"] = features["customer_id"].map(recent.size()).fillna(0).astype("float64").to_numpy()
    inputs["recent_spend"] = features["customer_id"].map(recent.sum()).fillna(0.0).to_numpy()
    return inputs


def align(
    ids: pd.Series[str], labels: NDArray[np.int32], known_ids: pd.Series[str], known: NDArray[np.int32]
) -> tuple[NDArray[np.int32], float]:
    """Renumber clusters so that they agree best with those of another day: numbers of one fit mean nothing in another.

    Parameters
    ----------
    ids, labels
        Customers and their clusters.
    known_ids, known
        Customers and clusters of the other day.

    Returns
    -------
    ndarray
        `labels`, renumbered.
    float
        Share of the customers of both days who are in the same segment then.

    Examples
    --------
    >>> two = np.array([0, 0, 1], dtype=np.int32)
    >>> align(pd.Series(["a", "b", "c"]), two, pd.Series(["a", "c", "b"]), np.array([1, 0, 1], dtype=np.int32))
    (array([1, 1, 0], dtype=int32), 1.0)
    """
    there = dict(zip(known_ids, known.tolist(), strict=True))
    pairs = [(label, there[i]) for i, label in zip(ids, labels.tolist(), strict=True) if i in there]
    k = int(max(labels.max(), known.max())) + 1
    both = np.zeros((k, k))
    for own, other in pairs:
        both[own, other] += 1
    own, other = linear_sum_assignment(both, maximize=True)
    return other.astype(np.int32)[labels], float(both[own, other].sum() / max(len(pairs), 1))


def snapshots(
    features: pd.DataFrame,
    labels: NDArray[np.int32],
    lines: Any,
    build: Build,
    spec: Spec,
    when: Timeline,
    days: pd.DataFrame,
) -> tuple[dict[date, Snapshot], dict[str, float]]:
    """What was known on each day of a timeline, the segments of then among it.

    Parameters
    ----------
    features, labels, lines, build, spec
        As :func:`segments.forecast.forecast.predict` takes them.
    when : Timeline
        The days.
    days : DataFrame
        The log by day, from :func:`segments.forecast.btyd.daily`.

    Returns
    -------
    dict of date to Snapshot
        All with the same inputs; clusters are numbered as on the as-of date.
    dict of str to float
        By day, the share of customers who are in the same segment as on the next one.

    Raises
    ------
    ForecastError
        If the segmentation cannot be made again on an earlier day.
    DataError
        If features of an earlier day depend on what came later.
    """
    later = _snapshot(features, labels, days, when, when.as_of)
    found, agreement = {when.as_of: later}, {}
    for cutoff in sorted({when.latest, when.test, when.train}, reverse=True):
        table = blind(build, lines, cutoff)
        try:
            [candidate] = sweep_cell(table, [spec])
        except SweepError as error:
            raise ForecastError(
                f"the segments cannot be made of the {len(table)} customers who had bought by {cutoff}: {error.what}"
            ) from error
        renumbered, agreement[str(cutoff)] = align(
            table["customer_id"], candidate.labels.astype(np.int32), pd.Series(later.customer_id), later.segment
        )
        later = found[cutoff] = _snapshot(table, renumbered, days, when, cutoff)
    shared = [name for name in found[when.train].inputs if all(name in one.inputs for one in found.values())]
    return {day: replace(one, inputs=one.inputs[shared]) for day, one in found.items()}, agreement


def _snapshot(
    features: pd.DataFrame, labels: NDArray[np.int32], days: pd.DataFrame, when: Timeline, cutoff: date
) -> Snapshot:
    today = cutoff.toordinal()
    in_time = as_known(days, when.as_of)  # what came after stands as it is known by now
    in_time = in_time[(in_time["day"] > today) & (in_time["day"] <= today + when.horizon_days)]
    ahead = in_time.groupby("customer_id")["spend"].sum()
    days = as_known(days, cutoff)
    known = cutoff <= when.latest
    ids = features["customer_id"]
    table = btyd_table(days, cutoff).set_index("customer_id").reindex(ids).reset_index()
    if table["T"].isna().any():
        raise DataError(
            f"{int(table['T'].isna().sum())} customers have returns but no purchase by {cutoff}",
            where="transactions",
            fix="write returns: net in the source's policy",
        )
    return Snapshot(
        cutoff=cutoff,
        customer_id=ids.to_numpy(dtype=object),
        inputs=model_inputs(features, days, when, cutoff),
        segment=labels,
        btyd=table,
        spend=ids.map(ahead).fillna(0.0).to_numpy(dtype=np.float64) if known else None,
        churned=(~ids.isin(ahead.index)).to_numpy(dtype=np.float64) if known else None,
    )
