"""A raw customers table to a clean one, in pandas. Comes in: cells as text. Goes out: one row per customer, and a report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from segments.config.source import Customers, Source
from segments.data.reading.cells import INTEGER, LARGEST, NUMBER, ROUNDED_ID
from segments.data.rows import (
    RawTable,
    Reason,
    Report,
    counted,
    find_header,
    in_order,
    quoted_list,
    require,
    rounded_ids,
)
from segments.errors import DataError


def clean_customers(raw: RawTable, source: Source) -> tuple[pd.DataFrame, Report]:
    """Clean a customers table and count every row that is left out.

    Parameters
    ----------
    raw : RawTable
        Cells as text, one row per customer.
    source : Source
        What the columns mean (``source.customers``) and what to do with bad rows (``source.policy``).

    Returns
    -------
    table : DataFrame
        ``customer_id`` (text), then the columns of the config in their order: numbers as float64, categories and dates (ISO) as text,
        each with missing values. Sorted by id, numerically where all ids are integers.
    report : dict
        ``rows_raw``, ``rows_clean``, ``reasons`` and ``notes``.

    Raises
    ------
    DataError
        If a needed column is missing, a number column holds no number, the policy says stop, more rows are bad
        than it allows, or none is left.

    Examples
    --------
    >>> from segments.config.source import Column
    >>> source = Source("shop", customers=Customers("shop.csv", id="Id", columns={"age": Column(minimum=0)}))
    >>> cells = pd.DataFrame({"ID": ["02", "1"], "Age": ["31", "40"]})
    >>> table, report = clean_customers(RawTable(cells), source)
    >>> table.to_dict("list")
    {'customer_id': ['1', '2'], 'age': [40.0, 31.0]}
    """
    spec = source.customers
    assert spec is not None
    headers = [str(header) for header in raw.cells.columns]
    rows = len(raw.cells)
    if not rows:
        raise DataError("the customers table has a header but no rows", where=spec.path, fix="check the file")
    missing = {text.strip().casefold() for text in spec.read.missing}
    cells = raw.cells.reset_index(drop=True)
    notes = list(raw.notes)

    used, id_header = _customer_headers(headers, spec, notes)
    extra = [header for header in headers if header not in (*used.values(), id_header)]
    if extra:
        notes.append(f"columns not used: {quoted_list(extra)}")

    policy = source.policy
    judged: list[tuple[Reason, pd.Series]] = []
    if id_header is None:
        ids = pd.Series([str(number) for number in range(1, rows + 1)], dtype="string")
        notes.append(
            "no id column: customers are numbered from 1 in file order, and equal rows count as different customers"
        )
    else:
        written = _text(cells[id_header], missing)
        if (rounded := written.str.fullmatch(ROUNDED_ID).fillna(False)).any():
            raise rounded_ids(id_header, written[rounded].iloc[0], spec.path)
        ids = canonical_ids(written)
        judged.append((Reason("duplicate row", policy.duplicate_rows or "drop", "duplicate_rows"), cells.duplicated()))
        judged.append((Reason("missing customer id", policy.missing_id, "missing_id"), ids.isna()))

    columns: dict[str, pd.Series] = {}
    for name, column in spec.columns.items():
        if name not in used:
            dtype = "string" if column.is_text or column.kind == "date" else "float64"
            columns[name] = pd.Series([None] * rows, dtype=dtype)
            notes.append(f"column '{name}' is not in the file: it is missing for every customer")
            continue
        text = _text(cells[used[name]], missing)
        if text.isna().all() and column.is_text:
            notes.append(f"column '{name}' has no values")
        elif text.isna().any():
            # Whether a customer without it can be kept, only the feature sets tell.
            notes.append(f"column '{name}' is missing for {int(text.isna().sum())} of {rows} rows, which are kept")
        if column.is_text:
            columns[name] = text
            unknown = text.notna() & ~text.isin(column.levels or text)
            judged.append((Reason(f"{name} is none of its levels", policy.bad_value, "bad_value"), unknown))
            if unknown.any():
                notes.append(
                    f"column '{name}' has levels that its order does not name: {quoted_list(text[unknown].unique(), 3)}"
                )
            continue
        if column.kind == "date":
            columns[name] = days = readable_days(text, column.time_format)
            bad_day = Reason(f"unreadable {name}", policy.bad_value, "bad_value")
            judged.append((bad_day, text.notna() & days.isna()))
            if days.isna().all():
                raise DataError(
                    f"column '{used[name]}' holds no date; it has {quoted_list(text.dropna().unique()[:3]) or 'no values at all'}",
                    where=spec.path,
                    fix=f"write how its dates are written: source.customers.columns.{name}.time_format, such as '%d/%m/%Y'",
                )
            continue
        values = readable_numbers(text, raw.decimal)
        unreadable = values.isna() & text.notna()
        if values.isna().all():
            seen = quoted_list(text.dropna().unique()[:3]) or "no values at all"
            raise DataError(
                f"column '{used[name]}' holds no number; it has {seen}",
                where=spec.path,
                fix=f"check source.customers.columns.{name} (kind, raw) and read.decimal",
            )
        infinite = values.abs() == float("inf")
        outside = pd.Series(False, index=values.index)
        if column.minimum is not None:
            outside |= values < column.minimum
        if column.maximum is not None:
            outside |= values > column.maximum
        for words, rows_hit in (
            (f"unreadable {name}", unreadable),
            (f"infinite {name}", infinite),
            (f"{name} beyond {LARGEST:g}", values.abs() >= LARGEST),
            (f"{name} out of range", outside & ~infinite),
        ):
            judged.append((Reason(words, policy.bad_value, "bad_value"), rows_hit))
        columns[name] = values

    verdict = pd.Series(0, index=cells.index)
    judged = in_order(judged)
    for number, (_, hit) in enumerate(judged, start=1):
        verdict = verdict.mask((verdict == 0) & hit.to_numpy(dtype=bool), number)
    # An id stands for one customer only among the rows that are otherwise good.
    alive = verdict.map(lambda number: number == 0 or judged[number - 1][0].action == "keep").to_numpy(dtype=bool)
    twice = ids.where(alive).dropna()
    twice = twice[twice.duplicated(keep="first" if policy.duplicate_ids == "first" else False)]
    judged.append(
        (
            Reason(
                "duplicate customer id",
                "drop" if policy.duplicate_ids == "first" else policy.duplicate_ids,
                "duplicate_ids",
            ),
            twice,
        )
    )
    verdict.loc[twice.index] = len(judged)

    reasons = [reason for reason, _ in judged]
    counts = [int((verdict == number).sum()) for number in range(1, len(judged) + 1)]
    report = counted(reasons, counts, rows, policy, notes, spec.path)
    dropping = [number for number, reason in enumerate(reasons, start=1) if reason.action != "keep"]
    table = pd.DataFrame({"customer_id": ids, **columns})[~verdict.isin(dropping)]
    order = _id_order(table["customer_id"])
    table = table.loc[order].reset_index(drop=True)
    _validate(table, spec)
    return table, report


def customers_schema(spec: Customers) -> Any:
    """Build the pandera schema of a clean customers table: what every later stage may rely on."""
    import pandera.pandas as pa

    columns: dict[str, Any] = {"customer_id": pa.Column("string", unique=True, nullable=False)}
    for name, column in spec.columns.items():
        if column.is_text or column.kind == "date":
            columns[name] = pa.Column("string", nullable=True)
            continue
        checks = []
        if column.minimum is not None:
            checks.append(pa.Check.ge(column.minimum))
        if column.maximum is not None:
            checks.append(pa.Check.le(column.maximum))
        columns[name] = pa.Column("float64", checks, nullable=True)
    return pa.DataFrameSchema(columns, strict=True, ordered=True)


def readable_numbers(text: pd.Series, decimal: str) -> pd.Series:
    """Readable numbers as float64, NaN elsewhere."""
    text = text.str.replace(",", ".", regex=False) if decimal == "," else text
    readable = text.str.fullmatch(NUMBER).fillna(False)
    return pd.to_numeric(text.where(readable).str.replace("∞", "inf", regex=False), errors="coerce").astype("float64")


def readable_days(text: pd.Series, time_format: str | None) -> pd.Series:
    """Readable dates as ISO text, missing elsewhere; a time of day is left out.

    Examples
    --------
    >>> readable_days(pd.Series(["31/12/2023", "2023"], dtype="string"), "%d/%m/%Y").tolist()
    ['2023-12-31', <NA>]
    """
    written = text if time_format else text.str.slice(0, 10)  # the day as it is written, whatever its time zone
    days = pd.to_datetime(written, format=time_format or "ISO8601", errors="coerce")
    return days.dt.strftime("%Y-%m-%d").astype("string")


def canonical_ids(ids: pd.Series) -> pd.Series:
    """Ids as text; when all are integers, without padding, sign or ``.0``: "0001", "1" and "1.0" are one customer.

    Examples
    --------
    >>> canonical_ids(pd.Series(["0001", "+20", "3.0"])).tolist()
    ['1', '20', '3']
    """
    known = ids.dropna()
    if len(known) and known.str.fullmatch(INTEGER).all():
        return ids.str.replace(r"[.,]0{1,2}$", "", regex=True).str.replace(r"^\+?(-?)0*(\d)", r"\1\2", regex=True)
    return ids


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
    return require(headers, wanted, spec.path), id_header


def _validate(table: pd.DataFrame, spec: Customers) -> None:
    import pandera.errors

    try:
        customers_schema(spec).validate(table)
    except (pandera.errors.SchemaError, pandera.errors.SchemaErrors) as error:
        raise DataError(
            f"the cleaned customers break their schema: {str(error).splitlines()[0]}", where=spec.path
        ) from error


def _text(cells: pd.Series, missing: set[str]) -> pd.Series:
    """Cells without surrounding blanks; what means "no value" becomes missing."""
    text = cells.astype("string").str.strip()
    return text.mask(text.str.casefold().isin(missing).fillna(False) | (text == "").fillna(False))


def _id_order(ids: pd.Series) -> pd.Index:
    if ids.str.fullmatch(r"-?\d+").all():
        return ids.map(int).sort_values(kind="stable").index
    return ids.sort_values(kind="stable").index
