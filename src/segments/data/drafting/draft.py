"""Drafts the source config of an unknown table. Comes in: a sample of its cells. Goes out: YAML for ``conf/source/``.

The draft is a guess by names and contents: it is valid as it stands, and every guess a person should check says so
beside it.
"""

from __future__ import annotations

import json
import re
import shlex
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path, PurePath, PurePosixPath

import duckdb
import pyarrow as pa

from segments.config.source import Reader
from segments.data.days import purchase_days
from segments.data.drafting.cells import (
    Sample,
    is_unsure,
    looks_numeric,
    second_header,
    sides_of,
    units_of,
    words_for_nothing,
)
from segments.data.drafting.columns import columns_of, customers_lines
from segments.data.drafting.headers import OF_YEARS, id_like, turn_of, words_of
from segments.data.drafting.log import log_lines
from segments.data.drafting.roles import Roles, guess_roles, identity_of
from segments.data.drafting.texts import comment, one_line, quote
from segments.data.reading.cells import instants, tells_decimal, text_sql, time_sql
from segments.data.reading.dialect import dialect_of
from segments.data.reading.files import as_text, relation, workspace
from segments.data.reading.ids import customer_ids
from segments.data.reading.kinds import first_bytes, kind_of
from segments.data.rows import normal_header, quoted, quoted_list
from segments.data.times import swapped
from segments.errors import DataError

SAMPLE_ROWS = 100_000
# DuckDB's types of cells that hold several things, or one that is no text, number, day or clock time.
NESTED = {
    r"STRUCT": "several fields in a cell",
    r".*\]$|MAP": "lists in a cell",
    r"INTERVAL": "lengths of time",
    r"BLOB": "bytes",
}


@dataclass(frozen=True)
class Draft:
    """A source as it seems to be, and the columns of it that can decide.

    Parameters
    ----------
    text : str
        YAML that loads as a :class:`~segments.config.source.Source`, with a comment where a person should look.
    features : list of str
        Columns for a feature set; none of a log, whose features have sets of their own.
    left_out : dict of str to str
        Columns that describe segments and do not decide, with the reason.
    """

    text: str
    features: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


def describe(
    sample: Sample,
    path: str,
    *,
    roles: Roles,
    rows: int,
    reading: Mapping[str, object] | None = None,
    days: Sequence[tuple[date, int]] = (),
    notes: Sequence[str] = (),
    questions: Sequence[str] = (),
) -> Draft:
    """Draft a source with this one raw file.

    Parameters
    ----------
    sample : Sample
        Of the file.
    path : str
        Where the file lies; its stem names the source.
    roles : Roles
        From :func:`guess_roles`.
    rows : int
        Rows of the whole file.
    reading : mapping, optional
        What of :class:`~segments.config.source.Reader` was found out from the file.
    days : sequence of (date, int)
        Days of the whole log, and their lines, in order.
    notes : sequence of str
        What a person should know about how the file was read.
    questions : sequence of str
        Keys of the source that only a person can fill in.

    Examples
    --------
    >>> import pandas as pd
    >>> people = Sample(pd.DataFrame({"Id": ["1", "2"], "Age (y)": ["31", "40"]}, dtype="string"))
    >>> draft = describe(people, "data/people.csv", roles=guess_roles(people), rows=2)
    >>> print(draft.text.splitlines()[10], draft.features)
        age_y: {raw: "Age (y)", minimum: 0, label: "age", unit: "y"} # seen: 31 to 40 ['age_y']
    """
    called = PurePath(path).parent.name if "*" in PurePath(path).name else PurePath(path).stem
    # plain letters: what an override takes
    plain = unicodedata.normalize("NFKD", called.casefold()).encode("ascii", "ignore").decode()
    name = re.sub(r"\W+", "_", plain).strip("_") or "mine"
    lines = [
        f"# Drafted from {one_line(path)} ({rows:,} rows).",
        f"# Read every line, mend what is wrong, and save it as conf/source/{name}.yaml.",
    ]
    inside = PurePath(path).parts[:1] == ("data",) and ".." not in PurePath(path).parts
    raw = (
        path
        if inside
        else str(PurePosixPath("data", name, re.sub(r"[^\w. *-]+", "_", PurePath(path).name).lstrip(".")))
    )
    from_ = PurePath(path).parent if "*" in PurePath(path).name else path
    origin = "" if inside else f" from={comment(shlex.quote(str(from_)))}"
    lines.append(f"# Then `segments fetch source={name}{origin}` puts it in its place and pins it.")
    if len(sample.cells) < rows:
        lines.append(f"# Looked at {len(sample.cells):,} of {rows:,} rows, spread over the file.")
    lines += [f"# Note: {comment(note)}" for note in notes]
    identity = roles.customer if roles.repeats else identity_of(sample, roles)
    if (roles.customer or identity) is None:
        lines.append(
            "# Note: no column tells customers apart: as drafted, every row is a customer of its own; name the id if there is one."
        )
    lines += [f"name: {quote(name)}", f"description: {quote(f'{PurePath(path).name}: {rows:,} rows')}"]
    lines += [f"# QUESTION: {comment(question)}" for question in questions]
    ids = {roles.customer, roles.order, roles.product, roles.store}
    figures = [name for name in sample.headers if name not in ids and not id_like(name)]
    odd = words_for_nothing(sample, figures)
    sample = replace(sample, missing=[*sample.missing, *odd])
    if roles.is_log:
        read = _reading(sample, figures, reading or {}, odd)
        return Draft("\n".join([*lines, *log_lines(sample, raw, roles, days, read)]) + "\n")
    sample = replace(sample, units={**units_of(sample), **sample.units})
    read = _reading(sample, figures, reading or {}, odd)
    if roles.repeats:
        lacks = [
            what for what, there in (("times", roles.time), ("what was paid", roles.money.knows_money)) if not there
        ]
        question = (
            f"{quote(str(roles.customer))} stands in several lines, so a line is no customer: is this a log? No column of {' and of '.join(lacks)} was found. "
            f"Name it under transactions:, make it by a query ({_made_date(sample) if roles.time is None else ''}1 AS amount counts lines), or make one line of each customer (docs/your-data.md)"
        )
        lines.append(f"# QUESTION: {comment(question)}")
    elif roles.customer is None and roles.order is not None and id_like(roles.order):
        question = (
            f"{quote(roles.order)} is called like the number of an order, so these are orders or their lines, and no column says who bought: does another file? "
            "Declare both under tables: and join them by a query (docs/your-data.md); if a column does, name it under transactions:"
        )
        lines.append(f"# QUESTION: {comment(question)}")
    columns = columns_of(sample, identity)
    if not any(one.meaning for one in columns):
        lines.append("# QUESTION: no column tells what customers are like: is there another table, or a log?")
    elif not any(re.match("kind: (number|date|birth_year)", one.meaning) for one in columns):
        lines.append(
            "# Note: no column holds numbers or dates: segments of categories alone are combinations of their levels, which others may call rules."
        )
    text = "\n".join([*lines, *customers_lines(raw, identity, columns, read)]) + "\n"
    features = [one.key for one in columns if one.decides]
    return Draft(text, features, {one.key: one.kept_out for one in columns if one.meaning and not one.decides})


def _reading(
    sample: Sample, figures: Sequence[str], reading: Mapping[str, object], odd: Mapping[str, int]
) -> list[str]:
    """Write the ``read`` block: how the file is written, and the texts that seem to mean "no value"; among ids none does."""
    known = {word.casefold() for word in sample.missing} - {word.casefold() for word in odd}
    seen: dict[str, int] = {}
    unsure: list[str] = []
    for column in sample.headers:
        text = sample.cells[column].dropna().str.strip()
        for word, count in text[text.str.casefold().isin(known)].value_counts().items():
            seen[str(word)] = seen.get(str(word), 0) + int(count)
        present = sample.present(column)
        is_figure = column in figures and sample.decimal is None and looks_numeric(present, sample.numbers(column))
        if is_figure and is_unsure(present):
            unsure.append(f"{one_line(column)} ({one_line(present[present.map(tells_decimal) == ''].iloc[0])})")
    lines = [
        f"    {key}: {quote(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for key, value in reading.items()
    ]
    if unsure:
        lines.append(
            f'    # decimal: write "." or ",": thousands or decimals, only you know, in {", ".join(unsure[:3])}'
        )
    if seen:
        message = ", ".join(f"{one_line(word) or 'blank'} ({count}x)" for word, count in seen.items())
        lines.append(f"    # read as no value: {message}")
    if odd:
        message = ", ".join(f"{one_line(word)} ({count}x)" for word, count in odd.items())
        lines.append(f'    # between numbers stand: {message}; kept in this list they mean "no value"')
        lines.append(f"    missing: [{', '.join(map(quote, sample.missing))}]")
    return (
        ["  read:", *lines]
        if any(not line.lstrip().startswith("#") for line in lines)
        else [line[2:] for line in lines]
    )


def describe_file(path: Path) -> Draft:
    """Draft the source YAML of a raw file: a customers table or a transaction log.

    Parameters
    ----------
    path : Path
        CSV, parquet or workbook; with ``*`` in its name, several that are read as one. At most 100,000 rows are looked at, spread over the file; the last purchase, and whether days or months
        come first, are looked up in all of it.

    Raises
    ------
    DataError
        As :func:`segments.data.reading.files.open_customers`.
    """
    paths = sorted(path.parent.glob(path.name)) if "*" in path.name and not path.exists() else [path]
    if not paths:
        raise DataError(f"no file is called like {path.name}", where=str(path.parent.absolute()), fix="check the path")
    kind, first = kind_of(paths[0]), paths[0]
    reading, notes = _sheets(first) if kind == "xlsx" else ({}, [])
    if kind == "csv":
        reading, notes = _written(first)
    drafted, names, words = _read(path, paths, kind, reading, notes)
    if words < 2 or kind != "csv" or len(paths) > 1:
        return drafted
    # its names stand above the second header: both are passed over
    below = {"skip": int(str(reading.get("skip", 0))) + 2, "names": names}
    said = "the line under the header is taken for a second one (units, kinds, another language), and left out by read.skip and read.names: CHECK"
    return _read(path, paths, kind, reading | below, [*notes, said])[0]


def _read(
    path: Path, paths: list[Path], kind: str, reading: Mapping[str, object], notes: Sequence[str]
) -> tuple[Draft, list[str], int]:
    """The draft of files that are read so, the names of their columns, and in how many the first row of data says that it is a second header."""
    first = paths[0]
    reader = Reader(**reading)  # type: ignore[arg-type]
    with workspace(path) as (connection, folder):
        lines, decimal, more = relation(connection, paths, reader, folder, "raw_lines")
        rows = int(lines.aggregate("count(*)").fetchall()[0][0])
        step = -(-rows // SAMPLE_ROWS)  # every step-th row: a log sorted by time is seen from its first day to its last
        picked = lines.project('row_number() OVER () AS "segments row", *').filter(
            f'"segments row" % {step} = 1 % {step}'
        )
        cells = as_text(picked.project(", ".join(quoted(name) for name in lines.columns)))
        sample = Sample(cells, reader.missing, decimal, _lengths(first) if kind == "parquet" else {})
        roles = guess_roles(sample)
        days: list[tuple[date, int]] = []
        questions = _questions(lines, roles, roles.customer or identity_of(sample, roles), reader)
        if roles.is_log:
            roles, days = _dated(lines, roles, reader)
        nested = _nested(lines)
    for header, sides in sides_of(sample).items():
        counts = ", ".join(f"{count:,} {side}" for side, count in sides.items())
        questions.append(
            f"{quote(header)} says beside its figures on which side of an account they stand ({counts}): which of them is money paid back? "
            "A query makes numbers with a sign of them (docs/your-data.md)"
        )
    words = second_header(sample)
    if words:
        listed = ", ".join(map(quote, sample.headers))
        questions.append(
            "is the first row of data a second header (units, kinds, another language)? Take it out of the file, leave it out by a query, or write "
            f"read: {{skip: 2, names: [{listed}]}}, where skip counts all lines above the data (of each file and sheet)"
        )
    inside = path.resolve().is_relative_to(Path.cwd().resolve())
    shown = path.resolve().relative_to(Path.cwd().resolve()) if inside else path
    drafted = describe(
        sample,
        str(shown),
        roles=roles,
        rows=rows,
        reading=reading,
        days=days,
        notes=[*notes, *more, *nested],
        questions=questions,
    )
    return drafted, sample.headers, words


def _made_date(sample: Sample) -> str:
    """SQL that makes a day of three columns, where a table has year, month and day in columns of their own."""
    parts: dict[str, str] = {}
    for header in sample.headers:
        numbers = sample.numbers(header).dropna()
        if not len(numbers) or (numbers % 1 != 0).any():
            continue
        low, high = float(numbers.min()), float(numbers.max())
        is_year = re.search(OF_YEARS, words_of(header)) is not None and low >= 1990 and high <= date.today().year
        parts.setdefault("year" if is_year else turn_of(header, low, high), quoted(header))
    made = [parts.get(part) for part in ("year", "a month of the year", "a day of the month")]
    cells = ", ".join(f"{one}::INT" for one in made if one)
    return f"make_date({cells}) AS day, " if None not in made else ""


def _lengths(path: Path) -> dict[str, str]:
    """The unit of each column of lengths of time: Arrow says it, and what parquet has of them are whole numbers."""
    import pyarrow.parquet as pq

    columns = ((column.name, column.type) for column in pq.read_schema(path))
    return {name: kind.unit.replace("us", "µs") for name, kind in columns if pa.types.is_duration(kind)}


def _nested(lines: duckdb.DuckDBPyRelation) -> list[str]:
    """What a person should know of columns whose cells are neither text nor numbers nor days."""
    found: dict[str, list[str]] = {}
    for header, kind in zip(lines.columns, map(str, lines.types), strict=True):
        what = next((what for pattern, what in NESTED.items() if re.match(pattern, kind)), None)
        if what is not None:
            found.setdefault(what, []).append(one_line(header))
    return [
        f"{', '.join(headers)}: {what}, read as text; a query can make columns of what is in them (docs/your-data.md)"
        for what, headers in found.items()
    ]


def _written(path: Path) -> tuple[dict[str, object], list[str]]:
    """How a CSV is written, as its dialect was found, and what of that was a guess."""
    dialect = dialect_of(path, first_bytes(path), Reader())
    found: dict[str, object] = {"separator": dialect.separator, "encoding": dialect.encoding}
    if dialect.widths:
        found = {"widths": dialect.widths, "encoding": dialect.encoding}
    if dialect.decimal is not None:
        found["decimal"] = dialect.decimal
    if dialect.columns.above:
        found["skip"] = dialect.columns.above
    if not dialect.columns.inside:
        found["names"] = dialect.header
    return found, dialect.notes


def _sheets(path: Path) -> tuple[dict[str, object], list[str]]:
    """Which sheets are read: all, where all have the same columns."""
    from segments.data.reading.workbook import EVERY_SHEET, sheets, sheets_of

    names = sheets_of(path)
    if len(names) == 1:
        return {}, []
    headers, rows = [], []
    for name in names:
        try:
            ((_, table, _),) = sheets(path, Reader(sheet=name))
        except DataError:  # an empty sheet
            table = pa.table({})
        headers.append({normal_header(one) for one in table.column_names})
        rows.append(table.num_rows)
    listed = ", ".join(map(one_line, names))
    if all(header == headers[0] for header in headers):
        return {"sheet": EVERY_SHEET}, [
            f"the workbook has {len(names)} sheets ({listed}) of the same columns: they are read as one table (read.sheet)"
        ]
    longest = names[rows.index(max(rows))]
    return {"sheet": longest}, [
        f"the workbook has {len(names)} sheets ({listed}) of different columns: only {one_line(longest)}, the longest, is read (read.sheet)"
    ]


def _questions(lines: duckdb.DuckDBPyRelation, roles: Roles, identity: str | None, reader: Reader) -> list[str]:
    """Keys of the source that the file cannot answer."""
    kinds = dict(zip(lines.columns, map(str, lines.types), strict=True))
    asked = []
    if identity is not None:
        try:
            customer_ids(lines, identity, text_sql(identity, kinds[identity], reader), "auto", "", [])
        except DataError as error:
            asked.append(f"id_type: write text or integer: {error.what}")
    if not roles.is_log and (zoned := [header for header, kind in kinds.items() if kind == "TIMESTAMP WITH TIME ZONE"]):
        asked.append(
            f"time_zone: write where the business is, such as Europe/Berlin: the times of {quoted_list(zoned, 3)} are instants, cut into days in UTC"
        )
    if roles.is_log and roles.time is not None:
        kind, time = kinds[roles.time], roles.time
        try:
            zoned = instants(lines, time, kind, text_sql(time, kind, reader), roles.time_format, None, "")
        except DataError as error:
            zoned = [error.what]
        asked += [
            f"time_zone: write where the business is, such as Europe/Berlin: {one.partition(': write')[0]}"
            for one in zoned
        ]
    return asked


def _dated(lines: duckdb.DuckDBPyRelation, roles: Roles, reader: Reader) -> tuple[Roles, list[tuple[date, int]]]:
    """Day before month or after it, as all rows show; and the days of the log."""
    assert roles.time is not None
    time, layout = roles.time, roles.time_format
    kind = str(lines.types[lines.columns.index(time)])
    if kind == "VARCHAR" and layout is not None and layout.startswith(("%d", "%m")) and "%m" in layout:
        both, cell = [layout, swapped(layout)], text_sql(time, kind, reader)
        counts = ", ".join(f"count({time_sql(time, kind, cell, one)})" for one in both)
        own, other = lines.aggregate(counts).fetchall()[0]
        best, worse = both if own >= other else both[::-1]
        roles = replace(roles, time_format=best, other_time_format=worse if own == other else None)
    layouts = {roles.time_format, roles.other_time_format or roles.time_format}
    found = [days for one in layouts if (days := purchase_days(lines, time, one, reader))]
    return roles, max(found, key=lambda days: days[-1][0], default=[])
