"""Is the segmentation in use still right for the customers it scores? Comes in: its training customers, then scored chunks. Goes out: figures with a light.

The training side is summed up once, when a model is registered (:func:`reference_of`): plain numbers, no customers. A batch is summed up chunk by
chunk (:class:`Tally`) in constant memory. A figure turns amber or red only when it is beyond its limit AND beyond what chance alone would
show in a batch of that size, so that two hundred customers drawn from the training data do not raise an alarm.
December differs from the year however sound a segmentation is: where a log reaches back, the reference is of the same day a year before.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from segments.clustering.silhouette import silhouette_estimate
from segments.clustering.space import place, read_columns
from segments.config.serving import LightLimits, MonitoringConfig
from segments.data.reading.ids import id_keys
from segments.errors import DataError
from segments.features.meanings import NONE, Labels, called
from segments.model.answers import Scored
from segments.model.segmentation import Segmentation

REFERENCE_FORMAT = 1
BINS = 10
FAR = 0.99  # of a segment's training customers are not as far from its centre as "far" begins
FEW = 30  # customers among whom a silhouette says nothing yet
SAMPLE = 10_000  # customers whose silhouettes among one another stand for the batch's
FIGURE_NAMES = {
    "psi.segments": "segment shares against training (PSI)",
    "far": "share of customers farther out than 99 % of training customers",
    "out_of_range": "share of customers outside the range of the training data",
    "silhouette": "silhouette of the batch",
    "moved": "share of known customers who are in another segment than before",
    "rejected": "share of rows that could not be scored",
}


@dataclass(frozen=True)
class Figure:
    """One figure of a batch.

    Parameters
    ----------
    name : str
        ``psi.segments``, ``psi.<feature>``, ``far``, ``out_of_range``, ``silhouette``, ``moved`` or ``rejected``.
    says : str
        What it is, for a person.
    value : float or None
        ``None`` when it cannot be computed (a silhouette of one segment, say).
    training : float or None
        The same figure of the training data.
    low, high : float or None
        Ends of its 95 % interval, where it has one.
    p_value : float or None
        Of the value, or one farther off, if nothing had changed; where it is tested.
    status : {"green", "amber", "red", "-"}
        The light; ``-`` without a value.
    """

    name: str
    says: str
    value: float | None
    training: float | None
    low: float | None
    high: float | None
    p_value: float | None
    status: str

    def to_plain(self) -> dict[str, Any]:
        """The figure as plain data, ready for JSON."""
        return asdict(self)


def reference_of(features: pd.DataFrame, segmentation: Segmentation) -> dict[str, Any]:
    """What later batches are compared with: the training customers, summed up.

    Parameters
    ----------
    features : DataFrame of shape (n_customers, ...)
        The feature table the segmentation was fitted on.
    segmentation : Segmentation
        The model.

    Returns
    -------
    dict
        Plain data: ``customers``; per column the ``edges`` of its deciles (equal ones once; of a category between its ``levels``) and the ``counts`` between them; customers and
        99th percentile of the distance per ``segments``; shares ``far`` and ``out_of_range``; ``silhouette`` of a sample.

    Examples
    --------
    >>> from segments.clustering.space import Space
    >>> from segments.model.segmentation import Limits, number_segments
    >>> space, limits = Space(["x"], ["identity"], [1.0], "none", {}), Limits(np.ones(2), np.zeros(1), np.ones(1), 0.1)
    >>> model = Segmentation("c0", space, np.array([[0.0], [10.0]]), number_segments(["low", "high"]), limits)
    >>> found = reference_of(pd.DataFrame({"x": [0.0, 1.0, 2.0, 9.0]}), model)
    >>> found["columns"]["x"]["counts"], found["segments"]["counts"]
    ([1, 0, 0, 1, 0, 0, 1, 0, 0, 1], [3, 1])
    """
    columns = segmentation.space.columns
    answers = segmentation.predict(features)
    values = read_columns(segmentation.space, features)
    clusters, distances = answers["cluster"].to_numpy(), answers["distance"].to_numpy()
    k = len(segmentation.centres)
    counts = np.bincount(clusters, minlength=k)
    limits = [float(np.quantile(distances[clusters == c], FAR)) if counts[c] else 0.0 for c in range(k)]
    bins = {}
    for j, name in enumerate(columns):
        levels = segmentation.space.levels(name)
        edges = (
            np.unique(np.nanquantile(values[:, j], np.arange(1, BINS) / BINS))
            if levels is None
            else np.arange(len(levels) - 1.0)
        )
        bins[name] = {"edges": edges.tolist(), "counts": _binned(values[:, j], edges).tolist()}
        if levels is not None:
            bins[name]["levels"] = levels
    sample = _Sample(len(columns))
    sample.add(values, clusters)
    mean, _ = sample.silhouette(segmentation)
    return {
        "format": REFERENCE_FORMAT,
        "candidate_id": segmentation.candidate_id,
        "customers": len(features),
        "columns": bins,
        "segments": {"counts": counts.tolist(), "limits": limits},
        "far": float((distances > np.array(limits)[clusters]).mean()),
        "out_of_range": float(answers["out_of_range"].mean()),
        "silhouette": mean,
    }


def medians(reference: Mapping[str, Any]) -> dict[str, float | str]:
    """Median of every column among the training customers; of a category the level that most of them have.

    It is one of the deciles a reference holds, but not the middle one of the list once equal deciles stand there only once: it is the one that half
    of the customers are at or below.

    Parameters
    ----------
    reference : mapping
        As :func:`reference_of` made it, of any version.

    Returns
    -------
    dict of str to float or str
        By column, in original units. Of fewer than six customers it may be another quantile between the same two of them.

    Examples
    --------
    >>> counted = {"edges": [0.0, 2.0, 6.0, 10.0, 30.0], "counts": [30, 10, 10, 25, 15, 10]}
    >>> medians({"columns": {"recency_days": counted}})
    {'recency_days': 6.0}
    """
    found: dict[str, float | str] = {}
    for name, bins in reference["columns"].items():
        if "levels" in bins:
            found[name] = bins["levels"][int(np.argmax(bins["counts"]))]
            continue
        below, total = np.cumsum(bins["counts"]), sum(bins["counts"])
        # Exactly half are below more than one decile where two values meet in the middle: the highest of these lies between the two.
        half = np.flatnonzero(2 * below[:-1] == total)
        found[name] = float(bins["edges"][half[-1] if len(half) else np.flatnonzero(2 * below > total)[0]])
    return found


class Tally:
    """A scored batch, summed up chunk by chunk. The same rows give the same sums, however they are cut into chunks.

    Parameters
    ----------
    reference : mapping
        As :func:`reference_of` made it.
    segmentation : Segmentation
        The model that scores.
    previous : mapping of str to str, optional
        Segment each known customer was in before, by id.
    day : str, optional
        ISO date, where the reference is of the customers of that day and not of those of the training.

    Raises
    ------
    DataError
        If the reference is not one of this model.
    """

    def __init__(
        self,
        reference: Mapping[str, Any],
        segmentation: Segmentation,
        previous: Mapping[str, str] | None = None,
        day: str | None = None,
    ) -> None:
        self.segmentation, self.reference, self.day = segmentation, reference, day
        if reference.get("format") != REFERENCE_FORMAT or list(reference["columns"]) != segmentation.space.columns:
            raise DataError(
                "the training figures beside the model are not those of this model",
                fix="register it again with `segments registry`",
            )
        self.previous = np.array(list(previous.values()), dtype=object) if previous else None
        self.previous_ids = pa.array(previous or [], type=pa.string())
        keys = id_keys(self.previous_ids)  # however a file pads its numbers
        self.previous_keys = keys if len(keys.unique()) == len(keys) else self.previous_ids
        self.bins = [np.zeros(len(bins["counts"]), dtype=np.int64) for bins in reference["columns"].values()]
        self.edges = [np.array(bins["edges"]) for bins in reference["columns"].values()]
        self.limits = np.array(reference["segments"]["limits"])
        self.clusters = np.zeros(len(self.limits), dtype=np.int64)
        self.scored = self.far = self.out_of_range = self.known = self.moved = 0
        self.rejected: Counter[str] = Counter()
        self.read: int | None = (
            None  # rows of the file, where those scored and those rejected are not all, or not of one kind
        )
        self.sample = _Sample(len(self.bins))

    @property
    def rows(self) -> int:
        """Rows of the file: of a log its lines, whose customers are scored."""
        return self.scored + self.rejected.total() if self.read is None else self.read

    def add(self, chunk: Scored) -> None:
        """Add the next chunk."""
        self.rejected.update(one.kind for one in chunk.rejected)
        answers = chunk.answers
        clusters = answers["cluster"].to_numpy()
        self.scored += len(answers)
        self.clusters += np.bincount(clusters, minlength=len(self.clusters))
        self.far += int((answers["distance"].to_numpy() > self.limits[clusters]).sum())
        for j, counts in enumerate(self.bins):
            counts += _binned(chunk.features[:, j], self.edges[j])
        self.out_of_range += int(answers["out_of_range"].sum())
        if self.previous is not None:
            ids = chunk.ids.cast(pa.string())
            at = pc.index_in(ids, value_set=self.previous_ids)
            at = pc.coalesce(at, pc.index_in(id_keys(ids), value_set=self.previous_keys))
            known = np.flatnonzero(at.is_valid().to_numpy(zero_copy_only=False))
            before = self.previous[at.drop_null().to_numpy()]
            self.known += len(known)
            self.moved += int((before != answers["segment"].to_numpy(dtype=object)[known]).sum())
        self.sample.add(chunk.features, clusters)


def figures(tally: Tally, config: MonitoringConfig, labels: Labels = NONE) -> list[Figure]:
    """Every figure of a batch with its light.

    Parameters
    ----------
    tally : Tally
        The batch.
    config : MonitoringConfig
        Limits, and how often a batch in which nothing has changed may raise an alarm.
    labels : mapping of str to Label, optional
        What the source calls its columns.

    Returns
    -------
    list of Figure
        Segment shares, each feature, distances, ranges, silhouette, moves and rejected rows, in this order.

    References
    ----------
    PSI is the sum over bins of (b - t) ln(b / t), b and t the shares in batch and training. If both are drawn from one population it is distributed as
    chi-square with bins - 1 degrees of freedom, times (1/n + 1/N): Yurdakul & Naranjo (2020), J. Risk Model Validation 14(4). So its mean under no
    change, (bins - 1)(1/n + 1/N), is taken off before it meets its limit. Shares have the exact interval of Clopper & Pearson (1934).
    """
    reference = tally.reference
    level = config.false_alarms / (
        len(tally.bins) + 6
    )  # of each figure, so that all of them together keep to it (Bonferroni)
    found = [
        _stability(
            "psi.segments",
            FIGURE_NAMES["psi.segments"],
            reference["segments"]["counts"],
            tally.clusters,
            config.psi,
            level,
        )
    ]
    for (name, bins), counts in zip(reference["columns"].items(), tally.bins, strict=True):
        found.append(
            _stability(
                f"psi.{name}",
                f"{called(name, labels)} against training (PSI)",
                bins["counts"],
                counts,
                config.psi,
                level,
            )
        )
    n = tally.scored
    found.append(_share("far", tally.far, n, reference["far"], config.far, level))
    found.append(
        _share(
            "out_of_range",
            tally.out_of_range,
            n,
            reference["out_of_range"],
            config.far,
            level,
        )
    )
    found.append(_silhouette(tally, config.silhouette, level))
    found.append(_share("moved", tally.moved, tally.known, None, config.moved, level))
    rejected = tally.rejected.total()
    found.append(_share("rejected", rejected, tally.rows, 0.0, config.rejected, level))
    if tally.day is None:
        return found
    words = {"against training": f"against {tally.day}", "training customers": f"customers of {tally.day}"}
    for old, new in words.items():
        found = [replace(one, says=one.says.replace(old, new)) for one in found]
    return found


@dataclass(frozen=True)
class Distribution:
    """How the customers of training and batch are spread over one feature, in the bins its stability index is computed from.

    Parameters
    ----------
    feature : str
        Its column.
    bins : list of str
        Between the deciles of the training customers, or its levels, in words.
    training, batch : list of float
        Share of the customers in each bin.
    """

    feature: str
    bins: list[str]
    training: list[float]
    batch: list[float]

    def to_plain(self) -> dict[str, Any]:
        """The distribution as plain data, ready for JSON."""
        return asdict(self)


def distributions(tally: Tally) -> list[Distribution]:
    """Of every feature of a batch, beside that of the training customers.

    Parameters
    ----------
    tally : Tally
        The batch.

    Returns
    -------
    list of Distribution
        In the order of the model's columns; none of an empty batch.

    Examples
    --------
    >>> bins = {"edges": [1.0, 2.5], "counts": [2, 1, 1]}
    >>> tally = type("Tally", (), {"reference": {"columns": {"x": bins}}, "bins": [np.array([0, 1, 3])]})
    >>> distributions(tally)[0].to_plain()
    {'feature': 'x', 'bins': ['≤ 1', '1 – 2.5', '> 2.5'], 'training': [0.5, 0.25, 0.25], 'batch': [0.0, 0.25, 0.75]}
    """
    made = []
    for (name, bins), counts in zip(tally.reference["columns"].items(), tally.bins, strict=True):
        training = np.asarray(bins["counts"], dtype=np.int64)
        if counts.sum() and training.sum():
            shares = [(side / side.sum()).round(6).tolist() for side in (training, counts)]
            made.append(Distribution(name, bins.get("levels") or _between(bins["edges"]), *shares))
    return made


def _between(edges: list[float]) -> list[str]:
    """Bins in words: an edge belongs to the bin below it."""
    written = [f"{edge:.4g}" for edge in edges]
    if not written:
        return ["all"]
    return [f"≤ {written[0]}", *(f"{low} – {high}" for low, high in itertools.pairwise(written)), f"> {written[-1]}"]


def verdict(found: list[Figure]) -> tuple[str, str]:
    """What to do, and why, in a sentence.

    Parameters
    ----------
    found : list of Figure
        All figures of a batch.

    Returns
    -------
    decision : {"refit", "keep"}
        Refit when a light is red that a new fit would turn green. Customers who move between segments that still fit, and rows that cannot be
        read, are worth a look, but a new fit would not help.
    sentence : str
        With the figures that decide.

    Examples
    --------
    >>> verdict([Figure("far", "share of far customers", 0.01, 0.01, 0.0, 0.02, 0.5, "green")])
    ('keep', 'Keep: nothing differs from the training data by more than its limit.')
    """
    lit = {status: [one for one in found if one.status == status] for status in ("red", "amber")}
    if reasons := [one for one in lit["red"] if one.name not in ("moved", "rejected")]:
        return "refit", f"Refit: {_in_words(reasons)}."
    if watched := lit["red"] + lit["amber"]:
        return "keep", f"Keep, and watch: {_in_words(watched)}."
    if all(one.value is None for one in found):
        return "keep", "Keep: there is nothing to judge by."
    return "keep", "Keep: nothing differs from the training data by more than its limit."


def stability_index(training: NDArray[np.int64], batch: NDArray[np.int64]) -> float:
    """Population stability index of two counts over the same bins.

    Half a customer is added to every bin, so that an empty one makes the index large and not infinite.

    Parameters
    ----------
    training, batch : ndarray of shape (n_bins,)
        Customers per bin.

    Examples
    --------
    >>> round(stability_index(np.array([500, 500]), np.array([300, 700])), 4)
    0.1691
    """
    t, b = training + 0.5, batch + 0.5
    t, b = t / t.sum(), b / b.sum()
    return float(((b - t) * np.log(b / t)).sum())


class _Sample:
    """An even sample of customers of a stream of unknown length, the same however the stream is cut."""

    def __init__(self, width: int) -> None:
        self.random = np.random.default_rng(0)
        self.keys = np.empty(0)
        self.values = np.empty((0, width))
        self.clusters = np.empty(0, dtype=np.int32)

    def add(self, values: NDArray[np.float64], clusters: NDArray[np.int32]) -> None:
        """Draw a number for every row, and keep the rows with the smallest."""
        keys = self.random.random(len(values))
        if len(self.keys) == SAMPLE:
            near = keys < self.keys[-1]
            keys, values, clusters = keys[near], values[near], clusters[near]
            if not len(keys):
                return
        keys = np.concatenate([self.keys, keys])
        kept = np.argsort(keys, kind="stable")[:SAMPLE]
        self.keys = keys[kept]
        self.values = np.concatenate([self.values, values])[kept]
        self.clusters = np.concatenate([self.clusters, clusters])[kept]

    def silhouette(self, segmentation: Segmentation) -> tuple[float | None, float]:
        """Mean silhouette of the sample in the clustered space (``None`` with one segment or few customers), and its standard error as a draw of customers."""
        if len(self.clusters) < FEW or len(np.unique(self.clusters)) < 2:
            return None, 0.0
        X = place(segmentation.space, self.values)
        found = silhouette_estimate(X, self.clusters[None], max(len(X), 4), seed=0)
        return round(float(found.mean[0]), 10), float(found.samples[0].std(ddof=1)) / math.sqrt(len(X))


def _binned(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """Customers per bin: a value equal to an edge counts below it, so that ties never straddle one; who has none is in no bin."""
    return np.bincount(np.searchsorted(edges, values[~np.isnan(values)], side="left"), minlength=len(edges) + 1)


def _stability(
    name: str, says: str, training: Any, batch: NDArray[np.int64], limits: LightLimits, level: float
) -> Figure:
    from scipy.special import chdtrc

    training = np.asarray(training, dtype=np.int64)
    used = (training > 0) | (batch > 0)
    n, N, freedom = int(batch.sum()), int(training.sum()), int(used.sum()) - 1
    if not n:
        return Figure(name, says, None, 0.0, None, None, None, "-")
    value = stability_index(training[used], batch[used])
    by_chance = 1 / n + 1 / N
    p_value = float(chdtrc(freedom, value / by_chance)) if freedom else 1.0
    status = _light(value - freedom * by_chance, limits) if p_value < level else "green"
    return Figure(name, says, value, 0.0, None, None, p_value, status)


def _share(name: str, hits: int, n: int, training: float | None, limits: LightLimits, level: float) -> Figure:
    if not n:
        return Figure(name, FIGURE_NAMES[name], None, training, None, None, None, "-")
    low, high = _interval(hits, n, 0.025)
    surely, _ = _interval(hits, n, level)
    return Figure(name, FIGURE_NAMES[name], hits / n, training, low, high, None, _light(surely, limits))


def _interval(hits: int, n: int, tail: float) -> tuple[float, float]:
    from scipy.special import betaincinv

    low = float(betaincinv(hits, n - hits + 1, tail)) if hits else 0.0
    return low, float(betaincinv(hits + 1, n - hits, 1 - tail)) if hits < n else 1.0


def _silhouette(tally: Tally, limits: LightLimits, level: float) -> Figure:
    from scipy.special import ndtri

    says, training = FIGURE_NAMES["silhouette"], tally.reference["silhouette"]
    mean, error = tally.sample.silhouette(tally.segmentation)
    if mean is None:
        return Figure("silhouette", says, None, training, None, None, None, "-")
    surely = mean - float(ndtri(level)) * error
    status = "-" if training is None else _light(training - surely, limits)
    return Figure("silhouette", says, mean, training, mean - 1.959964 * error, mean + 1.959964 * error, None, status)


def _in_words(lit: list[Figure]) -> str:
    return "; ".join(f"{one.says} {one.value:.3g} ({one.status})" for one in lit)


def _light(value: float, limits: LightLimits) -> str:
    return "red" if value >= limits.red else "amber" if value >= limits.amber else "green"
