"""A campaign's results as people read them. Comes in: the table of :mod:`segments.action.uplift`. Goes out: a note, rows to draw, figures."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

import pandas as pd

from segments.action.target_list import HABIT_DAYS
from segments.action.templates import fill, gain, points, rate
from segments.action.uplift import ALL, CAMPAIGN_OUTCOMES, Effect


def comparison_note(campaign: str, table: pd.DataFrame, verdict: Effect) -> str:
    """Markdown on a campaign that has results by group.

    Parameters
    ----------
    campaign : str
        Its name.
    table : DataFrame
        As :func:`compare` returns it.
    verdict : Verdict
        Whether differences are effects.
    """
    outcomes = [
        {
            "name": outcome,
            "heading": CAMPAIGN_OUTCOMES[str(outcome)].capitalize(),
            "rows": rows.to_dict("records"),
            "narrower": rows["narrower"].iloc[-1],
        }
        for outcome, rows in table.groupby("outcome", sort=False)
    ]
    return fill(
        __package__,
        "texts/comparison.md.j2",
        campaign=campaign,
        verdict=verdict,
        outcomes=outcomes,
        habit_days=HABIT_DAYS,
    )


def description_note(
    campaign: str, table: pd.DataFrame, start: datetime, end: datetime, weeks: tuple[float, float]
) -> str:
    """Markdown on a past campaign without a random control.

    Parameters
    ----------
    campaign : str
        Its name.
    table : DataFrame
        As :func:`describe_campaign` returns it.
    start, end : datetime
        First day, and the day after the last.
    weeks : tuple of float
        Weeks before and during that the log covers.
    """
    given = {"campaign": campaign, "start": start, "last": end - timedelta(days=1), "weeks": weeks}
    return fill(__package__, "texts/description.md.j2", rows=table.to_dict("records"), **given)


def pictured(table: pd.DataFrame) -> dict[str, tuple[str, pd.DataFrame]]:
    """What there is to draw: per picture, what is measured and the rows of :func:`segments.io.plots.uplift.forest`.

    Parameters
    ----------
    table : DataFrame
        As :func:`compare` or :func:`describe_campaign` returns it.

    Returns
    -------
    dict of str to (str, DataFrame)
        Empty when no difference may be taken and no rate is known.
    """
    if "rate" in table:
        mailed = table[table["group"] == "mailed"].rename(columns={"rate": "estimate"})
        text = [f"{rate(row.estimate)} of {row.customers:,}" for row in mailed.itertuples()]
        return {"redemption": ("share of those mailed who redeemed, % (95 % interval)", _drawn(mailed, text, 100))}
    found = {}
    for outcome, rows in table[table["difference"].notna()].groupby("outcome", sort=False):
        shares = outcome == "responded"
        shown = points if shares else gain
        unit = (
            "treatment minus control, " + ("percentage points" if shares else "money per customer") + " (95 % interval)"
        )
        own = rows.rename(columns={"difference": "estimate"})
        text = [f"{shown(row.estimate)} ({shown(row.low)} to {shown(row.high)})" for row in own.itertuples()]
        if shares:
            text = [f"{one} points" for one in text]
        found[str(outcome)] = (unit, _drawn(own, text, 100 if shares else 1))
    return found


def metrics(table: pd.DataFrame, *, complete: bool = True) -> list[tuple[str, float, int]]:
    """Name, value and step of every figure MLflow shows: over all at step 0, segments at step 1, 2, … in their order.

    Parameters
    ----------
    table : DataFrame
        As :func:`compare` or :func:`describe_campaign` returns it.
    complete : bool
        Without it the figures are not those of the campaign, and MLflow, which shows them without the warning, gets none.
    """
    if not complete:
        return []
    past = "rate" in table
    figures = (
        ["rate", "low", "high", "weekly_before", "weekly_during"]
        if past
        else ["treatment", "control", "difference", "low", "high"]
    )
    steps = {
        name: step
        for step, name in enumerate(
            dict.fromkeys(table["segment_id"].drop_duplicates()[lambda one: one != ALL]), start=1
        )
    }
    found = []
    for row in table.to_dict("records"):
        prefix = ("mailed" if row["group"] == "mailed" else "not_mailed") if past else row["outcome"]
        for figure in figures:
            if math.isfinite(row[figure]):
                found.append((f"{prefix}_{figure}", float(row[figure]), steps.get(row["segment_id"], 0)))
    return found


def _drawn(rows: pd.DataFrame, text: list[str], factor: float) -> pd.DataFrame:
    figures = {name: rows[name].to_numpy() * factor for name in ("estimate", "low", "high")}
    named = {"segment_id": rows["segment_id"].to_numpy(), "label": rows["segment"].to_numpy()}
    return pd.DataFrame({**named, **figures, "text": text})
