"""Traits that cut across segments: a promotion goes to people, not to a cluster. Comes in: features, what a trait is. Goes out: who has it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segments.config.overlay import Overlay
from segments.errors import ConfigError
from segments.features.meanings import NONE, Labels, label


def holders(features: pd.DataFrame, overlay: Overlay) -> NDArray[np.bool_]:
    """Which customers have a trait.

    Parameters
    ----------
    features : DataFrame of shape (n_customers, ...)
        All customers: shares are of all of them.
    overlay : Overlay
        The trait; its features must be there.

    Returns
    -------
    ndarray of shape (n_customers,)
        False for who has no value.

    Examples
    --------
    >>> table = pd.DataFrame({"discount_share": [0.0, 0.1, 0.2, 0.3, 0.9]})
    >>> holders(table, Overlay("discount_share", "price-sensitive", top=0.4)).tolist()
    [False, False, False, True, True]
    >>> holders(table.assign(discount_share=0.1), Overlay("discount_share", "price-sensitive", top=0.4)).any()
    np.False_
    """
    values = features[overlay.feature].to_numpy("float64")
    if overlay.per is not None:
        of = features[overlay.per].to_numpy("float64")
        values = np.divide(values, of, out=np.full(len(values), np.nan), where=of > 0)
    known = values[np.isfinite(values)]
    if not len(known):
        return np.zeros(len(values), dtype=bool)
    if overlay.top is not None:
        return np.asarray(values > np.quantile(known, round(1 - overlay.top, 9), method="inverted_cdf"))
    if overlay.bottom is not None:
        return np.asarray(-values > np.quantile(-known, round(1 - overlay.bottom, 9), method="inverted_cdf"))
    if overlay.at_least is not None:
        return np.asarray(values >= overlay.at_least)
    return np.asarray(values <= overlay.at_most)


def lacking_columns(features: pd.DataFrame, overlay: Overlay) -> list[str]:
    """Features that a trait needs and the table has not."""
    needed = [overlay.feature, *([overlay.per] if overlay.per else [])]
    return [name for name in needed if name not in features or not pd.api.types.is_numeric_dtype(features[name])]


def overlay_table(
    features: pd.DataFrame, members: pd.DataFrame, overlays: Mapping[str, Overlay], labels: Labels = NONE
) -> tuple[pd.DataFrame, list[str]]:
    """How many customers of each segment have each trait.

    Parameters
    ----------
    features : DataFrame of shape (n_customers, ...)
        The feature table.
    members : DataFrame of shape (n_customers, ...)
        ``segment_id`` and ``segment`` of each, in the same order.
    overlays : mapping of str to Overlay
        The traits by name.
    labels : mapping of str to Label
        What the source calls its columns.

    Returns
    -------
    DataFrame
        One row per trait and segment: ``overlay, label, means, offer, segment_id, segment, customers, share`` (of the segment) and, where
        there is money, ``revenue`` of these customers.
    list of str
        Which traits the source cannot tell or nobody has, and why.
    """
    rows, notes = [], []
    places = members[["segment_id", "segment"]].drop_duplicates()
    order = places.sort_values("segment_id", key=lambda ids: ids.str[1:].astype("int64"))
    for name, overlay in overlays.items():
        if lacks := lacking_columns(features, overlay):
            notes.append(f"overlay {name} is left out: the source has no {' and no '.join(lacks)}")
            continue
        has = holders(features, overlay)
        if not has.any():
            notes.append(f"overlay {name} is left out: no customer has it ({trait_words(overlay, labels)})")
            continue
        for segment_id, segment in order.to_numpy():
            own = (members["segment_id"] == segment_id).to_numpy()
            row: dict[str, Any] = {
                "overlay": name,
                "label": overlay.label,
                "means": trait_words(overlay, labels),
                "offer": overlay.offer,
            }
            row |= {"segment_id": segment_id, "segment": segment, "customers": int((own & has).sum())}
            row |= {"share": float((own & has).sum() / own.sum())}
            if "monetary" in features:
                row["revenue"] = float(features.loc[own & has, "monetary"].sum())
            rows.append(row)
    columns = ["overlay", "label", "means", "offer", "segment_id", "segment", "customers", "share"]
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=columns), notes


def trait_words(overlay: Overlay, labels: Labels = NONE) -> str:
    """What a trait is, in words.

    Examples
    --------
    >>> trait_words(Overlay("visits", "frequent", top=0.2)), trait_words(Overlay("recency_days", "lapsing", per="gap_days_mean", at_least=3))
    ('visits: the highest 20 %', 'days since last purchase / days between purchases: at least 3')
    """
    said = label(overlay.feature, labels, unit=False)
    if overlay.per:
        said += f" / {label(overlay.per, labels, unit=False)}"
    if overlay.top is not None or overlay.bottom is not None:
        end = "highest" if overlay.top is not None else "lowest"
        return f"{said}: the {end} {(overlay.top or overlay.bottom or 0) * 100:g} %"
    bound = f"at least {overlay.at_least:g}" if overlay.at_least is not None else f"at most {overlay.at_most:g}"
    return f"{said}: {bound}"


def pick_overlay(
    table: pd.DataFrame, features: pd.DataFrame, overlays: Mapping[str, Overlay], wanted: str
) -> pd.DataFrame:
    """The rows of a target list whose customers have a trait, those treated with its offer.

    Parameters
    ----------
    table : DataFrame
        The list: ``customer_id``, ``group``, ``offer`` and ``action``.
    features : DataFrame
        All customers.
    overlays : mapping of str to Overlay
        The traits by name.
    wanted : str
        Name of one.

    Raises
    ------
    ConfigError
        If there is no such trait, the source cannot tell it, or no customer has it.
    """
    where = "section overlay of conf/"
    if wanted not in overlays:
        close = difflib.get_close_matches(wanted, [*overlays], n=1)
        fix = (f"did you mean '{close[0]}'? " if close else "") + f"there are: {', '.join(overlays) or 'none'}"
        raise ConfigError(f"there is no overlay '{wanted}'", where=where, fix=fix)
    overlay = overlays[wanted]
    if lacks := lacking_columns(features, overlay):
        what = f"the overlay '{wanted}' needs {' and '.join(lacks)}, which the source has not"
        raise ConfigError(what, where=where, fix="say it by another feature")
    has = set(features.loc[holders(features, overlay), "customer_id"])
    rows = table[table["customer_id"].isin(has)]
    if rows.empty:
        raise ConfigError(
            f"no customer of the list is '{wanted}'", where=where, fix="loosen its bound, or leave the segment out"
        )
    if overlay.offer:
        treated = rows["offer"].notna()
        instruction = f"{overlay.label}: {overlay.offer}"
        rows = rows.assign(
            offer=rows["offer"].mask(treated, overlay.offer), action=rows["action"].mask(treated, instruction)
        )
    return rows
