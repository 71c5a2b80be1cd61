"""Pictures of candidates for a notebook. Comes in: a table of scores, a candidate's arrays. Goes out: Figures that show themselves, not shown, not saved.

They are drawn by what draws a sweep's own (:mod:`segments.io.plots.sweep`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from segments.clustering.space import Space
from segments.errors import ConfigError
from segments.evidence.selection import elbow, name_of
from segments.io.plots.style import png
from segments.io.plots.sweep import Silhouettes, draw_clusters, draw_elbow
from segments.model.segmentation import Segment


def with_cell(table: pd.DataFrame) -> pd.DataFrame:
    """A table of candidates with the name of each one's cell in front.

    Examples
    --------
    >>> with_cell(pd.DataFrame({"feature_set": ["rfm"], "scaler": ["power"]}))["cell"].tolist()
    ['rfm · power']
    """
    named = table["feature_set"] + " · " + table["scaler"]
    return table.assign(cell=named)[["cell", *table.columns]]


def one_candidate(table: pd.DataFrame, preferred: str | None, k: int | None, cell: str | None) -> pd.Series[Any]:
    """The candidate that is meant: the preferred one, or that of a k and a cell; both are the preferred one's where nothing is said.

    Raises
    ------
    ConfigError
        If there is none; says which there are.
    """
    table = with_cell(table)
    best = table.set_index("candidate_id", drop=False).loc[preferred or table["candidate_id"].iloc[0]]
    cell = cell or str(best["cell"])
    own = table[table["cell"] == cell]
    if own.empty:
        raise ConfigError(
            f"there is no '{cell}'", where="cell", fix=f"name one of: {', '.join(table['cell'].unique())}"
        )
    wanted = own[own["k"] == (int(best["k"]) if k is None else k)]
    if wanted.empty:
        raise ConfigError(f"{cell} has no k={k}", where="k", fix=f"name one of: {', '.join(map(str, own['k']))}")
    return wanted.iloc[0]


def elbow_of(table: pd.DataFrame, preferred: str | None, cell: str | None) -> Figure:
    """WCSS and silhouette of one cell over k, with the elbow."""
    cell = str(one_candidate(table, preferred, None, cell)["cell"]) if cell is None else cell
    scores = with_cell(table)
    if (own := scores[scores["cell"] == cell].sort_values("k")).empty:
        one_candidate(table, preferred, None, cell)
    return shown(draw_elbow(own, elbow(own["k"].tolist(), own["wcss"].tolist()), cell))


def silhouettes_of(
    row: pd.Series[Any],
    values: NDArray[np.float64],
    labels: NDArray[np.integer[Any]],
    segments: Sequence[Segment] = (),
) -> Figure:
    """Silhouette of each customer that was measured, cluster by cluster, or segment by segment."""
    return shown(Silhouettes().draw(values, labels, name_of(row), segments))


def clusters_of(
    row: pd.Series[Any],
    features: pd.DataFrame,
    space: Space,
    labels: NDArray[np.integer[Any]],
    segments: Sequence[Segment] = (),
) -> Figure:
    """Customers in a plane, coloured by cluster, or by segment."""
    return shown(draw_clusters(features, space, labels, name_of(row), segments))


def shown(figure: Figure) -> Figure:
    """The Figure, which a notebook shows by itself: it asks for a PNG, and matplotlib alone has none before pyplot is imported."""
    setattr(figure, "_repr_png_", partial(png, figure))  # noqa: B010 - no attribute of matplotlib's
    return figure
