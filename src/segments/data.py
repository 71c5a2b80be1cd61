"""Raw tables to clean tables. Comes in: cells as the files hold them. Goes out: clean customers, clean lines, a report.

Every raw row ends in exactly one place: in the clean table, or counted under the first reason that applies to it, in
this order:

* customers: duplicate row, missing customer id, then for each number column (in config order) missing, unreadable,
  infinite, out of range, and last duplicate customer id, so that a bad copy of a customer never pushes out a good one;
* transactions: duplicate row, missing customer id, missing order id, missing time, unreadable time, missing amount,
  unreadable amount, infinite amount, unreadable discount or coupon, after the as-of date, return (amount below zero),
  zero amount.

A reason whose policy is ``keep`` only counts rows that no other reason drops, and
``rows_raw == rows_clean + rows dropped``, always.

Customers are cleaned in pandas. Transaction lines are cleaned by DuckDB, which streams logs larger than memory; the
expressions are its own SQL, because row order, ``TRY_CAST`` and regular expressions have no Narwhals spelling that all
engines share.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import duckdb
import pandas as pd

from segments.config import Customers, Policy, Products, Reader, Source, Transactions
from segments.errors import DataError

Report = dict[str, Any]

NUMBER = r"[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[iI][nN][fF]([iI][nN][iI][tT][yY])?|∞)"
INTEGER = r"[+-]?\d+([.,]0{1,2})?"  # not three zeros: 1.000 may be a thousand
ISO_TIME = r"\d{4}[-/]\d{1,2}[-/]\d{1,2}([ T].*)?"
SAMPLE_LINES = 1_000
ROW = '"segments row"'  # the blank keeps it apart from any column of ours


@dataclass(frozen=True)
class RawTable:
    """A raw table with every cell as text, as :mod:`segments.intake` hands it over.

    Parameters
    ----------
    cells : DataFrame
        One text column per header of the file; missing cells may be missing values or any text in ``Reader.missing``.
    decimal : {".", ","}
        Decimal mark of the cells.
    notes : list of str
        How the file was read, where that was a guess.
    """

    cells: pd.DataFrame
    decimal: str = "."
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class RawLog:
    """A raw transaction log that DuckDB streams, as :mod:`segments.intake` hands it over.

    Parameters
    ----------
    connection : DuckDBPyConnection
        Where the relations live; results live as long as it does.
    lines : DuckDBPyRelation
        One row per line, in the order of the file; columns are text or have the type of the file.
    products : DuckDBPyRelation, optional
        One row per product.
    decimal : {".", ","}
        Decimal mark of text cells.
    notes : list of str
        How the files were read, where that was a guess.
    """

    connection: duckdb.DuckDBPyConnection
    lines: duckdb.DuckDBPyRelation
    products: duckdb.DuckDBPyRelation | None = None
    decimal: str = "."
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Reason:
    """Why rows are counted: the words, the policy's action and key, and whether it is a fault of the data."""

    text: str
    action: str
    key: str
    fault: bool = True


# --- headers ------------------------------------------------------------------------------------------------------


def normal_header(header: str) -> str:
    """Reduce a header to what its spellings share: letters and digits, case folded.

    Units stay, because income in k$ is not income in k€.

    Examples
    --------
    >>> normal_header("AnnualIncome (k$)") == normal_header("Annual_Income (K$)")
    True
    """
    return "".join(letter for letter in unicodedata.normalize("NFKC", header).casefold() if letter.isalnum())


def find_header(headers: Sequence[str], names: Sequence[str]) -> str | None:
    """Return the header that goes by one of these names, or ``None``.

    Parameters
    ----------
    headers : sequence of str
        Headers of the raw table.
    names : sequence of str
        What the column may be called. An exact match wins over one that ignores case, blanks and punctuation.

    Raises
    ------
    DataError
        If two headers fit equally well.

    Examples
    --------
    >>> find_header(["Customer ID", "AGE"], ["age"])
    'AGE'
    """
    exact = [header for header in headers if header in names]
    wanted = {normal_header(name) for name in names}
    found = exact or [header for header in headers if normal_header(header) in wanted]
    if len(found) > 1:
        raise DataError(
            f"{len(found)} columns may be '{names[0]}': {_listed(found)}",
            fix="rename all but one, or name the right one exactly in the source config",
        )
    return found[0] if found else None


def _require(headers: Sequence[str], wanted: dict[str, Sequence[str]], where: str) -> dict[str, str]:
    """Headers for what is needed; one error that names all that is missing, what was found and what is near."""
    found = {key: find_header(headers, names) for key, names in wanted.items()}
    absent = [key for key, header in found.items() if header is None]
    if absent:
        spelled = {normal_header(header): header for header in headers}
        hints = []
        for key in absent:
            close = [
                near for name in wanted[key] for near in difflib.get_close_matches(normal_header(name), spelled, n=1)
            ]
            if close:
                hints.append(f"'{wanted[key][0]}' may be '{spelled[close[0]]}'")
        missing = _listed([wanted[key][0] for key in absent])
        raise DataError(
            f"missing column{'s' * (len(absent) > 1)}: {missing}; the file has: {_listed(headers)}",
            where=where,
            fix=("; ".join(hints) + ": " if hints else "")
            + "name the header of this file in the source config (raw, aliases), or check the separator",
        )
    return {key: header for key, header in found.items() if header is not None}


def _listed(names: Iterable[str], most: int = 12) -> str:
    names = list(names)
    shown = ", ".join(f"'{name}'" for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


# --- judging: the same words and numbers for both tables ----------------------------------------------------------


def _account(
    reasons: Sequence[Reason], counts: Sequence[int], rows_raw: int, policy: Policy, notes: list[str], where: str
) -> Report:
    """Make the report of one table, or the error that carries the same counts."""
    listed = [
        {"reason": reason.text, "rows": int(rows), "action": reason.action}
        for reason, rows in zip(reasons, counts, strict=True)
        if rows
    ]
    dropped = sum(rows for reason, rows in zip(reasons, counts, strict=True) if reason.action != "keep")
    told = "; ".join(f"{item['rows']} {item['reason']}" for item in listed)
    stopping = [reason for reason, rows in zip(reasons, counts, strict=True) if rows and reason.action == "stop"]
    if stopping:
        keys = list(dict.fromkeys(f"source.policy.{reason.key}" for reason in stopping))
        raise DataError(
            f"the policy stops at: {', '.join(reason.text for reason in stopping)}. Of {rows_raw} rows: {told}",
            where=where,
            fix=f"mend the file, or choose another value for {', '.join(keys)}",
        )
    bad = sum(rows for reason, rows in zip(reasons, counts, strict=True) if reason.fault and reason.action != "keep")
    if bad > policy.max_bad_share * rows_raw:
        raise DataError(
            f"{bad} of {rows_raw} rows ({bad / rows_raw:.1%}) are bad, "
            f"more than the {policy.max_bad_share:.1%} allowed: {told}",
            where=where,
            fix="mend the file, or allow more with source.policy.max_bad_share",
        )
    if dropped == rows_raw:
        raise DataError(f"no row is left of {rows_raw}: {told}", where=where, fix="check the file and source.policy")
    return {"rows_raw": rows_raw, "rows_clean": rows_raw - int(dropped), "reasons": listed, "notes": notes}


def _in_order(reasons: Iterable[Any]) -> list[Any]:
    """Reasons that drop rows first, in their own order: what is only counted must not hide what is dropped."""
    return sorted(reasons, key=lambda reason: (reason[0] if isinstance(reason, tuple) else reason).action == "keep")


# --- customers ----------------------------------------------------------------------------------------------------


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
        ``customer_id`` (text), then the columns of the config in their order: numbers as float64, categories as text
        with missing values. Sorted by id, numerically where all ids are integers.
    report : dict
        ``rows_raw``, ``rows_clean``, ``reasons`` and ``notes``.

    Raises
    ------
    DataError
        If a needed column is missing, a number column holds no number, the policy says stop, more rows are bad
        than it allows, or none is left.

    Examples
    --------
    >>> from segments.config import Column
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
        notes.append(f"columns not used: {_listed(extra)}")

    policy = source.policy
    judged: list[tuple[Reason, pd.Series]] = []
    if id_header is None:
        ids = pd.Series([str(number) for number in range(1, rows + 1)], dtype="string")
        notes.append(
            "no id column: customers are numbered from 1 in file order, and equal rows count as different customers"
        )
    else:
        ids = canonical_ids(_text(cells[id_header], missing))
        judged.append((Reason("duplicate row", policy.duplicate_rows, "duplicate_rows"), cells.duplicated()))
        judged.append((Reason("missing customer id", policy.missing_id, "missing_id"), ids.isna()))

    columns: dict[str, pd.Series] = {}
    for name, column in spec.columns.items():
        if name not in used:
            dtype = "float64" if column.kind == "number" else "string"
            columns[name] = pd.Series([None] * rows, dtype=dtype)
            notes.append(f"column '{name}' is not in the file: it is missing for every customer")
            continue
        text = _text(cells[used[name]], missing)
        if column.kind == "category":
            columns[name] = text
            if text.isna().all():
                notes.append(f"column '{name}' has no values")
            elif text.isna().any():
                notes.append(f"column '{name}' is missing for {int(text.isna().sum())} rows, which are kept")
            continue
        values = readable_numbers(text, raw.decimal)
        unreadable = values.isna() & text.notna()
        if values.isna().all():
            seen = _listed(text.dropna().unique()[:3]) or "no values at all"
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
            (f"missing {name}", text.isna()),
            (f"unreadable {name}", unreadable),
            (f"infinite {name}", infinite),
            (f"{name} out of range", outside & ~infinite),
        ):
            judged.append((Reason(words, policy.bad_value, "bad_value"), rows_hit))
        columns[name] = values

    verdict = pd.Series(0, index=cells.index)
    judged = _in_order(judged)
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
    report = _account(reasons, counts, rows, policy, notes, spec.path)
    dropping = [number for number, reason in enumerate(reasons, start=1) if reason.action != "keep"]
    table = pd.DataFrame({"customer_id": ids, **columns})[~verdict.isin(dropping)]
    order = _id_order(table["customer_id"])
    table = table.loc[order].reset_index(drop=True)
    _validate(table, spec)
    return table, report


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
    return _require(headers, wanted, spec.path), id_header


def customers_schema(spec: Customers) -> Any:
    """Build the pandera schema of a clean customers table: what every later stage may rely on."""
    import pandera.pandas as pa

    columns: dict[str, Any] = {"customer_id": pa.Column("string", unique=True, nullable=False)}
    for name, column in spec.columns.items():
        if column.kind == "category":
            columns[name] = pa.Column("string", nullable=True)
            continue
        checks = []
        if column.minimum is not None:
            checks.append(pa.Check.ge(column.minimum))
        if column.maximum is not None:
            checks.append(pa.Check.le(column.maximum))
        # A number column may be empty only as a whole: an optional column that the file does not have.
        columns[name] = pa.Column("float64", checks, nullable=not column.required)
    return pa.DataFrameSchema(columns, strict=True, ordered=True)


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


def readable_numbers(text: pd.Series, decimal: str) -> pd.Series:
    """Readable numbers as float64, NaN elsewhere."""
    text = text.str.replace(",", ".", regex=False) if decimal == "," else text
    readable = text.str.fullmatch(NUMBER).fillna(False)
    return pd.to_numeric(text.where(readable).str.replace("∞", "inf", regex=False), errors="coerce").astype("float64")


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


def _id_order(ids: pd.Series) -> pd.Index:
    if ids.str.fullmatch(r"-?\d+").all():
        return ids.map(int).sort_values(kind="stable").index
    return ids.sort_values(kind="stable").index


# --- transactions -------------------------------------------------------------------------------------------------


def clean_transactions(raw: RawLog, source: Source) -> tuple[duckdb.DuckDBPyRelation, Report]:
    """Clean a transaction log on DuckDB and count every line that is left out.

    Parameters
    ----------
    raw : RawLog
        The lines, and the products where the source has them.
    source : Source
        What the columns mean (``source.transactions``), the as-of date, and ``source.policy`` for bad lines.

    Returns
    -------
    table : DuckDBPyRelation
        In the order of the file: ``customer_id``, ``order_id`` (text; the purchase date where the source has none),
        ``purchased_at`` (naive timestamp; an offset written in text is left out, the type "with time zone" is read as
        UTC), ``amount``, ``discount`` and ``coupon`` (money, >= 0), ``product_id``, ``store_id``, ``department``
        (text), ``private_label`` (boolean); columns the source does not describe are absent.
    report : dict
        ``rows_raw``, ``rows_clean``, ``reasons`` and ``notes``.

    Raises
    ------
    DataError
        If a needed column is missing, no time can be read, the policy says stop, more lines are bad than it allows, or
        none is left.

    Notes
    -----
    Null and range rules are checked on every line in SQL; names and types by pandera on the first lines only, because
    pandera on all lines of a large log would take longer than cleaning it.
    """
    spec, policy = source.transactions, source.policy
    assert spec is not None and source.as_of is not None
    notes = list(raw.notes)
    types = dict(zip(raw.lines.columns, (str(kind) for kind in raw.lines.types), strict=True))
    headers = _log_headers(list(types), spec)
    used = set(headers.values())
    extra = [header for header in types if header not in used]
    if extra:
        notes.append(f"columns not used: {_listed(extra)}")

    def cell(key: str) -> str:
        return _cell_sql(headers[key], types[headers[key]], spec.read)

    def number(key: str) -> str:
        return _number_sql(headers[key], types[headers[key]], cell(key), raw.decimal)

    numbered = raw.lines.project(f"row_number() OVER () AS {ROW}, *")
    repeated = _repeated_rows(raw, numbered, list(types))
    keys = [key for key in ("customer", "product") if key in headers]
    integers = _all_integers(raw.lines, {key: cell(key) for key in keys})
    time = _time_sql(headers["time"], types[headers["time"]], cell("time"), spec.time_format)
    parsed = {
        ROW: ROW,
        "is_repeat": f"{ROW} IN (FROM repeated_rows)" if repeated else "false",
        "customer_id": _canonical_sql(cell("customer"), integers["customer"]),
        "order_id": cell("order") if "order" in headers else f"strftime({time}, '%Y-%m-%d')",
        "time_text": cell("time"),
        "purchased_at": time,
        "amount_text": cell("amount"),
        "amount": number("amount"),
    }
    money = {"discount": spec.discounts, "coupon": spec.coupons}
    for name, listed in money.items():
        if listed:
            parts = [f"{name} {position}" for position in range(len(listed))]
            parsed[name] = " + ".join(f"abs(coalesce({number(part)}, 0))" for part in parts)
            parsed[f"{name}_bad"] = " OR ".join(
                f"({cell(part)} IS NOT NULL AND NOT coalesce(isfinite({number(part)}), false))" for part in parts
            )
            parsed[f"{name}_blank"] = " OR ".join(f"({cell(part)} IS NULL)" for part in parts)
    if "product" in headers:
        parsed["product_id"] = _canonical_sql(cell("product"), integers["product"])
    if "store" in headers:
        parsed["store_id"] = cell("store")

    after = date.fromisoformat(source.as_of) + timedelta(days=1)
    bad_money = " OR ".join(f"{name}_bad" for name, listed in money.items() if listed) or "false"
    judged: list[tuple[Reason, str]] = [
        (Reason("duplicate row", policy.duplicate_rows, "duplicate_rows"), "is_repeat"),
        (Reason("missing customer id", policy.missing_id, "missing_id"), "customer_id IS NULL"),
        (
            Reason("missing order id", policy.missing_id, "missing_id"),
            "order_id IS NULL" if "order" in headers else "false",
        ),
        (Reason("missing time", policy.bad_value, "bad_value"), "time_text IS NULL"),
        (
            Reason("unreadable time", policy.bad_value, "bad_value"),
            "purchased_at IS NULL OR NOT isfinite(purchased_at)",
        ),
        (Reason("missing amount", policy.bad_value, "bad_value"), "amount_text IS NULL"),
        (Reason("unreadable amount", policy.bad_value, "bad_value"), "amount IS NULL"),
        (Reason("infinite amount", policy.bad_value, "bad_value"), "NOT isfinite(amount)"),
        (Reason("unreadable discount or coupon", policy.bad_value, "bad_value"), bad_money),
        (
            Reason("after the as-of date", policy.after_as_of, "after_as_of", fault=False),
            f"purchased_at >= TIMESTAMP '{after}'",
        ),
        (Reason("return (amount below zero)", policy.returns, "returns", fault=False), "amount < 0"),
        (Reason("zero amount", policy.zero_amounts, "zero_amounts", fault=False), "amount = 0"),
    ]
    judged = _in_order(judged)
    verdict = " ".join(f"WHEN {condition} THEN {number}" for number, (_, condition) in enumerate(judged, start=1))
    lines = numbered.project(", ".join(f"{expression} AS {name}" for name, expression in parsed.items()))
    lines.project(f"*, CASE {verdict} ELSE 0 END AS verdict").create("judged_lines")
    lines = raw.connection.table("judged_lines")
    faults = " ".join(
        f"WHEN {number} THEN '{reason.text}'"
        for number, (reason, _) in enumerate(judged, start=1)
        if reason.fault and reason.action != "keep"
    )
    lines.project(f"{ROW} AS row, customer_id AS id, CASE verdict {faults} END AS reason").filter(
        "reason IS NOT NULL"
    ).create_view("rejected_lines")

    found = dict(lines.aggregate("verdict, count(*)", "verdict").fetchall())
    rows_raw = sum(found.values())
    if not rows_raw:
        raise DataError("the transaction log has a header but no lines", where=spec.path, fix="check the file")
    _some_time(lines, spec)
    counts = [found.get(number, 0) for number in range(1, len(judged) + 1)]
    keeping = [0, *(number for number, (reason, _) in enumerate(judged, start=1) if reason.action == "keep")]
    kept = lines.filter(f"verdict IN ({', '.join(map(str, keeping))})")
    for name, listed in money.items():
        blanks = _one(kept.filter(f"{name}_blank").aggregate("count(*)")) if listed else 0
        if blanks:
            notes.append(f"{blanks} lines lack a {name} value: it counts as 0")
    report = _account([reason for reason, _ in judged], counts, rows_raw, policy, notes, spec.path)

    columns = [name for name in parsed if name in TRANSACTION_COLUMNS]
    _check_lines(kept, columns, spec.path)
    if spec.products is not None and raw.products is not None:
        kept, added = _with_products(raw, kept, spec.products, notes)
        columns += added
    table = kept.order(ROW).project(", ".join(columns))
    _check_types(table, spec.path)
    return table, report


def rejected_lines(raw: RawLog) -> Iterator[tuple[int, str | None, str]]:
    """Number (from 1), customer id and reason of every line that :func:`clean_transactions` left out as bad, in order.

    Choices of the policy (returns, zero amounts, lines after the as-of date) are not bad lines.
    """
    cursor = raw.connection.cursor()
    cursor.execute("SELECT row, id, reason FROM rejected_lines ORDER BY row")
    while rows := cursor.fetchmany(10_000):
        yield from rows


def compare_ids(customers: pd.DataFrame, lines: duckdb.DuckDBPyRelation) -> list[str]:
    """Note customers that only one of the two clean tables knows.

    Raises
    ------
    DataError
        If they share no customer: then the id columns do not mean the same.
    """
    buyers = {row[0] for row in lines.aggregate("customer_id", "customer_id").fetchall()}
    known = set(customers["customer_id"])
    if not buyers & known:
        raise DataError(
            f"no customer of the log is in the customers table: the log has {_listed(sorted(buyers), 3)}, "
            f"the table {_listed(sorted(known), 3)}",
            where="source.customers.id and source.transactions.customer",
            fix="name columns that hold the same ids",
        )
    notes = []
    if buyers - known:
        notes.append(f"{len(buyers - known)} of {len(buyers)} customers of the log are not in the customers table")
    if known - buyers:
        notes.append(
            f"{len(known - buyers)} of {len(known)} customers of the customers table have no purchase left in the log"
        )
    return notes


TRANSACTION_COLUMNS = {
    "customer_id": "VARCHAR",
    "order_id": "VARCHAR",
    "purchased_at": "TIMESTAMP",
    "amount": "DOUBLE",
    "discount": "DOUBLE",
    "coupon": "DOUBLE",
    "product_id": "VARCHAR",
    "store_id": "VARCHAR",
    "department": "VARCHAR",
    "private_label": "BOOLEAN",
}


def transactions_schema(columns: Sequence[str]) -> Any:
    """Build the pandera schema of clean transactions that have these columns."""
    import pandera.pandas as pa

    optional = {"product_id", "store_id", "department"}
    dtypes = {"VARCHAR": "str", "DOUBLE": "float64", "BOOLEAN": "bool", "TIMESTAMP": "datetime64[us]"}
    checks = {"discount": [pa.Check.ge(0)], "coupon": [pa.Check.ge(0)]}
    return pa.DataFrameSchema(
        {
            name: pa.Column(
                dtypes[TRANSACTION_COLUMNS[name]],
                checks.get(name),
                nullable=name in optional,
                coerce=TRANSACTION_COLUMNS[name] == "VARCHAR",
            )
            for name in columns
        },
        strict=True,
        ordered=True,
    )


def _check_types(table: duckdb.DuckDBPyRelation, where: str) -> None:
    import pandera.errors

    try:
        transactions_schema(table.columns).validate(table.limit(SAMPLE_LINES).df())
    except (pandera.errors.SchemaError, pandera.errors.SchemaErrors) as error:
        raise DataError(f"the cleaned lines break their schema: {str(error).splitlines()[0]}", where=where) from error


def _check_lines(lines: duckdb.DuckDBPyRelation, columns: Sequence[str], where: str) -> None:
    """Check the schema's null and range rules, on every line."""
    rules = [
        "customer_id IS NULL",
        "order_id IS NULL",
        "purchased_at IS NULL",
        "amount IS NULL OR NOT isfinite(amount)",
    ]
    rules += [
        f"{name} IS NULL OR NOT ({name} >= 0 AND isfinite({name}))"
        for name in ("discount", "coupon")
        if name in columns
    ]
    broken = lines.filter(" OR ".join(f"({rule})" for rule in rules))
    if count := _one(broken.aggregate("count(*)")):
        raise DataError(
            f"{count} cleaned lines break their schema ({'; '.join(rules)})", where=where, fix="report this as a defect"
        )


def last_purchase(lines: duckdb.DuckDBPyRelation, header: str, time_format: str | None, reader: Reader) -> date | None:
    """Return the day of the last readable time in a column of a raw log, or ``None``."""
    kind = dict(zip(lines.columns, (str(kind) for kind in lines.types), strict=True))[header]
    time = _time_sql(header, kind, _cell_sql(header, kind, reader), time_format)
    row = lines.project(f"CAST({time} AS DATE) AS day").filter("isfinite(day)").aggregate("max(day)").fetchall()[0]
    return row[0]  # type: ignore[no-any-return]


def _log_headers(headers: list[str], spec: Transactions) -> dict[str, str]:
    wanted: dict[str, Sequence[str]] = {"customer": [spec.customer], "time": [spec.time], "amount": [spec.amount]}
    for key, name in (("order", spec.order), ("product", spec.product), ("store", spec.store)):
        if name is not None:
            wanted[key] = [name]
    for key, names in (("discount", spec.discounts), ("coupon", spec.coupons)):
        wanted |= {f"{key} {position}": [name] for position, name in enumerate(names)}
    if spec.products is not None and spec.product is None:
        raise DataError(
            "the source describes products, but not which column of the log holds the product id",
            where="source.transactions.product",
            fix="name it",
        )
    return _require(headers, wanted, spec.path)


def _repeated_rows(raw: RawLog, numbered: duckdb.DuckDBPyRelation, headers: list[str]) -> bool:
    """Put the numbers of lines equal to an earlier one into ``repeated_rows``; whether there are any.

    A 64-bit hash per line finds the few that may be equal; only those are compared in full.
    """
    columns = ", ".join(_quoted(header) for header in headers)
    hashed = numbered.project(f"{ROW}, hash({columns}) AS hashed")
    hashed.aggregate("hashed, count(*) AS n", "hashed").filter("n > 1").project("hashed").create("repeated_hashes")
    if not _one(raw.connection.table("repeated_hashes").aggregate("count(*)")):
        return False
    maybe = numbered.filter(f"hash({columns}) IN (FROM repeated_hashes)")
    ranked = maybe.project(f"{ROW}, row_number() OVER (PARTITION BY {columns} ORDER BY {ROW}) AS nth")
    ranked.filter("nth > 1").project(ROW).create("repeated_rows")
    return True


def _all_integers(table: duckdb.DuckDBPyRelation, cells: dict[str, str]) -> dict[str, bool]:
    """For each id column, whether every id is an integer."""
    found = table.aggregate(
        ", ".join(f"bool_and(regexp_full_match({cell}, '{INTEGER}'))" for cell in cells.values())
    ).fetchall()[0]
    return {key: bool(all_integer) for key, all_integer in zip(cells, found, strict=True)}


def _some_time(lines: duckdb.DuckDBPyRelation, spec: Transactions) -> None:
    """Refuse a log without one readable time: the format is wrong, not the lines."""
    if _one(lines.aggregate("count(purchased_at)")):
        return
    seen = lines.filter("time_text IS NOT NULL").limit(3).project("time_text").fetchall()
    shown = _listed(row[0] for row in seen) or "no values at all"
    raise DataError(
        f"no time in column '{spec.time}' can be read; it has {shown}",
        where=spec.path,
        fix="write in source.transactions.time_format how times look, for example '%d/%m/%Y %H:%M'",
    )


def _with_products(
    raw: RawLog, lines: duckdb.DuckDBPyRelation, spec: Products, notes: list[str]
) -> tuple[duckdb.DuckDBPyRelation, list[str]]:
    """Add each line's department and whether it is a private label."""
    assert raw.products is not None
    types = dict(zip(raw.products.columns, (str(kind) for kind in raw.products.types), strict=True))
    wanted: dict[str, Sequence[str]] = {"id": [spec.id]}
    if spec.department is not None:
        wanted["department"] = [spec.department]
    if spec.brand is not None and spec.private_label is not None:
        wanted["brand"] = [spec.brand]
    headers = _require(list(types), wanted, spec.path)
    cells = {key: _cell_sql(header, types[header], spec.read) for key, header in headers.items()}
    integers = _all_integers(raw.products, {"id": cells["id"]})
    expressions = {"known_id": _canonical_sql(cells["id"], integers["id"]), ROW: "row_number() OVER ()"}
    added = []
    if "department" in cells:
        expressions["department"] = cells["department"]
        added.append("department")
    if "brand" in cells:
        expressions["private_label"] = f"coalesce({cells['brand']} = {_literal(spec.private_label or '')}, false)"
        added.append("private_label")
    products = raw.products.project(", ".join(f"{expression} AS {name}" for name, expression in expressions.items()))
    firsts = ", ".join(f"first({name} ORDER BY {ROW}) AS {name}" for name in added)
    products.filter("known_id IS NOT NULL").aggregate(
        f"known_id, count(*) AS n{', ' * bool(firsts)}{firsts}", "known_id"
    ).create("known_products")
    known = raw.connection.table("known_products")
    if repeated := _one(known.filter("n > 1").aggregate("count(*)")):
        notes.append(f"{repeated} products are listed more than once in {spec.path}: the first row of each is used")
    joined = lines.join(known, condition="product_id = known_id", how="left")
    if unknown := _one(joined.filter("known_id IS NULL").aggregate("count(*)")):
        notes.append(f"{unknown} lines name a product that is not in {spec.path}: no department, not a private label")
    names = [name for name in (ROW, *lines.columns) if name != ROW.strip('"') and name not in added]
    extra = [f"coalesce({name}, false) AS {name}" if name == "private_label" else name for name in added]
    return joined.project(", ".join([*names, *extra])), added


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _cell_sql(header: str, kind: str, reader: Reader) -> str:
    """Write SQL for a cell as text without surrounding blanks, NULL where it means "no value"."""
    name = _quoted(header)
    if kind == "VARCHAR":
        text = f"trim({name}, ' \t\r\n\u00a0')"
        missing = ", ".join(
            _literal(word) for word in sorted({"", *(word.strip().casefold() for word in reader.missing)})
        )
        return f"CASE WHEN lower({text}) NOT IN ({missing}) THEN {text} END"
    if kind in ("DOUBLE", "FLOAT"):
        # An id column with one missing value arrives as float from pandas: 7.0 is the id 7.
        is_whole = f"{name} = trunc({name}) AND abs({name}) < 1e18"
        text = f"CASE WHEN {is_whole} THEN CAST(CAST({name} AS BIGINT) AS VARCHAR) ELSE CAST({name} AS VARCHAR) END"
        return f"CASE WHEN NOT isnan({name}) THEN {text} END"
    return f"CAST({name} AS VARCHAR)"


def _number_sql(header: str, kind: str, cell: str, decimal: str) -> str:
    name = _quoted(header)
    if kind == "VARCHAR":
        text = f"replace({cell}, ',', '.')" if decimal == "," else cell
        return (
            f"CASE WHEN regexp_full_match({text}, '{NUMBER}') THEN TRY_CAST(replace({text}, '∞', 'inf') AS DOUBLE) END"
        )
    if kind in ("DOUBLE", "FLOAT"):
        return f"CASE WHEN NOT isnan({name}) THEN CAST({name} AS DOUBLE) END"
    return f"TRY_CAST({name} AS DOUBLE)"


def _time_sql(header: str, kind: str, cell: str, time_format: str | None) -> str:
    if kind.startswith("TIMESTAMP") or kind == "DATE":
        return f"TRY_CAST({_quoted(header)} AS TIMESTAMP)"
    if time_format is not None:
        return f"CAST(try_strptime({cell}, {_literal(time_format)}) AS TIMESTAMP)"
    return f"CASE WHEN regexp_full_match({cell}, '{ISO_TIME}') THEN TRY_CAST({cell} AS TIMESTAMP) END"


def _canonical_sql(cell: str, all_integer: bool) -> str:
    if not all_integer:
        return cell
    return rf"regexp_replace(regexp_replace({cell}, '[.,]0{{1,2}}$', ''), '^\+?(-?)0*(\d)', '\1\2')"


def _one(relation: duckdb.DuckDBPyRelation) -> int:
    return int(relation.fetchall()[0][0])
