"""What segments are called, and what is said of them. Comes in: who the clusters are, people's names. Goes out: the same with other names, sentences."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from segments.config.decisions import GivenName
from segments.errors import ConfigError
from segments.identity.matching import Identity
from segments.model.segmentation import RULES

# What stands for something else where a segment is named: an id, or the line of all customers.
RESERVED = re.compile(r"S\d+|all", re.IGNORECASE)
# How clusters were matched, and what the counts of the table then are.
MATCHED_BY = {
    "first": "",
    "members": "members stayed",
    "prediction": "customers whom the earlier model puts there are in it",
    "centres": "",
    "ids": "of its customers are in it in both versions",
}


def reworded(identity: Identity, names: Sequence[str]) -> Identity:
    """The same clusters under new words: names the rules gave follow the rules, names people gave stay.

    Parameters
    ----------
    identity : Identity
        Of the same clusters, when the words were others.
    names : sequence of str
        Name of each cluster by the rules of today.

    Examples
    --------
    >>> from segments.identity.matching import first
    >>> reworded(first(["frequent", "rare"]), ["loyal", "rare"]).segments[0].name
    'loyal'
    """
    lineage = [
        one
        if one.proposed == name
        else replace(
            one,
            proposed=name,
            segment=replace(one.segment, name=name) if one.segment.named_by == RULES else one.segment,
        )
        for one, name in zip(identity.lineage, names, strict=True)
    ]
    return _made_distinct(replace(identity, lineage=lineage))


def alike(one: str, other: str) -> bool:
    """Whether two names are the same to a person: capitals and spaces do not tell segments apart.

    Examples
    --------
    >>> alike("Sunday  shoppers ", "sunday shoppers")
    True
    """
    return one.casefold().split() == other.casefold().split()


def renamed(identity: Identity, given: Mapping[str, GivenName]) -> Identity:
    """Put people's names in the place of the rules'; a name that was taken back makes room for the rules' again.

    Parameters
    ----------
    identity : Identity
        Who the clusters are.
    given : mapping of str to GivenName
        People's names, by segment id; ids that no cluster bears do not matter.

    Raises
    ------
    ConfigError
        If two segments would have one name.

    Examples
    --------
    >>> from segments.identity.matching import first
    >>> found = renamed(first(["frequent", "rare"]), {"S2": GivenName("ghosts", "they never come", "Ann", "2026-01-02")})
    >>> [(segment.name, segment.named_by) for segment in found.segments]
    [('frequent', 'rules'), ('ghosts', 'Ann')]
    """
    lineage = []
    for one in identity.lineage:
        own = one.segment
        if own.segment_id in given:
            own = replace(own, name=given[own.segment_id].name, named_by=given[own.segment_id].by)
        elif own.named_by != RULES:
            own = replace(own, name=one.proposed, named_by=RULES)
        lineage.append(replace(one, segment=own))
    people = [one.segment.name for one in lineage if one.segment.named_by != RULES]
    if doubled := sorted(name for name in people if sum(alike(name, other) for other in people) > 1):
        raise ConfigError(
            f"two segments are called '{doubled[0]}'", where="conf/decisions.yaml: names", fix="rename one of them"
        )
    return _made_distinct(replace(identity, lineage=lineage))


def sentences(identity: Identity) -> list[str]:
    """What became of each segment, one sentence each: the new version's in the order of its clusters, then those that are gone.

    Parameters
    ----------
    identity : Identity
        Who the clusters are.

    Examples
    --------
    >>> from segments.config.identity import IdentityConfig
    >>> from segments.identity.matching import match
    >>> from segments.model.segmentation import number_segments
    >>> old = number_segments(["frequent customers", "rare customers"])
    >>> for line in sentences(match(old, np.array([[40, 0], [2, 30]]), ["frequent", "rare"], 3, IdentityConfig())):
    ...     print(line)
    S1 'frequent customers' continues: 40 of 40 members stayed.
    S2 'rare customers' continues: 30 of 32 members stayed.
    """
    old = {segment.segment_id: o for o, segment in enumerate(identity.old)}
    table = np.array(identity.table).reshape(len(old), len(identity.lineage))
    counted = identity.matched_by != "centres"
    lines = []

    def called(segment_id: str) -> str:
        segments = [*identity.segments, *identity.old]
        return f"{segment_id} '{next(segment.name for segment in segments if segment.segment_id == segment_id)}'"

    def part(segment_id: str, cluster: int) -> str:
        row = table[old[segment_id]]
        return f"{int(row[cluster]):,} of {int(row.sum()):,}"

    for cluster, lineage in enumerate(identity.lineage):
        own = lineage.segment.segment_id
        children = [other.segment.segment_id for other in identity.lineage if other.parent == own]
        if lineage.parent is not None:
            verb = "comes out of" if lineage.parent in identity.gone else "splits off from"
            text = f"{verb} {called(lineage.parent)}: {part(lineage.parent, cluster)} of its customers are here"
        elif own not in old:
            text = "is new"
        elif not counted:
            text = f"continues: its centre lies {table[old[own], cluster]:.2f} standard deviations from the old one"
        else:
            verb = {"split": "splits", "merged": "takes up others"}.get(lineage.status, "continues")
            text = f"{verb}: {part(own, cluster)} {MATCHED_BY[identity.matched_by]}"
            if children:
                text += f"; {', '.join(called(child) for child in children)} split off"
        if lineage.absorbed:
            text += "; " + ", ".join(f"{part(o, cluster)} of {called(o)}" for o in lineage.absorbed) + " came in"
        lines.append(f"{called(own)} {text}.")
    for segment_id in identity.gone:
        into = [lineage.segment.segment_id for lineage in identity.lineage if segment_id in lineage.absorbed]
        parts = [called(lineage.segment.segment_id) for lineage in identity.lineage if lineage.parent == segment_id]
        text = f"is now part of {called(into[0])}" if into else "is gone"
        if parts:
            text += f"; {', '.join(parts)} came out of it"
        lines.append(f"{called(segment_id)} {text}.")
    return lines


def _made_distinct(identity: Identity) -> Identity:
    """Where a name by the rules is also another segment's, its id is put behind it."""
    names = [segment.name for segment in identity.segments]
    lineage = [
        replace(one, segment=replace(one.segment, name=f"{one.segment.name} ({one.segment.segment_id})"))
        if names.count(one.segment.name) > 1 and one.segment.named_by == RULES
        else one
        for one in identity.lineage
    ]
    return replace(identity, lineage=lineage)
