"""Scores of recency, frequency and money -> the segments marketers know by name, beside the clustered ones.

Comes in: RFM scores per customer and the map of ``conf/``, which is proved when it is loaded to hold each of the 125 triples
of scores exactly once. Goes out: a name per customer, what the map is on these data, and a cross-table with the clusters.

Equal customers never part: a score counts the cut-points a value exceeds, so equal values have equal scores.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segments.config.features import RFM_SCORES
from segments.config.profiles import RfmMapConfig


def rfm_segments(features: pd.DataFrame, rfm_map: RfmMapConfig) -> NDArray[np.object_]:
    """RFM segment of each customer.

    Parameters
    ----------
    features : DataFrame of shape (n_customers, ...)
        Holds ``r_score``, ``f_score`` and ``m_score``, 1 to 5.
    rfm_map : RfmMapConfig
        Names of the score triples; not empty.

    Returns
    -------
    ndarray of shape (n_customers,)
        Names.

    Examples
    --------
    >>> from segments.config.profiles import RfmCells
    >>> halves = RfmMapConfig({"recent": [RfmCells(r=[4, 5])], "gone": [RfmCells(r=[1, 3])]})
    >>> rfm_segments(pd.DataFrame({"r_score": [5.0, 1.0], "f_score": 1.0, "m_score": 3.0}), halves).tolist()
    ['recent', 'gone']
    """
    name_of = np.empty((5, 5, 5), dtype=object)
    for name, blocks in rfm_map.segments.items():
        for r, f, m in (cell for block in blocks for cell in block.cells):
            name_of[r - 1, f - 1, m - 1] = name
    r, f, m = (features[score].to_numpy().astype(np.intp) - 1 for score in RFM_SCORES)
    named: NDArray[np.object_] = name_of[r, f, m]
    return named


def rfm_table(features: pd.DataFrame, rfm_map: RfmMapConfig) -> pd.DataFrame:
    """What each RFM segment is on these data, and whether anybody could be in it.

    A segment is reachable when one of its triples consists of scores that occur. Ties can take that away: where six in ten
    customers bought once, nobody has a frequency score of 2 or 3. That is a fact about the data and no fault in the map, and
    must not stop a pipeline whose answer does not depend on it; so it is said here and in the report, and not an error.

    Parameters
    ----------
    features : DataFrame of shape (n_customers, ...)
        RFM scores, ``recency_days``, ``frequency`` and ``monetary``.
    rfm_map : RfmMapConfig
        Names of the score triples.

    Returns
    -------
    DataFrame
        In the order of the map: ``rfm_segment, cells`` (of 125), ``reachable, customers, share, revenue_share``, the medians
        ``recency_days, frequency, monetary``, and ``note``.
    """
    occurring = [{int(score) for score in features[name].unique()} for name in RFM_SCORES]
    named = rfm_segments(features, rfm_map)
    total = float(features["monetary"].sum())
    rows = []
    for name, blocks in rfm_map.segments.items():
        cells = [cell for block in blocks for cell in block.cells]
        reachable = any(all(score in known for score, known in zip(cell, occurring, strict=True)) for cell in cells)
        own = features[named == name]
        note = "" if len(own) else "nobody is here" if reachable else f"cannot be reached: {_missing(occurring)}"
        row = {"rfm_segment": name, "cells": len(cells), "reachable": reachable, "customers": len(own)}
        row |= {
            "share": len(own) / len(features),
            "revenue_share": float(own["monetary"].sum()) / total if total else 0.0,
        }
        row |= {column: float(own[column].median()) for column in ("recency_days", "frequency", "monetary")}
        rows.append(row | {"note": note})
    return pd.DataFrame(rows)


def cross_table(
    rfm: NDArray[np.object_], labels: NDArray[np.int32], names: Sequence[str], order: Sequence[str]
) -> pd.DataFrame:
    """Customers of each RFM segment in each clustered segment.

    Parameters
    ----------
    rfm : ndarray of shape (n_customers,)
        RFM segment of each customer.
    labels : ndarray of shape (n_customers,)
        Cluster of each customer.
    names : sequence of str
        Name of each cluster's segment.
    order : sequence of str
        The RFM segments, in the order of the map.

    Returns
    -------
    DataFrame
        One row per pair: ``rfm_segment, cluster, segment, customers, share`` (of the RFM segment's customers; missing when it
        has none). Customers add up to everybody.

    Examples
    --------
    >>> table = cross_table(np.array(["lost", "lost"], dtype=object), np.array([0, 1], dtype=np.int32), ["a", "b"], ["lost"])
    >>> table[["segment", "customers", "share"]].to_numpy().tolist()
    [['a', 1, 0.5], ['b', 1, 0.5]]
    """
    rows = []
    for name in order:
        counts = np.bincount(labels[rfm == name], minlength=len(names))
        shares = counts / counts.sum() if counts.sum() else np.full(len(names), np.nan)
        rows += [(name, c, names[c], int(counts[c]), float(shares[c])) for c in range(len(names))]
    return pd.DataFrame(rows, columns=["rfm_segment", "cluster", "segment", "customers", "share"])


def _missing(occurring: Sequence[set[int]]) -> str:
    """The scores that ties leave out."""
    absent = {name: sorted(set(range(1, 6)) - known) for name, known in zip(RFM_SCORES, occurring, strict=True)}
    return ", ".join(f"nobody has {name} {' or '.join(map(str, gone))}" for name, gone in absent.items() if gone)
