"""Segments -> target lists. Comes in: who belongs where, playbooks, what was asked. Goes out: a table with a control group, and what it can show.

The control group is drawn by a keyed hash of campaign and customer: the same customer is in the same group whenever and in whatever
order a list is made, and whatever happens to the segments meanwhile; another campaign is another draw.
"""

from __future__ import annotations

import difflib
import hmac
import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segments.action.intervals import CONFIDENCE_LEVEL, difference_of_means, difference_of_proportions, without_habit
from segments.config.playbook import ExportConfig
from segments.errors import ConfigError, DataError
from segments.model.segmentation import Segmentation

LIST_COLUMNS = ("customer_id", "segment", "confidence", "action", "group")
TREATMENT, CONTROL = "treatment", "control"
HOLD_OUT = "control group: leave alone"
PREDICTED = ("churn_risk", "expected_value")  # of a customer, where there is a prediction
PLAN = ("playbook", "channel", "offer")  # what is done with a customer: nothing, with a control
TELLING = ("group", "action")  # columns of a list that say who is left alone
POWER = 0.8
UNLIKELY = 1e-12
HABIT_DAYS = (
    90  # whose spend predicts that of a week or month best in the bundled log, among 7, 28, 90, 180 days and all
)
TYPICAL_DAYS = 28  # of a campaign


@dataclass(frozen=True)
class Arm:
    """What the list of one segment can show.

    Parameters
    ----------
    segment_id, segment : str
        The segment.
    treatment, control : int
        Customers in each group.
    base_rate : float
        Share expected to respond without the campaign.
    detectable : float or None
        Smallest rise of that share (0.02 is two points) that 80 of 100 campaigns show, as :func:`minimum_detectable_effect` has it;
        ``None`` when no rise can be shown.
    spend, detectable_spend : float or None
        Mean spend of a customer in the last :data:`TYPICAL_DAYS` days, and the rise of it that 80 of 100 campaigns of as many days show;
        ``None`` without a log, or when no rise can be shown.
    """

    segment_id: str
    segment: str
    treatment: int
    control: int
    base_rate: float
    detectable: float | None
    spend: float | None = None
    detectable_spend: float | None = None

    def words(self, currency: str = "") -> str:
        """One line for a person.

        Examples
        --------
        >>> Arm("S1", "loyal", 900, 100, 0.05, 0.0902, 61.2, 9.314).words("USD")
        'S1 loyal: 900 treatment, 100 control; shows a rise from 5.0 % to 14.0 % or more, of spend from 61.20 to 70.51 USD'
        """
        shows = "no rise can be shown: the groups are too small"
        if self.detectable is not None:
            shows = f"shows a rise from {self.base_rate * 100:.1f} % to {(self.base_rate + self.detectable) * 100:.1f} % or more"
        if self.spend is not None and self.detectable_spend is not None:
            shows += f", of spend from {self.spend:.2f} to {self.spend + self.detectable_spend:.2f} {currency}".rstrip()
        return f"{self.segment_id} {self.segment}: {self.treatment:,} treatment, {self.control:,} control; {shows}"


def memberships(model: Segmentation, features: pd.DataFrame) -> pd.DataFrame:
    """Who belongs where, and how surely.

    Parameters
    ----------
    model : Segmentation
        The registered segmentation.
    features : DataFrame of shape (n_customers, ...)
        The feature table.

    Returns
    -------
    DataFrame of shape (n_customers, 5)
        ``customer_id, cluster, segment_id, segment, confidence``.
    """
    predicted = model.predict(features)[["cluster", "segment_id", "segment", "confidence"]]
    return pd.concat([features["customer_id"].reset_index(drop=True), predicted.reset_index(drop=True)], axis=1)


def control_groups(customer_ids: Iterable[str], campaign: str, salt: str, control_share: float) -> NDArray[np.object_]:
    """Treatment or control for each customer: HMAC-SHA256 of campaign and id under the salt, as a number from 0 to 1, against the share.

    Parameters
    ----------
    customer_ids : iterable of str
        The customers.
    campaign : str
        Name of the campaign: another name is another draw.
    salt : str
        Key of the hash.
    control_share : float
        Share that goes to control, expected; with a larger share, all earlier controls stay controls.

    Returns
    -------
    ndarray of str
        ``"treatment"`` or ``"control"``, in the order of the ids.

    Examples
    --------
    >>> control_groups(["1", "2", "3", "4"], "spring", "salt", 0.5).tolist()
    ['control', 'control', 'control', 'treatment']
    """
    key, prefix, limit = salt.encode(), campaign.encode() + b"\0", control_share * 2.0**64
    draws = (int.from_bytes(hmac.digest(key, prefix + one.encode(), "sha256")[:8], "big") for one in customer_ids)
    return np.array([CONTROL if draw < limit else TREATMENT for draw in draws], dtype=object)


def minimum_detectable_effect(base_rate: float, treatment: int, control: int) -> float | None:
    """Smallest rise of a response rate that a comparison of two groups shows with 80 % power.

    It shows when the interval that `segments uplift` reports (Newcombe's, 95 %) lies above 0. The chance of that is summed exactly: for
    every number of responses in the control group, how likely it is, times the chance of as many in treatment as the interval
    then needs. The more the rate rises, the greater that chance: one root.

    Parameters
    ----------
    base_rate : float
        Response rate without the campaign, between 0 and 1.
    treatment, control : int
        Customers in each group.

    Returns
    -------
    float or None
        p2 - p1; ``None`` when a group is empty or not even a rate of 1 would show.

    Notes
    -----
    Of the control group's responses, numbers less likely than 1e-12 are left out.

    Examples
    --------
    Cohen (1988, table 6.4.1) has 0.099 for a test of these groups.

    >>> round(minimum_detectable_effect(0.5, 392, 392), 3)
    0.1
    """
    if min(treatment, control) < 1:
        return None
    from scipy.optimize import brentq
    from scipy.special import bdtr, bdtrc

    counts = np.arange(control + 1)
    chances = np.diff(bdtr(counts, control, base_rate), prepend=0.0)
    counts, chances = counts[chances > UNLIKELY], chances[chances > UNLIKELY]
    needed = [0]
    for count in counts.tolist():
        needed.append(_needed(treatment, count, control, at_least=needed[-1]))

    def lacking(rate: float) -> float:
        return float(chances @ bdtrc(np.array(needed[1:]) - 1, treatment, rate)) - POWER

    return float(brentq(lacking, base_rate, 1.0)) - base_rate if lacking(1.0) > 0 else None


def detectable_rise(
    spend: NDArray[np.float64], before: NDArray[np.float64], treated: NDArray[np.bool_]
) -> float | None:
    """Smallest rise of mean spend that a comparison of two groups shows with 80 % power, as `segments uplift` compares them.

    A time in which nothing was done is compared as the campaign will be: how far below its estimate the interval reaches is what a rise has
    to exceed, and by the estimate's own spread more for eight in ten to do so.

    Parameters
    ----------
    spend, before : ndarray of shape (n_customers,)
        Spend in a time without the campaign, and in the time before that.
    treated : ndarray of bool
        Who is in the treatment group.

    Returns
    -------
    float or None
        In units of money; ``None`` when no interval can be had.

    Examples
    --------
    The same spend before is no help if everybody's is 10; Cohen's (1988) table has 0.2 standard deviations for twice 392.

    >>> spread = np.random.default_rng(0).permutation(np.linspace(-1, 1, 784)) * 3**0.5
    >>> round(detectable_rise(spread, np.full(784, 10.0), np.arange(784) % 2 == 0), 2)
    0.2
    """
    beyond = without_habit(spend, before)
    made = difference_of_means(beyond[treated], beyond[~treated])
    reach = made.estimate - made.low
    normal = NormalDist()
    return (
        reach * (1 + normal.inv_cdf(POWER) / normal.inv_cdf(0.5 + CONFIDENCE_LEVEL / 2))
        if math.isfinite(reach)
        else None
    )


def target_list(members: pd.DataFrame, playbook: pd.DataFrame, campaign: str, config: ExportConfig) -> pd.DataFrame:
    """Every customer with what is to be done.

    Parameters
    ----------
    members : DataFrame
        As :func:`memberships` returns it.
    playbook : DataFrame
        One row per segment, as :func:`segments.action.playbook.plans` makes it.
    campaign : str
        Name of the campaign.
    config : ExportConfig
        Salt and share of the control group.

    Returns
    -------
    DataFrame
        `members` and ``playbook``, ``channel``, ``offer`` (empty for controls), ``group``, ``action`` (playbook and offer; controls are
        to be left alone).

    Raises
    ------
    DataError
        If a segment has no playbook.
    """
    if strangers := set(members["cluster"]) - set(playbook["cluster"]):
        raise DataError(
            f"{len(strangers)} segments of the model have no playbook",
            where="playbook.json",
            fix="run `segments playbook`, then `segments registry`: they are of different fits",
        )
    plans = playbook.set_index("cluster")[["playbook", "title", "channel", "offer"]]
    table = members.join(plans, on="cluster")
    table["group"] = control_groups(table["customer_id"], campaign, config.salt, config.control_share)
    treated = table["group"] == TREATMENT
    action = (table["title"] + ": " + table["offer"]).str.removesuffix(": ")  # "No playbook" offers nothing
    table["action"] = action.where(treated, HOLD_OUT)
    table.loc[~treated, list(PLAN)] = None
    return table.drop(columns=["title"])


def pick_segment(table: pd.DataFrame, wanted: str) -> pd.DataFrame:
    """The rows of one segment, by its id or else its name: an id is no other segment's, whatever people call that.

    Raises
    ------
    ConfigError
        If there is no such segment; lists those there are.
    """
    rows = table[table["segment_id"] == wanted]
    if rows.empty:
        rows = table[table["segment"] == wanted]
    if rows.empty:
        have = dict(sorted(zip(table["segment_id"], table["segment"], strict=True)))
        close = difflib.get_close_matches(wanted, [*have, *have.values()], n=1)
        raise ConfigError(
            f"there is no segment '{wanted}'",
            where="segment",
            fix=(f"did you mean '{close[0]}'? " if close else "")
            + "there are: "
            + "; ".join(f"{key} ({name})" for key, name in have.items()),
        )
    return rows


def check_foreseen(wanted: Sequence[str], table: pd.DataFrame, why: Sequence[str]) -> None:
    """Refuse a list that asks for what cannot be foreseen.

    Parameters
    ----------
    wanted : sequence of str
        Columns that were asked for.
    table : DataFrame
        All that there are.
    why : sequence of str
        What is foreseen no better than by saying the same of everybody, a sentence each.

    Raises
    ------
    ConfigError
        Says which, and why.
    """
    if why and (lacking := [name for name in PREDICTED if name in wanted and name not in table]):
        raise ConfigError(
            f"{' and '.join(lacking)} cannot be listed. {' '.join(why)}",
            where="columns",
            fix=f"leave {' and '.join(lacking)} out",
        )


def pick_columns(table: pd.DataFrame, wanted: Sequence[str]) -> pd.DataFrame:
    """The columns that were asked for, in that order.

    Raises
    ------
    ConfigError
        If one is unknown or named twice.
    """
    for name in wanted:
        if name not in table.columns:
            close = difflib.get_close_matches(name, table.columns, n=1)
            raise ConfigError(
                f"there is no column '{name}'",
                where="columns",
                fix=(f"did you mean '{close[0]}'? " if close else "") + f"there are: {', '.join(table.columns)}",
            )
    if len(set(wanted)) < len(wanted) or not wanted:
        raise ConfigError("each column is wanted once, and at least one", where="columns", fix="write columns=[a,b]")
    return table[list(wanted)]


def hold_out(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """The rows a list may have: without a column that tells controls from the treated, no controls.

    Who is a control is known without the list, from the receipt's draw.

    Parameters
    ----------
    table : DataFrame
        With ``group``.
    columns : sequence of str
        The columns of the list.

    Examples
    --------
    >>> both = pd.DataFrame({"customer_id": ["1", "2"], "group": ["treatment", "control"]})
    >>> len(hold_out(both, ["customer_id"])), len(hold_out(both, ["customer_id", "group"]))
    (1, 2)
    """
    return table if set(TELLING) & set(columns) else table[table["group"] == TREATMENT]


def arms(table: pd.DataFrame, base_rate: float) -> list[Arm]:
    """What the list of each segment can show, in the order of the segment ids.

    Parameters
    ----------
    table : DataFrame
        With ``segment_id``, ``segment`` and ``group``; where there is a log, ``spend_lately`` (money in the last
        :data:`TYPICAL_DAYS` days) and ``spend_earlier`` (in the :data:`HABIT_DAYS` before those), too.
    base_rate : float
        Share expected to respond without the campaign.
    """
    found = []
    for (segment_id, segment), own in table.groupby(["segment_id", "segment"]):
        treated = (own["group"] == TREATMENT).to_numpy()
        treatment, control = int(treated.sum()), int((~treated).sum())
        detectable = minimum_detectable_effect(base_rate, treatment, control)
        spend = rise = None
        if "spend_lately" in own:
            lately = own["spend_lately"].to_numpy()
            spend, rise = float(lately.mean()), detectable_rise(lately, own["spend_earlier"].to_numpy(), treated)
        found.append(Arm(str(segment_id), str(segment), treatment, control, base_rate, detectable, spend, rise))
    return sorted(found, key=lambda arm: (len(arm.segment_id), arm.segment_id))  # S2 before S10


def commit(
    known: dict[str, Any] | None, campaign: str, config: ExportConfig, found: Sequence[Arm], candidate_id: str
) -> dict[str, Any]:
    """The receipt of a campaign: what its groups were drawn with, so that results can be checked against it.

    Parameters
    ----------
    known : dict or None
        The receipt of an earlier export of this campaign.
    campaign : str
        Name of the campaign.
    config : ExportConfig
        Salt, share and base rate.
    found : sequence of Arm
        What the lists of all segments exported so far can show.
    candidate_id : str
        The candidate behind the segments; the receipt keeps that of the first list, as customers keep the segment of theirs.

    Raises
    ------
    ConfigError
        If an earlier list of this campaign was drawn differently: customers would change groups.
    """
    drawn = {"campaign": campaign, "salt": config.salt, "control_share": config.control_share}
    if known is not None and drawn != {key: known[key] for key in drawn}:
        raise ConfigError(
            f"campaign '{campaign}' was drawn with another salt or control share ({known['control_share']:g}): customers would change groups",
            where="export.salt, export.control_share",
            fix="give the new campaign a name of its own: campaign=NAME",
        )
    return {
        **drawn,
        "method": "HMAC-SHA256(salt, campaign + NUL + customer_id), first 8 bytes / 2^64 < control_share is control",
        "candidate_id": (known or {}).get("candidate_id", candidate_id),
        "base_rate": config.base_rate,
        "arms": [asdict(arm) for arm in found],
    }


def enlist(known: pd.DataFrame | None, table: pd.DataFrame) -> pd.DataFrame:
    """The list of a campaign after another export: who is on it already keeps the segment of the first time.

    Parameters
    ----------
    known : DataFrame or None
        The list so far.
    table : DataFrame
        The customers exported now.

    Returns
    -------
    DataFrame
        ``customer_id, segment_id, segment, group``, and ``spend_before`` where there is a log: known before anybody was treated.
    """
    own = table[
        ["customer_id", "segment_id", "segment", "group", *(["spend_before"] if "spend_before" in table else [])]
    ]
    if known is not None:
        own = pd.concat([known, own[~own["customer_id"].isin(known["customer_id"])]])
    return own.reset_index(drop=True)


def _needed(treatment: int, responded: int, control: int, at_least: int) -> int:
    """Responses in treatment from which on the interval lies above 0, against so many in control; one more than there are when none do."""

    def shows(treated: int) -> bool:
        return difference_of_proportions(treated, treatment, responded, control).low > 0

    # more in treatment raise the interval, more in control lower it
    return at_least + bisect_left(range(at_least, treatment + 1), True, key=shows)
