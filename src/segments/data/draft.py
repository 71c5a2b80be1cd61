"""Drafts the source config of an unknown table. Comes in: a sample of its cells. Goes out: YAML for ``conf/source/``.

The draft is a guess by names and contents: it is valid as it stands, and every guess a person should check says so
beside it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path, PurePath, PurePosixPath

import pandas as pd
import yaml

from segments.config.source import Policy, Reader
from segments.data.money_roles import MoneyRoles, money_roles
from segments.data.reading.cells import ISO_TIME, NUMBER
from segments.data.reading.dialect import dialect_of
from segments.data.reading.files import as_text, relation, workspace
from segments.data.reading.kinds import first_bytes, kind_of
from segments.data.rows import normal_header, quoted
from segments.data.transactions import main_days, purchase_days
from segments.errors import DataError

DAYS = ("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y")
TIME_FORMATS = ("%Y%m%d", *(day + clock for clock in ("", " %H:%M", " %H:%M:%S") for day in DAYS))
SAMPLE_ROWS = 100_000
MOST_CATEGORIES = 50
FEW_VALUES = 12
LONGEST_KEY = 60
# What headers tend to be called, letters only, the most telling word first.
CUSTOMER = ("household", "customer", "client", "member", "shopper", "user", "account", "kunde", "cliente")
ABOUT_CUSTOMERS = (
    r"(type|segment|group|class|category|status|gender|sex|age|since|city|country|region|state)$"  # not who they are
)
ORDER = (
    *("basket", "order", "invoice", "receipt", "ticket", "transaction", "bill"),
    *("beleg", "bestell", "rechnung", "bon", "commande", "facture", "pedido", "factura"),
)
TIME = ("timestamp", "datetime", "date", "time", "day", "datum", "fecha", "zeit")
PRODUCT = ("product", "sku", "stockcode", "article", "item", "artikel", "produkt", "produit")
STORE = ("store", "shop", "branch", "outlet", "filiale")
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
        A second format that fits as well (day and month swapped).
    money : MoneyRoles
        What says what was paid.
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
    is_log: bool = False


def guess_roles(sample: pd.DataFrame, missing: Sequence[str] = (), decimal: str = ".") -> Roles:
    """Guess which column is the customer, the time, the money and so on.

    Parameters
    ----------
    sample : DataFrame
        Text cells.
    missing : sequence of str
        Texts that mean "no value".
    decimal : {".", ","}
        Decimal mark of the cells.

    Examples
    --------
    >>> log = {"client": ["a", "a"], "date": ["2024-01-01", "2024-02-01"], "total": ["5", "7.5"]}
    >>> roles = guess_roles(pd.DataFrame(log, dtype="string"))
    >>> roles.is_log, roles.customer, roles.time, roles.money.amount
    (True, 'client', 'date', 'total')
    """
    cells = {str(name): _present(sample[name], missing) for name in sample.columns}
    numbers = {name for name, column in cells.items() if _number_share(column, decimal) > 0.9}
    free = [name for name, column in cells.items() if len(column)]

    def take(words: Sequence[str], names: Sequence[str]) -> str | None:
        found = next((name for word in words for name in names if word in normal_header(name)), None)
        if found is not None:
            free.remove(found)
        return found

    times = {name: _time_formats(cells[name]) for name in free}
    time = take(TIME, [name for name in free if times[name]])
    if time is None:
        time = next((name for name in free if times[name] and name not in numbers), None)
        if time is not None:
            free.remove(time)
    who = [name for name in free if not re.search(ABOUT_CUSTOMERS, _snake(name))]
    customer = take(CUSTOMER, sorted(who, key=lambda name: not _id_like(name)))
    order = take(ORDER, sorted((name for name in free if not times[name]), key=lambda name: not _id_like(name)))
    product = take(PRODUCT, [name for name in free if _id_like(name) or "sku" in normal_header(name)])
    store = take(STORE, [name for name in free if _id_like(name)])
    line = next((name for name in free if name in numbers and re.search(LINE_NUMBER, _snake(name))), None)
    figures = {
        name: pd.to_numeric(_dots(cells[name], decimal), errors="coerce")
        for name in free
        if name in numbers and name != line and not _id_like(name)
    }
    money = money_roles({name: values.dropna().astype("float64") for name, values in figures.items()})
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
        other_time_format=formats[1] if len(formats) > 1 else None,
        money=money,
        is_log=bool(repeats and time is not None and (money.knows_money or money.questions)),
    )


def describe(
    sample: pd.DataFrame,
    path: str,
    *,
    roles: Roles,
    rows: int,
    missing: Sequence[str],
    reading: Mapping[str, str] | None = None,
    days: Sequence[tuple[date, int]] = (),
    notes: Sequence[str] = (),
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
        ``separator``, ``encoding`` and ``decimal`` of a CSV.
    days : sequence of (date, int)
        Days of the whole log, and their lines, in order.
    notes : sequence of str
        What a person should know about how the file was read.

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
    name = re.sub(r"\W+", "_", PurePath(path).stem.lower()).strip("_") or "mine"
    decimal = (reading or {}).get("decimal", ".")
    lines = [
        f"# Drafted from {_plain(path)} ({rows:,} rows).",
        f"# Read every line, mend what is wrong, and save it as conf/source/{name}.yaml.",
    ]
    inside = PurePath(path).parts[:1] == ("data",) and ".." not in PurePath(path).parts
    raw = (
        path if inside else str(PurePosixPath("data", name, re.sub(r"[^\w. -]+", "_", PurePath(path).name).lstrip(".")))
    )
    origin = "" if inside else f" from={_plain(path)}"
    lines.append(f"# Then `segments fetch source={name}{origin}` puts it in its place and pins it.")
    if len(sample) < rows:
        lines.append(f"# Looked at {len(sample):,} of {rows:,} rows, spread over the file.")
    lines += [f"# Note: {_plain(note)}" for note in notes]
    lines += [f"name: {_quote(name)}", f"description: {_quote(f'{PurePath(path).name}: {rows:,} rows')}"]
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
            lines.append(f"  {key}: {_quote(header)}")
        if key == "price" and money.quantity is not None:
            lines[-1] += " # the money of a line is quantity x price"
        if key == "discount_rate" and header is not None:
            lines.append(
                f"  discount_unit: {money.discount_unit} # a fifth is {'0.2' if money.discount_unit == 'share' else '20'}"
            )
        if key == "order" and header is None:
            lines.append("  # order: no order or basket id found; a purchase day counts as one order")
    if roles.time_format is not None:
        doubt = f" # {roles.other_time_format} fits as well: check day and month" if roles.other_time_format else ""
        lines.append(f"  time_format: {_quote(roles.time_format)}{doubt}")
    for key, headers in (("discounts", money.discounts), ("coupons", money.coupons)):
        if headers:
            lines.append(f"  {key}: [{', '.join(map(_quote, headers))}]")
    return lines + read + remarks


def _below_zero(sample: pd.DataFrame, roles: Roles, missing: Sequence[str], decimal: str) -> dict[str, float]:
    """Which of the columns that money is made of go below zero, and on which share of the lines."""
    paid = [header for header in (roles.money.amount, roles.money.quantity, roles.money.price) if header is not None]
    shares = {name: float(_dots(_present(sample[name], missing), decimal).str.startswith("-").mean()) for name in paid}
    return {name: share for name, share in shares.items() if share > 0}


def _of_lines(sample: pd.DataFrame, roles: Roles, missing: Sequence[str], decimal: str) -> list[str]:
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
        if nobody > Policy().max_bad_share:
            found.append("policy:")
            found.append(
                f"  max_bad_share: {min(nobody + 0.05, 0.95):.2f} # {nobody:.1%} of the lines name no customer ({_plain(roles.customer)}): "
                "they are left out and counted; is that as it should be?"
            )
    return found


def _customers(
    sample: pd.DataFrame, path: str, roles: Roles, missing: Sequence[str], decimal: str, read: list[str]
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
        if not len(values):
            columns.append(f"    # {key}: left out, {_plain(header)} has no values")
        elif _looks_numeric(values, decimal):
            numbers = pd.to_numeric(_dots(values, decimal), errors="coerce").dropna()
            low = ", minimum: 0" if (numbers >= 0).all() else ""
            columns.append(f"    {key}: {{raw: {_quote(header)}{low}}} # seen: {numbers.min():g} to {numbers.max():g}")
        elif _time_formats(values):
            columns.append(f"    # {key}: left out, {_plain(header)} holds dates")
        elif values.nunique() <= min(MOST_CATEGORIES, max(2, len(values) // 2)):
            seen = f"{values.nunique()} values, e.g. {_plain(values.iloc[0])}"
            columns.append(f"    {key}: {{kind: category, raw: {_quote(header)}}} # {seen}")
        else:
            columns.append(f"    # {key}: left out, {_plain(header)} has {values.nunique()} different texts")
    if not any(not line.lstrip().startswith("#") for line in columns):
        return [*lines, "  columns: {} # no usable column found", *columns, *read]
    return [*lines, "  columns: # numbers can be clustered on; categories describe the segments", *columns, *read]


def _reading(
    sample: pd.DataFrame, figures: Sequence[str], reading: Mapping[str, str], missing: Sequence[str], decimal: str
) -> list[str]:
    """Write the ``read`` block: dialect, and the texts that seem to mean "no value"; among ids none does."""
    known = {word.casefold() for word in missing}
    seen: dict[str, int] = {}
    odd: dict[str, int] = {}
    for column in sample.columns:
        text = sample[column].dropna().str.strip()
        for word, count in text[text.str.casefold().isin(known)].value_counts().items():
            seen[str(word)] = seen.get(str(word), 0) + int(count)
        present = _present(sample[column], missing)
        if column in figures and _looks_numeric(present, decimal):
            for word, count in present[~_dots(present, decimal).str.fullmatch(NUMBER)].value_counts().head(5).items():
                odd[str(word)] = odd.get(str(word), 0) + int(count)
    lines = [f"    {key}: {_quote(value)}" for key, value in reading.items()]
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


def _dots(values: pd.Series, decimal: str) -> pd.Series:
    return values.str.replace(",", ".", regex=False) if decimal == "," else values


def _number_share(values: pd.Series, decimal: str) -> float:
    return float(_dots(values, decimal).str.fullmatch(NUMBER).mean()) if len(values) else 0.0


def _looks_numeric(values: pd.Series, decimal: str) -> bool:
    """Numbers with few exceptions; a handful of values such as 1, 2, 3+ are categories."""
    share = _number_share(values, decimal)
    return share == 1 or (share > 0.9 and values.nunique() > FEW_VALUES)


def _time_formats(values: pd.Series) -> list[str]:
    """List the formats under which nearly all values are times; the empty text stands for ISO."""
    head = values.iloc[:: max(1, len(values) // 500)]
    if not len(head):
        return []
    if head.str.fullmatch(ISO_TIME).mean() > 0.95:
        return [""]
    return [layout for layout in TIME_FORMATS if sum(_fits(text, layout) for text in head) > 0.95 * len(head)]


def _fits(text: str, layout: str) -> bool:
    try:
        return 1900 <= datetime.strptime(text, layout).year <= 2100 and (layout != "%Y%m%d" or len(text) == 8)
    except ValueError:
        return False


def _id_like(header: str) -> bool:
    joined = tuple(f"{word}id" for word in (*CUSTOMER, *ORDER, *PRODUCT, *STORE))
    return re.search(r"(^|_)(id|code|no|nr|number|upc|key)$", _snake(header)) is not None or normal_header(
        header
    ).endswith(joined)


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
    while unique in taken:
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
    """Text that is safe in a comment: one line."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in str(text)).split())[:60]


def describe_file(path: Path) -> str:
    """Draft the source YAML of a raw file: a customers table or a transaction log.

    Parameters
    ----------
    path : Path
        CSV, parquet or xlsx. At most 100,000 rows are looked at, spread over the file; the last purchase is looked
        up in all of it.

    Returns
    -------
    str
        Commented YAML that loads as a :class:`~segments.config.source.Source`.

    Raises
    ------
    DataError
        As :func:`segments.data.reading.files.read_customers`.
    """
    reader = Reader()
    with workspace(path) as (connection, folder):
        lines, decimal, notes = relation(connection, path, reader, folder, "raw_lines")
        rows = int(lines.aggregate("count(*)").fetchall()[0][0])
        if not rows:
            raise DataError(f"{path} has a header but no rows", where=str(path), fix="check the file")
        step = -(-rows // SAMPLE_ROWS)  # every step-th row: a log sorted by time is seen from its first day to its last
        picked = lines.project('row_number() OVER () AS "segments row", *').filter(
            f'"segments row" % {step} = 0 OR {step} = 1'
        )
        sample = as_text(picked.project(", ".join(quoted(name) for name in lines.columns)).df(), decimal)
        roles = guess_roles(sample, reader.missing, decimal)
        days = purchase_days(lines, roles.time, roles.time_format, reader) if roles.time is not None else []
    dialect = dialect_of(path, first_bytes(path), reader) if kind_of(path) == "csv" else None
    reading = {}
    if dialect is not None:
        reading = {"separator": dialect.separator, "encoding": dialect.encoding, "decimal": dialect.decimal}
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
        notes=notes,
    )
