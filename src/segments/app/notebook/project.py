"""A project that was run, in a notebook. Comes in: its folder. Goes out: the tables of the catalog, figures, the model in use and its answers.

Everything is read as the dashboard and the commands read it: what is missing is an error that names the stage to run. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from segments.app.load import load
from segments.app.notebook.given import as_pandas
from segments.app.notebook.in_memory import SHORT, Words
from segments.config.root import Config
from segments.data.rows import find_header
from segments.errors import DataError, TrackingError
from segments.evidence.selection import Choice
from segments.io.registry import files
from segments.io.registry.champion import version_in_use
from segments.io.registry.versions import Version
from segments.io.store import catalog
from segments.io.store.cache import arrays_of
from segments.io.store.files import find_project
from segments.model.answers import score_batches
from segments.model.segmentation import Segment, Segmentation

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class InUse:
    """The version in use.

    Parameters
    ----------
    version : Version
        Its place in the registry, with its tags (:class:`segments.io.registry.versions.Version`).
    model : Segmentation
        What it answers with (:class:`segments.model.segmentation.Segmentation`), read after every byte of its files was compared with what was registered.
    """

    version: Version
    model: Segmentation

    @property
    def segments(self) -> list[str]:
        """Names of its segments, in the order of their clusters."""
        return [segment.name for segment in self.model.segments]

    def __repr__(self) -> str:
        return f"{self.version.name} version {self.version.number}: {', '.join(self.segments)}"


class Project:
    """A project on disk, to look at.

    Parameters
    ----------
    folder : str or Path
        Anywhere in the project.
    *overrides : str
        In Hydra's grammar, where the run had some: ``"source=mall"``.

    Raises
    ------
    StoreError
        If the folder is in no project.
    ConfigError
        If its ``conf/`` or an override is wrong.

    Examples
    --------
    >>> Project("/")
    Traceback (most recent call last):
    segments.errors.StoreError: this is not a segments project
      where: /
      do:    change into the folder that holds conf/config.yaml and dvc.yaml
    """

    def __init__(self, folder: str | Path = ".", *overrides: str) -> None:
        self.root = find_project(Path(folder))
        self.config: Config = load(overrides, self.root)

    def candidates(self) -> pd.DataFrame:
        """One row per candidate of the last sweep, with all that was measured of it so far; ``artifacts/selection/candidates.parquet``."""
        with self._inside():
            judged = catalog.exists(catalog.JUDGED_CANDIDATES)
            return catalog.read(catalog.JUDGED_CANDIDATES if judged else catalog.CANDIDATES)

    def curves(self) -> pd.DataFrame:
        """WCSS and silhouette over k of every feature set and scaler; ``artifacts/sweep/scores_by_k.csv``."""
        with self._inside():
            return catalog.read(catalog.SCORES_BY_K)

    def evidence(self) -> pd.DataFrame:
        """One row per candidate: how stable, whether there are clusters at all, the grade and why; ``artifacts/evidence/evidence.parquet``."""
        with self._inside():
            return catalog.read(catalog.CANDIDATE_EVIDENCE)

    def why(self) -> Words:
        """Why the last run chose what it chose: the reason, and the figures behind it."""
        choice = self._choice()
        return Words("\n".join([choice.reason, *(f"- {one}" for one in choice.details)]))

    @property
    def champion(self) -> InUse:
        """The version in use, with its model.

        Raises
        ------
        TrackingError
            If none is in use, or its files are not what was registered.
        """
        with self._inside():
            version = version_in_use(self.config)
            if version is None:
                raise TrackingError(
                    f"no version of {self.config.source.name} is in use",
                    where=self.config.registry.model,
                    fix="run `dvc repro`, or put one in use by `segments promote VERSION --because WHY`",
                )
            stored = files.read_model(self.config.tracking, f"models:/{version.name}/{version.number}")
        return InUse(version, Segmentation.from_json(stored.document))

    def segments(self) -> pd.DataFrame:
        """One row per segment, in original units, with risk and value where they are known; ``artifacts/profiles/profiles.parquet``."""
        with self._inside():
            return catalog.read(catalog.PROFILES)

    def customers(self) -> pd.DataFrame:
        """One row per customer: segment and confidence, and risk and expected value where they are known.

        Of ``artifacts/profiles/segments.parquet`` and ``artifacts/prediction/customers.parquet``.
        """
        with self._inside():
            members = catalog.read(catalog.SEGMENT_MEMBERS)
            if not catalog.exists(catalog.CUSTOMER_FORECAST):
                return members
            ahead = catalog.read(catalog.CUSTOMER_FORECAST)
        known = [name for name in ahead if name == "customer_id" or name not in members]
        return members.merge(ahead[known], on="customer_id", how="left", validate="one_to_one")

    def plot_elbow(self, cell: str | None = None) -> Figure:
        """WCSS and silhouette over k; of the chosen candidate's feature set and scaler, or of another such as ``"rfm · power"``."""
        from segments.app.notebook.pictures import elbow_of

        return elbow_of(self.candidates(), self._preferred(), cell)

    def plot_silhouette(self, k: int | None = None, cell: str | None = None) -> Figure:
        """Silhouette of every customer, cluster by cluster; of the chosen candidate, or of another k or cell."""
        from segments.app.notebook.pictures import one_candidate, silhouettes_of

        row = one_candidate(self.candidates(), self._preferred(), k, cell)
        with self._inside():
            found = arrays_of(str(row["candidate_id"]))
        return silhouettes_of(row, found["silhouettes"], found["labels"][found["rows"]], self._segments_of(row))

    def plot_clusters(self, k: int | None = None, cell: str | None = None) -> Figure:
        """Customers in a plane, coloured by cluster; of the chosen candidate, or of another k or cell."""
        from segments.app.notebook.pictures import clusters_of, one_candidate

        row = one_candidate(self.candidates(), self._preferred(), k, cell)
        with self._inside():
            features, fits = catalog.read(catalog.FEATURES), catalog.read(catalog.FITS)
            labels = catalog.read_columns(catalog.LABELS, str(row["candidate_id"])).iloc[:, 0].to_numpy()
        return clusters_of(row, features, fits.spaces[str(row["cell"])], labels, self._segments_of(row))

    def score(self, df: Any) -> pd.DataFrame:
        """Segment of each row by the version in use, as `segments score` answers; its files are compared with what was registered first.

        Parameters
        ----------
        df : DataFrame of shape (n, ...)
            Of pandas, or of any library whose tables have ``to_pandas()``. The columns the model was fitted on, in original units
            (``project.champion.model.space.columns``); others do not matter. A column of ids, called ``customer_id`` or as the source calls it, comes back in front.

        Returns
        -------
        DataFrame of shape (n, ...)
            Under the index of `df`: cluster, segment, distance, margin, confidence and whatever else the model says.

        Raises
        ------
        TrackingError
            If no version is in use, or its files are not what was registered.
        DataError
            If a row cannot be scored: counts such rows by reason and names the first. To have the others scored, drop it, or use `segments score`.
        """
        import pyarrow as pa

        model, df = self.champion.model, as_pandas(df, "Project.score")
        if absent := [name for name in model.space.columns if name not in df]:
            raise DataError(
                f"the DataFrame has no column {', '.join(absent)}",
                where="Project.score",
                fix=f"the model needs: {', '.join(model.space.columns)}",
            )
        people = self.config.source.customers
        names = ["customer_id", *([people.id] if people is not None and people.id else [])]
        id = next((header for name in names if (header := find_header(list(map(str, df)), [name])) is not None), None)
        ids = range(len(df)) if id is None else df[id]
        batch = pa.RecordBatch.from_arrays(
            list(map(_in_arrow, [ids, *(df[name] for name in model.space.columns)])), ["id", *model.space.columns]
        )
        [scored] = score_batches(model, [batch], threads=1)
        if scored.rejected:
            first, kinds = scored.rejected[0], pd.Series([one.kind for one in scored.rejected]).value_counts()
            raise DataError(
                f"{len(scored.rejected)} of {len(df)} rows cannot be scored ({', '.join(f'{n} because {kind}' for kind, n in kinds.items())})",
                where=f"row {first.row}: {first.reason}",
                fix="mend or drop these rows; `segments score` puts them aside with the reason",
            )
        answers = scored.answers.set_axis(df.index)
        if id is not None:
            answers.insert(0, id, df[id])
        return answers

    def __repr__(self) -> str:
        return f"project {self.root.name} of {self.config.source.name}"

    def _repr_html_(self) -> str:
        choice = self._choice()
        table = self.candidates().set_index("candidate_id").loc[choice.finalists, list(SHORT)]
        return (
            f"<p><b>{escape(choice.reason)}</b></p>{table.to_html(index=False, border=0, float_format='{:.3f}'.format)}"
        )

    def _choice(self) -> Choice:
        with self._inside():
            return catalog.read(catalog.CHOICE)

    def _preferred(self) -> str | None:
        with self._inside():
            if not catalog.exists(catalog.CHOICE):
                return None
            choice = catalog.read(catalog.CHOICE)
        return choice.candidate_id or next(iter(choice.finalists), None)

    def _segments_of(self, row: pd.Series[Any]) -> list[Segment]:
        """Which segments the clusters of a candidate are, where the last run made a model of it."""
        with self._inside():
            if not catalog.exists(catalog.SEGMENTATION):
                return []
            model = Segmentation.from_json(catalog.read(catalog.SEGMENTATION))
        return model.segments if model.candidate_id == row["candidate_id"] else []

    @contextmanager
    def _inside(self) -> Iterator[None]:
        """Where paths of the catalog begin."""
        with chdir(self.root):
            yield


def _in_arrow(column: Any) -> Any:
    """A column as Arrow has it; one of several kinds of things as text, so that what is no number is named."""
    import pyarrow as pa

    try:
        return pa.array(column)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array([None if pd.isna(one) else str(one) for one in column], pa.string())
