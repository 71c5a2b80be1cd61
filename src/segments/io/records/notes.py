"""Results in words. Comes in: the choice, candidates and profiles. Goes out: markdown for MLflow and a summary for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from segments.config.evidence import NULLS

# Of a segment, where they are known: what they are called, and how they are written.
FIGURES = {
    "revenue_share": ("revenue share", ".1%"),
    "churn_risk": ("risk of leaving", ".1%"),
    "expected_value": ("expected value", ",.0f"),
    "at_risk_revenue": ("revenue at risk", ",.0f"),
}


def sweep_note(
    choice: Mapping[str, Any], candidates: pd.DataFrame, profiles: pd.DataFrame | None, firmness: str | None = None
) -> str:
    """Markdown that says what was swept, what won and why, and what the segments are.

    Parameters
    ----------
    choice : mapping
        The choice, as the selection stage writes it.
    candidates : DataFrame
        One row per candidate.
    profiles : DataFrame or None
        One row per segment; ``None`` when nothing was chosen.
    firmness : str, optional
        What the sensitivity found, in a sentence.
    """
    lines = [f"**{choice['reason']}**", "", *([firmness, ""] if firmness else [])]
    lines += [f"Rule: {choice['rule']}", "", f"Swept: {swept(candidates)}.", ""]
    table = candidates.set_index("candidate_id").loc[choice["finalists"]]
    heading = "Finalists" if choice["candidate_id"] else "What came closest"
    lines += [
        f"### {heading}",
        "",
        f"| candidate | grade | z against the {_null(candidates)} null | least stable segment | prediction strength | silhouette over all features | silhouette | smallest |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.feature_set} · {row.scaler} · k={row.k} | {row.grade or 'no evidence'} | {row.z_silhouette:.1f} | {row.jaccard_min:.2f} | "
        f"{row.prediction_strength:.2f} | {row.silhouette_reference:.4f} | {row.silhouette:.4f} | {row.smallest_share:.1%} |"
        for row in table.itertuples()
    ]
    if profiles is not None:
        figures = [name for name in FIGURES if name in profiles]
        lines += [
            "",
            "### Segments",
            "",
            "| segment | customers | share |" + "".join(f" {FIGURES[name][0]} |" for name in figures),
            "|---|---|---|" + "---|" * len(figures),
        ]
        for row in profiles.to_dict("records"):
            told = "".join(f" {row[name]:{FIGURES[name][1]}} |" for name in figures)
            lines.append(f"| {row['segment']} | {row['size']:,} | {row['share']:.1%} |{told}")
    lines += ["", "### Elbows (advice only)", ""]
    lines += [
        f"- {elbow['feature_set']} · {elbow['scaler']}: " + (f"k={elbow['k']}" if elbow["k"] else "no knee")
        for elbow in choice["elbows"]
    ]
    lines += [
        "",
        f"z says how far the silhouette lies above that of data without clusters ({NULLS[_null(candidates)]}), in standard deviations: it compares feature sets and scalers; so does the silhouette over all features. The plain silhouette ranks k within one feature set and scaler only.",
    ]
    return "\n".join(lines) + "\n"


def model_description(choice: Mapping[str, Any], profiles: pd.DataFrame, columns: list[str]) -> str:
    """Markdown for the registry page: what goes in, what comes out, which segments there are."""
    lines = [
        f"{choice['reason']}",
        "",
        f"**In**: {', '.join(f'`{column}`' for column in columns)}, in original units, one row per customer.",
        "",
    ]
    lines += [
        "**Out**: `cluster`, `segment_id`, `segment`, `distance` to its centre and `margin` to the next in the clustered space, `confidence` (0 on the border, 1 at the centre), and whether the customer is on the `boundary` or `out_of_range`.",
        "",
        "| cluster | segment | customers | share |",
        "|---|---|---|---|",
    ]
    lines += [f"| {row.cluster} | {row.segment} | {row.size:,} | {row.share:.1%} |" for row in profiles.itertuples()]
    return "\n".join(lines) + "\n"


def summary(
    source: str,
    choice: Mapping[str, Any],
    candidates: pd.DataFrame,
    profiles: pd.DataFrame | None,
    receipt: Mapping[str, Any],
    firmness: str | None = None,
) -> str:
    """The end of ``make repro``: what was swept, what was chosen and why, who the segments are.

    Parameters
    ----------
    source : str
        Name of the source.
    choice, candidates, profiles
        As in :func:`sweep_note`.
    receipt : mapping
        The registry stage's receipt.
    firmness
        As in :func:`sweep_note`.
    """
    lines = [f"Swept   {source}: {swept(candidates)}", f"Rule    {choice['rule']}", f"Chosen  {choice['reason']}"]
    lines += [f"Firm?   {firmness}"] if firmness else []
    if profiles is not None:
        width = max(len(name) for name in profiles["segment"])
        lines.append("")
        for row in profiles.itertuples():
            money = f"  {row.revenue_share:6.1%} of revenue" if "revenue_share" in profiles else ""
            money += f"  {row.churn_risk:6.1%} risk of leaving" if "churn_risk" in profiles else ""
            lines.append(f"        {row.segment:<{width}}  {row.size:>9,} customers  {row.share:6.1%}{money}")
        lines.append("")
    if receipt.get("version"):
        version = receipt["version"]
        if receipt["alias"]:
            lines.append(
                f"Model   models:/{receipt['name']}@{receipt['alias']} (version {version}): {receipt['verdict']}"
            )
        else:
            lines.append(f"Model   models:/{receipt['name']}/{version}: {receipt['verdict']}")
    return "\n".join(lines)


def _null(candidates: pd.DataFrame) -> str:
    """Name of the null model of those that were weighed; they all have the same."""
    return next(str(name) for name in candidates["null"] if name)


def swept(candidates: pd.DataFrame) -> str:
    """One phrase for the grid.

    Examples
    --------
    >>> swept(pd.DataFrame({"feature_set": ["a", "a"], "scaler": ["none", "none"], "k": [2, 3], "n_customers": [200, 200]}))
    '2 candidates (1 feature set × 1 scaler × k 2–3) on 200 customers'
    """

    def many(count: int, noun: str) -> str:
        return f"{count} {noun}{'' if count == 1 else 's'}"

    sets, scalers, ks = candidates["feature_set"].nunique(), candidates["scaler"].nunique(), candidates["k"]
    grid = f"{many(sets, 'feature set')} × {many(scalers, 'scaler')} × k {ks.min()}–{ks.max()}"
    return f"{many(len(candidates), 'candidate')} ({grid}) on {candidates['n_customers'].iloc[0]:,} customers"
