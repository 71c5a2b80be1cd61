"""The draft of a customers table, column by column. Comes in: a sample. Goes out: what each seems to mean, and where a person should look."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import pandas as pd

from segments.config.source import EPOCHS, Policy
from segments.data.days import main_days
from segments.data.drafting.cells import FEW_VALUES, Sample, looks_numeric, several_currencies
from segments.data.drafting.headers import (
    ADDRESS,
    BIRTH,
    CODES,
    HOW_MANY,
    LATER,
    LONGEST_KEY,
    MANY_CODES,
    NAMELESS,
    OUTCOME,
    TIME,
    YEAR_FIRST,
    id_like,
    key_of,
    label_of,
    turn_of,
    words_of,
)
from segments.data.drafting.roles import LAST
from segments.data.drafting.scales import UNKNOWN, no_yes, order_of
from segments.data.drafting.texts import one_line, quote
from segments.data.reading.cells import CURRENCY_SIGN, EXACT, is_number
from segments.data.reading.ids import ROUNDED_ID
from segments.data.rows import normal_header
from segments.data.times import days_of, swapped, time_formats

MOST_CATEGORIES = 50
FEW_CODES = 6  # different whole numbers that may be codes
FEWEST_ROWS = 30  # from which a few different numbers say something
MANY_ROWS = 100
BIRTHS = (1850, date.today().year)
LEAST_ADDRESS = 1_000  # a smaller number is no zip code, phone or policy
SERIALS = (15_000, 60_000)  # days of 1941 to 2064, counted from 1899-12-30
TOO_LONG = r"[+-]?\d{16,}"
STOPGAPS = (-1, -9, -99, -999, -9999, 99, 999, 9999, 99999, 999999)  # numbers that often mean "none"


@dataclass(frozen=True)
class ColumnDraft:
    """What a column seems to be.

    Parameters
    ----------
    key, header : str
        Its name in the YAML, and in the file.
    meaning : str
        YAML of a :class:`~segments.config.source.Column`, without header and label; nothing where the column is left out.
    remark : str
        What a person should know, or look at.
    kept_out : str
        Why it is no feature; nothing where it is one.
    last_day : date, optional
        Of dates, the last that is not in the future; they need an as-of date.
    label, unit : str
        What people call it.
    """

    key: str
    header: str
    meaning: str = ""
    remark: str = ""
    kept_out: str = ""
    last_day: date | None = None
    label: str = ""
    unit: str = ""

    @property
    def decides(self) -> bool:
        """Whether it is a feature."""
        return bool(self.meaning) and not self.kept_out

    @property
    def line(self) -> str:
        """Its line of YAML, or a comment on why there is none."""
        if not self.meaning:
            return f"    # {self.key}: left out, {one_line(self.header)} {self.remark}"
        kind, _, more = self.meaning.partition(", ")
        said = [kind] if kind != "kind: number" else []
        said += [f"raw: {quote(self.header)}", *([more] if more else [])]
        if self.label and len(self.label) <= LONGEST_KEY and self.label != self.key.replace("_", " "):
            said.append(f"label: {quote(self.label)}")
        if self.unit:
            said.append(f"unit: {quote(self.unit)}")
        out = f"; not in the feature set: {self.kept_out}" if self.kept_out else ""
        return f"    {self.key}: {{{', '.join(said)}}} # {self.remark}{out}"


def columns_of(sample: Sample, identity: str | None) -> list[ColumnDraft]:
    """Draft every column but the id; a feature is what most customers have, and no outcome.

    Examples
    --------
    >>> table = pd.DataFrame({"Year_Birth": ["1970", "1981", "1990"] * 2, "Mood": ["Low", "High", "Average"] * 2}, dtype="string")
    >>> for column in columns_of(Sample(table), None):
    ...     print(column.line)
        age: {kind: birth_year, raw: "Year_Birth"} # seen: 1970 to 1990; becomes the age in the year of as_of
        mood: {kind: ordinal, raw: "Mood", levels: ["Low", "Average", "High"]} # CHECK the order, from the lowest to the highest
    """
    keys: set[str] = set()
    others = {normal_header(header) for header in sample.headers}
    found = []
    for header in sample.headers:
        if header == identity:
            continue
        if "age" not in others and "age" not in keys and _is_birth_year(sample, header):
            keys.add("age")
            key = "age"
        else:
            key = key_of(header, keys)
        one = _column(sample, header, key)
        label, unit = label_of(header)
        one = replace(one, label=one.label or label, unit=one.unit or unit)
        if one.meaning and not one.kept_out and re.search(OUTCOME, words_of(header)):
            one = replace(one, kept_out="an outcome, or a grouping that was made before?")
        found.append(one)
    return _complete(sample, found)


def _column(sample: Sample, header: str, key: str) -> ColumnDraft:
    """One column by its values and its name."""
    values, numbers = sample.present(header), sample.numbers(header)
    different, rows = values.nunique(), len(sample.cells)
    lacks = rows - len(values)
    out = ColumnDraft(key, header, unit=sample.units.get(header, ""))
    if not len(values):
        return replace(out, remark="has no values")
    if id_like(header) and values.str.fullmatch(ROUNDED_ID).mean() > 0.5:
        return replace(out, remark="holds ids that a spreadsheet rounded: export them as text")
    if len(values) > 1 and different == 1:
        other = f'{{kind: category, raw: {quote(header)}, missing: "none"}}'
        lacking = f"; missing in {lacks:,} rows: if that says something, write {other}" if lacks else ""
        return replace(out, remark=f"is always {one_line(values.iloc[0])}{lacking}")
    words = words_of(header)
    is_number = looks_numeric(values, numbers)
    is_id = header not in sample.units and bool(values.str.fullmatch(TOO_LONG).any())
    if is_number and is_id and numbers.abs().max() >= EXACT:
        other = f"{{kind: category, raw: {quote(header)}}}"
        return replace(out, remark=f"holds whole numbers too long for amounts: ids? Of groups, write {other}")
    whole = is_number and bool((numbers.dropna() % 1 == 0).all())
    if whole and _counts_rows(numbers, rows):
        return replace(out, remark="counts the rows: an id or a counter")
    nameless = NAMELESS.fullmatch(header.casefold()) is not None
    if whole and (turn := turn_of(header, float(numbers.min()), float(numbers.max()))):
        found = _number(out, values, numbers, whole, _lacking(lacks, rows, "median"))
        return replace(found, kept_out=f"{turn}: its last value stands beside its first, not far from it")
    if whole and different == rows and (id_like(header) or nameless):
        return replace(out, remark="has another whole number in every row: an id or a counter")
    measured = is_number and (
        not whole or "mail" in words or numbers.max() < LEAST_ADDRESS
    )  # open rates, emails, calls
    if re.search(ADDRESS, words) and different > FEW_VALUES and not measured:
        return replace(
            out, remark="says where somebody can be reached, not what they are like; a part of it may be a category"
        )
    if whole and different > FEW_VALUES and values.str.fullmatch(r"0\d+").any():
        return replace(out, remark=f"holds {different:,} codes: amounts have no zeros before them")
    counts = re.search(HOW_MANY, words) is not None and numbers.max() < LEAST_ADDRESS
    if whole and different > MOST_CATEGORIES and re.search(MANY_CODES, words):
        return replace(out, remark=f"holds {different:,} codes of groups: no amounts, and too many for categories")
    if different > FEW_VALUES and (re.search(r"(^|_)id$", words) or (whole and id_like(header) and not counts)):
        return replace(out, remark=f"holds {different:,} different ids")
    if _is_birth_year(sample, header):
        remark = f"seen: {numbers.min():g} to {numbers.max():g}{_lacking(lacks, rows, 'median')}; becomes the age in the year of as_of"
        return replace(out, meaning="kind: birth_year", remark=remark, label="age")
    timely = any(word in normal_header(header) for word in TIME)
    timely = timely or bool(values.str.fullmatch(YEAR_FIRST).all())
    timely = timely and header not in sample.units  # how long, not when
    if (not is_number or (timely and different > FEW_VALUES)) and (layouts := time_formats(values)):
        return _dates(out, values, layouts, _lacking(lacks, rows, "median"))
    if is_number and re.search(f"{'|'.join(TIME)}|{LATER}|{BIRTH}|{LAST}", words) and numbers.between(*SERIALS).all():
        found = _number(out, values, numbers, whole, _lacking(lacks, rows, "median"))
        return replace(
            found,
            remark=f"{found.remark}; CHECK: days as a spreadsheet counts them? Export them as dates, or write them so by a query",
        )
    if is_number:
        return _number(out, values, numbers, whole, _lacking(lacks, rows, "median"))
    if different > FEW_VALUES and (behind := _behind_numbers(values)):
        return replace(
            out, remark=f"holds numbers with {behind} behind them: a query can make them numbers of one unit"
        )
    if different > min(MOST_CATEGORIES, max(2, len(values) // 2)):
        return replace(out, remark=f"has {different} different texts")
    found = _category(out, values, lacks, rows)
    if found.meaning == "kind: category" and numbers.notna().mean() > 0.9:  # a second line of headers, or "many"
        words = ", ".join(quote(word) for word in values[numbers.isna()].unique()[:3])
        said = (
            f"CHECK: numbers, but for {words}: in read.missing it means no value, or a row of headers is taken for data"
        )
        return replace(found, remark=f"{found.remark}; {said}")
    return found


def _number(out: ColumnDraft, values: pd.Series, numbers: pd.Series, whole: bool, lacking: str) -> ColumnDraft:
    known = numbers.dropna()
    different, words = sorted(known.unique()), words_of(out.header)
    if (levels := no_yes(values.unique())) and len(levels) == 2:
        share = f"{quote(levels[1])} of {(values == levels[1]).mean():.0%}"
        return replace(out, meaning=_ordinal(levels), remark=f"an indicator: {share}{lacking}")
    few = whole and len(known) >= FEWEST_ROWS
    codes = ", ".join(f"{value:g}" for value in different[:FEW_VALUES])
    of_groups = re.search(CODES if len(different) <= FEW_VALUES else MANY_CODES, words)
    if few and of_groups and values.nunique() == len(different) <= MOST_CATEGORIES:
        if len(different) <= FEW_VALUES:
            ordered = ", ".join(quote(f"{value:g}") for value in different)
            remark = f"CHECK: {codes}: codes of groups? If they have an order: {{kind: ordinal, levels: [{ordered}]}}; remove the kind if they are amounts"
        else:
            span = f"{len(different)} different, {known.min():g} to {known.max():g}"
            remark = f"CHECK: {span}: codes of groups? Remove the kind if they are amounts, or in an order"
        return replace(out, meaning="kind: category", remark=remark + lacking)
    low = ", minimum: 0" if (known >= 0).all() else ""
    remark = f"seen: {known.min():g} to {known.max():g}{lacking}"
    if few and len(different) <= FEW_CODES:
        remark += f"; CHECK: {codes}: counts? Of codes, write kind: category"
    if whole and re.search(BIRTH, words) and known.abs().max() >= 1e8:
        layout = "epoch_s" if known.abs().max() < 1e11 else "epoch_ms"
        remark += f"; CHECK: a time, counted from 1970? Then write kind: date, time_format: {layout}"
    elif (
        whole
        and not out.unit
        and (layouts := time_formats(values))
        and layouts[0] in EPOCHS
        and days_of(values, layouts[0])[-1][0] <= date.today()
    ):
        remark += f"; CHECK: a time, counted from 1970? Then write kind: date, time_format: {layouts[0]}"
    if stopgap := stopgap_of(known):
        often = int((known == float(stopgap)).sum())
        remark += (
            f"; CHECK: {stopgap} stands {often:,} time{'s' * (often > 1)}: if it means no value, add it to read.missing"
        )
    signs = values.str.extract(f"({CURRENCY_SIGN})", expand=False).dropna()
    unit = str(signs.iloc[0]) if len(signs) == len(values) and signs.nunique() == 1 else ""
    if question := several_currencies(out.header, values):
        remark += f"; QUESTION: {question}"
    return replace(out, meaning=f"kind: number{low}", remark=remark, unit=out.unit or unit)


def _behind_numbers(values: pd.Series) -> str:
    """What stands behind the numbers of a column, where there is nothing else in it; nothing where there is."""
    parts = values.str.extract(r"^(.*\d)\s?(\D{0,12})$")
    if sum(map(is_number, parts[0].dropna())) <= 0.9 * len(parts):
        return ""
    return ", ".join(quote(word) for word in parts[1].value_counts().index[:3] if word)


def _counts_rows(numbers: pd.Series, rows: int) -> bool:
    """Whether the rows have whole numbers one after another, in their order or mixed; rows that stand there twice do not count."""
    once = numbers.drop_duplicates()
    if rows >= MANY_ROWS:  # of so many, mixed ones are no accident either
        once = once.sort_values()
    return bool(rows >= FEWEST_ROWS and len(once) > 0.9 * rows and (once.diff().iloc[1:] == 1).all())


def stopgap_of(numbers: pd.Series) -> str:
    """A number far from all others, or the one below zero, that seems to stand for no value; "" where there is none.

    Examples
    --------
    >>> stopgap_of(pd.Series([20.0, 31, 44, -999])), stopgap_of(pd.Series([20.0, 31, 44]))
    ('-999', '')
    """
    for value in STOPGAPS:
        others = numbers[numbers != value]
        if not 0 < len(others) < len(numbers):
            continue
        if (value < 0 <= others.min()) or (value > 0 and value > 2 * others.max()):
            return f"{value}"
    lines = numbers.value_counts().sort_index()
    if len(lines) > FEW_VALUES:
        gaps, last = lines.index.to_series().diff().iloc[1:], float(lines.index[-1])
        apart = gaps.iloc[-1] > 2 * gaps.iloc[:-1].max() and lines.iloc[-1] > 2 * lines.iloc[:-1].max()
        if apart and lines.iloc[-1] >= 0.01 * len(numbers):
            return f"{last:g}"
    return ""


def _dates(out: ColumnDraft, values: pd.Series, layouts: list[str], lacking: str) -> ColumnDraft:
    best = layouts[0]
    layout = f", time_format: {quote(best)}" if best else ""
    if len(layouts) > 1 and swapped(best) == layouts[1]:
        remark = f"holds dates that can be read in both orders, so only you know: write {{kind: date, raw: {quote(out.header)}, time_format: {quote(best)}}}, or {quote(layouts[1])}"
        return replace(out, remark=remark)
    days = days_of(values, best)
    known = [(day, count) for day, count in days if day <= date.today()] or days
    words = [word for word in label_of(out.header)[0].split() if word not in ("date", "dt", "datum", "day", "at", "on")]
    born = re.search(BIRTH, words_of(out.header)) is not None
    later = sum(count for day, count in days if day > date.today())
    never = [
        f"{day} ({count:,}x)"
        for day, count in days
        if count > 1 and (day.year >= 2900 or (day.year <= 1900 and day.day == 1))
    ]
    becomes = "a date of birth: becomes the age in days" if born else "becomes days before as_of"
    remark = f"dates from {days[0][0]} to {days[-1][0]}{lacking}; {becomes}"
    last = None if born else main_days(known)[1]
    if never:
        remark += (
            f"; CHECK: {', '.join(never[:2])}: if they mean no value, add them to read.missing as they are written"
        )
    elif later and not born:
        remark += f"; CHECK: {later:,} lie in the future, and become days below zero"
    wrong = f"{later:,} lie in the future: a query can write the years of two digits in four" if born and later else ""
    return replace(
        out,
        meaning=f"kind: date{layout}",
        remark=remark,
        kept_out=wrong,
        last_day=last,
        label="age in days" if born else f"days since {' '.join(words) or 'then'}",
    )


def _category(out: ColumnDraft, values: pd.Series, lacks: int, rows: int) -> ColumnDraft:
    levels = values.unique().tolist()
    lacking = _lacking(lacks, rows, "unknown")
    if said := no_yes(levels):
        share = f"{one_line(said[1])} of {(values == said[1]).mean():.0%}"
        return replace(out, meaning=_ordinal(said), remark=f"a 0/1 column: {share}{lacking}")
    if len(levels) > 2 and (order := order_of(levels)):
        return replace(out, meaning=_ordinal(order), remark=f"CHECK the order, from the lowest to the highest{lacking}")
    seen = f"{len(levels)} values, e.g. {one_line(values.iloc[0])}{lacking}"
    odd = [level for level in levels if level.casefold() in UNKNOWN]
    if odd and len(levels) > 3 and (order := order_of([level for level in levels if level not in odd])):
        words = ", ".join(map(quote, odd))
        seen += f"; CHECK: an order, but for {words}: with that in read.missing, {{{_ordinal(order)}, missing: median}} is possible"
    if values.str.fullmatch(r"\[.*\]").all() and values.str.contains(",").any():
        seen += "; CHECK: lists of several: each combination is a level of its own"
    if len({level.casefold() for level in levels}) < len(levels):
        seen += "; CHECK: some differ in capitals only, and are two levels"
    return replace(out, meaning="kind: category", remark=seen)


def _ordinal(levels: Sequence[str]) -> str:
    return f"kind: ordinal, levels: [{', '.join(map(quote, levels))}]"


def _lacking(lacks: int, rows: int, stands_in: str) -> str:
    return f"; missing in {lacks:,} of {rows:,} rows: missing: {stands_in} would stand in for it" if lacks else ""


def _is_birth_year(sample: Sample, header: str) -> bool:
    if not re.search(BIRTH, words_of(header)):
        return False
    numbers = sample.numbers(header)
    return bool(len(numbers) and numbers.between(*BIRTHS).mean() > 0.95 and (numbers.dropna() % 1 == 0).all())


def _complete(sample: Sample, columns: list[ColumnDraft]) -> list[ColumnDraft]:
    """Keep out what so many lack that the policy would stop: nothing stands in for a missing value unless asked."""
    found = {one.header: one for one in columns}
    lacking = pd.DataFrame(
        {
            one.header: ~sample.cells.index.isin(sample.present(one.header).index)
            for one in columns
            if one.decides and len(sample.present(one.header)) < len(sample.cells)
        }
    )
    while len(lacking.columns) and lacking.any(axis=1).mean() > Policy().max_bad_share:
        worst = str(lacking.sum().idxmax())
        share = lacking.pop(worst).mean()
        found[worst] = replace(found[worst], kept_out=f"missing for {share:.0%}: write what stands in, then add it")
    return list(found.values())


def customers_lines(path: str, identity: str | None, columns: Sequence[ColumnDraft], read: list[str]) -> list[str]:
    """Write the YAML from the as-of date on.

    Parameters
    ----------
    path : str
        Where the raw file will lie.
    identity : str, optional
        Header of the id.
    columns : sequence of ColumnDraft
        From :func:`columns_of`.
    read : list of str
        Lines that say how the file is read.
    """
    lines = []
    days = [one.last_day for one in columns if one.last_day is not None]
    if days:
        lines = [f'as_of: "{max(days)}" # CHECK: the last of its dates; days and ages are counted to it']
    elif any(re.match("kind: (date|birth_year)", one.meaning) for one in columns):
        lines = [f'as_of: "{date.today()}" # CHECK: when was this table made? Days and ages are counted to it']
    if any(one.decides for one in columns):
        lines.append("feature_sets: [] # fill in: name files of conf/feature_set that list columns below")
    else:
        lines.append("feature_sets: []")
    lines += ["customers:", f"  path: {quote(path)}"]
    lines.append(
        f"  id: {quote(identity)}"
        if identity
        else "  # id: no column with one value per row found; rows are numbered from 1"
    )
    usable = any(one.meaning for one in columns)
    lines.append(
        "  columns: # those that decide are listed in the feature set; the others describe the segments"
        if usable
        else "  columns: {} # no usable column found"
    )
    return [*lines, *(one.line for one in columns), *read]
