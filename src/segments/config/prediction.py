"""Section ``prediction`` and the group ``prediction_model``: what is foreseen, and by which models."""

from __future__ import annotations

from datetime import date

from pydantic.dataclasses import dataclass

from segments.config.checks import CLOSED, in_range, one_of
from segments.errors import ConfigError

PREDICTION_KINDS = ("recency", "last_period", "btyd", "linear", "boosting")
BTYD_KINDS = ("mbg_nbd", "pareto_nbd")


@dataclass(frozen=True, config=CLOSED)
class PredictionModel:
    """One way to foresee churn and value; one YAML in ``conf/prediction_model/``. A kind ignores the settings of the others.

    Parameters
    ----------
    name : str
        The name of its YAML.
    kind : {"recency", "last_period", "btyd", "linear", "boosting"}
        Days since the last purchase alone; same as in the last horizon; buy till you die; logistic and Tweedie regression; gradient
        boosting, its churn risks calibrated.
    purchases : {"mbg_nbd", "pareto_nbd"}
        Of "btyd": the model of repeat purchases; money is Gamma-Gamma.
    penalty : float
        Of "linear" and "recency": weight of the squared coefficients, in rows.
    iterations, leaves : int
        Of "boosting": trees, and leaves per tree at most.
    learning_rate : float
        Of "boosting": how much each tree counts.
    """

    name: str
    kind: str
    purchases: str = "mbg_nbd"
    penalty: float = 1.0
    iterations: int = 100
    leaves: int = 15
    learning_rate: float = 0.05

    def __post_init__(self) -> None:
        one_of(self.kind, PREDICTION_KINDS, "prediction_model.kind")
        if self.purchases == "bg_nbd":
            raise ConfigError(
                "BG/NBD gives every one-time buyer a chance of 1 to be active, so it cannot rank who left",
                where="prediction_model.purchases",
                fix=f"choose one of {', '.join(BTYD_KINDS)}",
            )
        one_of(self.purchases, BTYD_KINDS, "prediction_model.purchases")
        in_range(self.penalty, 1e-6, 1e6, "prediction_model.penalty")
        in_range(self.iterations, 1, 10_000, "prediction_model.iterations")
        in_range(self.leaves, 2, 10_000, "prediction_model.leaves")
        in_range(self.learning_rate, 1e-4, 1, "prediction_model.learning_rate")


@dataclass(frozen=True, config=CLOSED)
class PredictionConfig:
    """Section ``prediction``: what is foreseen, how far ahead, and by which models.

    Parameters
    ----------
    models : list of str
        Names of YAMLs in ``conf/prediction_model/``.
    horizon_days : int
        Churn is no purchase in this many days, value what is spent in them.
    cutoff : str, optional
        Last day (ISO date) the models know when they are measured; one horizon before the as-of date by default. They learn one
        horizon before that.
    bootstrap : int
        Resamples behind every interval.
    min_customers, min_events : int
        A segment with fewer customers, or fewer who left, stayed or bought, uses the global model.
    seed : int
        Seed of resamples and models.
    """

    models: list[str]
    horizon_days: int = 90
    cutoff: str | None = None
    bootstrap: int = 500
    min_customers: int = 100
    min_events: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.models:
            raise ConfigError(
                "the list is empty", where="prediction.models", fix="name at least one YAML of conf/prediction_model/"
            )
        if doubled := sorted({name for name in self.models if self.models.count(name) > 1}):
            raise ConfigError(f"named twice: {', '.join(doubled)}", where="prediction.models", fix="name each once")
        in_range(self.horizon_days, 1, 10_000, "prediction.horizon_days")
        if self.cutoff is not None:
            try:
                date.fromisoformat(self.cutoff)
            except ValueError:
                raise ConfigError(
                    f"'{self.cutoff}' is not a date", where="prediction.cutoff", fix="write it as YYYY-MM-DD, or null"
                ) from None
        in_range(self.bootstrap, 20, 100_000, "prediction.bootstrap")
        in_range(self.min_customers, 10, 1e9, "prediction.min_customers")
        in_range(self.min_events, 5, 1e9, "prediction.min_events")
        in_range(self.seed, 0, 2**32 - 1, "prediction.seed")
