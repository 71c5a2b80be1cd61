"""What the pages show, as plain tables. Comes in: tables and records as they were read. Goes out: tables ready to be shown or drawn, small whatever comes in."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from segments.action.performance import IN_POINTS
from segments.action.report import rule_words
from segments.action.target_list import minimum_detectable_effect
from segments.action.templates import gain, money, percent, plain, points, rate
from segments.clustering.space import to_space
from segments.data.formulas import neutralise
from segments.features.meanings import NONE, Labels, called, money_text
from segments.model.drift import FIGURE_NAMES
from segments.model.segmentation import Segment, Segmentation, segment_title

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

ROWS_PER_PAGE = 50  # customers on a page of the list
STEPS = 200  # of a slider
ROW_PIXELS = 35  # of a table
SHAPES = {
    "green": "●",
    "amber": "▲",
    "red": "■",
    "-": "○",
}  # a light is known by its shape and word, not by colour alone


# Scores whose names say little by themselves, short enough for the head of a column.
TITLES = {
    "wcss": "WCSS",
    "silhouette_reference": "silhouette, all features",
    "davies_bouldin": "Davies-Bouldin",
    "calinski_harabasz": "Calinski-Harabasz",
    "jaccard_min": "weakest Jaccard",
    "excess": "excess silhouette",
    "z_silhouette": "silhouette z-score",
    "z_wcss": "WCSS z-score",
    "p_adjusted": "adjusted p",
    "gap": "gap statistic",
    "smallest_share": "smallest segment",
    "r_score": "R score",
    "f_score": "F score",
    "m_score": "M score",
}


FORESEEN = {"churn_risk": "mean", "expected_value": "sum"}  # of a customer, and how a segment's figure comes of it


def people_table(members: pd.DataFrame, forecast: pd.DataFrame | None) -> pd.DataFrame:
    """Members of a version, with risk and value where a forecast knows them.

    Parameters
    ----------
    members : DataFrame of shape (n_customers, 4)
        ``customer_id, cluster, segment_id, segment``.
    forecast : DataFrame, optional
        ``customer_id`` and what can be foreseen of ``churn_risk, expected_value``.

    Examples
    --------
    >>> members = pd.DataFrame({"customer_id": ["a", "b"], "cluster": [0, 1], "segment_id": ["S1", "S2"], "segment": ["x", "y"]})
    >>> forecast = pd.DataFrame({"customer_id": ["b"], "churn_risk": [0.5], "expected_value": [9.0]})
    >>> people_table(members, forecast)["churn_risk"].tolist()
    [nan, 0.5]
    """
    if forecast is None:
        return members
    known = [name for name in FORESEEN if name in forecast]
    return members.merge(forecast[["customer_id", *known]], on="customer_id", how="left") if known else members


def segments_overview(
    segments: Sequence[Segment], sizes: Mapping[str, int], revenue: Mapping[str, float], foreseen: pd.DataFrame | None
) -> pd.DataFrame:
    """One row per segment: how large, what it brings, what it risks.

    Parameters
    ----------
    segments : sequence of Segment
        Those of the version in use.
    sizes : mapping of str to int
        Customers by segment id.
    revenue : mapping of str to float
        Share of revenue by segment id; empty where money is not known.
    foreseen : DataFrame, optional
        Mean and sum over its customers of what can be foreseen, by ``segment_id``: ``churn_risk_mean, expected_value_sum``.

    Returns
    -------
    DataFrame of shape (k, ...)
        ``segment_id, segment, customers, share`` and, where known, ``revenue_share, churn_risk`` (mean) and ``expected_value`` (sum).

    Examples
    --------
    >>> segments_overview([Segment("S1", "often", 0), Segment("S2", "rare", 1)], {"S1": 3, "S2": 1}, {}, None)["share"].tolist()
    [0.75, 0.25]
    """
    ids = [segment.segment_id for segment in segments]
    made = pd.DataFrame({"segment_id": ids, "segment": [segment.name for segment in segments]})
    made["customers"] = [int(sizes.get(one, 0)) for one in ids]
    made["share"] = made["customers"] / max(made["customers"].sum(), 1)
    if revenue:
        made["revenue_share"] = [revenue.get(one, np.nan) for one in ids]
    for name, how in FORESEEN.items():
        if foreseen is not None and f"{name}_{how}" in foreseen:
            made[name] = made["segment_id"].map(foreseen.set_index("segment_id")[f"{name}_{how}"])
    return made


def manager_table(overview: pd.DataFrame, advice: Mapping[str, str], currency: str) -> pd.DataFrame:
    """What a manager asks of each segment, in words: how large, what it brings, what it risks and what to do.

    Parameters
    ----------
    overview : DataFrame
        From :func:`segments_overview`.
    advice : mapping of str to str
        What to do, by segment id.
    currency : str
        Of the source.

    Examples
    --------
    >>> row = {"segment_id": "S1", "segment": "often", "customers": 1200, "share": 0.6, "churn_risk": 0.05, "expected_value": 900.0}
    >>> manager_table(pd.DataFrame([row]), {"S1": "Loyalty: points"}, "EUR").iloc[0].to_dict()
    {'what to do': 'Loyalty: points', 'customers': '1,200 (60 %)', 'leaving': '5 %', 'expected to spend': '900 EUR'}
    """
    made = pd.DataFrame(index=range(len(overview)))
    if advice:  # first: on a telephone what stands last is out of sight
        made["what to do"] = [cell_text(advice.get(one, "–")) for one in overview["segment_id"]]
    sizes = zip(overview["customers"], overview["share"], strict=True)
    made["customers"] = [f"{n:,} ({percent(share)})" for n, share in sizes]
    if "revenue_share" in overview:
        made["of revenue"] = [percent(share) for share in overview["revenue_share"]]
    if "churn_risk" in overview:
        made["leaving"] = [percent(risk) for risk in overview["churn_risk"]]
    if "expected_value" in overview:
        made["expected to spend"] = [cell_text(money_text(value, currency)) for value in overview["expected_value"]]
    heads = list(map(segment_title, overview["segment_id"], overview["segment"].map(cell_text)))
    return made.set_axis(pd.Index(heads, name="segment"))


def cell_text(text: str) -> str:
    """A text as a table's cell has it: Markdown, in which two signs of the dollar would make a formula of what is between."""
    return plain(text).replace("$", "\\$")


def without_figures(text: str) -> str:
    """A sentence without what stands in brackets.

    Examples
    --------
    >>> without_figures("Not firm: it moves (agreement 0.2), and so on (0.5).")
    'Not firm: it moves, and so on.'
    """
    return re.sub(r" \([^)]*\)", "", text)


def table_height(rows: int, most: int) -> int:
    """Pixels of a table that shows all of its rows, and no empty one, while they are few.

    Examples
    --------
    >>> table_height(2, 480), table_height(100, 480)
    (108, 480)
    """
    return min(ROW_PIXELS * (rows + 1) + 3, most)


def trend(sizes: Sequence[tuple[str, Mapping[str, int]]]) -> pd.DataFrame:
    """Share of each segment in each version or batch, long.

    Parameters
    ----------
    sizes : sequence of (str, mapping of str to int)
        What it is called, and customers by segment's title, oldest first.

    Returns
    -------
    DataFrame
        ``when, order, segment, customers, share``.

    Examples
    --------
    >>> trend([("1", {"x": 3, "y": 1})])["share"].tolist()
    [0.75, 0.25]
    """
    rows = []
    for order, (when, counts) in enumerate(sizes):
        total = max(sum(counts.values()), 1)
        rows += [(when, order, segment, n, n / total) for segment, n in counts.items()]
    return pd.DataFrame(rows, columns=["when", "order", "segment", "customers", "share"])


def curve_table(
    candidates: pd.DataFrame, score: str, elbows: Sequence[Mapping[str, Any]], chosen: str | None = None
) -> pd.DataFrame:
    """A score over k, one line per feature set and scaler, with the elbow of each WCSS curve.

    WCSS has the unit of its own space, so each line is shown as a share of its value at the smallest k.

    Parameters
    ----------
    candidates : DataFrame
        ``candidate_id, feature_set, scaler, k`` and the score.
    score : str
        Its column.
    elbows : sequence of mapping
        ``feature_set, scaler, k`` as the choice holds them.
    chosen : str, optional
        Id of the chosen candidate.

    Returns
    -------
    DataFrame
        ``feature_set, scaler, k, value, elbow, chosen``.

    Examples
    --------
    >>> table = pd.DataFrame({"candidate_id": ["a", "b"], "feature_set": "x", "scaler": "none", "k": [2, 3], "wcss": [8.0, 2.0]})
    >>> curve_table(table, "wcss", [{"feature_set": "x", "scaler": "none", "k": 3}], "a")[["value", "elbow", "chosen"]].to_numpy().tolist()
    [[1.0, False, True], [0.25, True, False]]
    """
    made = candidates[["feature_set", "scaler", "k"]].assign(value=candidates[score].astype("float64"))
    made["chosen"] = candidates["candidate_id"] == chosen
    made = made.sort_values(["feature_set", "scaler", "k"], kind="stable").reset_index(drop=True)
    if score == "wcss":
        made["value"] /= made.groupby(["feature_set", "scaler"])["value"].transform("first")
    knees = {(one["feature_set"], one["scaler"], one["k"]) for one in elbows}
    cells = zip(made["feature_set"], made["scaler"], made["k"].astype(int), strict=True)
    made["elbow"] = [cell in knees for cell in cells]
    return made


def parallel(candidates: pd.DataFrame, scores: Sequence[str]) -> pd.DataFrame:
    """Scores brought to 0–1, for lines across parallel axes.

    Parameters
    ----------
    candidates : DataFrame
        ``candidate_id`` and the scores.
    scores : sequence of str
        One axis each; a score that says nothing (all equal or missing) is left out.

    Returns
    -------
    DataFrame
        ``candidate_id, axis`` (the score in words), ``place`` (0 at the lowest value, 1 at the highest) and ``value``.

    Examples
    --------
    >>> table = pd.DataFrame({"candidate_id": ["a", "b"], "wcss": [8.0, 2.0], "ari": [1.0, 1.0]})
    >>> parallel(table, ["wcss", "ari"])[["axis", "place"]].to_numpy().tolist()
    [['WCSS', 1.0], ['WCSS', 0.0]]
    """
    rows = []
    for score in scores:
        values = candidates[score].astype("float64")
        low, high = values.min(), values.max()
        if high > low:
            rows.append(
                pd.DataFrame(
                    {
                        "candidate_id": candidates["candidate_id"],
                        "axis": words(score),
                        "place": (values - low) / (high - low),
                        "value": values,
                    }
                ).dropna()
            )
    return (
        pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=["candidate_id", "axis", "place", "value"])
    )


def profile(profiles: pd.DataFrame, overall: Mapping[str, Mapping[str, float]], cluster: int) -> pd.DataFrame:
    """A segment's features against all customers.

    Returns
    -------
    DataFrame
        ``feature`` (in words), ``mean, median, overall_mean, overall_median`` and ``index``: 100 x mean / mean of all, NaN for a feature with
        values below zero.

    Examples
    --------
    >>> profiles = pd.DataFrame({"cluster": [0], "age_mean": [30.0], "age_median": [31.0], "age_index": [60.0]})
    >>> profile(profiles, {"age": {"mean": 50.0, "median": 49.0}}, 0).iloc[0].to_dict()
    {'feature': 'age', 'mean': 30.0, 'median': 31.0, 'overall_mean': 50.0, 'overall_median': 49.0, 'index': 60.0}
    """
    row = profiles.set_index("cluster").loc[cluster]
    return pd.DataFrame(
        [
            {
                "feature": words(name),
                "mean": row[f"{name}_mean"],
                "median": row[f"{name}_median"],
                "overall_mean": known["mean"],
                "overall_median": known["median"],
                "index": row.get(f"{name}_index", np.nan),
            }
            for name, known in overall.items()
        ]
    )


def rules_in_words(rules: Mapping[str, Any], cluster: int, labels: Labels = NONE) -> list[str]:
    """A segment's rules as sentences.

    Parameters
    ----------
    rules : mapping
        As the stage `profiles` writes them.
    cluster : int
        The segment's cluster.
    labels : mapping of str to Label
        What the source calls its columns.

    Examples
    --------
    >>> rule = {"bounds": {"plan = Gold": [0.5, None], "age": [None, 30.0]}, "customers": 1528, "precision": 0.998, "coverage": 0.5}
    >>> rules_in_words({"segments": [[rule]]}, 0)
    ['plan is Gold, and age at most 30: finds 1,528 customers, 99.8 % of them in the segment; 50 % of the segment.']
    """
    return [
        f"{plain(rule_words(rule['bounds'], labels))}: finds {rule['customers']:,} customers, {percent(rule['precision'])} of them in the segment; "
        f"{percent(rule['coverage'])} of the segment."
        for rule in rules["segments"][cluster]
    ]


def lights(figures: Sequence[Mapping[str, Any]], limits: Mapping[str, tuple[float, float]]) -> Styler:
    """Figures of a batch with their limits and lights, the worst first; each light is a shape, a word and a colour.

    Parameters
    ----------
    figures : sequence of mapping
        As a batch's record holds them.
    limits : mapping of str to (float, float)
        Amber and red by name, or by what stands before its first dot.

    Examples
    --------
    >>> one = {"name": "psi.age", "says": "age (PSI)", "value": 0.3, "training": 0.0, "low": None, "high": None, "status": "red"}
    >>> lights([one], {"psi": (0.1, 0.25)}).data[["light", "what", "value", "amber", "red"]].to_numpy().tolist()
    [['■ red', 'age (PSI)', 0.3, 0.1, 0.25]]
    """
    order = {"red": 0, "amber": 1, "green": 2, "-": 3}
    rows = []
    for one in sorted(figures, key=lambda figure: order[figure["status"]]):
        amber, red = limits.get(one["name"], limits.get(one["name"].partition(".")[0], (np.nan, np.nan)))
        message = f"{SHAPES[one['status']]} {one['status'] if one['status'] != '-' else 'not known'}"
        rows.append(
            {
                "light": message,
                "what": FIGURE_NAMES.get(one["name"], one["says"]),  # a record of old may say it longer
                **{key: one[key] for key in ("value", "training", "low", "high")},
                "amber": amber,
                "red": red,
            }
        )
    numbers = {
        **dict.fromkeys(("value", "training", "low", "high"), "{:.3f}"),
        **dict.fromkeys(("amber", "red"), "{:.3g}"),
    }
    made = pd.DataFrame(rows).astype(dict.fromkeys(numbers, "float64"))
    return neutralise(made).style.format(numbers, na_rep="–").map(_coloured, subset=["light"])


def spread_table(distribution: Mapping[str, Any]) -> pd.DataFrame:
    """A feature's distribution in training and batch, long.

    Parameters
    ----------
    distribution : mapping
        As a batch's record holds it.

    Examples
    --------
    >>> spread_table({"feature": "age", "bins": ["≤ 30", "> 30"], "training": [0.5, 0.5], "batch": [0.2, 0.8]}).iloc[-1].to_dict()
    {'bin': '> 30', 'place': 1, 'of': 'this batch', 'share': 0.8}
    """
    bins, places = distribution["bins"], range(len(distribution["bins"]))
    sides = (("training", distribution["training"]), ("this batch", distribution["batch"]))
    return pd.concat(
        [pd.DataFrame({"bin": bins, "place": places, "of": of, "share": shares}) for of, shares in sides],
        ignore_index=True,
    )


def target_table(lights: pd.DataFrame, written: Callable[[str, float], str], names: Mapping[str, str]) -> Styler:
    """Targets in words, each with its light: a shape, a word and a colour.

    Parameters
    ----------
    lights : DataFrame
        As :func:`segments.action.performance.targets_met` makes it.
    written : callable
        Writes a measure's value.
    names : mapping of str to str
        Measures in words.

    Examples
    --------
    >>> row = {"metric": "visits", "segment_id": "S1", "segment": "often", "period": "2024-01", "bound": "at least", "target": 9.0,
    ...     "value": 8.0, "light": "missed", "why": ""}
    >>> target_table(pd.DataFrame([row]), lambda name, value: f"{value:g}", {"visits": "visits"}).data.iloc[0, :6].tolist()
    ['■ missed', 'often', 'visits', '2024-01', 'at least 9', '8']
    """
    shapes = {"met": "green", "missed": "red", "no data": "-"}
    shown = pd.DataFrame(
        {
            "light": [f"{SHAPES[shapes[one]]} {one}" for one in lights["light"]],
            "segment": lights["segment"],
            "what": lights["metric"].map(names),
            "period": lights["period"],
            "target": [f"{row.bound} {written(row.metric, row.target)}" for row in lights.itertuples()],
            "was": [written(row.metric, row.value) for row in lights.itertuples()],
        }
    )
    if (lights["why"] != "").any():
        shown["why"] = lights["why"]
    return neutralise(shown).style.map(_coloured, subset=["light"])


def _coloured(light: str) -> str:
    """Colours that are read on a light and on a dark ground: the text's own ground comes along."""
    ground = {"●": "#00664B", "▲": "#7A5300", "■": "#A33A00"}.get(light[:1])
    return f"background-color: {ground}; color: #FFFFFF" if ground else ""


def period_table(
    now: pd.DataFrame, known: Sequence[str], written: Callable[[str, float], str], names: Mapping[str, str]
) -> pd.DataFrame:
    """Each segment in one period, every measure with its changes.

    Parameters
    ----------
    now : DataFrame
        Rows of the performance table.
    known : sequence of str
        Its measures.
    written : callable
        Writes a measure's value.
    names : mapping of str to str
        Measures in words.

    Examples
    --------
    >>> row = {"segment_id": "S1", "segment": "often", "visits": 9, "visits_change": -0.25, "visits_change_year": 0.5}
    >>> period_table(pd.DataFrame([row]), ["visits"], lambda name, value: f"{value:g}", {"visits": "visits"}).iloc[0].tolist()
    ['S1 · often', '9 ▼25 % (▲50 %)']
    """

    def cell(name: str, row: pd.Series[Any]) -> str:
        change, year = (row.get(f"{name}_{one}", np.nan) for one in ("change", "change_year"))
        both = [one for one in (_change(name, change), f"({_change(name, year)})" if np.isfinite(year) else "") if one]
        return " ".join([written(name, row[name]), *both])

    made = {"segment": list(map(segment_title, now["segment_id"], now["segment"]))} | {
        names[name]: [cell(name, row) for _, row in now.iterrows()] for name in known
    }
    return neutralise(pd.DataFrame(made))


def _change(name: str, value: float) -> str:
    """A change with its direction; of shares in points."""
    if not np.isfinite(value):
        return ""
    in_points = name in IN_POINTS
    size = f"{abs(value) * 100:.1f} pt" if in_points else percent(abs(value))
    flat = size in ("0.0 pt", "0 %")
    return f"={size}" if flat else f"{'▲' if value > 0 else '▼'}{size}"


def campaign_rows(record: Mapping[str, Any], table: pd.DataFrame) -> list[dict[str, Any]]:
    """What a campaign brought, a row per outcome and segment.

    Parameters
    ----------
    record : mapping
        Of the campaign's results: ``params`` and ``causal``.
    table : DataFrame
        Its figures.

    Examples
    --------
    >>> table = pd.DataFrame([{"segment": "all", "outcome": "responded", "difference": 0.05, "low": 0.01, "high": 0.09, "treatment": 0.1}])
    >>> campaign_rows({"params": {"campaign": "may"}, "causal": True}, table)[0]["gain"]
    '▲ +5.0 points (+1.0 to +9.0)'
    """
    rows = []
    for row in table.to_dict("records"):
        name, past = record["params"]["campaign"], "rate" in row
        if past:
            if row["group"] != "mailed":
                continue
            figure = f"{rate(row['rate'])} of {row['customers']:,} mailed redeemed"
            rows.append(
                {
                    "campaign": name,
                    "segment": row["segment"],
                    "what": "redeemed",
                    "gain": "no control group",
                    "figure": figure,
                }
            )
            continue
        shares = row["outcome"] == "responded"
        figure = rate(row["treatment"]) if shares else money(row["treatment"])
        effect = "no effect can be shown"
        if record["causal"] and np.isfinite(row["difference"]):
            write = points if shares else gain
            unit = " points" if shares else ""
            sure = "▲" if row["low"] > 0 else "▼" if row["high"] < 0 else "● not sure:"
            effect = f"{sure} {write(row['difference'])}{unit} ({write(row['low'])} to {write(row['high'])})"
        rows.append(
            {
                "campaign": name,
                "segment": row["segment"],
                "what": row["outcome"],
                "gain": effect,
                "figure": f"{figure} of the treated",
            }
        )
    return rows


def smallest_effects(customers: int, control_share: float, base_rate: float) -> str:
    """Which rise of responses a list can show, with the control share of the config and with larger ones.

    Parameters
    ----------
    customers : int
        On the list.
    control_share, base_rate : float
        As section `export` has them.

    Examples
    --------
    >>> smallest_effects(30, 0.2, 0.05).split("; ")[1]
    'with a control share of 50 % a rise of 40.4 points or more (export.control_share).'
    """
    found = []
    for share in sorted({control_share, *(one for one in (0.2, 0.5) if one > control_share)}):
        control = round(customers * share)
        rise = minimum_detectable_effect(base_rate, customers - control, control)
        smallest = "no rise of responses" if rise is None else f"a rise of {rise * 100:.1f} points or more"
        found.append(f"with a control share of {percent(share)} {smallest}")
    return f"What {customers:,} customers can show, where {percent(base_rate)} respond anyway: {'; '.join(found)} (export.control_share)."


def ranges(model: Segmentation) -> pd.DataFrame:
    """For each of the model's columns a slider: from the lowest to the highest value among its training customers.

    Returns
    -------
    DataFrame
        ``feature, low, high, step`` of each column of numbers; one of whole numbers cannot be told from others, so steps of 1 begin where the range has
        two hundred of them.

    Examples
    --------
    >>> from segments.model.segmentation import Limits, number_segments
    >>> from segments.clustering.space import Space
    >>> limits = Limits(np.array([9.0]), np.array([0.0]), np.array([1000.0]), boundary=0.1)
    >>> model = Segmentation("c", Space(["x"], ["identity"], [1.0], "none", {}), np.array([[0.0]]), number_segments(["all"]), limits)
    >>> ranges(model).iloc[0].to_dict()
    {'feature': 'x', 'low': 0.0, 'high': 1000.0, 'step': 5.0}
    """
    rows = []
    for feature, low, high in zip(model.space.columns, model.limits.low, model.limits.high, strict=True):
        if model.space.levels(feature) is not None:
            continue
        span = float(high - low)
        raw = span / STEPS if span > 0 else 1.0
        power = 10.0 ** np.floor(np.log10(raw))
        step = float(power * min((n for n in (1, 2, 5, 10) if n * power >= raw * (1 - 1e-9)), default=10))
        rows.append({"feature": feature, "low": float(low), "high": float(high), "step": step})
    return pd.DataFrame(rows)


def distances(model: Segmentation, row: pd.DataFrame) -> pd.DataFrame:
    """How far one customer is from the centre of every segment, nearest first.

    Parameters
    ----------
    model : Segmentation
        The version in use.
    row : DataFrame of shape (1, ...)
        The customer's features.

    Returns
    -------
    DataFrame of shape (k, 3)
        ``segment_id, segment, distance``, in the clustered space.
    """
    at = to_space(model.space, row)
    far = np.sqrt(((model.centres - at[0]) ** 2).sum(axis=1))
    made = pd.DataFrame(
        {
            "segment_id": [segment.segment_id for segment in model.segments],
            "segment": [segment.name for segment in model.segments],
            "distance": far,
        }
    )
    return made.sort_values("distance", kind="stable").reset_index(drop=True)


def worth_doubt(candidate: Mapping[Any, Any] | pd.Series[Any]) -> str:
    """What is to be said beside the worth of a move, where nothing shows that segments tell what is spent later; else "".

    Parameters
    ----------
    candidate : mapping
        Row of the chosen one, with what its segments explain of later spend where that is known.

    Examples
    --------
    >>> worth_doubt({"useful_spend": 0.18, "useful_spend_error": 0.02}), worth_doubt({})
    ('', '')
    >>> worth_doubt({"useful_spend": -0.002, "useful_spend_error": 0.001})
    'Nothing shows that they will: these segments explain 0 % of later spend (0 to 0).'
    """
    share = float(candidate.get("useful_spend", np.nan))
    half = 1.96 * float(candidate.get("useful_spend_error", np.nan))
    if np.isnan(share) or share - half > 0:
        return ""
    low, high = (f"{100 * end:z.0f}" for end in (share - half, share + half))
    return (
        f"Nothing shows that they will: these segments explain {100 * share:z.0f} % of later spend ({low} to {high})."
    )


def words(name: str, labels: Labels = NONE) -> str:
    """A column's name for a person: as the source calls it, or a title of our own.

    Examples
    --------
    >>> words("recency_days"), words("z_silhouette")
    ('recency days', 'silhouette z-score')
    """
    return TITLES[name] if name in TITLES and name not in labels else called(name, labels)


def readable(text: str) -> str:
    """A sentence for a person: the scores in it by their titles, and no markdown in it.

    Examples
    --------
    >>> readable("It has the highest z_silhouette (13.2).")
    'It has the highest silhouette z-score (13.2).'
    """
    return re.sub(r"\b[a-z]+(?:_[a-z]+)+\b", lambda found: TITLES.get(found[0], found[0]), plain(text))


def with_money(table: pd.DataFrame, currency: str) -> pd.DataFrame | Styler:
    """A table whose column ``expected_value``, where it has one, is shown in the source's currency; sorted it is a number still.

    Its text is no formula: Streamlit offers every table as CSV.
    """
    table = neutralise(table)
    if "expected_value" not in table:
        return table
    return table.style.format({"expected_value": partial(money_text, currency=currency)})
