"""A sweep without a project. Comes in: a DataFrame. Goes out: every candidate with its evidence, the chosen one and the reason; nothing is written.

The functions are the stages': candidates (:mod:`segments.clustering.candidate`), evidence (:mod:`segments.evidence.grades`), the choice
(:mod:`segments.evidence.selection`) with the gates that need no purchase log.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from segments.app.jobs.pool import side_by_side
from segments.app.load import checked
from segments.app.notebook.given import WHERE, Given, Wanted, read_given
from segments.clustering.candidate import (
    Candidate,
    Spec,
    TableHash,
    candidates_table,
    check_plan,
    hash_table,
    plan,
    sweep_cell,
)
from segments.clustering.silhouette import cores_to_use
from segments.clustering.space import to_space
from segments.config.evidence import EvidenceConfig, SelectionConfig
from segments.config.identity import ConfidenceConfig
from segments.config.profiles import ProfilesConfig
from segments.config.sweep import Algorithm, Scaler, ScoringConfig, SweepConfig
from segments.errors import ConfigError, SweepError
from segments.evidence.existence import peaks_of
from segments.evidence.grades import CellEvidence, cell_table, chosen_for, evaluate_cell, not_evaluated
from segments.evidence.selection import Choice, cheap_gates_of, choose, largest_revenue_shares
from segments.identity.profiles import segment_names, segment_profiles
from segments.model.segmentation import Segment, Segmentation, fit_limits, number_segments

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# What a person sees of a candidate at first.
SHORT = ("feature_set", "scaler", "k", "silhouette", "excess", "excess_error", "jaccard_min", "grade")


class Words(str):
    """A text that a notebook shows line by line."""

    def __repr__(self) -> str:
        return str(self)


@dataclass(frozen=True)
class SweepResult:
    """What a sweep in memory found.

    A notebook shows it as the reason and the finalists.

    Parameters
    ----------
    table : DataFrame
        One row per candidate: settings, scores, evidence, grade; the columns are those of `artifacts/selection/candidates.parquet` in
        [the catalog](catalog.md), as far as no purchase log is needed.
    choice : Choice
        What was chosen and why (:class:`segments.evidence.selection.Choice`).
    notes : list of str
        Columns that were left out, and why.
    candidates : dict of str to Candidate
        The fits, by candidate id.
    given : Given
        The customers, as they were read.
    """

    table: pd.DataFrame
    choice: Choice
    notes: list[str]
    candidates: Mapping[str, Candidate]
    given: Given

    @property
    def best(self) -> pd.Series[Any] | None:
        """The chosen candidate's row of the table; ``None`` where nothing passes the gates."""
        if self.choice.candidate_id is None:
            return None
        return self.table.set_index("candidate_id", drop=False).loc[self.choice.candidate_id]

    @property
    def labels(self) -> pd.Series[Any]:
        """Cluster of each customer in the chosen candidate, under the DataFrame's index or ids; 0 is the largest.

        Raises
        ------
        SweepError
            If nothing was chosen.
        """
        return self.labels_of(self._chosen)

    def labels_of(self, candidate_id: str) -> pd.Series[Any]:
        """Cluster of each customer in any candidate of the table."""
        labels = self._candidate(candidate_id).labels
        return pd.Series(labels.astype(np.int64), index=self.given.index, name="cluster")

    @functools.cached_property
    def model(self) -> Segmentation:
        """The chosen candidate as a model: ``model.predict(df)`` gives segment, distance and confidence of other customers.

        Raises
        ------
        SweepError
            If nothing was chosen.
        """
        chosen, features = self._candidate(self._chosen), self.given.features
        names = segment_names(
            features, chosen.labels.astype(np.int32), list(chosen.spec.feature_set.columns), ProfilesConfig()
        )
        limits = fit_limits(chosen.space, chosen.centres, features, ConfidenceConfig())
        return Segmentation(chosen.candidate_id, chosen.space, chosen.centres, number_segments(names), limits)

    def segments(self) -> pd.DataFrame:
        """One row per segment of the chosen candidate, in original units: name, size, share, mean and median of each column.

        Raises
        ------
        SweepError
            If nothing was chosen.
        """
        names = [segment.name for segment in self.model.segments]
        labels = self._candidate(self._chosen).labels
        return segment_profiles(self.given.features, labels.astype(np.int32), names)

    def why(self) -> Words:
        """Why this one: the reason, the figures behind it, what would have been chosen otherwise, what was left out."""
        return Words("\n".join([self.choice.reason, *(f"- {one}" for one in (*self.choice.details, *self.notes))]))

    def plot_elbow(self, cell: str | None = None) -> Figure:
        """WCSS and silhouette over k; of the chosen candidate's feature set and scaler, or of another such as ``"all · power"``."""
        from segments.app.notebook.pictures import elbow_of

        return elbow_of(self.table, self._preferred, cell)

    def plot_silhouette(self, k: int | None = None, cell: str | None = None) -> Figure:
        """Silhouette of every customer, cluster by cluster; of the chosen candidate, or of another k or cell."""
        from segments.app.notebook.pictures import one_candidate, silhouettes_of

        row = one_candidate(self.table, self._preferred, k, cell)
        found = self._candidate(str(row["candidate_id"]))
        return silhouettes_of(row, found.silhouettes, found.labels[found.rows], self._segments_of(found))

    def plot_clusters(self, k: int | None = None, cell: str | None = None) -> Figure:
        """Customers in a plane, coloured by cluster; of the chosen candidate, or of another k or cell."""
        from segments.app.notebook.pictures import clusters_of, one_candidate

        row = one_candidate(self.table, self._preferred, k, cell)
        found = self._candidate(str(row["candidate_id"]))
        return clusters_of(row, self.given.features, found.space, found.labels, self._segments_of(found))

    def log_to_mlflow(self, experiment: str, tracking_uri: str | None = None) -> str:
        """Put every candidate on record as a run of an MLflow experiment, each once however often it is asked for.

        Parameters
        ----------
        experiment : str
            Name of the experiment; made if need be.
        tracking_uri : str, optional
            Address of the record; that which MLflow is set to by default.

        Returns
        -------
        str
            Run id of the chosen candidate; "" where nothing was chosen.

        Raises
        ------
        TrackingError
            If the record cannot be used.
        """
        from segments.app.notebook.on_record import record_result

        return record_result(self, experiment, tracking_uri)

    def __repr__(self) -> str:
        return f"{self.choice.reason}\n\n{self._finalists().to_string(index=False)}"

    def _repr_html_(self) -> str:
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        return (
            f"<p><b>{escape(self.choice.reason)}</b></p>"
            f"{self._finalists().to_html(index=False, border=0, float_format='{:.3f}'.format)}"
            f"<p>{self.choice.passed} of {self.choice.total} candidates pass the gates. <code>.why()</code> says more.</p>"
            + (f"<ul>{notes}</ul>" if notes else "")
        )

    def _finalists(self) -> pd.DataFrame:
        return self.table.set_index("candidate_id").loc[self.choice.finalists, list(SHORT)]

    @property
    def _preferred(self) -> str:
        return self.choice.candidate_id or self.choice.finalists[0]

    @property
    def _chosen(self) -> str:
        if self.choice.candidate_id is None:
            raise SweepError(
                self.choice.reason,
                where="the result of segments.sweep",
                fix="look at .table; .labels_of(candidate_id) gives the clusters of any candidate",
            )
        return self.choice.candidate_id

    def _segments_of(self, candidate: Candidate) -> list[Segment]:
        return self.model.segments if candidate.candidate_id == self.choice.candidate_id else []

    def _candidate(self, candidate_id: str) -> Candidate:
        if candidate_id not in self.candidates:
            raise ConfigError(
                f"there is no candidate {candidate_id}", where="candidate_id", fix="take one of .table['candidate_id']"
            )
        return self.candidates[candidate_id]


def sweep(
    df: Any,
    k: Sequence[int] | int = range(2, 9),
    scalers: Sequence[str] = ("standard", "robust", "power"),
    features: Wanted = None,
    id: str | None = None,
    *,
    name: str = "data",
    algorithm: Algorithm | None = None,
    evidence: EvidenceConfig | None = None,
    selection: SelectionConfig | None = None,
    seed: int = 0,
    workers: int = 1,
) -> SweepResult:
    """Try every scaler with every k, gather the evidence, choose; all in memory.

    Parameters
    ----------
    df : DataFrame of shape (n_customers, ...)
        One row per customer: of pandas, or of any library whose tables have ``to_pandas()``.
    k : sequence of int, or int
        Numbers of segments, 2 or more.
    scalers : sequence of {"standard", "robust", "power", "quantile", "minmax", "none"}
        How columns are brought to a common scale.
    features : sequence of str, or mapping of str to sequence of str or FeatureSet, optional
        Columns to cluster on; several named feature sets as a mapping. By default every number and category that the DataFrame
        holds; what is left out stands in ``notes``. Text is a category.
    id : str, optional
        Column that tells customers apart; by default one that is called like an id, else the index.
    name : str
        What the data are called: it counts in candidate ids, as a source does.
    algorithm, evidence, selection : optional
        Settings, as the sections of ``conf/`` have them (:mod:`segments.config`).
    seed : int
        Of the search; that of the evidence stands in `evidence`.
    workers : int
        Processes side by side; 0: one per core. Starting them takes seconds.

    Returns
    -------
    SweepResult
        The same on any number of workers.

    Raises
    ------
    DataError
        If the DataFrame cannot be read so: names every column that lacks values or is infinite.
    ConfigError
        If a setting is unknown or out of range.
    SweepError
        If the columns cannot be clustered so.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> centres = np.repeat([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]], 30, axis=0)
    >>> people = pd.DataFrame(centres + random.normal(size=(90, 2)), columns=["visits", "spend"])
    >>> quickly = EvidenceConfig(bootstraps=10, splits=5, nulls=99, references=5)
    >>> result = sweep(people, k=range(2, 5), scalers=["standard"], evidence=quickly)
    >>> int(result.best["k"]), result.best["grade"], result.labels.value_counts().tolist()
    (3, 'natural', [30, 30, 30])
    >>> result.segments()["segment"].tolist()
    ['high-spend, low-visits customers', 'low-visits, low-spend customers', 'high-visits, low-spend customers']
    """
    given = read_given(df, features, id)
    evidence, selection = evidence or EvidenceConfig(), selection or SelectionConfig()
    cells = plan(
        name,
        given.feature_sets,
        _scalers(scalers),
        algorithm or Algorithm(),
        _ks(k),
        checked(SweepConfig, {"feature_sets": ["x"], "scalers": ["x"], "seed": seed}, WHERE).seed,
        ScoringConfig(),
    )
    notes = [*given.notes, *dict.fromkeys(check_plan(given.features, cells))]
    many = min(cores_to_use(workers), len(cells))
    data = hash_table(given.features)
    made = _in_order(side_by_side(_fitted, ((n, given.features, cell, data) for n, cell in enumerate(cells)), many))
    table = candidates_table(one.to_plain() for cell in made for one in cell)
    table = table.merge(_evidence(given.features, made, table, evidence, selection, many), on="candidate_id")
    candidates = {one.candidate_id: one for cell in made for one in cell}
    if "monetary" in given.features:
        labels = pd.DataFrame({i: one.labels for i, one in candidates.items()})
        table["revenue_share"] = largest_revenue_shares(
            labels[table["candidate_id"].tolist()], given.features["monetary"]
        )
    choice = choose(table, selection)
    if choice.candidate_id is None:
        instead = (
            f"Loosen a gate by selection=SelectionConfig(…), or look at one by .labels_of('{choice.finalists[0]}')."
        )
        choice = replace(choice, reason=f"{choice.reason} {instead}")
    return SweepResult(table, choice, notes, candidates, given)


def _evidence(
    features: pd.DataFrame,
    made: Sequence[Sequence[Candidate]],
    table: pd.DataFrame,
    config: EvidenceConfig,
    selection: SelectionConfig,
    workers: int,
) -> pd.DataFrame:
    """One row per candidate, as the stage of that name writes it."""
    eligible = np.logical_and.reduce(list(cheap_gates_of(table, selection).values()))
    chosen = dict(zip(table["candidate_id"], chosen_for(table, config, eligible), strict=True))
    asked = [cell for cell in made if any(chosen[one.candidate_id] for one in cell)]
    tasks = ((n, features, cell, [bool(chosen[i.candidate_id]) for i in cell], config) for n, cell in enumerate(asked))
    found: list[CellEvidence] = _in_order(side_by_side(_evaluated, tasks, min(workers, len(asked))))
    peaks = peaks_of([one.existence for one in found])
    silhouettes = table.set_index("candidate_id")["silhouette"]
    ids = [[i.candidate_id for i in cell] for cell in asked]
    rows = [
        cell_table(own, one, config, peaks, silhouettes[own].tolist())[0] for own, one in zip(ids, found, strict=True)
    ]
    known = {i.candidate_id for cell in asked for i in cell}
    left = [not_evaluated(i) for i in chosen if i not in known]
    return pd.concat([*rows, pd.DataFrame(left)]) if left else pd.concat(rows)


def _fitted(number: int, features: pd.DataFrame, cell: Sequence[Spec], data: TableHash) -> tuple[int, list[Candidate]]:
    return number, sweep_cell(features, cell, 1, data)


def _evaluated(
    number: int, features: pd.DataFrame, cell: Sequence[Candidate], wanted: Sequence[bool], config: EvidenceConfig
) -> tuple[int, CellEvidence]:
    X = to_space(cell[0].space, features)
    labelings = [one.labels.astype(np.int32) for one in cell]
    return number, evaluate_cell(X, labelings, [one.centres for one in cell], config, wanted)


def _in_order(finished: Any) -> list[Any]:
    """What comes as it is finished, in the order of the tasks."""
    return [one for _, one in sorted(finished, key=lambda numbered: numbered[0])]


def _scalers(names: Sequence[str]) -> list[Scaler]:
    """The scalers of these names."""
    wanted = [names] if isinstance(names, str) else list(names)
    if not wanted:
        raise ConfigError("no scaler is named", where=f"{WHERE}: scalers", fix="write scalers=['standard']")
    return [checked(Scaler, {"name": one}, f"{WHERE}: scalers") for one in dict.fromkeys(wanted)]


def _ks(wanted: Sequence[int] | int) -> list[int]:
    """Numbers of clusters, each once, rising."""
    ks = [wanted] if isinstance(wanted, int | np.integer) else list(wanted)
    if wrong := [one for one in ks if not isinstance(one, int | np.integer) or isinstance(one, bool)]:
        raise ConfigError(f"k is {wrong[0]!r}", where=f"{WHERE}: k", fix="write whole numbers, such as k=range(2, 9)")
    if not ks or min(ks) < 2:
        raise ConfigError(f"k is {ks}", where=f"{WHERE}: k", fix="choose 2 or more, such as k=range(2, 9)")
    return sorted({int(one) for one in ks})
