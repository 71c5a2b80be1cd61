"""``conf/decisions.yaml``: what people decided against the rules."""

from __future__ import annotations

from dataclasses import field

from pydantic.dataclasses import dataclass

from segments.config.checks import CLOSED


@dataclass(frozen=True, config=CLOSED)
class Decision:
    """A person's choice of a candidate, in ``conf/decisions.yaml``; ``segments select`` writes it.

    Parameters
    ----------
    candidate_id, name : str
        The candidate, and its name for a reader.
    because : str
        Why, in the person's words.
    by, at : str
        Who, and when (ISO, UTC).
    """

    candidate_id: str
    name: str
    because: str
    by: str
    at: str


@dataclass(frozen=True, config=CLOSED)
class GivenName:
    """A person's name for a segment, in ``conf/decisions.yaml``; ``segments rename`` writes it.

    Parameters
    ----------
    name : str
        What the segment is called from now on, whatever the rules would say.
    because, by, at : str
        Why, who, and when (ISO, UTC).
    """

    name: str
    because: str
    by: str
    at: str


@dataclass(frozen=True, config=CLOSED)
class Erasure:
    """That a customer is erased, in ``conf/decisions.yaml`` under a keyed hash of the id; ``segments forget`` writes it.

    Parameters
    ----------
    by, at : str
        Who, and when (ISO, UTC).
    """

    by: str
    at: str


@dataclass(frozen=True, config=CLOSED)
class Decisions:
    """What people decided against the rules: ``conf/decisions.yaml``, in git like everything a result depends on.

    Parameters
    ----------
    selected : dict of str to Decision
        Per source the candidate that was chosen by hand.
    names : dict of str to dict of str to GivenName
        Per source and segment id the name that was given by hand.
    erased : dict of str to dict of str to Erasure
        Per source the keyed hashes of customers who are left out of whatever is read (:mod:`segments.data.erased`).
    """

    selected: dict[str, Decision] = field(default_factory=dict)
    names: dict[str, dict[str, GivenName]] = field(default_factory=dict)
    erased: dict[str, dict[str, Erasure]] = field(default_factory=dict)
