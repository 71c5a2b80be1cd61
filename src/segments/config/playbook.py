"""The folder ``playbook`` and the sections ``playbook``, ``briefing`` and ``export``: what people read of the segments and do with them."""

from __future__ import annotations

import math
from dataclasses import field
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from segments.config.checks import CLOSED, Share, rule

Level = Literal["high", "low"]


@dataclass(frozen=True, config=CLOSED)
class When:
    """Which segments a playbook fits, by traits: features that are high or low there (section ``profiles``).

    Parameters
    ----------
    all : dict of str to {"high", "low"}
        Traits a segment must have, every one.
    any : dict of str to {"high", "low"}
        Traits of which it must have at least one, if any are listed.
    unless : dict of str to {"high", "low"}
        Traits it must not have, not one.
    at_least, at_most : dict of str to float
        Bounds of the segment's median, in original units: traits compare customers with each other, so the newest of a shop's
        customers are "new" even after a year. A feature that is not known bounds nothing.
    min_revenue_share : float, optional
        Share of all revenue it must hold; where revenue is not known, the playbook does not fit.
    """

    all: dict[str, Level] = field(default_factory=dict)
    any: dict[str, Level] = field(default_factory=dict)
    unless: dict[str, Level] = field(default_factory=dict)
    at_least: dict[str, float] = field(default_factory=dict)
    at_most: dict[str, float] = field(default_factory=dict)
    min_revenue_share: Share | None = None

    def __post_init__(self) -> None:
        for feature, level in self.unless.items():
            if self.all.get(feature) == level or self.any == {feature: level}:
                raise rule(
                    f"a segment cannot both need and lack '{feature}: {level}': the playbook fits none",
                    "remove it there, or from the traits it needs",
                    f"unless.{feature}",
                )
        for feature, bound in self.at_least.items():
            if bound > self.at_most.get(feature, math.inf):
                raise rule(
                    f"no '{feature}' is both at least {bound:g} and at most {self.at_most[feature]:g}: the playbook fits none",
                    "lower it, or raise the other",
                    f"at_least.{feature}",
                )


@dataclass(frozen=True, config=CLOSED)
class Playbook:
    """What to do with a kind of segment; one YAML in ``conf/playbook/``, all of which are used.

    Parameters
    ----------
    name : str
        The name of its YAML.
    title : str
        What people call it.
    goal : str
        What is to be reached.
    do, avoid : list of str
        What to do and what not to do. Any text may hold an amount of money, ``{5}``, and words for sources that have a column:
        ``{departments: two more departments | more of the range}``.
    channel, offer, kpi : str
        Where to reach these customers, with what, and the figure that tells whether it worked.
    when : When
        Which segments it fits; without a condition it fits all.
    """

    name: str
    title: str
    goal: str
    do: list[str]
    avoid: list[str]
    channel: str
    offer: str
    kpi: str
    when: When = field(default_factory=When)


@dataclass(frozen=True, config=CLOSED)
class PlaybookConfig:
    """Section ``playbook``: which playbooks must find a segment.

    Parameters
    ----------
    require : list of str
        Playbooks that must fit at least one segment; the stage stops when one does not.
    """

    require: list[str] = field(default_factory=list)


@dataclass(frozen=True, config=CLOSED)
class BriefingConfig:
    """Section ``briefing``: the report for a manager.

    Parameters
    ----------
    title : str
        Its heading.
    lifetime_years : int
        How far ahead a segment's value is shown beside that of the forecast's horizon.
    features : int
        Features in a comparing picture at most: the clustered ones, then those the segments differ in most.
    """

    title: str = "Who our customers are"
    lifetime_years: Annotated[int, Field(ge=1, le=20)] = 3
    features: Annotated[int, Field(ge=3, le=40)] = 16


@dataclass(frozen=True, config=CLOSED)
class ExportConfig:
    """Section ``export``: the control groups of target lists.

    Parameters
    ----------
    salt : str
        Goes into the draw of every control group, so that no other project with equal ids draws the same.
    control_share : float
        Share of each segment that is left alone, to compare with.
    base_rate : float
        Share expected to respond without the campaign: what the smallest effect it can show is computed from.
    """

    salt: str = "segments"
    control_share: Annotated[float, Field(ge=0, le=0.9)] = 0.1
    base_rate: Annotated[float, Field(ge=0.0001, le=0.9999)] = 0.05

    def __post_init__(self) -> None:
        if not self.salt:
            raise rule("the salt is empty", "write any text, and keep it", "salt")
