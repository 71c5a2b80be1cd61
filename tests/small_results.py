"""A playbook, candidates and profiles that say what a test wants to hear."""

from __future__ import annotations

import pandas as pd

from segments.config.playbook import Playbook, When


def book(name: str, **when: object) -> Playbook:
    text = {key: f"{name} {key}" for key in ("title", "goal", "channel", "offer", "kpi")}
    return Playbook(name, do=["one", "two"], avoid=["three"], when=When(**when), **text)  # type: ignore[arg-type]


def candidates() -> pd.DataFrame:
    rows = [("a", 3, 0.5, 0.2), ("b", 4, 0.45, 0.1), ("c", 5, 0.1, 0.01)]
    frame = pd.DataFrame(rows, columns=["candidate_id", "k", "silhouette", "smallest_share"])
    fit = {"wcss": 10.0, "davies_bouldin": 0.8, "silhouette_reference": 0.25, "largest_share": 0.5}
    evidence = {
        "jaccard_min": 0.9,
        "prediction_strength": 0.8,
        "grade": "reproducible",
        "jaccard_error": 0.01,
        "excess": frame["silhouette"] / 4,
        "excess_error": 0.01,
        "z_silhouette": frame["silhouette"] * 10,
        "null": ["unimodal", "unimodal", ""],
        "reason": "Reproducible: it comes back.",
    }
    return frame.assign(feature_set="rfm", scaler="robust", n_customers=2469, **fit, **evidence)


def profiles() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "cluster": [0, 1],
            "segment": ["frequent customers", "rare customers"],
            "size": [1500, 969],
            "share": [0.6, 0.4],
        }
    )
