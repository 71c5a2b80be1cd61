"""A purchase log, summed up. Comes in: clean transaction lines, on any engine. Goes out: one row per customer, and what they spent where.

It is summed up by Narwhals expressions that DuckDB, pandas and PySpark all have, so the engine is a choice and not
a rewrite. Inside them money is counted in whole ten-thousandths and days are numbered: sums of integers depend neither
on the order of rows nor on the number of threads, which is what makes every rerun byte-identical.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

import narwhals as nw
import pandas as pd

from segments.config.features import FeaturesConfig
from segments.errors import DataError

MONEY_UNIT = 10_000  # one currency unit holds this many of the whole units money is counted in
LARGEST_AMOUNT = 1e12  # of one line; beyond it, sums of whole units could leave 64 bits
NEEDED = ("customer_id", "order_id", "purchased_at", "amount")
ALWAYS = ("recency_days", "frequency", "purchase_days", "monetary", "tenure_days", "basket_value")
GAPS = ("gap_days_mean", "gap_days_std")
MAIN_DEPARTMENTS = 10  # of the basket mix
COUNTED = {"department": "departments", "product_id": "products", "store_id": "stores"}


def transaction_features(lines: Any, as_of: date, config: FeaturesConfig, span: LogSpan | None = None) -> Any:
    """Sum up a transaction log, one row per customer who bought something up to the end of the as-of date.

    Parameters
    ----------
    lines : native frame
        One row per purchase line: ``customer_id``, ``order_id``, ``purchased_at``, ``amount`` and, where the source has
        them, ``discount``, ``coupon``, ``product_id``, ``store_id``, ``department``, ``private_label``, ``sent_back_at``. Any
        frame Narwhals knows; it is not changed and, on a lazy engine, never held in memory as a whole.
    as_of : date
        The "today" of the features. Later lines change nothing.
    config : FeaturesConfig
        Edges of morning and evening, and the days looked back.
    span : LogSpan, optional
        Of the whole log, where these are the lines of some of its customers only; found out from the lines by default.

    Returns
    -------
    native frame
        Lazy where the engine is, rows in no particular order. All but the id are float64. Columns whose raw column is
        absent are absent; so are the shares of a time of day when no line tells one.

        ===================  ========================================================================================
        recency_days         whole days from the day of the LAST purchase to the as-of date; 0 on the day itself
        frequency            distinct orders
        purchase_days        distinct days with a purchase
        monetary             money paid, returns taken off (currency)
        tenure_days          whole days from the day of the first purchase to the as-of date
        basket_value         monetary / frequency (currency)
        gap_days_mean        mean days from one purchase day to the next; with a single purchase day the gap is still
                             open, and tenure_days (its length so far) stands for it
        gap_days_std         standard deviation (ddof 0) of those gaps; fewer than two gaps tell nothing of
                             regularity, and gap_days_mean stands for it, as if purchases came by chance
        departments          distinct departments; likewise ``products``, ``stores``
        weekend_share        spend on Saturdays and Sundays / spend; likewise ``morning_share``, ``evening_share``,
                             ``private_label_share``
        discount_share       discount / (spend + discount); likewise ``coupon_share``
        trend                (spend of the recent half - spend of the earlier half) / both, -1 to 1; the halves of
                             the time from the log's first day to the as-of date are equally long (of an odd number
                             of days the middle one is in neither)
        ===================  ========================================================================================

        *Spend* is the money of lines with a positive amount, so that a return moves no share out of 0 to 1. A share of
        nothing is 0. Money finer than a ten-thousandth is rounded to it.

        Where lines tell when they were sent back (``sent_back_at``), returns and what is back by the as-of date are no purchases:
        only ``monetary`` knows returns, and who has no other purchase has no row. With ``window_days``, the log begins so many days
        before the end of the as-of date.

    Raises
    ------
    DataError
        If a column is missing, an amount is not a finite number, or no line lies before the end of the as-of date.

    Examples
    --------
    >>> log = pd.DataFrame({"customer_id": ["7", "7"], "order_id": ["a", "b"], "amount": [10.0, 30.0],
    ...     "purchased_at": pd.to_datetime(["2024-03-01 09:30", "2024-03-11 18:00"])})
    >>> row = transaction_features(log, date(2024, 3, 31), FeaturesConfig()).iloc[0]
    >>> row["recency_days"], row["gap_days_mean"], row["evening_share"], row["trend"]
    (np.float64(20.0), np.float64(10.0), np.float64(0.75), np.float64(-1.0))
    """
    frame = nw.from_native(lines).lazy()
    names = frame.collect_schema().names()
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise DataError(
            f"the transactions lack {', '.join(missing)}",
            where="transactions",
            fix="run `segments data`: it makes a clean log from the raw one",
        )
    frame = _known(frame, as_of, config)
    log = span or _span(frame, as_of)

    today = as_of.toordinal()
    bought = purchases(frame, as_of)
    per_line = _per_line(bought, log, today, config)
    sums = [name for name in per_line.collect_schema().names() if name.startswith("sum_")]
    counted = [name for name in COUNTED if name in names]
    totals = per_line.group_by("customer_id").agg(
        nw.col("day").min().alias("first_day"),
        nw.col("day").max().alias("last_day"),
        nw.col("order_id").n_unique().alias("frequency"),
        *[nw.col(name).sum() for name in sums],
        *[nw.col(name).n_unique().alias(COUNTED[name]) for name in counted],
        *[nw.col(f"no_{name}").max().alias(f"no_{name}") for name in counted],
    )
    if bought is not frame:  # what was paid knows returns
        paid = frame.with_columns(sum_paid=whole_units("amount")).group_by("customer_id").agg(nw.col("sum_paid").sum())
        totals = totals.drop("sum_paid").join(paid, on="customer_id", how="left")
    both = totals.join(_gaps(bought), on="customer_id", how="left")
    return nw.to_native(_finish(both, sums, counted, today))


def purchases(frame: nw.LazyFrame[Any], as_of: date) -> nw.LazyFrame[Any]:
    """The lines that are purchases as known at the end of a day; itself where no line tells when it was sent back."""
    if "sent_back_at" not in frame.collect_schema().names():
        return frame
    back = nw.col("sent_back_at")
    return frame.filter((nw.col("amount") >= 0) & (back.is_null() | (back >= _end(as_of))))


def customers_without_purchase(lines: Any, as_of: date, config: FeaturesConfig) -> int:
    """How many customers have lines by a day, but no purchase that they kept."""
    frame = _known(nw.from_native(lines).lazy(), as_of, config)
    bought = purchases(frame, as_of)
    if bought is frame:
        return 0
    everybody, buyers = (
        part.select(nw.col("customer_id").n_unique()).collect("pandas").to_native().iloc[0, 0]
        for part in (frame, bought)
    )
    return int(everybody - buyers)


def basket_mix(lines: Any, as_of: date, config: FeaturesConfig) -> pd.DataFrame:
    """What customers put into their baskets: the share of their spend in each of the main departments.

    Descriptors, not features: the table stands beside the features, so that nothing is clustered on it unasked.

    Parameters
    ----------
    lines : native frame
        Clean transaction lines, as :func:`transaction_features` takes them.
    as_of : date
        The "today" of the features. Later lines change nothing.
    config : FeaturesConfig
        The days looked back.

    Returns
    -------
    pandas.DataFrame of shape (n_customers, ...)
        ``customer_id``, sorted as the features are, ``spend_on_<department>`` for the ten departments that earn most,
        most first, and ``spend_on_other`` where there are more or a line tells none. Shares of spend (money of lines with a
        positive amount); they add up to 1, or to 0 for a customer without spend. Without departments, only the ids.

    Raises
    ------
    DataError
        If no line lies before the end of the as-of date.

    Examples
    --------
    >>> log = pd.DataFrame({"customer_id": ["7", "7"], "order_id": ["a", "b"], "amount": [10.0, 30.0],
    ...     "purchased_at": pd.to_datetime(["2024-03-01", "2024-03-11"]), "department": ["FISH", "BREAD & CAKE"]})
    >>> basket_mix(log, date(2024, 3, 31), FeaturesConfig()).to_dict("records")
    [{'customer_id': '7', 'spend_on_bread_cake': 0.75, 'spend_on_fish': 0.25}]
    """
    frame = _known(nw.from_native(lines).lazy(), as_of, config)
    _span(frame, as_of)
    frame = purchases(frame, as_of)
    paid = whole_units("amount")
    frame = frame.with_columns(sum_spend=nw.when(paid > 0).then(paid).otherwise(0))
    parts: dict[str, nw.Expr] = {}
    if "department" in frame.collect_schema().names():
        known = frame.filter(~nw.col("department").is_null())
        earned = known.group_by("department").agg(nw.col("sum_spend").sum()).collect("pandas").to_native()
        earned = earned.astype({"sum_spend": "int64"}).sort_values(["sum_spend", "department"], ascending=[False, True])
        main = [str(name) for name in earned["department"].head(MAIN_DEPARTMENTS)]
        parts = {
            column: _only(nw.col("department") == nw.lit(name))
            for column, name in zip(_spend_columns(main), main, strict=True)
        }
    wanted = ["sum_spend", *parts]
    frame = frame.with_columns(**parts) if parts else frame
    sums = frame.group_by("customer_id").agg(*[nw.col(name).sum() for name in wanted])
    table: pd.DataFrame = sums.collect("pandas").to_native().astype(dict.fromkeys(wanted, "int64"))
    table = table.sort_values("customer_id", key=sort_key, kind="stable", ignore_index=True)
    spend = table["sum_spend"].where(table["sum_spend"] > 0)
    mix = table[["customer_id"]].assign(**{name: (table[name] / spend).fillna(0.0) for name in parts})
    rest = table["sum_spend"] - table[list(parts)].sum(axis="columns")
    return mix.assign(spend_on_other=(rest / spend).fillna(0.0)) if parts and rest.any() else mix


def sort_key(ids: pd.Series[str]) -> pd.Series[Any]:
    """What ids are sorted by: as numbers where all are, so that 9 comes before 10.

    Examples
    --------
    >>> sort_key(pd.Series(["10", "9"])).tolist(), sort_key(pd.Series(["10", "b"])).tolist()
    ([10, 9], ['10', 'b'])
    """
    if ids.str.fullmatch(r"-?\d+").all():
        return ids.map(int)
    return ids


class LogSpan(NamedTuple):
    """What is known of a log as a whole, as of a day, and enters the features of each customer.

    Parameters
    ----------
    first_day : int
        Its first day that counts, numbered as ``date.toordinal`` does.
    tells_time : bool
        Whether any of its lines tells the time of day.
    """

    first_day: int
    tells_time: bool


def day_number(name: str) -> nw.Expr:
    """The day of a time column, numbered as ``date.toordinal`` does."""
    # Differences of integers are days on every engine, differences of timestamps are not (Narwhals
    # has no `dt.total_minutes` for PySpark). Its remainder by 7 is the weekday, Sunday 0 to Saturday 6, which spares us
    # `dt.weekday`, whose Sunday is 7 on DuckDB and 0 on PySpark.
    before = nw.col(name).dt.year().cast(nw.Int64) - 1
    return before * 365 + before // 4 - before // 100 + before // 400 + nw.col(name).dt.ordinal_day().cast(nw.Int64)


def whole_units(name: str) -> nw.Expr:
    """Money in whole ten-thousandths, ``MONEY_UNIT`` of them to one."""
    # Floor, not round: engines disagree about halves.
    return (nw.col(name) * MONEY_UNIT + 0.5).floor().cast(nw.Int64)


def _end(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time())


def _known(frame: nw.LazyFrame[Any], as_of: date, config: FeaturesConfig) -> nw.LazyFrame[Any]:
    """The lines that count as of a day, each with its day."""
    frame = frame.filter(nw.col("purchased_at") < _end(as_of))
    if config.window_days is not None:
        frame = frame.filter(nw.col("purchased_at") >= _end(as_of) - timedelta(days=config.window_days))
    return frame.with_columns(day=day_number("purchased_at"))


def _only(condition: nw.Expr) -> nw.Expr:
    return nw.when(condition).then(nw.col("sum_spend")).otherwise(0)


def _span(frame: nw.LazyFrame[Any], as_of: date) -> LogSpan:
    at, amount = nw.col("purchased_at").dt, nw.col("amount")
    clock = at.hour().cast(nw.Int64) * 3600 + at.minute().cast(nw.Int64) * 60 + at.second().cast(nw.Int64)
    unfit = nw.when(amount.is_null() | ~(amount.abs() < LARGEST_AMOUNT)).then(1).otherwise(0)
    facts = frame.select("day", clock.alias("clock"), unfit.alias("unfit"))
    day, clock_max, n_unfit = (
        facts.select(nw.col("day").min(), nw.col("clock").max(), nw.col("unfit").sum()).collect().row(0)
    )
    if day is None or day != day:
        what = f"no purchase lies on or before the as-of date {as_of}"
        raise DataError(what, where="source.as_of", fix="choose a later day; the last one of the log is usual")
    if n_unfit:
        what = f"{int(n_unfit)} transaction lines have no amount, or one beyond {LARGEST_AMOUNT:g}"
        raise DataError(what, where="transactions", fix="run `segments data`: it drops such lines and counts them")
    return LogSpan(int(day), bool(clock_max))


def _per_line(frame: nw.LazyFrame[Any], log: LogSpan, today: int, config: FeaturesConfig) -> nw.LazyFrame[Any]:
    names = frame.collect_schema().names()
    paid, hour = whole_units("amount"), nw.col("purchased_at").dt.hour()
    position = (nw.col("day") - log.first_day) * 2 - (today - log.first_day)  # < 0: earlier half, > 0: recent half
    frame = frame.with_columns(sum_paid=paid, sum_spend=nw.when(paid > 0).then(paid).otherwise(0))
    parts = {
        "sum_weekend": _only((nw.col("day") % 7 == 0) | (nw.col("day") % 7 == 6)),
        "sum_earlier": _only(position < 0),
        "sum_recent": _only(position > 0),
    }
    if log.tells_time:
        parts |= {"sum_morning": _only(hour < config.morning_until), "sum_evening": _only(hour >= config.evening_from)}
    if "private_label" in names:
        parts["sum_private_label"] = _only(nw.col("private_label") == nw.lit(True))  # an unknown brand is none of ours
    parts |= {f"sum_{name}": whole_units(name) for name in ("discount", "coupon") if name in names}
    missing = {f"no_{name}": nw.when(nw.col(name).is_null()).then(1).otherwise(0) for name in COUNTED if name in names}
    return frame.with_columns(**parts, **missing)


def _gaps(frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    days = frame.select("customer_id", "day").unique()
    gap = nw.col("day") - nw.col("day").shift(1).over("customer_id", order_by="day")
    squares = days.with_columns(gap=gap).with_columns(sum_gaps_squared=nw.col("gap") * nw.col("gap"))
    return squares.group_by("customer_id").agg(nw.len().alias("purchase_days"), nw.col("sum_gaps_squared").sum())


def _spend_columns(departments: list[str]) -> list[str]:
    columns: list[str] = ["spend_on_other"]
    for name in departments:
        plain = "spend_on_" + ("_".join(re.findall(r"\w+", name.lower())) or "unnamed")
        same = sum(column == plain or column.startswith(f"{plain}_no_") for column in columns)
        columns.append(f"{plain}_no_{same + 1}" if same else plain)
    return columns[1:]


def _share(part: str, whole: nw.Expr) -> nw.Expr:
    return nw.when(whole > 0).then(nw.col(part) / whole).otherwise(0.0)


def _finish(both: nw.LazyFrame[Any], sums: list[str], counted: list[str], today: int) -> nw.LazyFrame[Any]:
    spend, halves = nw.col("sum_spend"), nw.col("sum_earlier") + nw.col("sum_recent")
    gaps, span = nw.col("purchase_days") - 1, nw.col("last_day") - nw.col("first_day")
    # Cauchy-Schwarz keeps this at or above zero, and integers keep it exact.
    spread = gaps * nw.col("sum_gaps_squared") - span * span
    # Sums come as 128-bit integers from DuckDB and, over missing values, as floats from pandas; here they meet again.
    both = both.with_columns(*[nw.col(name).cast(nw.Int64) for name in [*sums, "sum_gaps_squared"]])
    both = both.with_columns(
        recency_days=today - nw.col("last_day"),
        tenure_days=today - nw.col("first_day"),
        monetary=nw.col("sum_paid") / MONEY_UNIT,
        **{COUNTED[name]: nw.col(COUNTED[name]) - nw.col(f"no_{name}") for name in counted},
    ).with_columns(
        basket_value=nw.col("monetary") / nw.col("frequency"),
        gap_days_mean=nw.when(gaps > 0).then(span / gaps).otherwise(nw.col("tenure_days").cast(nw.Float64)),
        trend=nw.when(halves > 0).then((nw.col("sum_recent") - nw.col("sum_earlier")) / halves).otherwise(0.0),
    )
    both = both.with_columns(
        gap_days_std=nw.when(gaps > 1).then(spread.cast(nw.Float64).sqrt() / gaps).otherwise(nw.col("gap_days_mean"))
    )
    shares = {f"sum_{name}": spend for name in ("weekend", "morning", "evening", "private_label")}
    shares |= {f"sum_{name}": spend + nw.col(f"sum_{name}") for name in ("discount", "coupon")}
    columns = [nw.col(name) for name in [*ALWAYS, *GAPS, *[COUNTED[name] for name in counted]]]
    columns += [_share(part, shares[part]).alias(f"{part[4:]}_share") for part in shares if part in sums]
    return both.select("customer_id", *[column.cast(nw.Float64) for column in [*columns, nw.col("trend")]])
