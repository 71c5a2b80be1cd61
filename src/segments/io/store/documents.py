"""JSON documents that are no noun's own result: what stages note beside their tables. Comes in: facts. Goes out: frozen dataclasses.

The order of the fields is the order of the keys in the file. Imports no heavy noun: stages that write one would wait for what it brings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from segments.clustering.space import Space
from segments.config.evidence import EvidenceConfig
from segments.config.prediction import PredictionConfig


@dataclass(frozen=True)
class LeftOut:
    """Raw rows that the source's policy speaks of.

    Parameters
    ----------
    reason : str
        In words.
    rows : int
        How many.
    action : str
        What was done: drop or keep.
    """

    reason: str
    rows: int
    action: str


@dataclass(frozen=True)
class CleanedTable:
    """What became of one raw table.

    Parameters
    ----------
    rows_raw, rows_clean : int
        Rows before and after.
    reasons : list of LeftOut
        Rows that were dropped or repaired.
    notes : list of str
        What else a person should know.
    """

    rows_raw: int
    rows_clean: int
    reasons: list[LeftOut]
    notes: list[str]


@dataclass(frozen=True)
class CleaningReport:
    """What became of the raw files.

    Parameters
    ----------
    source : str
        Name of the source.
    tables : dict of str to CleanedTable
        By table: ``customers``, ``transactions``; those that the source has.
    """

    source: str
    tables: dict[str, CleanedTable]


@dataclass(frozen=True)
class KeptTable:
    """A table that an engine keeps.

    Parameters
    ----------
    name, place : str
        What it is called, and where it lies: a folder, or an address.
    rows, customers : int
        Its rows, and their different customers.
    columns : dict of str to str
        Name -> the engine's type.
    digest : str
        Of all its values; neither the order of rows nor how they are parted changes it.
    """

    name: str
    place: str
    rows: int
    customers: int
    columns: dict[str, str]
    digest: str


@dataclass(frozen=True)
class EngineLog:
    """The clean log that an engine keeps, and who of its customers is here.

    Parameters
    ----------
    kept : KeptTable
        The log.
    sample_until : str or None
        The customers whose hash is not above it are here; ``None``: all are.
    """

    kept: KeptTable
    sample_until: str | None


@dataclass(frozen=True)
class Sweep:
    """Which candidates a sweep has.

    Parameters
    ----------
    sweep_id : str
        Hash of its candidates.
    source : str
        Name of the source.
    cells : list of list of str
        Candidate ids per feature set and scaler, k rising.
    """

    sweep_id: str
    source: str
    cells: list[list[str]]


@dataclass(frozen=True)
class Fits:
    """What makes a candidate a model that assigns new customers.

    Parameters
    ----------
    spaces : dict of str to Space
        Per cell ("feature set · scaler") the fitted way from features to the clustered space.
    centres : dict of str to list of list of float
        Per candidate its cluster centres in that space, shape (k, n_columns).
    """

    spaces: dict[str, Space]
    centres: dict[str, list[list[float]]]


@dataclass(frozen=True)
class EvidenceRun:
    """How the evidence was gathered.

    Parameters
    ----------
    sweep_id, source : str
        Whose candidates.
    seed : int
        Of all resamples and null data.
    settings : EvidenceConfig
        Section ``evidence`` of the config.
    """

    sweep_id: str
    source: str
    seed: int
    settings: EvidenceConfig


@dataclass(frozen=True)
class UsefulnessRun:
    """How usefulness was measured.

    Parameters
    ----------
    source : str
        Whose candidates.
    as_of, until : str or None
        The day whose knowledge the segments are made of, and the last of the time after; ``None`` when nothing could be measured.
    customers : int
        Customers known on that day.
    outcomes : list of str
        What was measured of the time after.
    notes : list of str
        What was not measured and why; cautions.
    """

    source: str
    as_of: str | None
    until: str | None
    customers: int
    outcomes: list[str]
    notes: list[str]


@dataclass(frozen=True)
class SensitivityRun:
    """How firmness was found out.

    Parameters
    ----------
    limit : float
        The agreement from which on segments are firm.
    notes : dict of str to list of str
        Per candidate that was tried what could not be changed, and why.
    """

    limit: float
    notes: dict[str, list[str]]


@dataclass(frozen=True)
class Firmness:
    """How much of the chosen segments stays under a change, in words.

    Parameters
    ----------
    candidate : str or None
        Name of the chosen candidate; ``None`` when nothing was chosen, and then there is no firmness either.
    firmness : str or None
        The verdict, as a sentence.
    in_words : list of str
        Per kind of change the agreement.
    notes : list of str
        What could not be tried, and why.
    """

    candidate: str | None
    firmness: str | None
    in_words: list[str]
    notes: list[str]


@dataclass(frozen=True)
class NoPrediction:
    """Why nothing is predicted.

    Parameters
    ----------
    applies : bool
        False.
    reason : str
        In words.
    """

    applies: Literal[False]
    reason: str

    @property
    def not_shown(self) -> list[str]:
        """Nothing that was tried in vain."""
        return []


@dataclass(frozen=True)
class Recommended:
    """The recommended model for one outcome.

    Parameters
    ----------
    model, variant : str
        Its name, and how it uses segments.
    """

    model: str
    variant: str


@dataclass(frozen=True)
class Skill:
    """Whether forecasts of an outcome are better than saying the same of everybody; what is not is shown of nobody.

    Parameters
    ----------
    shown : bool
        Whether they are: without it no table holds a risk, or a value.
    constant : float
        What is said of everybody: the share that left, or the mean spend, in the horizon that the models learned from.
    model : str
        The recommended model; without skill the one that came nearest.
    share : float
        How much less its error is than the constant's, as a share of that: 1 is perfect, 0 no better.
    improvement, low, high : float
        The constant's score less the model's, with a paired interval that allows for the number of models tried.
    words : str
        The same in words.
    """

    shown: bool
    constant: float
    model: str
    share: float
    improvement: float
    low: float
    high: float
    words: str


@dataclass(frozen=True)
class Step:
    """One comparison on the way to a recommendation.

    Parameters
    ----------
    outcome, metric : str
        What was foreseen, and the score that decides.
    before, to : str
        The model that was best so far (key ``from``), and the one that was tried.
    difference, low, high : float
        Score of the one less that of the other, with its 95 % interval.
    taken : bool
        Whether the new one took its place.
    """

    outcome: str
    metric: str
    before: Annotated[str, Field(alias="from")]
    to: str
    difference: float
    low: float
    high: float
    taken: bool


@dataclass(frozen=True)
class PredictionFacts:
    """What was compared, recommended and predicted.

    Parameters
    ----------
    applies : bool
        True.
    timeline : dict of str to str
        Days: ``first`` of the log, last known day to ``train`` and to ``test``, ``latest`` to learn from, ``as_of``.
    settings : PredictionConfig
        Section ``prediction`` of the config.
    customers, left : dict of str to int
        Customers, and how many of them left, by part: ``train``, ``test``, ``forecast``.
    segment_agreement : dict of str to float
        Adjusted Rand index of the segments at earlier days with those of the next.
    steps : list of Step
        Comparisons on the way to the recommendation.
    notes : list of str
        What was left out, and why.
    recommended : dict of str to Recommended
        Per outcome: ``churn``, ``value``; the model ``constant`` where none is better than saying the same of everybody.
    skill : dict of str to Skill
        Per outcome, whether it can be foreseen at all.
    recommendation, segments_help, plain : list of str
        In words: which model, whether segments help, and the same for a manager.
    calibration : dict of str to float or None
        Of the churn model: ``error``, ``slope``, ``intercept``.
    candidate_id : str
        Whose segments.
    prediction_id : str
        Hash of the results.
    """

    applies: Literal[True]
    timeline: dict[str, str]
    settings: PredictionConfig
    customers: dict[str, int]
    left: dict[str, int]
    segment_agreement: dict[str, float]
    steps: list[Step]
    notes: list[str]
    recommended: dict[str, Recommended]
    skill: dict[str, Skill]
    recommendation: list[str]
    segments_help: list[str]
    plain: list[str]
    calibration: dict[str, float | None]
    candidate_id: str
    prediction_id: str

    @property
    def not_shown(self) -> list[str]:
        """What is foreseen no better than by saying the same of everybody, a sentence each."""
        return [one.words for one in self.skill.values() if not one.shown]


@dataclass(frozen=True)
class Average:
    """One feature over all customers, in its unit.

    Parameters
    ----------
    mean, median : float
        What segments are compared with.
    """

    mean: float
    median: float


@dataclass(frozen=True)
class SegmentList:
    """The segments in the order of their clusters; empty when nothing was chosen.

    Parameters
    ----------
    names : list of str
        What they are called.
    colours : list of int
        Places in the palette.
    ids : list of str
        What they keep over time.
    """

    names: list[str]
    colours: list[int]
    ids: list[str]


@dataclass(frozen=True)
class BriefingList:
    """What the report shows.

    Parameters
    ----------
    pictures : list of str
        Names of its pictures; none when nothing was chosen.
    """

    pictures: list[str]


@dataclass(frozen=True)
class Receipt:
    """What became of the run in the registry.

    Parameters
    ----------
    name, version : str or None
        Of the registered model; ``None`` when nothing was chosen, likewise the next two.
    alias : str or None
        What the version is in the registry: champion, or challenger.
    verdict : str or None
        Why.
    sweep_id : str
        The sweep.
    candidate_id : str or None
        The chosen candidate.
    """

    name: str | None
    version: str | None
    alias: str | None
    verdict: str | None
    sweep_id: str
    candidate_id: str | None


# --- metrics: the figures that DVC shows of a run --------------------------------------------------------------------------


@dataclass(frozen=True)
class SweepMetrics:
    """How large the grid is.

    Parameters
    ----------
    customers, candidates : int
        How many.
    """

    customers: int
    candidates: int


@dataclass(frozen=True)
class EvidenceMetrics:
    """How many candidates stood.

    Parameters
    ----------
    evaluated : int
        Candidates that were evaluated.
    supported, natural : int
        Of them: those of any grade but "not supported", and those of the best.
    """

    evaluated: int
    supported: int
    natural: int


@dataclass(frozen=True)
class SelectionMetrics:
    """What was chosen, and how good it is; only the first when nothing was.

    Parameters
    ----------
    passed : int
        Candidates that passed every gate.
    chosen : str or None
        Feature set and scaler of the chosen candidate.
    k : int or None
        Its number of clusters.
    grade : str or None
        What the evidence says of it.
    silhouette, excess, z_silhouette, jaccard_min, prediction_strength, usefulness, agreement_min : float or None
        Its scores, as in the table of candidates.
    """

    passed: int
    chosen: str | None = None
    k: int | None = None
    grade: str | None = None
    silhouette: float | None = None
    excess: float | None = None
    z_silhouette: float | None = None
    jaccard_min: float | None = None
    prediction_strength: float | None = None
    usefulness: float | None = None
    agreement_min: float | None = None


@dataclass(frozen=True, kw_only=True)
class SampledSelectionMetrics(SelectionMetrics):
    """Beside them, where an engine has more customers than are here: what the chosen one is for all of them.

    Parameters
    ----------
    everybody_customers : int
        Customers on the engine that the centres of record are of.
    everybody_wcss, everybody_davies_bouldin, everybody_calinski_harabasz, everybody_smallest_share, everybody_largest_share : float
        Of all of them.
    everybody_silhouette_low, everybody_silhouette_high : float or None
        Ends of the 95 % interval in which the silhouette of all lies.
    """

    everybody_customers: int
    everybody_wcss: float
    everybody_davies_bouldin: float
    everybody_calinski_harabasz: float
    everybody_smallest_share: float
    everybody_largest_share: float
    everybody_silhouette_low: float | None
    everybody_silhouette_high: float | None


@dataclass(frozen=True)
class UsefulnessMetrics:
    """How useful segments can be.

    Parameters
    ----------
    outcomes : int
        How many outcomes of the time after were measured.
    best : float or None
        The highest usefulness of all candidates.
    """

    outcomes: int
    best: float | None


@dataclass(frozen=True)
class SensitivityMetrics:
    """How many candidates are firm.

    Parameters
    ----------
    tried, firm : int
        Candidates on which the changes were tried, and those whose segments stay under every single one.
    """

    tried: int
    firm: int


@dataclass(frozen=True)
class PredictionMetrics:
    """How well the recommended models foresaw a later time; nothing where nothing is predicted.

    Parameters
    ----------
    churn_auc, churn_calibration_error : float or None
        ROC-AUC of the churn model, and the mean distance of predicted and observed share.
    value_mae : float or None
        Mean absolute error of the value model, in money.
    value_total_ratio : float or None
        What it foresaw of all customers over what they spent.
    churn_skill, value_skill : float or None
        How much less the error is than that of saying the same of everybody, as a share of that.
    """

    churn_auc: float | None = None
    churn_calibration_error: float | None = None
    value_mae: float | None = None
    value_total_ratio: float | None = None
    churn_skill: float | None = None
    value_skill: float | None = None


@dataclass(frozen=True)
class ProfilesMetrics:
    """How large the segments are.

    Parameters
    ----------
    segments : int
        How many.
    largest_share : float or None
        Share of customers in the largest.
    largest_revenue_share : float or None
        Share of revenue of the one that brings most; where money is known.
    """

    segments: int
    largest_share: float | None = None
    largest_revenue_share: float | None = None


@dataclass(frozen=True)
class PerformanceMetrics:
    """The last whole period; only ``periods`` where there is none.

    Parameters
    ----------
    periods : int
        How many there are.
    revenue, active_customers, churned, won_back : float or None
        Of all customers in it.
    targets_missed : int
        Targets that were missed, of whatever period.
    """

    periods: int
    revenue: float | None = None
    active_customers: int | None = None
    churned: int | None = None
    won_back: int | None = None
    targets_missed: int = 0


@dataclass(frozen=True)
class RegistryMetrics:
    """What became of the run in the registry; nothing when nothing was chosen.

    Parameters
    ----------
    version : int or None
        Number of the version.
    alias : str or None
        What it is: champion, or challenger.
    """

    version: int | None
    alias: str | None
