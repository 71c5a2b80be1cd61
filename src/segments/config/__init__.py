"""The typed face of ``conf/``. Comes in: plain mappings (from YAML). Goes out: frozen dataclasses that hold only allowed values.

One class per section of ``conf/config.yaml`` or group folder. ``__post_init__`` refuses a bad value and names the key to change.
The classes stand by subject in the modules beside this one, which know nothing of each other; here is the whole they make up.
"""

from __future__ import annotations

from dataclasses import field

from pydantic.dataclasses import dataclass

from segments.config.checks import CLOSED, in_range, one_of
from segments.config.decisions import Decision, Decisions, GivenName
from segments.config.evidence import (
    EVIDENCE,
    GRADES,
    METRICS,
    NULLS,
    EvidenceConfig,
    GradesConfig,
    SelectionConfig,
    SensitivityConfig,
)
from segments.config.features import RFM_SCORES, ExploreConfig, FeaturesConfig
from segments.config.identity import COLOURS, ConfidenceConfig, IdentityConfig
from segments.config.playbook import LEVELS, BriefingConfig, ExportConfig, Playbook, PlaybookConfig, When
from segments.config.prediction import BTYD_KINDS, PREDICTION_KINDS, PredictionConfig, PredictionModel
from segments.config.profiles import ProfilesConfig, RfmCells, RfmMapConfig, Trait
from segments.config.registry import RegistryConfig, TrackingConfig
from segments.config.serving import DashboardConfig, Limits, MonitoringConfig, ServingConfig
from segments.config.source import (
    KINDS,
    Campaigns,
    Column,
    Customers,
    Fetch,
    Policy,
    Products,
    Reader,
    Source,
    Transactions,
)
from segments.config.sweep import (
    ALGORITHMS,
    SCALERS,
    TRANSFORMS,
    Algorithm,
    Feature,
    FeatureSet,
    Scaler,
    ScoringConfig,
    SweepConfig,
)

__all__ = [
    "ALGORITHMS",
    "BTYD_KINDS",
    "CLOSED",
    "COLOURS",
    "EVIDENCE",
    "GRADES",
    "KINDS",
    "LEVELS",
    "METRICS",
    "NULLS",
    "PREDICTION_KINDS",
    "RFM_SCORES",
    "SCALERS",
    "TRANSFORMS",
    "Algorithm",
    "BriefingConfig",
    "Campaigns",
    "Column",
    "ConfidenceConfig",
    "Config",
    "Customers",
    "DashboardConfig",
    "Decision",
    "Decisions",
    "EvidenceConfig",
    "ExploreConfig",
    "ExportConfig",
    "Feature",
    "FeatureSet",
    "FeaturesConfig",
    "Fetch",
    "GivenName",
    "GradesConfig",
    "IdentityConfig",
    "Limits",
    "MonitoringConfig",
    "Playbook",
    "PlaybookConfig",
    "Policy",
    "PredictionConfig",
    "PredictionModel",
    "Products",
    "ProfilesConfig",
    "Reader",
    "RegistryConfig",
    "RfmCells",
    "RfmMapConfig",
    "Scaler",
    "ScoringConfig",
    "SelectionConfig",
    "SensitivityConfig",
    "ServingConfig",
    "Source",
    "SweepConfig",
    "TrackingConfig",
    "Trait",
    "Transactions",
    "When",
    "in_range",
    "one_of",
]


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
    explore, features, sweep, evidence, selection, sensitivity, profiles, rfm_map, prediction, playbook, briefing, export, registry, monitoring, serving, dashboard, tracking
        The sections of the stages and commands.
    decisions : Decisions
        What people decided against the rules.
    identity, confidence
        What makes a segment the same one in the next version, and when its model warns.
    playbooks
        All of ``conf/playbook/``.
    """

    source: Source
    feature_set: FeatureSet
    scaler: Scaler
    algorithm: Algorithm
    sweep: SweepConfig
    k: int = 5
    explore: ExploreConfig = field(default_factory=ExploreConfig)
    features: FeaturesConfig = field(default_factory=FeaturesConfig)
    evidence: EvidenceConfig = field(default_factory=EvidenceConfig)
    selection: SelectionConfig = field(default_factory=SelectionConfig)
    sensitivity: SensitivityConfig = field(default_factory=SensitivityConfig)
    identity: IdentityConfig = field(default_factory=IdentityConfig)
    confidence: ConfidenceConfig = field(default_factory=ConfidenceConfig)
    profiles: ProfilesConfig = field(default_factory=ProfilesConfig)
    rfm_map: RfmMapConfig = field(default_factory=RfmMapConfig)
    briefing: BriefingConfig = field(default_factory=BriefingConfig)
    prediction: PredictionConfig = field(default_factory=lambda: PredictionConfig(models=["recency"]))
    playbook: PlaybookConfig = field(default_factory=PlaybookConfig)
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

    def __post_init__(self) -> None:
        in_range(self.k, 2, 1000, "k")
