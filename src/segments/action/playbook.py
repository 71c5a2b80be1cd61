"""Segments -> what to do with each. Comes in: features, clusters, their profiles, playbooks, what is predicted. Goes out: a playbook per segment, with the evidence for it and what is at stake."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segments.action.templates import fill
from segments.config.playbook import Playbook, PlaybookConfig, When
from segments.config.profiles import ProfilesConfig
from segments.errors import ConfigError
from segments.features.meanings import NONE, Labels, label, money_text
from segments.identity.profiles import OUTLOOK, mean_ranks, numeric_columns, segment_traits

WHEN_PARTS = ("all", "any", "unless", "at_least", "at_most")
MONEY_SAID = re.compile(r"\{(\d+(?:\.\d+)?)\}")
ONLY_WHERE = re.compile(r"\{(\w+): ([^{}|]*?)(?: \| ([^{}]*))?\}")
# What a segment gets where no playbook speaks of any column of the source: nothing that sounds like advice.
SILENT = Playbook(
    name="none",
    title="No playbook",
    goal="No playbook speaks of these columns",
    do=[],
    avoid=[],
    channel="",
    offer="",
    kpi="",
)


@dataclass(frozen=True)
class Evidence:
    """One trait that speaks for a playbook.

    Parameters
    ----------
    feature : str
        The feature.
    level : {"high", "low"}
        What it is in the segment.
    median, overall : float
        Median of the segment and of all customers, in original units: as the level, it follows ranks and not outliers.
    mean : float
        Mean of the segment.
    index : float or None
        100 x mean / mean of all customers; ``None`` where that is 0, and for features that can be negative: no ratio means anything there.
    rank : float
        Mean rank of the segment among all customers, 0 to 1.
    label : str
        What people call the feature; its name without underscores by default.
    """

    feature: str
    level: str
    median: float
    overall: float
    mean: float
    index: float | None
    rank: float
    label: str = ""

    @property
    def strength(self) -> float:
        """How far the segment stands from the middle, 0 to 1."""
        return 2 * abs(self.rank - 0.5)

    def words(self) -> str:
        """The trait with its figures.

        Examples
        --------
        >>> Evidence("frequency", "high", 103.0, 43.0, 128.5, 204.2, 0.81).words()
        'frequency is high: median 103 against 43 of all customers (mean 128.5, index 204; mean rank 0.81)'
        """
        index = f", index {self.index:.0f}" if self.index is not None else ""
        readable = self.label or self.feature.replace("_", " ")
        return (
            f"{readable} is {self.level}: median {self.median:.4g} against {self.overall:.4g} of all customers "
            f"(mean {self.mean:.4g}{index}; mean rank {self.rank:.2f})"
        )


@dataclass(frozen=True)
class Outlook:
    """What is predicted of a segment: what its playbook is about to change.

    Parameters
    ----------
    horizon_days : int
        Days that the prediction looks ahead.
    churn_risk : float or None
        Mean probability that a customer buys nothing in them; ``None`` where it cannot be foreseen.
    expected_value : float or None
        What the segment is expected to spend in them, in money; ``None`` likewise.
    at_risk_revenue : float or None
        What its customers spent in the days before, each weighted by the churn risk.
    """

    horizon_days: int
    churn_risk: float | None = None
    expected_value: float | None = None
    at_risk_revenue: float | None = None

    def words(self, currency: str = "") -> str:
        """The outlook as a sentence, money in this currency.

        Examples
        --------
        >>> Outlook(90, 0.073, 134455.7, 5739.6).words()
        'In the next 90 days 7.3 % are expected to buy nothing and the segment to spend 134,456; 5,740 of what it spent in the 90 days before is at risk.'
        """
        said, days = [], self.horizon_days
        if self.churn_risk is not None:
            said.append(f"{self.churn_risk * 100:.1f} % are expected to buy nothing")
        if self.expected_value is not None:
            said.append(
                f"the segment {'' if said else 'is expected '}to spend {money_text(self.expected_value, currency)}"
            )
        sentence = f"In the next {days} days {' and '.join(said)}"
        if self.at_risk_revenue is not None:
            sentence += (
                f"; {money_text(self.at_risk_revenue, currency)} of what it spent in the {days} days before is at risk"
            )
        return f"{sentence}."


@dataclass(frozen=True)
class Assignment:
    """The playbook of one segment.

    Parameters
    ----------
    cluster : int
        The segment's cluster.
    segment : str
        Its name.
    size : int
        Its customers.
    share : float
        Their share of all.
    revenue_share : float or None
        Share of all revenue, where money is known.
    playbook : str
        Name of the playbook that fits best.
    score : float
        Sum of the strengths of its evidence.
    evidence : list of Evidence
        Traits it asks for and the segment has, strongest first.
    runner_up : str or None
        The next best playbook that fits.
    runner_up_score : float
        Its score.
    outlook : Outlook, optional
        What is predicted of the segment, where there is a prediction.
    """

    cluster: int
    segment: str
    size: int
    share: float
    revenue_share: float | None
    playbook: str
    score: float
    evidence: list[Evidence]
    runner_up: str | None
    runner_up_score: float
    outlook: Outlook | None = None


@dataclass(frozen=True)
class Plan:
    """Which playbook each segment has.

    Parameters
    ----------
    source : str
        Name of the source.
    assignments : list of Assignment
        One per segment, in the order of the clusters.
    playbooks : dict of str to Playbook
        Those that are assigned, by name; ``none`` where no playbook speaks of the source's columns.
    unused : list of str
        Names of the others.
    why_unused : dict of str to str
        By their titles: why no segment has them.
    """

    source: str
    assignments: list[Assignment]
    playbooks: dict[str, Playbook]
    unused: list[str]
    why_unused: dict[str, str] = field(default_factory=dict)


def assign_playbooks(
    features: pd.DataFrame,
    labels: NDArray[np.int32],
    profiles: pd.DataFrame,
    playbooks: Sequence[Playbook],
    traits: ProfilesConfig,
    config: PlaybookConfig | None = None,
    labels_of: Labels = NONE,
) -> list[Assignment]:
    """Give each segment the playbook whose traits it has most strongly; one that stands out by columns no playbook speaks of gets none.

    A playbook fits when the segment has all of ``when.all``, one of ``when.any`` and none of ``when.unless``, and its medians lie within
    ``when.at_least`` and ``when.at_most``. Of those that fit, the one wins whose matched traits add up to the most: each counts by how
    far the segment's mean rank among all customers stands from the middle. Equal scores go to the more specific playbook (more
    conditions), then by name.

    Parameters
    ----------
    features : DataFrame of shape (n_customers, ...)
        The feature table.
    labels : ndarray of shape (n_customers,)
        Cluster of each customer.
    profiles : DataFrame of shape (k, ...)
        One row per segment, as :func:`segments.identity.profiles.segment_profiles` makes it.
    playbooks : sequence of Playbook
        At least one without conditions.
    traits : ProfilesConfig
        From which mean rank a trait is high or low.
    config : PlaybookConfig, optional
        Which playbooks must fit a segment.
    labels_of : mapping of str to Label, optional
        What the source calls its columns.

    Returns
    -------
    list of Assignment
        One per segment, in the order of their clusters.

    Raises
    ------
    ConfigError
        If a playbook asks for an unknown feature, none is without conditions, or a required one fits no segment.

    Examples
    --------
    >>> from segments.config.playbook import When
    >>> from segments.identity.profiles import segment_profiles
    >>> table = pd.DataFrame({"customer_id": list("abcd"), "visits": [1.0, 2.0, 8.0, 9.0]})
    >>> labels = np.array([1, 1, 0, 0], dtype=np.int32)
    >>> text = dict(title="", goal="", do=[], avoid=[], channel="", offer="", kpi="")
    >>> books = [Playbook("loyalty", when=When(all={"visits": "high"}), **text), Playbook("nurture", **text)]
    >>> made = assign_playbooks(table, labels, segment_profiles(table, labels, ["big", "small"]), books, ProfilesConfig())
    >>> [(one.segment, one.playbook, one.runner_up) for one in made]
    [('big', 'loyalty', 'nurture'), ('small', 'nurture', None)]
    """
    columns = numeric_columns(features)
    _check(playbooks, {*columns, *traits.traits})
    ranks, levels = mean_ranks(features, labels, columns), segment_traits(features, labels, traits)
    overall, lowest = features[columns].median(), features[columns].min()
    assignments, fitting, middles = [], set(), []
    apart = {feature for own in levels for feature in own} or set(columns)
    spoken_of = {feature for book in playbooks for feature in _asked(book)}
    for own, (cluster, row) in zip(levels, profiles.set_index("cluster").iterrows(), strict=True):
        revenue_share = float(row["revenue_share"]) if "revenue_share" in row else None
        medians = {column: float(row[f"{column}_median"]) for column in columns}
        # What no playbook has a word about gets no advice that was meant for others.
        silent = not spoken_of & apart or bool(own and not spoken_of & set(own))
        fits = [SILENT] if silent else [book for book in playbooks if _fits(book, own, medians, revenue_share)]
        fitting |= {book.name for book in fits}
        middles.append(medians)
        scored = []
        for book in fits:
            asked = own if silent else {**book.when.any, **book.when.all}
            evidence = [
                _evidence(
                    feature,
                    level,
                    row,
                    float(overall[feature]),
                    float(ranks.loc[cluster, feature]),
                    bool(lowest[feature] >= 0),
                    label(feature, labels_of, unit=False) if feature in labels_of else "",
                )
                for feature, level in asked.items()
                if own.get(feature) == level
            ]
            evidence.sort(key=lambda one: (-one.strength, one.feature))
            scored.append((round(sum(one.strength for one in evidence), 9), len(asked), book, evidence))
        scored.sort(key=lambda one: (-one[0], -one[1], one[2].name))
        score, _, best, evidence = scored[0]
        second = scored[1] if len(scored) > 1 else None
        assignments.append(
            Assignment(
                cluster=int(cluster),
                segment=str(row["segment"]),
                size=int(row["size"]),
                share=float(row["share"]),
                revenue_share=revenue_share,
                playbook=best.name,
                score=score,
                evidence=evidence,
                runner_up=second[2].name if second else None,
                runner_up_score=second[0] if second else 0.0,
            )
        )
    _check_required(
        config or PlaybookConfig(), playbooks, fitting, levels, middles, [one.segment for one in assignments]
    )
    return assignments


def with_outlook(assignments: Sequence[Assignment], profiles: pd.DataFrame, horizon_days: int) -> list[Assignment]:
    """Tell each segment's playbook what is predicted of the segment.

    Parameters
    ----------
    assignments : sequence of Assignment
        As :func:`assign_playbooks` returns them.
    profiles : DataFrame of shape (k, ...)
        With ``cluster`` and what can be foreseen of ``churn_risk, expected_value, at_risk_revenue``, as the profiles stage writes them.
    horizon_days : int
        Days that the prediction looks ahead.

    Returns
    -------
    list of Assignment
        In the same order, each with its outlook; without one where nothing can be foreseen.
    """
    by_cluster = profiles.set_index("cluster")[[name for name in OUTLOOK if name in profiles]]
    if by_cluster.columns.empty:
        return list(assignments)
    return [
        replace(one, outlook=Outlook(horizon_days, **by_cluster.loc[one.cluster].astype("float64").to_dict()))
        for one in assignments
    ]


def unused(assignments: Sequence[Assignment], playbooks: Sequence[Playbook]) -> list[str]:
    """Names of the playbooks no segment has, sorted: no fault, the segments are just not of that kind."""
    return sorted({book.name for book in playbooks} - {one.playbook for one in assignments})


def playbook_table(assignments: Sequence[Assignment], playbooks: Sequence[Playbook]) -> pd.DataFrame:
    """One row per segment: what :mod:`segments.action.target_list` and other readers need.

    Parameters
    ----------
    assignments : sequence of Assignment
        As :func:`assign_playbooks` returns them.
    playbooks : sequence of Playbook
        The playbooks they name.

    Returns
    -------
    DataFrame of shape (k, 14 or 18)
        ``cluster, segment, size, share, playbook, title, goal, do, avoid, channel, offer, kpi, evidence, runner_up``; lists are joined by "; ".
        With an outlook also its ``horizon_days, churn_risk, expected_value, at_risk_revenue``.
    """
    by_name = _by_name(playbooks)
    rows = []
    for one in assignments:
        book = by_name[one.playbook]
        rows.append(
            {
                **{key: getattr(one, key) for key in ("cluster", "segment", "size", "share", "playbook")},
                **{key: getattr(book, key) for key in ("title", "goal")},
                "do": "; ".join(book.do),
                "avoid": "; ".join(book.avoid),
                **{key: getattr(book, key) for key in ("channel", "offer", "kpi")},
                "evidence": "; ".join(evidence.words() for evidence in one.evidence),
                "runner_up": one.runner_up,
                **{
                    name: value
                    for name, value in (asdict(one.outlook) if one.outlook else {}).items()
                    if value is not None
                },
            }
        )
    return pd.DataFrame(rows).astype({"runner_up": "string"})


def plan_of(
    assignments: Sequence[Assignment], playbooks: Sequence[Playbook], source: str, why: Mapping[str, str] | None = None
) -> Plan:
    """Everything in one: assignments with their evidence, the playbooks in use, and the names of the others, with the reason."""
    used = {one.playbook: _by_name(playbooks)[one.playbook] for one in assignments}
    in_order = {book.name: book for book in [*playbooks, SILENT] if book.name in used}
    titles = {book.name: book.title for book in playbooks}
    reasons = {titles[name]: reason for name, reason in (why or {}).items()}
    return Plan(source, list(assignments), in_order, unused(assignments, playbooks), reasons)


def worded(book: Playbook, columns: Collection[str], currency: str) -> Playbook:
    """A playbook in the words of a source: what stands in braces is filled in.

    Parameters
    ----------
    book : Playbook
        Its texts may hold ``{5}``, an amount of money, and ``{departments: words | other words}``: the first words where the source has
        that column, else the others, or nothing. A line of which nothing is left goes.
    columns : collection of str
        Columns of the feature table.
    currency : str
        Of the source.

    Examples
    --------
    >>> text = dict(title="", goal="", avoid=[], channel="{stores: App and till receipt | App}", kpi="", do=["{departments: Two more departments}"])
    >>> book = Playbook("next", offer="{5} off the second visit", **text)
    >>> found = worded(book, ["stores"], "€")
    >>> found.offer, found.channel, found.do
    ('€5 off the second visit', 'App and till receipt', [])
    """

    def filled(text: str) -> str:
        text = MONEY_SAID.sub(lambda found: money_text(float(found[1]), currency), text)
        return ONLY_WHERE.sub(lambda found: found[2] if found[1] in columns else found[3] or "", text).strip()

    texts: dict[str, Any] = {key: filled(getattr(book, key)) for key in ("title", "goal", "channel", "offer", "kpi")}
    texts |= {key: [line for line in map(filled, getattr(book, key)) if line] for key in ("do", "avoid")}
    return replace(book, **texts)


def drafted(assignment: Assignment) -> str:
    """A playbook's YAML to begin with, for a segment of which none speaks: its strongest traits, and the lines a person fills in."""
    asked = ", ".join(f"{json.dumps(one.feature).replace('`', '?')}: {one.level}" for one in assignment.evidence[:2])
    lines = ["name: my_playbook # the name of its file", *(f'{key}: "…"' for key in ("title", "goal"))]
    lines += ['do: ["…"]', 'avoid: ["…"]', *(f'{key}: "…"' for key in ("channel", "offer", "kpi"))]
    return "\n".join([*lines, "when:", f"  all: {{{asked}}}"])


def plans(plain: Mapping[str, Any]) -> pd.DataFrame:
    """What is done with each cluster, from a :class:`Plan` as plain data: the one on record with a version may be of an earlier kind.

    Returns
    -------
    DataFrame of shape (k, 5)
        ``cluster, playbook, title, channel, offer``.

    Examples
    --------
    >>> book = {"title": "Welcome", "channel": "E-mail", "offer": "10 % off"}
    >>> plans({"assignments": [{"cluster": 0, "playbook": "welcome"}], "playbooks": {"welcome": book}})
       cluster playbook    title channel     offer
    0        0  welcome  Welcome  E-mail  10 % off
    """
    rows = [
        {key: one[key] for key in ("cluster", "playbook")}
        | {key: plain["playbooks"][one["playbook"]][key] for key in ("title", "channel", "offer")}
        for one in plain["assignments"]
    ]
    return pd.DataFrame(rows, columns=["cluster", "playbook", "title", "channel", "offer"])


def playbook_page(
    assignments: Sequence[Assignment],
    playbooks: Sequence[Playbook],
    currency: str = "",
    not_foreseen: Sequence[str] = (),
) -> str:
    """Markdown for a person: a table of all segments, then a section on each.

    Parameters
    ----------
    assignments : sequence of Assignment
        As :func:`assign_playbooks` returns them.
    playbooks : sequence of Playbook
        The playbooks they name.
    currency : str
        Of the source.
    not_foreseen : sequence of str
        Sentences on what cannot be foreseen.
    """
    by_name = _by_name(playbooks)
    plans = [
        {"of": one, "book": by_name[one.playbook], "second": by_name.get(one.runner_up or "")} for one in assignments
    ]
    silent = [one for one in assignments if by_name[one.playbook] is SILENT and one.evidence]
    draft = drafted(silent[0]) if silent else ""
    idle = unused(assignments, playbooks)
    return fill(
        __package__,
        "playbook.md.j2",
        plans=plans,
        unused=idle,
        currency=currency,
        not_foreseen=not_foreseen,
        draft=draft,
        silent=silent[0].segment if silent else "",
    )


def _by_name(playbooks: Sequence[Playbook]) -> dict[str, Playbook]:
    return {book.name: book for book in [SILENT, *playbooks]}


def _asked(book: Playbook) -> set[str]:
    return {feature for part in WHEN_PARTS for feature in getattr(book.when, part)}


def _fits(book: Playbook, own: Mapping[str, str], medians: Mapping[str, float], revenue_share: float | None) -> bool:
    when = book.when
    return (
        all(own.get(feature) == level for feature, level in when.all.items())
        and (not when.any or any(own.get(feature) == level for feature, level in when.any.items()))
        and not any(own.get(feature) == level for feature, level in when.unless.items())
        and all(medians.get(feature, bound) >= bound for feature, bound in when.at_least.items())
        and all(medians.get(feature, bound) <= bound for feature, bound in when.at_most.items())
        and (when.min_revenue_share is None or (revenue_share is not None and revenue_share >= when.min_revenue_share))
    )


def _lacks(when: When, own: Mapping[str, str], medians: Mapping[str, float], labels_of: Labels = NONE) -> list[str]:
    """What of its conditions a segment does not meet, but for its share of revenue; of traits of which one is enough, all that it lacks."""
    asked, said = {**when.any, **when.all}, partial(label, labels=labels_of, unit=False)
    lacks = [f"{level} {said(feature)}" for feature, level in asked.items() if own.get(feature) != level]
    lacks += [f"{said(name)} of {low:g} or more" for name, low in when.at_least.items() if medians.get(name, low) < low]
    lacks += [
        f"{said(name)} of {high:g} or less" for name, high in when.at_most.items() if medians.get(name, high) > high
    ]
    return lacks


def _has(when: When, own: Mapping[str, str], labels_of: Labels = NONE) -> list[str]:
    """What a segment has that it must not have."""
    unwanted = when.unless.items()
    return [
        f"{level} {label(feature, labels_of, unit=False)}" for feature, level in unwanted if own.get(feature) == level
    ]


def why_unused(
    features: pd.DataFrame,
    labels: NDArray[np.int32],
    profiles: pd.DataFrame,
    playbooks: Sequence[Playbook],
    traits: ProfilesConfig,
    assignments: Sequence[Assignment],
    labels_of: Labels = NONE,
) -> dict[str, str]:
    """Why no segment has a playbook, a phrase for each that is unused.

    Parameters
    ----------
    features, labels, profiles, playbooks, traits, labels_of
        As :func:`assign_playbooks` takes them.
    assignments : sequence of Assignment
        As it returns them.

    Returns
    -------
    dict of str to str
        By name of the playbook: the segment that it fits, though another fits better; or the condition that no segment meets, or the
        segment that is nearest and what it lacks.
    """
    columns, by_name = numeric_columns(features), _by_name(playbooks)
    levels = segment_traits(features, labels, traits)
    rows = [row for _, row in profiles.set_index("cluster").iterrows()]
    middles = [{column: float(row[f"{column}_median"]) for column in columns} for row in rows]
    revenue = [float(row["revenue_share"]) if "revenue_share" in row else None for row in rows]
    found = {}
    for name in unused(assignments, playbooks):
        book = by_name[name]
        fits = [i for i, own in enumerate(levels) if _fits(book, own, middles[i], revenue[i])]
        if fits:
            better, segment = by_name[assignments[fits[0]].playbook], assignments[fits[0]].segment
            found[name] = (
                f"says nothing of what sets “{segment}” apart"
                if better is SILENT
                else f"fits “{segment}”, which {better.title} fits better"
            )
            continue
        # Of traits of which one is enough, one column is enough.
        needed = [*book.when.all, *(() if set(book.when.any) & set(columns) else book.when.any)]
        if absent := [name for name in needed if name not in columns]:
            found[name] = f"the source has no {' and no '.join(one.replace('_', ' ') for one in absent)}"
            continue
        asked = {**book.when.all, **({} if len(book.when.any) > 1 else book.when.any)}
        nobody = [
            f"{level} {label(feature, labels_of, unit=False)}"
            for feature, level in asked.items()
            if not any(own.get(feature) == level for own in levels)
        ]
        if nobody:
            found[name] = f"no segment has {' and '.join(nobody)}"
            continue
        lacking = [_lacks(book.when, own, middle, labels_of) for own, middle in zip(levels, middles, strict=True)]
        nearest = min(
            range(len(lacking)), key=lambda i: (len(lacking[i]) + len(_has(book.when, levels[i], labels_of)), i)
        )
        lacks = [f"lacks {', '.join(lacking[nearest])}"] if lacking[nearest] else []
        lacks += [f"has {', '.join(own)}" for own in [_has(book.when, levels[nearest], labels_of)] if own]
        found[name] = (
            f"nearest is “{assignments[nearest].segment}”, which {' and '.join(lacks or ['lacks the share of revenue it asks for'])}"
        )
    return found


def _evidence(
    feature: str, level: str, row: Mapping[Any, Any], overall: float, rank: float, ratio: bool, said: str
) -> Evidence:
    median, mean, index = (float(row[f"{feature}_{figure}"]) for figure in ("median", "mean", "index"))
    return Evidence(feature, level, median, overall, mean, index if ratio and np.isfinite(index) else None, rank, said)


def _check(playbooks: Sequence[Playbook], known: set[str]) -> None:
    """Every feature a playbook asks for is known, here or by the words of traits; one playbook fits every segment."""
    for book in playbooks:
        for part in WHEN_PARTS:
            for feature in getattr(book.when, part):
                if feature not in known:
                    close = difflib.get_close_matches(feature, sorted(known), n=1)
                    raise ConfigError(
                        f"the playbook '{book.name}' asks for an unknown feature '{feature}'",
                        where=f"conf/playbook/{book.name}.yaml: when.{part}.{feature}",
                        fix=(f"did you mean '{close[0]}'? " if close else "")
                        + "name a column of the feature table, or add its words to profiles.traits",
                    )
    if not any(book.when == When() for book in playbooks):
        raise ConfigError(
            "no playbook fits every segment",
            where="conf/playbook/",
            fix="keep one without 'when', such as nurture: what is not distinctive needs a plan too",
        )


def _check_required(
    config: PlaybookConfig,
    playbooks: Sequence[Playbook],
    fitting: set[str],
    levels: Sequence[Mapping[str, str]],
    medians: Sequence[Mapping[str, float]],
    segments: Sequence[str],
) -> None:
    by_name = {book.name: book for book in playbooks}
    for name in config.require:
        if name not in by_name:
            close = difflib.get_close_matches(name, sorted(by_name), n=1)
            raise ConfigError(
                f"there is no playbook '{name}'",
                where="playbook.require",
                fix=(f"did you mean '{close[0]}'? " if close else "")
                + f"conf/playbook/ has: {', '.join(sorted(by_name))}",
            )
        if name not in fitting:
            when = by_name[name].when
            asked = {**when.any, **when.all}
            held = [sum(own.get(feature) == level for feature, level in asked.items()) for own in levels]
            nearest = int(np.argmax(held))
            own, middle = levels[nearest], medians[nearest]
            lacks = [*(f"not {one}" for one in _lacks(when, own, middle)), *_has(when, own)]
            raise ConfigError(
                f"the playbook '{name}' matches no segment; nearest is '{segments[nearest]}', with {held[nearest]} of its {len(asked)} traits"
                + (f" ({', '.join(lacks)})" if lacks else ""),
                where="playbook.require",
                fix=f"loosen 'when' in conf/playbook/{name}.yaml, segment by other features, or take it off the list",
            )
