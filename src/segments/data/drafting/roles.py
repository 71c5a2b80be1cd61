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
    MAYBE_PRODUCT,
    NAMELESS,
    NO_PURCHASE,
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
FEWEST_PRODUCTS = 4  # fewer are rather kinds of a line
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
    columns = _Columns(sample)
    cells, free = columns.cells, columns.free
    doubts: dict[str, str] = {}
    customer = _customer(columns, doubts)
    time = _time(columns, customer)
    order = _order(columns, customer, time, doubts)
    if customer is None and order is not None and time is not None:
        customer = columns.claim(_who_orders(columns, order))
        if customer is not None:
            doubts["customer"] = " # CHECK: is this who bought? Every order has one, and they come again"
    product = columns.take(
        PRODUCT,
        [name for name in free if id_like(name) or "sku" in normal_header(name) or normal_header(name) in PRODUCT],
    )
    store = columns.take(STORE, [name for name in free if id_like(name)])
    lines = (name for name in free if name in columns.numbers and re.search(LINE_NUMBER, words_of(name)))
    line = next((name for name in lines if not columns.is_measure(name)), None)
    money = _money(columns, sample, [name for name in (customer, time) if name], order, line)
    if product is None and customer is not None and time is not None:
        taken = {line, *money.paid, *money.others, *money.discounts, *money.coupons, money.discount_rate}
        maybe = [name for name in free if name not in taken and re.fullmatch(MAYBE_PRODUCT, words_of(name))]
        bought = [name for name in maybe if _is_bought(columns, name, customer, time, order)]
        product = max(bought, key=lambda name: cells[name].nunique(), default=None)
        if product is not None:
            doubts["product"] = " # CHECK: is this what was bought? It differs within orders, and comes again in others"
    if order is not None and customer is not None and not cells[customer].duplicated().any():
        other = next((name for name in columns.who if name in free and _comes_again(name, customer, cells)), None)
        if other is not None:
            doubts["customer"] = (
                f" # CHECK: {quote(customer)} has another value in every line, and this one comes again"
            )
            customer = other
    copies = sample.cells.duplicated()  # a row that stands there twice makes nobody a customer who came again
    once = sample.cells.index[~copies] if copies.mean() < TWICE else sample.cells.index
    repeats = customer is not None and bool(cells[customer][cells[customer].index.isin(once)].duplicated().any())
    # one order each makes a log, too; the last order of everybody, a customers table
    orders = order is not None and id_like(order) and not re.search(LAST, f"{words_of(order)} {words_of(time or '')}")
    _look_again(cells, customer, time, order, repeats, orders, doubts)
    formats = columns.times.get(time, []) if time is not None else []
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


class _Columns:
    """What is known of each column before it plays a part, and which play none yet."""

    def __init__(self, sample: Sample):
        self.cells = {name: sample.present(name) for name in sample.headers}
        self.read = {name: sample.numbers(name) for name in sample.headers}
        self.numbers = {name for name, column in self.read.items() if column.notna().mean() > 0.9}
        self.nameless = all(NAMELESS.fullmatch(name.casefold()) for name in self.cells)
        self.free = [name for name, column in self.cells.items() if len(column)]
        # a length of time says neither when nor how much was paid
        self.lengths = set(sample.units)
        self.times = {name: [] if name in self.lengths else time_formats(self.cells[name]) for name in self.free}
        self.who = [
            name
            for name in self.free
            if not _is_measure(name, self.read, self.times) and _may_be_customer(name, self.cells[name])
        ]

    def is_measure(self, name: str) -> bool:
        return _is_measure(name, self.read)

    def take(self, words: Sequence[str], names: Sequence[str]) -> str | None:
        """The first that goes by one of these words, the most telling word first; it is free no more."""
        called = {name: normal_header(name) for name in names}
        by_words = (
            name
            for word in words
            for name in sorted(names, key=lambda name: called[name] != word)
            if word in called[name]
        )
        return self.claim(next(by_words, None))

    def claim(self, name: str | None) -> str | None:
        """Take a column for a part."""
        if name is not None:
            self.free.remove(name)
        return name


def _customer(columns: _Columns, doubts: dict[str, str]) -> str | None:
    """Who bought, by what the columns are called, by addresses, or as the only id that comes again."""
    cells, who = columns.cells, columns.who
    ids = [name for name in who if id_like(name)]
    if (found := columns.take(CUSTOMER, ids) or columns.take(CUSTOMER, who) or columns.take(PERSON, ids)) is not None:
        return found
    # an address that comes again tells people apart, whatever its column is called
    mail = [name for name in who if cells[name].str.contains(".@.").mean() > 0.9]
    found = next((name for name in mail if cells[name].duplicated().any()), None)
    ids = [name for name in ids if not _is_called(name, (*ORDER, *PRODUCT, *STORE)) and normal_header(name) != "check"]
    others = [name for name in ids if _comes_back(cells[name])]
    if found is None and len(others) == 1 and any(columns.times.values()):
        found = others[0]
        doubts["customer"] = " # CHECK: is this who bought? It is the only id that comes again"
    if found is None and columns.nameless:
        found = next((name for name in who if not columns.times[name] and cells[name].duplicated().any()), None)
    return columns.claim(found)


def _time(columns: _Columns, customer: str | None) -> str | None:
    """When it was bought."""
    cells = columns.cells
    timely = [name for name in columns.free if columns.times[name] and not re.search(BIRTH, words_of(name))]
    for some in _by_telling(timely, cells, customer):
        if (found := columns.take(TIME, some)) is not None:
            return found
        for name in some:
            if columns.nameless or name not in columns.numbers or cells[name].str.fullmatch(YEAR_FIRST).all():
                return columns.claim(name)
    return None


def _order(columns: _Columns, customer: str | None, time: str | None, doubts: dict[str, str]) -> str | None:
    """Which order a line is of, by what the columns are called, or by how they part the lines of a customer."""
    cells, free, times = columns.cells, columns.free, columns.times
    # ten digits are a number of something, or seconds since 1970
    ids = [name for name in free if not times[name] or (name in columns.numbers and not _is_timely(name))]
    ids = [name for name in ids if not re.search(ABOUT_ORDERS, words_of(name)) and not columns.is_measure(name)]
    ids = [
        name
        for name in ids
        if not re.search(LINE_NUMBER, words_of(name)) and not re.search(QUANTITY, normal_header(name))
    ]
    if customer is not None:  # everybody has one of their own
        ids = [name for name in ids if cells[name].nunique() >= cells[customer].nunique()]
    found = columns.take(ORDER, [name for name in ids if id_like(name)]) or columns.take(ORDER, ids)
    if found is not None or customer is None or not cells[customer].duplicated().any():
        return found
    found = next((name for name in free if not times[name] and _tells_orders(name, cells, customer)), None)
    if found is None and time is not None:
        names = (name for name in free if not _is_measure(name, columns.read, times))
        parting = (
            name for name in sorted(names, key=id_like, reverse=True) if _parts_days(cells, name, customer, time)
        )
        if (found := next(parting, None)) is not None:
            doubts["order"] = " # CHECK: is this the order? Each is of one customer and one day"
    return columns.claim(found)


def _money(columns: _Columns, sample: Sample, of_all: Sequence[str], order: str | None, line: str | None) -> MoneyRoles:
    """What the columns of numbers say of money; of those that nobody named, quantity before money, as most tills write it."""
    figures = {
        name: columns.read[name]
        for name in columns.free
        if name in columns.numbers and name not in {line, *columns.lengths}
        if not id_like(name) and not columns.times[name]
    }
    if columns.nameless and figures:
        return MoneyRoles(amount=list(figures)[-1])
    of_orders = set() if order is None else repeated_in_orders(sample, order, of_all, figures)
    return money_roles({name: values.dropna() for name, values in figures.items()}, of_orders)


def _look_again(
    cells: Mapping[str, pd.Series],
    customer: str | None,
    time: str | None,
    order: str | None,
    repeats: bool,
    orders: bool,
    doubts: dict[str, str],
) -> None:
    """Add what a person should look at of the columns that were found."""
    if time is not None and re.search(LATER, words_of(time)):
        doubts["time"] = " # CHECK: is this when it was bought? No other column of times was found"
    if customer is None:
        return
    own, said = cells[customer], [doubts[key] for key in ("customer",) if key in doubts]
    different = own.nunique()
    if (lines := len(own) / max(1, different)) > LINES_OF_ONE:
        said.append(f" # {different} customers with {lines:,.0f} lines each: is that not a shop or a group?")
    if twice := different - own.str.casefold().nunique():
        said.append(
            f" # CHECK: {twice:,} differ from another in capitals only: as drafted, they are customers of their own"
        )
    if repeats and different > (1 - TWICE) * len(own):
        said.append(
            " # CHECK: nearly everybody stands in one line: is a line a purchase, or is it a customer, and some stand there twice?"
        )
    if not repeats and orders:
        said = [" # CHECK: everybody stands in one line: is each a purchase?"]
    if said:
        doubts["customer"] = "".join(said)
    if order is not None and time is not None:
        begun = pd.DataFrame({"customer": own, "order": cells[order], "day": cells[time].str.split("[ T]").str[0]})
        days = begun.dropna().groupby(["customer", "order"])["day"].nunique()
        if len(days) and (days > 1).mean() > SEVERAL_DAYS:
            doubts["order"] = (
                f" # CHECK: {(days > 1).mean():.0%} stand on several days: do the numbers begin again? Without it, a purchase day counts as one order"
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


def _is_bought(columns: _Columns, header: str, customer: str, time: str, order: str | None) -> bool:
    """Whether a column seems to say what was bought: in nearly every line, several in a basket, and each in those of several customers."""
    cells = columns.cells[header]
    words = cells.nunique() <= FEW_VALUES and cells.str.contains(NO_PURCHASE, case=False).any()  # kinds of lines
    if cells.nunique() < FEWEST_PRODUCTS or words or _is_measure(header, columns.read, columns.times):
        return False
    who = columns.cells[customer]
    day = columns.cells[time].str.split("[ T]").str[0]
    basket = who.str.cat(day, sep=" ") if order is None else columns.cells[order]
    lines = pd.DataFrame({"what": cells, "who": who, "basket": basket}).dropna()
    if len(lines) < 0.9 * min(len(who), len(basket)):
        return False
    several = lines[lines["basket"].duplicated(keep=False)].groupby("basket")["what"].nunique()
    if len(several) < FEWEST_ORDERS:  # an order has one line: then of those who came again
        several = lines[lines["who"].duplicated(keep=False)].groupby("who")["what"].nunique()
    of_several = lines.groupby("what")["who"].transform("nunique") > 1
    return bool(len(several) and (several > 1).mean() > 0.5 and of_several.mean() > 0.5)  # most


def _who_orders(columns: _Columns, order: str) -> str | None:
    """Of the columns that are the same on all lines of an order and come again in others, the one that tells most apart."""
    cells, found = columns.cells, {}
    for name in columns.who:
        if name not in columns.free or _is_called(name, (*PRODUCT, *STORE)):
            continue
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
