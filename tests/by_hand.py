"""Documents that earlier stages make, with the little that a test of a later one needs."""

from __future__ import annotations

import duckdb
import pandas as pd

from segments.data.rows import RawTable
from segments.evidence.selection import Choice
from segments.features.table import FeaturesReport
from segments.io.store import catalog
from segments.io.store.documents import CleaningReport


def features_of(source: str) -> None:
    """The report of the features of a source."""
    catalog.write(catalog.FEATURES_REPORT, FeaturesReport(source, None, 0, 0, {}, [], []))


def clean_tables_of(source: str) -> None:
    """The report of the clean tables of a source."""
    catalog.write(catalog.CLEANING_REPORT, CleaningReport(source, {}))


def chosen(candidate_id: str | None, feature_set: str = "rfm", cell: str = "rfm · none") -> None:
    """The choice of a candidate, or of none."""
    place = (None, None) if candidate_id is None else (feature_set, cell)
    finalists = [] if candidate_id is None else [candidate_id]
    catalog.write(
        catalog.CHOICE, Choice(candidate_id, None, *place, finalists, "the rule", "it won", [], 1, 1, {}, [], [], {})
    )


def raw_table(cells: pd.DataFrame) -> RawTable:
    """A raw table of these cells, all of them text."""
    connection = duckdb.connect(":memory:")
    connection.register("raw", cells.astype("string"))
    return RawTable(connection, connection.table("raw"))
