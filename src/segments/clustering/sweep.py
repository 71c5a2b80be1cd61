"""What a sweep is, in plain data: which candidates it has, and what makes each of them a model. Comes in: ids, spaces, centres. Goes out: documents."""

from __future__ import annotations

from dataclasses import dataclass

from segments.clustering.space import Space


@dataclass(frozen=True)
class Sweep:
    """Which candidates a sweep has.

    Parameters
    ----------
    sweep_id : str
        Hash of its candidates.
    source : str
        Name of the source.
    cells : list of list of str
        Candidate ids per feature set and scaler, k rising.
    """

    sweep_id: str
    source: str
    cells: list[list[str]]


@dataclass(frozen=True)
class Fits:
    """What makes a candidate a model that assigns new customers.

    Parameters
    ----------
    spaces : dict of str to Space
        Per cell ("feature set · scaler") the fitted way from features to the clustered space.
    centres : dict of str to list of list of float
        Per candidate its cluster centres in that space, shape (k, n_columns).
    """

    spaces: dict[str, Space]
    centres: dict[str, list[list[float]]]
