"""What a run was made of, for MLflow. Comes in: the feature table. Goes out: a data set as MLflow describes one; no row of it."""

from __future__ import annotations

import json

import pandas as pd

from segments.clustering.candidate import TableHash
from segments.io.store import catalog


def dataset_of(source: str, features: pd.DataFrame, data: TableHash) -> dict[str, str]:
    """Describe the feature table as MLflow describes a data set.

    Parameters
    ----------
    source : str
        Name of the source.
    features : DataFrame
        The feature table.
    data : TableHash
        Its hash: the same by which candidates know their data.

    Examples
    --------
    >>> table = pd.DataFrame({"customer_id": ["a"], "x": [0.5]})
    >>> dataset_of("toy", table, TableHash("f" * 64, 1))["profile"]
    '{"num_rows": 1}'
    """
    columns = [
        {"name": name, "type": "double" if pd.api.types.is_numeric_dtype(dtype) else "string"}
        for name, dtype in features.dtypes.items()
    ]
    return {
        "name": source,
        "digest": data.digest[:32],  # MLflow takes 36 signs
        "path": str(catalog.path_of(catalog.FEATURES)),
        "schema": json.dumps({"mlflow_colspec": columns}),
        "profile": json.dumps({"num_rows": len(features)}),
    }
