"""Customers the last run knew -> what is known of each. Comes in: the tables of the run, the version that answers. Goes out: a look-up by id.

Read when somebody first asks, and again when a run has made other tables: nothing of a customer is kept anywhere else.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from segments.action.target_list import PREDICTED, memberships
from segments.config.root import Config
from segments.errors import SegmentsError, TrackingError
from segments.io.registry.champion import plans_of
from segments.io.registry.versions import registered
from segments.io.store import catalog
from segments.model.segmentation import Segmentation


def stamp() -> tuple[int, ...]:
    """Changes when a run has made other tables.

    Raises
    ------
    SegmentsError
        If there are none.
    """
    found: list[int] = []
    for table in (catalog.FEATURES, catalog.CUSTOMER_FORECAST):
        try:
            found.append(catalog.path_of(table).stat().st_mtime_ns)
        except FileNotFoundError:
            if table is catalog.FEATURES:
                raise SegmentsError(
                    "there are no tables of customers here", fix="run `dvc repro` in this project, then ask again"
                ) from None
    return tuple(found)


def known_customers(config: Config, name: str, number: str, segmentation: Segmentation) -> pd.DataFrame:
    """Everybody the last run knew, by a version of the model.

    Parameters
    ----------
    config : Config
        Its source is the one the tables must be of.
    name, number : str
        The version: its playbook says what is done.
    segmentation : Segmentation
        The version's.

    Returns
    -------
    DataFrame
        Indexed by ``customer_id``: ``segment_id, segment, confidence, churn_risk, expected_value`` (those two where they are predicted with skill),
        ``playbook, channel, offer``.

    Raises
    ------
    SegmentsError
        If the tables are of another source, or cannot be read.
    """
    catalog.check_source(catalog.FEATURES_REPORT, config.source.name)
    table = memberships(segmentation, catalog.read(catalog.FEATURES))
    if catalog.exists(catalog.CUSTOMER_FORECAST):
        forecast = catalog.read(catalog.CUSTOMER_FORECAST)
        table = table.merge(
            forecast[["customer_id", *(one for one in PREDICTED if one in forecast)]], on="customer_id", how="left"
        )
    version = next((one for one in registered(config.tracking, name) if one.number == number), None)
    if version is None:
        raise TrackingError(f"{name} version {number} is gone", fix="see `segments summary`")
    plan = plans_of(config, version).set_index("cluster")[["playbook", "channel", "offer"]]
    return table.join(plan, on="cluster").drop(columns="cluster").set_index("customer_id")


def facts_of(table: pd.DataFrame, customer_id: str) -> dict[str, Any] | None:
    """What is known of one customer, as plain values; ``None`` of a stranger. What is not known of him is null.

    Examples
    --------
    >>> table = pd.DataFrame({"segment": ["low"], "churn_risk": [float("nan")]}, index=["007"])
    >>> facts_of(table, "007"), facts_of(table, "7")
    ({'customer_id': '007', 'segment': 'low', 'churn_risk': None}, None)
    """
    if customer_id not in table.index:
        return None
    at = table.index.get_loc(customer_id)
    cells = {column: table[column].iloc[at] for column in table.columns}
    return {"customer_id": customer_id} | {column: plain_cell(cell) for column, cell in cells.items()}


def plain_cell(cell: Any) -> Any:
    """A cell of a table as JSON has it: a number, text or null."""
    if pd.isna(cell):
        return None
    return cell.item() if hasattr(cell, "item") else cell
