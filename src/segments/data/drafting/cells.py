"""What the cells of a sample hold. Comes in: texts. Goes out: those that are there, as numbers where they are some."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from segments.data.drafting.texts import one_line
from segments.data.reading.cells import NUMBER, currencies_of, is_number, read_number, tells_decimal, unit_pattern
from segments.data.times import time_formats

FEW_VALUES = 12
MOST_LOOKED_AT = 5_000  # different cells of a column
# Words for no value, wherever they stand between numbers: signs alone, or one of these, perhaps in brackets.
NOTHING = re.compile(
    r"[^\w\s]+|\W*(n\W?/?a|nan|null?|nil|none|unknown|undefined|missing|blank|empty|not? (available|applicable|known|given|stated|specified|data|answer|value|response)"
    r"|prefer not to (say|answer)|refused|k\W?a|unbekannt|leer|keine angabe|inconnue?|vide|non renseigné|desconocido|sin datos|sconosciuto|onbekend"
    r"|desconhecido|nieznan[ey]|brak|brak danych|неизвестно|нет данных|bilinmiyor)\W*",
    re.I,
)
NO_DAY = r"0+[-/.]0+[-/.]0+([ T][0:.]*)?"
BOOKING_SIDES = [set(pair.split()) for pair in ("debit credit", "d c", "dr cr", "soll haben", "s h")]  # of an account
SIDED = (
    r"(?i)^(?:(?P<before>cr|dr)\b\.?\s*)?(?P<figure>[^\w\s]{0,2}\s?\d[\d.,' ]*\)?)\s?(?:(?P<behind>cr|dr|[cdhs])\.?)?$"
)
WITH_UNIT = r"(.*\d)[ \u00a0]?([^\W\d_]{1,12})"


@dataclass(frozen=True)
class Sample:
    """Cells of a file that nobody described yet, all of them or a part.

    Parameters
    ----------
    cells : DataFrame
        Text.
    missing : sequence of str
        Texts that mean "no value".
    decimal : {".", ","}, optional
        Decimal mark of the cells, where the file leaves no doubt.
    units : mapping of str to str
        The unit behind the numbers of a column (:func:`units_of`), which :meth:`present` leaves out; or that of the lengths of time of a parquet file.

    Examples
    --------
    >>> sample = Sample(pd.DataFrame({"age": ["31", "?", " 40"]}, dtype="string"), ["?"])
    >>> sample.present("age").tolist(), sample.numbers("age").tolist()
    (['31', '40'], [31.0, 40.0])
    """

    cells: pd.DataFrame
    missing: Sequence[str] = ()
    decimal: str | None = None
    units: Mapping[str, str] = field(default_factory=dict)

    @property
    def headers(self) -> list[str]:
        """Its columns."""
        return [str(header) for header in self.cells.columns]

    def present(self, header: str) -> pd.Series:
        """The cells of a column that hold something, trimmed."""
        text = self.cells[header].dropna().astype("string").str.strip()
        text = text[~text.str.casefold().isin({"", *(word.casefold() for word in self.missing)})]
        unit = self.units.get(header)
        return text if unit is None else text.str.replace(unit_pattern(unit), r"\1", regex=True)

    def numbers(self, header: str) -> pd.Series:
        """The same as numbers, NaN where they are none; with the decimal mark of the column as a whole."""
        values = self.present(header)
        plain = values.str.fullmatch(NUMBER["."]).fillna(False).astype(bool)
        others = values[~plain].drop_duplicates()
        marks = [tells_decimal(cell) for cell in others.head(MOST_LOOKED_AT)]
        mark = self.decimal or (
            ","
            if "," in marks and marks.count(",") > plain.sum() + marks.count(".") - values[plain].str.isdigit().sum()
            else "."
        )
        if mark == ".":
            known = {cell: read_number(cell, mark) for cell in others}
            numbers = pd.to_numeric(values.where(plain).str.replace("∞", "inf"), errors="coerce").astype("float64")
            return numbers.fillna(values[~plain].map(known).astype("float64"))
        known = {cell: read_number(cell, mark) for cell in values.drop_duplicates()}
        return values.map(known).astype("float64")


def is_unsure(values: pd.Series) -> bool:
    """Whether every number with a mark may be a thousand or a decimal."""
    return set(values.drop_duplicates().head(MOST_LOOKED_AT).map(tells_decimal).dropna()) == {""}


def units_of(sample: Sample) -> dict[str, str]:
    """The unit of each column whose every cell is a number with one and the same behind it.

    Examples
    --------
    >>> units_of(Sample(pd.DataFrame({"term": ["12 months", "1 month"], "size": ["5 m", "2 km"], "paid": ["3 EUR", "4 EUR"]}, dtype="string")))
    {'term': 'months'}
    """
    found = {header: _unit_of(sample.present(header)) for header in sample.headers}
    return {header: unit for header, unit in found.items() if unit}


def _unit_of(values: pd.Series) -> str:
    parts = values.drop_duplicates().head(MOST_LOOKED_AT).str.extract(f"^{WITH_UNIT}$")
    if not len(parts) or parts.isna().any(axis=None):
        return ""
    unit = max(sorted(parts[1].unique()), key=len)
    one = re.compile(unit_pattern(unit))
    fits = all(one.fullmatch(f"1{word}") for word in parts[1].unique()) and parts[0].map(is_number).all()
    return unit if fits and not is_number(f"1 {unit}") else ""  # a currency is no unit


def words_for_nothing(sample: Sample, headers: Sequence[str]) -> dict[str, int]:
    """Words that stand between the numbers or days of columns and mean "no value", with how often each does.

    Examples
    --------
    >>> cells = {"age": ["31", "(blank)", "40"], "way": ["5 km", "n.a.", "7 km"], "seen": ["2024-01-01", "2024-02-01", "never"], "kids": ["1", "3+", "many"]}
    >>> words_for_nothing(Sample(pd.DataFrame(cells, dtype="string")), ["age", "way", "seen", "kids"])
    {'(blank)': 1, 'n.a.': 1, 'never': 1}
    """
    counts: Counter[str] = Counter()
    for header in headers:
        present = sample.present(header)
        # what holds a digit is no word for nothing, but for a day of zeros
        is_word = ~present.str.contains(r"\d").astype(bool) | present.str.fullmatch(NO_DAY).astype(bool)
        words, others = present[is_word], present[~is_word]
        if not len(words) or not len(others):
            continue
        numbers = sample.numbers(header)
        meant = all(NOTHING.fullmatch(word) or re.fullmatch(NO_DAY, word) for word in words.unique())
        plain = meant and (numbers[~is_word].notna().all() or _unit_of(others) != "")
        if plain or looks_numeric(present, numbers) or time_formats(others):
            for word, count in words.value_counts().head(5).items():
                counts[str(word)] += int(count)
    return dict(counts)


def second_header(sample: Sample) -> int:
    """In how many columns of numbers or days the first row has words; none, where any of its cells is like those below it: then it is data.

    Examples
    --------
    >>> cells = {"id": ["key", "C1", "C2"], "age": ["years", "31", "40"], "city": ["", "Rome", "Oslo"]}
    >>> second_header(Sample(pd.DataFrame(cells, dtype="string"), [""]))
    1
    >>> cells["id"][0] = "C0"  # somebody who did not say
    >>> second_header(Sample(pd.DataFrame(cells, dtype="string"), [""]))
    0
    """
    words, top = 0, sample.cells.index[:1]
    for header in sample.headers:
        present = sample.present(header)
        own, below = present[present.index.isin(top)], present[~present.index.isin(top)]
        if not len(own) or not len(below):
            continue
        cell = str(own.iloc[0])
        if is_number(cell) or time_formats(own) or (below == cell).any():
            return 0
        if re.search(r"[\d@]", cell) and _shape(cell) in {_shape(one) for one in below.unique()[:MOST_LOOKED_AT]}:
            return 0
        is_nothing = NOTHING.fullmatch(cell) is not None and re.search(r"\w", cell) is not None
        holds_values = sample.numbers(header)[below.index].notna().mean() > 0.9 or bool(time_formats(below))
        words += holds_values and not is_nothing
    return words


def sides_of(sample: Sample) -> dict[str, dict[str, int]]:
    """The columns of figures that stand on one side of an account or on the other, and how many on which.

    Examples
    --------
    >>> sides_of(Sample(pd.DataFrame({"paid": ["12.50 CR", "7.00 DR", "3"], "size": ["7 C", "8 M", "9 C"]}, dtype="string")))
    {'paid': {'CR': 1, 'DR': 1}}
    """
    found = {}
    for header in sample.headers:
        present = sample.present(header)
        some = present.drop_duplicates().iloc[:MOST_LOOKED_AT].str.extract(SIDED)
        if some["figure"].notna().mean() <= 0.9 or some[["before", "behind"]].isna().all(axis=None):
            continue
        parts = present.str.extract(SIDED)
        sides = parts["before"].fillna(parts["behind"]).str.upper()
        known = set(sides.dropna().str.lower())
        is_pair = known <= {"cr", "dr"} or known in BOOKING_SIDES
        if is_pair and parts["figure"].notna().mean() > 0.9 and (len(known) == 2 or sides.isna().any()):
            found[header] = {str(side): int(count) for side, count in sides.value_counts().items()}
    return found


def several_currencies(header: str, values: pd.Series) -> str:
    """A question where a column has money of several currencies; nothing where it has not.

    Examples
    --------
    >>> several_currencies("Paid", pd.Series(["$12.50", "€7"])).partition(":")[0], several_currencies("Paid", pd.Series(["€7", "8"]))
    ('Paid has money of several currencies, $, €', '')
    """
    found = currencies_of(values.unique())
    if len(found) < 2:
        return ""
    return f"{one_line(header)} has money of several currencies, {', '.join(found)}: convert them to one by a query, or make a file of each"


def _shape(cell: str) -> str:
    return re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "9", cell))


def looks_numeric(values: pd.Series, numbers: pd.Series) -> bool:
    """Numbers with few exceptions; a handful of values such as 1, 2, 3+ are categories."""
    share = float(numbers.notna().mean()) if len(values) else 0.0
    return share == 1 or (share > 0.9 and values.nunique() > FEW_VALUES)
