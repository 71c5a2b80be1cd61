"""Section ``prediction`` and the group ``prediction_model``: what is foreseen, and by which models."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidatorFunctionWrapHandler, WrapValidator
from pydantic.dataclasses import dataclass

from segments.config.checks import CLOSED, Day, EachOnce, Seed, filled, rule


def _not_bg_nbd(purchases: object) -> object:
    if purchases == "bg_nbd":
        raise rule(
            "BG/NBD gives every one-time buyer a chance of 1 to be active, so it cannot rank who left",
            "choose one of mbg_nbd, pareto_nbd",
        )
    return purchases


AUTO_DAYS = -1  # `auto`, as a number: a config that is kept with a version says so, and is read again


def _auto(days: object, check: ValidatorFunctionWrapHandler) -> object:
    return AUTO_DAYS if days in ("auto", AUTO_DAYS) else check(days)


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
    kind: Literal["recency", "last_period", "btyd", "linear", "boosting"]
    purchases: Annotated[Literal["mbg_nbd", "pareto_nbd"], BeforeValidator(_not_bg_nbd)] = "mbg_nbd"
    penalty: Annotated[float, Field(ge=1e-6, le=1e6)] = 1.0
    iterations: Annotated[int, Field(ge=1, le=10_000)] = 100
    leaves: Annotated[int, Field(ge=2, le=10_000)] = 15
    learning_rate: Annotated[float, Field(ge=1e-4, le=1)] = 0.05


@dataclass(frozen=True, config=CLOSED)
class PredictionConfig:
    """Section ``prediction``: what is foreseen, how far ahead, and by which models.

    Parameters
    ----------
    models : list of str
        Names of YAMLs in ``conf/prediction_model/``.
    horizon_days : int or "auto"
        Churn is no purchase in this many days, value what is spent in them; ``auto``: 90, or a third of the log where that is less.
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

    models: Annotated[EachOnce, filled("name at least one YAML of conf/prediction_model/")]
    horizon_days: Annotated[int, Field(ge=1, le=10_000), WrapValidator(_auto)] = 90
    cutoff: Day | None = None
    bootstrap: Annotated[int, Field(ge=20, le=100_000)] = 500
    min_customers: Annotated[int, Field(ge=10)] = 100
    min_events: Annotated[int, Field(ge=5)] = 10
    seed: Seed = 0
