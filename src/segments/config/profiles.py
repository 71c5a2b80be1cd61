"""Sections ``profiles`` and ``rfm_map``: the words for segments, and for blocks of RFM scores."""

from __future__ import annotations

from dataclasses import field
from itertools import product
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass

from segments.config.checks import CLOSED, rule


def _one_word(word: str) -> str:
    if len(word.split()) != 1:
        raise rule(f"'{word}' is not one word", "join its parts with hyphens: a segment's name has five words at most")
    return word


def _ends(ends: list[int]) -> list[int]:
    if len(ends) != 2 or not 1 <= ends[0] <= ends[1] <= 5:
        raise rule(
            f"{ends} is not a range of scores",
            "write the lowest and the highest score, such as [4, 5]; scores go from 1 to 5",
        )
    return ends


Word = Annotated[str, AfterValidator(_one_word)]
Scores = Annotated[list[int], AfterValidator(_ends)]


@dataclass(frozen=True, config=CLOSED)
class Trait:
    """Words for a feature that is high or low in a segment.

    Parameters
    ----------
    high, low : str
        An adjective for the segment's name each.
    """

    high: Word
    low: Word


@dataclass(frozen=True, config=CLOSED)
class ProfilesConfig:
    """Section ``profiles``: when a trait is worth a word in a segment's name, and which word.

    Parameters
    ----------
    high, low : float
        A trait is called high when the segment's typical customer ranks above this share of all customers, and low below that one.
    max_traits : int
        Traits in a name at most, unless more are needed to tell two segments apart.
    noun : str
        What the members are called, in one word or two.
    emphasis : str
        The word for a segment that has clearly more of a trait than another with the same words.
    tree_depth : int
        Questions at most in a rule that tells who is in a segment; more only where the number of segments needs them.
    traits : dict of str to Trait
        Words per feature; a feature without an entry is called "high-<feature>" or "low-<feature>".
    """

    high: Annotated[float, Field(ge=0.5, le=1)] = 0.6
    low: Annotated[float, Field(ge=0, le=0.5)] = 0.4
    max_traits: Annotated[int, Field(ge=1, le=4)] = 2
    noun: str = "customers"
    emphasis: Word = "especially"
    tree_depth: Annotated[int, Field(ge=1, le=10)] = 3
    traits: dict[str, Trait] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.noun.split()) not in (1, 2):
            raise rule(
                f"'{self.noun}' is not one word or two", "shorten it: a segment's name has five words at most", "noun"
            )


@dataclass(frozen=True, config=CLOSED)
class RfmCells:
    """A block of RFM scores: from the first to the second number of each, both ends included.

    Parameters
    ----------
    r, f, m : list of int
        Lowest and highest score, 1 to 5, of recency (5: bought most recently), frequency and money.
    """

    r: Scores = field(default_factory=lambda: [1, 5])
    f: Scores = field(default_factory=lambda: [1, 5])
    m: Scores = field(default_factory=lambda: [1, 5])

    @property
    def cells(self) -> list[tuple[int, int, int]]:
        """Every (r, f, m) in the block."""
        r, f, m = (range(low, high + 1) for low, high in (self.r, self.f, self.m))
        return list(product(r, f, m))


@dataclass(frozen=True, config=CLOSED)
class RfmMapConfig:
    """Section ``rfm_map``: names for blocks of RFM scores, proved to cover each of the 125 score triples exactly once.

    Parameters
    ----------
    segments : dict of str to list of RfmCells
        Name -> the blocks it consists of; without any, no RFM segments are made.
    """

    segments: dict[str, list[RfmCells]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.segments:
            return
        claims: dict[tuple[int, int, int], list[str]] = {cell: [] for cell in RfmCells().cells}
        for name, blocks in self.segments.items():
            if not blocks:
                raise rule(
                    f"'{name}' has no scores", "give it a block such as {r: [4, 5]}, or remove it", f"segments.{name}"
                )
            for cell in (cell for block in blocks for cell in block.cells):
                claims[cell].append(name)
        wrong = {cell: names for cell, names in claims.items() if len(names) != 1}
        if wrong:
            (r, f, m), names = next(iter(wrong.items()))
            said = f"is in {' and in '.join(repr(name) for name in names)}" if names else "is in no segment"
            more = f" (and {len(wrong) - 1} more of 125 are not in exactly one)" if len(wrong) > 1 else ""
            raise rule(
                f"r={r} f={f} m={m} {said}{more}",
                "mend the blocks so that every triple of scores is in exactly one segment",
                "segments",
            )
