"""Clusters of a new version -> the segments they are. Comes in: the earlier version's segments and who is where now. Goes out: ids, names, colours.

A cluster is an integer of one fit; a segment is a group of customers that people know by name. Which new cluster is which old
segment is decided by the customers in common, by what the earlier model says of the new customers, or by where the centres lie.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from segments.config.identity import COLOURS, IdentityConfig
from segments.errors import DataError, SweepError
from segments.evidence.stability import contingency
from segments.identity.overlap import centre_distances, centroids, left_over, may_be_continued_by, share_kept
from segments.model.segmentation import Segment, Segmentation, number_segments


@dataclass(frozen=True)
class Lineage:
    """What a cluster of the new version is to the segments of the earlier one.

    Parameters
    ----------
    segment : Segment
        Its id, name and colour: inherited, or new.
    status : {"continued", "split", "merged", "born"}
        ``continued``: one old segment, one new. ``split``: a part of an old segment; the larger part, if it holds enough
        of it, keeps the id, the others are children with ids of their own. ``merged``: it took up other old segments.
        ``born``: akin to none.
    parent : str, optional
        Of a split's child: the id of the segment it comes from, which is gone when it fell to pieces.
    absorbed : list of str
        Of a merged one: ids of the old segments that went into it, beside its own.
    proposed : str
        The name the rules would give it now; people know an inherited one by its old name.
    """

    segment: Segment
    status: str
    parent: str | None
    absorbed: list[str]
    proposed: str


@dataclass(frozen=True)
class Identity:
    """Who the clusters of a version are, and how that was found.

    Parameters
    ----------
    lineage : list of Lineage
        One per cluster of the new version.
    gone : list of str
        Ids of old segments that no cluster bears any more; those that were absorbed are named there too.
    next_number : int
        Number of the next new segment: higher than any that was ever given.
    matched_by : {"first", "members", "prediction", "centres", "ids"}
        What was compared.
    old : list of Segment
        Segments of the earlier version, in the order of its clusters.
    table : list of list of float
        Rows: old segments, columns: new clusters. Customers in both; or, matched by centres, their distance in standard deviations.
    colours : list of int
        Every colour that this version or an earlier one had, the longest unused first.
    """

    lineage: list[Lineage]
    gone: list[str]
    next_number: int
    matched_by: str
    old: list[Segment]
    table: list[list[float]]
    colours: list[int]

    @property
    def segments(self) -> list[Segment]:
        """Segment of each cluster: what the model is given."""
        return [lineage.segment for lineage in self.lineage]

    def to_plain(self) -> dict[str, Any]:
        """The identity as plain data, ready for JSON."""
        return asdict(self)

    @staticmethod
    def from_plain(plain: Mapping[str, Any]) -> Identity:
        """The identity that :meth:`to_plain` described; one written before colours were remembered knows those of two versions.

        Raises
        ------
        DataError
            If the data do not describe one.
        """
        try:
            plain = {
                ("lineage" if key == "kin" else key): value for key, value in plain.items()
            }  # as it was called once
            lineage = [Lineage(**{**one, "segment": Segment(**one["segment"])}) for one in plain["lineage"]]
            old = [Segment(**one) for one in plain["old"]]
            colours = plain.get("colours", _used(_used([], old), [one.segment for one in lineage]))
            return Identity(**{**plain, "lineage": lineage, "old": old, "colours": colours})
        except (KeyError, TypeError) as error:
            raise DataError(f"not the identity of segments: {error!r}") from error


@dataclass(frozen=True)
class SegmentIdentity:
    """Who the chosen clusters are.

    Parameters
    ----------
    identity : Identity or None
        Ids, names and colours, and where they come from; ``None`` when nothing was chosen.
    centroids : dict of str to list of float
        Per numeric feature the mean of each cluster, in its unit.
    sentences : list of str
        In words.
    """

    identity: Identity | None
    centroids: dict[str, list[float]]
    sentences: list[str]

    @property
    def known(self) -> Identity:
        """The identity, for those who need one.

        Raises
        ------
        DataError
            If nothing was chosen.
        """
        if self.identity is None:
            raise DataError(
                "there are no segments: nothing was chosen", fix="see `reason` in artifacts/selection/choice.json"
            )
        return self.identity


@dataclass(frozen=True)
class EarlierVersion:
    """What must be known of an earlier version to recognise its segments.

    Parameters
    ----------
    model : Segmentation
        With its segments.
    members : DataFrame
        ``customer_id`` and ``cluster`` of the customers it was fitted on.
    centroids : DataFrame of shape (k, ...)
        Mean of every numeric feature per cluster, in original units (:func:`centroids`).
    next_number : int
        Number of the next new segment.
    colours : sequence of int
        Every colour that was ever used, the longest unused first.
    """

    model: Segmentation
    members: pd.DataFrame
    centroids: pd.DataFrame
    next_number: int
    colours: Sequence[int] = ()


def first(names: Sequence[str]) -> Identity:
    """Identity of a first version: all are born, numbered in cluster order.

    Parameters
    ----------
    names : sequence of str
        Name of each cluster, by the rules.

    Examples
    --------
    >>> [lineage.segment.segment_id for lineage in first(["frequent customers", "rare customers"]).lineage]
    ['S1', 'S2']
    """
    lineage = [
        Lineage(segment, "born", None, [], name) for segment, name in zip(number_segments(names), names, strict=True)
    ]
    return Identity(lineage, [], len(names) + 1, "first", [], [], list(range(len(names))))


def identify(
    earlier: EarlierVersion,
    features: pd.DataFrame,
    labels: NDArray[np.int32],
    names: Sequence[str],
    config: IdentityConfig,
) -> Identity:
    """Recognise the segments of an earlier version in a new one.

    With enough customers in both versions two tables can tell: the old clusters of these customers, and where the earlier
    model puts all customers as they are now. The one in which more customers keep their segment decides: the first stays
    true when people and segments moved together, the second when ids were given anew (a source without ids numbers its
    rows). Where the earlier model's features are no longer there, centres are compared.

    Parameters
    ----------
    earlier : Version
        The version whose segments people know.
    features : DataFrame of shape (n_customers, ...)
        The new feature table, with ``customer_id``.
    labels : ndarray of shape (n_customers,)
        New cluster of each customer.
    names : sequence of str
        Name of each new cluster, by the rules.
    config : IdentityConfig
        When two are related.

    Returns
    -------
    Identity
        Independent of how the new clusters are numbered.
    """
    old, k = earlier.model.segments, len(names)
    tables = {}
    members = earlier.members.drop_duplicates("customer_id").set_index("customer_id")["cluster"]
    before = members.reindex(features["customer_id"]).to_numpy(dtype=np.float64)
    known = ~np.isnan(before)
    if known.any() and known.sum() >= config.min_common * min(len(members), len(features)):
        tables["members"] = contingency(before[known].astype(np.int32), labels[known], len(old), k)
    try:
        predicted = earlier.model.predict(features)["cluster"].to_numpy()
        tables["prediction"] = contingency(predicted, labels, len(old), k)
    except (DataError, SweepError):
        pass  # the earlier model's features are not those of the new table
    if not tables:
        distances = centre_distances(earlier.centroids, centroids(features, labels), features)
        return match_centres(old, distances, names, earlier.next_number, config, earlier.colours)
    by = max(tables, key=lambda name: share_kept(tables[name]))  # members come first where both say the same
    return match(old, tables[by], names, earlier.next_number, config, earlier.colours, matched_by=by)


def match(
    old: Sequence[Segment],
    table: NDArray[np.int64],
    names: Sequence[str],
    next_number: int,
    config: IdentityConfig,
    colours: Sequence[int] = (),
    matched_by: str = "members",
) -> Identity:
    """Match new clusters to old segments by the customers they have in common.

    A cluster can bear an old segment's id only if it holds enough of that segment, and the two are related: most of one
    lies in the other beyond what chance would put there, or most of those in either are in both. Of all one-to-one matchings
    of such pairs, the one in which most customers keep their segment (the Hungarian method) is taken; at equal numbers the
    older id is kept. What is left over is a split's child when it comes from one old segment, beyond chance, and otherwise born; an old
    segment left over is absorbed where it went, beyond chance, and otherwise simply gone.

    Parameters
    ----------
    old : sequence of Segment
        Segments of the earlier version.
    table : ndarray of shape (n_old, k)
        Customers of each old segment (row) in each new cluster (column).
    names : sequence of str
        Name of each new cluster, by the rules.
    next_number : int
        Number of the next new segment.
    config : IdentityConfig
        ``min_kept``: share of an old segment that its successor must hold; ``min_overlap``: what makes two related.
    colours : sequence of int
        Every colour that was ever used, the longest unused first: new segments avoid them as far as the palette reaches.
    matched_by : str
        Recorded.

    Returns
    -------
    Identity
        Independent of how the new clusters are numbered.

    Notes
    -----
    Beyond chance is meant as in Cohen's kappa: of a share s, where chance alone would give b, (s - b) / (1 - b) is left. With
    b the old segment's share of all customers, a cluster drawn at random has 0, one that lies within the segment 1.

    References
    ----------
    Kuhn (1955), The Hungarian method for the assignment problem, Naval Research Logistics Quarterly 2.
    Spiliopoulou, Ntoutsi, Theodoridis & Schult (2006), MONIC: modeling and monitoring cluster transitions, KDD (what share
    of a cluster must be found again for it to survive).
    Cohen (1960), A coefficient of agreement for nominal scales, Educational and Psychological Measurement 20.

    Examples
    --------
    >>> old = number_segments(["frequent customers", "rare customers"])
    >>> found = match(old, np.array([[2, 40, 0], [30, 0, 28]]), ["rare", "frequent", "lapsed"], 3, IdentityConfig())
    >>> [(lineage.segment.segment_id, lineage.segment.name, lineage.status, lineage.parent) for lineage in found.lineage]
    [('S2', 'rare customers', 'split', None), ('S1', 'frequent customers', 'continued', None), ('S3', 'lapsed', 'split', 'S2')]
    """
    rows = sorted(range(len(old)), key=lambda o: old[o].number)
    # Largest first, then by content: the numbers clusters happen to bear decide nothing.
    columns = sorted(range(len(names)), key=lambda c: (-int(table[:, c].sum()), *(-table[rows, c]).tolist(), names[c]))
    counts = table[np.ix_(rows, columns)].astype(np.int64)
    n = len(rows)
    continuable = may_be_continued_by(counts, config)
    # Whole customers decide; below one customer, the older segment.
    worth = np.where(continuable, counts * (n * n + 1) + (n - np.arange(n))[:, None], 0)
    successors = {c: o for o, c in zip(*linear_sum_assignment(worth, maximize=True), strict=True) if continuable[o, c]}
    parents, absorbed = left_over(counts, successors, config)
    ordered = [old[o] for o in rows]
    return _settle(
        ordered, columns, successors, parents, absorbed, names, next_number, colours, matched_by, old, table.tolist()
    )


def compare_versions(
    old: Sequence[Segment], new: Sequence[Segment], table: NDArray[np.int64], config: IdentityConfig
) -> Identity:
    """Say what lies between two versions whose segments have their ids already, whichever of them is the newer.

    Parameters
    ----------
    old, new : sequence of Segment
        Segments of both versions.
    table : ndarray of shape (n_old, n_new)
        Customers of each old segment (row) in each new one (column).
    config : IdentityConfig
        When a segment that only one of them has comes from, or went into, one of the other's.

    Returns
    -------
    Identity
        A segment continues where its id is in both.

    Examples
    --------
    >>> old, new = number_segments(["frequent", "rare"]), number_segments(["frequent", "rare", "lapsed"])
    >>> [lineage.status for lineage in compare_versions(old, new, np.array([[40, 0, 0], [0, 30, 28]]), IdentityConfig()).lineage]
    ['continued', 'split', 'split']
    >>> compare_versions(new, old, np.array([[40, 0], [0, 30], [0, 28]]), IdentityConfig()).lineage[1].absorbed
    ['S3']
    """
    places = {segment.segment_id: o for o, segment in enumerate(old)}
    successors = {c: places[segment.segment_id] for c, segment in enumerate(new) if segment.segment_id in places}
    parents, absorbed = left_over(table, successors, config)
    next_number = max(segment.number for segment in [*old, *new]) + 1
    names = [segment.name for segment in new]
    columns = range(len(new))
    return _identity_of(old, columns, new, parents, absorbed, names, next_number, (), "ids", old, table.tolist())


def match_centres(
    old: Sequence[Segment],
    distances: NDArray[np.float64],
    names: Sequence[str],
    next_number: int,
    config: IdentityConfig,
    colours: Sequence[int] = (),
) -> Identity:
    """Match new clusters to old segments by their centres alone: for versions that share neither customers nor features.

    Splits and merges need customers to be seen; here a segment is continued, born or gone.

    Parameters
    ----------
    old : sequence of Segment
        Segments of the earlier version.
    distances : ndarray of shape (n_old, k)
        Between old and new centres, in standard deviations (:func:`centre_distances`); infinite where unknown.
    names : sequence of str
        Name of each new cluster, by the rules.
    next_number : int
        Number of the next new segment.
    config : IdentityConfig
        ``max_distance`` of two centres of one segment.
    colours : sequence of int
        Every colour that was ever used, the longest unused first.

    Returns
    -------
    Identity
        The matching with most pairs within reach and, of those, the smallest sum of distances.

    Examples
    --------
    >>> old = number_segments(["frequent customers", "rare customers"])
    >>> found = match_centres(old, np.array([[9.0, 0.1], [8.0, 9.0]]), ["odd", "frequent"], 3, IdentityConfig())
    >>> [(lineage.segment.segment_id, lineage.status) for lineage in found.lineage], found.gone
    ([('S3', 'born'), ('S1', 'continued')], ['S2'])
    """
    rows = sorted(range(len(old)), key=lambda o: old[o].number)
    columns = sorted(range(len(names)), key=lambda c: (*distances[rows, c].tolist(), names[c]))
    near = distances[np.ix_(rows, columns)]
    within = near <= config.max_distance
    cost = np.where(within, near, (config.max_distance + 1) * (min(near.shape) + 1))
    successors = {c: o for o, c in zip(*linear_sum_assignment(cost), strict=True) if within[o, c]}
    none: dict[int, list[int]] = {c: [] for c in range(len(names))}
    ordered, table = [old[o] for o in rows], distances.tolist()
    return _settle(ordered, columns, successors, {}, none, names, next_number, colours, "centres", old, table)


def _settle(
    rows: Sequence[Segment],
    columns: Sequence[int],
    successors: Mapping[int, int],
    parents: Mapping[int, int],
    absorbed: Mapping[int, Sequence[int]],
    names: Sequence[str],
    next_number: int,
    colours: Sequence[int],
    matched_by: str,
    old: Sequence[Segment],
    table: list[list[float]],
) -> Identity:
    """Give out ids, names and colours; positions in `successors`, `parents` and `absorbed` are those of `rows` and `columns`."""
    next_number = max([next_number, *(segment.number + 1 for segment in old)])
    kept = {c: rows[o] for c, o in successors.items()}
    taken = {segment.name for segment in kept.values()}
    # A new segment in the colour of one that is gone would pass for it, in every picture that has both.
    used, now = _used(colours, old), {segment.colour for segment in kept.values()}
    fresh = [i for i in range(COLOURS) if i not in used] + [i for i in used if i < COLOURS and i not in now]
    free = iter([*fresh, *range(max([COLOURS - 1, *used]) + 1, len(names) + max([COLOURS, *used]) + 1)])
    segments = []
    for c, cluster in enumerate(columns):
        if c in kept:
            segments.append(kept[c])
            continue
        name = names[cluster]
        while name in taken:
            name = f"{name} (S{next_number})"
        segments.append(Segment(f"S{next_number}", name, next(free)))
        next_number += 1
        taken.add(name)
    return _identity_of(rows, columns, segments, parents, absorbed, names, next_number, colours, matched_by, old, table)


def _identity_of(
    rows: Sequence[Segment],
    columns: Sequence[int],
    segments: Sequence[Segment],
    parents: Mapping[int, int],
    absorbed: Mapping[int, Sequence[int]],
    names: Sequence[str],
    next_number: int,
    colours: Sequence[int],
    matched_by: str,
    old: Sequence[Segment],
    table: list[list[float]],
) -> Identity:
    """What became of whom; positions in `parents` and `absorbed` are those of `rows` and `columns`, as those of `segments`."""
    before, now = ({segment.segment_id for segment in part} for part in (rows, segments))
    split = {rows[o].segment_id for o in parents.values()}
    lineage: dict[int, Lineage] = {}
    for c, cluster in enumerate(columns):
        own = segments[c].segment_id
        status = "born"
        if absorbed[c]:
            status = "merged"
        elif c in parents or own in split:
            status = "split"
        elif own in before:
            status = "continued"
        parent = rows[parents[c]].segment_id if c in parents else None
        took = [rows[o].segment_id for o in sorted(absorbed[c])]
        lineage[cluster] = Lineage(segments[c], status, parent, took, names[cluster])
    gone = [segment.segment_id for segment in rows if segment.segment_id not in now]
    used = _used(_used(colours, old), segments)
    return Identity([lineage[c] for c in range(len(names))], gone, next_number, matched_by, list(old), table, used)


def _used(colours: Sequence[int], segments: Sequence[Segment]) -> list[int]:
    """Colours ever used, the longest unused first, after these segments used theirs."""
    now = sorted({segment.colour for segment in segments})
    return [colour for colour in colours if colour not in now] + now
