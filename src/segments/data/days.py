"""The days a log is of. Comes in: its times. Goes out: the lines of each day, its first and last day, and which lie far from all others."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import pairwise

import duckdb

from segments.config.source import Reader
from segments.data.reading.cells import text_sql, time_sql

FAR_DAYS, FAR_TIMES, FEWEST_DAYS = 31, 5, 10  # when a day lies far from the rest; of fewer days nothing is said


def purchase_days(
    lines: duckdb.DuckDBPyRelation, header: str, time_format: str | None, reader: Reader
) -> list[tuple[date, int]]:
    """The days that a column of a raw log names, and the lines of each, in order."""
    kind = dict(zip(lines.columns, (str(kind) for kind in lines.types), strict=True))[header]
    return lines_by_day(lines, time_sql(header, kind, text_sql(header, kind, reader), time_format))


def lines_by_day(lines: duckdb.DuckDBPyRelation, time: str) -> list[tuple[date, int]]:
    """The days of lines, and how many are of each, in order.

    Parameters
    ----------
    lines : DuckDBPyRelation
        Of a log.
    time : str
        SQL of a line's time; without one, or with an infinite one, it counts nowhere.

    Examples
    --------
    >>> lines_by_day(duckdb.sql("SELECT unnest([TIMESTAMP '2024-01-02 10:00', NULL, TIMESTAMP '2024-01-01']) AS bought"), "bought")
    [(datetime.date(2024, 1, 1), 1), (datetime.date(2024, 1, 2), 1)]
    """
    days = lines.project(f"CAST({time} AS DATE) AS day").filter("day IS NOT NULL AND isfinite(day)")
    return days.aggregate("day, count(*)", "day").order("day").fetchall()


def main_days(days: Sequence[tuple[date, int]]) -> tuple[date, date]:
    """First and last day of a log without the few lines that lie far from all others: misread or mistyped dates.

    Far is more than a month, and more than five times the longest gap between the days nearer to the middle; few is one line, or a
    hundredth of them.

    Parameters
    ----------
    days : sequence of (date, int)
        Days and their lines, in order; at least one.

    Examples
    --------
    >>> days = [(date(2024, 1, day), 5) for day in range(1, 31)]
    >>> first, last = main_days([(date(1970, 1, 1), 1), *days, (date(2204, 1, 1), 1)])
    >>> str(first), str(last)
    ('2024-01-01', '2024-01-30')
    """
    whole = sum(lines for _, lines in days)
    few, before = max(1, whole // 100), 0
    gaps = []
    for at, ((day, lines), (following, _)) in enumerate(pairwise(days), start=1):
        before += lines
        gaps.append((at, (following - day).days, before <= few, whole - before <= few))
    longest = max((gap for _, gap, starts, ends in gaps if not starts and not ends), default=None)
    if longest is None or len(days) < FEWEST_DAYS:
        return days[0][0], days[-1][0]
    far = max(FAR_DAYS, FAR_TIMES * longest)
    first = max((at for at, gap, starts, _ in gaps if starts and gap > far), default=0)
    last = min((at for at, gap, _, ends in gaps if ends and gap > far), default=len(days))
    return days[first][0], days[last - 1][0]


def far_days(days: Sequence[tuple[date, int]], as_of: date) -> list[str]:
    """Say so where a few lines lie far from all others, or the as-of date does.

    Parameters
    ----------
    days : sequence of (date, int)
        Days and their lines, in order; at least one.
    as_of : date
        The day until which everything is known.

    Examples
    --------
    >>> far_days([(date(2024, 1, day), 5) for day in range(1, 31)], date(2024, 5, 1))
    ['the as-of date 2024-05-01 lies 92 days after 2024-01-30, the last of the log: is it the day everything is known of?']
    """
    first, last = main_days(days)
    notes = [
        f"{sum(lines for day, lines in days if day in far)} lines lie far {side} all others, from {far[0]} to {far[-1]}: are these their dates?"
        for side, far in (
            ("before", [day for day, _ in days if day < first]),
            ("after", [day for day, _ in days if day > last]),
        )
        if far
    ]
    last = days[-1][0] if not notes else last
    longest = max((int((later - day).days) for (day, _), (later, _) in pairwise(days) if later <= last), default=0)
    if (as_of - last).days > max(FAR_DAYS, FAR_TIMES * longest):
        notes.append(
            f"the as-of date {as_of} lies {(as_of - last).days:,} days after {last}, the last of the log: is it the day everything is known of?"
        )
    return notes
