"""A raw customers table to a clean one, by the SQL that cleans a log. Comes in: cells as the file has them. Goes out: one row per customer, and a report."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import duckdb
import pandas as pd

from segments.config.source import CUSTOMER_ID, Column, Customers, Source
from segments.data.reading.cells import LARGEST, instants, literal, number_in, refuse_pattern, text_sql, time_sql
from segments.data.reading.ids import customer_ids, id_key, key_sql
from segments.data.rows import (
    ROW_NUMBER,
    RawTable,
    Reason,
    Report,
    counted,
    find_header,
    in_order,
    judged_rows,
    quoted,
    quoted_list,
    repeated_rows,
    require,
)
from segments.errors import DataError


def clean_customers(raw: RawTable, source: Source, used: Collection[str] | None = None) -> tuple[pd.DataFrame, Report]:
    """Clean a customers table and count every row that is left out.

    Parameters
    ----------
    raw : RawTable
        One row per customer.
    source : Source
        What the columns mean (``source.customers``) and what to do with bad rows (``source.policy``).
    used : collection of str, optional
        Columns that the segments are made of; all by default. A bad value in another drops nobody: the customer is kept without it, and
        a note counts them.

    Returns
    -------
    table : DataFrame
        ``customer_id`` (text, as written), then the columns of the config in their order: numbers as float64, categories and dates
        (ISO) as text, each with missing values. Sorted by id, numerically where all ids are integers.
    report : dict
        ``rows_raw``, ``rows_clean``, ``reasons`` and ``notes``.

    Raises
    ------
    DataError
        If a needed column is missing, a number column holds no number, the policy says stop, more rows are bad
        than it allows, or none is left.

    Examples
    --------
    >>> source = Source("shop", customers=Customers("shop.csv", id="Id", columns={"age": Column(minimum=0)}))
    >>> connection = duckdb.connect()
    >>> rows = connection.sql("SELECT '02' AS ID, '31' AS Age UNION ALL SELECT '1', '40'")
    >>> table, report = clean_customers(RawTable(connection, rows), source)
    >>> table.to_dict("list")
    {'customer_id': ['1', '02'], 'age': [40.0, 31.0]}
    """
    spec, policy = source.customers, source.policy
    assert spec is not None
    notes = list(raw.notes)
    plan = _plan(raw, source, used, notes)
    lines = judged_rows(raw.connection, plan.rows, plan.parsed, plan.judged, "judged_customers")
    rows = int(lines.aggregate("count(*)").fetchall()[0][0])
    if not rows:
        raise DataError("the customers table has a header but no rows", where=spec.where, fix="check the file")
    for place, (name, column) in enumerate(spec.columns.items()):
        if name in plan.headers:
            notes += _look_at(lines, place, name, column, plan.headers[name], spec)
    notes += _let_go(lines, plan.let_go, rows)

    reasons = [reason for reason, _ in plan.judged]
    found = dict(lines.aggregate("verdict, count(*)", "verdict").fetchall())
    counts = [found.get(number, 0) for number in range(1, len(reasons) + 1)]
    keeping = [0, *(number for number, reason in enumerate(reasons, start=1) if reason.action == "keep")]
    alive = lines.filter(f"verdict IN ({', '.join(map(str, keeping))})")
    # An id stands for one customer only among the rows that are otherwise good.
    same = f"OVER (PARTITION BY {key_sql('id', source.id_type)}"
    kept = "nth = 1" if policy.duplicate_ids == "first" else "alike = 1"
    ranked = alive.project(f"*, row_number() {same} ORDER BY {ROW_NUMBER}) AS nth, count(*) {same}) AS alike")
    table = ranked.filter(kept)
    values = ", ".join(
        f"CASE WHEN NOT ({' OR '.join(plan.let_go[value].values())}) THEN {value} END"
        if value in plan.let_go
        else value
        for value in (f"value_{place}" for place in range(len(spec.columns)))
    )
    frame = table.order(ROW_NUMBER).project(f"id, {values}" if values else "id").df()
    once = "drop" if policy.duplicate_ids == "first" else policy.duplicate_ids
    twice = Reason("duplicate customer id", once, "duplicate_ids")
    again = ranked.filter(f"NOT ({kept})").project("verdict").fetchall()
    for (verdict,) in again:
        if verdict:
            counts[verdict - 1] -= 1
    try:
        report = counted([*reasons, twice], [*counts, len(again)], rows, policy, notes, spec.where)
    except DataError as error:
        if twice.action != "stop" or not again or plan.id_header is None:
            raise
        raise _several_lines(error, raw.lines, plan.parsed["id"], plan.id_header) from None
    said = " ".join(f"WHEN {number} THEN {literal(reason.text)}" for number, reason in enumerate(reasons, start=1))
    alone = f"CASE WHEN {kept} THEN 'clean' ELSE {literal(twice.text)} END"
    dead = lines.filter(f"verdict NOT IN ({', '.join(map(str, keeping))})").project(
        f"{ROW_NUMBER} AS row, id, CASE verdict {said} END AS reason"
        if said
        else f"{ROW_NUMBER} AS row, id, '' AS reason"
    )
    ranked.project(f"{ROW_NUMBER} AS row, id, {alone} AS reason").union(dead).create("customer_verdicts")

    kinds = ["string", *("string" if _is_text(column) else "float64" for column in spec.columns.values())]
    frame = frame.astype(dict(zip(frame.columns, kinds, strict=True)))
    frame.columns = pd.Index([CUSTOMER_ID, *spec.columns])
    frame = frame.loc[_id_order(frame[CUSTOMER_ID])].reset_index(drop=True)
    _validate(frame, spec)
    return frame, report


class _Plan(NamedTuple):
    """How the rows are read and judged: headers by column, SQL by name, reasons in order, and what is wrong with values that drop nobody."""

    headers: dict[str, str]
    id_header: str | None
    rows: duckdb.DuckDBPyRelation
    parsed: dict[str, str]
    judged: list[tuple[Reason, str]]
    let_go: dict[str, dict[str, str]]


def _plan(raw: RawTable, source: Source, used: Collection[str] | None, notes: list[str]) -> _Plan:
    spec, policy = source.customers, source.policy
    assert spec is not None
    types = dict(zip(raw.lines.columns, map(str, raw.lines.types), strict=True))
    headers, id_header = _customer_headers(list(types), spec, notes)
    extra = [header for header in types if header not in (*headers.values(), id_header)]
    if extra:
        notes.append(f"columns not used: {quoted_list(extra)}")

    numbered = raw.lines.project(f"row_number() OVER () AS {ROW_NUMBER}, *")
    parsed = {ROW_NUMBER: ROW_NUMBER}
    judged: list[tuple[Reason, str]] = []
    let_go: dict[str, dict[str, str]] = {}
    if id_header is None:
        parsed["id"] = f"CAST({ROW_NUMBER} AS VARCHAR)"
        notes.append(
            "no id column: customers are numbered from 1 in file order, and equal rows count as different customers"
        )
    else:
        cell = text_sql(id_header, types[id_header], spec.read)
        parsed["id"] = customer_ids(raw.lines, id_header, cell, source.id_type, spec.where, notes)
        parsed["is_repeat"] = repeated_rows(raw, numbered)
        judged.append((Reason("duplicate row", policy.duplicate_rows or "drop", "duplicate_rows"), "is_repeat"))
        judged.append((Reason("missing customer id", policy.missing_id, "missing_id"), "id IS NULL"))

    for place, (name, column) in enumerate(spec.columns.items()):
        text, value = f"text_{place}", f"value_{place}"
        if name not in headers:
            parsed[value] = f"CAST(NULL AS {'VARCHAR' if _is_text(column) else 'DOUBLE'})"
            notes.append(f"column '{name}' is not in the file: it is missing for every customer")
            continue
        parsed[text], parsed[value] = _cells(raw, headers[name], types[headers[name]], column, source, notes)
        faults = _faults(name, column, text, value)
        if used is not None and name not in used and policy.bad_value == "drop":
            let_go |= {value: faults} if faults else {}
        else:
            judged += [(Reason(words, policy.bad_value, "bad_value"), condition) for words, condition in faults.items()]
    return _Plan(headers, id_header, numbered, parsed, in_order(judged), let_go)


def _several_lines(error: DataError, lines: duckdb.DuckDBPyRelation, own: str, id_header: str) -> DataError:
    """The same error, with what such a table may be: a log, or one whose key is of two columns."""
    others = [header for header in lines.columns if header != id_header]
    cells = ", ".join([f"{own} AS own", *(f"{quoted(header)} AS other_{n}" for n, header in enumerate(others))])
    pairs = ["count(*)", "count(DISTINCT own)", *(f"count(DISTINCT (own, other_{n}))" for n in range(len(others)))]
    rows, ids, *counts = lines.project(cells).filter("own IS NOT NULL").aggregate(", ".join(pairs)).fetchall()[0]
    keys = [header for header, count in zip(others, counts, strict=True) if count == rows]
    said = f"{rows:,} lines are of {ids:,} customers"
    if keys:
        said += f"; '{id_header}' with {quoted_list(keys, 3)} tells lines apart"
    what, where, fix, listed = error.given
    fix += "; of a log write transactions: in place of customers:, or make one line of each customer by a query (docs/your-data.md)"
    return DataError(f"{what}. {said}", where=where, fix=fix, listed=listed)


def customer_verdicts(raw: RawTable) -> pd.DataFrame:
    """What :func:`clean_customers` made of every row, in order: ``row`` (from 1), ``id`` and ``reason``, missing where it is clean."""
    verdicts = raw.connection.table("customer_verdicts").order("row").df()
    return verdicts.assign(reason=verdicts["reason"].mask(verdicts["reason"] == "clean"))


def _cells(raw: RawTable, header: str, kind: str, column: Column, source: Source, notes: list[str]) -> tuple[str, str]:
    """SQL of a column's cells as text and as value: number, level or ISO day; missing where there is none, or it cannot be read."""
    spec = source.customers
    assert spec is not None
    text = text_sql(header, kind, spec.read)
    if column.is_text:
        return text, text
    if column.kind != "date":
        return text, number_in(raw, header, spec.read, spec.where, column.unit)
    time = time_sql(header, kind, text, column.time_format, source.time_zone)
    if kind == "TIMESTAMP WITH TIME ZONE":
        notes += instants(raw.lines, header, kind, text, None, source.time_zone, spec.where)
    return text, f"strftime({time}, '%Y-%m-%d')"


def _faults(name: str, column: Column, text: str, value: str) -> dict[str, str]:
    """What may be wrong with a value, in words, and SQL of whether it is."""
    if column.is_text:
        levels = ", ".join(map(literal, column.levels))
        return {f"{name} is none of its levels": f"{value} NOT IN ({levels})"} if levels else {}
    unreadable = {f"unreadable {name}": f"{text} IS NOT NULL AND {value} IS NULL"}
    if column.kind == "date":
        return unreadable
    bounds = [(column.minimum, "<"), (column.maximum, ">")]
    outside = " OR ".join(f"{value} {sign} {bound!r}" for bound, sign in bounds if bound is not None)
    return (
        unreadable
        | {f"infinite {name}": f"isinf({value})", f"{name} beyond {LARGEST:g}": f"abs({value}) >= {LARGEST}"}
        | ({f"{name} out of range": outside} if outside else {})
    )


def _let_go(lines: duckdb.DuckDBPyRelation, let_go: Mapping[str, Mapping[str, str]], rows: int) -> list[str]:
    """How many rows are kept without a value that is no good, by what is wrong with it."""
    notes = []
    for faults in let_go.values():
        first = " ".join(f"WHEN {condition} THEN {literal(words)}" for words, condition in faults.items())
        found = dict(lines.aggregate(f"CASE {first} END AS fault, count(*)", "fault").fetchall())
        notes += [
            f"{words} in {found[words]} of {rows} rows, which are kept without it: no feature set of the grid uses it"
            for words in faults
            if words in found
        ]
    return notes


def _look_at(
    lines: duckdb.DuckDBPyRelation, place: int, name: str, column: Column, header: str, spec: Customers
) -> list[str]:
    """What a person should know of a column's cells; errors where the column is not what it is said to be."""
    text, value = f"text_{place}", f"value_{place}"
    missing, present, read = lines.aggregate(
        f"count(*) FILTER (WHERE {text} IS NULL), count({text}), count({value})"
    ).fetchall()[0]
    notes = []
    if not present and column.is_text:
        return [f"column '{name}' has no values"]
    if missing:
        # Whether a customer without it can be kept, only the feature sets tell.
        notes.append(f"column '{name}' is missing for {missing} of {missing + present} rows, which are kept")
    if column.is_text:
        levels = ", ".join(map(literal, column.levels))
        unknown = lines.filter(f"{text} NOT IN ({levels})") if levels else None
        if unknown is not None and (seen := _first_of(unknown, text)):
            notes.append(f"column '{name}' has levels that its order does not name: {quoted_list(seen, 3)}")
        return notes
    said, key = ("date", "time_format") if column.kind == "date" else ("number", "read.decimal")
    if not read:
        raise DataError(
            f"column '{header}' holds no {said}; it has {quoted_list(_first_of(lines, text)) or 'no values at all'}",
            where=spec.where,
            fix=f"write how its dates are written: source.customers.columns.{name}.time_format, such as '%d/%m/%Y'"
            if said == "date"
            else f"check source.customers.columns.{name} (kind, raw) and read.decimal",
        )
    bad = lines.filter(f"{text} IS NOT NULL AND {value} IS NULL")
    fix = f"see whether {key} says how all of them are written, and whether {name} is a {said}"
    if read < present and (shown := refuse_pattern(bad, text, header, spec.where, fix)):
        notes.append(f"unreadable {name}, for example: {shown}")
    return notes


def _first_of(lines: duckdb.DuckDBPyRelation, text: str) -> list[str]:
    """Three of the different cells, as they come."""
    seen = lines.filter(f"{text} IS NOT NULL").aggregate(f"{text}, min({ROW_NUMBER}) AS nth", text)
    return [row[0] for row in seen.order("nth").limit(3).fetchall()]


def _is_text(column: Column) -> bool:
    """Whether the clean column is one of texts: levels, or days as ISO writes them."""
    return column.is_text or column.kind == "date"


def customers_schema(spec: Customers) -> Any:
    """Build the pandera schema of a clean customers table: what every later stage may rely on."""
    import pandera.pandas as pa

    columns: dict[str, Any] = {"customer_id": pa.Column("string", unique=True, nullable=False)}
    for name, column in spec.columns.items():
        if _is_text(column):
            columns[name] = pa.Column("string", nullable=True)
            continue
        checks = []
        if column.minimum is not None:
            checks.append(pa.Check.ge(column.minimum))
        if column.maximum is not None:
            checks.append(pa.Check.le(column.maximum))
        columns[name] = pa.Column("float64", checks, nullable=True)
    return pa.DataFrameSchema(columns, strict=True, ordered=True)


def _customer_headers(headers: list[str], spec: Customers, notes: list[str]) -> tuple[dict[str, str], str | None]:
    """Header of each configured column, and of the id."""
    wanted: dict[str, Sequence[str]] = {}
    for name, column in spec.columns.items():
        names = [column.raw or name, *column.aliases]
        if column.required or find_header(headers, names) is not None:
            wanted[name] = names
    id_names = [spec.id, *spec.id_aliases] if spec.id is not None else []
    id_header = find_header(headers, id_names) if id_names else None
    if id_names and id_header is None and spec.id_required:
        wanted["customer_id"] = id_names
    return require(headers, wanted, spec.where), id_header


def _validate(table: pd.DataFrame, spec: Customers) -> None:
    import pandera.errors

    try:
        customers_schema(spec).validate(table)
    except (pandera.errors.SchemaError, pandera.errors.SchemaErrors) as error:
        raise DataError(
            f"the cleaned customers break their schema: {str(error).splitlines()[0]}", where=spec.where
        ) from error


def _id_order(ids: pd.Series) -> pd.Index:
    keys = ids.map(id_key)
    if keys.str.fullmatch(r"-?\d+").all():
        return keys.map(int).sort_values(kind="stable").index
    return ids.sort_values(kind="stable").index
