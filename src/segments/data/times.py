"""How times are written. Comes in: some cells of a column. Goes out: the formats under which DuckDB reads all of them."""

from __future__ import annotations

import re
from datetime import date
from itertools import product

import duckdb
import pandas as pd

from segments.config.source import EPOCHS
from segments.data.reading.cells import ISO_TIME, time_sql

ISO = ""  # no format is needed
_NUMBERED = [
    f"{day}{sign}{month}{sign}{year}"
    for sign in "/.-"
    for year in ("%Y", "%y")
    for day, month in (("%d", "%m"), ("%m", "%d"))
]
_NAMED = [
    "%d %b %Y",
    "%d. %b %Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%d/%b/%Y",
    "%d %b %y",
    "%b %d, %Y",
    "%b %d %Y",
    "%a %b %d %Y",
    "%a, %d %b %Y",
    "%A, %b %d, %Y",
    "%d %b, %Y",
]
_CLOCKS = ["", "%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p", "%I:%M%p", "%H.%M", "%Hh%M"]
_BETWEEN = [" ", "T", ", ", " - "]
_PARTS = {
    "%Y": r"\d{4}",
    "%y": r"\d{2}",
    "%b": r"[^\W\d]{3,}\.?",
    "%a": r"[^\W\d]{3}",
    "%A": r"[^\W\d]{4,}",
    "%p": r"[AaPp][Mm]",
    "%f": r"\d{1,9}",
}
FORMATS = [
    "%Y%m%d",
    "%Y%m%d%H%M%S",
    "%Y.%m.%d",
    "%Y年%m月%d日",
    *(
        day + (between + clock if clock else "")
        for day, clock, between in product([*_NUMBERED, *_NAMED, "%Y.%m.%d", "%Y%m%d"], _CLOCKS, _BETWEEN)
        if clock or between == " "
    ),
]
_SHAPES = {
    layout: re.compile(
        "".join(
            _PARTS.get(part, r"\d{1,2}") if part.startswith("%") else re.escape(part)
            for part in re.split("(%.)", layout)
        )
    )
    for layout in dict.fromkeys(FORMATS)
}
ENOUGH = 0.95  # of the cells: a few may be no times
SEEN = 500
EARLIEST, LATEST = "1990-01-01", "2100-01-01"  # of what counts the seconds from 1970


def swapped(layout: str) -> str:
    """The format with day and month in each other's place.

    Examples
    --------
    >>> swapped("%d/%m/%Y %H:%M")
    '%m/%d/%Y %H:%M'
    """
    return layout.replace("%d", "\0").replace("%m", "%d").replace("\0", "%m")


def time_formats(values: pd.Series) -> list[str]:
    """List the formats under which nearly all values are times, the best first; the empty text stands for ISO.

    Examples
    --------
    >>> time_formats(pd.Series(["3/1/2024 1:05 PM", "4/1/2024 2:00 AM"]))
    ['%d/%m/%Y %I:%M %p', '%m/%d/%Y %I:%M %p']
    >>> time_formats(pd.Series(["15. März 2024"])), time_formats(pd.Series(["2024-03-15"])), time_formats(pd.Series(["7"]))
    (['%d. %b %Y'], [''], [])
    """
    head = values.drop_duplicates()
    head = head.iloc[:: max(1, len(head) // SEEN)].reset_index(drop=True)
    if not len(head):
        return []
    if head.str.fullmatch(ISO_TIME).mean() > ENOUGH:
        return [ISO]
    if head.str.fullmatch(r"\d{9,10}|\d{12,13}|\d{15,16}").mean() > ENOUGH:
        fitting = list(EPOCHS)
    else:
        few = list(head.head(20))
        fitting = [layout for layout, shape in _SHAPES.items() if all(shape.fullmatch(cell) for cell in few)]
    if not fitting:
        return []
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("head", pd.DataFrame({"cell": head.astype("str")}))
        times = {layout: time_sql("cell", "VARCHAR", "cell", layout) for layout in fitting}
        plausible = {layout: f"{time} BETWEEN '1900-01-01' AND '{LATEST}'" for layout, time in times.items()} | {
            layout: f"{times[layout]} BETWEEN '{EARLIEST}' AND '{LATEST}'" for layout in fitting if layout in EPOCHS
        }
        counts = (
            connection.table("head")
            .aggregate(", ".join(f"count(*) FILTER (WHERE {one})" for one in plausible.values()))
            .fetchall()[0]
        )
    found = {layout: count for layout, count in zip(plausible, counts, strict=True) if count > ENOUGH * len(head)}
    return sorted(found, key=lambda layout: -found[layout])


def days_of(values: pd.Series, layout: str) -> list[tuple[date, int]]:
    """The days that cells of one format name, and how many name each, in order.

    Examples
    --------
    >>> days_of(pd.Series(["31/12/2023", "1/1/2024", "31/12/2023", "soon"]), "%d/%m/%Y")
    [(datetime.date(2023, 12, 31), 2), (datetime.date(2024, 1, 1), 1)]
    """
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("seen", pd.DataFrame({"cell": values.astype("str")}))
        days = connection.table("seen").project(
            f"CAST({time_sql('cell', 'VARCHAR', 'cell', layout or None)} AS DATE) AS day"
        )
        found = days.filter("day IS NOT NULL AND isfinite(day)").aggregate("day, count(*)", "day").order("day")
        return found.fetchall()
