"""Words that have an order. Comes in: the levels of a column. Goes out: the same from the lowest to the highest, or nothing.

A scale is known by its words, whatever of them a column holds; brackets (``$40K - $60K``, ``55+``) by their first numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

# Words of one rank stand together; a column that holds two of one rank has no order that can be known.
_SCALES = [
    [line.split("|") for line in scale.strip().splitlines()]
    for scale in (
        """very low|sehr niedrig|sehr gering|très faible
low|niedrig|gering|faible|bas|bajo
below average
medium|moderate|average|mid|middle|normal|mittel|moyen|moyenne|medio
above average
high|hoch|élevé|élevée|haut|alto
very high|sehr hoch|très élevé""",
        """very poor|very bad|sehr schlecht|très mauvais
poor|bad|schlecht|mauvais
below average
fair|ok|okay|average|neutral|ausreichend|passable
satisfactory|befriedigend|moyen
good|gut|bon
very good|sehr gut|très bon
excellent|ausgezeichnet|outstanding""",
        """never|nie|jamais|nunca
rarely|seldom|selten|rarement
sometimes|occasionally|manchmal|gelegentlich|parfois
often|frequently|oft|häufig|souvent
usually|meistens
always|immer|toujours|siempre""",
        """strongly disagree
disagree
neutral|neither|neither agree nor disagree|undecided
agree
strongly agree""",
        """very dissatisfied|very unsatisfied
dissatisfied|unsatisfied
neutral
satisfied
very satisfied""",
        """uneducated|illiterate|no education|none
primary|elementary|basic|basic 4y|grundschule
basic 6y
basic 9y|hauptschule
secondary|high school|realschule
professional course|abitur
college|some college|associate|associate degree
tertiary|graduate|graduation|bachelor|bachelors|bachelor's|bachelor degree|university|university degree
2n cycle
post graduate|postgraduate|master|masters|master's|master degree
doctorate|phd|ph d|promotion""",
        """xxs
xs|extra small
s|small
m|medium
l|large
xl|extra large
xxl
xxxl""",
        """blue
bronze
silver
gold
platinum
diamond""",
        """free|trial
basic
starter
standard
pro|professional|plus
business
premium
enterprise""",
        """beginner|junior
intermediate
advanced|senior
expert""",
        """annually|yearly|jährlich
semi annually|half yearly|halbjährlich
quarterly|every 3 months|vierteljährlich
monthly|monatlich
bi weekly|fortnightly
weekly|wöchentlich
daily|täglich""",
        """month to month|monthly
six month|half year
one year|yearly
two year|two years
three year|three years""",
    )
]
_RANKS = [{word: rank for rank, words in enumerate(scale) for word in words} for scale in _SCALES]
# Two-valued columns: the word that means no, and the one that means yes.
_NO_YES = dict(
    zip(
        ("no", "n", "false", "f", "nein", "non", "0", "off", "inactive", "não", "0.0", "falsch"),
        ("yes", "y", "true", "t", "ja", "oui", "1", "on", "active", "sim", "1.0", "wahr"),
        strict=True,
    )
)
YES = frozenset(_NO_YES.values())
UNKNOWN = (
    "unknown",
    "other",
    "not specified",
    "not stated",
    "unbekannt",
    "keine angabe",
    "inconnu",
    "refused",
    "missing",
)


def no_yes(levels: Iterable[str]) -> list[str]:
    """Two levels that mean no and yes, in this order; else nothing.

    Examples
    --------
    >>> no_yes(["Yes", "No"]), no_yes(["1", "0"]), no_yes(["Male", "Female"])
    (['No', 'Yes'], ['0', '1'], [])
    """
    levels = list(levels)
    written = {level.casefold(): level for level in levels}
    if len(written) != 2 or len(levels) != 2:  # "Yes" and "yes" are two
        return []
    return next(([written[no], written[yes]] for no, yes in _NO_YES.items() if {no, yes} == set(written)), [])


def order_of(levels: Iterable[str]) -> list[str]:
    """The levels from the lowest to the highest, where their words are a known scale or brackets of numbers; else nothing.

    Examples
    --------
    >>> order_of(["High", "Low", "Average"]), order_of(["$40K - $60K", "$120K +", "Less than $40K"])
    (['Low', 'Average', 'High'], ['Less than $40K', '$40K - $60K', '$120K +'])
    >>> order_of(["red", "blue"]), order_of(["Cat_1", "Cat_2"])
    ([], [])
    """
    levels = sorted(set(levels))
    words = {level: " ".join(re.findall(r"[^\W_]+'?[^\W_]*", level.casefold())) for level in levels}
    scales: list[dict[str, tuple[float, int]]] = [
        {level: (scale[word], 0) for level, word in words.items() if word in scale} for scale in _RANKS
    ]
    for ranks in [*scales, _brackets(levels)]:
        if len(levels) > 1 and len(set(ranks.values())) == len(ranks) == len(levels):
            return sorted(levels, key=lambda level: ranks[level])
    return []


def _brackets(levels: Sequence[str]) -> dict[str, tuple[float, int]]:
    """The first number of each bracket, and whether it stands below or above it; nothing where some level is none."""
    found = {}
    for level in levels:
        text = re.sub(r"(?<=\d)[., '](?=\d{3}(?!\d))", "", level.casefold())
        numbers = re.findall(r"(\d+(?:\.\d+)?)\s*([km]?)", text)
        below = re.search(r"less|under|below|unter|bis zu|moins|up to|<", text)
        above = re.search(r"\+|more|over|above|über|plus|and up|>|ab ", text)
        between = len(numbers) == 2 and re.search(r"\d\s*[km]?[$€£]?\s*(-|–|to|bis|à|and|und)\s*[$€£]?\s*\d", text)
        if not (numbers and (below or above or between)) or len(numbers) > 2:
            return {}
        scale = next((unit for _, unit in numbers if unit), "")
        first = float(numbers[0][0]) * {"": 1, "k": 1e3, "m": 1e6}[numbers[0][1] or scale]
        found[level] = (first, -1 if below and not between else 1 if above and not between else 0)
    return found
