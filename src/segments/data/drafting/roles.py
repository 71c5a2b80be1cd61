"""Which column of an unknown table plays which part. Comes in: a sample. Goes out: headers by their part, and whether it is a log."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from segments.config.source import EPOCHS
from segments.data.drafting.cells import FEW_VALUES, Sample
from segments.data.drafting.headers import (
    ABOUT_CUSTOMERS,
    ABOUT_ORDERS,
    ADDRESS,
    BIRTH,
    CODES,
    CUSTOMER,
    LATER,
    LINE_NUMBER,
    NAMELESS,
    OF_THE_HOUSE,
    ORDER,
    PERSON,
    PRODUCT,
    STORE,
    TIME,
    YEAR_FIRST,
    id_like,
    words_of,
)
from segments.data.drafting.money_roles import AMOUNT, DISCOUNT, PRICE, QUANTITY, MoneyRoles, money_roles
from segments.data.drafting.texts import quote
from segments.data.rows import normal_header
from segments.data.times import swapped, time_formats

FEWEST_CUSTOMERS = 4  # of a log of more than a few lines
FEWEST_ORDERS = 5  # of several lines, from which equal amounts are no accident
ID_CODE = r"[A-Za-z]{1,6}[-_ ]?\d+"
LAST = r"(^|[_ ])(last|first|letzte\w*|erste\w*|dernière?|première?)(_|$)"
SEVERAL_DAYS = 0.05  # of the orders of a customer: a basket that is open at midnight is rarer
SHORTEST_PHONE = 7  # letters of what tells somebody apart by where he can be reached; a zip code does not
SURELY = 20  # orders of several lines that agree by no accident
TWICE = 0.05  # of the rows are another's copy by accident, at most
LINES_OF_ONE = 2_000  # of a customer, on average, beyond which it is rather a shop


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
        Whether the table looks like purchases: a customer comes more than once, or with an order, and a time and money.
    repeats : bool
        Whether the customer has more than one line.
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
    repeats: bool = False


def guess_roles(sample: Sample) -> Roles:
    """Guess which column is the customer, the time, the money and so on.

    Parameters
    ----------
    sample : Sample
        Of the whole file.

    Examples
    --------
    >>> import pandas as pd
    >>> log = {"client": ["a", "a"], "date": ["2024-01-01", "2024-02-01"], "total": ["5", "7.5"]}
    >>> roles = guess_roles(Sample(pd.DataFrame(log, dtype="string")))
    >>> roles.is_log, roles.customer, roles.time, roles.money.amount
    (True, 'client', 'date', 'total')
    """
    cells = {name: sample.present(name) for name in sample.headers}
    read = {name: sample.numbers(name) for name in sample.headers}
    numbers = {name for name, column in read.items() if column.notna().mean() > 0.9}
    nameless = all(NAMELESS.fullmatch(name.casefold()) for name in cells)
    free = [name for name, column in cells.items() if len(column)]

    def take(words: Sequence[str], names: Sequence[str]) -> str | None:
        called = {name: normal_header(name) for name in names}
        found = next(
            (
                name
                for word in words
                for name in sorted(names, key=lambda name: called[name] != word)
                if word in called[name]
            ),
            None,
        )
        if found is not None:
            free.remove(found)
        return found

    times = {name: time_formats(cells[name]) for name in free}
    who = [name for name in free if not _is_measure(name, read, times) and _may_be_customer(name, cells[name])]
    ids = [name for name in who if id_like(name)]
    customer = take(CUSTOMER, ids) or take(CUSTOMER, who) or take(PERSON, ids)
    if customer is None:  # an address that comes again tells people apart, whatever its column is called
        mail = [name for name in who if name in free and cells[name].str.contains(".@.").mean() > 0.9]
        customer = next((name for name in mail if cells[name].duplicated().any()), None)
        free = [name for name in free if name != customer]
    doubts: dict[str, str] = {}
    others = [name for name in ids if _comes_back(cells[name]) and not _is_called(name, (*ORDER, *PRODUCT, *STORE))]
    if customer is None and len(others) == 1 and any(times.values()):
        customer = others[0]
        free.remove(customer)
        doubts["customer"] = " # CHECK: is this who bought? It is the only id that comes again"
    if customer is None and nameless:
        customer = next((name for name in who if not times[name] and cells[name].duplicated().any()), None)
        free = [name for name in free if name != customer]
    timely = [name for name in free if times[name] and not re.search(BIRTH, words_of(name))]
    time = None
    for some in _by_telling(timely, cells, customer):
        time = take(TIME, some)
        if time is None and (
            fitting := [
                name for name in some if nameless or name not in numbers or cells[name].str.fullmatch(YEAR_FIRST).all()
            ]
        ):
            time = fitting[0]
            free.remove(time)
        if time is not None:
            break
    # ten digits are a number of something, or seconds since 1970
    ids = [name for name in free if not times[name] or (name in numbers and not _is_timely(name))]
    ids = [name for name in ids if not re.search(ABOUT_ORDERS, words_of(name)) and not _is_measure(name, read)]
    ids = [
        name
        for name in ids
        if not re.search(LINE_NUMBER, words_of(name)) and not re.search(QUANTITY, normal_header(name))
    ]
    if customer is not None:  # everybody has one of their own
        ids = [name for name in ids if cells[name].nunique() >= cells[customer].nunique()]
    order = take(ORDER, [name for name in ids if id_like(name)]) or take(ORDER, ids)
    if order is None and customer is not None and cells[customer].duplicated().any():
        order = next((name for name in free if not times[name] and _tells_orders(name, cells, customer)), None)
        if order is None and time is not None:
            names = sorted((name for name in free if not _is_measure(name, read, times)), key=id_like, reverse=True)
            order = next((name for name in names if _parts_days(cells, name, customer, time)), None)
            doubts |= (
                {} if order is None else {"order": " # CHECK: is this the order? Each is of one customer and one day"}
            )
        free = [name for name in free if name != order]
    if customer is None and order is not None and time is not None:
        names = [name for name in who if name in free and not _is_called(name, (*PRODUCT, *STORE))]
        customer = _who_orders(cells, names, order)
        doubts |= (
            {}
            if customer is None
            else {"customer": " # CHECK: is this who bought? Every order has one, and they come again"}
        )
        free = [name for name in free if name != customer]
    product = take(
        PRODUCT,
        [name for name in free if id_like(name) or "sku" in normal_header(name) or normal_header(name) in PRODUCT],
    )
    store = take(STORE, [name for name in free if id_like(name)])
    line = next(
        (
            name
            for name in free
            if name in numbers and re.search(LINE_NUMBER, words_of(name)) and not _is_measure(name, read)
        ),
        None,
    )
    figures = {
        name: read[name] for name in free if name in numbers and name != line and not id_like(name) and not times[name]
    }
    of_orders = (
        set()
        if order is None
        else repeated_in_orders(sample, order, [name for name in (customer, time) if name], figures)
    )
    money = money_roles({name: values.dropna() for name, values in figures.items()}, of_orders)
    if nameless and figures:
        money = MoneyRoles(amount=list(figures)[-1])  # quantity before money, as most tills write it
    if order is not None and customer is not None and not cells[customer].duplicated().any():
        other = next((name for name in who if name in free and _comes_again(name, customer, cells)), None)
        if other is not None:
            doubts["customer"] = (
                f" # CHECK: {quote(customer)} has another value in every line, and this one comes again"
            )
            customer = other
    if customer is not None and (lines := len(cells[customer]) / max(1, cells[customer].nunique())) > LINES_OF_ONE:
        doubts["customer"] = (
            doubts.get("customer", "")
            + f" # {cells[customer].nunique()} customers with {lines:,.0f} lines each: is that not a shop or a group?"
        )
    copies = sample.cells.duplicated()  # a row that stands there twice makes nobody a customer who came again
    once = sample.cells.index[~copies] if copies.mean() < TWICE else sample.cells.index
    repeats = customer is not None and bool(cells[customer][cells[customer].index.isin(once)].duplicated().any())
    if customer is not None and (twice := cells[customer].nunique() - cells[customer].str.casefold().nunique()):
        doubts["customer"] = (
            doubts.get("customer", "")
            + f" # CHECK: {twice:,} differ from another in capitals only: as drafted, they are customers of their own"
        )
    if time is not None and re.search(LATER, words_of(time)):
        doubts["time"] = " # CHECK: is this when it was bought? No other column of times was found"
    if customer is not None and order is not None and time is not None:
        begun = pd.DataFrame(
            {"customer": cells[customer], "order": cells[order], "day": cells[time].str.split("[ T]").str[0]}
        )
        days = begun.dropna().groupby(["customer", "order"])["day"].nunique()
        if len(days) and (days > 1).mean() > SEVERAL_DAYS:
            doubts["order"] = (
                f" # CHECK: {(days > 1).mean():.0%} stand on several days: do the numbers begin again? Without it, a purchase day counts as one order"
            )
    if repeats and customer is not None and cells[customer].nunique() > (1 - TWICE) * len(cells[customer]):
        doubts["customer"] = (
            doubts.get("customer", "")
            + " # CHECK: nearly everybody stands in one line: is a line a purchase, or is it a customer, and some stand there twice?"
        )
    # one order each makes a log, too; the last order of everybody, a customers table
    orders = order is not None and id_like(order) and not re.search(LAST, f"{words_of(order)} {words_of(time or '')}")
    if customer is not None and not repeats and orders:
        doubts["customer"] = " # CHECK: everybody stands in one line: is each a purchase?"
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
        is_log=bool((repeats or orders) and customer and time and (money.knows_money or money.questions)),
        repeats=bool(
            repeats
            and customer is not None
            and (id_like(customer) or normal_header(customer) in CUSTOMER or time is not None or order is not None)
        ),
    )


def repeated_in_orders(sample: Sample, order: str, of_all: Sequence[str], figures: Mapping[str, pd.Series]) -> set[str]:
    """Columns of figures that are the same on every line of an order, though its lines differ: of the order, not of the line."""
    found = set()
    for name, values in figures.items():
        lines = pd.DataFrame({"order": sample.present(order), "figure": values}).dropna()
        several = lines[lines["order"].duplicated(keep=False)]
        if (several.groupby("order")["figure"].nunique() == 1).mean() < 0.5:
            continue  # the look below takes longer
        own = [header for header in sample.headers if header not in {order, name, *of_all}]
        lines["what"] = pd.util.hash_pandas_object(sample.cells.loc[lines.index, own], index=False)
        orders = lines.groupby("order").agg(
            n=("figure", "size"), figures=("figure", "nunique"), what=("what", "nunique")
        )
        several = orders[(orders["n"] > 1) & (orders["what"] > 1)]
        if len(several) >= FEWEST_ORDERS and (several["figures"] == 1).mean() > 0.9:
            found.add(name)
    return found


def _by_telling(names: Sequence[str], cells: Mapping[str, pd.Series], customer: str | None) -> list[list[str]]:
    """Columns of times, those of the purchase first: then of what came after or before it, then what is the same in all lines of a customer."""
    ranks = dict.fromkeys(names, 0)
    for name in names:
        ranks[name] += bool(re.search(LATER, words_of(name)))
        if customer is not None and cells[customer].duplicated().any():
            pairs = pd.DataFrame({"customer": cells[customer], "time": cells[name]}).dropna()
            ranks[name] += 2 * bool((pairs.groupby("customer")["time"].nunique() == 1).all())
    return [[name for name in names if ranks[name] == rank] for rank in sorted(set(ranks.values()))]


def _is_measure(header: str, read: Mapping[str, pd.Series], times: Mapping[str, Sequence[str]] | None = None) -> bool:
    """Whether a column holds amounts with a fraction, or days: such tell nobody apart."""
    numbers = read[header].dropna()
    fraction = len(numbers) and len(numbers) >= 0.9 * len(read[header]) and bool((numbers % 1 != 0).any())
    fraction = fraction and not id_like(header)
    is_day = times is not None and times[header] and (times[header][0] not in EPOCHS or _is_timely(header))
    return bool(fraction or is_day)


def _tells_orders(header: str, cells: Mapping[str, pd.Series], customer: str) -> bool:
    """Whether a column that is only called an id, or holds numbers such as #1001, names the orders: in every line, and each of one customer."""
    if not len(cells[header]) or (normal_header(header) != "id" and not cells[header].str.fullmatch(r"#\d+").all()):
        return False
    pairs = pd.DataFrame({"order": cells[header], "customer": cells[customer]})
    whole = len(cells[header]) >= len(cells[customer])
    return whole and bool((pairs.dropna().groupby("order")["customer"].nunique() == 1).all())


def _parts_days(cells: Mapping[str, pd.Series], header: str, customer: str, time: str) -> bool:
    """Whether a column in every line parts what customers bought on a day, with several lines to a part: orders, whatever it is called."""
    if re.search(f"{QUANTITY}|{PRICE}|{DISCOUNT}|{'|'.join(AMOUNT)}", normal_header(header)):
        return False
    lines = pd.DataFrame({"part": cells[header], "who": cells[customer], "day": cells[time].str.split("[ T]").str[0]})
    parts = lines.groupby("part").agg(n=("who", "size"), who=("who", "nunique"), days=("day", "nunique"))
    several = int((parts["n"] > 1).sum())
    alone = ((parts["who"] <= 1) & (parts["days"] <= 1)).all()
    return bool(lines["part"].notna().all() and alone and several >= SURELY)


def _who_orders(cells: Mapping[str, pd.Series], names: Sequence[str], order: str) -> str | None:
    """Of the columns that are the same on all lines of an order and come again in others, the one that tells most apart."""
    found = {}
    for name in names:
        words, short = words_of(name), float(cells[name].str.len().median()) < SHORTEST_PHONE
        if re.search(CODES, words) or (short and re.search(ADDRESS, words)):
            continue
        lines = pd.DataFrame({"order": cells[order], "who": cells[name]}).dropna()
        orders = lines.groupby("order")["who"].agg(["size", "nunique"])
        different = lines["who"].nunique()
        if (
            (orders["nunique"] == 1).all()
            and (orders["size"] > 1).sum() >= SURELY
            and FEW_VALUES < different < len(orders)
        ):
            found[name] = different
    return max(found, key=lambda name: found[name], default=None)


def _comes_again(header: str, customer: str, cells: Mapping[str, pd.Series]) -> bool:
    """Whether a column is called as the customer is, and tells fewer apart."""
    word = next((word for word in CUSTOMER if word in normal_header(customer)), None)
    return (
        word is not None
        and word in normal_header(header)
        and id_like(header)
        and bool(cells[header].duplicated().any())
    )


def _is_of_line(header: str) -> bool:
    words = words_of(header)
    return re.search(LINE_NUMBER, words) is not None and not words.startswith("row")  # rows may be customers


def _is_timely(header: str) -> bool:
    return any(word in normal_header(header) for word in TIME)


def _comes_back(values: pd.Series) -> bool:
    """Whether there are many, and most of them more than once."""
    return bool(FEW_VALUES < values.nunique() <= len(values) / 2)


def _is_called(header: str, words: Sequence[str]) -> bool:
    return any(word in normal_header(header) for word in words)


def _may_be_customer(header: str, values: pd.Series) -> bool:
    few = values.nunique() < FEWEST_CUSTOMERS and len(values) > 5 * FEWEST_CUSTOMERS
    about_others = re.search(ABOUT_CUSTOMERS, words_of(header)) or re.search(OF_THE_HOUSE, words_of(header))
    return not few and about_others is None


def identity_of(sample: Sample, roles: Roles) -> str | None:
    """Find the column that tells customers apart: called like an id, or one of codes in front, and with (nearly) one value per row."""
    ids = [name for name in sample.headers if id_like(name) and not re.search(ADDRESS, words_of(name))]
    named = [name for name in sample.headers if name == roles.customer or (name in ids and not _is_of_line(name))]
    named.sort(key=lambda name: name != roles.customer)
    found = next((name for name in named if sample.present(name).nunique() >= 0.9 * len(sample.cells)), None)
    if found is not None or not sample.headers:
        return found
    first = sample.present(sample.headers[0])
    is_code = len(first) > 1 and bool(first.str.fullmatch(ID_CODE).all()) and first.nunique() == len(sample.cells)
    return sample.headers[0] if is_code else None
