"""What sets each segment apart, feature by feature, with a test where a test means something.

Comes in: all that is known of the customers, their clusters, and which features were clustered on. Goes out: one row per
feature and segment, and one row per feature with the test of whether segments differ in it.

Segments differ in what they were made from: a test there would prove nothing but that clustering happened. So clustered
features, and features that are arithmetic on clustered ones, carry no p-value and the role that says why; nor do features that follow a clustered
one closely, whose note says so. Their effect stands all the same.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segments.clustering.exact import significant
from segments.config.features import RFM_SCORES
from segments.identity.profiles import numeric_columns

CLUSTERED, DERIVED, DESCRIPTOR = "clustered", "derived", "descriptor"
# Features that follow exactly from others: with those clustered on, these differ by construction too.
ARITHMETIC = {
    "monetary": ("basket_value", "frequency"),
    "frequency": ("monetary", "basket_value"),
    "basket_value": ("monetary", "frequency"),
    "gap_days_mean": ("tenure_days", "recency_days", "purchase_days"),
    **dict(zip(RFM_SCORES, (("recency_days",), ("frequency",), ("monetary",)), strict=True)),
}
FOLLOWS = (
    0.5  # from this correlation with a clustered feature on, a small p says little more than that clustering happened
)
RESAMPLES = 9_999
SEED = 0
DIGITS = 8  # of figures that come of functions whose last digits are the processor's


def role(feature: str, clustered: Collection[str]) -> str:
    """Whether segments differ in a feature by construction: ``clustered``, ``derived`` from clustered ones, or ``descriptor``.

    Examples
    --------
    >>> [role(name, ["frequency", "basket_value"]) for name in ("frequency", "monetary", "m_score", "age")]
    ['clustered', 'derived', 'derived', 'descriptor']
    """
    if feature in clustered:
        return CLUSTERED
    return DERIVED if feature in _following(clustered) else DESCRIPTOR


def _following(known: Collection[str]) -> set[str]:
    """Features that follow from known ones, also through others: the money score from orders and the money in each."""
    found = set(known)
    while more := {name for name, sources in ARITHMETIC.items() if set(sources) <= found} - found:
        found |= more
    return found


def segment_descriptors(
    table: pd.DataFrame, labels: NDArray[np.int32], names: Sequence[str], clustered: Collection[str]
) -> pd.DataFrame:
    """Every feature in every segment: how large, against everybody, and how far from everybody else.

    Parameters
    ----------
    table : DataFrame of shape (n_customers, ...)
        All that is known: numbers, and categories as text; missing values are left out of the figures.
    labels : ndarray of shape (n_customers,)
        Cluster of each customer.
    names : sequence of str
        Name of each cluster's segment.
    clustered : collection of str
        The clustered features.

    Returns
    -------
    DataFrame
        One row per feature, level (categories only) and cluster: ``feature, kind, role, level, cluster, segment, known``
        (customers of the segment for whom it is known), ``mean`` (of a category: the level's share), ``median``, ``overall``
        and ``overall_median`` (of all customers), ``index`` (100 x mean / overall; missing where values below zero make a ratio meaningless),
        ``effect``, and ``rank`` (numbers only: the mean rank of the segment's customers among all, 0 to 1). The effect compares the segment with all other customers: of numbers it is Cliff's delta (-1: all
        lower, 0: alike, 1: all higher), because money and counts are so skewed that a difference in standard deviations
        would describe a few large customers; of categories it is Cohen's h, which sees 2 % against 4 % and 50 % against 52 %
        for what they are.

    References
    ----------
    Cliff (1993), Dominance statistics: ordinal analyses to answer ordinal questions, Psychological Bulletin 114.
    Cohen (1988), Statistical Power Analysis for the Behavioral Sciences, chapter 6.

    Examples
    --------
    >>> people = pd.DataFrame({"visits": [8.0, 9.0, 1.0, 2.0], "region": ["n", "n", "n", "s"]})
    >>> rows = segment_descriptors(people, np.array([0, 0, 1, 1], dtype=np.int32), ["often", "rarely"], ["visits"])
    >>> rows[rows["segment"] == "often"][["feature", "level", "role", "mean", "index", "effect"]].round(2).to_numpy().tolist()
    [['visits', '', 'clustered', 8.5, 170.0, 1.0], ['region', 'n', 'descriptor', 1.0, 133.33, 1.57], ['region', 's', 'descriptor', 0.0, 0.0, -1.57]]
    """
    numeric = numeric_columns(table)
    rows: list[dict[str, Any]] = []
    for feature in [name for name in table.columns if name != "customer_id"]:
        own_role = role(feature, clustered)
        if feature in numeric:
            found = _numbers(table[feature].to_numpy(dtype=np.float64), labels, len(names))
            rows += [{"feature": feature, "kind": "number", "role": own_role, "level": "", **row} for row in found]
        else:
            values = table[feature]
            for level in sorted(values.dropna().unique()):
                found = _shares(
                    values.notna().to_numpy(), (values == level).fillna(False).to_numpy(), labels, len(names)
                )
                rows += [
                    {"feature": feature, "kind": "category", "role": own_role, "level": str(level), **row}
                    for row in found
                ]
    out = pd.DataFrame(rows, columns=["feature", "kind", "role", "level", "cluster", *DESCRIPTOR_FIGURES])
    out.insert(5, "segment", [names[cluster] for cluster in out["cluster"]])
    return out


DESCRIPTOR_FIGURES = ("known", "mean", "median", "overall", "overall_median", "index", "effect", "rank")


def descriptor_tests(table: pd.DataFrame, labels: NDArray[np.int32], clustered: Collection[str]) -> pd.DataFrame:
    """Whether segments differ in what they were not made from.

    One test per descriptor over all segments, adjusted over all descriptors after Holm: Kruskal-Wallis for numbers, chi-square
    for categories among the customers for whom they are known (exact by simulation, seeded, where Cochran's rule forbids the
    approximation). Where a segment differs is what the effects of :func:`segment_descriptors` tell.

    Parameters
    ----------
    table, labels, clustered
        As in :func:`segment_descriptors`.

    Returns
    -------
    DataFrame
        One row per feature: ``feature, kind, role, known, test, statistic, p, p_holm, effect`` (epsilon squared or Cramér's V,
        0 to 1: how much of the feature the segments account for), ``follows`` and ``correlation`` (the clustered feature it goes
        along with most, and their Spearman correlation: near 1 or -1 it is that feature under another name; of a category the correlation ratio of
        that feature's ranks) and ``note``. Features that differ by construction, or follow a clustered one with .5 or more, have an effect but no test.

    References
    ----------
    Holm (1979), A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6.
    Tomczak & Tomczak (2014), The need to report effect size estimates revisited, Trends in Sport Sciences 21 (epsilon squared).
    Cochran (1954), Some methods for strengthening the common chi-square tests, Biometrics 10.

    Examples
    --------
    >>> people = pd.DataFrame({"visits": np.arange(40.0), "shoe": np.tile([40.0, 44.0], 20)})
    >>> tests = descriptor_tests(people, np.repeat([1, 0], 20).astype(np.int32), ["visits"]).set_index("feature")
    >>> tests.loc["visits", "note"], round(float(tests.loc["shoe", "p_holm"]), 3)
    ('differs by construction', 1.0)
    """
    numeric = numeric_columns(table)
    bases = [name for name in clustered if name in numeric]
    ranks = table[bases].rank()
    rows = []
    for feature in [name for name in table.columns if name != "customer_id"]:
        own_role, values = role(feature, clustered), table[feature]
        known = values.notna().to_numpy()
        row: dict[str, Any] = {"feature": feature, "kind": "number" if feature in numeric else "category"}
        row |= {"role": own_role, "known": int(known.sum()), "follows": "", "correlation": np.nan}
        row |= (
            _kruskal(values[known], labels[known]) if feature in numeric else _chi_square(values[known], labels[known])
        )
        if own_role == DESCRIPTOR and bases and values[known].nunique() > 1:
            together = _together(values[known], ranks[known], feature in numeric)
            follows = str(together.abs().idxmax())
            row |= {"follows": follows, "correlation": float(together[follows])}
        untested = {"test": "", "statistic": np.nan, "p": np.nan}
        if own_role != DESCRIPTOR:
            row |= untested | {"note": "differs by construction"}
        elif abs(row["correlation"]) >= FOLLOWS:
            row |= untested | {"note": f"differs by construction as far as it follows {row['follows']}"}
        rows.append(row)
    tests = pd.DataFrame(rows)
    for figure in ("statistic", "p", "effect"):
        tests[figure] = significant(tests[figure].to_numpy(dtype=np.float64), DIGITS)
    tests["p_holm"] = holm(tests["p"].to_numpy(dtype=np.float64))
    columns = ["feature", "kind", "role", "known", "test", "statistic", "p", "p_holm", "effect"]
    return tests[[*columns, "follows", "correlation", "note"]]


def holm(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Holm's adjustment: the chance of even one false finding among all stays below the level; missing values are no tests.

    Examples
    --------
    >>> holm(np.array([0.01, np.nan, 0.04, 0.03])).tolist()
    [0.03, nan, 0.06, 0.06]
    """
    adjusted = np.full(len(p), np.nan)
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)))
    return adjusted


def _numbers(values: NDArray[np.float64], labels: NDArray[np.int32], k: int) -> list[dict[str, Any]]:
    from scipy import stats  # half a second, and who only reads what was found needs none of it

    known = np.isfinite(values)
    ranks = np.full(len(values), np.nan)
    ranks[known] = stats.rankdata(values[known])
    overall = float(values[known].mean()) if known.any() else np.nan
    middle = float(np.median(values[known])) if known.any() else np.nan
    ratio = known.any() and float(values[known].min()) >= 0 and overall > 0
    rows = []
    for cluster in range(k):
        mine = known & (labels == cluster)
        n, others = int(mine.sum()), int(known.sum() - mine.sum())
        mean = float(values[mine].mean()) if n else np.nan
        # U of Mann and Whitney, as a share of all pairs, from -1 to 1
        delta = 2 * (ranks[mine].sum() - n * (n + 1) / 2) / (n * others) - 1 if n and others else np.nan
        rank = (float(ranks[mine].mean()) - 0.5) / int(known.sum()) if n else np.nan
        median, index = float(np.median(values[mine])) if n else np.nan, 100 * mean / overall if ratio else np.nan
        figures = (n, mean, median, overall, middle, index, delta, rank)
        rows.append({"cluster": cluster, **dict(zip(DESCRIPTOR_FIGURES, figures, strict=True))})
    return rows


def _shares(
    known: NDArray[np.bool_], has: NDArray[np.bool_], labels: NDArray[np.int32], k: int
) -> list[dict[str, Any]]:
    overall = float(has.sum() / known.sum())
    rows = []
    for cluster in range(k):
        mine = known & (labels == cluster)
        n, others = int(mine.sum()), int(known.sum() - mine.sum())
        share = float(has[mine].mean()) if n else np.nan
        rest = float(has[known & ~mine].mean()) if others else np.nan
        h = round(2 * float(np.arcsin(np.sqrt(share)) - np.arcsin(np.sqrt(rest))), DIGITS)
        figures = (n, share, np.nan, overall, np.nan, 100 * share / overall, h, np.nan)
        rows.append({"cluster": cluster, **dict(zip(DESCRIPTOR_FIGURES, figures, strict=True))})
    return rows


def _together(values: pd.Series[Any], ranks: pd.DataFrame, numeric: bool) -> pd.Series[float]:
    """How far a feature goes along with each clustered one: Spearman's correlation, or the correlation ratio of the ranks over the levels."""
    if numeric:
        return ranks.corrwith(values.rank()).fillna(0.0).round(DIGITS)
    levels, n = values.nunique(), len(values)
    between = ranks.groupby(values.to_numpy(dtype=object)).transform("mean").var(ddof=0)
    # less what levels that mean nothing would share: many levels of few customers
    ratio = 1 - (1 - between / ranks.var(ddof=0)) * (n - 1) / max(n - levels, 1)
    return ratio.fillna(0.0).clip(lower=0.0).pow(0.5).round(DIGITS)


def _untested(note: str) -> dict[str, Any]:
    return {"test": "", "statistic": np.nan, "p": np.nan, "effect": 0.0, "note": note}


def _kruskal(values: pd.Series[Any], labels: NDArray[np.int32]) -> dict[str, Any]:
    from scipy import stats

    groups = [group.to_numpy(dtype=np.float64) for _, group in values.groupby(labels)]
    if values.nunique() < 2 or len(groups) < 2:
        return _untested("the same for all")
    statistic, p = stats.kruskal(*groups)
    effect = float(statistic) / (len(values) - 1)
    return {"test": "Kruskal-Wallis", "statistic": float(statistic), "p": float(p), "effect": effect, "note": ""}


def _chi_square(values: pd.Series[Any], labels: NDArray[np.int32]) -> dict[str, Any]:
    from scipy import stats

    counts = pd.crosstab(labels, values.to_numpy(dtype=object)).to_numpy()
    if min(counts.shape) < 2:
        return _untested("the same for all")
    expected = stats.contingency.expected_freq(counts)
    sparse = expected.min() < 1 or (expected < 5).mean() > 0.2
    method = stats.MonteCarloMethod(n_resamples=RESAMPLES, rng=np.random.default_rng(SEED)) if sparse else None
    found = stats.chi2_contingency(counts, correction=False, method=method)
    effect = float(np.sqrt(found.statistic / (counts.sum() * (min(counts.shape) - 1))))
    row = {"test": "chi-square", "statistic": float(found.statistic), "p": float(found.pvalue), "effect": effect}
    return row | {"note": f"p from {RESAMPLES:,} simulated tables" if sparse else ""}
