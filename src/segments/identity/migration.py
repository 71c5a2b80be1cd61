"""Two segmentations, two dates -> who moved, and why. Comes in: both models and both feature tables. Goes out: every customer in exactly one cell.

A customer's segment can change because the customer did or because the model did. The earlier model, asked about the later
features, parts the two: what it says differently from before is the customer's doing, what the later model says differently
from it is the model's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from segments.clustering.space import to_space
from segments.identity.matching import Identity
from segments.model.segmentation import Segment, Segmentation

# Every customer of either date is in exactly one of these.
CELLS = {
    "stayed": "in the same segment, by both models",
    "returned": "in the same segment: they changed, and the model changed with them",
    "customer": "moved because they changed",
    "model": "moved because the model changed",
    "both": "moved because both changed",
    "new": "not there at the first date",
    "gone": "not there at the second date",
}
MOVED = ("customer", "model", "both")


@dataclass(frozen=True)
class Migration:
    """Who is where at two dates, and why.

    Parameters
    ----------
    customers : DataFrame
        One row per customer of either date: ``customer_id``, ``cell`` (one of ``CELLS``), ``from_id`` (earlier model, earlier
        features), ``via_id`` (earlier model, later features), ``to_id`` (later model, later features; ids are missing where
        the customer is), ``travelled``: the distance between the two dates in the earlier model's space, and ``crossings``:
        that distance over the shortest way across the border of its segment. Those who moved come first, farthest first.
    transitions : DataFrame
        One row per pair of old and new segment in use: ``from_id``, ``to_id`` (missing for new and gone), ``customers`` and how
        many of them are in each cell.
    counts : dict of str to int
        Customers per cell.
    old, new : list of Segment
        Segments of both versions.
    """

    customers: pd.DataFrame
    transitions: pd.DataFrame
    counts: dict[str, int]
    old: list[Segment]
    new: list[Segment]

    def to_plain(self) -> dict[str, Any]:
        """Counts and sentences as plain data, without any customer."""
        return {
            "counts": self.counts,
            "customers_at_both": self.at_both,
            "moved": sum(self.counts[cell] for cell in MOVED),
            "changed_by_customer": sum(self.counts[cell] for cell in ("customer", "both", "returned")),
            "changed_by_model": sum(self.counts[cell] for cell in ("model", "both", "returned")),
            "in_words": migration_in_words(self),
        }

    @property
    def at_both(self) -> int:
        """Customers there at both dates."""
        return sum(self.counts[cell] for cell in CELLS if cell not in ("new", "gone"))


@dataclass(frozen=True)
class MigrationFacts:
    """Who moved between two dates or versions, in figures and words, without any customer.

    Parameters
    ----------
    start, end : str
        The two days or versions (keys ``from`` and ``to``).
    identity : Identity
        Who the later segments are to the earlier ones.
    segments : list of str
        The same in words.
    counts : dict of str to int
        Customers per cell: stayed, or moved by which cause.
    customers_at_both : int
        Customers there at both.
    moved : int
        Those of them in another segment.
    changed_by_customer, changed_by_model : int
        Who would have moved had only the customers, or only the model changed.
    in_words : list of str
        All this in sentences.
    """

    start: Annotated[str, Field(alias="from")]
    end: Annotated[str, Field(alias="to")]
    identity: Identity
    segments: list[str]
    counts: dict[str, int]
    customers_at_both: int
    moved: int
    changed_by_customer: int
    changed_by_model: int
    in_words: list[str]


def migrate(
    old_model: Segmentation, new_model: Segmentation, old_features: pd.DataFrame, new_features: pd.DataFrame
) -> Migration:
    """Compare two segmentations at two dates.

    Parameters
    ----------
    old_model, new_model : Segmentation
        Their segments must share ids: the newer one's come from :func:`segments.identity.matching.identify`.
    old_features, new_features : DataFrame of shape (n_customers, ...)
        Feature tables with unique ``customer_id`` and the columns of the models (the later one: of both).

    Returns
    -------
    Migration
        Counts that add up: each customer of either table is in one cell, and in one row's count of the transitions.

    Raises
    ------
    DataError
        If a feature is missing or infinite.
    SweepError
        If a model's column is absent.

    Examples
    --------
    >>> from segments.model.segmentation import Limits, number_segments
    >>> from segments.clustering.space import Space
    >>> limits, space = Limits(np.ones(2), np.zeros(1), np.ones(1), 0.1), Space(["x"], ["identity"], [1.0], "none", {})
    >>> low_high = number_segments(["low", "high"])
    >>> was = Segmentation("a", space, np.array([[0.0], [10.0]]), low_high, limits)
    >>> now = Segmentation("b", space, np.array([[0.0], [20.0]]), low_high, limits)
    >>> people = pd.DataFrame({"customer_id": list("pqr"), "x": [1.0, 2.0, 9.0]})
    >>> moved = migrate(was, now, people, pd.DataFrame({"customer_id": list("pqrs"), "x": [1.0, 15.0, 9.0, 0.0]}))
    >>> moved.counts
    {'stayed': 1, 'returned': 0, 'customer': 1, 'model': 1, 'both': 0, 'new': 1, 'gone': 0}
    """
    before, after = (table.set_index("customer_id") for table in (old_features, new_features))
    was, via, now = old_model.predict(before), old_model.predict(after), new_model.predict(after)
    both = before.index.intersection(after.index, sort=False)
    table = pd.DataFrame(index=before.index.union(after.index, sort=False))
    table["from_id"], table["via_id"], table["to_id"] = was["segment_id"], via["segment_id"], now["segment_id"]
    table["cell"] = _cells(table)
    start, end = (to_space(old_model.space, part.loc[both]) for part in (before, after))
    way = pd.Series(np.sqrt(((end - start) ** 2).sum(axis=1)), index=both)
    table["travelled"] = way
    # Moving by t changes the difference of two distances by 2t at most: the border is at least half the margin away.
    table["crossings"] = way / np.maximum(was["margin"].loc[both] / 2, np.finfo(np.float64).tiny)
    table = table.rename_axis("customer_id").reset_index()
    order = [~table["cell"].isin(MOVED), -table["travelled"].fillna(-1), table["customer_id"].astype(str)]
    table = table.iloc[np.lexsort(order[::-1])].reset_index(drop=True)
    table["crossings"] = table["crossings"].clip(upper=1e9)
    columns = ["customer_id", "cell", "from_id", "via_id", "to_id", "travelled", "crossings"]
    counts = table["cell"].value_counts()
    return Migration(
        table[columns],
        _transitions(table),
        {cell: int(counts.get(cell, 0)) for cell in CELLS},
        old_model.segments,
        new_model.segments,
    )


def migration_in_words(migration: Migration) -> list[str]:
    """What happened, in a few sentences; no customer is named.

    Parameters
    ----------
    migration : Migration
        Made by :func:`migrate`.
    """
    counts, n = migration.counts, migration.at_both
    moved = sum(counts[cell] for cell in MOVED)

    def share(count: int) -> str:
        return f"{count:,} ({count / n:.0%})" if n else "0"

    lines = [
        f"{n:,} customers are there at both dates; {share(n - moved)} are in the same segment, {share(moved)} in another.",
        f"Of those who moved, {counts['customer']:,} changed themselves, {counts['model']:,} moved because the model changed, {counts['both']:,} for both reasons; {counts['returned']:,} changed but are where they were, because the model changed with them.",
        f"{counts['new']:,} customers are new, {counts['gone']:,} are gone.",
    ]
    names = {segment.segment_id: segment.name for segment in [*migration.new, *migration.old]}
    flows = migration.transitions
    flows = flows[(flows["from_id"] != flows["to_id"]) & flows["from_id"].notna() & flows["to_id"].notna()]
    if len(flows):
        largest = flows.loc[flows["customers"].idxmax()]
        a, b = largest["from_id"], largest["to_id"]
        lines.append(f"The largest move: {largest['customers']:,} from {a} '{names[a]}' to {b} '{names[b]}'.")
    return lines


def _cells(table: pd.DataFrame) -> pd.Series[Any]:
    was, via, now = (table[name] for name in ("from_id", "via_id", "to_id"))
    same, by_customer, by_model = was == now, was != via, via != now
    cells = np.select(
        [was.isna(), now.isna(), same & ~by_customer, same, ~by_model, ~by_customer],
        ["new", "gone", "stayed", "returned", "customer", "model"],
        "both",
    )
    return pd.Series(cells, index=table.index, dtype="str")


def _transitions(table: pd.DataFrame) -> pd.DataFrame:
    pairs = table.groupby(["from_id", "to_id"], dropna=False, sort=True)
    wide = pairs["cell"].value_counts().unstack(fill_value=0).reindex(columns=list(CELLS), fill_value=0)
    wide.insert(0, "customers", wide.sum(axis=1))
    return wide.rename_axis(columns=None).reset_index()
