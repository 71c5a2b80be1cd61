"""The fit of record: centres that were found on a sample, polished over all customers, wherever they lie.

Comes in: passes over the rows of everybody, which are sums. Goes out: centres, sizes and scores of everybody.

The sums are whole numbers of fixed-point parts, so they are the same in any order: on one machine or on many, however the rows are parted, the
centres come out equal to the last bit. The space is the candidate's: its transforms and its scaler stay as they were learnt on the sample.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from segments.clustering.space import Space, nearest, place
from segments.config.sweep import Algorithm, ScoringConfig
from segments.errors import SweepError
from segments.model.answers import faults, read_levels, read_numbers
from segments.model.sampled import few_in_sample, shares_far_off, silhouette_of_everybody

Floats = NDArray[np.float64]
_PARTS = 44  # bits behind the point: some 6e-14 of the largest centre
_HALF = 31  # bits of the lower half of what stands before it
_ROWS = 1 << 16  # summed at a time: so many parts stay below 2**63


@dataclass(frozen=True)
class Sums:
    """What a pass over some rows brings: whole numbers of parts, so sums of sums are the same in any order.

    Parameters
    ----------
    sizes : list of int
        Rows nearest to each centre.
    places : list of list of int
        Sum of their coordinates, shape (k, n_axes).
    squares, distances : list of int
        Sum of their squared distances to the point that stands for their cluster, and of the distances.
    without : dict of str to int
        Rows that the space has no place for, by reason.
    """

    sizes: list[int]
    places: list[list[int]]
    squares: list[int]
    distances: list[int]
    without: dict[str, int] = field(default_factory=dict)

    def __add__(self, other: Sums) -> Sums:
        def each(one: Sequence[int], another: Sequence[int]) -> list[int]:
            return [a + b for a, b in zip(one, another, strict=True)]

        return Sums(
            each(self.sizes, other.sizes),
            [each(a, b) for a, b in zip(self.places, other.places, strict=True)],
            each(self.squares, other.squares),
            each(self.distances, other.distances),
            dict(Counter(self.without) + Counter(other.without)),
        )

    def to_json(self) -> str:
        """As text, whole numbers of any length."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Sums:
        """What :meth:`to_json` wrote."""
        return Sums(**json.loads(text))


@dataclass(frozen=True)
class Pass:
    """What a pass asks of every row.

    Parameters
    ----------
    space : Space
        From feature rows to the clustered space.
    centres : ndarray of shape (k, n_axes)
        A row belongs to the nearest.
    around : ndarray of shape (k, n_axes)
        Points that distances are measured to: the centres, or the means of their rows.
    """

    space: Space
    centres: Floats
    around: Floats

    @property
    def unit(self) -> float:
        """The power of two that coordinates are counted in: what is as large as the largest centre."""
        return math.ldexp(1.0, math.frexp(float(np.abs(self.centres).max()))[1])

    def over(self, batches: Iterable[pa.RecordBatch]) -> Sums:
        """The sums over batches whose columns are those of the space, in its order."""
        found = self.over_points(np.empty((0, self.centres.shape[1])))
        for batch in batches:
            points, without = place_batch(self.space, batch)
            found += self.over_points(points) + Sums(*self._nothing, without)
        return found

    @property
    def _nothing(self) -> tuple[list[int], list[list[int]], list[int], list[int]]:
        k, axes = self.centres.shape
        return [0] * k, [[0] * axes for _ in range(k)], [0] * k, [0] * k

    def over_points(self, points: Floats) -> Sums:
        """The sums over points of the space.

        Parameters
        ----------
        points : ndarray of shape (n, n_axes)
            Finite.

        Examples
        --------
        >>> centres = np.array([[0.0], [8.0]])
        >>> sums = Pass(Space(["x"], ["identity"], [1.0], "none", {}), centres, centres).over_points(np.array([[1.0], [9.0], [10.0]]))
        >>> sums.sizes, [square / 2**44 * 16.0**2 for square in sums.squares]
        ([1, 2], [1.0, 5.0])
        """
        found = Sums(*self._nothing)
        for at in range(0, len(points), _ROWS):
            some = points[at : at + _ROWS]
            labels, _ = nearest(some, self.centres)
            squared = np.zeros(len(some))
            for column, middle in zip(some.T, self.around.T, strict=True):
                squared += (column - middle[labels]) ** 2
            unit = self.unit
            parts = _in_parts(np.column_stack([some / unit, squared / unit**2, np.sqrt(squared) / unit]))
            sums = [[int(sum(whole)) for whole in _summed(parts, labels == c)] for c in range(len(self.centres))]
            sizes = np.bincount(labels, minlength=len(self.centres)).tolist()
            found += Sums(sizes, [row[:-2] for row in sums], [row[-2] for row in sums], [row[-1] for row in sums])
        return found

    def means(self, sums: Sums) -> Floats:
        """Mean of each centre's rows, rounded once; a centre without rows stays where it is."""
        means = self.centres.copy()
        for c, size in enumerate(sums.sizes):
            if size:
                means[c] = [place / (size << _PARTS) * self.unit for place in sums.places[c]]
        return means

    def spread(self, sums: Sums) -> float:
        """Mean variance of the axes, over all rows."""
        rows = sum(sums.sizes)
        means = self.means(sums)
        sizes = np.array(sums.sizes, dtype=np.float64)[:, None]
        middle = (sizes * means).sum(axis=0) / rows
        within = sum(sums.squares) / (1 << _PARTS) * self.unit**2 - float((sizes * (means - self.around) ** 2).sum())
        return (within + float((sizes * (means - middle) ** 2).sum())) / rows / len(middle)


@dataclass(frozen=True)
class FitOfRecord:
    """The chosen candidate over everybody on the engine.

    Parameters
    ----------
    candidate_id : str
        Whose centres were polished.
    customers, of_sample : int
        Customers on the engine that the centres are of, and those of them in the sample.
    without : dict of str to int
        Customers that the space has no place for, by reason: they are in none of these figures.
    passes : int
        Over all of them.
    centres : list of list of float
        In the clustered space; cluster for cluster those of the candidate, so the largest need not come first.
    sizes : list of int
        Customers of each cluster.
    wcss, davies_bouldin, calinski_harabasz : float
        Of everybody, each cluster around the mean of its customers.
    moved : int
        Customers of the sample whose cluster is another one than the candidate's.
    sample_sizes : list of int
        Customers of the sample in each cluster.
    far_off : list of int
        Clusters whose share in the sample is more than four standard errors from that of everybody.
    few : list of int
        Clusters of which fewer than 30 customers are in the sample, though there are more.
    silhouette : tuple of float or None
        Mean silhouette of the sample in these clusters, and the ends of the 95 % interval in which that of everybody lies; ``None`` where the sample lies in
        one cluster.
    """

    candidate_id: str
    customers: int
    of_sample: int
    without: dict[str, int]
    passes: int
    centres: list[list[float]]
    sizes: list[int]
    wcss: float
    davies_bouldin: float
    calinski_harabasz: float
    moved: int
    sample_sizes: list[int]
    far_off: list[int]
    few: list[int]
    silhouette: tuple[float, float, float] | None = None


def place_batch(space: Space, batch: pa.RecordBatch) -> tuple[Floats, dict[str, int]]:
    """Feature rows in the clustered space, and how many have no place there, by reason.

    Examples
    --------
    >>> place_batch(Space(["x"], ["log1p"], [2.0], "none", {}), pa.record_batch({"x": [0.0, None, -3.0]}))
    (array([[0.]]), {'x is missing': 1, 'x is below what its transform log1p takes': 1})
    """
    values = np.empty((len(batch), len(space.columns)))
    unreadable = np.zeros(values.shape, dtype=bool)
    for j, name in enumerate(space.columns):
        levels, cells = space.levels(name), batch.column(j)
        read = (
            read_numbers(cells, name, frozenset(), ".") if levels is None else read_levels(cells, levels, frozenset())
        )
        values[:, j], unreadable[:, j] = read
    alive, without = np.ones(len(batch), dtype=bool), Counter[str]()
    for kind, rows, _ in faults(values, unreadable, space):
        without[kind] += int((alive & rows).sum())
        alive &= ~rows
    if not alive.any():
        return np.empty((0, len(space.axes))), dict(+without)
    with np.errstate(all="ignore"):
        points = place(space, values[alive])
    fine = (np.abs(points) < 2.0**500).all(axis=1)  # beyond, squares overflow
    without["too large to be scaled"] += int((~fine).sum())
    return points[fine], dict(+without)


def polish(
    space: Space, centres: Floats, ask: Callable[[Pass], Sums], algorithm: Algorithm
) -> tuple[Floats, Sums, Floats, int]:
    """Lloyd's algorithm over all rows: it ends as the last fit of a candidate does, when the centres move by no more than its tolerance.

    Parameters
    ----------
    space : Space
        Of the candidate.
    centres : ndarray of shape (k, n_axes)
        Where to begin.
    ask : callable
        Answers a pass with its sums over all rows.
    algorithm : Algorithm
        ``tol``, a share of the mean variance of the axes, and ``max_iter``.

    Returns
    -------
    centres : ndarray of shape (k, n_axes)
        Each the mean of its rows, but for the tolerance.
    sums : Sums
        Over all rows, around the means of those who are nearest to these centres.
    means : ndarray of shape (k, n_axes)
        These.
    passes : int
        Made in all.

    Raises
    ------
    SweepError
        If no row has a place in the space.

    Examples
    --------
    >>> space, rows = Space(["x"], ["identity"], [1.0], "none", {}), np.array([[0.0], [1.0], [10.0], [11.0]])
    >>> centres, sums, _, passes = polish(space, np.array([[0.0], [1.0]]), lambda one: one.over_points(rows), Algorithm())
    >>> centres.ravel().tolist(), sums.sizes, passes
    ([0.5, 10.5], [2, 2], 3)
    """
    passes = 0
    while True:
        one = Pass(space, centres, centres)
        sums = ask(one)
        passes += 1
        if not sum(sums.sizes):
            raise SweepError(
                "no customer on the engine has a place in the space of the candidate",
                fix="; ".join(f"{count} {why}" for why, count in sums.without.items()) or "its table is empty",
            )
        means = one.means(sums)
        shift = float(((means - centres) ** 2).sum())
        if shift <= algorithm.tol * one.spread(sums) or passes >= algorithm.max_iter:
            break
        centres = means
    if shift:
        sums = ask(Pass(space, centres, means))
        passes += 1
    return centres, sums, means, passes


def scores_of_everybody(one: Pass, sums: Sums) -> dict[str, float]:
    """Scores of everybody from the sums around the means of the clusters, as :func:`segments.clustering.scores.cluster_scores_many` of points.

    Returns
    -------
    dict of str to float
        ``wcss``, ``davies_bouldin``, ``calinski_harabasz``, to ten significant digits.
    """
    lived = [c for c, size in enumerate(sums.sizes) if size]
    rows, k = sum(sums.sizes), len(lived)
    sizes = np.array(sums.sizes, dtype=np.float64)[lived, None]
    means = one.around[lived]
    wcss = sum(sums.squares) / (1 << _PARTS) * one.unit**2
    between = float((sizes * (means - (sizes * means).sum(axis=0) / rows) ** 2).sum())
    spreads = np.array([sums.distances[c] / (sums.sizes[c] << _PARTS) * one.unit for c in lived])
    apart = np.sqrt(((means[:, None] - means) ** 2).sum(axis=2))
    davies_bouldin = 0.0
    if spreads.any() and apart.any():
        apart[apart == 0] = np.inf
        davies_bouldin = float(((spreads[:, None] + spreads) / apart).max(axis=1).mean())
    calinski_harabasz = between * (rows - k) / (wcss * (k - 1)) if wcss > 0 and k > 1 else 1.0
    found = {"wcss": wcss, "davies_bouldin": davies_bouldin, "calinski_harabasz": calinski_harabasz}
    return {name: float(f"{value:.10g}") for name, value in found.items()}


def fit_of_record(
    candidate_id: str,
    space: Space,
    centres: Floats,
    points: Floats,
    ask: Callable[[Pass], Sums],
    algorithm: Algorithm,
    scoring: ScoringConfig,
    seed: int,
) -> FitOfRecord:
    """Polish a candidate over everybody, and say how the sample lies among them.

    Parameters
    ----------
    candidate_id : str
        Whose centres these are.
    space : Space
        Its space.
    centres : ndarray of shape (k, n_axes)
        Found on the sample.
    points : ndarray of shape (n_sample, n_axes)
        The sample, in the space.
    ask : callable
        Answers a pass with its sums over everybody.
    algorithm : Algorithm
        As the candidate's.
    scoring, seed : ScoringConfig, int
        Of the sample's silhouette, as the candidate's.

    Raises
    ------
    SweepError
        As :func:`polish`.
    """
    polished, sums, means, passes = polish(space, centres, ask, algorithm)
    labels = nearest(points, polished)[0]
    sample_sizes = np.bincount(labels, minlength=len(polished)).tolist()
    return FitOfRecord(
        candidate_id,
        sum(sums.sizes),
        len(points),
        sums.without,
        passes,
        polished.tolist(),
        sums.sizes,
        **scores_of_everybody(Pass(space, polished, means), sums),
        moved=int((labels != nearest(points, centres)[0]).sum()),
        sample_sizes=sample_sizes,
        far_off=shares_far_off(sums.sizes, sample_sizes),
        few=few_in_sample(sums.sizes, sample_sizes),
        silhouette=silhouette_of_everybody(points, labels, sum(sums.sizes), scoring, seed),
    )


def _in_parts(values: Floats) -> list[NDArray[np.int64]]:
    """Numbers as whole numbers of parts in three pieces, the highest first: none of their sums over :data:`_ROWS` rows overflows."""
    if not (np.abs(values) < 2.0**62).all():
        raise SweepError(
            "a customer on the engine lies farther out than sums can hold",
            fix="cap the features that have such extremes (clip or winsorise, in the feature set)",
        )
    before = np.floor(values)
    whole = before.astype(np.int64)
    return [
        whole >> _HALF,
        whole & ((1 << _HALF) - 1),
        np.rint((values - before) * (1 << _PARTS)).astype(np.int64),
    ]


def _summed(parts: Sequence[NDArray[np.int64]], rows: NDArray[np.bool_]) -> list[tuple[int, ...]]:
    """Sums of some rows, column by column."""
    weights = (_HALF + _PARTS, _PARTS, 0)
    sums = [[int(total) << bits for total in part[rows].sum(axis=0)] for part, bits in zip(parts, weights, strict=True)]
    return list(zip(*sums, strict=True))
