"""The deployable segmentation: a raw feature row in, its segment out. Plain numbers only.

Comes in: feature rows with the columns the champion was fitted on. Goes out: cluster, segment name, distance to its centre, margin to the next.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segments.errors import DataError
from segments.space import Space, nearest, to_space

FORMAT = 1


@dataclass(frozen=True)
class Segmentation:
    """A fitted, named segmentation.

    Parameters
    ----------
    candidate_id : str
        The candidate it was made from.
    space : Space
        From raw feature rows to the clustered space.
    centres : ndarray of shape (k, n_columns)
        Cluster centres in that space.
    names : list of str
        Name of each cluster's segment.

    Examples
    --------
    >>> space = Space(["x"], ["identity"], [1.0], "none", {})
    >>> model = Segmentation("c0", space, np.array([[0.0], [10.0]]), ["low", "high"])
    >>> model.predict(pd.DataFrame({"x": [1.0]})).to_dict("records")
    [{'cluster': 0, 'segment': 'low', 'distance': 1.0, 'margin': 8.0}]
    """

    candidate_id: str
    space: Space
    centres: NDArray[np.float64]
    names: list[str]

    def predict(self, features: pd.DataFrame) -> pd.DataFrame:
        """Segment of each feature row.

        Parameters
        ----------
        features : DataFrame of shape (n, ...)
            Raw feature rows, in original units; needs the columns in ``space.columns``, others are ignored.

        Returns
        -------
        DataFrame of shape (n, 4)
            ``cluster`` (int), ``segment`` (name), ``distance`` to its own centre and ``margin``: how much farther the next
            centre is (0 on the border), both in the clustered space.

        Raises
        ------
        DataError
            If a value is missing or infinite; names the column and the first row.
        SweepError
            If a column is missing or outside a transform's domain.
        """
        X = to_space(self.space, features)
        bad = ~np.isfinite(X)
        if bad.any():
            row, column = np.argwhere(bad)[0]
            raise DataError(
                f"{self.space.columns[column]} is missing or infinite in {int(bad.any(axis=1).sum())} rows, first in row {row}",
                fix="drop or mend these rows",
            )
        labels, distances = nearest(X, self.centres)
        ordered = np.sort(distances, axis=1)
        margin = ordered[:, 1] - ordered[:, 0] if distances.shape[1] > 1 else np.full(len(X), np.inf)
        return pd.DataFrame(
            {
                "cluster": labels,
                "segment": np.array(self.names, dtype=object)[labels],
                "distance": ordered[:, 0],
                "margin": margin,
            },
            index=features.index,
        )

    def to_json(self) -> str:
        """The whole model as text; floats survive the round trip exactly."""
        plain = {
            "format": FORMAT,
            "candidate_id": self.candidate_id,
            "space": self.space.to_plain(),
            "centres": self.centres.tolist(),
            "names": self.names,
        }
        return json.dumps(plain, indent=1, ensure_ascii=False)

    @staticmethod
    def from_json(text: str) -> Segmentation:
        """The model that :meth:`to_json` wrote.

        Raises
        ------
        DataError
            If the text is not such a model.
        """
        try:
            plain: Mapping[str, Any] = json.loads(text)
            if plain["format"] != FORMAT:
                raise DataError(
                    f"the model has format {plain['format']}, this version reads {FORMAT}",
                    fix="use the version of segments that registered it",
                )
            return Segmentation(
                plain["candidate_id"],
                Space.from_plain(plain["space"]),
                np.array(plain["centres"], dtype=np.float64),
                list(plain["names"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"not a segmentation model: {error!r}") from error
