"""Features and clusters -> what each segment is like. Comes in: the feature table and a cluster per customer. Goes out: profiles and names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segments.config.profiles import ProfilesConfig
from segments.features.meanings import NONE, Labels, called

MONEY = "monetary"
OUTLOOK = ("churn_risk", "expected_value", "at_risk_revenue")  # of each segment, where there is a prediction
MOST_WORDS = 5  # of a segment's name
CLEARLY = 0.05  # of all customers: by so much a mean rank lies farther from the middle
IS_LEVEL = " = "  # between a category and its level, where the level is a column of its own
YES, NO = ("yes", "true", "1", "y"), ("no", "false", "0", "n")


def segment_profiles(features: pd.DataFrame, labels: NDArray[np.int32], names: Sequence[str]) -> pd.DataFrame:
    """One row per segment, in original units.

    Parameters
    ----------
    features : DataFrame of shape (n_customers, ...)
        The feature table: numeric features and category descriptors.
    labels : ndarray of shape (n_customers,)
        Cluster of each customer.
    names : sequence of str
        Name of each cluster's segment.

    Returns
    -------
    DataFrame of shape (k, ...)
        ``cluster, segment, size, share``, ``revenue`` and ``revenue_share`` where money is known, and per numeric feature
        ``<feature>_mean``, ``<feature>_median`` and ``<feature>_index`` (100 x mean over the mean of all customers; NaN for a feature with
        values below zero, whose mean is no measure of size).

    Examples
    --------
    >>> table = pd.DataFrame({"customer_id": ["a", "b", "c"], "age": [20.0, 30.0, 70.0]})
    >>> profile = segment_profiles(table, np.array([0, 0, 1], dtype=np.int32), ["younger", "older"])
    >>> profile[["segment", "size", "age_mean", "age_index"]].round(1).to_dict("records")
    [{'segment': 'younger', 'size': 2, 'age_mean': 25.0, 'age_index': 62.5}, {'segment': 'older', 'size': 1, 'age_mean': 70.0, 'age_index': 175.0}]
    """
    numeric = numeric_columns(features)
    groups = features.groupby(labels)
    sizes = groups.size()
    columns: dict[str, Any] = {
        "cluster": sizes.index.to_numpy(),
        "segment": [names[c] for c in sizes.index],
        "size": sizes.to_numpy(),
        "share": sizes.to_numpy() / len(features),
    }
    if MONEY in numeric:
        revenue = groups[MONEY].sum().to_numpy()
        total = float(features[MONEY].sum())
        columns |= {"revenue": revenue, "revenue_share": revenue / total if total else np.zeros(len(revenue))}
    for column in numeric:
        mean, overall = groups[column].mean().to_numpy(), float(features[column].mean())
        columns[f"{column}_mean"] = mean
        columns[f"{column}_median"] = groups[column].median().to_numpy()
        ratio = overall > 0 and float(features[column].min()) >= 0
        columns[f"{column}_index"] = 100 * mean / overall if ratio else np.full(len(mean), np.nan)
    return pd.DataFrame(columns)


def overall_profile(features: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Mean and median of every numeric feature over all customers: what segments are compared with."""
    return {
        column: {"mean": float(features[column].mean()), "median": float(features[column].median())}
        for column in numeric_columns(features)
    }


def make_up(features: pd.DataFrame, labels: NDArray[np.int32], names: Sequence[str]) -> pd.DataFrame:
    """Make-up of each segment by the categories that were not clustered on.

    Parameters
    ----------
    features : DataFrame of shape (n_customers, ...)
        Category descriptors are its text columns, apart from ``customer_id``.
    labels : ndarray of shape (n_customers,)
        Cluster of each customer.
    names : sequence of str
        Name of each cluster's segment.

    Returns
    -------
    DataFrame
        One row per cluster, descriptor and value (by the numbers in them, then by name): ``customers``, their ``share`` of the segment's customers for whom the
        descriptor is known, ``overall_share``, and ``known`` (how many those customers are); unknown is a row of its own,
        counted but without shares.
    """
    rows = []
    for descriptor in [c for c in features.columns if c != "customer_id" and c not in numeric_columns(features)]:
        values = features[descriptor]
        overall = values.value_counts(normalize=True)
        for cluster in range(len(names)):
            own = values[labels == cluster]
            counts = own.value_counts()
            known = int(counts.sum())
            for value in sorted(overall.index, key=_level):
                count = int(counts.get(value, 0))
                rows.append(
                    (
                        cluster,
                        names[cluster],
                        descriptor,
                        str(value),
                        count,
                        count / known if known else np.nan,
                        float(overall[value]),
                        known,
                    )
                )
            if unknown := int(own.isna().sum()):
                rows.append((cluster, names[cluster], descriptor, "unknown", unknown, np.nan, np.nan, known))
    return pd.DataFrame(
        rows, columns=["cluster", "segment", "descriptor", "value", "customers", "share", "overall_share", "known"]
    )


def segment_names(
    features: pd.DataFrame,
    labels: NDArray[np.int32],
    columns: Sequence[str],
    config: ProfilesConfig,
    said: Labels = NONE,
) -> list[str]:
    """Plain-language name of each cluster, from what sets it apart: deterministic, unique, at most five words.

    Each clustered feature is ranked over all customers; a segment whose mean rank is high or low earns that feature's word, and one with
    more customers of a level than others earns that level's.
    The most distinctive words come first; two segments with the same words, in whichever order, get one more each until they differ or the name
    is full. Whom no word tells apart a degree may: of those, the one that has clearly most of a trait is said to have it especially; who is left is numbered.

    Parameters
    ----------
    features : DataFrame of shape (n_customers, ...)
        The feature table.
    labels : ndarray of shape (n_customers,)
        Cluster of each customer.
    columns : sequence of str
        The clustered features.
    config : ProfilesConfig
        Limits and words.
    said : mapping of str to Label, optional
        What the source calls its columns: the word of a feature that has none in `config`.

    Returns
    -------
    list of str
        One name per cluster.

    Examples
    --------
    >>> from segments.config.profiles import Trait
    >>> table = pd.DataFrame({"visits": [1.0, 2.0, 8.0, 9.0]})
    >>> words = ProfilesConfig(traits={"visits": Trait("frequent", "rare")})
    >>> segment_names(table, np.array([1, 1, 0, 0], dtype=np.int32), ["visits"], words)
    ['frequent customers', 'rare customers']
    >>> table = pd.DataFrame({"contract": ["One year", "One year", "Monthly", "Monthly"]})
    >>> segment_names(table, np.array([1, 1, 0, 0], dtype=np.int32), ["contract"], words)
    ['Monthly customers', 'One-year customers']
    """
    numbers = as_numbers(features, columns)
    columns = list(numbers)
    means = mean_ranks(numbers, labels, columns)
    ordered = [
        [(c, float(means.loc[cluster, c])) for c in sorted(columns, key=lambda c: -abs(means.loc[cluster, c] - 0.5))]
        for cluster in means.index
    ]
    earned = [{c: word for c, rank in traits if (word := _word(c, rank, config, said))} for traits in ordered]
    spare = [
        {c: word for c, rank in traits if not _word(c, rank, config, said) and (word := _lean(c, rank, config, said))}
        for traits in ordered
    ]
    room = MOST_WORDS - len(config.noun.split())
    at_first = min(config.max_traits, room)
    short = [_first(own, at_first) for own in earned]
    clashing, chosen = _alike(short), short
    for count in range(at_first, room + 1):
        longer = [_first(own | more, count) for own, more in zip(earned, spare, strict=True)]
        chosen = [longer[i] if i in clashing else own for i, own in enumerate(short)]
        if not _alike(chosen):
            return [_phrase(list(own.values()), config) for own in chosen]
    # No word tells these apart within a name's length, which has to hold one word more.
    still = _alike(chosen)
    chosen = [
        _first(short[i] or spare[i], min(at_first, room - 1)) if i in still else own for i, own in enumerate(chosen)
    ]
    words = [list(own.values()) for own in chosen]
    for group in _groups(chosen):
        if (most := _most(chosen[group[0]], means.iloc[group])) is not None:
            place, column = most
            own = words[group[place]]
            own[list(chosen[group[place]]).index(column)] = f"{config.emphasis} {chosen[group[place]][column]}"
    names = [_phrase(own, config) for own in words]
    # largest first
    return [f"{name} ({names[: i + 1].count(name)})" if names.count(name) > 1 else name for i, name in enumerate(names)]


def _first(words: dict[str, str], count: int) -> dict[str, str]:
    return dict(list(words.items())[:count])


def _groups(chosen: Sequence[dict[str, str]]) -> list[list[int]]:
    """Segments with the same words, in whichever order: the places of each group of two or more."""
    places: dict[frozenset[str], list[int]] = {}
    for i, own in enumerate(chosen):
        places.setdefault(frozenset(own.values()), []).append(i)
    return [group for group in places.values() if len(group) > 1]


def _alike(chosen: Sequence[dict[str, str]]) -> set[int]:
    return {i for group in _groups(chosen) for i in group}


def _most(columns: Iterable[str], ranks: pd.DataFrame) -> tuple[int, str] | None:
    """Which of some segments stands out from the others of them in a feature they share, and in which one; none where it is not clear."""
    best, found = CLEARLY, None
    for column in columns:
        apart = (ranks[column] - 0.5).abs().to_numpy()
        second, first = np.sort(apart)[-2:]
        if (lead := round(float(first - second), 9)) >= best and (found is None or lead > best):
            best, found = lead, (int(apart.argmax()), column)
    return found


def as_numbers(features: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """The columns as numbers: of a category, a 0/1 column for each level.

    Examples
    --------
    >>> as_numbers(pd.DataFrame({"age": [20.0, 30.0], "plan": ["a", "b"]}), ["age", "plan"]).to_dict("list")
    {'age': [20.0, 30.0], 'plan = a': [1.0, 0.0], 'plan = b': [0.0, 1.0]}
    """
    found: dict[str, Any] = {}
    for column in columns:
        values = features[column]
        if pd.api.types.is_numeric_dtype(values):
            found[column] = values
        else:
            for level in sorted(values.dropna().unique()):
                found[f"{column}{IS_LEVEL}{level}"] = (values == level).fillna(False).astype("float64")
    return pd.DataFrame(found, index=features.index)


def mean_ranks(features: pd.DataFrame, labels: NDArray[np.int32], columns: Sequence[str]) -> pd.DataFrame:
    """Where each segment stands among all customers, feature by feature.

    Parameters
    ----------
    features : DataFrame of shape (n_customers, ...)
        The feature table.
    labels : ndarray of shape (n_customers,)
        Cluster of each customer.
    columns : sequence of str
        Numeric features.

    Returns
    -------
    DataFrame of shape (k, n_columns)
        Mean rank of the segment's customers as a share, 0 to 1: 0.5 is like everybody.

    Examples
    --------
    >>> table = pd.DataFrame({"visits": [1.0, 2.0, 8.0, 9.0]})
    >>> mean_ranks(table, np.array([1, 1, 0, 0], dtype=np.int32), ["visits"])["visits"].tolist()
    [0.75, 0.25]
    """
    ranks = features[list(columns)].rank(pct=True, method="average") - 0.5 / len(features)
    return (
        ranks.groupby(labels).mean().fillna(0.5).round(9)
    )  # equal traits are equal, whatever order their ranks were summed in


def segment_traits(features: pd.DataFrame, labels: NDArray[np.int32], config: ProfilesConfig) -> list[dict[str, str]]:
    """What is high and what is low in each segment, over all numeric features: what playbooks ask for.

    Parameters
    ----------
    features : DataFrame of shape (n_customers, ...)
        The feature table.
    labels : ndarray of shape (n_customers,)
        Cluster of each customer.
    config : ProfilesConfig
        From which mean rank a trait is high or low.

    Returns
    -------
    list of dict of str to str
        Per cluster, feature -> ``"high"`` or ``"low"``; features in between are left out.

    Examples
    --------
    >>> table = pd.DataFrame({"visits": [1.0, 2.0, 8.0, 9.0]})
    >>> segment_traits(table, np.array([1, 1, 0, 0], dtype=np.int32), ProfilesConfig())
    [{'visits': 'high'}, {'visits': 'low'}]
    """
    means = mean_ranks(features, labels, numeric_columns(features))
    return [
        {
            str(column): "high" if rank >= config.high else "low"
            for column, rank in means.loc[cluster].items()
            if rank >= config.high or rank <= config.low
        }
        for cluster in means.index
    ]


def numeric_columns(features: pd.DataFrame) -> list[str]:
    """The numeric feature columns of a feature table."""
    return [
        column
        for column in features.columns
        if column != "customer_id" and pd.api.types.is_numeric_dtype(features[column])
    ]


def _level(value: str) -> tuple[float, str]:
    # "Under 15K", "15-24K", "100-124K": by the number a level begins with, where it has one
    number = re.search(r"\d+(?:\.\d+)?", value)
    below = re.match(r"\s*(under|below|less|up to|<)", value, re.IGNORECASE)
    return (float(number[0]) - (0.5 if below else 0.0) if number else np.inf, value)


def _word(column: str, rank: float, config: ProfilesConfig, said: Labels) -> str | None:
    return _lean(column, rank, config, said) if rank >= config.high or rank <= config.low else None


def _lean(column: str, rank: float, config: ProfilesConfig, said: Labels) -> str | None:
    """One word for a feature, however many its name has; none for a level that a segment has less than others."""
    name, _, level = column.partition(IS_LEVEL)
    trait, readable = config.traits.get(name), _hyphened(called(name, said))
    if level:
        if rank < 0.5:
            return None
        if level.casefold() in YES + NO:
            return readable if level.casefold() in YES else f"no-{readable}"
        return _hyphened(f"{readable} {level}" if level.isdigit() else level)
    if rank >= 0.5:
        return trait.high if trait else f"high-{readable}"
    return trait.low if trait else f"low-{readable}"


def _hyphened(words: str) -> str:
    return "-".join(words.split())


def _phrase(words: list[str], config: ProfilesConfig) -> str:
    return f"{', '.join(words)} {config.noun}" if words else f"average {config.noun}"
