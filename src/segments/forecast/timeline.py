"""The days that split a log. Comes in: its first and last day, a horizon. Goes out: what is learned from, what is measured, what is ahead."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

from segments.config.prediction import AUTO_DAYS, PredictionConfig
from segments.errors import ConfigError, ForecastError

USUAL_DAYS, FEWEST_DAYS_AHEAD = 90, 7  # of a horizon that is left to be found


@dataclass(frozen=True)
class Timeline:
    """The days that split a log.

    Parameters
    ----------
    first : date
        Of the log's first purchase.
    train, test : date
        Last known day of what is learned from, and of what is measured; one horizon apart.
    latest : date
        The newest day whose horizon is over: one horizon before `as_of`.
    as_of : date
        The day from which forecasts look ahead.
    horizon_days : int
        Length of the time ahead.
    window_days : int, optional
        Days the features look back; all by default.
    """

    first: date
    train: date
    test: date
    latest: date
    as_of: date
    horizon_days: int
    window_days: int | None = None


def with_horizon(config: PredictionConfig, first: date, as_of: date) -> tuple[PredictionConfig, list[str]]:
    """The config with the days ahead it leaves to be found, and what is to be said of them.

    Parameters
    ----------
    config : PredictionConfig
        Its horizon may be ``AUTO_DAYS``.
    first, as_of : date
        First and last day of the log.

    Raises
    ------
    ForecastError
        If the log is shorter than three weeks.

    Examples
    --------
    >>> auto = PredictionConfig(models=["recency"], horizon_days="auto")
    >>> config, said = with_horizon(auto, date(2024, 1, 1), date(2024, 4, 9))
    >>> config.horizon_days, said
    (33, ['the log covers 100 days: what is foreseen is the next 33 days, a third of it, instead of 90'])
    """
    if config.horizon_days != AUTO_DAYS:
        return config, []
    span = (as_of - first).days + 1
    days = min(USUAL_DAYS, span // 3)
    if days < FEWEST_DAYS_AHEAD:
        raise ForecastError(
            f"the log covers {span} day{'s' * (span != 1)}, and {3 * FEWEST_DAYS_AHEAD} are needed: a week to know, one to learn from, one to measure"
        )
    said = (
        f"the log covers {span} days: what is foreseen is the next {days} days, a third of it, instead of {USUAL_DAYS}"
    )
    return replace(config, horizon_days=days), [said] if days < USUAL_DAYS else []


def timeline(first: date, as_of: date, config: PredictionConfig) -> Timeline:
    """The days that split a log, or why there are none.

    Parameters
    ----------
    first, as_of : date
        First and last day of the log.
    config : PredictionConfig
        Cutoff and horizon.

    Raises
    ------
    ConfigError
        If the cutoff lies outside the data, its horizon is not over yet, or there is no history left to learn from.

    Examples
    --------
    >>> when = timeline(date(2017, 1, 1), date(2018, 1, 1), PredictionConfig(models=["recency"], horizon_days=90))
    >>> str(when.train), str(when.test)
    ('2017-07-05', '2017-10-03')
    """
    horizon, span = timedelta(days=config.horizon_days), (as_of - first).days + 1
    if 3 * config.horizon_days > span:
        raise ConfigError(
            f"a horizon of {config.horizon_days} days is too long for a log of {span} days: one is learned from, one is measured, and one must come before",
            where="prediction.horizon_days",
            fix=f"choose at most {span // 3} days" if span >= 3 else "use a source with a longer log",
        )
    cutoff = date.fromisoformat(config.cutoff) if config.cutoff else as_of - horizon
    earliest, newest = first + 2 * horizon - timedelta(days=1), as_of - horizon
    if not earliest <= cutoff <= newest:
        inside = first <= cutoff <= as_of
        why = f"leaves no room for {config.horizon_days} days" if inside else "is outside the data"
        raise ConfigError(
            f"the cutoff {cutoff} {why}: the log goes from {first} to {as_of}",
            where="prediction.cutoff",
            fix=f"choose a day from {earliest} to {newest}, or null for the latter",
        )
    return Timeline(first, cutoff - horizon, cutoff, newest, as_of, config.horizon_days)
