"""A campaign's results -> what it brought. Comes in: outcomes per customer, how the groups were drawn. Goes out: treatment against control, with intervals.

A difference is called an effect only where chance decided who was treated. Otherwise figures are described, and no difference is taken.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segments.action.intervals import (
    Difference,
    combine,
    difference_of_means,
    difference_of_proportions,
    wilson,
    without_habit,
)
from segments.action.target_list import CONTROL, TREATMENT
from segments.config.source import Campaigns
from segments.data.formulas import restore
from segments.data.reading.cells import read_number
from segments.data.reading.ids import id_key
from segments.data.rows import RawCells
from segments.errors import ConfigError, DataError
from segments.features.purchases import MONEY_UNIT

CAMPAIGN_OUTCOMES = {"responded": "share who responded", "spend": "spend per customer"}
# "1.0" is what a table program makes of 1 once a cell of the column was empty
YES_NO = dict.fromkeys(("1", "1.0", "true", "yes", "y"), 1.0) | dict.fromkeys(("0", "0.0", "false", "no", "n"), 0.0)
MOST_SWAPPED = 0.05  # share of customers treated otherwise than drawn, up to which the campaign counts as run as drawn
MOST_MISSING = 0.1  # share of a segment's customers without a result, up to which the others can stand for all
ALL = "all"
FEWEST = 2  # customers of a group with whom its mean says something of others


@dataclass(frozen=True)
class Effect:
    """Whether a difference may be called an effect.

    Parameters
    ----------
    causal : bool
        Whether chance decided who was treated, and nothing spoilt it since.
    reasons : list of str
        Why, or why not: sentences.
    complete : bool
        Whether shares and means are those of the campaign; otherwise they are of the customers in the file, whoever these are.
    """

    causal: bool
    reasons: list[str] = field(default_factory=list)
    complete: bool = True


# --- results of a campaign that was drawn -------------------------------------------------------------------------


def read_results(raw: RawCells, known: Collection[str], where: str) -> pd.DataFrame:
    """Results as a person brings them, checked.

    Parameters
    ----------
    raw : RawCells
        Columns ``customer_id``, ``responded`` (1/0, yes/no, true/false) or ``spend`` or both, and ``group`` if known; case does
        not matter, others are left alone. Ids may bear the apostrophes that :func:`segments.action.target_list.neutralise` puts.
    known : collection of str
        Customers the results can be of.
    where : str
        The file, for messages.

    Returns
    -------
    DataFrame
        ``customer_id``, the outcomes as float64, ``group`` as text where the file has it.

    Raises
    ------
    DataError
        If a column or value is missing or unreadable, a customer appears twice, or one is not known.
    """
    cells = raw.cells.rename(columns=lambda name: str(name).strip().casefold().replace(" ", "_"))
    outcomes = [name for name in CAMPAIGN_OUTCOMES if name in cells]
    if "customer_id" not in cells or not outcomes:
        raise DataError(
            f"the results need a column customer_id and responded or spend; the file has: {', '.join(map(str, raw.cells.columns))}",
            where=where,
            fix="rename its columns",
        )
    ids = _known_ids(cells["customer_id"].astype("string").str.strip(), known)
    table = pd.DataFrame({"customer_id": ids})
    _refuse(
        ~ids.isin(list(known)),
        "customers of the file that are not in the campaign",
        where,
        "take them out, or mend their ids",
    )
    _refuse(
        ids.duplicated(),
        "customers that appear a second time",
        where,
        "add up their outcomes first: one row per customer",
    )
    for name in outcomes:
        text = cells[name].astype("string").str.strip()
        values = (
            text.str.casefold().map(YES_NO)
            if name == "responded"
            else text.map(lambda cell: read_number(cell, raw.decimal), na_action="ignore")
        )
        table[name] = values.astype("float64")
        meant = "1 or 0, yes or no" if name == "responded" else "a number; 0 for no purchase"
        _refuse(
            ~np.isfinite(table[name]), f"values of '{name}' that are missing or unreadable", where, f"write {meant}"
        )
    if "group" in cells:
        table["group"] = cells["group"].astype("string").str.strip().str.casefold()
        _refuse(
            ~table["group"].isin([TREATMENT, CONTROL]),
            "groups that are unreadable",
            where,
            "write treatment or control",
        )
    return table


def judge_campaign(listed: pd.DataFrame, results: pd.DataFrame, *, drawn: bool) -> Effect:
    """Whether the campaign's groups were left to chance, all the way to the results.

    Parameters
    ----------
    listed : DataFrame
        Everybody the campaign was drawn from: ``customer_id, segment_id, segment, group``.
    results : DataFrame
        As :func:`read_results` returns it.
    drawn : bool
        Whether a receipt of `segments export` says how the groups were drawn.

    Notes
    -----
    Whose results are missing is asked among the segments that have any: of the others nothing is said. More than a tenth missing from
    one of them, or nobody in the file without a purchase while others are missing, spoils the claim even if both groups lack as many:
    a campaign changes who buys, so the buyers of the two groups are not alike.

    Examples
    --------
    >>> everybody = pd.DataFrame({"customer_id": ["1", "2"], "segment_id": "S1", "segment": "x", "group": ["treatment", "control"]})
    >>> judge_campaign(everybody, everybody.assign(spend=1.0), drawn=True).causal
    True
    """
    came = listed["customer_id"].isin(results["customer_id"])
    no_zero = bool((results[[name for name in CAMPAIGN_OUTCOMES if name in results]] != 0).all(axis=None))
    if not drawn:
        reasons = [
            "No receipt says that chance decided who was treated: there is no random control, and no causal claim is made."
        ]
        complete = bool(came.all()) or not no_zero
        if not complete:
            reasons.append(
                "Nobody in the file has 0: if only those who responded or bought are in it, its figures are not those of the campaign. "
                "Give a row for everybody who was in it, with 0 where nothing was bought."
            )
        return Effect(False, reasons, complete)
    compared = listed["segment_id"].isin(listed.loc[came, "segment_id"])
    both, came = listed[compared], came[compared]
    sizes = both["group"].value_counts()
    missing = both[~came]["group"].value_counts()
    counts = [int(found.get(group, 0)) for group in (TREATMENT, CONTROL) for found in (missing, sizes)]
    reasons, causal = [], True
    if min(counts[1], counts[3]) == 0:
        causal = False
        reasons.append("One of the groups is empty: there is nothing to compare with, and no causal claim is made.")
    if counts[0] + counts[2]:
        gone = difference_of_proportions(counts[0], counts[1], counts[2], counts[3], level=0.99)
        message = f"Results are missing for {counts[0]:,} of {counts[1]:,} in treatment and {counts[2]:,} of {counts[3]:,} in control"
        if gone.low > 0 or gone.high < 0:
            causal = False
            message += ": more in one group than chance explains, so no causal claim is made"
        reasons.append(message + ".")
    gaps = [(name, len(own), int((~came[own.index]).sum())) for _, name, own in _by_segment(both)]
    large = [f"{name} ({lost:,} of {size:,})" for name, size, lost in gaps if lost > MOST_MISSING * size]
    if large:
        reasons.append(
            f"More than {MOST_MISSING * 100:.0f} % of the exported customers have no result in {'; '.join(large)}: the figures are of the customers "
            "in the file, not of the campaign, and no causal claim is made."
        )
    only_buyers = no_zero and not came.all()
    if only_buyers:
        reasons.append(
            "Nobody in the file has 0, and others have no result, as if only those who responded or bought were in it: "
            "the figures are not those of the campaign, and no causal claim is made."
        )
    if large or only_buyers:
        causal = False
        reasons.append("Give a row for every exported customer, with 0 where nothing was bought.")
    if left_out := [name for _, name, _ in _by_segment(listed[~compared])]:
        reasons.append(f"No customer of {'; '.join(left_out)} has a result: nothing is said of them.")
    if "group" in results:
        there = both[came]
        swapped = int((there["group"] != there["customer_id"].map(results.set_index("customer_id")["group"])).sum())
        if swapped:
            message = (
                f"{swapped:,} of {len(results):,} customers are in another group in the file than they were drawn into"
            )
            if swapped > MOST_SWAPPED * len(results):
                causal = False
                message += ": the campaign was not run as drawn, so no causal claim is made"
            else:
                message += "; they count where they were drawn, which makes an effect look slightly smaller"
            reasons.append(message + ".")
    if causal:
        reasons.insert(
            0,
            "Chance decided who was treated (the groups are those of the receipt): differences are effects of the campaign.",
        )
    return Effect(causal, reasons, complete=not (large or only_buyers))


def compare_groups(results: pd.DataFrame, *, causal: bool) -> pd.DataFrame:
    """Treatment against control, per segment and over all.

    Parameters
    ----------
    results : DataFrame
        ``customer_id, segment_id, segment, group``, the outcomes, and ``spend_before`` where it was kept when the list was made: what of
        spend it predicts is taken off before the groups are compared (:func:`segments.action.intervals.without_habit`).
    causal : bool
        Without it the groups stand side by side, and no difference is taken.

    Returns
    -------
    DataFrame
        One row per outcome and segment, then one for all: ``outcome, segment_id, segment, n_treatment, n_control, treatment,
        control`` (means, as they are), ``difference, low, high`` (95 %; Newcombe for shares, permutations for spend; over all:
        segments weighted by size, so a segment's share in a group does not matter; a segment with fewer than two customers in a
        group is not in it, and the counts are of those that are), ``narrower`` (share by which spend before the campaign made
        the interval shorter; NaN where it is not known).
    """
    rows = []
    for outcome in [name for name in CAMPAIGN_OUTCOMES if name in results]:
        cells: list[tuple[str, str, int, int, float, float]] = []
        made: list[Difference] = []
        sure: dict[int, Difference] = {}
        plain: list[Difference] = []  # without what was known before
        for segment_id, segment, own in _by_segment(results):
            treated = own.loc[own["group"] == TREATMENT, outcome].to_numpy()
            control = own.loc[own["group"] == CONTROL, outcome].to_numpy()
            cells.append((segment_id, segment, len(treated), len(control), _mean(treated), _mean(control)))
            if outcome == "responded":
                plain.append(
                    difference_of_proportions(int(treated.sum()), len(treated), int(control.sum()), len(control))
                )
                made.append(plain[-1])
            else:
                plain.append(difference_of_means(treated, control))
                made.append(_beyond_habit(own, outcome) or plain[-1])
                if min(len(treated), len(control)) >= FEWEST and np.ptp(treated) == np.ptp(control) == 0:
                    # Nobody bought: no interval of its own, but its zero belongs in the mean of all.
                    sure[len(cells) - 1] = Difference(*(made[-1].estimate,) * 3)
        sizes = [one[2] + one[3] for one in cells]
        known = [sure.get(place, d) for place, d in enumerate(made)]
        used = [place for place, d in enumerate(known) if math.isfinite(d.low)]
        total = [float(np.average([cells[i][j] for i in used], weights=[sizes[i] for i in used])) if used else math.nan for j in (4, 5)]  # fmt: skip
        cells.append((ALL, ALL, sum(cells[i][2] for i in used), sum(cells[i][3] for i in used), total[0], total[1]))
        made.append(combine(known, sizes))
        plain.append(combine([sure.get(place, d) for place, d in enumerate(plain)], sizes))
        for one, d, rough in zip(cells, made, plain, strict=True):
            narrower = math.nan if d == rough else 1 - (d.high - d.low) / (rough.high - rough.low)
            rows.append((outcome, *one, *((d.estimate, d.low, d.high, narrower) if causal else (math.nan,) * 4)))
    named = [
        "outcome",
        "segment_id",
        "segment",
        "n_treatment",
        "n_control",
        "treatment",
        "control",
        "difference",
        "low",
        "high",
        "narrower",
    ]
    return pd.DataFrame(rows, columns=named)


def _beyond_habit(own: pd.DataFrame, outcome: str) -> Difference | None:
    """The difference in what spend before the campaign does not predict; ``None`` where that is not known of everybody."""
    if "spend_before" not in own or not np.isfinite(own["spend_before"]).all():
        return None
    beyond = without_habit(own[outcome].to_numpy(), own["spend_before"].to_numpy())
    treated = (own["group"] == TREATMENT).to_numpy()
    return difference_of_means(beyond[treated], beyond[~treated])


# --- past campaigns of a source, which nobody drew ----------------------------------------------------------------


def past_campaign(
    mailings: RawCells, redemptions: RawCells, descriptions: RawCells, spec: Campaigns, campaign: str
) -> tuple[set[str], set[str], datetime, datetime]:
    """Who was mailed, who redeemed, and when a past campaign ran.

    Parameters
    ----------
    mailings, redemptions, descriptions : RawCells
        The source's raw tables.
    spec : Campaigns
        Their headers.
    campaign : str
        The campaign.

    Returns
    -------
    tuple
        Ids mailed, ids that redeemed, first day, and the day after the last.

    Raises
    ------
    ConfigError
        If there is no such campaign.
    """
    listed = _keys(descriptions.cells[spec.campaign])
    if campaign not in set(listed):
        close = difflib.get_close_matches(campaign, [str(name) for name in listed], n=1)
        raise ConfigError(
            f"there is no campaign '{campaign}'",
            where=spec.descriptions,
            fix=(f"did you mean '{close[0]}'? " if close else "") + f"there are: {', '.join(map(str, listed))}",
        )
    row = descriptions.cells[listed == campaign].iloc[0]
    start, end = (pd.Timestamp(row[header]).normalize().to_pydatetime() for header in (spec.start, spec.end))
    found = []
    for raw in (mailings, redemptions):
        own = (_keys(raw.cells[spec.campaign]) == campaign).fillna(False)
        found.append(set(raw.cells[spec.customer][own].dropna()))
    return found[0], found[1], start, end + timedelta(days=1)


def spend_between(lines: Any, start: datetime, end: datetime) -> dict[str, float]:
    """Money of each customer who bought in a time.

    Parameters
    ----------
    lines : native frame
        Clean transaction lines, as any frame Narwhals knows.
    start, end : datetime
        From the first, up to but without the second.
    """
    at = nw.col("purchased_at")
    money = (nw.col("amount") * MONEY_UNIT + 0.5).floor().cast(nw.Int64)  # whole units: sums in any order are equal
    picked = nw.from_native(lines).filter((at >= start) & (at < end)).with_columns(money=money)
    sums: Any = picked.group_by("customer_id").agg(nw.col("money").sum())
    table = (sums.collect("pandas") if isinstance(sums, nw.LazyFrame) else sums).to_pandas()
    return {str(one): int(money) / MONEY_UNIT for one, money in zip(table["customer_id"], table["money"], strict=True)}


def describe_campaign(
    members: pd.DataFrame,
    mailed: Collection[str],
    redeemed: Collection[str],
    before: tuple[Mapping[str, float], float],
    during: tuple[Mapping[str, float], float],
) -> pd.DataFrame:
    """What is known of a campaign without a random control: figures side by side, no differences.

    Parameters
    ----------
    members : DataFrame
        ``customer_id, segment_id, segment`` of everybody.
    mailed, redeemed : collection of str
        Who got the campaign, and who redeemed a coupon of it.
    before, during : (mapping of str to float, float)
        Money per customer in as many days before the campaign and in its days, and the weeks of each that the log covers.

    Returns
    -------
    DataFrame
        One row per segment and group (``mailed``, ``not mailed``), then for all: ``segment_id, segment, group, customers, redeemed,
        rate, low, high`` (redeemed of mailed, Wilson's 95 % interval), ``weekly_before, weekly_during`` (mean spend a week; NaN
        where the log covers none of the time).

    Raises
    ------
    DataError
        If somebody was mailed who is not among the members.
    """
    known = set(members["customer_id"])
    mailed, redeemed = (set(_known_ids(pd.Series(sorted(ids), dtype="str"), known)) for ids in (mailed, redeemed))
    if strangers := {*mailed, *redeemed} - known:
        raise DataError(
            f"customers of the campaign that are in no segment: {len(strangers):,}",
            where="segments uplift",
            fix="run `dvc repro`: campaign and purchases must be of the same data",
        )
    table = members.assign(group=np.where(members["customer_id"].isin(list(mailed)), "mailed", "not mailed"))
    table["redeemed"] = table["customer_id"].isin(list(redeemed))
    for name, (money, weeks) in {"weekly_before": before, "weekly_during": during}.items():
        table[name] = table["customer_id"].map(money).fillna(0.0).astype("float64") / weeks if weeks else math.nan
    rows = []
    for segment_id, segment, everybody in [*_by_segment(table), (ALL, ALL, table)]:
        for group in ("mailed", "not mailed"):
            own = everybody[everybody["group"] == group]
            count = int(own["redeemed"].sum())
            is_mailed = group == "mailed" and len(own) > 0
            low, high = wilson(count, len(own)) if is_mailed else (math.nan, math.nan)
            rate = count / len(own) if is_mailed else math.nan
            weekly = [_mean(own[name].to_numpy()) for name in ("weekly_before", "weekly_during")]
            rows.append((segment_id, segment, group, len(own), count, rate, low, high, *weekly))
    named = [
        "segment_id",
        "segment",
        "group",
        "customers",
        "redeemed",
        "rate",
        "low",
        "high",
        "weekly_before",
        "weekly_during",
    ]
    return pd.DataFrame(rows, columns=named)


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else math.nan


def _by_segment(table: pd.DataFrame) -> list[tuple[str, str, pd.DataFrame]]:
    groups = [(str(key[0]), str(key[1]), own) for key, own in table.groupby(["segment_id", "segment"])]
    return sorted(groups, key=lambda one: (len(one[0]), one[0]))  # S2 before S10


def _known_ids(text: pd.Series, known: Collection[str]) -> pd.Series:
    """Ids as the project knows them: as written, without the apostrophes of an export, or without padding."""
    by_key: dict[str, str] = {}
    for one in known:
        by_key[id_key(one)] = (
            "" if id_key(one) in by_key else one
        )  # two that share a key are known by their spelling only
    everybody, restored = set(known), restore(text)
    found = text.where(text.isin(everybody), restored)
    for other in (_keys(text), _keys(restored)):
        spelled = other.map(by_key)
        found = found.where(found.isin(everybody) | ~spelled.isin(everybody), spelled)
    return found.where(found.isin(everybody), text)


def _keys(ids: pd.Series) -> pd.Series:
    return ids.map(id_key, na_action="ignore")


def _refuse(bad: Any, what: str, where: str, fix: str) -> None:
    rows = np.flatnonzero(np.asarray(bad.fillna(True) if hasattr(bad, "fillna") else bad, dtype=bool))
    if len(rows):
        raise DataError(f"{what}: {len(rows):,}, first in row {rows[0] + 2}", where=where, fix=fix)
