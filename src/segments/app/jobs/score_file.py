"""A file of rows -> a file of answers, one of rejected rows, and a record. Comes in: paths and a registered model. Goes out: files, whole or not there.

Feature rows are streamed: memory stays the same however many there are. A transaction log is summed up as the source says, with its as-of date.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from segments.config.root import Config
from segments.config.source import Customers, Reader, Source, Transactions
from segments.data.cleaning.customers import clean_customers, customer_verdicts
from segments.data.cleaning.transactions import clean_transactions, rejected_lines
from segments.data.reading import files
from segments.data.reading.cells import literal
from segments.data.reading.text_file import ROWS_AT_ONCE
from segments.data.rows import RawLog, RawTable, find_header
from segments.errors import DataError, StoreError
from segments.features.derived import OLDEST, derive
from segments.features.table import build_features
from segments.io.store.cache import batch_record, kept_batch, version_file
from segments.io.store.files import growing_table, read_table, remove, write_json
from segments.io.store.fingerprints import Start, file_sha256, sha256
from segments.model.answers import Rejected, find_columns, score_batches
from segments.model.drift import Tally, distributions, figures, reference_of, verdict
from segments.model.segmentation import Segmentation

REJECTED_SIDE = pa.schema({"row": pa.int64(), "id": pa.string(), "reason": pa.string()})


@dataclass(frozen=True)
class Batch:
    """A scored file.

    Parameters
    ----------
    scored : int
        Rows with an answer. How many customers they are is not counted: it would take memory for every id.
    rejected : dict of str to int
        Rows without, by reason; of a log its lines, also those of customers who could not be scored.
    counts : {"rows", "customers"}
        What is scored: the rows of a file, or the customers of a log.
    notes : list of str
        What was left out by the policy of the source, and what was assumed.
    side : Path
        Where the rejected rows are, if there are any.
    record : dict or None
        Its record; ``None`` when none was wanted, or the model was registered without training figures.
    """

    scored: int
    rejected: dict[str, int]
    counts: str
    notes: list[str]
    side: Path
    record: dict[str, Any] | None

    def message(self) -> str:
        """The reasons in words, with their rows.

        Examples
        --------
        >>> Batch(1, {"age is missing": 1200, "missing id": 1}, "rows", [], Path("out.rejected.csv"), None).message()
        '1,200 age is missing, 1 missing id'
        """
        return ", ".join(f"{rows:,} {reason}" for reason, rows in self.rejected.items())


@dataclass(frozen=True)
class _Input:
    """An opened input: the name of its id, its chunks, and what is known before they are scored."""

    id_name: str
    missing: list[str]
    decimal: str
    encoding: str | None
    batches: Iterator[pa.RecordBatch]
    bad_lines: Iterator[Rejected]
    left_out: dict[str, int]
    notes: list[str]
    lines_of: Callable[[Collection[str]], dict[str, int]] | None = None
    lines: int | None = None
    rows_of: Mapping[str, int] | None = None
    dated: bool = False
    year_before: tuple[str, pd.DataFrame] | None = None


def score_file(
    config: Config,
    path: Path,
    output: Path,
    segmentation: Segmentation,
    model: Mapping[str, str],
    reference: str,
    read: Mapping[str, Any] = MappingProxyType({}),
    shown: str = "",
    *,
    raw: bool = False,
) -> Batch:
    """Score a CSV or parquet of feature rows, of the raw columns of the source's customers table, or of its transaction log.

    Parameters
    ----------
    config : Config
        Its source says what the id is called, what the columns of a log mean and how its files are read; section ``monitoring`` has the limits.
    path, output : Path
        What to score, and where the answers go: CSV or parquet, by suffix. Rejected rows go to ``<output's stem>.rejected.csv`` beside it.
    segmentation : Segmentation
        The model.
    model : mapping of str to str
        ``name`` and ``version`` of the model, for the record.
    reference : str
        The model's training figures as JSON; without them no record is made.
    read : mapping of str to str
        ``encoding``, ``separator`` or ``decimal`` of this file; they go before what the source says.
    shown : str
        What the person calls the file, for errors; its path by default.
    raw : bool
        Whether text in a CSV stays as it is, although a spreadsheet may take it for a formula.

    Returns
    -------
    Batch
        What was done, even if every row was rejected; there is no output then. The record is on disk, under the same id whenever the same file
        is scored by the same version.

    Raises
    ------
    DataError
        If the file cannot be read, lacks a column, or has no rows.
    StoreError
        If the output cannot be written, or would take the input's place.
    """
    side = output.with_name(f"{output.stem}.rejected.csv")
    if path.resolve() in (output.resolve(), side.resolve()):
        raise StoreError("the output would take the input's place", where=str(output), fix="name another file")
    started = Start()
    tally = None
    scored, rejected = 0, Counter[str]()
    with (
        ThreadPoolExecutor(1) as pool,
        _shown(path, shown),
        _opened(config, path, segmentation.space.columns, read) as rows,
    ):
        digest = pool.submit(file_sha256, path)
        if reference:
            day, before = rows.year_before or (None, None)
            compared = json.loads(reference) if before is None else reference_of(before, segmentation)
            tally = Tally(compared, segmentation, _previous(segmentation), day)
        with growing_table(side, raw=raw) as reject, growing_table(output, raw=raw) as answer:
            for line in rows.bad_lines:
                reject(_side_rows([line]))
                rejected[line.kind] += 1
            for chunk in score_batches(segmentation, rows.batches, rows.missing, rows.decimal):
                if len(chunk.answers):
                    answer(chunk.table(rows.id_name))
                if chunk.rejected:
                    listed, counted = _as_in_file(chunk.rejected, rows)
                    reject(_side_rows(listed))
                    rejected.update(counted)
                scored += len(chunk.answers)
                if tally is not None:
                    tally.add(chunk)
        if not rejected:
            remove(side)
        if not scored and not rejected:
            raise DataError(f"no row of {path.name} can be scored: it has a header but no rows", fix="check the file")
    left_out = {reason: lines for reason, lines in rows.left_out.items() if reason not in rejected}
    notes = [
        f"{lines:,} line{'s' * (lines != 1)} left out by the policy of the source: {reason}"
        for reason, lines in left_out.items()
    ]
    record = None
    if tally is not None:
        tally.rejected, tally.read = rejected, rows.lines
        key = [digest.result(), model["name"], model["version"], *([config.source.as_of] if rows.dated else [])]
        batch_id = sha256(json.dumps(key).encode())[:12]
        read_as = {"left_out": left_out, "encoding": rows.encoding}
        record = _record(config, batch_id, path.name, model, tally, started) | read_as
        write_json(batch_record(batch_id), record)
    counts = "rows" if rows.lines is None else "customers"
    return Batch(scored, dict(rejected.most_common()), counts, [*notes, *rows.notes], side, record)


@contextmanager
def _shown(path: Path, name: str) -> Iterator[None]:
    """Errors about the file say which it is, by the name the person knows it under."""
    try:
        yield
    except DataError as error:
        message = [error.what, error.where or str(path), error.fix]
        for own in (str(path.resolve()), str(path)):
            message = [text.replace(own, name or str(path)) for text in message]
        raise DataError(message[0], where=message[1], fix=message[2]) from error


def _record(
    config: Config, batch_id: str, name: str, model: Mapping[str, str], tally: Tally, started: Start
) -> dict[str, Any]:
    """What is kept of a batch: no customers. Scored again, it keeps the time it was first scored at."""
    found = figures(tally, config.monitoring, config.source.labels)
    decision, sentence = verdict(found)
    if tally.day is not None:
        sentence += f" It was compared with the customers of {tally.day}, a year before."
    if not tally.scored:
        sentence = "Keep: no row could be scored, so nothing can be compared with the training data."
    started_ms, seconds = started.ms, round(started.seconds, 3)
    if (path := batch_record(batch_id)).is_file():
        before = kept_batch(path)
        started_ms, seconds = before["started_ms"], before["seconds"]
    return {
        "batch_id": batch_id,
        "scored_at": datetime.fromtimestamp(started_ms / 1000, UTC).isoformat(timespec="seconds"),
        "started_ms": started_ms,
        "seconds": seconds,
        "input": name,
        "source": config.source.name,
        "model": dict(model) | {"candidate_id": tally.segmentation.candidate_id},
        "rows": tally.rows,
        "scored": tally.scored,
        "rejected": tally.rejected.total(),
        "reasons": dict(tally.rejected.most_common()),
        "segments": [
            {"cluster": cluster, "customers": int(customers), "training": training}
            for cluster, (customers, training) in enumerate(
                zip(tally.clusters, tally.reference["segments"]["counts"], strict=True)
            )
        ],
        "figures": [figure.to_plain() for figure in found],
        "distributions": [one.to_plain() for one in distributions(tally)],
        "compared_with": tally.day,
        "decision": decision,
        "sentence": sentence,
    }


@contextmanager
def _opened(config: Config, path: Path, columns: list[str], read: Mapping[str, Any]) -> Iterator[_Input]:
    """The input as chunks of id and model columns, whether it holds these, the raw columns of the customers table, or a log."""
    source, spec, people = config.source, config.source.transactions, config.source.customers
    # the features of a source with a log are made here, not by whoever writes its raw files
    reader = replace(people.read if people is not None and spec is None else Reader(), **read)
    file = files.open_rows(path, reader)
    if spec is not None and not set(columns) <= set(file.headers):
        spec = replace(spec, path=str(path.resolve()), read=replace(spec.read, **read))
        log = file
        if spec.read != reader:
            with suppress(DataError):  # then it is no log, or reading it below says what is wrong
                log = files.open_rows(path, spec.read)
        if any(_is_log(one.headers, spec) for one in (file, log)):
            with files.open_log(replace(source, transactions=spec)) as lines:
                yield _summed_up(config, replace(source, transactions=spec), lines, columns, log)
            return
    if people is not None and spec is None and _is_raw(file, asked := people.only(columns), columns):
        with files.workspace(path) as (connection, folder):
            table = RawTable(connection, *files.relation(connection, path, reader, folder, "raw_customers"))
            here = replace(source, customers=replace(asked, path=str(path), read=reader))
            yield _cleaned(here, table, columns, file)
        return
    named = [people.id, *people.id_aliases] if people is not None else []
    names = ["customer_id", *named, *([spec.customer] if spec is not None else [])]
    headers = find_columns(file.headers, columns, [name for name in names if name is not None])
    batches = file.batches(headers)
    yield _Input(headers[0], reader.missing, file.decimal, file.encoding, batches, iter(()), {}, file.notes)


def _is_raw(file: files.Rows, people: Customers, columns: list[str]) -> bool:
    """Whether a file has the columns of the raw table, and not those of the model: of one name may be both, a date and the days since."""
    headers = {name: find_header(file.headers, [one.raw or name, *one.aliases]) for name, one in people.columns.items()}
    known = {*people.columns, *people.derived}
    if not known.issuperset(columns) or any(
        found is None and people.columns[name].required for name, found in headers.items()
    ):
        return False
    if not set(columns) <= set(file.headers):
        return True
    converted = [
        name
        for name in columns
        if name in people.columns and (people.columns[name].kind in ("date", "birth_year") or people.columns[name].unit)
    ]
    for name in (name for name in converted if headers[name] == name):
        head = next(file.batches([name]), pa.record_batch({name: pa.array([], pa.string())})).column(0).to_pandas()
        numbers = pd.to_numeric(head.dropna(), errors="coerce")
        if len(numbers) and (
            numbers.isna().mean() > 0.5 or (people.columns[name].kind == "birth_year" and numbers.median() > OLDEST)
        ):
            return True
    return False


def _cleaned(source: Source, raw: RawTable, columns: list[str], file: files.Rows) -> _Input:
    """The rows of a raw customers table, cleaned as those that the model was fitted on; what is bad is rejected, however much it is."""
    people = source.customers
    assert people is not None
    table, report = clean_customers(raw, replace(source, policy=replace(source.policy, max_bad_share=1.0)))
    notes = [note for note in report["notes"] if not note.startswith("columns not used")]
    features = derive(table, people, source.as_of, notes)
    dated = any(column.kind in ("date", "birth_year") for column in people.columns.values())
    if dated:
        notes.append(
            f"days and ages are counted to the as-of date {source.as_of}; source.as_of=YYYY-MM-DD takes another"
        )
    verdicts = customer_verdicts(raw)
    bad = [
        Rejected(int(row), None if pd.isna(id_) else id_, why, why)
        for row, id_, why in verdicts.dropna(subset="reason").itertuples(index=False)
    ]
    rows_of = dict(verdicts[verdicts["reason"].isna()][["id", "row"]].itertuples(index=False))
    features = features.sort_values("customer_id", key=lambda ids: ids.map(rows_of), kind="stable")
    name = find_header(file.headers, [people.id, *people.id_aliases]) if people.id is not None else None
    batches = pa.Table.from_pandas(features[["customer_id", *columns]], preserve_index=False).to_batches(ROWS_AT_ONCE)
    return _Input(
        name or "customer_id", [], ".", file.encoding, iter(batches), iter(bad), {}, notes, rows_of=rows_of, dated=dated
    )


def _is_log(headers: list[str], spec: Transactions) -> bool:
    return all(find_header(headers, [name]) for name in (spec.customer, spec.time, *spec.money.values()))


def _summed_up(config: Config, source: Source, log: RawLog, columns: list[str], file: files.Rows) -> _Input:
    """The customers of a log."""
    lines, report = clean_transactions(log, source)
    alone = replace(source, customers=None)
    features = build_features(None, lines, alone, config.features).table
    find_columns(list(features.columns), columns, ["customer_id"])
    before = _year_before(config, alone, lines)
    table = pa.Table.from_pandas(features[["customer_id", *columns]], preserve_index=False)
    bad = (Rejected(row, id_, reason, reason) for row, id_, reason in rejected_lines(log))
    left_out = {one["reason"]: one["rows"] for one in report["reasons"] if one["action"] != "keep"}
    notes = [*report["notes"], *(note for note in file.notes if note not in report["notes"])]
    batches = iter(table.to_batches(max_chunksize=ROWS_AT_ONCE))

    def lines_of(ids: Collection[str]) -> dict[str, int]:
        own = lines.filter(f"customer_id IN ({', '.join(map(literal, ids))})")
        return dict(own.aggregate("customer_id, count(*)", "customer_id").fetchall())

    return _Input(
        "customer_id",
        [],
        ".",
        file.encoding,
        batches,
        bad,
        left_out,
        notes,
        lines_of,
        int(report["rows_raw"]),
        dated=True,
        year_before=before,
    )


def _year_before(config: Config, source: Source, lines: duckdb.DuckDBPyRelation) -> tuple[str, pd.DataFrame] | None:
    """The customers of the same day a year before, where the log has all of that day's window."""
    window, today = config.features.window_days, date.fromisoformat(source.as_of or "")
    if window is None:  # then the features of a year before knew less of everybody
        return None
    day = today.replace(year=today.year - 1, day=min(today.day, 28) if today.month == 2 else today.day)
    ((first, bought),) = lines.aggregate(
        f"CAST(min(purchased_at) AS DATE), bool_or(CAST(purchased_at AS DATE) BETWEEN DATE '{day}' - {window - 1} AND DATE '{day}')"
    ).fetchall()
    if not bought or (day - first).days < window - 1:
        return None
    return str(day), build_features(None, lines, replace(source, as_of=str(day)), config.features).table


def _previous(segmentation: Segmentation) -> dict[str, str] | None:
    """Segment of each customer when the version was registered, if that was on this machine."""
    # the version's own list, not the last run's: a challenger that waits must not hide who moved
    model_hash = sha256(segmentation.to_json().encode())
    path = version_file(model_hash, segmentation.candidate_id, "members.parquet")
    if path is None:
        return None
    members = read_table(path)
    return dict(zip(members["customer_id"].astype(str), members["segment"], strict=True))


def _as_in_file(bad: list[Rejected], rows: _Input) -> tuple[list[Rejected], Counter[str]]:
    """The rejected of a chunk with their places in the file, and how many of its rows or lines these are, by kind."""
    if rows.lines_of is not None:  # a customer who is rejected is all of their lines
        lines, counted = rows.lines_of([str(one.id) for one in bad]), Counter[str]()
        for one in bad:
            counted[one.kind] += lines[str(one.id)]
        return [replace(one, row=None) for one in bad], counted
    places = rows.rows_of
    listed = [one if places is None else replace(one, row=places[str(one.id)]) for one in bad]
    return listed, Counter(one.kind for one in bad)


def _side_rows(rejected: list[Rejected]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(
        [{"row": one.row, "id": one.id, "reason": one.reason} for one in rejected], schema=REJECTED_SIDE
    )
