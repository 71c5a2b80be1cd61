"""A customer's features after new purchases. Comes in: the clean log, lines that are not in it yet. Goes out: his features, as if the whole log had been summed up with them.

What :mod:`segments.features.purchases` says of every customer at once, in a minute of machine time for millions of lines, is said here of one in a millisecond: every line is
kept in whole numbers, his own are found at once, and his sums are sums of integers as there. A test holds the two equal to the last digit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from segments.config.features import FeaturesConfig
from segments.features.purchases import COUNTED, MONEY_UNIT, LogSpan

Integers = NDArray[np.int64]
_EPOCH = date(1970, 1, 1).toordinal()
_DAY = 86_400  # seconds
_NEVER = np.iinfo(np.int64).max
_CODES = ("order_id", *COUNTED)  # columns of which only matters what differs


@dataclass(frozen=True)
class LineNumbers:
    """Purchase lines in whole numbers, one array per column.

    Parameters
    ----------
    at : ndarray of int64
        Seconds since 1970, on the clocks of the business.
    amount : ndarray of float64
        Money.
    units : dict of str to ndarray of int64
        ``amount``, and where the log has them ``discount`` and ``coupon``, in whole ten-thousandths.
    codes : dict of str to ndarray of int64
        A number for each different order, product, store and department; -1 where it is missing.
    own_brand : ndarray of bool, optional
        Whether it is a private label.
    back : ndarray of int64, optional
        When the line was sent back, in seconds since 1970.
    """

    at: Integers
    amount: NDArray[np.float64]
    units: Mapping[str, Integers]
    codes: Mapping[str, Integers]
    own_brand: NDArray[np.bool_] | None
    back: Integers | None

    def part(self, rows: Any) -> LineNumbers:
        """Some of them."""
        return LineNumbers(
            self.at[rows],
            self.amount[rows],
            {name: one[rows] for name, one in self.units.items()},
            {name: one[rows] for name, one in self.codes.items()},
            None if self.own_brand is None else self.own_brand[rows],
            None if self.back is None else self.back[rows],
        )

    def then(self, other: LineNumbers) -> LineNumbers:
        """These, and others of the same columns after them."""

        def both(one: Any, two: Any) -> Any:
            return np.concatenate([one, two])

        return LineNumbers(
            both(self.at, other.at),
            both(self.amount, other.amount),
            {name: both(one, other.units[name]) for name, one in self.units.items()},
            {name: both(one, other.codes[name]) for name, one in self.codes.items()},
            None if self.own_brand is None else both(self.own_brand, other.own_brand),
            None if self.back is None else both(self.back, other.back),
        )


class CustomerLog:
    """A clean log, by customer.

    Parameters
    ----------
    table : pyarrow.Table
        Clean lines, as :func:`segments.features.purchases.transaction_features` takes them.

    Examples
    --------
    >>> log = CustomerLog(pa.table({"customer_id": ["7", "8"], "order_id": ["a", "b"], "amount": [10.0, 5.0],
    ...     "purchased_at": pa.array([0, 86_400_000_000], pa.timestamp("us"))}))
    >>> bought = log.lines_of_events([{"order_id": "c", "amount": 30.0, "purchased_at": 864_000}])
    >>> found = log.features("7", bought, date(1970, 1, 31), FeaturesConfig())
    >>> found["frequency"], found["recency_days"], found["monetary"], found["gap_days_mean"]
    (2.0, 20.0, 40.0, 10.0)
    """

    def __init__(self, table: pa.Table) -> None:
        self.columns = [name for name in table.column_names if name not in ("customer_id", "sent_back_at")]
        ids = _coded(table["customer_id"])
        order = np.argsort(ids[0], kind="stable")
        self._place = {name: code for code, name in enumerate(ids[1])}
        self._ends = np.cumsum(np.bincount(ids[0], minlength=len(ids[1])))
        coded = {name: _coded(table[name]) for name in _CODES if name in self.columns}
        self._known = {name: {value: code for code, value in enumerate(values)} for name, (_, values) in coded.items()}
        brand = (
            pc.fill_null(table["private_label"], fill_value=False).to_numpy()
            if "private_label" in self.columns
            else None
        )
        lines = LineNumbers(
            _seconds(table["purchased_at"]),
            table["amount"].to_numpy(),
            {name: _units(table[name].to_numpy()) for name in ("amount", "discount", "coupon") if name in self.columns},
            {name: codes for name, (codes, _) in coded.items()},
            brand,
            _seconds(table["sent_back_at"]) if "sent_back_at" in table.column_names else None,
        )
        days, at = np.unique(lines.at // _DAY, return_inverse=True)
        self._days, self._timed = days, np.bincount(at, weights=lines.at % _DAY > 0) > 0
        self._lines = lines.part(order)

    def lines_of(self, customer_id: str) -> LineNumbers:
        """A customer's lines, in the order of the log; none of a stranger's."""
        place = self._place.get(customer_id)
        if place is None:
            return self._lines.part(slice(0, 0))
        return self._lines.part(slice(int(self._ends[place - 1]) if place else 0, int(self._ends[place])))

    def lines_of_events(self, events: Sequence[Mapping[str, Any]]) -> LineNumbers:
        """New lines in the numbers of this log.

        Parameters
        ----------
        events : sequence of mapping
            The columns of the log but for the customer's; ``purchased_at`` as seconds since 1970.
        """
        codes: dict[str, Integers] = {}
        for name, known in self._known.items():
            fresh: dict[str, int] = {}
            found = [
                -1
                if (value := event[name]) is None
                else known.get(value, -1)
                if value in known
                else fresh.setdefault(value, len(known) + len(fresh))
                for event in events
            ]
            codes[name] = np.array(found, dtype=np.int64)
        amount = np.array([event["amount"] for event in events], dtype=np.float64)
        units = {
            name: _units(np.array([event[name] for event in events], dtype=np.float64)) for name in self._lines.units
        }
        brand, back = self._lines.own_brand, self._lines.back
        return LineNumbers(
            np.array([event["purchased_at"] for event in events], dtype=np.int64),
            amount,
            units,
            codes,
            None if brand is None else np.array([bool(event["private_label"]) for event in events], dtype=bool),
            None if back is None else np.full(len(events), _NEVER),
        )

    def span(self, events: LineNumbers, as_of: date, config: FeaturesConfig) -> LogSpan | None:
        """What is known of the whole log and the events as of a day; ``None`` where no line counts."""
        first, end = _window(as_of, config)
        within = slice(*np.searchsorted(self._days, [first // _DAY, end // _DAY]))
        own = events.at[(events.at >= first) & (events.at < end)]
        days = [*self._days[within][:1].tolist(), *(own // _DAY).tolist()]
        tells_time = bool(self._timed[within].any() or (own % _DAY > 0).any())
        return LogSpan(min(days) + _EPOCH, tells_time) if days else None

    def features(
        self, customer_id: str, events: LineNumbers, as_of: date, config: FeaturesConfig
    ) -> dict[str, float] | None:
        """The features of a customer after these events.

        Parameters
        ----------
        customer_id : str
            As the log writes it.
        events : LineNumbers
            His new lines.
        as_of : date
            The "today" of the features. Later lines change nothing.
        config : FeaturesConfig
            Edges of morning and evening, and the days looked back.

        Returns
        -------
        dict of str to float or None
            The columns of :func:`segments.features.purchases.transaction_features`; ``None`` where he has no purchase that he kept.
        """
        span = self.span(events, as_of, config)
        lines = self.lines_of(customer_id).then(events)
        first, end = _window(as_of, config)
        lines = lines.part((lines.at >= first) & (lines.at < end))
        bought = lines if lines.back is None else lines.part((lines.amount >= 0) & (lines.back >= end))
        if span is None or not len(bought.at):
            return None
        return _summed_up(bought, int(lines.units["amount"].sum()), span, as_of.toordinal(), config)


def _summed_up(bought: LineNumbers, paid: int, span: LogSpan, today: int, config: FeaturesConfig) -> dict[str, float]:
    spent = np.maximum(bought.units["amount"], 0)
    spend, day, hour = int(spent.sum()), bought.at // _DAY + _EPOCH, bought.at % _DAY // 3600

    def of(rows: NDArray[np.bool_]) -> int:
        return int(spent[rows].sum())

    days = np.unique(day)
    frequency, purchase_days = len(np.unique(bought.codes["order_id"])), len(days)
    gaps, length = purchase_days - 1, int(days[-1] - days[0])
    tenure = today - int(days[0])
    monetary = paid / float(MONEY_UNIT)
    position = (day - span.first_day) * 2 - (today - span.first_day)
    earlier, recent = of(position < 0), of(position > 0)
    mean = length / float(gaps) if gaps > 0 else float(tenure)
    spread = gaps * int((np.diff(days) ** 2).sum()) - length * length
    found = {
        "recency_days": today - int(days[-1]),
        "frequency": frequency,
        "purchase_days": purchase_days,
        "monetary": monetary,
        "tenure_days": tenure,
        "basket_value": monetary / frequency,
        "gap_days_mean": mean,
        "gap_days_std": math.sqrt(spread) / gaps if gaps > 1 else mean,
    }
    for name, column in COUNTED.items():
        if name in bought.codes:
            found[column] = len(np.unique(codes := bought.codes[name])) - bool((codes < 0).any())
    found["weekend_share"] = _share(of((day % 7 == 0) | (day % 7 == 6)), spend)
    if span.tells_time:
        found["morning_share"] = _share(of(hour < config.morning_until), spend)
        found["evening_share"] = _share(of(hour >= config.evening_from), spend)
    if bought.own_brand is not None:
        found["private_label_share"] = _share(of(bought.own_brand), spend)
    for name in ("discount", "coupon"):
        if name in bought.units:
            off = int(bought.units[name].sum())
            found[f"{name}_share"] = _share(off, spend + off)
    found["trend"] = (recent - earlier) / float(earlier + recent) if earlier + recent > 0 else 0.0
    return {name: float(value) for name, value in found.items()}


def _share(part: int, whole: int) -> float:
    return part / float(whole) if whole > 0 else 0.0


def _window(as_of: date, config: FeaturesConfig) -> tuple[int, int]:
    """First second that counts, and the first that no longer does."""
    end = (as_of + timedelta(days=1)).toordinal() - _EPOCH
    first = -(1 << 30) if config.window_days is None else end - config.window_days
    return first * _DAY, end * _DAY


def _units(money: NDArray[np.float64]) -> Integers:
    return np.floor(money * MONEY_UNIT + 0.5).astype(np.int64)


def _seconds(times: pa.ChunkedArray) -> Integers:
    """Whole seconds since 1970; of a missing time one that never comes."""
    micros = pc.cast(pc.cast(times, pa.timestamp("us")), pa.int64())
    known = pc.fill_null(micros, _NEVER).to_numpy()
    return np.where(known == _NEVER, _NEVER, known // 1_000_000)


def _coded(texts: pa.ChunkedArray) -> tuple[Integers, list[Any]]:
    """A number for each different value, -1 for none; and the values."""
    encoded = texts.combine_chunks().dictionary_encode()
    return pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(
        np.int64
    ), encoded.dictionary.to_pylist()
