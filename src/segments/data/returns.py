"""Which purchases were sent back as a whole. Comes in: purchases and returns of one customer and product. Goes out: who came back, and when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

RETURN_KEYS = ("customer_id", "product")  # whose lines a return may take back
RETURN_ORDER = ("purchased_at", "is_return", "otherwise", "row")  # what goes first of them


class Line(NamedTuple):
    """A line of a log.

    Parameters
    ----------
    row : int
        Its number.
    at : datetime
        When.
    order : str or None
        The order it belongs to, or which it cancels.
    size : int
        Units, or money in whole ten-thousandths, whichever the log counts by; below zero: a return.
    """

    row: int
    at: datetime
    order: str | None
    size: int


def sent_back(lines: Iterable[Line]) -> dict[int, datetime]:
    """Find the purchase lines of which nothing was kept.

    A return takes back, of the lines before it, one of its own order and size, else one of its size; the latest where there are several.
    Where none is of its size it takes from the latest of its order, then from the latest of all, as much as it is large: several returns may
    take back one purchase, and one return several. What was bought before the log began is found nowhere, and takes back nothing.

    Parameters
    ----------
    lines : iterable of Line
        Of one customer and one product (or of one customer, where the log knows no products), in the order of time; of equal times
        purchases first.

    Returns
    -------
    dict of int to datetime
        Row of each such purchase -> time of the return that took the last of it.

    Examples
    --------
    >>> day = [datetime(2024, 1, day) for day in range(1, 5)]
    >>> twelve, ten = Line(1, day[0], "a", 12), Line(2, day[1], "b", 10)
    >>> sorted(sent_back([twelve, ten, Line(3, day[2], "a", -12)]))
    [1]
    >>> sent_back([twelve, ten, Line(3, day[2], None, -4), Line(4, day[3], None, -6)])
    {2: datetime.datetime(2024, 1, 4, 0, 0)}
    """
    left: dict[int, int] = {}
    bought: dict[int, Line] = {}
    # Stacks of lines by order and by what is left of them; what no longer holds is popped when it is met.
    stacks: defaultdict[tuple[str | None, int | None], list[int]] = defaultdict(list)
    found: dict[int, datetime] = {}

    def put(row: int) -> None:
        order = bought[row].order
        for key in dict.fromkeys([(order, left[row]), (None, left[row])]):
            stacks[key].append(row)

    for line in lines:
        if line.size >= 0:
            left[line.row], bought[line.row] = line.size, line
            put(line.row)
            for order in dict.fromkeys([line.order, None]):
                stacks[order, None].append(line.row)
            continue
        owed = -line.size
        for order, size in ((line.order, owed), (None, owed), (line.order, None), (None, None)):
            stack = stacks[order, size]
            while owed and stack:
                row = stack[-1]
                if not left[row] or (size is not None and left[row] != size):
                    stack.pop()
                    continue
                taken = min(left[row], owed)
                left[row] -= taken
                owed -= taken
                if left[row]:
                    put(row)
                else:
                    found[row] = line.at
    return found


def returned(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[int, datetime]]:
    """The same for many customers and products, one after another.

    Parameters
    ----------
    rows : iterable of tuple
        :data:`RETURN_KEYS`, then a :class:`Line`, then more; sorted by the keys, then by :data:`RETURN_ORDER`.

    Examples
    --------
    >>> bought, back = datetime(2024, 1, 1), datetime(2024, 1, 2)
    >>> list(returned([("7", "tea", 1, bought, None, 2), ("7", "tea", 2, back, None, -2), ("8", "tea", 3, bought, None, 2)]))
    [(1, datetime.datetime(2024, 1, 2, 0, 0))]
    """
    keys, fields = len(RETURN_KEYS), len(Line._fields)
    for _, of_one in groupby(rows, key=lambda row: row[:keys]):
        yield from sent_back(Line(*row[keys : keys + fields]) for row in of_one).items()
