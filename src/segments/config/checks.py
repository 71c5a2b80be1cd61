"""What every section holds to: a misspelt key is an error, and a bad value names its key and what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from pydantic import ConfigDict

from segments.errors import ConfigError

# A misspelt key is an error, and values are converted only where nothing is lost.
CLOSED = ConfigDict(extra="forbid")


def one_of(value: str, allowed: Iterable[str], key: str) -> None:
    """Refuse a value that is not in the list, and suggest the nearest that is.

    Raises
    ------
    ConfigError
        If `value` is not one of `allowed`.

    Examples
    --------
    >>> one_of("standard", ["none", "standard"], "scaler.name")
    """
    allowed = list(allowed)
    if value in allowed:
        return
    close = difflib.get_close_matches(value, allowed, n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    raise ConfigError(f"'{value}' is not a known value", where=key, fix=f"{hint}allowed: {', '.join(allowed)}")


def in_range(value: float, low: float, high: float, key: str) -> None:
    """Refuse a number outside ``[low, high]``.

    Raises
    ------
    ConfigError
        If `value` is below `low` or above `high`.

    Examples
    --------
    >>> in_range(0.05, 0, 1, "source.policy.max_bad_share")
    """
    if not low <= value <= high:
        raise ConfigError(f"{value} is out of range", where=key, fix=f"choose a value from {low:g} to {high:g}")
