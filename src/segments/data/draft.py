"""Drafts the source config of an unknown table. Comes in: a sample of its cells. Goes out: YAML for ``conf/source/``.

The draft is a guess by names and contents: it is valid as it stands, and every guess a person should check says so
beside it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path, PurePath, PurePosixPath

import duckdb
import pandas as pd
import pyarrow as pa
import yaml

from segments.config.source import CUSTOMER_ID, Policy, Reader
from segments.data.money_roles import MoneyRoles, money_roles
from segments.data.reading.cells import NUMBER, instants, read_number, tells_decimal, text_sql, time_sql
from segments.data.reading.dialect import dialect_of
from segments.data.reading.files import as_text, relation, workspace
from segments.data.reading.ids import ROUNDED_ID, customer_ids
from segments.data.reading.kinds import first_bytes, kind_of
from segments.data.rows import normal_header, quoted
from segments.data.times import swapped, time_formats
from segments.data.transactions import main_days, purchase_days
from segments.errors import DataError

SAMPLE_ROWS = 100_000
MOST_CATEGORIES = 50
FEW_VALUES = 12
LONGEST_KEY = 60
LONGEST_CELL = 60
FEWEST_CUSTOMERS = 4  # of a log of more than a few lines
MOST_LOOKED_AT = 5_000  # different cells of a column
LINES_OF_ONE = 2_000  # of a customer, on average, beyond which it is rather a shop
NAMELESS = re.compile(r"column \d+|unnamed: \d+|index|")
# What headers tend to be called, letters only, the most telling word first.
CUSTOMER = (
    *("household", "customer", "client", "member", "shopper", "user", "account", "kunde", "kdnr", "mitglied", "nutzer"),
    *("käufer", "acheteur", "abonn", "adhérent", "cliente", "cust"),
)
ABOUT_CUSTOMERS = r"(type|typ|segment|group|gruppe|class|klasse|category|kategorie|status|gender|sex|age|alter|since|count|city|country|region|state)$"  # not who they are
ORDER = (
    *("basket", "order", "invoice", "receipt", "ticket", "transaction", "bill"),
    *(
        "beleg",
        "bestell",
        "rechnung",
        "auftrag",
        "quittung",
        "bon",
        "commande",
        "facture",
        "panier",
        "pedido",
        "factura",
    ),
)
TIME = (
    "timestamp",
    "datetime",
    "date",
    "time",
    "day",
    "datum",
    "fecha",
    "zeit",
    "jour",
    "heure",
    "created",
    "purchased",
)
PRODUCT = ("product", "sku", "stockcode", "article", "item", "artikel", "produkt", "produit")
STORE = ("store", "shop", "branch", "outlet", "filiale", "magasin", "boutique")
LINE_NUMBER = r"(line|row|position|pos)_?(no|nr|num|number|id)?$"


@dataclass(frozen=True)
class Roles:
    """What the columns of a table seem to be; the fields are headers.

    Parameters
    ----------
    customer, time, order, product, store, line : str, optional
        Headers that play these parts.
    time_format : str, optional
        How times are written; ``None`` for ISO text.
    other_time_format : str, optional
        A second format that fits as well (day and month swapped): which of the two, only a person knows.
    money : MoneyRoles
        What says what was paid.
    doubts : mapping of str to str
        What a person should look at, by the key it is about.
    is_log : bool
        Whether the table looks like purchases: a customer comes more than once, with a time and money.
    """

    customer: str | None = None
    time: str | None = None
    order: str | None = None
    product: str | None = None
    store: str | None = None
    line: str | None = None
    time_format: str | None = None
    other_time_format: str | None = None
    money: MoneyRoles = field(default_factory=MoneyRoles)
    doubts: Mapping[str, str] = field(default_factory=dict)
    is_log: bool = False


def guess_roles(sample: pd.DataFrame, missing: Sequence[str] = (), decimal: str | None = None) -> Roles:
    """Guess which column is the customer, the time, the money and so on.

    Parameters
    ----------
    sample : DataFrame
        Text cells.
    missing : sequence of str
        Texts that mean "no value".
    decimal : {".", ","}, optional
        Decimal mark of the cells, where the file leaves no doubt.

    Examples
    --------
    >>> log = {"client": ["a", "a"], "date": ["2024-01-01", "2024-02-01"], "total": ["5", "7.5"]}
    >>> roles = guess_roles(pd.DataFrame(log, dtype="string"))
    >>> roles.is_log, roles.customer, roles.time, roles.money.amount
    (True, 'client', 'date', 'total')
    """
    cells = {str(name): _present(sample[name], missing) for name in sample.columns}
    read = {name: _numbers(column, decimal) for name, column in cells.items()}
    numbers = {name for name, column in read.items() if column.notna().mean() > 0.9}
    nameless = all(NAMELESS.fullmatch(name.casefold()) for name in cells)
    free = [name for name, column in cells.items() if len(column)]

    def take(words: Sequence[str], names: Sequence[str]) -> str | None:
        found = next((name for word in words for name in names if word in normal_header(name)), None)
        if found is not None:
            free.remove(found)
        return found

    times = {name: time_formats(cells[name]) for name in free}
    time = take(TIME, [name for name in free if times[name]])
    if time is None:
        time = next((name for name in free if times[name] and (nameless or name not in numbers)), None)
        if time is not None:
            free.remove(time)
    who = [name for name in free if _may_be_customer(name, cells[name])]
    customer = take(CUSTOMER, sorted(who, key=lambda name: not _id_like(name)))
    if customer is None and nameless:
        customer = next((name for name in who if not times[name] and cells[name].duplicated().any()), None)
        free = [name for name in free if name != customer]
    order = take(ORDER, sorted((name for name in free if not times[name]), key=lambda name: not _id_like(name)))
    product = take(PRODUCT, [name for name in free if _id_like(name) or "sku" in normal_header(name)])
    store = take(STORE, [name for name in free if _id_like(name)])
    line = next((name for name in free if name in numbers and re.search(LINE_NUMBER, _snake(name))), None)
    figures = {name: read[name] for name in free if name in numbers and name != line and not _id_like(name)}
    money = money_roles({name: values.dropna() for name, values in figures.items()})
    if nameless and figures:
        money = MoneyRoles(amount=list(figures)[-1])  # quantity before money, as most tills write it
    doubts = {}
    if customer is not None and (lines := len(cells[customer]) / max(1, cells[customer].nunique())) > LINES_OF_ONE:
        doubts["customer"] = (
            f" # {cells[customer].nunique()} customers with {lines:,.0f} lines each: is that not a shop or a group?"
        )
    repeats = customer is not None and cells[customer].duplicated().any()
    formats = times.get(time, []) if time is not None else []
    return Roles(
        customer=customer,
        time=time,
        order=order,
        product=product,
        store=store,
        line=line if order is not None else None,
        time_format=formats[0] or None if formats else None,
        other_time_format=formats[1] if len(formats) > 1 and swapped(formats[0]) == formats[1] else None,
        money=money,
        doubts=doubts,
        is_log=bool(repeats and time is not None and (money.knows_money or money.questions)),
    )


def describe(
    sample: pd.DataFrame,
    path: str,
    *,
    roles: Roles,
    rows: int,
    missing: Sequence[str],
    reading: Mapping[str, object] | None = None,
    days: Sequence[tuple[date, int]] = (),
    notes: Sequence[str] = (),
    questions: Sequence[str] = (),
) -> str:
    """Draft the YAML of a source with this one raw file.

    Parameters
    ----------
    sample : DataFrame
        Text cells of the file, all of them or a part.
    path : str
        Where the file lies; its stem names the source.
    roles : Roles
        From :func:`guess_roles`.
    rows : int
        Rows of the whole file.
    missing : sequence of str
        Texts that mean "no value".
    reading : mapping, optional
        What of :class:`~segments.config.source.Reader` was found out from the file.
    days : sequence of (date, int)
        Days of the whole log, and their lines, in order.
    notes : sequence of str
        What a person should know about how the file was read.
    questions : sequence of str
        Keys of the source that only a person can fill in.

    Returns
    -------
    str
        YAML that loads as a :class:`~segments.config.Source`.

    Examples
    --------
    >>> people = pd.DataFrame({"Id": ["1", "2"], "Age (y)": ["31", "40"]}, dtype="string")
    >>> print(describe(people, "data/people.csv", roles=guess_roles(people), rows=2, missing=["?"]).splitlines()[10])
        age_y: {raw: "Age (y)", minimum: 0} # seen: 31 to 40
    """
    called = PurePath(path).parent.name if "*" in PurePath(path).name else PurePath(path).stem
    name = re.sub(r"\W+", "_", called.lower()).strip("_") or "mine"
    decimal = str((reading or {}).get("decimal", "")) or None
    lines = [
        f"# Drafted from {_plain(path)} ({rows:,} rows).",
        f"# Read every line, mend what is wrong, and save it as conf/source/{name}.yaml.",
    ]
    inside = PurePath(path).parts[:1] == ("data",) and ".." not in PurePath(path).parts
    raw = (
        path
        if inside
        else str(PurePosixPath("data", name, re.sub(r"[^\w. *-]+", "_", PurePath(path).name).lstrip(".")))
    )
    from_ = PurePath(path).parent if "*" in PurePath(path).name else path
    origin = "" if inside else f" from={_comment(str(from_))}"
    lines.append(f"# Then `segments fetch source={name}{origin}` puts it in its place and pins it.")
    if len(sample) < rows:
        lines.append(f"# Looked at {len(sample):,} of {rows:,} rows, spread over the file.")
    lines += [f"# Note: {_comment(note)}" for note in notes]
    if (roles.customer or _identity(sample, roles, missing)) is None:
        lines.append(
            "# Note: no column tells customers apart: as drafted, every row is a customer of its own; name the id if there is one."
        )
    lines += [f"name: {_quote(name)}", f"description: {_quote(f'{PurePath(path).name}: {rows:,} rows')}"]
    lines += [f"# QUESTION: {_comment(question)}" for question in questions]
    ids = {roles.customer, roles.order, roles.product, roles.store}
    figures = [name for name in map(str, sample.columns) if name not in ids and not _id_like(name)]
    read = _reading(sample, figures, reading or {}, missing, decimal)
    lines += (
        _log(
            raw,
            roles,
            as_of_line(days, date.today()),
            read,
            _of_lines(sample, roles, missing, decimal),
            returns=_below_zero(sample, roles, missing, decimal),
        )
        if roles.is_log
        else _customers(sample, raw, roles, missing, decimal, read)
    )
    return "\n".join(lines) + "\n"


def as_of_line(days: Sequence[tuple[date, int]], today: date) -> str:
    """Draft the as-of date of a log: the last day of it that can be one.

    Parameters
    ----------
    days : sequence of (date, int)
        Its days and their lines, in order.
    today : date
        No purchase lies after it.

    Examples
    --------
    >>> days = [(date(2024, 1, day), 5) for day in range(1, 31)]
    >>> as_of_line(days, date(2024, 6, 1))
    'as_of: "2024-01-30" # the last purchase in the log: all of that day is known, nothing after it'
    >>> as_of_line([*days, (date(2204, 1, 1), 1)], date(2024, 6, 1))
    'as_of: "2024-01-30" # CHECK: 1 line lies after it, up to 2204-01-01, and would be left out: this is the last day before a gap, or before tomorrow'
    """
    _, last = main_days([(day, lines) for day, lines in days if day <= today] or days)
    later = sum(lines for day, lines in days if day > last)
    if not later:
        return f'as_of: "{last}" # the last purchase in the log: all of that day is known, nothing after it'
    return (
        f'as_of: "{last}" # CHECK: {later:,} line{"s lie" if later != 1 else " lies"} after it, up to {days[-1][0]}, '
        "and would be left out: this is the last day before a gap, or before tomorrow"
    )


def _log(
    path: str, roles: Roles, as_of: str, read: list[str], remarks: list[str], returns: dict[str, float]
) -> list[str]:
    money = roles.money
    lines = [as_of]
    if returns:
        header, share = max(returns.items(), key=lambda item: item[1])
        lines += [
            f"# {_plain(header)} is below zero on {share:.2%} of the lines: returns, which are netted (policy.returns: net, drop or keep);",
            "# rfm_net is rfm with a logarithm that takes money below zero",
        ]
    lines.append(f"feature_sets: [{'rfm_net' if returns else 'rfm'}] # those of conf/feature_set you want swept")
    lines += ["transactions:", f"  path: {_quote(path)}"]
    lines += [f"  # QUESTION: {_comment(question)}" for question in money.questions]
    if not money.knows_money:
        lines.append("  # amount: until this is known, the source is refused")
    parts = {key: getattr(roles, key) for key in ("customer", "time")}
    parts |= {key: getattr(money, key) for key in ("amount", "quantity", "price", "list_price", "discount_rate")}
    parts |= {key: getattr(roles, key) for key in ("order", "line", "product", "store")}
    for key, header in parts.items():
        if header is not None:
            guess = " # a guess: the file has no header" if NAMELESS.fullmatch(header.casefold()) else ""
            lines.append(f"  {key}: {_quote(header)}{guess}{roles.doubts.get(key, '')}")
        if key == "price" and money.quantity is not None:
            lines[-1] += " # the money of a line is quantity x price"
        if key == "discount_rate" and header is not None:
            lines.append(
                f"  discount_unit: {money.discount_unit} # a fifth is {'0.2' if money.discount_unit == 'share' else '20'}"
            )
        if key == "order" and header is None:
            lines.append("  # order: no order or basket id found; a purchase day counts as one order")
    if roles.other_time_format is not None:
        either = f"{_quote(roles.time_format or '')} or {_quote(roles.other_time_format)}"
        lines.append(
            f"  # time_format: write {either}: every day of the file can be read in both orders, so only you know"
        )
    elif roles.time_format is not None:
        lines.append(f"  time_format: {_quote(roles.time_format)}")
    for key, headers in (("discounts", money.discounts), ("coupons", money.coupons)):
        if headers:
            lines.append(f"  {key}: [{', '.join(map(_quote, headers))}]")
    return lines + read + remarks


def _below_zero(sample: pd.DataFrame, roles: Roles, missing: Sequence[str], decimal: str | None) -> dict[str, float]:
    """Which of the columns that money is made of go below zero, and on which share of the lines."""
    paid = [header for header in (roles.money.amount, roles.money.quantity, roles.money.price) if header is not None]
    shares = {name: float((_numbers(_present(sample[name], missing), decimal) < 0).mean()) for name in paid}
    return {name: share for name, share in shares.items() if share > 0}


def _of_lines(sample: pd.DataFrame, roles: Roles, missing: Sequence[str], decimal: str | None) -> list[str]:
    """What stands in the lines that a person should decide on: codes that are no goods, returns, lines of nobody."""
    found = []
    if roles.product is not None:
        codes = _present(sample[roles.product], missing)
        plain = codes[~codes.str.contains(r"\d")]
        if 0 < len(plain) < 0.05 * len(codes):
            words = ", ".join(_quote(word) for word in plain.value_counts().index[:12])
            found.append(
                f"  # codes without a digit, unlike the others: if they are no goods, write exclude: {{{_quote(roles.product)}: [{words}]}}"
            )
    if roles.customer is not None:
        nobody = 1 - len(_present(sample[roles.customer], missing)) / len(sample)
        people = _present(sample[roles.customer], missing).nunique()
        if people <= FEW_VALUES:
            found.insert(
                0, f"  # CHECK: {_plain(roles.customer)} has only {people} different values: does it say who bought?"
            )
        if nobody > Policy().max_bad_share:
            found.append("policy:")
            found.append(
                f"  max_bad_share: {min(nobody + 0.05, 0.95):.2f} # {nobody:.1%} of the lines name no customer ({_plain(roles.customer)}): "
                "they are left out and counted; is that as it should be?"
            )
    return found


def _customers(
    sample: pd.DataFrame, path: str, roles: Roles, missing: Sequence[str], decimal: str | None, read: list[str]
) -> list[str]:
    lines = [
        "feature_sets: [] # fill in: name files of conf/feature_set that list number columns below",
        "customers:",
        f"  path: {_quote(path)}",
    ]
    identity = _identity(sample, roles, missing)
    lines.append(
        f"  id: {_quote(identity)}"
        if identity
        else "  # id: no column with one value per row found; rows are numbered from 1"
    )
    columns: list[str] = []
    keys: set[str] = set()
    for header in map(str, sample.columns):
        if header == identity:
            continue
        values = _present(sample[header], missing)
        key = _key(header, keys)
        lacking = f"; missing in {len(sample) - len(values):,} rows" if len(values) < len(sample) else ""
        numbers = _numbers(values, decimal)
        if not len(values):
            columns.append(f"    # {key}: left out, {_plain(header)} has no values")
        elif _id_like(header) and values.str.fullmatch(ROUNDED_ID).mean() > 0.5:
            columns.append(
                f"    # {key}: left out, {_plain(header)} holds ids that a spreadsheet rounded: export them as text"
            )
        elif len(values) > 1 and values.nunique() == 1:
            columns.append(f"    # {key}: left out, {_plain(header)} is always {_plain(values.iloc[0])}{lacking}")
        elif _looks_numeric(values, numbers) and values.nunique() == len(sample) and _counts_rows(header, numbers):
            columns.append(
                f"    # {key}: left out, {_plain(header)} has another whole number in every row: an id or a counter"
            )
        elif _looks_numeric(values, numbers):
            numbers = numbers.dropna()
            low = ", minimum: 0" if (numbers >= 0).all() else ""
            seen = f"seen: {numbers.min():g} to {numbers.max():g}{lacking}"
            columns.append(f"    {key}: {{raw: {_quote(header)}{low}}} # {seen}")
        elif time_formats(values):
            columns.append(f"    # {key}: left out, {_plain(header)} holds dates")
        elif values.nunique() <= min(MOST_CATEGORIES, max(2, len(values) // 2)):
            seen = f"{values.nunique()} values, e.g. {_plain(values.iloc[0])}{lacking}"
            columns.append(f"    {key}: {{kind: category, raw: {_quote(header)}}} # {seen}")
        else:
            columns.append(f"    # {key}: left out, {_plain(header)} has {values.nunique()} different texts")
    if not any(not line.lstrip().startswith("#") for line in columns):
        return [*lines, "  columns: {} # no usable column found", *columns, *read]
    return [*lines, "  columns: # numbers can be clustered on; categories describe the segments", *columns, *read]


def _reading(
    sample: pd.DataFrame,
    figures: Sequence[str],
    reading: Mapping[str, object],
    missing: Sequence[str],
    decimal: str | None,
) -> list[str]:
    """Write the ``read`` block: how the file is written, and the texts that seem to mean "no value"; among ids none does."""
    known = {word.casefold() for word in missing}
    seen: dict[str, int] = {}
    odd: dict[str, int] = {}
    unsure: list[str] = []
    for column in sample.columns:
        text = sample[column].dropna().str.strip()
        for word, count in text[text.str.casefold().isin(known)].value_counts().items():
            seen[str(word)] = seen.get(str(word), 0) + int(count)
        present = _present(sample[column], missing)
        numbers = _numbers(present, decimal)
        if column not in figures or not _looks_numeric(present, numbers):
            continue
        if decimal is None and _is_unsure(present):
            unsure.append(f"{_plain(str(column))} ({_plain(present[present.map(tells_decimal) == ''].iloc[0])})")
        words = present[numbers.isna() & ~present.str.contains(r"\d")]  # what holds a digit is no word for nothing
        for word, count in words.value_counts().head(5).items():
            odd[str(word)] = odd.get(str(word), 0) + int(count)
    lines = [
        f"    {key}: {_quote(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for key, value in reading.items()
    ]
    if unsure:
        lines.append(
            f'    # decimal: write "." or ",": thousands or decimals, only you know, in {", ".join(unsure[:3])}'
        )
    if seen:
        message = ", ".join(f"{_plain(word) or 'blank'} ({count}x)" for word, count in seen.items())
        lines.append(f"    # read as no value: {message}")
    if odd:
        message = ", ".join(f"{_plain(word)} ({count}x)" for word, count in odd.items())
        lines.append(f'    # between numbers stand: {message}; kept in this list they mean "no value"')
        lines.append(f"    missing: [{', '.join(_quote(word) for word in [*missing, *odd])}]")
    return (
        ["  read:", *lines]
        if any(not line.lstrip().startswith("#") for line in lines)
        else [line[2:] for line in lines]
    )


def _present(column: pd.Series, missing: Sequence[str]) -> pd.Series:
    text = column.dropna().astype("string").str.strip()
    return text[~text.str.casefold().isin({"", *(word.casefold() for word in missing)})]


def _numbers(values: pd.Series, decimal: str | None) -> pd.Series:
    """Numbers of a column of texts, NaN where they are none; with the decimal mark of the column as a whole."""
    plain = values.str.fullmatch(NUMBER["."]).fillna(False).astype(bool)
    others = values[~plain].drop_duplicates()
    marks = [tells_decimal(cell) for cell in others.head(MOST_LOOKED_AT)]
    mark = decimal or (
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


def _is_unsure(values: pd.Series) -> bool:
    """Whether every number with a mark may be a thousand or a decimal."""
    marks = set(values.drop_duplicates().head(MOST_LOOKED_AT).map(tells_decimal).dropna())
    return marks == {""}


def _looks_numeric(values: pd.Series, numbers: pd.Series) -> bool:
    """Numbers with few exceptions; a handful of values such as 1, 2, 3+ are categories."""
    share = float(numbers.notna().mean()) if len(values) else 0.0
    return share == 1 or (share > 0.9 and values.nunique() > FEW_VALUES)


def _counts_rows(header: str, numbers: pd.Series) -> bool:
    """Whether a column of whole numbers, one in every row, is called like an id or a counter, or not at all."""
    whole = bool((numbers == numbers.round()).all())
    return whole and (_id_like(header) or NAMELESS.fullmatch(header.casefold()) is not None)


def _may_be_customer(header: str, values: pd.Series) -> bool:
    few = values.nunique() < FEWEST_CUSTOMERS and len(values) > 5 * FEWEST_CUSTOMERS
    return not few and re.search(ABOUT_CUSTOMERS, _snake(header)) is None


def _id_like(header: str) -> bool:
    joined = tuple(
        f"{word}{end}" for word in (*CUSTOMER, *ORDER, *PRODUCT, *STORE) for end in ("id", "num", "nr", "no")
    )
    ends = r"(^|_)(id|code|no|nr|num|number|nummer|numero|numéro|upc|key|kdnr|recnum|rownum|rowid|recno)$|nummer$"
    return re.search(ends, _snake(header)) is not None or normal_header(header).endswith(joined)


def _identity(sample: pd.DataFrame, roles: Roles, missing: Sequence[str]) -> str | None:
    """Find the column that tells customers apart: named like an id, and with (nearly) one value per row."""
    named = [str(name) for name in sample.columns if str(name) == roles.customer or _id_like(str(name))]
    named.sort(key=lambda name: name != roles.customer)
    return next((name for name in named if _present(sample[name], missing).nunique() >= 0.9 * len(sample)), None)


def _key(header: str, taken: set[str]) -> str:
    key = _snake(header)[:LONGEST_KEY] or "column"
    if key[0].isdigit() or not isinstance(yaml.safe_load(key), str):  # `null`, `yes`: YAML has values of these names
        key = f"c_{key}"
    unique, number = key, 2
    while unique in (*taken, CUSTOMER_ID):
        unique, number = f"{key}_{number}", number + 1
    taken.add(unique)
    return unique


def _snake(header: str) -> str:
    return re.sub(r"[\W_]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", header).lower()).strip("_")


def _quote(text: str) -> str:
    """Write a YAML string: JSON's double quotes are YAML's, which wants more signs to be named by number."""
    return re.sub(
        r"[^ -~\u00a0-\u2027\u2030-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]",
        lambda found: f"\\u{ord(found[0]):04x}",
        json.dumps(text, ensure_ascii=False),
    )


def _comment(text: str) -> str:
    """A sentence that is safe in a comment, whole."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _plain(text: str) -> str:
    """A cell or a name that is safe in a comment: one line; what is cut says so."""
    line = _comment(str(text))
    return f"{line[:LONGEST_CELL]}…" if len(line) > LONGEST_CELL else line


def describe_file(path: Path) -> str:
    """Draft the source YAML of a raw file: a customers table or a transaction log.

    Parameters
    ----------
    path : Path
        CSV, parquet or xlsx; with ``*`` in its name, several that are read as one. At most 100,000 rows are looked at, spread over the file; the last purchase, and whether days or months
        come first, are looked up in all of it.

    Returns
    -------
    str
        Commented YAML that loads as a :class:`~segments.config.source.Source`.

    Raises
    ------
    DataError
        As :func:`segments.data.reading.files.open_customers`.
    """
    paths = sorted(path.parent.glob(path.name)) if "*" in path.name and not path.exists() else [path]
    if not paths:
        raise DataError(f"no file is called like {path.name}", where=str(path.parent.absolute()), fix="check the path")
    kind, first = kind_of(paths[0]), paths[0]
    reading, notes = _sheets(first) if kind == "xlsx" else ({}, [])
    if kind == "csv":
        reading = _written(first)
    reader = Reader(**reading)  # type: ignore[arg-type]
    with workspace(path) as (connection, folder):
        lines, decimal, more = relation(connection, paths, reader, folder, "raw_lines")
        rows = int(lines.aggregate("count(*)").fetchall()[0][0])
        step = -(-rows // SAMPLE_ROWS)  # every step-th row: a log sorted by time is seen from its first day to its last
        picked = lines.project('row_number() OVER () AS "segments row", *').filter(
            f'"segments row" % {step} = 0 OR {step} = 1'
        )
        sample = as_text(picked.project(", ".join(quoted(name) for name in lines.columns)))
        roles = guess_roles(sample, reader.missing, decimal)
        questions = _questions(lines, roles, roles.customer or _identity(sample, roles, reader.missing), reader)
        if roles.time is not None:
            roles, days = _dated(lines, roles, reader)
        else:
            days = []
    inside = path.resolve().is_relative_to(Path.cwd().resolve())
    shown = path.resolve().relative_to(Path.cwd().resolve()) if inside else path
    return describe(
        sample,
        str(shown),
        roles=roles,
        rows=rows,
        missing=reader.missing,
        reading=reading,
        days=days,
        notes=[*notes, *more],
        questions=questions,
    )


def _written(path: Path) -> dict[str, object]:
    """How a CSV is written, as its dialect was found."""
    dialect = dialect_of(path, first_bytes(path), Reader())
    found: dict[str, object] = {"separator": dialect.separator, "encoding": dialect.encoding}
    if dialect.widths:
        found = {"widths": dialect.widths, "encoding": dialect.encoding}
    if dialect.decimal is not None:
        found["decimal"] = dialect.decimal
    if dialect.columns.above:
        found["skip"] = dialect.columns.above
    if not dialect.columns.inside:
        found["names"] = dialect.header
    return found


def _sheets(path: Path) -> tuple[dict[str, object], list[str]]:
    """Which sheets are read: all, where all have the same columns."""
    from segments.data.reading.workbook import EVERY_SHEET, sheets, sheets_of

    names = sheets_of(path)
    if len(names) == 1:
        return {}, []
    headers, rows = [], []
    for name in names:
        try:
            ((_, table, _),) = sheets(path, Reader(sheet=name))
        except DataError:  # an empty sheet
            table = pa.table({})
        headers.append({normal_header(one) for one in table.column_names})
        rows.append(table.num_rows)
    listed = ", ".join(map(_plain, names))
    if all(header == headers[0] for header in headers):
        return {"sheet": EVERY_SHEET}, [
            f"the workbook has {len(names)} sheets ({listed}) of the same columns: they are read as one table (read.sheet)"
        ]
    longest = names[rows.index(max(rows))]
    return {"sheet": longest}, [
        f"the workbook has {len(names)} sheets ({listed}) of different columns: only {_plain(longest)}, the longest, is read (read.sheet)"
    ]


def _questions(lines: duckdb.DuckDBPyRelation, roles: Roles, identity: str | None, reader: Reader) -> list[str]:
    """Keys of the source that the file cannot answer."""
    kinds = dict(zip(lines.columns, map(str, lines.types), strict=True))
    asked = []
    if identity is not None:
        try:
            customer_ids(lines, identity, text_sql(identity, kinds[identity], reader), "auto", "", [])
        except DataError as error:
            asked.append(f"id_type: write text or integer: {error.what}")
    if roles.is_log and roles.time is not None:
        kind, time = kinds[roles.time], roles.time
        try:
            zoned = instants(lines, time, kind, text_sql(time, kind, reader), roles.time_format, None, "")
        except DataError as error:
            zoned = [error.what]
        asked += [
            f"time_zone: write where the business is, such as Europe/Berlin: {one.partition(': write')[0]}"
            for one in zoned
        ]
    return asked


def _dated(lines: duckdb.DuckDBPyRelation, roles: Roles, reader: Reader) -> tuple[Roles, list[tuple[date, int]]]:
    """Day before month or after it, told by all rows; and the days of the log."""
    assert roles.time is not None
    time, layout = roles.time, roles.time_format
    kind = str(lines.types[lines.columns.index(time)])
    if kind == "VARCHAR" and layout is not None and layout.startswith(("%d", "%m")) and "%m" in layout:
        both, cell = [layout, swapped(layout)], text_sql(time, kind, reader)
        counts = ", ".join(f"count({time_sql(time, kind, cell, one)})" for one in both)
        own, other = lines.aggregate(counts).fetchall()[0]
        best, worse = both if own >= other else both[::-1]
        roles = replace(roles, time_format=best, other_time_format=worse if own == other else None)
    layouts = {roles.time_format, roles.other_time_format or roles.time_format}
    found = [days for one in layouts if (days := purchase_days(lines, time, one, reader))]
    return roles, max(found, key=lambda days: days[-1][0], default=[])
