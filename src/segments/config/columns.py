"""How one column enters distances, and what people call it: what a source says of it, a feature set may say otherwise."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic.dataclasses import dataclass

from segments.config.checks import CLOSED, rule

# Words of `missing` that are no value to put in.
MISSING_WORDS = ("drop", "median", "zero")


def _as_texts(levels: Any) -> Any:
    if not isinstance(levels, list):
        return levels
    if any(isinstance(level, bool) for level in levels):
        raise rule("YAML reads yes and no as true and false", "write these levels in quotes: ['No', 'Yes']")
    return [str(level) if isinstance(level, int | float) else level for level in levels]


@dataclass(frozen=True, kw_only=True, config=CLOSED)
class Entry:
    """How a column enters the clustered space.

    Parameters
    ----------
    missing : {"drop", "median", "zero"}, float or str, optional
        What stands in for a value that is not there: the median of the customers of the fit, zero, a number, or (of a category) a level.
        ``"drop"`` leaves these customers out of the feature table, as ``None`` does, but however many they are. Nobody is left out for a
        column that no feature set uses.
    indicator : bool
        Whether a 0/1 column beside it tells for whom a value stands in.
    winsorise : list of float, optional
        Two shares, such as ``[0.01, 0.99]``: values beyond these quantiles of the customers of the fit are set to them.
    clip : list of float, optional
        Two numbers (either may be null): values beyond them are set to them. Profiles show values as they were.
    levels : list of str
        Of a category with an order, all its levels from the lowest to the highest.
    """

    missing: float | str | None = None
    indicator: bool = False
    winsorise: list[float] | None = None
    clip: list[float | None] | None = None
    levels: Annotated[list[str], BeforeValidator(_as_texts)] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.indicator and self.missing in (None, "drop"):
            raise rule(
                "an indicator of missing values needs something to stand in for them",
                "write missing: median (or zero, or a value), or remove the indicator",
                *("indicator", "missing"),
            )
        if self.winsorise is not None and not (
            len(self.winsorise) == 2 and 0 <= self.winsorise[0] < self.winsorise[1] <= 1
        ):
            raise rule(f"{self.winsorise} are not two rising shares", "write such as [0.01, 0.99]", "winsorise")
        if self.clip is not None:
            ends = [end for end in self.clip if end is not None]
            if len(self.clip) != 2 or not ends or (len(ends) == 2 and not ends[0] < ends[1]):
                raise rule(f"{self.clip} are not two rising numbers", "write such as [0, 5000] or [null, 5000]", "clip")
            if self.winsorise is not None:
                raise rule("a column has two caps", "write winsorise or clip", *("winsorise", "clip"))
        if self.levels and (len(self.levels) < 2 or len(set(self.levels)) < len(self.levels)):
            raise rule(
                f"{self.levels} is no order",
                "name two levels or more, each once, from the lowest to the highest",
                "levels",
            )

    @property
    def fills(self) -> bool:
        """Whether something stands in for missing values."""
        return self.missing not in (None, "drop")


def _spec(text: str) -> str:
    try:
        format(1.5, text)
    except ValueError:
        raise rule(f"'{text}' is not a format of numbers", "write such as ',.0f' or '.1%'") from None
    return text


@dataclass(frozen=True, kw_only=True, config=CLOSED)
class Label:
    """What people call a column: pictures, pages, reports, playbooks, segments' names and messages.

    Parameters
    ----------
    label : str
        In a few words; the column's name without underscores by default.
    unit : str
        Shown behind it. Numbers of a customers table may be written with it, where it is of letters (``12 months``).
    format : str
        How its numbers are written: Python's format, such as ``",.0f"`` or ``".1%"``; by size by default.
    """

    label: str = ""
    unit: str = ""
    format: Annotated[str, BeforeValidator(_spec)] = ""
