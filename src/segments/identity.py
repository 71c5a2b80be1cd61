"""Clusters of a new version -> the segments they are. Comes in: the earlier version's segments and who is where now. Goes out: ids, names, colours.

A cluster is an integer of one fit; a segment is a group of customers that people know by name. Which new cluster is which old
segment is decided by the customers in common, by what the earlier model says of the new customers, or by where the centres lie.
Customers in common prove nothing where chance alone puts them: most of any cluster comes from a segment that holds most customers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from segments.config import COLOURS, GivenName, IdentityConfig
from segments.errors import ConfigError, DataError, SweepError
from segments.model import RULES, Segment, Segmentation, number_segments

STATUSES = ("continued", "split", "merged", "born")
# What stands for something else where a segment is named: an id, or the line of all customers.
RESERVED = re.compile(r"S\d+|all", re.IGNORECASE)
# How clusters were matched, and what the counts of the table then are.
MATCHED_BY = {
    "first": "",
    "members": "members stayed",
    "prediction": "customers whom the earlier model puts there are in it",
    "centres": "",
    "ids": "of its customers are in it in both versions",
}


@dataclass(frozen=True)
class Kin:
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
    kin : list of Kin
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

    kin: list[Kin]
    gone: list[str]
    next_number: int
    matched_by: str
    old: list[Segment]
    table: list[list[float]]
    colours: list[int]

    @property
    def segments(self) -> list[Segment]:
        """Segment of each cluster: what the model is given."""
        return [kin.segment for kin in self.kin]

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
            kin = [Kin(**{**one, "segment": Segment(**one["segment"])}) for one in plain["kin"]]
            old = [Segment(**one) for one in plain["old"]]
            colours = plain.get("colours", _used(_used([], old), [one.segment for one in kin]))
            return Identity(**{**plain, "kin": kin, "old": old, "colours": colours})
        except (KeyError, TypeError) as error:
            raise DataError(f"not the identity of segments: {error!r}") from error


@dataclass(frozen=True)
class Version:
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
    >>> [kin.segment.segment_id for kin in first(["frequent customers", "rare customers"]).kin]
    ['S1', 'S2']
    """
    kin = [Kin(segment, "born", None, [], name) for segment, name in zip(number_segments(names), names, strict=True)]
    return Identity(kin, [], len(names) + 1, "first", [], [], list(range(len(names))))


def identify(
    earlier: Version, features: pd.DataFrame, labels: NDArray[np.int32], names: Sequence[str], config: IdentityConfig
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
    by = max(tables, key=lambda name: _kept(tables[name]))  # members come first where both say the same
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
        ``min_kept``: share of an old segment that its heir must hold; ``min_overlap``: what makes two related.
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
    >>> [(kin.segment.segment_id, kin.segment.name, kin.status, kin.parent) for kin in found.kin]
    [('S2', 'rare customers', 'split', None), ('S1', 'frequent customers', 'continued', None), ('S3', 'lapsed', 'split', 'S2')]
    """
    rows = sorted(range(len(old)), key=lambda o: old[o].number)
    # Largest first, then by content: the numbers clusters happen to bear decide nothing.
    columns = sorted(range(len(names)), key=lambda c: (-int(table[:, c].sum()), *(-table[rows, c]).tolist(), names[c]))
    counts = table[np.ix_(rows, columns)].astype(np.int64)
    n = len(rows)
    heritable = _heritable(counts, config)
    # Whole customers decide; below one customer, the older segment.
    worth = np.where(heritable, counts * (n * n + 1) + (n - np.arange(n))[:, None], 0)
    heirs = {c: o for o, c in zip(*linear_sum_assignment(worth, maximize=True), strict=True) if heritable[o, c]}
    parents, absorbed = _left_over(counts, heirs, config)
    ordered = [old[o] for o in rows]
    return _settle(
        ordered, columns, heirs, parents, absorbed, names, next_number, colours, matched_by, old, table.tolist()
    )


def compare(
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
    >>> [kin.status for kin in compare(old, new, np.array([[40, 0, 0], [0, 30, 28]]), IdentityConfig()).kin]
    ['continued', 'split', 'split']
    >>> compare(new, old, np.array([[40, 0], [0, 30], [0, 28]]), IdentityConfig()).kin[1].absorbed
    ['S3']
    """
    places = {segment.segment_id: o for o, segment in enumerate(old)}
    heirs = {c: places[segment.segment_id] for c, segment in enumerate(new) if segment.segment_id in places}
    parents, absorbed = _left_over(table, heirs, config)
    next_number = max(segment.number for segment in [*old, *new]) + 1
    names = [segment.name for segment in new]
    columns = range(len(new))
    return _told(old, columns, new, parents, absorbed, names, next_number, (), "ids", old, table.tolist())


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
    >>> [(kin.segment.segment_id, kin.status) for kin in found.kin], found.gone
    ([('S3', 'born'), ('S1', 'continued')], ['S2'])
    """
    rows = sorted(range(len(old)), key=lambda o: old[o].number)
    columns = sorted(range(len(names)), key=lambda c: (*distances[rows, c].tolist(), names[c]))
    near = distances[np.ix_(rows, columns)]
    within = near <= config.max_distance
    cost = np.where(within, near, (config.max_distance + 1) * (min(near.shape) + 1))
    heirs = {c: o for o, c in zip(*linear_sum_assignment(cost), strict=True) if within[o, c]}
    none: dict[int, list[int]] = {c: [] for c in range(len(names))}
    ordered, table = [old[o] for o in rows], distances.tolist()
    return _settle(ordered, columns, heirs, {}, none, names, next_number, colours, "centres", old, table)


def reworded(identity: Identity, names: Sequence[str]) -> Identity:
    """The same clusters under new words: names the rules gave follow the rules, names people gave stay.

    Parameters
    ----------
    identity : Identity
        Of the same clusters, when the words were others.
    names : sequence of str
        Name of each cluster by the rules of today.

    Examples
    --------
    >>> reworded(first(["frequent", "rare"]), ["loyal", "rare"]).segments[0].name
    'loyal'
    """
    kin = [
        one
        if one.proposed == name
        else replace(
            one,
            proposed=name,
            segment=replace(one.segment, name=name) if one.segment.named_by == RULES else one.segment,
        )
        for one, name in zip(identity.kin, names, strict=True)
    ]
    return _told_apart(replace(identity, kin=kin))


def alike(one: str, other: str) -> bool:
    """Whether two names are the same to a person: capitals and spaces do not tell segments apart.

    Examples
    --------
    >>> alike("Sunday  shoppers ", "sunday shoppers")
    True
    """
    return one.casefold().split() == other.casefold().split()


def renamed(identity: Identity, given: Mapping[str, GivenName]) -> Identity:
    """Put people's names in the place of the rules'; a name that was taken back makes room for the rules' again.

    Parameters
    ----------
    identity : Identity
        Who the clusters are.
    given : mapping of str to GivenName
        People's names, by segment id; ids that no cluster bears do not matter.

    Raises
    ------
    ConfigError
        If two segments would have one name.

    Examples
    --------
    >>> found = renamed(first(["frequent", "rare"]), {"S2": GivenName("ghosts", "they never come", "Ann", "2026-01-02")})
    >>> [(segment.name, segment.named_by) for segment in found.segments]
    [('frequent', 'rules'), ('ghosts', 'Ann')]
    """
    kin = []
    for one in identity.kin:
        own = one.segment
        if own.segment_id in given:
            own = replace(own, name=given[own.segment_id].name, named_by=given[own.segment_id].by)
        elif own.named_by != RULES:
            own = replace(own, name=one.proposed, named_by=RULES)
        kin.append(replace(one, segment=own))
    people = [one.segment.name for one in kin if one.segment.named_by != RULES]
    if doubled := sorted(name for name in people if sum(alike(name, other) for other in people) > 1):
        raise ConfigError(
            f"two segments are called '{doubled[0]}'", where="conf/decisions.yaml: names", fix="rename one of them"
        )
    return _told_apart(replace(identity, kin=kin))


def contingency(old: NDArray[np.int32], new: NDArray[np.int32], n_old: int, n_new: int) -> NDArray[np.int64]:
    """Count the rows of each pair of clusters.

    Parameters
    ----------
    old, new : ndarray of shape (n,)
        Two clusterings of the same rows.
    n_old, n_new : int
        Clusters of each; those without rows count too.

    Returns
    -------
    ndarray of shape (n_old, n_new)

    Examples
    --------
    >>> contingency(np.array([0, 0, 1]), np.array([1, 1, 0]), 2, 2).tolist()
    [[0, 2], [1, 0]]
    """
    pairs = np.asarray(old, dtype=np.int64) * n_new + new
    return np.bincount(pairs, minlength=n_old * n_new).reshape(n_old, n_new).astype(np.int64)


def centroids(features: pd.DataFrame, labels: NDArray[np.int32]) -> pd.DataFrame:
    """Mean of every numeric feature per cluster, in original units.

    Examples
    --------
    >>> centroids(pd.DataFrame({"customer_id": ["a", "b"], "age": [20.0, 30.0]}), np.array([1, 0]))["age"].tolist()
    [30.0, 20.0]
    """
    return features.select_dtypes("number").groupby(labels).mean()


def centre_distances(old: pd.DataFrame, new: pd.DataFrame, features: pd.DataFrame) -> NDArray[np.float64]:
    """Distances of centres in standard deviations of the new customers, as the root mean square over the features both have.

    Parameters
    ----------
    old, new : DataFrame of shape (k, ...)
        Made by :func:`centroids`.
    features : DataFrame of shape (n_customers, ...)
        The new customers: their spread is the unit.

    Returns
    -------
    ndarray of shape (n_old, n_new)
        Infinite when there is no feature to compare.

    Examples
    --------
    >>> people = pd.DataFrame({"age": [20.0, 40.0]})
    >>> centre_distances(pd.DataFrame({"age": [20.0]}), pd.DataFrame({"age": [40.0, 20.0]}), people).tolist()
    [[2.0, 0.0]]
    """
    spread = features.select_dtypes("number").std(ddof=0)
    shared = [name for name in new.columns if name in old.columns and np.isfinite(spread[name]) and spread[name] > 0]
    if not shared:
        return np.full((len(old), len(new)), np.inf)
    a, b = (table[shared].to_numpy(dtype=np.float64) / spread[shared].to_numpy() for table in (old, new))
    distances: NDArray[np.float64] = np.sqrt(((a[:, None, :] - b[None, :, :]) ** 2).mean(axis=2))
    return distances


def sentences(identity: Identity) -> list[str]:
    """What became of each segment, one sentence each: the new version's in the order of its clusters, then those that are gone.

    Parameters
    ----------
    identity : Identity
        Made by :func:`match`, :func:`match_centres` or :func:`first`.

    Examples
    --------
    >>> old = number_segments(["frequent customers", "rare customers"])
    >>> for line in sentences(match(old, np.array([[40, 0], [2, 30]]), ["frequent", "rare"], 3, IdentityConfig())):
    ...     print(line)
    S1 'frequent customers' continues: 40 of 40 members stayed.
    S2 'rare customers' continues: 30 of 32 members stayed.
    """
    old = {segment.segment_id: o for o, segment in enumerate(identity.old)}
    table = np.array(identity.table).reshape(len(old), len(identity.kin))
    counted = identity.matched_by != "centres"
    lines = []

    def called(segment_id: str) -> str:
        segments = [*identity.segments, *identity.old]
        return f"{segment_id} '{next(segment.name for segment in segments if segment.segment_id == segment_id)}'"

    def part(segment_id: str, cluster: int) -> str:
        row = table[old[segment_id]]
        return f"{int(row[cluster]):,} of {int(row.sum()):,}"

    for cluster, kin in enumerate(identity.kin):
        own = kin.segment.segment_id
        children = [other.segment.segment_id for other in identity.kin if other.parent == own]
        if kin.parent is not None:
            verb = "comes out of" if kin.parent in identity.gone else "splits off from"
            text = f"{verb} {called(kin.parent)}: {part(kin.parent, cluster)} of its customers are here"
        elif own not in old:
            text = "is new"
        elif not counted:
            text = f"continues: its centre lies {table[old[own], cluster]:.2f} standard deviations from the old one"
        else:
            verb = {"split": "splits", "merged": "takes up others"}.get(kin.status, "continues")
            text = f"{verb}: {part(own, cluster)} {MATCHED_BY[identity.matched_by]}"
            if children:
                text += f"; {', '.join(called(child) for child in children)} split off"
        if kin.absorbed:
            text += "; " + ", ".join(f"{part(o, cluster)} of {called(o)}" for o in kin.absorbed) + " came in"
        lines.append(f"{called(own)} {text}.")
    for segment_id in identity.gone:
        into = [kin.segment.segment_id for kin in identity.kin if segment_id in kin.absorbed]
        parts = [called(kin.segment.segment_id) for kin in identity.kin if kin.parent == segment_id]
        text = f"is now part of {called(into[0])}" if into else "is gone"
        if parts:
            text += f"; {', '.join(parts)} came out of it"
        lines.append(f"{called(segment_id)} {text}.")
    return lines


def _told_apart(identity: Identity) -> Identity:
    """Where a name by the rules is also another segment's, its id is put behind it."""
    names = [segment.name for segment in identity.segments]
    kin = [
        replace(one, segment=replace(one.segment, name=f"{one.segment.name} ({one.segment.segment_id})"))
        if names.count(one.segment.name) > 1 and one.segment.named_by == RULES
        else one
        for one in identity.kin
    ]
    return replace(identity, kin=kin)


def _heritable(counts: NDArray[np.int64], config: IdentityConfig) -> NDArray[np.bool_]:
    """Which cluster (column) could bear the id of which old segment (row)."""
    sizes, new_sizes = counts.sum(axis=1, keepdims=True), counts.sum(axis=0, keepdims=True)
    in_either = sizes + new_sizes - counts
    related = _beyond_chance(counts, config) | _beyond_chance(counts.T, config).T
    heritable: NDArray[np.bool_] = (counts > 0) & (counts >= config.min_kept * sizes)
    heritable &= related | (counts >= config.min_overlap * in_either)
    return heritable


def _beyond_chance(counts: NDArray[np.int64], config: IdentityConfig) -> NDArray[np.bool_]:
    """Which column lies in which row, by more than the row's share of all would make of any column."""
    n, sizes, new_sizes = counts.sum(), counts.sum(axis=1, keepdims=True), counts.sum(axis=0, keepdims=True)
    chance = sizes * new_sizes  # everything n times, so that whole numbers are compared
    beyond: NDArray[np.bool_] = n * counts - chance >= config.min_overlap * (n * new_sizes - chance)
    beyond &= counts > 0
    return beyond


def _left_over(
    counts: NDArray[np.int64], heirs: Mapping[int, int], config: IdentityConfig
) -> tuple[dict[int, int], dict[int, list[int]]]:
    """Parents of the clusters that inherited nothing, and the old segments without an heir that each cluster took up."""
    n, k = counts.shape
    comes_from, goes_to = _beyond_chance(counts, config), _beyond_chance(counts.T, config).T
    parents: dict[int, int] = {}
    absorbed: dict[int, list[int]] = {c: [] for c in range(k)}
    for c in range(k):
        if c not in heirs and n and comes_from[o := int(counts[:, c].argmax()), c]:
            parents[c] = o
    for o in set(range(n)) - set(heirs.values()):
        if goes_to[o, c := int(counts[o].argmax())] and parents.get(c) != o:  # a part does not take up the whole
            absorbed[c].append(o)
    return parents, absorbed


def _settle(
    rows: Sequence[Segment],
    columns: Sequence[int],
    heirs: Mapping[int, int],
    parents: Mapping[int, int],
    absorbed: Mapping[int, Sequence[int]],
    names: Sequence[str],
    next_number: int,
    colours: Sequence[int],
    matched_by: str,
    old: Sequence[Segment],
    table: list[list[float]],
) -> Identity:
    """Give out ids, names and colours; positions in `heirs`, `parents` and `absorbed` are those of `rows` and `columns`."""
    next_number = max([next_number, *(segment.number + 1 for segment in old)])
    kept = {c: rows[o] for c, o in heirs.items()}
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
    return _told(rows, columns, segments, parents, absorbed, names, next_number, colours, matched_by, old, table)


def _told(
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
    kin: dict[int, Kin] = {}
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
        kin[cluster] = Kin(segments[c], status, parent, took, names[cluster])
    gone = [segment.segment_id for segment in rows if segment.segment_id not in now]
    used = _used(_used(colours, old), segments)
    return Identity([kin[c] for c in range(len(names))], gone, next_number, matched_by, list(old), table, used)


def _used(colours: Sequence[int], segments: Sequence[Segment]) -> list[int]:
    """Colours ever used, the longest unused first, after these segments used theirs."""
    now = sorted({segment.colour for segment in segments})
    return [colour for colour in colours if colour not in now] + now


def _kept(table: NDArray[np.int64]) -> float:
    """Largest share of customers that can keep their segment."""
    pairs = linear_sum_assignment(table, maximize=True)
    return float(table[pairs].sum() / table.sum())
