"""What the cells of a sample hold. Comes in: texts. Goes out: those that are there, as numbers where they are some."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from segments.data.reading.cells import NUMBER, read_number, tells_decimal

FEW_VALUES = 12
MOST_LOOKED_AT = 5_000  # different cells of a column


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

    Examples
    --------
    >>> sample = Sample(pd.DataFrame({"age": ["31", "?", " 40"]}, dtype="string"), ["?"])
    >>> sample.present("age").tolist(), sample.numbers("age").tolist()
    (['31', '40'], [31.0, 40.0])
    """

    cells: pd.DataFrame
    missing: Sequence[str] = ()
    decimal: str | None = None

    @property
    def headers(self) -> list[str]:
        """Its columns."""
        return [str(header) for header in self.cells.columns]

    def present(self, header: str) -> pd.Series:
        """The cells of a column that hold something, trimmed."""
        text = self.cells[header].dropna().astype("string").str.strip()
        return text[~text.str.casefold().isin({"", *(word.casefold() for word in self.missing)})]

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


def looks_numeric(values: pd.Series, numbers: pd.Series) -> bool:
    """Numbers with few exceptions; a handful of values such as 1, 2, 3+ are categories."""
    share = float(numbers.notna().mean()) if len(values) else 0.0
    return share == 1 or (share > 0.9 and values.nunique() > FEW_VALUES)
