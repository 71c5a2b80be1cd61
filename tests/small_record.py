"""A record of candidates and registered versions that nothing was computed for."""

from __future__ import annotations

from typing import Any

import pandas as pd

from segmentations import on_a_line
from segments.config.registry import IN_USE, RegistryConfig
from segments.io.registry import versions
from segments.io.registry.files import RegisteredModel
from segments.io.store.cache import keep_candidate
from segments.io.store.fingerprints import sha256
from segments.io.tracking.connection import Tracker
from segments.model.segmentation import Segmentation

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 50
CONFIG = RegistryConfig()


def fact(k: int = 3, identity: str = "c3") -> dict[str, Any]:
    params = {
        "source": "toy",
        "feature_set": "xy",
        "scaler": "none",
        "algorithm": "kmeans",
        "k": k,
        "seed": 0,
        "n_customers": 9,
    }
    scores = {"wcss": 10.0 / k, "silhouette": 0.5, "n_init": 12.0}
    keep_candidate(identity, {}, {}, {}, {"clusters": PNG, "silhouette": PNG})
    return {
        "candidate_id": identity,
        "name": f"xy · none · k={k}",
        "cell": "xy · none",
        "params": params,
        "scores": scores,
        "seconds": 1.5,
        "started_ms": 1_700_000_000_000,
    }


DATA = {
    "name": "toy",
    "digest": "abc",
    "path": "x.parquet",
    "schema": '{"mlflow_colspec": [{"name": "x", "type": "double"}]}',
    "profile": '{"num_rows": 9}',
}


def traced(k: int = 3, identity: str = "c3", commit: str = "a" * 40) -> dict[str, Any]:
    """A candidate that says what it was made of, by whom and how."""
    origin = {"git_commit": commit, "user": "Ada"}
    return fact(k, identity) | {"command": f"segments fit k={k}", "data": DATA, "origin": origin}


def sweep_record(sweep_id: str, candidate_ids: list[str], **more: Any) -> dict[str, Any]:
    return {
        "sweep_id": sweep_id,
        "candidate_ids": candidate_ids,
        "finalists": candidate_ids[-1:],
        "params": {"k_min": 2},
        "data": DATA,
        "started_ms": 1,
        "seconds": 2.0,
        **more,
    }


def runs(tracker: Tracker, kind: str = "candidate") -> list[Any]:
    return list(tracker.client.search_runs([tracker.experiment_id], f"tags.`segments.kind` = '{kind}'"))


def add(tracker: Tracker, candidate: str, model: Segmentation | None = None, **claim: str) -> versions.Version:
    document = (model or on_a_line([0.5, 10.5 + int(candidate[1])])).to_json()
    tags = {"candidate_id": candidate, "model_hash": sha256(document.encode()), "source": "toy", **claim}
    facts = {"name": CONFIG.model, "candidate_id": candidate, "tags": tags}
    example = pd.DataFrame({"x": [0.0, 1.0]})
    return versions.add(tracker, facts, {"segmentation": document, "config": "{}"}, example, "what it is")


def promote(tracker: Tracker, version: versions.Version, **how: Any) -> None:
    current = versions.find(tracker, CONFIG.model, IN_USE)
    versions.promote(tracker, version, current, {"verdict": "better"}, **how)


def aliases(tracker: Tracker) -> dict[str, list[str]]:
    return {v.number: sorted(v.aliases) for v in versions.versions_of(tracker, CONFIG.model)}


def as_pyfunc(model: RegisteredModel) -> Any:
    """A registered model as MLflow's pyfunc, which checks what comes in by the model's signature, without any code of its folder."""
    import yaml
    from mlflow.models import Model
    from mlflow.pyfunc import PyFuncModel

    return PyFuncModel(Model.from_dict(yaml.safe_load(model.files["MLmodel"])), Segmentation.from_json(model.document))
