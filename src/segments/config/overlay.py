"""Section ``overlay``: traits of single customers that cut across segments."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from segments.config.checks import CLOSED, rule

BOUNDS_OF_TRAIT = ("top", "bottom", "at_least", "at_most")
Part = Annotated[float, Field(gt=0, lt=1)]


@dataclass(frozen=True, config=CLOSED)
class Overlay:
    """A trait that a customer has or has not, whatever the segment.

    Parameters
    ----------
    feature : str
        A number of the feature table.
    label : str
        What people call these customers.
    per : str, optional
        Another number, by which the first is divided; who has none of it above 0 has not the trait.
    top, bottom : float, optional
        The share of all customers with the highest or lowest values, at most: ties at the border are left out.
    at_least, at_most : float, optional
        A bound in original units. Exactly one of the four is given.
    offer : str
        What is offered to them; the offer of the segment's playbook where it is empty.
    """

    feature: str
    label: str
    per: str | None = None
    top: Part | None = None
    bottom: Part | None = None
    at_least: float | None = None
    at_most: float | None = None
    offer: str = ""

    def __post_init__(self) -> None:
        given = [name for name in BOUNDS_OF_TRAIT if getattr(self, name) is not None]
        if len(given) != 1:
            raise rule(
                f"an overlay has one of top, bottom, at_least and at_most, not {' and '.join(given) or 'none'}",
                "keep one of the four, such as top: 0.2",
            )


@dataclass(frozen=True, config=CLOSED)
class OverlayConfig:
    """Section ``overlay``.

    Parameters
    ----------
    traits : dict of str to Overlay
        By the name that ``segments export overlay=NAME`` takes.
    """

    traits: dict[str, Overlay] = field(default_factory=dict)
