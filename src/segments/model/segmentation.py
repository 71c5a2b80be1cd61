"""The deployable segmentation: a raw feature row in, its segment out. Plain numbers only.

Comes in: feature rows with the columns the champion was fitted on. Goes out: cluster, segment, distance to its centre, margin to the next,
and how far the answer can be believed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segments.clustering.space import Space, nearest, place, read_columns
from segments.config.identity import ConfidenceConfig
from segments.errors import DataError
from segments.model.one_row import OneRow, one_row

MODEL_FORMAT = 2
# Who named a segment when no person did.
RULES = "rules"


@dataclass(frozen=True)
class Segment:
    """A named group of customers that keeps its identity through versions.

    Parameters
    ----------
    segment_id : str
        ``S1``, ``S2``, ...; never given to another group.
    name : str
        What people call it; unique within a version.
    colour : int
        Number of its colour in the palette; unique within a version.
    named_by : str
        ``rules``, or the person who renamed it.
    """

    segment_id: str
    name: str
    colour: int
    named_by: str = RULES

    @property
    def number(self) -> int:
        """The number in its id.

        Examples
        --------
        >>> Segment("S12", "rare customers", 0).number
        12
        """
        return int(self.segment_id[1:])

    @property
    def title(self) -> str:
        """Its id and its name, as they stand over pages and beside bars.

        Examples
        --------
        >>> Segment("S12", "rare customers", 0).title
        'S12 · rare customers'
        """
        return segment_title(self.segment_id, self.name)


def segment_title(segment_id: str, name: str) -> str:
    """Id and name of a segment in one; what has no number, such as the row of all customers, has its name alone.

    Examples
    --------
    >>> segment_title("S12", "rare customers"), segment_title("all", "all customers")
    ('S12 · rare customers', 'all customers')
    """
    return f"{segment_id} · {name}" if segment_id.startswith("S") else name


def number_segments(names: Sequence[str]) -> list[Segment]:
    """Segments of a first version: ids and colours in cluster order.

    Parameters
    ----------
    names : sequence of str
        Name of each cluster's segment.

    Returns
    -------
    list of Segment
        One per cluster.

    Examples
    --------
    >>> number_segments(["frequent customers", "rare customers"])[1]
    Segment(segment_id='S2', name='rare customers', colour=1, named_by='rules')
    """
    return [Segment(f"S{cluster + 1}", name, cluster) for cluster, name in enumerate(names)]


@dataclass(frozen=True)
class Limits:
    """How far a segmentation can be believed: learnt from the customers it was fitted on.

    Parameters
    ----------
    reach : ndarray of shape (k,)
        Distance to its centre, in the clustered space, that nearly all training customers of a cluster keep.
    low, high : ndarray of shape (n_columns,)
        Lowest and highest raw value of each feature among the training customers, of a category the number of a level.
    boundary : float
        Confidence below which a customer is on the border of two segments.
    agreement : list of (ndarray, ndarray), optional
        Per cluster, confidences in ascending order and the share of resamples that put training customers of that confidence into
        the same cluster; ``None`` when the candidate was never resampled.
    """

    reach: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    boundary: float
    agreement: list[tuple[NDArray[np.float64], NDArray[np.float64]]] | None = None


def fit_limits(
    space: Space,
    centres: NDArray[np.float64],
    features: pd.DataFrame,
    config: ConfidenceConfig,
    agreement: NDArray[np.float64] | None = None,
) -> Limits:
    """Learn from the training customers what is within reach, and how often resamples agree at which confidence.

    Parameters
    ----------
    space : Space
        From raw feature rows to the clustered space.
    centres : ndarray of shape (k, n_columns)
        Cluster centres in that space.
    features : DataFrame of shape (n_customers, ...)
        The customers the centres were fitted on, in original units.
    config : ConfidenceConfig
        Which share of a cluster is within its reach, and where the border begins.
    agreement : ndarray of shape (n_customers,), optional
        Share of resamples that agree with each customer's cluster.

    Returns
    -------
    Limits
        A cluster without training customers reaches nowhere (0), and nobody agrees on it (0).

    Raises
    ------
    SweepError
        If a column is missing.

    Examples
    --------
    >>> space = Space(["x"], ["identity"], [1.0], "none", {})
    >>> table = pd.DataFrame({"x": [0.0, 1.0, 9.0, 12.0]})
    >>> limits = fit_limits(space, np.array([[0.0], [10.0]]), table, ConfidenceConfig(reach=1.0))
    >>> limits.reach.tolist(), limits.low.tolist(), limits.high.tolist()
    ([1.0, 2.0], [0.0], [12.0])
    """
    raw = read_columns(space, features)
    labels, distances = nearest(place(space, raw), centres)
    own = distances.min(axis=1)
    reach = [
        float(np.quantile(own[labels == c], config.reach)) if (labels == c).any() else 0.0 for c in range(len(centres))
    ]
    curves = None
    if agreement is not None:
        confidence, each = _two_nearest(distances)[2], range(len(centres))
        curves = [_agreement_curve(confidence[labels == c], agreement[labels == c]) for c in each]
    return Limits(np.array(reach), np.nanmin(raw, axis=0), np.nanmax(raw, axis=0), config.boundary, curves)


def _agreement_curve(
    confidence: NDArray[np.float64], agreement: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Agreement as it rises with confidence: the nearest curve that never falls."""
    if not len(confidence):
        return np.zeros(1), np.zeros(1)
    from sklearn.isotonic import IsotonicRegression

    curve = IsotonicRegression().fit(confidence, agreement)
    return curve.X_thresholds_, curve.y_thresholds_


def _two_nearest(
    distances: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Distances of rows to the nearest centre and to the next, and the confidence that follows: see :meth:`Segmentation.predict`."""
    n, k = distances.shape
    first, second = np.partition(distances, 1, axis=1)[:, :2].T if k > 1 else (distances[:, 0], np.full(n, np.inf))
    # Rows that sit on two centres at once (which a fit never makes) belong to neither.
    return first, second, 1 - np.divide(first, second, out=np.ones(n), where=second > 0)


def _as_numbers(column: pd.Series) -> NDArray[np.float64]:
    """A column as numbers, whatever pandas keeps them in: whole, nullable, objects."""
    try:
        return np.asarray(pd.to_numeric(column).to_numpy(dtype=np.float64, na_value=np.nan))
    except (TypeError, ValueError):
        words = column[pd.to_numeric(column, errors="coerce").isna() & column.notna()]
        raise DataError(
            f"{column.name} is not a number in {len(words)} rows, such as {str(words.iloc[0])[:60]!r}",
            fix="give it as numbers",
        ) from None


@dataclass(frozen=True)
class Segmentation:
    """A fitted, named segmentation.

    Parameters
    ----------
    candidate_id : str
        The candidate it was made from.
    space : Space
        From raw feature rows to the clustered space.
    centres : ndarray of shape (k, n_columns)
        Cluster centres in that space.
    segments : list of Segment
        Segment of each cluster.
    limits : Limits
        How far its answers can be believed.

    Examples
    --------
    >>> space = Space(["x"], ["identity"], [1.0], "none", {})
    >>> limits = Limits(np.array([2.0, 2.0]), np.array([-2.0]), np.array([12.0]), boundary=0.1)
    >>> model = Segmentation("c0", space, np.array([[0.0], [10.0]]), number_segments(["low", "high"]), limits)
    >>> model.predict(pd.DataFrame({"x": [2.0]})).iloc[0].to_dict()  # doctest: +NORMALIZE_WHITESPACE
    {'cluster': 0, 'segment_id': 'S1', 'segment': 'low', 'distance': 2.0, 'margin': 6.0, 'confidence': 0.75,
     'boundary': False, 'out_of_range': False}
    """

    candidate_id: str
    space: Space
    centres: NDArray[np.float64]
    segments: list[Segment]
    limits: Limits

    def predict(self, features: pd.DataFrame) -> pd.DataFrame:
        """Segment of each feature row.

        Parameters
        ----------
        features : DataFrame of shape (n, ...)
            Raw feature rows, in original units, categories as text; needs the columns in ``space.columns``, others are ignored.

        Returns
        -------
        DataFrame of shape (n, 8 or 9)
            ``cluster`` (int), ``segment_id``, ``segment`` (name), ``distance`` to its own centre and ``margin``: how much
            farther the next centre is, both in the clustered space; ``confidence``: that margin as a share of the distance
            to the next centre, from 0 on the border of two segments to 1 at the centre of its own; ``boundary``: whether that is below
            the limit; ``out_of_range``: whether the row is farther from its centre than nearly all training customers, or
            a value lies outside the training range; and, where the candidate was resampled, ``agreement``: the share of resamples that
            put training customers of the same segment and confidence there.

        Raises
        ------
        DataError
            If a value is missing with nothing to stand in for it, infinite or no number; names the column and the first row.
        SweepError
            If a column is missing or outside a transform's domain, or a level is one the model has never seen.

        Notes
        -----
        The confidence of a row is its simplified silhouette (Hruschka, Campello & de Castro 2006), so that the mean over the
        training customers is the candidate's score of that name. It has no unit, needs no model of how clusters spread,
        and does not call a row certain merely because it is far from everything.
        """
        numbers = [name for name in self.space.columns if name in features and self.space.levels(name) is None]
        read = features.assign(**{name: _as_numbers(features[name]) for name in numbers})
        return self.answers(read_columns(self.space, read)).set_axis(features.index)

    def answers(self, values: NDArray[np.float64]) -> pd.DataFrame:
        """What :meth:`predict` says of rows that are numbers already, as :func:`segments.clustering.space.read_columns` reads them."""
        columns = self.columns(values)
        # taken from a short array of strings: a long one of Python objects costs a second per million rows
        names = {
            "segment_id": pd.array([segment.segment_id for segment in self.segments], dtype="str"),
            "segment": pd.array([segment.name for segment in self.segments], dtype="str"),
        }
        return pd.DataFrame({name: names[name].take(own) if name in names else own for name, own in columns.items()})

    @cached_property
    def of_one_row(self) -> OneRow | None:
        """The same for one row at a time, where there is a quicker way."""
        return one_row(self)

    def columns(self, values: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
        """As :meth:`answers`, as plain arrays; ``segment_id`` and ``segment`` are cluster numbers still."""
        X = place(self.space, values)
        bad = ~np.isfinite(X)
        if bad.any():
            row, axis = np.argwhere(bad)[0]
            raise DataError(
                f"{self.space.axes[axis].column} is missing or infinite in {int(bad.any(axis=1).sum())} rows, first in row {row}",
                fix="drop or mend these rows",
            )
        labels, distances = nearest(X, self.centres)
        first, second, confidence = _two_nearest(distances)
        outside = ((values < self.limits.low) | (values > self.limits.high)).any(axis=1)
        found: dict[str, NDArray[Any]] = {
            "cluster": labels,
            "segment_id": labels,
            "segment": labels,
            "distance": first,
            "margin": second - first,
            "confidence": confidence,
            "boundary": confidence < self.limits.boundary,
            "out_of_range": outside | (first > self.limits.reach[labels]),
        }
        if self.limits.agreement is not None:
            agreement = np.zeros(len(labels))
            for cluster, (at, share) in enumerate(self.limits.agreement):
                own = labels == cluster
                agreement[own] = np.interp(confidence[own], at, share)
            found["agreement"] = agreement
        return found

    def to_json(self) -> str:
        """The whole model as text; floats survive the round trip exactly."""
        plain = {
            "format": MODEL_FORMAT,
            "candidate_id": self.candidate_id,
            "space": self.space.to_plain(),
            "centres": self.centres.tolist(),
            "segments": [asdict(segment) for segment in self.segments],
            "reach": self.limits.reach.tolist(),
            "low": self.limits.low.tolist(),
            "high": self.limits.high.tolist(),
            "boundary": self.limits.boundary,
        }
        if self.limits.agreement is not None:
            plain["agreement"] = [[at.tolist(), share.tolist()] for at, share in self.limits.agreement]
        return json.dumps(plain, indent=1, ensure_ascii=False)

    @staticmethod
    def from_json(text: str) -> Segmentation:
        """The model that :meth:`to_json` wrote.

        Raises
        ------
        DataError
            If the text is not such a model.
        """
        try:
            plain: Mapping[str, Any] = json.loads(text)
            if plain["format"] != MODEL_FORMAT:
                raise DataError(
                    f"the model has format {plain['format']}, this version reads {MODEL_FORMAT}",
                    fix="use the version of segments that registered it, or register it anew: `segments registry`",
                )
            curves = plain.get("agreement")
            agreement = curves and [(np.array(at, np.float64), np.array(share, np.float64)) for at, share in curves]
            low, high, reach = (np.array(plain[key], dtype=np.float64) for key in ("low", "high", "reach"))
            return Segmentation(
                plain["candidate_id"],
                Space.from_plain(plain["space"]),
                np.array(plain["centres"], dtype=np.float64),
                [Segment(**segment) for segment in plain["segments"]],
                Limits(reach, low, high, float(plain["boundary"]), agreement),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"not a segmentation model: {error!r}") from error
