"""A config in which what a test does not ask for is as small as it may be."""

from __future__ import annotations

from segments.config.registry import TrackingConfig
from segments.config.root import Config
from segments.config.source import Customers, Source
from segments.config.sweep import Algorithm, Feature, FeatureSet, Scaler, SweepConfig


def config(port: int = 5000, timeout_seconds: int = 1) -> Config:
    """The sections the UI does not read are as small as they may be."""
    return Config(
        source=Source(name="mall", customers=Customers(path="data/mall.csv")),
        feature_set=FeatureSet(name="rfm", columns={"recency_days": Feature()}),
        scaler=Scaler(name="standard"),
        algorithm=Algorithm(name="kmeans"),
        sweep=SweepConfig(feature_sets=["rfm"], scalers=["standard"]),
        tracking=TrackingConfig(port=port, timeout_seconds=timeout_seconds),
    )
