"""The catalog: every file that a stage hands on, one constant each. Comes in: a constant. Goes out: what the file holds, typed and checked.

Where each lies, what one row of it is, who makes it, when it is absent, and what each column or key means. ``segments catalog`` prints it.
Caches and records (``record/candidates``, ``sweeps``, ``versions``, ``monitoring``, ``uplift`` ...) are handed from stage to stage by nobody:
they stand in :mod:`segments.io.store.cache`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from segments.errors import ConfigError
from segments.features.meanings import CURRENCY, FEATURE_WORDS
from segments.io.store import files
from segments.io.store.kinds import (
    EITHER,
    FLAG,
    NUMBER,
    TEXT,
    TIME,
    WHOLE,
    Artifact,
    Content,
    Document,
    Pictures,
    Table,
    TableColumn,
    Text,
)

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

    from segments.action.performance import PerformanceFacts
    from segments.action.playbook import Plan
    from segments.evidence.existence import Gap
    from segments.evidence.selection import Choice
    from segments.features.explore import ExploreSummary, FeatureWarning
    from segments.features.table import FeaturesReport
    from segments.identity.matching import SegmentIdentity
    from segments.identity.migration import MigrationFacts
    from segments.identity.rules import Rules
    from segments.io.store.documents import (
        Average,
        BriefingList,
        CleaningReport,
        EngineLog,
        EvidenceMetrics,
        EvidenceRun,
        Firmness,
        Fits,
        KeptTable,
        NoPrediction,
        PerformanceMetrics,
        PredictionFacts,
        PredictionMetrics,
        ProfilesMetrics,
        Receipt,
        RegistryMetrics,
        SampledSelectionMetrics,
        SegmentList,
        SelectionMetrics,
        SensitivityMetrics,
        SensitivityRun,
        Sweep,
        SweepMetrics,
        UsefulnessMetrics,
        UsefulnessRun,
    )
    from segments.model.of_record import FitOfRecord

OfSource = TypeVar("OfSource", bound="Sourced")


# --- reading and writing ------------------------------------------------------------------------------------------------


def read(artifact: Artifact[Content]) -> Content:
    """What an artifact holds: a table, a document as the type it was written from, a text, pictures by name.

    Raises
    ------
    StoreError
        If it is missing, damaged, or not what the catalog says; names the file and the stage to run.
    """
    return artifact.load()


def write(artifact: Artifact[Content], content: Content) -> None:
    """Write an artifact, atomically; equal content gives equal bytes.

    Raises
    ------
    StoreError
        If the disk is full or read-only.
    ValueError
        If a table is not what the catalog says: an error of the stage.
    """
    artifact.dump(content)


def read_columns(table: Table, *names: str) -> pd.DataFrame:
    """Some columns of a table, in this order; same errors as :func:`read`."""
    return table.load_columns(list(names))


def scan(table: Table) -> duckdb.DuckDBPyRelation:
    """Open a table without reading it: DuckDB streams it, so it may exceed memory.

    Raises
    ------
    StoreError
        If it is missing or damaged; names the stage that makes it.
    """
    return files.scan_table(table.path)


def stream(table: Table, relation: duckdb.DuckDBPyRelation) -> None:
    """Write a table from a DuckDB relation, atomically, without holding it in memory."""
    files.write_relation(table.path, relation)


def path_of(artifact: Artifact[Any]) -> Path:
    """Where an artifact lies, seen from the project.

    Examples
    --------
    >>> path_of(CANDIDATES).as_posix()
    'artifacts/sweep/candidates.parquet'
    """
    return artifact.path


def exists(artifact: Artifact[Any]) -> bool:
    """Whether an artifact is there."""
    return artifact.exists()


def drop(artifact: Artifact[Any]) -> None:
    """Remove an artifact, if it is there."""
    artifact.remove()


def keep_only(stage: str, made: Iterable[Artifact[Any]]) -> None:
    """Remove what an earlier choice or another source left in a stage's folder: every file that is none of these artifacts."""
    made = list(made)
    for path in sorted(files.artifact(stage).glob("*")):
        if not any(one.stage == stage and one.covers(path.name) for one in made):
            files.remove(path)


class Sourced(Protocol):
    """A document that says of which source it is."""

    @property
    def source(self) -> str:
        """Name of the source."""


def check_source(document: Document[OfSource], source: str) -> None:
    """Refuse what an earlier stage made for another source.

    Parameters
    ----------
    document : Document
        Of that stage; says its source.
    source : str
        Name of the source that is wanted now.

    Raises
    ------
    ConfigError
        Names both sources and the commands to run.
    """
    made_for, stage = read(document).source, document.stage
    if made_for != source:
        stages = ["data", "features", "sweep"]
        commands = [f"`segments {name} source={source}`" for name in stages[: stages.index(stage) + 1]]
        raise ConfigError(
            f"what `segments {stage}` made is of source '{made_for}', not '{source}'",
            where=str(document.path.parent),
            fix=f"run {', then '.join(commands)}; or go on with source={made_for}",
        )


# --- types of documents, imported when one is read or written --------------------------------------------------------------


def _plan() -> type[Plan]:
    from segments.action.playbook import Plan

    return Plan


def _performance() -> type[PerformanceFacts]:
    from segments.action.performance import PerformanceFacts

    return PerformanceFacts


def _gaps() -> type[dict[str, Gap]]:
    from segments.evidence.existence import Gap

    return dict[str, Gap]


def _choice() -> type[Choice]:
    from segments.evidence.selection import Choice

    return Choice


def _fit_of_record() -> type[FitOfRecord]:
    from segments.model.of_record import FitOfRecord

    return FitOfRecord


def _selection_metrics() -> Any:
    from segments.io.store.documents import SampledSelectionMetrics, SelectionMetrics

    return SelectionMetrics | SampledSelectionMetrics


def _features_report() -> type[FeaturesReport]:
    from segments.features.table import FeaturesReport

    return FeaturesReport


def _explore_summary() -> type[ExploreSummary]:
    from segments.features.explore import ExploreSummary

    return ExploreSummary


def _warnings() -> type[list[FeatureWarning]]:
    from segments.features.explore import FeatureWarning

    return list[FeatureWarning]


def _identity() -> type[SegmentIdentity]:
    from segments.identity.matching import SegmentIdentity

    return SegmentIdentity


def _migration() -> type[MigrationFacts]:
    from segments.identity.migration import MigrationFacts

    return MigrationFacts


def _rules() -> type[Rules]:
    from segments.identity.rules import Rules

    return Rules


def _prediction() -> Any:
    from segments.io.store.documents import NoPrediction, PredictionFacts

    return PredictionFacts | NoPrediction


def _averages() -> type[dict[str, Average]]:
    from segments.io.store.documents import Average

    return dict[str, Average]


def _note(name: str) -> Callable[[], Any]:
    def type_of() -> Any:
        from segments.io.store import documents

        return getattr(documents, name)

    return type_of


# --- columns that many tables have -----------------------------------------------------------------------------------------

NO_CHOICE = "nothing was chosen"
NO_LOG = "the source has no purchases"
NO_ENGINE = "the source has no engine"
NO_SAMPLE = "all customers are here, or nothing was chosen"
NO_PREDICTION = "the source has no purchases, or nothing was chosen"

CUSTOMER_ID = TableColumn("customer_id", TEXT, "the customer's id, as the source writes it")
CANDIDATE = TableColumn("candidate_id", TEXT, "the candidate: hash of its spec, the data and the code that computes it")
CLUSTER = TableColumn("cluster", WHOLE, "number of the cluster, 0 is the largest")
CELL = TableColumn("cell", TEXT, "feature set and scaler")
SEGMENT_ID = TableColumn("segment_id", TEXT, "the segment's id, which it keeps over time")
SEGMENT = TableColumn("segment", TEXT, "the segment's name")
OUTCOME = TableColumn("outcome", TEXT, "what is foreseen: churn or value")
MODEL = TableColumn("model", TEXT, "name of the prediction model")
VARIANT = TableColumn("variant", TEXT, "how it uses segments: global, segment as feature, per segment")
RFM_SEGMENT = TableColumn("rfm_segment", TEXT, "segment by the map of RFM scores (section `rfm_map`)")
# Left out where no forecast is better than saying the same of everybody: see `skill` of the prediction.
CHURN_RISK = TableColumn(
    "churn_risk", NUMBER, "probability of no purchase in the horizon after the as-of date", always=False
)
EXPECTED_VALUE = TableColumn(
    "expected_value", NUMBER, "spend expected in the horizon after the as-of date", CURRENCY, always=False
)
SEGMENT_OUTLOOK = (
    TableColumn("churn_risk", NUMBER, "mean probability of no purchase in the horizon", always=False),
    TableColumn("expected_value", NUMBER, "spend expected of the whole segment in the horizon", CURRENCY, always=False),
    TableColumn(
        "at_risk_revenue",
        NUMBER,
        "what its customers spent in as many days before the as-of date, each weighted by the churn risk",
        CURRENCY,
        always=False,
    ),
)
FEATURE_COLUMNS = tuple(
    TableColumn(name, NUMBER, known.meaning, known.unit, always=False) for name, known in FEATURE_WORDS.items()
)
PARAM_COLUMNS = (
    CANDIDATE,
    TableColumn("source", TEXT, "name of the source"),
    TableColumn("feature_set", TEXT, "name of the feature set"),
    TableColumn("scaler", TEXT, "name of the scaler"),
    TableColumn("algorithm", TEXT, "name of the algorithm"),
    TableColumn("k", WHOLE, "number of clusters"),
    TableColumn("seed", WHOLE, "seed of the fit"),
    TableColumn("n_customers", WHOLE, "customers clustered", "customers"),
)
SCORE_COLUMNS = (
    TableColumn("silhouette", NUMBER, "mean silhouette in the space that was clustered, -1 to 1"),
    TableColumn("silhouette_error", NUMBER, "its standard error; 0 when it is exact"),
    TableColumn("silhouette_low", NUMBER, "lower end of its 95 % interval"),
    TableColumn("silhouette_high", NUMBER, "upper end of its 95 % interval"),
    TableColumn("silhouette_exact", NUMBER, "1: of all customers, 0: estimated from a sample"),
    TableColumn(
        "wcss", NUMBER, "within-cluster sum of squares (scikit-learn: inertia)", "squared units of the clustered space"
    ),
    TableColumn("davies_bouldin", NUMBER, "Davies-Bouldin index, smaller is better", gaps=True),
    TableColumn("calinski_harabasz", NUMBER, "Calinski-Harabasz index, larger is better", gaps=True),
    TableColumn("silhouette_simplified", NUMBER, "mean silhouette by distances to centres, 0 to 1"),
    TableColumn(
        "silhouette_reference",
        NUMBER,
        "mean silhouette in one space of all numeric features: comparable between feature sets and scalers",
    ),
    TableColumn("smallest_share", NUMBER, "share of customers in the smallest cluster"),
    TableColumn("largest_share", NUMBER, "share of customers in the largest cluster"),
    TableColumn("n_iter", NUMBER, "iterations of the best start", "iterations"),
    TableColumn("n_init", NUMBER, "starts of the search", "starts"),
    TableColumn("hits", NUMBER, "starts that found the best solution", "starts"),
    TableColumn("hit_rate", NUMBER, "hits / n_init"),
)
EVIDENCE_COLUMNS = (
    TableColumn("evaluated", FLAG, "whether there is evidence; the other columns are empty otherwise"),
    TableColumn("stopped", FLAG, "whether the resamples ended early, because the verdict was clear"),
    TableColumn("bootstraps", WHOLE, "bootstraps that were drawn", "bootstraps"),
    TableColumn("jaccard_min", NUMBER, "mean Jaccard over bootstraps of the least stable cluster", gaps=True),
    TableColumn("jaccard_error", NUMBER, "its standard error, of the bootstraps", gaps=True),
    TableColumn("jaccard_mean", NUMBER, "the same as jaccard_min, mean over the clusters", gaps=True),
    TableColumn("ari", NUMBER, "mean adjusted Rand index between the clusters and those of a bootstrap", gaps=True),
    TableColumn(
        "prediction_strength",
        NUMBER,
        "how well the clusters of one half predict those of the other (worst cluster, mean over splits); none when the resamples ended early",
        gaps=True,
    ),
    TableColumn("excess", NUMBER, "the silhouette less its mean under the null: how much structure", gaps=True),
    TableColumn("excess_error", NUMBER, "its standard error: of customers, searches and draws", gaps=True),
    TableColumn("z_wcss", NUMBER, "how far WCSS lies below its mean under the null", "standard deviations", gaps=True),
    TableColumn("p_wcss", NUMBER, "p-value of that", gaps=True),
    TableColumn(
        "z_silhouette",
        NUMBER,
        "how far the silhouette lies above its mean under the null",
        "standard deviations",
        gaps=True,
    ),
    TableColumn("p_silhouette", NUMBER, "p-value of that", gaps=True),
    TableColumn("p_adjusted", NUMBER, "the larger of both, adjusted for every k and cell", gaps=True),
    TableColumn("valley_p", NUMBER, "p-value that there is no valley between the two nearest clusters", gaps=True),
    TableColumn("gap", NUMBER, "gap statistic: mean log WCSS of uniform data less that of the data", gaps=True),
    TableColumn("gap_error", NUMBER, "its standard error, with the simulation's", gaps=True),
    TableColumn("nulls", WHOLE, "null data sets that were drawn", "data sets"),
    TableColumn("grade", TEXT, "natural, reproducible, constructive or not supported"),
    TableColumn("reason", TEXT, "why that grade, with the numbers"),
    TableColumn("null", TEXT, "the null model it was compared with"),
    TableColumn("valley_pair", TEXT, "the two clusters of valley_p, by letter: A is cluster 0"),
)


USEFUL_COLUMNS = (
    *(
        TableColumn(f"useful_{name}{part}", NUMBER, words, always=False, gaps=True)
        for name, meaning in {
            "spend": "spend of the time after, capped",
            "visits": "orders of the time after, capped (Poisson deviance)",
            "churn": "whether nothing was bought in the time after (deviance)",
            "discount_share": "discount share of those who bought in the time after",
            "category_mix": "shares of spend by department of those who bought in the time after",
        }.items()
        for part, words in (
            ("", f"share of the differences between customers that the segments explain: {meaning}"),
            ("_error", "its standard error, over the customers"),
        )
    ),
    TableColumn("usefulness", NUMBER, "mean of these shares over the outcomes that count", always=False, gaps=True),
    TableColumn("usefulness_error", NUMBER, "its standard error, over the customers", always=False, gaps=True),
)
FIRM_COLUMNS = (
    TableColumn(
        "agreement_min",
        NUMBER,
        "adjusted Rand index with the segments after the worst single change; 1: the same, 0: as by chance",
        gaps=True,
    ),
    TableColumn("hangs_on", TEXT, "that change"),
    TableColumn("firm", FLAG, "whether the agreement reaches the limit; not where it was not tried"),
)


# --- data --------------------------------------------------------------------------------------------------------------------

CLEAN_CUSTOMERS = Table(
    "data",
    "customers.parquet",
    "one row per customer of the raw customers table that is left after cleaning",
    "the source has no customers table",
    columns=(
        CUSTOMER_ID,
        TableColumn("<column>", EITHER, "as conf/source says: a number, or a category as text", gaps=True),
    ),
)
CLEAN_TRANSACTIONS = Table(
    "data",
    "transactions.parquet",
    "one row per purchase line that is left after cleaning, in the order of the raw file",
    NO_LOG,
    columns=(
        CUSTOMER_ID,
        TableColumn("order_id", TEXT, "the order the line belongs to"),
        TableColumn("purchased_at", TIME, "when, local time of the source"),
        TableColumn("amount", NUMBER, "money paid for the line; below zero: a return", CURRENCY),
        TableColumn("discount", NUMBER, "price reductions of the line, 0 or more", CURRENCY, always=False),
        TableColumn("coupon", NUMBER, "coupons redeemed on the line, 0 or more", CURRENCY, always=False),
        TableColumn("product_id", TEXT, "the product", gaps=True, always=False),
        TableColumn("store_id", TEXT, "the store", gaps=True, always=False),
        TableColumn("department", TEXT, "the product's department", gaps=True, always=False),
        TableColumn("private_label", FLAG, "whether the product is a store brand", always=False),
        TableColumn(
            "sent_back_at",
            TIME,
            "when the purchase was sent back as a whole; only where returns are netted and there are some",
            gaps=True,
            always=False,
        ),
    ),
)
ENGINE_LOG: Document[EngineLog] = Document(
    "data",
    "engine.json",
    "the clean log of all customers as the source's engine keeps it: where, schema, counts, digest; and who of them is here",
    NO_ENGINE,
    type_of=_note("EngineLog"),
)
CLEANING_REPORT: Document[CleaningReport] = Document(
    "data", "report.json", "what became of the raw files", type_of=_note("CleaningReport")
)


# --- features ----------------------------------------------------------------------------------------------------------------

ENGINE_FEATURES: Document[KeptTable] = Document(
    "features",
    "engine.json",
    "the features of all customers as the source's engine keeps them: where, schema, counts, digest",
    NO_ENGINE,
    type_of=_note("KeptTable"),
)
FEATURES = Table(
    "features",
    "customers.parquet",
    "one row per customer, sorted by id: numeric features, RFM scores, then categories",
    columns=(
        CUSTOMER_ID,
        *FEATURE_COLUMNS,
        TableColumn(
            "<column>",
            EITHER,
            "a column of the source's customers table, as conf/source says: a number, or a category as text",
            gaps=True,
            always=False,
        ),
    ),
)
BASKET_MIX = Table(
    "features",
    "basket_mix.parquet",
    "one row per customer, sorted by id; a descriptor, never clustered on",
    NO_LOG,
    columns=(
        CUSTOMER_ID,
        TableColumn(
            "spend_on_<department>",
            NUMBER,
            "share of the customer's spend in one of the ten departments that earn most",
        ),
        TableColumn("spend_on_other", NUMBER, "share of the customer's spend in the other departments", always=False),
    ),
)
RFM_CUTS: Document[dict[str, list[float]]] = Document(
    "features",
    "rfm_cuts.json",
    "per column of recency_days, frequency, monetary its four cut-points, in its unit: the 20, 40, 60 and 80 % quantiles; empty without purchases",
    type_of=lambda: dict[str, list[float]],
)
FEATURES_REPORT: Document[FeaturesReport] = Document(
    "features", "report.json", "what is to be said of the feature table", type_of=_features_report
)


# --- explore -----------------------------------------------------------------------------------------------------------------

EXPLORE_SUMMARY: Document[ExploreSummary] = Document(
    "explore", "summary.json", "the numbers behind the pictures", type_of=_explore_summary
)
FEATURE_WARNINGS: Document[list[FeatureWarning]] = Document(
    "explore", "warnings.json", "what deserves a second look, one entry per finding", type_of=_warnings
)
EXPLORE_PICTURES = Pictures(
    "explore",
    "pictures of the features",
    "the columns give nothing to draw for it",
    shows={
        "histograms": "one histogram per numeric column",
        "box_plots": "one box per numeric column",
        "pair_plot": "numeric columns against each other",
        "correlation_heat_map": "Spearman correlations",
        "count_plots": "customers per level of each category",
    },
)


# --- sweep -------------------------------------------------------------------------------------------------------------------

CANDIDATES = Table(
    "sweep",
    "candidates.parquet",
    "one row per candidate, in the order of the grid",
    columns=(*PARAM_COLUMNS, *SCORE_COLUMNS),
)
LABELS = Table(
    "sweep",
    "labels.parquet",
    "one row per customer, in the order of the feature table",
    columns=(CUSTOMER_ID, TableColumn("<candidate_id>", WHOLE, "one column per candidate: the customer's cluster")),
)
FITS: Document[Fits] = Document(
    "sweep", "fits.json", "what makes each candidate a model that assigns new customers", type_of=_note("Fits")
)
SWEEP: Document[Sweep] = Document("sweep", "sweep.json", "which candidates the sweep has", type_of=_note("Sweep"))
SWEEP_METRICS: Document[SweepMetrics] = Document(
    "sweep", "metrics.json", "figures for `dvc metrics`: how large the grid is", type_of=_note("SweepMetrics")
)
SCORES_BY_K = Table(
    "sweep",
    "scores_by_k.csv",
    "one row per candidate, for `dvc plots`",
    columns=(
        CELL,
        TableColumn("k", WHOLE, "number of clusters"),
        TableColumn("wcss", NUMBER, "within-cluster sum of squares", "squared units of the clustered space"),
        TableColumn("wcss_share", NUMBER, "the same as a share of that at the cell's smallest k"),
        TableColumn("silhouette", NUMBER, "mean silhouette in the space that was clustered, -1 to 1"),
    ),
)


# --- evidence ----------------------------------------------------------------------------------------------------------------

CANDIDATE_EVIDENCE = Table(
    "evidence",
    "evidence.parquet",
    "one row per candidate, in the order of the sweep's",
    columns=(CANDIDATE, *EVIDENCE_COLUMNS),
)
CLUSTER_STABILITY = Table(
    "evidence",
    "clusters.parquet",
    "one row per cluster of each candidate that was evaluated",
    columns=(
        CANDIDATE,
        CLUSTER,
        TableColumn("jaccard", NUMBER, "mean Jaccard over bootstraps with the cluster most like it"),
        TableColumn("recovered", NUMBER, "share of bootstraps in which it came back (Jaccard at least 0.75)"),
        TableColumn("dissolved", NUMBER, "share of bootstraps in which it dissolved (at most 0.5)"),
    ),
)
AGREEMENT = Table(
    "evidence",
    "agreement.parquet",
    "one row per customer, in the order of the feature table",
    columns=(
        CUSTOMER_ID,
        TableColumn(
            "<candidate_id>",
            NUMBER,
            "one column per evaluated candidate: share of bootstraps that put the customer into the same cluster",
        ),
    ),
)
NULL_SCORES = Table(
    "evidence",
    "nulls.parquet",
    "one row per evaluated candidate and draw",
    columns=(
        CANDIDATE,
        TableColumn("draw", WHOLE, "0: the data; from 1 on: data drawn from the null model"),
        TableColumn("log_wcss_share", NUMBER, "log of WCSS as a share of the total sum of squares"),
        TableColumn("silhouette", NUMBER, "mean silhouette of at most 3,000 customers"),
    ),
)
GAP_STATISTICS: Document[dict[str, Gap]] = Document(
    "evidence", "gaps.json", 'per cell ("feature set · scaler") its gap statistic over k', type_of=_gaps
)
EVIDENCE_RUN: Document[EvidenceRun] = Document(
    "evidence", "evidence.json", "how the evidence was gathered", type_of=_note("EvidenceRun")
)
EVIDENCE_PICTURES = Pictures(
    "evidence",
    "picture of the evidence",
    shows={"evidence": "stability and existence of every candidate"},
)
EVIDENCE_METRICS: Document[EvidenceMetrics] = Document(
    "evidence", "metrics.json", "figures for `dvc metrics`: how many candidates stood", type_of=_note("EvidenceMetrics")
)


# --- usefulness --------------------------------------------------------------------------------------------------------------

USEFULNESS = Table(
    "usefulness",
    "usefulness.parquet",
    "one row per candidate, in the order of the sweep's",
    columns=(CANDIDATE, *USEFUL_COLUMNS),
)
USEFULNESS_WITHOUT = Table(
    "usefulness",
    "without.parquet",
    "one row per group of customers",
    NO_LOG,
    columns=(
        TableColumn(
            "<candidate_id>",
            NUMBER,
            "one column per candidate: its usefulness without the customers of the group; the differences of two columns tell the error of a difference",
            gaps=True,
        ),
    ),
)
USEFULNESS_RUN: Document[UsefulnessRun] = Document(
    "usefulness", "usefulness.json", "how usefulness was measured", type_of=_note("UsefulnessRun")
)
USEFULNESS_METRICS: Document[UsefulnessMetrics] = Document(
    "usefulness",
    "metrics.json",
    "figures for `dvc metrics`: how useful segments can be",
    type_of=_note("UsefulnessMetrics"),
)


# --- sensitivity -------------------------------------------------------------------------------------------------------------

SENSITIVITY = Table(
    "sensitivity",
    "sensitivity.parquet",
    "one row per candidate that passes the gates, and change that was tried",
    columns=(
        CANDIDATE,
        TableColumn(
            "change", TEXT, "what was changed: seed, scaler, feature left out, as-of date, extreme customers left out"
        ),
        TableColumn("detail", TEXT, "to what, or which"),
        TableColumn("ari", NUMBER, "adjusted Rand index with the candidate's segments; 1: the same, 0: as by chance"),
        TableColumn("customers", WHOLE, "customers in both", "customers"),
    ),
)
HOLDS = Table(
    "sensitivity",
    "candidates.parquet",
    "one row per candidate that passes the gates",
    columns=(CANDIDATE, *FIRM_COLUMNS),
)
SENSITIVITY_RUN: Document[SensitivityRun] = Document(
    "sensitivity", "sensitivity.json", "how firmness was found out", type_of=_note("SensitivityRun")
)
SENSITIVITY_METRICS: Document[SensitivityMetrics] = Document(
    "sensitivity",
    "metrics.json",
    "figures for `dvc metrics`: how many candidates are firm",
    type_of=_note("SensitivityMetrics"),
)


# --- selection ---------------------------------------------------------------------------------------------------------------

CHOICE: Document[Choice] = Document("selection", "choice.json", "what was chosen and why", type_of=_choice)
JUDGED_CANDIDATES = Table(
    "selection",
    "candidates.parquet",
    "one row per candidate: the sweep's table with all that was measured beside it",
    columns=(
        *PARAM_COLUMNS,
        *SCORE_COLUMNS,
        *EVIDENCE_COLUMNS,
        TableColumn(
            "revenue_share",
            NUMBER,
            "share of all revenue in the segment with the most, where money is known",
            always=False,
        ),
        *USEFUL_COLUMNS,
        *FIRM_COLUMNS,
    ),
)
CHOSEN_LABELS = Table(
    "selection",
    "labels.parquet",
    "one row per customer, in the order of the feature table",
    NO_CHOICE,
    columns=(CUSTOMER_ID, CLUSTER),
)
FIT_OF_RECORD: Document[FitOfRecord] = Document(
    "selection",
    "fit_of_record.json",
    "the chosen centres, polished over all customers on the engine; sizes and scores of all of them",
    NO_SAMPLE,
    type_of=_fit_of_record,
)
SELECTION_PICTURES = Pictures(
    "selection",
    "pictures of the choice",
    shows={
        "front": "candidates by fit, stability and simplicity",
        "sensitivity": "agreement of the chosen segments with those after each change",
    },
)
FIRMNESS: Document[Firmness] = Document(
    "selection",
    "firmness.json",
    "how much of the chosen segments stays under a change, in words",
    type_of=_note("Firmness"),
)
SELECTION_METRICS: Document[SelectionMetrics | SampledSelectionMetrics] = Document(
    "selection",
    "metrics.json",
    "figures for `dvc metrics`: what was chosen, and how good it is",
    type_of=_selection_metrics,
)
FRONT_POINTS = Table(
    "selection",
    "front.csv",
    "one row per candidate with evidence, for `dvc plots`",
    columns=(
        CELL,
        TableColumn("k", WHOLE, "number of clusters"),
        TableColumn(
            "status", TEXT, "chosen, front (no other is better in fit, stability and simplicity), passes or fails"
        ),
        TableColumn("jaccard_min", NUMBER, "mean Jaccard over bootstraps of the least stable cluster"),
        TableColumn("fit", NUMBER, "the score that `selection.metric` names"),
    ),
)


# --- identity ----------------------------------------------------------------------------------------------------------------

IDENTITY: Document[SegmentIdentity] = Document(
    "identity", "identity.json", "who the chosen clusters are: ids, names and colours", type_of=_identity
)
NAMED_LABELS = Table(
    "identity",
    "segments.parquet",
    "one row per customer, in the order of the feature table",
    NO_CHOICE,
    columns=(CUSTOMER_ID, CLUSTER, SEGMENT_ID, SEGMENT),
)


# --- prediction --------------------------------------------------------------------------------------------------------------

PREDICTION: Document[PredictionFacts | NoPrediction] = Document(
    "prediction",
    "prediction.json",
    "what was compared, recommended and predicted; or why nothing is predicted",
    type_of=_prediction,
)
CUSTOMER_FORECAST = Table(
    "prediction",
    "customers.parquet",
    "one row per customer",
    NO_PREDICTION,
    columns=(
        CUSTOMER_ID,
        CLUSTER,
        SEGMENT_ID,
        SEGMENT,
        CHURN_RISK,
        EXPECTED_VALUE,
        TableColumn(
            "beyond_seen",
            FLAG,
            "whether that is more than the customer spent in all and an average buyer in a horizon, or was cut to the most anybody spent in one",
            always=False,
        ),
        TableColumn(
            "outside_learned", FLAG, "whether the customer has figures beyond those that the models learned from"
        ),
    ),
)
SEGMENT_FORECAST = Table(
    "prediction",
    "segments.parquet",
    "one row per segment",
    NO_PREDICTION,
    columns=(
        CLUSTER,
        SEGMENT_ID,
        SEGMENT,
        TableColumn("customers", WHOLE, "its customers", "customers"),
        *SEGMENT_OUTLOOK,
    ),
)
MODEL_COMPARISON = Table(
    "prediction",
    "comparison.parquet",
    "one row per outcome, model, variant, segment and metric, measured on later time",
    NO_PREDICTION,
    columns=(
        OUTCOME,
        MODEL,
        VARIANT,
        TableColumn("segment", TEXT, "number of the cluster, or all"),
        TableColumn("customers", WHOLE, "customers it was measured on", "customers"),
        TableColumn("metric", TEXT, "name of the score"),
        TableColumn("value", NUMBER, "the score", "as the metric: money for mae", gaps=True),
        TableColumn("low", NUMBER, "lower end of its 95 % bootstrap interval", "as the metric", gaps=True),
        TableColumn("high", NUMBER, "upper end of it", "as the metric", gaps=True),
        TableColumn("difference", NUMBER, "value less that of the model's global variant", "as the metric", gaps=True),
        TableColumn("difference_low", NUMBER, "lower end of its paired 95 % interval", "as the metric", gaps=True),
        TableColumn("difference_high", NUMBER, "upper end of it", "as the metric", gaps=True),
    ),
)
CALIBRATION = Table(
    "prediction",
    "calibration.parquet",
    "one row per outcome, model, variant and tenth of the customers by what was predicted",
    NO_PREDICTION,
    columns=(
        OUTCOME,
        MODEL,
        VARIANT,
        TableColumn("customers", WHOLE, "customers of the group", "customers"),
        TableColumn("predicted", NUMBER, "mean prediction of the group", f"probability, or {CURRENCY}"),
        TableColumn("observed", NUMBER, "what happened to it, on average", f"share, or {CURRENCY}"),
        TableColumn("low", NUMBER, "lower end of the 95 % interval of observed", f"share, or {CURRENCY}", gaps=True),
        TableColumn("high", NUMBER, "upper end of it", f"share, or {CURRENCY}", gaps=True),
    ),
)
PREDICTION_PICTURES = Pictures(
    "prediction",
    "pictures of the models",
    NO_PREDICTION,
    shows={
        "comparison_churn": "models by their score for churn",
        "comparison_value": "models by their score for value",
        "calibration_churn": "predicted against observed churn, recommended model",
        "calibration_value": "predicted against observed value, recommended model",
    },
)
PREDICTION_METRICS: Document[PredictionMetrics] = Document(
    "prediction",
    "metrics.json",
    "figures for `dvc metrics`: how well the recommended models foresaw",
    type_of=_note("PredictionMetrics"),
)
CHURN_CALIBRATION = Table(
    "prediction",
    "churn_calibration.csv",
    "one row per tenth of the customers by predicted churn, recommended model, for `dvc plots`",
    NO_PREDICTION,
    columns=(
        TableColumn("customers", WHOLE, "customers of the group", "customers"),
        TableColumn("predicted", NUMBER, "mean predicted probability of churn"),
        TableColumn("observed", NUMBER, "share of them who left"),
    ),
)
VALUE_CALIBRATION = Table(
    "prediction",
    "value_calibration.csv",
    "one row per tenth of the customers by predicted value, recommended model, for `dvc plots`",
    NO_PREDICTION,
    columns=(
        TableColumn("customers", WHOLE, "customers of the group", "customers"),
        TableColumn("predicted", NUMBER, "mean spend that was predicted", CURRENCY),
        TableColumn("observed", NUMBER, "mean spend that came", CURRENCY),
        TableColumn("low", NUMBER, "lower end of the 95 % interval of observed", CURRENCY, gaps=True),
        TableColumn("high", NUMBER, "upper end of it", CURRENCY, gaps=True),
        TableColumn("forecast", NUMBER, "predicted of all its customers together", CURRENCY),
        TableColumn("came", NUMBER, "what they spent together", CURRENCY),
    ),
)


# --- profiles ----------------------------------------------------------------------------------------------------------------

SEGMENTS: Document[SegmentList] = Document(
    "profiles",
    "segments.json",
    "names, colours and ids of the segments, in the order of their clusters",
    type_of=_note("SegmentList"),
)
PROFILES = Table(
    "profiles",
    "profiles.parquet",
    "one row per segment",
    NO_CHOICE,
    columns=(
        CLUSTER,
        SEGMENT,
        TableColumn("size", WHOLE, "its customers", "customers"),
        TableColumn("share", NUMBER, "their share of all"),
        TableColumn("revenue", NUMBER, "what they spent; where money is known", CURRENCY, always=False),
        TableColumn("revenue_share", NUMBER, "its share of all revenue", always=False),
        *SEGMENT_OUTLOOK,
        TableColumn("<feature>_mean", NUMBER, "mean of the feature", "as the feature", gaps=True),
        TableColumn("<feature>_median", NUMBER, "median of the feature", "as the feature", gaps=True),
        TableColumn(
            "<feature>_index",
            NUMBER,
            "100 x mean / mean of all customers; none for features that can be below zero",
            gaps=True,
        ),
    ),
)
SEGMENT_MEMBERS = Table(
    "profiles",
    "segments.parquet",
    "one row per customer, in the order of the feature table: who is in which segment, and how far to believe it",
    NO_CHOICE,
    columns=(
        CUSTOMER_ID,
        CLUSTER,
        SEGMENT_ID,
        SEGMENT,
        TableColumn("margin", NUMBER, "how much farther the next centre is", "units of the clustered space"),
        TableColumn(
            "confidence", NUMBER, "that as a share of the distance to the next centre: 0 on the border, 1 at the centre"
        ),
        TableColumn("boundary", FLAG, "whether confidence is below `confidence.boundary`"),
        TableColumn(
            "out_of_range",
            FLAG,
            "whether the customer lies outside nearly all others, or outside the range of a feature",
        ),
        TableColumn(
            "agreement",
            NUMBER,
            "share of bootstraps that put the customer into the same cluster; where there is evidence",
            always=False,
        ),
    ),
)
DESCRIPTORS = Table(
    "profiles",
    "descriptors.parquet",
    "one row per feature, level (of categories) and segment",
    NO_CHOICE,
    columns=(
        TableColumn("feature", TEXT, "the feature"),
        TableColumn("kind", TEXT, "number or category"),
        TableColumn("role", TEXT, "clustered, derived from clustered ones, or descriptor"),
        TableColumn("level", TEXT, 'level of the category; "" for numbers'),
        CLUSTER,
        SEGMENT,
        TableColumn("known", WHOLE, "customers of the segment with a value", "customers"),
        TableColumn(
            "mean", NUMBER, "mean in the segment; of a category the share of the level", "as the feature", gaps=True
        ),
        TableColumn("median", NUMBER, "median in the segment; numbers only", "as the feature", gaps=True),
        TableColumn("overall", NUMBER, "mean of all customers", "as the feature", gaps=True),
        TableColumn("overall_median", NUMBER, "median of all customers; numbers only", "as the feature", gaps=True),
        TableColumn("index", NUMBER, "100 x mean / overall; none for features that can be below zero", gaps=True),
        TableColumn(
            "effect",
            NUMBER,
            "segment against all others: Cliff's delta of numbers (-1 to 1), Cohen's h of categories",
            gaps=True,
        ),
        TableColumn("rank", NUMBER, "mean rank of its customers among all, 0 to 1; numbers only", gaps=True),
    ),
)
TESTS = Table(
    "profiles",
    "tests.parquet",
    "one row per feature: whether the segments differ in it",
    NO_CHOICE,
    columns=(
        TableColumn("feature", TEXT, "the feature"),
        TableColumn("kind", TEXT, "number or category"),
        TableColumn("role", TEXT, "clustered, derived from clustered ones, or descriptor"),
        TableColumn("known", WHOLE, "customers with a value", "customers"),
        TableColumn(
            "test", TEXT, 'name of the test; "" where the difference is made by the clustering itself', gaps=True
        ),
        TableColumn("statistic", NUMBER, "its statistic", gaps=True),
        TableColumn("p", NUMBER, "its p-value", gaps=True),
        TableColumn("p_holm", NUMBER, "p adjusted for the number of tests (Holm)", gaps=True),
        TableColumn(
            "effect",
            NUMBER,
            "how much of the feature the segments account for, 0 to 1: epsilon squared or Cramér's V",
            gaps=True,
        ),
        TableColumn(
            "follows", TEXT, "the clustered feature it goes along with most; from 0.5 on it is not tested", gaps=True
        ),
        TableColumn(
            "correlation",
            NUMBER,
            "Spearman correlation with that; of a category the share of its ranks' spread, as a root",
            gaps=True,
        ),
        TableColumn("note", TEXT, "what limits the test", gaps=True),
    ),
)
MAKE_UP = Table(
    "profiles",
    "make_up.parquet",
    "one row per segment, category that was not clustered on, and value",
    NO_CHOICE,
    columns=(
        CLUSTER,
        SEGMENT,
        TableColumn("descriptor", TEXT, "the category"),
        TableColumn("value", TEXT, "its value, or unknown"),
        TableColumn("customers", WHOLE, "customers of the segment with it", "customers"),
        TableColumn("share", NUMBER, "their share of those known; none for unknown", gaps=True),
        TableColumn("overall_share", NUMBER, "the same of all customers", gaps=True),
        TableColumn("known", WHOLE, "customers of the segment for whom the category is known", "customers"),
    ),
)
OVERALL: Document[dict[str, Average]] = Document(
    "profiles",
    "overall.json",
    "per numeric feature its mean and median over all customers, in its unit",
    NO_CHOICE,
    type_of=_averages,
)
PLAIN_RULES: Document[Rules] = Document(
    "profiles", "rules.json", "the segmentation in plain rules, and how true they are to it", NO_CHOICE, type_of=_rules
)
REASONS = Table(
    "profiles",
    "reasons.parquet",
    "one row per customer, in the order of the feature table: what put them into their segment rather than the next",
    NO_CHOICE,
    columns=(
        CUSTOMER_ID,
        SEGMENT,
        TableColumn("next_segment", TEXT, "name of the segment with the second-nearest centre"),
        TableColumn("first_feature", TEXT, "the feature that speaks most for the own segment", gaps=True),
        TableColumn(
            "first_side",
            TEXT,
            "high or low, or the level of a category: where the own segment lies, seen from the next",
            gaps=True,
        ),
        TableColumn("first_share", NUMBER, "its share of all that speaks for the segment", gaps=True),
        TableColumn("second_feature", TEXT, "the next such feature, if there is one", gaps=True),
        TableColumn("second_side", TEXT, "high or low, or the level", gaps=True),
        TableColumn("second_share", NUMBER, "its share", gaps=True),
    ),
)
RFM_MEMBERS = Table(
    "profiles",
    "rfm.parquet",
    "one row per customer, in the order of the feature table",
    f"{NO_CHOICE}, there are no RFM scores, or section `rfm_map` is empty",
    columns=(CUSTOMER_ID, RFM_SEGMENT),
)
RFM_SEGMENTS = Table(
    "profiles",
    "rfm_segments.parquet",
    "one row per segment of the RFM map",
    RFM_MEMBERS.absent,
    columns=(
        RFM_SEGMENT,
        TableColumn("cells", WHOLE, "score triples it has, of 125", "cells"),
        TableColumn("reachable", FLAG, "whether the scores that occur allow anybody in it"),
        TableColumn("customers", WHOLE, "its customers", "customers"),
        TableColumn("share", NUMBER, "their share of all"),
        TableColumn("revenue_share", NUMBER, "their share of all revenue"),
        TableColumn("recency_days", NUMBER, "median days since the last purchase", "days", gaps=True),
        TableColumn("frequency", NUMBER, "median orders", "orders", gaps=True),
        TableColumn("monetary", NUMBER, "median money paid", CURRENCY, gaps=True),
        TableColumn("note", TEXT, "why nobody is in it"),
    ),
)
RFM_CROSS_TABLE = Table(
    "profiles",
    "rfm_cross_table.parquet",
    "one row per segment of the RFM map and clustered segment",
    RFM_MEMBERS.absent,
    columns=(
        RFM_SEGMENT,
        CLUSTER,
        SEGMENT,
        TableColumn("customers", WHOLE, "customers in both", "customers"),
        TableColumn("share", NUMBER, "their share of the RFM segment's; none when it has none", gaps=True),
    ),
)
PROFILES_METRICS: Document[ProfilesMetrics] = Document(
    "profiles",
    "metrics.json",
    "figures for `dvc metrics`: how large the segments are",
    type_of=_note("ProfilesMetrics"),
)
SEGMENT_SIZES = Table(
    "profiles",
    "sizes.csv",
    "one row per segment, for `dvc plots`",
    NO_CHOICE,
    columns=(
        SEGMENT,
        TableColumn("size", WHOLE, "its customers", "customers"),
        TableColumn("share", NUMBER, "their share of all"),
        TableColumn("revenue_share", NUMBER, "its share of all revenue; where money is known", always=False),
    ),
)


# --- playbook ----------------------------------------------------------------------------------------------------------------

PLAYBOOKS: Document[Plan] = Document(
    "playbook", "playbook.json", "which playbook each segment has, with the evidence", type_of=_plan
)
PLAYBOOK_TABLE = Table(
    "playbook",
    "playbook.parquet",
    "one row per segment",
    NO_CHOICE,
    columns=(
        CLUSTER,
        SEGMENT,
        TableColumn("size", WHOLE, "its customers", "customers"),
        TableColumn("share", NUMBER, "their share of all"),
        TableColumn("playbook", TEXT, "name of its playbook"),
        TableColumn("title", TEXT, "the playbook's title"),
        TableColumn("goal", TEXT, "what it is for"),
        TableColumn("do", TEXT, "what to do"),
        TableColumn("avoid", TEXT, "what not to do"),
        TableColumn("channel", TEXT, "where"),
        TableColumn("offer", TEXT, "what is offered"),
        TableColumn("kpi", TEXT, "what to measure"),
        TableColumn("evidence", TEXT, "traits of the segment that speak for it, with figures"),
        TableColumn("runner_up", TEXT, "the next best playbook that fits", gaps=True),
        TableColumn("horizon_days", WHOLE, "days that the prediction looks ahead", "days", always=False),
        *SEGMENT_OUTLOOK,
    ),
)
PLAYBOOK_PAGE = Text("playbook", "playbook.md", "the same as a page, in Markdown", NO_CHOICE)


OVERLAYS = Table(
    "playbook",
    "overlays.parquet",
    "one row per trait of section `overlay` and segment: customers who have it",
    NO_CHOICE,
    columns=(
        TableColumn("overlay", TEXT, "name of the trait, as `segments export overlay=` takes it"),
        TableColumn("label", TEXT, "what people call these customers"),
        TableColumn("means", TEXT, "what the trait is"),
        TableColumn("offer", TEXT, "what is offered to them"),
        SEGMENT_ID,
        SEGMENT,
        TableColumn("customers", WHOLE, "customers of the segment who have it", "customers"),
        TableColumn("share", NUMBER, "their share of the segment"),
        TableColumn("revenue", NUMBER, "what they spent; where money is known", CURRENCY, always=False),
    ),
)


# --- performance -------------------------------------------------------------------------------------------------------------

PERIOD = TableColumn("period", TEXT, "the month, such as 2017-04, or the first day of the week")
_IN_SEGMENT = (
    TableColumn("members", WHOLE, "customers in it at the end of the period", "customers"),
    TableColumn("active_customers", WHOLE, "of them: who bought in the period", "customers"),
    TableColumn("revenue", NUMBER, "money paid in the period, returns taken off", CURRENCY),
    TableColumn("visits", WHOLE, "orders in the period", "orders"),
    TableColumn("basket", NUMBER, "revenue / visits", CURRENCY, gaps=True),
    TableColumn(
        "discount_share", NUMBER, "discount / (spend + discount); where discounts are known", gaps=True, always=False
    ),
    TableColumn(
        "coupon_share", NUMBER, "coupons / (spend + coupons); where coupons are known", gaps=True, always=False
    ),
    TableColumn(
        "churned",
        WHOLE,
        "customers whose silence reached `performance.inactive_days` in the period, in the segment in which they bought last",
        "customers",
    ),
    TableColumn("won_back", WHOLE, "customers who bought in the period after a longer silence than that", "customers"),
)
PERFORMANCE = Table(
    "performance",
    "performance.parquet",
    "one row per membership, period and segment; `all` holds all of them, `none` those in no segment: not yet a customer to score. No row without a log",
    columns=(
        TableColumn(
            "membership", TEXT, "then: segments as of the end of the period; today: the customers of today's segments"
        ),
        PERIOD,
        TableColumn("first_day", TEXT, "its first day, ISO"),
        TableColumn("days", WHOLE, "of its days the log covers", "days"),
        TableColumn("whole", FLAG, "whether that is all of them"),
        SEGMENT_ID,
        SEGMENT,
        *_IN_SEGMENT,
        TableColumn(
            "<measure>_change", NUMBER, "against the period before: relative; of shares the difference", gaps=True
        ),
        TableColumn("<measure>_change_year", NUMBER, "the same against the period a year before", gaps=True),
    ),
)
MOVERS = Table(
    "performance",
    "movers.parquet",
    "one row per pair of segments between which customers moved in the last whole period",
    columns=(
        PERIOD,
        TableColumn(
            "from_id", TEXT, "segment at the end of the period before; `none`: in no segment, as not yet a customer"
        ),
        TableColumn("from_segment", TEXT, "its name"),
        TableColumn("to_id", TEXT, "segment at the end of the period"),
        TableColumn("to_segment", TEXT, "its name"),
        TableColumn("customers", WHOLE, "who moved", "customers"),
        TableColumn("revenue", NUMBER, "what they paid in the last `performance.worth_periods` periods", CURRENCY),
        TableColumn(
            "worth",
            NUMBER,
            "customers x (what a customer of the new segment paid in these periods - one of the old): above 0 they rose",
            CURRENCY,
        ),
    ),
)
TARGET_LIGHTS = Table(
    "performance",
    "targets.parquet",
    "one row per target of conf/targets.yaml, by the members of then",
    columns=(
        TableColumn("metric", TEXT, "the measure"),
        SEGMENT_ID,
        SEGMENT,
        PERIOD,
        TableColumn("bound", TEXT, "at least or at most"),
        TableColumn("target", NUMBER, "what is wanted", "as the measure"),
        TableColumn("value", NUMBER, "what it was", "as the measure", gaps=True),
        TableColumn("light", TEXT, "met, missed or no data"),
        TableColumn("why", TEXT, 'why there are no data; ""'),
    ),
)
PERFORMANCE_FACTS: Document[PerformanceFacts] = Document(
    "performance", "performance.json", "which periods, what churn is, and what to know of them", type_of=_performance
)
PERFORMANCE_METRICS: Document[PerformanceMetrics] = Document(
    "performance",
    "metrics.json",
    "figures for `dvc metrics`: the last whole period",
    type_of=_note("PerformanceMetrics"),
)


# --- briefing ----------------------------------------------------------------------------------------------------------------

REPORT = Text("briefing", "report.html", "the report for a manager: one page that stands alone", NO_CHOICE)
BRIEFING: Document[BriefingList] = Document(
    "briefing", "briefing.json", "what the report shows", type_of=_note("BriefingList")
)
BRIEFING_PICTURES = Pictures(
    "briefing",
    "pictures of the segments, as in the report",
    f"{NO_CHOICE}, or the data give nothing to draw for it",
    shows={
        "heat_map": "features by segment, as an index",
        "snake": "features by segment, as mean ranks",
        "radar": "the same on a circle, all segments",
        "radar_<cluster>": "the same, one segment",
        "bubble": "segments by size, revenue and outlook",
        "make_up": "categories by segment",
        "certainty": "customers on a plane, by how certain their segment is",
        "calibration_churn": "predicted against observed churn",
        "calibration_value": "predicted against observed spend",
    },
)


# --- registry ----------------------------------------------------------------------------------------------------------------

RECEIPT: Document[Receipt] = Document(
    "registry", "receipt.json", "what became of the run in the registry", type_of=_note("Receipt")
)
SEGMENTATION = Text(
    "registry",
    "segmentation.json",
    "the registered model as JSON (`Segmentation.from_json`): space, centres, segments, limits",
    NO_CHOICE,
)
SUMMARY = Text("registry", "summary.txt", "what was swept, chosen and registered: what `segments summary` prints")
REGISTRY_METRICS: Document[RegistryMetrics] = Document(
    "registry", "metrics.json", "figures for `dvc metrics`: what became of the run", type_of=_note("RegistryMetrics")
)


# --- migration, made by a command of that name -------------------------------------------------------------------------------

_UNASKED = "nobody ran `segments migration`"
MIGRATION: Document[MigrationFacts] = Document(
    "migration",
    "migration.json",
    "who moved between two dates or versions, in figures and words",
    _UNASKED,
    type_of=_migration,
)
TRANSITIONS = Table(
    "migration",
    "transitions.csv",
    "one row per pair of old and new segment in use",
    _UNASKED,
    columns=(
        TableColumn("from_id", TEXT, "id of the earlier segment; missing for new customers", gaps=True),
        TableColumn("to_id", TEXT, "id of the later segment; missing for those gone", gaps=True),
        TableColumn("customers", WHOLE, "customers who went that way", "customers"),
        TableColumn("stayed", WHOLE, "of them: in the same segment, by both models", "customers"),
        TableColumn("returned", WHOLE, "of them: in the same segment, though they and the model changed", "customers"),
        TableColumn("customer", WHOLE, "of them: moved because they changed", "customers"),
        TableColumn("model", WHOLE, "of them: moved because the model changed", "customers"),
        TableColumn("both", WHOLE, "of them: moved because both changed", "customers"),
        TableColumn("new", WHOLE, "of them: not there at the first date", "customers"),
        TableColumn("gone", WHOLE, "of them: not there at the second date", "customers"),
    ),
)
MOVED_CUSTOMERS = Table(
    "migration",
    "moved.parquet",
    "one row per customer of either date, those who moved first, farthest first",
    _UNASKED,
    columns=(
        CUSTOMER_ID,
        TableColumn("cell", TEXT, "stayed, returned, customer, model, both, new or gone"),
        TableColumn("from_id", TEXT, "segment by the earlier model and features", gaps=True),
        TableColumn("via_id", TEXT, "segment by the earlier model and the later features", gaps=True),
        TableColumn("to_id", TEXT, "segment by the later model and features", gaps=True),
        TableColumn(
            "travelled", NUMBER, "way between the two dates", "units of the earlier clustered space", gaps=True
        ),
        TableColumn("crossings", NUMBER, "that over the shortest way across the border of the segment", gaps=True),
    ),
)
MIGRATION_PICTURES = Pictures(
    "migration",
    "picture of the moves",
    _UNASKED,
    shows={"migration": "customers from old to new segments"},
)

CATALOG: tuple[Artifact[Any], ...] = tuple(value for value in vars().copy().values() if isinstance(value, Artifact))
