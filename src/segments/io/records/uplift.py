"""A campaign's results as people read them. Comes in: the table of :mod:`segments.action.uplift`. Goes out: a note, rows to draw, figures."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

import pandas as pd

from segments.action.uplift import ALL, OUTCOMES, Verdict


def comparison_note(campaign: str, table: pd.DataFrame, verdict: Verdict) -> str:
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
    lines = [
        f"# Campaign {campaign}: {'effect' if verdict.causal else 'figures, no causal claim'}",
        "",
        *verdict.reasons,
    ]
    for outcome, rows in table.groupby("outcome", sort=False):
        shown, taken = (_percent, _points) if outcome == "responded" else (_money, _gain)
        heading = OUTCOMES[str(outcome)].capitalize() + (
            "" if verdict.complete else ", only of the customers in the file"
        )
        lines += ["", f"## {heading}", ""]
        lines += ["| segment | treatment | control |" + (" difference | 95 % interval |" if verdict.causal else "")]
        lines += ["|---|---|---|" + ("---|---|" if verdict.causal else "")]
        for row in rows.itertuples():
            line = f"| {row.segment} | {shown(row.treatment)} of {row.n_treatment:,} | {shown(row.control)} of {row.n_control:,} |"
            if verdict.causal:
                points = " points" if outcome == "responded" and math.isfinite(row.low) else ""
                line += f" {taken(row.difference)}{points} | {taken(row.low)} to {taken(row.high)}{points} |"
            lines.append(line)
    if verdict.causal:
        lines += [
            "",
            "Each interval alone holds the true effect 95 times in 100; of twenty such intervals about one misses.",
        ]
    return "\n".join(lines) + "\n"


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
    last = end - timedelta(days=1)
    lines = [
        f"# Campaign {campaign}: figures, no causal claim",
        "",
        f"It ran from {start:%Y-%m-%d} to {last:%Y-%m-%d}. There was no random control: those who were not mailed were left out for reasons "
        "that have to do with what they buy, so they are no control, and no difference between the columns is an effect of the campaign. "
        "The segments are today's, made of purchases that include the campaign's days: a customer can be in a segment because of the campaign.",
        "",
        "| segment | | customers | redeemed | of mailed (95 % interval) | spend a week before | during |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in table.itertuples():
        rate = f"{_percent(row.rate)} ({_percent(row.low)} to {_percent(row.high)})" if math.isfinite(row.rate) else "–"
        lines.append(
            f"| {row.segment} | {row.group} | {row.customers:,} | {row.redeemed:,} | {rate} | {_money(row.weekly_before)} | {_money(row.weekly_during)} |"
        )
    lines += [
        "",
        f"Spend is over the {weeks[0]:.1f} weeks before and the {weeks[1]:.1f} weeks of the campaign that the log covers.",
    ]
    return "\n".join(lines) + "\n"


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
        text = [f"{_percent(row.estimate)} of {row.customers:,}" for row in mailed.itertuples()]
        return {"redemption": ("share of those mailed who redeemed, % (95 % interval)", _drawn(mailed, text, 100))}
    found = {}
    for outcome, rows in table[table["difference"].notna()].groupby("outcome", sort=False):
        shares = outcome == "responded"
        shown = _points if shares else _gain
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


def _percent(value: float) -> str:
    return f"{value * 100:.1f} %" if math.isfinite(value) else "–"


def _points(value: float) -> str:
    return f"{value * 100:+.1f}" if math.isfinite(value) else "–"


def _money(value: float) -> str:
    return f"{value:,.2f}" if math.isfinite(value) else "–"


def _gain(value: float) -> str:
    return f"{value:+,.2f}" if math.isfinite(value) else "–"
