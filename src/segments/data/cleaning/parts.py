"""The parts of a log's line, and where its cells stand. Comes in: a raw log, its source. Goes out: SQL of columns, of reasons, of what is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from segments.config.source import Source, Transactions
from segments.data.reading.cells import instants, literal, number_in, text_sql, time_sql
from segments.data.reading.ids import customer_ids, refuse_rounded
from segments.data.rows import RawLog, Reason, quoted_list, require
from segments.errors import DataError

CANCELS = r"[Cc]\d+"  # an order called so cancels the one of this number


@dataclass(frozen=True)
class LinePart:
    """One part of a line (who, when, the money): how it is read, why lines are counted for it, and what is said of them.

    Parameters
    ----------
    columns : dict of str to str
        SQL over the raw cells, by the name of the column.
    reasons : list of (Reason, str)
        Why a line is counted, and SQL over the columns of all parts.
    said : list of (str, str)
        What the report says of kept lines, after their number, and SQL of which lines; nothing where there are none.
    read : dict of str to (str, str, str)
        By the key of a cell that is read as something else than text: the columns of its text and of its value, and which
        key of the source says how it is written.
    """

    columns: dict[str, str] = field(default_factory=dict)
    reasons: list[tuple[Reason, str]] = field(default_factory=list)
    said: list[tuple[str, str]] = field(default_factory=list)
    read: dict[str, tuple[str, str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class LogCells:
    """A raw log with the header of each key of its source, so that a part can be written down without looking for its cells.

    Parameters
    ----------
    raw : RawLog
        The log.
    source : Source
        What its columns mean.
    headers : dict of str to str
        Header by key; ``discount 0``, ``coupon 0`` where a key holds a list.
    notes : list of str
        What a person should know; parts add to it what they meet.
    """

    raw: RawLog
    source: Source
    headers: dict[str, str]
    notes: list[str]
    _numbers: dict[str, str] = field(default_factory=dict)

    @property
    def spec(self) -> Transactions:
        """What the source says of its log."""
        assert self.source.transactions is not None
        return self.source.transactions

    def type_of(self, header: str) -> str:
        """DuckDB's name of the type of a raw column."""
        return str(self.raw.lines.types[self.raw.lines.columns.index(header)])

    def text(self, key: str) -> str:
        """SQL of a cell's text, NULL where it is missing."""
        header = self.headers[key]
        return text_sql(header, self.type_of(header), self.spec.read)

    def number(self, key: str) -> str:
        """SQL of a cell's number; how the column is written is found out once."""
        if key not in self._numbers:
            self._numbers[key] = number_in(self.raw, self.headers[key], self.spec.read, self.spec.where)
        return self._numbers[key]

    def unread(self, key: str) -> str:
        """SQL of whether a cell says something that is no finite number."""
        return f"({self.text(key)} IS NOT NULL AND NOT coalesce(isfinite({self.number(key)}), false))"


def log_cells(raw: RawLog, source: Source) -> LogCells:
    """Find the columns of a log that its source names, and note those that nobody uses.

    Raises
    ------
    DataError
        If one is missing.
    """
    assert source.transactions is not None
    headers, notes = _log_headers(raw.lines.columns, source.transactions), list(raw.notes)
    used = set(headers.values())
    if extra := [header for header in raw.lines.columns if header not in used]:
        notes.append(f"columns not used: {quoted_list(extra)}")
    return LogCells(raw, source, headers, notes)


def _log_headers(headers: list[str], spec: Transactions) -> dict[str, str]:
    wanted: dict[str, Sequence[str]] = {"customer": [spec.customer], "time": [spec.time]}
    named = spec.money | {
        key: getattr(spec, key) for key in ("order", "product", "store", "list_price", "discount_rate", "refunded")
    }
    named |= {"quantity": spec.quantity, "line": spec.line}
    named |= {f"{key} {name}": name for key in ("exclude", "refunds") for name in getattr(spec, key)}
    wanted |= {key: [name] for key, name in named.items() if name is not None}
    for key, names in (("discount", spec.discounts), ("coupon", spec.coupons)):
        wanted |= {f"{key} {position}": [name] for position, name in enumerate(names)}
    if spec.products is not None and spec.product is None:
        raise DataError(
            "the source describes products, but not which column of the log holds the product id",
            where="source.transactions.product",
            fix="name it",
        )
    return require(headers, wanted, spec.where)


def left_out(cells: LogCells) -> LinePart:
    """Lines that the source leaves out by a value (``exclude``)."""
    marked = marked_lines(cells, "exclude")
    return LinePart(
        {f"excluded_{number}": condition for number, (_, condition) in enumerate(marked)},
        [
            (Reason(f"excluded ({what})", "drop", "exclude", fault=False), f"excluded_{number}")
            for number, (what, _) in enumerate(marked)
        ],
    )


def repeats(cells: LogCells, is_repeat: str) -> LinePart:
    """Lines that equal an earlier one: two items of a basket, unless lines are numbered."""
    action = cells.source.policy.duplicate_rows or ("drop" if cells.spec.line else "keep")
    return LinePart({"is_repeat": is_repeat}, [(Reason("duplicate row", action, "duplicate_rows"), "is_repeat")])


def who(cells: LogCells) -> LinePart:
    """Who bought."""
    source, header = cells.source, cells.headers["customer"]
    own = customer_ids(cells.raw.lines, header, cells.text("customer"), source.id_type, cells.spec.where, cells.notes)
    missing = Reason("missing customer id", source.policy.missing_id, "missing_id")
    return LinePart({"customer_id": own}, [(missing, "customer_id IS NULL")])


def which(cells: LogCells) -> LinePart:
    """The order a line belongs to (where the source has none, the purchases of a day), its product and its store."""
    columns = {}
    for key in ("order", "product", "store"):
        if key in cells.headers:
            refuse_rounded(cells.raw.lines, cells.headers[key], cells.text(key), cells.spec.where)
            columns[f"{key}_id"] = cells.text(key)
    if cells.spec.order is None:
        return LinePart(columns | {"order_id": f"strftime({_time(cells)}, '%Y-%m-%d')"})
    missing = Reason("missing order id", cells.source.policy.missing_id, "missing_id")
    return LinePart(columns, [(missing, "order_id IS NULL")])


def when(cells: LogCells) -> LinePart:
    """When it was bought."""
    spec, action = cells.spec, cells.source.policy.bad_value
    header, text = cells.headers["time"], cells.text("time")
    cells.notes.extend(
        instants(
            cells.raw.lines,
            header,
            cells.type_of(header),
            text,
            spec.time_format,
            cells.source.time_zone,
            spec.where,
        )
    )
    return LinePart(
        {"time_text": text, "purchased_at": _time(cells)},
        [
            (Reason("missing time", action, "bad_value"), "time_text IS NULL"),
            (
                Reason("unreadable time", action, "bad_value"),
                "purchased_at IS NULL OR NOT isfinite(purchased_at)",
            ),
        ],
        read={"time": ("time_text", "purchased_at", "time_format")},
    )


def _time(cells: LogCells) -> str:
    header = cells.headers["time"]
    return time_sql(header, cells.type_of(header), cells.text("time"), cells.spec.time_format, cells.source.time_zone)


def marked_lines(cells: LogCells, key: str) -> list[tuple[str, str]]:
    """The lines that the source's `exclude` or `refunds` names by a value, in words and in SQL; notes values that no line has."""
    found = []
    for name, values in getattr(cells.spec, key).items():
        header = cells.headers[f"{key} {name}"]
        text = cells.text(f"{key} {name}")
        cell = f"lower({text})"
        words = {value.strip(): value.strip().lower() for value in values}
        as_written, small = (", ".join(map(literal, some)) for some in (words, dict.fromkeys(words.values())))
        # as it is written, too: not every capital has the same small letter everywhere (İptal)
        condition = f"coalesce({cell} IN ({small}) OR {text} IN ({as_written}), false)"
        seen = cells.raw.lines.filter(condition).project(f"{cell} AS small, {text} AS as_written").distinct()
        known = {one for row in seen.fetchall() for one in row}
        if unknown := list(dict.fromkeys(low for word, low in words.items() if not {word, low} & known)):
            cells.notes.append(f"{key}: no line has {quoted_list(unknown)} in column '{header}'")
        found.append((f"{header}: {', '.join(values)}", condition))
    return found
