"""What a person sees in MLflow. Comes in: ids of a record. Goes out: deep links, and the view states the links open.

Which runs MLflow's page lists and in which order, which charts it draws, how large, and how many runs are visible, it
reads from an experiment tag, ``mlflow.sharedViewState.<key>``, when the link bears ``viewStateShareKey=<key>`` (and
none of the list's own parameters: with one of those in the link, MLflow 3.17 ignores the tag). So a view is a tag, and
a link names it. The tags' content is MLflow's own format, which a later version may change: the browser test tells;
what else is MLflow's own here stands in :mod:`~segments.io.tracking.mlflow_internals`.
"""

from __future__ import annotations

import colorsys
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from segments.config.evidence import EVIDENCE, MEASURED
from segments.io.tracking.mlflow_internals import MODE, PICTURE, SHARED, TAG, TRAINING

SHOWN_SWEEP = "segments.shown_sweep"  # of an experiment: the sweep that its views show
SCORE_METRICS = (
    "excess",
    "z_silhouette",
    "jaccard_min",
    "prediction_strength",
    "usefulness",
    "agreement_min",
    "silhouette_reference",
    "silhouette",
    "davies_bouldin",
    "calinski_harabasz",
    "wcss",
    "smallest_share",
    "largest_share",
    "silhouette_simplified",
    "silhouette_error",
    "silhouette_low",
    "silhouette_high",
    "silhouette_exact",
    "n_iter",
    "hits",
    "hit_rate",
    "seconds",
    *(
        score
        for score in (*EVIDENCE, *MEASURED)
        if score not in ("excess", "z_silhouette", "jaccard_min", "prediction_strength", "usefulness", "agreement_min")
    ),
)
BEST_FIRST = "tags.`segments.rank`"  # the chosen one, the other finalists, then who fails the fewest gates
VERDICT = ("tags.`segments.grade`", "tags.`segments.gates`")
PICTURES = ("clusters", "silhouette", "elbow", "evidence")
# Scores that are shown as bars; wcss and calinski_harabasz mean little between different feature sets and scalers.
BARS = ("excess", "jaccard_min", "silhouette_reference", "silhouette", "davies_bouldin", "smallest_share")
OVER_K = ("wcss", "silhouette", "davies_bouldin", "calinski_harabasz", "smallest_share", "largest_share")


@dataclass(frozen=True)
class Record:
    """Where one source stands in MLflow.

    Parameters
    ----------
    source : str
        Name of the source, and of the experiment.
    experiment_id : str
        Id of the experiment.
    sweep_run_id : str, optional
        The newest sweep run.
    champion_run_id : str, optional
        The candidate's run that the registered champion came from, when it is in this experiment.
    model, version : str
        Registered model and version of the champion.
    """

    source: str
    experiment_id: str
    sweep_run_id: str | None = None
    champion_run_id: str | None = None
    model: str = ""
    version: str = ""


@dataclass(frozen=True)
class Link:
    """A page of MLflow's UI: what it is called, its address, and what a person sees there."""

    label: str
    url: str
    shows: str


def links(base_url: str, record: Record) -> list[Link]:
    """List the deep links into MLflow's UI for one source, in reading order.

    Parameters
    ----------
    base_url : str
        Address of the server; empty for links that are read inside the UI itself (an experiment's description).
    record : Record
        What there is to link to.

    Returns
    -------
    list of Link
        The views of :func:`view_states`, then the sweep run and the champion, where the record has them.

    Examples
    --------
    >>> for link in links("http://h:5000", Record("mall", "1"))[:2]:
    ...     print(link.label, link.url)
    candidates http://h:5000/#/experiments/1/runs?workflowType=machine_learning&compareRunsMode=CHART&viewStateShareKey=candidates
    table http://h:5000/#/experiments/1/runs?workflowType=machine_learning&compareRunsMode=TABLE&viewStateShareKey=table
    """
    root = base_url.rstrip("/") + "/#" if base_url else "#"
    runs = f"{root}/experiments/{quote(record.experiment_id, safe='')}/runs"

    def view(key: str, mode: str, shows: str) -> Link:
        return Link(key, f"{runs}?{TRAINING}&{MODE}{mode}&{SHARED}{key}", shows)

    found = [
        view("candidates", "CHART", "the ten best candidates side by side, the best hundred in one parallel chart"),
        view(
            "table",
            "TABLE",
            "every candidate with rank, grade, gates and scores, the chosen one first, a hundred at a time",
        ),
        view("curves", "CHART", "scores over k, one line per feature set and scaler"),
        view("finalists", "CHART", "the finalists' pictures and scores side by side"),
    ]
    if record.sweep_run_id:
        url = run_page(base_url, record.experiment_id, record.sweep_run_id)
        found.append(Link("sweep", url, "what won and why, the data, the full config and table"))
    if record.champion_run_id:
        url = run_page(base_url, record.experiment_id, record.champion_run_id)
        found.append(Link("champion", url, "the run of the registered segmentation"))
        url = f"{root}/models/{quote(record.model, safe='')}/versions/{record.version}?{TRAINING}"
        found.append(Link("registry", url, f"the registered model {record.model}, version {record.version}"))
    return found


def run_page(base_url: str, experiment_id: str, run_id: str) -> str:
    """Address of one run's page in MLflow's UI.

    Parameters
    ----------
    base_url : str
        As for :func:`links`.
    experiment_id, run_id : str
        Of the run.

    Examples
    --------
    >>> run_page("http://h:5000", "1", "a1")
    'http://h:5000/#/experiments/1/runs/a1?workflowType=machine_learning'
    """
    root = base_url.rstrip("/") + "/#" if base_url else "#"
    return f"{root}/experiments/{quote(experiment_id, safe='')}/runs/{run_id}?{TRAINING}"


def view_states(sweep_id: str | None = None) -> dict[str, str]:
    """Make the experiment tags that the links of :func:`links` open.

    Parameters
    ----------
    sweep_id : str, optional
        Only runs of this sweep are listed; all by default. A candidate may be of several.

    Returns
    -------
    dict of str to str
        Tag name to tag value (JSON, at most about 3,000 characters).

    Examples
    --------
    >>> sorted(view_states("s1"))[0]
    'mlflow.sharedViewState.candidates'
    """
    views = {"candidates": _candidates(), "table": _table(), "curves": _curves(), "finalists": _finalists()}
    wanted = {"candidates": "candidate", "table": "candidate", "curves": "curve", "finalists": "candidate"}
    states = {}
    for key, view in views.items():
        conditions = {"segments.kind": wanted[key]}
        if key == "finalists":
            conditions["segments.finalist"] = "true"
        if sweep_id is not None and key == "curves":
            conditions["segments.sweep_id"] = sweep_id
        elif sweep_id is not None:
            conditions[f"segments.sweep_id.{sweep_id}"] = "true"
        # Curves are ordered by name, since a step series has no one value to be best by; finalists as they were ranked.
        order = {"curves": "attributes.`run_name`", "finalists": "tags.`segments.place`"}.get(key, BEST_FIRST)
        facets = {
            "searchFilter": _filter(conditions),
            "orderByKey": order,
            "orderByAsc": True,
            "startTime": "ALL",
        }
        states[TAG + key] = json.dumps({**facets, **view}, separators=(",", ":"))
    return states


def menu(record: Record) -> str:
    """Write the links of :func:`links` as one line of markdown, for MLflow's own pages.

    An experiment's description shows its first line only until it is unfolded: put this line first.

    Examples
    --------
    >>> menu(Record("mall", "1")).split(" · ")[2].partition("?")[0]
    '[curves](#/experiments/1/runs'
    """
    return " · ".join(f"[{link.label}]({link.url})" for link in links("", record))


def picture_address(run_id: str, path: str) -> str:
    """Address of a run's picture, for the notes of runs, experiments and model versions; any host and port will do.

    Parameters
    ----------
    run_id : str
        Run that holds the picture.
    path : str
        Path of the picture among the run's artifacts.

    Examples
    --------
    >>> picture_address("a1", "board/finalists.png")
    'get-artifact?path=board%2Ffinalists.png&run_uuid=a1'
    """
    return PICTURE.format(path=quote(path, safe=""), run_id=quote(run_id, safe=""))


def candidates_page(experiment_id: str, sweep_id: str) -> str:
    """Address of the table of one sweep's candidates, best first; no view is needed, so later sweeps do not change it.

    Examples
    --------
    >>> candidates_page("1", "s1").partition("&searchFilter=")[0]
    '#/experiments/1/runs?workflowType=machine_learning&compareRunsMode=TABLE'
    """
    listed = quote(_filter({"segments.kind": "candidate", f"segments.sweep_id.{sweep_id}": "true"}), safe="")
    order = f"orderByKey={quote(BEST_FIRST, safe='')}&orderByAsc=true&startTime=ALL"
    runs = f"#/experiments/{quote(experiment_id, safe='')}/runs"
    return f"{runs}?{TRAINING}&{MODE}TABLE&searchFilter={listed}&{order}"


def colours(cells: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Choose a colour for each feature set and scaler: a hue per feature set, from dark to light over its scalers.

    MLflow colours runs by their id, which gives some the same colour; the run tag ``mlflow.runColor`` overrides it.

    Parameters
    ----------
    cells : sequence of (str, str)
        Feature set and scaler, in the order of the grid.

    Returns
    -------
    dict of (str, str) to str
        ``#rrggbb`` for every cell; all different while a feature set has fewer than about 20 scalers.

    Examples
    --------
    >>> colours([("rfm", "power"), ("rfm", "robust"), ("habits", "power")])
    {('rfm', 'power'): '#981b1b', ('rfm', 'robust'): '#e46767', ('habits', 'power'): '#1b9898'}
    """
    sets = list(dict.fromkeys(feature_set for feature_set, _ in cells))
    chosen = {}
    for i, feature_set in enumerate(sets):
        scalers = list(dict.fromkeys(scaler for name, scaler in cells if name == feature_set))
        for j, scaler in enumerate(scalers):
            lightness = 0.35 + 0.3 * j / max(len(scalers) - 1, 1)
            channels = colorsys.hls_to_rgb(i / len(sets), lightness, 0.7)
            chosen[feature_set, scaler] = "#" + "".join(f"{round(255 * channel):02x}" for channel in channels)
    return chosen


def _filter(conditions: dict[str, str]) -> str:
    return " and ".join(f"tags.`{tag}` = '{value}'" for tag, value in conditions.items())


def _candidates() -> dict[str, Any]:
    return _charts(
        "FIRST_10_RUNS",
        {
            "The ten best: scores": (3, 320, [_bar(score) for score in BARS]),
            "The ten best: clusters": (1, 900, [_pictures("clusters")]),
            "Every listed candidate": (
                1,
                420,
                [
                    _parallel(
                        ("feature_set", "scaler", "k"),
                        ("smallest_share", "jaccard_min", "silhouette_reference", "excess"),
                    )
                ],
            ),
            "The ten best: silhouette of every customer": (1, 900, [_pictures("silhouette")]),
        },
    )


def _table() -> dict[str, Any]:
    params = [f"params.`{name}`" for name in ("feature_set", "scaler", "k")]
    columns = [BEST_FIRST, *params, *VERDICT, *(f"metrics.`{score}`" for score in SCORE_METRICS)]
    return {
        "selectedColumns": columns,
        "columnOrder": ["attributes.`Run Name`", *columns, "runDateAndNestInfo", "duration"],
        "runsHiddenMode": "SHOW_ALL",
    }


def _curves() -> dict[str, Any]:
    return _charts(
        "SHOW_ALL",
        {
            "Scores over k": (2, 420, [_line(score) for score in OVER_K]),
            "Elbows": (1, 560, [_pictures("elbow")]),
        },
    )


def _finalists() -> dict[str, Any]:
    return _charts(
        "SHOW_ALL",
        {
            "Clusters": (1, 760, [_pictures("clusters")]),
            "Evidence": (1, 760, [_pictures("evidence")]),
            "Scores": (3, 320, [_bar(score) for score in BARS]),
            "Silhouette of every customer": (1, 760, [_pictures("silhouette")]),
        },
    )


def _charts(visible: str, sections: dict[str, tuple[int, int, list[dict[str, Any]]]]) -> dict[str, Any]:
    """Lay out a chart view: sections (columns, height of a card in pixels, cards) in the order given."""
    charts: list[dict[str, Any]] = []
    shown: list[dict[str, Any]] = []
    for number, (name, (columns, height, cards)) in enumerate(sections.items()):
        section = f"s{number}"  # short: a tag holds 5,000 characters
        shown.append({"uuid": section, "name": name, "display": True, "columns": columns, "cardHeight": height})
        charts += [{**card, "uuid": f"{section}.{i}", "metricSectionId": section} for i, card in enumerate(cards)]
    # MLflow adds a chart for every score and picture that has none; a deleted one counts as having one.
    scores = {card.get("metricKey") for card in charts}
    keys = {key for card in charts for key in card.get("imageKeys", ())}
    unwanted: list[dict[str, Any]] = [
        {"type": "BAR", "metricKey": score} for score in SCORE_METRICS if score not in scores
    ]
    unwanted += [{"type": "IMAGE", "imageKeys": [key]} for key in PICTURES if key not in keys]
    charts += [{**card, "deleted": True} for card in unwanted]
    order = {"compareRunSections": shown, "isAccordionReordered": True}
    return {"runsHiddenMode": visible, "compareRunCharts": charts, "hideEmptyCharts": True, **order}


def _pictures(key: str) -> dict[str, Any]:
    return {"type": "IMAGE", "imageKeys": [key], "step": 0, "showRunParams": False, "displayName": key}


def _bar(score: str) -> dict[str, Any]:
    return {"type": "BAR", "metricKey": score, "displayName": score}


def _line(score: str) -> dict[str, Any]:
    return {
        "type": "LINE",
        "metricKey": score,
        "selectedMetricKeys": [score],
        "displayName": score,
        "xAxisKey": "step",
        "xAxisScaleType": "linear",
        "scaleType": "linear",
        "yAxisKey": "metric",
        "range": {},
        "lineSmoothness": 0,
        "useGlobalXaxisKey": True,
        "displayPoints": True,
    }


def _parallel(params: tuple[str, ...], metrics: tuple[str, ...]) -> dict[str, Any]:
    return {"type": "PARALLEL", "selectedParams": list(params), "selectedMetrics": list(metrics), "showAllRuns": True}
