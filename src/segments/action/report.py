"""The report a manager reads in five minutes. Comes in: what earlier stages found, and pictures. Goes out: one HTML page.

The page stands alone: pictures are inside it, fonts are the reader's own, and its own policy forbids the browser to load
anything. Every text from the data is escaped. What has not been made yet is named together with the command that makes it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from segments.action.templates import fill, measure_text, percent
from segments.config.features import RFM_SCORES
from segments.features.meanings import NONE, Labels, called, label, limit, money_text, number
from segments.identity.descriptors import CLUSTERED, DERIVED, DESCRIPTOR, FOLLOWS
from segments.identity.profiles import IS_LEVEL

SAME = 0.9  # from this correlation on a descriptor is a clustered feature under another name
# Limits of Romano et al. (2006) for Cliff's delta, of Cohen (1988) for the others.
LIMITS = {"delta": (0.147, 0.33, 0.474), "h": (0.2, 0.5, 0.8), "epsilon": (0.01, 0.06, 0.14), "V": (0.1, 0.3, 0.5)}
WORTH_SAYING = 0.05  # of a segment, that a further rule must find
GRADE_WORDS = {
    "natural": "There are separate groups in these data, and the same ones are found again when other customers are drawn.",
    "reproducible": "The same groups are found again when other customers are drawn, though they shade into one another.",
    "constructive": "These are useful cuts of a continuum, not groups that were there before; with other customers the borders move.",
    "not supported": "Nothing shows that these groups exist or would be found again: a person chose them all the same.",
}
LEVEL = 0.05  # of adjusted p-values
SIDES = {"high": "higher", "low": "lower"}  # of a number; of a category the level itself
SIZES = ("negligible", "small", "medium", "large")


@dataclass(frozen=True)
class Briefing:
    """What the report is made from.

    Parameters
    ----------
    title, description : str
        Heading, and what the data are.
    as_of : str or None
        The "today" of the features.
    labels : mapping of str to Label
        What the source calls its columns, with units and formats.
    customers : int
        Customers in all.
    choice : mapping
        The choice, as the selection stage writes it.
    swept : str
        One phrase for the grid of candidates.
    colours : sequence of str
        Colour of each segment.
    profiles, descriptors, tests, make_up, reasons : DataFrame
        As the profiles stage writes them.
    rules : mapping
        As the profiles stage writes them.
    pictures : dict of str to bytes
        PNGs by key: ``heat_map, snake, bubble, certainty, make_up, calibration_churn, calibration_value`` and ``radar_<cluster>``; one that is not there is left out.
    rfm, cross_table : DataFrame, optional
        RFM segments and how they lie across the clustered ones; ``None`` where the source has no purchases.
    forecast : mapping, optional
        What the figures of `value` rest on: ``horizon_days``, and lists of sentences: ``plain``, ``recommendation``, ``segments_help``; where
        money can be foreseen also ``tenths`` of the customers with their ``forecast`` and what ``came``.
    why_no_forecast : str
        Why there is none, where that is known.
    playbooks : sequence of mapping, optional
        Per cluster ``name, goal, do, avoid, channel, offer, kpi``.
    value : sequence of mapping, optional
        Per cluster what can be foreseen of ``churn_risk`` (0 to 1), ``expected_value`` and ``at_risk_revenue`` (money).
    evidence : mapping, optional
        ``grade`` and ``reason`` of the chosen candidate.
    segment_ids : sequence of str
        Id of each segment, in the order of the clusters.
    firmness : str
        A sentence on whether the segments hold; "" where nobody tried.
    useful : str
        A sentence on what the segments explain of the time after; "" where that is not known.
    unfit : mapping of str to str
        Playbooks that no segment has, and why.
    overlays : DataFrame, optional
        Traits that cut across segments, as :func:`segments.action.overlay.overlay_table` makes it.
    lifetime_years : int
        How far ahead the value of a segment is shown beside that of the horizon.
    performance, movers, targets : DataFrame, optional
        As :mod:`segments.action.performance` makes them; without rows where there is no log.
    last_period : str
        The last whole one; "" where there is none.
    """

    title: str
    description: str
    as_of: str | None
    labels: Labels
    customers: int
    choice: Mapping[str, Any]
    swept: str
    colours: Sequence[str]
    profiles: pd.DataFrame
    descriptors: pd.DataFrame
    tests: pd.DataFrame
    make_up: pd.DataFrame
    reasons: pd.DataFrame
    rules: Mapping[str, Any]
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    rfm: pd.DataFrame | None = None
    cross_table: pd.DataFrame | None = None
    forecast: Mapping[str, Any] | None = None
    why_no_forecast: str = ""
    playbooks: Sequence[Mapping[str, Any]] | None = None
    value: Sequence[Mapping[str, Any]] | None = None
    evidence: Mapping[str, Any] | None = None
    segment_ids: Sequence[str] = ()
    firmness: str = ""
    useful: str = ""
    unfit: Mapping[str, str] = field(default_factory=dict)
    overlays: pd.DataFrame | None = None
    lifetime_years: int = 3
    performance: pd.DataFrame | None = None
    movers: pd.DataFrame | None = None
    targets: pd.DataFrame | None = None
    last_period: str = ""


def render(briefing: Briefing) -> str:
    """The report as one HTML page.

    Parameters
    ----------
    briefing : Briefing
        What earlier stages found.

    Returns
    -------
    str
        HTML; equal input gives equal text.
    """
    tests = briefing.tests
    categories = tests[tests["kind"] == "category"]
    currency = briefing.labels["monetary"].unit if "monetary" in briefing.labels else ""
    context = {
        "b": briefing,
        "headline": headline(briefing.profiles),
        "cards": [_card(briefing, cluster) for cluster in range(len(briefing.profiles))],
        "names": briefing.profiles["segment"].tolist(),
        "monday": monday(briefing),
        "doubt": _doubt(briefing.firmness),
        "moved": [] if briefing.movers is None else briefing.movers.to_dict("records"),
        "lights": [] if briefing.targets is None else briefing.targets.to_dict("records"),
        "cash": partial(money_text, currency=currency),
        "measure": partial(measure_text, currency=currency),
        "overlays": _overlay_rows(briefing),
        "months": _months(briefing),
        "images": {key: base64.b64encode(png).decode() for key, png in briefing.pictures.items()},
        "known": known_sentence(briefing.make_up, briefing.customers),
        "categories": [_test_row(briefing, row) for row in _rows(categories[categories["role"] != CLUSTERED])],
        "clustered_categories": [
            label(name, briefing.labels) for name in categories[categories["role"] == CLUSTERED]["feature"]
        ],
        "differing": int((categories["p_holm"] < LEVEL).sum()),
        "numbers": _number_rows(briefing),
        "features": _feature_rows(briefing),
        "clustered": [label(name, briefing.labels) for name in tests[tests["role"] == CLUSTERED]["feature"]],
        "grades": GRADE_WORDS,
        "rfm": _rfm_rows(briefing),
        "trend": "trend" in set(tests["feature"]),
        "called": lambda name: called(name, briefing.labels),
    }
    return fill(__package__, "report.html.j2", **context).removesuffix("\n")


def monday(briefing: Briefing) -> list[dict[str, Any]]:
    """What to do on Monday: a row per segment, what is most at stake first.

    Parameters
    ----------
    briefing : Briefing
        What earlier stages found.

    Returns
    -------
    list of dict
        ``id, name, colour, size, share, playbook, stake, value, lifetime`` (money; ``None`` where nothing is foreseen) and ``command``, which
        writes the list of whom to treat, with a control group.
    """
    rows = []
    for cluster, profile in briefing.profiles.iterrows():
        place = int(str(cluster))
        own = briefing.value[place] if briefing.value else {}
        book = briefing.playbooks[place] if briefing.playbooks else None
        identity = briefing.segment_ids[place] if briefing.segment_ids else f"S{place + 1}"
        horizon = briefing.forecast["horizon_days"] if briefing.forecast else 0
        rows.append(
            {
                "id": identity,
                "name": profile["segment"],
                "colour": briefing.colours[place],
                "size": int(profile["size"]),
                "share": profile["share"],
                "playbook": book,
                "stake": own.get("at_risk_revenue"),
                "risk": own.get("churn_risk"),
                "value": own.get("expected_value"),
                "lifetime": lifetime_value(own["expected_value"], own["churn_risk"], horizon, briefing.lifetime_years)
                if {"expected_value", "churn_risk"} <= own.keys()
                else None,
                "command": f"segments export campaign={(book or {}).get('key', 'monday')}-{identity} segment={identity}",
            }
        )
    return sorted(rows, key=lambda row: (-(row["stake"] or 0.0), -row["size"]))


def _doubt(firmness: str) -> str:
    """Why the segments are not firm, as a sentence without figures; "" where they are."""
    start, _, why = firmness.partition(": ")
    said = re.sub(r" \([^)]*\)", "", why)
    return said[:1].upper() + said[1:] if start == "Not firm" else ""


def lifetime_value(value: float, risk: float, horizon_days: int, years: int) -> float:
    """Money that customers bring in some years, if in every horizon as many of those left leave, and the others spend as in the first.

    Parameters
    ----------
    value : float
        Expected in the first horizon.
    risk : float
        Share that leaves in each.
    horizon_days, years : int
        Length of a horizon, and of the whole.

    Examples
    --------
    >>> lifetime_value(100.0, 0.5, 365, 3)
    175.0
    """
    horizons = years * 365 / horizon_days
    whole = int(horizons)
    kept = (1 - risk) ** np.arange(whole + 1)
    return float(value * (kept[:whole].sum() + (horizons - whole) * kept[whole]))


def _overlay_rows(briefing: Briefing) -> list[dict[str, Any]]:
    """A row per trait: who has it in each segment, and the command of their list."""
    if briefing.overlays is None or briefing.overlays.empty:
        return []
    rows = []
    for name, own in briefing.overlays.groupby("overlay", sort=False):
        first = own.iloc[0]
        cells = [(row.segment_id, row.customers, row.share) for row in own.itertuples()]
        command = f"segments export campaign={name} overlay={name}"
        about = {key: first[key] for key in ("label", "means", "offer")}
        rows.append(about | {"customers": int(own["customers"].sum()), "cells": cells, "command": command})
    return rows


def _months(briefing: Briefing) -> list[dict[str, Any]]:
    """The last whole period of each segment, by the members of then."""
    if briefing.performance is None or not briefing.last_period:
        return []
    table = briefing.performance
    own = table[(table["membership"] == "then") & (table["period"] == briefing.last_period)]
    return [{str(key): value for key, value in row.items()} for row in own.to_dict("records")]


def headline(profiles: pd.DataFrame) -> str:
    """The answer in one sentence.

    Examples
    --------
    >>> headline(pd.DataFrame({"segment": ["regular guests", "rare guests"], "share": [0.25, 0.75], "revenue_share": [0.8, 0.2]}))
    'Two kinds of customers: the 25 % who are “regular guests” bring 80 % of the revenue.'
    """
    words = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
    k = len(profiles)
    kinds = (words[k] if k < len(words) else str(k)).capitalize()
    if "revenue_share" in profiles:
        top = profiles.loc[profiles["revenue_share"].idxmax()]
        fact = f"the {percent(top['share'])} who are “{top['segment']}” bring {percent(top['revenue_share'])} of the revenue."
    else:
        top = profiles.loc[profiles["share"].idxmax()]
        fact = f"the most, {percent(top['share'])}, are “{top['segment']}”."
    return f"{kinds} kinds of customers: {fact}"


def compared_features(tests: pd.DataFrame, most: int) -> list[str]:
    """Which numbers a comparing picture shows: the clustered ones, then the descriptors that differ most.

    Features that are arithmetic on clustered ones, or go along with one so closely that they say the same, are left out, and
    so are RFM scores, which are other features in five steps.

    Parameters
    ----------
    tests : DataFrame
        As :func:`segments.identity.descriptors.descriptor_tests` makes it.
    most : int
        How many at most; all clustered ones are shown, however many.

    Examples
    --------
    >>> tests = pd.DataFrame({"feature": ["visits", "days", "age", "shoe"], "kind": "number", "effect": [0.8, 0.7, 0.1, 0.3],
    ...     "role": ["clustered", "descriptor", "descriptor", "descriptor"], "correlation": [np.nan, 0.99, 0.1, 0.2]})
    >>> compared_features(tests, 2)
    ['visits', 'shoe']
    """
    clustered = tests[(tests["role"] == CLUSTERED) & (tests["kind"] == "number")]["feature"].tolist()
    own = _by_effect(tests)
    own = own[(own["correlation"].abs().fillna(0.0) < SAME) & ~own["feature"].isin(RFM_SCORES)]
    return [*clustered, *own["feature"].head(max(0, most - len(clustered)))]


def known_sentence(make_up: pd.DataFrame, customers: int) -> str:
    """How many customers the categories are known for: those whom a survey reaches are seldom like the others.

    Examples
    --------
    >>> rows = pd.DataFrame({"cluster": [0, 1], "segment": ["big", "small"], "descriptor": "age", "value": "20-29",
    ...     "customers": [30, 10], "known": [30, 10]})
    >>> known_sentence(rows, 100).split(":")[0]
    'Of 100 customers, 40 are known by at least one of these'
    """
    if make_up.empty:
        return ""
    known = make_up.groupby(["descriptor", "cluster"])["known"].first().groupby("cluster").max()
    sizes = make_up.groupby(["descriptor", "cluster"])["customers"].sum().groupby("cluster").max()
    names = make_up.groupby("cluster")["segment"].first()
    total = int(known.sum())
    if total >= customers:
        return f"Known for all {customers:,} customers."
    shares = known / sizes
    low, high = shares.idxmin(), shares.idxmax()
    return (
        f"Of {customers:,} customers, {total:,} are known by at least one of these: from {percent(shares[low])} of “{names[low]}” to "
        f"{percent(shares[high])} of “{names[high]}”. Shares and tests are among those known; who is known is not a random sample."
    )


def rule_words(bounds: Mapping[str, Sequence[float | None]], labels: Labels = NONE) -> str:
    """A rule as a sentence.

    Examples
    --------
    >>> rule_words({"monetary": (1234567.5, None), "recency_days": (2.0, 10.0)})
    'money spent above 1,234,567.5, and days since last purchase above 2 and at most 10'
    >>> rule_words({"morning_share": (None, 0.32838)})
    'spent in the morning at most 32.838 %'
    >>> rule_words({"contract = Two year": (0.5, None), "partner = Yes": (None, 0.5)})
    'contract is Two year, and partner is not Yes'
    """
    parts = []
    for feature, (above, at_most) in bounds.items():
        column, _, level = feature.partition(IS_LEVEL)
        if level:
            parts.append(f"{label(column, labels, unit=False)} is {'not ' if above is None else ''}{level}")
            continue
        ends = [f"above {limit(feature, above, labels)}"] if above is not None else []
        ends += [f"at most {limit(feature, at_most, labels)}"] if at_most is not None else []
        parts.append(f"{label(feature, labels)} {' and '.join(ends)}")
    return ", and ".join(parts) if parts else "everybody"


def _card(briefing: Briefing, cluster: int) -> dict[str, Any]:
    row = briefing.profiles.iloc[cluster]
    rules = briefing.rules["segments"][cluster]
    own = briefing.reasons[briefing.reasons["segment"] == row["segment"]]
    first = own.groupby(["first_feature", "first_side"]).size().sort_values(ascending=False, kind="stable")
    reasons = [
        (f"{SIDES[side]} {name}" if side in SIDES else f"{name} {side}") + f" for {percent(count / len(own))}"
        for (feature, side), count in first.head(2).items()
        for name in [label(feature, briefing.labels, unit=False)]
    ]
    return {
        "name": row["segment"],
        "colour": briefing.colours[cluster],
        "size": int(row["size"]),
        "share": row["share"],
        "revenue_share": row.get("revenue_share"),
        "per_customer": row["revenue"] / row["size"] if "revenue" in row else None,
        "apart": _apart(briefing, cluster),
        "rules": [
            {
                "words": rule_words(rule["bounds"], briefing.labels),
                "coverage": rule["coverage"],
                "precision": rule["precision"],
            }
            for place, rule in enumerate(rules)
            if place == 0 or rule["coverage"] >= WORTH_SAYING
        ],
        "reasons": reasons,
        "radar": f"radar_{cluster}",
        "playbook": briefing.playbooks[cluster] if briefing.playbooks else None,
        "value": briefing.value[cluster] if briefing.value else None,
    }


def _apart(briefing: Briefing, cluster: int) -> list[dict[str, Any]]:
    """What sets a segment apart from the others, strongest first, each thing said once.

    In medians: effects compare ranks, and a few large customers can move a mean the other way; in means where the medians are the same, and not
    at all where these do not tell the two apart either. Of a category that was clustered on, the level
    the segment has most more of than others; the effects of both are measured by what counts as large.
    """
    tests = briefing.tests.set_index("feature")
    own = briefing.descriptors[
        (briefing.descriptors["cluster"] == cluster) & (briefing.descriptors["kind"] == "number")
    ]
    own = own[(own["role"] != DERIVED) & ~own["feature"].isin(RFM_SCORES)]
    own = own[tests.loc[own["feature"], "correlation"].abs().fillna(0.0).to_numpy() < SAME]
    differences = [
        (
            abs(row["effect"]) / LIMITS["delta"][-1],
            {
                "label": label(row["feature"], briefing.labels),
                "side": "high" if row["effect"] > 0 else "low",
                "figures": figures,
            },
        )
        for row in _rows(own)
        if _size("delta", row["effect"]) != SIZES[0] and (figures := _figures(row, briefing.labels))
    ]
    levels = briefing.descriptors[
        (briefing.descriptors["cluster"] == cluster) & (briefing.descriptors["kind"] == "category")
    ]
    levels = levels[(levels["role"] == CLUSTERED) & (levels["effect"] >= LIMITS["h"][0])]
    for _, found in levels.groupby("feature", sort=False):
        row = found.loc[found["effect"].idxmax()]
        said = {
            "label": label(row["feature"], briefing.labels),
            "side": row["level"],
            "figures": f"{percent(row['mean'])} of them; {percent(row['overall'])} of all customers",
        }
        differences.append((row["effect"] / LIMITS["h"][-1], said))
    return [said for _, said in sorted(differences, key=lambda one: -one[0])[:6]]


def _figures(row: dict[str, Any], labels: Labels) -> str:
    """A segment's figure beside that of all customers, where it lies on the side that its ranks do; "" where none does."""
    for own, every, word in (("median", "overall_median", "typically"), ("mean", "overall", "on average")):
        said, of_all = (number(row["feature"], row[name], labels) for name in (own, every))
        if said != of_all and (row[own] > row[every]) == (row["effect"] > 0):
            return f"{word} {said}; all customers {of_all}"
    return ""


def _test_row(briefing: Briefing, row: dict[str, Any]) -> dict[str, Any]:
    found = briefing.descriptors[briefing.descriptors["feature"] == row["feature"]]
    follows = bool(row["follows"]) and abs(row["correlation"]) >= FOLLOWS
    differs = bool(row["p_holm"] < LEVEL)
    where = _span(row["feature"], found, briefing.labels) if row["kind"] == "number" and (differs or follows) else ""
    note = row["note"]
    if follows:
        note = (
            f"{'says the same as' if abs(row['correlation']) >= SAME else 'follows'} {label(row['follows'], briefing.labels, unit=False)} "
            f"(correlation {row['correlation']:.2f}), of which the segments were made: a small p would say no more than that"
        )
    return {
        "label": label(row["feature"], briefing.labels),
        "known": row["known"],
        "test": row["test"],
        "differs": "by construction" if follows else "yes" if differs else "not shown",
        "p": _p(row["p_holm"]),
        "effect": f"{row['effect']:.2f}",
        "size": _size("epsilon" if row["kind"] == "number" else "V", row["effect"]),
        "where": where,
        "note": note,
    }


def _number_rows(briefing: Briefing) -> dict[str, list[dict[str, Any]]]:
    """The tests of numbers: what a reader should see, and what is folded away."""
    found: dict[str, list[dict[str, Any]]] = {"shown": [], "folded": []}
    for row in _rows(_by_effect(briefing.tests)):
        made = _test_row(briefing, row)
        worth_saying = made["size"] in SIZES[2:] and made["differs"] != "not shown"
        worth_saying &= abs(row["correlation"]) < SAME and row["feature"] not in RFM_SCORES
        found["shown" if worth_saying else "folded"].append(made)
    return found


def _span(feature: str, found: pd.DataFrame, labels: Labels) -> str:
    """From the lowest segment to the highest: by rank, as it is tested, with figures that say the same."""
    low, high = found.loc[found["rank"].idxmin()], found.loc[found["rank"].idxmax()]
    for figure, word in (("median", "typically "), ("mean", "mean ")):
        if number(feature, low[figure], labels) != number(feature, high[figure], labels) and low[figure] < high[figure]:
            ends = (f"{number(feature, end[figure], labels)} (“{end['segment']}”)" for end in (low, high))
            return word + " to ".join(ends)
    return f"lowest “{low['segment']}”, highest “{high['segment']}”"


def _feature_rows(briefing: Briefing) -> list[dict[str, Any]]:
    """Every number in every segment, for the table at the end."""
    rows = []
    numbers = briefing.descriptors[briefing.descriptors["kind"] == "number"]
    for feature, found in numbers.groupby("feature", sort=False):
        cells = [
            {
                "mean": number(str(feature), row["mean"], briefing.labels),
                "median": number(str(feature), row["median"], briefing.labels),
                "index": "–" if pd.isna(row["index"]) else f"{row['index']:,.0f}",
                "effect": "–" if pd.isna(row["effect"]) else f"{row['effect']:+.2f}",
            }
            for row in _rows(found)
        ]
        overall = number(str(feature), float(found["overall"].iloc[0]), briefing.labels)
        rows.append(
            {
                "label": label(str(feature), briefing.labels),
                "role": found["role"].iloc[0],
                "overall": overall,
                "cells": cells,
            }
        )
    return rows


def _rfm_rows(briefing: Briefing) -> list[dict[str, Any]]:
    if briefing.rfm is None or briefing.cross_table is None:
        return []
    cross = briefing.cross_table
    return [row | {"cells": _rows(cross[cross["rfm_segment"] == row["rfm_segment"]])} for row in _rows(briefing.rfm)]


def _by_effect(tests: pd.DataFrame) -> pd.DataFrame:
    own = tests[(tests["role"] == DESCRIPTOR) & (tests["kind"] == "number")]
    return own.sort_values("effect", ascending=False, kind="stable")


def _size(kind: str, effect: float) -> str:
    return SIZES[int(np.searchsorted(LIMITS[kind], abs(effect), side="right"))] if not pd.isna(effect) else "unknown"


def _p(value: float) -> str:
    return "–" if pd.isna(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]
