"""What MLflow runs when it loads the registered model: a JSON file in, predictions out. Code, so that nothing is unpickled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

from segments.model.segmentation import Segmentation


class ServedSegmentation(PythonModel):
    """The registered segmentation as a pyfunc model."""

    def load_context(self, context: Any) -> None:
        """Read the model's JSON."""
        self.segmentation = Segmentation.from_json(Path(context.artifacts["segmentation"]).read_text())

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Cluster, segment, distance, margin, confidence and warnings, one row per feature row."""
        return self.segmentation.predict(model_input)


set_model(ServedSegmentation())
