"""What became of each segment, month by month. Comes in: clean purchase lines, whose segment each customer was in. Goes out: figures, moves, targets.

Lines are summed up by DuckDB, money in whole ten-thousandths, so that any order of rows and any number of threads give the same figures, and
the figures of all segments and periods add up to those of the log to the last of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import numpy as np
import pandas as pd

from segments.action.uplift import ALL
from segments.config.performance import Measure, PerformanceConfig, Target
from segments.errors import DataError
from segments.features.purchases import MONEY_UNIT
from segments.model.segmentation import Segment

if TYPE_CHECKING:
    import duckdb

MEASURES: tuple[Measure, ...] = get_args(Measure)
IN_POINTS = ("discount_share", "coupon_share")  # change in points, not in per cent
NO_SEGMENT = "none"  # id of the row of those whom no segment holds
UNSEGMENTED = "in no segment"
THEN, TODAY = "then", "today"
INACTIVE_DAYS = 90  # without a forecast that says how long a silence means something
YEAR = {"month": 12, "week": 52}
MET, MISSED, NO_DATA = "met", "missed", "no data"

Members = Callable[[date], pd.DataFrame]


class Span(NamedTuple):
    """A month or week: what it is called, its first and last day, and how many of its days the log covers."""

    name: str
    first: date
    last: date
    days: int

    @property
    def whole(self) -> bool:
        """Whether the log covers all of it."""
        return self.days == (self.last - self.first).days + 1


@dataclass(frozen=True)
class PerformanceFacts:
    """What is to be said of the tables.

    Parameters
    ----------
    source : str
        Name of the source.
    reason : str or None
        Why there are none.
    period : str
        month or week.
    inactive_days : int
        Silence of so many days is churn.
    worth_periods : int
        Periods whose revenue tells what a move is worth.
    last : str or None
        The last whole period.
    notes : list of str
        What else a person should know.
    """

    source: str
    reason: str | None
    period: str
    inactive_days: int
    worth_periods: int
    last: str | None
    notes: list[str]


@dataclass(frozen=True)
class Performance:
    """The segments over time.

    Parameters
    ----------
    table : DataFrame
        One row per membership, period and segment, and one for all.
    movers : DataFrame
        One row per pair of segments between which customers moved in the last whole period.
    facts : PerformanceFacts
        What is to be said of them.
    """

    table: pd.DataFrame
    movers: pd.DataFrame
    facts: PerformanceFacts


def performance(
    lines: duckdb.DuckDBPyRelation,
    members: Members,
    today: pd.DataFrame,
    segments: Sequence[Segment],
    as_of: date,
    config: PerformanceConfig,
    source: str = "",
) -> Performance:
    """Follow the segments over the periods of a log.

    Parameters
    ----------
    lines : DuckDBPyRelation
        Clean purchase lines: ``customer_id, order_id, purchased_at, amount`` and, where known, ``discount, coupon``.
    members : callable
        Takes a day, gives ``customer_id`` and ``cluster`` of everybody who was in a segment at its end.
    today : DataFrame
        The same as of today.
    segments : sequence of Segment
        Segment of each cluster.
    as_of : date
        The last day that is known.
    config : PerformanceConfig
        Which periods, and what churn is.
    source : str
        Its name.

    Returns
    -------
    Performance
        In ``table``, everything is of customers of one segment in one period: ``members`` in it at its end, ``active_customers`` who bought,
        ``revenue`` (returns taken off), ``visits`` (orders), ``basket`` (revenue / visits), ``discount_share``, ``coupon_share`` (of spend before
        them), ``won_back`` (bought after a silence of more than ``inactive_days``) and ``churned``: silent for ``inactive_days``, counted in the
        period in which that many days were full, in the segment they were in when they bought last. Changes are against the period before and the
        one a year before, where both are whole: relative, of shares the difference.

    Raises
    ------
    DataError
        If no line lies on or before the as-of date.

    Examples
    --------
    >>> import duckdb
    >>> log = pd.DataFrame({"customer_id": ["a", "b", "b"], "order_id": ["1", "2", "3"], "amount": [4.0, 6.0, 15.0],
    ...     "purchased_at": pd.to_datetime(["2024-01-01", "2024-01-05", "2024-02-02"])})
    >>> who = pd.DataFrame({"customer_id": ["a", "b"], "cluster": [0, 0]})
    >>> known = [Segment("S1", "guests", 0)]
    >>> made = performance(duckdb.from_df(log), lambda day: who, who, known, date(2024, 2, 29), PerformanceConfig())
    >>> own = made.table[(made.table["membership"] == "then") & (made.table["segment"] == "guests")]
    >>> own[["period", "active_customers", "revenue", "basket", "revenue_change"]].values.tolist()
    [['2024-01', 2, 10.0, 5.0, nan], ['2024-02', 1, 15.0, 15.0, 0.5]]
    """
    import duckdb

    after = as_of + timedelta(days=1)
    known = lines.filter(f"purchased_at < DATE '{after}'")
    [(first, count)] = known.aggregate("min(purchased_at)::DATE, count(*)").fetchall()
    if not count:
        raise DataError(
            f"no purchase lies on or before the as-of date {as_of}", where="source.as_of", fix="choose a later day"
        )
    every = spans(first, as_of, config.period)
    shown = every[-config.periods :]
    silence = config.inactive_days or INACTIVE_DAYS
    has = [name for name in ("discount", "coupon") if name in lines.columns]
    db = duckdb.connect()
    try:
        _sum_up(db, known, shown, has, config.period)
        _events(db, silence, as_of)
        for place, one in enumerate(shown):
            _enter(db, members(min(one.last, as_of)), place)
        own = _figures(db, shown, segments, has, THEN)
        moves = _moves(db, shown, segments, config.worth_periods)
        db.execute("DELETE FROM member")
        for place in range(-1, len(shown)):  # and whatever came before those shown
            _enter(db, today, place)
        tables = [own, _figures(db, shown, segments, has, TODAY)]
    finally:
        db.close()
    table = pd.concat([_changed(one, shown, YEAR[config.period]) for one in tables], ignore_index=True)
    notes = []
    if len(every) > len(shown):
        notes.append(
            f"the log begins on {first}; of its {len(every)} {config.period}s the last {len(shown)} are shown (performance.periods)"
        )
    notes += [
        f"{one.name} is not whole: the log covers {one.days} of its {(one.last - one.first).days + 1} days"
        for one in shown
        if not one.whole
    ]
    last = next((one.name for one in reversed(shown) if one.whole), None)
    facts = PerformanceFacts(source, None, config.period, silence, config.worth_periods, last, notes)
    return Performance(table, moves, facts)


def no_performance(config: PerformanceConfig, source: str, reason: str) -> Performance:
    """Tables without rows, and why."""
    changes = [f"{name}_{ending}" for name in MEASURES for ending in ("change", "change_year")]
    first = ["membership", "period", "first_day", "days", "whole", "segment_id", "segment"]
    silence = config.inactive_days or INACTIVE_DAYS
    facts = PerformanceFacts(source, reason, config.period, silence, config.worth_periods, None, [])
    return Performance(pd.DataFrame(columns=[*first, *MEASURES, *changes]), pd.DataFrame(columns=list(_MOVES)), facts)


def spans(first: date, as_of: date, period: str) -> list[Span]:
    """Months or weeks from one day to another.

    Examples
    --------
    >>> [(one.name, one.days, one.whole) for one in spans(date(2024, 1, 1), date(2024, 2, 2), "month")]
    [('2024-01', 31, True), ('2024-02', 2, False)]
    >>> [one.name for one in spans(date(2024, 1, 3), date(2024, 1, 8), "week")]
    ['2024-01-01', '2024-01-08']
    """
    found = []
    for one in pd.period_range(first, as_of, freq="M" if period == "month" else "W-SUN"):
        start, end = one.start_time.date(), one.end_time.date()
        days = (min(end, as_of) - max(start, first)).days + 1
        found.append(Span(str(start)[:7] if period == "month" else str(start), start, end, days))
    return found


def targets_met(
    targets: Sequence[Target], table: pd.DataFrame, segments: Sequence[Segment], last: str | None
) -> pd.DataFrame:
    """Hold targets against what happened, by the members of then.

    Parameters
    ----------
    targets : sequence of Target
        What is wanted.
    table : DataFrame
        As :func:`performance` makes it; may be empty.
    segments : sequence of Segment
        Those that are known.
    last : str or None
        The last whole period.

    Returns
    -------
    DataFrame
        A row each, in their order: ``metric, segment_id, segment, period, bound`` (at least, at most), ``target, value, light`` (met, missed,
        no data) and ``why`` there is none.

    Examples
    --------
    >>> row = {"membership": "then", "period": "2024-01", "segment_id": "S1", "segment": "guests", "revenue": 90.0}
    >>> wanted = [Target("revenue", at_least=100, segment="guests"), Target("visits", at_most=1, segment="gusts")]
    >>> met = targets_met(wanted, pd.DataFrame([row]), [Segment("S1", "guests", 0)], "2024-01")
    >>> met[["light", "why"]].values.tolist()
    [['missed', ''], ['no data', "no segment is called 'gusts'; there are: all, S1 guests"]]
    """
    known = {ALL: ALL} | {one.segment_id: one.segment_id for one in segments}
    known |= {one.name: one.segment_id for one in segments}
    names = {ALL: "all segments"} | {one.segment_id: one.name for one in segments}
    called = ", ".join([ALL, *(f"{one.segment_id} {one.name}" for one in segments)])
    rows = []
    for one in targets:
        segment, period = known.get(one.segment), one.period or last or ""
        value, why = np.nan, ""
        of_then = table[table["membership"] == THEN] if len(table) else table
        own = of_then[(of_then["segment_id"] == segment) & (of_then["period"] == period)] if len(table) else table
        if segment is None:
            why = f"no segment is called '{one.segment}'; there are: {called}"
        elif own.empty:
            why = f"the table has no period '{period}'" if period else "no period is whole yet"
        elif one.metric not in own or not np.isfinite(own[one.metric].iloc[0]):
            why = f"there is no {one.metric} of it"
        else:
            value = float(own[one.metric].iloc[0])
        bound = "at least" if one.at_most is None else "at most"
        wanted = float(one.at_least if one.at_most is None else one.at_most)  # type: ignore[arg-type]
        light = NO_DATA if why else MET if (value >= wanted) == (bound == "at least") or value == wanted else MISSED
        shown = segment or one.segment
        rows.append((one.metric, shown, names.get(shown, shown), period, bound, wanted, value, light, why))
    columns = ["metric", "segment_id", "segment", "period", "bound", "target", "value", "light", "why"]
    return pd.DataFrame(rows, columns=columns)


# --- inside -------------------------------------------------------------------------------------------------------------

_MOVES = ("period", "from_id", "from_segment", "to_id", "to_segment", "customers", "revenue", "worth")


def _units(name: str) -> str:
    return f"floor({name} * {MONEY_UNIT} + 0.5)::BIGINT"


def _sum_up(
    db: duckdb.DuckDBPyConnection,
    lines: duckdb.DuckDBPyRelation,
    shown: Sequence[Span],
    has: Sequence[str],
    period: str,
) -> None:
    """Tables ``who`` (a number per customer), ``sums`` (a row per customer and period) and ``days`` (on which they have lines, and whether they bought)."""
    money = {"revenue": _units("amount"), "spend": f"greatest({_units('amount')}, 0)"} | {
        name: _units(name) for name in has
    }
    sums = ", ".join(f"sum({unit})::BIGINT AS {name}" for name, unit in money.items())
    start = f"date_trunc('{period}', purchased_at)::DATE"
    per_period = (
        lines.filter(f"purchased_at >= DATE '{shown[0].first}'")
        .aggregate(
            f"customer_id, {start} AS first, {sums}, count(DISTINCT order_id) FILTER (WHERE amount >= 0) AS visits",
            f"customer_id, {start}",
        )
        .to_arrow_table()
    )
    day = "purchased_at::DATE"
    per_day = lines.aggregate(
        f"customer_id, {day} AS day, bool_or(amount >= 0) AS bought", f"customer_id, {day}"
    ).to_arrow_table()
    calendar = pd.DataFrame(
        {"p": range(len(shown)), "first": [one.first for one in shown], "last": [one.last for one in shown]}
    )
    db.register("per_period", per_period)
    db.register("per_day", per_day)
    db.register("given", calendar)
    db.execute("CREATE TABLE span AS SELECT p::SMALLINT AS p, first::DATE AS first, last::DATE AS last FROM given")
    db.execute(
        "CREATE TABLE who AS SELECT customer_id, row_number() OVER ()::INTEGER AS code FROM (SELECT DISTINCT customer_id FROM per_day)"
    )
    db.execute(
        "CREATE TABLE sums AS SELECT p, code, per_period.* EXCLUDE (customer_id, first) FROM per_period JOIN who USING (customer_id) "
        "JOIN span USING (first)"
    )
    db.execute("CREATE TABLE days AS SELECT code, day, bought FROM per_day JOIN who USING (customer_id)")
    db.execute("CREATE TABLE member (p SMALLINT, code INTEGER, cluster SMALLINT)")
    for name in ("per_period", "per_day", "given"):
        db.unregister(name)


def _events(db: duckdb.DuckDBPyConnection, silence: int, as_of: date) -> None:
    """Table ``events``: who churned or was won back in which period, and the period in which they were seen last (-1: before those shown)."""
    db.execute(
        f"""CREATE TABLE events AS WITH gaps AS (
            SELECT code, day, lag(day) OVER own AS day_before, lead(day) OVER own AS day_after FROM days WHERE bought WINDOW own AS (PARTITION BY code ORDER BY day)
        ), found AS (
            SELECT code, 'churned' AS kind, day AS seen, day + {silence} AS happened FROM gaps
            WHERE day + {silence} <= DATE '{as_of}' AND coalesce(day_after - day > {silence}, true)
            UNION ALL SELECT code, 'won_back', day, day FROM gaps WHERE day - day_before > {silence}
        ) SELECT code, kind, span.p, coalesce(then_.p, -1)::SMALLINT AS seen FROM found
        JOIN span ON happened BETWEEN span.first AND span.last LEFT JOIN span AS then_ ON seen BETWEEN then_.first AND then_.last"""
    )


def _enter(db: duckdb.DuckDBPyConnection, members: pd.DataFrame, place: int) -> None:
    """Members of a period."""
    db.register("given", members[["customer_id", "cluster"]])
    db.execute(f"INSERT INTO member SELECT {place}, code, cluster FROM given JOIN who USING (customer_id)")
    db.unregister("given")


def _figures(
    db: duckdb.DuckDBPyConnection, shown: Sequence[Span], segments: Sequence[Segment], has: Sequence[str], view: str
) -> pd.DataFrame:
    """One row per period and segment, one for those in none where there are any, and one for all."""
    money = ("revenue", "spend", *has)
    whole = (*money, "visits", "active_customers")
    sums = ", ".join(f"sum({name})::BIGINT AS {name}" for name in (*money, "visits"))
    found = db.execute(
        f"SELECT p, coalesce(cluster, -1) AS cluster, {sums}, count(*) FILTER (WHERE visits > 0) AS active_customers "
        "FROM sums LEFT JOIN member USING (p, code) GROUP BY ALL"
    ).df()
    sizes = db.execute("SELECT p, cluster, count(*) AS members FROM member GROUP BY ALL").df()
    strangers = db.execute(
        "SELECT p, -1 AS cluster, count(*) AS members FROM (SELECT code, min(day) AS began FROM days GROUP BY code) JOIN span ON began <= last "
        "ANTI JOIN member USING (p, code) GROUP BY ALL"
    ).df()
    # Who churned is counted where they were when they bought last: by the end of a silence they are among the lapsed.
    events = db.execute(
        "SELECT events.p, coalesce(cluster, -1) AS cluster, count(*) FILTER (WHERE kind = 'churned') AS churned, "
        "count(*) FILTER (WHERE kind = 'won_back') AS won_back FROM events LEFT JOIN member ON member.code = events.code AND "
        "member.p = events.seen GROUP BY ALL"
    ).df()
    keys = ["p", "cluster"]
    grid = pd.MultiIndex.from_product([range(len(shown)), [*range(len(segments)), -1]], names=keys)
    table = pd.DataFrame(index=grid)
    for part in (found, pd.concat([sizes, strangers]), events):
        table = table.join(part.astype("int64").set_index(keys))
    table = table.fillna(0).astype("int64").reset_index()
    table = table[(table["cluster"] >= 0) | table[["members", *whole, "churned", "won_back"]].any(axis=1)]
    total = table.drop(columns="cluster").groupby("p", as_index=False).sum().assign(cluster=len(segments))
    table = pd.concat([table.assign(cluster=table["cluster"].where(table["cluster"] >= 0, len(segments) + 1)), total])
    table = table.sort_values(keys, ignore_index=True)
    ids = [*(one.segment_id for one in segments), ALL, NO_SEGMENT]
    names = [*(one.name for one in segments), "all customers", UNSEGMENTED]
    made = pd.DataFrame(
        {
            "membership": view,
            "period": [shown[p].name for p in table["p"]],
            "first_day": [str(shown[p].first) for p in table["p"]],
            "days": [shown[p].days for p in table["p"]],
            "whole": [shown[p].whole for p in table["p"]],
            "segment_id": [ids[cluster] for cluster in table["cluster"]],
            "segment": [names[cluster] for cluster in table["cluster"]],
            "members": table["members"],
            "active_customers": table["active_customers"],
            "revenue": table["revenue"] / MONEY_UNIT,
            "visits": table["visits"],
            "basket": _ratio(table["revenue"] / MONEY_UNIT, table["visits"]),
        }
    )
    for name in has:
        made[f"{name}_share"] = _ratio(table[name], table["spend"] + table[name])
    return made.assign(churned=table["churned"], won_back=table["won_back"])


def _ratio(part: pd.Series[Any], of: pd.Series[Any]) -> pd.Series[Any]:
    """One over the other; nothing where that is 0."""
    return part / of.where(of > 0)


def _changed(table: pd.DataFrame, shown: Sequence[Span], year: int) -> pd.DataFrame:
    """The table with the change of each measure against the period before, and the one a year before."""
    places = {one.name: place for place, one in enumerate(shown)}
    table = table.assign(p=table["period"].map(places))
    known = [name for name in MEASURES if name in table]
    made = {}
    for ending, back in (("change", 1), ("change_year", year)):
        earlier = table.loc[table["whole"], ["p", "segment_id", *known]]
        pairs = table[["p", "segment_id"]].merge(
            earlier.assign(p=earlier["p"] + back), on=["p", "segment_id"], how="left", validate="one_to_one"
        )
        for name in known:
            now, then = table[name].where(table["whole"]).astype("float64"), pairs[name].astype("float64")
            made[f"{name}_{ending}"] = now - then if name in IN_POINTS else now / then.where(then > 0) - 1
    return table.drop(columns="p").assign(**made)


def _moves(
    db: duckdb.DuckDBPyConnection, shown: Sequence[Span], segments: Sequence[Segment], periods: int
) -> pd.DataFrame:
    """Who was in another segment at the end of the last whole period than at that of the one before, the worthiest move first."""
    now = next((place for place in reversed(range(1, len(shown))) if shown[place].whole), None)
    if now is None:
        return pd.DataFrame(columns=list(_MOVES))
    recent = f"SELECT code, sum(revenue)::BIGINT AS revenue FROM sums WHERE p BETWEEN {now - periods + 1} AND {now} GROUP BY code"
    found = db.execute(
        f"WITH recent AS ({recent}) SELECT coalesce(was.cluster, -1) AS came_from, coalesce(now.cluster, -1) AS went_to, count(*) AS customers, "
        f"coalesce(sum(revenue), 0)::BIGINT AS revenue FROM (FROM member WHERE p = {now - 1}) AS was "
        f"FULL JOIN (FROM member WHERE p = {now}) AS now USING (code) LEFT JOIN recent USING (code) GROUP BY ALL"
    ).df()
    # What a member of a segment spends is what a customer who joins it may come to.
    own = found.groupby("went_to")[["customers", "revenue"]].sum()
    each = (own["revenue"] / own["customers"] / MONEY_UNIT).to_dict() | {-1: 0.0}
    found = found[found["came_from"] != found["went_to"]]
    worth = [
        n * (each.get(b, 0.0) - each.get(a, 0.0))
        for a, b, n in found[["came_from", "went_to", "customers"]].to_numpy().tolist()
    ]
    ids, names = (
        [*(getattr(one, key) for one in segments), last]
        for key, last in (("segment_id", NO_SEGMENT), ("name", UNSEGMENTED))
    )
    moves = pd.DataFrame(
        {
            "period": shown[now].name,
            "from_id": [ids[cluster] for cluster in found["came_from"]],
            "from_segment": [names[cluster] for cluster in found["came_from"]],
            "to_id": [ids[cluster] for cluster in found["went_to"]],
            "to_segment": [names[cluster] for cluster in found["went_to"]],
            "customers": found["customers"].astype("int64"),
            "revenue": found["revenue"] / MONEY_UNIT,
            "worth": np.round(worth, 4),
        }
    )
    order = ["customers", "from_id", "to_id"]
    return moves.sort_values(order, ascending=[False, True, True], ignore_index=True)
