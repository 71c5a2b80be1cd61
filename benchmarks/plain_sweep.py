"""The sweep a person would write by hand: the baseline that ours is measured against.

scikit-learn's k-means with n_init=10, its scores, one matplotlib picture and one nested MLflow run per candidate, through MLflow's fluent
calls. Same features, scalers and range of k as ``conf/config.yaml``. Run as ``python benchmarks/plain_sweep.py FOLDER [--cells N]`` with
the feature table at ``FOLDER/artifacts/features/customers.parquet``; the record goes to ``FOLDER/plain.db``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import mlflow
import numpy as np
import pandas as pd
import yaml
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, silhouette_score
from sklearn.preprocessing import MinMaxScaler, PowerTransformer, QuantileTransformer, RobustScaler, StandardScaler

PROJECT = Path(__file__).resolve().parent.parent
SCALERS = {
    "standard": StandardScaler,
    "minmax": MinMaxScaler,
    "robust": RobustScaler,
    "power": PowerTransformer,
    "quantile": QuantileTransformer,
}
TRANSFORMS = {"identity": lambda x: x, "log1p": np.log1p, "sqrt": np.sqrt}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cells", type=int, default=None)
    arguments = parser.parse_args()
    features = pd.read_parquet(arguments.folder / "artifacts" / "features" / "customers.parquet")
    config = yaml.safe_load((PROJECT / "conf" / "config.yaml").read_text())
    source = yaml.safe_load((PROJECT / "conf" / "source" / "completejourney.yaml").read_text())
    cells = [(name, scaler) for name in source["feature_sets"] for scaler in config["sweep"]["scalers"]]
    mlflow.set_tracking_uri(f"sqlite:///{arguments.folder / 'plain.db'}")
    mlflow.set_experiment("plain")
    with mlflow.start_run(run_name="sweep"):
        for name, scaler in cells[: arguments.cells]:
            columns = yaml.safe_load((PROJECT / "conf" / "feature_set" / f"{name}.yaml").read_text())["columns"]
            table = pd.DataFrame(
                {c: TRANSFORMS[(o or {}).get("transform", "identity")](features[c]) for c, o in columns.items()}
            )
            X = SCALERS[scaler]().fit_transform(table)
            plane = PCA(2).fit_transform(X)
            for k in range(config["sweep"]["k_min"], config["sweep"]["k_max"] + 1):
                with mlflow.start_run(run_name=f"{name}-{scaler}-{k}", nested=True):
                    model = KMeans(k, n_init=10, random_state=0).fit(X)
                    mlflow.log_param("feature_set", name)
                    mlflow.log_param("scaler", scaler)
                    mlflow.log_param("k", k)
                    mlflow.log_metric("wcss", model.inertia_)
                    mlflow.log_metric("silhouette", silhouette_score(X, model.labels_))
                    mlflow.log_metric("davies_bouldin", davies_bouldin_score(X, model.labels_))
                    mlflow.log_metric("calinski_harabasz", calinski_harabasz_score(X, model.labels_))
                    mlflow.log_metric("smallest_share", np.bincount(model.labels_).min() / len(X))
                    figure, axis = plt.subplots()
                    axis.scatter(plane[:, 0], plane[:, 1], c=model.labels_, s=5)
                    mlflow.log_figure(figure, "clusters.png")
                    plt.close(figure)


if __name__ == "__main__":
    main()
