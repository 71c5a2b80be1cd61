"""Page Compare: the candidates of a sweep beside one another, and why the one in use won."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from segments.action.templates import plain
from segments.app.dashboard import charts, figures, reading
from segments.app.dashboard.reading import Champion, found
from segments.clustering.plane import letter
from segments.config.root import Config
from segments.errors import SegmentsError
from segments.evidence.grades import p_in_words
from segments.evidence.selection import Choice
from segments.io.store import cache, catalog

SHOWN_SCORES = {
    "wcss": "WCSS (elbow), as a share of its value at the smallest k",
    "silhouette": "silhouette",
    "silhouette_reference": "silhouette over all features",
    "davies_bouldin": "Davies-Bouldin (lower is better)",
    "calinski_harabasz": "Calinski-Harabasz",
    "jaccard_min": "Jaccard of the least stable segment",
    "prediction_strength": "prediction strength",
    "excess": "silhouette above that without clusters",
    "z_silhouette": "silhouette against no clusters (z)",
    "gap": "gap statistic",
    "smallest_share": "share of the smallest segment",
}
AXES = (
    "k",
    "silhouette",
    "silhouette_reference",
    "jaccard_min",
    "prediction_strength",
    "excess",
    "z_silhouette",
    "smallest_share",
)
FACTS = (
    "grade",
    "silhouette",
    "silhouette_reference",
    "jaccard_min",
    "prediction_strength",
    "excess",
    "z_silhouette",
    "p_adjusted",
)
MOST_PICTURES = 4
UNTICKED = 2  # candidates side by side before a person has ticked any
MOST_LINES = 300
SHOWN_PICTURES = {"clusters": "customers in a plane", "silhouette": "silhouettes", "elbow": "elbow"}


def show(config: Config) -> None:
    """Draw the page."""
    st.title("Compare")
    sweeps = found(reading.sweeps)
    if sweeps is None:
        return
    last = next(iter(sweeps))

    def called(sweep: str) -> str:
        of = sweeps[sweep]
        caption = f"{sweep}: {len(of)} candidates, {of['feature_set'].nunique()} feature sets, {of['scaler'].nunique()} scalers, k = {of['k'].min()} to {of['k'].max()}"
        return f"{caption} (the last run)" if sweep == last else caption

    sweep = st.selectbox("Sweep", list(sweeps), format_func=called)
    table = sweeps[sweep]
    table = table.assign(
        name=table["feature_set"] + " · " + table["scaler"] + " · k=" + table["k"].astype(str)
    ).sort_values("silhouette", ascending=False, kind="stable")
    choice = found(reading.choice) if sweep == last else None
    if choice is not None:
        _why(choice, found(reading.champion, config))
    if "grade" not in table:
        st.info(
            "Not known yet: how stable each candidate is: run `segments evidence`, then `segments selection`, or `dvc repro`."
        )
    kept = _filtered(table)
    if kept.empty:
        st.info("No candidate has this combination: choose more feature sets, scalers or a wider range of k.")
        return
    _curves(kept, choice)
    picked = _table(kept, choice)
    axes = [name for name in AXES if name in kept]
    best = kept.head(MOST_LINES)
    st.header("Parallel coordinates")
    if len(kept) > MOST_LINES:
        st.caption(f"The best {MOST_LINES} of {len(kept)} by silhouette are drawn.")
    lines = figures.parallel(best, axes).merge(best[["candidate_id", "name"]], on="candidate_id")
    chart = charts.parallels(
        lines, [figures.words(name) for name in axes], choice.candidate_id if choice else None, picked
    )
    st.altair_chart(chart, width="stretch", theme=None)
    st.header("Side by side")
    _side_by_side(config, kept.set_index("candidate_id").loc[picked])


def _why(choice: Choice, inuse: Champion | None) -> None:
    with st.container(border=True):
        st.subheader("Why this one" if choice.candidate_id else "Why none")
        st.markdown(figures.readable(choice.reason))
        if choice.details:
            with st.expander("The figures behind it"):
                st.markdown("\n".join(f"- {figures.readable(one)}" for one in choice.details))
        st.caption(f"Rule: {figures.readable(choice.rule)} {choice.passed} of {choice.total} candidates pass.")
        if choice.overruled:
            one = choice.overruled
            st.markdown(
                f"Chosen by **{plain(one['by'])}** on {one['at'][:10]} (UTC) against the rule: {plain(one['because'])}"
            )
        if inuse is not None and inuse.version.tags.get("candidate_id") != choice.candidate_id:
            version, tags = inuse.version, inuse.version.tags
            st.markdown(
                f"In use is another: {version.name} v{version.number}, candidate `{tags.get('candidate_id', '?')}`. "
                f"Why: {plain(tags.get('verdict') or 'not recorded')}"
            )
        if front := catalog.read(catalog.SELECTION_PICTURES).get("front.png"):
            with st.expander("Fit, stability and simplicity of every candidate"):
                caption = "Candidates by fit and stability; the front is what nothing beats on all three"
                st.image(front, caption=caption, alt=caption)


def _filtered(table: pd.DataFrame) -> pd.DataFrame:
    sets, scalers = (table[name].drop_duplicates().tolist() for name in ("feature_set", "scaler"))
    chosen_sets = st.multiselect("Feature sets", sets, default=sets)
    chosen_scalers = st.multiselect("Scalers", scalers, default=scalers)
    low, high = int(table["k"].min()), int(table["k"].max())
    within = st.slider("Number of segments k", low, high, (low, high)) if low < high else (low, high)
    return table[
        table["feature_set"].isin(chosen_sets) & table["scaler"].isin(chosen_scalers) & table["k"].between(*within)
    ]


def _curves(kept: pd.DataFrame, choice: Choice | None) -> None:
    st.header("Curves over k")
    known = [score for score in SHOWN_SCORES if score in kept and kept[score].notna().any()]
    left, right = st.columns(2)
    for place, column, default in ((left, "left", "wcss"), (right, "right", "silhouette")):
        score = place.selectbox(
            f"Score on the {column}",
            known,
            index=known.index(default) if default in known else 0,
            format_func=SHOWN_SCORES.__getitem__,
        )
        elbows = choice.elbows if choice and score == "wcss" else []
        table = figures.curve_table(kept, score, elbows, choice.candidate_id if choice else None)
        place.altair_chart(charts.lines(table, SHOWN_SCORES[score]), width="stretch", theme=None)
    st.caption(
        "Colour is the feature set, dashes the scaler. ◆ marks the elbow of a WCSS curve: advice, not a rule. ○ marks what was chosen."
    )


def _table(kept: pd.DataFrame, choice: Choice | None) -> list[str]:
    st.header("Candidates")
    known = set(kept["candidate_id"])
    finalists = [one for one in (choice.finalists if choice else []) if one in known][:UNTICKED]
    instead = "the first finalists" if finalists else "those of the best silhouette"
    st.caption(
        f"Tick up to {MOST_PICTURES} to see them side by side; without a tick, {instead} are shown, {UNTICKED} at most."
    )
    columns = [
        "name",
        "silhouette",
        *[name for name in SHOWN_SCORES if name in kept and name not in ("silhouette", "wcss")],
    ]
    columns += ["grade"] if "grade" in kept else []
    event = st.dataframe(
        kept[columns],
        hide_index=True,
        width="stretch",
        height=320,
        on_select="rerun",
        selection_mode="multi-row",
        placeholder="–",
        column_config={
            name: st.column_config.NumberColumn(figures.words(name), format="%.3f", help=SHOWN_SCORES[name])
            for name in columns
            if name in SHOWN_SCORES
        },
        key="candidates",
        alt="Candidates and their scores, best silhouette first",
    )
    ticked = kept.iloc[[row for row in event["selection"]["rows"] if row < len(kept)]]["candidate_id"].tolist()
    return list(ticked[:MOST_PICTURES]) or finalists or kept["candidate_id"].head(UNTICKED).tolist()


def _side_by_side(config: Config, picked: pd.DataFrame) -> None:
    try:
        links = reading.pages(config, list(picked.index))
    except SegmentsError:
        links = {}
    try:
        model = reading.champion(config).model
    except SegmentsError:
        model = None
    clusters = found(reading.table, catalog.CLUSTER_STABILITY)
    for place, (identity, row) in zip(st.columns(len(picked)), picked.iterrows(), strict=True):
        with place.container(border=True):
            st.subheader(str(row["name"]))
            pictures = cache.candidate_pictures(str(identity))
            for key, caption in SHOWN_PICTURES.items():
                if key in pictures:
                    st.image(str(pictures[key]), caption=f"{row['name']}: {caption}", alt=f"{row['name']}: {caption}")
            if pictures and model is not None and model.candidate_id == identity:
                known = enumerate(model.segments)
                said = (f"{letter(cluster)} is {one.segment_id}, {plain(one.name)}" for cluster, one in known)
                st.caption(f"In use: {'; '.join(said)}.")
            if not pictures:
                st.info(
                    f"Its pictures are not on this machine: run `segments fit feature_set={row['feature_set']} scaler={row['scaler']} k={row['k']}`."
                )
            facts = {figures.words(name): _fact(name, row) for name in FACTS if name in row and pd.notna(row[name])}
            st.table(pd.DataFrame({"value": facts.values()}, index=pd.Index(facts.keys(), name="score")))
            if (
                clusters is not None
                and (own := clusters[clusters["candidate_id"] == identity])["jaccard"].notna().any()
            ):
                caption = ", ".join(
                    f"{letter(one.cluster)} {one.jaccard:.2f}" for one in own.sort_values("cluster").itertuples()
                )
                st.caption(f"Stability of its clusters (Jaccard over resamples): {caption}")
            if isinstance(row.get("reason"), str):
                st.caption(figures.readable(row["reason"]))
            if link := links.get(str(identity)):
                start = "" if config.tracking.uri else " (start its page with `segments ui`)"
                st.markdown(f"[MLflow run]({link}){start}")
            else:
                st.caption("It has no run in MLflow: run `segments track`.")


def _fact(name: str, row: pd.Series[Any]) -> str:
    """A score as text; the smallest p that so many null data sets can give says no more than "at most".

    Examples
    --------
    >>> [_fact("p_adjusted", pd.Series({"p_adjusted": p, "nulls": 99.0})) for p in (0.02, 0.01)]
    ['p = 0.02', 'p ≤ 0.01']
    >>> _fact("silhouette", pd.Series({"silhouette": 0.20391}))
    '0.204'
    """
    if name == "p_adjusted" and row.get("nulls", 0) > 0:
        return p_in_words(row[name], int(row["nulls"]))
    return _short(row[name])


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
