"""A candidate -> how much of it is left when something is changed that should not matter. Comes in: features and the spec. Goes out: agreements.

Each change makes another segmentation of the same customers; the adjusted Rand index says how far the two agree. The lowest agreement says whether the segments
are firm: one limit (``sensitivity.firm``) for what is said and for what is chosen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from segments.clustering.candidate import Spec, check_plan
from segments.clustering.exact import significant
from segments.clustering.kmeans import best_kmeans
from segments.clustering.space import fit_space, fold
from segments.config.evidence import SensitivityConfig
from segments.config.sweep import FeatureSet, Scaler
from segments.errors import SweepError
from segments.evidence.stability import adjusted_rand, contingency

Partition = NDArray[np.integer[Any]]

CHANGES = ("seed", "scaler", "feature left out", "as-of date", "extreme customers left out")


class Change(NamedTuple):
    """One thing done differently: what, which, the customers it is tried on, and how they are segmented."""

    change: str
    detail: str
    features: pd.DataFrame
    spec: Spec


class Hold(NamedTuple):
    """How well a candidate's segments hold.

    Parameters
    ----------
    agreement_min : float
        Adjusted Rand index with the segments after the worst single change.
    hangs_on : str
        That change, in words.
    firm : bool
        Whether the agreement reaches the limit.
    """

    agreement_min: float
    hangs_on: str
    firm: bool


def sensitivity(
    features: pd.DataFrame,
    labels: Partition,
    spec: Spec,
    scalers: Iterable[Scaler],
    config: SensitivityConfig,
    earlier: tuple[str, pd.DataFrame] | str = "the source has no transactions",
    known: Mapping[str, Partition] | None = None,
) -> tuple[pd.DataFrame, list[str]]:
    """Segment the customers anew, one thing changed at a time, and compare with the segments as they are.

    Parameters
    ----------
    features : DataFrame of shape (n_customers, ...)
        The feature table, with ``customer_id``.
    labels : ndarray of shape (n_customers,)
        Cluster of each customer in the candidate.
    spec : Spec
        What makes the candidate the one it is.
    scalers : iterable of Scaler
        All scalers to try; its own is passed over.
    config : SensitivityConfig
        How many seeds, how many extreme customers; of more customers than its ``sample``, a random sample is segmented anew.
    earlier : (str, DataFrame) or str
        Another as-of date and the feature table of that day; or why there is none.
    known : mapping of str to ndarray of shape (n_customers,), optional
        Clusters of the same spec under other scalers, by their name, where a sweep has made them already.

    Returns
    -------
    DataFrame
        One row per change: ``change`` (one of ``CHANGES``), ``detail``, ``ari`` (1: the same segments, 0: no more alike than
        by chance) and ``customers``, those in both.
    list of str
        What could not be tried, and why.

    References
    ----------
    Hubert & Arabie (1985), Comparing partitions, Journal of Classification 2.

    Examples
    --------
    >>> from segments.config.sweep import Algorithm, Feature
    >>> table = pd.DataFrame({"customer_id": list("abcd"), "x": [0.0, 1.0, 10.0, 11.0]})
    >>> spec = Spec("toy", FeatureSet("x", {"x": Feature()}), Scaler("none"), Algorithm(), k=2, seed=0)
    >>> found, notes = sensitivity(table, np.array([0, 0, 1, 1]), spec, [], SensitivityConfig(seeds=1, extreme_share=0))
    >>> found.to_dict("records"), notes[0]
    ([{'change': 'seed', 'detail': '1', 'ari': 1.0, 'customers': 4}], 'no feature left out: x is the only one')
    """
    notes: list[str] = []
    if len(spec.feature_set.columns) == 1:
        notes.append(f"no feature left out: {next(iter(spec.feature_set.columns))} is the only one")
    if isinstance(earlier, str):
        notes.append(f"no earlier as-of date: {earlier}")
    chosen, made = pd.Series(labels, index=features["customer_id"]), dict(known or {})
    if len(features) > config.sample:
        some = np.sort(np.random.default_rng(spec.seed).choice(len(features), config.sample, replace=False))
        features = features.iloc[some].reset_index(drop=True)
        made = {name: own[some] for name, own in made.items()}
        if not isinstance(earlier, str):
            day, table = earlier
            earlier = (day, table[table["customer_id"].isin(features["customer_id"])].reset_index(drop=True))
        notes.append(f"segmented anew were {config.sample:,} of {len(chosen):,} customers, drawn at random")
    rows = []
    with threadpool_limits(limits=1):  # once for all: it looks through everything that the process has loaded
        # changes of the seed alone share their space
        for _, group in groupby(_changes(features, spec, scalers, config, earlier), _space):
            same = list(group)
            try:
                if same[0].change == "scaler" and same[0].detail in made:
                    others = [made[same[0].detail]]
                else:
                    others = _labels_of(same[0].features, [change.spec for change in same])
            except SweepError as error:
                notes += [f"{change.change} {change.detail}: {error.what}" for change in same]
                continue
            before = chosen.reindex(same[0].features["customer_id"])
            both = before.notna().to_numpy()
            one = before[both].to_numpy(dtype=np.int64)
            for change, other in zip(same, others, strict=True):
                table = contingency(one, other[both], int(one.max()) + 1, int(other.max()) + 1)
                agreement = float(significant(adjusted_rand(table)))
                rows.append((change.change, change.detail, agreement, int(both.sum())))
    return pd.DataFrame(rows, columns=["change", "detail", "ari", "customers"]), notes


def labels_of(features: pd.DataFrame, specs: Sequence[Spec]) -> list[Partition]:
    """The clusters of some candidates of one cell, and nothing else of them.

    Parameters
    ----------
    features : DataFrame of shape (n_customers, ...)
        The feature table, with ``customer_id``.
    specs : sequence of Spec
        Same feature set and scaler.

    Returns
    -------
    list of ndarray of shape (n_customers,)
        As :func:`~segments.clustering.candidate.sweep_cell` labels them.

    Raises
    ------
    SweepError
        If the features cannot be clustered this way.
    """
    with threadpool_limits(limits=1):  # how floats are summed depends on the number of threads
        return _labels_of(features, specs)


def _labels_of(features: pd.DataFrame, specs: Sequence[Spec]) -> list[Partition]:
    check_plan(features, [specs])
    _, X = fit_space(features, specs[0].feature_set, specs[0].scaler)
    points, own, weights = fold(X) or (X, slice(None), None)
    return [best_kmeans(points, spec.k, spec.algorithm, spec.seed, weights).labels[own] for spec in specs]


def hold(table: pd.DataFrame, config: SensitivityConfig) -> Hold:
    """How well segments hold, by the worst of all that was changed.

    Parameters
    ----------
    table : DataFrame
        Made by :func:`sensitivity`.
    config : SensitivityConfig
        Its ``firm`` is the limit.

    Returns
    -------
    Hold
        Nothing changed is nothing known: NaN, and not firm.

    Examples
    --------
    >>> rows = [("seed", "1", 1.0, 90), ("scaler", "robust", 0.5, 90)]
    >>> hold(pd.DataFrame(rows, columns=["change", "detail", "ari", "customers"]), SensitivityConfig())
    Hold(agreement_min=0.5, hangs_on='scaler robust', firm=True)
    """
    if table.empty:
        return Hold(float("nan"), "", False)
    worst = table.sort_values("ari", kind="stable").iloc[0]
    lowest = float(worst["ari"])
    words = _in_words(worst["change"], worst["detail"]).removeprefix("with ")
    return Hold(lowest, words, lowest >= config.firm)


def months_before(day: date, months: int) -> date:
    """The same day some months earlier, or the last of that month where it has no such day.

    Examples
    --------
    >>> months_before(date(2024, 3, 31), 1)
    datetime.date(2024, 2, 29)
    """
    earlier: pd.Timestamp = pd.Timestamp(day) - pd.DateOffset(months=months)
    return date(earlier.year, earlier.month, earlier.day)


def extreme_rows(features: pd.DataFrame, feature_set: FeatureSet, share: float) -> NDArray[np.intp]:
    """Rows of the most extreme customers: those farthest from the average one, every transformed feature in standard deviations.

    Parameters
    ----------
    features : DataFrame of shape (n_customers, ...)
        The feature table.
    feature_set : FeatureSet
        The features that count, with their transforms and weights.
    share : float
        Share of the customers, rounded up.

    Returns
    -------
    ndarray of int
        Positions, ascending; at equal distance the later row is taken first.

    Examples
    --------
    >>> from segments.config.sweep import Feature
    >>> table = pd.DataFrame({"x": [1.0, 2.0, 50.0, 3.0]})
    >>> extreme_rows(table, FeatureSet("x", {"x": Feature()}), 0.25).tolist()
    [2]
    """
    _, X = fit_space(features, feature_set, Scaler("standard"))
    count = int(np.ceil(round(share * len(X), 9)))
    order = np.argsort((X**2).sum(axis=1), kind="stable")
    return np.sort(order[len(X) - count :])


def sensitivity_in_words(table: pd.DataFrame) -> list[str]:
    """One sentence per kind of change, with the worst case named.

    Parameters
    ----------
    table : DataFrame
        Made by :func:`sensitivity`.

    Examples
    --------
    >>> rows = [("seed", "1", 1.0, 90), ("seed", "2", 0.9, 90), ("scaler", "robust", 0.5, 90)]
    >>> sensitivity_in_words(pd.DataFrame(rows, columns=["change", "detail", "ari", "customers"]))
    ['seed: agreement 0.90 (2) to 1.00 (1)', 'scaler: agreement 0.50 (robust)']
    """
    lines = []
    for change in [name for name in CHANGES if (table["change"] == name).any()]:
        own = table[table["change"] == change].sort_values("ari", kind="stable")
        low, high = (f"{own['ari'].iloc[end]:z.2f}" for end in (0, -1))
        if low == high:
            text = low + (f" in all {len(own)}" if len(own) > 1 else f" ({own['detail'].iloc[0]})")
        else:
            text = f"{low} ({own['detail'].iloc[0]}) to {high} ({own['detail'].iloc[-1]})"
        lines.append(f"{change}: agreement {text}")
    return lines


def firmness(table: pd.DataFrame, config: SensitivityConfig) -> str:
    """Say in a sentence whether the segments hold, and what they hang on.

    Parameters
    ----------
    table : DataFrame
        Made by :func:`sensitivity`.
    config : SensitivityConfig
        Its ``firm`` is the limit, for the choice too.

    Returns
    -------
    str
        Names the worst change; where that leaves less than the limit, the worst of each other kind that does, too.

    Examples
    --------
    >>> rows = [("scaler", "robust", 0.45, 90), ("feature left out", "trend", 0.25, 90), ("as-of date", "2017-12-01", 0.7, 90)]
    >>> firmness(pd.DataFrame(rows, columns=["change", "detail", "ari", "customers"]), SensitivityConfig())
    'Not firm: with the feature trend left out the segments become largely others (agreement 0.25; 1 is the same, 0 is chance), and so they do with scaler robust (0.45).'
    """
    found = hold(table, config)
    scale = f"(agreement {found.agreement_min:z.2f}; 1 is the same, 0 is chance)"
    if found.firm:
        return f"Firm: whatever one thing is changed, the segments stay more alike than not; most depends on {found.hangs_on} {scale}."
    if table.empty:
        return "Nothing could be changed, so nothing is known of how firm the segments are."
    worst = table.sort_values("ari", kind="stable").drop_duplicates("change")
    (first, _), *others = [(_in_words(row.change, row.detail), row.ari) for row in worst.itertuples()]
    also = [f"{words} ({ari:z.2f})" for words, ari in others if ari < config.firm]
    more = f", and so they do {' and '.join(also)}" if also else ""
    return f"Not firm: {first} the segments become largely others {scale}{more}."


def _in_words(change: str, detail: str) -> str:
    return {
        "seed": f"with seed {detail}",
        "scaler": f"with scaler {detail}",
        "feature left out": f"with the feature {detail} left out",
        "as-of date": f"with the as-of date {detail}",
        "extreme customers left out": f"with the {detail} most extreme customers left out",
    }[change]


def _space(change: Change) -> tuple[int, FeatureSet, Scaler]:
    """What decides where customers lie: changes that agree in it are fitted to the same points."""
    return id(change.features), change.spec.feature_set, change.spec.scaler


def _changes(
    features: pd.DataFrame,
    spec: Spec,
    scalers: Iterable[Scaler],
    config: SensitivityConfig,
    earlier: tuple[str, pd.DataFrame] | str,
) -> Iterator[Change]:
    for seed in range(spec.seed + 1, spec.seed + 1 + config.seeds):
        yield Change("seed", str(seed), features, replace(spec, seed=seed))
    for scaler in scalers:
        if scaler != spec.scaler:
            yield Change("scaler", scaler.name, features, replace(spec, scaler=scaler))
    columns = spec.feature_set.columns
    for left_out in columns if len(columns) > 1 else ():
        fewer = FeatureSet(spec.feature_set.name, {name: columns[name] for name in columns if name != left_out})
        yield Change("feature left out", left_out, features, replace(spec, feature_set=fewer))
    if not isinstance(earlier, str):
        yield Change("as-of date", earlier[0], earlier[1], spec)
    if len(extreme := extreme_rows(features, spec.feature_set, config.extreme_share)):
        usual = features.drop(index=features.index[extreme]).reset_index(drop=True)
        detail = f"{len(extreme)} ({config.extreme_share:.1%})"
        yield Change("extreme customers left out", detail, usual, spec)
