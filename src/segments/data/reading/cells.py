"""What a cell may hold: the one grammar of numbers, times and ids, and the SQL by which DuckDB reads cells by it.

A number may carry a currency, blanks, points or apostrophes between its thousands, a minus before or after it, or brackets. Which of
point and comma is the decimal mark is decided for a column as a whole (:func:`decimal_of`): by what configures it, else by the cells
that can be read in one way only. Where every such cell could be a thousand or a decimal, nobody knows, and the person is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

import duckdb

from segments.config.source import EPOCHS, Reader
from segments.data.rows import RawTable, quoted, quoted_list
from segments.errors import DataError

Decimal = Literal[".", ","]

_BLANKS = "[ \u00a0\u2009\u202f]"
_WORDS = "US\\$|R\\$|A\\$|C\\$|USD|EUR|GBP|CHF|JPY|CNY|INR|AUD|CAD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|RON|BRL|MXN|ZAR|TRY|TL|RUB|KRW|SGD|HKD|kr\\.?|zł|Kč|Ft|Fr\\.?|Rs\\.?"
CURRENCY_SIGN = f"(?:[$£€¥￥₹₽₩₺₫₴₦฿₱₪¢円元원\\\\]|(?i:{_WORDS}))"
# One currency, by its sign and its name; \\ is the yen of Shift-JIS.
SAME_MONEY = (
    ("eur", "€"),
    ("gbp", "£"),
    (r"inr|rs\.?", "₹"),
    (r"us\$", "usd"),
    (r"￥|円|\\", "¥"),
    ("pln", "zł"),
    ("try|tl", "₺"),
)
_ANY = "¤"  # stands for a currency, once it is found
_INFINITE = "[iI][nN][fF](?:[iI][nN][iI][tT][yY])?|∞"
_MINUS = "[−–-]"


def _plain(mark: str) -> str:
    mark = re.escape(mark)
    return rf"[+-]?(?:(?:[0-9]+{mark}?[0-9]*|{mark}[0-9]+)(?:[eE][+-]?[0-9]+)?|{_INFINITE})"


def _written(mark: str) -> str:
    """A number as people write money: not what :func:`_plain` knows, and without an exponent."""
    other, mark = re.escape({".": ",", ",": "."}[mark]), re.escape(mark)
    grouped = "|".join(rf"[1-9][0-9]{{0,2}}(?:{sign}[0-9]{{3}})+" for sign in (other, _BLANKS, "['’]"))
    if mark != ",":
        grouped += "|[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}"  # lakhs and crores
    core = rf"(?:(?:{grouped}|[0-9]+)(?:{mark}[0-9]+)?|{mark}[0-9]+)"
    whole = rf"(?:{grouped}|[0-9]+)"
    # 12,- is twelve, and so is 12/- of rupees
    digits = rf"(?:{core}(?:{mark}[-–—]{{0,2}})?|{whole}(?:{mark}[0-9]{{2}})?/[-–—])"
    before, after = rf"(?:{_ANY}{_BLANKS}?)?", rf"(?:{_BLANKS}?[{_ANY}%])?"
    signed = rf"(?:[+−–-]{_BLANKS}?)?{before}{digits}|{_ANY}{_BLANKS}?[+−–-]{digits}|{before}{core}{_BLANKS}?{_MINUS}"
    signed += rf"|{before}{whole}{mark}[0-9]{{2}}[+]"  # as 12.50- of others; 3+ may be three and more
    return rf"(?:{signed}){after}|{before}\({_BLANKS}?{before}{digits}{after}{_BLANKS}?\){after}"


NUMBER: dict[str, str] = {mark: _plain(mark) for mark in (".", ",")}
WRITTEN: dict[str, str] = {mark: _written(mark) for mark in (".", ",")}
NEGATIVE = rf".*\(.*|{_ANY}?{_BLANKS}?{_MINUS}.*|.*[0-9]{_BLANKS}?{_MINUS}{_BLANKS}?{_ANY}?"
LARGEST = 1e100  # beyond it, squares and their sums leave what a float can hold, and no distance can be computed
EXACT = 2**53  # from here on a float no longer tells every whole number from the next
ISO_TIME = r"\d{4}[-/]\d{1,2}[-/]\d{1,2}([ T].*)?"
ZONE = (
    r".*:\d{2}(?::\d{2}(?:\.\d+)?)? ?(Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)"  # at the end of a clock time: it is an instant
)
FEWEST_ALIKE = 2  # unreadable cells of one shape that are no accident


def unit_pattern(unit: str) -> str:
    r"""The unit at the end of a number, of one or of several: ``months`` is that of ``12 months`` and of ``1 month``.

    Examples
    --------
    >>> [re.sub(unit_pattern("months"), r"\1", text) for text in ("12 months", "1 Month", "2 years")]
    ['12', '1', '2 years']
    """
    several = len(unit) > 2 and unit[-1].lower() in "es"
    return f"(?i)([0-9]){_BLANKS}?{re.escape(unit)}{'?' * several}$"


def literal(text: str) -> str:
    """Quote a text for SQL.

    Examples
    --------
    >>> literal("Men's")
    "'Men''s'"
    """
    return "'" + text.replace("'", "''") + "'"


# --- texts --------------------------------------------------------------------------------------------------------


def text_sql(header: str, kind: str, reader: Reader) -> str:
    """Write SQL for a cell as text without surrounding blanks, NULL where it means "no value"."""
    name = quoted(header)
    if kind == "VARCHAR":
        text = f"trim({name}, ' \t\r\n\u00a0')"
        missing = ", ".join(
            literal(word) for word in sorted({"", *(word.strip().casefold() for word in reader.missing)})
        )
        return f"CASE WHEN lower({text}) NOT IN ({missing}) THEN {text} END"
    if kind in ("DOUBLE", "FLOAT"):
        # An id column with one missing value arrives as float from pandas: 7.0 is the id 7.
        is_whole = f"{name} = trunc({name}) AND abs({name}) < {EXACT}"
        rounded = f"WHEN isfinite({name}) AND abs({name}) >= {EXACT} THEN format('{{:.16e}}', CAST({name} AS DOUBLE))"
        whole = f"WHEN {is_whole} THEN CAST(CAST({name} AS BIGINT) AS VARCHAR)"
        text = f"CASE {whole} {rounded} ELSE CAST({name} AS VARCHAR) END"
        return f"CASE WHEN NOT isnan({name}) THEN {text} END"
    return f"CAST({name} AS VARCHAR)"


# --- numbers ------------------------------------------------------------------------------------------------------


def number_sql(header: str, kind: str, cell: str, decimal: str, *, is_plain: bool = False) -> str:
    """Write SQL for a cell as a number (DOUBLE), NULL where it is none; `cell` is what :func:`text_sql` wrote for it.

    `is_plain` says that no cell of the column is written as money: then there is less to look for.
    """
    name = quoted(header)
    if kind in ("DOUBLE", "FLOAT"):
        return f"CASE WHEN NOT isnan({name}) THEN CAST({name} AS DOUBLE) END"
    if kind != "VARCHAR":
        return f"TRY_CAST({name} AS DOUBLE)"
    text = f"replace({cell}, ',', '.')" if decimal == "," else cell
    plain = f"WHEN regexp_full_match({cell}, {literal(NUMBER[decimal])}) THEN TRY_CAST(replace({text}, '∞', 'inf') AS DOUBLE)"
    if is_plain:
        return f"CASE {plain} END"
    digits = f"TRY_CAST(replace(regexp_replace(money, '[^0-9{decimal}]', '', 'g'), ',', '.') AS DOUBLE)"
    sign = f"CASE WHEN regexp_full_match(money, {literal(NEGATIVE)}) THEN -1 ELSE 1 END"
    written = f"CASE WHEN regexp_full_match(money, {literal(WRITTEN[decimal])}) THEN {sign} * {digits} / CASE WHEN contains(money, '%') THEN 100 ELSE 1 END END"
    return f"CASE {plain} ELSE list_transform([{_money_sql(cell)}], lambda money: {written})[1] END"


def _money_sql(cell: str) -> str:
    return f"regexp_replace({cell}, {literal(CURRENCY_SIGN)}, '{_ANY}')"


def read_number(text: str, decimal: str = ".") -> float | None:
    """Read one text as :func:`number_sql` does; ``None`` where it is no number.

    Examples
    --------
    >>> [read_number(text) for text in ("1e3", "$84,835.00", "(12.50)", "12.50-", "20%", "1_000", "12,5", "20.16.")]
    [1000.0, 84835.0, -12.5, -12.5, 0.2, None, None, None]
    >>> [read_number(text) for text in ("Rs. 1,200/-", "12.50+", "3+", "12.50 CR")], read_number("1,200/-", ",")
    ([1200.0, 12.5, None, None], None)
    >>> [read_number(text, ",") for text in ("1.234,56 €", "1 234,56", "12,-", "12.5")]
    [1234.56, 1234.56, 12.0, None]
    """
    if re.fullmatch(NUMBER[decimal], text):
        return float(text.replace(",", ".").replace("∞", "inf"))
    text = re.sub(CURRENCY_SIGN, _ANY, text, count=1)
    if not re.fullmatch(WRITTEN[decimal], text):
        return None
    digits = re.sub(f"[^0-9{decimal}]", "", text).replace(",", ".")
    if not re.fullmatch(NUMBER["."], digits):  # a second mark, as in "20.16."
        return None
    sign = -1 if re.fullmatch(NEGATIVE, text) else 1
    return sign * float(digits) / (100 if "%" in text else 1)


def is_number(text: str) -> bool:
    """Whether a text is a number in any way of writing.

    Examples
    --------
    >>> is_number("1'234.50"), is_number("1.234,50"), is_number("K7")
    (True, True, False)
    """
    return read_number(text, ".") is not None or read_number(text, ",") is not None


def currencies_of(texts: Iterable[str]) -> list[str]:
    """The currencies that numbers bear, each by one name, as :func:`number_in` tells them apart.

    Examples
    --------
    >>> currencies_of(["$12.50", "€ 3", "EUR 4", "7"])
    ['$', '€']
    """
    found = set()
    for text in texts:
        if (sign := re.search(CURRENCY_SIGN, text)) and is_number(text):
            name = sign[0].lower()
            for alike, one in SAME_MONEY:
                name = re.sub(alike, one, name)
            found.add(name)
    return sorted(found)


def tells_decimal(text: str) -> str | None:
    """Which decimal mark a number can only have; "" where both would read it, differently; ``None`` where it does not matter or is none.

    Examples
    --------
    >>> [tells_decimal(text) for text in ("1.5", "1.234,56", "1.234", "1234", "one")]
    ['.', ',', '', None, None]
    """
    point, comma = read_number(text, "."), read_number(text, ",")
    if point is not None and comma is not None:
        return None if point == comma else ""
    return "." if point is not None else "," if comma is not None else None


def number_in(raw: RawTable, header: str, reader: Reader, where: str, unit: str = "") -> str:
    """Write SQL for a column of a raw table as numbers, with the decimal mark that the column as a whole has.

    Parameters
    ----------
    raw : RawTable
        The table, and the mark that its columns together leave no doubt of.
    header : str
        The column.
    reader : Reader
        ``decimal`` says the mark.
    where : str
        The file, for the message.
    unit : str
        May stand behind the numbers, where it is of letters and no currency.

    Raises
    ------
    DataError
        If every number with a mark may be a thousand or a decimal, or the column holds several currencies.
    """
    kind = str(raw.lines.types[raw.lines.columns.index(header)])
    cell = text_sql(header, kind, reader)
    if kind != "VARCHAR":
        return number_sql(header, kind, cell, ".")
    if unit.isalpha() and not is_number(f"1 {unit}"):
        cell = f"regexp_replace({cell}, {literal(unit_pattern(unit))}, '\\1')"
    found = reader.decimal or raw.decimal
    mark, is_plain = decimal_of(raw.lines.project(f"{cell} AS cell").filter("cell IS NOT NULL"), header, found, where)
    return number_sql(header, kind, cell, reader.decimal or mark, is_plain=is_plain and (reader.decimal or mark) == ".")


def decimal_of(cells: duckdb.DuckDBPyRelation, header: str, found: str | None, where: str) -> tuple[str, bool]:
    """Decide the decimal mark of a column ``cell`` of texts, and whether all of them are plain numbers; as :func:`number_in`."""
    maybe = "regexp_full_match(cell, '[+-]?[1-9][0-9]{0,2}[.][0-9]{3}')"
    plain = f"regexp_full_match(cell, {literal(NUMBER['.'])})"
    flags = cells.project(f"{plain} AS plain, {plain} AND contains(cell, '.') AS pointed, {maybe} AS unsure")
    present, plains, points, unsure = flags.aggregate(
        "count(*), count(*) FILTER (WHERE plain), count(*) FILTER (WHERE pointed), count(*) FILTER (WHERE unsure)"
    ).fetchall()[0]
    if plains == present and points > unsure:
        return ".", True
    if plains < present:
        unsure = 0
        marks = cells.project(f"cell, {_money_sql('cell')} AS money")
        reads = {
            mark: f"(regexp_full_match(cell, {literal(NUMBER[mark])}) OR regexp_full_match(money, {literal(WRITTEN[mark])}))"
            for mark in (".", ",")
        }
        marks = marks.project(f"cell, {reads['.']} AS point, {reads[',']} AS comma")
        sign = f"lower(regexp_extract(cell, {literal(CURRENCY_SIGN)}))"
        for alike, name in SAME_MONEY:
            sign = f"regexp_replace({sign}, {literal(alike)}, {literal(name)})"
        currency = f"CASE WHEN point OR comma THEN nullif({sign}, '') END"
        flags = marks.project(
            "point AND NOT comma AS pointed, comma AND NOT point AS with_comma, "
            f"point AND comma AND regexp_matches(cell, '[0-9][.,][0-9]') AS unsure, {currency} AS currency"
        )
        points, commas, unsure, one, another = flags.aggregate(
            "count(*) FILTER (WHERE pointed), count(*) FILTER (WHERE with_comma), count(*) FILTER (WHERE unsure), "
            "min(currency), max(currency)"
        ).fetchall()[0]
        if one != another:
            raise DataError(
                f"column '{header}' holds money of several currencies: {quoted_list(sorted((one, another)))}",
                where=where,
                fix="convert them to one, or make a file of each",
            )
        if points or commas:
            return "." if points >= commas else ",", False
    if unsure and found is None:
        seen = cells.filter("regexp_matches(cell, '[0-9][.,][0-9]')").limit(2).fetchall()
        raise DataError(
            f"column '{header}' has {quoted_list(row[0] for row in seen)}: thousands or decimals, the file does not say",
            where=where,
            fix='write read.decimal: "." or read.decimal: "," beside its path',
        )
    return found or ".", plains == present


def refuse_pattern(rows: duckdb.DuckDBPyRelation, text: str, header: str, where: str, fix: str) -> str:
    """What unreadable cells look like; where several are of one shape, they are no accident, and the file is not read as it is meant.

    Parameters
    ----------
    rows : DuckDBPyRelation
        The rows whose cell is unreadable.
    text : str
        SQL of the cell.
    header, where, fix : str
        The column, the file, and what to do, for the message.

    Returns
    -------
    str
        Two of the cells, in quotes.

    Raises
    ------
    DataError
        If at least two cells with digits have the same shape, such as ``9.9,9``.
    """
    shape = r"regexp_replace(regexp_replace(cell, '[0-9]+', '9', 'g'), '[\p{L}]+', 'a', 'g')"
    kinds = (
        rows.project(f"{text} AS cell")
        .project(f"cell, {shape} AS shape")
        .aggregate("shape, count(*) AS n, min(cell) AS low, max(cell) AS high", "shape")
        .order("n DESC, shape")
        .fetchall()
    )
    for found, count, low, high in kinds:
        if "9" in found and count >= FEWEST_ALIKE:
            raise DataError(
                f"{count:,} cells of column '{header}' cannot be read and look alike, such as {quoted_list(dict.fromkeys((low, high)))}: "
                "that is a way of writing, no accident",
                where=where,
                fix=f"{fix}; what means no value goes into read.missing",
            )
    return quoted_list(list(dict.fromkeys(cell[:60] for kind in kinds for cell in kind[2:]))[:2])


# --- times --------------------------------------------------------------------------------------------------------


def time_sql(header: str, kind: str, cell: str, time_format: str | None, zone: str | None = None) -> str:
    """Write SQL for a cell as a time (TIMESTAMP), NULL where it is none.

    Parameters
    ----------
    header, kind : str
        The column and its type.
    cell : str
        What :func:`text_sql` wrote for it.
    time_format : str, optional
        As strptime writes it, or ``epoch_s``, ``epoch_ms``, ``epoch_us``; without one times are the file's own, or ISO text.
    zone : str, optional
        Where the business is: instants become the time on its clocks. Without it they stay as written, or UTC.
    """
    at = f"AT TIME ZONE {literal(zone or 'UTC')}"
    if time_format in EPOCHS:
        seconds = f"TRY_CAST({cell} AS DOUBLE) / {EPOCHS[time_format]}"
        time = f"CASE WHEN abs({seconds}) < 1e11 THEN to_timestamp({seconds}) {at} END"
    elif kind == "TIMESTAMP WITH TIME ZONE":
        time = f"{quoted(header)} {at}"
    elif kind.startswith("TIMESTAMP") or kind == "DATE":
        time = f"TRY_CAST({quoted(header)} AS TIMESTAMP)"
    elif time_format is not None:
        named = "%b" in time_format.lower()
        layout = literal(time_format.replace("%B", "%b") if named else time_format)
        time = f"try_strptime({_months(cell) if named else cell}, {layout})"
        if "%z" in time_format.lower():
            time = f"CAST({time} AS TIMESTAMPTZ) {at}"
        time = f"CAST({time} AS TIMESTAMP)"
        time = f"CASE WHEN year({time}) >= 1000 THEN {time} END"  # %Y takes 24 for the year 24
    else:
        iso = f"regexp_full_match({cell}, '{ISO_TIME}')"
        time = f"TRY_CAST({cell} AS TIMESTAMP)"
        if zone is not None:
            close = f"regexp_replace({cell}, ' ([+-][0-9:]+|Z)$', '\\1')"  # a blank before the offset is not read
            time = f"CASE WHEN regexp_full_match({cell}, '{ZONE}') THEN TRY_CAST({close} AS TIMESTAMPTZ) {at} ELSE {time} END"
        time = f"CASE WHEN {iso} THEN {time} END"
    return time


def instants(
    rows: duckdb.DuckDBPyRelation,
    header: str,
    kind: str,
    cell: str,
    time_format: str | None,
    zone: str | None,
    where: str,
) -> list[str]:
    """What a person should know of times that are instants: whose days they are cut into.

    Parameters
    ----------
    rows : DuckDBPyRelation
        The table.
    header, kind, cell, time_format, zone
        As of :func:`time_sql`.
    where : str
        The file, for the message.

    Raises
    ------
    DataError
        If some times are instants and others are not, and nobody says on which clock these are.
    """
    key = "write time_zone (such as Europe/Berlin) into the source for the days of the business"
    if kind == "TIMESTAMP WITH TIME ZONE" or time_format in EPOCHS:
        return [] if zone is not None else [f"the times of '{header}' are instants, cut into days in UTC: {key}"]
    if kind != "VARCHAR" or time_format is not None:
        return []
    of_zone = f"regexp_extract({cell}, '^{ZONE}$', 1)"
    found = (
        rows.filter(f"regexp_full_match({cell}, '{ISO_TIME}')")
        .project(f"{of_zone} AS zone")
        .aggregate("zone, count(*) AS n", "zone")
        .order("n DESC, zone")
        .fetchall()
    )
    zones, bare = [one for one, _ in found if one], sum(count for one, count in found if not one)
    if not zones:
        return []
    if zone is not None:
        return [f"{bare:,} times of '{header}' name no zone: they are taken as those of {zone}"] if bare else []
    if bare:
        raise DataError(
            f"{bare:,} times of column '{header}' name no zone, others do ({quoted_list(zones, 3)}): they cannot be put on one clock",
            where=where,
            fix=f"{key}: it is also that of the times without one",
        )
    mixed = " are mixed" if len(zones) > 1 else ""
    return [
        f"the times of '{header}' have {mixed}zones ({quoted_list(zones, 4)}); each day is the one written there: {key}"
    ]


# How months are called in English, German, French, Spanish, Italian, Dutch, Portuguese, Polish, Russian, Turkish; strptime knows the first three letters of the English.
MONTHS = {
    "Jan": "january|januar|jänner|jän|janvier|janv|enero|ene|gennaio|gen|januari|janeiro|styczeń|stycznia|sty|январ[ья]|янв|ocak|oca",
    "Feb": "february|februar|février|fevrier|févr|fév|febrero|febbraio|februari|fevereiro|fev|luty|lutego|lut|феврал[ья]|фев|şubat|şub",
    "Mar": "march|märz|mär|maerz|mrz|mars|marzo|maart|mrt|março|marzec|marca|марта?|мар|mart",
    "Apr": "april|avril|avr|abril|abr|aprile|kwiecień|kwietnia|kwi|апрел[ья]|апр|nisan|nis",
    "May": "mai|mayo|maggio|mag|mei|maio|maja?|ма[йя]|mayıs",
    "Jun": "june|juni|juin|junio|giugno|giu|junho|czerwiec|czerwca|cze|июн[ья]|июн|haziran|haz",
    "Jul": "july|juli|juillet|juil|julio|luglio|lug|julho|lipiec|lipca|lip|июл[ья]|июл|temmuz|tem",
    "Aug": "august|août|aout|agosto|ago|augustus|sierpień|sierpnia|sie|августа?|авг|ağustos|ağu",
    "Sep": "september|septembre|septiembre|settembre|sett|set|sept|setembro|wrzesień|września|wrz|сентябр[ья]|сент?|eylül|eyl",
    "Oct": "october|oktober|okt|octobre|octubre|ottobre|ott|outubro|out|październik|października|paź|октябр[ья]|окт|ekim|eki",
    "Nov": "november|novembre|noviembre|novembro|listopada?|lis|ноябр[ья]|нояб?|kasım|kas",
    "Dec": "december|dezember|dez|décembre|decembre|déc|diciembre|dic|dicembre|dezembro|grudzień|grudnia|gru|декабр[ья]|дек|aralık|ara",
}


def _months(cell: str) -> str:
    for month, names in MONTHS.items():
        cell = f"regexp_replace({cell}, '(?i)(^|[^\\p{{L}}])({names}|{month})\\.?($|[^\\p{{L}}])', '\\1{month}\\3')"
    return cell
