"""The segmentation as scikit-learn knows estimators. Comes in: a table of numbers. Goes out: clusters, distances, centres, by the pipeline's own search.

Scaling, search and the numbering of clusters are those of a candidate of the sweep (:mod:`segments.clustering.candidate`): equal settings give equal labels.
"""

from __future__ import annotations

import warnings
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from segments.clustering.fitted.columns import check_columns
from segments.clustering.kmeans import best_kmeans
from segments.clustering.space import fit_space, fold, nearest, place
from segments.config.sweep import SCALERS, Algorithm, Feature, FeatureSet, Scaler
from segments.errors import SweepError


class EstimatorError(SweepError, ValueError):
    """What :class:`SegmentationModel` was given cannot be clustered; scikit-learn's tools expect a ValueError."""


class LeftOutWarning(UserWarning):
    """A column that is the same for every row, which tells nobody apart, plays no part."""


class SegmentationModel(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """K-means with this project's scaling and search, as a scikit-learn estimator.

    Follows scikit-learn's contract (``check_estimator`` passes), so it stands in pipelines and grid searches, and other tools take it for a
    clusterer. It scales by itself: give it figures in original units.

    Parameters
    ----------
    n_clusters : int
        Number of segments.
    scaler : {"standard", "robust", "power", "quantile", "minmax", "none"}
        How columns are brought to a common scale.
    algorithm : Algorithm, optional
        How hard to search (:class:`segments.config.sweep.Algorithm`); by default as hard as a sweep does.
    random_state : int
        Seed of the search, 0 or more. The same seed gives the same labels on any number of threads.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Cluster of each training row; 0 is the largest.
    cluster_centers_ : ndarray of shape (n_clusters, n_axes)
        In the scaled space; columns that are the same for every row have no axis.
    inertia_ : float
        Sum of squared distances to the centres, in the scaled space.
    hit_rate_ : float
        Share of the searches that ended at this solution: how sure it is the best.
    n_iter_ : int
        Iterations of the last fit.
    space_ : Space
        The fitted way into the scaled space.
    n_features_in_ : int
        Columns seen by ``fit``.
    feature_names_in_ : ndarray of str
        Their names, where a DataFrame was given.

    Raises
    ------
    EstimatorError
        If there are fewer different rows than segments, a setting is out of range, or scaling makes a value infinite.
    ValueError
        Of scikit-learn: a value is missing, infinite or no number, or the columns are not those of ``fit``.

    Warns
    -----
    LeftOutWarning
        If a column is the same for every row.

    Examples
    --------
    >>> X = [[1, 100], [2, 110], [1, 105], [30, 900], [31, 920]]
    >>> model = SegmentationModel(n_clusters=2).fit(X)
    >>> model.labels_.tolist(), model.predict([[29, 880]]).tolist()
    ([0, 0, 0, 1, 1], [1])
    >>> model.transform([[29, 880]]).round(2).tolist()
    [[2.76, 0.13]]
    """

    def __init__(
        self,
        n_clusters: int = 4,
        *,
        scaler: str = "standard",
        algorithm: Algorithm | None = None,
        random_state: int = 0,
    ) -> None:
        self.n_clusters = n_clusters
        self.scaler = scaler
        self.algorithm = algorithm
        self.random_state = random_state

    def fit(self, X: ArrayLike | pd.DataFrame, y: object = None) -> Self:
        """Scale, search, number the clusters by size.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Figures in original units.
        y : ignored
            There for scikit-learn's pipelines.

        Returns
        -------
        SegmentationModel
            Itself.
        """
        self._check_settings()
        values = validate_data(self, X, dtype=np.float64)
        self._n_different(values)
        names = [str(name) for name in getattr(self, "feature_names_in_", range(self.n_features_in_))]
        table = pd.DataFrame(values, columns=names)
        wanted = FeatureSet("X", {name: Feature() for name in names})
        algorithm = self.algorithm or Algorithm()
        try:
            for note in check_columns(table, wanted).values():
                warnings.warn(note, LeftOutWarning, stacklevel=2)
            with threadpool_limits(limits=1):  # as a candidate is made: equal to the last bit
                self.space_, points = fit_space(table, wanted, Scaler(self.scaler))
                rows, own, weights = fold(points) or (points, slice(None), None)
                found = best_kmeans(rows, self.n_clusters, algorithm, self.random_state, weights)
        except SweepError as error:
            what, where, fix, listed = error.given
            raise EstimatorError(what, where=where, fix=fix, listed=listed) from error
        self._used = [names.index(column) for column in self.space_.columns]
        self.cluster_centers_ = found.centres
        self.labels_ = found.labels[own].astype(np.int32)
        self.inertia_ = float(((points - found.centres[self.labels_]) ** 2).sum())
        self.hit_rate_ = found.hit_rate
        self.n_iter_ = found.n_iter
        return self

    def predict(self, X: ArrayLike | pd.DataFrame) -> NDArray[np.int32]:
        """Cluster of each row: that of the nearest centre.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The columns of ``fit``.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return nearest(self._placed(X), self.cluster_centers_)[0]

    def transform(self, X: ArrayLike | pd.DataFrame) -> NDArray[np.float64]:
        """Distance of each row to each centre, in the scaled space.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The columns of ``fit``.

        Returns
        -------
        ndarray of shape (n_samples, n_clusters)
        """
        return nearest(self._placed(X), self.cluster_centers_)[1]

    def _placed(self, X: ArrayLike | pd.DataFrame) -> NDArray[np.float64]:
        check_is_fitted(self)
        values = validate_data(self, X, dtype=np.float64, reset=False)
        return place(self.space_, values[:, self._used])

    def _check_settings(self) -> None:
        """Refuse what the search cannot be asked."""
        for name, lowest in (("n_clusters", 1), ("random_state", 0)):
            value = getattr(self, name)
            if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < lowest:
                raise EstimatorError(
                    f"{name} is {value!r}",
                    where="SegmentationModel",
                    fix=f"choose a whole number of at least {lowest}",
                )
        if self.scaler not in SCALERS:
            raise EstimatorError(
                f"'{self.scaler}' is not a known scaler", where="SegmentationModel", fix=f"choose {', '.join(SCALERS)}"
            )

    def _n_different(self, values: NDArray[np.float64]) -> None:
        different = len(np.unique(values, axis=0))
        if different < self.n_clusters or len(values) < 2:
            raise EstimatorError(
                f"n_samples={len(values)} with {different} different rows are too few for n_clusters={self.n_clusters}",
                where="SegmentationModel",
                fix="lower n_clusters, or give more rows",
            )

    @property
    def _n_features_out(self) -> int:
        """How many columns ``transform`` gives: what scikit-learn names them by."""
        return len(self.cluster_centers_)
