"""What is learnt of each column of a feature set: levels, limits, what stands in for a missing value; and which columns cannot be used, and why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segments.config.sweep import Feature, FeatureSet
from segments.errors import SweepError

MOST_LEVELS = 50  # of a category: more are names or ids, and nobody's group


def as_levels(column: pd.Series[Any]) -> pd.Series[Any]:
    """Levels as text; whole numbers without a point, so that 1 and 1.0 are one level.

    Examples
    --------
    >>> as_levels(pd.Series([1.0, None])).tolist()
    ['1', <NA>]
    """
    if pd.api.types.is_float_dtype(column) and (column.dropna() % 1 == 0).all():
        column = column.astype("Int64")
    return column.astype("string")


def check_columns(features: pd.DataFrame, feature_set: FeatureSet) -> dict[str, str]:
    """Refuse a feature set that the feature table cannot serve; returns the columns that are left out, and what is said of each.

    Parameters
    ----------
    features : DataFrame of shape (n_customers, ...)
        The feature table.
    feature_set : FeatureSet
        The columns asked for.

    Raises
    ------
    SweepError
        Names the column, what is wrong with it, and what to do.

    Examples
    --------
    >>> from segments.config.sweep import Feature
    >>> table = pd.DataFrame({"x": [0.0, 2.0], "year": [2024.0, 2024.0]})
    >>> check_columns(table, FeatureSet("xy", {"x": Feature(), "year": Feature()}))
    {'year': "'year' is 2024 for every customer, so it tells nobody apart: feature set xy leaves it out"}
    """
    return usable_columns(features, feature_set)[2]


def usable_columns(
    features: pd.DataFrame, feature_set: FeatureSet
) -> tuple[FeatureSet, dict[str, dict[str, Any]], dict[str, str]]:
    """Keep the columns of a feature set that tell customers apart.

    Parameters
    ----------
    features : DataFrame of shape (n_customers, ...)
        The feature table.
    feature_set : FeatureSet
        The columns asked for.

    Returns
    -------
    FeatureSet
        Without columns that are the same for every customer.
    dict of str to dict
        What is learnt of a column that is more than a plain number: as ``inputs`` of :class:`segments.clustering.space.Space`.
    dict of str to str
        What is said of each column that is left out.

    Raises
    ------
    SweepError
        As :func:`check_columns`.
    """
    where = f"feature_set {feature_set.name}"
    unknown = [column for column in feature_set.columns if column not in features.columns or column == "customer_id"]
    if unknown:
        known = [column for column in features.columns if column != "customer_id"]
        raise SweepError(
            f"unknown feature {', '.join(unknown)}", where=where, fix=f"this source has: {', '.join(known)}"
        )
    kept, learnt, notes = {}, {}, {}
    for column, feature in feature_set.columns.items():
        try:
            said, values = _learn(features[column], feature)
        except SweepError as error:
            raise SweepError(f"'{column}' {error.what}", where=where, fix=error.fix) from None
        if len(values) > 1 and np.all(values == values[0]) and "indicator" not in said:
            value = said["levels"][int(values[0])] if "levels" in said else f"{values[0]:g}"
            notes[column] = f"'{column}' is {value} for every customer, so it tells nobody apart"
            continue
        kept[column] = feature
        if said:
            learnt[column] = said
    if not kept:
        raise SweepError(
            f"{next(iter(notes.values()))}{'; so it is with all its columns' if len(notes) > 1 else ''}",
            where=where,
            fix="name other columns in the feature set",
        )
    told = {column: f"{note}: feature set {feature_set.name} leaves it out" for column, note in notes.items()}
    return replace(feature_set, columns=kept), learnt, told


def _learn(column: pd.Series[Any], feature: Feature) -> tuple[dict[str, Any], NDArray[np.float64]]:
    """What a space keeps of a column besides its numbers, and the customers' values as they enter the transform."""
    said: dict[str, Any] = {}
    missing = int(column.isna().sum())
    if missing == len(column):
        raise SweepError("has no value for any customer", fix="take it out of the feature set")
    if missing and not feature.fills:
        raise SweepError(
            f"has no value for {missing} of {len(column)} customers",
            fix="write what stands in for it (missing: median, zero or a value, in the source or the feature set), take it out of the feature set, "
            "or name the feature set in sweep.feature_sets: `segments features` then leaves these customers out",
        )
    if pd.api.types.is_numeric_dtype(column) and not feature.levels:
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        if np.isinf(values).any():
            raise SweepError(f"is infinite for {int(np.isinf(values).sum())} customers", fix="mend the raw data")
        if feature.fills:
            said["fill"] = _stand_in(feature, values)
        if feature.winsorise is not None:
            said["limits"] = [rounded(float(end)) for end in np.nanquantile(values, feature.winsorise)]
        elif feature.clip is not None:
            said["limits"] = list(feature.clip)
    else:
        texts = as_levels(column)
        level = [str(feature.missing)] if feature.fills and feature.missing != "median" else []
        seen = sorted({*texts.dropna().unique(), *level})
        levels = feature.levels or seen
        if strange := [level for level in seen if level not in levels]:
            raise SweepError(
                f"holds '{strange[0]}', which its order does not name", fix=f"name all its levels: {', '.join(seen)}"
            )
        if len(levels) > MOST_LEVELS:
            raise SweepError(
                f"has {len(levels)} different texts, too many for a category (at most {MOST_LEVELS})",
                fix="take it out of the feature set, or merge its levels in the raw data",
            )
        said = {"levels": levels, "ordered": bool(feature.levels), "unit": 1.0}
        if feature.transform != "identity":
            raise SweepError(f"is a category, which {feature.transform} cannot transform", fix="remove the transform")
        values = pd.Index(levels).get_indexer(texts).astype(np.float64)
        values[texts.isna().to_numpy()] = np.nan
        if feature.fills:
            said["fill"] = float(
                np.nanquantile(values, 0.5, method="lower")
                if feature.missing == "median"
                else levels.index(str(feature.missing))
            )
    if feature.indicator and missing > 0:
        said["indicator"] = 1.0
    entering = np.where(np.isnan(values), said.get("fill", np.nan), values).clip(*said.get("limits", (None, None)))
    if "levels" not in said:
        _check_domain(entering, feature.transform)
    return said, entering


def _stand_in(feature: Feature, values: NDArray[np.float64]) -> float:
    if feature.missing == "median":
        return rounded(float(np.nanmedian(values)))
    if feature.missing == "zero":
        return 0.0
    try:
        return float(feature.missing or 0.0)
    except ValueError:
        raise SweepError(
            f"holds numbers, and '{feature.missing}' is none", fix="write missing: median, zero or a number"
        ) from None


def _check_domain(values: NDArray[np.float64], transform: str) -> None:
    lowest = {"log1p": -1.0, "sqrt": 0.0}.get(transform, -np.inf)
    if (values < lowest).any() or (transform == "log1p" and (values <= -1).any()):
        other = "signed_log1p takes numbers below zero" if transform == "log1p" else "use another one"
        raise SweepError(
            f"goes down to {values.min():g}, where {transform} is not defined",
            fix=f"use another transform for this column: {other}",
        )


def rounded(value: float) -> float:
    """To twelve significant digits: the last ones are the processor's."""
    return float(f"{value:.12g}")
