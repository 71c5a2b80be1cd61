"""The whole of ``conf/`` as one frozen dataclass. Comes in: plain mappings (from YAML). Goes out: allowed values only.

The sections stand by subject in the modules beside this one, which know nothing of each other; here is the whole they make up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, fields, replace

from pydantic.dataclasses import dataclass

from segments.config.checks import CLOSED, ClusterCount
from segments.config.columns import Entry
from segments.config.decisions import Decisions
from segments.config.evidence import EvidenceConfig, SelectionConfig, SensitivityConfig, UsefulnessConfig
from segments.config.features import ExploreConfig, FeaturesConfig
from segments.config.identity import ConfidenceConfig, IdentityConfig
from segments.config.overlay import OverlayConfig
from segments.config.performance import PerformanceConfig, Target
from segments.config.playbook import BriefingConfig, ExportConfig, Playbook, PlaybookConfig
from segments.config.prediction import PredictionConfig, PredictionModel
from segments.config.profiles import ProfilesConfig, RfmMapConfig
from segments.config.registry import RegistryConfig, TrackingConfig
from segments.config.serving import DashboardConfig, MonitoringConfig, ServingConfig
from segments.config.source import Source
from segments.config.sweep import Algorithm, FeatureSet, Scaler, SweepConfig


@dataclass(frozen=True, config=CLOSED)
class Config:
    """All of ``conf/``, composed: what the stages read.

    Parameters
    ----------
    source, feature_set, scaler, algorithm
        The chosen members of the groups; ``feature_set``, ``scaler`` and ``k`` are those of ``segments fit``.
    k : int
        Number of clusters for ``segments fit``.
    grid_feature_sets, grid_scalers, grid_prediction_models
        What the names in ``sweep.feature_sets``, ``sweep.scalers`` and ``prediction.models`` stand for.
    explore, features, sweep, evidence, usefulness, sensitivity, selection, profiles, rfm_map, prediction, playbook, overlay, performance, briefing, export, registry, monitoring, serving, dashboard, tracking
        The sections of the stages and commands.
    decisions : Decisions
        What people decided against the rules.
    identity, confidence
        What makes a segment the same one in the next version, and when its model warns.
    playbooks
        All of ``conf/playbook/``.
    queries
        The SQL that the source names, by the path of its file.
    targets
        What is wanted of the segments, per source: ``conf/targets.yaml``.
    """

    source: Source
    feature_set: FeatureSet
    scaler: Scaler
    algorithm: Algorithm
    sweep: SweepConfig
    k: ClusterCount = 5
    explore: ExploreConfig = field(default_factory=ExploreConfig)
    features: FeaturesConfig = field(default_factory=FeaturesConfig)
    evidence: EvidenceConfig = field(default_factory=EvidenceConfig)
    usefulness: UsefulnessConfig = field(default_factory=UsefulnessConfig)
    sensitivity: SensitivityConfig = field(default_factory=SensitivityConfig)
    selection: SelectionConfig = field(default_factory=SelectionConfig)
    identity: IdentityConfig = field(default_factory=IdentityConfig)
    confidence: ConfidenceConfig = field(default_factory=ConfidenceConfig)
    profiles: ProfilesConfig = field(default_factory=ProfilesConfig)
    rfm_map: RfmMapConfig = field(default_factory=RfmMapConfig)
    briefing: BriefingConfig = field(default_factory=BriefingConfig)
    prediction: PredictionConfig = field(default_factory=lambda: PredictionConfig(models=["recency"]))
    playbook: PlaybookConfig = field(default_factory=PlaybookConfig)
    overlay: OverlayConfig = field(default_factory=OverlayConfig)
    performance: PerformanceConfig = field(default_factory=PerformanceConfig)
    export: ExportConfig = field(default_factory=ExportConfig)
    registry: RegistryConfig = field(default_factory=RegistryConfig)
    monitoring: MonitoringConfig = field(default_factory=MonitoringConfig)
    serving: ServingConfig = field(default_factory=ServingConfig)
    dashboard: DashboardConfig = field(default_factory=DashboardConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    decisions: Decisions = field(default_factory=Decisions)
    grid_feature_sets: dict[str, FeatureSet] = field(default_factory=dict)
    grid_scalers: dict[str, Scaler] = field(default_factory=dict)
    grid_prediction_models: dict[str, PredictionModel] = field(default_factory=dict)
    playbooks: dict[str, Playbook] = field(default_factory=dict)
    queries: dict[str, str] = field(default_factory=dict)
    targets: dict[str, list[Target]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # What a source says of its columns holds in every feature set that says nothing else.
        known = self.source.entries
        object.__setattr__(self, "feature_set", entered(self.feature_set, known))
        grid = {name: entered(feature_set, known) for name, feature_set in self.grid_feature_sets.items()}
        object.__setattr__(self, "grid_feature_sets", grid)

    @property
    def used_columns(self) -> dict[str, list[str]]:
        """Columns whose missing values nothing stands in for, and the feature sets of the grid that use them."""
        used: dict[str, list[str]] = {}
        for feature_set in self.grid_feature_sets.values():
            for name, feature in feature_set.columns.items():
                if not feature.fills:
                    used.setdefault(name, []).append(feature_set.name)
        return used

    @property
    def columns_in_use(self) -> frozenset[str]:
        """Columns of the customers table that the feature sets of the grid are made of."""
        if self.source.customers is None:
            return frozenset()
        names = {name for one in self.grid_feature_sets.values() for name in one.columns}
        return frozenset(self.source.customers.only(names).columns)


def entered(feature_set: FeatureSet, known: Mapping[str, Entry]) -> FeatureSet:
    """A feature set with what the source says of its columns, wherever it says nothing itself.

    Examples
    --------
    >>> from segments.config.sweep import Feature
    >>> one = FeatureSet("one", {"age": Feature()})
    >>> entered(one, {"age": Entry(missing="median")}).columns["age"].missing
    'median'
    """
    columns = {}
    for name, feature in feature_set.columns.items():
        said = known.get(name, feature)
        open_ = [one.name for one in fields(Entry) if getattr(feature, one.name) in (None, False, [])]
        columns[name] = replace(feature, **{key: getattr(said, key) for key in open_})
    return replace(feature_set, columns=columns)
