"""All that the pages read. Comes in: names. Goes out: tables, plain data and models, each read once per state of its file.

What is not there is a :class:`SegmentsError` that names the command which makes it; :func:`found` shows it as one sentence. What is returned is shared by
all who look at the page, and never changed. Tables of a row per customer are asked by DuckDB for the few rows that a page shows, and never read whole:
a million customers would take seconds at the first look and a second at every click.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pandas as pd
import streamlit as st

from segments.app.dashboard import figures
from segments.app.servers.child import HOST
from segments.config.registry import IN_USE
from segments.config.root import Config
from segments.errors import SegmentsError, StoreError, TrackingError
from segments.evidence.selection import Choice
from segments.io.registry import files, versions
from segments.io.registry.versions import Version
from segments.io.store import catalog
from segments.io.store.cache import batch_records, sweep_records, uplift_folders, version_file, version_folder
from segments.io.store.files import read_csv, read_json, read_made, read_table, scan_tables, stamp_of
from segments.io.store.kinds import Artifact, Document, Table
from segments.io.tracking.candidates import pages_of
from segments.io.tracking.connection import record_stamp, tracking_uri
from segments.model.segmentation import Segmentation, segment_title

T = TypeVar("T")
Stamp = tuple[int, ...]
LOOK_AGAIN_SECONDS = 30  # at a record on a server, which has no file to look at
MEMBERS_KEPT = "members.parquet"  # of a registered version

# What a stage's artifacts hold: said where one is missing.
CONTENTS = {
    "selection": "which candidate was chosen, and why",
    "sweep": "the candidates of a sweep",
    "evidence": "how stable each candidate is",
    "identity": "who is in which segment",
    "profiles": "what the segments are like",
    "playbook": "what to do with each segment",
    "prediction": "churn risk and expected value",
    "performance": "how the segments did month by month",
    "features": "the customers' features",
}


@dataclass(frozen=True)
class Champion:
    """The version in use.

    Parameters
    ----------
    version : Version
        Its place in the registry, with its tags.
    model : Segmentation
        What it answers with.
    reference : dict or None
        The training customers in figures, as later batches are compared with.
    text : str
        ``reference`` as JSON, as the scoring module wants it.
    """

    version: Version
    model: Segmentation
    reference: dict[str, Any] | None
    text: str


def found(read: Callable[..., T], *args: Any) -> T | None:
    """What `read` gives; or ``None``, after saying in one sentence what is missing and what makes it."""
    try:
        return read(*args)
    except SegmentsError as error:
        st.info(sentence(error), icon=":material/info:")
        return None


def sentence(error: SegmentsError) -> str:
    """One sentence of an error: what is missing, and what to do.

    Examples
    --------
    >>> print(sentence(StoreError("artifacts/x/y.json does not exist yet", fix="run `segments x`, or `dvc repro`")))
    artifacts/x/y.json does not exist yet: run `segments x`, or `dvc repro`.
    """
    return f"{error.what}: {error.fix}." if error.fix else f"{error.what}."


def table(wanted: Table) -> pd.DataFrame:
    """A table of a stage as it is: a page shows what it can of one that earlier code made."""
    return _known(wanted, lambda stamp: _table(str(wanted.path), stamp))


def stored_document(wanted: Document[T]) -> T:
    """A document of a stage."""
    known: T = _known(wanted, lambda stamp: _document(wanted, str(wanted.path), stamp))
    return known


def choice() -> Choice:
    """What the last run chose and why."""
    return stored_document(catalog.CHOICE)


def candidates() -> pd.DataFrame:
    """The candidates of the last sweep, with their evidence where it was evaluated."""
    return table(catalog.JUDGED_CANDIDATES if catalog.exists(catalog.JUDGED_CANDIDATES) else catalog.CANDIDATES)


def chosen_candidate() -> pd.Series[Any] | None:
    """The row of the chosen candidate, with what is known of it; ``None`` where nothing was chosen."""
    if not catalog.exists(catalog.CHOICE):
        return None
    made = candidates()
    own = made[made["candidate_id"] == choice().candidate_id]
    return own.iloc[0] if len(own) else None


def sweeps() -> dict[str, pd.DataFrame]:
    """Every sweep's candidates by the sweep's id, newest first; those of the last run are among them."""
    made = {}
    if catalog.exists(catalog.SWEEP):
        made[stored_document(catalog.SWEEP).sweep_id] = candidates()
    for folder in reversed(sweep_records()):
        path = folder / "files" / "candidates.csv"
        if folder.name not in made and path.is_file():
            made[folder.name] = _csv(str(path), stamp_of(path))
    if not made:
        raise StoreError("no sweep has run yet", fix="run `segments sweep`, or `dvc repro`")
    return made


def batches() -> list[dict[str, Any]]:
    """Records of every scored batch, oldest first."""
    records = batch_records()
    if not records:
        raise StoreError(
            "no batch has been scored yet",
            fix="run `segments score FILE -o OUTPUT`, or score a file on the page What if and keep its record",
        )
    return records


def campaigns() -> list[tuple[dict[str, Any], pd.DataFrame]]:
    """Record and figures of the results of every campaign, newest first."""
    found = [
        (read_json(folder / "record.json"), read_csv(folder / "files" / "uplift.csv"))
        for folder in uplift_folders()
        if (folder / "files" / "uplift.csv").is_file()
    ]
    return sorted(found, key=lambda one: -one[0]["started_ms"])


def registered_versions(config: Config) -> list[Version]:
    """Versions of the registered model, oldest first."""
    made = _registered(config, *_registry_key(config))
    if not made:
        raise TrackingError("no model is registered yet", fix="run `dvc repro` (or `segments registry`)")
    return made


def champion(config: Config) -> Champion:
    """The version in use, with its model.

    Raises
    ------
    TrackingError
        If there is none; says what to run.
    """
    inuse = next((v for v in registered_versions(config) if IN_USE in v.aliases), None)
    if inuse is None:
        raise TrackingError(
            f"no version is in use (none bears the alias {IN_USE})",
            fix="run `dvc repro`, or put one in use by `segments promote VERSION --because WHY`",
        )
    model, text = _model(config, inuse.number, *_registry_key(config))
    return Champion(inuse, model, json.loads(text) if text else None, text)


def is_described(inuse: Champion) -> bool:
    """Whether the artifacts describe the version in use: false after a newer run whose model waits as challenger."""
    return bool(choice().candidate_id == inuse.version.tags.get("candidate_id"))


def members_file(version: Version) -> Path:
    """The table of who was in which segment when a version was made: ``customer_id, cluster, segment_id, segment``.

    Raises
    ------
    StoreError
        If it is not on this machine, or not as it was kept.
    """
    tags = version.tags
    names = tags.get("model_hash", ""), tags.get("candidate_id", "")
    kept = _kept_members(*names, stamp_of(version_folder(*names) / MEMBERS_KEPT))
    if kept is not None:
        return kept
    if catalog.exists(catalog.CHOICE) and choice().candidate_id == tags.get("candidate_id"):
        return catalog.path_of(catalog.NAMED_LABELS)
    raise StoreError(
        f"who is in which segment of version {version.number} is not on this machine",
        fix="run `dvc repro` here: lists of customers never leave the machine that made them",
    )


def sizes(version: Version) -> dict[str, int]:
    """Customers by the title of their segment, when a version was made."""
    table = outlook(version)
    return dict(zip(map(segment_title, table["segment_id"], table["segment"]), table["customers"], strict=True))


def outlook(version: Version) -> pd.DataFrame:
    """Each segment of a version in figures.

    Returns
    -------
    DataFrame
        ``segment_id, segment, customers`` and, where they are known, mean and sum of ``churn_risk`` and ``expected_value`` over its customers:
        ``churn_risk_mean`` and so on.
    """
    path = members_file(version)
    return _outlook(str(path), stamp_of(path), stamp_of(catalog.path_of(catalog.CUSTOMER_FORECAST)))


def member_page(version: Version, segment_id: str, text: str, page: int) -> tuple[int, pd.DataFrame]:
    """A page of a segment's members whose id contains a text (case does not matter), and how many they are on all pages.

    Parameters
    ----------
    version : Version
        Whose members.
    segment_id : str
        Their segment.
    text : str
        Part of an id, as it is written.
    page : int
        From 1, of :data:`figures.ROWS_PER_PAGE` customers each.

    Returns
    -------
    tuple of int and DataFrame
        How many there are, and of those on the page what :func:`customers` knows.
    """
    path = members_file(version)
    risk = stamp_of(catalog.path_of(catalog.CUSTOMER_FORECAST))
    return _member_page(str(path), stamp_of(path), risk, segment_id, text.strip(), page)


def all_members(version: Version, segment_id: str, text: str, most: int) -> pd.DataFrame:
    """The members of :func:`member_page` on all pages, `most` of them at most."""
    found = _asked(members_file(version), lambda table: _named(table, segment_id, text.strip()).limit(most))
    foreseen = table(catalog.CUSTOMER_FORECAST) if catalog.exists(catalog.CUSTOMER_FORECAST) else None
    return figures.people_table(found, foreseen)


def customers(version: Version, ids: Sequence[str]) -> pd.DataFrame:
    """Some customers of a version: segment, and risk and value where they are known; without those it does not know."""
    found = customer_rows(members_file(version), ids)
    return figures.people_table(found, _forecast_of(found["customer_id"]))


def customer_rows(path: Path, ids: Sequence[str]) -> pd.DataFrame:
    """The rows of some customers, of a table of one row per customer."""
    return _asked(path, lambda table: table.filter(_id(table).isin(*map(duckdb.ConstantExpression, ids))))


def features_of(ids: Sequence[str]) -> pd.DataFrame:
    """The rows of some customers of the feature table."""
    return _known(catalog.FEATURES, lambda stamp: customer_rows(catalog.path_of(catalog.FEATURES), ids))


def number_of_customers() -> int:
    """Of the feature table."""
    path = catalog.path_of(catalog.FEATURES)
    return int(_asked(path, lambda table: table.aggregate("count(*) AS n"))["n"].iloc[0])


def reasons_of(customer_id: str) -> pd.DataFrame:
    """Why a customer is in their segment; no row of a stranger."""
    return _known(catalog.REASONS, lambda stamp: customer_rows(catalog.path_of(catalog.REASONS), [customer_id]))


def pages(config: Config, candidate_ids: Sequence[str]) -> dict[str, str]:
    """Address of each candidate's run on MLflow's page (``segments ui``)."""
    places = _pages(config, tuple(candidate_ids), config.source.name, *_registry_key(config))
    host = (config.tracking.uri or f"http://{HOST}:{config.tracking.port}").rstrip("/")
    return {identity: f"{host}/{place}" for identity, place in places.items()}


def _known(wanted: Artifact[Any], read: Callable[[Stamp], T]) -> T:
    try:
        return read(stamp_of(wanted.path))
    except StoreError as error:
        if catalog.exists(wanted):
            raise
        content = CONTENTS.get(wanted.stage, wanted.file)
        raise StoreError(f"Not known yet: {content}", where=str(wanted.path), fix=error.fix) from error


def _registry_key(config: Config) -> tuple[str, str, Stamp]:
    if (stamp := record_stamp(config.tracking)) is None:
        stamp = (int(time.monotonic() // LOOK_AGAIN_SECONDS),)
    return tracking_uri(config.tracking), config.registry.model, stamp


# The cache of resources hands out the object itself; that of data would copy, by pickle, a million rows at every click.
@st.cache_resource(max_entries=40, show_spinner=False)
def _table(path: str, stamp: Stamp) -> pd.DataFrame:
    return read_table(Path(path))


@st.cache_resource(max_entries=40, show_spinner=False)
def _document(_wanted: Document[Any], path: str, stamp: Stamp) -> Any:
    return catalog.read(_wanted)


@st.cache_resource(max_entries=10, show_spinner=False)
def _csv(path: str, stamp: Stamp) -> pd.DataFrame:
    return read_csv(Path(path))


@st.cache_resource(max_entries=4, show_spinner="Reading the registry …")
def _registered(_config: Config, address: str, name: str, stamp: Stamp) -> list[Version]:
    return versions.registered(_config.tracking, name)


@st.cache_resource(max_entries=4, show_spinner="Reading the model …")
def _model(_config: Config, number: str, address: str, name: str, stamp: Stamp) -> tuple[Segmentation, str]:
    stored = files.read_model(_config.tracking, f"models:/{name}/{number}")
    return Segmentation.from_json(stored.document), stored.reference


@st.cache_resource(max_entries=20, show_spinner=False)
def _kept_members(model_hash: str, candidate_id: str, stamp: Stamp) -> Path | None:
    return version_file(model_hash, candidate_id, MEMBERS_KEPT)


@st.cache_resource(max_entries=20, show_spinner=False)
def _outlook(members: str, stamp: Stamp, risk: Stamp) -> pd.DataFrame:
    forecast = [catalog.path_of(catalog.CUSTOMER_FORECAST)] if risk else []

    def summed(table: duckdb.DuckDBPyRelation, *foreseen: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
        what, by = "segment_id, segment, count(*) AS customers", "segment_id, segment"
        for other in foreseen:
            known = [name for name in figures.FORESEEN if name in other.columns]
            what += "".join(f", avg({name}) AS {name}_mean, sum({name}) AS {name}_sum" for name in known)
            table = table.join(other.project(", ".join(["customer_id", *known])), "customer_id", how="left")
        return table.aggregate(what, by)

    return _asked(Path(members), summed, *forecast).sort_values(
        "customers", ascending=False, kind="stable", ignore_index=True
    )


@st.cache_resource(max_entries=50, show_spinner=False)
def _member_page(
    members: str, stamp: Stamp, risk: Stamp, segment_id: str, text: str, page: int
) -> tuple[int, pd.DataFrame]:
    path, size = Path(members), figures.ROWS_PER_PAGE
    count = _asked(path, lambda table: _named(table, segment_id, text).aggregate("count(*) AS n"))["n"].iloc[0]
    # without a sort DuckDB keeps the order of the file, which is that of the ids
    shown = _asked(path, lambda table: _named(table, segment_id, text).limit(size, (page - 1) * size))
    return int(count), figures.people_table(shown, _forecast_of(shown["customer_id"]))


def _forecast_of(ids: Sequence[str]) -> pd.DataFrame | None:
    path = catalog.path_of(catalog.CUSTOMER_FORECAST)
    return customer_rows(path, ids) if catalog.exists(catalog.CUSTOMER_FORECAST) and len(ids) else None


def _named(table: duckdb.DuckDBPyRelation, segment_id: str, text: str) -> duckdb.DuckDBPyRelation:
    """Members of a segment whose id contains a text."""
    own = table.filter(duckdb.ColumnExpression("segment_id") == duckdb.ConstantExpression(segment_id))
    if not text:
        return own
    lower = [duckdb.FunctionExpression("lower", one) for one in (_id(table), duckdb.ConstantExpression(text))]
    return own.filter(duckdb.FunctionExpression("contains", *lower))


def _id(table: duckdb.DuckDBPyRelation) -> duckdb.Expression:
    """The id as text; earlier code may have kept numbers."""
    column = duckdb.ColumnExpression("customer_id")
    return column if table.types[table.columns.index("customer_id")] == "VARCHAR" else column.cast("VARCHAR")


def _asked(path: Path, ask: Callable[..., duckdb.DuckDBPyRelation], *others: Path) -> pd.DataFrame:
    """What a question to a table of a row per customer, and to others beside it, is answered with."""

    def read() -> pd.DataFrame:
        try:
            return ask(*scan_tables(path, *others)).to_arrow_table().to_pandas()
        except duckdb.Error as error:
            raise ValueError(str(error)) from error

    return read_made(path, read)


@st.cache_resource(max_entries=20, show_spinner=False)
def _pages(
    _config: Config, candidate_ids: tuple[str, ...], source: str, address: str, name: str, stamp: Stamp
) -> dict[str, str]:
    return pages_of(_config.tracking, source, candidate_ids)
